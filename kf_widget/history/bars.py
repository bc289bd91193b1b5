"""Bars: a history of open, high, low, close and volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from kf_widget.history.columns import Columns, read_only
from kf_widget.history.protocol import Floats, Ints

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from kf_widget.history.timeframe import Timeframe

__all__ = ["Bars"]

_MINUTE_NS = 60_000_000_000


class Bars(Columns):
    """A history of OHLCV bars, in time order; the time of a bar is its start.

    Parameters
    ----------
    obj : anything with columns, as for `Ticks`.
    time, open, high, low, close, volume, count : names of the columns where they are not the usual ones.
        volume and count (the number of trades) may be absent.
    tz : IANA time zone: what naive stamps mean, and what the history is shown in. By default the zone
        of the stamps themselves, else UTC.
    timeframe : nominal length of a bar, for example "1m"; by default the median distance of the starts.

    Attributes
    ----------
    time_ns : int64 (n,), UTC nanoseconds, non-decreasing.
    open, high, low, close : float64 (n,), finite, low <= open, close <= high.
    volume : float64 or float32 (n,), not negative, or None. Exports write 0 where it is None.
    count : int64 (n,), number of trades, or None. Exports write 1 where it is None: a bar counts itself.
    interval_ns : nominal length of a bar; a minute where fewer than two distinct starts tell nothing.
    """

    kind: Literal["bars"] = "bars"
    count: Ints | None
    interval_ns: int

    def __init__(
        self,
        obj: Any,
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
    ) -> None:
        from kf_widget.history.intake import bar_columns

        columns = bar_columns(
            obj,
            time=time,
            open=open,
            high=high,
            low=low,
            close=close,
            volume=volume,
            count=count,
            tz=tz,
        )
        interval_ns = None
        if timeframe is not None:
            from kf_widget.history.timeframe import Timeframe

            interval_ns = int(Timeframe.parse(timeframe).nominal_ns) or None
        self._fill(*columns, interval_ns)

    @classmethod
    def from_columns(
        cls,
        time_ns: Ints,
        open: Floats,
        high: Floats,
        low: Floats,
        close: Floats,
        volume: npt.NDArray[Any] | None = None,
        count: Ints | None = None,
        tz: str = "UTC",
        interval_ns: int | None = None,
    ) -> Bars:
        """Bars of columns that are known to be right: no checks, no copies."""
        bars = cls.__new__(cls)
        bars._fill(time_ns, open, high, low, close, volume, count, tz, interval_ns)
        return bars

    def _fill(
        self,
        time_ns: Ints,
        open: Floats,
        high: Floats,
        low: Floats,
        close: Floats,
        volume: npt.NDArray[Any] | None,
        count: Ints | None,
        tz: str,
        interval_ns: int | None,
    ) -> None:
        super().__init__()
        self.time_ns = read_only(time_ns)
        self.open, self.high, self.low, self.close = map(read_only, (open, high, low, close))
        self.volume = None if volume is None else read_only(volume)
        self.count = None if count is None else read_only(count)
        self.tz = tz
        self.interval_ns = interval_ns or _median_distance(self.time_ns)

    def __reduce__(self) -> tuple[Any, ...]:
        prices = (self.open, self.high, self.low, self.close)
        return (
            Bars.from_columns,
            (self.time_ns, *prices, self.volume, self.count, self.tz, self.interval_ns),
        )

    def __repr__(self) -> str:
        return (
            f"<Bars: {len(self):,} rows of {self.interval_ns / 1e9:g} s, {self._span()}, shown in {self.tz}>"
        )

    def _values(self) -> dict[str, npt.NDArray[Any]]:
        volume = np.zeros(len(self)) if self.volume is None else self.volume
        count = np.ones(len(self), dtype=np.int64) if self.count is None else self.count
        return {
            "open": self.open,
            "high": self.high,
            "low": self.low,
            "close": self.close,
            "volume": volume,
            "count": count,
        }

    def to_arrow(self) -> pa.Table:
        """pyarrow Table: time (timestamp[ns, tz]), open, high, low, close, volume, count; zero-copy."""
        import pyarrow as pa

        time = pa.array(self.time_ns).view(pa.timestamp("ns", self.tz))
        return pa.table({"time": time} | {name: pa.array(c) for name, c in self._values().items()})

    def to_pandas(self) -> pd.DataFrame:
        """pandas DataFrame: index of aware starts, columns open, high, low, close, volume, count."""
        import pandas as pd

        stamps = pd.DatetimeIndex(self.time_ns.view("M8[ns]"), tz="UTC", name="time").tz_convert(self.tz)
        return pd.DataFrame(self._values(), index=stamps)


def _median_distance(time_ns: Ints) -> int:
    """Median distance of distinct neighbouring starts in up to 64 runs of 64 rows; a minute where none."""
    if len(time_ns) > 4096:
        starts = np.linspace(0, len(time_ns) - 65, 64).astype(np.int64)
        distances = np.diff(time_ns[starts[:, None] + np.arange(65)], axis=1).ravel()
    else:
        distances = np.diff(time_ns)
    distances = distances[distances > 0]
    return int(np.median(distances)) if len(distances) else _MINUTE_NS
