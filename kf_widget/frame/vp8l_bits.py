"""The bit writer: bits go out lowest first, through a 64-bit word."""

from __future__ import annotations

from typing import Any

from kf_widget.jit import part
from kf_widget.raster.stores import store8

__all__ = ["BITS", "finish", "put", "start"]

BITS = 3
"""Size of the writer's state: pending bits, how many (below 8), next byte to write."""


@part(_nrt=False)
def start(bits: Any, position: int) -> None:
    """Begin at byte `position` of the output.

    bits : int64 (3,), overwritten
    """
    bits[0] = 0
    bits[1] = 0
    bits[2] = position


@part(_nrt=False)
def put(out: Any, bits: Any, value: int, count: int) -> None:
    """Append the low `count` bits of `value`.

    out : uint8 (n,), eight bytes from the current position are overwritten
    bits : int64 (3,), the writer's state, updated
    value : int64, no bit set at or above `count`
    count : int64, 0..56
    """
    word = bits[0] | (value << bits[1])
    have = bits[1] + count
    store8(out, bits[2], word)
    bits[2] += have >> 3
    bits[0] = word >> (have & -8)
    bits[1] = have & 7


@part(_nrt=False)
def finish(out: Any, bits: Any) -> int:
    """Pad the last byte with zeros; the position one past the last byte."""
    store8(out, bits[2], bits[0])
    return bits[2] + (1 if bits[1] else 0)
