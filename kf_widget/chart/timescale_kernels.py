"""Kernel of the time scale: which marks stay where they would come too close."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kf_widget.history.protocol import Ints
from kf_widget.jit import kernel

__all__ = ["keep_apart"]


@kernel(_nrt=False)
def keep_apart(position: Ints, rank: Ints, gap: int, kept: npt.NDArray[np.bool_]) -> None:
    """Choose marks at least a gap apart, higher ranks first, from left to right within a rank.

    Parameters
    ----------
    position : int64 (n,), increasing
    rank : int64 (n,), 0 and up
    gap : int64
    kept : bool (n,), overwritten; of two marks that are too close the lower rank is not kept
    """
    n = position.size
    top = 0
    for i in range(n):
        kept[i] = False
        top = max(top, rank[i])
    for level in range(top, -1, -1):
        left = -1
        right = 0
        for i in range(n):
            if kept[i]:
                left = i
            elif rank[i] == level:
                right = max(right, i + 1)
                while right < n and not kept[right]:
                    right += 1
                if (left < 0 or position[i] - position[left] >= gap) and (
                    right == n or position[right] - position[i] >= gap
                ):
                    kept[i] = True
                    left = i
