"""Gaps: the hours without trades in a history, found in its rows or in the bars of its minute level."""

from __future__ import annotations

from typing import Final

import numpy as np

from kf_widget.chart.timeaxis_kernels import find_gaps
from kf_widget.history.levels import MINUTE_NS, Level
from kf_widget.history.protocol import History, Ints
from kf_widget.history.run_kernels import SHIFT

__all__ = ["closed_hours", "first_ns", "gap_threshold"]

_LEAST_GAP: Final = 30 * MINUTE_NS
_HOUR: Final = 60 * MINUTE_NS
_USUAL_GAPS: Final = 50
_RUNS, _ROWS = 64, 512
_MOST_WIDE: Final = 4096
"""Where more blocks than this span a gap, one pass over all ticks is cheaper."""


def first_ns(history: History) -> int:
    """Time of the first row of a history that is not empty; where there are levels, no tick is read."""
    blocks = history.index.arrays.block_first if history.levels else history.time_ns
    return int(blocks[0] if len(blocks) else history.time_ns[0])


def gap_threshold(history: History) -> int:
    """How long a gap must be at most, in ns, to stay on the trading axis.

    Ticks: the longer of 30 minutes and 50 times the median time between two ticks. Bars: the longer of
    30 minutes and twice their length, or 1.01 times for daily bars.
    """
    interval_ns = history.interval_ns if history.kind == "bars" else 0
    if interval_ns:
        daily = 20 * _HOUR <= interval_ns <= 28 * _HOUR
        return max(_LEAST_GAP, interval_ns * 101 // 100 if daily else 2 * interval_ns)
    return max(_LEAST_GAP, _USUAL_GAPS * _usual_gap(history))


def closed_hours(history: History, threshold_ns: int, start_row: int = 1) -> tuple[Ints, Ints]:
    """Where trading ends before each gap longer than a threshold, and where it begins again.

    Parameters
    ----------
    threshold_ns : a minute at least.
    start_row : gaps before this row and before those after it count; 1 means all.

    Returns
    -------
    (close_ns, open_ns) : int64 (n,), UTC, increasing; whole minutes for ticks.
    """
    if history.kind == "bars":
        time_ns = history.time_ns[start_row - 1 :]
        rows = _found(time_ns, threshold_ns)
        return time_ns[rows - 1] + history.interval_ns, time_ns[rows]
    minute = history.levels.get(MINUTE_NS)
    if history.levels and minute is None and start_row == 1:
        return _of_blocks(history, threshold_ns)
    if minute is None or start_row > 1:
        return _of_ticks(history.time_ns[start_row - 1 :], threshold_ns)
    closes, opens = zip(
        _of_level(minute, history.time_ns, threshold_ns),
        _at_its_end(minute, history.time_ns, threshold_ns),
        _of_ticks(history.time_ns[int(minute.first_row[-1]) :], threshold_ns),
        strict=True,
    )
    return np.concatenate(closes), np.concatenate(opens)


def _of_ticks(time_ns: Ints, threshold_ns: int) -> tuple[Ints, Ints]:
    rows = _found(time_ns, threshold_ns)
    return _minute(time_ns[rows - 1]) + MINUTE_NS, _minute(time_ns[rows])


def _of_blocks(history: History, threshold_ns: int) -> tuple[Ints, Ints]:
    """The same as `_of_ticks` of all ticks; only blocks that the index tells to span a gap are read."""
    time_ns, first = history.time_ns, history.index.arrays.block_first
    wide = _found(first, threshold_ns) - 1
    if len(wide) > _MOST_WIDE:
        return _of_ticks(time_ns, threshold_ns)
    ends = [(block << SHIFT, (block + 1 << SHIFT) + 1) for block in wide.tolist()]
    ends.append((max(len(first) - 1, 0) << SHIFT, len(time_ns)))
    closes, opens = zip(
        *(_of_ticks(time_ns[start:stop], threshold_ns) for start, stop in ends),
        strict=True,
    )
    return np.concatenate(closes), np.concatenate(opens)


def _of_level(minute: Level, time_ns: Ints, threshold_ns: int) -> tuple[Ints, Ints]:
    """Gaps between bars. A bar may trade from its first ns to its last: ticks settle what is left open."""
    starts = minute.bars.time_ns
    bars = _found(starts, threshold_ns - MINUTE_NS)
    cut = starts[bars] - starts[bars - 1] >= threshold_ns + MINUTE_NS
    for i in np.flatnonzero(~cut):
        row = int(minute.first_row[bars[i]])
        cut[i] = time_ns[row] - time_ns[row - 1] > threshold_ns
    bars = bars[cut]
    return starts[bars - 1] + MINUTE_NS, starts[bars]


def _at_its_end(minute: Level, time_ns: Ints, threshold_ns: int) -> tuple[Ints, Ints]:
    """The gap, if it is one, between the last tick in a bar and the first after all bars."""
    row, stop_ns = int(minute.first_row[-1]), minute.stop_ns
    if row == len(time_ns) or time_ns[row] - stop_ns < threshold_ns - MINUTE_NS:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if time_ns[row] - stop_ns < threshold_ns and time_ns[row] - time_ns[row - 1] <= threshold_ns:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.array([stop_ns]), _minute(time_ns[row : row + 1])


def _minute(time_ns: Ints) -> Ints:
    return time_ns - time_ns % MINUTE_NS


def _found(time_ns: Ints, threshold_ns: int) -> Ints:
    """First row after each gap longer than the threshold."""
    rows = np.empty(4096, dtype=np.int64)
    found = find_gaps(time_ns, threshold_ns, rows)
    if found > rows.size:
        rows = np.empty(found, dtype=np.int64)
        find_gaps(time_ns, threshold_ns, rows)
    return rows[:found]


def _usual_gap(history: History) -> int:
    """Median over a bounded sample of ticks of the time to the next, told from the minutes they fall into.

    The ticks of a minute share the time to the next minute that has any: whatever tells how many ticks a
    minute holds gives the same answer, the rows as well as a level.
    """
    n = len(history)
    starts = np.linspace(0, max(n - _ROWS, 0), _RUNS).astype(np.int64) if n > _RUNS * _ROWS else np.zeros(1)
    gaps, weights = [], []
    for start in starts.astype(np.int64).tolist():
        minutes, counts = _minutes(history, start, min(start + _ROWS, n) if n > _RUNS * _ROWS else n)
        distances = np.diff(minutes) if len(minutes) > 1 else np.array([MINUTE_NS])
        gaps.append(distances // counts[: len(distances)])
        weights.append(counts[: len(distances)])
    gap, weight = np.concatenate(gaps), np.concatenate(weights)
    order = np.argsort(gap, kind="stable")
    total = np.cumsum(weight[order])
    return int(gap[order[np.searchsorted(total, total[-1] / 2)]])


def _minutes(history: History, start: int, stop: int) -> tuple[Ints, Ints]:
    """The minutes that some rows fall into, and how many of them fall into each."""
    minute = history.levels.get(MINUTE_NS)
    covered = 0 if minute is None else int(minute.first_row[-1])
    minutes, counts = [], []
    if minute is not None and start < covered:
        first, last = np.searchsorted(minute.first_row, (start, min(stop, covered) - 1), side="right")
        minutes.append(minute.bars.time_ns[first - 1 : last])
        counts.append(np.diff(np.clip(minute.first_row[first - 1 : last + 1], start, min(stop, covered))))
    if stop > covered:
        each = _minute(history.time_ns[max(start, covered) : stop])
        at = np.concatenate(([0], np.flatnonzero(np.diff(each)) + 1, [len(each)]))
        minutes.append(each[at[:-1]])
        counts.append(np.diff(at))
    return np.concatenate(minutes), np.concatenate(counts)
