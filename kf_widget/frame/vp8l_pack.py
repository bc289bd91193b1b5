"""The pixels as they are coded: colours numbered without gaps, several to a byte where few are used."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.frame.vp8l_matches import STEPS
from kf_widget.frame.vp8l_tokens import LITERALS, copied, distance_said
from kf_widget.frame.vp8l_words import copy64, fill64
from kf_widget.jit import part
from kf_widget.raster.lookup import highest, seen_bits

__all__ = [
    "BAD_INDEX",
    "MANY",
    "is_ranked",
    "note_few",
    "pack",
    "packed_width",
    "per_byte",
    "rank_colours",
    "replay",
    "subtract_above",
]

BAD_INDEX = -2
"""Returned where an index has no colour."""
MANY = 1
"""Returned where an index is 16 or more."""
_PIECE = 1 << 13
_ROWS = 16
"""So many rows are packed as one, where none ends within a byte."""


@part(_nrt=False)
def rank_colours(colours: Any, n_colours: int, counts: Any, merge: bool, palette: Any, ranks: Any) -> int:
    """Number the colours that occur, in their order; how many they are, or `BAD_INDEX`.

    Inks of one colour, as bodies and their wicks often are, may be merged: a tenth fewer bytes.

    Parameters
    ----------
    colours : uint32 (n_colours,)
    counts : int64 (256,), not 0 for each index that occurs
    merge : whether indices of the same colour get the same number
    palette : int64 (256,), overwritten with the colours that occur
    ranks : int64 (256,), overwritten with each index's number
    """
    used = 0
    for s in range(LITERALS):
        ranks[s] = used
        if counts[s]:
            if s >= n_colours:
                return BAD_INDEX
            colour = np.int64(colours[s])
            same = used
            if merge:
                same = 0
                while same < used and palette[same] != colour:
                    same += 1
            ranks[s] = same
            if same == used:
                palette[used] = colour
                used += 1
    return used


@part(_nrt=False)
def per_byte(used: int) -> int:
    """How many pixels a byte holds when `used` colours are in the table (RFC 9649, section 3.5.4)."""
    return 8 if used <= 2 else (4 if used <= 4 else (2 if used <= 16 else 1))


@part(_nrt=False)
def packed_width(width: int, used: int) -> int:
    """Bytes in a packed row."""
    return (width + per_byte(used) - 1) // per_byte(used)


@part(_nrt=False)
def note_few(pixels: Any, n_colours: int, counts: Any) -> int:
    """Mark which indices occur, where all are below 16.

    Parameters
    ----------
    pixels : uint8 (n,)
    n_colours : every index must be below
    counts : int64 (n,), n from 16 on, overwritten with 1 for each index that occurs, and 0

    Returns
    -------
    int
        0; or with `counts` all 0 `BAD_INDEX`, or `MANY` where an index is 16 or more: frames with text have
        one in their first rows, and do not pay for the others.
    """
    counts[:] = 0
    bits = 0
    for start in range(0, pixels.size, _PIECE):
        piece = pixels[start : min(start + _PIECE, pixels.size)]
        top = highest(piece)
        if top >= 16:
            return MANY
        if top >= n_colours:
            return BAD_INDEX
        bits |= seen_bits(piece)
    for s in range(16):
        counts[s] = (bits >> s) & 1
    return 0


@part(_nrt=False)
def copy_distance(code: int, width: int) -> Any:
    """How many pixels back a distance code points in a picture `width` wide."""
    if code > 120:
        return code - 120
    return max(STEPS[code - 1, 0] + STEPS[code - 1, 1] * width, 1)


@part(_nrt=False)
def replay(tokens: Any, count: int, width: int, ranks: Any, out: Any) -> None:
    """Write the ranks of the pixels that tokens stand for, as a decoder would.

    Runs are copied 64 pixels at a time: 20 us for a chart of 720,000 pixels, for which a table looked
    up for each takes 360 us.

    Parameters
    ----------
    tokens : int64 (count,), of a picture `width` wide
    ranks : int64 (256,)
    out : uint8 (pixels,) or longer, overwritten
    """
    at = 0
    for i in range(count):
        token = tokens[i]
        symbol = token & 511
        if symbol < LITERALS:
            out[at] = ranks[symbol]
            at += 1
            continue
        back = copy_distance(distance_said(token), width)
        stop = at + copied(token)
        if back == 1:
            value = np.int64(out[at - 1])
            while at < stop and at + 64 <= out.size:
                fill64(out, at, value)
                at += 64
        elif back >= 64:
            while at < stop and at + 64 <= out.size:
                copy64(out, at, at - back)
                at += 64
        while at < stop:
            out[at] = out[at - back]
            at += 1
        at = stop


@part(_nrt=False)
def _pack_row(row: Any, many: int, out: Any) -> None:
    """Pack a row of ranks, the first in the lowest bits of a byte."""
    width = row.size
    if many == 2:
        for x in range(width >> 1):
            out[x] = row[2 * x] | (row[2 * x + 1] << np.uint8(4))
    elif many == 4:
        for x in range(width >> 2):
            low = row[4 * x] | (row[4 * x + 1] << np.uint8(2))
            out[x] = low | (row[4 * x + 2] << np.uint8(4)) | (row[4 * x + 3] << np.uint8(6))
    else:
        for x in range(width >> 3):
            byte = np.int64(0)
            for k in range(8):
                byte |= np.int64(row[8 * x + k]) << k
            out[x] = byte
    left = width % many
    if left:
        byte = np.int64(0)
        for k in range(left):
            byte |= np.int64(row[width - left + k]) << (k * (8 // many))
        out[width // many] = byte


@part(_nrt=False)
def pack(pixels: Any, width: int, used: int, out: Any) -> None:
    """Pack ranks, row after row; the loops run 64 pixels to an instruction, and long rows seldom end one.

    Parameters
    ----------
    pixels : uint8 (height * width,), all below `used`
    used : how many colours there are
    out : uint8, of height * packed_width(width, used) bytes or more, overwritten; may begin where
        `pixels` does, since no byte is written before it has been read
    """
    across = packed_width(width, used)
    height = pixels.size // width
    many = 1 if width % per_byte(used) else _ROWS
    for y in range(0, height, many):
        stop = min(y + many, height)
        _pack_row(pixels[y * width : stop * width], per_byte(used), out[y * across : stop * across])


@part(_nrt=False)
def subtract_above(pixels: Any, width: int) -> None:
    """Replace each pixel by its difference to the one above, in the first row to the one on the left.

    pixels : uint8 (height * width,), overwritten, modulo 256
    """
    for y in range(pixels.size // width - 1, 0, -1):
        row = pixels[y * width : (y + 1) * width]
        above = pixels[(y - 1) * width : y * width]
        for x in range(width):
            row[x] -= above[x]
    for x in range(width - 1, 0, -1):
        pixels[x] -= pixels[x - 1]


@part(_nrt=False)
def is_ranked(counts: Any, ranks: Any) -> bool:
    """Whether each index that occurs is its own rank."""
    moved = 0
    for s in range(LITERALS):
        moved += counts[s] != 0 and ranks[s] != s
    return moved == 0
