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
from kf_widget.jit import part

__all__ = ["HEAD", "SHORT_TOKENS", "STREAM_WORK", "finish_file", "start_file", "start_image", "write_file"]

HEAD = 16384
"""More bytes than container, palette, entropy image and eight groups of codes ever take."""
SHORT_TOKENS = -1
"""Returned where the caller's token buffer is full."""

_COUNTS = BITS + 5
_LENGTHS = _COUNTS + GREENS
_CODES = _LENGTHS + GREENS
_GREEN_CODES = _CODES + GREENS
_DISTANCE_CODES = _GREEN_CODES + GREENS
_SCRATCH = _DISTANCE_CODES + DISTANCES
STREAM_WORK = _SCRATCH + SCRATCH + PALETTE_WORK
"""Size of the int64 scratch array of `write_file`."""

_FROM_ABOVE = 2
"""The predictor that is the pixel above (RFC 9649, section 3.5.1)."""

_CONTAINER = np.frombuffer(b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0", np.uint8).copy()


@part(_nrt=False)
def start_image(out: Any, bits: Any, width: int, height: int, palette: Any, used: int) -> None:
    """Write container and header; `palette` says whether a colour is translucent."""
    for i in range(20):
        out[i] = _CONTAINER[i]
    start(bits, 20)
    put(out, bits, 0x2F, 8)
    translucent = 0
    for k in range(used):
        if palette[k] >> 24 != 255:
            translucent = 1
    put(out, bits, (width - 1) | ((height - 1) << 14) | (translucent << 28), 32)


@part(_nrt=False)
def start_file(
    out: Any, bits: Any, width: int, height: int, palette: Any, used: int, shown: int, above: int, work: Any
) -> None:
    """Write all that comes before the pixels: container, header, palette, prediction.

    Parameters
    ----------
    out : uint8 (n,), of `HEAD` bytes or more
    bits : int64 (BITS,), overwritten with the bit writer's state
    palette, used, shown : as `write_palette` takes them; `palette` is overwritten
    above : whether the pixels are differences, as `subtract_above` leaves them
    work : int64 (PALETTE_WORK,), scratch
    """
    start_image(out, bits, width, height, palette, used)
    write_palette(out, bits, palette, used, shown, work)
    if above:
        put(out, bits, 1 | (7 << 3), 6)  # a predictor to each tile of 512 pixels
        put(out, bits, 0, 1)  # no colour cache
        put(out, bits, 1 | (1 << 2) | (_FROM_ABOVE << 3), 11)
        for _ in range(4):
            write_lone_code(out, bits, 0)
    put(out, bits, 0, 2)  # no further transform, no colour cache


@part(_nrt=False)
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


@part(_nrt=False)
def write_file(
    out: Any,
    width: int,
    height: int,
    palette: Any,
    used: int,
    ranks: Any,
    packed: bool,
    tokens: Any,
    count: int,
    greens: Any,
    distances: Any,
    work: Any,
) -> Any:
    """A whole file with one group of codes.

    Parameters
    ----------
    out : uint8 (n,), overwritten
    palette, used, ranks : as `rank_colours` leaves them; `palette` is overwritten
    packed : whether the tokens' literals are packed ranks; else they are indices, one to a pixel
    tokens : int64 (count,)
    greens, distances : int64 (GREENS,), (DISTANCES,): how often the tokens use each symbol
    work : int64 (STREAM_WORK,), scratch

    Returns
    -------
    int
        Size of the file, or minus the size that `out` must have.
    """
    if out.size < HEAD:
        return -HEAD
    bits = work[:BITS]
    shown = used if packed else max(used, 17)
    start_file(out, bits, width, height, palette, used, shown, 0, work[_SCRATCH + SCRATCH :])
    put(out, bits, 0, 1)  # one group of codes

    counts = work[_COUNTS : _COUNTS + GREENS]
    lengths = work[_LENGTHS : _LENGTHS + GREENS]
    codes = work[_CODES : _CODES + GREENS]
    green_codes = work[_GREEN_CODES : _GREEN_CODES + GREENS]
    scratch = work[_SCRATCH : _SCRATCH + SCRATCH]
    counts[:] = 0
    for s in range(GREENS):
        counts[s if packed or s >= LITERALS else ranks[s]] += greens[s]
    write_code(out, bits, counts, GREENS, lengths, codes, scratch)
    for s in range(GREENS):
        green_codes[s] = codes[s if packed or s >= LITERALS else ranks[s]]
    for _ in range(3):
        write_lone_code(out, bits, 0)
    distance_codes = work[_DISTANCE_CODES : _DISTANCE_CODES + DISTANCES]
    write_code(out, bits, distances, DISTANCES, lengths, distance_codes, scratch)

    needed = bits[2] + 32 + (tokens_bits(greens, distances, green_codes, distance_codes) >> 3)
    if needed > out.size:
        return -max(needed, HEAD)
    write_tokens(out, bits, tokens, count, green_codes, distance_codes)
    return finish_file(out, bits)
