// Price <-> fraction of the plot's height: affine in price, or in its logarithm.

import type { Fraction } from "./geometry";
import type { PriceAxis, ScaleKind } from "./protocol";

export interface PriceEdges {
  readonly top: number;
  readonly bottom: number;
  readonly scale: ScaleKind;
}

export function toScale(scale: ScaleKind, price: number): number {
  return scale === "log" ? Math.log10(price) : price;
}

export function fromScale(scale: ScaleKind, value: number): number {
  return scale === "log" ? 10 ** value : value;
}

export function priceToFraction(axis: PriceEdges, price: number): Fraction {
  const top = toScale(axis.scale, axis.top);
  const bottom = toScale(axis.scale, axis.bottom);
  return (top - toScale(axis.scale, price)) / (top - bottom);
}

export function fractionToPrice(axis: PriceEdges, fraction: Fraction): number {
  const top = toScale(axis.scale, axis.top);
  const bottom = toScale(axis.scale, axis.bottom);
  return fromScale(axis.scale, top - fraction * (top - bottom));
}

export function sameScale(a: PriceAxis, b: PriceAxis): boolean {
  return a.scale === b.scale && a.top === b.top && a.bottom === b.bottom;
}
