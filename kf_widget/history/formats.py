"""Files as tables: Parquet, Feather and Arrow IPC, CSV; only the columns asked for are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from kf_widget.errors import KfError
from kf_widget.history.names import resolve
from kf_widget.history.tables import Column, Table, arrow_table

__all__ = ["SUFFIXES", "guarded", "open_file", "text_delimiter"]

Roles: TypeAlias = Mapping[str, tuple[str, ...]]
Given: TypeAlias = Mapping[str, str | None]
T = TypeVar("T")

_PARQUET: Final = (".parquet", ".pq")
_ARROW: Final = (".feather", ".arrow", ".ipc", ".arrows")
_CSV: Final = (".csv", ".tsv", ".txt")
_PACKED: Final = (".gz", ".bz2", ".zst")
SUFFIXES: Final = (*_PARQUET, *_ARROW, *_CSV, *(text + packed for text in _CSV for packed in _PACKED))


def open_file(where: str, file: Path, roles: Roles, given: Given) -> Table:
    """See a file as a `Table`.

    Parameters
    ----------
    where : call and file, for messages.
    roles, given : as for `resolve`; text files are read with them in mind.

    Raises
    ------
    KfError : the file cannot be read, or its suffix is unknown.
    """
    name = file.name.lower()
    if name.endswith(_PARQUET):
        return guarded(where, lambda: _parquet(where, file))
    if name.endswith(_ARROW):
        return guarded(where, lambda: _arrow(where, file))
    if name.endswith(SUFFIXES):
        return guarded(where, lambda: _csv(where, file, roles, given))
    raise KfError(
        f"{where}: suffix must be one of {' '.join((*_PARQUET, *_ARROW, *_CSV))} (text also with .gz, .bz2 "
        f"or .zst), got {file.suffix!r}. Rename the file, or load it and pass the table to Ticks or Bars."
    )


def guarded(where: str, read: Callable[[], T]) -> T:
    """Arrow's errors, with the name of the file."""
    import pyarrow as pa

    try:
        return read()
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, KfError):
            raise
        raise KfError(f"{where}: the file cannot be read: {error}") from error


def _parquet(where: str, file: Path) -> Table:
    import pyarrow.parquet as pq

    opened = pq.ParquetFile(file)

    def select(names: Sequence[str]) -> dict[str, Column]:
        table = guarded(where, lambda: opened.read(columns=list(dict.fromkeys(names))))
        return arrow_table(table).select(names)

    return arrow_table(opened.schema_arrow.empty_table(), select=select)


def _arrow(where: str, file: Path) -> Table:
    """Read into memory, not mapped: a file that is cut while mapped would end the process."""
    import pyarrow as pa
    import pyarrow.ipc as ipc

    def opened(**options: Any) -> Any:
        source = pa.OSFile(str(file))
        try:
            return ipc.open_file(source, **options)
        except pa.ArrowInvalid:
            source.seek(0)
            return ipc.open_stream(source, **options)

    schema = opened().schema

    def select(names: Sequence[str]) -> dict[str, Column]:
        fields = [schema.get_field_index(name) for name in dict.fromkeys(names)]
        wanted = ipc.IpcReadOptions(included_fields=fields)
        table = guarded(where, lambda: opened(options=wanted).read_all())
        return arrow_table(table).select(names)

    return arrow_table(schema.empty_table(), select=select)


def _csv(where: str, file: Path, roles: Roles, given: Given) -> Table:
    """Types are fixed where the first block tells them, wide enough for any later row.

    Where a row does not fit after all, the columns are read as text, so that whoever looks at the values
    can name that row.
    """
    import pyarrow as pa
    import pyarrow.csv as csv

    parse = csv.ParseOptions(delimiter=text_delimiter(where, file))
    with csv.open_csv(file, parse_options=parse) as reader:
        guessed = reader.schema
    found = resolve(where, roles, guessed.names, given)
    types: dict[str, Any] = {}
    for role, name in found.items():
        kind = guessed.field(name).type
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        if role == "side":
            types[name] = pa.string()
        elif role != "time" and number:
            types[name] = pa.float64()
        elif role == "time" and pa.types.is_timestamp(kind):
            types[name] = pa.timestamp("ns", kind.tz)
        elif role == "time" and not number and not pa.types.is_null(kind):
            types[name] = pa.string()

    def read(types: dict[str, Any]) -> Any:
        convert = csv.ConvertOptions(
            include_columns=list(dict.fromkeys(found.values())), column_types=types, strings_can_be_null=True
        )
        return csv.read_csv(file, parse_options=parse, convert_options=convert)

    try:
        return arrow_table(read(types))
    except pa.ArrowInvalid as error:
        if "conversion error" not in str(error):
            raise
        return arrow_table(read({name: types[name] for name in types if types[name] == pa.string()}))


def text_delimiter(where: str, file: Path) -> str:
    """What stands between the columns of a text file: the commonest of , ; tab and | in its first line."""
    import pyarrow as pa

    with pa.input_stream(str(file), compression="detect") as stream:
        header = stream.read(65_536).split(b"\n", 1)[0]
    if not header.strip():
        raise KfError(f"{where}: the file must begin with the names of its columns, got an empty line.")
    return max((",", ";", "\t", "|"), key=lambda d: header.count(d.encode()))
