"""From a viewport to a scene: query, scales, marks, labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from kf_widget.chart import inks
from kf_widget.chart.derived import series_columns
from kf_widget.chart.geometry import visible_extremes
from kf_widget.chart.layout import Layout, capped_ratio, font_px, lay_out
from kf_widget.chart.pricescale import PriceScale, autoscale, decimals, format_price, price_marks
from kf_widget.chart.query import Columns
from kf_widget.chart.resolution import AUTO, TICKS, resolve
from kf_widget.chart.scene import Clip, Rects, Scene, Texts
from kf_widget.chart.series import Drawing, PriceMap, series_marks, volume_marks
from kf_widget.chart.subject import Subject
from kf_widget.chart.timescale import TimeMark, time_marks
from kf_widget.chart.view import Viewport
from kf_widget.history.edges import floor_time
from kf_widget.history.joined import joined_for
from kf_widget.history.timeframe import Timeframe

__all__ = ["MARGIN_BOTTOM", "MARGIN_TOP", "Marks", "Measure", "Picture", "Style", "compose"]

MARGIN_TOP = 0.08
MARGIN_BOTTOM = 0.08
_LEGEND_CSS = 30
"""Height of the line of values that lies over the plot in a browser."""
_PRICE_GAP_CSS = 42
_TIME_GAP_CSS = 78

Weight = Literal["regular", "medium"]
Scale = Literal["linear", "log"]
Measure = Callable[[str, int, Weight], Any]
"""Width in px of a text at a size in px and a weight."""
Marks = Callable[[int, int, int, float], list[TimeMark]]
"""Time marks from one axis position to another, of the px between them and the least px apart."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a history is drawn, apart from where and in which colours.

    box_size : of Renko and point & figure, and the range of range bars; 0 for the default
    reversal : boxes that turn a column of point & figure
    wick_share : least width of a wick as a share of the body's; a line at least
    formed : whether the history's rows are already what the chart type draws: bricks, columns, smoothed bars
    """

    timeframe: str = AUTO
    chart_type: str = "candle"
    price_scale: str = "linear"
    axes: bool = True
    grid: bool = True
    volume: bool = True
    box_size: float = 0.0
    reversal: int = 3
    wick_share: float = 0.0
    formed: bool = False


@dataclass(slots=True)
class Picture:
    """A scene and what it shows.

    prices : prices at the plot's top and bottom
    autoscale : whether they follow the visible bars
    timeframe : the resolved one
    last : (price, rising) of the history's last bar or trade, None where it is empty
    decimals : digits after the point of a price
    step : smallest price increment
    margin_top : share of the plot's height that autoscale leaves free above the highest price
    reach : how far marks reach beyond the prices of their bars: of point & figure half a box
    """

    scene: Scene
    layout: Layout
    columns: Columns
    prices: PriceScale
    autoscale: bool
    timeframe: str
    last: tuple[float, bool] | None
    decimals: int
    step: float
    margin_top: float = MARGIN_TOP
    reach: float = 0.0


def compose(
    subject: Subject,
    viewport: Viewport,
    style: Style,
    measure: Measure,
    marks: Marks | None = None,
    label_px: float = 0.0,
) -> Picture:
    """Lay out and draw what `viewport` shows of `subject`, as a scene.

    `marks` gives other time marks than those of the calendar, `label_px` price labels a width at least.

    Cost: about a millisecond, whatever the length of the history.
    """
    history = subject.history
    ratio = capped_ratio(viewport.width, viewport.height, viewport.ratio, viewport.overscan)
    viewport = replace(viewport, ratio=ratio)
    if style.axes:
        label_px = max(label_px, _label_px(subject, font_px(ratio), measure))
    layout = lay_out(viewport, label_px, style.volume and history.volume is not None, style.axes)
    width_css = (layout.window[1] - layout.window[0]) / ratio
    timeframe = resolve(subject, style.timeframe, viewport.start, viewport.stop, width_css)
    kind = "bars" if style.formed else style.chart_type
    columns, box_size = series_columns(subject, layout, timeframe, kind, style.box_size, style.reversal)
    if style.formed:
        box_size = style.box_size

    seen = np.empty(3)
    left, right = map(float, layout.window)
    visible_extremes(columns.x0, columns.x1, columns.ohlc, columns.volume_a_bar, left, right, seen)
    margin = MARGIN_TOP
    if style.axes and not style.formed:
        margin = max(margin, min(_LEGEND_CSS * ratio / layout.plot[3], 0.25))
    reach = 0.5 * box_size if style.chart_type == "pnf" else 0.0
    prices = _prices(subject, viewport, style, float(seen[0]) + reach, float(seen[1]) - reach, margin)
    values, labels = price_marks(prices, layout.plot[3], _PRICE_GAP_CSS * ratio, history.price_step)
    if style.axes and labels:
        widest = float(measure(max(labels, key=len), layout.font_px, "regular"))
        # Between two prices that a step parts. A digit more than the history's prices have is in the padding:
        # the plot keeps its width while one pans.
        if widest > max(label_px, layout.width - _label_x(layout)):
            return compose(subject, viewport, style, measure, marks, widest)
    price_map = _price_map(prices, layout.plot[3])
    digits = decimals(history.price_step, abs(prices.top - prices.bottom))

    scene = Scene(layout.width, layout.height, inks.BACKGROUND)
    picture = Picture(
        scene,
        layout,
        columns,
        prices,
        viewport.price is None,
        timeframe,
        _last(subject, timeframe),
        digits,
        history.price_step,
        margin,
        reach,
    )
    rows = np.floor(prices.to_fraction(values) * layout.plot[3])
    span = (int(layout.start), round(layout.stop), layout.plot[2], _TIME_GAP_CSS * ratio)
    times = marks(*span) if marks else time_marks(subject.axis, subject.zone, *span)
    # The 1e-6 px keep a mark on the edge of two px on the same side whatever the overscan.
    marks_x = np.floor(
        (np.array([m.position for m in times], dtype=np.float64) - layout.start) / layout.ns_per_px + 1e-6
    )
    if style.grid:
        _draw_grid(scene, layout, rows, marks_x)
    if layout.volume[3]:
        clip = _clip(layout.volume)
        for mark in volume_marks(history, columns, layout, float(seen[2])):
            scene.add(mark, clip)
    clip = _clip(layout.plot)
    drawing = Drawing(history, columns, layout, price_map, style.wick_share, box_size)
    for mark in series_marks(style.chart_type, drawing):
        scene.add(mark, clip)
    if style.axes:
        _draw_axes(picture, values, labels, rows, times, marks_x, measure)
    return picture


def _clip(rect: tuple[int, int, int, int]) -> Clip:
    x, y, width, height = rect
    return x, y, x + width, y + height


def _label_px(subject: Subject, size_px: int, measure: Measure) -> float:
    """Width of the widest price label that any view of the history is likely to need.

    Constant for a history, so that the plot keeps its width while one pans and zooms.
    """
    high, low = subject.high_low
    digits = decimals(subject.history.price_step, abs(high - low) / 100 or subject.history.price_step)
    return float(max(measure(format_price(value, digits), size_px, "medium") for value in (high, low)))


def _prices(
    subject: Subject, viewport: Viewport, style: Style, high: float, low: float, margin_top: float
) -> PriceScale:
    kind: Scale = "log" if style.price_scale == "log" else "linear"
    if viewport.price is not None:
        bottom, top = viewport.price
        told_apart = bottom > 0 and math.log10(top) > math.log10(bottom)
        return PriceScale(kind if told_apart else "linear", top, bottom)
    if math.isnan(high):
        high = low = _standing(subject, viewport)
    return autoscale(high, low, kind, subject.history.price_step, margin_top, MARGIN_BOTTOM)


def _standing(subject: Subject, viewport: Viewport) -> float:
    """Price that stands where nothing trades in view: the last before it, else the first of all."""
    history = subject.history
    if not len(history):
        return 1.0
    stop_ns = np.array([subject.axis.to_ns(viewport.stop)], dtype=np.int64)
    before = int(history.index.rows(stop_ns)[0]) - 1
    return float(history.close[before] if before >= 0 else history.open[0])


def _price_map(prices: PriceScale, height: int) -> PriceMap:
    log = prices.kind == "log"
    top = math.log10(prices.top) if log else prices.top
    bottom = math.log10(prices.bottom) if log else prices.bottom
    return PriceMap(log, top, height / (top - bottom), height)


def _last(subject: Subject, timeframe: str) -> tuple[float, bool] | None:
    """Price of the last row, and whether the bar that it closes rose; of single trades, the last move."""
    history = subject.history
    n = len(history)
    if not n:
        return None
    rule = None if timeframe == TICKS else Timeframe.parse(timeframe)
    if rule is not None and rule.by_time:
        last_ns = history.time_ns[n - 1 :]
        start = floor_time(rule, subject.zone, last_ns)
        bars = joined_for(history, rule, subject.zone, int(start[0]), int(last_ns[0]))
        before = bars.opens(bars.rows(start))[0]
    elif n > 1 and history.kind == "ticks":
        before = history.close[n - 2]
    else:
        before = history.open[n - 1]
    return float(history.close[n - 1]), bool(history.close[n - 1] >= before)


def _draw_grid(scene: Scene, layout: Layout, rows: np.ndarray, marks_x: np.ndarray) -> None:
    _, _, width, height = layout.plot
    bottom = layout.volume[1] + layout.volume[3]
    line = layout.line_px
    scene.add(
        Rects(marks_x, np.zeros_like(marks_x), marks_x + line, np.full_like(marks_x, bottom), inks.GRID)
    )
    scene.add(
        Rects(np.zeros_like(rows), rows, np.full_like(rows, width), rows + line, inks.GRID),
        (0, 0, width, height),
    )


def _label_x(layout: Layout) -> float:
    """Where price labels begin."""
    return layout.price[0] + layout.line_px + 7 * layout.ratio


def _draw_axes(
    picture: Picture,
    values: np.ndarray,
    labels: list[str],
    rows: np.ndarray,
    times: list[TimeMark],
    marks_x: np.ndarray,
    measure: Measure,
) -> None:
    scene, layout = picture.scene, picture.layout
    size_px = layout.font_px
    line = layout.line_px
    plot_w, plot_h = layout.plot[2:]
    time_y = layout.time[1]
    # The pane borders: under the prices, under the volume, left of the price axis.
    y = [plot_h - line, time_y - line if layout.volume[3] else plot_h - line]
    scene.add(
        Rects(
            [0, 0, plot_w],
            [*y, 0],
            [plot_w, plot_w, plot_w + line],
            [y[0] + line, y[1] + line, time_y],
            inks.BORDER,
        )
    )
    half = 0.5 * size_px
    x = _label_x(layout)
    inside = (rows > half) & (rows < plot_h - half)
    tag = _draw_last(picture, x)
    if tag is not None:
        inside &= np.abs(rows - tag) > 1.35 * size_px
    shown = [label for label, keep in zip(labels, inside, strict=True) if keep]
    kept = rows[inside] + 0.5 * line
    scene.add(
        Texts(np.full(kept.size, x), kept, shown, inks.TEXT, size_px, valign="middle"), _clip(layout.price)
    )
    if times:
        finest = min(mark.level for mark in times)
        y_text = time_y + 0.5 * layout.time[3]
        for strong in (False, True):
            weight: Weight = "medium" if strong else "regular"
            at = [i for i, mark in enumerate(times) if (mark.level > finest) == strong]
            at = [i for i in at if _whole(layout, marks_x[i], measure(times[i].label, size_px, weight))]
            scene.add(
                Texts(
                    marks_x[at] + 0.5 * line,
                    np.full(len(at), y_text),
                    [times[i].label for i in at],
                    inks.TEXT_STRONG if strong else inks.TEXT,
                    size_px,
                    align="center",
                    valign="middle",
                    weight=weight,
                ),
                _clip(layout.time),
            )


def _whole(layout: Layout, x: float, label_px: float) -> bool:
    """Whether a label around `x` is not cut by an edge of the visible window."""
    return not any(abs(x - edge) < 0.5 * label_px for edge in layout.window)


def _draw_last(picture: Picture, x: float) -> int | None:
    """A dotted line at the last price, and its tag on the price axis; the tag's row, None without one."""
    if picture.last is None:
        return None
    scene, layout = picture.scene, picture.layout
    price, rising = picture.last
    plot_w, plot_h = layout.plot[2:]
    fraction = float(picture.prices.to_fraction(np.array([price]))[0])
    if not 0 <= fraction <= 1:
        return None
    line = layout.line_px
    ink = inks.TAG_UP if rising else inks.TAG_DOWN
    row = min(math.floor(fraction * plot_h), plot_h - line)
    left = np.arange(0, plot_w, 4 * line)
    rows = np.full_like(left, row)
    scene.add(Rects(left, rows, left + line, rows + line, ink), _clip(layout.plot))
    half = round(0.82 * layout.font_px)
    middle = min(max(row, half), plot_h - half)
    edge, _, width, _ = layout.price
    scene.add(
        Rects([edge + line], [middle - half], [edge + width], [middle + half + line], ink),
        _clip(layout.price),
    )
    scene.add(
        Texts(
            [x], [middle + 0.5 * line], [format_price(price, picture.decimals)],
            inks.TAG_TEXT, layout.font_px, valign="middle", background=ink, weight="medium",
        ),
        _clip(layout.price),
    )  # fmt: skip
    return middle
