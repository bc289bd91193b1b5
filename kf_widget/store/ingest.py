"""Ingest: a source of ticks of any size into a new store; interrupted, it goes on where it was."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Literal

from kf_widget.errors import KfError
from kf_widget.history.checks import checked_path
from kf_widget.sources.stream import TickStream
from kf_widget.store.layout import LOCK, MANIFEST
from kf_widget.store.manifest import Manifest, Source, read_manifest
from kf_widget.store.queued import QueuedFiles
from kf_widget.store.reducer import Reducer
from kf_widget.store.store import TickStore, open_ticks
from kf_widget.store.writer import Writer, create

__all__ = ["ingest", "open_source"]

_COMMIT_ROWS: Final = 1 << 24


def ingest(
    source: Any,
    store: str | os.PathLike[str],
    *,
    time: str | None = None,
    price: str | None = None,
    size: str | None = None,
    side: str | None = None,
    tz: str | None = None,
    symbol: str | None = None,
    on_bad: Literal["raise", "drop"] = "raise",
    sort: bool = False,
    resume: bool = True,
    progress: bool = True,
    backend: str = "auto",
    client: Any = None,
) -> TickStore:
    """Make a store of all ticks of a source, in one pass and bounded memory.

    Parameters
    ----------
    source : path, glob or folder of Parquet, Feather, CSV or DBN files, a list of these, or any table,
        dataframe, lazy frame or stream of them.
    store : folder to make; it must be new or empty, or hold the same ingest, interrupted.
    time, price, size, side : names of the columns where they are not the usual ones.
    tz : IANA time zone: what naive stamps mean, and what the history is shown in.
    symbol : the instrument to take from a source of several.
    on_bad : "raise" stops at the first bad row, "drop" leaves bad rows out and counts them.
    sort : put a source of any order into time order, on disk. Local stamps must then have offsets where an
        hour comes twice.
    resume : go on with an interrupted ingest of the same source; False refuses a folder that holds one.
    progress : show a bar with rows a second and the time left.
    backend : "auto", "cpu" or "gpu": what makes the index and the bars of the levels; the files are the same.
        "auto" takes a GPU where `run_autotune` measured that it is faster for as many rows, "gpu" insists on
        one. They are a tenth of the work; to read, check and write the columns is the CPU's in any case.
    client : a `dask.distributed.Client` whose workers do it in parallel, each a part of the rows; they and
        this process must share the files and the store's folder. The result is the same byte for byte; such
        an ingest begins anew after an interruption.

    Returns
    -------
    The finished store. A commit is made every 16 million rows, so an interruption loses no more than these.

    Raises
    ------
    KfError : the folder holds something else, the system refuses to read or write, or no GPU can be used.
    TypeError, ValueError : the source is not ticks, or has a bad row.
    """
    reducer = Reducer(backend)
    names = {"time": time, "price": price, "size": size, "side": side}
    options = {"tz": tz, "symbol": symbol, "on_bad": on_bad, "sort": sort}
    opened = functools.partial(open_source, source, **names, **options)
    stream = opened()
    root = checked_path("ingest", "store", store).absolute()
    made = not root.exists()
    try:
        _prepare(root, stream, resume)
        if client is not None and _rows_of(root) == 0:
            from kf_widget.store.cluster import fill_by_cluster

            fill_by_cluster(client, root, opened, stream, backend)
        else:
            _fill(root, stream, reducer, progress)
    except BaseException:
        if made and _rows_of(root) == 0:  # nothing was committed: leave no trace
            shutil.rmtree(root, ignore_errors=True)
        raise
    return open_ticks(root)


def open_source(source: Any, **options: Any) -> TickStream:
    """A source as a stream of batches; what is one already stays as it is. Options as for `ingest`."""
    if hasattr(source, "batches") and hasattr(source, "fingerprint"):
        stream: TickStream = source
        return stream
    from kf_widget.sources.open import open_stream

    return open_stream(source, **options)


def _prepare(root: Path, stream: TickStream, resume: bool) -> None:
    """Make the store's folder, or see that it holds the same ingest."""
    manifest = read_manifest(root, "ingest") if root.exists() else None
    if manifest is not None:
        _same(root, manifest, stream, resume)
        return
    try:
        root.mkdir(parents=True, exist_ok=True)
        others = [path.name for path in root.iterdir() if path.name not in (LOCK, "index", f"{MANIFEST}.new")]
    except OSError as error:
        raise KfError(
            f"ingest: {root} could not be made a folder: {error.strerror}. Take another."
        ) from error
    if others:
        raise KfError(
            f"ingest: store must be a new or empty folder, got {root} with {sorted(others)[0]!r} in it."
            " Nothing is overwritten: take another folder."
        )
    from kf_widget.store.files import Files
    from kf_widget.store.lock import Lock

    with contextlib.closing(Lock(root, "ingest")), contextlib.closing(Files(root)) as files:
        create(root, stream.schema, Source(stream.fingerprint, complete=False), files)
        Files(root.parent).sync_folder("")


def _same(root: Path, manifest: Manifest, stream: TickStream, resume: bool) -> None:
    source = manifest.source
    if source.complete:
        raise KfError(
            f"ingest: {root} holds a finished store of {manifest.rows:,} rows. Nothing is overwritten: take"
            " another folder, or add rows with open_ticks(...).append(rows)."
        )
    if not resume or not source.fingerprint or source.fingerprint != stream.fingerprint:
        why = (
            "resume=False" if not resume
            else "a source that cannot be read again" if not source.fingerprint
            else "another source, other options, or files that have changed since"
        )  # fmt: skip
        raise KfError(
            f"ingest: {root} holds an interrupted ingest of {manifest.rows:,} rows, got {why}. Nothing is"
            " overwritten: run it with the same source to go on, or delete that folder."
        )
    if manifest.schema != stream.schema:
        raise KfError(
            f"ingest: {root} holds an interrupted ingest with {manifest.schema}, got {stream.schema}."
            " Delete that folder to begin anew."
        )


def _rows_of(root: Path) -> int:
    try:
        manifest = read_manifest(root, "ingest")
    except KfError:
        return -1
    return manifest.rows if manifest else 0


def _fill(root: Path, stream: TickStream, reducer: Reducer, progress: bool) -> None:
    files = QueuedFiles(root)
    try:
        writer = Writer(root, "ingest", files, reducer)
    except BaseException:
        files.close()
        raise
    done = writer.committed.rows
    commits = _Commits(writer, files)
    try:
        with _bar(stream.n_rows, done, progress) as shown:
            for batch in stream.batches(skip_rows=done):
                writer.push(batch)
                shown.update(len(batch.time_ns))
                so_far = Source(stream.fingerprint, False, dict(stream.dropped))
                if writer.rows - done >= _COMMIT_ROWS and commits.begin(so_far):
                    done = writer.rows
            commits.finish(Source(stream.fingerprint, True, dict(stream.dropped)))
    except (KeyboardInterrupt, KfError, OSError) as error:
        with contextlib.suppress(Exception):  # fails at once where it was the store that could not be written
            if writer.rows > writer.committed.rows:
                commits.finish(Source(stream.fingerprint, False, dict(stream.dropped)))
        if not isinstance(error, OSError):
            raise
        raise KfError(
            f"ingest: the source could not be read: {error}. What was committed is safe: run it"
            " again to go on."
        ) from error
    finally:
        with contextlib.ExitStack() as ending:  # each is done, though Ctrl-C leaves the one before
            ending.callback(writer.close)
            ending.callback(_undo, writer)
            ending.callback(files.drop)
            ending.callback(commits.close)


def _undo(writer: Writer) -> None:
    with contextlib.suppress(KfError):  # a full disk gets back what was not committed
        writer.undo()


class _Commits:
    """Commits made beside the ingest: the bars on the writing thread, waiting for the disk on another."""

    def __init__(self, writer: Writer, files: QueuedFiles) -> None:
        self._writer, self._files = writer, files
        self._pool = ThreadPoolExecutor(1, "kf_widget-syncing")
        self._last: Future[Manifest] | None = None
        self._settled = threading.Event()
        self._settled.set()

    def begin(self, source: Source) -> bool:
        """Commit what was pushed so far, unless the last commit is still under way."""
        if not self._settled.is_set() or (self._last is not None and not self._last.done()):
            return False
        self._check()
        self._submit(source)
        return True

    def finish(self, source: Source) -> None:
        """Commit all, and wait for it."""
        self._files.drain()
        self._check(wait=True)
        self._submit(source)
        self._files.drain()
        self._check(wait=True)

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown()

    def _submit(self, source: Source) -> None:
        counted = self._writer.pushed(source)
        self._settled.clear()

        def settle() -> None:
            try:
                self._last = self._pool.submit(self._writer.seal, self._writer.settle(counted))
            finally:
                self._settled.set()

        self._files.then(settle)

    def _check(self, wait: bool = False) -> None:
        if self._last is not None and (wait or self._last.done()):
            self._last.result()


def _bar(total: int | None, done: int, progress: bool) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=total, initial=done, unit=" rows", unit_scale=True, disable=not progress, desc="ingest")
