// A made-up market: minute bars of a random walk, and their merging into any bars.

export interface Bars {
  readonly start: Float64Array;
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  readonly volume: Float64Array;
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export function makeMarket(count: number, seed = 7): Bars {
  const next = random(seed);
  const columns = Array.from({ length: 6 }, () => new Float64Array(count));
  const [start, open, high, low, close, volume] = columns as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  let price = 4300;
  for (let i = 0; i < count; i++) {
    const wide = 1.2 + Math.sin(i / 400) * 0.8;
    start[i] = i;
    open[i] = price;
    price = Math.max(100, price + Math.round((next() + next() - 1) * wide * 4) * 0.25);
    close[i] = price;
    high[i] = Math.max(open[i]!, price) + Math.round(next() * wide) * 0.25;
    low[i] = Math.min(open[i]!, price) - Math.round(next() * wide) * 0.25;
    volume[i] = 20 + next() * 400 * wide;
  }
  return { start, open, high, low, close, volume };
}

/** Bars of `step` minutes that overlap minutes [from, to). */
export function merged(market: Bars, from: number, to: number, step: number): Bars {
  const first = Math.max(0, Math.floor(from / step));
  const last = Math.min(Math.ceil(market.start.length / step), Math.ceil(to / step));
  const count = Math.max(0, last - first);
  const pick = (of: (start: number, stop: number) => number) =>
    Float64Array.from({ length: count }, (_, i) => {
      const at = (first + i) * step;
      return of(at, Math.min(at + step, market.start.length));
    });
  return {
    start: pick((at) => at),
    open: pick((at) => market.open[at]!),
    high: pick((at, stop) => Math.max(...market.high.subarray(at, stop))),
    low: pick((at, stop) => Math.min(...market.low.subarray(at, stop))),
    close: pick((_, stop) => market.close[stop - 1]!),
    volume: pick((at, stop) => market.volume.subarray(at, stop).reduce((a, b) => a + b, 0)),
  };
}
