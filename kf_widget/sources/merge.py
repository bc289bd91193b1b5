"""Sorting more rows than fit into memory: sorted runs on disk, merged."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from kf_widget.errors import KfError
from kf_widget.sources.batch import Batch
from kf_widget.sources.order import cut, joined, taken

__all__ = ["sorted_on_disk"]

_RUN_ROWS: Final = 1 << 23
_BLOCK_BYTES: Final = 1 << 28
"""Of all runs together, while they are merged."""


def sorted_on_disk(
    batches: Iterable[Batch], run_rows: int = _RUN_ROWS, block_rows: int = 0
) -> Generator[Batch]:
    """All rows by time, equal stamps as they came, in bounded memory.

    Parameters
    ----------
    batches : rows in any order.
    run_rows : how many are sorted at once, in memory.
    block_rows : how many of each run are in memory while they are merged; 0 for what fits.

    Raises
    ------
    KfError : the temporary folder cannot be written.

    Notes
    -----
    Takes as much room in the system's temporary folder (`TMPDIR`) as the rows have bytes; it is given back at
    the end, also after an error or when the reader stops.
    """
    folder = Path(tempfile.mkdtemp(prefix="kf_widget-sort-"))
    try:
        runs: list[_Run] = []
        waiting: list[Batch] = []
        rows = 0
        for batch in batches:
            waiting.append(batch)
            rows += len(batch.time_ns)
            if rows >= run_rows:
                runs.append(_written(folder / str(len(runs)), waiting))
                waiting, rows = [], 0
        if not runs:
            if rows:
                yield _sorted(waiting)
            return
        if rows:
            runs.append(_written(folder / str(len(runs)), waiting))
        waiting = []
        width = 32 * len(runs)
        for run in runs:
            run.block = block_rows or max(_BLOCK_BYTES // width, 1 << 12)
        yield from _merged(runs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sorted(batches: list[Batch]) -> Batch:
    whole = joined(batches)
    return taken(whole, np.argsort(whole.time_ns, kind="stable"))


def _written(path: Path, batches: list[Batch]) -> _Run:
    batch = _sorted(batches)
    try:
        for name, column in zip(Batch._fields, batch, strict=True):
            if column is not None:
                column.tofile(path.with_suffix(f".{name}"))
    except OSError as error:
        raise KfError(
            f"sort: {path.parent} could not be written: {error}. Set TMPDIR to a folder with more room."
        ) from error
    return _Run(path, len(batch.time_ns), [None if column is None else column.dtype for column in batch])


class _Run:
    """A sorted run on disk, of which one block is in memory."""

    def __init__(self, path: Path, rows: int, types: list[Any]) -> None:
        self._path, self._rows, self._types = path, rows, types
        self._read = 0
        self.block = 0
        self.head: Batch | None = None

    def fill(self) -> bool:
        """Have unread rows at hand; False where there are none."""
        if self.head is not None and len(self.head.time_ns):
            return True
        n = min(self.block, self._rows - self._read)
        if not n:
            return False
        self.head = Batch._make(
            None
            if kind is None
            else np.fromfile(self._path.with_suffix(f".{name}"), kind, n, offset=self._read * kind.itemsize)
            for name, kind in zip(Batch._fields, self._types, strict=True)
        )
        self._read += n
        return True

    def take(self, stop: int) -> Batch:
        """The first rows of those at hand."""
        assert self.head is not None
        taken = cut(self.head, 0, stop)
        self.head = cut(self.head, stop, len(self.head.time_ns))
        return taken


def _merged(runs: list[_Run]) -> Generator[Batch]:
    while runs := [run for run in runs if run.fill()]:
        heads = [run.head.time_ns for run in runs if run.head is not None]
        # Up to here every run's rows are at hand, but for those equal to it.
        edge = min(int(head[-1]) for head in heads)
        below = [run.take(int(np.searchsorted(head, edge))) for run, head in zip(runs, heads, strict=True)]
        yield _sorted(below)
        for run in runs:  # rows of one stamp, however many: run after run, as they came
            while run.fill():
                assert run.head is not None
                stop = int(np.searchsorted(run.head.time_ns, edge, side="right"))
                if not stop:
                    break
                yield run.take(stop)
