"""Prefix codes that are short to write down: symbols of about the same count get the same length."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.frame.vp8l_codes import code_lengths, write_lengths
from kf_widget.jit import part

__all__ = ["write_smooth_code"]

_SPREADS = np.array([2, 3, 6, 12], np.int64)
"""Counts in a row are taken for equal where the highest is at most half so many times the lowest."""


@part(_nrt=False)
def _even(counts: Any, n: int, spread: int, evened: Any) -> None:
    """Replace counts in a row that are about the same by their mean; one of 0 may count as a half."""
    first = 0
    while first < n:
        evened[first] = counts[first]
        if counts[first] == 0:
            first += 1
            continue
        low = 2 * counts[first]
        high = low
        last = first
        total = 0
        sum_to_last = 0
        at = first
        while at < n:
            count = max(2 * counts[at], 1)
            low = min(low, count)
            high = max(high, count)
            if 2 * high > spread * low:
                break
            total += counts[at]
            if counts[at]:
                last = at
                sum_to_last = total
            at += 1
        many = last + 1 - first
        for s in range(first, last + 1):
            evened[s] = counts[s] if many < 3 else max((sum_to_last + (many >> 1)) // many, 1)
        first = last + 1


@part(_nrt=False)
def write_smooth_code(
    out: Any, bits: Any, counts: Any, n: int, lengths: Any, codes: Any, evened: Any, scratch: Any
) -> None:
    """Write the prefix code down that, with the symbols written in it, takes the fewest bits.

    Takes what `write_code` does, and evened : int64 (n,), scratch.
    """
    least = 1 << 62
    chosen = 0
    held = bits[0]
    held_count = bits[1]
    held_position = bits[2]
    for turn in range(_SPREADS.size + 1):
        bits[0] = held
        bits[1] = held_count
        bits[2] = held_position
        _even(counts, n, _SPREADS[turn if turn < _SPREADS.size else chosen], evened)
        used = code_lengths(evened, n, 15, lengths, scratch)
        write_lengths(out, bits, used, n, lengths, codes, scratch)
        if used <= 2:
            return
        cost = 8 * (bits[2] - held_position) + bits[1] - held_count
        for s in range(n):
            cost += counts[s] * (codes[s] & 15)
        if cost < least:
            least = cost
            chosen = turn
