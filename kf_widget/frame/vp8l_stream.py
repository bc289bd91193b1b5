"""The file around the tokens: container, header, palette, codes (RFC 9649, sections 2.6 and 3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.frame.vp8l_bits import BITS, finish, put, start
from kf_widget.frame.vp8l_codes import SCRATCH, write_code
from kf_widget.frame.vp8l_palette import PALETTE_WORK, write_palette
from kf_widget.frame.vp8l_tokens import (
    DISTANCES,
    GREENS,
    LITERALS,
    tokens_bits,
    write_lone_code,
    write_tokens,
)
from kf_widget.jit import kernel

__all__ = ["BAD_INDEX", "HEAD", "SHORT_TOKENS", "STREAM_WORK", "finish_file", "start_file", "write_file"]

HEAD = 8192
"""More bytes than container, palette and one group of codes ever take."""
SHORT_TOKENS = -1
"""Returned where the caller's token buffer is full."""
BAD_INDEX = -2
"""Returned where an index has no colour."""

_PALETTE = BITS + 5
_RANKS = _PALETTE + LITERALS
_COUNTS = _RANKS + LITERALS
_LENGTHS = _COUNTS + GREENS
_CODES = _LENGTHS + GREENS
_GREEN_CODES = _CODES + GREENS
_DISTANCE_CODES = _GREEN_CODES + GREENS
_SCRATCH = _DISTANCE_CODES + DISTANCES
STREAM_WORK = _SCRATCH + SCRATCH + PALETTE_WORK
"""Size of the int64 scratch array of `write_file`."""

_CONTAINER = np.frombuffer(b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0", np.uint8).copy()


@kernel
def start_file(out: Any, bits: Any, width: int, height: int, alpha: int) -> None:
    """Write the container's head and the image header; the sizes come with `finish_file`."""
    for i in range(20):
        out[i] = _CONTAINER[i]
    start(bits, 20)
    put(out, bits, 0x2F, 8)
    put(out, bits, (width - 1) | ((height - 1) << 14) | (alpha << 28), 32)


@kernel
def finish_file(out: Any, bits: Any) -> Any:
    """Pad to an even size and fill the two sizes in; the size of the whole file in bytes."""
    stop = finish(out, bits)
    payload = stop - 20
    if stop & 1:
        out[stop] = 0
        stop += 1
    for k in range(4):
        out[4 + k] = ((stop - 8) >> (8 * k)) & 255
        out[16 + k] = (payload >> (8 * k)) & 255
    return stop


@kernel
def used_colours(colours: Any, n_colours: int, counts: Any, palette: Any, ranks: Any) -> int:
    """Keep the colours that occur, in their order; how many they are.

    Parameters
    ----------
    colours : uint32 (n_colours,)
    counts : int64 (256,), how often each index occurs
    palette : int64 (256,), overwritten with the colours that occur
    ranks : int64 (256,), overwritten with each index's place among them
    """
    used = 0
    for s in range(LITERALS):
        ranks[s] = used
        if counts[s]:
            if s >= n_colours:
                return BAD_INDEX
            palette[used] = colours[s]
            used += 1
    return used


@kernel
def is_translucent(palette: Any, used: int) -> int:
    """1 where a colour lets something through."""
    for k in range(used):
        if palette[k] >> 24 != 255:
            return 1
    return 0


@kernel
def write_file(
    out: Any,
    width: int,
    height: int,
    colours: Any,
    n_colours: int,
    tokens: Any,
    count: int,
    greens: Any,
    distances: Any,
    work: Any,
) -> Any:
    """A whole file with one group of codes and one index to a pixel.

    Parameters
    ----------
    out : uint8 (n,), overwritten
    colours : uint32 (n_colours,), 0xAARRGGBB
    tokens : int64 (count,)
    greens, distances : int64 (GREENS,), (DISTANCES,): how often the tokens use each symbol
    work : int64 (STREAM_WORK,), scratch

    Returns
    -------
    int
        Size of the file, `BAD_INDEX`, or minus the size that `out` must have.
    """
    if out.size < HEAD:
        return -HEAD
    palette = work[_PALETTE : _PALETTE + LITERALS]
    ranks = work[_RANKS : _RANKS + LITERALS]
    used = used_colours(colours, n_colours, greens, palette, ranks)
    if used < 0:
        return BAD_INDEX
    bits = work[:BITS]
    start_file(out, bits, width, height, is_translucent(palette, used))
    # A table of 17 entries or more keeps one index to a pixel.
    write_palette(out, bits, palette, used, max(used, 17), work[_SCRATCH + SCRATCH :])
    put(out, bits, 0, 3)  # no further transform, no colour cache, one group of codes

    counts = work[_COUNTS : _COUNTS + GREENS]
    counts[:] = 0
    for s in range(LITERALS):
        counts[ranks[s]] += greens[s]
    for s in range(LITERALS, GREENS):
        counts[s] = greens[s]
    lengths = work[_LENGTHS : _LENGTHS + GREENS]
    codes = work[_CODES : _CODES + GREENS]
    scratch = work[_SCRATCH : _SCRATCH + SCRATCH]
    write_code(out, bits, counts, GREENS, lengths, codes, scratch)
    green_codes = work[_GREEN_CODES : _GREEN_CODES + GREENS]
    for s in range(LITERALS):
        green_codes[s] = codes[ranks[s]]
    for s in range(LITERALS, GREENS):
        green_codes[s] = codes[s]
    for _ in range(3):
        write_lone_code(out, bits, 0)
    distance_codes = work[_DISTANCE_CODES : _DISTANCE_CODES + DISTANCES]
    write_code(out, bits, distances, DISTANCES, lengths, distance_codes, scratch)

    needed = bits[2] + 32 + (tokens_bits(greens, distances, green_codes, distance_codes) >> 3)
    if needed > out.size:
        return -max(needed, HEAD)
    write_tokens(out, bits, tokens, count, green_codes, distance_codes)
    return finish_file(out, bits)
