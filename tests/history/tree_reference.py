"""The sum rule, written out slowly: every row has its place, rows outside the range are 0.0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def _level(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    padded = np.zeros(-(-len(values) // 64) * 64)
    padded[: len(values)] = values
    groups = padded.reshape(-1, 64)
    for half in (32, 16, 8, 4, 2, 1):
        groups = groups[:, :half] + groups[:, half : 2 * half]
    return groups[:, 0]


def tree_sum(values: npt.NDArray[np.floating], start: int, stop: int) -> float:
    """Sum of ``values[start:stop]`` by the fixed tree over all rows."""
    masked = np.zeros(max(len(values), 1))
    masked[start:stop] = values[start:stop]
    nodes = _level(masked)
    while len(nodes) > 1:
        nodes = _level(nodes)
    return float(nodes[0])
