"""Where pixels repeat: runs that equal earlier ones, and how VP8L names their distance."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.frame.vp8l_words import differ64, load4
from kf_widget.history.lanes import trailing_zeros
from kf_widget.jit import part

__all__ = ["ABOVE", "FARTHEST", "LEFT", "LONGEST", "STEPS", "alike", "distance_code", "hash4"]

LONGEST = 4096
"""Most pixels in one copy."""
FARTHEST = (1 << 20) - 120
"""Most pixels back that a distance code can say."""
ABOVE = 1
"""Distance code of the pixel above."""
LEFT = 2
"""Distance code of the pixel to the left."""

# RFC 9649, section 3.6.2.2.1: the codes 1..120 as steps (left, up) in the image.
_STEPS = (
    "0,1 1,0 1,1 -1,1 0,2 2,0 1,2 -1,2 2,1 -2,1 2,2 -2,2 0,3 3,0 1,3 -1,3 3,1 -3,1 2,3 -2,3 3,2 -3,2 0,4 "
    "4,0 1,4 -1,4 4,1 -4,1 3,3 -3,3 2,4 -2,4 4,2 -4,2 0,5 3,4 -3,4 4,3 -4,3 5,0 1,5 -1,5 5,1 -5,1 2,5 "
    "-2,5 5,2 -5,2 4,4 -4,4 3,5 -3,5 5,3 -5,3 0,6 6,0 1,6 -1,6 6,1 -6,1 2,6 -2,6 6,2 -6,2 4,5 -4,5 5,4 "
    "-5,4 3,6 -3,6 6,3 -6,3 0,7 7,0 1,7 -1,7 5,5 -5,5 7,1 -7,1 4,6 -4,6 6,4 -6,4 2,7 -2,7 7,2 -7,2 3,7 "
    "-3,7 7,3 -7,3 5,6 -5,6 6,5 -6,5 8,0 4,7 -4,7 7,4 -7,4 8,1 8,2 6,6 -6,6 8,3 5,7 -5,7 7,5 -7,5 8,4 6,7 "
    "-6,7 7,6 -7,6 8,5 7,7 -7,7 8,6 8,7"
)
STEPS = np.array([[int(part) for part in step.split(",")] for step in _STEPS.split()], np.int64)
"""int64 (120, 2): pixels to the left and up that each distance code from 1 on stands for."""

_NEAR = np.zeros((8, 16), np.int64)
_NEAR[STEPS[:, 1], STEPS[:, 0] + 7] = np.arange(1, 121)


@part(_nrt=False)
def alike(pixels: Any, at: int, other: int, most: int) -> Any:
    """How many pixels from `at` on equal those from `other` on, at most `most`.

    pixels : uint8 (n,); `at` + `most` <= n, `other` < `at`
    """
    run = 0
    while run + 64 <= most:
        differs = differ64(pixels, at + run, other + run)
        if differs:
            return run + trailing_zeros(differs)
        run += 64
    while run < most and pixels[at + run] == pixels[other + run]:
        run += 1
    return run


@part(_nrt=False)
def hash4(pixels: Any, at: int, size_bits: int) -> Any:
    """Hash of the four pixels from `at` on, below 2**size_bits."""
    return ((load4(pixels, at) * 0x9E3779B1) & 0xFFFFFFFF) >> (32 - size_bits)


@part(_nrt=False)
def distance_code(distance: int, width: int) -> Any:
    """The shortest distance code for pixels `distance` back in a picture `width` wide."""
    up = (distance + 7) // width
    left = distance - up * width
    if up < 8 and left <= 8:
        code = _NEAR[up, left + 7]
        if code > 0:
            return code
    return distance + 120
