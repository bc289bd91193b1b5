"""Exports of a store that stream: a file of any length in bounded memory."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kf_widget.errors import KfError
from kf_widget.history.ticks import Ticks

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FORMATS", "export"]

FORMATS: Final = {".parquet": "parquet", ".csv": "csv"}
_GROUP: Final = 1 << 20


def export(ticks: Ticks, path: Path, format: str, progress: bool = False) -> None:
    """Write ticks to a new file, whole or not at all.

    Parameters
    ----------
    format : "parquet", or "csv" with ISO 8601 stamps.

    Raises
    ------
    KfError : the file is there already, or cannot be written.
    """
    from tqdm.auto import tqdm

    if path.exists():
        raise KfError(f"export: path must be a new file, got {path}, which is there. Delete it first.")
    partial = path.with_name(f"{path.name}.partial")
    try:
        with (
            tqdm(
                total=len(ticks), unit=" rows", unit_scale=True, disable=not progress, desc="export"
            ) as shown,
            _writer(partial, _piece(ticks, 0, 0).schema, format) as writer,
        ):
            for start in range(0, len(ticks), _GROUP):
                piece = _piece(ticks, start, min(start + _GROUP, len(ticks)))
                writer.write_table(piece)
                shown.update(len(piece))
        partial.rename(path)
    except OSError as error:
        why = error.strerror if error.strerror else error
        raise KfError(
            f"export: {path} could not be written: {why}. Choose a folder that is there, with room to write."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # of a file system that nobody may write to
            partial.unlink(missing_ok=True)


def _piece(ticks: Ticks, start: int, stop: int) -> pa.Table:
    here = slice(start, stop)
    size = None if ticks.size is None else ticks.size[here]
    side = None if ticks.side is None else ticks.side[here]
    return Ticks.from_columns(ticks.time_ns[here], ticks.price[here], size, side, ticks.tz).to_arrow()


def _writer(path: Path, schema: pa.Schema, format: str) -> contextlib.AbstractContextManager[Any]:
    if format == "csv":
        import pyarrow.csv

        return pyarrow.csv.CSVWriter(path, schema)  # type: ignore[no-any-return]
    import pyarrow.parquet

    # Stamps and prices hardly repeat, so no dictionaries; split into their bytes, prices compress.
    split = {name: "BYTE_STREAM_SPLIT" for name in ("price", "size") if name in schema.names}
    encoding = {"time": "DELTA_BINARY_PACKED"} | split
    return pyarrow.parquet.ParquetWriter(  # type: ignore[no-any-return]
        path, schema, compression="zstd", use_dictionary=False, column_encoding=encoding
    )
