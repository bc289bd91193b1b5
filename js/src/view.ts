// One view of a chart: its elements, and what each event does to them.

import type { AnyModel } from "@anywidget/types";

import type { HeldFrame } from "./canvas";
import { Connection } from "./connection";
import { element, setText } from "./dom";
import { download } from "./download";
import { FrameDecoder, decodePicture } from "./frames";
import { Gestures, type ChartActions, type Zone } from "./gestures";
import type { Css, Size } from "./geometry";
import { listenToKeys } from "./keys";
import { all, listen, type Removal } from "./listen";
import { messageFor, type ExportFormat, type OverviewMessage, type ViewSize } from "./protocol";
import { Scrubber } from "./scrubber";
import { Session, type Status } from "./session";
import { Stage } from "./stage";
import { applyTheme, pageIsDark, watchDark } from "./theme";
import { Toolbar } from "./toolbar";
import { watchSize, watchVisible } from "./watch";
import { panned, zoomed } from "./warp";
import { Wheel } from "./wheel";

const DEFAULT_HEIGHT: Css = 520;
/** Zooming out ends where all is visible, or the window is this many histories wide. */
const WIDEST = 1.9;

const STATUS_TEXT: Readonly<Record<Status, string>> = {
  live: "",
  waiting: "waiting for the kernel",
  disconnected: "The kernel is gone. Run the cell again.",
  closed: "This chart was closed. Run the cell again.",
};

/** What the toolbar says to a frame's status. */
const NOTES: Readonly<Record<string, string>> = { compiling: "compiling for the first use" };

export class ChartView implements ChartActions {
  readonly element: HTMLElement;
  #area = element("div", "kf-area");
  #error = element("div", "kf-error", { role: "alert" });
  #state = element("div", "kf-state", { role: "status" });
  #stage = new Stage();
  #toolbar: Toolbar;
  #scrubber: Scrubber;
  #session: Session;
  #decoder: FrameDecoder;
  #connection: Connection;
  #pointer: { x: Css; y: Css } | null = null;
  #size: ViewSize | null = null;
  #visible = true;
  #overviews = 0;
  #exports = 0;
  #scheduled = 0;
  #warpDue = false;
  #disposed = false;
  #removals: Removal;

  constructor(private readonly model: AnyModel) {
    const id = crypto.randomUUID?.() ?? `v${Math.random().toString(36).slice(2)}`;
    this.#session = new Session(id, {
      send: (message) => this.#connection.send(message),
      changed: () => this.#changed(),
      status: (status) => this.#showStatus(status),
    });
    this.#connection = new Connection(model, {
      message: (content, buffers) => this.#receive(content, buffers),
      lost: () => this.#session.end("disconnected"),
    });
    this.#decoder = new FrameDecoder({
      ready: (frame) => this.#hold(frame),
      dropped: (frame, reason) => {
        this.#session.acknowledge(frame);
        if (reason !== undefined) this.#showError(reason);
      },
    });
    this.#toolbar = new Toolbar({
      set: (name, value) => this.#session.set(name, value),
      export: (format) => this.#export(format),
      autoscale: () => this.autoscale(),
      fit: () => this.go("fit"),
    });
    this.#scrubber = new Scrubber((history) => this.#session.scrub(history));
    this.#area.append(...this.#stage.elements, this.#state, this.#error);
    this.element = element(
      "div",
      "kf-widget",
      {
        tabindex: "0",
        role: "application",
        "aria-label": "Price chart",
        "data-lm-suppress-shortcuts": "true",
        "data-gesture-seq": "0",
        "data-warp-seq": "0",
        "data-frame-seq": "-1",
        "data-frame": "",
        "data-status": "live",
      },
      [this.#toolbar.element, this.#area, this.#scrubber.element],
    );
    this.element.dataset.dark = String(pageIsDark());
    this.#applyHeight();
    this.#removals = this.#wire();
  }

  #wire(): Removal {
    const applyHeight = () => this.#applyHeight();
    this.model.on("change:height", applyHeight);
    return all([
      () => this.model.off("change:height", applyHeight),
      this.#connection.dispose,
      this.#toolbar.dispose,
      this.#scrubber.dispose,
      new Gestures(this.#area, this).dispose,
      new Wheel(this.#area, this).dispose,
      listenToKeys(this.element, this),
      listen(this.#error, "click", () => this.#showError("")),
      watchSize(this.#area, this.#scrubber.element, (size) => this.#resize(size)),
      watchVisible(this.element, (visible) => this.#show(visible)),
      watchDark((dark) => {
        this.element.dataset.dark = String(dark);
        this.#session.dark(dark);
      }),
    ]);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    cancelAnimationFrame(this.#scheduled);
    this.#session.dispose();
    this.#decoder.dispose();
    this.#removals();
    this.#stage.dispose();
    this.element.remove();
  }

  // What a person does

  zoneAt(x: Css, y: Css): Zone {
    return this.#stage.zoneAt(x, y);
  }

  plotSize(): Size<Css> {
    return this.#stage.plotSize();
  }

  pan(x: number, y: number): void {
    const { viewport } = this.#session;
    const manual = viewport.y;
    this.#session.look(
      panned(viewport.x, x),
      manual !== null && y !== 0 ? panned(manual, y) : manual,
    );
  }

  zoom(factor: number, anchor: number): void {
    const { viewport } = this.#session;
    this.#session.look(zoomed(viewport.x, factor, anchor), viewport.y);
  }

  scalePrice(factor: number): void {
    const { viewport } = this.#session;
    this.#session.look(viewport.x, zoomed(viewport.y ?? this.#stage.shown.y, factor, 0.5));
  }

  autoscale(): void {
    this.#session.look(this.#session.viewport.x, null);
  }

  go(where: "fit" | "start" | "end"): void {
    this.#session.go(where);
  }

  canZoomOut(): boolean {
    const history = this.#session.history();
    if (history === null) return false;
    const [start, stop] = history;
    return !(start <= 0 && stop >= 1) && stop - start < WIDEST;
  }

  point(at: { x: Css; y: Css } | null): void {
    this.#pointer = at;
    this.#schedule();
  }

  #export(format: ExportFormat): void {
    this.#exports += 1;
    this.#session.export(`${this.#session.view}-${this.#exports}`, format);
    this.#toolbar.note("exporting");
  }

  // What the kernel says

  #receive(content: unknown, buffers: readonly DataView[]): void {
    const message = messageFor(this.#session.view, content);
    switch (message?.type) {
      case "frame":
        void this.#decoder.decode(message, buffers);
        break;
      case "overview":
        void this.#drawOverview(message, buffers);
        break;
      case "file":
        if (!message.request.startsWith(this.#session.view) || buffers[0] === undefined) break;
        this.#toolbar.note("");
        download(message.name, message.mime, buffers[0] as DataView<ArrayBuffer>);
        break;
      case "error":
        this.#toolbar.note("");
        this.#showError(message.message);
        break;
      case "closed":
        this.#session.end("closed");
    }
  }

  async #drawOverview(message: OverviewMessage, [picture]: readonly DataView[]): Promise<void> {
    if (picture === undefined) return;
    this.#overviews += 1;
    const mine = this.#overviews;
    const bitmap = await decodePicture(picture);
    if (!this.#disposed && mine === this.#overviews) this.#scrubber.drawOverview(bitmap, message);
    bitmap.close();
  }

  #hold(frame: HeldFrame): void {
    const { message } = frame;
    this.#stage.hold(frame);
    this.#session.hold(message);
    applyTheme(this.element, message.theme);
    this.#draw();
    this.element.dataset.frameSeq = String(message.seq);
    this.element.dataset.frame = String(message.frame);
    this.#toolbar.show(message);
    const linear = message.settings.price_scale === "log" && message.price.scale === "linear";
    const status = NOTES[message.status] ?? message.status;
    this.#toolbar.note(status || (linear ? "log needs prices above 0" : ""));
    this.#showError("");
    this.#stage.point(this.#pointer);
    if (!message.moving) {
      this.element.setAttribute("aria-label", `Price chart, ${this.#stage.describe()}`);
    }
  }

  // What is shown

  #changed(): void {
    this.element.dataset.gestureSeq = String(this.#session.gestureSeq);
    this.#warpDue = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled !== 0 || this.#disposed) return;
    this.#scheduled = requestAnimationFrame(() => {
      this.#scheduled = 0;
      this.#paint();
    });
  }

  #paint(): void {
    this.#session.animationFrame();
    if (this.#warpDue) {
      this.#warpDue = false;
      this.#draw();
      this.element.dataset.warpSeq = String(this.#session.gestureSeq);
    }
    this.#stage.point(this.#pointer);
  }

  #draw(): void {
    const { viewport } = this.#session;
    this.#stage.draw(viewport);
    this.#toolbar.showAutoscale(viewport.y === null);
    const history = this.#session.history();
    if (history !== null) this.#scrubber.show(history);
  }

  #showStatus(status: Status): void {
    this.element.dataset.status = status;
    setText(this.#state, STATUS_TEXT[status]);
  }

  #showError(message: string): void {
    setText(this.#error, message);
  }

  // What the page does

  #applyHeight(): void {
    const height: unknown = this.model.get("height");
    this.element.style.height = `${typeof height === "number" && height > 0 ? height : DEFAULT_HEIGHT}px`;
  }

  #resize(size: ViewSize): void {
    const first = this.#size === null;
    this.#size = size;
    this.#stage.resize(size, size.ratio);
    this.#scrubber.resize(size.scrubber.width);
    this.#draw();
    if (first) {
      this.#session.hello(size, pageIsDark());
      if (!this.#visible) this.#session.visible(false);
    } else {
      this.#session.resize(size);
    }
  }

  #show(visible: boolean): void {
    if (visible === this.#visible) return;
    this.#visible = visible;
    if (this.#size !== null) this.#session.visible(visible);
  }
}
