"""Kernels of volume and value bars: where a running total reaches the next multiple of a step.

**The running total** of row r is the sum of rows ``[0, r]`` by the fixed tree of `index_kernels`. Sizes are
not negative and rounding is monotone, so it never falls, and it is the same however the history was cut or
appended. Bar k ends with the first row whose total is at least ``k * step``, in float64; that row belongs to
the bar. A row that passes several multiples at once ends one bar.

A leaf of the tree is a size, or a price times a size, each product rounded to float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.history.run_kernels import GROUP, SHIFT, fold, run_sum
from kf_widget.jit import kernel

__all__ = [
    "build_products",
    "count_multiples",
    "fill_crossings",
    "find_crossing",
    "total_before",
]


@kernel(_nrt=False)
def _run_total(
    sizes: npt.NDArray[Any],
    prices: npt.NDArray[np.float64],
    start: int,
    stop: int,
    buffer: npt.NDArray[np.float64],
) -> Any:
    if prices.size == 0:
        return run_sum(sizes, start, stop, buffer)
    for i in range(stop - start):
        buffer[i] = prices[start + i] * np.float64(sizes[start + i])
    return fold(buffer, stop - start)


@kernel(_nrt=False)
def build_products(
    sizes: npt.NDArray[Any],
    prices: npt.NDArray[np.float64],
    block_sum: npt.NDArray[np.float64],
    start_block: int,
    stop_block: int,
    buffer: npt.NDArray[np.float64],
) -> None:
    """Sums of price times size of complete blocks ``[start_block, stop_block)``; overwritten there."""
    for block in range(start_block, stop_block):
        start = block << SHIFT
        block_sum[block] = _run_total(sizes, prices, start, start + GROUP, buffer)


@kernel(_nrt=False)
def total_before(
    sizes: npt.NDArray[Any],
    prices: npt.NDArray[np.float64],
    block_sum: npt.NDArray[np.float64],
    node_sum: npt.NDArray[np.float64],
    level_start: npt.NDArray[np.int64],
    stop: int,
    buffer: npt.NDArray[np.float64],
) -> Any:
    """Sum of rows ``[0, stop)`` by the fixed tree.

    sizes : float32 or float64 (n_rows,); prices : float64 (n_rows,), or (0,) to sum the sizes alone
    block_sum, node_sum, level_start : sums of the complete nodes over the leaves
    buffer : float64 (64,), overwritten
    """
    if stop <= 0:
        return 0.0
    nodes = stop >> SHIFT
    partial = nodes << SHIFT < stop
    rest = _run_total(sizes, prices, nodes << SHIFT, stop, buffer) if partial else 0.0
    sums = block_sum
    base = 0
    level = 0
    while nodes > 0:
        first = nodes >> SHIFT << SHIFT
        count = nodes - first
        for i in range(count):
            buffer[i] = sums[base + first + i]
        if partial:
            buffer[count] = rest
            count += 1
        if count > 0:
            rest = fold(buffer, count)
            partial = True
        nodes >>= SHIFT
        sums = node_sum
        base = level_start[level]
        level += 1
    return rest


@kernel(_nrt=False)
def count_multiples(total: float, step: float) -> Any:
    """Largest whole k, as float64, with ``k * step <= total``."""
    k = np.floor(total / step)
    if (k + 1.0) * step <= total:
        k += 1.0
    elif k * step > total:
        k -= 1.0
    return k


@kernel(_nrt=False)
def find_crossing(
    sizes: npt.NDArray[Any],
    prices: npt.NDArray[np.float64],
    block_sum: npt.NDArray[np.float64],
    node_sum: npt.NDArray[np.float64],
    level_start: npt.NDArray[np.int64],
    target: float,
    start: int,
    stop: int,
    buffer: npt.NDArray[np.float64],
) -> Any:
    """First row of ``[start, stop)`` whose running total is at least the target; stop when none is."""
    while start < stop:
        middle = (start + stop) >> 1
        if total_before(sizes, prices, block_sum, node_sum, level_start, middle + 1, buffer) >= target:
            stop = middle
        else:
            start = middle + 1
    return start


@kernel(_nrt=False)
def fill_crossings(
    sizes: npt.NDArray[Any],
    prices: npt.NDArray[np.float64],
    block_sum: npt.NDArray[np.float64],
    node_sum: npt.NDArray[np.float64],
    level_start: npt.NDArray[np.int64],
    step: float,
    start: int,
    stop: int,
    out: npt.NDArray[np.int64],
    buffer: npt.NDArray[np.float64],
) -> Any:
    """Write the edges in ``(start, stop]``: every row after one that ends a bar; returns their number.

    The row is guessed by adding on from the last edge, whole nodes at a time, and then proved with two
    exact totals: a fifth of the cost of a search.
    """
    count = 0
    row = start
    total = total_before(sizes, prices, block_sum, node_sum, level_start, start, buffer)
    while row < stop:
        first = row
        target = (count_multiples(total, step) + 1.0) * step
        while row < stop and total < target:
            shift = 0
            passed = 0.0
            below = block_sum
            base = 0
            level = 0
            while (row >> (shift + SHIFT)) << (shift + SHIFT) == row and row + (1 << (shift + SHIFT)) <= stop:
                node = below[base + (row >> (shift + SHIFT))]
                if total + node >= target:
                    break
                passed = node
                shift += SHIFT
                below = node_sum
                base = level_start[level]
                level += 1
            if shift > 0:
                total += passed
                row += 1 << shift
            else:
                size = np.float64(sizes[row])
                total += size if prices.size == 0 else prices[row] * size
                row += 1
        total = total_before(sizes, prices, block_sum, node_sum, level_start, row, buffer)
        proved = total >= target
        if proved and row - 1 > first:
            before = total_before(sizes, prices, block_sum, node_sum, level_start, row - 1, buffer)
            proved = before < target
        if not proved:
            row = (
                find_crossing(sizes, prices, block_sum, node_sum, level_start, target, first, stop, buffer)
                + 1
            )
            if row > stop:
                return count
            total = total_before(sizes, prices, block_sum, node_sum, level_start, row, buffer)
        out[count] = row
        count += 1
    return count
