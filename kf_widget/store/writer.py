"""The writer: rows in, files and commits out; the only thing that changes a store."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import xxhash

from kf_widget.errors import KfError
from kf_widget.history.ticks import Ticks
from kf_widget.sources.batch import Batch, Schema
from kf_widget.store.bars import BarWriter
from kf_widget.store.files import Files, as_bytes
from kf_widget.store.layout import (
    CHECKSUMS,
    FIRST_ROW,
    MANIFEST,
    SEGMENT,
    STEPS,
    bar_columns,
    node_columns,
    node_counts,
    tick_columns,
)
from kf_widget.store.lock import Lock
from kf_widget.store.manifest import Manifest, Source, read_manifest
from kf_widget.store.mapped import map_ticks
from kf_widget.store.nodes import NodeWriter
from kf_widget.store.reducer import Reducer
from kf_widget.store.rows import RowWriter

__all__ = ["Writer", "create", "tail_hashes"]


def create(root: Path, schema: Schema, source: Source, files: Files) -> Manifest:
    """Make an empty store in a folder that is there and holds nothing else; returns what is committed."""
    tail = {column.name: xxhash.xxh3_64_hexdigest(b"") for column in tick_columns(schema)}
    manifest = Manifest(uuid.uuid4().hex, 0, schema, {}, tail, source)
    files.make_folder("index")
    files.sync()
    files.replace(MANIFEST, manifest.encode())
    return manifest


def tail_hashes(ticks: Ticks) -> list[Any]:
    """Running checksums, one a column, of the rows after the last complete segment."""
    start = len(ticks) // SEGMENT * SEGMENT
    columns = (ticks.time_ns, ticks.price, ticks.size, ticks.side)
    return [xxhash.xxh3_64(as_bytes(c[start:])) for c in columns if c is not None]


class Writer:
    """Writes behind what is committed, and commits.

    Takes the lock, cuts off what an earlier writer left uncommitted, and proves the tail's checksums.

    Parameters
    ----------
    root, what : the store's folder, and the caller, for messages.
    files : through which it writes; its own by default.
    reducer : makes the index and the bars; by default the CPU does.

    Raises
    ------
    KfError : another writer, a damaged store, or a system that refuses.
    """

    def __init__(
        self, root: Path, what: str, files: Files | None = None, reducer: Reducer | None = None
    ) -> None:
        self._lock = Lock(root, what)
        self._files = files or Files(root)
        self._reducer = reducer or Reducer()
        try:
            manifest = read_manifest(root, what)
            if manifest is None:
                raise KfError(f"{what}: {root} must be a tick store, got a folder without {MANIFEST}.")
            self.committed = manifest
            self._open(root, what, manifest)
        except BaseException:
            self.close()
            raise

    def _open(self, root: Path, what: str, manifest: Manifest) -> None:
        ticks = map_ticks(root, manifest.schema, manifest.rows)
        self.last_ns = int(ticks.time_ns[-1]) if len(ticks) else None
        hashes = tail_hashes(ticks)
        for column, running in zip(tick_columns(manifest.schema), hashes, strict=True):
            if running.hexdigest() != manifest.tail[column.name]:
                whole = len(ticks) // SEGMENT * SEGMENT
                raise KfError(
                    f"{what}: {root / column.path()} is damaged after row {whole:,}: its checksum does not"
                    " fit. Restore it from a copy of the store."
                )
        recover(self._files, manifest)
        has_volume = manifest.schema.size is not None
        nodes = NodeWriter(self._files, "", has_volume, ticks.index, blocks=self._reducer.blocks)
        self._rows = RowWriter(self._files, manifest.schema, manifest.rows, hashes, nodes)
        self._bars = BarWriter(
            self._files,
            manifest.schema,
            manifest.rows,
            self.last_ns or 0,
            manifest.bars,
            lambda rows: map_ticks(root, manifest.schema, rows),
            self._reducer,
        )

    @property
    def pid(self) -> int:
        """The process that holds the lock."""
        return self._lock.pid

    @property
    def rows(self) -> int:
        """Rows committed and pushed."""
        return self._rows.rows

    def push(self, batch: Batch) -> None:
        """Write rows, checked and in time order, not before the last ones, and all that they complete."""
        self._rows.push(batch)
        if len(batch.time_ns):
            self.last_ns = int(batch.time_ns[-1])

    def commit(self, source: Source | None = None) -> Manifest:
        """Make all rows pushed so far durable, and count them."""
        return self.seal(self.settle(self.pushed(source)))

    def pushed(self, source: Source | None = None) -> Manifest:
        """What a commit of all rows pushed so far would count, but for their bars."""
        before = self.committed
        return replace(before, rows=self.rows, tail=self._rows.tail, source=source or before.source)

    def settle(self, manifest: Manifest) -> Manifest:
        """Write the bars that these rows, all of them in the files, have closed; one call after the other."""
        self._bars.update(manifest.rows)
        return replace(manifest, bars=self._bars.bars)

    def seal(self, manifest: Manifest) -> Manifest:
        """Make what is in the files durable, and the manifest what counts. Rows may be pushed meanwhile."""
        self._files.sync()
        self._files.replace(MANIFEST, manifest.encode())
        self.committed = manifest
        return manifest

    def undo(self) -> None:
        """Cut off what was pushed since the last commit, as far as the system lets it.

        What counts is the manifest in place: where syncing its folder was refused, that is the new one.
        """
        recover(self._files, read_manifest(self._files.root, "append") or self.committed)

    def close(self) -> None:
        """Close the files and let go of the lock; what was not committed stays uncounted."""
        self._files.close()
        self._lock.close()


def recover(files: Files, manifest: Manifest) -> None:
    """Cut every file of a store down to what is committed."""
    rows, schema = manifest.rows, manifest.schema
    has_volume = schema.size is not None
    columns = tick_columns(schema)
    lengths = {column.path(): rows * column.dtype.itemsize for column in columns}
    lengths[CHECKSUMS] = rows // SEGMENT * 8 * len(columns)
    lengths |= _node_lengths(files.root, "", rows, has_volume)
    for name in STEPS:
        folder = f"{name}/"
        n_bars = manifest.bars.get(name)
        lengths |= {c.path(folder): (n_bars or 0) * c.dtype.itemsize for c in bar_columns(schema)}
        lengths[FIRST_ROW.path(folder)] = 0 if n_bars is None else (n_bars + 1) * 8
        lengths |= _node_lengths(files.root, folder, n_bars or 0, has_volume)
    for name, length in lengths.items():
        path = files.root / name
        if path.exists() and path.stat().st_size > length:
            files.truncate(name, length)
    files.doubt_folders()


def _node_lengths(root: Path, folder: str, rows: int, has_volume: bool) -> dict[str, int]:
    counts = node_counts(rows)
    lengths: dict[str, int] = {}
    level = 1
    while level <= len(counts) or any(
        (root / c.path(folder)).exists() for c in node_columns(level, has_volume)
    ):
        count = counts[level - 1] if level <= len(counts) else 0
        lengths |= {c.path(folder): count * c.dtype.itemsize for c in node_columns(level, has_volume)}
        level += 1
    return lengths
