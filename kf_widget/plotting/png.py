"""Indexed pictures as PNG files, at three speeds."""

from __future__ import annotations

import struct
import zlib
from types import ModuleType

import numpy as np
import numpy.typing as npt
from zlib_ng import zlib_ng

from kf_widget.plotting.png_rows import PLAIN, UP, lift_rows, pack_rows

__all__ = ["encode_png"]

Indices = npt.NDArray[np.uint8]
Colours = npt.NDArray[np.uint32]

_DEFAULT, _FILTERED, _RLE = zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_RLE
# A row is mostly the row above it, and zlib-ng is quick at what is alike. At 1920 x 1080 and 1,000 candles
# its level 2 makes 13 KB in 0.4 ms, where level 1 of zlib makes 20 KB in 1.9 ms; runs alone take 10 KB, but
# more with text. Level 9 needs ten times as long as level 6 for the last tenth.
_TRIES = {
    "fast": ((UP, 2, _DEFAULT),),
    "balanced": ((UP, 1, _RLE), (UP, 6, _DEFAULT), (PLAIN, 6, _DEFAULT)),
    "best": (
        (UP, 9, _DEFAULT), (UP, 9, _FILTERED), (UP, 1, _RLE), (PLAIN, 9, _DEFAULT), (PLAIN, 9, _FILTERED),
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
    rows = {PLAIN: np.empty((height, 1 + (width * bits + 7) // 8), np.uint8)}
    pack_rows(indices, bits, rows[PLAIN])
    library: ModuleType = zlib_ng
    tries = _TRIES[speed]
    if level is not None:
        library = zlib
        tries = ((UP if speed == "fast" else PLAIN, level, _DEFAULT),)
    filters = {filter for filter, _, _ in tries}
    if UP in filters:
        rows[UP] = rows[PLAIN].copy() if PLAIN in filters else rows[PLAIN]
        lift_rows(rows[UP])
    data = min((_deflate(library, rows[filter], each, way) for filter, each, way in tries), key=len)
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


def _deflate(library: ModuleType, rows: Indices, level: int, strategy: int) -> bytes:
    squeeze = library.compressobj(level, zlib.DEFLATED, 15, 9, strategy)
    data: bytes = squeeze.compress(rows.data) + squeeze.flush()
    return data


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
