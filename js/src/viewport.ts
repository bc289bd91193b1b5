// The window a person wants to see, in fractions of the frame now held, and its carrying over to
// the next frame.

import { sameSpan, type Fraction, type HistoryFraction, type Span } from "./geometry";
import { fractionToPrice, priceToFraction } from "./pricescale";
import type { FrameMessage, PriceAxis } from "./protocol";
import { affine, mapSpan } from "./warp";

/** What of a frame the viewport must know. */
export type FrameGeometry = Pick<
  FrameMessage,
  "frame" | "epoch" | "seq" | "window" | "autoscale" | "price" | "scrub"
>;

interface Mark {
  readonly seq: number;
  readonly x: Span<Fraction>;
}

/**
 * `x` is the wanted window and `y` the wanted part of the height (null: autoscale). `marks` keep the
 * window as it stood when each input was sent: a frame says which input it covers and where that
 * input's window lies in it, which is the map from the old frame's fractions to the new frame's.
 */
export class Viewport {
  x: Span<Fraction> = [0, 1];
  y: Span<Fraction> | null = null;
  #marks: Mark[] = [];

  /** Remember the present window as the one that input `seq` asked for. */
  mark(seq: number): void {
    this.#marks = this.#marks.filter((mark) => mark.seq !== seq);
    this.#marks.push({ seq, x: this.x });
  }

  /**
   * Express the window in fractions of `next`, which takes the place of `previous`. With `pending`,
   * inputs newer than the frame stay applied, on top of what the frame shows.
   */
  rebase(previous: FrameGeometry | null, next: FrameGeometry, pending: boolean): void {
    const covered = this.#marks.findLast((mark) => mark.seq <= next.seq);
    const map = covered === undefined ? null : affine(covered.x, next.window);
    const later = this.#marks.filter((mark) => mark.seq > next.seq);
    this.#marks = [{ seq: next.seq, x: next.window }];
    if (map !== null && previous !== null) {
      for (const mark of later) this.#marks.push({ seq: mark.seq, x: mapSpan(mark.x, map) });
    }
    if (!pending || map === null || previous === null) {
      this.x = next.window;
      this.y = next.autoscale ? null : [0, 1];
      return;
    }
    this.x = sameSpan(this.x, covered!.x) ? next.window : mapSpan(this.x, map);
    if (this.y !== null) this.y = carriedPrices(this.y, previous.price, next.price);
  }
}

/** Heights of one frame as heights of another: the same prices. */
function carriedPrices(y: Span<Fraction>, previous: PriceAxis, next: PriceAxis): Span<Fraction> {
  const carried: Span<Fraction> = mapSpan(y, (f) =>
    priceToFraction(next, fractionToPrice(previous, f)),
  );
  return carried.every(Number.isFinite) && carried[1] > carried[0] ? carried : [0, 1];
}

/** Where a window of the frame lies in the whole history. */
export function windowToHistory(frame: FrameGeometry, x: Span<Fraction>): Span<HistoryFraction> {
  return mapSpan(x, affine(frame.window, frame.scrub));
}

/** The window of the frame that shows a part of the whole history. */
export function historyToWindow(
  frame: FrameGeometry,
  history: Span<HistoryFraction>,
): Span<Fraction> {
  if (frame.scrub[0] === frame.scrub[1]) return frame.window;
  return mapSpan(history, affine(frame.scrub, frame.window));
}
