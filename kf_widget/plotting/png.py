"""Indexed pictures as PNG files, at three speeds."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

__all__ = ["encode_png"]

Indices = npt.NDArray[np.uint8]
Colours = npt.NDArray[np.uint32]

_PLAIN, _UP = 0, 2
_DEFAULT, _FILTERED, _RLE = zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_RLE
# A row is mostly the row above it. At 1920 x 1080 and 1,000 candles the difference takes level 1 from 41 KB
# to 20 KB; runs alone halve that once more, and level 9 needs fifteen times as long for the last tenth.
_TRIES = {
    "fast": ((_UP, 1, _DEFAULT),),
    "balanced": ((_UP, 1, _RLE), (_UP, 6, _DEFAULT), (_PLAIN, 6, _DEFAULT)),
    "best": (
        (_UP, 9, _DEFAULT), (_UP, 9, _FILTERED), (_UP, 1, _RLE), (_PLAIN, 6, _DEFAULT), (_PLAIN, 9, _DEFAULT),
        (_PLAIN, 9, _FILTERED),
    ),
}  # fmt: skip


def encode_png(indices: Indices, colours: Colours, speed: str, level: int | None = None) -> bytes:
    """Bytes of a PNG with a palette, of as few bits a pixel as do.

    Parameters
    ----------
    indices : uint8 (height, width), C-contiguous, each below n
    colours : uint32 (n,), 0xAARRGGBB, n in 1..256
    speed : "fast" deflates once, "balanced" and "best" keep the smallest of several ways
    level : of zlib, 0 to 9, in place of what `speed` tries
    """
    height, width = indices.shape
    colours = colours[: int(indices.max()) + 1]
    if speed != "fast" and colours.size > 16:
        indices, colours = _compact(indices, colours)
    bits = next(b for b in (1, 2, 4, 8) if colours.size <= 1 << b)
    packed = _packed(indices, bits)
    tries = _TRIES[speed]
    if level is not None:
        tries = ((_UP if speed == "fast" else _PLAIN, level, _DEFAULT),)
    rows = {filter: _filtered(packed, filter) for filter in {filter for filter, _, _ in tries}}
    data = min((_deflate(rows[filter], each, way) for filter, each, way in tries), key=len)
    flat = colours.astype(">u4").view(np.uint8).reshape(-1, 4)
    chunks = [
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 3, 0, 0, 0)),
        _chunk(b"PLTE", flat[:, 1:].tobytes()),
    ]
    if (flat[:, 0] != 255).any():
        chunks.append(_chunk(b"tRNS", flat[:, 0].tobytes()))
    return b"".join([b"\x89PNG\r\n\x1a\n", *chunks, _chunk(b"IDAT", data), _chunk(b"IEND", b"")])


def _compact(indices: Indices, colours: Colours) -> tuple[Indices, Colours]:
    """The same picture with only the colours that occur."""
    used = np.flatnonzero(np.bincount(indices.reshape(-1), minlength=256))
    if used.size == colours.size:
        return indices, colours
    ranks = np.zeros(256, np.uint8)
    ranks[used] = np.arange(used.size)
    return ranks[indices], colours[used]


def _packed(indices: Indices, bits: int) -> Indices:
    """Pixels side by side in bytes, the first in the highest bits."""
    packed = indices
    while bits < 8:
        # Two neighbours make one, read as one number of 16 bits: the first is the lower byte.
        if packed.shape[1] % 2:
            packed = np.concatenate((packed, np.zeros((len(packed), 1), np.uint8)), axis=1)
        pairs = packed.view("<u2")
        packed = ((pairs << np.uint16(bits)) | (pairs >> np.uint16(8))).astype(np.uint8)
        bits *= 2
    return packed


def _filtered(packed: Indices, filter: int) -> Indices:
    """Rows as PNG stores them: the number of their filter, then the bytes or their rise over those above."""
    height, width = packed.shape
    rows = np.empty((height, width + 1), np.uint8)
    rows[:, 0] = filter
    if filter == _PLAIN:
        rows[:, 1:] = packed
    else:
        rows[0, 1:] = packed[0]
        np.subtract(packed[1:], packed[:-1], out=rows[1:, 1:])
    return rows


def _deflate(rows: Indices, level: int, strategy: int) -> bytes:
    squeeze = zlib.compressobj(level, zlib.DEFLATED, 15, 9, strategy)
    return squeeze.compress(rows.data) + squeeze.flush()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
