"""What every column must be: kernels that find the first bad row, and the errors that tell of it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.history.columns import read_only
from kf_widget.history.protocol import Floats, Ints
from kf_widget.jit import kernel
from kf_widget.threads import split, spread

__all__ = [
    "check_bars",
    "check_counts",
    "check_finite",
    "check_sizes",
    "check_sorted",
    "checked_path",
    "first_bad_bar",
    "first_not_finite",
    "first_not_size",
    "first_unsorted",
    "iso",
    "lowest_highest",
    "search",
]

_MAX = float(np.finfo(np.float64).max)
_GRAIN = 1 << 20


@kernel
def first_not_finite(values: npt.NDArray[np.float64], start: Any, stop: Any) -> Any:
    """Row of the first NaN or infinity in rows start to stop of float64 or float32 (n,), or -1.

    Counts in runs without branches, over a slice of its own whose index cannot be negative: LLVM makes that
    vector code, 0.24 ns a row instead of 1.7. It looks closer only where a run counts something.
    """
    for run in range(start, stop, 4096):
        end = min(run + 4096, stop)
        part = values[run:end]
        bad = 0
        for i in range(len(part)):
            bad += not (abs(part[i]) <= _MAX)
        if bad:
            for i in range(run, end):
                if not (abs(values[i]) <= _MAX):
                    return i
    return -1


@kernel
def first_not_size(values: npt.NDArray[np.float64], start: Any, stop: Any) -> Any:
    """Row of the first NaN, infinity or negative in rows start to stop of float64 or float32 (n,), or -1."""
    for run in range(start, stop, 4096):
        end = min(run + 4096, stop)
        part = values[run:end]
        bad = 0
        for i in range(len(part)):
            bad += not ((part[i] >= 0.0) & (part[i] <= _MAX))
        if bad:
            for i in range(run, end):
                if not (0.0 <= values[i] <= _MAX):
                    return i
    return -1


@kernel
def first_unsorted(values: npt.NDArray[np.int64], start: Any, stop: Any) -> Any:
    """First row from start to stop of int64 (n,) that is less than the row before it, or -1."""
    start = max(start, 1)
    for run in range(start, stop, 4096):
        end = min(run + 4096, stop)
        part, before = values[run:end], values[run - 1 : end - 1]
        bad = 0
        for i in range(len(part)):
            bad += part[i] < before[i]
        if bad:
            for i in range(run, end):
                if values[i] < values[i - 1]:
                    return i
    return -1


@kernel
def first_bad_bar(
    open: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    close: npt.NDArray[np.float64],
    start: Any,
    stop: Any,
) -> Any:
    """First row from start to stop, all float64 (n,), without low <= open, close <= high; or -1."""
    for i in range(start, stop):
        if not (low[i] <= open[i] <= high[i] and low[i] <= close[i] <= high[i]):
            return i
    return -1


@kernel
def lowest_highest(values: npt.NDArray[np.int64], start: Any, stop: Any) -> Any:
    """Lowest and highest of rows start to stop of int64 (n,), start < stop."""
    part = values[start:stop]
    low = high = part[0]
    for i in range(len(part)):
        low = min(low, part[i])
        high = max(high, part[i])
    return low, high


def search(find: Callable[..., Any], *columns: npt.NDArray[Any]) -> int:
    """First row that a `first_...` kernel finds, over all cores, or -1; 0.3 ms a million rows."""
    columns = tuple(map(read_only, columns))
    pieces = split(0, len(columns[0]), grain=_GRAIN)
    return next((row for row in spread(lambda a, b: int(find(*columns, a, b)), pieces) if row >= 0), -1)


def iso(time_ns: int) -> str:
    """A UTC instant for a message."""
    seconds, fraction = str(np.datetime64(time_ns, "ns")).split(".")
    fraction = fraction.rstrip("0")
    return f"{seconds}.{fraction}Z" if fraction else f"{seconds}Z"


def check_sorted(what: str, name: str, time_ns: Ints, sort: str) -> None:
    """Raise ValueError unless the stamps never fall."""
    row = search(first_unsorted, time_ns)
    if row >= 0:
        raise ValueError(
            f"{what}: column {name!r} must be in time order, got {iso(int(time_ns[row]))} after "
            f"{iso(int(time_ns[row - 1]))} at row {row}. Sort it, keeping equal stamps as they came: "
            f"{sort.format(repr(name))}."
        )


def check_finite(what: str, name: str, values: Floats) -> None:
    """Raise ValueError unless all prices are finite."""
    row = search(first_not_finite, values)
    if row >= 0:
        raise ValueError(
            f"{what}: column {name!r} must be finite, got {values[row]} at row {row}. Drop or fill such rows."
        )


def check_sizes(what: str, name: str, values: npt.NDArray[Any]) -> None:
    """Raise ValueError unless all sizes are finite and not negative."""
    row = search(first_not_size, values)
    if row >= 0:
        value = values[row]
        remedy = (
            "Put the sign into a side column (+1 buyer, -1 seller) and keep the size positive."
            if value < 0 and math.isfinite(value)
            else "Drop such rows, or put 0 where the size is unknown."
        )
        raise ValueError(
            f"{what}: column {name!r} must be finite and not negative, got {value} at row {row}. {remedy}"
        )


def check_counts(what: str, name: str, values: npt.NDArray[Any]) -> None:
    """Raise ValueError unless all numbers, none negative, are whole and below 2^63."""
    bad = (values != np.floor(values)) | (values >= 2.0**63)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"{what}: column {name!r} must hold whole numbers below 2^63, got {values[row]} at row {row}. "
            "Leave the column out if it counts no trades."
        )


def check_bars(
    what: str, names: dict[str, str], open: Floats, high: Floats, low: Floats, close: Floats
) -> None:
    """Raise ValueError unless low <= open, close <= high in every bar."""
    row = search(first_bad_bar, open, high, low, close)
    if row >= 0:
        o, h, lo, c = (float(column[row]) for column in (open, high, low, close))
        wrong = "high" if max(o, c) > h else "low"
        raise ValueError(
            f"{what}: column {names[wrong]!r} must hold low <= open, close <= high, got open {o}, high {h}, "
            f"low {lo}, close {c} at row {row}. Are columns swapped? high=... and low=... name them."
        )


def checked_path(what: str, name: str, path: Any) -> Path:
    """An argument that must be a path, with its "~" put in; TypeError otherwise."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        got = "an empty one" if path == "" else type(path).__name__
        raise TypeError(f"{what}: {name} must be a path, got {got}.")
    return Path(path).expanduser()
