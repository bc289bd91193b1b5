"""Kernels that find where the buckets of UTC time begin in sorted rows, a few reads a bar."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.history.mark_kernels import bar_stop
from kf_widget.jit import kernel

__all__ = ["count_buckets", "list_buckets"]


@kernel(_nrt=False)
def _bucket_stop(time_ns: npt.NDArray[np.int64], row: int, stop_row: int, step: int) -> Any:
    """First row after `row`, up to `stop_row`, of another bucket."""
    time = time_ns[row]
    end = time - time % step + step
    return bar_stop(time_ns, row, stop_row, end) if end > time else stop_row


@kernel(_nrt=False)
def count_buckets(time_ns: npt.NDArray[np.int64], stop_row: int, step: int, most: int) -> Any:
    """Number of buckets that rows ``[0, stop_row)`` fall into; no more than `most` are counted.

    time_ns : int64 (n,), UTC ns, non-decreasing; step : ns
    """
    count = 0
    row = 0
    while row < stop_row and count < most:
        row = _bucket_stop(time_ns, row, stop_row, step)
        count += 1
    return count


@kernel(_nrt=False)
def list_buckets(
    time_ns: npt.NDArray[np.int64], start_row: int, stop_row: int, step: int, out: npt.NDArray[np.int64]
) -> Any:
    """First row of every bucket that begins after `start_row` and before `stop_row`; returns their number.

    time_ns : int64 (n,), UTC ns, non-decreasing; step : ns; out : int64, overwritten, filled at most
    """
    count = 0
    row = start_row
    while row < stop_row and count < out.size:
        row = _bucket_stop(time_ns, row, stop_row, step)
        if row < stop_row:
            out[count] = row
            count += 1
    return count
