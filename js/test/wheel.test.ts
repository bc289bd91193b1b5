// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { ChartActions } from "../src/gestures";
import { Wheel } from "../src/wheel";
import { pointer } from "./page";

let area: HTMLElement;
let wheel: Wheel;
const actions = {
  zoneAt: vi.fn((x: number) => (x < 100 ? "plot" : "price")),
  plotSize: () => ({ width: 100, height: 50 }),
  pan: vi.fn(),
  zoom: vi.fn(),
  scalePrice: vi.fn(),
  canZoomOut: vi.fn(() => true),
};

/** Turn the wheel; true when the page may scroll. */
function turn(init: WheelEventInit): boolean {
  return area.dispatchEvent(new WheelEvent("wheel", { cancelable: true, bubbles: true, ...init }));
}

function arrive(): void {
  pointer(area, "pointerenter", 50, 20);
  pointer(area, "pointermove", 50, 20);
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.advanceTimersByTime(10_000);
  area = document.createElement("div");
  document.body.append(area);
  wheel = new Wheel(area, actions as unknown as ChartActions);
});

afterEach(() => {
  wheel.dispose();
  area.remove();
  vi.clearAllMocks();
  actions.canZoomOut.mockReturnValue(true);
  vi.useRealTimers();
});

describe("the wheel", () => {
  it("zooms at the pointer", () => {
    arrive();
    expect(turn({ deltaY: -100, clientX: 25 })).toBe(false);
    const [factor, anchor] = actions.zoom.mock.calls[0] as [number, number];
    expect(factor).toBeCloseTo(Math.exp(-0.18), 12);
    expect(anchor).toBe(0.25);
  });

  it("pans sideways, with shift too", () => {
    arrive();
    turn({ deltaX: 30, deltaY: 2 });
    turn({ deltaY: -30, shiftKey: true });
    expect(actions.pan.mock.calls).toEqual([
      [0.3, 0],
      [-0.3, 0],
    ]);
  });

  it("knows lines and pages, and bounds one turn", () => {
    arrive();
    turn({ deltaX: 1, deltaMode: 1 });
    turn({ deltaX: 1, deltaMode: 2 });
    turn({ deltaX: 100_000 });
    expect(actions.pan.mock.calls.map(([share]) => share as number)).toEqual([0.16, 0.5, 2.4]);
  });

  it("scales prices over their axis", () => {
    arrive();
    turn({ deltaY: 10, clientX: 120 });
    expect(actions.scalePrice).toHaveBeenCalledOnce();
    expect(actions.zoom).not.toHaveBeenCalled();
  });

  it("lets the page scroll when the chart was carried under the pointer", () => {
    document.body.dispatchEvent(new Event("scroll"));
    arrive();
    expect(turn({ deltaY: 100 })).toBe(true);
    expect(actions.zoom).not.toHaveBeenCalled();
    vi.advanceTimersByTime(400);
    arrive();
    expect(turn({ deltaY: 100 })).toBe(false);
    pointer(area, "pointerleave", 0, 0);
    expect(turn({ deltaY: 100 })).toBe(true);
  });

  it("acts after a press, scroll or not", () => {
    document.body.dispatchEvent(new Event("scroll"));
    arrive();
    pointer(area, "pointerdown", 50, 20);
    expect(turn({ deltaY: 100 })).toBe(false);
  });

  it("lets the page scroll where there is no more to show, to the end of that turn", () => {
    arrive();
    actions.canZoomOut.mockReturnValue(false);
    expect(turn({ deltaY: 100 })).toBe(true);
    vi.advanceTimersByTime(100);
    expect(turn({ deltaY: -100 })).toBe(true);
    vi.advanceTimersByTime(300);
    expect(turn({ deltaY: -100 })).toBe(false);
  });

  it("takes a pinch wherever the pointer came from", () => {
    expect(turn({ deltaY: -4, ctrlKey: true })).toBe(false);
    expect(actions.zoom.mock.calls[0]![0]).toBeCloseTo(Math.exp(-0.04), 12);
    actions.canZoomOut.mockReturnValue(false);
    expect(turn({ deltaY: 4, ctrlKey: true })).toBe(false);
  });
});
