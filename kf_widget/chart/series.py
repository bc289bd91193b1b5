"""The marks of each chart type."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kf_widget.chart import inks
from kf_widget.chart.geometry import (
    bar_boxes,
    boxes,
    brick_boxes,
    candle_boxes,
    column_boxes,
    hollow_boxes,
    line_points,
    step_points,
    tick_boxes,
    volume_boxes,
)
from kf_widget.chart.layout import Layout
from kf_widget.chart.query import Columns
from kf_widget.chart.scene import Area, Mark, Polyline, Rects
from kf_widget.history.protocol import Floats, History

__all__ = ["CHART_TYPES", "Drawing", "PriceMap", "series_marks", "volume_marks"]

Corners = npt.NDArray[np.int32]

_WICKS = np.array([inks.WICK_DOWN, inks.WICK_UP], dtype=np.uint8)
_BODIES = np.array([inks.DOWN, inks.UP], dtype=np.uint8)
_VOLUMES = np.array([inks.VOLUME_DOWN, inks.VOLUME_UP], dtype=np.uint8)
_SYMBOL_CSS = 6.0
_MOST_SYMBOLS = 20_000
_TURN = np.linspace(0.0, 2.0 * np.pi, 17)
_CROSS = np.array([[-1, 1, np.nan, -1, 1, np.nan], [-1, 1, np.nan, 1, -1, np.nan]])
_NOUGHT = np.array([[*np.cos(_TURN), np.nan], [*np.sin(_TURN), np.nan]])
"""Points of an X and an O within -1 to 1: x, then y; NaN lifts the pen."""


@dataclass(frozen=True, slots=True)
class PriceMap:
    """Prices to pixel rows: ``(top - scaled(price)) * scale``.

    log : whether scaled is log10
    top : scaled price of the pane's upper edge
    scale : px per unit of scaled price
    height : px of the pane
    """

    log: bool
    top: float
    scale: float
    height: int

    def rows(self, prices: Floats) -> Floats:
        """Pixel rows of prices, kept within a few panes; float64 of the same shape."""
        scaled = prices
        if self.log:
            scaled = np.where(prices > 0, np.log10(np.where(prices > 0, prices, 1.0)), -1e9)
        rows: Floats = np.clip((self.top - scaled) * self.scale, -4.0 * self.height, 5.0 * self.height)
        return rows


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a chart type draws from.

    history : whose bars they are
    columns : the bars
    layout, price : where
    wick_share : least width of a wick as a share of the body's
    box_size : of the boxes of point & figure
    """

    history: History
    columns: Columns
    layout: Layout
    price: PriceMap
    wick_share: float = 0.0
    box_size: float = 0.0


def _spacing_px(columns: Columns) -> float:
    if len(columns) < 2:
        return float(columns.x1[0] - columns.x0[0]) if len(columns) else 1.0
    return float(np.median(columns.x1 - columns.x0))


def _rects(corners: npt.NDArray[np.int32], ink: npt.ArrayLike) -> Rects:
    return Rects(corners[0], corners[1], corners[2], corners[3], ink)


def _columns(columns: Columns, price: PriceMap) -> list[Mark]:
    rose, fell = boxes(len(columns)), boxes(len(columns))
    column_boxes(
        columns.x0, columns.ohlc, columns.rising, price.log, price.top, price.scale, price.height, rose, fell
    )
    return [_rects(rose, inks.WICK_UP), _rects(fell, inks.WICK_DOWN)]


def _wick_px(drawing: Drawing) -> int:
    """Width of a wick: a line, or as much of a body as is wanted."""
    body = int(_spacing_px(drawing.columns) * 0.8)
    return max(drawing.layout.line_px, round(drawing.wick_share * body))


def _candle_shapes(drawing: Drawing) -> tuple[Corners, Corners, npt.NDArray[np.uint8]]:
    columns, price = drawing.columns, drawing.price
    n = len(columns)
    wicks, bodies, rising = boxes(n), boxes(n), np.empty((2, n), dtype=np.uint8)
    candle_boxes(
        columns.x0, columns.x1, columns.ohlc, _spacing_px(columns),
        drawing.layout.line_px, _wick_px(drawing), price.log, price.top, price.scale, price.height,
        wicks, bodies, rising,
    )  # fmt: skip
    return wicks, bodies, rising


def _candles(drawing: Drawing) -> list[Mark]:
    if drawing.columns.merged:
        return _columns(drawing.columns, drawing.price)
    wicks, bodies, rising = _candle_shapes(drawing)
    return [_rects(wicks, _WICKS[rising[0]]), _rects(bodies, _BODIES[rising[1]])]


def _hollow(drawing: Drawing) -> list[Mark]:
    """Candles that are hollow where the bar rose, coloured by the close before."""
    columns = drawing.columns
    if columns.merged:
        return _columns(columns, drawing.price)
    wicks, bodies, _ = _candle_shapes(drawing)
    before = np.empty(len(columns))
    before[1:] = columns.ohlc[:-1, 3]
    if len(columns):
        before[0] = columns.ohlc[0, 0] if math.isnan(columns.before) else columns.before
    up = (columns.ohlc[:, 3] >= before).astype(np.uint8)
    lower, holes = boxes(len(columns)), boxes(len(columns))
    filled = columns.ohlc[:, 3] < columns.ohlc[:, 0]
    hollow_boxes(wicks, bodies, filled.astype(np.uint8), drawing.layout.line_px, lower, holes)
    return [
        _rects(wicks, _WICKS[up]),
        _rects(lower, _WICKS[up]),
        _rects(bodies, _BODIES[up]),
        _rects(holes, inks.BACKGROUND),
    ]


def _bars(drawing: Drawing) -> list[Mark]:
    columns, layout, price = drawing.columns, drawing.layout, drawing.price
    if columns.merged:
        return _columns(columns, price)
    n = len(columns)
    stems, opens, closes, rising = boxes(n), boxes(n), boxes(n), np.empty(n, dtype=np.uint8)
    spacing = _spacing_px(columns)
    line_px = _wick_px(drawing)
    if spacing >= 7 * layout.ratio:
        line_px = max(line_px, layout.line_px + 1)
    tick_px = min(line_px, max(layout.line_px + 1, round(3 * layout.ratio)))
    bar_boxes(
        columns.x0, columns.x1, columns.ohlc, spacing, line_px, tick_px,
        price.log, price.top, price.scale, price.height, stems, opens, closes, rising,
    )  # fmt: skip
    ink = _BODIES[rising]
    return [_rects(stems, ink), _rects(opens, ink), _rects(closes, ink)]


def _line(drawing: Drawing) -> list[Mark]:
    columns, price = drawing.columns, drawing.price
    n = len(columns) * (4 if columns.merged else 1)
    x, y = np.empty(n, dtype=np.float32), np.empty(n, dtype=np.float32)
    line_points(
        columns.x0, columns.x1, columns.ohlc, columns.merged,
        price.log, price.top, price.scale, price.height, x, y,
    )  # fmt: skip
    if n == 1:  # a line of one point is a dash
        half = 2.0 * drawing.layout.ratio
        x, y = np.array([x[0] - half, x[0] + half], np.float32), np.repeat(y, 2)
    return [Polyline(x, y, _stroke_px(columns, drawing.layout), inks.LINE)]


def _area(drawing: Drawing) -> list[Mark]:
    line = _line(drawing)[0]
    assert isinstance(line, Polyline)
    fill = Area(line.x, line.y, drawing.price.height, inks.AREA)
    return [fill, Polyline(line.x, line.y, line.width, inks.LINE, (inks.BACKGROUND, inks.AREA))]


def _stroke_px(columns: Columns, layout: Layout) -> float:
    return (1.0 if columns.merged else 1.5) * layout.ratio


def _bricks(drawing: Drawing) -> list[Mark]:
    columns, price = drawing.columns, drawing.price
    if columns.merged:
        return _columns(columns, price)
    return [_blocks(drawing, columns.ohlc[:, 1], columns.ohlc[:, 2])]


def _blocks(drawing: Drawing, high: Floats, low: Floats) -> Rects:
    columns, price = drawing.columns, drawing.price
    found = boxes(len(columns))
    brick_boxes(
        columns.x0, columns.x1, np.ascontiguousarray(high), np.ascontiguousarray(low),
        drawing.layout.line_px, price.log, price.top, price.scale, price.height, found,
    )  # fmt: skip
    return _rects(found, _BODIES[columns.rising.astype(np.intp)])


def _crosses_and_noughts(drawing: Drawing) -> list[Mark]:
    """An X for every box of a rising column, an O for one of a falling; solid where they are too small."""
    columns, box = drawing.columns, drawing.box_size
    if columns.merged or not len(columns):
        return _columns(columns, drawing.price) if columns.merged else []
    high, low = columns.ohlc[:, 1], columns.ohlc[:, 2]
    solid = _blocks(drawing, high + 0.5 * box, low - 0.5 * box)
    edge = drawing.layout.line_px
    wide, up = columns.x1 - columns.x0, columns.rising >= 0.5
    room = _SYMBOL_CSS * drawing.layout.ratio
    reaches = drawing.price.rows(np.array([high.max(), high.max() - box]))
    sized = (wide >= room) & (abs(float(reaches[1] - reaches[0])) >= room)
    boxes_in = np.rint((high - low) / box).astype(np.int64) + 1
    if not sized.any() or boxes_in[sized].sum() > _MOST_SYMBOLS:
        return [solid]
    marks: list[Mark] = [_rects(_kept(solid, ~sized), solid.ink[~sized])]
    for rising, points, ink in ((True, _CROSS, inks.UP), (False, _NOUGHT, inks.DOWN)):
        at = np.flatnonzero(sized & (up == rising))
        which = np.repeat(at, boxes_in[at])
        nth = np.arange(len(which)) - np.repeat(np.cumsum(boxes_in[at]) - boxes_in[at], boxes_in[at])
        upper = drawing.price.rows(low[which] + (nth + 0.5) * box)
        below = drawing.price.rows(low[which] + (nth - 0.5) * box)
        tall = below - upper
        half_x = 0.5 * np.minimum(wide[which] * 0.86, tall * 1.5)
        middle_x = 0.5 * (columns.x0 + columns.x1)[which]
        x = middle_x[:, None] + half_x[:, None] * points[0]
        y = 0.5 * (upper + below)[:, None] + (0.43 * tall)[:, None] * points[1]
        if len(which):
            marks.append(Polyline(x.ravel(), y.ravel(), max(1.0, 1.4 * edge), ink))
    return marks


def _kept(rects: Rects, which: npt.NDArray[np.bool_]) -> Corners:
    return np.stack((rects.x0[which], rects.y0[which], rects.x1[which], rects.y1[which]))


def _trades(drawing: Drawing) -> list[Mark]:
    columns, layout, price = drawing.columns, drawing.layout, drawing.price
    n = len(columns)
    across, down, dots = boxes(n), boxes(n), boxes(n)
    prices = np.ascontiguousarray(columns.ohlc[:, 3])
    line_px = layout.line_px
    visible = max(1.0, n * (layout.window[1] - layout.window[0]) / layout.plot[2])
    room = (layout.window[1] - layout.window[0]) / visible / layout.ratio
    size_px = round(min(max(room * 0.8, 3.0), 7.0) * layout.ratio)
    size_px += (size_px - line_px) % 2
    scale = (price.log, price.top, price.scale, price.height)
    step_points(columns.x0, prices, line_px, *scale, across, down)
    tick_boxes(columns.x0, prices, line_px, size_px, *scale, dots)
    return [
        _rects(across, inks.LINE),
        _rects(down, inks.LINE),
        _rects(dots, _BODIES[columns.rising.astype(np.intp)]),
    ]


_SERIES: dict[str, Callable[[Drawing], list[Mark]]] = {
    "candle": _candles,
    "bars": _bars,
    "line": _line,
    "area": _area,
    "hollow": _hollow,
    "heikin_ashi": _candles,
    "renko": _bricks,
    "pnf": _crosses_and_noughts,
    "range": _candles,
}
CHART_TYPES = tuple(_SERIES)
_OF_BARS = ("candle", "bars", "hollow", "heikin_ashi")


def series_marks(chart_type: str, drawing: Drawing) -> list[Mark]:
    """Marks of the price pane. Single trades are squares on a step line, but for "line" and "area"."""
    columns = drawing.columns
    if columns.single and drawing.history.kind == "ticks" and chart_type in _OF_BARS:
        return _trades(drawing)
    return _SERIES[chart_type](drawing)


def volume_marks(history: History, columns: Columns, layout: Layout, most: float) -> list[Mark]:
    """Columns of volume, the largest of the visible window just under the pane's top."""
    n = len(columns)
    _, top, _, height = layout.volume
    tall, rising = boxes(n), np.empty(n, dtype=np.uint8)
    x1, spacing = columns.x1, _spacing_px(columns)
    if columns.single and history.kind == "ticks":
        spacing = 4.0 * layout.ratio
        x1 = columns.x0 + spacing
    volume_boxes(
        columns.x0, x1, columns.rising, columns.volume_a_bar, spacing, layout.line_px,
        most, top + height, max(1.0, height - 4 * layout.ratio), tall, rising,
    )  # fmt: skip
    return [_rects(tall, _VOLUMES[rising])]
