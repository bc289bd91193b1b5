"""Parquet files, a few row groups at a time."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from kf_widget.history.formats import guarded
from kf_widget.sources.part import PIECE_ROWS, Part, Piece, arrow_piece, single
from kf_widget.sources.paths import Stat

__all__ = ["ParquetPart"]

_LARGE: Final = 4 * PIECE_ROWS
_HEAD_ROWS: Final = 64


class ParquetPart(Part):
    """A Parquet file. Opening it reads the footer."""

    def __init__(self, where: str, file: Path, keys: dict[str, str]) -> None:
        self.where, self.keys = where, keys
        self._stat = Stat(where, file)
        with self._open() as opened:
            self._schema = opened.schema_arrow
            metadata = opened.metadata
            self._groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        self.names: Sequence[str] = self._schema.names
        self.rows = sum(self._groups)

    def _open(self) -> Any:
        import pyarrow.parquet as pq

        return guarded(self.where, lambda: pq.ParquetFile(self._stat.file))

    def head(self, names: Sequence[str]) -> Piece | None:
        """A few of the first rows."""
        if not self.rows:
            return None
        wanted = list(dict.fromkeys(names))
        with self._open() as opened:
            batches = opened.iter_batches(_HEAD_ROWS, columns=wanted, use_threads=False)
            batch = guarded(self.where, lambda: next(batches))
        return arrow_piece(0, batch, names)

    def read(self, names: Sequence[str], start: int, lenient: bool) -> Generator[Piece]:
        """Row groups, up to about `PIECE_ROWS` together, or parts of large ones; none before `start`."""
        wanted = list(dict.fromkeys(names))
        self._stat.check()
        with self._open() as opened:
            for row, groups, large in self._plan(start):
                if large:
                    batches = opened.iter_batches(2 * PIECE_ROWS, row_groups=groups, columns=wanted)
                    following = partial(next, batches, None)
                else:
                    following = partial(opened.read_row_groups, groups, columns=wanted)
                while (table := guarded(self.where, following)) is not None:
                    yield arrow_piece(row, table, names)
                    row += table.num_rows
                    if not large:
                        break
        self._stat.check()

    def _plan(self, start: int) -> Generator[tuple[int, list[int], bool]]:
        """First row, the row groups to read, and whether that is one too large to be read at once."""
        row = 0
        groups: list[int] = []
        rows = 0
        for group, more in enumerate(self._groups):
            if not groups and row + more <= start:
                row += more
                continue
            if groups and rows + more > PIECE_ROWS:
                yield row, groups, False
                row, rows, groups = row + rows, 0, []
            if more >= _LARGE:
                yield row, [group], True
                row += more
            else:
                groups, rows = [*groups, group], rows + more
        if groups:
            yield row, groups, False

    def single(self, name: str) -> bool:
        """Whether a column holds float32."""
        return single(self._schema, name)

    def stamp(self) -> tuple[Any, ...] | None:
        """What changes when the rows do."""
        return self._stat.stamp()
