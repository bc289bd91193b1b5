// The legend over the plot: the values of one bar.

import type { HeldFrame, Shown } from "./canvas";
import { element, setText } from "./dom";
import { barTime, formatChange, formatPrice, formatVolume, stepped } from "./format";
import { overlapping } from "./readout";

/** The last bar that is visible, or -1. */
export function lastVisible(frame: HeldFrame, shown: Shown): number {
  const [left, , width] = frame.message.rects.plot;
  const [start, stop] = overlapping(frame.readout, [
    left + shown.x[0] * width,
    left + shown.x[1] * width,
  ]);
  return stop > start ? stop - 1 : -1;
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
    setText(this.#timeframe, message.timeframe);
    if (row < 0) {
      for (const item of this.#items.values()) item.hidden = true;
      this.#change.hidden = true;
      return;
    }
    const { decimals, step } = message.price;
    // Averages are no multiples of a step; other prices are, and lose what float32 added.
    const grid = message.chart_type === "heikin_ashi" ? undefined : step;
    const price = (column: Float32Array, at = row) => stepped(column[at]! + readout.base, grid);
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
    const close = formatPrice(readout.close[row]! + readout.base, message.price.decimals);
    return `${message.timeframe}, last visible ${barTime(readout, row)}, close ${close}`;
  }
}
