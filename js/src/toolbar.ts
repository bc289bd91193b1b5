// The toolbar: what is drawn and how, and what can be taken away as a file.

import { element, icon, setText } from "./dom";
import { all, listen, type Removal } from "./listen";
import { Menu, type MenuItem } from "./menu";
import type { ExportFormat, FrameMessage, SettingName } from "./protocol";

export interface ToolbarActions {
  set(name: SettingName, value: string): void;
  export(format: ExportFormat): void;
  autoscale(): void;
  fit(): void;
}

const same = (value: string): MenuItem => ({ value, label: value });
const grouped = (group: string, values: string): MenuItem[] =>
  values.split(" ").map((value) => ({ ...same(value), group }));

const TIMEFRAMES: readonly MenuItem[] = [
  { value: "auto", label: "auto" },
  { value: "ticks", label: "ticks" },
  ...grouped("Seconds", "1s 5s 15s 30s"),
  ...grouped("Minutes", "1m 5m 15m 30m"),
  ...grouped("Hours", "1h 4h"),
  ...grouped("Days", "1D 1W 1M"),
];

const CHART_TYPES: readonly MenuItem[] = [
  { value: "candle", label: "Candles", group: "Bars" },
  { value: "hollow", label: "Hollow candles", group: "Bars" },
  { value: "bars", label: "OHLC bars", group: "Bars" },
  { value: "heikin_ashi", label: "Heikin-Ashi", group: "Bars" },
  { value: "line", label: "Line", group: "Closes" },
  { value: "area", label: "Area", group: "Closes" },
  { value: "renko", label: "Renko", group: "Price moves" },
  { value: "pnf", label: "Point & figure", group: "Price moves" },
  { value: "range", label: "Range bars", group: "Price moves" },
];

const THEMES: readonly MenuItem[] = [
  { value: "auto", label: "Auto (as JupyterLab)" },
  { value: "classic", label: "Classic" },
  { value: "modern", label: "Modern" },
  { value: "tradingview", label: "TradingView" },
  { value: "light", label: "Light" },
];

const EXPORTS: readonly MenuItem[] = [
  { value: "png", label: "PNG", group: "Picture" },
  { value: "webp", label: "WebP", group: "Picture" },
  { value: "jpg", label: "JPEG", group: "Picture" },
  { value: "svg", label: "SVG", group: "Picture" },
  { value: "svgz", label: "SVGZ", group: "Picture" },
  { value: "csv", label: "CSV", group: "Visible bars" },
  { value: "parquet", label: "Parquet", group: "Visible bars" },
];

const ICONS = {
  candle: "M5 2v2.5M5 11.5V14M3 4.5h4v7H3zM11 1.5v3M11 9.5v3M9 4.5h4v5H9z",
  bars: "M5 2v12M2.5 5H5M5 11h2.5M11 1.5v11M8.5 9.5H11M11 4h2.5",
  hollow: "M5 2v2.5M5 11.5V14M3 4.5h4v7H3zM11 1.5v3M11 9.5v3M9 4.5h4v5H9zM9 7h4",
  heikin_ashi: "M3.5 9.5h3v4h-3zM5 8v1.5M6.5 5.5h3v5h-3zM8 4v1.5M9.5 2.5h3v4h-3z",
  line: "M1.5 11.5l4-5 3.5 3 5.5-7",
  area: "M1.5 11.5l4-5 3.5 3 5.5-7v11h-13z",
  renko: "M1.5 10h4v3.5h-4zM5.5 6.5h4V10h-4zM9.5 3h4v3.5h-4z",
  pnf: "M2 2l4.5 4.5M6.5 2L2 6.5M2 9l4.5 4.5M6.5 9L2 13.5M9.5 8a2.2 2.6 0 1 0 4.4 0a2.2 2.6 0 1 0-4.4 0",
  range: "M4 3v6M4 5h2M8 6v6M8 8h2M12 4v6M10.5 6H12",
  theme: "M8 1.5a6.5 6.5 0 1 0 0 13zM8 1.5a6.5 6.5 0 0 1 0 13",
  export: "M8 2v8M4.5 6.8L8 10.2l3.5-3.4M2.5 13.5h11",
  fit: "M2 5.5V2h3.5M14 5.5V2h-3.5M2 10.5V14h3.5M14 10.5V14h-3.5",
  chevron: "M4.5 6.5L8 10l3.5-3.5",
} as const;

function toggle(text: string, title: string): HTMLButtonElement {
  return element(
    "button",
    "kf-button kf-toggle",
    { type: "button", title, "aria-label": title, "aria-pressed": "false" },
    [text],
  );
}

export class Toolbar {
  readonly element: HTMLElement;
  readonly dispose: Removal;
  #timeframeText = element("span", "kf-timeframe", {}, ["auto"]);
  #timeframes: Menu;
  #types: Menu;
  #themes: Menu;
  #log = toggle("log", "Logarithmic price scale");
  #auto = toggle("auto", "Scale prices to the visible bars");
  #clock = toggle("clock", "Wall-clock time axis: closed hours keep their width");
  #showing = "";
  #note = element("span", "kf-note", { role: "status" });

  constructor(actions: ToolbarActions) {
    this.#timeframes = new Menu([this.#timeframeText, icon(ICONS.chevron)], {
      label: "Timeframe",
      items: TIMEFRAMES,
      columns: 4,
      role: "choice",
      choose: (value) => actions.set("timeframe", value),
    });
    this.#types = new Menu([icon(ICONS.candle)], {
      label: "Chart type",
      items: CHART_TYPES,
      role: "choice",
      choose: (value) => actions.set("chart_type", value),
    });
    this.#themes = new Menu([icon(ICONS.theme)], {
      label: "Theme",
      items: THEMES,
      alignRight: true,
      role: "choice",
      choose: (value) => actions.set("theme", value),
    });
    const exports = new Menu([icon(ICONS.export)], {
      label: "Export",
      items: EXPORTS,
      alignRight: true,
      role: "action",
      choose: (value) => actions.export(value as ExportFormat),
    });
    const fit = element(
      "button",
      "kf-button",
      { type: "button", title: "Show the whole history", "aria-label": "Show the whole history" },
      [icon(ICONS.fit)],
    );
    this.element = element("div", "kf-toolbar", { role: "toolbar", "aria-label": "Chart" }, [
      this.#timeframes.element,
      this.#types.element,
      element("span", "kf-separator"),
      this.#auto,
      this.#log,
      this.#clock,
      this.#note,
      fit,
      this.#themes.element,
      exports.element,
    ]);
    const isOn = (button: HTMLElement) => button.getAttribute("aria-pressed") === "true";
    this.dispose = all([
      this.#timeframes.dispose,
      this.#types.dispose,
      this.#themes.dispose,
      exports.dispose,
      listen(this.#log, "click", () =>
        actions.set("price_scale", isOn(this.#log) ? "linear" : "log"),
      ),
      listen(this.#clock, "click", () =>
        actions.set("time_axis", isOn(this.#clock) ? "trading" : "clock"),
      ),
      listen(this.#auto, "click", () => actions.autoscale()),
      listen(fit, "click", () => actions.fit()),
    ]);
  }

  /** Show the settings that a frame was drawn with. */
  show(frame: FrameMessage): void {
    const { settings } = frame;
    const now = JSON.stringify([settings, frame.timeframe]);
    if (now === this.#showing) return;
    this.#showing = now;
    const auto = settings.timeframe === "auto";
    setText(this.#timeframeText, auto ? `auto · ${frame.timeframe}` : settings.timeframe);
    this.#timeframes.choose(settings.timeframe);
    this.#types.choose(settings.chart_type);
    this.#themes.choose(settings.theme);
    const path = ICONS[settings.chart_type as keyof typeof ICONS] ?? ICONS.candle;
    this.#types.button.querySelector("path")?.setAttribute("d", path);
    this.#log.setAttribute("aria-pressed", String(settings.price_scale === "log"));
    this.#clock.setAttribute("aria-pressed", String(settings.time_axis === "clock"));
  }

  showAutoscale(on: boolean): void {
    this.#auto.setAttribute("aria-pressed", String(on));
  }

  /** A word on what goes on, at the right; empty when there is nothing to say. */
  note(text: string): void {
    setText(this.#note, text);
  }
}
