"""The colour-indexing transform: the palette, written as a picture one row high (RFC 9649, section 3.5.4)."""

from __future__ import annotations

from typing import Any

from kf_widget.frame.vp8l_bits import BITS, put
from kf_widget.frame.vp8l_codes import SCRATCH, canonical_codes, write_code
from kf_widget.frame.vp8l_matches import LEFT
from kf_widget.frame.vp8l_tokens import GREENS, LITERALS, copy_token, write_lone_code, write_tokens
from kf_widget.jit import part

__all__ = ["PALETTE_WORK", "channel_shift", "write_palette"]

_COUNTS = BITS + 5
_LENGTHS = _COUNTS + GREENS
_CODES = _LENGTHS + GREENS
_DISTANCE_CODES = _CODES + 4 * GREENS
_SCRATCH = _DISTANCE_CODES + 40
PALETTE_WORK = _SCRATCH + SCRATCH
"""Size of the int64 scratch array of `write_palette`."""


@part(_nrt=False)
def channel_shift(channel: int) -> int:
    """Where green, red, blue and alpha, in the order of their codes, lie in a colour."""
    return 8 if channel == 0 else (16 if channel == 1 else (0 if channel == 2 else 24))


@part(_nrt=False)
def _write_flat_code(out: Any, bits: Any, size: int) -> None:
    """A code of 8 bits for each of 256 literals: 42 bits where a code of a few literals takes 100."""
    put(out, bits, 8 << 1, 5)
    put(out, bits, 1 << 33, 36)
    if size == LITERALS:
        put(out, bits, 0, 1)
    else:
        put(out, bits, 1 | (3 << 1) | ((LITERALS - 2) << 4), 12)


@part(_nrt=False)
def _write_channel_code(
    out: Any, bits: Any, counts: Any, size: int, lengths: Any, codes: Any, work: Any
) -> None:
    """The shorter of an optimal code and a flat one."""
    held = bits[0]
    held_count = bits[1]
    held_position = bits[2]
    before = 8 * bits[2] + bits[1]
    write_code(out, bits, counts, size, lengths, codes, work)
    cost = 8 * bits[2] + bits[1] - before
    flat = 42 if size == LITERALS else 53
    for s in range(size):
        cost += counts[s] * (codes[s] & 15)
        flat += counts[s] * 8
        if s >= LITERALS and counts[s]:
            return
    if flat < cost:
        bits[0] = held
        bits[1] = held_count
        bits[2] = held_position
        _write_flat_code(out, bits, size)
        for s in range(size):
            lengths[s] = 8 if s < LITERALS else 0
        canonical_codes(lengths, size, codes, work)


@part(_nrt=False)
def write_palette(out: Any, bits: Any, palette: Any, n: int, shown: int, work: Any) -> None:
    """Announce the transform and write its table.

    Parameters
    ----------
    out, bits : the bit writer
    palette : int64 (n,), 0xAARRGGBB; overwritten with differences of neighbours
    shown : size of the table, n or more; what lies past `n` is no colour of the image. Above 16 the
        image keeps one index to a pixel, and to say so one copy is enough.
    work : int64 (PALETTE_WORK,), scratch
    """
    put(out, bits, 1 | (3 << 1) | ((shown - 1) << 3), 11)
    put(out, bits, 0, 1)  # no colour cache
    before = 0
    for k in range(n):
        colour = palette[k]
        delta = 0
        for shift in range(0, 32, 8):
            delta |= ((((colour >> shift) & 255) - ((before >> shift) & 255)) & 255) << shift
        palette[k] = delta
        before = colour
    filler = copy_token(shown - n, LEFT) if shown > n else 0
    counts = work[_COUNTS : _COUNTS + GREENS]
    lengths = work[_LENGTHS : _LENGTHS + GREENS]
    for channel in range(4):
        size = GREENS if channel == 0 else LITERALS
        counts[:] = 0
        for k in range(n):
            counts[(palette[k] >> channel_shift(channel)) & 255] += 1
        if channel == 0 and shown > n:
            counts[filler & 511] += 1
        codes = work[_CODES + channel * GREENS : _CODES + (channel + 1) * GREENS]
        _write_channel_code(out, bits, counts, size, lengths, codes, work[_SCRATCH:])
    distance_codes = work[_DISTANCE_CODES : _DISTANCE_CODES + 40]
    distance_codes[LEFT - 1] = 0
    write_lone_code(out, bits, LEFT - 1)
    for k in range(n):
        for channel in range(4):
            code = work[_CODES + channel * GREENS + ((palette[k] >> channel_shift(channel)) & 255)]
            put(out, bits, code >> 4, code & 15)
    if shown > n:
        counts[0] = filler
        write_tokens(out, bits, counts, 1, work[_CODES : _CODES + GREENS], distance_codes)
