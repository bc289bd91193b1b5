"""Memory of arrays that were let go of, given to the next ones: the system would clear new memory first."""

from __future__ import annotations

import contextlib
import functools
import math
import mmap
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_BYTES", "Recycler"]

LEAST_BYTES = 1 << 22
"""Below it the allocator gives memory anew by itself."""

_FREE: int = getattr(mmap, "MADV_FREE", 0)

try:
    from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit
except ImportError:  # Windows, which has no MADV_FREE either
    _FREE = 0


@functools.cache
def _promises_all() -> bool:
    """Whether the system counts memory when it is asked for, as Linux does if told not to overcommit."""
    try:
        return Path("/proc/sys/vm/overcommit_memory").read_text().strip() == "2"
    except OSError:
        return False


def _keeps() -> bool:
    """Whether memory that is kept is there for all others: not where a process may only ask for so much."""
    return bool(_FREE) and getrlimit(RLIMIT_AS)[0] == RLIM_INFINITY and not _promises_all()


class _Loan:
    """A block under an array and its views; with the last of them it comes back."""

    def __init__(
        self, block: mmap.mmap, shape: tuple[int, ...], kind: np.dtype[Any], kept: deque[mmap.mmap]
    ) -> None:
        self._block, self._kept = block, kept
        memory = np.frombuffer(block, np.uint8).__array_interface__
        self.__array_interface__ = memory | {"shape": shape, "typestr": kind.str, "descr": [("", kind.str)]}

    def __del__(self, free: int = _FREE) -> None:
        try:
            # Should the system run short, it may take what nobody has written to since.
            self._block.madvise(free)
        except OSError:  # of locked memory; let it go
            return
        self._kept.append(self._block)


class Recycler:
    """Gives arrays; keeps the blocks let go of last, whose memory the system may take back at any time."""

    def __init__(self, blocks: int) -> None:
        """Keep so many blocks at most. An array may end in any thread, anywhere: none takes a lock."""
        self._kept: deque[mmap.mmap] = deque(maxlen=blocks)

    def room(self, shape: tuple[int, ...], kind: npt.DTypeLike) -> tuple[npt.NDArray[Any], bool]:
        """An array like `np.empty`, and whether it lies in memory that was written to before.

        Kept blocks that do not suit, being smaller or more than twice as large, go back to the system. Costs
        10 us; new memory costs 90 us a megabyte more once it is written to.
        """
        kind = np.dtype(kind)
        size = math.prod(shape) * kind.itemsize
        if size < LEAST_BYTES or not _keeps():
            return np.empty(shape, kind), False
        with contextlib.suppress(IndexError):
            while True:
                block = self._kept.pop()
                if size <= len(block) <= 2 * size:
                    return np.asarray(_Loan(block, shape, kind, self._kept)), True
        try:
            block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except OSError:
            return np.empty(shape, kind), False  # says what is short, and by how much
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with contextlib.suppress(OSError):  # a system without them
                block.madvise(mmap.MADV_HUGEPAGE)
        return np.asarray(_Loan(block, shape, kind, self._kept)), False

    def forget(self) -> None:
        """Give the blocks that are kept back to the system."""
        self._kept.clear()
