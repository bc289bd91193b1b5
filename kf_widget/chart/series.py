"""The marks of each chart type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kf_widget.chart import inks
from kf_widget.chart.geometry import (
    bar_boxes,
    boxes,
    candle_boxes,
    column_boxes,
    line_points,
    step_points,
    tick_boxes,
    volume_boxes,
)
from kf_widget.chart.layout import Layout
from kf_widget.chart.query import Columns
from kf_widget.chart.scene import Area, Mark, Polyline, Rects
from kf_widget.history.protocol import History

__all__ = ["CHART_TYPES", "PriceMap", "series_marks", "volume_marks"]

_WICKS = np.array([inks.WICK_DOWN, inks.WICK_UP], dtype=np.uint8)
_BODIES = np.array([inks.DOWN, inks.UP], dtype=np.uint8)
_VOLUMES = np.array([inks.VOLUME_DOWN, inks.VOLUME_UP], dtype=np.uint8)


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


def _spacing_px(columns: Columns) -> float:
    if len(columns) < 2:
        return float(columns.x1[0] - columns.x0[0]) if len(columns) else 1.0
    return float(np.median(columns.x1 - columns.x0))


def _line_px(layout: Layout) -> int:
    return max(1, int(layout.ratio + 0.25))


def _rects(corners: npt.NDArray[np.int32], ink: npt.ArrayLike) -> Rects:
    return Rects(corners[0], corners[1], corners[2], corners[3], ink)


def _columns(columns: Columns, price: PriceMap) -> list[Mark]:
    rose, fell = boxes(len(columns)), boxes(len(columns))
    column_boxes(
        columns.x0, columns.ohlc, columns.rising, price.log, price.top, price.scale, price.height, rose, fell
    )
    return [_rects(rose, inks.WICK_UP), _rects(fell, inks.WICK_DOWN)]


def _candles(history: History, columns: Columns, layout: Layout, price: PriceMap) -> list[Mark]:
    if columns.merged:
        return _columns(columns, price)
    n = len(columns)
    wicks, bodies, rising = boxes(n), boxes(n), np.empty((2, n), dtype=np.uint8)
    spacing = _spacing_px(columns)
    candle_boxes(
        columns.x0, columns.x1, columns.ohlc, spacing, _line_px(layout),
        price.log, price.top, price.scale, price.height, wicks, bodies, rising,
    )  # fmt: skip
    return [_rects(wicks, _WICKS[rising[0]]), _rects(bodies, _BODIES[rising[1]])]


def _bars(history: History, columns: Columns, layout: Layout, price: PriceMap) -> list[Mark]:
    if columns.merged:
        return _columns(columns, price)
    n = len(columns)
    stems, opens, closes, rising = boxes(n), boxes(n), boxes(n), np.empty(n, dtype=np.uint8)
    spacing = _spacing_px(columns)
    line_px = _line_px(layout)
    if spacing >= 7 * layout.ratio:
        line_px += 1
    bar_boxes(
        columns.x0, columns.x1, columns.ohlc, spacing, line_px,
        price.log, price.top, price.scale, price.height, stems, opens, closes, rising,
    )  # fmt: skip
    ink = _BODIES[rising]
    return [_rects(stems, ink), _rects(opens, ink), _rects(closes, ink)]


def _line(history: History, columns: Columns, layout: Layout, price: PriceMap) -> list[Mark]:
    n = len(columns) * (4 if columns.merged else 1)
    x, y = np.empty(n, dtype=np.float32), np.empty(n, dtype=np.float32)
    line_points(
        columns.x0, columns.x1, columns.ohlc, columns.merged,
        price.log, price.top, price.scale, price.height, x, y,
    )  # fmt: skip
    return [Polyline(x, y, _stroke_px(columns, layout), inks.LINE)]


def _area(history: History, columns: Columns, layout: Layout, price: PriceMap) -> list[Mark]:
    line = _line(history, columns, layout, price)[0]
    assert isinstance(line, Polyline)
    fill = Area(line.x, line.y, price.height, inks.AREA)
    return [fill, Polyline(line.x, line.y, line.width, inks.LINE, (inks.BACKGROUND, inks.AREA))]


def _stroke_px(columns: Columns, layout: Layout) -> float:
    return (1.0 if columns.merged else 1.5) * layout.ratio


def _trades(history: History, columns: Columns, layout: Layout, price: PriceMap) -> list[Mark]:
    n = len(columns)
    across, down, dots = boxes(n), boxes(n), boxes(n)
    prices = np.ascontiguousarray(columns.ohlc[:, 3])
    line_px = _line_px(layout)
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


_SERIES: dict[str, Callable[[History, Columns, Layout, PriceMap], list[Mark]]] = {
    "candle": _candles,
    "bars": _bars,
    "line": _line,
    "area": _area,
}
CHART_TYPES = tuple(_SERIES)


def series_marks(
    chart_type: str, history: History, columns: Columns, layout: Layout, price: PriceMap
) -> list[Mark]:
    """Marks of the price pane. Single trades are squares on a step line, but for "line" and "area"."""
    if columns.single and history.kind == "ticks" and chart_type in ("candle", "bars"):
        return _trades(history, columns, layout, price)
    return _SERIES[chart_type](history, columns, layout, price)


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
        columns.x0, x1, columns.rising, columns.volume, spacing, _line_px(layout),
        most, top + height, max(1.0, height - 4 * layout.ratio), tall, rising,
    )  # fmt: skip
    return [_rects(tall, _VOLUMES[rising])]
