"""Areas between a line and a base."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kf_widget.jit import kernel, part
from kf_widget.raster.polyline import FAR
from kf_widget.raster.shade import shade

__all__ = ["fill_area"]


@kernel(_nrt=False)
def _mean_excess(row: float, low: float, high: float) -> float:
    """Mean of ``max(row - f, 0)`` while f runs evenly from `low` to `high`."""
    if row <= low:
        return 0.0
    if row >= high:
        return row - 0.5 * (low + high)
    return 0.5 * (row - low) * (row - low) / (high - low)


@part(_nrt=False)
def fill_area(
    out: npt.NDArray[np.uint8],
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    start: int,
    stop: int,
    base: int,
    left: int,
    top: int,
    right: int,
    bottom: int,
    steps: int,
    ink: int,
    ground: int,
    ramp: int,
    cover: npt.NDArray[np.float64],
    solid: npt.NDArray[np.int32],
) -> None:
    """Fill below the line through points `start` to `stop`, down to row `base`.

    The top edge is antialiased by the exact area of each pixel below the line.

    Parameters
    ----------
    out : uint8 (h, w), painted over.
    x, y : float32 (n,), px; x non-decreasing; NaN breaks the area.
    left, top, right, bottom : clip, px, inside `out`.
    steps, ink, ground, ramp : as for `shade`.
    cover : float64 (2 h + 2,), zeros, left zero: area in each row, and area that is full from a row on.
    solid : int32 (w,), overwritten: first row of each column that is solid.
    """
    bottom = min(bottom, base)
    if top >= bottom or left >= right:
        return
    full_from = cover.size // 2
    i = start
    for column in range(left, right):
        edge = np.float64(column)
        while i + 1 < stop and not x[i + 1] > edge:
            i += 1
        first = bottom
        last = top
        j = i
        while j + 1 < stop and not x[j] >= edge + 1.0:
            # The part of segment j inside this column; comparisons with NaN fail.
            ax = min(max(np.float64(x[j]), -FAR), FAR)
            bx = min(max(np.float64(x[j + 1]), -FAR), FAR)
            wide = min(bx, edge + 1.0) - max(ax, edge)
            whole = not (math.isnan(x[j]) or math.isnan(y[j]) or math.isnan(x[j + 1]) or math.isnan(y[j + 1]))
            if whole and bx > ax and wide > 0.0:
                ay = min(max(np.float64(y[j]), -FAR), FAR)
                slope = (min(max(np.float64(y[j + 1]), -FAR), FAR) - ay) / (bx - ax)
                enter = ay + slope * (max(ax, edge) - ax)
                leave = ay + slope * (min(bx, edge + 1.0) - ax)
                low = min(enter, leave)
                high = max(enter, leave)
                if low < bottom:
                    begin = math.floor(max(low, np.float64(top)))
                    end = math.ceil(max(min(high, np.float64(bottom)), np.float64(top)))
                    above = _mean_excess(np.float64(begin), low, high)
                    for row in range(begin, end):
                        below = _mean_excess(row + 1.0, low, high)
                        cover[row] += wide * (below - above)
                        above = below
                    cover[full_from + end] += wide
                    first = min(first, begin)
                    last = max(last, end)
            j += 1
        full = 0.0
        level = 0
        for row in range(first, last + 1):
            full += cover[full_from + row]
            part = full + cover[row]
            cover[row] = 0.0
            cover[full_from + row] = 0.0
            if row < bottom:
                level = int(min(part, 1.0) * 8.0 + 0.5)
                out[row, column] = shade(out[row, column], level, steps, ink, ground, ramp, ground, ramp)
        solid[column] = bottom
        if level == 8:
            solid[column] = last + 1
        elif level > 0:  # the line begins or ends inside this column
            for row in range(last + 1, bottom):
                out[row, column] = shade(out[row, column], level, steps, ink, ground, ramp, ground, ramp)
    # By rows, because down the columns every store would touch another cache line; always a store, so
    # that it vectorises: 0.1 ms instead of 0.6 at 1200 x 600.
    full_index = np.uint8(ink)
    from_row = solid[left:right]
    for row in range(top, bottom):
        line = out[row, left:right]
        for k in range(line.size):
            line[k] = full_index if from_row[k] <= row else line[k]
