// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Menu } from "../src/menu";
import { Scrubber } from "../src/scrubber";
import { pointer } from "./page";

afterEach(() => {
  document.body.replaceChildren();
});

describe("the scrubber", () => {
  let scrubber: Scrubber;
  const scrub = vi.fn();
  const wanted = () => scrub.mock.calls.at(-1)?.[0] as [number, number] | undefined;
  const grip = (part: string) => scrubber.element.querySelector(`[data-part=${part}]`)!;

  beforeEach(() => {
    scrub.mockClear();
    HTMLElement.prototype.setPointerCapture = () => undefined;
    scrubber = new Scrubber(scrub);
    scrubber.resize(1000);
    scrubber.show([0.25, 0.5]);
    document.body.append(scrubber.element);
  });

  it("moves its handle", () => {
    pointer(scrubber.element, "pointerdown", 300, 5);
    expect(scrub).not.toHaveBeenCalled();
    pointer(scrubber.element, "pointermove", 425, 5);
    expect(wanted()).toEqual([0.375, 0.625]);
    pointer(scrubber.element, "pointermove", 5000, 5);
    expect(wanted()).toEqual([0.75, 1]);
    pointer(scrubber.element, "pointermove", -5000, 5);
    expect(wanted()).toEqual([0, 0.25]);
    pointer(scrubber.element, "pointerup", 0, 5);
    pointer(scrubber.element, "pointermove", 500, 5);
    expect(wanted()).toEqual([0, 0.25]);
  });

  it("jumps to where it is pressed, and moves on from there", () => {
    pointer(scrubber.element, "pointerdown", 750, 5);
    expect(wanted()).toEqual([0.625, 0.875]);
    pointer(scrubber.element, "pointermove", 760, 5);
    expect(wanted()![0]).toBeCloseTo(0.635, 12);
  });

  it("resizes by its grips, to a pixel at least", () => {
    pointer(grip("stop"), "pointerdown", 500, 5);
    pointer(scrubber.element, "pointermove", 625, 5);
    expect(wanted()).toEqual([0.25, 0.625]);
    pointer(scrubber.element, "pointermove", 100, 5);
    expect(wanted()).toEqual([0.25, 0.251]);
    pointer(scrubber.element, "pointermove", 4000, 5);
    expect(wanted()).toEqual([0.25, 1]);
    pointer(scrubber.element, "pointerup", 4000, 5);
    pointer(grip("start"), "pointerdown", 250, 5);
    pointer(scrubber.element, "pointermove", -50, 5);
    expect(wanted()).toEqual([0, 1]);
  });

  it("does not widen a window that is narrower than a pixel when its grip is pressed", () => {
    scrubber.show([0.25, 0.25 + 1e-9]);
    pointer(grip("stop"), "pointerdown", 250, 5);
    pointer(scrubber.element, "pointermove", 200, 5);
    expect(wanted()).toEqual([0.25, 0.25 + 1e-9]);
  });

  it("keeps the room that a window has beyond the newest data", () => {
    scrubber.show([0, 1.3]);
    pointer(grip("start"), "pointerdown", 0, 5);
    pointer(scrubber.element, "pointermove", 100, 5);
    expect(wanted()).toEqual([0.1, 1.3]);
    pointer(scrubber.element, "pointerup", 100, 5);
    scrubber.show([0.5, 1.25]);
    pointer(scrubber.element, "pointerdown", 700, 5);
    pointer(scrubber.element, "pointermove", 701, 5);
    expect(wanted()![0]).toBeCloseTo(0.5, 12);
    expect(wanted()![1]).toBe(1.25);
    pointer(scrubber.element, "pointermove", 500, 5);
    expect(wanted()![0]).toBeCloseTo(0.3, 12);
    expect(wanted()![1]).toBeCloseTo(1.05, 12);
  });

  it("shows a handle to grab however narrow the window is", () => {
    scrubber.show([0.999999, 0.9999991]);
    const handle = scrubber.element.querySelector<HTMLElement>(".kf-handle")!;
    expect(parseFloat(handle.style.width)).toBe(18);
    expect(handle.style.transform).toBe("translateX(982px)");
    pointer(scrubber.element, "pointerdown", 990, 5);
    pointer(scrubber.element, "pointermove", 490, 5);
    expect(wanted()![0]).toBeCloseTo(0.499999, 12);
    expect(wanted()![1] - wanted()![0]).toBeCloseTo(1e-7, 12);
  });
});

describe("a menu", () => {
  let menu: Menu;
  const choose = vi.fn();
  const popup = () => menu.element.querySelector<HTMLElement>("[role=menu]")!;
  const press = (key: string) =>
    document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));

  beforeEach(() => {
    choose.mockClear();
    menu = new Menu(["face"], {
      label: "Letters",
      items: ["a", "b", "c"].map((value) => ({ value, label: value.toUpperCase() })),
      role: "choice",
      choose,
    });
    document.body.append(menu.element);
    menu.choose("b");
  });

  it("opens at what is chosen, walks by keys, and gives the focus back", () => {
    menu.button.click();
    expect(popup().hidden).toBe(false);
    expect(document.activeElement!.textContent).toBe("B");
    press("ArrowDown");
    expect(document.activeElement!.textContent).toBe("C");
    press("ArrowDown");
    expect(document.activeElement!.textContent).toBe("A");
    press("End");
    (document.activeElement as HTMLElement).click();
    expect(choose.mock.calls).toEqual([["c"]]);
    expect(popup().hidden).toBe(true);
    expect(document.activeElement).toBe(menu.button);
  });

  it("closes on Escape and on a press elsewhere", () => {
    menu.button.click();
    press("Escape");
    expect(popup().hidden).toBe(true);
    menu.button.click();
    pointer(document.body, "pointerdown", 0, 0);
    expect(popup().hidden).toBe(true);
    expect(choose).not.toHaveBeenCalled();
  });
});
