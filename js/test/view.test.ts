// @vitest-environment jsdom
import type { AnyModel } from "@anywidget/types";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import widget from "../src/index";
import type { FrameMessage, Look, ToKernel } from "../src/protocol";
import fromKernel from "../../tests/fixtures/protocol/from_kernel.json";
import { FRAME, bytesOf } from "./frames";
import { FakeModel, drawn, listeners, makePage, observers, pointer, setIntersecting } from "./page";

let model: FakeModel;
let host: HTMLElement;
let dispose: () => void;

const root = () => host.querySelector<HTMLElement>(".kf-widget")!;
const area = () => host.querySelector<HTMLElement>(".kf-area")!;
const types = () => model.sent.map((message) => message.type);
const last = <T extends ToKernel>() => model.sent.at(-1) as T;

function show(): void {
  host = document.createElement("div");
  document.body.append(host);
  dispose = widget.render({ model: model as unknown as AnyModel, el: host });
}

async function frame(changes: Partial<FrameMessage> = {}): Promise<void> {
  const { view } = model.sent[0] as { view: string };
  const readout = new DataView(bytesOf(fromKernel.readout_hex).buffer);
  model.emit("msg:custom", { ...FRAME, view, ...changes }, [
    new DataView(new ArrayBuffer(8)),
    readout,
  ]);
  await vi.advanceTimersByTimeAsync(0);
}

beforeEach(() => {
  vi.useFakeTimers();
  makePage();
  model = new FakeModel();
  show();
});

afterEach(() => {
  dispose();
  document.body.replaceChildren();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("a view", () => {
  it("says why a logarithmic scale is not", async () => {
    const settings = { ...FRAME.settings, price_scale: "log" };
    const note = () => root().querySelector(".kf-note")!.textContent;
    await frame({ settings });
    expect(note()).toBe("log needs prices above 0");
    await frame({ settings, frame: 4, price: { ...FRAME.price, scale: "log" } });
    expect(note()).toBe("");
    await frame({ settings, frame: 5, status: "compiling" });
    expect(note()).toBe("compiling for the first use");
  });

  it("greets with its size and ratio", () => {
    expect(model.sent).toEqual([
      {
        type: "hello",
        protocol: 1,
        view: expect.any(String) as string,
        width: 132,
        height: 150,
        ratio: 2,
        scrubber: { width: 132, height: 150 },
        dark: false,
      },
    ]);
    expect(root().style.height).toBe("520px");
  });

  it("draws an exact frame px to px, says so and acknowledges it", async () => {
    await frame();
    expect(root().dataset).toMatchObject({ frameSeq: "0", frame: "3", status: "live" });
    expect(last()).toMatchObject({ type: "ack", frame: 3 });
    // plot, volume, price axis, time axis, corner
    expect(drawn).toHaveBeenCalledTimes(5);
    expect(drawn.mock.calls[0]!.slice(1)).toEqual([100, 0, 200, 200, 0, 0, 200, 200]);
    expect(root().getAttribute("aria-label")).toContain("5m, last visible Wed 31 Dec 1969");
  });

  it("ignores frames of other views and older frames", async () => {
    await frame({ frame: 5 });
    await frame({ frame: 4 });
    await frame({ view: "another", frame: 6 });
    expect(root().dataset.frame).toBe("5");
    const acks = model.sent.filter((message) => message.type === "ack");
    expect(acks.map((ack) => ack.frame)).toEqual([5, 4]);
  });

  it("answers a drag at once and counts it", async () => {
    await frame();
    drawn.mockClear();
    pointer(area(), "pointerdown", 80, 40);
    pointer(area(), "pointermove", 60, 40);
    expect(root().dataset).toMatchObject({ gestureSeq: "1", warpSeq: "0", frameSeq: "0" });
    // 20 CSS px of a plot 100 CSS px wide, which shows half of the frame's plot.
    expect(last<Look>()).toMatchObject({ type: "look", seq: 1, frame: 3, x0: 0.35, x1: 0.85 });
    vi.advanceTimersToNextFrame();
    expect(root().dataset.warpSeq).toBe("1");
    // The bars that came into view scale the prices: the height is no longer px to px.
    expect(drawn.mock.calls[0]!.slice(1, 2)).toEqual([140]);
    pointer(area(), "pointerup", 60, 40);
    pointer(area(), "pointermove", 50, 40);
    expect(root().dataset.gestureSeq).toBe("1");
    await frame({ frame: 4, seq: 1 });
    expect(root().dataset.frameSeq).toBe("1");
  });

  it("scales prices by their axis until it is double-clicked", async () => {
    await frame();
    pointer(area(), "pointerdown", 120, 40);
    pointer(area(), "pointermove", 125, 60);
    const { x0, x1, y } = last<Look>();
    expect([x0, x1]).toEqual(FRAME.window);
    expect(y![1] - y![0]).toBeCloseTo(Math.exp(0.2 * 2.5), 9);
    pointer(area(), "pointerup", 125, 60);
    vi.advanceTimersToNextFrame();
    pointer(area(), "dblclick", 125, 60);
    expect(last<Look>().y).toBeNull();
    pointer(area(), "dblclick", 40, 40);
    expect(last()).toMatchObject({ type: "go", where: "fit" });
  });

  it("takes keys when it has the focus itself", async () => {
    await frame();
    const press = (target: Element, key: string) =>
      target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    expect(press(root(), "ArrowRight")).toBe(false);
    expect(last<Look>().x0).toBeCloseTo(0.3, 12);
    expect(press(root(), "x")).toBe(true);
    expect(press(host.querySelector("button")!, "ArrowRight")).toBe(true);
    expect(root().dataset.gestureSeq).toBe("1");
    press(root(), "End");
    expect(last()).toMatchObject({ type: "go", where: "end", seq: 2 });
  });

  it("sets what the toolbar offers", async () => {
    await frame();
    expect(host.querySelector(".kf-timeframe")!.textContent).toBe("auto · 5m");
    host.querySelector<HTMLElement>("[data-value='1h']")!.click();
    expect(last()).toMatchObject({ type: "set", name: "timeframe", value: "1h" });
    host.querySelector<HTMLElement>("[aria-label='Logarithmic price scale']")!.click();
    expect(last()).toMatchObject({ type: "set", name: "price_scale", value: "log" });
    host.querySelector<HTMLElement>("[data-value='parquet']")!.click();
    expect(last()).toMatchObject({ type: "export", format: "parquet" });
  });

  it("says when it is out of sight and when it is back", async () => {
    await frame();
    setIntersecting(false);
    expect(last()).toMatchObject({ type: "visible", visible: false });
    setIntersecting(true);
    expect(last()).toMatchObject({ type: "visible", visible: true });
    setIntersecting(true);
    expect(types().filter((type) => type === "visible")).toHaveLength(2);
  });

  it("shows errors until the next good frame", async () => {
    const error = host.querySelector<HTMLElement>(".kf-error")!;
    model.emit("msg:custom", { type: "error", view: null, message: "no ticks" }, []);
    expect(error.textContent).toBe("no ticks");
    await frame({ frame: 4 });
    expect(error.textContent).toBe("");
    const { view } = model.sent[0] as { view: string };
    model.emit("msg:custom", { ...FRAME, view, frame: 9 }, []);
    await vi.advanceTimersByTimeAsync(0);
    expect(error.textContent).toContain("needs 2 buffers");
    expect(last()).toMatchObject({ type: "ack", frame: 9 });
    expect(root().dataset.frame).toBe("4");
  });

  it("keeps the last frame when the kernel goes", async () => {
    await frame();
    model.emit("comm:close");
    expect(root().dataset).toMatchObject({ status: "disconnected", frame: "3" });
    expect(host.querySelector(".kf-state")!.textContent).toContain("Run the cell again");
    model.emit("msg:custom", { type: "closed" }, []);
    expect(root().dataset.status).toBe("closed");
  });

  it("lives without a kernel", async () => {
    await frame();
    model.dead = true;
    pointer(area(), "pointerdown", 80, 40);
    pointer(area(), "pointermove", 60, 40);
    vi.advanceTimersToNextFrame();
    expect(root().dataset).toMatchObject({ status: "disconnected", warpSeq: "1" });
  });

  it("takes its height from the trait", () => {
    model.height = 300;
    model.emit("change:height");
    expect(root().style.height).toBe("300px");
  });
});

describe("removal", () => {
  it("says goodbye and leaves no listener, observer, timer or element", async () => {
    dispose();
    document.body.replaceChildren();
    const [before, watching] = [listeners, observers];
    const handlers = model.handlers.length;
    model.sent.length = 0;
    show();
    await frame();
    pointer(area(), "pointerdown", 80, 40);
    pointer(area(), "pointermove", 60, 40);
    host.querySelector<HTMLElement>(".kf-button")!.click();
    expect(listeners).toBeGreaterThan(before + 10);
    dispose();
    dispose();
    expect(types().filter((type) => type === "bye")).toHaveLength(1);
    expect(last()).toMatchObject({ type: "bye" });
    expect([listeners, observers]).toEqual([before, watching]);
    expect(model.handlers).toHaveLength(handlers);
    expect(host.children).toHaveLength(0);
    vi.advanceTimersByTime(1); // jsdom's own, for moving the focus
    expect(vi.getTimerCount()).toBe(0);
  });

  it("follows the signal", () => {
    dispose();
    const abort = new AbortController();
    host = document.createElement("div");
    const { signal } = abort;
    dispose = widget.render({ model: model as unknown as AnyModel, el: host, signal });
    abort.abort();
    expect(last()).toMatchObject({ type: "bye" });
    expect(host.children).toHaveLength(0);
  });

  it("drops a frame that was still being decoded", async () => {
    const bitmap = { close: vi.fn() };
    vi.stubGlobal("createImageBitmap", () => Promise.resolve(bitmap));
    const decoding = frame();
    dispose();
    await decoding;
    expect(bitmap.close).toHaveBeenCalledOnce();
    expect(drawn).not.toHaveBeenCalled();
  });
});
