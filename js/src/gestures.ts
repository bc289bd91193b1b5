// Pointers on the chart: dragging, pinching, double clicks, and the pointer's place for the crosshair.

import type { Css, Size } from "./geometry";
import { all, listen, type Removal } from "./listen";
import type { Where } from "./protocol";

export type Zone = "plot" | "volume" | "price" | "time" | "corner";

/** What a person can do to the view. Shares are of the visible plot's width or height. */
export interface ChartActions {
  zoneAt(x: Css, y: Css): Zone;
  plotSize(): Size<Css>;
  /** Move the window: positive x towards later times, positive y towards lower prices. */
  pan(x: number, y: number): void;
  /** Make the window `factor` times as wide about `anchor`: 0 left edge, 1 right edge. */
  zoom(factor: number, anchor: number): void;
  /** Make the price range `factor` times as high about its middle. */
  scalePrice(factor: number): void;
  autoscale(): void;
  go(where: Where): void;
  /** Whether a factor above 1 can still show more. */
  canZoomOut(): boolean;
  /** The pointer is here; null: no crosshair. */
  point(at: { x: Css; y: Css } | null): void;
}

/** Dragging an axis by its whole length scales by e to this power. */
const AXIS_DRAG_RATE = 2.5;

interface Pointer {
  x: Css;
  y: Css;
}

export class Gestures {
  #pointers = new Map<number, Pointer>();
  #zone: Zone = "plot";
  #box: { readonly left: Css; readonly top: Css } = { left: 0, top: 0 };
  readonly dispose: Removal;

  constructor(
    private readonly area: HTMLElement,
    private readonly actions: ChartActions,
  ) {
    this.dispose = all([
      listen(area, "pointerdown", (event) => this.#down(event)),
      listen(area, "pointermove", (event) => this.#move(event)),
      listen(area, "pointerup", (event) => this.#up(event)),
      listen(area, "pointercancel", (event) => this.#up(event)),
      listen(area, "pointerleave", (event) => {
        if (event.pointerType !== "touch") actions.point(null);
      }),
      listen(area, "dblclick", (event) => this.#double(event)),
    ]);
  }

  /** Where the pointer is on the area, which stays where it was pressed while it is dragged. */
  #place(event: MouseEvent): Pointer {
    if (this.#pointers.size === 0) this.#box = this.area.getBoundingClientRect();
    return { x: event.clientX - this.#box.left, y: event.clientY - this.#box.top };
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const at = this.#place(event);
    if (this.#pointers.size === 0) this.#zone = this.actions.zoneAt(at.x, at.y);
    this.#pointers.set(event.pointerId, at);
    this.area.setPointerCapture(event.pointerId);
    this.area.dataset.dragging = this.#zone;
    if (event.pointerType === "touch") this.actions.point(at);
  }

  #move(event: PointerEvent): void {
    const at = this.#place(event);
    const before = this.#pointers.get(event.pointerId);
    if (before === undefined) {
      if (event.pointerType === "touch") return;
      this.area.dataset.zone = this.actions.zoneAt(at.x, at.y);
      this.actions.point(at);
      return;
    }
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, at);
    if (other === undefined) this.#drag(before, at);
    else this.#pinch(other, before, at);
    this.actions.point(event.pointerType === "touch" ? null : at);
  }

  #drag(from: Pointer, to: Pointer): void {
    const { width, height } = this.actions.plotSize();
    const right = (to.x - from.x) / width;
    const down = (to.y - from.y) / height;
    if (right === 0 && down === 0) return;
    if (this.#zone === "price") {
      if (down !== 0) this.actions.scalePrice(Math.exp(down * AXIS_DRAG_RATE));
    } else if (this.#zone === "time") {
      if (right !== 0) this.actions.zoom(Math.exp(-right * AXIS_DRAG_RATE), 1);
    } else if (this.#zone !== "corner") {
      this.actions.pan(-right, this.#zone === "plot" ? -down : 0);
    }
  }

  /** Two fingers: their distance zooms, their middle pans. */
  #pinch(fixed: Pointer, from: Pointer, to: Pointer): void {
    const { width } = this.actions.plotSize();
    const before = Math.hypot(from.x - fixed.x, from.y - fixed.y);
    const after = Math.hypot(to.x - fixed.x, to.y - fixed.y);
    const middle = (to.x + fixed.x) / 2;
    if (to.x !== from.x) this.actions.pan(-(to.x - from.x) / 2 / width, 0);
    if (before > 0 && after > 0 && before !== after) {
      this.actions.zoom(before / after, middle / width);
    }
  }

  #up(event: PointerEvent): void {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (this.#pointers.size === 0) delete this.area.dataset.dragging;
  }

  #double(event: MouseEvent): void {
    const at = this.#place(event);
    const zone = this.actions.zoneAt(at.x, at.y);
    if (zone === "price") this.actions.autoscale();
    else if (zone !== "corner") this.actions.go("fit");
  }
}
