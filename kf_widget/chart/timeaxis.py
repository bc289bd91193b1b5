"""TimeAxis: UTC to trading time and back, a piecewise-linear map with closed hours cut out."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from kf_widget.chart import timeaxis_kernels as kernels
from kf_widget.chart.gaps import closed_hours, first_ns, gap_threshold
from kf_widget.history.protocol import History, Ints

__all__ = ["TimeAxis"]

_SECOND = 10**9
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_LAST_NS = 2**63 - 2


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the verdicts of an axis rest on.

    cuts : whether gaps are cut at all
    rows, first_ns, last_ns : of the history; times of its first and last row
    threshold_ns : gaps longer than this are cut
    measured_rows : how many rows there were when that was measured
    """

    cuts: bool
    rows: int = 0
    first_ns: int = 0
    last_ns: int = 0
    threshold_ns: int = 0
    measured_rows: int = 0

    def grown(self, history: History) -> _Seen:
        """The same of more rows; the threshold is measured anew when there are twice as many."""
        rows, last_ns = len(history), int(history.time_ns[-1])
        seen = replace(
            self, rows=rows, first_ns=self.first_ns if self.rows else first_ns(history), last_ns=last_ns
        )
        if not self.cuts or rows < 2 * self.measured_rows:
            return seen
        return replace(seen, threshold_ns=gap_threshold(history), measured_rows=rows)


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

    _seen: _Seen | None = None

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
        between two ticks, told to the minute; an interval is widened to whole minutes. Bars: where
        starts are further apart than 30 minutes and twice their length, or 1.01 times for daily bars;
        the last bar before a gap keeps its length.

        Cost: one load per 64 rows; with a minute level, one per 64 of its bars; with other levels, one
        per 4,096 rows.
        """
        if len(history) < 2 or first_ns(history) == history.time_ns[-1]:
            return cls._clock(history, cuts=True)
        seen = _Seen(cuts=True).grown(history)
        closes, opens = closed_hours(history, seen.threshold_ns)
        start, stop = seen.first_ns, seen.last_ns
        if history.kind == "ticks":
            start, stop = start - start % _MINUTE, stop - stop % _MINUTE + _MINUTE
        else:
            stop += history.interval_ns
        return cls._of(history, np.append(start, opens), np.append(closes, stop), seen)

    @classmethod
    def clock(cls, history: History) -> TimeAxis:
        """Axis of the wall clock: one open interval from the first row to the last, a second at least."""
        return cls._clock(history, cuts=False)

    @classmethod
    def _clock(cls, history: History, *, cuts: bool) -> TimeAxis:
        if not len(history):
            return cls._of(history, np.array([0]), np.array([_SECOND]), _Seen(cuts))
        seen = _Seen(cuts).grown(history)
        first, end = seen.first_ns, _end(history, seen)
        if end - first < 2:
            first, end = first - _SECOND // 2, first + _SECOND // 2
        return cls._of(history, np.array([first]), np.array([end]), seen)

    @classmethod
    def _of(cls, history: History, open_ns: Ints, close_ns: Ints, seen: _Seen) -> TimeAxis:
        whole = not seen.rows or seen.last_ns == seen.first_ns
        axis = cls(open_ns, close_ns, None if whole else (seen.first_ns, _end(history, seen)))
        axis._seen = seen
        return axis

    def extended(self, history: History) -> TimeAxis:
        """The axis of a history that has grown: what was an instant's position stays its position.

        A gap is judged once, when the row after it comes; the threshold is measured anew when the rows
        have doubled, and holds for the gaps to come.

        Parameters
        ----------
        history : begins with the rows that this axis was made of.

        Raises
        ------
        ValueError : this axis was not made of a history.

        Cost: one load per 64 new rows, and a copy of the intervals.
        """
        seen = self._seen
        if seen is None:
            raise ValueError(
                "TimeAxis: extended must start from the axis of a history, got one of given intervals."
                " Make it by TimeAxis.trading or TimeAxis.clock."
            )
        if len(history) <= seen.rows:
            return self
        if not seen.rows:
            return TimeAxis.trading(history) if seen.cuts else TimeAxis.clock(history)
        grown = seen.grown(history)
        end = _end(history, grown)
        closes = opens = np.empty(0, dtype=np.int64)
        if seen.cuts:
            closes, opens = closed_hours(history, grown.threshold_ns, seen.rows)
            if history.kind == "ticks":
                end += -end % _MINUTE
        ends = np.concatenate((self.close_ns[:-1], closes, [end]))
        last = len(self.close_ns) - 1
        ends[last] = max(ends[last], self.close_ns[last])
        axis = self._of(history, np.concatenate((self.open_ns, opens)), ends, grown)
        if len(axis.close_ns) == last + 1 and (end - 1) // _DAY == (int(self.close_ns[last]) - 1) // _DAY:
            axis.usual_open_ns = self.usual_open_ns  # a day is as long as usual until it is over
        return axis

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


def _end(history: History, seen: _Seen) -> int:
    """Where the data ends: after the last tick, or with the last bar."""
    return seen.last_ns + (max(1, history.interval_ns) if history.kind == "bars" else 1)


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
