"""VP8L in one scan: copies from the row above and from the left, nothing searched for."""

from __future__ import annotations

from typing import Any

from kf_widget.frame.vp8l_bits import BITS, finish, put
from kf_widget.frame.vp8l_codes import ALPHABET, SCRATCH, write_code
from kf_widget.frame.vp8l_stream import (
    BAD_INDEX,
    DISTANCES,
    GREENS,
    HEAD,
    SHORT_TOKENS,
    copy_token,
    finish_file,
    start_file,
    tokens_bits,
    write_empty_code,
    write_palette,
    write_tokens,
)
from kf_widget.frame.vp8l_words import differ64, trailing_zeros
from kf_widget.jit import kernel

__all__ = ["FAST_WORK", "encode_fast"]

_GREEN_COUNTS = BITS + 5
_DISTANCE_COUNTS = _GREEN_COUNTS + GREENS
_GREEN_CODES = _DISTANCE_COUNTS + DISTANCES
_DISTANCE_CODES = _GREEN_CODES + GREENS
_PALETTE = _DISTANCE_CODES + DISTANCES
_PALETTE_COUNTS = _PALETTE + 256
_PALETTE_CODES = _PALETTE_COUNTS + ALPHABET
_LENGTHS = _PALETTE_CODES + 4 * 256
_SCRATCH = _LENGTHS + ALPHABET
FAST_WORK = _SCRATCH + GREENS + SCRATCH
"""Size of the int64 scratch array of `encode_fast`."""

_LONGEST = 4096


@kernel
def _alike(pixels: Any, at: int, other: int, most: int) -> int:
    """How many pixels from `at` on equal those from `other` on, at most `most`."""
    run = 0
    while run + 64 <= most:
        differs = differ64(pixels, at + run, other + run)
        if differs:
            return run + trailing_zeros(differs)
        run += 64
    while run < most and pixels[at + run] == pixels[other + run]:
        run += 1
    return run


@kernel
def _scan(pixels: Any, width: int, tokens: Any, greens: Any, distances: Any) -> int:
    """Tokens and their counts; `SHORT_TOKENS` when there is no room."""
    n = pixels.size
    room = tokens.size - 1
    at = 0
    count = 0
    while at < n:
        most = min(n - at, _LONGEST)
        above = _alike(pixels, at, at - width, most) if at >= width else 0
        left = _alike(pixels, at, at - 1, most) if at > 0 else 0
        if count >= room:
            return SHORT_TOKENS
        if above >= left:
            run = above
            code = 1
        else:
            run = left
            code = 2
        if run >= 2:
            token = copy_token(run, code)
            tokens[count] = token
            greens[token & 511] += 1
            distances[(token >> 19) & 63] += 1
            at += run
        else:
            tokens[count] = pixels[at]
            greens[pixels[at]] += 1
            at += 1
        count += 1
    return count


@kernel
def encode_fast(indices: Any, colours: Any, n_colours: int, tokens: Any, work: Any, out: Any) -> int:
    """Encode an indexed image as a WebP file.

    Parameters
    ----------
    indices : uint8 (height, width), C-contiguous, sides 1..16383
    colours : uint32 (256,), 0xAARRGGBB, of which the first `n_colours` count
    tokens : int64 (m,), scratch
    work : int64 (FAST_WORK,), scratch
    out : uint8 (k,), overwritten with the file

    Returns
    -------
    int
        Size of the file in bytes, or a negative number: `SHORT_TOKENS` (height * width + 1 always
        do), `BAD_INDEX`, or minus the size that `out` must have, at least `HEAD`.
    """
    height, width = indices.shape
    greens = work[_GREEN_COUNTS : _GREEN_COUNTS + GREENS]
    distances = work[_DISTANCE_COUNTS : _DISTANCE_COUNTS + DISTANCES]
    greens[:] = 0
    distances[:] = 0
    count = _scan(indices.reshape(height * width), width, tokens, greens, distances)
    if count < 0:
        return SHORT_TOKENS
    for s in range(n_colours, 256):
        if greens[s]:
            return BAD_INDEX
    bits = work[:BITS]
    palette = work[_PALETTE : _PALETTE + 256]
    lengths = work[_LENGTHS : _LENGTHS + ALPHABET]
    scratch = work[_SCRATCH:]
    alpha = 0
    for k in range(n_colours):
        palette[k] = colours[k]
        if palette[k] >> 24 != 255:
            alpha = 1
    # A table of 17 entries or more keeps one index to a pixel.
    shown = max(n_colours, 17)
    for k in range(n_colours, shown):
        palette[k] = palette[n_colours - 1]
    if out.size < HEAD:
        return -HEAD
    start_file(out, bits, width, height, alpha)
    write_palette(out, bits, palette, shown, work[_PALETTE_COUNTS:], lengths, work[_PALETTE_CODES:], scratch)
    put(out, bits, 0, 3)  # no further transform, no colour cache, one group of codes
    green_codes = work[_GREEN_CODES : _GREEN_CODES + GREENS]
    distance_codes = work[_DISTANCE_CODES : _DISTANCE_CODES + DISTANCES]
    write_code(out, bits, greens, GREENS, lengths, green_codes, scratch)
    write_empty_code(out, bits)
    write_empty_code(out, bits)
    write_empty_code(out, bits)
    write_code(out, bits, distances, DISTANCES, lengths, distance_codes, scratch)
    needed = bits[2] + 32 + (tokens_bits(greens, distances, green_codes, distance_codes) >> 3)
    if needed > out.size:
        return -max(needed, HEAD)
    write_tokens(out, bits, tokens, count, green_codes, distance_codes)
    return finish_file(out, finish(out, bits))
