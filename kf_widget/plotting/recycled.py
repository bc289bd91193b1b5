"""Memory of an array that was let go of, given to the next one: the system would clear new memory first."""

from __future__ import annotations

import contextlib
import math
import mmap
from collections import deque

import numpy as np
import numpy.typing as npt

__all__ = ["forget", "recycled"]

_LEAST_BYTES = 1 << 22
"""Below it the allocator gives memory anew by itself."""

_FREE: int = getattr(mmap, "MADV_FREE", 0)

_kept: deque[mmap.mmap] = deque(maxlen=1)
"""The block let go of last. An array may end in any thread, anywhere, so nothing here takes a lock."""


class _Loan:
    """A block under an array and its views; with the last of them it comes back."""

    def __init__(self, block: mmap.mmap, shape: tuple[int, ...]) -> None:
        self._block = block
        self.__array_interface__ = np.frombuffer(block, np.uint8).__array_interface__ | {"shape": shape}

    def __del__(self, kept: deque[mmap.mmap] = _kept, free: int = _FREE) -> None:
        try:
            # Should the system run short, it may take what nobody has written to since.
            self._block.madvise(free)
        except OSError:  # of locked memory; let it go
            return
        kept.append(self._block)


def recycled(shape: tuple[int, ...]) -> tuple[npt.NDArray[np.uint8], bool]:
    """An array like `np.empty`, and whether it lies in the memory of the one dropped last.

    One such block is kept at most, and the system may take its memory back at any time. Costs 10 us; new
    memory costs 90 us a megabyte more once it is written to.
    """
    size = math.prod(shape)
    if size < _LEAST_BYTES or not _FREE:
        return np.empty(shape, np.uint8), False
    with contextlib.suppress(IndexError):
        block = _kept.pop()
        if size <= len(block) <= 2 * size:
            return np.asarray(_Loan(block, shape)), True
        del block
    try:
        block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:
        return np.empty(shape, np.uint8), False  # says what is short, and by how much
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a system without them
            block.madvise(mmap.MADV_HUGEPAGE)
    return np.asarray(_Loan(block, shape)), False


def forget() -> None:
    """Give the block that is kept back to the system."""
    _kept.clear()
