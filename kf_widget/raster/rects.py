"""Filled rectangles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.jit import part
from kf_widget.raster.stores import store2, store4, store8

__all__ = ["fill", "fill_rects"]


@part(_nrt=False)
def fill(out: Any, left: int, top: int, right: int, bottom: int, index: int) -> None:
    """Fill one rectangle that lies inside `out`, or is empty.

    A row of a narrow one is two stores, which overlap. Of a loop LLVM makes a call of memset for each row:
    with them a thumbnail of 50 candles and volumes takes 10.5 us, without 6.7.

    out : uint8 (h, w), of which a row is contiguous, painted over
    left, top, right, bottom : px, half-open
    """
    across = right - left
    value = np.uint8(index)
    eight = np.int64(value) * 0x0101010101010101
    stride = out.strides[0]
    first = top * stride + left
    last = first + across
    if across == 1:
        for y in range(top, bottom):
            out[y, left] = value
    elif 1 < across < 4:
        for y in range(bottom - top):
            store2(out, first + y * stride, eight)
            store2(out, last + y * stride - 2, eight)
    elif 4 <= across < 8:
        for y in range(bottom - top):
            store4(out, first + y * stride, eight)
            store4(out, last + y * stride - 4, eight)
    elif 8 <= across < 16:
        for y in range(bottom - top):
            store8(out, first + y * stride, eight)
            store8(out, last + y * stride - 8, eight)
    else:
        for y in range(top, bottom):
            for x in range(left, right):
                out[y, x] = value


@part(_nrt=False)
def fill_rects(
    out: npt.NDArray[np.uint8],
    x0: npt.NDArray[np.int32],
    y0: npt.NDArray[np.int32],
    x1: npt.NDArray[np.int32],
    y1: npt.NDArray[np.int32],
    ink: npt.NDArray[np.uint8],
    index_of_ink: npt.NDArray[np.uint8],
    start: int,
    stop: int,
    left: int,
    top: int,
    right: int,
    bottom: int,
) -> None:
    """Fill rectangles `start` to `stop`, in order, inside the clip.

    Parameters
    ----------
    out : uint8 (h, w), painted over.
    x0, y0, x1, y1 : int32 (n,), px, half-open, any values.
    ink : uint8 (n,); index_of_ink : uint8 (256,).
    left, top, right, bottom : clip, px, inside `out`.
    """
    for i in range(start, stop):
        index = index_of_ink[ink[i]]
        fill(out, max(x0[i], left), max(y0[i], top), min(x1[i], right), min(y1[i], bottom), index)
