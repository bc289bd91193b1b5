"""Bars cut by hand, slowly: one at a time, the sum by the written-out tree."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.history.bar_columns import BarColumns


def tree_sum(values: npt.NDArray[Any], start: int, stop: int) -> float:
    """Sum of rows ``[start, stop)`` by the fixed tree keyed by row number."""
    first = start
    nodes = values[start:stop].astype(np.float64)
    while True:
        before = first % 64
        padded = np.zeros(-(-(before + len(nodes)) // 64) * 64)
        padded[before : before + len(nodes)] = nodes
        groups = padded.reshape(-1, 64)
        for half in (32, 16, 8, 4, 2, 1):
            groups = groups[:, :half] + groups[:, half : 2 * half]
        nodes, first = groups[:, 0], first // 64
        if len(nodes) == 1:
            return float(nodes[0])


def bars_between(history: Any, edges: npt.NDArray[np.int64], times: npt.NDArray[np.int64]) -> BarColumns:
    """Bars between row edges; NaN, 0.0 and 0 where one is empty."""
    n = len(edges) - 1
    out = BarColumns(times, *(np.full(n, np.nan) for _ in range(4)), np.zeros(n), np.diff(edges))
    for bar, (start, stop) in enumerate(pairwise(edges.tolist())):
        if start < stop:
            out.open[bar] = history.open[start]
            out.high[bar] = history.high[start:stop].max()
            out.low[bar] = history.low[start:stop].min()
            out.close[bar] = history.close[stop - 1]
            if history.volume is not None:
                out.volume[bar] = tree_sum(history.volume, start, stop)
    return out


def assert_same(found: BarColumns, expected: BarColumns) -> None:
    """Every column, bit for bit."""
    for name, mine, theirs in zip(BarColumns._fields, found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs, err_msg=name, strict=True)
