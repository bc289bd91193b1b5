// Draws the held frame on the screen: exact where it is wanted as it is, warped where it is not.

import { sameSpan, type Fraction, type Px, type Rect, type Size, type Span } from "./geometry";
import { placeFrame, type ScreenLayout } from "./layout";
import type { FrameMessage } from "./protocol";
import type { Readout } from "./readout";
import { mapSpan, warpAxis, type AxisWarp } from "./warp";

/** A decoded frame. */
export interface HeldFrame {
  readonly message: FrameMessage;
  readonly readout: Readout;
  readonly bitmap: ImageBitmap;
}

/** What of a frame is shown, in fractions of its plot. */
export interface Shown {
  readonly x: Span<Fraction>;
  readonly y: Span<Fraction>;
}

const WHOLE: Span<Fraction> = [0, 1];

/** Width of a line on a screen of `ratio`, as the kernel draws it. */
function lineWidth(ratio: number): Px {
  return Math.max(1, Math.floor(ratio + 0.25));
}

export class ChartCanvas {
  readonly element: HTMLCanvasElement;
  #context: CanvasRenderingContext2D;
  #ratio = 1;

  constructor() {
    this.element = document.createElement("canvas");
    this.element.className = "kf-canvas";
    this.#context = this.element.getContext("2d", { alpha: false })!;
  }

  get size(): Size<Px> {
    return this.element;
  }

  get ratio(): number {
    return this.#ratio;
  }

  resize(size: Size<Px>, ratio: number): void {
    this.#ratio = ratio;
    this.element.width = size.width;
    this.element.height = size.height;
    this.element.style.width = `${size.width / ratio}px`;
    this.element.style.height = `${size.height / ratio}px`;
  }

  /** Paint `frame` so that `shown` fills the plot; gives the layout it was painted with. */
  draw(frame: HeldFrame, shown: Shown): ScreenLayout {
    const { rects, theme, window } = frame.message;
    const screen = placeFrame(frame.message, this.size, this.#ratio);
    const context = this.#context;
    context.fillStyle = theme.background;
    context.fillRect(0, 0, this.size.width, this.size.height);
    const bitmap = frame.bitmap;
    const upright = sameSpan(shown.y, WHOLE);
    this.#plot(frame, shown, screen, upright ? 0 : lineWidth(frame.message.ratio));
    if (rects.volume) this.#part(bitmap, rects.volume, shown.x, WHOLE, screen.volume);
    this.#part(bitmap, rects.price, WHOLE, shown.y, screen.price);
    this.#part(bitmap, rects.time, shown.x, WHOLE, screen.time);
    this.#corner(frame, screen);
    if (!upright || !sameSpan(shown.x, window)) this.#borders(screen, theme.border);
    return screen;
  }

  /** The plot, without the last `border` px, which part it from the pane below. */
  #plot(frame: HeldFrame, shown: Shown, screen: ScreenLayout, border: Px): void {
    const [left, top, width, height] = frame.message.rects.plot;
    const kept = height - border;
    const y = mapSpan<Fraction>(shown.y, (fraction) => (fraction * height) / kept);
    this.#part(frame.bitmap, [left, top, width, kept], shown.x, y, screen.plot);
  }

  /** The lines between panes and axes, where the held frame does not reach or had to be stretched. */
  #borders(screen: ScreenLayout, colour: string): void {
    const line = lineWidth(this.#ratio);
    this.#context.fillStyle = colour;
    for (const below of [screen.volume, screen.time]) {
      this.#context.fillRect(0, below[1] - line, screen.plot[2], line);
    }
    this.#context.fillRect(screen.price[0], 0, line, screen.price[3]);
  }

  #part(
    bitmap: ImageBitmap,
    source: Rect<Px>,
    x: Span<Fraction>,
    y: Span<Fraction>,
    target: Rect<Px>,
  ): void {
    const across = warpAxis([source[0], source[0] + source[2]], x, [
      target[0],
      target[0] + target[2],
    ]);
    const down = warpAxis([source[1], source[1] + source[3]], y, [
      target[1],
      target[1] + target[3],
    ]);
    if (across !== null && down !== null) this.#blit(bitmap, across, down);
  }

  #blit(bitmap: ImageBitmap, x: AxisWarp, y: AxisWarp): void {
    this.#context.imageSmoothingEnabled = !(x.exact && y.exact);
    this.#context.drawImage(
      bitmap,
      x.source[0],
      y.source[0],
      x.source[1] - x.source[0],
      y.source[1] - y.source[0],
      x.target[0],
      y.target[0],
      x.target[1] - x.target[0],
      y.target[1] - y.target[0],
    );
  }

  /** What the frame shows below the price axis. */
  #corner(frame: HeldFrame, screen: ScreenLayout): void {
    const { price } = frame.message.rects;
    const source: Rect<Px> = [
      price[0],
      price[1] + price[3],
      price[2],
      frame.message.height - price[1] - price[3],
    ];
    const top = screen.price[3];
    const target: Rect<Px> = [screen.price[0], top, screen.price[2], this.size.height - top];
    this.#part(frame.bitmap, source, WHOLE, WHOLE, target);
  }
}
