"""Resample: a whole history cut into bars, by the way that suits its size; every way gives the same bits."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.bar_columns import BarColumns
from kf_widget.history.bars import Bars
from kf_widget.history.choices import check_backend, choices
from kf_widget.history.edges import calendar_rule, floor_time, most_bars, row_edges, time_edges
from kf_widget.history.index import frozen
from kf_widget.history.joined import Part, joined_for
from kf_widget.history.mark_kernels import mark_bars
from kf_widget.history.one_pass import expected_bars, scan_once
from kf_widget.history.scan_kernels import Scratch, scan_bars, scan_edges
from kf_widget.history.ticks import Ticks
from kf_widget.threads import split, spread

if TYPE_CHECKING:
    from kf_widget.history.protocol import History
    from kf_widget.history.timeframe import Timeframe
    from kf_widget.history.zones import Zone

__all__ = ["bars_of", "cpu_columns", "index_columns", "resample", "scan_columns", "scan_times"]

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_BAR_GRAIN: Final = 4096
_ONCE_ROWS: Final = 1 << 21  # fewer stay in a cache
_ONCE_LENGTH: Final = 512  # longest usual bar, in rows, of which it pays to read all times


def resample(history: History, timeframe: Timeframe, zone: Zone, backend: str = "auto") -> Bars:
    """Bars of another timeframe; only bars that hold rows.

    Parameters
    ----------
    history : ticks, or bars to merge; the count of merged bars is the sum of their counts.
    timeframe : what cuts; time kinds cut by the clock of `zone`, others from the start of the history.
    zone : time zone of the days and of the result.
    backend : "auto" takes the way that is fastest on this machine by what `run_autotune` measured, or by
        what is usual; "cpu" leaves the GPU out, "gpu" insists on it. The result is the same bit for bit;
        where "auto" and "cpu" read the bars of the history's levels, volumes differ by rounding (1e-15).

    Raises
    ------
    ValueError : an unknown backend, or a timeframe that needs a volume that is not there.
    KfError : "gpu" where none can be used; says why.
    """
    check_backend("resample", backend)
    if backend == "gpu":
        from kf_widget.history.gpu import gpu_columns

        return bars_of(history, timeframe, zone, gpu_columns(history, timeframe, zone))
    return bars_of(history, timeframe, zone, _columns(history, timeframe, zone, backend == "auto"))


def bars_of(history: History, timeframe: Timeframe, zone: Zone, columns: BarColumns) -> Bars:
    """The result of `resample` from its columns, by whatever way these were made."""
    counted = getattr(history, "count", None)
    if counted is not None and len(columns.counts):
        columns = columns._replace(counts=_added(counted, columns.counts))
    time_ns, open, high, low, close, volume, count = columns
    return Bars.from_columns(
        time_ns,
        open,
        high,
        low,
        close,
        None if history.volume is None else volume,
        count,
        zone.name,
        timeframe.nominal_ns or None,
    )


def cpu_columns(history: History, timeframe: Timeframe, zone: Zone) -> BarColumns:
    """Columns of the bars by the CPU's faster way."""
    return _columns(history, timeframe, zone, False)


def _columns(history: History, timeframe: Timeframe, zone: Zone, gpu: bool) -> BarColumns:
    time_ns, by_time = history.time_ns, timeframe.by_time
    n_rows = len(time_ns)
    if not n_rows:
        return BarColumns.room(0)
    if by_time and history.levels:
        parts = _parts(history, timeframe, zone)
        if parts:
            return _merged(parts)
    edges = None if by_time else row_edges(timeframe, history, 0, n_rows)
    known, indexed = choices(), getattr(history, "_index", True) is not None
    if known.scans(n_rows, indexed, by_time):
        return scan_columns(history, timeframe, zone, edges)
    if edges is None:
        first, last = time_ns.item(0), time_ns.item(-1)
        n_bars = most_bars(timeframe, first, last)
    else:
        n_bars = len(edges) - 1
    way = known.way(n_rows, n_bars, indexed=indexed, gpu=gpu, by_time=by_time)
    if way == "index":
        if edges is None:
            return _index_times(history, timeframe, zone, first, last)
        return _through_index(history, edges, time_ns[edges[:-1]])
    if way == "scan":
        return scan_columns(history, timeframe, zone, edges)
    from kf_widget.history.gpu import gpu_columns

    return gpu_columns(history, timeframe, zone)


def _parts(history: History, timeframe: Timeframe, zone: Zone) -> list[BarColumns]:
    """Columns of the bars of the levels that fit, and of the ticks after them; none where no level fits."""
    finest = history.levels[min(history.levels)]
    start_ns, stop_ns = int(finest.bars.time_ns[0]), int(history.time_ns[-1]) + 1
    rows = joined_for(history, timeframe, zone, start_ns, stop_ns)
    return [] if rows.plain else [_of_part(part, timeframe, zone) for part in rows.parts]


def _of_part(part: Part, timeframe: Timeframe, zone: Zone) -> BarColumns:
    """Columns of the bars of some rows of a level, or of the ticks after it; the counts are of ticks."""
    history, first_row = part.history, part.first_row
    if (part.start, part.stop) != (0, len(history)):
        history = _slice(history, part.start, part.stop)
    columns = _columns(history, timeframe, zone, False)
    if first_row is not None:
        ends = first_row[part.start + np.concatenate(([0], np.cumsum(columns.counts)))]
        columns = columns._replace(counts=np.diff(ends))
    return columns


def _slice(history: History, start: int, stop: int) -> History:
    rows = slice(start, stop)
    volume = None if history.volume is None else history.volume[rows]
    if history.kind == "ticks":
        return Ticks.from_columns(history.time_ns[rows], history.close[rows], volume)
    return Bars.from_columns(
        history.time_ns[rows],
        history.open[rows],
        history.high[rows],
        history.low[rows],
        history.close[rows],
        volume,
        interval_ns=history.interval_ns,
    )


def _merged(parts: list[BarColumns]) -> BarColumns:
    """The bars of all parts; one that begins in a part and goes on in the next is made whole."""
    whole = BarColumns._make(map(np.concatenate, zip(*parts, strict=True)))
    kept = np.ones(len(whole.time_ns), dtype=np.bool_)
    end = 0
    for part in parts[:-1]:
        end += len(part.time_ns)
        if 0 < end < len(kept) and whole.time_ns[end] == whole.time_ns[end - 1]:
            kept[end - 1] = False
            whole.open[end] = whole.open[end - 1]
            whole.high[end] = max(whole.high[end - 1 : end + 1])
            whole.low[end] = min(whole.low[end - 1 : end + 1])
            whole.volume[end] += whole.volume[end - 1]
            whole.counts[end] += whole.counts[end - 1]
    return whole if kept.all() else BarColumns._make(column[kept] for column in whole)


def index_columns(history: History, timeframe: Timeframe, zone: Zone) -> BarColumns:
    """Columns of the bars of a history that is not empty, each bar through the index."""
    if timeframe.by_time:
        return _index_times(history, timeframe, zone, int(history.time_ns[0]), int(history.time_ns[-1]))
    edges = row_edges(timeframe, history, 0, len(history))
    return _through_index(history, edges, history.time_ns[edges[:-1]])


def _index_times(history: History, timeframe: Timeframe, zone: Zone, first: int, last: int) -> BarColumns:
    """Bars of time through the index; the times of the first and the last row are known."""
    instants = time_edges(timeframe, zone, first, last + 1)
    rows = history.index.rows(instants)
    full = np.diff(rows) > 0
    return _through_index(history, np.append(rows[:-1][full], rows[-1]), instants[:-1][full])


def scan_columns(history: History, timeframe: Timeframe, zone: Zone, edges: Ints | None = None) -> BarColumns:
    """Columns of the bars of a history that is not empty, in one pass over its rows."""
    if timeframe.by_time:
        return scan_times(history, timeframe, zone)
    return _scan_rows(history, row_edges(timeframe, history, 0, len(history)) if edges is None else edges)


def _through_index(history: History, edges: Ints, starts: Ints) -> BarColumns:
    """Bars between row edges, each read from the index: a microsecond a bar, whatever its length."""
    n_bars = len(edges) - 1
    ohlc, volume, count = np.empty((n_bars, 4)), np.empty(n_bars), np.empty(n_bars, np.int64)

    def fill(start: int, stop: int) -> None:
        bars = slice(start, stop)
        history.index.aggregate(
            edges[start : stop + 1], out=ohlc[bars], volume=volume[bars], count=count[bars]
        )

    spread(fill, split(0, n_bars, grain=_BAR_GRAIN))
    open, high, low, close = (column.copy() for column in ohlc.T)
    return BarColumns(starts, open, high, low, close, volume, count)


def _scan_rows(history: History, edges: Ints) -> BarColumns:
    """Bars between row edges, each read from its rows."""
    out = BarColumns.room(len(edges) - 1)
    columns, edges = _inputs(history), frozen(edges)
    spread(
        lambda start, stop: scan_edges(edges, columns, start, stop, out, Scratch.room()),
        split(0, len(edges) - 1, grain=_BAR_GRAIN),
    )
    return out


def scan_times(history: History, timeframe: Timeframe, zone: Zone, once_rows: int = _ONCE_ROWS) -> BarColumns:
    """Bars of time in one pass over the rows, or in two, the first of which marks and counts them.

    Two are better where the rows stay in a cache, as fewer than `once_rows` do, and where bars are long:
    most of their times are skipped.
    """
    columns = _inputs(history)
    time_ns = columns[0]
    rule = calendar_rule(timeframe, zone, int(time_ns[0]), int(time_ns[-1]))
    rule = (*rule[:2], frozen(rule[2]), frozen(rule[3]))
    if len(time_ns) >= once_rows:
        expected = expected_bars(timeframe, zone, time_ns)
        if expected * _ONCE_LENGTH >= len(time_ns):
            return scan_once(rule, columns, expected)
    pieces = split(0, len(time_ns), grain=choices().scan_grain)
    if len(pieces) > 1:
        begins = floor_time(timeframe, zone, time_ns[[start for start, _ in pieces]])
        firsts = np.unique(np.searchsorted(time_ns, begins)).tolist()
        pieces = list(pairwise([*firsts, len(time_ns)]))

    def mark(start: int, stop: int) -> tuple[Words, int]:
        marks = np.empty(-(-(stop - start) // 64), np.uint64)
        return marks, int(mark_bars(*rule, time_ns, start, stop, marks))

    marked = spread(mark, pieces)
    bar_of = accumulate((n_bars for _, n_bars in marked), initial=0)
    todo = {start: (marks, bar) for (start, _), (marks, _), bar in zip(pieces, marked, bar_of, strict=False)}
    out = BarColumns.room(sum(n_bars for _, n_bars in marked))

    def scan(start: int, stop: int) -> None:
        marks, bar = todo.pop(start)
        scan_bars(*rule, columns, marks, start, stop, out, bar, Scratch.room())

    spread(scan, pieces)
    return out


def _inputs(history: History) -> tuple[npt.NDArray[Any], ...]:
    volume = np.empty(0) if history.volume is None else history.volume
    columns = (history.time_ns, history.open, history.high, history.low, history.close, volume)
    return tuple(frozen(column) for column in columns)


def _added(counted: Ints, rows: Ints) -> Ints:
    """Counts of the merged bars: whole numbers, so running sums are exact."""
    totals = np.concatenate([[0], np.cumsum(counted)])
    stops = np.cumsum(rows)
    return totals[stops] - totals[stops - rows]  # type: ignore[no-any-return]
