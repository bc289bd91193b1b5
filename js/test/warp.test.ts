import { describe, expect, it } from "vitest";

import { placeFrame } from "../src/layout";
import { affine, panned, shownWindow, warpAxis, zoomed } from "../src/warp";
import { FRAME, frameOf, random } from "./frames";

describe("warpAxis", () => {
  it("copies px to px where the window fits the screen", () => {
    const warp = warpAxis([0, 2208], [552 / 2208, 1656 / 2208], [0, 1104]);
    expect(warp).toEqual({ source: [552, 1656], target: [0, 1104], exact: true });
  });

  it("keeps px whole while it pans", () => {
    const warp = warpAxis([0, 2208], [552.4 / 2208, 1656.4 / 2208], [0, 1104])!;
    expect(warp).toEqual({ source: [552, 1656], target: [0, 1104], exact: true });
  });

  it("cuts what the picture does not hold", () => {
    const warp = warpAxis([100, 300], [-0.25, 0.75], [10, 210])!;
    expect(warp).toEqual({ source: [100, 250], target: [60, 210], exact: true });
  });

  it("scales the rest and cuts the source to what is visible", () => {
    const warp = warpAxis([0, 200], [0.5, 1.5], [0, 400])!;
    expect(warp).toEqual({ source: [100, 200], target: [0, 200], exact: false });
  });

  it("gives nothing where nothing is visible", () => {
    expect(warpAxis([0, 200], [1, 2], [0, 400])).toBeNull();
    expect(warpAxis([0, 200], [-3, 0], [0, 400])).toBeNull();
    expect(warpAxis([0, 0], [0, 1], [0, 400])).toBeNull();
    expect(warpAxis([0, 200], [0, 1], [0, 0])).toBeNull();
    expect(warpAxis([0, 200], [0.5, 0.5], [0, 400])).toBeNull();
  });

  it("maps source to target by the same line as fractions to the screen", () => {
    const next = random(11);
    for (let i = 0; i < 500; i++) {
      const a = next() * 4 - 2;
      const visible = [a, a + 0.001 + next() * 3] as const;
      const warp = warpAxis([30, 530], visible, [7, 1007]);
      if (warp === null || warp.exact) continue;
      const toScreen = affine([30 + visible[0] * 500, 30 + visible[1] * 500], [7, 1007]);
      expect(warp.target[0]).toBeCloseTo(toScreen(warp.source[0]), 6);
      expect(warp.target[1]).toBeCloseTo(toScreen(warp.source[1]), 6);
      expect(warp.source[0]).toBeGreaterThanOrEqual(30);
      expect(warp.source[1]).toBeLessThanOrEqual(530);
      expect(warp.target[0]).toBeGreaterThanOrEqual(7 - 1e-9);
      expect(warp.target[1]).toBeLessThanOrEqual(1007 + 1e-6);
    }
  });
});

describe("windows", () => {
  it("zoom about a fixed point, and back", () => {
    const span = zoomed([0.2, 0.6], 2, 0.25);
    expect(span[0] + 0.25 * (span[1] - span[0])).toBeCloseTo(0.3, 12);
    expect(span[1] - span[0]).toBeCloseTo(0.8, 12);
    const back = zoomed(span, 0.5, 0.25);
    expect(back[0]).toBeCloseTo(0.2, 12);
    expect(back[1]).toBeCloseTo(0.6, 12);
  });

  it("pan by a share of their width", () => {
    expect(panned([0.25, 0.75], 0.5)).toEqual([0.5, 1]);
  });

  it("far from all that is held show the frame as it is", () => {
    expect(shownWindow([7, 8], [0.25, 0.75])).toEqual([0.25, 0.75]);
    expect(shownWindow([0.9, 1.4], [0.25, 0.75])).toEqual([0.9, 1.4]);
  });
});

describe("placeFrame", () => {
  it("draws a settled frame px to px", () => {
    const screen = placeFrame(FRAME, { width: 264, height: 300 }, 2);
    expect(screen).toEqual({
      scale: 1,
      plot: [0, 0, 200, 200],
      volume: [0, 200, 200, 48],
      price: [200, 0, 64, 200],
      time: [0, 248, 200, 52],
    });
  });

  it.each([-1, 1])("keeps the frame's px where both round %i px apart", (off) => {
    const screen = placeFrame(FRAME, { width: 264 + off, height: 300 - off }, 2);
    expect(screen.scale).toBe(1);
    expect(screen.plot).toEqual([0, 0, 200, 200]);
    expect(screen.price[2]).toBe(64 + off);
    expect(screen.time[3]).toBe(52 - off);
  });

  it("scales a frame of ratio 1 to a screen of ratio 2", () => {
    const small = frameOf({ ratio: 1 });
    const screen = placeFrame(small, { width: 528, height: 600 }, 2);
    expect(screen.plot).toEqual([0, 0, 400, 400]);
    expect(screen.volume).toEqual([0, 400, 400, 96]);
    expect(screen.price).toEqual([400, 0, 128, 400]);
    expect(screen.time).toEqual([0, 496, 400, 104]);
  });

  it("survives a canvas smaller than the axes", () => {
    const screen = placeFrame(FRAME, { width: 20, height: 20 }, 2);
    expect(screen.plot[2]).toBeGreaterThanOrEqual(1);
    expect(screen.plot[3]).toBeGreaterThanOrEqual(0);
  });
});
