"""Kernels for bars of few rows: where they begin and what they hold, without a branch a bar.

A market's one-second bars have two to six trades, and their lengths are as good as random: a branch a bar
that is guessed wrong costs more than the bar's rows. So a block of rows is cut at once, then every bar is
reduced as eight rows, those beyond it masked; the few that are longer, or lie across two groups of 64, are
noted and done again one by one.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.jit import kernel, part

__all__ = ["BLOCK", "SHORT", "count_cuts", "cut_block", "note_longer", "short_extremes", "short_sums"]

BLOCK: Final = 512
"""Rows cut at once: their times, prices and sizes stay in the fastest cache."""

SHORT: Final = 8
"""Most rows of a bar that is reduced in one go."""


@kernel(_nrt=False)
def _number(time: int, start: int, inverse: float) -> Any:
    """Number of the bar of a time, from `start` on; inverse : 1 / width.

    Half a nanosecond keeps the product away from whole numbers: exact up to 2 ** 51 ns, which is 26 days.
    """
    return np.int64((np.float64(time - start) + 0.5) * inverse)


@part(_nrt=False)
def count_cuts(time_ns: npt.NDArray[np.int64], row: int, stop_row: int, start: int, width: int) -> Any:
    """Number of rows of ``(row, stop_row)`` that begin a bar of the even grid from `start` on."""
    inverse = 1.0 / np.float64(width)
    r = np.uint64(row)
    count = 0
    for i in range(stop_row - row - 1):
        here = r + np.uint64(i)
        count += _number(time_ns[here + np.uint64(1)], start, inverse) != _number(
            time_ns[here], start, inverse
        )
    return count


@part(_nrt=False)
def cut_block(
    time_ns: npt.NDArray[np.int64],
    row: int,
    stop_row: int,
    start: int,
    width: int,
    numbers: npt.NDArray[np.int64],
    edges: npt.NDArray[np.int64],
) -> Any:
    """Rows of ``[row, stop_row)`` that begin a bar, the first of which does; returns how many there are.

    start, width : the even grid of bars that all these times lie in, as `calendar_kernels.stretch` finds it
    numbers : int64 (BLOCK,), overwritten with the number of each row's bar, from `start` on
    edges : int64 (BLOCK + 1,), overwritten with the rows, then `stop_row`
    """
    inverse = 1.0 / np.float64(width)
    r = np.uint64(row)
    n = stop_row - row
    for i in range(n):
        numbers[i] = _number(time_ns[r + np.uint64(i)], start, inverse)
    edges[0] = row
    count = np.uint64(1)
    for i in range(1, n):
        u = np.uint64(i)
        edges[count] = row + i
        count += np.uint64(numbers[u] != numbers[u - np.uint64(1)])
    edges[count] = stop_row
    return np.int64(count)


@part(_nrt=False, fastmath={"nnan", "nsz"})
def short_extremes(
    high: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    edges: npt.NDArray[np.int64],
    first: int,
    n_bars: int,
    out_high: npt.NDArray[np.float64],
    out_low: npt.NDArray[np.float64],
    bar: int,
) -> None:
    """Highest high and lowest low of the first `SHORT` rows of every bar, all of which it reads.

    edges : int64, row edges of the bars ``[first, first + n_bars)``
    out_high, out_low : overwritten from `bar` on
    """
    for j in range(n_bars):
        place = np.uint64(first + j)
        row = np.uint64(edges[place])
        count = edges[place + np.uint64(1)] - edges[place]
        highest = high[row]
        lowest = low[row]
        top, bottom = highest, lowest
        for i in range(8):
            above = high[row + np.uint64(i)]
            below = low[row + np.uint64(i)]
            highest = max(highest, above if i < count else top)
            lowest = min(lowest, below if i < count else bottom)
        out_high[np.uint64(bar + j)] = highest
        out_low[np.uint64(bar + j)] = lowest


@part(_nrt=False)
def short_sums(
    volume: npt.NDArray[Any],
    edges: npt.NDArray[np.int64],
    first: int,
    n_bars: int,
    out_volume: npt.NDArray[np.float64],
    bar: int,
    buffer: npt.NDArray[np.float64],
) -> None:
    """Sum by the halving tree of the first `SHORT` rows of every bar; arguments as in `short_extremes`."""
    for j in range(n_bars):
        place = np.uint64(first + j)
        row = np.uint64(edges[place])
        count = edges[place + np.uint64(1)] - edges[place]
        for i in range(8):
            value = np.float64(volume[row + np.uint64(i)])
            buffer[i] = value if i < count else 0.0
        b = buffer
        out_volume[np.uint64(bar + j)] = ((b[0] + b[4]) + (b[2] + b[6])) + ((b[1] + b[5]) + (b[3] + b[7]))


@part(_nrt=False)
def note_longer(edges: npt.NDArray[np.int64], first: int, n_bars: int, longer: npt.NDArray[np.int64]) -> Any:
    """Which bars have more than `SHORT` rows or lie across groups of 64; returns how many.

    longer : int64 (n_bars or more,), overwritten with their places from `first` on
    """
    count = np.uint64(0)
    for j in range(n_bars):
        place = np.uint64(first + j)
        row = edges[place]
        after = edges[place + np.uint64(1)]
        longer[count] = j
        count += np.uint64((after - row > SHORT) | (row >> 6 != (after - 1) >> 6))
    return np.int64(count)
