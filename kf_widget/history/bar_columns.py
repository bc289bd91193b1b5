"""What every way to resample gives: bars as plain columns on the host."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from kf_widget.history.protocol import Floats, Ints
from kf_widget.recycle import LEAST_BYTES, Recycler

__all__ = ["BarColumns", "recycler"]

recycler: Final = Recycler(7)


class BarColumns(NamedTuple):
    """Bars in the order of `Bars.from_columns`.

    time_ns : int64 (n_bars,), start of each bar; counts : int64, its rows
    open, high, low, close, volume : float64; the volume is 0.0 where the history has none
    """

    time_ns: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    counts: Ints

    @classmethod
    def room(cls, n: int) -> BarColumns:
        """Columns for n bars, their contents undefined; in memory of those let go of last, if that fits.

        The system takes longer to clear new memory than a scan takes to make the bars that fill it.
        """
        if 8 * n < LEAST_BYTES:  # in a third of the time
            time_ns, counts = np.empty(n, np.int64), np.empty(n, np.int64)
            return cls(time_ns, np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n), counts)
        kinds = (np.int64, np.float64, np.float64, np.float64, np.float64, np.float64, np.int64)
        return cls._make(recycler.room((n,), kind)[0] for kind in kinds)
