"""The table of a frame's bars that lets the browser answer a crosshair without asking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kf_widget.chart.query import Columns
from kf_widget.chart.resolution import TICKS
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone

__all__ = ["READOUT_COLUMNS", "Readout", "read_out"]

READOUT_COLUMNS = ("x0", "x1", "open", "high", "low", "close", "volume", "day", "ms", "ns")
"""Columns of four bytes a row: seven float32, then three int32."""

_DAY_NS = 86_400 * 10**9
_FORMATS = {"day": _DAY_NS, "minute": 60 * 10**9, "second": 10**9}
"""Least time between neighbours for which a label of days, minutes or seconds is fine enough."""


@dataclass(frozen=True, slots=True)
class Readout:
    """Bars for the browser.

    base : price that open to close are relative to
    n : rows
    time_format : how fine a time label must be: "day", "minute", "second", "ms", "ns"
    data : little-endian columns, one after the other, each n x 4 bytes, as `READOUT_COLUMNS`
    """

    base: float
    n: int
    time_format: str
    data: bytes


def read_out(columns: Columns, zone: Zone) -> Readout:
    """Pack the bars of a picture: px, prices relative to a base, local times as days, ms and ns."""
    n = len(columns)
    base = float(columns.ohlc[0, 3]) if n else 0.0
    table = np.empty((len(READOUT_COLUMNS), n), dtype="<i4")
    floats = table.view("<f4")
    floats[0] = columns.x0
    floats[1] = columns.x1
    floats[2:6] = (columns.ohlc - base).T
    floats[6] = columns.volume
    local = zone.local_ns(columns.start_ns) if n else columns.start_ns
    if zone.day_ns and _by_day(columns.timeframe):  # a day is called by its trading date
        local = local + zone.day_ns
    day, in_day = np.divmod(local, _DAY_NS)
    ms, ns = np.divmod(in_day, 10**6)
    table[7] = day
    table[8] = ms
    table[9] = ns
    return Readout(base, n, _time_format(columns, ms, ns), table.tobytes())


def _by_day(timeframe: str) -> bool:
    return timeframe != TICKS and Timeframe.parse(timeframe).nominal_ns >= _DAY_NS


def _time_format(columns: Columns, ms: np.ndarray, ns: np.ndarray) -> str:
    if columns.merged and len(columns) > 1:
        # A column's time is no bar's, so it is told as finely as columns lie apart.
        span_ns = int(columns.start_ns[-1] - columns.start_ns[0]) // (len(columns) - 1)
        return next((name for name, ns in _FORMATS.items() if span_ns >= ns), "ms")
    if columns.timeframe == TICKS or not (nominal_ns := Timeframe.parse(columns.timeframe).nominal_ns):
        if ns.any():
            return "ns"
        if (ms % 1000).any():
            return "ms"
        if (ms % 60_000).any() or columns.timeframe != TICKS:
            return "second"
        return "minute" if ms.any() else "day"
    return next((name for name, ns in _FORMATS.items() if nominal_ns >= ns), "ms")
