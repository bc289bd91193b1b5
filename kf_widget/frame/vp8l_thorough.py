"""VP8L with the cheapest parse and several groups of codes: `balanced` and `best`."""

from __future__ import annotations

from typing import Any

from kf_widget.frame.vp8l_found import FOUND_BITS, write_found
from kf_widget.frame.vp8l_order import order_colours
from kf_widget.frame.vp8l_pack import (
    BAD_INDEX,
    pack,
    packed_width,
    per_byte,
    rank_colours,
    subtract_above,
)
from kf_widget.frame.vp8l_search import glance, lies_in_rows, search
from kf_widget.frame.vp8l_stream import HEAD, SHORT_TOKENS
from kf_widget.jit import kernel, part

__all__ = ["encode_thorough"]

_SMALL = 1 << 17
"""Pictures of fewer pixels are also tried with one pixel to a byte, however few colours they have."""
_UNPACKED = 17
"""Fewest colours of a palette that has one pixel to a byte."""


@part
def _rank_colours(indices: Any, colours: Any, n_colours: int, space: Any, out: Any) -> int:
    """Number the colours that occur; how many they are, or `BAD_INDEX`."""
    flat = indices.reshape(indices.size)
    counts = space.counts
    counts[:] = 0
    for i in range(flat.size):
        counts[flat[i]] = 1
    used = rank_colours(colours, n_colours, counts, True, space.palette, space.ranks)
    if used > 0:
        order_colours(space.palette, used, space.ranks, space.orders, out, space.bits, space.scratch)
    return used


@part(_nrt=True)
def _code_pixels(indices: Any, shown: int, used: int, ranks: Any, pixels: Any) -> Any:
    """Write the pixels as they are coded for a palette of `shown` colours; those bytes."""
    height, width = indices.shape
    flat = indices.reshape(indices.size)
    for i in range(flat.size):
        pixels[i] = ranks[flat[i]]
    if per_byte(shown) > 1:
        pack(pixels[: flat.size], width, used, pixels)
    return pixels[: height * packed_width(width, shown)]


@kernel(_nrt=False)
def encode_thorough(
    indices: Any, colours: Any, n_colours: int, pixels: Any, space: Any, out: Any, effort: Any
) -> int:
    """Encode an indexed image as a small WebP file.

    Parameters
    ----------
    indices, colours, n_colours, pixels, out : as `encode_fast` takes them
    space : `Space`, scratch
    effort : `Effort`

    Returns
    -------
    int
        As `encode_fast`.

    Notes
    -----
    Pixels of 16 colours or fewer are packed. A small picture is looked at unpacked, too: its palette is
    hardly longer, and glyphs and lines repeat wherever they lie. A large one is searched both ways, where
    the effort is great and that looks better at a glance. Of a large one whose rows differ little,
    as where a smooth line is steep, differences of rows are coded: 8 % fewer bytes.
    """
    height, width = indices.shape
    if out.size < HEAD:
        return -HEAD
    used = _rank_colours(indices, colours, n_colours, space, out)
    if used < 0:
        return BAD_INDEX
    few = per_byte(used) > 1
    small = indices.size < _SMALL
    chosen = used if few else max(used, _UNPACKED)
    shown = chosen
    above = False
    better = False
    count = 0
    least = 1 << 62
    space.found[1, FOUND_BITS] = 1 << 62
    # Looks at a small picture both ways, a search of the better one, and a great effort's look at a large
    # picture the other way. Each function that takes the space is called in one place: it has so many
    # arrays that a call takes as long to compile as a function.
    for turn in range(0 if few and small else 2, 4 if few and not small and effort.further else 3):
        if turn == 3 and above:
            break
        if turn != 2 or shown != chosen or least == 1 << 62:
            shown = _UNPACKED if turn == 0 or turn == 3 else (used if turn == 1 else chosen)
            coded = _code_pixels(indices, shown, used, space.ranks, pixels)
            if turn == 2 and not small and lies_in_rows(coded, packed_width(width, shown), space):
                subtract_above(coded, packed_width(width, shown))
                above = True
            count, bits = glance(coded, width, height, shown, space, out)
            if count < 0:
                return SHORT_TOKENS
            better = bits < least
            if better:
                least = bits
                chosen = shown
        if turn == 2 or (turn == 3 and better):
            coded = pixels[: height * packed_width(width, shown)]
            if search(coded, width, height, used, shown, above, count, effort, space, out) < 0:
                return SHORT_TOKENS
    size: int = write_found(pixels[: height * width], width, height, used, space, out)
    return size
