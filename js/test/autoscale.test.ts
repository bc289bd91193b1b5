import { describe, expect, it } from "vitest";

import { autoscale, autoscaledY } from "../src/autoscale";
import type { Span } from "../src/geometry";
import type { ScaleKind } from "../src/protocol";
import fixture from "../../tests/fixtures/protocol/autoscale.json";
import { frameOf, readoutOf } from "./frames";

describe("autoscale, as the kernel does it", () => {
  it.each(fixture.cases)("$name", (sample) => {
    const [left, width] = sample.plot as [number, number];
    const [start, stop] = sample.window as [number, number];
    const found = autoscale(readoutOf(sample), [left + start * width, left + stop * width], {
      margin_top: sample.margin_top,
      margin_bottom: sample.margin_bottom,
      scale: sample.scale as ScaleKind,
    });
    if (sample.expected === null) {
      expect(found).toBeNull();
    } else {
      expect(found!.top).toBeCloseTo(sample.expected.top, 9);
      expect(found!.bottom).toBeCloseTo(sample.expected.bottom, 9);
    }
  });

  it("gives the whole height for a frame's own window", () => {
    const readout = readoutOf({
      x0: [100, 200],
      x1: [200, 300],
      high: [110, 108],
      low: [104, 102],
    });
    const price = { top: 111, bottom: 101, scale: "linear" as const, decimals: 2 };
    const frame = frameOf({ price: { ...price, margin_top: 0.1, margin_bottom: 0.1 } });
    const [top, bottom] = autoscaledY(frame, readout, frame.window as Span<number>)!;
    expect(top).toBeCloseTo(0, 12);
    expect(bottom).toBeCloseTo(1, 12);
  });

  it("adds the base to the small numbers of the readout", () => {
    const readout = { ...readoutOf({ x0: [0], x1: [9], high: [1], low: [-1] }), base: 5e6 };
    const margins = { margin_top: 0, margin_bottom: 0, scale: "linear" as const };
    expect(autoscale(readout, [0, 9], margins)).toEqual({ top: 5e6 + 1, bottom: 5e6 - 1 });
  });
});
