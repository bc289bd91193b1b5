// Units of length on the way from a pointer to a frame, kept apart by the type checker.

declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]?: Name };

/** CSS pixels. */
export type Css = Unit<"css">;
/** Device pixels, of the screen or of a frame's picture. */
export type Px = Unit<"px">;
/** Share of a frame's plot: 0 at its left or top edge, 1 at its right or bottom edge. */
export type Fraction = Unit<"fraction">;
/** Share of the whole history as the overview shows it. */
export type HistoryFraction = Unit<"history">;

/** A range from start to stop. */
export type Span<T extends number> = readonly [T, T];
/** x, y, width, height. */
export type Rect<T extends number> = readonly [T, T, T, T];

export interface Size<T extends number> {
  readonly width: T;
  readonly height: T;
}

export function sameSpan(a: Span<number> | null, b: Span<number> | null): boolean {
  return a === b || (a !== null && b !== null && a[0] === b[0] && a[1] === b[1]);
}

export function inside(rect: Rect<number>, x: number, y: number): boolean {
  return x >= rect[0] && x < rect[0] + rect[2] && y >= rect[1] && y < rect[1] + rect[3];
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
