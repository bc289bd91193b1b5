"""TimeAxis: UTC to trading time and back, a piecewise-linear map with closed hours cut out."""

from __future__ import annotations

import functools
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from kf_widget.chart import timeaxis_kernels as kernels
from kf_widget.history.protocol import History, Ints

__all__ = ["TimeAxis"]

_SECOND = 10**9
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_LEAST_GAP = 30 * _MINUTE
_LAST_NS = 2**63 - 2
_SAMPLE_RUNS, _SAMPLE_ROWS = 64, 512


class TimeAxis:
    """A line of open intervals, each one ns long per ns, joined end to start.

    Parameters
    ----------
    open_ns, close_ns : int64 (n_open,), UTC; intervals [open, close), increasing, not overlapping,
        at least one.
    data : UTC instants of the first row and of the end of the last; the intervals' own by default.

    Attributes
    ----------
    open_ns, close_ns : as given, read-only.
    position : int64 (n_open,), axis position of each interval's start; position[0] is 0.
    start, stop : extent of the data in axis positions, start < stop.

    Notes
    -----
    A position is a number of nanoseconds of open time since the first interval opened. Before the
    first and after the last interval the axis goes on as if it were open.
    """

    def __init__(self, open_ns: Ints, close_ns: Ints, data: tuple[int, int] | None = None) -> None:
        open_ns = np.array(open_ns, dtype=np.int64)
        close_ns = np.array(close_ns, dtype=np.int64)
        position = np.zeros_like(open_ns)
        np.cumsum((close_ns - open_ns)[:-1], out=position[1:])
        for array in (open_ns, close_ns, position):
            array.flags.writeable = False
        self.open_ns = open_ns
        self.close_ns = close_ns
        self.position = position
        first, end = data or (int(open_ns[0]), int(close_ns[-1]))
        self.start: int = self.to_axis(first)
        # The end is no instant of the data: where it touches a closed interval it stays on its left.
        self.stop: int = max(self.start, self.to_axis(end - 1)) + 1

    @classmethod
    def trading(cls, history: History) -> TimeAxis:
        """Axis on which the hours without trades take no room.

        Ticks: a gap is cut where it is longer than 30 minutes and than 50 times the median time
        between two ticks; an interval is widened to whole minutes. Bars: where starts are further
        apart than 30 minutes and twice their length, or 1.01 times for daily bars; the last bar
        before a gap keeps its length.

        Cost: one load per 64 rows.
        """
        time_ns = history.time_ns
        if len(time_ns) < 2 or time_ns[0] == time_ns[-1]:
            return cls.clock(history)
        interval_ns = history.interval_ns if history.kind == "bars" else 0
        if interval_ns:
            daily = 20 * _HOUR <= interval_ns <= 28 * _HOUR
            threshold = max(_LEAST_GAP, interval_ns * 101 // 100 if daily else 2 * interval_ns)
        else:
            threshold = max(_LEAST_GAP, 50 * _median_active_gap(time_ns))
        rows = _gaps(time_ns, threshold)
        first = time_ns[np.concatenate(([0], rows))]
        last = time_ns[np.concatenate((rows - 1, [len(time_ns) - 1]))]
        if interval_ns:
            return cls(first, last + interval_ns, (int(first[0]), int(last[-1]) + interval_ns))
        data = (int(first[0]), int(last[-1]) + 1)
        return cls(first - first % _MINUTE, last - last % _MINUTE + _MINUTE, data)

    @classmethod
    def clock(cls, history: History) -> TimeAxis:
        """Axis of the wall clock: one open interval from the first row to the last, a second at least."""
        time_ns = history.time_ns
        if not len(time_ns):
            return cls(np.array([0]), np.array([_SECOND]))
        first = int(time_ns[0])
        end = int(time_ns[-1]) + (max(1, history.interval_ns) if history.kind == "bars" else 1)
        if end - first < 2:
            first, end = first - _SECOND // 2, first + _SECOND // 2
        return cls(np.array([first]), np.array([end]))

    def __repr__(self) -> str:
        opens, closes = (np.datetime64(int(ns), "ns") for ns in (self.open_ns[0], self.close_ns[-1]))
        return f"TimeAxis({len(self.open_ns)} open intervals, {opens} to {closes})"

    @overload
    def to_axis(self, ns: int | np.int64) -> int: ...
    @overload
    def to_axis(self, ns: npt.ArrayLike) -> Any: ...
    def to_axis(self, ns: Any) -> Any:
        """Axis positions of UTC instants, an int for an int; int64 of the same shape for an array.

        An instant in closed time is at the boundary, where the next interval opens.
        """
        if isinstance(ns, int | np.integer):
            return int(kernels.axis_of(self.open_ns, self.close_ns, self.position, ns))
        values = np.array(ns, dtype=np.int64)
        kernels.to_axis(self.open_ns, self.close_ns, self.position, values.reshape(-1))
        return values

    @overload
    def to_ns(self, axis: int | np.int64) -> int: ...
    @overload
    def to_ns(self, axis: npt.ArrayLike) -> Any: ...
    def to_ns(self, axis: Any) -> Any:
        """UTC instants of axis positions, an int for an int; int64 of the same shape for an array.

        The position of a boundary is the instant at which the next interval opens.
        """
        if isinstance(axis, int | np.integer):
            return int(kernels.ns_of(self.open_ns, self.position, axis))
        values = np.array(axis, dtype=np.int64)
        kernels.to_ns(self.open_ns, self.position, values.reshape(-1))
        return values

    def pieces(self, start: int, stop: int) -> tuple[Ints, Ints]:
        """UTC intervals that the axis range [start, stop) consists of.

        Returns
        -------
        (open_ns, close_ns) : int64 (n,), increasing, n >= 1 unless the range is empty.
        """
        if stop <= start:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        first = max(0, int(np.searchsorted(self.position, start, side="right")) - 1)
        last = max(first, int(np.searchsorted(self.position, stop, side="left")) - 1)
        opens = self.open_ns[first : last + 1].copy()
        closes = self.close_ns[first : last + 1].copy()
        opens[0] = self.to_ns(int(start))
        closes[-1] = min(self.to_ns(int(stop) - 1), _LAST_NS) + 1
        return opens, closes

    @functools.cached_property
    def usual_open_ns(self) -> tuple[int, int]:
        """How long a day and a week of trading are on the axis: typical ones, weighted by length.

        A half-day or a Sunday evening counts for little; days on which nothing is open do not count.
        """
        length = _by_day(self.open_ns, self.close_ns)
        days = length[1].astype(np.float64)
        day_ns = (days @ days) / days.sum()
        weeks = np.zeros_like(days)
        week = (length[0] + 3) // 7  # day 0 is a Thursday
        np.add.at(weeks, np.searchsorted(np.unique(week), week), days)
        week_ns = (weeks @ weeks) / weeks.sum()
        # A history shorter than its unit says nothing about it.
        span = int(self.close_ns[-1]) - int(self.open_ns[0])
        if span < 2 * _DAY and len(self.open_ns) == 1:
            day_ns = _DAY
        if span < 14 * _DAY:
            week_ns = 7 * _DAY if day_ns > 0.9 * _DAY else 5 * day_ns
        return round(day_ns), round(max(day_ns, week_ns))


def _gaps(time_ns: Ints, threshold_ns: int) -> Ints:
    """First row after each gap longer than the threshold."""
    rows = np.empty(4096, dtype=np.int64)
    found = kernels.find_gaps(time_ns, threshold_ns, rows)
    if found > rows.size:
        rows = np.empty(found, dtype=np.int64)
        kernels.find_gaps(time_ns, threshold_ns, rows)
    return rows[:found]


def _median_active_gap(time_ns: Ints) -> int:
    """Median time between two ticks that have different stamps, from a bounded sample of rows."""
    n = len(time_ns)
    if n <= _SAMPLE_RUNS * _SAMPLE_ROWS:
        gaps = np.diff(time_ns)
    else:
        starts = np.linspace(0, n - _SAMPLE_ROWS, _SAMPLE_RUNS).astype(np.int64)
        gaps = np.diff(time_ns[starts[:, None] + np.arange(_SAMPLE_ROWS)], axis=1).ravel()
    gaps = gaps[gaps > 0]
    return int(np.median(gaps)) if len(gaps) else 0


def _by_day(open_ns: Ints, close_ns: Ints) -> tuple[Ints, Ints]:
    """UTC days since 1970 on which anything is open, and for how long on each."""
    first = open_ns // _DAY
    count = (close_ns - 1) // _DAY - first + 1
    which = np.repeat(np.arange(len(open_ns)), count)
    offset = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    day = first[which] + offset
    length = np.minimum(close_ns[which], (day + 1) * _DAY) - np.maximum(open_ns[which], day * _DAY)
    days, inverse = np.unique(day, return_inverse=True)
    total = np.zeros(len(days), dtype=np.int64)
    np.add.at(total, inverse, length)
    return days, total
