// Shows the widget with a kernel that lives in the page. `npm run dev`, then serve this folder.

import type { AnyModel } from "@anywidget/types";

import widget from "../src/index";
import { FakeKernel } from "./kernel";

const parameters = new URLSearchParams(location.search);
const kernel = new FakeKernel(
  { height: Number(parameters.get("height") ?? 520) },
  Number(parameters.get("delay") ?? 30),
);
const dispose = widget.render({
  model: kernel as unknown as AnyModel,
  el: document.getElementById("host")!,
});
Object.assign(globalThis, { kernel, dispose });
