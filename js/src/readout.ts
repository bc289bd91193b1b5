// The table of a frame's bars, as columns; x in px of the frame's picture.

import { clamp, type Px, type Span } from "./geometry";
import type { BarsTable, TimeFormat } from "./protocol";

export interface Readout {
  readonly n: number;
  readonly ticks: boolean;
  readonly timeFormat: TimeFormat;
  /** What to add to the four price columns, which keep float32 precision by being small. */
  readonly base: number;
  readonly x0: Float32Array;
  readonly x1: Float32Array;
  readonly open: Float32Array;
  readonly high: Float32Array;
  readonly low: Float32Array;
  readonly close: Float32Array;
  readonly volume: Float32Array;
  readonly day: Int32Array;
  readonly ms: Int32Array;
  readonly ns: Int32Array;
}

const INTEGERS: ReadonlySet<string> = new Set(["day", "ms", "ns"]);
const ITEM_BYTES = 4;

/** Cut the readout buffer into its columns. Throws RangeError when it is too short. */
export function decodeReadout(table: BarsTable, data: DataView): Readout {
  const { n, columns } = table;
  const expected = n * columns.length * ITEM_BYTES;
  if (data.byteLength < expected) {
    throw new RangeError(
      `readout: buffer must hold ${columns.length} columns of ${n} rows (${expected} bytes), got ${data.byteLength} bytes.`,
    );
  }
  // A copy, because a message's buffer may start at any byte and typed arrays may not.
  const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + expected) as ArrayBuffer;
  const cut = (name: string): Float32Array | Int32Array => {
    const column = columns.indexOf(name);
    const kind = INTEGERS.has(name) ? Int32Array : Float32Array;
    return column < 0 ? new kind(n) : new kind(bytes, column * n * ITEM_BYTES, n);
  };
  const floats = (name: string) => cut(name) as Float32Array;
  const integers = (name: string) => cut(name) as Int32Array;
  return {
    n,
    ticks: table.kind === "ticks",
    timeFormat: table.time_format,
    base: table.base,
    x0: floats("x0"),
    x1: floats("x1"),
    open: floats("open"),
    high: floats("high"),
    low: floats("low"),
    close: floats("close"),
    volume: floats("volume"),
    day: integers("day"),
    ms: integers("ms"),
    ns: integers("ns"),
  };
}

/** First row whose value is not below `x`; `values` must not fall. */
function lowerBound(values: Float32Array, x: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First row whose value is above `x`; `values` must not fall. */
function upperBound(values: Float32Array, x: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Rows whose [x0, x1) overlaps `visible`, half-open. */
export function overlapping(readout: Readout, visible: Span<Px>): Span<number> {
  const start = upperBound(readout.x1, visible[0]);
  return [start, Math.max(start, lowerBound(readout.x0, visible[1]))];
}

export function centre(readout: Readout, row: number): Px {
  return (readout.x0[row]! + readout.x1[row]!) / 2;
}

/** Of `rows`, the one whose middle is nearest to `x`; -1 of none. */
export function barAt(readout: Readout, x: Px, [start, stop]: Span<number>): number {
  if (stop <= start) return -1;
  const after = clamp(lowerBound(readout.x0, x), start, stop - 1);
  const before = Math.max(after - 1, start);
  const near = Math.abs(centre(readout, before) - x) <= Math.abs(centre(readout, after) - x);
  return near ? before : after;
}
