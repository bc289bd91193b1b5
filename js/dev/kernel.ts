// Plays the kernel's part of the protocol in the page, with a delay, so that the front end can be
// looked at alone.

import { autoscale } from "../src/autoscale";
import type { Fraction, Span } from "../src/geometry";
import { priceToFraction } from "../src/pricescale";
import type { FrameMessage, Settings, ToKernel, ViewSize } from "../src/protocol";
import { decodeReadout } from "../src/readout";
import { makeMarket, merged, type Bars } from "./market";

type Listener = (...args: never[]) => void;

const COLUMNS = ["x0", "x1", "open", "high", "low", "close", "volume", "day", "ms", "ns"];
const STEPS = [1, 5, 15, 30, 60, 240, 1440];
const NAMES = ["1m", "5m", "15m", "30m", "1h", "4h", "1D"];
const MARGINS = { margin_top: 0.08, margin_bottom: 0.08, scale: "linear" as const };
const THEME = {
  name: "tradingview",
  dark: true,
  background: "#131722",
  text: "#b2b5be",
  grid: "#2a2e39",
  up: "#089981",
  down: "#f23645",
  border: "#2a2e39",
  accent: "#2962ff",
};

export class FakeKernel {
  #listeners = new Map<string, Set<Listener>>();
  #market = makeMarket(400_000);
  #window: [number, number] = [380_000, 381_200];
  #y: { top: number; bottom: number } | null = null;
  #anchors = new Map<
    number,
    { start: number; span: number; price: { top: number; bottom: number } }
  >();
  #size: ViewSize | null = null;
  #view = "";
  #seq = 0;
  #moving = false;
  #frame = 0;
  #busy = false;
  #again = false;
  #settings: Settings = {
    timeframe: "auto",
    chart_type: "candle",
    theme: "auto",
    price_scale: "linear",
    time_axis: "trading",
  };
  readonly sent: ToKernel[] = [];

  constructor(
    private readonly traits: Record<string, unknown>,
    public delayMs = 30,
  ) {}

  get(name: string): unknown {
    return this.traits[name];
  }

  on(name: string, listener: Listener): void {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name)!.add(listener);
  }

  off(name: string, listener: Listener): void {
    this.#listeners.get(name)?.delete(listener);
  }

  emit(name: string, ...args: unknown[]): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(...(args as never[]));
  }

  send(message: ToKernel): void {
    this.sent.push(message);
    setTimeout(() => this.#take(message), this.delayMs / 2);
  }

  #take(message: ToKernel): void {
    const whole = this.#market.start.length * 1.03;
    switch (message.type) {
      case "hello":
      case "resize":
        this.#view = message.view;
        this.#size = message;
        this.#overview();
        break;
      case "look": {
        const anchor = this.#anchors.get(message.frame)!;
        this.#window = [
          anchor.start + message.x0 * anchor.span,
          anchor.start + message.x1 * anchor.span,
        ];
        const height = anchor.price.top - anchor.price.bottom;
        this.#y = message.y && {
          top: anchor.price.top - message.y[0] * height,
          bottom: anchor.price.top - message.y[1] * height,
        };
        break;
      }
      case "scrub":
        this.#window = [message.x0 * whole, message.x1 * whole];
        break;
      case "go": {
        const span = this.#window[1] - this.#window[0];
        if (message.where === "fit") this.#window = [0, whole];
        else if (message.where === "start") this.#window = [0, span];
        else this.#window = [whole - span, whole];
        break;
      }
      case "set":
        this.#settings = { ...this.#settings, [message.name]: message.value };
        break;
      default:
        return;
    }
    if ("seq" in message) this.#seq = message.seq;
    this.#moving = "moving" in message && message.moving;
    void this.#push();
  }

  async #push(): Promise<void> {
    this.#again = true;
    if (this.#busy) return;
    this.#busy = true;
    while (this.#again) {
      this.#again = false;
      const [content, buffers] = await this.#render();
      await new Promise((done) => setTimeout(done, this.delayMs / 2));
      this.emit("msg:custom", content, buffers);
    }
    this.#busy = false;
  }

  async #render(): Promise<[FrameMessage, DataView[]]> {
    const size = this.#size!;
    const moving = this.#moving;
    const ratio = moving ? Math.min(size.ratio, 1) : size.ratio;
    const overscan = moving ? 0.1 : 0.5;
    const px = (css: number) => Math.round(css * ratio);
    const [priceW, timeH, height] = [px(64), px(26), px(size.height)];
    const visible = px(size.width) - priceW;
    const aside = Math.round(visible * overscan);
    const plotW = visible + 2 * aside;
    const volumeH = Math.round((height - timeH) * 0.2);
    const plotH = height - timeH - volumeH;
    const perPx = (this.#window[1] - this.#window[0]) / visible;
    const start = this.#window[0] - aside * perPx;
    const found = STEPS.findIndex((step) => step / perPx >= 5 * ratio);
    const step = STEPS[found < 0 ? STEPS.length - 1 : found]!;
    const bars = merged(this.#market, start, start + plotW * perPx, step);
    const x = (at: number) => (at - start) / perPx;
    const table = this.#table(bars, x, step);
    const description = {
      kind: "bars" as const,
      n: bars.start.length,
      base: bars.close[0] ?? 0,
      columns: COLUMNS,
      time_format: step >= 1440 ? ("day" as const) : ("minute" as const),
    };
    const edges = this.#y ??
      autoscale(decodeReadout(description, table), [aside, aside + visible], MARGINS) ?? {
        top: 1,
        bottom: 0,
      };
    const price = { ...edges, decimals: 2, ...MARGINS };
    const canvas = new OffscreenCanvas(plotW + priceW, height);
    const to = canvas.getContext("2d")!;
    to.fillStyle = THEME.background;
    to.fillRect(0, 0, canvas.width, canvas.height);
    const row = (p: number) => Math.round(priceToFraction(price, p) * plotH);
    to.save();
    to.beginPath();
    to.rect(0, 0, plotW, plotH);
    to.clip();
    const body = Math.max(1, Math.floor((step / perPx) * 0.8));
    for (let i = 0; i < bars.start.length; i++) {
      const middle = Math.round(x(bars.start[i]! + step / 2));
      const [o, h, l, c] = [bars.open, bars.high, bars.low, bars.close].map((k) => row(k[i]!));
      to.fillStyle = c! <= o! ? THEME.up : THEME.down;
      to.fillRect(middle, h!, Math.max(1, Math.round(ratio)), l! - h! + 1);
      to.fillRect(middle - (body >> 1), Math.min(o!, c!), body, Math.abs(o! - c!) + 1);
    }
    to.restore();
    const most = Math.max(...bars.volume, 1);
    for (let i = 0; i < bars.start.length; i++) {
      const tall = (bars.volume[i]! / most) * volumeH * 0.9;
      to.fillStyle = bars.close[i]! >= bars.open[i]! ? "#0d5c55" : "#7f2a37";
      const middle = Math.round(x(bars.start[i]! + step / 2));
      to.fillRect(middle - (body >> 1), plotH + volumeH - tall, body, tall);
    }
    to.fillStyle = THEME.border;
    to.fillRect(0, plotH, canvas.width, 1);
    to.fillRect(0, plotH + volumeH, canvas.width, 1);
    to.fillRect(plotW, 0, 1, canvas.height);
    to.fillStyle = THEME.text;
    to.font = `${11.5 * ratio}px Roboto, sans-serif`;
    to.textBaseline = "middle";
    for (let k = 1; k < 8; k++) {
      const at = price.top - ((price.top - price.bottom) * k) / 8;
      to.fillText(at.toFixed(2), plotW + 7 * ratio, (plotH * k) / 8);
    }
    for (let k = 0; k < plotW; k += 90 * ratio) {
      to.fillText(`${Math.round(start + k * perPx)}`, k, height - timeH / 2);
    }
    const blob = await canvas.convertToBlob({ type: "image/webp", quality: 1 });
    this.#frame += 1;
    this.#anchors.set(this.#frame, { start, span: plotW * perPx, price });
    const whole = this.#market.start.length * 1.03;
    const content: FrameMessage = {
      type: "frame",
      view: this.#view,
      frame: this.#frame,
      epoch: 0,
      seq: this.#seq,
      moving,
      width: canvas.width,
      height,
      ratio,
      rects: {
        plot: [0, 0, plotW, plotH],
        volume: [0, plotH, plotW, volumeH],
        price: [plotW, 0, priceW, plotH],
        time: [0, plotH + volumeH, plotW, timeH],
      },
      window: [aside / plotW, (aside + visible) / plotW] as Span<Fraction>,
      autoscale: this.#y === null,
      price,
      scrub: [this.#window[0] / whole, this.#window[1] / whole],
      timeframe: NAMES[STEPS.indexOf(step)]!,
      chart_type: this.#settings.chart_type,
      bars: description,
      last: null,
      zone: "America/Chicago",
      theme: THEME,
      settings: this.#settings,
      status: "",
    };
    return [content, [new DataView(await blob.arrayBuffer()), table]];
  }

  #table(bars: Bars, x: (at: number) => number, step: number): DataView {
    const n = bars.start.length;
    const data = new DataView(new ArrayBuffer(n * COLUMNS.length * 4));
    const base = bars.close[0] ?? 0;
    for (let i = 0; i < n; i++) {
      const minutes = bars.start[i]!;
      const floats = [
        x(minutes),
        x(minutes + step),
        bars.open[i]! - base,
        bars.high[i]! - base,
        bars.low[i]! - base,
        bars.close[i]! - base,
        bars.volume[i]!,
      ];
      floats.forEach((value, k) => data.setFloat32((k * n + i) * 4, value, true));
      data.setInt32((7 * n + i) * 4, 19_000 + Math.floor(minutes / 1440), true);
      data.setInt32((8 * n + i) * 4, (minutes % 1440) * 60_000, true);
    }
    return data;
  }

  async #overview(): Promise<void> {
    const { scrubber, ratio } = this.#size!;
    const canvas = new OffscreenCanvas(scrubber.width * ratio, scrubber.height * ratio);
    const to = canvas.getContext("2d")!;
    to.fillStyle = THEME.background;
    to.fillRect(0, 0, canvas.width, canvas.height);
    to.strokeStyle = THEME.text;
    const { close } = this.#market;
    const [low, high] = [
      Math.min(...close.filter((_, i) => i % 50 === 0)),
      Math.max(...close.filter((_, i) => i % 50 === 0)),
    ];
    to.beginPath();
    for (let px = 0; px < canvas.width / 1.03; px++) {
      const at = close[Math.floor((px / canvas.width) * close.length * 1.03)] ?? low;
      to.lineTo(px, canvas.height * (0.95 - (0.9 * (at - low)) / (high - low)));
    }
    to.stroke();
    const blob = await canvas.convertToBlob({ type: "image/webp", quality: 1 });
    const content = { type: "overview", view: this.#view, epoch: 0, ratio };
    this.emit("msg:custom", { ...content, width: canvas.width, height: canvas.height }, [
      new DataView(await blob.arrayBuffer()),
    ]);
  }
}
