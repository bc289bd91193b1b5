"""CSV files, packed or not, block by block."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Final

from kf_widget.errors import KfError
from kf_widget.history.formats import Given, guarded, text_delimiter
from kf_widget.history.names import TICK_ROLES, resolve
from kf_widget.history.tables import Column
from kf_widget.sources.part import Part, Piece, arrow_piece, cut_piece
from kf_widget.sources.paths import Stat

__all__ = ["CsvPart"]

_BLOCK_BYTES: Final = 1 << 24
_FIRST_BYTES: Final = 1 << 20
_EPOCH: Final = r"^(\d{1,18}|[1-8]\d{18})$"
_NUMBER: Final = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"


class CsvPart(Part):
    """A text file of columns.

    The first block tells which types the columns have. Where a later row does not fit them, the file is read
    on as text, so that the row can be named or left out.
    """

    def __init__(self, where: str, file: Path, keys: dict[str, str], given: Given) -> None:
        import pyarrow.csv as csv

        self.where, self.keys = where, keys
        self._stat = Stat(where, file)
        self._delimiter = guarded(where, lambda: text_delimiter(where, file))

        def guess() -> Any:
            with csv.open_csv(
                file, csv.ReadOptions(block_size=_FIRST_BYTES), self._parse(skip=True)
            ) as reader:
                return reader.schema

        self._guessed = guarded(where, guess)
        self.names: Sequence[str] = self._guessed.names
        found = resolve(where, TICK_ROLES, list(self.names), given)
        self._time, self._numbers = found["time"], [found[r] for r in ("price", "size") if r in found]
        self._side = found.get("side")
        self.left_out = 0

    def _parse(self, skip: bool) -> Any:
        import pyarrow.csv as csv

        if not skip:
            return csv.ParseOptions(delimiter=self._delimiter)

        def odd(row: Any) -> str:
            self.left_out += 1
            return "skip"

        return csv.ParseOptions(delimiter=self._delimiter, invalid_row_handler=odd)

    def _types(self, names: Sequence[str], as_text: bool) -> dict[str, Any]:
        """What columns are read as: wide enough for any later row that is of the same kind."""
        import pyarrow as pa

        types: dict[str, Any] = dict.fromkeys(names, pa.string())
        if as_text:
            return types
        for name in names:
            kind = self._guessed.field(name).type
            number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
            if name in self._numbers and (number or pa.types.is_null(kind)):
                types[name] = pa.float64()
            elif name == self._time and number:
                types[name] = kind
            elif name == self._time and pa.types.is_timestamp(kind):
                types[name] = pa.timestamp("ns", kind.tz)
        return types

    def head(self, names: Sequence[str]) -> Piece | None:
        """A few of the first rows."""
        for piece in self._pieces(names, True, as_text=True, block=_FIRST_BYTES):
            if piece.rows:
                return self._typed(cut_piece(piece, 0, 64), lenient=True)
        return None

    def read(self, names: Sequence[str], start: int, lenient: bool) -> Generator[Piece]:
        """Pieces from the first row on: nothing tells where a later one begins."""
        import pyarrow as pa

        self._stat.check()
        self.left_out = 0
        row = 0
        try:
            for piece in self._pieces(names, lenient, as_text=False):
                yield self._typed(piece, lenient)
                row = piece.start + piece.rows
        except pa.ArrowInvalid as error:
            if "conversion error" not in str(error):
                raise
            left_out, self.left_out = self.left_out, 0
            for piece in self._pieces(names, lenient, as_text=True):
                stop = piece.start + piece.rows
                if stop > row:
                    first = max(row - piece.start, 0)
                    yield self._typed(cut_piece(piece, first, piece.rows), lenient)
            self.left_out = max(left_out, self.left_out)
        self._stat.check()

    def _pieces(
        self, names: Sequence[str], lenient: bool, *, as_text: bool, block: int = _BLOCK_BYTES
    ) -> Generator[Piece]:
        import pyarrow as pa
        import pyarrow.csv as csv

        wanted = list(dict.fromkeys(names))
        convert = csv.ConvertOptions(
            include_columns=wanted, column_types=self._types(wanted, as_text), strings_can_be_null=True
        )
        reading = csv.ReadOptions(block_size=block)
        try:
            with csv.open_csv(self._stat.file, reading, self._parse(lenient), convert) as reader:
                row = 0
                for batch in reader:
                    yield arrow_piece(row, batch, names)
                    row += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            if "conversion error" in str(error):
                raise
            raise KfError(f"{self.where}: the file cannot be read: {error}") from error

    def _typed(self, piece: Piece, lenient: bool) -> Piece:
        """Text to numbers where the column should hold them; a word that is none is missing, or an error."""
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = dict(piece.columns)
        for name in (self._time, *self._numbers):
            if name not in columns or columns[name].text is None:
                continue
            trimmed = pc.utf8_trim_whitespace(columns[name].text)
            whole = name == self._time and not pa.types.is_floating(self._guessed.field(name).type)
            number = pc.match_substring_regex(trimmed, _EPOCH if whole else _NUMBER)
            if whole and 2 * (pc.sum(number).as_py() or 0) <= len(trimmed):
                continue  # times in words
            if not lenient and not pc.all(number, min_count=0).as_py():
                row = pc.index(number, False).as_py()
                raise TypeError(
                    f"{self.where}: column {name!r} must hold numbers, got {trimmed[row].as_py()!r} at row "
                    f"{piece.start + row}. Correct the file, or leave such rows out with on_bad='drop'."
                )
            values = pc.if_else(number, trimmed, pa.scalar(None, trimmed.type))
            values = values.cast(pa.int64()).fill_null(0) if whole else values.cast(pa.float64())
            columns[name] = Column(values.to_numpy(zero_copy_only=False))
        return Piece(piece.start, columns)

    def single(self, name: str) -> bool:
        """Whether a column holds float32."""
        return False

    def stamp(self) -> tuple[Any, ...] | None:
        """What changes when the rows do."""
        return self._stat.stamp()
