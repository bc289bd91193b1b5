"""Ticks for the tests of the store, as a stream in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kf_widget.history.ticks import Ticks
from kf_widget.sources.batch import Batch, Schema

COLUMNS = ("time_ns", "price", "size", "side")


def make_ticks(
    n: int, seed: int = 0, *, size: str | None = "float64", side: bool = True, gap_ns: int = 40_000_000
) -> Ticks:
    """Ticks of a hostile kind: equal stamps, gaps of days, wild sizes; on average `gap_ns` apart."""
    rng = np.random.default_rng(seed)
    gaps = rng.integers(0, 2 * gap_ns + 1, n) * (rng.random(n) < 0.8)
    gaps[rng.random(n) < 1e-5] += 2 * 86_400 * 10**9
    time_ns = np.cumsum(gaps) + 1_700_000_000 * 10**9
    price = np.round(100 + np.cumsum(rng.normal(0, 0.01, n)), 2)
    sizes = None if size is None else (rng.random(n) * 10.0 ** rng.integers(-6, 6, n)).astype(size)
    sides = rng.integers(-1, 2, n).astype(np.int8) if side else None
    return Ticks.from_columns(time_ns, price, sizes, sides, "America/New_York")


def cut(ticks: Ticks, start: int, stop: int) -> Batch:
    """Rows of ticks."""
    columns = (getattr(ticks, name) for name in COLUMNS)
    return Batch(*(None if column is None else column[start:stop] for column in columns))


def table(ticks: Ticks, start: int, stop: int) -> dict[str, Any]:
    """Rows of ticks, as `append` takes them."""
    return {
        name.removesuffix("_ns"): column
        for name, column in zip(COLUMNS, cut(ticks, start, stop), strict=True)
        if column is not None
    }


class Given:
    """A stream of ticks at hand, cut at the given rows."""

    def __init__(self, ticks: Ticks, cuts: Sequence[int] = (), fingerprint: str = "given") -> None:
        size = None if ticks.size is None else str(ticks.size.dtype)
        self.schema = Schema(size, ticks.side is not None, ticks.tz)
        self.n_rows: int | None = len(ticks)
        self.fingerprint = fingerprint
        self.dropped: dict[str, int] = {}
        self._ticks, self._cuts = ticks, sorted({*cuts, len(ticks)})

    def batches(self, skip_rows: int = 0) -> Iterator[Batch]:
        """From a row on."""
        start = skip_rows
        for stop in self._cuts:
            if stop > start:
                yield cut(self._ticks, start, stop)
                start = stop


def files_of(root: Path) -> dict[str, bytes]:
    """All of a store but what tells one from another: its manifest and lock."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in ("manifest.json", "lock") and path.stat().st_size
    }


def assert_rows(ticks: Ticks, expected: Ticks, rows: int | None = None) -> None:
    """The first rows, bit for bit, in the same types."""
    rows = len(expected) if rows is None else rows
    assert len(ticks) == rows
    for name in COLUMNS:
        mine, theirs = getattr(ticks, name), getattr(expected, name)
        if theirs is None:
            assert mine is None
        else:
            assert mine.dtype == theirs.dtype
            assert mine.tobytes() == theirs[:rows].tobytes(), name
