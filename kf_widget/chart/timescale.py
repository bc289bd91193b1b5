"""Time marks: which calendar boundaries a time axis names, and how.

One rule for every zoom: the finest step whose marks have room names itself, and every longer unit of
the calendar above it (day, month, year) names its own boundaries and wins where two come too close.
The step depends on the zoom and on how long a day of trading usually is, not on what is in sight, so
that panning moves marks and never changes them.
"""

from __future__ import annotations

import datetime
from bisect import bisect_left
from typing import Final, NamedTuple

import numpy as np

from kf_widget.chart.timeaxis import TimeAxis
from kf_widget.chart.timescale_kernels import keep_apart
from kf_widget.history.protocol import Ints
from kf_widget.history.zones import Zone

__all__ = [
    "DAY",
    "MICROSECOND",
    "MILLISECOND",
    "MINUTE",
    "MONTH",
    "NANOSECOND",
    "SECOND",
    "YEAR",
    "TimeMark",
    "time_marks",
]

NANOSECOND, MICROSECOND, MILLISECOND, SECOND, MINUTE, DAY, MONTH, YEAR = range(8)
"""Levels of a mark; hours are marks of level MINUTE."""

_SECOND_NS: Final = 10**9
_MINUTE_NS: Final = 60 * _SECOND_NS
_HOUR_NS: Final = 60 * _MINUTE_NS
_DAY_NS: Final = 24 * _HOUR_NS

# Instants stay this far inside int64, so that a time zone and a calendar year more still fit: 1681 to 2258.
_FAR_NS: Final = 9_100_000_000_000_000_000

_CLOCK_STEPS: Final = (
    *(m * 10**k for k in range(9) for m in (1, 2, 5)),
    *(s * _SECOND_NS for s in (1, 2, 5, 10, 15, 30)),
    *(m * _MINUTE_NS for m in (1, 2, 5, 10, 15, 30)),
    *(h * _HOUR_NS for h in (1, 2, 3, 4, 6, 12)),
)
"""Steps within a day, ns; each divides a day."""

_DAY_STEPS: Final = (1, 2, 3, 5, 7, 10, 15)
"""Steps in days of trading, counted from the first of each month."""

# Months and years are not all equally long: the shortest must still have room.
_MONTH_STEPS: Final = ((1, 0.88), (3, 0.95), (6, 0.97))
_YEAR_STEPS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)

_UNITS: Final = ((MICROSECOND, 10**3), (MILLISECOND, 10**6), (SECOND, _SECOND_NS), (MINUTE, _MINUTE_NS))
_LETTERS: Final = {NANOSECOND: 18, MICROSECOND: 15, MILLISECOND: 12}
_LETTERS_THAT_FIT: Final = 9
_YEAR_0_MONTHS: Final = 1970 * 12
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class TimeMark(NamedTuple):
    """One mark of a time axis.

    position : axis ns
    label : what it says
    level : the longest calendar unit that begins here, `NANOSECOND` to `YEAR`
    """

    position: int
    label: str
    level: int


class _Candidates(NamedTuple):
    """Marks that may be shown; position and rank are int64 (n,), position increasing.

    A rank is twice the level, and one more unless the mark is the odd one among its like.
    """

    position: Ints
    rank: Ints


def time_marks(
    axis: TimeAxis, zone: Zone, start: int, stop: int, width_px: float, min_gap_px: float
) -> list[TimeMark]:
    """Marks of a time axis from the left edge `start` to the right edge `stop`, both axis positions.

    Parameters
    ----------
    width_px : distance of the edges.
    min_gap_px : least distance of two marks. Labels of up to nine letters, as "09:30:15", must fit in
        it; the longer ones below a second get as much more as they need.

    Returns
    -------
    Marks by position, `start` <= position <= `stop`. Each is a boundary of the calendar in the zone,
    or the instant at which trading opens after one that fell in closed time; its label tells
    the time at that very instant.

    Notes
    -----
    About 0.1 ms.
    """
    start, stop = int(start), int(stop)
    if stop <= start or width_px <= 0:
        return []
    gap = (stop - start) / width_px * max(min_gap_px, 1)
    margin = int(2 * gap)
    low = max(start - margin, axis.to_axis(-_FAR_NS))
    high = min(stop + margin, axis.to_axis(_FAR_NS))
    if low >= high:
        return []
    first_ns, last_ns = axis.to_ns(low), axis.to_ns(high)
    # A month back: days are counted from its first.
    offsets = _Offsets(zone, first_ns - 32 * _DAY_NS, last_ns + 2 * _DAY_NS)
    days = (first_ns // _DAY_NS - 2, last_ns // _DAY_NS + 2)

    level, step = _finest(gap, *axis.usual_open_ns)
    if level <= MINUTE:
        gap *= max(1.0, _LETTERS.get(level, 0) / _LETTERS_THAT_FIT)
        day_marks = _days(axis, offsets, days, 1)
        marks = _merged(day_marks, _clock(axis, offsets, low, high, level, step))
    elif level == DAY:
        marks = _days(axis, offsets, days, step)
    else:
        marks = _months(axis, offsets, days, step * (12 if level == YEAR else 1), level)
    near = slice(*np.searchsorted(marks.position, (low, high + 1)))
    position, rank = marks.position[near], marks.rank[near]
    kept = np.empty(position.size, dtype=np.bool_)
    keep_apart(position, rank, int(np.ceil(gap)), kept)
    kept &= (position >= start) & (position <= stop)
    position, levels = position[kept], rank[kept] >> 1
    local = offsets.local(axis.to_ns(position))
    return [
        TimeMark(at, _label(its, now, level), its)
        for at, its, now in zip(position.tolist(), levels.tolist(), local.tolist(), strict=True)
    ]


def _finest(gap: float, day_ns: int, week_ns: int) -> tuple[int, int]:
    """Level and step of the closest marks that have room; a day of trading takes `day_ns` on the axis."""
    if gap <= 0.95 * day_ns:
        for step in _CLOCK_STEPS[bisect_left(_CLOCK_STEPS, gap) :]:
            level = next((level for level, unit in reversed(_UNITS) if step >= unit), NANOSECOND)
            if step >= gap * _LETTERS.get(level, 0) / _LETTERS_THAT_FIT:
                return level, step
        return DAY, 1
    month_ns = week_ns * 30.437 / 7
    for step in _DAY_STEPS[1:]:
        if gap <= 0.95 * step * day_ns and step * day_ns <= 0.55 * month_ns:
            return DAY, step
    for step, shortest in _MONTH_STEPS:
        if gap <= shortest * step * month_ns:
            return MONTH, step
    years = (step for step in _YEAR_STEPS if gap <= 0.99 * 12 * step * month_ns)
    return YEAR, next(years, _YEAR_STEPS[-1])


class _Offsets:
    """Offsets of a time zone over a range."""

    def __init__(self, zone: Zone, start_ns: int, stop_ns: int) -> None:
        self.from_ns, self.offset_ns = zone.table(start_ns, stop_ns)
        # The first offset also counts before the range.
        self.from_ns[0] = -(2**62) * 2

    def at(self, time_ns: Ints) -> Ints:
        """Local minus UTC at instants."""
        return self.offset_ns[np.searchsorted(self.from_ns, time_ns, side="right") - 1]

    def local(self, time_ns: Ints) -> Ints:
        """Local time of instants, ns since 1970-01-01 00:00 local."""
        return time_ns + self.at(time_ns)

    def first_instant(self, local_ns: Ints) -> Ints:
        """Instants at which local times, increasing, are first reached or jumped over."""
        local_end = self.from_ns[1:] + self.offset_ns[:-1]
        at = np.searchsorted(local_end, local_ns, side="right")
        first: Ints = np.maximum(local_ns - self.offset_ns[at], self.from_ns[at])
        return first


def _placed(axis: TimeAxis, time_ns: Ints, level: Ints) -> tuple[Ints, Ints]:
    """Positions of increasing instants without repeats, each with the highest level that fell on it."""
    position = axis.to_axis(time_ns)
    if position.size < 2:
        return position, level
    starts = np.flatnonzero(np.concatenate(([True], position[1:] != position[:-1])))
    return position[starts], np.maximum.reduceat(level, starts)


def _months(axis: TimeAxis, offsets: _Offsets, days: tuple[int, int], step: int, finest: int) -> _Candidates:
    """First days of every `step`th month, counted from the year 0."""
    first, last = (np.array(days, dtype="M8[D]").astype("M8[M]").astype(np.int64) + _YEAR_0_MONTHS).tolist()
    months = np.arange(-(-first // step) * step, last + 1, step) - _YEAR_0_MONTHS
    local_ns = months.astype("M8[M]").astype("M8[D]").astype(np.int64) * _DAY_NS
    level = np.where(months % 12 == 0, YEAR, finest)
    position, level = _placed(axis, offsets.first_instant(local_ns), level)
    return _Candidates(position, 2 * level + 1)


def _days(axis: TimeAxis, offsets: _Offsets, days: tuple[int, int], step: int) -> _Candidates:
    """Local midnights: all of them, or days of trading about `step` apart from each first of a month on."""
    first = days[0]
    if step > 1:
        first = int(np.datetime64(first, "D").astype("M8[M]").astype("M8[D]").astype(np.int64))
    numbers = np.arange(first, days[1] + 1)
    months = numbers.astype("M8[D]").astype("M8[M]")
    level = np.full(numbers.size, DAY)
    begins = numbers == months.astype("M8[D]").astype(np.int64)
    level[begins] = np.where(months[begins].astype(np.int64) % 12 == 0, YEAR, MONTH)
    position, level = _placed(axis, offsets.first_instant(numbers * _DAY_NS), level)
    usual = axis.usual_open_ns[0]
    if step == 1:
        # A Sunday evening gives way to the Monday it opens.
        whole = np.ones(position.size, dtype=np.int64)
        whole[:-1] = np.diff(position) >= usual // 2
        return _Candidates(position, 2 * level + (whole | (level > DAY)))
    least = (step - 0.25) * usual
    chosen, since = [], None
    for i, (at, is_month) in enumerate(zip(position.tolist(), (level > DAY).tolist(), strict=True)):
        if is_month or since is None or at - since >= least:
            since = at
            chosen.append(i)
    return _Candidates(position[chosen], 2 * level[chosen] + 1)


def _clock(axis: TimeAxis, offsets: _Offsets, start: int, stop: int, finest: int, step: int) -> _Candidates:
    """Multiples of a step since local midnight in open time, and openings after one in closed time."""
    opens, closes = axis.pieces(start, stop)
    # Where clocks change within a piece it is two, so that an offset holds in each.
    change = offsets.from_ns[np.searchsorted(offsets.from_ns, opens[0], side="right") :]
    change = change[change < closes[-1]]
    change = change[change < closes[np.searchsorted(opens, change, side="right") - 1]]
    if change.size:
        at = np.searchsorted(opens, change, side="right")
        opens, closes = np.insert(opens, at, change), np.insert(closes, at - 1, change)
    offset = offsets.at(opens)
    first = -(-(opens + offset) // step)
    count = np.maximum((closes - 1 + offset) // step - first + 1, 0)
    which = np.repeat(np.arange(opens.size), count)
    local = (first[which] + np.arange(which.size) - np.repeat(np.cumsum(count) - count, count)) * step
    odd = np.flatnonzero((opens[1:] + offset[1:]) // step != (closes[:-1] - 1 + offset[:-1]) // step) + 1
    odd = odd[(opens[odd] != closes[odd - 1]) & ((opens[odd] + offset[odd]) % step != 0)]
    time_ns = np.concatenate((local - offset[which], opens[odd]))
    local = np.concatenate((local, opens[odd] + offset[odd]))
    rank = np.full(local.size, 2 * finest + 1)
    for level, unit in _UNITS:
        if level > finest:
            rank[local % unit == 0] = 2 * level + 1
    rank[which.size :] -= 1
    midnight = local % _DAY_NS == 0  # those are days
    order = np.argsort(time_ns[~midnight], kind="stable")
    return _Candidates(axis.to_axis(time_ns[~midnight][order]), rank[~midnight][order])


def _merged(first: _Candidates, second: _Candidates) -> _Candidates:
    """Both, in order; the first one's where they meet."""
    position = np.concatenate((first.position, second.position))
    rank = np.concatenate((first.rank, second.rank))
    order = np.argsort(position, kind="stable")
    return _Candidates(position[order], rank[order])


def _label(level: int, local_ns: int, finest: int) -> str:
    day, ns = divmod(local_ns, _DAY_NS)
    if level >= DAY:
        date = datetime.date.fromordinal(day + 719_163)
        if level == DAY:
            return str(date.day)
        return _MONTHS[date.month - 1] if level == MONTH else str(date.year)
    minutes, ns = divmod(ns, _MINUTE_NS)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    if level == MINUTE and finest >= SECOND:
        return text
    seconds, ns = divmod(ns, _SECOND_NS)
    text = f"{text}:{seconds:02d}"
    return f"{text}.{ns:09d}"[: _LETTERS[level]] if level < SECOND else text
