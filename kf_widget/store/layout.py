"""Names, types and sizes of a store's files."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from kf_widget.history.levels import DAY_NS, HOUR_NS, MINUTE_NS
from kf_widget.history.run_kernels import SHIFT
from kf_widget.sources.batch import Schema

__all__ = [
    "CHECKSUMS",
    "FIRST_ROW",
    "LOCK",
    "MANIFEST",
    "SEGMENT",
    "STEPS",
    "Column",
    "bar_columns",
    "node_columns",
    "node_counts",
    "tick_columns",
]

MANIFEST: Final = "manifest.json"
LOCK: Final = "lock"
CHECKSUMS: Final = "checksums.u8"
SEGMENT: Final = 1 << 18
"""Rows that share a checksum: at most so many are read before the first append of a process."""

STEPS: Final = {"minute": MINUTE_NS, "hour": HOUR_NS, "day": DAY_NS}
"""Levels of bars, ns."""


class Column(NamedTuple):
    """A file of one column: its name without folder and type, and its little-endian type."""

    name: str
    dtype: np.dtype[np.generic]

    def path(self, folder: str = "") -> str:
        """The file's path in the store, for example "minute/open.f8"."""
        return f"{folder}{self.name}.{self.dtype.kind}{self.dtype.itemsize}"


def _column(name: str, dtype: str) -> Column:
    return Column(name, np.dtype(dtype).newbyteorder("<"))


FIRST_ROW: Final = _column("first_row", "i8")


def tick_columns(schema: Schema) -> tuple[Column, ...]:
    """Columns of the ticks, in the order of `Batch`."""
    columns = [_column("time_ns", "i8"), _column("price", "f8")]
    if schema.size is not None:
        columns.append(_column("size", "f4" if schema.size == "float32" else "f8"))
    if schema.side:
        columns.append(_column("side", "i1"))
    return tuple(columns)


def bar_columns(schema: Schema) -> tuple[Column, ...]:
    """Columns of a level, one entry a bar; `first_row` has one more and stands apart."""
    volume = () if schema.size is None else (_column("volume", "f8"),)
    prices = (_column(name, "f8") for name in ("open", "high", "low", "close"))
    return (_column("time_ns", "i8"), *prices, *volume, _column("count", "i8"))


def node_columns(level: int, has_volume: bool) -> tuple[Column, ...]:
    """Files of one level of nodes, in the order of `Nodes`: blocks are level 1; no sum without volume."""
    names = ("high", "low", "sum") if has_volume else ("high", "low")
    return (
        *(_column(f"index/{name}.{level}", "f8") for name in names),
        _column(f"index/first.{level}", "i8"),
    )


def node_counts(rows: int) -> list[int]:
    """Complete nodes of each level of an index over that many rows, blocks first."""
    counts = []
    while rows := rows >> SHIFT:
        counts.append(rows)
    return counts
