"""The GPU's way to resample: histories on the host, which stream through it."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from kf_widget.errors import KfWarning
from kf_widget.history.bar_columns import BarColumns
from kf_widget.history.edges import most_bars, row_edges
from kf_widget.history.gpu_cuts import Cutter, ListedCutter, TimeCutter
from kf_widget.history.gpu_device import Device, find_device
from kf_widget.history.gpu_scan import SUPER, DeviceColumns, Pieces, scan_rows
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.threads import pool

if TYPE_CHECKING:
    from kf_widget.history.protocol import History

__all__ = ["fitted", "gpu_columns", "stream_bars", "stream_columns"]

Ints = npt.NDArray[np.int64]
A = TypeVar("A")
B = TypeVar("B")

# 16 million ticks are 200 MB: four milliseconds of the fastest link, long beside a chunk's own costs.
_CHUNK_ROWS: Final = 1 << 24
_LANDINGS: Final = 2  # chunks whose bars may be on their way to the host
_LEAST_ROWS: Final = 1 << 18
_lock = threading.Lock()


def gpu_columns(history: History, timeframe: Timeframe, zone: Zone, *, quiet: bool = False) -> BarColumns:
    """Bars of a history that lies on the host, by the GPU of this process.

    Where the device's memory is short the chunks get smaller, and in the end the CPU does the work; one
    `KfWarning` says so, unless the caller says it and wants quiet.

    Raises
    ------
    KfError : no GPU can be used; says why.
    """
    device = find_device()
    columns, _ = fitted(
        device,
        "resample",
        lambda chunk_rows: stream_columns(device, history, timeframe, zone, chunk_rows),
        quiet=quiet,
    )
    if columns is None:
        from kf_widget.history.resample import cpu_columns

        return cpu_columns(history, timeframe, zone)
    return columns


def fitted(
    device: Device, what: str, work: Callable[[int], A], most: int | None = None, *, quiet: bool = False
) -> tuple[A | None, int]:
    """What a work on so many rows at a time gives, on half as many until the device's memory holds them.

    One work at a time: two would share the link and the pinned buffers. A `KfWarning` where memory is short.

    Parameters
    ----------
    what : the caller, for the warning.
    most : rows to begin with; by default as many as suit the link.
    quiet : no warning.

    Returns
    -------
    The result, None where even the fewest rows were too many and the CPU must do it; and the rows at a time.
    """
    most = most or _CHUNK_ROWS
    chunk_rows, result = most, None
    with _lock:
        while result is None and chunk_rows >= _LEAST_ROWS:
            try:
                result = work(chunk_rows)
            except device.out_of_memory:
                chunk_rows //= 2
            if result is None:  # outside the handler, which keeps the failed arrays alive
                device.give_back()
    if chunk_rows < most and not quiet:
        how = (
            "full; the CPU did the work"
            if result is None
            else f"short; it held {chunk_rows:,} rows at a time"
        )
        warnings.warn(f"{what}: the GPU's memory is {how}.", KfWarning, stacklevel=3)
    return result, chunk_rows


def stream_columns(
    device: Device, history: History, timeframe: Timeframe, zone: Zone, chunk_rows: int = _CHUNK_ROWS
) -> BarColumns:
    """Bars of a history that lies on the host; prices and sizes travel to the device, times do not.

    Parameters
    ----------
    chunk_rows : rows on the device at once, a multiple of 4,096; three times as many are held.
    """
    if not len(history):
        return BarColumns.room(0)
    if not timeframe.by_time:
        return stream_bars(device, history, row_edges(timeframe, history, 0, len(history)), chunk_rows)
    first, last = int(history.time_ns[0]), int(history.time_ns[-1])
    out = BarColumns.room(min(len(history), most_bars(timeframe, first, last)))
    cutter = TimeCutter(history, timeframe, zone, chunk_rows, out.time_ns)
    return _stream(device, history, cutter, out, (0, len(history)), chunk_rows)


def stream_bars(device: Device, history: History, edges: Ints, chunk_rows: int = _CHUNK_ROWS) -> BarColumns:
    """Bars between row edges of a history that lies on the host; no row before or after them travels.

    Parameters
    ----------
    edges : int64 (n_bars + 1,), strictly increasing, at least two; each bar's time is that of its first row
    chunk_rows : as for `stream_columns`
    """
    out = BarColumns.room(len(edges) - 1)
    rows = (int(edges[0]), int(edges[-1]))
    return _stream(device, history, ListedCutter(history, edges, out.time_ns), out, rows, chunk_rows)


def _stream(
    device: Device,
    history: History,
    cutter: Cutter,
    out: BarColumns,
    span: tuple[int, int],
    chunk_rows: int,
) -> BarColumns:
    """Bars of a span of rows, in the first of which one begins; out : room for them, their times written."""
    first_row, n_rows = span
    first_row -= first_row % SUPER
    cuts = [(row, min(row + chunk_rows, n_rows)) for row in range(first_row, n_rows, chunk_rows)]
    prices = (history.open, history.high, history.low, history.close)
    one_price = all(price is history.open for price in prices)
    hosts = list(prices[:1] if one_price else prices)
    if history.volume is not None:
        hosts.append(history.volume)
    pieces: Pieces | None = None
    opened: list[tuple[int, int]] = []
    landing: deque[Callable[[], None]] = deque()
    rows_there = device.stream(hosts, cuts)
    n_bars = 0
    try:
        for chunk in _ahead(cutter.chunk, cuts):
            edges = device.upload(chunk.edges)  # while the rows are still on their way
            there = next(rows_there)
            open, high, low, close = there[:1] * 4 if one_price else there[:4]
            size = None if history.volume is None else there[-1]
            columns = DeviceColumns(open, high, low, close, size, chunk.row0, chunk.row1)
            if pieces is None:
                pieces = Pieces.of(device, columns.layout, n_rows)
            bars = scan_rows(device, columns, edges, pieces)
            n_bars = chunk.first_bar + chunk.n_ended
            if chunk.carried and chunk.n_ended:
                opened.append((chunk.first_bar, int(chunk.edges[0])))
            if len(landing) == _LANDINGS:
                landing.popleft()()
            targets = (host[chunk.first_bar : n_bars] for host in out[1:])
            pairs = [(host, array[: chunk.n_ended]) for host, array in zip(targets, bars, strict=True)]
            landing.append(_begun(device.fetch, pairs, device.now()))
        while landing:
            landing.popleft()()
    finally:
        while landing:  # nobody writes into the bars any more
            with contextlib.suppress(Exception):
                landing.popleft()()
        rows_there.close()
    for bar, row in opened:  # a later chunk knows all of such a bar but its open
        out.open[bar] = history.open[row]
    return BarColumns._make(column[:n_bars] for column in out)


def _ahead(work: Callable[[A], B], items: list[A]) -> Iterator[B]:
    """Results in order; while one is used, the next is worked out."""
    waiting: Callable[[], B] | None = None
    for item in items:
        done = None if waiting is None else waiting()
        waiting = _begun(work, item)
        if done is not None:
            yield done
    if waiting is not None:
        yield waiting()


def _begun(work: Callable[..., B], *given: Any) -> Callable[[], B]:
    """A task of the pool; returns what gives its result, once.

    If nobody has begun it by then, as where all threads of the pool wait for us, the caller does it.
    """
    future = pool().submit(work, *given)
    return lambda: work(*given) if future.cancel() else future.result()
