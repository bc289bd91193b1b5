"""Antialiased polylines."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kf_widget.jit import part
from kf_widget.raster.shade import shade

__all__ = ["FAR", "stroke_polyline"]

FAR = 1e9
"""Coordinates beyond this many px count as this far: float64 then still resolves 1e-6 px."""


@part(_nrt=False)
def stroke_polyline(
    out: npt.NDArray[np.uint8],
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    start: int,
    stop: int,
    width: float,
    left: int,
    top: int,
    right: int,
    bottom: int,
    steps: int,
    ink: int,
    ground: int,
    ramp: int,
    other: int,
    other_ramp: int,
) -> None:
    """Stroke points `start` to `stop` with round joins and ends.

    A pixel's coverage comes from the distance of its centre to the nearest segment, and `shade` keeps the
    largest, so joins are right at every angle and zigzags within a pixel column cost no accuracy. A point
    alone between NaNs is a dot.

    Parameters
    ----------
    out : uint8 (h, w), painted over.
    x, y : float32 (n,), px, any values; NaN breaks the line.
    width : px; below 1 the line is 1 px wide and fainter.
    left, top, right, bottom : clip, px, inside `out`.
    steps, ink, ground, ramp, other, other_ramp : as for `shade`.
    """
    half = max(width, 1.0) * 0.5
    strength = 8.0 * min(width, 1.0)
    reach = half + 0.5
    joined = False
    for i in range(start, stop):
        if math.isnan(x[i]) or math.isnan(y[i]):
            joined = False
            continue
        bx = min(max(np.float64(x[i]), -FAR), FAR)
        by = min(max(np.float64(y[i]), -FAR), FAR)
        ax, ay = bx, by
        if joined:
            ax = min(max(np.float64(x[i - 1]), -FAR), FAR)
            ay = min(max(np.float64(y[i - 1]), -FAR), FAR)
        elif i + 1 < stop and not (math.isnan(x[i + 1]) or math.isnan(y[i + 1])):
            joined = True
            continue
        joined = True
        dx = bx - ax
        dy = by - ay
        length2 = dx * dx + dy * dy
        length = math.sqrt(length2)
        scale = 1.0 / length if length > 0.0 else 0.0
        # Rows that the segment reaches, then in each row only the columns near it.
        low_x = max(min(ax, bx) - reach, np.float64(left))
        high_x = min(max(ax, bx) + reach, np.float64(right))
        low_y = max(min(ay, by) - reach, np.float64(top))
        high_y = min(max(ay, by) + reach, np.float64(bottom))
        if low_x >= high_x or low_y >= high_y:
            continue
        slope = dx / dy if dy != 0.0 else 0.0
        spread = reach * length / abs(dy) if dy != 0.0 else 2.0 * FAR
        for row in range(math.floor(low_y), math.ceil(high_y)):
            uy = row + 0.5 - ay
            middle = ax + uy * slope
            first = math.floor(min(max(low_x, middle - spread), high_x))
            last = math.ceil(max(min(high_x, middle + spread), low_x))
            for column in range(first, last):
                held = out[row, column]
                if held == ink:
                    continue
                ux = column + 0.5 - ax
                along = ux * dx + uy * dy
                if along <= 0.0:
                    distance = math.sqrt(ux * ux + uy * uy)
                elif along >= length2:
                    distance = math.sqrt((ux - dx) * (ux - dx) + (uy - dy) * (uy - dy))
                else:
                    distance = abs(ux * dy - uy * dx) * scale
                level = int(min(max(reach - distance, 0.0), 1.0) * strength + 0.5)
                out[row, column] = shade(held, level, steps, ink, ground, ramp, other, other_ramp)
