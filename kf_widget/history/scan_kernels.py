"""Kernels that turn sorted rows into bars in one pass, without an index.

Bars come from marks (`mark_kernels`) or from given edges, a block of them at a time. Those of few rows are
reduced by `short_kernels`, longer ones by groups of 64, as far as they cover them. Sums follow the tree of
`index_kernels` either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kf_widget.history.lanes import highest_64, lowest_64, sum_8, sum_64
from kf_widget.history.mark_kernels import bar_begins, marked_edges
from kf_widget.history.run_kernels import GROUP, SHIFT, fold, run_highest, run_lowest, run_sum
from kf_widget.history.short_kernels import ROOM, short_bars
from kf_widget.jit import kernel, part

if TYPE_CHECKING:
    from kf_widget.history.bar_columns import BarColumns

__all__ = ["Scratch", "scan_bars", "scan_edges"]

_BLOCK: Final = 1024  # rows at once: their prices and sizes stay in the fastest cache
_EDGES: Final = 64  # bars at once where their edges are given
_LEVELS: Final = 11  # 64 ** 11 rows are more than int64 counts


class Scratch(NamedTuple):
    """Room that a thread works in; all of it is overwritten.

    middle, longer, edges : int64, as `short_kernels` and `mark_kernels` need them
    buffer : float64 (64,), a group being summed; rest : the same of the last of several
    pending : float64 (n_levels, 64), sums that wait for the rest of their group
    filled : int64 (n_levels,), how many wait; zeros, and left so
    """

    middle: npt.NDArray[np.int64]
    longer: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int64]
    buffer: npt.NDArray[np.float64]
    rest: npt.NDArray[np.float64]
    pending: npt.NDArray[np.float64]
    filled: npt.NDArray[np.int64]

    @classmethod
    def room(cls) -> Scratch:
        """A thread's own."""
        middle, longer, edges = (np.empty(_BLOCK + 128, np.int64) for _ in range(3))
        return cls(
            middle,
            longer,
            edges,
            np.empty(GROUP),
            np.empty(GROUP),
            np.empty((_LEVELS, GROUP)),
            np.zeros(_LEVELS, np.int64),
        )


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
def _group(
    high: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    volume: npt.NDArray[Any],
    start: int,
    stop: int,
    buffer: npt.NDArray[np.float64],
) -> Any:
    """Highest high, lowest low and sum of volume of 1 to 64 rows that lie in one group."""
    count = stop - start
    has_volume = volume.size > 0
    if start + GROUP <= high.size:
        total = sum_64(volume, start, count) if has_volume else 0.0
        return highest_64(high, start, count), lowest_64(low, start, count), total
    total = run_sum(volume, start, stop, buffer) if has_volume else 0.0
    return run_highest(high, start, stop), run_lowest(low, start, stop), total


@part(_nrt=False)
def _long_bar(
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
    after = (start | 63) + 1
    highest, lowest, total = _group(high, low, volume, start, min(after, stop), buffer)
    if stop <= after:
        return highest, lowest, total
    if stop <= after + GROUP:
        top, bottom, rest = _group(high, low, volume, after, stop, buffer)
        return max(highest, top), min(lowest, bottom), total + rest
    near = start >> SHIFT >> SHIFT == (stop - 1) >> SHIFT >> SHIFT  # all groups belong to one node
    buffer[0] = total
    count = 1
    if not near:
        _push(start >> SHIFT, total, pending, filled)
    while after < stop:
        if after + GROUP <= stop:
            highest = max(highest, highest_64(high, after, GROUP))
            lowest = min(lowest, lowest_64(low, after, GROUP))
            total = sum_64(volume, after, GROUP) if has_volume else 0.0
        else:
            top, bottom, total = _group(high, low, volume, after, stop, scratch.rest)
            highest, lowest = max(highest, top), min(lowest, bottom)
        if near:
            buffer[count] = total
            count += 1
        else:
            _push(after >> SHIFT, total, pending, filled)
        after += GROUP
    if not near:
        return highest, lowest, _close(pending, filled)
    return highest, lowest, sum_8(buffer, 0, count) if count <= 8 else sum_64(buffer, 0, count)


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
    """All but the time of `n_bars` bars, whose rows lie between neighbours of `edges` from `first` on."""
    _, opens, high, low, close, volume = columns
    _, out_open, out_high, out_low, out_close, out_volume, out_count = out
    longer = scratch.longer
    n_roomy = n_bars
    while n_roomy > 0 and edges[first + n_roomy - 1] + ROOM > high.size:
        n_roomy -= 1
    n_longer = short_bars(columns, edges, first, n_roomy, out, bar, scratch.middle, longer)
    for j in range(n_roomy, n_bars):
        out_open[bar + j] = opens[edges[first + j]]
        out_close[bar + j] = close[edges[first + j + 1] - 1]
        out_count[bar + j] = edges[first + j + 1] - edges[first + j]
        longer[n_longer] = j
        n_longer += 1
    for k in range(n_longer):
        j = longer[k]
        out_high[bar + j], out_low[bar + j], out_volume[bar + j] = _long_bar(
            high, low, volume, edges[first + j], edges[first + j + 1], scratch
        )


@kernel(_nrt=False)
def scan_bars(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    columns: Any,
    marks: npt.NDArray[np.uint64],
    start_row: int,
    stop_row: int,
    out: BarColumns,
    bar: int,
    scratch: Scratch,
) -> None:
    """Bars of time of rows ``[start_row, stop_row)``, which begin and end with a bar.

    kind, step, from_ns, offset_ns, marks : as `mark_kernels.mark_bars` takes and leaves them
    columns : (time_ns, open, high, low, close, volume) of the history, volume (0,) when there is none
    out : overwritten from `bar` on
    """
    time_ns, _, _, _, close, volume = columns
    edges = scratch.edges
    known = (0, 0, 1)
    word, count = 0, 0
    while word < marks.size:
        word, count = marked_edges(marks, word, start_row, edges, count, _BLOCK, time_ns, close, volume)
        if word == marks.size:
            edges[count] = stop_row
            count += 1
        n_bars = count - 1
        if n_bars > 0:
            known = bar_begins(
                kind, step, from_ns, offset_ns, time_ns, edges, n_bars, out.time_ns, bar, known
            )
            _reduce(columns, edges, 0, n_bars, out, bar, scratch)
            bar += n_bars
            edges[0] = edges[n_bars]
            count = 1


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
    time_ns = columns[0]
    bar = start_bar
    while bar < stop_bar:
        n_bars = min(_EDGES, stop_bar - bar)
        for j in range(n_bars):
            out.time_ns[np.uint64(bar + j)] = time_ns[np.uint64(row_edges[np.uint64(bar + j)])]
        _reduce(columns, row_edges, bar, n_bars, out, bar, scratch)
        bar += n_bars
