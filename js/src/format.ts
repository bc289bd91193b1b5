// Text of prices, volumes and local times.

import type { TimeFormat } from "./protocol";
import type { Readout } from "./readout";

/** Digits after which a float64 says nothing more. */
const MAX_DIGITS = 15;
/** Digits before the point that are written out, as on the price axis. */
const MAX_PLAIN = 16;
const MINUS = "\u2212";

export function formatPrice(price: number, decimals: number): string {
  if (!Number.isFinite(price)) return "";
  const whole = Math.abs(price) < 1 ? 1 : Math.floor(Math.log10(Math.abs(price))) + 1;
  const text =
    whole > MAX_PLAIN
      ? price.toPrecision(6)
      : price.toFixed(Math.max(0, Math.min(decimals, MAX_DIGITS - whole)));
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", MINUS);
}

/** The multiple of a price step that is nearest. */
export function stepped(price: number, step: number | undefined): number {
  return step !== undefined && step > 0 ? Math.round(price / step) * step : price;
}

const VOLUME_UNITS: readonly (readonly [number, string])[] = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
];

export function formatVolume(volume: number): string {
  if (!Number.isFinite(volume)) return "";
  for (const [size, unit] of VOLUME_UNITS) {
    if (Math.abs(volume) >= size * 0.99995) return `${significant(volume / size)}\u202f${unit}`;
  }
  return significant(volume);
}

function significant(value: number): string {
  return String(Number(value.toPrecision(4)));
}

export function formatChange(change: number, percent: number, decimals: number): string {
  const sign = change > 0 ? "+" : "";
  const share = Number.isFinite(percent) ? ` (${sign}${formatPrice(percent, 2)}%)` : "";
  return `${sign}${formatPrice(change, decimals)}${share}`;
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const DAY_MS = 86_400_000;

function digits(value: number, count: number): string {
  return String(value).padStart(count, "0");
}

/** Local time as text: days since 1970-01-01, ms of that day, ns of that ms. */
export function formatTime(day: number, ms: number, ns: number, format: TimeFormat): string {
  const date = new Date(day * DAY_MS);
  const text = `${WEEKDAYS[date.getUTCDay()]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  if (format === "day") return text;
  const second = Math.floor(ms / 1000);
  let clock = `${digits(Math.floor(second / 3600), 2)}:${digits(Math.floor(second / 60) % 60, 2)}`;
  if (format !== "minute") clock += `:${digits(second % 60, 2)}`;
  if (format === "ms" || format === "ns") clock += `.${digits(ms % 1000, 3)}`;
  if (format === "ns") clock += digits(ns, 6);
  return `${text}  ${clock}`;
}

export function barTime(readout: Readout, row: number): string {
  return formatTime(readout.day[row]!, readout.ms[row]!, readout.ns[row]!, readout.timeFormat);
}
