"""Parquet files, a few row groups at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from kf_widget.history.formats import guarded
from kf_widget.sources.part import PIECE_ROWS, Piece, arrow_piece, single
from kf_widget.sources.paths import Stat

__all__ = ["ParquetPart"]

_LARGE: Final = 4 * PIECE_ROWS
_HEAD_ROWS: Final = 64


class ParquetPart:
    """A Parquet file. Opening it reads the footer."""

    time_index = None
    once = False

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
        if not self.rows:
            return None
        wanted = list(dict.fromkeys(names))
        with self._open() as opened:
            batches = opened.iter_batches(_HEAD_ROWS, columns=wanted, use_threads=False)
            batch = guarded(self.where, lambda: next(batches))
        return arrow_piece(0, batch, names, lenient=True)

    def read(self, names: Sequence[str], start: int, lenient: bool) -> Iterator[Piece]:
        """Whole row groups up to about `PIECE_ROWS`; those of more are read in pieces. Those before are not."""
        wanted = list(dict.fromkeys(names))
        self._stat.check()
        with self._open() as opened:
            row = 0
            together: list[int] = []
            for group, rows in enumerate([*self._groups, _LARGE]):
                last = group == len(self._groups)
                if together and (last or sum(self._groups[i] for i in together) + rows > PIECE_ROWS):
                    table = guarded(self.where, lambda: opened.read_row_groups(together, columns=wanted))
                    yield arrow_piece(row, table, names, lenient)
                    row += len(table)
                    together = []
                if last:
                    break
                if not together and row + rows <= start:
                    row += rows
                elif rows < _LARGE:
                    together.append(group)
                else:
                    batches = opened.iter_batches(2 * PIECE_ROWS, row_groups=[group], columns=wanted)
                    while (batch := guarded(self.where, lambda: next(batches, None))) is not None:
                        yield arrow_piece(row, batch, names, lenient)
                        row += len(batch)
        self._stat.check()

    def single(self, name: str) -> bool | None:
        return single(self._schema, name)

    def stamp(self) -> tuple[Any, ...] | None:
        return self._stat.stamp()
