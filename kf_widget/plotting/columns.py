"""OHLC mappings and volumes, as columns of doubles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kf_widget.history.tables import unmasked

__all__ = ["NO_VOLUME", "PRICES", "Columns", "columns_of", "fault", "joined_at_hand"]

Floats = npt.NDArray[np.float64]

PRICES = ("open", "high", "low", "close")
_DOUBLE = np.dtype(np.float64)
NO_VOLUME: Floats = np.zeros(0)


class Columns(NamedTuple):
    """Bars as columns: float64 (n,), C-contiguous, as the kernels take them.

    volume : of length 0 where there is none
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    @property
    def has_volume(self) -> bool:
        """Whether there is a column of volume."""
        return self.volume.size > 0


def columns_of(ohlc: Any, volume: Any, what: str = "render") -> Columns:
    """Columns of one dataset; copies only what is no contiguous float64.

    Raises
    ------
    TypeError, ValueError : a column is missing, is no list of numbers, is empty, or differs in length.
    """
    if (ready := _at_hand(ohlc, volume)) is not None:
        return ready
    columns = [_column(what, name, _find(what, ohlc, name)) for name in PRICES]
    n = columns[0].size
    if not n:
        raise ValueError(f"{what}: open must hold at least one bar, got none.")
    columns.append(NO_VOLUME if volume is None else _column(what, "volume", volume))
    for name, column in zip((*PRICES[1:], "volume"), columns[1:], strict=True):
        if column.size != n and column is not NO_VOLUME:
            raise ValueError(
                f"{what}: {name} must be as long as open, {n:,}, got {column.size:,}. "
                "Pass columns of the same bars."
            )
    return Columns(*columns)


def _at_hand(ohlc: Any, volume: Any) -> Columns | None:
    """Columns of a dict of arrays that need no change, as most are, in 1 us; of anything else None."""
    if type(ohlc) is not dict:
        return None
    try:
        o, h, lo, c = ohlc["open"], ohlc["high"], ohlc["low"], ohlc["close"]
    except KeyError:
        return None
    v = NO_VOLUME if volume is None else volume
    for x in (o, h, lo, c, v):
        if type(x) is not np.ndarray or x.dtype != _DOUBLE or x.ndim != 1 or not x.flags.carray:
            return None
    n = o.size
    if n == 0 or not n == h.size == lo.size == c.size or (volume is not None and v.size != n):
        return None
    return Columns(o, h, lo, c, v)


def joined_at_hand(datasets: Sequence[Any]) -> tuple[Columns, list[int]] | None:
    """Columns of datasets of arrays that need no change, joined, and the bars of each; else None.

    Less than half of the time of looking at one dataset after another, which says what is wrong with one.
    """
    if {*map(type, datasets)} != {dict} or {*map(len, datasets)} != {2}:
        return None
    try:
        prices, volumes = [d["ohlc"] for d in datasets], [d["volume"] for d in datasets]
        if {*map(type, prices)} != {dict}:
            return None
        columns = [[p[name] for p in prices] for name in PRICES]
    except KeyError:
        return None
    bare = {*map(type, volumes)} == {type(None)}
    if not bare:
        columns.append(volumes)
    shapes: list[tuple[int, ...]] = []
    for column in columns:
        if {*map(type, column)} != {np.ndarray} or {x.dtype for x in column} != {_DOUBLE}:
            return None
        there = [x.shape for x in column]
        shapes = shapes or there
        if there != shapes:
            return None
    if {*map(len, shapes)} != {1} or (0,) in shapes:
        return None
    whole = [np.concatenate(column) for column in columns]
    return Columns(*whole, *[NO_VOLUME] * bare), [n for (n,) in shapes]


def fault(status: int, columns: Columns, start: int, what: str = "render") -> ValueError:
    """The error that a negative result of `draw_chart` stands for."""
    row, column = divmod(-1 - status, 8)
    name = "volume" if column >= 4 else PRICES[column]
    must = "0 or more and finite" if name == "volume" else "finite"
    got = columns[4 if name == "volume" else column][start + row]
    return ValueError(
        f"{what}: {name} must be {must}, got {got} at row {row}. "
        "Mend the value, or set it to NaN to leave it out."
    )


def _unlocked(array: Floats) -> Floats:
    """The same memory, writable for Numba's eyes, so that it does not compile once more for read-only arrays.

    The kernels write nothing into it. NumPy says so in 0.5 us where the array is a view of what may be
    written, as those of pandas are, and else has to be told in 8.
    """
    if array.flags.writeable:
        return array
    view = array.view()
    try:
        view.flags.writeable = True
    except ValueError:
        return np.asarray(_Unlocked(array))
    return view


class _Unlocked:
    """Says that an array's memory may be written; the array that NumPy makes of it keeps it alive."""

    def __init__(self, owner: Floats) -> None:
        self.owner = owner
        place = (owner.ctypes.data, False)
        self.__array_interface__ = {**owner.__array_interface__, "data": place}


def _find(what: str, ohlc: Any, name: str) -> Any:
    if type(ohlc) is dict and name in ohlc:
        return ohlc[name]
    if hasattr(ohlc, "collect_schema") and hasattr(ohlc, "collect"):
        raise TypeError(f"{what}: ohlc must hold its columns, got a lazy table. Pass ohlc.collect().")
    if isinstance(ohlc, str | bytes) or not (isinstance(ohlc, Mapping) or hasattr(ohlc, "__getitem__")):
        raise TypeError(
            f"{what}: ohlc must be a mapping or a table with {', '.join(PRICES)}, got {type(ohlc).__name__}."
        )
    for key in (name, name.capitalize(), name.upper()):
        try:
            return ohlc[key]
        except (KeyError, IndexError, ValueError):
            continue
        except TypeError:
            break
        except Exception as error:
            if type(error).__name__ != "ColumnNotFoundError":  # of polars
                raise
    seen = _names(ohlc)
    raise ValueError(
        f"{what}: ohlc must have columns {', '.join(PRICES)}, got {seen}: no {name}. "
        'Pass {"open": ..., "high": ..., "low": ..., "close": ...}.'
    )


def _names(ohlc: Any) -> str:
    for attribute in ("column_names", "columns"):
        if (names := getattr(ohlc, attribute, None)) is not None and not callable(names):
            return ", ".join(map(str, names))
    if isinstance(ohlc, Mapping):
        return ", ".join(map(str, ohlc)) or "none"
    names = getattr(getattr(ohlc, "dtype", None), "names", None)
    return ", ".join(names) if names else type(ohlc).__name__


def _column(what: str, name: str, values: Any) -> Floats:
    try:
        array = unmasked(values)
        shape = array.shape
        if array.dtype.kind not in "fiu":
            if array.dtype.kind != "O":
                raise TypeError
            array = np.array([math.nan if _is_missing(value) else float(value) for value in array.flat])
        array = np.ascontiguousarray(array, dtype=np.float64)
    except (TypeError, ValueError):
        got = getattr(values, "dtype", None) or type(values).__name__
        if not isinstance(values, str | bytes) and np.ndim(values) == 1:
            bad = ((row, value) for row, value in enumerate(values) if not _is_number(value))
            got = next((f"{value!r} at row {row}" for row, value in bad), got)
        raise TypeError(f"{what}: {name} must be a column of numbers, got {got}.") from None
    if len(shape) != 1:
        raise ValueError(f"{what}: {name} must have one dimension, got shape {shape}.")
    return _unlocked(array)


def _is_missing(value: Any) -> bool:
    """None, or the missing value of pandas, which is no float."""
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return _is_missing(value)
    return not isinstance(value, str)
