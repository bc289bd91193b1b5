// The widget model as a line to the kernel, which may go dead.

import type { AnyModel } from "@anywidget/types";

import { all, type Removal } from "./listen";
import type { ToKernel } from "./protocol";

export interface ConnectionEvents {
  message(content: unknown, buffers: readonly DataView[]): void;
  /** The kernel restarted, shut down or forgot the widget. */
  lost(): void;
}

interface MaybeLive {
  readonly comm_live?: boolean;
}

export class Connection {
  readonly dispose: Removal;

  constructor(
    private readonly model: AnyModel,
    events: ConnectionEvents,
  ) {
    const on = (name: string, handler: (...args: never[]) => void): Removal => {
      model.on(name, handler as (...args: unknown[]) => void);
      return () => model.off(name, handler as (...args: unknown[]) => void);
    };
    this.dispose = all([
      on("msg:custom", (content: unknown, buffers: DataView[]) => events.message(content, buffers)),
      on("comm:close", () => events.lost()),
      // Fired when the line comes up, too; a proxied model does not tell, but frames will.
      on("comm_live_update", () => {
        if ((model as MaybeLive).comm_live !== true) events.lost();
      }),
    ]);
  }

  send(message: ToKernel): void {
    this.model.send(message);
  }
}
