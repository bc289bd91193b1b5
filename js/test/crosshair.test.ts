// @vitest-environment jsdom

import { describe, expect, it } from "vitest";

import type { HeldFrame } from "../src/canvas";
import { Crosshair } from "../src/crosshair";
import type { ScreenLayout } from "../src/layout";
import { FRAME, readoutOf } from "./frames";

const FRAME_HELD = {
  message: FRAME,
  readout: readoutOf({ x0: [0], x1: [200], high: [1], low: [0] }),
} as unknown as HeldFrame;
const SCREEN: ScreenLayout = {
  scale: 1,
  plot: [0, 0, 200, 100],
  volume: [0, 100, 200, 20],
  price: [200, 0, 50, 100],
  time: [0, 120, 200, 20],
};

/** The columns of the screen that the line covers, reckoned as browsers draw a line of one CSS px. */
function columns(centre: number, ratio: number): [number, number] {
  const crosshair = new Crosshair();
  crosshair.show(FRAME_HELD, SCREEN, { x: centre, y: 5, row: -1, price: null }, ratio);
  const line = crosshair.element.querySelector<HTMLElement>(".kf-cross-v")!;
  const left = Number(/translateX\((.*)px\)/.exec(line.style.transform)![1]) * ratio;
  return [left, left + Math.max(1, Math.floor(ratio))];
}

describe("the vertical line", () => {
  it.each([
    [-1, "hidden"],
    [0, ""],
    [200, ""],
    [201, "hidden"],
  ])("at %d of 200 px is %j", (x, wanted) => {
    const crosshair = new Crosshair();
    crosshair.show(FRAME_HELD, SCREEN, { x, y: 5, row: -1, price: null }, 2);
    const line = crosshair.element.querySelector<HTMLElement>(".kf-cross-v")!;
    expect(line.style.visibility).toBe(wanted);
  });

  it.each([
    ["a wick of one px", 10.5, 1, [10, 11]],
    ["a wick of one px on a screen of 1.5", 10.5, 1.5, [10, 11]],
    ["a wick of two px on a screen of 2", 11, 2, [10, 12]],
    ["a wick of three px on a screen of 3", 11.5, 3, [10, 13]],
  ])("lies on %s", (_, centre, ratio, wanted) => {
    const [left, right] = columns(centre, ratio);
    expect(left).toBeCloseTo(wanted[0]!, 9);
    expect(right).toBeCloseTo(wanted[1]!, 9);
  });
});
