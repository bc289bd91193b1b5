"""VP8L with the cheapest parse and several groups of codes: `balanced` and `best`."""

from __future__ import annotations

from typing import Any

from kf_widget.frame.vp8l_found import FOUND_BITS, write_found
from kf_widget.frame.vp8l_order import order_colours, order_rows
from kf_widget.frame.vp8l_pack import (
    BAD_INDEX,
    pack,
    packed_width,
    per_byte,
    rank_colours,
    subtract_above,
)
from kf_widget.frame.vp8l_search import SMALL, glance, repeats, search, share_above
from kf_widget.frame.vp8l_stream import HEAD, SHORT_TOKENS
from kf_widget.jit import kernel, part

__all__ = ["encode_thorough"]

_UNPACKED = 17
"""Fewest colours of a palette that has one pixel to a byte."""
_CLOSE = 1.06
"""So much more the other way to code a small picture of glyphs may seem to take for a great effort to search
both."""
_SURELY_ABOVE = 0.965
_PERHAPS_ABOVE = 1.04
"""Where differences of rows seem to take a smaller share of the bits, they are coded; of 1920x1080 pixels,
smooth lines and areas are at 0.92 to 0.95, or 1.03 where there is text. Up to the second, as point & figure
is, they are looked at, which takes twice as long again, and must be a fiftieth smaller."""


@part(_nrt=False)
def _note_indices(flat: Any, counts: Any) -> None:
    """Mark the indices that occur."""
    counts[:] = 0
    for i in range(flat.size):
        counts[flat[i]] = 1


@part(_nrt=True)
def _code_pixels(flat: Any, width: int, shown: int, used: int, ranks: Any, above: bool, pixels: Any) -> Any:
    """Write the pixels as they are coded for a palette of `shown` colours; those bytes.

    above : whether as `subtract_above` leaves them
    """
    for i in range(flat.size):
        pixels[i] = ranks[flat[i]]
    if per_byte(shown) > 1:
        pack(pixels[: flat.size], width, used, pixels)
    across = packed_width(width, shown)
    coded = pixels[: flat.size // width * across]
    if above:
        subtract_above(coded, across)
    return coded


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
    hardly longer, and glyphs and lines repeat wherever they lie. Where the effort is great, a large one is
    searched both ways if that looks better at a glance, and a small one of glyphs if it looks about the same.
    Of a large one whose rows differ little, as where a smooth line is steep, differences of rows are coded:
    8 to 20 % fewer bytes.
    """
    height, width = indices.shape
    if out.size < HEAD:
        return -HEAD
    flat = indices.reshape(indices.size)
    _note_indices(flat, space.counts)
    used = rank_colours(colours, n_colours, space.counts, True, space.palette, space.ranks)
    if used < 0:
        return BAD_INDEX
    few = per_byte(used) > 1
    small = indices.size < SMALL
    chosen = used if few else max(used, _UNPACKED)
    apart = above = False
    if not small:
        together = space.tile_counts.reshape(space.tile_counts.size)
        order_rows(flat, width, space.palette, used, space.ranks, together, space.orders)
        coded = _code_pixels(flat, width, chosen, used, space.ranks, False, pixels)
        share = share_above(coded, packed_width(width, chosen), space)
        if share < 0:  # of neither is there enough: the file must not depend on how much room there is
            return SHORT_TOKENS
        apart, above = share < _PERHAPS_ABOVE, share < _SURELY_ABOVE
    ordered = differs = better = False
    shown = count = 0
    least = 1 << 62
    space.found[1, FOUND_BITS] = 1 << 62
    # Looks at a small picture both ways, or at a large one with its rows apart and not; a search of the
    # better one; and with great effort of what is unpacked, which comes last, as `write_found` reads it. Each
    # function that takes the space is called in one place: it has so many arrays that a call takes as long
    # to compile as a function.
    looks = few if small else apart and not above
    both = few and not small
    for turn in range(0 if looks else 2, 4 if effort.further else 3):
        if turn == 3 and (above or not both):
            break
        if not ordered and (not apart or (turn == 2 and not above)):
            rank_colours(colours, n_colours, space.counts, True, space.palette, space.ranks)
            order_colours(space.palette, used, space.ranks, space.orders, out, space.bits, space.scratch)
            ordered = True
            shown = 0
        tried = chosen
        if turn == 3 or (turn == 0 and small):
            tried = _UNPACKED
        elif small and (turn == 1 or both):
            tried = used
        subtracted = turn == 1 if apart and turn < 2 else above
        if shown != tried or differs != subtracted:
            shown = tried
            differs = subtracted
            coded = _code_pixels(flat, width, shown, used, space.ranks, differs, pixels)
            count, bits = glance(coded, width, height, shown, space, out)
            if count < 0:
                return SHORT_TOKENS
            better = bits < (least if not differs or turn != 1 else least - least // 50)
            if small and turn == 1 and effort.further:
                both = repeats(count, True, space) and max(bits, least) < _CLOSE * min(bits, least)
            if better:
                least = bits
                chosen = shown
                above = differs
        if turn == 2 or (turn == 3 and (better or small)):
            coded = pixels[: height * packed_width(width, shown)]
            if search(coded, width, height, used, shown, above, count, effort, space, out) < 0:
                return SHORT_TOKENS
    size: int = write_found(pixels[: height * width], width, height, used, space, out)
    return size
