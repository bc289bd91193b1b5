"""Kernels that turn ticks into bars of time, or find their rows, piece by piece, each read from memory once.

The number of a piece's first bar is the number of bars that begin in all pieces before it. So a thread that
takes a piece marks it, tells how many bars begin in it, and knows where its own bars go as soon as the
threads before have told as much; it need not wait until their bars are made. Where one does not tell in
time, being interrupted perhaps, its piece is counted here: nobody ever waits for another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.atomic import peek, put, take, touch
from kf_widget.history.mark_kernels import bar_begins, mark_bars, marked_edges
from kf_widget.history.scan_kernels import Scratch, scan_bars
from kf_widget.jit import kernel, part

if TYPE_CHECKING:
    from kf_widget.history.bar_columns import BarColumns

__all__ = ["CUT_ROWS", "cut_pieces", "scan_pieces"]

_PATIENCE: Final = 20_000
"""Looks at a number that is not there yet: some ten microseconds, as long as it takes to count a piece."""

CUT_ROWS: Final = 1024
"""Rows whose edges `cut_pieces` writes at once."""

_PAGE_BITS: Final = 18
"""Values of 8 bytes in a large page of memory, as a power of two. The system clears it when it is first
written, as often as there are threads that do so at once: one of them does so long before it is needed."""


@kernel(_nrt=False)
def _mark(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    time_ns: npt.NDArray[np.int64],
    piece_rows: int,
    piece: int,
    counts: npt.NDArray[np.int64],
    marks: npt.NDArray[np.uint64],
) -> None:
    """Mark the bars of a piece, and let all know how many begin in it."""
    start = piece * piece_rows
    stop = min(start + piece_rows, time_ns.size)
    put(counts, piece, mark_bars(kind, step, from_ns, offset_ns, time_ns, start, stop, marks))


@kernel(_nrt=False)
def _touch_all(out: BarColumns, bar: int) -> None:
    """Have the memory of a bar made, if there is room for it."""
    time_ns, open, high, low, close, volume, counts = out
    if bar < time_ns.size:
        touch(time_ns, bar)
        touch(open, bar)
        touch(high, bar)
        touch(low, bar)
        touch(close, bar)
        touch(volume, bar)
        touch(counts, bar)


@part(_nrt=False)
def _bars_before(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    time_ns: npt.NDArray[np.int64],
    piece_rows: int,
    piece: int,
    counts: npt.NDArray[np.int64],
    firsts: npt.NDArray[np.int64],
    marks: npt.NDArray[np.uint64],
) -> Any:
    """Number of bars that begin before a piece; marks : as `mark_bars` needs them, overwritten."""
    known = piece
    while peek(firsts, known) < 0:
        known -= 1
    bar = peek(firsts, known)
    while known < piece:
        count = peek(counts, known)
        looks = 0
        while count < 0 and looks < _PATIENCE:
            count = peek(counts, known)
            looks += 1
        if count < 0:
            _mark(kind, step, from_ns, offset_ns, time_ns, piece_rows, known, counts, marks)
            count = counts[known]
        bar += count
        known += 1
        put(firsts, known, bar)
    return bar


@kernel(_nrt=False)
def scan_pieces(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    columns: Any,
    piece_rows: int,
    taken: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    firsts: npt.NDArray[np.int64],
    marks: npt.NDArray[np.uint64],
    out: BarColumns,
    scratch: Scratch,
) -> None:
    """Bars of time of the pieces that nobody has taken yet, until none is left or the room ends.

    kind, step, from_ns, offset_ns, columns : as `scan_kernels.scan_bars` takes them
    piece_rows : rows of a piece; of the last one, fewer
    taken : int64 (1,), number of the next piece; shared by all threads, as are the next two
    counts : int64 (n_pieces,), number of bars that begin in each piece, -1 where not known
    firsts : int64 (n_pieces + 1,), the same of all pieces before, the first of them 0
    marks : uint64 (3, piece_rows / 64 or more), the thread's own, overwritten
    out : overwritten with the bars of every piece whose bars all have room, with anything beyond those

    A piece is marked before another is reduced: whoever takes the pieces between knows where these go.
    """
    time_ns = columns[0]
    n_pieces = counts.size
    mine = 0
    piece = take(taken, 0)
    after = take(taken, 0)
    if piece < n_pieces:
        _mark(kind, step, from_ns, offset_ns, time_ns, piece_rows, piece, counts, marks[mine])
    while piece < n_pieces:
        if after < n_pieces:
            _mark(kind, step, from_ns, offset_ns, time_ns, piece_rows, after, counts, marks[1 - mine])
        count = counts[piece]
        bar = _bars_before(
            kind, step, from_ns, offset_ns, time_ns, piece_rows, piece, counts, firsts, marks[2]
        )
        put(firsts, piece + 1, bar + count)
        if bar + count > out.time_ns.size:
            return
        if count > 0:
            if bar >> _PAGE_BITS != (bar + count) >> _PAGE_BITS:
                _touch_all(out, ((bar + count) >> _PAGE_BITS) + 2 << _PAGE_BITS)
            start = piece * piece_rows
            stop = min(start + piece_rows, time_ns.size)
            scan_bars(kind, step, from_ns, offset_ns, columns, marks[mine], start, stop, out, bar, scratch)
        piece, after, mine = after, take(taken, 0), 1 - mine


@kernel(_nrt=False)
def cut_pieces(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    time_ns: npt.NDArray[np.int64],
    piece_rows: int,
    stop_piece: int,
    taken: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    firsts: npt.NDArray[np.int64],
    marks: npt.NDArray[np.uint64],
    edges: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    times: npt.NDArray[np.int64],
    first_bar: int,
) -> None:
    """Rows at which bars of time begin, of the pieces up to one that nobody has taken yet, and their times.

    kind, step, from_ns, offset_ns, time_ns : as `mark_kernels.mark_bars` takes them
    piece_rows, taken, counts, firsts : as `scan_pieces` takes them; firsts of the first of these pieces is
        known
    marks : uint64 (2, piece_rows / 64 or more) and edges : int64 (CUT_ROWS + 72,), the thread's own,
        overwritten
    rows : int64, of each bar from `first_bar` on, overwritten; times : int64, of all bars, likewise
    """
    piece = take(taken, 0)
    while piece < stop_piece:
        _mark(kind, step, from_ns, offset_ns, time_ns, piece_rows, piece, counts, marks[0])
        bar = _bars_before(
            kind, step, from_ns, offset_ns, time_ns, piece_rows, piece, counts, firsts, marks[1]
        )
        put(firsts, piece + 1, bar + counts[piece])
        start = piece * piece_rows
        n_words = (min(piece_rows, time_ns.size - start) + 63) >> 6
        known = (0, 0, 1)
        word = 0
        while word < n_words:
            word, n_bars = marked_edges(marks[0], word, n_words, start, edges, 0, CUT_ROWS, time_ns)
            if n_bars > 0:
                for j in range(n_bars):
                    rows[np.uint64(bar - first_bar + j)] = edges[np.uint64(j)]
                known = bar_begins(kind, step, from_ns, offset_ns, time_ns, edges, n_bars, times, bar, known)
                bar += n_bars
        piece = take(taken, 0)
