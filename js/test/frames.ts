// Frames and readouts for tests.

import type { FrameMessage } from "../src/protocol";
import type { Readout } from "../src/readout";
import fixture from "../../tests/fixtures/protocol/from_kernel.json";

/** The frame of the fixture, each one to be acknowledged. */
export const FRAME = { ...fixture.frame, implicit_acks: false } as unknown as FrameMessage;

export function frameOf(changes: Partial<FrameMessage>): FrameMessage {
  return { ...FRAME, ...changes };
}

export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function readoutOf(columns: {
  x0: number[];
  x1: number[];
  high: number[];
  low: number[];
}): Readout {
  const n = columns.x0.length;
  const floats = (values: number[]) => Float32Array.from(values);
  return {
    n,
    ticks: false,
    timeFormat: "minute",
    base: 0,
    x0: floats(columns.x0),
    x1: floats(columns.x1),
    open: floats(columns.low),
    high: floats(columns.high),
    low: floats(columns.low),
    close: floats(columns.high),
    volume: new Float32Array(n),
    day: new Int32Array(n),
    ms: new Int32Array(n),
    ns: new Int32Array(n),
  };
}

/** Repeatable numbers in [0, 1). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
