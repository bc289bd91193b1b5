"""Ingest on a Dask cluster: every worker writes aligned ranges of columns that are laid out beforehand.

A range begins at a multiple of 262,144 rows, which is a whole segment of checksums and a whole node of the
third level of the index. So a worker writes its own columns, checksums and nodes of three levels into files
of full length, and no two of them touch the same byte. What is left is a 262,144th of the rows, and the bars,
which the index gives without the rows: the process that called makes them, and commits. The files come out
byte for byte as one process writes them.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import numpy as np
import xxhash

from kf_widget.errors import KfError
from kf_widget.history.checks import iso
from kf_widget.history.index import Nodes
from kf_widget.sources.batch import Batch, Schema
from kf_widget.store.bars import BarWriter
from kf_widget.store.files import Files
from kf_widget.store.layout import CHECKSUMS, MANIFEST, SEGMENT, node_columns, tick_columns
from kf_widget.store.lock import Lock
from kf_widget.store.manifest import Manifest, Source, read_manifest
from kf_widget.store.mapped import map_column, map_ticks
from kf_widget.store.nodes import NodeWriter
from kf_widget.store.reducer import Reducer
from kf_widget.store.rows import RowWriter
from kf_widget.store.writer import recover, tail_hashes

if TYPE_CHECKING:
    from kf_widget.sources.stream import TickStream

__all__ = ["fill_by_cluster"]

_LEVELS: Final = 3
"""Levels of nodes that are complete at the end of a segment."""

_RANGES_A_WORKER: Final = 4


def fill_by_cluster(
    client: Any, root: Path, open_source: Callable[[], TickStream], stream: TickStream, backend: str = "cpu"
) -> Manifest:
    """Fill the empty store in a folder that all workers share, and commit it.

    Parameters
    ----------
    client : `dask.distributed.Client`.
    open_source : opens the source again, on a worker.
    stream : of the same source, open here; where it cannot tell its rows, a worker counts them first.
    backend : as for `ingest`, on the workers too.

    Raises
    ------
    KfError : the workers see another source or another folder, or one of them no GPU.
    ValueError : rows that fall in time between ranges.
    """
    from distributed import Event

    lock, files = Lock(root, "ingest"), Files(root)
    try:
        manifest = read_manifest(root, "ingest")
        assert manifest is not None
        recover(files, manifest)
        dropped: dict[str, int] = {}
        rows = stream.n_rows
        if rows is None:
            rows, dropped = client.submit(_count, open_source, pure=False).result()
        _lay_out(files, manifest.schema, rows)
        cuts = _cuts(rows, _RANGES_A_WORKER * max(len(client.scheduler_info()["workers"]), 1))
        given_up = Event(f"ingest-{uuid4()}", client)  # type: ignore[no-untyped-call]
        write = functools.partial(
            _write_range, root=root, id=manifest.id, schema=manifest.schema, open_source=open_source,
            fingerprint=stream.fingerprint, backend=backend, given_up=given_up,
        )  # fmt: skip
        spans = _over_ranges(client, write, cuts, given_up)
        for (_, last_ns), (first_ns, _), (start, _) in zip(spans[:-1], spans[1:], cuts[1:], strict=True):
            if first_ns < last_ns:
                raise ValueError(
                    f"ingest: rows must be in time order, got {iso(first_ns)} after {iso(last_ns)} at row"
                    f" {start:,}. Pass sort=True."
                )
        return _finish(files, manifest, rows, Source(stream.fingerprint, True, dropped), Reducer(backend))
    finally:
        files.close()
        lock.close()


def _over_ranges(client: Any, write: Any, cuts: list[tuple[int, int]], given_up: Any) -> list[Any]:
    """Write all ranges; if one fails, or Ctrl-C comes, the others end soon and are waited for.

    They write into the folder, which afterwards is another's.
    """
    ranges: list[Any] = []
    try:
        if cuts:
            ranges = client.map(write, *zip(*cuts, strict=True), pure=False)
        return list(client.gather(ranges))
    except BaseException:
        with contextlib.suppress(Exception):  # the scheduler is gone, and with it who would write
            given_up.set()
            client.gather(ranges, errors="skip")
        raise


def _cuts(rows: int, wanted: int) -> list[tuple[int, int]]:
    """Ranges of whole segments; the last one ends with the rows."""
    segments = -(-rows // SEGMENT)
    edges = sorted({segments * k // wanted for k in range(wanted + 1)})
    return [(start * SEGMENT, min(stop * SEGMENT, rows)) for start, stop in pairwise(edges)]


def _lay_out(files: Files, schema: Schema, rows: int) -> None:
    """Give every file that workers write its full length."""
    columns = tick_columns(schema)
    lengths = {column.path(): rows * column.dtype.itemsize for column in columns}
    lengths[CHECKSUMS] = rows // SEGMENT * 8 * len(columns)
    for level in range(1, _LEVELS + 1):
        for column in node_columns(level, schema.size is not None):
            lengths[column.path()] = (rows >> 6 * level) * column.dtype.itemsize
    for name, length in lengths.items():
        if length:
            files.truncate(name, length)
    files.sync()


def _count(open_source: Callable[[], TickStream]) -> tuple[int, dict[str, int]]:
    stream = open_source()
    rows = sum(len(batch.time_ns) for batch in stream.batches())
    return rows, dict(stream.dropped)


def _write_range(
    start: int,
    stop: int,
    *,
    root: Path,
    id: str,
    schema: Schema,
    open_source: Callable[[], TickStream],
    fingerprint: str,
    backend: str,
    given_up: Any,
) -> tuple[int, int]:
    """Write rows ``[start, stop)`` durably; returns the first and the last time.

    given_up : `distributed.Event`, set once nobody wants them any more
    """
    _heed(given_up)
    manifest = read_manifest(root, "ingest")
    if manifest is None or manifest.id != id:
        raise KfError(
            f"ingest: {root} must be a folder that all workers share. Take one on a shared file system."
        )
    stream = open_source()
    if stream.fingerprint != fingerprint or stream.schema != schema:
        raise KfError("ingest: source must be the same for all workers. Take files on a shared file system.")
    reducer, files = Reducer(backend), Files(root)
    try:
        nothing = map_ticks(root, schema, 0).index
        nodes = NodeWriter(files, "", schema.size is not None, nothing, _LEVELS, reducer.blocks)
        nodes.skip(start)
        rows = RowWriter(files, schema, start, [xxhash.xxh3_64() for _ in tick_columns(schema)], nodes)
        first_ns = last_ns = 0
        for batch in stream.batches(skip_rows=start):
            _heed(given_up)
            if rows.rows == start:
                first_ns = int(batch.time_ns[0])
            here = slice(stop - rows.rows)
            size = None if batch.size is None else batch.size[here]
            side = None if batch.side is None else batch.side[here]
            rows.push(Batch(batch.time_ns[here], batch.price[here], size, side))
            last_ns = int(batch.time_ns[here][-1])
            if rows.rows == stop:
                break
        if rows.rows != stop:
            raise KfError(
                f"ingest: the source must give {stop:,} rows, got {rows.rows:,}. Did its files change?"
            )
        files.sync()
        return first_ns, last_ns
    finally:
        files.close()


def _heed(given_up: Any) -> None:
    if given_up.is_set():
        raise KfError("ingest: was given up, as another range of rows failed or somebody stopped it.")


def _finish(files: Files, manifest: Manifest, rows: int, source: Source, reducer: Reducer) -> Manifest:
    """The nodes above, the bars, the tail's checksums; then the commit."""
    root, schema = files.root, manifest.schema
    has_volume, n_nodes = schema.size is not None, rows >> 6 * _LEVELS
    nodes = NodeWriter(files, "", has_volume, map_ticks(root, schema, 0).index)
    found = {
        column.name.split("/")[1].split(".")[0]: map_column(root, column.path(), column.dtype, n_nodes)
        for column in node_columns(_LEVELS, has_volume)
    }
    nodes.push(Nodes(found["high"], found["low"], found.get("sum", np.empty(0)), found["first"]), _LEVELS)
    ticks = map_ticks(root, schema, rows)
    bars = BarWriter(files, schema, 0, 0, {}, lambda _: ticks, reducer)
    bars.update(rows)
    columns = tick_columns(schema)
    tail = {c.name: running.hexdigest() for c, running in zip(columns, tail_hashes(ticks), strict=True)}
    done = replace(manifest, rows=rows, bars=bars.bars, tail=tail, source=source)
    files.doubt_folders()
    files.sync()
    files.replace(MANIFEST, done.encode())
    return done
