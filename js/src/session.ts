// The conversation of one view with the kernel: what is sent when, and what a frame answers.

import { sameSpan, type Fraction, type HistoryFraction, type Span } from "./geometry";
import {
  PROTOCOL,
  type ExportFormat,
  type FrameMessage,
  type SettingName,
  type ToKernel,
  type ViewSize,
  type Where,
} from "./protocol";
import { Viewport, historyToWindow, windowToHistory, type FrameGeometry } from "./viewport";

export type Status = "live" | "waiting" | "disconnected" | "closed";

/** Looks without an answer at one time: one being drawn, one on its way. */
const MAX_UNANSWERED = 2;
/** After this long an unanswered look no longer holds back the next. */
const EXPIRY_MS = 1000;
/** A pause in the input this long asks for the settled frame. */
const SETTLE_MS = 120;
const WAITING_MS = 5000;
/**
 * So long a drawn frame waits for a look, or a second frame, to be acknowledged with. A message costs both
 * sides time, and JupyterLab's toolbar most: the kernel answers each with "busy" and "idle".
 */
const ACK_DELAY_MS = 100;
/** Frames the kernel may have on their way. */
const MAX_OWED = 2;

export interface SessionEvents {
  /** Hand a message to the kernel; throws when there is none. */
  send(message: ToKernel): void;
  /** The wanted window changed: paint the held frame warped, soon. */
  changed(): void;
  status(status: Status): void;
}

/**
 * The newest input wins. A `look` (or `scrub`) is sent at the input, at most one per animation frame
 * and with at most two unanswered; what could not be sent goes with the next answer or the next
 * animation frame. When the input pauses, the same look is sent as settled.
 */
export class Session {
  readonly viewport = new Viewport();
  /** Inputs so far that change the view. */
  gestureSeq = 0;
  held: FrameGeometry | null = null;
  #status: Status = "live";
  #sentSeq = 0;
  #sentThisFrame = false;
  #unanswered: { seq: number; at: number }[] = [];
  /** The part of the history the scrubber asks for, while it is what was touched last. */
  #scrubbed: Span<HistoryFraction> | null = null;
  /** An input whose outcome only the kernel knows; looks wait for its frame. */
  #jumpSeq = 0;
  #jumpAt = 0;
  /** The newest drawn frame, while nothing sent has named it, and how many there are. */
  #owed: number | null = null;
  #owedFrames = 0;
  #ack: ReturnType<typeof setTimeout> | undefined;
  #settle: ReturnType<typeof setTimeout> | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly view: string,
    private readonly events: SessionEvents,
  ) {}

  get status(): Status {
    return this.#status;
  }

  hello(size: ViewSize, dark: boolean): void {
    this.#send({ type: "hello", protocol: PROTOCOL, view: this.view, ...size, dark });
    this.#awaitAnswer();
  }

  resize(size: ViewSize): void {
    this.#send({ type: "resize", view: this.view, ...size });
  }

  dark(dark: boolean): void {
    this.#send({ type: "dark", view: this.view, dark });
  }

  visible(visible: boolean): void {
    this.#send({ type: "visible", view: this.view, visible });
  }

  export(request: string, format: ExportFormat): void {
    this.#send({ type: "export", view: this.view, request, format });
  }

  /** Want another window, in fractions of the held frame. */
  look(x: Span<Fraction>, y: Span<Fraction> | null): void {
    if (this.held === null) return;
    this.#scrubbed = null;
    this.#moveTo(x, y);
  }

  /** Want a part of the whole history. */
  scrub(history: Span<HistoryFraction>): void {
    if (this.held === null) return;
    this.#scrubbed = history;
    this.#moveTo(historyToWindow(this.held, history), this.viewport.y);
  }

  /** The part of the whole history that is wanted now. */
  history(): Span<HistoryFraction> | null {
    if (this.#scrubbed !== null) return this.#scrubbed;
    return this.held === null ? null : windowToHistory(this.held, this.viewport.x);
  }

  go(where: Where): void {
    const seq = this.#jump();
    this.#send({ type: "go", view: this.view, seq, where });
    this.events.changed();
  }

  set(name: SettingName, value: string): void {
    const seq = this.#jump();
    this.#send({ type: "set", view: this.view, seq, name, value });
    this.events.changed();
  }

  /** Call once per animation frame, before painting. */
  animationFrame(): void {
    this.#sentThisFrame = false;
    this.#flush();
  }

  /** A frame has been drawn and takes the place of the held one. */
  hold(frame: FrameMessage): void {
    const previous = this.held;
    const pending = this.gestureSeq > frame.seq;
    this.viewport.rebase(previous, frame, pending);
    this.held = frame;
    if (!pending) this.#scrubbed = null;
    this.#unanswered = this.#unanswered.filter((sent) => sent.seq > frame.seq);
    if (frame.seq >= this.#jumpSeq) this.#jumpSeq = 0;
    // The kernel dropped what named the older epoch: say it again, under the new one.
    if (pending && previous !== null && previous.epoch !== frame.epoch) {
      this.#sentSeq = Math.min(this.#sentSeq, this.gestureSeq - 1);
    }
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#become("live");
    if (this.#unanswered.length > 0) this.#awaitAnswer();
    if (frame.implicit_acks) {
      this.#owed = frame.frame;
      this.#owedFrames += 1;
    } else this.acknowledge(frame.frame);
    this.#flush();
    if (this.#owedFrames >= MAX_OWED && this.#settle === undefined) this.#pay();
    else if (this.#owed !== null) this.#ack ??= setTimeout(() => this.#pay(), ACK_DELAY_MS);
  }

  /** A frame has been drawn or dropped: the kernel may send another. */
  acknowledge(frame: number): void {
    this.#send({ type: "ack", view: this.view, frame });
  }

  /** The kernel said, or its connection showed, that no more frames will come. */
  end(status: "disconnected" | "closed"): void {
    this.#become(status);
  }

  dispose(): void {
    clearTimeout(this.#ack);
    clearTimeout(this.#settle);
    clearTimeout(this.#patience);
    this.#send({ type: "bye", view: this.view });
  }

  #moveTo(x: Span<Fraction>, y: Span<Fraction> | null): void {
    if (!x.every(Number.isFinite) || !(x[1] > x[0])) return;
    if (sameSpan(this.viewport.x, x) && sameSpan(this.viewport.y, y)) return;
    this.viewport.x = x;
    this.viewport.y = y;
    this.gestureSeq += 1;
    this.#settleLater();
    this.#flush();
    this.events.changed();
  }

  #settleLater(): void {
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      this.#settle = undefined;
      this.#sendWanted(false);
    }, SETTLE_MS);
  }

  #pay(): void {
    if (this.#owed !== null) this.acknowledge(this.#owed);
    this.#settleDebt();
  }

  #settleDebt(): void {
    clearTimeout(this.#ack);
    this.#ack = undefined;
    this.#owed = null;
    this.#owedFrames = 0;
  }

  #jump(): number {
    if (this.gestureSeq !== this.#sentSeq) this.#sendWanted(true);
    this.gestureSeq += 1;
    this.viewport.mark(this.gestureSeq);
    this.#scrubbed = null;
    this.#sentSeq = this.gestureSeq;
    this.#jumpSeq = this.gestureSeq;
    this.#jumpAt = performance.now();
    clearTimeout(this.#settle);
    this.#settle = undefined;
    this.#awaitAnswer();
    return this.gestureSeq;
  }

  #flush(): void {
    if (this.gestureSeq === this.#sentSeq || this.#sentThisFrame) return;
    const oldest = performance.now() - EXPIRY_MS;
    this.#unanswered = this.#unanswered.filter((sent) => sent.at > oldest);
    if (this.#unanswered.length >= MAX_UNANSWERED) return;
    this.#sendWanted(true);
  }

  #sendWanted(moving: boolean): void {
    const held = this.held;
    if (held === null) return;
    if (this.#jumpSeq > 0 && performance.now() - this.#jumpAt < EXPIRY_MS) return;
    const seq = this.gestureSeq;
    this.viewport.mark(seq);
    const common = { view: this.view, seq, epoch: held.epoch, frame: held.frame, moving };
    const { x, y } = this.viewport;
    if (this.#scrubbed !== null) {
      const [x0, x1] = this.#scrubbed;
      this.#send({ type: "scrub", ...common, x0, x1 });
    } else {
      this.#send({ type: "look", ...common, x0: x[0], x1: x[1], y });
    }
    this.#settleDebt();
    this.#sentSeq = seq;
    this.#sentThisFrame = true;
    if (moving && this.#settle === undefined) this.#settleLater();
    this.#unanswered.push({ seq, at: performance.now() });
    this.#awaitAnswer();
  }

  #awaitAnswer(): void {
    this.#patience ??= setTimeout(() => {
      if (this.#status === "live") this.#become("waiting");
    }, WAITING_MS);
  }

  #send(message: ToKernel): void {
    if (this.#status === "closed") return;
    try {
      this.events.send(message);
    } catch {
      this.#become("disconnected");
    }
  }

  #become(status: Status): void {
    if (status === this.#status || this.#status === "closed") return;
    this.#status = status;
    this.events.status(status);
  }
}
