"""Any table to the checked columns of a history: the one place where data is doubted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.history.checks import check_bars, check_counts, check_finite, check_sizes, check_sorted
from kf_widget.history.names import BAR_ROLES, TICK_ROLES, resolve
from kf_widget.history.protocol import Floats, Int8s, Ints
from kf_widget.history.sides import sides
from kf_widget.history.stamps import stamps_to_ns
from kf_widget.history.tables import Column, Table, open_table

__all__ = ["BarColumns", "TickColumns", "bar_columns", "prices", "sizes", "tick_columns"]

TickColumns = tuple[Ints, Floats, npt.NDArray[Any] | None, Int8s | None, str]
"""time_ns, price, size, side, tz: the arguments of `Ticks.from_columns`."""

BarColumns = tuple[Ints, Floats, Floats, Floats, Floats, npt.NDArray[Any] | None, Ints | None, str]
"""time_ns, open, high, low, close, volume, count, tz: the first arguments of `Bars.from_columns`."""


def tick_columns(obj: Any, *, tz: str | None = None, what: str = "Ticks", **given: str | None) -> TickColumns:
    """Checked columns of ticks.

    Parameters
    ----------
    obj : a table of any kind, or a `Table`.
    tz : what naive stamps mean, and what is shown.
    what : who asks, for messages.
    **given : names of columns: time, price, size, side.

    Raises
    ------
    TypeError : no table, or a column of the wrong kind. ValueError : a missing or ambiguous column, or a bad
        value; it names the column, the first bad row and the remedy.
    """
    found, columns, sort = _select(what, TICK_ROLES, obj, given)
    time_ns, zone = _times(what, found["time"], columns, tz, sort)
    price = prices(what, found["price"], columns)
    size = sizes(what, found.get("size"), columns)
    side = sides(what, found["side"], columns[found["side"]]) if "side" in found else None
    return time_ns, price, size, side, zone


def bar_columns(obj: Any, *, tz: str | None = None, what: str = "Bars", **given: str | None) -> BarColumns:
    """Checked columns of bars, as `tick_columns`; given may name any role of `BAR_ROLES`."""
    found, columns, sort = _select(what, BAR_ROLES, obj, given)
    time_ns, zone = _times(what, found["time"], columns, tz, sort)
    open, high, low, close = (prices(what, found[r], columns) for r in ("open", "high", "low", "close"))
    check_bars(what, found, open, high, low, close)
    volume = sizes(what, found.get("volume"), columns)
    count = None
    if "count" in found:
        numbers = sizes(what, found["count"], columns)
        if numbers is not None:
            check_counts(what, found["count"], numbers)
            count = numbers.astype(np.int64)
    return time_ns, open, high, low, close, volume, count, zone


def _select(
    what: str, roles: Mapping[str, tuple[str, ...]], obj: Any, given: Mapping[str, str | None]
) -> tuple[dict[str, str], dict[str, Column], str]:
    table = obj if isinstance(obj, Table) else open_table(what, obj)
    found = resolve(what, roles, list(table.names), given, time_index=table.time_index)
    sort = "df = df.sort_index(kind='stable')" if found["time"] == table.time_index else table.sort
    return found, table.select(list(found.values())), sort


def _times(what: str, name: str, columns: dict[str, Column], tz: str | None, sort: str) -> tuple[Ints, str]:
    time_ns, zone = stamps_to_ns(what, name, columns[name], tz)
    check_sorted(what, name, time_ns, sort)
    return time_ns, zone


def _numbers(what: str, name: str, column: Column) -> npt.NDArray[Any]:
    """float64 or float32, contiguous; the caller's memory where it is so already."""
    values = column.values
    if not len(column):
        return np.empty(0)
    if values is None or values.dtype.kind not in "iuf":
        got = f"{column.dtype} at row 0" if values is not None else _odd_word(column.text)
        raise TypeError(f"{what}: column {name!r} must hold numbers, got {got}. Convert it to float64 first.")
    kept = values.dtype if values.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    return np.require(values, dtype=kept.newbyteorder("="), requirements=["C", "ALIGNED"])


def _odd_word(text: Any) -> str:
    """The first word that is no number, for a message."""
    import pyarrow.compute as pc

    number = pc.match_substring_regex(text, r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$")
    row = pc.index(number, False).as_py()
    return "text at row 0" if row < 0 else f"{text[row].as_py()!r} at row {row}"


def prices(what: str, name: str, columns: dict[str, Column]) -> Floats:
    """float64 (n,), finite: the column of prices, checked."""
    numbers = _numbers(what, name, columns[name]).astype(np.float64, copy=False)
    check_finite(what, name, numbers)
    return numbers


def sizes(what: str, name: str | None, columns: dict[str, Column]) -> npt.NDArray[Any] | None:
    """float64 or float32 (n,), finite and not negative; None where there is no such column."""
    if name is None:
        return None
    numbers = _numbers(what, name, columns[name])
    check_sizes(what, name, numbers)
    return numbers
