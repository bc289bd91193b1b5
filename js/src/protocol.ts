// The messages between a view and the kernel; kf_widget/widget/protocol.py is the other half, and
// both read tests/fixtures/protocol.

import type { Css, Fraction, HistoryFraction, Px, Rect, Size, Span } from "./geometry";

export const PROTOCOL = 1;

export type Where = "fit" | "start" | "end";
export type SettingName = "timeframe" | "chart_type" | "theme" | "price_scale" | "time_axis";
export type Settings = Readonly<Record<SettingName, string>>;
export type ExportFormat = "png" | "webp" | "jpg" | "svg" | "svgz" | "csv" | "parquet";

export interface ViewSize extends Size<Css> {
  readonly ratio: number;
  readonly scrubber: Size<Css>;
}

export interface Look {
  readonly type: "look";
  readonly view: string;
  readonly seq: number;
  readonly epoch: number;
  readonly frame: number;
  readonly x0: Fraction;
  readonly x1: Fraction;
  readonly y: Span<Fraction> | null;
  readonly moving: boolean;
}

export interface Scrub {
  readonly type: "scrub";
  readonly view: string;
  readonly seq: number;
  readonly epoch: number;
  readonly frame: number;
  readonly x0: HistoryFraction;
  readonly x1: HistoryFraction;
  readonly moving: boolean;
}

export type ToKernel =
  | ({ readonly type: "hello"; readonly protocol: number; readonly view: string } & {
      readonly dark: boolean;
    } & ViewSize)
  | ({ readonly type: "resize"; readonly view: string } & ViewSize)
  | Look
  | Scrub
  | { readonly type: "go"; readonly view: string; readonly seq: number; readonly where: Where }
  | {
      readonly type: "set";
      readonly view: string;
      readonly seq: number;
      readonly name: SettingName;
      readonly value: string;
    }
  | { readonly type: "dark"; readonly view: string; readonly dark: boolean }
  | { readonly type: "ack"; readonly view: string; readonly frame: number }
  | { readonly type: "visible"; readonly view: string; readonly visible: boolean }
  | {
      readonly type: "export";
      readonly view: string;
      readonly request: string;
      readonly format: ExportFormat;
    }
  | { readonly type: "bye"; readonly view: string };

export type ScaleKind = "linear" | "log";

/** Prices at the top and bottom edge of a plot, and how autoscale leaves room. */
export interface PriceAxis {
  readonly top: number;
  readonly bottom: number;
  readonly scale: ScaleKind;
  readonly decimals: number;
  /** Smallest price increment; prices under the pointer are multiples of it. */
  readonly step?: number;
  readonly margin_top: number;
  readonly margin_bottom: number;
  /** How far marks reach beyond the prices of their bars. */
  readonly reach?: number;
}

export type TimeFormat = "day" | "minute" | "second" | "ms" | "ns";

export interface BarsTable {
  readonly kind: "bars" | "ticks";
  /** Whether the history has sizes. */
  readonly volume?: boolean;
  /** Whether a row is all that lies in a column of pixels. */
  readonly merged?: boolean;
  readonly n: number;
  readonly base: number;
  readonly columns: readonly string[];
  readonly time_format: TimeFormat;
}

export interface ThemeColours {
  readonly name: string;
  readonly dark: boolean;
  readonly background: string;
  readonly text: string;
  readonly grid: string;
  readonly up: string;
  readonly down: string;
  readonly border: string;
  readonly accent: string;
}

/** Where the parts of a frame's picture lie; `volume` is the pane between plot and time axis. */
export interface FrameRects {
  readonly plot: Rect<Px>;
  readonly price: Rect<Px>;
  readonly time: Rect<Px>;
  readonly volume?: Rect<Px> | null;
}

export interface FrameMessage extends Size<Px> {
  readonly type: "frame";
  readonly view: string;
  readonly frame: number;
  readonly epoch: number;
  readonly seq: number;
  readonly moving: boolean;
  readonly ratio: number;
  readonly rects: FrameRects;
  readonly window: Span<Fraction>;
  readonly autoscale: boolean;
  readonly price: PriceAxis;
  readonly scrub: Span<HistoryFraction>;
  readonly timeframe: string;
  readonly chart_type: string;
  readonly bars: BarsTable;
  readonly last: { readonly price: number; readonly up: boolean } | null;
  readonly zone: string;
  readonly theme: ThemeColours;
  readonly settings: Settings;
  readonly status: string;
  /**
   * The kernel takes a look, scrub or ack for the answer to the frame that it names and to all
   * before it, so that a view on the move need not send acks as well.
   */
  readonly implicit_acks?: boolean;
}

export interface OverviewMessage extends Size<Px> {
  readonly type: "overview";
  readonly view: string;
  readonly epoch: number;
  readonly ratio: number;
}

export type FromKernel =
  | FrameMessage
  | OverviewMessage
  | {
      readonly type: "file";
      readonly request: string;
      readonly name: string;
      readonly mime: string;
      readonly view?: string | null;
    }
  | {
      readonly type: "error";
      readonly view: string | null;
      readonly message: string;
      readonly request?: string;
    }
  | { readonly type: "closed"; readonly view?: string | null };

const TYPES: ReadonlySet<string> = new Set(["frame", "overview", "file", "error", "closed"]);

/** The message if it is one that `view` should act on, else null. */
export function messageFor(view: string, content: unknown): FromKernel | null {
  if (typeof content !== "object" || content === null) return null;
  const { type, view: addressee } = content as { type?: unknown; view?: unknown };
  if (typeof type !== "string" || !TYPES.has(type)) return null;
  if (addressee !== undefined && addressee !== null && addressee !== view) return null;
  return content as FromKernel;
}
