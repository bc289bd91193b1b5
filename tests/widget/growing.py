"""A history that grows in memory: columns with room, snapshots that are their beginnings."""

from __future__ import annotations

import threading

import numpy as np

from kf_widget.history.ticks import Ticks

SECOND = 10**9


class GrowingTicks:
    """What `chart.follow()` follows, without a disk.

    Parameters
    ----------
    ticks : all that it will ever hold
    n : rows that it begins with
    """

    def __init__(self, ticks: Ticks, n: int) -> None:
        self._ticks = ticks
        self._lock = threading.Lock()
        self._rows = n
        self._snapshot = self._first(n)
        self.refreshed = 0

    def _first(self, n: int) -> Ticks:
        ticks = self._ticks
        size = None if ticks.volume is None else ticks.volume[:n]
        return Ticks.from_columns(ticks.time_ns[:n], ticks.close[:n], size, None, ticks.tz)

    def append(self, rows: int) -> None:
        """Show so many rows more."""
        with self._lock:
            self._rows = min(self._rows + rows, len(self._ticks))

    def refresh(self) -> bool:
        """Whether the next snapshot has more rows."""
        self.refreshed += 1
        return self._rows > len(self._snapshot)

    def snapshot(self) -> Ticks:
        """The rows shown so far; the same object until there are more."""
        with self._lock:
            if self._rows > len(self._snapshot):
                self._snapshot = self._first(self._rows)
            return self._snapshot


def market(n: int, seed: int = 5) -> Ticks:
    """A tick a second or so, with a night of 17 hours every 30,000 rows."""
    rng = np.random.default_rng(seed)
    gaps = rng.integers(0, 3, n) * SECOND
    gaps[30_000::30_000] = 17 * 3600 * SECOND
    price = np.round(100 + 0.01 * np.cumsum(rng.integers(-3, 4, n)), 2)
    time_ns = 1_709_558_400 * SECOND + np.cumsum(gaps)
    return Ticks.from_columns(time_ns, price, rng.integers(1, 9, n).astype(np.float64))
