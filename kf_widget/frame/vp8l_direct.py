"""Few colours without a palette: a literal writes its colour out, or only one does whose colour is not in the
colour cache, and the others call it by its place there (RFC 9649, sections 3.5.3, 3.6.2.1 and 3.6.2.3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.frame.vp8l_bits import put
from kf_widget.frame.vp8l_codes import write_code
from kf_widget.frame.vp8l_entropy import write_tiles
from kf_widget.frame.vp8l_groups import tiles_across
from kf_widget.frame.vp8l_matches import alike
from kf_widget.frame.vp8l_palette import channel_shift
from kf_widget.frame.vp8l_smooth import write_smooth_code
from kf_widget.frame.vp8l_space import CACHED, DIRECT
from kf_widget.frame.vp8l_stream import start_image
from kf_widget.frame.vp8l_tokens import DISTANCES, GREENS, LITERALS, copied, tokens_bits, write_tokens
from kf_widget.jit import part

__all__ = ["FORMS", "lay_out_direct", "write_direct_tokens"]

FORMS = 4
"""Ways to write colours directly: numbers from 1 on, less 1 bit 0 if cached, bit 1 if without their green."""
_CACHE_BITS = 8
_MISSES = 4
"""So many times more than once to a colour a literal may miss the cache: each takes some 20 bits."""
_HASH = 0x1E35A7BD
_CHANNELS = GREENS + CACHED
"""Where in a row of ``space.direct_counts`` red, blue and alpha lie, after green, lengths and the cache."""


@part(_nrt=False)
def _slot(colour: int, bits: int) -> Any:
    """Place of a colour in a cache of 2**bits."""
    return ((_HASH * colour) & 0xFFFFFFFF) >> (32 - bits)


@part(_nrt=False)
def _channel(colour: int, k: int) -> Any:
    """Red, blue and alpha of 0xAARRGGBB, in the order of their codes."""
    return (colour >> channel_shift(k + 1)) & 255


@part(_nrt=False)
def _remember(pixels: Any, at: int, stop: int, bits: int, space: Any) -> None:
    """Put the colours of the pixels up to `stop` into the cache, ``space.counts``: numbers from 1 on."""
    while at < stop:
        rank = np.int64(pixels[at])
        space.counts[_slot(space.written[rank], bits)] = rank + 1
        at += 1 + alike(pixels, at + 1, at, stop - at - 1)


@part(_nrt=False)
def _count(pixels: Any, tokens: Any, count: int, labels: Any, groups: int, bits: int, space: Any) -> Any:
    """Count the symbols of each group, but those of distances; how many literals are not in the cache."""
    space.direct_counts[:groups] = 0
    space.counts[:] = 0
    at = 0
    missed = 0
    for i in range(count):
        symbol = tokens[i] & 511
        counts = space.direct_counts[labels[space.tiles[i]]]
        stop = at + copied(tokens[i])
        colour = space.written[symbol & 255]
        if symbol >= LITERALS:
            counts[symbol] += 1
        elif bits and space.counts[_slot(colour, bits)] == symbol + 1:
            counts[GREENS + _slot(colour, bits)] += 1
        else:
            missed += 1
            counts[(colour >> 8) & 255] += 1
            for k in range(3):
                counts[_CHANNELS + k * LITERALS + _channel(colour, k)] += 1
        if bits:
            _remember(pixels, at, stop, bits, space)
        at = stop
    return missed


@part(_nrt=False)
def lay_out_direct(
    pixels: Any,
    width: int,
    height: int,
    used: int,
    tokens: Any,
    count: int,
    labels: Any,
    groups: int,
    shift: int,
    form: int,
    space: Any,
    out: Any,
) -> Any:
    """Write all that comes before the tokens, without a palette; how many bits those will take.

    The tokens' tiles and the counts of their distances are those of the same tokens with a palette.
    The cache is the smallest that misses hardly any colour but the first of each: colours that share a
    place and do not alternate share a symbol then.

    Parameters
    ----------
    pixels : uint8 (height * width,), the numbers of their colours
    tokens : int64 (count,), one pixel to a literal, which is the number of its colour
    labels, groups, shift : the tiles' groups, how many there are, and the power of a tile's side
    form : which of `FORMS`

    Returns
    -------
    (int, int)
        Bits of the tokens, or -1 where the colours do not fit into a cache; and the power of its size.
    """
    for k in range(used):
        colour = space.palette[k]
        if (form - 1) & 2:
            green = (colour >> 8) & 255
            red = (((colour >> 16) & 255) - green) & 255
            blue = ((colour & 255) - green) & 255
            colour = (colour & 0xFF00FF00) | (red << 16) | blue
        space.written[k] = colour
    cache = (form - 1) & 1
    while _count(pixels, tokens, count, labels, groups, cache, space) > used + _MISSES and cache:
        cache += 1
        if cache > _CACHE_BITS:
            return -1, 0
    bits = space.bits
    start_image(out, bits, width, height, space.palette, used)
    if (form - 1) & 2:
        put(out, bits, 1 | (2 << 1), 3)
    put(out, bits, 0, 1)  # no further transform
    put(out, bits, 1 | (cache << 1) if cache else 0, 5 if cache else 1)
    wide = tiles_across(width, shift)
    write_tiles(out, labels, wide * tiles_across(height, shift), wide, shift, groups, space)
    greens = GREENS + ((1 << cache) if cache else 0)
    total = 0
    for group in range(groups):
        counts = space.direct_counts[group]
        codes = space.direct_codes[group]
        write_smooth_code(
            out, bits, counts[:greens], greens, space.lengths, codes, space.evened, space.scratch
        )
        for k in range(3):
            at = _CHANNELS + k * LITERALS
            write_code(out, bits, counts[at:], LITERALS, space.lengths, codes[at:], space.scratch)
        for s in range(GREENS, DIRECT):
            if s < greens or s >= _CHANNELS:
                total += counts[s] * (codes[s] & 15)
        distances = space.distances[group]
        distance_codes = space.distance_codes[group]
        write_smooth_code(
            out, bits, distances, DISTANCES, space.lengths, distance_codes, space.evened, space.scratch
        )
        total += tokens_bits(counts, distances, codes, distance_codes)
    return total, cache


@part(_nrt=False)
def write_direct_tokens(
    out: Any, pixels: Any, tokens: Any, count: int, labels: Any, cache: int, space: Any
) -> None:
    """Write each token with the codes that `lay_out_direct` left.

    Parameters
    ----------
    out : uint8 (n,), with room, which nothing checks here
    pixels, tokens, count, labels : as `lay_out_direct` took them
    cache : as it returned it
    """
    bits = space.bits
    space.counts[:] = 0
    at = 0
    for i in range(count):
        symbol = tokens[i] & 511
        group = labels[space.tiles[i]]
        codes = space.direct_codes[group]
        stop = at + copied(tokens[i])
        colour = space.written[symbol & 255]
        if symbol >= LITERALS:
            write_tokens(out, bits, tokens[i : i + 1], 1, codes, space.distance_codes[group])
        elif cache and space.counts[_slot(colour, cache)] == symbol + 1:
            code = codes[GREENS + _slot(colour, cache)]
            put(out, bits, code >> 4, code & 15)
        else:
            code = codes[(colour >> 8) & 255]
            put(out, bits, code >> 4, code & 15)
            for k in range(3):
                code = codes[_CHANNELS + k * LITERALS + _channel(colour, k)]
                put(out, bits, code >> 4, code & 15)
        if cache:
            _remember(pixels, at, stop, cache, space)
        at = stop
