"""Bars of time in one pass over the rows: room for them is guessed, and cut to size at the end.

To count the bars first means to read all times twice, and a processor that then reads the time of each
bar's first row fetches most of those between as well. Room that no bar needs costs nothing: memory that
nobody has touched is not there yet.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.bar_columns import BarColumns
from kf_widget.history.edges import floor_time
from kf_widget.history.piece_kernels import scan_pieces
from kf_widget.history.scan_kernels import Scratch
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.threads import spread, thread_count

__all__ = ["expected_bars", "scan_once"]

Ints = npt.NDArray[np.int64]

_PIECE_ROWS: Final = 1 << 16
"""Where a piece ends, what was asked for beyond it is of use to nobody: half as many rows take a twentieth
longer, twice as many as long."""

_SHARES: Final = 4
"""Pieces for each thread, at least: it takes two before it begins."""

_SAMPLES: Final = 256
_SAMPLE_ROWS: Final = 64
_MARGIN: Final = 1.25


def expected_bars(timeframe: Timeframe, zone: Zone, time_ns: Ints) -> int:
    """Number of bars there may be, by those that begin in 256 runs of 64 rows; at least 1.

    timeframe : of a time kind
    time_ns : int64 (n,), non-decreasing, of more rows than a run
    """
    starts = np.linspace(0, len(time_ns) - _SAMPLE_ROWS - 1, _SAMPLES).astype(np.int64)
    times = time_ns[starts[:, None] + np.arange(_SAMPLE_ROWS + 1)]
    begins = floor_time(timeframe, zone, times.ravel()).reshape(times.shape)
    found = int(np.count_nonzero(begins[:, 1:] != begins[:, :-1]))
    return 1 + found * len(time_ns) // (_SAMPLES * _SAMPLE_ROWS)


def scan_once(
    rule: tuple[int, int, Ints, Ints], columns: tuple[npt.NDArray[Any], ...], expected: int
) -> BarColumns:
    """Bars of time of all rows, of which there is at least one.

    Parameters
    ----------
    rule, columns : as `scan_kernels.scan_bars` takes them.
    expected : how many bars there may be, from 1; where there are far more, those made so far are moved.
    """
    n_rows = len(columns[0])
    rows = min(_PIECE_ROWS, max(n_rows // (_SHARES * thread_count()) & -64, 64))
    n_pieces = -(-n_rows // rows)
    counts, firsts = np.full(n_pieces, -1), np.full(n_pieces + 1, -1)
    taken, firsts[0] = np.zeros(1, np.int64), 0
    out = BarColumns.room(min(int(expected * _MARGIN) + 1, n_rows))

    def scan(*_: int) -> None:
        marks = np.empty((3, rows // 64), np.uint64)
        scan_pieces(*rule, columns, rows, taken, counts, firsts, marks, out, Scratch.room())

    while True:
        spread(scan, [(thread, thread + 1) for thread in range(thread_count())])
        outside = (firsts < 0) | (firsts > len(out.time_ns))
        if not outside.any():
            return _cut(out, int(firsts[-1]))
        taken[0] = outside.argmax() - 1  # all pieces before this one are done
        out = _grown(out, int(firsts[taken[0]]), min(2 * len(out.time_ns), n_rows))


def _grown(columns: BarColumns, n_bars: int, room: int) -> BarColumns:
    """Room for more bars, the first `n_bars` of which are those that are there."""
    grown = BarColumns.room(room)
    for new, old in zip(grown, columns, strict=True):
        new[:n_bars] = old[:n_bars]
    return grown


def _cut(columns: BarColumns, n_bars: int) -> BarColumns:
    """The first `n_bars`; the memory of the others is given back, or the system may take it."""
    for column in columns:
        if column.flags.owndata:
            column.resize(n_bars, refcheck=False)
    return BarColumns._make(c if c.flags.owndata else c[:n_bars] for c in columns)
