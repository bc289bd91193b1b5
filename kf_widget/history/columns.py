"""What ticks and bars share: read-only columns, an index built once, exports."""

from __future__ import annotations

import functools
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from kf_widget.history.pricestep import is_step, price_step
from kf_widget.history.protocol import Floats, Ints
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from kf_widget.history.bars import Bars
    from kf_widget.history.gpu_history import GpuHistory
    from kf_widget.history.index import RangeIndex
    from kf_widget.history.levels import Level
    from kf_widget.history.protocol import History

__all__ = ["Columns", "read_only"]

_ENOUGH_BARS = 4096


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A read-only view of the same memory; the caller's array stays as it is."""
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view


@functools.cache
def _resample() -> Callable[[History, Timeframe, Zone, str], Bars]:
    """Loaded by the first resample, and looked up once: that alone costs 0.6 us, of a call of 30."""
    from kf_widget.history.resample import resample

    return resample


class Columns(ABC):
    """Sorted columns, trusted: `Ticks` and `Bars` are its two kinds."""

    kind: Literal["ticks", "bars"]
    interval_ns: int
    time_ns: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: npt.NDArray[Any] | None
    tz: str
    levels: Mapping[int, Level]

    def __init__(self) -> None:
        self.levels = {}
        self._index: RangeIndex | None = None
        self._index_lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.time_ns)

    @property
    def index(self) -> RangeIndex:
        """Exact open, high, low, close and volume of any row range; the first use builds it."""
        if self._index is None:
            from kf_widget.history.index import RangeIndex

            with self._index_lock:
                if self._index is None:
                    self._index = RangeIndex.build(
                        self.time_ns, self.open, self.high, self.low, self.close, self.volume
                    )
        return self._index

    @cached_property
    def price_step(self) -> float:
        """Smallest price increment seen in a sample of the closes, for example 0.25 or 0.01.

        Of a history with levels, the closes of its finest bars.
        """
        bars = self.levels[min(self.levels)].bars if self.levels else None
        return price_step(self.close if bars is None or len(bars) < _ENOUGH_BARS else bars.close)

    def inherit(self, before: History) -> None:
        """Take over what is known of the rows that both begin with, so that growth costs O(new rows)."""
        from kf_widget.history.edges import inherit_sums

        step = vars(before).get("price_step")
        new = self.close[len(before) :]
        if step is not None and is_step(new[:: len(new) // 4096 + 1], step):
            self.price_step = step
        inherit_sums(before.index, self.index)

    def resample(
        self,
        timeframe: str | Timeframe,
        *,
        tz: str | None = None,
        session: str | None = None,
        backend: str = "auto",
    ) -> Bars:
        """Bars of another timeframe; only bars that hold rows.

        Parameters
        ----------
        timeframe : for example "1s", "5m", "4h", "1D", "1W", "1M", "100t". Where clocks are set back, the
            hour that comes twice is one bar of two.
        tz : IANA time zone whose midnights and calendar cut the bars; the history's own by default.
        session : local time at which a trading day begins, as "17:00" (a session that opens at noon or
            later is that of the next date); midnight by default.
        backend : "auto", "cpu" or "gpu"; the result is the same. What `run_autotune` measured on this
            machine tells "auto" which way is the fastest.

        Memory: 56 bytes a bar; where that is much, in the memory of bars let go of before. Such memory stays
        with the process until the system runs short.
        """
        zone = Zone.of(str(tz) if tz else self.tz, session)
        return _resample()(self, Timeframe.parse(timeframe), zone, backend)

    def to_gpu(self) -> GpuHistory:
        """The columns on the GPU: its `resample` moves nothing but bars.

        Raises
        ------
        KfError : no GPU can be used, or its memory is too small; says what to do.
        """
        from kf_widget.history.gpu_history import to_gpu

        return to_gpu(self)

    @abstractmethod
    def to_arrow(self) -> pa.Table:
        """The columns as a pyarrow Table."""

    @abstractmethod
    def to_pandas(self) -> pd.DataFrame:
        """The columns as a pandas DataFrame, indexed by time."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Arrow C stream of `to_arrow()`: polars, DuckDB, pandas and others read it as a table."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def _span(self) -> str:
        """First and last time for `repr`, to the second."""
        if not len(self):
            return "empty"
        first, last = (
            str(np.datetime64(int(t), "ns").astype("datetime64[s]")) for t in self.time_ns[[0, -1]]
        )
        return f"{first} .. {last} UTC"
