"""What a single chart draws side by side: bars as they are, smoothed, or cut by the way prices took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kf_widget.chart.geometry import heikin_ashi
from kf_widget.chart.path import PATH_TYPES, box_of, path_of
from kf_widget.chart.resolution import TICKS
from kf_widget.chart.subject import Subject
from kf_widget.history.bars import Bars
from kf_widget.history.protocol import Floats, History, Ints
from kf_widget.plotting.columns import PRICES, Columns

__all__ = ["Shape", "shape_of_bars", "shape_of_path"]

_SMALLEST, _LARGEST = 1e-290, 1e300
"""What a price scale can divide and mark."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Bars in slots, ready to draw.

    open, high, low, close : float64 (n,), finite, low <= open, close <= high
    volume : float64 (n,), finite and not negative, or None
    slots : int64 (n,), increasing, below n_slots
    n_slots : how many there are side by side
    stamps_ns : int64 (n_slots,), UTC, or None where only the number of a bar is known
    chart_type : what to draw, as the scene calls it
    box_size : of point & figure
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats | None
    slots: Ints
    n_slots: int
    stamps_ns: Ints | None
    chart_type: str
    box_size: float = 0.0


def shape_of_bars(
    columns: Columns,
    stamps_ns: Ints | None,
    chart_type: str,
    box_size: float,
    reversal: int,
    what: str = "render",
) -> Shape:
    """Bars, or what a chart type makes of them. A row with a NaN price is a gap, or passed over.

    Raises
    ------
    ValueError : an infinite price, or a volume that is negative or infinite.
    """
    _check(columns, what)
    n = columns.open.size
    prices = np.stack(columns[:4], axis=1)
    slots = np.flatnonzero(~np.isnan(prices).any(axis=1))
    prices = prices[slots]
    open, close = np.ascontiguousarray(prices[:, 0]), np.ascontiguousarray(prices[:, 3])
    high, low = prices.max(axis=1), prices.min(axis=1)
    volume = np.nan_to_num(columns.volume[slots]) if columns.has_volume else None
    if chart_type in PATH_TYPES:
        history = Bars.from_columns(slots * 10**9, open, high, low, close, volume, interval_ns=10**9)
        shape = shape_of_path(history, chart_type, box_size or box_of(Subject.of(history), TICKS), reversal)
        if stamps_ns is None or shape.stamps_ns is None:
            return _restamped(shape, None)
        return _restamped(shape, stamps_ns[np.minimum(shape.stamps_ns // 10**9, n - 1)])
    if chart_type == "heikin_ashi":
        smoothed = np.stack((open, high, low, close), axis=1)
        heikin_ashi(smoothed, smoothed)
        open, high, low, close = (column.copy() for column in smoothed.T)
    return Shape(open, high, low, close, volume, slots, n, stamps_ns, chart_type)


def shape_of_path(
    history: History, chart_type: str, box_size: float, reversal: int, with_volume: bool = True
) -> Shape:
    """Bricks, columns or range bars of a history; a brick is told by when it was complete."""
    path = path_of(history, chart_type, box_size, reversal)
    bars, n = path.bars, len(path)
    volume = bars.volume if with_volume and history.volume is not None else None
    stamps_ns = path.stop_ns if chart_type == "renko" else bars.time_ns
    return Shape(
        bars.open, bars.high, bars.low, bars.close, volume, np.arange(n), n, stamps_ns, chart_type, path.box
    )


def _restamped(shape: Shape, stamps_ns: Ints | None) -> Shape:
    return Shape(
        shape.open, shape.high, shape.low, shape.close, shape.volume, shape.slots, shape.n_slots, stamps_ns,
        shape.chart_type, shape.box_size,
    )  # fmt: skip


def _check(columns: Columns, what: str) -> None:
    for name, column in zip(PRICES, columns[:4], strict=True):
        bad = np.flatnonzero(np.isinf(column))
        if bad.size:
            raise ValueError(
                f"{what}: {name} must be finite, got {column[bad[0]]} at row {bad[0]}. "
                "Mend the value, or set it to NaN to leave it out."
            )
        size = np.abs(column)
        bad = np.flatnonzero((size > _LARGEST) | ((size < _SMALLEST) & (size > 0)))
        if bad.size:
            raise ValueError(
                f"{what}: {name} must be 0 or {_SMALLEST:g} to {_LARGEST:g} in size with axes or for this "
                f"chart type, got {column[bad[0]]} at row {bad[0]}. Multiply the prices by a power of ten."
            )
    if columns.has_volume:
        bad = np.flatnonzero((columns.volume < 0) | np.isinf(columns.volume))
        if bad.size:
            raise ValueError(
                f"{what}: volume must be 0 or more and finite, got {columns.volume[bad[0]]} at row {bad[0]}. "
                "Mend the value, or set it to NaN to leave it out."
            )
