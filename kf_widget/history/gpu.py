"""The GPU's way to resample: histories on the host, which stream through it."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from kf_widget.errors import KfWarning
from kf_widget.history.bar_columns import BarColumns
from kf_widget.history.edges import calendar_rule, most_bars, row_edges
from kf_widget.history.gpu_device import Device, find_device
from kf_widget.history.gpu_kernels import fill_bar_rows, fill_stretches
from kf_widget.history.gpu_scan import SUPER, DeviceColumns, Pieces, scan_rows
from kf_widget.history.index import frozen
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.threads import pool, split, spread

if TYPE_CHECKING:
    from kf_widget.history.protocol import History

__all__ = ["Stretches", "fitted", "gpu_columns", "stream_bars", "stream_columns", "stretches_of"]

Ints = npt.NDArray[np.int64]
A = TypeVar("A")
B = TypeVar("B")

_LOWEST: Final = -(1 << 63)
_ROW_GRAIN: Final = 1 << 18
# 16 million ticks are 200 MB: four milliseconds of the fastest link, long beside a chunk's own costs.
_CHUNK_ROWS: Final = 1 << 24
_LEAST_ROWS: Final = 1 << 18
_lock = threading.Lock()


class Stretches(NamedTuple):
    """Time in which bars lie on an even grid.

    starts : int64 (n + 1,), UTC nanoseconds, the last an end; widths : int64 (n,), of the bars
    first_bar : int64 (n + 1,), number of each one's first bar, the last the number of bars
    """

    starts: Ints
    widths: Ints
    first_bar: Ints


@functools.lru_cache(maxsize=64)
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


def gpu_columns(history: History, timeframe: Timeframe, zone: Zone) -> BarColumns:
    """Bars of a history that lies on the host, by the GPU of this process.

    Where the device's memory is short the chunks get smaller, and in the end the CPU does the work; one
    `KfWarning` says so.

    Raises
    ------
    KfError : no GPU can be used; says why.
    """
    device = find_device()
    columns, _ = fitted(
        device, "resample", lambda chunk_rows: stream_columns(device, history, timeframe, zone, chunk_rows)
    )
    if columns is None:
        from kf_widget.history.resample import cpu_columns

        return cpu_columns(history, timeframe, zone)
    return columns


def fitted(
    device: Device, what: str, work: Callable[[int], A], most: int | None = None
) -> tuple[A | None, int]:
    """What a work on so many rows at a time gives, on half as many until the device's memory holds them.

    One work at a time: two would share the link and the pinned buffers. A `KfWarning` where memory is short.

    Parameters
    ----------
    what : the caller, for the warning.
    most : rows to begin with; by default as many as suit the link.

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
    if chunk_rows < most:
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
    chunk_rows : rows on the device at once, a multiple of 4,096; twice as many are held.
    """
    return _stream(device, history, *_cutter(history, timeframe, zone), (0, len(history)), chunk_rows)


def stream_bars(device: Device, history: History, edges: Ints, chunk_rows: int = _CHUNK_ROWS) -> BarColumns:
    """Bars between row edges of a history that lies on the host; no row before or after them travels.

    Parameters
    ----------
    edges : int64 (n_bars + 1,), strictly increasing, at least two; each bar's time is that of its first row
    chunk_rows : as for `stream_columns`
    """
    rows = (int(edges[0]), int(edges[-1]))
    return _stream(device, history, _listed(history, edges), len(edges) - 1, rows, chunk_rows)


def _stream(
    device: Device,
    history: History,
    begins: Callable[[int, int], tuple[Ints, Ints]],
    most: int,
    span: tuple[int, int],
    chunk_rows: int,
) -> BarColumns:
    """Bars of a span of rows, in the first of which one begins.

    begins : lists the rows of a range that begin a bar, and those bars' times; most : of the bars.
    """
    first_row, n_rows = span
    out = BarColumns.room(most)
    first_row -= first_row % SUPER
    cuts = [(row, min(row + chunk_rows, n_rows)) for row in range(first_row, n_rows, chunk_rows)]

    def look_up(cut: tuple[int, int]) -> tuple[Ints, Ints, bool]:
        row0, row1 = cut
        ends = row1 == n_rows or len(begins(row1, row1 + 1)[0]) > 0
        return *begins(row0, row1), ends

    prices = (history.open, history.high, history.low, history.close)
    one_price = all(price is history.open for price in prices)
    hosts = list(prices[:1] if one_price else prices)
    if history.volume is not None:
        hosts.append(history.volume)
    done, open_row, open_time = 0, 0, 0
    carried = False
    pieces: Pieces | None = None
    opened: list[tuple[int, int]] = []
    landing: list[tuple[npt.NDArray[Any], Any]] = []
    made = device.now()
    found = _ahead(look_up, cuts)
    for (row0, row1), (rows, times, ends), there in zip(cuts, found, device.stream(hosts, cuts), strict=True):
        open, high, low, close = there[:1] * 4 if one_price else there[:4]
        size = None if history.volume is None else there[-1]
        columns = DeviceColumns(open, high, low, close, size, row0, row1)
        if pieces is None:
            pieces = Pieces.of(device, columns.layout, n_rows)
        edges = np.empty(carried + len(rows) + 1, np.int64)
        edges[:carried] = open_row
        edges[carried:-1] = rows
        # A bar that goes on is said to end one row later: its pieces then wait for the rest.
        edges[-1] = row1 if ends else row1 + 1
        bars = scan_rows(device, columns, device.upload(edges), pieces)
        # The bars of the chunk before are fetched while this one's rows are still on their way.
        before, made = made, device.now()
        device.fetch(landing, before)
        n_done = len(edges) - 1 - (not ends)
        target = slice(done, done + n_done)
        landing = [(host[target], array[:n_done]) for host, array in zip(out[1:], bars, strict=True)]
        out.time_ns[done + carried : done + n_done] = times[: n_done - carried]
        if carried and n_done:
            opened.append((done, open_row))
            out.time_ns[done] = open_time
        if not ends and len(rows):
            open_row, open_time = int(rows[-1]), int(times[-1])
        carried = not ends
        done += n_done
    device.fetch(landing, made)
    for bar, row in opened:  # a later chunk knows all of such a bar but its open
        out.open[bar] = history.open[row]
    return BarColumns._make(column[:done] for column in out)


def _ahead(work: Callable[[A], B], items: list[A]) -> Iterator[B]:
    """Results in order; while one is used, the next is worked out."""
    waiting = None
    for item in items:
        coming = pool().submit(work, item)
        if waiting is not None:
            yield waiting.result()
        waiting = coming
    if waiting is not None:
        yield waiting.result()


def _cutter(
    history: History, timeframe: Timeframe, zone: Zone
) -> tuple[Callable[[int, int], tuple[Ints, Ints]], int]:
    """What lists the rows of a range that begin a bar, and those bars' times; and the most bars there are."""
    time_ns = history.time_ns
    if not len(history):
        return lambda start, stop: (time_ns[:0], time_ns[:0]), 0
    if not timeframe.by_time:
        edges = row_edges(timeframe, history, 0, len(history))
        return _listed(history, edges), len(edges) - 1
    first, last = int(time_ns[0]), int(time_ns[-1])
    grids = stretches_of(timeframe, zone, first, last)
    stamps = frozen(time_ns)

    def timed(start: int, stop: int) -> tuple[Ints, Ints]:
        def part(a: int, b: int) -> tuple[Ints, Ints]:
            # As much room as bars can need: a page touched in a larger array would be two megabytes cleared.
            room = min(b - a, most_bars(timeframe, 0, int(stamps[b - 1]) - int(stamps[a])))
            rows, times = np.empty(room, np.int64), np.empty(room, np.int64)
            before = int(stamps[a - 1]) if a else _LOWEST
            n = fill_bar_rows(grids.starts, grids.widths, stamps, a, b, before, rows, times)
            return rows[:n], times[:n]

        parts = spread(part, split(start, stop, grain=_ROW_GRAIN, align=SUPER))
        return np.concatenate([rows for rows, _ in parts]), np.concatenate([times for _, times in parts])

    return timed, min(len(history), most_bars(timeframe, first, last))


def _listed(history: History, edges: Ints) -> Callable[[int, int], tuple[Ints, Ints]]:
    """What lists the rows of a range that begin a bar, and those rows' times."""

    def listed(start: int, stop: int) -> tuple[Ints, Ints]:
        rows = edges[:-1]
        rows = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)]
        return rows, history.time_ns[rows]

    return listed
