// @vitest-environment jsdom
import { describe, expect, it } from "vitest";

import type { HeldFrame } from "../src/canvas";
import { Legend } from "../src/legend";
import { FRAME, frameOf, readoutOf } from "./frames";

describe("the legend", () => {
  const readout = readoutOf({ x0: [0], x1: [1], high: [2], low: [1] });
  const frame = (merged: boolean): HeldFrame => ({
    message: frameOf({ bars: { ...FRAME.bars, merged } }),
    readout,
    bitmap: {} as ImageBitmap,
  });

  it.each([
    [false, "5m"],
    [true, "5m merged"],
  ])("says whether a row is one bar: merged %s", (merged, words) => {
    const legend = new Legend();
    legend.show(frame(merged), 0);
    expect(legend.element.querySelector(".kf-legend-timeframe")!.textContent).toBe(words);
    expect(legend.describe(frame(merged), 0).startsWith(`${words}, last`)).toBe(true);
  });
});
