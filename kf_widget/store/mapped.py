"""Snapshots: the committed rows of a store as read-only memory maps, with their index and levels."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.errors import KfError
from kf_widget.history.bars import Bars
from kf_widget.history.index import Nodes, RangeIndex
from kf_widget.history.levels import Level
from kf_widget.history.ticks import Ticks
from kf_widget.sources.batch import Schema
from kf_widget.store.layout import (
    FIRST_ROW,
    STEPS,
    bar_columns,
    node_columns,
    node_counts,
    tick_columns,
)
from kf_widget.store.manifest import Manifest, read_manifest

__all__ = ["StoredTicks", "map_bars", "map_column", "map_ticks", "open_snapshot"]


def map_column(
    root: Path, path: str, dtype: np.dtype[Any], count: int, *, whole: bool = False
) -> npt.NDArray[Any]:
    """The first entries of a file, mapped; read-only, never through a link.

    Parameters
    ----------
    whole : all of it will be read now.

    Raises
    ------
    KfError : the file is not there, or shorter than what is committed.
    """
    if count == 0:
        return np.empty(0, dtype.newbyteorder("="))
    wanted = count * dtype.itemsize
    where = root / path
    try:
        fd = os.open(where, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise KfError(
            f"open_ticks: {where} could not be read: {error.strerror}. Restore it from a copy of the store."
        ) from error
    try:
        there = os.fstat(fd).st_size
        if there < wanted:
            raise KfError(
                f"open_ticks: {where} must hold {wanted:,} committed bytes, got {there:,}: it was cut off."
                " Restore it from a copy of the store."
            )
        mapped = mmap.mmap(fd, wanted, access=mmap.ACCESS_READ)
        if whole and hasattr(mapped, "madvise"):
            mapped.madvise(mmap.MADV_WILLNEED)
    finally:
        os.close(fd)
    return np.frombuffer(mapped, dtype.newbyteorder("="))


def _nodes(
    root: Path, folder: str, rows: int, has_volume: bool, before: RangeIndex | None = None
) -> tuple[Nodes, Nodes]:
    """Blocks, mapped, and the levels above, which are a 64th of that, read in one sweep or kept."""
    counts = node_counts(rows)
    blocks = _level(root, folder, 1, counts[0], has_volume) if counts else Nodes.room(0, has_volume)
    if before is not None and node_counts(len(before))[1:] == counts[1:]:
        a = before.arrays
        return blocks, Nodes(a.node_high, a.node_low, a.node_sum, a.node_first)
    nodes = Nodes.room(sum(counts[1:]), has_volume)
    start = 0
    for level, count in enumerate(counts[1:], 2):
        there = _level(root, folder, level, count, has_volume)
        for column, values in zip(nodes.part(start, start + count), there, strict=True):
            column[:] = values
        start += count
    return blocks, nodes


def _level(root: Path, folder: str, level: int, count: int, has_volume: bool) -> Nodes:
    columns = node_columns(level, has_volume)
    found = [map_column(root, c.path(folder), c.dtype, count, whole=level > 1) for c in columns]
    high, low, *total, first = found
    return Nodes(high, low, total[0] if total else np.empty(0), first)


class StoredTicks(Ticks):
    """Ticks of a store as they were committed: memory maps, with index and levels. Pickles as its place."""

    _place: tuple[str, Manifest]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_reopen, self._place)


def map_ticks(root: Path, schema: Schema, rows: int, before: StoredTicks | None = None) -> StoredTicks:
    """The first rows of the columns, with their index; no levels. `before` holds fewer of them."""
    columns: dict[str, npt.NDArray[Any]] = {
        column.name: map_column(root, column.path(), column.dtype, rows) for column in tick_columns(schema)
    }
    time_ns, price, size = columns["time_ns"], columns["price"], columns.get("size")
    ticks = StoredTicks.from_columns(time_ns, price, size, columns.get("side"), schema.tz)
    assert isinstance(ticks, StoredTicks)
    known = None if before is None else before.index
    blocks, nodes = _nodes(root, "", rows, size is not None, known)
    ticks._index = RangeIndex.over(time_ns, price, price, price, price, size, blocks, nodes)
    return ticks


def map_bars(root: Path, name: str, schema: Schema, n_bars: int) -> Level:
    """A level of the store, of at least one bar."""
    folder = f"{name}/"
    columns: dict[str, npt.NDArray[Any]] = {
        column.name: map_column(root, column.path(folder), column.dtype, n_bars)
        for column in bar_columns(schema)
    }
    bars = Bars.from_columns(
        columns["time_ns"],
        columns["open"],
        columns["high"],
        columns["low"],
        columns["close"],
        columns.get("volume"),
        columns["count"],
        interval_ns=STEPS[name],
    )
    blocks, nodes = _nodes(root, folder, n_bars, "volume" in columns)
    ohlc = (bars.open, bars.high, bars.low, bars.close)
    bars._index = RangeIndex.over(bars.time_ns, *ohlc, bars.volume, blocks, nodes)
    first_row = map_column(root, FIRST_ROW.path(folder), FIRST_ROW.dtype, n_bars + 1)
    return Level(STEPS[name], bars, first_row)


def open_snapshot(root: Path, manifest: Manifest, before: StoredTicks | None = None) -> StoredTicks:
    """What a manifest counts. Reads no more than a 4,096th of it: 0.3 s of 10 billion rows.

    Parameters
    ----------
    before : an earlier snapshot of the same store; what has not grown since is taken from it. Most commits
        of a live market add no bar: 7 files are mapped then, not 23.

    Raises
    ------
    KfError : a file is missing or too short.
    """
    ticks = map_ticks(root, manifest.schema, manifest.rows, before)
    ticks._place = (str(root), manifest)
    levels: dict[int, Level] = {}
    for name, count in manifest.bars.items():
        level = None if before is None else before.levels.get(STEPS[name])
        if level is None or len(level.bars) != count:
            level = map_bars(root, name, manifest.schema, count) if count else None
        if level is None:
            continue
        if not 0 == level.first_row[0] < level.first_row[-1] <= manifest.rows:
            path = root / FIRST_ROW.path(f"{name}/")
            raise KfError(f"open_ticks: {path} is damaged: it counts other rows. Restore it from a copy.")
        levels[level.step_ns] = level
    ticks.levels = levels
    return ticks


def _reopen(path: str, manifest: Manifest) -> StoredTicks:
    root = Path(path)
    now = read_manifest(root, "open_ticks")
    if now is None or now.id != manifest.id or now.rows < manifest.rows:
        raise KfError(f"open_ticks: {path} no longer holds the rows that were pickled. Open it anew.")
    return open_snapshot(root, manifest)
