"""Edges: where a timeframe cuts, as instants or as rows."""

from __future__ import annotations

import weakref
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.calendar_kernels import DAY, MONTH, TIME, WEEK, ceil_times, fill_edges, floor_times
from kf_widget.history.index import frozen
from kf_widget.history.index_kernels import build_sums
from kf_widget.history.run_kernels import GROUP
from kf_widget.history.running_kernels import (
    build_products,
    count_multiples,
    fill_crossings,
    find_crossing,
    total_before,
)
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.threads import split, spread

if TYPE_CHECKING:
    from kf_widget.history.index import RangeIndex
    from kf_widget.history.protocol import History

__all__ = [
    "calendar_rule",
    "ceil_time",
    "floor_time",
    "inherit_sums",
    "most_bars",
    "require_volume",
    "row_edges",
    "step_of",
    "time_edges",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_KINDS: Final = {"time": TIME, "day": DAY, "week": WEEK, "month": MONTH}
_DAY_NS: Final = 86_400_000_000_000
_TIME_LIMIT: Final = (1 << 63) - 1
_MOST_EDGES: Final = 1_000_000_000
_ROW_GRAIN: Final = 1 << 18


def calendar_rule(
    timeframe: Timeframe, zone: Zone, start_ns: int, stop_ns: int
) -> tuple[int, int, Ints, Ints]:
    """Arguments of the calendar kernels: kind, step, and offsets that hold well beyond both ends."""
    if not timeframe.by_time:
        raise ValueError(
            f"timeframe: must cut by time here, got {str(timeframe)!r}. Ticks, volume and value cut by rows."
        )
    reach = 2 * timeframe.nominal_ns + 3 * _DAY_NS
    first = max(int(start_ns) - reach, -_TIME_LIMIT)
    last = min(int(stop_ns) + reach, _TIME_LIMIT)
    from_ns, offset_ns = zone.calendar(first, last)
    return _KINDS[timeframe.kind], int(timeframe.step), from_ns, offset_ns


def most_bars(timeframe: Timeframe, start_ns: int, stop_ns: int) -> int:
    """An upper bound of the bars that touch ``[start_ns, stop_ns]``, gaps included."""
    return int((stop_ns - start_ns) * timeframe.bars_per_ns) + 17 if stop_ns > start_ns else 17


def time_edges(timeframe: Timeframe, zone: Zone, start_ns: int, stop_ns: int) -> Ints:
    """Instants at which bars begin, from the one holding `start_ns` to the first at or after `stop_ns`.

    An intraday bar is the longest run of instants that share a label: local time floored to the step
    since local midnight. So bars begin anew each day, and where the clock goes back within a bar, that
    bar is longer. Day, week (from Monday) and month bars begin with the first instant of a local date.
    In a zone with a session all of this holds for the time of its trading day.

    Parameters
    ----------
    timeframe : of a time kind.
    start_ns, stop_ns : UTC nanoseconds.

    Returns
    -------
    int64 (m + 1,), UTC nanoseconds, strictly increasing, at least two.

    Raises
    ------
    ValueError : a tick, volume or value timeframe, or more than a billion bars.
    """
    rule = calendar_rule(timeframe, zone, start_ns, stop_ns)
    room = most_bars(timeframe, int(start_ns), int(stop_ns))
    if room > _MOST_EDGES:
        raise ValueError(
            f"timeframe: must cut fewer than {_MOST_EDGES:,} bars, got {str(timeframe)!r} over"
            f" {(stop_ns - start_ns) / _DAY_NS:,.0f} days. Take a longer timeframe or a shorter range."
        )
    out = np.empty(room, np.int64)
    count = fill_edges(*rule, int(start_ns), int(stop_ns), out)
    return out[:count].copy() if count < room // 2 else out[:count]


def floor_time(timeframe: Timeframe, zone: Zone, times_ns: npt.ArrayLike) -> Ints:
    """Start of the bar that holds each time; int64 (m,), in any order. A few nanoseconds each."""
    return _mapped(floor_times, timeframe, zone, times_ns)


def ceil_time(timeframe: Timeframe, zone: Zone, times_ns: npt.ArrayLike) -> Ints:
    """First bar start at or after each time; int64 (m,), in any order. A few nanoseconds each."""
    return _mapped(ceil_times, timeframe, zone, times_ns)


def _mapped(kernel: Any, timeframe: Timeframe, zone: Zone, times_ns: npt.ArrayLike) -> Ints:
    times = np.array(times_ns, np.int64, ndmin=1)
    out = np.empty_like(times)
    if times.size:
        kernel(*calendar_rule(timeframe, zone, int(times.min()), int(times.max())), times, out)
    return out


def row_edges(timeframe: Timeframe, history: History, start_row: int, stop_row: int) -> Ints:
    """Rows at which tick, volume and value bars begin, around ``[start_row, stop_row)``.

    Bars are cut at multiples of the running count, volume or traded value (close times volume) from the
    start of the history, so they do not depend on where one looks; `running_kernels` has the exact rule.

    Returns
    -------
    int64 (m + 1,), strictly increasing, the first at or before `start_row`, the last at or after
    `stop_row`; the last bar of the history may be unfinished and then ends with its last row.

    Raises
    ------
    ValueError : a time kind, no volume to count, or a step beyond the precision of the total.
    """
    n_rows = len(history)
    start_row = min(max(int(start_row), 0), n_rows)
    stop_row = min(max(int(stop_row), start_row), n_rows)
    if timeframe.by_time:
        raise ValueError(
            f"timeframe: must count ticks, volume or value here, got {str(timeframe)!r}. Use time_edges."
        )
    if timeframe.kind == "tick":
        step = int(timeframe.step)
        edges = np.arange(start_row // step * step, -(-stop_row // step) * step + 1, step)
        edges[-1] = min(edges[-1], n_rows)
        return edges
    require_volume(timeframe, history)
    return _crossings(history.index, timeframe, start_row, stop_row)


def require_volume(timeframe: Timeframe, history: History) -> None:
    """Raise a ValueError unless the history has the volume that the timeframe counts."""
    if history.volume is None:
        raise ValueError(
            f"timeframe: {str(timeframe)!r} must have a volume to count, got a history without one."
            " Name its size or volume column, or count ticks, as in '100t'."
        )


def step_of(timeframe: Timeframe, total: float) -> float:
    """Step of a volume or value timeframe, checked against the history's total."""
    step = float(timeframe.step)
    if not 0 <= total / step < 1e15:
        raise ValueError(
            f"timeframe: {str(timeframe)!r} must be a part of the history's total that float64 can count, and"
            f" that total not negative, got {total:g}. Take another step."
        )
    return step


def _crossings(index: RangeIndex, timeframe: Timeframe, start_row: int, stop_row: int) -> Ints:
    arrays = index.arrays
    n_rows = len(index)
    by_value = timeframe.kind == "value"
    if by_value and index.extremes(0, n_rows)[1] < 0:
        raise ValueError(
            f"timeframe: {str(timeframe)!r} must have prices of at least 0 to add up, got"
            f" {index.extremes(0, n_rows)[1]:g}. Count ticks or volume, as in '100t'."
        )
    prices = arrays.close if by_value else arrays.close[:0]
    sums = _value_sums(index) if by_value else (arrays.block_sum, arrays.node_sum)
    leaves = (arrays.volume, prices, *sums, arrays.level_start)

    def total(row: int) -> float:
        return float(total_before(*leaves, row, np.empty(GROUP)))  # a buffer to each thread

    step = step_of(timeframe, total(n_rows))

    def crossing(multiple: float) -> int:
        return int(find_crossing(*leaves, multiple * step, 0, n_rows, np.empty(GROUP)))

    def between(start: int, stop: int) -> Ints:
        room = int(count_multiples(total(stop), step) - count_multiples(total(start), step)) + 1
        out = np.empty(min(room, stop - start), np.int64)
        return out[: fill_crossings(*leaves, step, start, stop, out, np.empty(GROUP))]

    reached = count_multiples(total(start_row), step)
    first = crossing(reached) + 1 if reached > 0 else 0
    inside = spread(between, split(start_row, stop_row, grain=_ROW_GRAIN))
    edges = np.concatenate([np.array([first], np.int64), *inside])
    if edges[-1] < stop_row:
        last = crossing(count_multiples(total(stop_row), step) + 1.0) + 1
        edges = np.append(edges, min(last, n_rows))
    return edges


_value_sums_of: weakref.WeakKeyDictionary[RangeIndex, tuple[Floats, Floats]] = weakref.WeakKeyDictionary()


def _value_sums(index: RangeIndex) -> tuple[Floats, Floats]:
    """Sums of price times size, of blocks and of the levels above; kept as long as the index."""
    sums = _value_sums_of.get(index)
    if sums is None:
        sums = _value_sums_of[index] = _sum_values(index, None)
    return sums


def inherit_sums(before: RangeIndex, index: RangeIndex) -> None:
    """Extend the sums that `before` has, if any, to `index`, whose rows begin with its rows; O(new rows)."""
    sums = _value_sums_of.get(before)
    if sums is not None:
        _value_sums_of[index] = _sum_values(index, (before.arrays.level_start, *sums))


def _sum_values(index: RangeIndex, known: tuple[Ints, Floats, Floats] | None) -> tuple[Floats, Floats]:
    """The sums, those of nodes that an index of fewer rows had copied: its level_start, blocks and nodes."""
    arrays = index.arrays
    blocks, nodes = np.empty(arrays.block_sum.size), np.empty(arrays.node_sum.size)
    old_starts, old_blocks, old_nodes = known or (np.zeros(1, np.int64), blocks[:0], nodes[:0])
    blocks[: len(old_blocks)] = old_blocks

    def fill(start: int, stop: int) -> None:
        build_products(arrays.volume, arrays.close, blocks, start, stop, np.empty(GROUP))

    spread(fill, split(len(old_blocks), len(blocks), grain=_ROW_GRAIN // GROUP))
    below = blocks
    for level, (start, stop) in enumerate(pairwise(arrays.level_start.tolist())):
        here = nodes[start:stop]
        old = (
            old_nodes[old_starts[level] : old_starts[level + 1]] if level + 1 < len(old_starts) else nodes[:0]
        )
        here[: len(old)] = old
        build_sums(frozen(below), here, len(old), stop - start, np.empty(GROUP))
        below = here
    return frozen(blocks), frozen(nodes)
