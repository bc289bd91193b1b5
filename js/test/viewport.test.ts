import { describe, expect, it } from "vitest";

import type { Span } from "../src/geometry";
import { fractionToPrice, priceToFraction } from "../src/pricescale";
import type { PriceAxis } from "../src/protocol";
import { Viewport, historyToWindow, windowToHistory, type FrameGeometry } from "../src/viewport";
import { panned, zoomed } from "../src/warp";
import { FRAME, frameOf, random } from "./frames";

/** A frame of a plot that covers [start, stop) of some axis, and shows [from, to) of it. */
function frame(
  number: number,
  seq: number,
  [start, stop]: Span<number>,
  [from, to]: Span<number>,
): FrameGeometry {
  const width = stop - start;
  return frameOf({
    frame: number,
    seq,
    window: [(from - start) / width, (to - start) / width],
    scrub: [from, to],
  });
}

describe("Viewport.rebase", () => {
  it("takes the window of a frame that covers every input", () => {
    const viewport = new Viewport();
    const first = frame(1, 0, [0, 100], [25, 75]);
    viewport.rebase(null, first, false);
    viewport.x = [0.5, 0.6];
    viewport.mark(1);
    viewport.rebase(first, frame(2, 1, [40, 70], [50, 60]), false);
    expect(viewport.x).toEqual([1 / 3, 2 / 3]);
    expect(viewport.y).toBeNull();
  });

  it("keeps newer inputs on top, whatever the kernel made of the covered one", () => {
    const viewport = new Viewport();
    const first = frame(1, 0, [0, 100], [25, 75]);
    viewport.rebase(null, first, false);
    viewport.x = [0.5, 1];
    viewport.mark(1);
    viewport.x = panned(viewport.x, 0.5);
    viewport.mark(2);
    // The kernel kept the window inside its limits: [40, 90) instead of [50, 100).
    const second = frame(2, 1, [0, 200], [40, 90]);
    viewport.rebase(first, second, true);
    expect(viewport.x[0] * 200).toBeCloseTo(65, 9);
    expect(viewport.x[1] * 200).toBeCloseTo(115, 9);
    viewport.rebase(second, frame(3, 2, [0, 400], [60, 110]), false);
    expect(viewport.x).toEqual([60 / 400, 110 / 400]);
  });

  it("follows the ideal window through any order of gestures and frames", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = random(seed);
      const viewport = new Viewport();
      let ideal: Span<number> = [1000, 2000];
      let axis: Span<number> = [500, 2500];
      let held = frame(1, 0, axis, ideal);
      viewport.rebase(null, held, false);
      let seq = 0;
      const sent: { seq: number; window: Span<number> }[] = [];
      for (let step = 0; step < 120; step++) {
        const dice = next();
        if (dice < 0.6) {
          seq += 1;
          const change: (window: Span<number>) => Span<number> =
            next() < 0.5
              ? (
                  (by) => (window: Span<number>) =>
                    panned(window, by)
                )(next() - 0.5)
              : (
                  (factor, anchor) => (window: Span<number>) =>
                    zoomed(window, factor, anchor)
                )(Math.exp(next() - 0.5), next());
          viewport.x = change(viewport.x);
          ideal = change(ideal);
          if (next() < 0.6) {
            viewport.mark(seq);
            sent.push({ seq, window: ideal });
          }
        } else if (sent.length > 0) {
          const answered = sent
            .splice(0, 1 + Math.floor(next() * Math.min(sent.length, 3)))
            .at(-1)!;
          const [from, to] = answered.window;
          const spare = (to - from) * (0.1 + next());
          axis = [from - spare, to + spare];
          const fresh = frame(held.frame + 1, answered.seq, axis, answered.window);
          viewport.rebase(held, fresh, seq > answered.seq);
          held = fresh;
        }
        const width = axis[1] - axis[0];
        const scale = ideal[1] - ideal[0];
        for (const end of [0, 1] as const) {
          const found = axis[0] + viewport.x[end] * width;
          expect(Math.abs(found - ideal[end]) / scale, `seed ${seed}`).toBeLessThan(1e-6);
        }
      }
    }
  });

  it("carries a price range over by its prices", () => {
    const linear: PriceAxis = { ...FRAME.price, top: 200, bottom: 100 };
    const log: PriceAxis = { ...FRAME.price, top: 1000, bottom: 10, scale: "log" };
    const viewport = new Viewport();
    const first = { ...frame(1, 0, [0, 100], [25, 75]), price: linear };
    viewport.rebase(null, first, false);
    viewport.y = [-0.5, 0.5];
    viewport.rebase(first, { ...frame(2, 0, [0, 100], [25, 75]), price: log }, true);
    expect(fractionToPrice(log, viewport.y[0])).toBeCloseTo(250, 9);
    expect(fractionToPrice(log, viewport.y[1])).toBeCloseTo(150, 9);
  });

  it("drops a price range that the next scale cannot show", () => {
    const linear: PriceAxis = { ...FRAME.price, top: 100, bottom: -100 };
    const log: PriceAxis = { ...FRAME.price, top: 1000, bottom: 10, scale: "log" };
    const viewport = new Viewport();
    const first = { ...frame(1, 0, [0, 100], [25, 75]), price: linear };
    viewport.rebase(null, first, false);
    viewport.y = [0, 1];
    viewport.rebase(first, { ...frame(2, 0, [0, 100], [25, 75]), price: log }, true);
    expect(viewport.y).toEqual([0, 1]);
  });

  it("shows the whole height of a settled frame with a price range of its own", () => {
    const viewport = new Viewport();
    viewport.rebase(null, { ...frame(1, 0, [0, 100], [25, 75]), autoscale: false }, false);
    expect(viewport.y).toEqual([0, 1]);
  });
});

describe("the whole history", () => {
  it("and the frame map to each other, however small the window is in it", () => {
    const held = frameOf({ window: [0.25, 0.75], scrub: [0.123456, 0.123456 + 1e-9] });
    const x: Span<number> = [-3, 4.5];
    const back = historyToWindow(held, windowToHistory(held, x));
    expect(back[0]).toBeCloseTo(x[0], 5);
    expect(back[1]).toBeCloseTo(x[1], 5);
    expect(windowToHistory(held, held.window)).toEqual(held.scrub);
  });

  it("of one instant keeps the window", () => {
    const held = frameOf({ scrub: [0, 0] });
    expect(historyToWindow(held, [0.2, 0.4])).toEqual(held.window);
  });
});

describe("price scales", () => {
  it.each(["linear", "log"] as const)("%s: fraction and price are inverse", (scale) => {
    const axis = { top: 150, bottom: 3, scale };
    expect(priceToFraction(axis, 150)).toBe(0);
    expect(priceToFraction(axis, 3)).toBe(1);
    expect(priceToFraction(axis, fractionToPrice(axis, 0.3))).toBeCloseTo(0.3, 12);
  });
});
