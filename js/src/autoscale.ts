// The autoscale rule, as the kernel applies it, so that an exact frame lands where its warped
// predecessor was.

import type { Fraction, Px, Span } from "./geometry";
import { fromScale, priceToFraction, toScale } from "./pricescale";
import type { FrameMessage, ScaleKind } from "./protocol";
import { overlapping, type Readout } from "./readout";

export interface Margins {
  readonly margin_top: number;
  readonly margin_bottom: number;
  readonly scale: ScaleKind;
  readonly reach?: number;
}

/**
 * Prices at the top and bottom edge when the bars that overlap `visible` are scaled to fit: the
 * highest high at `margin_top` of the height, the lowest low at `1 - margin_bottom`. Null where the
 * readout gives no verdict: no bar is visible, or all have one price.
 */
export function autoscale(
  readout: Readout,
  visible: Span<Px>,
  margins: Margins,
): { top: number; bottom: number } | null {
  const [start, stop] = overlapping(readout, visible);
  let high = -Infinity;
  let low = Infinity;
  for (let i = start; i < stop; i++) {
    high = Math.max(high, readout.high[i]!);
    low = Math.min(low, readout.low[i]!);
  }
  if (!(high > low)) return null;
  const reach = margins.reach ?? 0;
  const top = toScale(margins.scale, high + readout.base + reach);
  const bottom = toScale(margins.scale, low + readout.base - reach);
  if (!Number.isFinite(top) || !Number.isFinite(bottom)) return null;
  const perHeight = (top - bottom) / (1 - margins.margin_top - margins.margin_bottom);
  return {
    top: fromScale(margins.scale, top + perHeight * margins.margin_top),
    bottom: fromScale(margins.scale, bottom - perHeight * margins.margin_bottom),
  };
}

/** The visible part of a frame's height under autoscale, when the fractions `x` are visible. */
export function autoscaledY(
  frame: FrameMessage,
  readout: Readout,
  x: Span<Fraction>,
): Span<Fraction> | null {
  const [left, , width] = frame.rects.plot;
  const edges = autoscale(readout, [left + x[0] * width, left + x[1] * width], frame.price);
  if (edges === null) return null;
  const top = priceToFraction(frame.price, edges.top);
  const bottom = priceToFraction(frame.price, edges.bottom);
  return Number.isFinite(top) && Number.isFinite(bottom) && bottom > top ? [top, bottom] : null;
}
