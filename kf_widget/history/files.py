"""Histories from files: Parquet, Feather and Arrow IPC, CSV; one, several, or all that a pattern fits."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from kf_widget.errors import KfError
from kf_widget.history.bars import Bars
from kf_widget.history.checks import iso
from kf_widget.history.formats import SUFFIXES, Given, Roles, open_file
from kf_widget.history.intake import bar_columns, tick_columns
from kf_widget.history.names import BAR_ROLES, TICK_ROLES
from kf_widget.history.tables import Table
from kf_widget.history.ticks import Ticks

if TYPE_CHECKING:
    from kf_widget.history.timeframe import Timeframe

__all__ = ["MissingFileError", "none_there", "read_bars", "read_ticks"]

Paths: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


class MissingFileError(KfError, FileNotFoundError):
    """There is no such file."""


def read_ticks(
    paths: Paths,
    *,
    time: str | None = None,
    price: str | None = None,
    size: str | None = None,
    side: str | None = None,
    tz: str | None = None,
) -> Ticks:
    """Read ticks from files; only the columns needed are read.

    Parameters
    ----------
    paths : a path, a pattern such as "ticks/*.parquet" (`**` goes down folders), or a list of them:
        .parquet .pq, .feather .arrow .ipc .arrows, .csv .tsv .txt (also .gz, .bz2, .zst). Several files
        are joined in the order of their times, which must not interleave.
    time, price, size, side, tz : as for `Ticks`.

    Raises
    ------
    MissingFileError : no such file. KfError : a file cannot be read, or its suffix is unknown.
    ValueError, TypeError : as `Ticks`, with the name of the file.
    """
    given = {"time": time, "price": price, "size": size, "side": side}

    def columns(table: Table, what: str) -> tuple[Any, ...]:
        return tick_columns(table, tz=tz, what=what, **given)

    return Ticks.from_columns(*_read("read_ticks", paths, TICK_ROLES, given, columns))


def read_bars(
    paths: Paths,
    *,
    time: str | None = None,
    open: str | None = None,
    high: str | None = None,
    low: str | None = None,
    close: str | None = None,
    volume: str | None = None,
    count: str | None = None,
    tz: str | None = None,
    timeframe: str | Timeframe | None = None,
) -> Bars:
    """Read bars from files, as `read_ticks` does; the other arguments are those of `Bars`."""
    given = {
        "time": time,
        "open": open,
        "high": high,
        "low": low,
        "close": close,
        "volume": volume,
        "count": count,
    }

    def columns(table: Table, what: str) -> tuple[Any, ...]:
        return bar_columns(table, tz=tz, what=what, **given)

    interval_ns = None
    if timeframe is not None:
        from kf_widget.history.timeframe import Timeframe

        interval_ns = Timeframe.parse(timeframe).nominal_ns or None
    return Bars.from_columns(*(*_read("read_bars", paths, BAR_ROLES, given, columns), interval_ns))


def _read(
    what: str,
    paths: Paths,
    roles: Roles,
    given: Given,
    columns: Callable[[Table, str], tuple[Any, ...]],
) -> tuple[Any, ...]:
    """Checked columns of all files, joined in time order."""
    files = _files(what, paths)
    parts = []
    for file in files:
        where = f"{what}({str(file)!r})"
        parts.append((file, columns(open_file(where, file, roles, given), where)))
    filled = [(file, part) for file, part in parts if len(part[0])] or parts[:1]
    if len(filled) == 1:
        return filled[0][1]
    filled.sort(key=lambda it: (int(it[1][0][0]), int(it[1][0][-1])))
    for (before, first), (after, second) in pairwise(filled):
        if first[0][-1] > second[0][0]:
            raise ValueError(
                f"{what}: files must follow one another in time, got {str(before)!r} until "
                f"{iso(int(first[0][-1]))} and {str(after)!r} from {iso(int(second[0][0]))}. Read one "
                "instrument at a time, or merge and sort the files first."
            )
    return _joined(what, list(roles), filled)


def _joined(what: str, names: list[str], parts: list[tuple[Path, tuple[Any, ...]]]) -> tuple[Any, ...]:
    joined: list[Any] = []
    for i, column in enumerate(parts[0][1][:-1]):
        having = [part[i] is not None for _, part in parts]
        if any(having) and not all(having):
            with_it, without = (str(parts[having.index(has)][0]) for has in (True, False))
            raise ValueError(
                f"{what}: files must have the same columns, got {without!r} without the {names[i]} that "
                f"{with_it!r} has. Read them apart, or name the columns."
            )
        joined.append(None if column is None else np.concatenate([part[i] for _, part in parts]))
    zones = {part[-1] for _, part in parts}
    return (*joined, zones.pop() if len(zones) == 1 else "UTC")


def _files(what: str, paths: Paths) -> list[Path]:
    """The files that paths and patterns mean, each once."""
    if paths is None or isinstance(paths, bytes) or not isinstance(paths, Iterable | os.PathLike):
        raise TypeError(
            f"{what}: paths must be a path, a pattern or a list of them, got {type(paths).__name__}."
        )
    asked = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not asked:
        raise ValueError(f"{what}: paths must name at least one file, got an empty list.")
    found: dict[Path, None] = {}
    for item in asked:
        if not isinstance(item, str | os.PathLike):
            raise TypeError(
                f"{what}: paths must be paths, got {type(item).__name__}. "
                "Use Ticks or Bars for what is in memory."
            )
        path = Path(item).expanduser()
        text = str(path)
        if path.is_dir():
            raise KfError(f"{what}: {text!r} is a folder. Name its files: {str(path / '*.parquet')!r}.")
        fitting = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 (any folder, and `**`)
        matches = [path] if path.exists() else [Path(match) for match in fitting]
        matches = [match for match in matches if match.is_file()]
        if not matches:
            raise MissingFileError(f"{what}: {none_there(text, path)}")
        found.update(dict.fromkeys(matches))
    return list(found)


def none_there(text: str, path: Path) -> str:
    """That nothing is where a path or pattern points, and what is beside it."""
    if glob.has_magic(text):
        return f"no file fits the pattern {text!r} (from {Path.cwd()})."
    folder = path.parent
    if not folder.is_dir():
        return f"no file {text!r}: there is no folder {str(folder)!r}."
    known = sorted(p.name for p in folder.iterdir() if p.name.lower().endswith(SUFFIXES))
    return f"no file {text!r}. Data files there: {', '.join(known[:10]) or 'none'}."
