import { describe, expect, it } from "vitest";

import { formatChange, formatPrice, formatTime, formatVolume, stepped } from "../src/format";

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
