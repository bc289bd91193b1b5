// What a view shows: the held frame as it is wanted, the crosshair over it, and the legend.

import { autoscaledY } from "./autoscale";
import { ChartCanvas, type HeldFrame, type Shown } from "./canvas";
import { Crosshair, cursorAt } from "./crosshair";
import { inside, sameSpan, type Css, type Px, type Size } from "./geometry";
import type { Zone } from "./gestures";
import type { ScreenLayout } from "./layout";
import { Legend, lastVisible } from "./legend";
import type { Viewport } from "./viewport";
import { shownWindow } from "./warp";

const ZONES = ["plot", "volume", "price", "time"] as const;

export class Stage {
  readonly elements: readonly HTMLElement[];
  #canvas = new ChartCanvas();
  #crosshair = new Crosshair();
  #legend = new Legend();
  #frame: HeldFrame | null = null;
  #shown: Shown = { x: [0, 1], y: [0, 1] };
  #screen: ScreenLayout | null = null;

  constructor() {
    this.elements = [this.#canvas.element, this.#legend.element, this.#crosshair.element];
  }

  /** What of the held frame is shown. */
  get shown(): Shown {
    return this.#shown;
  }

  resize(size: Size<Css>, ratio: number): void {
    const px = (css: Css): Px => Math.round(css * ratio);
    this.#canvas.resize({ width: px(size.width), height: px(size.height) }, ratio);
  }

  /** Take another frame; what is on screen stays until the next `draw`. */
  hold(frame: HeldFrame): void {
    this.#frame?.bitmap.close();
    this.#frame = frame;
  }

  draw(viewport: Viewport): void {
    const frame = this.#frame;
    if (frame === null) return;
    const { autoscale, window } = frame.message;
    const x = shownWindow(viewport.x, window);
    const asDrawn = autoscale && sameSpan(x, window);
    const auto = asDrawn ? null : autoscaledY(frame.message, frame.readout, x);
    this.#shown = { x, y: viewport.y ?? auto ?? [0, 1] };
    this.#screen = this.#canvas.draw(frame, this.#shown);
  }

  /** Move the crosshair; null takes it away, and the legend tells of the last visible bar. */
  point(at: { x: Css; y: Css } | null): void {
    const [frame, screen] = [this.#frame, this.#screen];
    if (frame === null || screen === null) return;
    const { ratio } = this.#canvas;
    const cursor = at === null ? null : cursorAt(frame, this.#shown, screen, at, ratio);
    if (cursor === null) this.#crosshair.hide();
    else this.#crosshair.show(frame, screen, cursor, ratio);
    const row = cursor === null || cursor.row < 0 ? lastVisible(frame, this.#shown) : cursor.row;
    this.#legend.show(frame, row);
  }

  /** What is shown, in words. */
  describe(): string {
    const frame = this.#frame;
    return frame === null ? "" : this.#legend.describe(frame, lastVisible(frame, this.#shown));
  }

  zoneAt(x: Css, y: Css): Zone {
    const screen = this.#screen;
    if (screen === null) return "plot";
    const { ratio } = this.#canvas;
    return ZONES.find((zone) => inside(screen[zone], x * ratio, y * ratio)) ?? "corner";
  }

  plotSize(): Size<Css> {
    const { ratio } = this.#canvas;
    const [, , width, height] = this.#screen?.plot ?? [0, 0, ratio, ratio];
    return { width: width / ratio, height: height / ratio };
  }

  dispose(): void {
    this.#frame?.bitmap.close();
    this.#frame = null;
  }
}
