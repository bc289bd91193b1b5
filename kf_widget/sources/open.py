"""Anything that holds ticks, opened as a stream."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Literal

from kf_widget.errors import KfError
from kf_widget.history.formats import SUFFIXES
from kf_widget.history.names import TICK_ROLES, resolve
from kf_widget.sources.ahead import ahead
from kf_widget.sources.batch import Batch, Schema
from kf_widget.sources.convert import Converted, Converter
from kf_widget.sources.merge import sorted_on_disk
from kf_widget.sources.order import WINDOW, coalesced, cut, in_order
from kf_widget.sources.part import Part
from kf_widget.sources.paths import DBN_SUFFIXES, Found, are_paths, find
from kf_widget.sources.stream import TickStream
from kf_widget.sources.symbols import Symbols, symbol_name

__all__ = ["open_stream"]

_LEAST: Final = 1 << 18
_MOST: Final = 1 << 20


def open_stream(
    obj: Any,
    *,
    time: str | None = None,
    price: str | None = None,
    size: str | None = None,
    side: str | None = None,
    tz: str | None = None,
    symbol: str | None = None,
    on_bad: Literal["raise", "drop"] = "raise",
    sort: bool = False,
    what: str = "ingest",
) -> TickStream:
    """See any source as a stream of ticks; reads no more than the first rows of each file yet.

    Parameters
    ----------
    obj : a path, pattern or folder (with or without key=value folders), a list of these; or a table, frame,
        lazy frame, relation or Arrow stream, or a list or iterator of them.
    time, price, size, side, tz : as for `Ticks`.
    symbol : the instrument to take where there are several: of a column symbol, ticker or instrument, or of
        such a key in the path.
    on_bad : "drop" leaves out rows without a time or with a bad price, size or side, and counts them.
    sort : put all rows into time order on disk; without it no row may be more than 65,536 rows late.
    what : who asks, for messages.

    Raises
    ------
    KfError : a file cannot be read. TypeError, ValueError : as `Ticks`, with the name of the file.
    """
    if on_bad not in ("raise", "drop"):
        raise ValueError(f"{what}: on_bad must be 'raise' or 'drop', got {on_bad!r}.")
    given = {"time": time, "price": price, "size": size, "side": side}
    symbols = Symbols(symbol)
    if are_paths(obj):
        found_files = _chosen(what, find(what, obj), symbols)
        parts = [_file_part(what, found, given) for found in found_files]
    else:
        from kf_widget.sources.memory import memory_parts

        parts = memory_parts(what, obj)
    return _Stream(what, parts, given, tz, symbols, on_bad == "drop", sort)


def _chosen(what: str, files: list[Found], symbols: Symbols) -> list[Found]:
    """Those of the instrument, where the folders name it."""
    names = [found.keys.get(symbol_name(found.keys) or "") for found in files]
    symbols.see(what, (name for name in names if name is not None))
    chosen = [
        found for found, name in zip(files, names, strict=True)
        if name is None or symbols.wanted is None or name == symbols.wanted
    ]  # fmt: skip
    if not chosen:
        symbols.check_found(what)
    return chosen


def _file_part(what: str, found: Found, given: dict[str, str | None]) -> Part:
    where = f"{what}({str(found.file)!r})"
    name = found.file.name.lower()
    if name.endswith((".parquet", ".pq")):
        from kf_widget.sources.parquet import ParquetPart

        return ParquetPart(where, found.file, found.keys)
    if name.endswith((".feather", ".arrow", ".ipc", ".arrows")):
        from kf_widget.sources.arrow_files import ArrowPart

        return ArrowPart(where, found.file, found.keys)
    if name.endswith(DBN_SUFFIXES):
        from kf_widget.sources.dbn import DbnPart

        return DbnPart(where, found.file, found.keys)
    if name.endswith(SUFFIXES):
        from kf_widget.sources.csv_files import CsvPart

        return CsvPart(where, found.file, found.keys, given)
    raise KfError(
        f"{where}: suffix must be one of {' '.join((*SUFFIXES, *DBN_SUFFIXES))}, got "
        f"{Path(name).suffix!r}. Rename the file, or load it and pass the table."
    )


class _Stream:
    """Parts one after the other, by their first stamps."""

    def __init__(
        self,
        what: str,
        parts: list[Part],
        given: dict[str, str | None],
        tz: str | None,
        symbols: Symbols,
        drop: bool,
        sort: bool,
    ) -> None:
        self._what, self._tz, self._symbols = what, tz, symbols
        self._drop, self._sort = drop, sort
        self.dropped: dict[str, int] = {}
        opened = [(part, self._roles(part, given)) for part in parts]
        self._local = False
        self._parts = self._by_time(opened)
        self.schema = Schema(self._size_type(opened), "side" in opened[0][1], self._zone)
        filtered = drop or (any("symbol" in found for _, found in opened) and symbols.wanted is not None)
        counts = [part.rows for part in parts]
        self.n_rows = None if filtered else _total(counts)
        self._can_skip = not sort and self.n_rows is not None and not self._local
        self.fingerprint = self._digest(given)

    def _roles(self, part: Part, given: dict[str, str | None]) -> dict[str, str]:
        found = resolve(part.where, TICK_ROLES, list(part.names), given, time_index=part.time_index)
        name = symbol_name(part.names)
        if name is not None and symbol_name(part.keys) is None:
            found["symbol"] = name
        elif self._symbols.wanted is not None and symbol_name(part.keys) is None:
            raise ValueError(
                f"{part.where}: symbol must be in a column called symbol, ticker or instrument, got none, "
                f"nor a folder symbol={self._symbols.wanted}. Leave symbol out where there is one only."
            )
        return found

    def _by_time(self, opened: list[tuple[Part, dict[str, str]]]) -> list[tuple[Part, dict[str, str]]]:
        """Parts in the order of their first stamps; those without any as they stand."""
        zones: dict[str, None] = {}
        keyed = []
        latest = -(2**63)
        first = opened[0]
        for part, found in opened:
            if ("size" in found, "side" in found) != ("size" in first[1], "side" in first[1]):
                raise ValueError(
                    f"{self._what}: all must have the same columns, got {part.where} with "
                    f"{', '.join(found)} and {first[0].where} with {', '.join(first[1])}. Read them apart, "
                    "or name the columns."
                )
            converter = Converter(self._tz, Symbols(self._symbols.wanted), {})
            piece = part.head(list(found.values()))
            if piece is not None:
                # Bad rows are told of when they are read; rows of any instrument tell the time.
                some = {role: name for role, name in found.items() if role != "symbol"}
                converted = converter.convert(part.where, some, piece)
                if len(converted.batch.time_ns):
                    latest = int(converted.batch.time_ns.min())
                zones[converter.shown] = None
                self._local |= converter.local
            keyed.append((latest, part, found))
        if not zones:
            zones[self._tz or "UTC"] = None
        self._zone = next(iter(zones)) if len(zones) == 1 else "UTC"
        return [(part, found) for _, part, found in sorted(keyed, key=lambda it: it[0])]

    def _size_type(self, opened: list[tuple[Part, dict[str, str]]]) -> str | None:
        if "size" not in opened[0][1]:
            return None
        return "float32" if all(part.single(found["size"]) for part, found in opened) else "float64"

    def _digest(self, given: dict[str, str | None]) -> str:
        stamps = [part.stamp() for part, _ in self._parts]
        if any(stamp is None for stamp in stamps):
            return ""
        options = (1, WINDOW, given, self._tz, self._symbols.wanted, self._drop, self._sort, self.schema)
        return hashlib.sha256(repr((options, stamps)).encode()).hexdigest()[:32]

    def batches(self, skip_rows: int = 0) -> Iterator[Batch]:
        """Batches of 2**18 to 2**20 rows (but for the last), made on a thread of their own."""
        self.dropped.clear()
        return ahead(lambda: self._from(skip_rows))

    def _from(self, skip_rows: int) -> Iterator[Batch]:
        # A row is at most a window away from where it came: two windows before are more than enough.
        start = max(skip_rows - 2 * WINDOW, 0) if self._can_skip else 0
        begun = [0]
        with closing(self._converted(start, begun)) as pieces:
            if self._sort:
                ordered = sorted_on_disk(converted.batch for converted in pieces)
            else:
                ordered = in_order(pieces, next(iter(self._parts))[1]["time"])
            with closing(ordered):
                yield from coalesced(_skipped(ordered, skip_rows, begun), _LEAST, _MOST)

    def _converted(self, start: int, begun: list[int]) -> Generator[Converted]:
        """Checked rows as they come, from row `start` or one before it: which one is put into `begun`."""
        dropped = self.dropped if self._drop else None
        converter = Converter(self._tz, self._symbols, dropped, self.schema.size, ordered=not self._sort)
        before = 0
        first = True
        good = start > 0
        for part, found in self._parts:
            if start and part.rows is not None and before + part.rows <= start:
                before += part.rows
                continue
            converter.begin()
            with closing(part.read(list(found.values()), max(start - before, 0), self._drop)) as pieces:
                for piece in pieces:
                    if first:
                        begun[0] = before + piece.start
                        first = False
                    converted = converter.convert(part.where, found, piece)
                    good = good or bool(len(converted.batch.time_ns))
                    yield converted
            before += part.rows or 0
            if self._drop and part.left_out:
                self.dropped["bad line"] = self.dropped.get("bad line", 0) + part.left_out
        self._symbols.check_found(self._what)
        if not good and self.dropped:
            raise ValueError(
                f"{self._what}: some rows must be good, got {self.dropped}. Pass on_bad='raise' to see why."
            )


def _skipped(batches: Iterator[Batch], skip_rows: int, begun: list[int]) -> Iterator[Batch]:
    """Without the rows before row `skip_rows`; the first one is row `begun[0]`."""
    row: int | None = None
    for batch in batches:
        row = begun[0] if row is None else row
        n = len(batch.time_ns)
        if row >= skip_rows:
            yield batch
        elif row + n > skip_rows:
            yield cut(batch, skip_rows - row, n)
        row += n


def _total(counts: list[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total
