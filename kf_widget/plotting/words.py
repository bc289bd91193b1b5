"""Pixels as words: four bytes a pixel, as they lie in the memory of an RGBA image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.jit import kernel

__all__ = ["FOREIGN", "index_pixels", "index_words", "rgba_words"]

FOREIGN = -1
"""Returned where an image has more than 256 colours."""
_SLOTS = 2048


def rgba_words(colours: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """uint32 (256,): 0xAARRGGBB as it lies in the memory of an RGBA image."""
    words = np.zeros(256, np.uint32)
    words[: colours.size] = colours & np.uint32(0xFF00FF00)
    words[: colours.size] |= (colours >> np.uint32(16)) & np.uint32(255)
    words[: colours.size] |= (colours & np.uint32(255)) << np.uint32(16)
    return words


@kernel
def index_words(words: Any, slots: Any, colours: Any, out: Any) -> int:
    """Number the colours of an image in the order in which they occur.

    Parameters
    ----------
    words : uint32 (n,)
    slots : int64 (2048,), scratch
    colours : uint32 (256,), overwritten with the colours, as words
    out : uint8 (n,), overwritten with each pixel's number

    Returns
    -------
    int
        How many colours there are, or `FOREIGN` where more than 256.
    """
    slots[:] = -1
    used = 0
    last_word = np.uint32(0)
    last = -1
    for i in range(words.size):
        word = words[i]
        if last < 0 or word != last_word:
            at = ((np.int64(word) * 0x9E3779B1) >> 17) & 2047
            while slots[at] >= 0 and colours[slots[at]] != word:
                at = (at + 1) & 2047
            if slots[at] < 0:
                if used == 256:
                    return FOREIGN
                slots[at] = used
                colours[used] = word
                used += 1
            last = slots[at]
            last_word = word
        out[i] = last
    return used


def index_pixels(
    words: npt.NDArray[np.uint32], height: int, width: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]] | None:
    """Indices uint8 (height, width) and their colours, 0xAARRGGBB; None where there are more than 256."""
    colours = np.empty(256, np.uint32)
    out = np.empty(words.size, np.uint8)
    used = index_words(words, np.empty(_SLOTS, np.int64), colours, out)
    if used == FOREIGN:
        return None
    return out.reshape(height, width), rgba_words(colours[:used])[:used]
