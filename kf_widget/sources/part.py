"""Parts of a source: one file, table or frame each, read piece by piece from any row on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from kf_widget.history.tables import Column, arrow_table

__all__ = ["PIECE_ROWS", "Part", "Piece", "arrow_piece", "cut_piece", "single"]

PIECE_ROWS: Final = 1 << 19
"""Rows that are read at once, about."""


class Piece(NamedTuple):
    """Consecutive rows of a part.

    start : row of the part that the first one is; columns : by name, as they came.
    """

    start: int
    columns: dict[str, Column]

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(next(iter(self.columns.values())))


class Part(ABC):
    """One file, table or frame.

    where : call and file, for messages; names : its columns; time_index : which of them is an index of times
    rows : how many it has, where that is known without reading; left_out : lines that were no rows
    keys : what its path says of it, as in symbol=ES/date=2024-01-02
    """

    where: str
    names: Sequence[str]
    keys: Mapping[str, str] = MappingProxyType({})
    time_index: str | None = None
    rows: int | None = None
    left_out: int = 0

    @abstractmethod
    def head(self, names: Sequence[str]) -> Piece | None:
        """A few of the first rows, or None where there are none."""

    @abstractmethod
    def read(self, names: Sequence[str], start: int, lenient: bool) -> Generator[Piece]:
        """Pieces in order, which begin at row `start` or before it.

        names : columns wanted, the one of times first.
        lenient : what cannot be read as its column's type is to come out as a missing value.
        """

    @abstractmethod
    def single(self, name: str) -> bool:
        """Whether a column holds float32."""

    def stamp(self) -> tuple[Any, ...] | None:
        """What changes when the rows do; None where nothing tells."""
        return None


def arrow_piece(start: int, table: Any, names: Sequence[str]) -> Piece:
    """Rows of a pyarrow Table or RecordBatch."""
    import pyarrow as pa

    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    return Piece(start, arrow_table(table).select(names))


def cut_piece(piece: Piece, start: int, stop: int) -> Piece:
    """Rows start to stop of a piece."""
    return Piece(
        piece.start + start,
        {
            name: Column(text=column.text[start:stop])
            if column.values is None
            else Column(column.values[start:stop], zone=column.zone)
            for name, column in piece.columns.items()
        },
    )


def single(schema: Any, name: str) -> bool:
    """Whether a column of a pyarrow Schema holds float32."""
    import pyarrow as pa

    return bool(schema.field(name).type == pa.float32())
