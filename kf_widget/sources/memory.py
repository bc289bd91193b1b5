"""Tables, frames, streams and iterators of them, as parts."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kf_widget.errors import KfError
from kf_widget.history.tables import open_table
from kf_widget.sources.part import PIECE_ROWS, Part, Piece, arrow_piece, cut_piece, single

__all__ = ["BatchesPart", "TablePart", "memory_parts"]


class TablePart(Part):
    """A table that lies in memory; its columns are seen as they are, in pieces."""

    def __init__(self, where: str, obj: Any) -> None:
        self.where = where
        self._table = open_table(where, obj)
        self.names: Sequence[str] = self._table.names
        self.time_index = self._table.time_index
        shape = getattr(obj, "shape", None)
        self.rows: int | None = None
        if isinstance(obj, Mapping):
            self.rows = len(next(iter(obj.values()))) if obj else 0
        elif isinstance(shape, tuple) and isinstance(shape[0], int):
            self.rows = shape[0]

    def head(self, names: Sequence[str]) -> Piece | None:
        """A few of the first rows."""
        columns = self._table.select(names)
        whole = Piece(0, columns)
        return cut_piece(whole, 0, 64) if whole.rows else None

    def read(self, names: Sequence[str], start: int, lenient: bool) -> Generator[Piece]:
        """Pieces from row `start` on."""
        whole = Piece(0, self._table.select(names))
        for row in range(start, whole.rows, PIECE_ROWS):
            yield cut_piece(whole, row, min(row + PIECE_ROWS, whole.rows))

    def single(self, name: str) -> bool:
        """Whether a column holds float32."""
        values = self._table.select([name])[name].values
        return values is not None and bool(values.dtype == np.float32)


class BatchesPart(Part):
    """Arrow tables or batches that come one after the other.

    begin : names of columns -> iterator of pyarrow Tables or RecordBatches; where it gives all columns,
        those wanted are chosen here.
    once : it can be called once only.
    """

    def __init__(
        self,
        where: str,
        schema: Any,
        begin: Callable[[Sequence[str]], Iterator[Any]],
        *,
        once: bool,
        rows: int | None = None,
        stamp: tuple[Any, ...] | None = None,
    ) -> None:
        self.where, self.once, self.rows = where, once, rows
        self.names: Sequence[str] = schema.names
        self._schema, self._begin, self._stamp = schema, begin, stamp
        self._peeked: list[Any] | None = None
        self._begun: Iterator[Any] | None = None

    def head(self, names: Sequence[str]) -> Piece | None:
        """A few of the first rows."""
        if self.once:
            if self._begun is None:
                self._begun = iter(self._begin(names))
                self._peeked = list(itertools.islice((b for b in self._begun if b.num_rows), 1))
            first = self._peeked[0] if self._peeked else None
        else:
            batches = iter(self._begin(names))
            first = next((batch for batch in batches if batch.num_rows), None)
            close = getattr(batches, "close", None)
            if close is not None:
                close()
        return None if first is None else arrow_piece(0, first.slice(0, 64), names)

    def read(self, names: Sequence[str], start: int, lenient: bool) -> Generator[Piece]:
        """Pieces from row `start` on."""
        if self.once:
            self.head(names)
            if self._peeked is None:
                raise KfError(
                    f"{self.where}: source must be one that can be read again, got a stream that was read "
                    "before. Make it anew, or pass files or a table."
                )
            assert self._begun is not None
            batches: Iterator[Any] = itertools.chain(self._peeked, self._begun)
            self._peeked = None
        else:
            batches = iter(self._begin(names))
        row = 0
        for batch in batches:
            for at in range(0, batch.num_rows, 2 * PIECE_ROWS):
                part = batch.slice(at, 2 * PIECE_ROWS)
                yield arrow_piece(row, part, names)
                row += part.num_rows

    def single(self, name: str) -> bool:
        """Whether a column holds float32."""
        return single(self._schema, name)

    def stamp(self) -> tuple[Any, ...] | None:
        """What changes when the rows do."""
        return self._stamp


class _FramesPart(Part):
    """An iterator of tables of any kind, read once; the first one says which columns there are."""

    def __init__(self, what: str, frames: Iterator[Any]) -> None:
        self.where = what
        first = next(frames, None)
        if first is None:
            raise ValueError(f"{what}: source must give at least one table, got an iterator that gives none.")
        self._first = open_table(self._of(0), first)
        self.names: Sequence[str] = self._first.names
        self.time_index = self._first.time_index
        self._frames: Iterator[Any] | None = itertools.chain([first], frames)
        self._what = what
        self._peeked: list[Any] = [first]

    def _of(self, number: int) -> str:
        return f"{self.where} (table {number})"

    def head(self, names: Sequence[str]) -> Piece | None:
        """A few of the first rows."""
        whole = Piece(0, self._first.select(names))
        return cut_piece(whole, 0, 64) if whole.rows else None

    def read(self, names: Sequence[str], start: int, lenient: bool) -> Generator[Piece]:
        """Pieces from row `start` on."""
        if self._frames is None:
            raise KfError(
                f"{self.where}: source must be one that can be read again, got an iterator that was read "
                "before. Make it anew, or pass files or a table."
            )
        frames, self._frames = self._frames, None
        row = 0
        for number, frame in enumerate(frames):
            table = open_table(self._of(number), frame)
            missing = [name for name in names if name not in table.names]
            if missing:
                raise ValueError(
                    f"{self._of(number)}: tables must have the same columns, got none called "
                    f"{missing[0]!r}. Give all of them the columns of the first."
                )
            whole = Piece(row, table.select(names))
            for at in range(0, whole.rows, PIECE_ROWS):
                yield cut_piece(whole, at, min(at + PIECE_ROWS, whole.rows))
            row += whole.rows

    def single(self, name: str) -> bool:
        """Whether a column holds float32."""
        values = self._first.select([name])[name].values
        return values is not None and bool(values.dtype == np.float32)


def memory_parts(what: str, obj: Any) -> list[Any]:
    """Parts of what is no path.

    Raises
    ------
    TypeError : it is no table, and no stream or iterator of tables.
    """
    import pyarrow as pa

    if isinstance(obj, list | tuple) and obj and not isinstance(obj[0], int | float):
        return [part for i, item in enumerate(obj) for part in memory_parts(f"{what} (table {i})", item)]
    lazy = _lazy_part(what, obj)
    if lazy is not None:
        return [lazy]
    if isinstance(obj, pa.Table):
        return [BatchesPart(what, obj.schema, _columns_of(obj), once=False, rows=obj.num_rows)]
    if isinstance(obj, pa.RecordBatch):
        return memory_parts(what, pa.Table.from_batches([obj]))
    if isinstance(obj, pa.RecordBatchReader):
        return [BatchesPart(what, obj.schema, lambda names: iter(obj), once=True)]
    polars = sys.modules.get("polars")
    pandas = sys.modules.get("pandas")
    known = tuple(m.DataFrame for m in (polars, pandas) if m is not None)
    if isinstance(obj, (*known, Mapping, np.ndarray)):
        return [TablePart(what, obj)]
    if hasattr(obj, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(obj)
        return [BatchesPart(what, reader.schema, lambda names: iter(reader), once=True)]
    if isinstance(obj, Iterator):
        return [_FramesPart(what, obj)]
    return [TablePart(what, obj)]


def _columns_of(table: Any) -> Callable[[Sequence[str]], Iterator[Any]]:
    def begin(names: Sequence[str]) -> Iterator[Any]:
        yield table.select(list(dict.fromkeys(names)))

    return begin


def _lazy_part(what: str, obj: Any) -> BatchesPart | None:
    """polars LazyFrame, DuckDB relation or pyarrow Dataset: run in batches, with only the columns wanted."""
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(obj, polars.LazyFrame):
        schema = obj.head(0).collect().to_arrow().schema

        def collect(names: Sequence[str]) -> Iterator[Any]:
            query = obj.select(list(dict.fromkeys(names)))
            if not hasattr(query, "collect_batches"):  # polars before 1.34
                yield query.collect(engine="streaming").to_arrow()
                return
            for frame in query.collect_batches(chunk_size=PIECE_ROWS, maintain_order=True):
                yield frame.to_arrow()

        return BatchesPart(what, schema, collect, once=False)
    duckdb = sys.modules.get("duckdb")
    if duckdb is not None and isinstance(obj, duckdb.DuckDBPyRelation):
        schema = obj.limit(0).to_arrow_table().schema

        def fetch(names: Sequence[str]) -> Iterator[Any]:
            quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in dict.fromkeys(names))
            yield from obj.project(quoted).to_arrow_reader(PIECE_ROWS)

        return BatchesPart(what, schema, fetch, once=False)
    dataset = sys.modules.get("pyarrow.dataset")
    if dataset is not None and isinstance(obj, dataset.Dataset):

        def scan(names: Sequence[str]) -> Iterator[Any]:
            yield from obj.to_batches(
                columns=list(dict.fromkeys(names)), batch_readahead=4, fragment_readahead=1
            )

        return BatchesPart(what, obj.schema, scan, once=isinstance(obj, dataset.InMemoryDataset))
    return None
