// The scrubber: a picture of the whole history, and the visible part of it as a handle.

import { element } from "./dom";
import { clamp, type Css, type HistoryFraction, type Px, type Size, type Span } from "./geometry";
import { all, listen, type Removal } from "./listen";

/** A narrower window still gets a handle this wide. */
const MIN_HANDLE_CSS = 18;
/** A grip leaves a window this wide, unless it was narrower: one pixel may be days. */
const MIN_WINDOW_CSS = 1;

type Part = "start" | "stop" | "middle";

export class Scrubber {
  readonly element: HTMLElement;
  readonly dispose: Removal;
  #canvas = element("canvas", "kf-overview");
  #before = element("div", "kf-shade");
  #after = element("div", "kf-shade");
  #handle: HTMLElement;
  #window: Span<HistoryFraction> = [0, 1];
  #width: Css = 1;
  #dragged: { part: Part; from: Css; window: Span<HistoryFraction> } | null = null;

  constructor(private readonly scrub: (window: Span<HistoryFraction>) => void) {
    this.#handle = element("div", "kf-handle", {}, [
      element("div", "kf-grip", { "data-part": "start" }),
      element("div", "kf-grip", { "data-part": "stop" }),
    ]);
    this.element = element("div", "kf-scrubber", { "aria-hidden": "true" }, [
      this.#canvas,
      this.#before,
      this.#after,
      this.#handle,
    ]);
    this.dispose = all([
      listen(this.element, "pointerdown", (event) => this.#down(event)),
      listen(this.element, "pointermove", (event) => this.#move(event)),
      listen(this.element, "pointerup", () => this.#up()),
      listen(this.element, "pointercancel", () => this.#up()),
    ]);
  }

  resize(width: Css): void {
    this.#width = Math.max(width, 1);
    this.show(this.#window);
  }

  drawOverview(bitmap: ImageBitmap, size: Size<Px>): void {
    this.#canvas.width = size.width;
    this.#canvas.height = size.height;
    this.#canvas.getContext("2d", { alpha: false })?.drawImage(bitmap, 0, 0);
  }

  show(window: Span<HistoryFraction>): void {
    this.#window = window;
    const [left, right] = this.#edges();
    this.#before.style.width = `${Math.max(left, 0)}px`;
    this.#after.style.left = `${right}px`;
    this.#handle.style.transform = `translateX(${left}px)`;
    this.#handle.style.width = `${Math.max(right - left, 0)}px`;
  }

  /** Where the handle's edges are drawn. */
  #edges(): Span<Css> {
    const start = clamp(this.#window[0], 0, 1) * this.#width;
    const stop = clamp(this.#window[1], 0, 1) * this.#width;
    const width = Math.min(Math.max(stop - start, MIN_HANDLE_CSS), this.#width);
    const left = clamp((start + stop - width) / 2, 0, this.#width - width);
    return [left, left + width];
  }

  #x(event: PointerEvent): Css {
    return event.clientX - this.element.getBoundingClientRect().left;
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0 || this.#dragged !== null) return;
    const x = this.#x(event);
    const [left, right] = this.#edges();
    const grip = (event.target as HTMLElement).dataset.part as Part | undefined;
    this.element.setPointerCapture(event.pointerId);
    if (grip === undefined && (x < left || x >= right)) {
      const half = (this.#window[1] - this.#window[0]) / 2;
      const middle = x / this.#width;
      this.#want([middle - half, middle + half]);
    }
    this.#dragged = { part: grip ?? "middle", from: x, window: this.#window };
    this.element.dataset.dragging = this.#dragged.part;
  }

  #move(event: PointerEvent): void {
    if (this.#dragged === null) return;
    const { part, from, window } = this.#dragged;
    const by = (this.#x(event) - from) / this.#width;
    const [start, stop] = window;
    const least = Math.min(MIN_WINDOW_CSS / this.#width, stop - start);
    if (part === "start") this.#want([Math.min(start + by, stop - least), stop]);
    else if (part === "stop") this.#want([start, Math.max(stop + by, start + least)]);
    else this.#want([start + by, stop + by]);
  }

  #up(): void {
    this.#dragged = null;
    delete this.element.dataset.dragging;
  }

  /** Ask for a window that stays inside the history, or no farther out of it than it was. */
  #want([start, stop]: Span<HistoryFraction>): void {
    const held = this.#dragged?.window ?? this.#window;
    const low = Math.min(held[0], 0);
    const high = Math.max(held[1], 1);
    const width = Math.min(stop - start, high - low);
    const left = clamp(start, low, high - width);
    const window: Span<HistoryFraction> =
      this.#dragged === null || this.#dragged.part === "middle"
        ? [left, left + width]
        : [Math.max(start, low), Math.min(stop, high)];
    this.show(window);
    this.scrub(window);
  }
}
