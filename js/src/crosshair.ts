// The crosshair: lines through the pointer, snapped to the nearest bar on screen, with price and time.

import type { HeldFrame, Shown } from "./canvas";
import { element, setText } from "./dom";
import { barTime, formatPrice, stepped } from "./format";
import { inside, type Css, type Px, type Span } from "./geometry";
import type { ScreenLayout } from "./layout";
import { fractionToPrice } from "./pricescale";
import { barAt, centre, overlapping } from "./readout";

/** Width of a tag: its text at about this much a character, and its padding on either side. */
const CHARACTER_CSS = 6.4;
const TAG_PAD_CSS = 8;

export interface Cursor {
  /** Device px on the canvas, the middle of the bar where there is one. */
  readonly x: Px;
  readonly y: Px;
  /** Row of the readout; -1 where no bar is visible. */
  readonly row: number;
  /** Null below the price pane. */
  readonly price: number | null;
}

/** What lies under a point of the canvas; null outside the panes. */
export function cursorAt(
  frame: HeldFrame,
  shown: Shown,
  screen: ScreenLayout,
  at: { x: Css; y: Css },
  ratio: number,
): Cursor | null {
  const x: Px = at.x * ratio;
  const y: Px = at.y * ratio;
  const onPlot = inside(screen.plot, x, y);
  if (!onPlot && !inside(screen.volume, x, y)) return null;
  const { readout, message } = frame;
  const [left, , width] = message.rects.plot;
  const perPx = (shown.x[1] - shown.x[0]) / screen.plot[2];
  const picture: Px = left + (shown.x[0] + x * perPx) * width;
  const visible: Span<Px> = [left + shown.x[0] * width, left + shown.x[1] * width];
  const row = barAt(readout, picture, overlapping(readout, visible));
  const middle = row < 0 ? x : ((centre(readout, row) - left) / width - shown.x[0]) / perPx;
  // Where less than two steps are on screen the axis marks finer prices, and so does the pointer.
  const { step = 0, top, bottom } = message.price;
  const grid = step > 0.5 * (top - bottom) ? undefined : step;
  const fraction = shown.y[0] + (y / screen.plot[3]) * (shown.y[1] - shown.y[0]);
  return {
    x: middle,
    y,
    row,
    price: onPlot ? stepped(fractionToPrice(message.price, fraction), grid) : null,
  };
}

export class Crosshair {
  readonly element: HTMLElement;
  #vertical = element("div", "kf-cross-v");
  #horizontal = element("div", "kf-cross-h");
  #price = element("div", "kf-tag kf-tag-price");
  #time = element("div", "kf-tag kf-tag-time");

  constructor() {
    this.element = element("div", "kf-cross", { "aria-hidden": "true" }, [
      this.#vertical,
      this.#horizontal,
      this.#price,
      this.#time,
    ]);
    this.hide();
  }

  hide(): void {
    this.element.style.display = "none";
  }

  show(frame: HeldFrame, screen: ScreenLayout, cursor: Cursor, ratio: number): void {
    this.element.style.display = "";
    const css = (px: Px): Css => Math.round(px) / ratio;
    const width = css(screen.plot[2]);
    const bottom = css(screen.time[1]);
    // The middle of the line on the middle of the bar: browsers draw whole px of the screen.
    const x = css(cursor.x - Math.max(1, Math.floor(ratio)) / 2);
    const y = css(Math.floor(cursor.y));
    this.#vertical.style.transform = `translateX(${x}px)`;
    this.#vertical.style.height = `${bottom}px`;
    const onPlot = cursor.x >= 0 && cursor.x <= screen.plot[2];
    this.#vertical.style.visibility = onPlot ? "" : "hidden";
    this.#horizontal.style.transform = `translateY(${y}px)`;
    this.#horizontal.style.width = `${width}px`;
    this.#price.style.visibility = cursor.price === null ? "hidden" : "";
    this.#time.style.visibility = cursor.row < 0 ? "hidden" : "";
    if (cursor.price !== null) {
      setText(this.#price, formatPrice(cursor.price, frame.message.price.decimals));
      this.#price.style.left = `${width}px`;
      this.#price.style.width = `${css(screen.price[2])}px`;
      this.#price.style.transform = `translateY(calc(${y}px - 50%))`;
    }
    if (cursor.row >= 0) {
      const text = barTime(frame.readout, cursor.row);
      setText(this.#time, text);
      // Reckoned, because measuring would lay out the page at every move of the pointer.
      const half = (text.length * CHARACTER_CSS) / 2 + TAG_PAD_CSS;
      const at = Math.max(half, Math.min(css(cursor.x), width - half));
      this.#time.style.top = `${bottom}px`;
      this.#time.style.transform = `translateX(calc(${at}px - 50%))`;
    }
  }
}
