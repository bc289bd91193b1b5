"""What every history is, ticks or bars: sorted columns with an index over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from kf_widget.history.index import RangeIndex
    from kf_widget.history.levels import Level

__all__ = ["Floats", "Growing", "History", "Int8s", "Ints"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Int8s: TypeAlias = npt.NDArray[np.int8]


@runtime_checkable
class History(Protocol):
    """Columns of one instrument in time order; every chart works on any history.

    All arrays are one-dimensional, of one length, C-contiguous and read-only, whatever the caller
    passed in: kernels are compiled for one array type, and nobody can change a drawn history.

    Attributes
    ----------
    kind : "ticks" or "bars".
    time_ns : int64 (n,), UTC nanoseconds, non-decreasing; of a bar, its start.
    open, high, low, close : float64 (n,), finite; of ticks, four times the same array.
    volume : float64 or float32 (n,), not negative, or None where it is unknown.
    index : exact open, high, low, close and volume of any row range; built on first use, then kept.
    tz : IANA name of the time zone it is shown in unless a chart says otherwise.
    price_step : smallest price increment seen, above 0; found from a sample of rows on first use.
    interval_ns : nominal length of a bar in ns; 0 for ticks.
    levels : ready bars of its ticks by their length in ns; empty where there are none.
    """

    @property
    def kind(self) -> Literal["ticks", "bars"]: ...
    @property
    def time_ns(self) -> Ints: ...
    @property
    def open(self) -> Floats: ...
    @property
    def high(self) -> Floats: ...
    @property
    def low(self) -> Floats: ...
    @property
    def close(self) -> Floats: ...
    @property
    def volume(self) -> npt.NDArray[Any] | None: ...
    @property
    def index(self) -> RangeIndex: ...
    @property
    def tz(self) -> str: ...
    @property
    def price_step(self) -> float: ...
    @property
    def interval_ns(self) -> int: ...
    @property
    def levels(self) -> Mapping[int, Level]: ...
    def __len__(self) -> int: ...


@runtime_checkable
class Growing(Protocol):
    """What hands out a history that grows at its end, for example a `TickStore`.

    Rows are only ever added, and never before the last one in time.
    """

    def refresh(self) -> bool:
        """Look for rows that were added; True where the next snapshot has more than the last."""

    def snapshot(self) -> History:
        """The rows known so far; a snapshot never changes, and each begins with the rows of the last."""
