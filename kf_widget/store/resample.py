"""Resample a source that no memory holds: part by part, here or on a Dask cluster, with the bits of one pass.

Parts are 16,777,216 rows, which is one node of the fourth level of the index: within a part, the tree of sums
is that of the whole. A bar that lies in several parts is put together from what each of them has of it, its
volume by the same tree over the parts. Nothing but bars travels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kf_widget.errors import KfError
from kf_widget.history.bars import Bars
from kf_widget.history.checks import iso
from kf_widget.history.index import RangeIndex
from kf_widget.history.protocol import Floats, Ints
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.store.ingest import open_source

if TYPE_CHECKING:
    from kf_widget.sources.stream import TickStream

__all__ = ["resample"]

_PART: Final = 1 << 24
"""Rows of a part: 64 ** 4."""


class _Part(NamedTuple):
    """Bars of a part, the first and the last of them perhaps unfinished; last_ns: time of its last tick."""

    time_ns: Ints
    ohlc: Floats
    volume: Floats
    counts: Ints
    first_ns: int
    last_ns: int


def resample(
    source: Any,
    timeframe: str | Timeframe,
    *,
    time: str | None = None,
    price: str | None = None,
    size: str | None = None,
    side: str | None = None,
    tz: str | None = None,
    session: str | None = None,
    symbol: str | None = None,
    on_bad: Literal["raise", "drop"] = "raise",
    client: Any = None,
) -> Bars:
    """Bars of all ticks of a source, without keeping the ticks: the same as of one history in memory.

    Parameters
    ----------
    source, time, price, size, side, tz, symbol, on_bad : as for `ingest`; tz also cuts the bars.
    timeframe : of time, for example "1m", "4h", "1D", "1W", "1M".
    session : local time at which a trading day begins; midnight by default.
    client : a `dask.distributed.Client` whose workers share the source; without one it is done here.

    Raises
    ------
    ValueError : a timeframe that counts, or rows that are not in time order. KfError : a source that changes.
    """
    rule = Timeframe.parse(timeframe)
    if not rule.by_time:
        raise ValueError(
            f"resample: timeframe must cut by time, got {str(rule)!r}. Ingest the source, then resample"
            " the store."
        )
    options = {"time": time, "price": price, "size": size, "side": side, "tz": tz, "symbol": symbol}
    opened = functools.partial(open_source, source, **options, on_bad=on_bad, sort=False)
    stream = opened()
    zone = Zone.of(tz or stream.schema.tz, session)
    make = functools.partial(_part, opened, str(rule), zone.name, session)
    if client is None:
        parts = _parts_here(stream, str(rule), zone.name, session)
    else:
        rows = stream.n_rows
        rows = client.submit(_count, opened, pure=False).result() if rows is None else rows
        starts = list(range(0, rows, _PART))
        stops = [min(start + _PART, rows) for start in starts]
        parts = client.gather(client.map(make, starts, stops, pure=False))
    return _merged(parts, rule, zone, has_volume=stream.schema.size is not None)


def _count(opened: Callable[[], TickStream]) -> int:
    return sum(len(batch.time_ns) for batch in opened().batches())


def _part(
    opened: Callable[[], TickStream], rule: str, tz: str, session: str | None, start: int, stop: int
) -> _Part:
    """Bars of rows ``[start, stop)``."""
    stream = opened()
    kept: list[Any] = []
    rows = start
    for batch in stream.batches(skip_rows=start):
        kept.append(batch)
        rows += len(batch.time_ns)
        if rows >= stop:
            break
    if rows < stop:
        raise KfError(f"resample: the source must give {stop:,} rows, got {rows:,}. Did its files change?")
    return _bars_of(_joined(kept, stop - start), rule, tz, session)


def _parts_here(stream: TickStream, rule: str, tz: str, session: str | None) -> list[_Part]:
    parts: list[_Part] = []
    kept: list[Any] = []
    rows = 0
    for batch in stream.batches():
        while len(batch.time_ns):
            taken = _cut(batch, 0, _PART - rows)
            batch = _cut(batch, _PART - rows, None)
            kept.append(taken)
            rows += len(taken.time_ns)
            if rows == _PART:
                parts.append(_bars_of(_joined(kept, rows), rule, tz, session))
                kept, rows = [], 0
    if rows:
        parts.append(_bars_of(_joined(kept, rows), rule, tz, session))
    return parts


def _cut(batch: Any, start: int, stop: int | None) -> Any:
    return type(batch)(*(None if column is None else column[start:stop] for column in batch))


def _joined(batches: list[Any], rows: int) -> Ticks:
    """One history of batches, so many rows of it; sides play no part."""
    time_ns = np.concatenate([batch.time_ns for batch in batches])[:rows]
    price = np.concatenate([batch.price for batch in batches])[:rows]
    size: npt.NDArray[Any] | None = None
    if batches[0].size is not None:
        size = np.concatenate([batch.size for batch in batches])[:rows]
    return Ticks.from_columns(time_ns, price, size)


def _bars_of(ticks: Ticks, rule: str, tz: str, session: str | None) -> _Part:
    bars = ticks.resample(rule, tz=tz, session=session, backend="cpu")
    ohlc = np.stack((bars.open, bars.high, bars.low, bars.close), axis=1)
    volume = np.zeros(len(bars)) if bars.volume is None else bars.volume
    assert bars.count is not None
    return _Part(bars.time_ns, ohlc, volume, bars.count, int(ticks.time_ns[0]), int(ticks.time_ns[-1]))


def _merged(parts: list[_Part], rule: Timeframe, zone: Zone, has_volume: bool) -> Bars:
    """The bars of all parts; neighbours of one start become one."""
    for number, (before, after) in enumerate(pairwise(parts), 1):
        if after.first_ns < before.last_ns:
            raise ValueError(
                f"resample: rows must be in time order, got {iso(after.first_ns)} after {iso(before.last_ns)}"
                f" at row {number * _PART:,}. Sort the source, or ingest it with sort=True."
            )
    if not parts:
        nothing = np.empty(0)
        prices = (nothing, nothing, nothing, nothing)
        none = np.empty(0, np.int64)
        volume = nothing if has_volume else None
        return Bars.from_columns(none, *prices, volume, none, zone.name, rule.nominal_ns or None)
    part_of = np.repeat(np.arange(len(parts)), [len(part.time_ns) for part in parts])
    time_ns = np.concatenate([part.time_ns for part in parts])
    ohlc = np.concatenate([part.ohlc for part in parts])
    pieces = np.concatenate([part.volume for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    starts = np.flatnonzero(np.concatenate(([True], time_ns[1:] != time_ns[:-1])))
    stops = np.append(starts[1:], len(time_ns))
    volume = pieces[starts]
    for bar in np.flatnonzero(stops - starts > 1):
        start, stop = int(starts[bar]), int(stops[bar])
        volume[bar] = _tree_sum(pieces[start:stop], int(part_of[start]), len(parts))
    return Bars.from_columns(
        time_ns[starts],
        ohlc[starts, 0],
        np.maximum.reduceat(ohlc[:, 1], starts),
        np.minimum.reduceat(ohlc[:, 2], starts),
        ohlc[stops - 1, 3],
        volume if has_volume else None,
        np.add.reduceat(counts, starts),
        zone.name,
        rule.nominal_ns or None,
    )


def _tree_sum(pieces: Floats, first: int, n_parts: int) -> float:
    """Sum of what neighbouring parts, each one node of the index, have of a bar, by the index's own tree."""
    values = np.zeros(n_parts)
    values[first : first + len(pieces)] = pieces
    no_time = np.zeros(n_parts, np.int64)
    return RangeIndex.build(no_time, *(np.zeros(n_parts),) * 4, values).volume(first, first + len(pieces))
