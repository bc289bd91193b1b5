// The anywidget module: one view for each place where the chart is shown.

import type { AnyModel } from "@anywidget/types";

import css from "./style.css";
import { ChartView } from "./view";

const STYLE_ID = "kf-widget-style";

function injectStyle(): void {
  let style = document.getElementById(STYLE_ID);
  if (style === null) {
    style = document.createElement("style");
    style.id = STYLE_ID;
    document.head.append(style);
  }
  if (style.textContent !== css) style.textContent = css;
}

interface RenderProps {
  readonly model: AnyModel;
  readonly el: HTMLElement;
  readonly signal?: AbortSignal;
}

function render({ model, el, signal }: RenderProps): () => void {
  injectStyle();
  const view = new ChartView(model);
  el.append(view.element);
  const dispose = () => {
    signal?.removeEventListener("abort", dispose);
    view.dispose();
  };
  signal?.addEventListener("abort", dispose);
  return dispose;
}

export default { render };
