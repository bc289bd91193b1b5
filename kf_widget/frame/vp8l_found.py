"""What a search found, written: with a palette, or without one where that takes less."""

from __future__ import annotations

from typing import Any

from kf_widget.frame.vp8l_direct import FORMS, lay_out_direct, write_direct_tokens
from kf_widget.frame.vp8l_entropy import write_group_tokens, write_groups
from kf_widget.frame.vp8l_groups import model, tile_tokens, tiles_across
from kf_widget.frame.vp8l_pack import packed_width, per_byte
from kf_widget.frame.vp8l_stream import HEAD, finish_file, start_file
from kf_widget.jit import part

__all__ = [
    "FOUND_ABOVE",
    "FOUND_BITS",
    "FOUND_COUNT",
    "FOUND_GROUPS",
    "FOUND_SHIFT",
    "FOUND_SHOWN",
    "keep_less",
    "may_go_direct",
    "write_found",
]

FOUND_BITS = 0
FOUND_GROUPS = 1
FOUND_SHIFT = 2
FOUND_COUNT = 3
FOUND_SHOWN = 4
FOUND_ABOVE = 5
FOUND_FORM = 6
"""What a row of ``space.found`` lists: bits, groups, power of the tiles' side, tokens, size of the palette,
whether the pixels are differences to those above, and in which of `FORMS` colours are written, or 0."""

_DIRECT_COLOURS = 16
"""So few colours may go without a palette."""


@part(_nrt=False)
def _lay_out(
    pixels: Any,
    width: int,
    height: int,
    used: int,
    tokens: Any,
    labels: Any,
    found: Any,
    form: int,
    space: Any,
    out: Any,
) -> Any:
    """Write all that comes before the tokens; how many bits those will take.

    Parameters
    ----------
    pixels : uint8 (height * width,) where there is a form, as `lay_out_direct` takes them
    used : how many colours ``space.palette`` has
    tokens, labels, found : rows of ``space``
    form : in which of `FORMS` colours are written, 0 for a palette

    Returns
    -------
    (int, int)
        Those bits, or -1 where the form does not suit the colours; and the power of a colour cache's size.
    """
    if form:
        return lay_out_direct(
            pixels,
            width,
            height,
            used,
            tokens,
            found[FOUND_COUNT],
            labels,
            found[FOUND_GROUPS],
            found[FOUND_SHIFT],
            form,
            space,
            out,
        )
    for k in range(used):
        space.orders[0, k] = space.palette[k]
    shown = found[FOUND_SHOWN]
    start_file(
        out, space.bits, width, height, space.orders[0], used, shown, found[FOUND_ABOVE], space.scratch
    )
    across = packed_width(width, shown)
    shift = found[FOUND_SHIFT]
    wide = tiles_across(across, shift)
    tile_tokens(tokens, found[FOUND_COUNT], across, shift, space.tiles)
    model(tokens, found[FOUND_COUNT], labels, found[FOUND_GROUPS], space)
    n_tiles = wide * tiles_across(height, shift)
    return write_groups(out, labels, n_tiles, wide, shift, found[FOUND_GROUPS], True, space), 0


@part(_nrt=False)
def may_go_direct(used: int, found: Any) -> Any:
    """Whether so few colours, one pixel to a byte, may be written without a palette."""
    return used <= _DIRECT_COLOURS and per_byte(found[FOUND_SHOWN]) == 1 and not found[FOUND_ABOVE]


@part(_nrt=True)
def keep_less(pixels: Any, width: int, height: int, used: int, space: Any, out: Any) -> None:
    """Keep what one search of the pixels found where its file is the smallest yet."""
    found = space.found[0]
    for form in range(FORMS + 1 if may_go_direct(used, found) else 1):
        bits, _ = _lay_out(
            pixels, width, height, used, space.tokens[2], space.labels[0], found, form, space, out
        )
        if bits < 0:
            continue
        bits += 8 * space.bits[2] + space.bits[1]
        if bits < space.found[1, FOUND_BITS]:
            count = found[FOUND_COUNT]
            space.tokens[3, :count] = space.tokens[2, :count]
            space.labels[5] = space.labels[0]
            space.found[1] = found
            space.found[1, FOUND_BITS] = bits
            space.found[1, FOUND_FORM] = form


@part(_nrt=False)
def write_found(pixels: Any, width: int, height: int, used: int, space: Any, out: Any) -> Any:
    """Write the smallest file that was found; its size, or minus the size that `out` must have.

    pixels : as they were coded last; where colours are written directly, it was so that this was found
    """
    tokens = space.tokens[3]
    labels = space.labels[5]
    found = space.found[1]
    form = found[FOUND_FORM]
    count = found[FOUND_COUNT]
    bits = 0
    cache = 0
    for turn in range(2 if form else 1):  # with a palette first, which finds the tiles' tokens
        bits, cache = _lay_out(pixels, width, height, used, tokens, labels, found, form * turn, space, out)
    needed = space.bits[2] + 32 + (bits >> 3)
    if needed > out.size:
        return -max(needed, HEAD)
    if form:
        write_direct_tokens(out, pixels, tokens, count, labels, cache, space)
    else:
        write_group_tokens(out, tokens, count, labels, space)
    return finish_file(out, space.bits)
