// What jsdom lacks: sizes, pictures, observers; and a model with a kernel that only listens.

import { vi } from "vitest";

import type { ToKernel } from "../src/protocol";

type Handler = (...args: unknown[]) => void;

export class FakeModel {
  readonly handlers: [string, Handler][] = [];
  readonly sent: ToKernel[] = [];
  height = 520;
  dead = false;

  get(name: string): unknown {
    return name === "height" ? this.height : undefined;
  }

  on(name: string, handler: Handler): void {
    this.handlers.push([name, handler]);
  }

  off(name: string, handler: Handler): void {
    const at = this.handlers.findIndex(([n, h]) => n === name && h === handler);
    if (at >= 0) this.handlers.splice(at, 1);
  }

  send(message: ToKernel): void {
    if (this.dead) throw new Error("Cannot send: the kernel is dead");
    this.sent.push(message);
  }

  emit(name: string, ...args: unknown[]): void {
    for (const [n, handler] of [...this.handlers]) if (n === name) handler(...args);
  }
}

const WIDTH = 264;
const HEIGHT = 300;

/** Listeners added minus listeners removed, on any target, since the page was made. */
export let listeners = 0;
/** Observers that observe. */
export let observers = 0;
export const drawn = vi.fn();
const visibility: ((entries: { isIntersecting: boolean }[]) => void)[] = [];

export function setIntersecting(isIntersecting: boolean): void {
  visibility.forEach((callback) => callback([{ isIntersecting }]));
}

export function makePage(): void {
  listeners = observers = 0;
  visibility.length = 0;
  drawn.mockClear();
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  vi.spyOn(EventTarget.prototype, "addEventListener").mockImplementation(function (
    this: EventTarget,
    ...args
  ) {
    listeners += 1;
    addEventListener.apply(this, args);
  });
  vi.spyOn(EventTarget.prototype, "removeEventListener").mockImplementation(function (
    this: EventTarget,
    ...args
  ) {
    listeners -= 1;
    removeEventListener.apply(this, args);
  });
  class Observer {
    #active = 0;
    constructor(private readonly callback: () => void) {}
    observe(): void {
      this.#active += 1;
      observers += 1;
      this.callback();
    }
    disconnect(): void {
      observers -= this.#active;
      this.#active = 0;
    }
  }
  class Intersections extends Observer {
    constructor(callback: (entries: { isIntersecting: boolean }[]) => void) {
      super(() => undefined);
      visibility.push(callback);
    }
  }
  vi.stubGlobal("ResizeObserver", Observer);
  vi.stubGlobal("IntersectionObserver", Intersections);
  vi.stubGlobal("matchMedia", () => Object.assign(new EventTarget(), { matches: false }));
  vi.stubGlobal("createImageBitmap", () => Promise.resolve({ close: () => undefined }));
  vi.stubGlobal("devicePixelRatio", 2);
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(WIDTH / 2);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(HEIGHT / 2);
  HTMLElement.prototype.setPointerCapture = () => undefined;
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue({
    fillRect: () => undefined,
    drawImage: drawn,
  } as unknown as null);
}

/** jsdom has no PointerEvent of its own in all versions; a MouseEvent does. */
export function pointer(
  target: EventTarget,
  type: string,
  x: number,
  y: number,
  more: Record<string, unknown> = {},
): void {
  const event = new MouseEvent(type, { clientX: x, clientY: y, button: 0, bubbles: true });
  Object.assign(event, { pointerId: 1, pointerType: "mouse", ...more });
  target.dispatchEvent(event);
}
