import { describe, expect, it } from "vitest";

import { barTime } from "../src/format";
import { barAt, decodeReadout, overlapping } from "../src/readout";
import fixture from "../../tests/fixtures/protocol/from_kernel.json";
import { FRAME, bytesOf, random, readoutOf } from "./frames";

const BYTES = bytesOf(fixture.readout_hex);

describe("decodeReadout", () => {
  it.each([0, 1, 2, 3])("reads the fixture at byte %i of its buffer", (offset) => {
    const padded = new Uint8Array(BYTES.length + 8);
    padded.set(BYTES, offset);
    const readout = decodeReadout(FRAME.bars, new DataView(padded.buffer, offset, BYTES.length));
    fixture.rows.forEach((row, i) => {
      for (const name of ["open", "high", "low", "close"] as const) {
        expect(readout[name][i]! + readout.base).toBe(row[name]);
      }
      for (const name of ["x0", "x1", "volume", "day", "ms", "ns"] as const) {
        expect(readout[name][i]).toBe(row[name]);
      }
      expect(barTime(readout, i)).toBe(row.time);
    });
  });

  it("says what is wrong with a short buffer", () => {
    const short = new DataView(BYTES.buffer, 0, BYTES.length - 1);
    expect(() => decodeReadout(FRAME.bars, short)).toThrow(
      "readout: buffer must hold 10 columns of 2 rows (80 bytes), got 79 bytes.",
    );
  });

  it("reads no rows", () => {
    const none = decodeReadout({ ...FRAME.bars, n: 0 }, new DataView(new ArrayBuffer(0)));
    expect(overlapping(none, [0, 100])).toEqual([0, 0]);
    expect(barAt(none, 5, [0, 0])).toBe(-1);
  });
});

describe("rows under the pointer", () => {
  const readout = readoutOf({
    x0: [0, 10, 20, 50, 60],
    x1: [10, 20, 30, 60, 70],
    high: [1, 1, 1, 1, 1],
    low: [0, 0, 0, 0, 0],
  });

  it("are those that overlap, as a plain search finds them", () => {
    const next = random(3);
    for (let i = 0; i < 500; i++) {
      const a = Math.floor(next() * 100 - 10);
      const b = a + 1 + Math.floor(next() * 50);
      const rows = [0, 1, 2, 3, 4].filter((k) => readout.x1[k]! > a && readout.x0[k]! < b);
      const [start, stop] = overlapping(readout, [a, b]);
      expect([0, 1, 2, 3, 4].slice(start, stop), `[${a}, ${b})`).toEqual(rows);
    }
  });

  it("is the nearest of those that may be meant, however far", () => {
    const all = [0, 5] as const;
    expect(barAt(readout, 3, all)).toBe(0);
    expect(barAt(readout, 12, all)).toBe(1);
    expect(barAt(readout, 44, all)).toBe(3);
    expect(barAt(readout, 36, all)).toBe(2);
    expect(barAt(readout, -400, all)).toBe(0);
    expect(barAt(readout, 500, all)).toBe(4);
    expect(barAt(readout, 3, [2, 4])).toBe(2);
    expect(barAt(readout, 500, [2, 4])).toBe(3);
    expect(barAt(readout, 36, [3, 3])).toBe(-1);
  });
});
