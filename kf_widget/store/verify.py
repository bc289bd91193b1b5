"""Verify: every byte of a store against its checksums, and index and bars against its rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt
import xxhash

from kf_widget.errors import KfError
from kf_widget.history.checks import first_not_finite, first_not_size, first_unsorted, iso, search
from kf_widget.history.index import Nodes
from kf_widget.store.bars import BarWriter
from kf_widget.store.files import Files, as_bytes
from kf_widget.store.layout import CHECKSUMS, SEGMENT, Column, tick_columns
from kf_widget.store.manifest import Manifest
from kf_widget.store.mapped import map_column, map_ticks, open_snapshot
from kf_widget.store.nodes import NodeWriter

__all__ = ["verify"]

_CHUNK: Final = 4 * SEGMENT


class _Compared(Files):
    """Files that are written already: every write must find its own bytes there."""

    def make_folder(self, name: str) -> None:
        """Nothing to make."""

    def write(self, name: str, offset: int, data: Any) -> None:
        """Compare."""
        expected = np.ascontiguousarray(data)
        there = _read(self.root, name, expected.dtype, offset, expected.size)
        if there.tobytes() != expected.tobytes():
            wrong = expected.reshape(-1).view(np.uint64) != there.view(np.uint64)
            entry = offset // expected.itemsize + int(wrong.argmax())
            raise KfError(
                f"verify: {self.root / name} is damaged at entry {entry:,}: it does not fit the rows."
                " Restore it from a copy of the store."
            )


def verify(root: Path, manifest: Manifest, progress: bool = False) -> None:
    """Prove what a manifest counts; raises KfError that names the first thing that is wrong."""
    from tqdm.auto import tqdm

    open_snapshot(root, manifest)
    schema, rows = manifest.schema, manifest.rows
    columns = tick_columns(schema)
    _check_tail(root, manifest, columns)
    files = _Compared(root)
    nothing = map_ticks(root, schema, 0)
    nodes = NodeWriter(files, "", schema.size is not None, nothing.index)
    bars = BarWriter(files, schema, 0, 0, {}, lambda stop: map_ticks(root, schema, stop))
    last_ns = np.empty(0, np.int64)
    with tqdm(total=rows, unit=" rows", unit_scale=True, disable=not progress, desc="verify") as shown:
        for start in range(0, rows, _CHUNK):
            stop = min(rows, start + _CHUNK)
            values = {
                c.name: _read(root, c.path(), c.dtype, start * c.dtype.itemsize, stop - start)
                for c in columns
            }
            _check_segments(root, columns, values, start)
            _check_values(root, columns, values, start, last_ns)
            last_ns = values["time_ns"][-1:]
            size = values.get("size", np.empty(0))
            nodes.push(Nodes(values["price"], values["price"], size, values["time_ns"]))
            bars.update(stop)
            shown.update(stop - start)
    if bars.bars != manifest.bars:
        _damaged(root, f"the bars must be {bars.bars}, got {dict(manifest.bars)}")


def _read(root: Path, name: str, dtype: np.dtype[Any], offset: int, count: int) -> npt.NDArray[Any]:
    if not count:
        return np.empty(0, dtype.newbyteorder("="))
    try:
        fd = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            data = os.pread(fd, count * dtype.itemsize, offset)
        finally:
            os.close(fd)
    except OSError as error:
        _damaged(root, f"{name} could not be read: {error.strerror}")
    if len(data) < count * dtype.itemsize:
        _damaged(root, f"{name} is too short")
    return np.frombuffer(data, dtype.newbyteorder("="))


def _check_tail(root: Path, manifest: Manifest, columns: tuple[Column, ...]) -> None:
    start = manifest.rows // SEGMENT * SEGMENT
    for column in columns:
        tail = _read(root, column.path(), column.dtype, start * column.dtype.itemsize, manifest.rows - start)
        if xxhash.xxh3_64_hexdigest(tail.tobytes()) != manifest.tail[column.name]:
            _damaged(root, f"{column.path()} is damaged in rows {start:,} to {manifest.rows - 1:,}")


def _check_segments(
    root: Path, columns: tuple[Column, ...], values: dict[str, npt.NDArray[Any]], start: int
) -> None:
    first, count = start // SEGMENT, len(values["time_ns"]) // SEGMENT
    kept = map_column(root, CHECKSUMS, np.dtype("<u8"), (first + count) * len(columns)).reshape(
        -1, len(columns)
    )
    for segment in range(count):
        here = slice(segment * SEGMENT, (segment + 1) * SEGMENT)
        for column, checksum in zip(columns, kept[first + segment].tolist(), strict=True):
            if xxhash.xxh3_64_intdigest(as_bytes(values[column.name][here])) != checksum:
                row = start + here.start
                _damaged(root, f"{column.path()} is damaged in rows {row:,} to {row + SEGMENT - 1:,}")


def _check_values(
    root: Path,
    columns: tuple[Column, ...],
    values: dict[str, npt.NDArray[Any]],
    start: int,
    last_ns: npt.NDArray[np.int64],
) -> None:
    times = np.concatenate((last_ns, values["time_ns"]))
    row = search(first_unsorted, times)
    if row >= 0:
        row_there = start + row - len(last_ns)
        _damaged(root, f"time_ns falls to {iso(int(times[row]))} at row {row_there:,}")
    row = search(first_not_finite, values["price"])
    if row >= 0:
        _damaged(root, f"price is {values['price'][row]} at row {start + row:,}")
    if "size" in values and (row := search(first_not_size, values["size"])) >= 0:
        _damaged(root, f"size is {values['size'][row]} at row {start + row:,}")
    if "side" in values and (wrong := np.abs(values["side"]) > 1).any():
        _damaged(root, f"side is {values['side'][wrong.argmax()]} at row {start + int(wrong.argmax()):,}")


def _damaged(root: Path, what: str) -> NoReturn:
    raise KfError(f"verify: {root}: {what}. Restore it from a copy of the store.")
