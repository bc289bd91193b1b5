"""Ticks: a history of single trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy.typing as npt

from kf_widget.history.columns import Columns, read_only
from kf_widget.history.protocol import Floats, Int8s, Ints

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Ticks"]


class Ticks(Columns):
    """A history of trades, in time order.

    Parameters
    ----------
    obj : anything with columns: an Arrow stream (`__arrow_c_stream__`), a dataframe that narwhals knows
        (pandas, polars, pyarrow, DuckDB, ...), a dict of arrays or lists, a structured array.
    time, price, size, side : names of the columns where they are not the usual ones.
    tz : IANA time zone: what naive stamps mean, and what the history is shown in. By default the zone
        of the stamps themselves, else UTC.

    Attributes
    ----------
    time_ns : int64 (n,), UTC nanoseconds, non-decreasing; equal stamps keep their order of arrival.
    price : float64 (n,), finite.
    size : float64 or float32 (n,), not negative, or None.
    side : int8 (n,), +1 buyer-initiated, -1 seller-initiated, 0 unknown, or None.

    Notes
    -----
    Contiguous float64 prices and int64 or datetime64[ns] stamps are not copied; nothing is written into
    the caller's arrays, and they should not be changed afterwards.
    """

    kind: Literal["ticks"] = "ticks"
    interval_ns: int = 0
    side: Int8s | None

    def __init__(
        self,
        obj: Any,
        *,
        time: str | None = None,
        price: str | None = None,
        size: str | None = None,
        side: str | None = None,
        tz: str | None = None,
    ) -> None:
        from kf_widget.history.intake import tick_columns

        self._fill(*tick_columns(obj, time=time, price=price, size=size, side=side, tz=tz))

    @classmethod
    def from_columns(
        cls,
        time_ns: Ints,
        price: Floats,
        size: npt.NDArray[Any] | None = None,
        side: Int8s | None = None,
        tz: str = "UTC",
    ) -> Ticks:
        """Ticks of columns that are known to be right: no checks, no copies."""
        ticks = cls.__new__(cls)
        ticks._fill(time_ns, price, size, side, tz)
        return ticks

    def _fill(
        self, time_ns: Ints, price: Floats, size: npt.NDArray[Any] | None, side: Int8s | None, tz: str
    ) -> None:
        super().__init__()
        self.time_ns = read_only(time_ns)
        self.open = self.high = self.low = self.close = read_only(price)
        self.volume = None if size is None else read_only(size)
        self.side = None if side is None else read_only(side)
        self.tz = tz

    @property
    def price(self) -> Floats:
        """float64 (n,), finite."""
        return self.close

    @property
    def size(self) -> npt.NDArray[Any] | None:
        """float64 or float32 (n,), not negative, or None."""
        return self.volume

    def __reduce__(self) -> tuple[Any, ...]:
        return (Ticks.from_columns, (self.time_ns, self.price, self.size, self.side, self.tz))

    def __repr__(self) -> str:
        return f"<Ticks: {len(self):,} rows, {self._span()}, shown in {self.tz}>"

    def to_arrow(self) -> pa.Table:
        """pyarrow Table: time (timestamp[ns, tz]), price, and size and side where known; zero-copy."""
        import pyarrow as pa

        columns: dict[str, Any] = {
            "time": pa.array(self.time_ns).view(pa.timestamp("ns", self.tz)),
            "price": pa.array(self.price),
        }
        if self.size is not None:
            columns["size"] = pa.array(self.size)
        if self.side is not None:
            columns["side"] = pa.array(self.side)
        return pa.table(columns)

    def to_pandas(self) -> pd.DataFrame:
        """pandas DataFrame: index of aware timestamps, columns price, and size and side where known."""
        import pandas as pd

        columns: dict[str, Any] = {"price": self.price}
        if self.size is not None:
            columns["size"] = self.size
        if self.side is not None:
            columns["side"] = self.side
        stamps = pd.DatetimeIndex(self.time_ns.view("M8[ns]"), tz="UTC", name="time").tz_convert(self.tz)
        return pd.DataFrame(columns, index=stamps)
