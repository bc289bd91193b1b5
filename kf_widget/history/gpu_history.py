"""GpuHistory: columns that stay on the device, of which only bars travel."""

from __future__ import annotations

import threading
import warnings
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kf_widget.errors import KfError, KfWarning
from kf_widget.history.bar_columns import BarColumns
from kf_widget.history.edges import calendar_rule, require_volume, step_of
from kf_widget.history.gpu import gpu_columns
from kf_widget.history.gpu_device import Device, find_device
from kf_widget.history.gpu_kernels import fill_stretches
from kf_widget.history.gpu_scan import (
    SUPER,
    DeviceColumns,
    Pieces,
    blocks_for,
    level_starts,
    list_marks,
    scan_rows,
)
from kf_widget.history.index import frozen
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone

if TYPE_CHECKING:
    from kf_widget.history.bars import Bars
    from kf_widget.history.protocol import History

__all__ = ["GpuHistory", "Stretches", "stretches_of", "to_gpu"]

Ints = npt.NDArray[np.int64]

_LOWEST: Final = -(1 << 63)
# Looking for the end of a bar reads four or five sectors of 32 bytes; reading all times, 8 bytes a row.
_LOOK_UP_ROWS: Final = 24


class Stretches(NamedTuple):
    """Time in which bars lie on an even grid.

    starts : int64 (n + 1,), UTC nanoseconds, the last an end; widths : int64 (n,), of the bars
    first_bar : int64 (n + 1,), number of each one's first bar, the last the number of bars
    """

    starts: Ints
    widths: Ints
    first_bar: Ints


@lru_cache(maxsize=64)
def stretches_of(timeframe: Timeframe, zone: Zone, first: int, last: int) -> Stretches:
    """The calendar of a timeframe from one instant to another, as even grids; kept for the next call."""
    kind, step, from_ns, offset_ns = calendar_rule(timeframe, zone, first, last)
    room = 256
    while True:
        starts, widths = np.empty(room, np.int64), np.empty(room, np.int64)
        rule = (kind, step, frozen(from_ns), frozen(offset_ns))
        n = int(fill_stretches(*rule, first, last, starts, widths))
        if n >= 0:
            break
        room *= 8
    starts, widths = starts[: n + 1].copy(), widths[:n].copy()
    bars = -(-np.diff(starts) // widths)
    return Stretches(frozen(starts), frozen(widths), frozen(np.concatenate([[0], np.cumsum(bars)])))


def to_gpu(history: History) -> GpuHistory:
    """Copy a history to the GPU and keep it there.

    Raises
    ------
    KfError : no GPU can be used, or its memory does not hold the history.
    """
    device = find_device()
    try:
        return GpuHistory(history, device)
    except device.out_of_memory:
        device.give_back()
        raise KfError(
            f"to_gpu: the history must fit into the GPU's memory, got {len(history):,} rows and"
            f" {device.free_bytes() / 2**30:.1f} GiB free. Call resample(..., backend='gpu') on the history"
            " itself: it goes through the GPU in chunks."
        ) from None


class GpuHistory:
    """A history whose columns stay on the GPU; made by `Ticks.to_gpu` and `Bars.to_gpu`.

    Parameters
    ----------
    history : ticks or bars; kept, for what the device has no memory left to do.
    device : where to.
    """

    def __init__(self, history: History, device: Device) -> None:
        self._history = history
        self._device = device
        self._time_ns = device.upload(history.time_ns)
        prices = (history.open, history.high, history.low, history.close)
        first = device.upload(history.open)
        rest = prices[1:]
        same = all(price is history.open for price in rest)
        high, low, close = (first,) * 3 if same else map(device.upload, rest)
        volume = None if history.volume is None else device.upload(history.volume)
        self.columns_there = DeviceColumns(first, high, low, close, volume, 0, len(history))
        self._lock = threading.Lock()
        self._grids: dict[int, tuple[Any, ...]] = {}
        self._levels = level_starts(max(-(-len(history) // 64), 1))

    def __len__(self) -> int:
        return self.columns_there.row1

    def __repr__(self) -> str:
        return f"<GpuHistory: {len(self):,} rows on the GPU, {self.nbytes / 2**20:,.0f} MiB>"

    @property
    def nbytes(self) -> int:
        """Bytes of the columns on the device."""
        columns = {id(column): column for column in (self._time_ns, *self.columns_there[:5])}
        return sum(int(column.nbytes) for column in columns.values() if column is not None)

    def resample(
        self, timeframe: str | Timeframe, *, tz: str | None = None, session: str | None = None
    ) -> Bars:
        """Bars of another timeframe, the same bit for bit as those of ``history.resample``.

        Parameters
        ----------
        timeframe : for example "1s", "5m", "4h", "1D", "100t", "500v", "1e6$".
        tz : IANA time zone whose midnights and calendar cut the bars; the history's own by default.
        session : local time at which a trading day begins, as "17:00"; midnight by default.
        """
        from kf_widget.history.resample import bars_of

        timeframe, zone = Timeframe.parse(timeframe), Zone.of(tz or self._history.tz, session)
        try:
            columns = self.columns(timeframe, zone)
        except self._device.out_of_memory:
            self._device.give_back()
            # One warning, whatever it comes to.
            columns = gpu_columns(self._history, timeframe, zone, quiet=True)
            warnings.warn(
                "resample: the GPU's memory is short; the history went through it again from the host.",
                KfWarning,
                stacklevel=2,
            )
        return bars_of(self._history, timeframe, zone, columns)

    def columns(self, timeframe: Timeframe, zone: Zone) -> BarColumns:
        """The bars' columns on the host."""
        n_rows = len(self)
        if n_rows == 0:
            return BarColumns.room(0)
        with self._lock:  # scans share the room for pieces
            return self._columns(timeframe, zone)

    def _columns(self, timeframe: Timeframe, zone: Zone) -> BarColumns:
        edges, starts = self.edges(timeframe, zone)
        bars = scan_rows(self._device, self.columns_there, edges, self.pieces)
        n_bars = len(edges) - 1
        out = BarColumns.room(n_bars)
        self._device.fetch(list(zip(out, (starts, *bars), strict=True)), self._device.now())
        return out

    def edges(self, timeframe: Timeframe, zone: Zone) -> tuple[Any, Any]:
        """Row edges and times of the bars, both int64 on the device; the history is not empty."""
        if timeframe.kind == "tick":
            step, n_rows = int(timeframe.step), len(self)
            edges = self._device.upload(np.append(np.arange(0, n_rows, step), n_rows))
            return edges, self._time_ns[edges[:-1]]
        if timeframe.kind in ("volume", "value"):
            edges = self._counted(timeframe)
            return edges, self._time_ns[edges[:-1]]
        grids = stretches_of(timeframe, zone, int(self._history.time_ns[0]), int(self._history.time_ns[-1]))
        look_up = int(grids.first_bar[-1]) * _LOOK_UP_ROWS < len(self)
        return self.time_edges(grids, "look up" if look_up else "read")

    def time_edges(self, grids: Stretches, way: Literal["look up", "read"]) -> tuple[Any, Any]:
        """Row edges and times of bars of time: by looking up every bar, or by reading every time."""
        device, n_rows, layout = self._device, len(self), self.columns_there.layout
        there = self._grids.get(id(grids))
        if there is None:
            there = (grids, device.upload(grids.starts), device.upload(grids.widths))
            if len(self._grids) > 16:
                self._grids.clear()
            self._grids[id(grids)] = there
        _, *stretches = there
        n_supers = blocks_for(n_rows, SUPER)
        marks, counts = device.empty(128 * n_supers, np.uint32), device.empty(n_supers, np.int64)
        if way == "read":
            device.launch(
                layout, "mark_times", n_supers, 256,
                self._time_ns, 0, n_rows, _LOWEST, *stretches, len(grids.widths), marks, counts,
            )  # fmt: skip
        else:
            device.launch(
                layout, "mark_blocks", blocks_for(64 * n_supers, 256), 256,
                self._time_ns, n_rows, self._block_first, *stretches, len(grids.widths), marks, counts,
            )  # fmt: skip
        # Bars are few where they are looked up: the room for all of them, gaps included, is small.
        most = min(int(grids.first_bar[-1]), n_rows) if way == "look up" else None
        return list_marks(
            device,
            layout,
            marks,
            counts,
            n_rows,
            time_ns=self._time_ns,
            stretches=tuple(stretches),
            most=most,
        )

    @cached_property
    def pieces(self) -> Pieces:
        """Room for the pieces of long bars, used by one scan after the other."""
        return Pieces.of(self._device, self.columns_there.layout, len(self))

    @cached_property
    def _block_first(self) -> Any:
        """Time of each block's first row: it all fits into the device's cache."""
        first = self._device.empty(-(-len(self) // 64), np.int64)
        first[:] = self._time_ns[::64]
        return first

    @cached_property
    def index(self) -> tuple[Any, Any, Any, Any]:
        """High, low and sum of all nodes of the `RangeIndex`, and its blocks' first times, on the device."""
        n_nodes, columns = int(self._levels[-1]), self.columns_there
        nodes = tuple(self._device.empty(n_nodes, np.float64) for _ in range(3))
        first = self._device.empty(-(-len(self) // 64), np.int64)
        self._device.launch(
            columns.layout, "index_blocks", blocks_for(8 * len(first), 256), 256,
            columns.high, columns.low, columns.volume, self._time_ns, len(self), *nodes, first,
        )  # fmt: skip
        self._climb(*nodes)
        return (*nodes, first)

    @cached_property
    def _value_sums(self) -> Any:
        sums = self._device.empty(int(self._levels[-1]), np.float64)
        unused = self._device.empty(int(self._levels[-1]), np.float64)
        self._device.launch(
            self.columns_there.layout, "value_blocks", blocks_for(8 * -(-len(self) // 64), 256), 256,
            self.columns_there.close, self.columns_there.volume, len(self), sums,
        )  # fmt: skip
        self._climb(unused, unused, sums)
        return sums

    def _climb(self, high: Any, low: Any, sum: Any) -> None:
        starts = self._levels.tolist()
        for below, here, end in zip(starts[:-2], starts[1:-1], starts[2:], strict=True):
            self._device.launch(
                self.columns_there.layout, "level_up", blocks_for(8 * (end - here), 128), 128,
                high, low, sum, below, here, 0, end - here,
            )  # fmt: skip

    def _count(self, marks: Any, counts: Any) -> None:
        n_supers = len(counts)
        self._device.launch(
            self.columns_there.layout, "count_marks", blocks_for(32 * n_supers, 128), 128,
            marks, n_supers, counts,
        )  # fmt: skip

    def _counted(self, timeframe: Timeframe) -> Any:
        device, columns, n_rows = self._device, self.columns_there, len(self)
        require_volume(timeframe, self._history)
        by_value = timeframe.kind == "value"
        sums = self._value_sums if by_value else self.index[2]
        step = step_of(timeframe, float(device.download(sums[-1:])[0]))
        n_supers = blocks_for(n_rows, SUPER)
        marks, counts = device.zeros(128 * n_supers, np.uint32), device.empty(n_supers, np.int64)
        device.launch(
            columns.layout, "mark_crossings", blocks_for(32 * -(-n_rows // 64), 256), 256,
            columns.close if by_value else None, columns.volume, n_rows, sums,
            device.upload(self._levels), len(self._levels) - 1, step, marks,
        )  # fmt: skip
        self._count(marks, counts)
        edges, _ = list_marks(device, columns.layout, marks, counts, n_rows, shift=1)
        edges[:1].fill(0)
        finished = int(device.download(edges[-2:-1])[0]) == n_rows
        return edges[:-1] if finished else edges
