"""RangeIndex: exact OHLCV of any row range of a history, in microseconds."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from kf_widget.history.index_kernels import (
    aggregate_ranges,
    build_extremes,
    build_sums,
    find_rows,
    range_extremes,
    range_sum,
)
from kf_widget.history.run_kernels import GROUP, SHIFT
from kf_widget.threads import split, spread

__all__ = ["IndexArrays", "Nodes", "RangeIndex", "build_nodes", "frozen", "level_starts"]

A = TypeVar("A", bound=np.ndarray[Any, Any])

_SUPERBLOCK_BLOCKS = 64
_BUILD_GRAIN = 4096  # blocks: 262,144 rows are about a quarter of a millisecond


class IndexArrays(NamedTuple):
    """What kernels take: the history's columns and the nodes above them, all read-only.

    time_ns : int64 (n_rows,), UTC nanoseconds, non-decreasing
    open, high, low, close : float64 (n_rows,); the same array four times for ticks
    volume : float32 or float64 (n_rows,); (0,) when the history has none
    block_high, block_low, block_sum : float64 (n_blocks,), complete blocks of 64 rows; (0,) without volume
    block_first : int64 (n_blocks,), time of the block's first row
    node_high, node_low, node_sum, node_first : the same of the levels above, complete nodes only: superblocks
        of 64 blocks first, then 64 of those, and so on, one level after the other
    level_start : int64 (n_levels + 1,), where each of these levels begins
    """

    time_ns: npt.NDArray[np.int64]
    open: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]
    volume: npt.NDArray[np.floating[Any]]
    block_high: npt.NDArray[np.float64]
    block_low: npt.NDArray[np.float64]
    block_sum: npt.NDArray[np.float64]
    block_first: npt.NDArray[np.int64]
    node_high: npt.NDArray[np.float64]
    node_low: npt.NDArray[np.float64]
    node_sum: npt.NDArray[np.float64]
    node_first: npt.NDArray[np.int64]
    level_start: npt.NDArray[np.int64]


def frozen(array: A) -> A:
    """A read-only view: Numba compiles read-only and writable inputs apart, so one kind is enough."""
    view = array.view()
    view.flags.writeable = False
    return view


class Nodes(NamedTuple):
    """Nodes of one or several levels.

    high, low : float64 (n,); sum : float64 (n,), or (0,) without a volume; first : int64 (n,), UTC ns.
    Of rows: their high, low, volume and time.
    """

    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    sum: npt.NDArray[np.floating[Any]]
    first: npt.NDArray[np.int64]

    @classmethod
    def room(cls, n: int, has_volume: bool) -> Nodes:
        """Arrays for n nodes, to be written."""
        return cls(np.empty(n), np.empty(n), np.empty(n if has_volume else 0), np.empty(n, np.int64))

    def part(self, start: int, stop: int) -> Nodes:
        """A view of nodes ``[start, stop)``."""
        here = slice(start, stop)
        return Nodes(self.high[here], self.low[here], self.sum[here], self.first[here])

    def frozen(self) -> Nodes:
        """Read-only views: nodes go into kernels as rows do, so one compiled kernel serves all levels."""
        return Nodes(frozen(self.high), frozen(self.low), frozen(self.sum), frozen(self.first))


def build_nodes(below: Nodes, here: Nodes, start: int, stop: int) -> None:
    """Fill nodes ``[start, stop)`` of one level from the rows, or the level, below it.

    below : all 64 children of each node, read-only; here : overwritten in that range.
    """
    build_extremes(below.first, below.high, below.low, here.first, here.high, here.low, start, stop)
    if below.sum.size:
        build_sums(below.sum, here.sum, start, stop, np.empty(GROUP))


def level_starts(n_rows: int) -> npt.NDArray[np.int64]:
    """Where each level above the blocks begins, in an index over that many rows; int64 (n_levels + 1,)."""
    starts = [0]
    nodes = n_rows >> (2 * SHIFT)
    while nodes:
        starts.append(starts[-1] + nodes)
        nodes >>= SHIFT
    return np.array(starts, np.int64)


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class RangeIndex:
    """A radix-64 pyramid over the rows of a history.

    Level 1 holds blocks of 64 rows, level 2 superblocks of 64 blocks, and so on, complete ones only. Each
    node keeps its highest high, lowest low, sum of volume and first time: about 2 % of the columns.
    Open, high, low, close and count are exact; sums follow the one tree that `index_kernels` describes.
    """

    arrays: IndexArrays
    """Arguments for kernels, all read-only."""

    @classmethod
    def build(
        cls,
        time_ns: npt.NDArray[np.int64],
        open: npt.NDArray[np.float64],
        high: npt.NDArray[np.float64],
        low: npt.NDArray[np.float64],
        close: npt.NDArray[np.float64],
        volume: npt.NDArray[np.floating[Any]] | None,
    ) -> RangeIndex:
        """Index columns in one pass over all cores; the columns are kept, not copied.

        Parameters
        ----------
        time_ns : int64 (n,), UTC nanoseconds, non-decreasing
        open, high, low, close : float64 (n,), finite; ticks pass their price four times
        volume : float32 or float64 (n,), finite, or None
        """
        n_blocks, starts = len(time_ns) >> SHIFT, level_starts(len(time_ns))
        size = np.empty(0) if volume is None else volume
        rows = Nodes(frozen(high), frozen(low), frozen(size), frozen(time_ns))
        blocks, nodes = (Nodes.room(n, volume is not None) for n in (n_blocks, int(starts[-1])))
        pieces = split(0, n_blocks, grain=_BUILD_GRAIN, align=_SUPERBLOCK_BLOCKS)
        spread(functools.partial(build_nodes, rows, blocks), pieces)
        below = blocks
        for start, stop in pairwise(starts.tolist()):
            here = nodes.part(start, stop)
            build_nodes(below.frozen(), here, 0, stop - start)
            below = here
        return cls.over(time_ns, open, high, low, close, volume, blocks, nodes)

    @classmethod
    def over(
        cls,
        time_ns: npt.NDArray[np.int64],
        open: npt.NDArray[np.float64],
        high: npt.NDArray[np.float64],
        low: npt.NDArray[np.float64],
        close: npt.NDArray[np.float64],
        volume: npt.NDArray[np.floating[Any]] | None,
        blocks: Nodes,
        nodes: Nodes,
    ) -> RangeIndex:
        """An index of nodes made before: `build` says what they are. Nothing is read or checked.

        Parameters
        ----------
        time_ns, open, high, low, close, volume : as for `build`
        blocks : every complete block of the columns
        nodes : the levels above, one after the other, as `level_starts` places them
        """
        prices = (frozen(open), frozen(high), frozen(low), frozen(close))
        size = frozen(np.empty(0) if volume is None else volume)
        above = (*blocks.frozen(), *nodes.frozen(), frozen(level_starts(len(time_ns))))
        return cls(IndexArrays._make((frozen(time_ns), *prices, size, *above)))

    def __len__(self) -> int:
        return len(self.arrays.time_ns)

    def __repr__(self) -> str:
        return f"RangeIndex({len(self):,} rows, {self.nbytes:,} bytes)"

    @property
    def nbytes(self) -> int:
        """Bytes of the nodes; the columns are not counted."""
        return sum(array.nbytes for array in self.arrays[6:])

    def rows(self, times_ns: npt.ArrayLike, side: Literal["left", "right"] = "left") -> npt.NDArray[np.int64]:
        """First row at or after each time (``"left"``), or after it (``"right"``).

        Parameters
        ----------
        times_ns : int64 (m,), UTC nanoseconds, in any order

        Returns
        -------
        int64 (m,), from 0 to the number of rows. Some 20 to 40 nanoseconds each.
        """
        times = np.ascontiguousarray(times_ns, np.int64).reshape(-1)
        out = np.empty(times.size, np.int64)
        arrays = self.arrays
        firsts = (arrays.block_first, arrays.node_first, arrays.level_start)
        find_rows(arrays.time_ns, *firsts, frozen(times), side == "right", out)
        return out

    def aggregate(
        self,
        row_edges: npt.NDArray[np.int64],
        *,
        out: npt.NDArray[np.float64] | None = None,
        volume: npt.NDArray[np.float64] | None = None,
        count: npt.NDArray[np.int64] | None = None,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Open, high, low, close, volume and count of the rows between neighbouring edges.

        Parameters
        ----------
        row_edges : int64 (m + 1,), non-decreasing, within 0 and the number of rows
        out : float64 (m, 4), overwritten with open, high, low, close; NaN where the bar is empty
        volume : float64 (m,), overwritten; 0.0 where the bar is empty or there is no volume
        count : int64 (m,), overwritten with the number of rows

        Returns
        -------
        (out, volume, count), made here where not given. About a microsecond a bar.
        """
        edges = np.ascontiguousarray(row_edges, np.int64)
        n_bars = max(edges.size - 1, 0)
        out = np.empty((n_bars, 4)) if out is None else out
        volume = np.empty(n_bars) if volume is None else volume
        count = np.empty(n_bars, np.int64) if count is None else count
        aggregate_ranges(self.arrays, frozen(edges), out, volume, count, np.empty(GROUP))
        return out, volume, count

    def extremes(self, start_row: int, stop_row: int) -> tuple[float, float]:
        """Highest high and lowest low of rows ``[start_row, stop_row)``; NaN when there are none."""
        if stop_row <= start_row:
            return float("nan"), float("nan")
        a = self.arrays
        nodes = (a.block_high, a.block_low, a.node_high, a.node_low, a.level_start)
        return range_extremes(a.high, a.low, *nodes, start_row, stop_row)  # type: ignore[no-any-return]

    def volume(self, start_row: int, stop_row: int) -> float:
        """Sum of volume of rows ``[start_row, stop_row)`` by the fixed tree; 0.0 without a volume."""
        a = self.arrays
        if not a.volume.size:
            return 0.0
        nodes = (a.block_sum, a.node_sum, a.level_start)
        return range_sum(a.volume, *nodes, start_row, stop_row, np.empty(GROUP))  # type: ignore[no-any-return]
