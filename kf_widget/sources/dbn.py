"""Databento DBN files of trades."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.errors import KfError
from kf_widget.sources.part import PIECE_ROWS, Part, Piece
from kf_widget.sources.paths import Stat

__all__ = ["DbnPart"]

_SCHEMAS: Final = ("trades", "tbbo")
_UNDEFINED: Final = np.iinfo(np.int64).max
_NO_TIME: Final = np.iinfo(np.uint64).max


class DbnPart(Part):
    """A .dbn or .dbn.zst file of the schema trades or tbbo.

    The columns are those of the records: `time` is ts_event, when the venue says the trade was made; ts_recv
    can be named instead. `symbol` is what the file's metadata says the instrument is called that day.
    """

    names: Sequence[str] = ("ts_event", "ts_recv", "price", "size", "side", "symbol")

    def __init__(self, where: str, file: Path, keys: dict[str, str]) -> None:
        self.where, self.keys = where, keys
        self._stat = Stat(where, file)
        schema = self._open().schema
        if str(schema) not in _SCHEMAS:
            raise KfError(
                f"{where}: a DBN file must hold trades or tbbo, got {schema or 'several schemas'}. Ask for "
                "schema='trades'."
            )

    def _open(self) -> Any:
        try:
            import databento
        except ImportError as error:
            raise KfError(
                f"{self.where}: DBN files need the package databento. Install it: "
                "pip install 'kf_widget[databento]'."
            ) from error
        try:
            return databento.DBNStore.from_file(self._stat.file)
        except Exception as error:  # the package's own kinds, and those of its decoder
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> KfError:
        return KfError(f"{self.where}: the file cannot be read: {error}")

    def _records(self, rows: int) -> Generator[tuple[Any, npt.NDArray[Any]]]:
        """What names instruments, and structured arrays of records."""
        from databento.common.symbology import InstrumentMap

        store = self._open()
        instruments = InstrumentMap()
        instruments.insert_metadata(store.metadata)
        try:
            for records in store.to_ndarray(count=rows):
                yield instruments, records
        except (OSError, ValueError, RuntimeError) as error:
            raise self._unreadable(error) from error

    def head(self, names: Sequence[str]) -> Piece | None:
        """A few of the first rows."""
        for instruments, records in self._records(64):
            return _piece(0, records, names, instruments)
        return None

    def read(self, names: Sequence[str], start: int, lenient: bool) -> Generator[Piece]:
        """Pieces from the first row on."""
        self._stat.check()
        row = 0
        for instruments, records in self._records(PIECE_ROWS):
            yield _piece(row, records, names, instruments)
            row += len(records)
        self._stat.check()

    def single(self, name: str) -> bool:
        """Whether a column holds float32."""
        return False

    def stamp(self) -> tuple[Any, ...] | None:
        """What changes when the rows do."""
        return self._stat.stamp()


def _piece(start: int, records: npt.NDArray[Any], names: Sequence[str], instruments: Any) -> Piece:
    return Piece(start, {name: _column(records, name, instruments) for name in names})


def _column(records: npt.NDArray[Any], name: str, instruments: Any) -> Any:
    import pyarrow as pa

    from kf_widget.history.tables import Column

    if name == "price":
        return Column(np.where(records["price"] == _UNDEFINED, np.nan, records["price"] / 1e9))
    if name == "side":
        codes, at = np.unique(records["side"], return_inverse=True)
        words = pa.array([code.decode() for code in codes.tolist()], pa.large_string())
        return Column(text=words.take(pa.array(at)))
    if name == "symbol":
        return Column(text=_symbols(records, instruments))
    if name in ("ts_event", "ts_recv"):
        stamps = records[name]
        return Column(np.where(stamps == _NO_TIME, np.datetime64("NaT"), stamps.view("M8[ns]")), zone="UTC")
    return Column(np.ascontiguousarray(records[name]))


def _symbols(records: npt.NDArray[Any], instruments: Any) -> Any:
    """Names of the instruments; their numbers where nothing names them."""
    import datetime

    import pyarrow as pa

    days = records["ts_event"] // 86_400_000_000_000
    keys = records["instrument_id"].astype(np.uint64) << np.uint64(32) | days
    known, at = np.unique(keys, return_inverse=True)
    names = []
    for key in known.tolist():
        day = datetime.date(1970, 1, 1) + datetime.timedelta(days=min(key & 0xFFFFFFFF, 2_900_000))
        names.append(str(instruments.resolve(key >> 32, day) or key >> 32))
    return pa.array(names, pa.large_string()).take(pa.array(at))
