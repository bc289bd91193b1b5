"""RangeIndex: exact OHLCV of any row range of a history, in microseconds."""

from __future__ import annotations

import functools
from dataclasses import dataclass
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

__all__ = ["IndexArrays", "RangeIndex", "frozen"]

A = TypeVar("A", bound=np.ndarray[Any, Any])

_SUPERBLOCK_BLOCKS = 64
_BUILD_GRAIN = 4096  # blocks: 262,144 rows are about a quarter of a millisecond


class IndexArrays(NamedTuple):
    """What kernels take: the history's columns and the nodes above them, all read-only.

    time_ns : int64 (n_rows,), UTC nanoseconds, non-decreasing
    open, high, low, close : float64 (n_rows,); the same array four times for ticks
    volume : float32 or float64 (n_rows,); (0,) when the history has none
    node_high, node_low, node_sum : float64 (n_nodes,), levels one after the other, blocks of 64 rows first
    node_first : int64 (n_nodes,), time of the node's first row
    level_start : int64 (n_levels + 1,), where each level begins
    """

    time_ns: npt.NDArray[np.int64]
    open: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]
    volume: npt.NDArray[np.floating[Any]]
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


def _level_starts(n_rows: int) -> npt.NDArray[np.int64]:
    starts = [0]
    nodes = n_rows
    while nodes > 1 or (nodes == 1 and len(starts) == 1):
        nodes = (nodes + GROUP - 1) >> SHIFT
        starts.append(starts[-1] + nodes)
    return np.array(starts, np.int64)


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class RangeIndex:
    """A radix-64 pyramid over the rows of a history.

    Level 1 holds blocks of 64 rows, level 2 superblocks of 64 blocks, and so on until one node. Each
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
        n_rows = len(time_ns)
        starts = _level_starts(n_rows)
        n_nodes = int(starts[-1])
        size = np.empty(0) if volume is None else volume
        open, high, low, close = frozen(open), frozen(high), frozen(low), frozen(close)
        time_ns, size = frozen(time_ns), frozen(size)
        node_high, node_low = np.empty(n_nodes), np.empty(n_nodes)
        node_sum = np.empty(n_nodes if volume is not None else 0)
        node_first = np.empty(n_nodes, np.int64)

        def fill(below: Any, here: slice, start: int, stop: int) -> None:
            # Nodes come back in as read-only views, as rows are: one compiled kernel serves all levels.
            times, highs, lows, sizes = below
            levels = (node_first[here], node_high[here], node_low[here])
            build_extremes(times, highs, lows, *levels, start, stop)
            if sizes.size:
                build_sums(sizes, node_sum[here], start, stop, np.empty(GROUP))

        rows = (time_ns, high, low, size)
        if n_rows:
            blocks = slice(0, int(starts[1]))
            pieces = split(0, blocks.stop, grain=_BUILD_GRAIN, align=_SUPERBLOCK_BLOCKS)
            spread(functools.partial(fill, rows, blocks), pieces)
        for below, here, end in zip(starts[:-2], starts[1:-1], starts[2:], strict=True):
            nodes = (node_first, node_high, node_low, node_sum)
            fill(tuple(frozen(node[below:here]) for node in nodes), slice(here, end), 0, int(end - here))
        above = (frozen(node_high), frozen(node_low), frozen(node_sum), frozen(node_first), frozen(starts))
        return cls(IndexArrays(time_ns, open, high, low, close, size, *above))

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
        int64 (m,), from 0 to the number of rows. About 0.2 microseconds each.
        """
        times = np.ascontiguousarray(times_ns, np.int64).reshape(-1)
        out = np.empty(times.size, np.int64)
        arrays = self.arrays
        find_rows(arrays.time_ns, arrays.node_first, arrays.level_start, frozen(times), side == "right", out)
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
        a = self.arrays
        if stop_row <= start_row:
            return float("nan"), float("nan")
        return range_extremes(a.high, a.low, a.node_high, a.node_low, a.level_start, start_row, stop_row)  # type: ignore[no-any-return]

    def volume(self, start_row: int, stop_row: int) -> float:
        """Sum of volume of rows ``[start_row, stop_row)`` by the fixed tree; 0.0 without a volume."""
        a = self.arrays
        if not a.volume.size:
            return 0.0
        return range_sum(a.volume, a.node_sum, a.level_start, start_row, stop_row, np.empty(GROUP))  # type: ignore[no-any-return]
