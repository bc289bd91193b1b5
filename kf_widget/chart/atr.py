"""Average true range: how far prices usually go within one bar."""

from __future__ import annotations

import math

import numpy as np

from kf_widget.history.protocol import Floats
from kf_widget.jit import kernel

__all__ = ["ATR_LENGTH", "average_true_range", "usual_range"]

ATR_LENGTH = 14


@kernel
def wilder_ranges(high, low, close, length, out):  # type: ignore[no-untyped-def]
    """Wilder's average true range of each bar.

    high, low, close : float64 (n,)
    length : bars averaged, at least 1
    out : float64 (n,), overwritten; NaN for the first `length` bars, of which the first has no true range
    """
    mean = 0.0
    for i in range(high.size):
        out[i] = math.nan
        if i == 0:
            continue
        span = max(high[i], close[i - 1]) - min(low[i], close[i - 1])
        if i <= length:
            mean += span
            if i < length:
                continue
            mean /= length
        else:
            mean = (mean * (length - 1) + span) / length
        out[i] = mean


def average_true_range(high: Floats, low: Floats, close: Floats, length: int = ATR_LENGTH) -> Floats:
    """Average true range, float64 (n,), NaN for the first `length` bars.

    A true range reaches from the lower of low and close before to the higher of high and close before;
    the first average is their plain mean, each later one weighs the newest by ``1 / length`` (J. W.
    Wilder, New Concepts in Technical Trading Systems, 1978). Equal to TA-Lib's ATR. About 3 ns a bar.
    """
    out = np.empty(len(high))
    wilder_ranges(high, low, close, length, out)
    return out


def usual_range(high: Floats, low: Floats, close: Floats, length: int = ATR_LENGTH) -> float:
    """Median of the average true range; of fewer bars than it needs, the mean true range; 0 of none."""
    if len(high) > length:
        return float(np.median(average_true_range(high, low, close, length)[length:]))
    if len(high) < 2:
        return float(high[0] - low[0]) if len(high) else 0.0
    before = close[:-1]
    return float(np.mean(np.maximum(high[1:], before) - np.minimum(low[1:], before)))
