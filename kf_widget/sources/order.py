"""Time order: rows that are a little out of it are put right as they pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.checks import first_unsorted, iso, search
from kf_widget.history.protocol import Ints
from kf_widget.sources.batch import Batch
from kf_widget.sources.convert import Converted

__all__ = ["WINDOW", "coalesced", "cut", "in_order", "joined", "taken"]

WINDOW: Final = 1 << 16
"""How many rows a row may come late."""

_NEVER: Final = np.iinfo(np.int64).min


def cut(batch: Batch, start: int, stop: int) -> Batch:
    """Rows start to stop."""
    return Batch._make(None if column is None else column[start:stop] for column in batch)


def taken(batch: Batch, rows: npt.NDArray[Any]) -> Batch:
    """The given rows, or those where a mask is true."""
    return Batch._make(None if column is None else column[rows] for column in batch)


def joined(batches: Sequence[Batch]) -> Batch:
    """All rows, one batch after the other."""
    if len(batches) == 1:
        return batches[0]
    return Batch._make(
        None if columns[0] is None else np.concatenate(columns) for columns in zip(*batches, strict=True)
    )


def in_order(pieces: Iterator[Converted], name: str, window: int = WINDOW) -> Generator[Batch]:
    """Batches sorted by time, equal stamps as they came.

    Parameters
    ----------
    pieces : rows as they came.
    name : column of times, for messages.
    window : a row may have later ones among the `window` rows before it, and none further back.

    Raises
    ------
    ValueError : a row that is later than that; it names the file and the row.

    Notes
    -----
    Rows wait until `window` others have come after them: nothing can then go before them. Batches that are
    in order pass as they are, uncopied.
    """
    held: deque[Batch] = deque()  # sorted, one after the other
    rows = 0
    came: deque[Ints] = deque()  # stamps of the last rows as they came, at least `window` of them
    came_rows = 0
    floor = _NEVER  # the latest stamp before those
    for piece in pieces:
        batch = piece.batch
        time_ns = batch.time_ns
        if not len(time_ns):
            continue
        latest = int(held[-1].time_ns[-1]) if held else _NEVER
        if int(time_ns[0]) >= latest and search(first_unsorted, time_ns) < 0:
            held.append(batch)
        else:
            _check(piece, name, floor, [*came, time_ns], window)
            everything = joined([*held, batch])
            everything = taken(everything, np.argsort(everything.time_ns, kind="stable"))
            held.clear()
            total = len(everything.time_ns)
            ready = max(total - window, 0)
            if ready:
                yield cut(everything, 0, ready)
            held.append(cut(everything, ready, total))
            rows = total - ready - len(time_ns)
        rows += len(time_ns)
        while rows - len(held[0].time_ns) >= window:
            rows -= len(held[0].time_ns)
            yield held.popleft()
        came.append(time_ns)
        came_rows += len(time_ns)
        while came_rows - len(came[0]) >= window:
            left = came.popleft()
            came_rows -= len(left)
            floor = max(floor, int(left.max()))
    yield from held


def _check(piece: Converted, name: str, floor: int, came: list[Ints], window: int) -> None:
    time_ns = came[-1]
    raw = np.concatenate(came)
    most = np.maximum(np.maximum.accumulate(raw), floor)
    first = len(raw) - len(time_ns)
    # Row i of the batch is row first + i of `raw`; the rows up to first + i - window - 1 must not be later.
    limit = np.full(len(time_ns), floor, dtype=np.int64)
    begin = max(window + 1 - first, 0)
    if begin < len(time_ns):
        limit[begin:] = most[first + begin - window - 1 : len(raw) - window - 1]
    late = time_ns < limit
    if late.any():
        i = int(np.argmax(late))
        raise ValueError(
            f"{piece.where}: column {name!r} must be in time order but for {window:,} rows, got "
            f"{iso(int(time_ns[i]))} at row {piece.row(i)}, after rows of {iso(int(limit[i]))}. "
            "Pass sort=True to sort all of it, on disk."
        )


def coalesced(batches: Iterator[Batch], least: int, most: int) -> Generator[Batch]:
    """The same rows in batches of at least `least` (but for the last) and at most `most`."""
    waiting: list[Batch] = []
    rows = 0
    for batch in batches:
        n = len(batch.time_ns)
        if not n:
            continue
        if not waiting and least <= n <= most:
            yield batch
            continue
        waiting.append(batch)
        rows += n
        if rows < least:
            continue
        whole = joined(waiting)
        for start in range(0, rows, most):
            yield cut(whole, start, min(start + most, rows))
        waiting, rows = [], 0
    if waiting:
        yield joined(waiting)
