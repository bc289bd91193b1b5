"""Kernels that turn sorted rows into bars in one pass, without an index.

A bar of many rows is reduced by groups of 64, as far as it covers them; bars of few rows a block of them at
a time, by `short_kernels`. Sums follow the tree of `index_kernels` either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
from kf_widget.history.short_kernels import (
    BLOCK,
    SHORT,
    count_cuts,
    cut_block,
    note_longer,
    short_extremes,
    short_sums,
)
from kf_widget.jit import kernel

if TYPE_CHECKING:
    from kf_widget.history.bar_columns import BarColumns

__all__ = ["Scratch", "bar_stop", "count_bars", "scan_bars", "scan_edges"]

_FEW: Final = 16
_LEVELS: Final = 11  # 64 ** 11 rows are more than int64 counts


class Scratch(NamedTuple):
    """Room that a thread works in; all of it is overwritten.

    numbers, longer : int64 (BLOCK,); edges : int64 (BLOCK + 1,), as in `short_kernels`
    buffer : float64 (64,), a group being summed
    pending : float64 (n_levels, 64), sums that wait for the rest of their group
    filled : int64 (n_levels,), how many wait; zeros, and left so
    """

    numbers: npt.NDArray[np.int64]
    longer: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int64]
    buffer: npt.NDArray[np.float64]
    pending: npt.NDArray[np.float64]
    filled: npt.NDArray[np.int64]

    @classmethod
    def room(cls) -> Scratch:
        """A thread's own."""
        numbers, longer, edges = (np.empty(BLOCK + extra, np.int64) for extra in (0, 0, 1))
        return cls(
            numbers, longer, edges, np.empty(GROUP), np.empty((_LEVELS, GROUP)), np.zeros(_LEVELS, np.int64)
        )


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
    scratch: Scratch,
) -> Any:
    """Highest high, lowest low and sum of volume of rows ``[start, stop)``, which is not empty."""
    buffer, pending, filled = scratch.buffer, scratch.pending, scratch.filled
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
    row = look = start_row
    while row < stop_row:
        time = time_ns[row]
        if time < start or time >= stop:
            start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
        end_row = min(row + BLOCK, stop_row)
        count += 1
        if row >= look and not _may_be_short(time_ns, row, end_row, start, stop, width):
            look = end_row  # long bars are neighbours: looking ahead at each costs a sixth of the scan
        elif row >= look:
            if time_ns[end_row - 1] >= stop:
                end_row = bar_stop(time_ns, row, end_row, stop)
            count += count_cuts(time_ns, row, end_row, start, width)
            row = end_row - 1
        time = time_ns[row]
        row = bar_stop(time_ns, row, stop_row, min(time - (time - start) % width + width, stop))
    return count


@kernel(_nrt=False)
def _may_be_short(
    time_ns: npt.NDArray[np.int64], row: int, end_row: int, start: int, stop: int, width: int
) -> Any:
    """Whether rows ``[row, end_row)`` span so many bars of a day that a bar may have few of them.

    A stretch of one bar may be years long, beyond what the products and `cut_block` can hold: never there.
    """
    if width >= stop - start:
        return False
    return (min(time_ns[end_row - 1], stop) - time_ns[row]) * _FEW >= (end_row - row) * width


@kernel(_nrt=False)
def _reduce(
    columns: Any,
    edges: npt.NDArray[np.int64],
    first: int,
    n_bars: int,
    out: BarColumns,
    bar: int,
    scratch: Scratch,
) -> None:
    """All but the time of `n_bars` bars, whose rows lie between neighbours of `edges` from `first` on.

    No bar begins in the last `SHORT` - 1 rows of the history; n_bars is at most `BLOCK`.
    """
    _, opens, high, low, close, volume = columns
    _, out_open, out_high, out_low, out_close, out_volume, out_count = out
    for j in range(n_bars):
        row = edges[np.uint64(first + j)]
        after = edges[np.uint64(first + j + 1)]
        here = np.uint64(bar + j)
        out_open[here] = opens[np.uint64(row)]
        out_close[here] = close[np.uint64(after - 1)]
        out_count[here] = after - row
    short_extremes(high, low, edges, first, n_bars, out_high, out_low, bar)
    if volume.size > 0:
        short_sums(volume, edges, first, n_bars, out_volume, bar, scratch.buffer)
    else:
        for j in range(n_bars):
            out_volume[bar + j] = 0.0
    for k in range(note_longer(edges, first, n_bars, scratch.longer)):
        j = scratch.longer[k]
        out_high[bar + j], out_low[bar + j], out_volume[bar + j] = _scan_bar(
            high, low, volume, edges[first + j], edges[first + j + 1], scratch
        )


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
    scratch: Scratch,
) -> None:
    """Bars of time of rows ``[start_row, stop_row)``, which begin and end with a bar.

    kind, step, from_ns, offset_ns : as `calendar_kernels.stretch` takes them
    columns : (time_ns, open, high, low, close, volume) of the history, volume (0,) when there is none
    out : overwritten from `bar` on
    """
    time_ns, opens, high, low, close, volume = columns
    out_time, out_open, out_high, out_low, out_close, out_volume, out_count = out
    numbers, edges = scratch.numbers, scratch.edges
    start, stop, width = 0, 0, 1
    row = look = start_row
    while row < stop_row:
        time = time_ns[row]
        if time < start or time >= stop:
            start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
        end_row = min(row + BLOCK, stop_row)
        if row >= look and not _may_be_short(time_ns, row, end_row, start, stop, width):
            look = end_row  # long bars are neighbours: looking ahead at each costs a sixth of the scan
        elif row >= look:
            if time_ns[end_row - 1] >= stop:
                end_row = bar_stop(time_ns, row, end_row, stop)
            n_bars = cut_block(time_ns, row, end_row, start, width, numbers, edges)
            if end_row < stop_row:
                last = numbers[end_row - 1 - row]
                if time_ns[end_row] < min(start + (last + 1) * width, stop):
                    n_bars -= 1  # goes on beyond the block
            while n_bars > 0 and edges[n_bars - 1] + SHORT > time_ns.size:
                n_bars -= 1
            if n_bars * _FEW >= end_row - row:
                for j in range(n_bars):
                    out_time[bar + j] = start + numbers[edges[j] - row] * width
                _reduce(columns, edges, 0, n_bars, out, bar, scratch)
                row = edges[n_bars]
                bar += n_bars
                continue
        begin = time - (time - start) % width
        after = bar_stop(time_ns, row, stop_row, min(begin + width, stop))
        out_time[bar] = begin
        out_open[bar] = opens[row]
        out_high[bar], out_low[bar], out_volume[bar] = _scan_bar(high, low, volume, row, after, scratch)
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
    scratch: Scratch,
) -> None:
    """Bars of the rows between neighbouring edges, each not empty; a bar's time is its first row's.

    row_edges : int64 (n_bars + 1,), strictly increasing; the rest as in `scan_bars`
    """
    time_ns, opens, high, low, close, volume = columns
    out_time, out_open, out_high, out_low, out_close, out_volume, out_count = out
    bar = start_bar
    while bar < stop_bar:
        n_bars = min(BLOCK, stop_bar - bar)
        while n_bars > 0 and row_edges[bar + n_bars - 1] + SHORT > time_ns.size:
            n_bars -= 1
        if n_bars * _FEW >= row_edges[bar + n_bars] - row_edges[bar] and n_bars > 0:
            for j in range(n_bars):
                out_time[bar + j] = time_ns[row_edges[bar + j]]
            _reduce(columns, row_edges, bar, n_bars, out, bar, scratch)
            bar += n_bars
            continue
        for _ in range(max(n_bars, 1)):
            row = row_edges[bar]
            after = row_edges[bar + 1]
            out_time[bar] = time_ns[row]
            out_open[bar] = opens[row]
            out_high[bar], out_low[bar], out_volume[bar] = _scan_bar(high, low, volume, row, after, scratch)
            out_close[bar] = close[after - 1]
            out_count[bar] = after - row
            bar += 1
