"""Rows of pixels as PNG stores them: so many bits a pixel, and the rise over the row above."""

from __future__ import annotations

from typing import Any

from kf_widget.jit import kernel

__all__ = ["PLAIN", "UP", "lift_rows", "pack_rows"]

PLAIN, UP = 0, 2
"""Filters, as the first byte of each row names them (Portable Network Graphics, section 9)."""


@kernel
def pack_rows(indices: Any, bits: int, out: Any) -> None:
    """Pixels side by side in bytes, the first in the highest bits.

    Parameters
    ----------
    indices : uint8 (height, width), each below ``1 << bits``
    bits : 1, 2, 4 or 8 a pixel
    out : uint8 (height, 1 + ceil(width * bits / 8)), overwritten: the filter `PLAIN`, then the pixels; what
        the last byte has over is zero
    """
    height, width = indices.shape
    a_byte = 8 // bits
    whole = width // a_byte
    for y in range(height):
        row = indices[y]
        packed = out[y]
        packed[0] = PLAIN
        # One loop for each number of bits: only with fixed shifts does the compiler make vectors of them.
        if bits == 8:
            for i in range(whole):
                packed[1 + i] = row[i]
        elif bits == 4:
            for i in range(whole):
                packed[1 + i] = row[2 * i] << 4 | row[2 * i + 1]
        elif bits == 2:
            for i in range(whole):
                j = 4 * i
                packed[1 + i] = row[j] << 6 | row[j + 1] << 4 | row[j + 2] << 2 | row[j + 3]
        else:
            for i in range(whole):
                j = 8 * i
                high = row[j] << 7 | row[j + 1] << 6 | row[j + 2] << 5 | row[j + 3] << 4
                packed[1 + i] = high | row[j + 4] << 3 | row[j + 5] << 2 | row[j + 6] << 1 | row[j + 7]
        if whole * a_byte < width:
            last = 0
            for x in range(whole * a_byte, width):
                last |= row[x] << (8 - bits * (x + 1 - whole * a_byte))
            packed[1 + whole] = last


@kernel
def lift_rows(rows: Any) -> None:
    """Turn `PLAIN` rows into `UP` ones in place: rows uint8 (height, n), from what `pack_rows` wrote."""
    height, size = rows.shape
    for y in range(height - 1, 0, -1):
        row = rows[y]
        above = rows[y - 1]
        for i in range(1, size):
            row[i] -= above[i]
        row[0] = UP
    rows[0, 0] = UP
