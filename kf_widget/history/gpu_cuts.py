"""Chunks of a history that goes through the GPU, each with the row edges of its bars."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from kf_widget.history.edges import calendar_rule, floor_time, most_bars
from kf_widget.history.index import frozen
from kf_widget.history.piece_kernels import CUT_ROWS, cut_pieces
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.threads import spread, thread_count

if TYPE_CHECKING:
    from kf_widget.history.protocol import History

__all__ = ["Chunk", "Cutter", "ListedCutter", "TimeCutter"]

Ints = npt.NDArray[np.int64]

_PIECE_ROWS: Final = 1 << 15


class Chunk(NamedTuple):
    """Rows ``[row0, row1)``, which are on the device together, and the bars that they hold a part of.

    edges : int64 (n_bars + 1,), the first that of a bar which began in an earlier chunk if `carried`, the
        last beyond row1 where that bar goes on; good until the chunk after the next is cut
    first_bar : number of the first bar
    n_ended : how many of the bars end in the chunk
    """

    row0: int
    row1: int
    edges: Ints
    carried: bool
    first_bar: int
    n_ended: int


class Cutter(Protocol):
    """Cuts rows into chunks, one after the other."""

    def chunk(self, cut: tuple[int, int]) -> Chunk:
        """The next rows, half-open; the times of the bars that begin in them are written."""


class TimeCutter:
    """Cuts all rows of a history by time, by all cores, which read each row's time once.

    Parameters
    ----------
    chunk_rows : of every chunk but the last, a multiple of 64
    times : int64, overwritten with the times of the bars; long enough for `most_bars`
    """

    def __init__(
        self, history: History, timeframe: Timeframe, zone: Zone, chunk_rows: int, times: Ints
    ) -> None:
        self._timeframe, self._zone, self._times = timeframe, zone, times
        self._time_ns = frozen(history.time_ns)
        first, last = int(self._time_ns[0]), int(self._time_ns[-1])
        kind, step, from_ns, offset_ns = calendar_rule(timeframe, zone, first, last)
        self._rule = (kind, step, frozen(from_ns), frozen(offset_ns))
        self._piece_rows = math.gcd(chunk_rows, _PIECE_ROWS)
        n_pieces = -(-len(self._time_ns) // self._piece_rows)
        self._counts, self._firsts = np.full(n_pieces, -1), np.full(n_pieces + 1, -1)
        self._firsts[0] = 0
        self._rooms: list[Ints] = [np.empty(0, np.int64), np.empty(0, np.int64)]
        self._last_row = 0  # where the last bar so far begins
        self._carried = False

    def chunk(self, cut: tuple[int, int]) -> Chunk:
        """The next rows."""
        row0, row1 = cut
        first, stop = row0 // self._piece_rows, -(-row1 // self._piece_rows)
        begun, carried = int(self._firsts[first]), self._carried
        rows = self._room(row0, row1)
        rows[0] = self._last_row
        taken = np.array([first])

        def work(*_: int) -> None:
            marks = np.empty((2, self._piece_rows // 64), np.uint64)
            edges = np.empty(CUT_ROWS + 72, np.int64)
            cut_pieces(
                *self._rule, self._time_ns, self._piece_rows, stop, taken, self._counts, self._firsts,
                marks, edges, rows[1:], self._times, begun,
            )  # fmt: skip

        # Some cores are left for those who send rows and fetch bars.
        n_threads = min(max(thread_count() * 3 // 4, 1), stop - first)
        spread(work, [(thread, thread + 1) for thread in range(n_threads)])
        n_begun = int(self._firsts[stop]) - begun
        # A bar that goes on is said to end one row later: its pieces then wait for the rest.
        goes_on = row1 < len(self._time_ns) and self._same_bar(row1)
        rows[1 + n_begun] = row1 + goes_on
        edges = rows[not carried : 2 + n_begun]
        self._last_row, self._carried = int(rows[n_begun]), goes_on
        return Chunk(row0, row1, edges, carried, begun - carried, len(edges) - 1 - goes_on)

    def _room(self, row0: int, row1: int) -> Ints:
        """Room for the edges of a chunk; that of the chunk before stays as it is."""
        span = int(self._time_ns[row1 - 1]) - int(self._time_ns[row0])
        wanted = 2 + min(row1 - row0, most_bars(self._timeframe, 0, span))
        room = self._rooms.pop(0)
        if len(room) < wanted:
            room = np.empty(wanted, np.int64)
        self._rooms.append(room)
        return room

    def _same_bar(self, row: int) -> bool:
        """Whether a row and the one before it are in one bar."""
        begins = floor_time(self._timeframe, self._zone, self._time_ns[row - 1 : row + 1])
        return bool(begins[0] == begins[1])


class ListedCutter:
    """Cuts the rows of known bars; each bar's time is that of its first row.

    Parameters
    ----------
    edges : int64 (n_bars + 1,), strictly increasing
    times : int64 (n_bars,), overwritten
    """

    def __init__(self, history: History, edges: Ints, times: Ints) -> None:
        self._time_ns, self._edges, self._times = history.time_ns, edges, times

    def chunk(self, cut: tuple[int, int]) -> Chunk:
        """The next rows."""
        row0, row1 = cut
        first, stop = np.searchsorted(self._edges[:-1], cut).tolist()
        self._times[first:stop] = self._time_ns[self._edges[first:stop]]
        carried = first > 0 and bool(self._edges[first] > row0)
        edges = self._edges[first - carried : stop + 1].copy()
        goes_on = bool(edges[-1] > row1)
        edges[-1] = row1 + goes_on
        return Chunk(row0, row1, edges, carried, first - carried, len(edges) - 1 - goes_on)
