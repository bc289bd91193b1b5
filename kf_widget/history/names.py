"""Which column is which: names that feeds and files give to times, prices, sizes and sides."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["BAR_ROLES", "TICK_ROLES", "plain", "resolve"]

_TIME: Final = ("timestamp", "time", "datetime", "ts_event", "date", "ts", "time_ns", "transact_time")
_SIZE: Final = ("size", "qty", "quantity", "volume", "amount")

TICK_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": _TIME,
    "price": ("price", "p", "last", "px"),
    "size": _SIZE,
    "side": ("side", "is_buyer_maker", "buyer_maker"),
}
"""Usual names of a tick's columns; case, spaces, dots and underscores do not matter."""

BAR_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": (*_TIME, "open_time", "ts_open"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v"),
    "count": ("count", "trades", "n_trades", "trade_count", "number_of_trades"),
}
"""Usual names of a bar's columns."""

_OPTIONAL: Final = frozenset(("size", "side", "volume", "count"))


def plain(name: str) -> str:
    """A column's name without what does not matter in it: case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name).casefold()


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:30])
    return (shown or "none") + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def resolve(
    what: str,
    roles: Mapping[str, tuple[str, ...]],
    columns: Sequence[str],
    given: Mapping[str, str | None],
    *,
    time_index: str | None = None,
) -> dict[str, str]:
    """Find the column of every role.

    Parameters
    ----------
    what : who asks, for messages: "Ticks".
    roles : usual names of each role.
    columns : names seen.
    given : names that the caller gave; None where he gave none.
    time_index : which of the columns is the table's index of times.

    Raises
    ------
    ValueError : a name is not there, fits twice, or a needed role has no column.
    """
    found: dict[str, str] = {}
    for role, usual in roles.items():
        name = given.get(role)
        if name is not None:
            if columns.count(name) != 1:
                raise ValueError(_not_there(what, role, name, columns))
            found[role] = name
            continue
        names = {plain(n) for n in usual}
        fits = [column for column in columns if plain(column) in names]
        if role == "time" and time_index is not None and not fits:
            fits = [time_index]
        if len(fits) > 1 and len(set(fits)) == 1:
            raise ValueError(_not_there(what, role, fits[0], columns))
        if len(fits) > 1:
            raise ValueError(
                f"{what}: {role} must be one column, got {len(fits)} that may be it: {_listing(fits)}. "
                f"Name the right one: {role}={fits[0]!r}. Columns seen: {_listing(columns)}."
            )
        if fits:
            found[role] = fits[0]
        elif role not in _OPTIONAL:
            raise ValueError(_missing(what, role, roles, columns))
    return found


def _not_there(what: str, role: str, name: str, columns: Sequence[str]) -> str:
    if name in columns:
        return (
            f"{what}: {role} must be one column, got {name!r}, which several columns are called. Rename them."
        )
    near = difflib.get_close_matches(str(name), columns, n=1)
    hint = f"Did you mean {role}={near[0]!r}? " if near else ""
    return (
        f"{what}: {role} must be the name of a column, got {name!r}. {hint}Columns seen: {_listing(columns)}."
    )


def _missing(what: str, role: str, roles: Mapping[str, tuple[str, ...]], columns: Sequence[str]) -> str:
    usual, seen = roles[role], {plain(column) for column in columns}
    taken = {plain(name) for names in roles.values() for name in names}
    free = [column for column in columns if plain(column) not in taken]
    if role == "price" and {"open", "high", "low", "close"} <= seen:
        remedy = "These look like bars: use Bars or read_bars."
    elif role in ("open", "high", "low") and {"price", "p", "last"} & seen:
        remedy = "These look like ticks: use Ticks or read_ticks."
    elif levels := [column for column in columns if column.startswith("(")]:
        remedy = f"Take one of the levels of {levels[0]}: df.columns = df.columns.get_level_values(0)."
    elif free:
        name = f"{role}={free[0]!r}"
        kind = "Ticks" if "price" in roles else "Bars"
        remedy = f"Name it, for example {f'{kind}(df, {name})' if what in (kind, 'plot') else name}."
    else:
        remedy = "Add it."
    return (
        f"{what}: {role} must be one of the columns, got none called {_listing(usual)}. {remedy} "
        f"Columns seen: {_listing(columns)}."
    )
