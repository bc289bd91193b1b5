"""Instruments: a source may hold several, a history holds one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.tables import Column
from kf_widget.sources.part import Piece

__all__ = ["Symbols", "symbol_name"]

_NAMES: Final = ("symbol", "ticker", "instrument")


def symbol_name(names: Iterable[str]) -> str | None:
    """Which of the names is that of the instrument; None where none is."""
    plain = {re.sub(r"[\W_]+", "", name).casefold(): name for name in names}
    return next((plain[name] for name in _NAMES if name in plain), None)


class Symbols:
    """Takes the rows of one instrument.

    wanted : which one; None where there must be only one. seen : all so far
    """

    def __init__(self, wanted: str | None) -> None:
        self.wanted = None if wanted is None else str(wanted)
        self.seen: dict[str, None] = {}

    def see(self, what: str, names: Iterable[str]) -> None:
        """Note instruments.

        Raises
        ------
        ValueError : several, and none is named.
        """
        self.seen.update(dict.fromkeys(names))
        if self.wanted is None and len(self.seen) > 1:
            raise ValueError(
                f"{what}: symbol must name one instrument where there are several, got None. "
                f"Take one of them, for example symbol={min(self.seen)!r}. Seen: {listing(self.seen)}."
            )

    def pick(
        self, where: str, found: Mapping[str, str], piece: Piece
    ) -> tuple[dict[str, Column], npt.NDArray[np.intp] | None]:
        """Columns of the rows of the instrument, and which rows they are; None for all."""
        if "symbol" not in found:
            return piece.columns, None
        import pyarrow as pa
        import pyarrow.compute as pc

        column = piece.columns[found["symbol"]]
        words = pa.array(column.values) if column.values is not None else column.text
        unique = pc.unique(words)
        names = ["" if word is None else str(word) for word in unique.to_pylist()]
        self.see(where, names)
        if self.wanted is None or names == [self.wanted]:
            return piece.columns, None
        if self.wanted not in names:
            rows = np.empty(0, dtype=np.intp)
        else:
            rows = np.flatnonzero(pc.equal(words, unique[names.index(self.wanted)]).fill_null(False))
        return {
            name: Column(text=column.text.take(rows))
            if column.values is None
            else Column(column.values[rows], zone=column.zone)
            for name, column in piece.columns.items()
        }, rows

    def check_found(self, what: str) -> None:
        """Raise ValueError where all was read and the instrument was not among it."""
        if self.wanted is not None and self.wanted not in self.seen:
            raise ValueError(
                f"{what}: symbol must be one of those there, got {self.wanted!r}. Seen: {listing(self.seen)}."
            )


def listing(names: Sequence[str] | Mapping[str, None]) -> str:
    """Names for a message."""
    some = sorted(names)
    shown = ", ".join(repr(name) for name in some[:30])
    return (shown or "none") + (f" and {len(some) - 30} more" if len(some) > 30 else "")
