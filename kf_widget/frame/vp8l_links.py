"""Earlier places of the same pixels, kept in two chains: the same four pixels and the same twelve."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.frame.vp8l_matches import hash4
from kf_widget.frame.vp8l_words import differ64, load4
from kf_widget.history.lanes import trailing_zeros
from kf_widget.jit import part

__all__ = ["HASH_BITS", "LONG", "SHORT", "hash_long", "link", "next_edge"]

HASH_BITS = 14
SHORT = 4
"""Pixels that two places in a chain of the first kind share."""
LONG = 12
"""Pixels that two places in a chain of the second kind share."""


@part(_nrt=False, forceinline=True)
def hash_long(pixels: Any, at: int) -> Any:
    """Slot of the `LONG` pixels from `at` on, in the second half of the table."""
    word = load4(pixels, at) * 0x9E3779B1
    word = ((word ^ (word >> 29)) + load4(pixels, at + 4)) * 0x9E3779B1
    word = ((word ^ (word >> 29)) + load4(pixels, at + 8)) * 0x9E3779B1
    return (1 << HASH_BITS) + (((word ^ (word >> 29)) & 0xFFFFFFFF) >> (32 - HASH_BITS))


@part(_nrt=False)
def next_edge(pixels: Any, width: int, at: int, most: int) -> Any:
    """The first place from `at` on, of `most`, that `link` would chain; `at` where there is none.

    A copy that begins in the blank before an edge is one that begins at the edge, longer to the left.
    """
    n = pixels.size
    if at <= width:
        return at
    here = at
    while here < at + most and here + 64 <= n:
        differs = differ64(pixels, here, here - width) | differ64(pixels, here, here - 1)
        if differs:
            return here + trailing_zeros(differs)
        here += 64
    return at


@part(_nrt=False, forceinline=True)
def link(pixels: Any, width: int, at: int, stop: int, table: Any, links: Any, linked: int) -> int:
    """Chain the place `at`, and those up to `stop` that something may begin at; how many there are then.

    These are the pixels that differ from the one to the left or the one above: chains of all pixels
    would mostly lead from one blank place to the next.

    Parameters
    ----------
    pixels : uint8 (n,), rows of `width`
    table : int64 (2 << HASH_BITS,), the number of the last place of each hash, or -1
    links : int32 (m, 4), position of each place, and the place before it in either chain; when it is
        full, no more are chained and m is returned
    linked : how many places there are
    """
    n = pixels.size
    mask = np.uint64(1)
    here = at
    while at < stop:
        take = min(64, stop - at)
        if at > width and at + 64 <= n:
            mask |= differ64(pixels, at, at - width) | differ64(pixels, at, at - 1)
        else:
            mask = ~np.uint64(0)
        if take < 64:
            mask &= (np.uint64(1) << np.uint64(take)) - np.uint64(1)
        while mask:
            here = at + trailing_zeros(mask)
            mask &= mask - np.uint64(1)
            if here + SHORT > n:
                break
            if linked >= links.shape[0]:
                return linked
            links[linked, 0] = here
            slot = hash4(pixels, here, HASH_BITS)
            links[linked, 1] = table[slot]
            table[slot] = linked
            if here + LONG <= n:
                slot = hash_long(pixels, here)
                links[linked, 2] = table[slot]
                table[slot] = linked
            linked += 1
        at += take
        mask = np.uint64(0)
    return linked
