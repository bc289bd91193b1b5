// Wheel and trackpad: zoom at the pointer, pan sideways, and leave the page's own scrolling alone.

import type { Css } from "./geometry";
import type { ChartActions } from "./gestures";
import { all, listen, type Removal } from "./listen";

const ZOOM_PER_PX = 0.0018;
/** Browsers report a pinch as a wheel with ctrl, in much smaller steps. */
const PINCH_PER_PX = 0.01;
const LINE_PX = 16;
/** One event moves no farther than this: a free-spinning wheel reports thousands. */
const MAX_STEP_PX = 240;
/** Wheel events closer together than this belong to one turn of the wheel. */
const SAME_TURN_MS = 200;
/** A pointer that meets the chart so soon after a scroll was carried there by it. */
const CARRIED_MS = 300;

/** Safari's trackpad pinch. */
interface GestureEvent extends MouseEvent {
  readonly scale: number;
}

/**
 * The wheel acts once the pointer has come to the chart by the person's own move or press, not when
 * the page's scrolling carried the chart under it; and a turn that scrolls the page goes on doing so.
 */
export class Wheel {
  readonly dispose: Removal;
  #armed = false;
  #scrolledAt = -Infinity;
  #passedAt = -Infinity;
  #pinchScale = 1;

  constructor(
    private readonly area: HTMLElement,
    private readonly actions: ChartActions,
  ) {
    const active = { passive: false };
    this.dispose = all([
      listen(area, "wheel", (event) => this.#turn(event), active),
      listen(area, "pointerenter", (event) => this.#arrive(event)),
      listen(area, "pointermove", (event) => this.#arrive(event)),
      listen(area, "pointerdown", () => (this.#armed = true)),
      listen(area, "pointerleave", () => (this.#armed = false)),
      listen(document, "scroll", () => (this.#scrolledAt = performance.now()), {
        capture: true,
        passive: true,
      }),
      listen(area, "gesturestart", (event) => this.#pinch(event as GestureEvent, true), active),
      listen(area, "gesturechange", (event) => this.#pinch(event as GestureEvent, false), active),
    ]);
  }

  #arrive(event: PointerEvent): void {
    const scrolling = performance.now() - Math.max(this.#scrolledAt, this.#passedAt) < CARRIED_MS;
    if (!scrolling && event.pointerType !== "touch") this.#armed = true;
  }

  #turn(event: WheelEvent): void {
    const now = performance.now();
    const pinch = event.ctrlKey;
    const goesOn = now - this.#passedAt < SAME_TURN_MS;
    if (!pinch && (!this.#armed || goesOn || !this.#act(event))) {
      this.#passedAt = now;
      return;
    }
    if (pinch) this.#act(event);
    event.preventDefault();
    event.stopPropagation();
  }

  /** Do what the wheel asks; false when the chart has no use for it. */
  #act(event: WheelEvent): boolean {
    const { width, height } = this.actions.plotSize();
    const unit = event.deltaMode === 1 ? LINE_PX : event.deltaMode === 2 ? height : 1;
    let across = step(event.deltaX * unit);
    let down = step(event.deltaY * unit);
    if (event.shiftKey && across === 0) [across, down] = [down, 0];
    if (Math.abs(across) > Math.abs(down)) {
      this.actions.pan(across / width, 0);
      return true;
    }
    if (down === 0) return true;
    const factor = Math.exp(down * (event.ctrlKey ? PINCH_PER_PX : ZOOM_PER_PX));
    return this.#zoom(event, factor);
  }

  #zoom(event: MouseEvent, factor: number): boolean {
    const box = this.area.getBoundingClientRect();
    const x: Css = event.clientX - box.left;
    const y: Css = event.clientY - box.top;
    if (this.actions.zoneAt(x, y) === "price") {
      this.actions.scalePrice(factor);
      return true;
    }
    if (factor > 1 && !this.actions.canZoomOut()) return false;
    this.actions.zoom(factor, Math.min(x / this.actions.plotSize().width, 1));
    return true;
  }

  #pinch(event: GestureEvent, start: boolean): void {
    event.preventDefault();
    if (!start && event.scale > 0) this.#zoom(event, this.#pinchScale / event.scale);
    this.#pinchScale = start ? 1 : event.scale;
  }
}

function step(px: number): number {
  return Math.max(-MAX_STEP_PX, Math.min(px, MAX_STEP_PX));
}
