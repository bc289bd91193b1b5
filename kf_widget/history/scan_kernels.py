"""Kernels that turn sorted rows into bars in one pass, without an index.

Bars come from marks (`mark_kernels`) or from given edges, a block of them at a time. Where they are of few
rows, `short_kernels` reduces them; the others, and all of a block whose usual bar is longer, go through
`long_kernels`. Sums follow the tree of `index_kernels` either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kf_widget.history.long_kernels import HALF, ROOMY, any_bar, bar_to_32, bar_to_64, wide_bar
from kf_widget.history.mark_kernels import bar_begins, bar_end, marked_edges
from kf_widget.history.run_kernels import GROUP
from kf_widget.history.short_kernels import ROOM, short_bars
from kf_widget.jit import kernel

if TYPE_CHECKING:
    from kf_widget.history.bar_columns import BarColumns

__all__ = ["Scratch", "scan_bars", "scan_edges"]

_BLOCK: Final = 1024  # rows at once: their prices and sizes stay in the fastest cache
_LONG: Final = 16  # rows of a block's usual bar from which on none is tried as a short one
_EDGES: Final = 64  # bars at once where their edges are given
_LEVELS: Final = 11  # 64 ** 11 rows are more than int64 counts


class Scratch(NamedTuple):
    """Room that a thread works in; all of it is overwritten.

    middle, longer, edges : int64, as `short_kernels` and `mark_kernels` need them
    buffer : float64 (64,), a group being summed; rest : the same of the last of several
    highest, lowest : float64 (8,), of every eighth row of a bar
    pending : float64 (n_levels, 64), sums that wait for the rest of their group
    filled : int64 (n_levels,), how many wait; zeros, and left so
    """

    middle: npt.NDArray[np.int64]
    longer: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int64]
    buffer: npt.NDArray[np.float64]
    rest: npt.NDArray[np.float64]
    highest: npt.NDArray[np.float64]
    lowest: npt.NDArray[np.float64]
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
            np.empty(8),
            np.empty(8),
            np.empty((_LEVELS, GROUP)),
            np.zeros(_LEVELS, np.int64),
        )


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
    n_roomy = n_bars if edges[first + n_bars] - edges[first] < _LONG * n_bars else 0
    while n_roomy > 0 and edges[first + n_roomy - 1] + ROOM > high.size:
        n_roomy -= 1
    n_longer = short_bars(columns, edges, first, n_roomy, out, bar, scratch.middle, longer)
    for j in range(n_roomy, n_bars):
        longer[n_longer] = j
        n_longer += 1
    for k in range(n_longer):
        j = longer[np.uint64(k)]
        row, after = edges[np.uint64(first + j)], edges[np.uint64(first + j + 1)]
        here = np.uint64(bar + j)
        count = after - row
        out_open[here] = opens[np.uint64(row)]
        out_close[here] = close[np.uint64(after - 1)]
        out_count[here] = count
        if (count <= GROUP) & (row + ROOMY <= high.size):
            if count <= HALF:
                out_high[here], out_low[here], out_volume[here] = bar_to_32(columns, row, after)
            else:
                out_high[here], out_low[here], out_volume[here] = bar_to_64(columns, row, after)
        elif (count > GROUP) & ((after | 63) < high.size):
            out_high[here], out_low[here], out_volume[here] = wide_bar(columns, row, after, scratch)
        else:
            out_high[here], out_low[here], out_volume[here] = any_bar(high, low, volume, row, after, scratch)


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
    """Bars of time that begin in rows ``[start_row, stop_row)``, the last of which may end beyond.

    kind, step, from_ns, offset_ns, marks : as `mark_kernels.mark_bars` takes and leaves them
    columns : (time_ns, open, high, low, close, volume) of the history, volume (0,) when there is none
    out : overwritten from `bar` on
    """
    time_ns = columns[0]
    n_words = (stop_row - start_row + 63) >> 6
    edges = scratch.edges
    known = (0, 0, 1)
    word, count = 0, 0
    while word < n_words:
        word, count = marked_edges(marks, word, n_words, start_row, edges, count, _BLOCK, time_ns)
        if word == n_words and count > 0:
            edges[count] = bar_end(kind, step, from_ns, offset_ns, time_ns, edges[count - 1], stop_row)
            count += 1
        n_bars = count - 1
        if n_bars > 0:
            _reduce(columns, edges, 0, n_bars, out, bar, scratch)
            known = bar_begins(
                kind, step, from_ns, offset_ns, time_ns, edges, n_bars, out.time_ns, bar, known
            )
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
