"""Batches: pieces of a history of ticks, checked and in time order."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Batch", "Schema"]


class Schema(NamedTuple):
    """What every batch of a stream has.

    size : "float64", "float32" or None where there is none; side : whether there is one; tz : IANA name
    """

    size: str | None
    side: bool
    tz: str


class Batch(NamedTuple):
    """Rows of a stream.

    time_ns : int64 (n,), UTC ns, non-decreasing within and across batches; price : float64 (n,), finite
    size : float32 or float64 (n,) as the schema says, or None; side : int8 (n,), or None
    """

    time_ns: npt.NDArray[np.int64]
    price: npt.NDArray[np.float64]
    size: npt.NDArray[Any] | None
    side: npt.NDArray[np.int8] | None
