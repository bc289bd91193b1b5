"""What an ingest makes of its rows, by the CPU or by a GPU: nodes of the index, and bars of the levels."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from kf_widget.history.bar_columns import BarColumns
from kf_widget.history.choices import Choices, check_backend, choices
from kf_widget.history.index import Nodes, build_nodes

if TYPE_CHECKING:
    from kf_widget.history.gpu_device import Device
    from kf_widget.history.ticks import Ticks

__all__ = ["Reducer"]

R = TypeVar("R")


class Reducer:
    """Makes blocks of ticks and bars of ticks; both backends give the same bits, but for the sign of a zero.

    Parameters
    ----------
    backend : "cpu"; "gpu"; or "auto", the one that `run_autotune` measured to be faster for as many rows.

    Raises
    ------
    ValueError : another backend. KfError : "gpu" where none can be used; says why.
    """

    def __init__(self, backend: str = "cpu") -> None:
        check_backend("ingest", backend)
        self._backend = backend
        self._chunk_rows: int | None = None
        self._lock = threading.Lock()
        if backend == "gpu":
            from kf_widget.history.gpu_device import find_device

            find_device()

    def blocks(self, rows: Nodes, here: Nodes) -> None:
        """Fill blocks from their ticks.

        rows : 64 for each block, read-only; here : overwritten
        """

        def work(device: Device, chunk_rows: int) -> Nodes:
            from kf_widget.history.gpu_nodes import stream_nodes

            return stream_nodes(device, rows, here, chunk_rows)

        n_blocks = len(here.first)
        if self._by_gpu(work, lambda known: known.builds_on_gpu(len(rows.first))) is None:
            build_nodes(rows, here, 0, n_blocks)

    def bars(self, ticks: Ticks, edges: npt.NDArray[np.int64]) -> BarColumns:
        """Bars of ticks that have an index; the time of each is that of its first tick.

        edges : int64 (n_bars + 1,), rows, strictly increasing, at least two
        """

        def work(device: Device, chunk_rows: int) -> BarColumns:
            from kf_widget.history.gpu import stream_bars

            return stream_bars(device, ticks, edges, chunk_rows)

        def faster(known: Choices) -> bool:
            return known.way(int(edges[-1] - edges[0]), len(edges) - 1, by_time=False) == "gpu"

        made = self._by_gpu(work, faster)
        if made is not None:
            return made
        ohlc, volume, count = ticks.index.aggregate(edges)
        open, high, low, close = (np.ascontiguousarray(column) for column in ohlc.T)
        return BarColumns(ticks.time_ns[edges[:-1]], open, high, low, close, volume, count)

    def _by_gpu(self, work: Callable[[Device, int], R], faster: Callable[[Choices], bool]) -> R | None:
        """What the GPU gives, where it is to do the work and its memory holds it."""
        if self._backend == "cpu" or (self._backend == "auto" and not faster(choices())):
            return None
        from kf_widget.history.gpu import fitted
        from kf_widget.history.gpu_device import find_device

        device = find_device()
        with self._lock:  # rows and bars come on threads of their own: short memory is told once
            made, self._chunk_rows = fitted(
                device, "ingest", lambda rows: work(device, rows), self._chunk_rows
            )
        return made
