// The legend over the plot: the values of one bar.

import type { HeldFrame, Shown } from "./canvas";
import { element, setText } from "./dom";
import { barTime, formatChange, formatPrice, formatVolume, stepped } from "./format";
import { overlapping, type Readout } from "./readout";

/** What rounding to float32 may change of a number, and a little more. */
const FLOAT32 = 2 ** -22;

/** What the rows of a frame are called. */
function kind({ message }: HeldFrame): string {
  return message.bars.merged === true ? `${message.timeframe} merged` : message.timeframe;
}

/** The last bar that is visible, or -1. */
export function lastVisible(frame: HeldFrame, shown: Shown): number {
  const [left, , width] = frame.message.rects.plot;
  const [start, stop] = overlapping(frame.readout, [
    left + shown.x[0] * width,
    left + shown.x[1] * width,
  ]);
  return stop > start ? stop - 1 : -1;
}

/** A price of the readout, on the grid of prices where float32 alone has moved it off. */
export function exact(readout: Readout, relative: number, step: number | undefined): number {
  const price = relative + readout.base;
  const near = stepped(price, step);
  return Math.abs(near - price) <= Math.abs(relative) * FLOAT32 ? near : price;
}

export class Legend {
  readonly element: HTMLElement;
  #timeframe = element("span", "kf-legend-timeframe");
  #values = new Map<string, HTMLElement>();
  #items = new Map<string, HTMLElement>();
  #change = element("span", "kf-legend-value");

  constructor() {
    this.element = element("div", "kf-legend", { "aria-hidden": "true" }, [this.#timeframe]);
    for (const name of ["O", "H", "L", "C", "Price"]) this.#add(name);
    this.element.append(this.#change);
    this.#add("Vol");
    this.#add("Size");
    this.element.style.display = "none";
  }

  #add(name: string): void {
    const value = element("span", "kf-legend-value");
    const item = element("span", "kf-legend-item", { "data-name": name }, [name, " ", value]);
    this.#values.set(name, value);
    this.#items.set(name, item);
    this.element.append(item);
  }

  show(frame: HeldFrame, row: number): void {
    const { message, readout } = frame;
    this.element.style.display = "";
    setText(this.#timeframe, kind(frame));
    if (row < 0) {
      for (const item of this.#items.values()) item.hidden = true;
      this.#change.hidden = true;
      return;
    }
    const { decimals, step } = message.price;
    const price = (column: Float32Array, at = row) => exact(readout, column[at]!, step);
    const volume = message.bars.volume === false ? "" : formatVolume(readout.volume[row]!);
    const close = price(readout.close);
    const before = row > 0 ? price(readout.close, row - 1) : price(readout.open);
    const rising = readout.ticks ? close >= before : close >= price(readout.open);
    this.element.dataset.direction = rising ? "up" : "down";
    const texts: Record<string, string> = readout.ticks
      ? { Price: formatPrice(close, decimals), Size: volume }
      : {
          O: formatPrice(price(readout.open), decimals),
          H: formatPrice(price(readout.high), decimals),
          L: formatPrice(price(readout.low), decimals),
          C: formatPrice(close, decimals),
          Vol: volume,
        };
    for (const [name, item] of this.#items) {
      const text = texts[name] ?? "";
      item.hidden = text === "";
      setText(this.#values.get(name)!, text);
    }
    const change = close - before;
    this.#change.hidden = false;
    setText(this.#change, formatChange(change, (change / Math.abs(before)) * 100, decimals));
  }

  /** The same in words, for those who do not see it. */
  describe(frame: HeldFrame, row: number): string {
    if (row < 0) return "no bar is visible";
    const { readout, message } = frame;
    const { decimals, step } = message.price;
    const close = formatPrice(exact(readout, readout.close[row]!, step), decimals);
    return `${kind(frame)}, last visible ${barTime(readout, row)}, close ${close}`;
  }
}
