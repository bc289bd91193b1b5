"""Kernels for bars of few rows: what they hold, without a branch a bar.

A market's one-second bars have two to six trades, and their lengths are as good as random: a branch a bar
that is guessed wrong costs more than the bar's rows. So every bar of a block is reduced as eight rows, those
beyond it masked. The others are noted and done again by another shape: those of up to 16 rows, or that lie
across two groups of 64, as two runs of 16, either of which may be empty; longer ones by `scan_kernels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.lanes import highest_8, highest_16, lowest_8, lowest_16, sum_8, sum_16
from kf_widget.history.prefetch import prefetch
from kf_widget.jit import part

if TYPE_CHECKING:
    from kf_widget.history.bar_columns import BarColumns

__all__ = ["AHEAD", "ROOM", "short_bars"]

ROOM: Final = 32
"""Rows of the history from a bar's first on, all of which may be read."""

AHEAD: Final = 512
"""Rows between asking for prices and sizes and reading them. Asked for bar by bar, not a block at once: a
processor has few waiting places, and what finds none holds all work up."""

_SHORT: Final = 8
_MIDDLE: Final = 16


@part(_nrt=False)
def short_bars(
    columns: Any,
    edges: npt.NDArray[np.int64],
    first: int,
    n_bars: int,
    out: BarColumns,
    bar: int,
    middle: npt.NDArray[np.int64],
    longer: npt.NDArray[np.int64],
) -> Any:
    """All but the time of bars of at most 16 rows, of longer ones open, close and count; returns how many.

    Each bar has `ROOM`.

    columns : as in `scan_kernels.scan_bars`
    edges : int64, row edges of the bars ``[first, first + n_bars)``
    out : overwritten from `bar` on, high, low and volume of longer bars with anything
    middle, longer : int64 (n_bars or more,), overwritten; `longer` with the longer bars, from `first` on
    """
    _, opens, high, low, close, volume = columns
    _, out_open, out_high, out_low, out_close, out_volume, out_count = out
    has_volume = volume.size > 0
    n_middle, n_longer = np.uint64(0), np.uint64(0)
    for j in range(n_bars):
        row = edges[np.uint64(first + j)]
        after = edges[np.uint64(first + j + 1)]
        count = after - row
        here = np.uint64(bar + j)
        out_open[here] = opens[np.uint64(row)]
        out_high[here] = highest_8(high, row, count)
        out_low[here] = lowest_8(low, row, count)
        out_close[here] = close[np.uint64(after - 1)]
        out_volume[here] = sum_8(volume, row, count) if has_volume else 0.0
        out_count[here] = count
        prefetch(close, row + AHEAD)
        prefetch(volume, row + AHEAD)
        across = (row ^ (after - 1)) >> 6 != 0
        middle[n_middle] = j
        n_middle += np.uint64((count <= _MIDDLE) & ((count > _SHORT) | across))
        longer[n_longer] = j
        n_longer += np.uint64(count > _MIDDLE)
    for k in range(n_middle):
        j = middle[np.uint64(k)]
        row = edges[np.uint64(first + j)]
        count = edges[np.uint64(first + j + 1)] - row
        here = np.uint64(bar + j)
        prefetch(close, row + AHEAD + 8)
        prefetch(volume, row + AHEAD + 8)
        out_high[here] = highest_16(high, row, count)
        out_low[here] = lowest_16(low, row, count)
        if has_volume:
            left = min(64 - (row & 63), count)  # rows in the group of the first; the others' sum may be 0.0
            out_volume[here] = sum_16(volume, row, left) + sum_16(volume, row + left, count - left)
    return np.int64(n_longer)
