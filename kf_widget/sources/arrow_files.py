"""Feather and Arrow IPC files, a record batch at a time."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from kf_widget.history.formats import guarded
from kf_widget.sources.part import PIECE_ROWS, Part, Piece, arrow_piece, cut_piece, single
from kf_widget.sources.paths import Stat

__all__ = ["ArrowPart"]


class ArrowPart(Part):
    """An IPC file or stream.

    It is read, not mapped: a file that is cut while mapped would end the process.
    """

    def __init__(self, where: str, file: Path, keys: dict[str, str]) -> None:
        self.where, self.keys = where, keys
        self._stat = Stat(where, file)
        self.rows: int | None = None
        source, opened = guarded(where, lambda: self._open(None))
        with source:
            self._schema = opened.schema
            self.names: Sequence[str] = self._schema.names

    def _open(self, names: Sequence[str] | None) -> tuple[Any, Any]:
        """The file, and the reader of it that gives the named columns."""
        import pyarrow as pa
        import pyarrow.ipc as ipc

        options = ipc.IpcReadOptions()
        if names is not None:
            fields = [self._schema.get_field_index(name) for name in dict.fromkeys(names)]
            options = ipc.IpcReadOptions(included_fields=fields)
        source = pa.OSFile(str(self._stat.file))
        try:
            return source, ipc.open_file(source, options=options)
        except pa.ArrowInvalid:
            source.seek(0)
            return source, ipc.open_stream(source, options=options)

    def head(self, names: Sequence[str]) -> Piece | None:
        """A few of the first rows."""
        for piece in self.read(names, 0, lenient=True):
            return cut_piece(piece, 0, 64)
        return None

    def read(self, names: Sequence[str], start: int, lenient: bool) -> Generator[Piece]:
        """A record batch at a time; a batch has to be read for its rows to be counted."""
        self._stat.check()
        source, opened = guarded(self.where, lambda: self._open(names))
        with source:
            if hasattr(opened, "num_record_batches"):
                batches = (opened.get_batch(i) for i in range(opened.num_record_batches))
            else:
                batches = iter(opened)
            row = 0
            while (batch := guarded(self.where, lambda: next(batches, None))) is not None:
                for at in range(0, batch.num_rows, 2 * PIECE_ROWS):
                    part = batch.slice(at, 2 * PIECE_ROWS)
                    yield arrow_piece(row, part, names)
                    row += part.num_rows
        self._stat.check()

    def single(self, name: str) -> bool:
        """Whether a column holds float32."""
        return single(self._schema, name)

    def stamp(self) -> tuple[Any, ...] | None:
        """What changes when the rows do."""
        return self._stat.stamp()
