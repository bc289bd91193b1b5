import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { messageFor, type Look, type Scrub, type ToKernel, type ViewSize } from "../src/protocol";
import { Session, type Status } from "../src/session";
import fromKernel from "../../tests/fixtures/protocol/from_kernel.json";
import toKernel from "../../tests/fixtures/protocol/to_kernel.json";
import { FRAME, frameOf } from "./frames";

let sent: ToKernel[];
let statuses: Status[];
let session: Session;
let broken: boolean;

const looks = () => sent.filter((message): message is Look => message.type === "look");

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  statuses = [];
  broken = false;
  session = new Session("v1", {
    send(message) {
      if (broken) throw new Error("no kernel");
      sent.push(message);
    },
    changed: () => undefined,
    status: (status) => statuses.push(status),
  });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A frame has come and been drawn, `by` to the right of the fixture's window. */
function hold(frame: number, seq: number, changes = {}): void {
  session.hold(frameOf({ frame, seq, ...changes }));
}

describe("what is sent", () => {
  it("is what the fixtures say", () => {
    const [hello, resize] = toKernel.messages as unknown as [ViewSize, ViewSize];
    const size = ({ width, height, ratio, scrubber }: ViewSize): ViewSize => ({
      width,
      height,
      ratio,
      scrubber,
    });
    session.hello(size(hello), false);
    session.resize(size(resize));
    session.hold(FRAME);
    session.look([0.25, 0.75], null); // as it is: no input
    session.look([0.5, 1], null);
    vi.advanceTimersByTime(120);
    hold(4, 1);
    session.animationFrame();
    session.look([0.25, 0.75], [-0.5, 1.5]);
    session.animationFrame();
    session.scrub([0.5, 0.625]);
    session.go("end");
    session.set("theme", "classic");
    session.dark(true);
    session.export("v1-1", "parquet");
    session.visible(false);
    session.dispose();
    expect(sent).toEqual(toKernel.messages);
  });

  it("is nothing before the first frame, which gestures refer to", () => {
    session.look([0, 1], null);
    session.scrub([0, 1]);
    expect(sent).toEqual([]);
    expect(session.gestureSeq).toBe(0);
  });

  it("is never a window that is no window", () => {
    session.hold(FRAME);
    session.look([0.5, 0.5], null);
    session.look([0.5, NaN], null);
    session.look([-Infinity, Infinity], null);
    expect(session.gestureSeq).toBe(0);
  });
});

describe("the newest wins", () => {
  beforeEach(() => {
    session.hold(FRAME);
    sent = [];
  });

  it("one look per animation frame", () => {
    session.look([0.3, 0.8], null);
    session.look([0.4, 0.9], null);
    session.look([0.5, 1.0], null);
    expect(looks().map((look) => look.seq)).toEqual([1]);
    session.animationFrame();
    expect(looks().map((look) => [look.seq, look.x0])).toEqual([
      [1, 0.3],
      [3, 0.5],
    ]);
    session.animationFrame();
    expect(looks()).toHaveLength(2);
  });

  it("two looks unanswered; the next goes with the answer", () => {
    for (const x0 of [0.3, 0.4, 0.5, 0.6]) {
      session.look([x0, x0 + 0.5], null);
      session.animationFrame();
    }
    expect(looks().map((look) => look.seq)).toEqual([1, 2]);
    session.animationFrame();
    hold(4, 1, { window: [0.25, 0.75] });
    expect(looks().map((look) => look.seq)).toEqual([1, 2, 4]);
    const last = looks().at(-1)!;
    expect(last.frame).toBe(4);
    // 0.6 was 0.3 right of the look that the frame answers with its 0.25.
    expect(last.x0).toBeCloseTo(0.55, 12);
  });

  it("a lost look frees its slot in time", () => {
    for (const x0 of [0.3, 0.4]) {
      session.look([x0, x0 + 0.5], null);
      session.animationFrame();
    }
    vi.advanceTimersByTime(1200);
    sent = [];
    session.animationFrame();
    session.look([0.6, 1.1], null);
    expect(looks().map((look) => look.seq)).toEqual([3]);
  });

  it("asks for the settled frame when the input pauses, once", () => {
    session.look([0.3, 0.8], null);
    vi.advanceTimersByTime(100);
    session.animationFrame();
    session.look([0.4, 0.9], null);
    vi.advanceTimersByTime(119);
    expect(looks().map((look) => look.moving)).toEqual([true, true]);
    vi.advanceTimersByTime(1);
    expect(looks().map((look) => [look.seq, look.moving])).toEqual([
      [1, true],
      [2, true],
      [2, false],
    ]);
    vi.advanceTimersByTime(4000);
    expect(looks()).toHaveLength(3);
  });

  it("settles on the frame that is held by then", () => {
    session.look([0.3, 0.8], null);
    hold(4, 1, { window: [0.2, 0.7] });
    vi.advanceTimersByTime(120);
    expect(looks().at(-1)).toMatchObject({ frame: 4, x0: 0.2, x1: 0.7, moving: false });
  });

  it("scrubs in shares of the history, and looks again after the next drag", () => {
    session.scrub([0.5, 0.625]);
    expect(session.viewport.x).toEqual([1.75, 2.25]);
    expect(session.history()).toEqual([0.5, 0.625]);
    session.animationFrame();
    session.look([1.8, 2.3], null);
    expect(sent.map((message) => message.type)).toEqual(["scrub", "look"]);
    expect((sent[0] as Scrub).x0).toBe(0.5);
  });

  it("shows the kernel's part of the history once it has answered", () => {
    session.scrub([0.9, 1.025]);
    hold(4, 1, { scrub: [0.875, 1] });
    expect(session.history()).toEqual([0.875, 1]);
  });
});

describe("jumps", () => {
  beforeEach(() => {
    session.hold(FRAME);
    sent = [];
  });

  it("hold back looks until their frame has come", () => {
    session.go("end");
    session.animationFrame();
    session.look([0.3, 0.8], null);
    session.animationFrame();
    expect(sent.map((message) => message.type)).toEqual(["go"]);
    hold(4, 1, { epoch: 5, window: [0.5, 0.9] });
    expect(looks()).toHaveLength(1);
    const [look] = looks() as [Look];
    expect(look).toMatchObject({ seq: 2, frame: 4, epoch: 5, moving: true });
    expect(look.x0).toBeCloseTo(0.54, 12);
    vi.advanceTimersByTime(120);
    expect(looks().map((l) => l.moving)).toEqual([true, false]);
  });

  it("do not hold them back for ever", () => {
    session.go("end");
    vi.advanceTimersByTime(1500);
    session.animationFrame();
    session.look([0.3, 0.8], null);
    expect(looks()).toHaveLength(1);
  });

  it("take along a gesture that was not yet sent", () => {
    session.look([0.3, 0.8], null);
    session.look([0.4, 0.9], null);
    session.set("theme", "light");
    expect(sent.map((m) => ("seq" in m ? [m.type, m.seq] : []))).toEqual([
      ["look", 1],
      ["look", 2],
      ["set", 3],
    ]);
  });
});

describe("epochs", () => {
  it("say again under the new one what the kernel dropped", () => {
    session.hold(FRAME);
    session.look([0.3, 0.8], null);
    session.animationFrame();
    sent = [];
    hold(4, 0, { epoch: 9 });
    expect(looks()).toHaveLength(1);
    expect(looks()[0]).toMatchObject({ seq: 1, epoch: 9, frame: 4, x0: 0.3, x1: 0.8 });
  });
});

describe("frames", () => {
  it("are acknowledged", () => {
    session.hold(FRAME);
    session.acknowledge(2);
    expect(sent).toEqual([
      { type: "ack", view: "v1", frame: 3 },
      { type: "ack", view: "v1", frame: 2 },
    ]);
  });

  it("are acknowledged by the next look, where the kernel takes it for that", () => {
    session.hold(FRAME);
    sent = [];
    hold(4, 0, { implicit_acks: true });
    expect(sent).toEqual([]);
    session.look([0.3, 0.8], null);
    session.animationFrame();
    hold(5, 1, { implicit_acks: true });
    session.look([0.4, 0.9], null);
    vi.advanceTimersByTime(100);
    expect(sent.map((m) => ("frame" in m ? [m.type, m.frame] : []))).toEqual([
      ["look", 4],
      ["look", 5],
    ]);
    hold(6, 2, { implicit_acks: true });
    hold(7, 2, { implicit_acks: true });
    vi.advanceTimersByTime(100);
    expect(sent.slice(2).map((m) => ("frame" in m ? [m.type, m.frame] : []))).toEqual([
      ["look", 7],
    ]);
    hold(8, 2, { implicit_acks: true });
    vi.advanceTimersByTime(90);
    expect(sent).toHaveLength(3);
    vi.advanceTimersByTime(10);
    expect(sent.at(-1)).toEqual({ type: "ack", view: "v1", frame: 8 });
    vi.advanceTimersByTime(1000);
    expect(sent).toHaveLength(4);
  });

  it("that nobody asked for are acknowledged in pairs", () => {
    session.hold(FRAME);
    sent = [];
    for (const frame of [4, 5, 6, 7]) {
      hold(frame, 0, { implicit_acks: true });
      vi.advanceTimersByTime(50);
    }
    expect(sent).toEqual([
      { type: "ack", view: "v1", frame: 5 },
      { type: "ack", view: "v1", frame: 7 },
    ]);
    vi.advanceTimersByTime(1000);
    expect(sent).toHaveLength(2);
  });

  it("for others are not ours", () => {
    expect(messageFor("v1", fromKernel.frame)).toBe(fromKernel.frame);
    expect(messageFor("v2", fromKernel.frame)).toBeNull();
    const kinds = fromKernel.others.map((message) => messageFor("v1", message)?.type);
    expect(kinds).toEqual(["overview", "file", "error", "error", "closed"]);
    expect(messageFor("v2", fromKernel.others[2])?.type).toBe("error");
    for (const odd of [null, 3, "frame", [], {}, { type: 7 }, { type: "other" }]) {
      expect(messageFor("v1", odd)).toBeNull();
    }
  });
});

describe("status", () => {
  const size = toKernel.messages[1] as unknown as ViewSize;

  it("waits when nothing is answered for 5 s, and lives again with a frame", () => {
    session.hello(size, false);
    vi.advanceTimersByTime(4999);
    expect(statuses).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(statuses).toEqual(["waiting"]);
    session.hold(FRAME);
    expect(statuses).toEqual(["waiting", "live"]);
    vi.advanceTimersByTime(60_000);
    expect(statuses).toEqual(["waiting", "live"]);
  });

  it("survives a dead line", () => {
    session.hold(FRAME);
    broken = true;
    session.look([0.3, 0.8], null);
    session.dispose();
    expect(statuses).toEqual(["disconnected"]);
  });

  it("closed stays closed", () => {
    session.hold(FRAME);
    session.end("closed");
    hold(4, 0);
    session.end("disconnected");
    expect(statuses).toEqual(["closed"]);
    sent = [];
    session.look([0.3, 0.8], null);
    expect(sent).toEqual([]);
    expect(session.viewport.x).toEqual([0.3, 0.8]);
  });
});
