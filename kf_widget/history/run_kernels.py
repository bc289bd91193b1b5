"""Kernels over a run of neighbours, at most a group of 64: its sum by the halving tree, its extremes.

**The tree of a group** halves: ``s[i] = v[i] + v[i + 32]``, then + 16, + 8, + 4, + 2, + 1, absent children
being 0.0, all in float64. The children of one residue class modulo a power of two stay together under a
shift, and addition commutes: a run of neighbours has the same sum wherever in its group it lies. So a
run is summed from its first value on, padded with zeros.

Why these shapes: trip counts are constants, so that LLVM keeps eight lanes in vectors; a loop of unknown
length leaves up to 31 values to a scalar tail and takes 3x to 10x as long. Indices are unsigned, which
spares the test for negative ones that would keep loads apart. Reference counts are off: kernels own no
memory, and counting alone took 60 of the 85 ns of a short bar.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.jit import kernel, part

__all__ = [
    "GROUP",
    "SHIFT",
    "fold",
    "group_highest",
    "group_lowest",
    "group_sum",
    "run_highest",
    "run_lowest",
    "run_sum",
]

SHIFT: Final = 6
GROUP: Final = 64
"""Children of a node; rows of a block."""


@kernel(_nrt=False)
def _lanes(b: npt.NDArray[np.float64]) -> Any:
    return ((b[0] + b[4]) + (b[2] + b[6])) + ((b[1] + b[5]) + (b[3] + b[7]))


@part(_nrt=False)
def fold(buffer: npt.NDArray[np.float64], count: int) -> Any:
    """Sum of ``buffer[:count]`` by the halving tree; the buffer is overwritten.

    buffer : float64 (64,); count : 1 to 64.
    """
    if count > 8:
        for i in range(count, GROUP):
            buffer[i] = 0.0
        for i in range(8):
            buffer[i] = ((buffer[i] + buffer[i + 32]) + (buffer[i + 16] + buffer[i + 48])) + (
                (buffer[i + 8] + buffer[i + 40]) + (buffer[i + 24] + buffer[i + 56])
            )
    else:
        for i in range(count, 8):
            buffer[i] = 0.0
    return _lanes(buffer)


@kernel(_nrt=False)
def _value(values: npt.NDArray[Any], start: int, i: int) -> Any:
    return np.float64(values[start + np.uint64(i)])


@kernel(_nrt=False)
def _padded(values: npt.NDArray[Any], start: int, count: int, i: int) -> Any:
    value = np.float64(values[start + np.uint64(i)])
    return value if i < count else 0.0


@part(_nrt=False)
def group_sum(values: npt.NDArray[Any], start: int, buffer: npt.NDArray[np.float64]) -> Any:
    """Sum of 64 neighbours; values : float32 or float64; buffer : float64 (64,), overwritten."""
    s = np.uint64(start)
    for i in range(8):
        buffer[i] = (
            (_value(values, s, i) + _value(values, s, i + 32))
            + (_value(values, s, i + 16) + _value(values, s, i + 48))
        ) + (
            (_value(values, s, i + 8) + _value(values, s, i + 40))
            + (_value(values, s, i + 24) + _value(values, s, i + 56))
        )
    return _lanes(buffer)


@part(_nrt=False)
def run_sum(values: npt.NDArray[Any], start: int, stop: int, buffer: npt.NDArray[np.float64]) -> Any:
    """Sum of 1 to 64 neighbours that lie in one group, by the halving tree.

    values : float32 or float64; start, stop : rows; buffer : float64 (64,), overwritten.
    """
    s = np.uint64(start)
    n = stop - start
    room = values.size - start
    if n <= 8 and room >= 8:
        for i in range(8):
            buffer[i] = _padded(values, s, n, i)
    elif n <= 16 and room >= 16:
        for i in range(8):
            buffer[i] = _value(values, s, i) + _padded(values, s, n, i + 8)
    elif n <= 32 and room >= 32:
        for i in range(8):
            buffer[i] = (_value(values, s, i) + _padded(values, s, n, i + 16)) + (
                _value(values, s, i + 8) + _padded(values, s, n, i + 24)
            )
    elif n == GROUP:
        return group_sum(values, start, buffer)
    elif room >= GROUP:
        for i in range(8):
            buffer[i] = (
                (_value(values, s, i) + _padded(values, s, n, i + 32))
                + (_value(values, s, i + 16) + _padded(values, s, n, i + 48))
            ) + (
                (_value(values, s, i + 8) + _padded(values, s, n, i + 40))
                + (_value(values, s, i + 24) + _padded(values, s, n, i + 56))
            )
    else:
        for i in range(n):
            buffer[i] = np.float64(values[start + i])
        return fold(buffer, n)
    return _lanes(buffer)


@kernel(_nrt=False, fastmath={"nnan", "nsz"})
def _highest_8(values: npt.NDArray[np.float64], start: int, count: int) -> Any:
    s = np.uint64(start)
    first = values[s]
    highest = first
    for i in range(8):
        value = values[s + np.uint64(i)]
        highest = max(highest, value if i < count else first)
    return highest


@kernel(_nrt=False, fastmath={"nnan", "nsz"})
def _lowest_8(values: npt.NDArray[np.float64], start: int, count: int) -> Any:
    s = np.uint64(start)
    first = values[s]
    lowest = first
    for i in range(8):
        value = values[s + np.uint64(i)]
        lowest = min(lowest, value if i < count else first)
    return lowest


@part(_nrt=False, fastmath={"nnan", "nsz"})
def group_highest(values: npt.NDArray[np.float64], start: int) -> Any:
    """Highest of 64 neighbours."""
    s = np.uint64(start)
    highest = values[s]
    for i in range(64):
        highest = max(highest, values[s + np.uint64(i)])
    return highest


@part(_nrt=False, fastmath={"nnan", "nsz"})
def group_lowest(values: npt.NDArray[np.float64], start: int) -> Any:
    """Lowest of 64 neighbours."""
    s = np.uint64(start)
    lowest = values[s]
    for i in range(64):
        lowest = min(lowest, values[s + np.uint64(i)])
    return lowest


@part(_nrt=False, fastmath={"nnan", "nsz"})
def run_highest(values: npt.NDArray[np.float64], start: int, stop: int) -> Any:
    """Highest of any number of neighbours above none; eights, the last of which may overlap."""
    if stop - start < 8:
        if start + 8 <= values.size:
            return _highest_8(values, start, stop - start)
        highest = values[start]
        for i in range(start + 1, stop):
            highest = max(highest, values[i])
        return highest
    highest = _highest_8(values, stop - 8, 8)
    while start < stop - 8:
        highest = max(highest, _highest_8(values, start, 8))
        start += 8
    return highest


@part(_nrt=False, fastmath={"nnan", "nsz"})
def run_lowest(values: npt.NDArray[np.float64], start: int, stop: int) -> Any:
    """Lowest of any number of neighbours above none; eights, the last of which may overlap."""
    if stop - start < 8:
        if start + 8 <= values.size:
            return _lowest_8(values, start, stop - start)
        lowest = values[start]
        for i in range(start + 1, stop):
            lowest = min(lowest, values[i])
        return lowest
    lowest = _lowest_8(values, stop - 8, 8)
    while start < stop - 8:
        lowest = min(lowest, _lowest_8(values, start, 8))
        start += 8
    return lowest
