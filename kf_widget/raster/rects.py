"""Filled rectangles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kf_widget.jit import part

__all__ = ["fill_rects"]


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
        a = max(x0[i], left)
        b = min(x1[i], right)
        index = index_of_ink[ink[i]]
        if b - a == 1:
            # Wicks: a plain store per row; the memset that LLVM makes of the loop below costs a call.
            for y in range(max(y0[i], top), min(y1[i], bottom)):
                out[y, a] = index
        elif b > a:
            for y in range(max(y0[i], top), min(y1[i], bottom)):
                for x in range(a, b):
                    out[y, x] = index
