"""Tokens, literals and copies, as words and as bits (RFC 9649, section 3.6.2)."""

from __future__ import annotations

from typing import Any

from kf_widget.frame.vp8l_bits import put
from kf_widget.frame.vp8l_words import leading_zeros
from kf_widget.jit import part
from kf_widget.raster.stores import store8

__all__ = [
    "DISTANCES",
    "GREENS",
    "LITERALS",
    "copied",
    "copy_token",
    "distance_said",
    "prefix_extra",
    "prefix_symbol",
    "tokens_bits",
    "write_lone_code",
    "write_tokens",
]

LITERALS = 256
"""Symbols of a green, red, blue or alpha literal."""
GREENS = LITERALS + 24
"""Symbols of the green code: literals and copy lengths."""
DISTANCES = 40
"""Symbols of the distance code."""


@part(_nrt=False)
def prefix_symbol(value: int) -> Any:
    """Symbol that a length or a distance code, 1 or more, begins with."""
    value -= 1
    if value < 4:
        return value
    top = 63 - leading_zeros(value)
    return 2 * top + ((value >> (top - 1)) & 1)


@part(_nrt=False)
def prefix_extra(symbol: int) -> int:
    """How many extra bits follow the symbol of a length or a distance code."""
    return (symbol - 2) >> 1 if symbol >= 4 else 0


@part(_nrt=False)
def copy_token(length: int, code: int) -> Any:
    """A copy of `length` pixels (1..4096) at a distance code (from 1), as one word.

    Green symbol in bits 0..8, extra bits of the length in 9..18, distance symbol in 19..24, its
    extra bits in 25..44. A literal's token is its green symbol.
    """
    first = prefix_symbol(length)
    second = prefix_symbol(code)
    more = (length - 1) & ((1 << prefix_extra(first)) - 1)
    farther = (code - 1) & ((1 << prefix_extra(second)) - 1)
    return (LITERALS + first) | (more << 9) | (second << 19) | (farther << 25)


@part(_nrt=False)
def copied(token: int) -> Any:
    """How many pixels a token stands for."""
    symbol = (token & 511) - LITERALS
    if symbol < 0:
        return 1
    if symbol < 4:
        return symbol + 1
    return ((2 + (symbol & 1)) << prefix_extra(symbol)) + ((token >> 9) & 1023) + 1


@part(_nrt=False)
def distance_said(token: int) -> Any:
    """The distance code of a copy."""
    symbol = (token >> 19) & 63
    if symbol < 4:
        return symbol + 1
    return ((2 + (symbol & 1)) << prefix_extra(symbol)) + (token >> 25) + 1


@part(_nrt=False)
def write_tokens(out: Any, bits: Any, tokens: Any, count: int, green_codes: Any, distance_codes: Any) -> None:
    """Write tokens with finished codes.

    The writer's state is held in locals: through `put` a token takes 40 ns, so 5.

    Parameters
    ----------
    out, bits : the bit writer; `out` must have room, which nothing checks here
    tokens : int64 (count,), as made by `copy_token`
    green_codes : int64 (GREENS,), as made by `canonical_codes`
    distance_codes : int64 (DISTANCES,)
    """
    word = bits[0]
    have = bits[1]
    position = bits[2]
    for i in range(count):
        token = tokens[i]
        symbol = token & 511
        code = green_codes[symbol]
        word |= (code >> 4) << have
        have += code & 15
        if symbol >= LITERALS:
            word |= ((token >> 9) & 1023) << have
            symbol -= LITERALS
            have += (symbol - 2) >> 1 if symbol >= 4 else 0
            symbol = (token >> 19) & 63
            code = distance_codes[symbol]
            word |= (code >> 4) << have
            have += code & 15
            if symbol >= 4:
                store8(out, position, word)
                position += have >> 3
                word >>= have & -8
                have &= 7
                word |= (token >> 25) << have
                have += (symbol - 2) >> 1
        store8(out, position, word)
        position += have >> 3
        word >>= have & -8
        have &= 7
    bits[0] = word
    bits[1] = have
    bits[2] = position


@part(_nrt=False)
def tokens_bits(greens: Any, distances: Any, green_codes: Any, distance_codes: Any) -> int:
    """How many bits `write_tokens` will write, from the counts of its symbols."""
    total = 0
    for s in range(LITERALS):
        total += greens[s] * (green_codes[s] & 15)
    for s in range(LITERALS, GREENS):
        total += greens[s] * ((green_codes[s] & 15) + prefix_extra(s - LITERALS))
    for s in range(DISTANCES):
        total += distances[s] * ((distance_codes[s] & 15) + prefix_extra(s))
    return total


@part(_nrt=False)
def write_lone_code(out: Any, bits: Any, symbol: int) -> None:
    """A code of one symbol, 0 or 1, which takes no bits."""
    put(out, bits, 1 | (symbol << 3), 4)
