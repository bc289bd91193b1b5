"""Kernels that turn sorted rows into bars in one pass, without an index.

Rows are reduced by blocks of 64, as far as a bar covers them, and sums follow the tree of `index_kernels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kf_widget.history.calendar_kernels import stretch
from kf_widget.history.run_kernels import (
    GROUP,
    SHIFT,
    fold,
    group_highest,
    group_lowest,
    run_highest,
    run_lowest,
    run_sum,
)
from kf_widget.jit import kernel

if TYPE_CHECKING:
    from kf_widget.history.bar_columns import BarColumns

__all__ = ["bar_stop", "count_bars", "scan_bars", "scan_edges"]


@kernel(_nrt=False)
def bar_stop(time_ns: npt.NDArray[np.int64], row: int, stop_row: int, end: int) -> Any:
    """First row after `row`, up to `stop_row`, at or after `end`; the row itself is before it.

    Counting the smaller of 8 or of 64 neighbours is one vector loop; farther ends are galloped to.
    """
    s = np.uint64(row)
    if row + 8 < stop_row and time_ns[row + 8] >= end:
        count = 0
        for i in range(8):
            count += time_ns[s + np.uint64(i)] < end
        return row + count
    if row + 64 < stop_row and time_ns[row + 64] >= end:
        count = 0
        for i in range(64):
            count += time_ns[s + np.uint64(i)] < end
        return row + count
    reach = 64
    while row + reach < stop_row and time_ns[row + reach] < end:
        reach *= 2
    before = row if reach == 64 else row + reach // 2
    after = min(row + reach, stop_row)
    while after - before > 1:
        middle = (before + after) >> 1
        if time_ns[middle] < end:
            before = middle
        else:
            after = middle
    return after


@kernel(_nrt=False)
def _push(node: int, total: float, pending: npt.NDArray[np.float64], filled: npt.NDArray[np.int64]) -> None:
    """Add a node's sum; a group that is thereby complete moves up."""
    level = 0
    while True:
        pending[level, filled[level]] = total
        filled[level] += 1
        if node & 63 != 63:
            return
        total = fold(pending[level], filled[level])
        filled[level] = 0
        node >>= SHIFT
        level += 1


@kernel(_nrt=False)
def _close(pending: npt.NDArray[np.float64], filled: npt.NDArray[np.int64]) -> Any:
    """Sum of all that is pending; leaves nothing."""
    top = filled.size - 1
    while top > 0 and filled[top] == 0:
        top -= 1
    carried = False
    total = 0.0
    for level in range(top + 1):
        count = filled[level]
        if carried:
            pending[level, count] = total
            count += 1
        if count > 0:
            total = fold(pending[level], count)
            carried = True
        filled[level] = 0
    return total


@kernel(_nrt=False)
def _scan_bar(
    high: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    volume: npt.NDArray[Any],
    start: int,
    stop: int,
    buffer: npt.NDArray[np.float64],
    pending: npt.NDArray[np.float64],
    filled: npt.NDArray[np.int64],
) -> Any:
    """Highest high, lowest low and sum of volume of rows ``[start, stop)``, which is not empty.

    buffer : float64 (64,), overwritten; pending : float64 (n_levels, 64), overwritten
    filled : int64 (n_levels,), zeros, and left so
    """
    has_volume = volume.size > 0
    first_block = start >> SHIFT
    last_block = (stop - 1) >> SHIFT
    if first_block == last_block:
        total = run_sum(volume, start, stop, buffer) if has_volume else 0.0
        return run_highest(high, start, stop), run_lowest(low, start, stop), total
    highest, lowest = high[start], low[start]
    for block in range(first_block, last_block + 1):
        a = max(block << SHIFT, start)
        b = min((block + 1) << SHIFT, stop)
        if b - a == GROUP:
            highest = max(highest, group_highest(high, a))
            lowest = min(lowest, group_lowest(low, a))
        else:
            highest = max(highest, run_highest(high, a, b))
            lowest = min(lowest, run_lowest(low, a, b))
        if has_volume:
            _push(block, run_sum(volume, a, b, buffer), pending, filled)
    return highest, lowest, _close(pending, filled) if has_volume else 0.0


@kernel(_nrt=False)
def count_bars(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    time_ns: npt.NDArray[np.int64],
    start_row: int,
    stop_row: int,
) -> Any:
    """Number of bars that rows ``[start_row, stop_row)`` fall into."""
    start, stop, width = 0, 0, 1
    count = 0
    row = start_row
    while row < stop_row:
        time = time_ns[row]
        if time < start or time >= stop:
            start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
        end = min(time - (time - start) % width + width, stop)
        row = bar_stop(time_ns, row, stop_row, end)
        count += 1
    return count


@kernel(_nrt=False)
def scan_bars(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    columns: Any,
    start_row: int,
    stop_row: int,
    out: BarColumns,
    bar: int,
    buffer: npt.NDArray[np.float64],
    pending: npt.NDArray[np.float64],
    filled: npt.NDArray[np.int64],
) -> None:
    """Bars of time of rows ``[start_row, stop_row)``, which begin and end with a bar.

    kind, step, from_ns, offset_ns : as `calendar_kernels.stretch` takes them
    columns : (time_ns, open, high, low, close, volume) of the history, volume (0,) when there is none
    out : overwritten from `bar` on
    buffer, pending, filled : as in `_scan_bar`
    """
    time_ns, opens, high, low, close, volume = columns
    out_time, out_open, out_high, out_low, out_close, out_volume, out_count = out
    start, stop, width = 0, 0, 1
    row = start_row
    while row < stop_row:
        time = time_ns[row]
        if time < start or time >= stop:
            start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
        begin = time - (time - start) % width
        after = bar_stop(time_ns, row, stop_row, min(begin + width, stop))
        out_time[bar] = begin
        out_open[bar] = opens[row]
        out_high[bar], out_low[bar], out_volume[bar] = _scan_bar(
            high, low, volume, row, after, buffer, pending, filled
        )
        out_close[bar] = close[after - 1]
        out_count[bar] = after - row
        row = after
        bar += 1


@kernel(_nrt=False)
def scan_edges(
    row_edges: npt.NDArray[np.int64],
    columns: Any,
    start_bar: int,
    stop_bar: int,
    out: BarColumns,
    buffer: npt.NDArray[np.float64],
    pending: npt.NDArray[np.float64],
    filled: npt.NDArray[np.int64],
) -> None:
    """Bars of the rows between neighbouring edges, each not empty; a bar's time is its first row's.

    row_edges : int64 (n_bars + 1,), strictly increasing; the rest as in `scan_bars`
    """
    time_ns, opens, high, low, close, volume = columns
    out_time, out_open, out_high, out_low, out_close, out_volume, out_count = out
    for bar in range(start_bar, stop_bar):
        row = row_edges[bar]
        after = row_edges[bar + 1]
        out_time[bar] = time_ns[row]
        out_open[bar] = opens[row]
        out_high[bar], out_low[bar], out_volume[bar] = _scan_bar(
            high, low, volume, row, after, buffer, pending, filled
        )
        out_close[bar] = close[after - 1]
        out_count[bar] = after - row
