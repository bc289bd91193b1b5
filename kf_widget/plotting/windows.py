"""Rolling windows over one history, without a copy of it."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from kf_widget.plotting.columns import NO_VOLUME, PRICES, Columns, columns_of

__all__ = ["Windows", "rolling_windows"]


class Windows(Sequence[dict[str, Any]]):
    """Charts that share their columns; made by `rolling_windows`.

    ``windows[i]`` is one dataset, ``{"ohlc": ..., "volume": ...}``, of views; ``windows[i:j]`` is again
    `Windows`. A pickle holds only the rows that its windows show.

    Attributes
    ----------
    columns : `Columns` of the whole history
    starts, stops : int64 (n,), rows of each window, half-open
    """

    def __init__(self, columns: Columns, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> None:
        self.columns, self.starts, self.stops = columns, starts, stops

    def __len__(self) -> int:
        return int(self.starts.size)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Windows: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Windows(
                self.columns,
                np.ascontiguousarray(self.starts[index]),
                np.ascontiguousarray(self.stops[index]),
            )
        rows = slice(int(self.starts[index]), int(self.stops[index]))
        ohlc = {name: getattr(self.columns, name)[rows] for name in PRICES}
        return {"ohlc": ohlc, "volume": self.columns.volume[rows] if self.columns.has_volume else None}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        bars = int(self.stops[0] - self.starts[0]) if len(self) else 0
        return f"<{len(self):,} windows of {bars:,} bars>"

    def __reduce__(self) -> Any:
        if not len(self):
            return Windows, (Columns(*[NO_VOLUME] * 5), self.starts, self.stops)
        first, last = int(self.starts.min()), int(self.stops.max())
        columns = Columns(*(column[first:last].copy() for column in self.columns))
        return Windows, (columns, self.starts - first, self.stops - first)


def rolling_windows(history: Any, bars: int, stride: int = 1, volume: Any = None) -> Windows:
    """Windows of `bars` bars, each beginning `stride` bars after the one before.

    Parameters
    ----------
    history : `Bars`, or a mapping or table with columns open, high, low, close and perhaps volume.
        Contiguous float64 columns are used where they lie, also read-only and memory-mapped ones.
    bars : length of a window.
    stride : bars from one window's start to the next.
    volume : column as long, in place of the history's.

    Returns
    -------
    Windows
        ``(len(history) - bars) // stride + 1`` of them; the rows that remain at the end are in none.

    Raises
    ------
    TypeError, ValueError : a history without bars or shorter than one window, or a number below 1.
    """
    what = "rolling_windows"
    bars, stride = _count(what, "bars", bars), _count(what, "stride", stride)
    kind = getattr(history, "kind", None)
    if kind == "ticks":
        raise TypeError(f'{what}: history must hold bars, got ticks. Pass history.resample("1m").')
    if kind == "bars":
        volume = history.volume if volume is None else volume
        history = {name: getattr(history, name) for name in PRICES}
    elif volume is None:
        volume = _volume_of(history)
    columns = columns_of(history, volume, what)
    n = columns.open.size
    if n < bars:
        raise ValueError(f"{what}: bars must be at most the {n:,} bars of the history, got {bars:,}.")
    starts = np.arange(0, n - bars + 1, stride, dtype=np.int64)
    return Windows(columns, starts, starts + bars)


def _volume_of(table: Any) -> Any:
    for key in ("volume", "Volume", "VOLUME"):
        try:
            return table[key]
        except (KeyError, IndexError, ValueError, TypeError):
            continue
        except Exception as error:
            if type(error).__name__ != "ColumnNotFoundError":  # of polars
                raise
    return None


def _count(what: str, name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{what}: {name} must be a whole number, 1 or more, got {value!r}.") from None
    if isinstance(value, bool) or number < 1:
        raise ValueError(f"{what}: {name} must be a whole number, 1 or more, got {value!r}.")
    return number
