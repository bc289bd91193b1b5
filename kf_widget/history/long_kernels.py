"""Kernels for bars of more than a few rows, by groups of 64 as far as they cover them.

A call costs as much as a group: arrays are passed field by field, seven each. So what a scan does for almost
every bar is inlined; `any_bar`, which reads nothing beyond its rows, is left to the end of a history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.lanes import (
    first_highest,
    first_lowest,
    highest_8,
    highest_64,
    highest_to_32,
    highest_to_64,
    keep_highest,
    keep_lowest,
    lowest_8,
    lowest_64,
    lowest_to_32,
    lowest_to_64,
    sum_8,
    sum_32,
    sum_64,
)
from kf_widget.history.prefetch import prefetch
from kf_widget.history.run_kernels import GROUP, SHIFT, fold, run_highest, run_lowest, run_sum
from kf_widget.history.short_kernels import AHEAD
from kf_widget.jit import kernel, part

if TYPE_CHECKING:
    from kf_widget.history.scan_kernels import Scratch

__all__ = ["HALF", "ROOMY", "any_bar", "bar_to_32", "bar_to_64", "wide_bar"]

HALF: Final = 32
"""Rows that take half of what a group takes: the branch is guessed wrong often, and it pays."""

ROOMY: Final = 128
"""Rows of the history from a bar's first on that `bar_to_64` and `bar_to_32` may read."""


@kernel(_nrt=False)
def _push(node: int, total: float, pending: npt.NDArray[np.float64], filled: npt.NDArray[np.int64]) -> None:
    """Add a node's sum; a group that is thereby complete moves up."""
    level = 0
    while True:
        pending[level, filled[level]] = total
        filled[level] += 1
        if node & 63 != 63:
            return
        total = fold(pending[level], filled[level])
        filled[level] = 0
        node >>= SHIFT
        level += 1


@kernel(_nrt=False)
def _close(pending: npt.NDArray[np.float64], filled: npt.NDArray[np.int64]) -> Any:
    """Sum of all that is pending; leaves nothing."""
    top = filled.size - 1
    while top > 0 and filled[top] == 0:
        top -= 1
    carried = False
    total = 0.0
    for level in range(top + 1):
        count = filled[level]
        if carried:
            pending[level, count] = total
            count += 1
        if count > 0:
            total = fold(pending[level], count)
            carried = True
        filled[level] = 0
    return total


@kernel(_nrt=False)
def _group(
    high: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    volume: npt.NDArray[Any],
    start: int,
    stop: int,
    buffer: npt.NDArray[np.float64],
) -> Any:
    """Highest high, lowest low and sum of volume of 1 to 64 rows that lie in one group."""
    count = stop - start
    has_volume = volume.size > 0
    if start + GROUP <= high.size:
        total = sum_64(volume, start, count) if has_volume else 0.0
        return highest_64(high, start, count), lowest_64(low, start, count), total
    total = run_sum(volume, start, stop, buffer) if has_volume else 0.0
    return run_highest(high, start, stop), run_lowest(low, start, stop), total


@part(_nrt=False)
def any_bar(
    high: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    volume: npt.NDArray[Any],
    start: int,
    stop: int,
    scratch: Scratch,
) -> Any:
    """Highest high, lowest low and sum of volume of rows ``[start, stop)``, which is not empty."""
    buffer, pending, filled = scratch.buffer, scratch.pending, scratch.filled
    has_volume = volume.size > 0
    after = (start | 63) + 1
    highest, lowest, total = _group(high, low, volume, start, min(after, stop), buffer)
    if stop <= after:
        return highest, lowest, total
    if stop <= after + GROUP:
        top, bottom, rest = _group(high, low, volume, after, stop, buffer)
        return max(highest, top), min(lowest, bottom), total + rest
    near = start >> SHIFT >> SHIFT == (stop - 1) >> SHIFT >> SHIFT  # all groups belong to one node
    buffer[0] = total
    count = 1
    if not near:
        _push(start >> SHIFT, total, pending, filled)
    while after < stop:
        if after + GROUP <= stop:
            highest = max(highest, highest_64(high, after, GROUP))
            lowest = min(lowest, lowest_64(low, after, GROUP))
            total = sum_64(volume, after, GROUP) if has_volume else 0.0
        else:
            top, bottom, total = _group(high, low, volume, after, stop, scratch.rest)
            highest, lowest = max(highest, top), min(lowest, bottom)
        if near:
            buffer[count] = total
            count += 1
        else:
            _push(after >> SHIFT, total, pending, filled)
        after += GROUP
    if not near:
        return highest, lowest, _close(pending, filled)
    return highest, lowest, sum_8(buffer, 0, count) if count <= 8 else sum_64(buffer, 0, count)


@kernel(_nrt=False, forceinline=True)
def _ask(columns: Any, row: int, stop: int, lines: int) -> None:
    """Ask for what lies as far beyond rows ``[row, stop)``, at most 8 a line, as the scan reads ahead."""
    _, _, _, _, close, volume = columns
    for i in range(lines):
        place = min(row + 8 * i, stop - 1)
        prefetch(close, place + AHEAD)
        prefetch(volume, place + AHEAD)


@kernel(_nrt=False, forceinline=True)
def bar_to_32(columns: Any, row: int, after: int) -> Any:
    """What `any_bar` gives for a bar of at most 32 rows, from whose first on the history has `ROOMY`."""
    _, _, high, low, _, volume = columns
    count = after - row
    _ask(columns, row, after, 4)
    total = 0.0
    if volume.size > 0:
        left = min(GROUP - (row & 63), count)  # rows in the group of the first; the others' sum may be 0.0
        total = sum_32(volume, row, left) + sum_32(volume, row + left, count - left)
    return highest_to_32(high, row, count), lowest_to_32(low, row, count), total


@kernel(_nrt=False, forceinline=True)
def bar_to_64(columns: Any, row: int, after: int) -> Any:
    """What `any_bar` gives for a bar of at most 64 rows, from whose first on the history has `ROOMY`."""
    _, _, high, low, _, volume = columns
    count = after - row
    _ask(columns, row, after, 8)
    total = 0.0
    if volume.size > 0:
        left = min(GROUP - (row & 63), count)
        total = sum_64(volume, row, left) + sum_64(volume, row + left, count - left)
    return highest_to_64(high, row, count), lowest_to_64(low, row, count), total


@kernel(_nrt=False, forceinline=True)
def wide_bar(columns: Any, start: int, stop: int, scratch: Scratch) -> Any:
    """What `any_bar` gives for a bar of more than 64 rows whose last group the history has whole."""
    _, _, high, low, _, volume = columns
    buffer, highest, lowest = scratch.buffer, scratch.highest, scratch.lowest
    has_volume = volume.size > 0
    last = (stop - 1) & -GROUP
    near = start >> SHIFT >> SHIFT == last >> SHIFT >> SHIFT  # all groups belong to one node
    first_highest(highest, high, stop - GROUP)
    first_lowest(lowest, low, stop - GROUP)
    row, place = start, start  # extremes need not keep to the groups
    count = np.uint64(0)
    while row < last:
        after = (row | 63) + 1
        _ask(columns, row, after, 8)
        keep_highest(highest, high, place)
        keep_lowest(lowest, low, place)
        place = min(place + GROUP, stop - GROUP)
        total = sum_64(volume, row, after - row) if has_volume else 0.0
        if near:
            buffer[count] = total
            count += np.uint64(1)
        else:
            _push(row >> SHIFT, total, scratch.pending, scratch.filled)
        row = after
    _ask(columns, last, stop, 8)
    top, bottom = highest_8(highest, 0, 8), lowest_8(lowest, 0, 8)
    total = sum_64(volume, last, stop - last) if has_volume else 0.0
    if not near:
        _push(last >> SHIFT, total, scratch.pending, scratch.filled)
        return top, bottom, _close(scratch.pending, scratch.filled)
    buffer[count] = total
    groups = np.int64(count) + 1
    return top, bottom, sum_8(buffer, 0, groups) if groups <= 8 else sum_64(buffer, 0, groups)
