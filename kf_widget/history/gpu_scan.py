"""One pass of the GPU over a run of rows: edges in, bars out, and what a cut bar leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kf_widget.history.gpu_device import Device

__all__ = ["SUPER", "DeviceColumns", "Pieces", "list_marks", "scan_rows"]

SUPER: Final = 4096
"""Rows of a superblock: where a history may be cut into chunks."""

_SHIFT: Final = 12
# Below this many bars a warp takes four of them, so that all multiprocessors have work.
_FEW_BARS: Final = 1 << 16


class DeviceColumns(NamedTuple):
    """Columns on the device, rows ``[row0, row1)`` of a history; row0 is a multiple of 4,096.

    open, high, low, close : float64; the same array four times for ticks
    volume : float32 or float64, or None
    """

    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    row0: int
    row1: int

    @property
    def layout(self) -> tuple[str, bool]:
        """What the kernels are compiled for: the dtype of sizes, and whether there is one price."""
        return ("<f8" if self.volume is None else self.volume.dtype.str, self.high is self.low)


def blocks_for(n: int, threads: int) -> int:
    """Thread blocks for n threads."""
    return -(-n // threads)


def level_starts(n: int) -> npt.NDArray[np.int64]:
    """Where each level of a radix-64 tree over n nodes begins, those nodes first."""
    starts = [0]
    while True:
        starts.append(starts[-1] + n)
        if n <= 1:
            return np.array(starts, np.int64)
        n = -(-n // 64)


@dataclass
class Pieces:
    """What bars longer than a superblock leave in each superblock of a history, on the device.

    high, low, sum : float64, pieces of bars that come in from the left, and the levels above them
    head_high, head_low, head_sum : float64 (n_supers,), pieces of bars that begin there and go on
    """

    device: Device
    layout: tuple[str, bool]
    level_start: npt.NDArray[np.int64]
    levels: tuple[Any, Any, Any]
    heads: tuple[Any, Any, Any]
    level_start_there: Any

    @classmethod
    def of(cls, device: Device, layout: tuple[str, bool], n_rows: int) -> Pieces:
        """Room for the pieces of a history of that many rows."""
        starts = level_starts(max(blocks_for(n_rows, SUPER), 1))
        n_supers, n_nodes = int(starts[1]), int(starts[-1])
        empty = device.empty
        return cls(
            device,
            layout,
            starts,
            (empty(n_nodes, np.float64), empty(n_nodes, np.float64), empty(n_nodes, np.float64)),
            (empty(n_supers, np.float64), empty(n_supers, np.float64), empty(n_supers, np.float64)),
            device.upload(starts),
        )

    def climb(self, first: int, stop: int) -> None:
        """Make the nodes above superblocks ``[first, stop)``."""
        starts = self.level_start.tolist()
        for below, here in pairwise(starts[:-1]):
            first, stop = first >> 6, ((stop - 1) >> 6) + 1
            n_threads = 8 * (stop - first)
            self.device.launch(
                self.layout, "level_up", blocks_for(n_threads, 128), 128,
                *self.levels, below, here, first, stop,
            )  # fmt: skip


class BarsOut(NamedTuple):
    """Results on the device, one row a bar: float64, the last int64."""

    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    count: Any


def scan_rows(device: Device, columns: DeviceColumns, edges: Any, pieces: Pieces) -> BarsOut:
    """Bars between row edges, from one pass over rows ``[row0, row1)``.

    Parameters
    ----------
    edges : int64 (n_bars + 1,) on the device, non-decreasing. The first bar may have begun before row0,
        the last may end beyond row1: then what is known of it goes to `pieces`, and a later scan of the
        rows that follow, given the same bar as its first, completes it, all but its open.
    pieces : of the whole history; those of this run are overwritten.
    """
    n_bars = len(edges) - 1
    layout, row0, row1 = columns.layout, columns.row0, columns.row1
    prices = (columns.open, columns.high, columns.low, columns.close)
    spans = (columns.high, columns.low, columns.volume)
    prices_out = (device.empty(n_bars, np.float64) for _ in range(5))
    out = BarsOut._make((*prices_out, device.empty(n_bars, np.int64)))
    if n_bars < 1:
        return out
    per_warp = 4 if n_bars < _FEW_BARS else 16 if row1 - row0 > 24 * n_bars else 32
    device.launch(
        layout, "bars_inside", blocks_for(n_bars, 2 * per_warp), 64,
        *prices, columns.volume, row0, row1, edges, n_bars, per_warp, *out,
    )  # fmt: skip
    first, stop = row0 >> _SHIFT, blocks_for(row1, SUPER)
    n_supers = stop - first
    if n_supers < 1:
        return out
    rest_stop, head_start = (device.empty(n_supers, np.int64) for _ in range(2))
    bar_of, first_of, last_of = (device.empty(n_supers + 1, np.int64) for _ in range(3))
    device.launch(
        layout, "super_edges", blocks_for(n_supers, 64), 64,
        edges, n_bars, row0, row1, first, n_supers, rest_stop, head_start, bar_of, first_of, last_of,
    )  # fmt: skip
    rests = [level[first:stop] for level in pieces.levels]
    heads = [head[first:stop] for head in pieces.heads]
    device.launch(
        layout, "bar_pieces", n_supers, 128,
        *spans, row0, row1, rest_stop, head_start, *rests, *heads,
    )  # fmt: skip
    pieces.climb(first, stop)
    n_items = n_supers + 1
    device.launch(
        layout, "merge_bars", blocks_for(8 * n_items, 128), 128,
        *pieces.levels, pieces.level_start_there, *pieces.heads, bar_of, first_of, last_of, n_items, stop,
        out.high, out.low, out.volume,
    )  # fmt: skip
    return out


def list_marks(
    device: Device,
    layout: tuple[str, bool],
    marks: Any,
    counts: Any,
    end_row: int,
    *,
    shift: int = 0,
    time_ns: Any = None,
    stretches: tuple[Any, Any] | None = None,
    most: int | None = None,
) -> tuple[Any, Any]:
    """Marked rows in order, and the times of their bars.

    Parameters
    ----------
    marks : uint32 (128 * n_supers,); counts : int64 (n_supers,), marks of each superblock, at least one
    end_row : goes after the last row
    shift : added to each row; as many entries are left free before them
    time_ns, stretches : int64 (n_rows,) and (starts, widths), where times are wanted
    most : at least as many as there are marks; None where too little is known to make room beforehand

    Returns
    -------
    rows : int64 (shift + n + 1,); starts : int64 (n,), or (0,) where no times are wanted
    """
    ends = device.running_total(counts)
    n_supers = len(counts)
    total = device.read_later(ends[-1:])
    # With room for all there can be, the list is written while its length is still on its way here.
    room = int(total()) if most is None else most
    rows = device.empty(shift + room + 1, np.int64)
    starts = device.empty(room if time_ns is not None else 0, np.int64)
    grids = (None, None, 0) if stretches is None else (*stretches, len(stretches[1]))
    device.launch(
        layout, "write_marks", blocks_for(32 * n_supers, 64), 64,
        marks, ends, n_supers, shift, end_row, time_ns, *grids, rows[shift:], starts,
    )  # fmt: skip
    n_marks = int(total())
    return rows[: shift + n_marks + 1], starts[:n_marks]
