"""Pieces to checked rows: what `Ticks` does to a table, one piece after the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kf_widget.history.intake import prices, sizes
from kf_widget.history.protocol import Ints
from kf_widget.history.sides import sides
from kf_widget.history.stamps import LATE_NS, local_to_utc, read_stamps, shown_zone
from kf_widget.history.tables import Column
from kf_widget.history.zones import Zone
from kf_widget.sources.bad import bad_rows
from kf_widget.sources.batch import Batch
from kf_widget.sources.part import Piece
from kf_widget.sources.symbols import Symbols

__all__ = ["Converted", "Converter"]


class Converted(NamedTuple):
    """Rows in the order they came.

    start : row of its part that the first row of the piece was; kept : which rows of the piece these are
    """

    batch: Batch
    where: str
    start: int
    kept: npt.NDArray[np.intp] | None

    def row(self, i: int) -> int:
        """Row of the part."""
        return self.start + (i if self.kept is None else int(self.kept[i]))


class Converter:
    """Turns the pieces of all parts of a source into rows, one after the other.

    Parameters
    ----------
    tz : what naive stamps mean.
    symbols : which rows to take.
    dropped : bad rows are left out and counted here; None where they are errors.
    size : type that sizes are to have; None for their own.
    ordered : rows come in time order, but for some that are late.
    """

    def __init__(
        self,
        tz: str | None,
        symbols: Symbols,
        dropped: dict[str, int] | None,
        size: str | None = None,
        *,
        ordered: bool = True,
    ) -> None:
        self._zone = Zone.of(str(tz)) if tz is not None else None
        self._symbols = symbols
        self._dropped = dropped
        self._size = size
        self._ordered = ordered
        self._before = np.empty(0, dtype=np.int64)
        self._naive: bool | None = None
        self.shown = "UTC"
        self.local = False

    def begin(self) -> None:
        """Another part follows."""
        self._naive = None

    def convert(self, where: str, found: Mapping[str, str], piece: Piece) -> Converted:
        """Rows of a piece.

        Raises
        ------
        TypeError, ValueError : as `Ticks`, with the row of the part; with `dropped`, only what concerns a
            whole column.
        """
        columns, kept = self._symbols.pick(where, found, piece)
        columns = {name: columns[name] for role, name in found.items() if role != "symbol"}
        try:
            batch = self._rows(where, found, columns)
        except (TypeError, ValueError) as error:
            if self._dropped is None:
                raise _moved(error, piece.start, kept) from None
            bad, counts = bad_rows(found, columns, self._zone)
            if not bad.any():
                raise _moved(error, piece.start, kept) from None
            good = np.flatnonzero(~bad)
            columns = {name: _taken(column, good) for name, column in columns.items()}
            kept = good if kept is None else kept[good]
            try:
                batch = self._rows(where, found, columns)
            except (TypeError, ValueError) as again:
                raise _moved(again, piece.start, kept) from None
            for reason, count in counts.items():
                self._dropped[reason] = self._dropped.get(reason, 0) + count
        return Converted(batch, where, piece.start, kept)

    def _rows(self, where: str, found: Mapping[str, str], columns: dict[str, Column]) -> Batch:
        before, naive = self._before, self._naive
        try:
            time_ns = self._times(where, found["time"], columns[found["time"]])
            price = prices(where, found["price"], columns)
            size = sizes(where, found.get("size"), columns)
            side = sides(where, found["side"], columns[found["side"]]) if "side" in found else None
        except (TypeError, ValueError):
            self._before, self._naive = before, naive
            raise
        if size is not None and self._size is not None:
            size = size.astype(self._size, copy=False)
        return Batch(time_ns, price, size, side)

    def _times(self, where: str, name: str, column: Column) -> Ints:
        time_ns, aware, naive = read_stamps(where, name, column)
        self.shown = self._zone.name if self._zone else shown_zone(aware)
        if not len(column):
            return time_ns
        if self._naive is not None and naive != self._naive:
            raise ValueError(
                f"{where}: column {name!r} must hold stamps all with an offset or none, got both, "
                f"the first {'without' if naive else 'with'} one at row 0 or before. Convert them first."
            )
        self._naive = naive
        self.local = naive and self._zone is not None and self._zone.name != "UTC"
        if not self.local or self._zone is None:
            return time_ns
        # An hour that comes twice may have begun in an earlier piece: the rows that tell come before these.
        seeded = np.concatenate([self._before, time_ns])
        try:
            utc = local_to_utc(where, name, seeded, self._zone, self._ordered)
        except ValueError as error:
            raise _moved(error, -len(self._before), None) from None
        steps = np.diff(seeded)
        back = np.flatnonzero(steps <= -LATE_NS)
        if not len(back):
            back = np.flatnonzero(steps < 0)
        pair = seeded[back[-1] : back[-1] + 2] if len(back) else seeded[:0]
        start = len(self._before)
        self._before = np.concatenate([pair, seeded[-1:]])
        return utc[start:]


def _taken(column: Column, rows: npt.NDArray[np.intp]) -> Column:
    if column.values is None:
        return Column(text=column.text.take(rows))
    return Column(column.values[rows], zone=column.zone)


def _moved(error: Exception, start: int, kept: npt.NDArray[np.intp] | None) -> Exception:
    """The same error, with the row of the part instead of the row of what was looked at."""

    def row(match: re.Match[str]) -> str:
        i = int(match[1])
        return f"row {start + (i if kept is None or i >= len(kept) else int(kept[i]))}"

    return type(error)(re.sub(r"\brow (\d+)", row, str(error)))
