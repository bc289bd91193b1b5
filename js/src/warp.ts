// Where the parts of a held frame go on the screen while another window of it is wanted.

import type { Fraction, Px, Span } from "./geometry";

/** One axis of a drawImage call: `source` px of the picture land on `target` px of the canvas. */
export interface AxisWarp {
  readonly source: Span<Px>;
  readonly target: Span<Px>;
  /** True where a px of the picture is a px of the screen, at whole numbers. */
  readonly exact: boolean;
}

/**
 * Map `extent` px of a picture, of which the fractions `visible` shall fill `screen`, cut to both.
 * Null when nothing of it is visible.
 */
export function warpAxis(
  extent: Span<Px>,
  visible: Span<Fraction>,
  screen: Span<Px>,
): AxisWarp | null {
  const length = extent[1] - extent[0];
  const room = screen[1] - screen[0];
  const shown = (visible[1] - visible[0]) * length;
  if (!(length > 0 && room > 0 && shown > 0)) return null;
  if (Math.abs(shown - room) < 0.5) {
    const skipped = Math.round(visible[0] * length);
    const start = Math.max(skipped, 0);
    const stop = Math.min(skipped + room, length);
    if (stop <= start) return null;
    const offset = screen[0] - skipped;
    return {
      source: [extent[0] + start, extent[0] + stop],
      target: [offset + start, offset + stop],
      exact: true,
    };
  }
  const start = Math.max(visible[0], 0);
  const stop = Math.min(visible[1], 1);
  if (stop <= start) return null;
  const scale = room / (visible[1] - visible[0]);
  return {
    source: [extent[0] + start * length, extent[0] + stop * length],
    target: [screen[0] + (start - visible[0]) * scale, screen[0] + (stop - visible[0]) * scale],
    exact: false,
  };
}

/** What to show of a frame when `wanted` is asked for: far from all that it holds, its own window. */
export function shownWindow(wanted: Span<Fraction>, own: Span<Fraction>): Span<Fraction> {
  return wanted[1] <= 0 || wanted[0] >= 1 ? own : wanted;
}

/** The affine map that takes `from` to `to`. */
export function affine(from: Span<number>, to: Span<number>): (value: number) => number {
  const scale = (to[1] - to[0]) / (from[1] - from[0]);
  return (value) => to[0] + (value - from[0]) * scale;
}

export function mapSpan<T extends number>(span: Span<number>, map: (v: number) => number): Span<T> {
  return [map(span[0]) as T, map(span[1]) as T];
}

/** Move a window by a share of its own width. */
export function panned(span: Span<Fraction>, share: number): Span<Fraction> {
  const by = (span[1] - span[0]) * share;
  return [span[0] + by, span[1] + by];
}

/** Make a window `factor` times as wide, keeping the point at `anchor` (0 start, 1 stop) in place. */
export function zoomed(span: Span<Fraction>, factor: number, anchor: number): Span<Fraction> {
  const width = span[1] - span[0];
  const fixed = span[0] + width * anchor;
  return [fixed - width * anchor * factor, fixed + width * (1 - anchor) * factor];
}
