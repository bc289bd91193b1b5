import { describe, expect, it } from "vitest";

import { formatChange, formatPrice, formatTime, formatVolume, stepped } from "../src/format";
import { exact } from "../src/legend";
import type { Readout } from "../src/readout";

describe("formatPrice", () => {
  it.each([
    [4321.25, 2, "4321.25"],
    [0.00001234, 8, "0.00001234"],
    [-1.5, 1, "\u22121.5"],
    [-0.0001, 2, "0.00"],
    [1234567890123456, 2, "1234567890123456"],
    [12345678901234567, 2, "1.23457e+16"],
    [123456789012.345, 6, "123456789012.345"],
    [NaN, 2, ""],
  ])("%d with %i decimals", (price, decimals, text) => {
    expect(formatPrice(price, decimals)).toBe(text);
  });
});

describe("stepped", () => {
  it("takes away what float32 added, on the grid of prices alone", () => {
    expect(stepped(2500006510592, 2.5e11)).toBe(2.5e12);
    expect(stepped(100.2501, 0.25)).toBe(100.25);
    expect(stepped(100.2501, undefined)).toBe(100.2501);
    expect(stepped(100.2501, 0)).toBe(100.2501);
  });
});

describe("exact", () => {
  const readout = { base: 100 } as Readout;
  it("puts back on the grid what float32 moved off it", () => {
    expect(exact({ base: 1e15 } as Readout, Math.fround(2500000000000), 2.5e11)).toBe(1.0025e15);
    expect(exact(readout, Math.fround(0.1), 0.01)).toBeCloseTo(100.1, 12);
  });
  it("leaves bricks, boxes and averages as they are", () => {
    expect(exact(readout, Math.fround(13.0416), 0.25)).toBeCloseTo(113.0416, 5);
    expect(exact(readout, Math.fround(0.125), 0.25)).toBe(100.125);
    expect(exact(readout, 0, undefined)).toBe(100);
  });
});

describe("formatVolume", () => {
  it.each([
    [0, "0"],
    [12.5, "12.5"],
    [999.4, "999.4"],
    [999.96, "1\u202fK"],
    [1234, "1.234\u202fK"],
    [12_345_678, "12.35\u202fM"],
    [2.5e9, "2.5\u202fB"],
    [3e13, "30\u202fT"],
  ])("%d", (volume, text) => {
    expect(formatVolume(volume)).toBe(text);
  });
});

describe("formatChange", () => {
  it("gives signs", () => {
    expect(formatChange(1.25, 0.5, 2)).toBe("+1.25 (+0.50%)");
    expect(formatChange(-1.25, -0.5, 2)).toBe("\u22121.25 (\u22120.50%)");
    expect(formatChange(0, NaN, 2)).toBe("0.00");
  });
});

describe("formatTime", () => {
  it.each([
    ["day", "Thu 29 Feb 2024"],
    ["minute", "Thu 29 Feb 2024  09:05"],
    ["second", "Thu 29 Feb 2024  09:05:07"],
    ["ms", "Thu 29 Feb 2024  09:05:07.008"],
    ["ns", "Thu 29 Feb 2024  09:05:07.008000009"],
  ] as const)("to the %s", (format, text) => {
    expect(formatTime(19_782, ((9 * 60 + 5) * 60 + 7) * 1000 + 8, 9, format)).toBe(text);
  });
});
