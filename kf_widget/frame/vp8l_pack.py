"""The pixels as they are coded: colours numbered without gaps, several to a byte where few are used."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.frame.vp8l_tokens import LITERALS
from kf_widget.jit import kernel

__all__ = ["BAD_INDEX", "pack", "packed_width", "per_byte", "rank_colours"]

BAD_INDEX = -2
"""Returned where an index has no colour."""


@kernel
def rank_colours(colours: Any, n_colours: int, counts: Any, palette: Any, ranks: Any) -> int:
    """Number the colours that occur, in their order; how many they are, or `BAD_INDEX`.

    Parameters
    ----------
    colours : uint32 (n_colours,)
    counts : int64 (256,), not 0 for each index that occurs
    palette : int64 (256,), overwritten with the colours that occur
    ranks : int64 (256,), overwritten with each index's number
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
def per_byte(used: int) -> int:
    """How many pixels a byte holds when `used` colours are in the table (RFC 9649, section 3.5.4)."""
    return 8 if used <= 2 else (4 if used <= 4 else (2 if used <= 16 else 1))


@kernel
def packed_width(width: int, used: int) -> int:
    """Bytes in a packed row."""
    return (width + per_byte(used) - 1) // per_byte(used)


@kernel
def _rank_row(row: Any, moves: Any, moved: int, ranks: Any, out: Any) -> None:
    """Copy a row with its moved colours replaced, each over the whole row at once."""
    for x in range(row.size):
        out[x] = row[x]
    for k in range(moved):
        old = np.uint8(moves[k])
        new = np.uint8(ranks[moves[k]])
        for x in range(row.size):
            out[x] = new if row[x] == old else out[x]


@kernel
def _pack_row(row: Any, many: int, out: Any) -> None:
    """Pack a row of ranks, the first in the lowest bits of a byte."""
    width = row.size
    if many == 1:
        for x in range(width):
            out[x] = row[x]
    elif many == 2:
        for x in range(width >> 1):
            out[x] = row[2 * x] | (row[2 * x + 1] << np.uint8(4))
    elif many == 4:
        for x in range(width >> 2):
            low = row[4 * x] | (row[4 * x + 1] << np.uint8(2))
            out[x] = low | (row[4 * x + 2] << np.uint8(4)) | (row[4 * x + 3] << np.uint8(6))
    else:
        for x in range(width >> 3):
            byte = 0
            for k in range(8):
                byte |= np.int64(row[8 * x + k]) << k
            out[x] = byte
    left = width % many
    if left:
        byte = 0
        for k in range(left):
            byte |= np.int64(row[width - left + k]) << (k * (8 // many))
        out[width // many] = byte


@kernel
def pack(indices: Any, counts: Any, ranks: Any, used: int, moves: Any, out: Any) -> None:
    """Write the pixels as ranks, packed, row after row.

    The loops over a row run 64 pixels to an instruction, 0.1 ns a pixel in all; a table looked up for
    each pixel takes 0.5 ns, more than the scan does.

    Parameters
    ----------
    indices : uint8 (height, width)
    counts, ranks, used : as `rank_colours` takes and leaves them
    moves : int64 (256,), scratch
    out : uint8, of height * (width + 1) + width bytes or more, overwritten; what lies behind the
        packed rows is scratch
    """
    height, width = indices.shape
    many = per_byte(used)
    across = packed_width(width, used)
    spare = out[out.size - width :]
    moved = 0
    for s in range(LITERALS):
        if counts[s] and ranks[s] != s:
            moves[moved] = s
            moved += 1
    for y in range(height):
        packed = out[y * across : (y + 1) * across]
        if moved:
            _rank_row(indices[y], moves, moved, ranks, spare)
            _pack_row(spare, many, packed)
        else:
            _pack_row(indices[y], many, packed)
