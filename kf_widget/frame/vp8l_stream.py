"""What every VP8L file of an indexed image has: container, palette, tokens (RFC 9649, sections 2.6 and 3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.frame.vp8l_bits import put, start
from kf_widget.frame.vp8l_codes import write_code
from kf_widget.jit import kernel

__all__ = [
    "BAD_INDEX",
    "DISTANCES",
    "GREENS",
    "HEAD",
    "LITERALS",
    "SHORT_TOKENS",
    "copy_token",
    "finish_file",
    "start_file",
    "tokens_bits",
    "write_empty_code",
    "write_palette",
    "write_tokens",
]

LITERALS = 256
"""Symbols of a green, red, blue or alpha literal."""
GREENS = LITERALS + 24
"""Symbols of the green code: literals and copy lengths."""
DISTANCES = 40
"""Symbols of the distance code."""
HEAD = 8192
"""More bytes than container, palette and one group of codes ever take."""
SHORT_TOKENS = -1
"""Returned where the caller's token buffer is full."""
BAD_INDEX = -2
"""Returned where an index has no colour."""

_RIFF = np.frombuffer(b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0", np.uint8).copy()


@kernel
def start_file(out: Any, bits: Any, width: int, height: int, alpha: int) -> None:
    """Write the container's head and the image header; the sizes come with `finish_file`."""
    for i in range(20):
        out[i] = _RIFF[i]
    start(bits, 20)
    put(out, bits, 0x2F, 8)
    put(out, bits, (width - 1) | ((height - 1) << 14) | (alpha << 28), 32)


@kernel
def finish_file(out: Any, stop: int) -> int:
    """Pad to an even size and fill the two sizes in; the size of the whole file in bytes."""
    payload = stop - 20
    if stop & 1:
        out[stop] = 0
        stop += 1
    for k in range(4):
        out[4 + k] = ((stop - 8) >> (8 * k)) & 255
        out[16 + k] = (payload >> (8 * k)) & 255
    return stop


@kernel
def write_empty_code(out: Any, bits: Any) -> None:
    """A code whose lone symbol is 0 and takes no bits."""
    put(out, bits, 1, 4)


@kernel
def _channel(deltas: Any, k: int, shift: int) -> int:
    return (deltas[k] >> shift) & 255


@kernel
def write_palette(
    out: Any, bits: Any, palette: Any, n: int, counts: Any, lengths: Any, codes: Any, scratch: Any
) -> None:
    """The colour-indexing transform (section 3.5.4), its table coded without copies.

    Parameters
    ----------
    out, bits : the bit writer
    palette : int64 (n,), 0xAARRGGBB; overwritten with differences of neighbours
    counts, lengths : int64 (ALPHABET,), scratch
    codes : int64 (4 * 256,) or longer, scratch
    scratch : int64 (SCRATCH,)
    """
    put(out, bits, 1 | (3 << 1) | ((n - 1) << 3), 11)
    before = 0
    for k in range(n):
        colour = palette[k]
        delta = 0
        for shift in range(0, 32, 8):
            delta |= ((((colour >> shift) & 255) - ((before >> shift) & 255)) & 255) << shift
        palette[k] = delta
        before = colour
    put(out, bits, 0, 1)
    for c in range(4):
        shift = 8 if c == 0 else (16 if c == 1 else (0 if c == 2 else 24))
        size = GREENS if c == 0 else LITERALS
        for s in range(size):
            counts[s] = 0
        for k in range(n):
            counts[_channel(palette, k, shift)] += 1
        mine = codes[c * LITERALS :]
        write_code(out, bits, counts, size, lengths, scratch[:GREENS], scratch[GREENS:])
        for s in range(LITERALS):
            mine[s] = scratch[s]
    write_empty_code(out, bits)
    for k in range(n):
        for c in range(4):
            shift = 8 if c == 0 else (16 if c == 1 else (0 if c == 2 else 24))
            code = codes[c * LITERALS + _channel(palette, k, shift)]
            put(out, bits, code >> 4, code & 15)


@kernel
def copy_token(length: int, code: int) -> int:
    """A copy of `length` pixels (1..4096) at a distance code (from 1), as one word.

    Green symbol in bits 0..8, extra bits of the length in 9..18, distance symbol in 19..24, its
    extra bits in 25..44. A literal's token is its green symbol.
    """
    token = 0
    for part in range(2):
        value = (length if part == 0 else code) - 1
        symbol = value
        extra = 0
        if value >= 4:
            top = 0
            rest = value
            while rest > 1:
                rest >>= 1
                top += 1
            symbol = 2 * top + ((value >> (top - 1)) & 1)
            extra = value & ((1 << (top - 1)) - 1)
        token |= ((LITERALS + symbol) | (extra << 9)) if part == 0 else ((symbol << 19) | (extra << 25))
    return token


@kernel
def tokens_bits(greens: Any, distances: Any, green_codes: Any, distance_codes: Any) -> int:
    """How many bits `write_tokens` will write, from the counts of its symbols."""
    total = 0
    for s in range(GREENS):
        total += greens[s] * ((green_codes[s] & 15) + max((s - LITERALS - 2) >> 1, 0))
    for s in range(DISTANCES):
        total += distances[s] * ((distance_codes[s] & 15) + max((s - 2) >> 1, 0))
    return total


@kernel
def write_tokens(out: Any, bits: Any, tokens: Any, count: int, green_codes: Any, distance_codes: Any) -> None:
    """Write tokens with finished codes.

    Parameters
    ----------
    out, bits : the bit writer; `out` must have room, which nothing checks here
    tokens : int64 (count,), as made by `copy_token`
    green_codes : int64 (GREENS,), as made by `canonical_codes`
    distance_codes : int64 (DISTANCES,)
    """
    for i in range(count):
        token = tokens[i]
        symbol = token & 511
        code = green_codes[symbol]
        if symbol < LITERALS:
            put(out, bits, code >> 4, code & 15)
            continue
        size = code & 15
        word = (code >> 4) | (((token >> 9) & 1023) << size)
        symbol -= LITERALS
        size += max((symbol - 2) >> 1, 0)
        symbol = (token >> 19) & 63
        code = distance_codes[symbol]
        word |= (code >> 4) << size
        put(out, bits, word, size + (code & 15))
        if symbol >= 4:
            put(out, bits, token >> 25, (symbol - 2) >> 1)
