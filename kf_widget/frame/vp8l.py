"""Our own WebP lossless encoder: kernels, their buffers, and whether they are compiled yet.

The kernels allocate nothing. Each thread has a workspace that grows to what its frames need and
gives back what only a giant frame needed.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from kf_widget.frame.vp8l_fast import FAST_WORK, encode_fast
from kf_widget.frame.vp8l_pack import BAD_INDEX
from kf_widget.frame.vp8l_search import Effort
from kf_widget.frame.vp8l_space import PLACE_BYTES, Space, new_space, room_of
from kf_widget.frame.vp8l_stream import HEAD, SHORT_TOKENS
from kf_widget.frame.vp8l_thorough import encode_thorough
from kf_widget.jit import is_compiled

__all__ = ["EFFORTS", "encode", "vp8l_ready", "warm"]

_BALANCED = Effort(
    depth=4,
    deep=8,
    neighbours=8,
    rounds=1,
    groups=4,
    shift=5,
    step=2,
    shifts=2,
    further=0,
    deeper=0,
    most=0,
)
_EFFORTS: dict[str, Effort | None] = {
    "fast": None,
    "balanced": _BALANCED,
    "best": _BALANCED._replace(further=1, deeper=64, most=6),
}
EFFORTS = tuple(_EFFORTS)
"""Names of the efforts, the quickest first."""

_KEPT_BYTES = 1 << 26
_FIRST_ROOM = 1 << 14
_MOST_ROOM = 1 << 23
"""Positions that the thorough kernel may keep, at `PLACE_BYTES` each; a picture with more is no chart."""
_local = threading.local()


class _Workspace:
    """Buffers of one thread."""

    def __init__(self) -> None:
        self.colours = np.zeros(256, np.uint32)
        self.pixels = np.empty(64, np.uint8)
        self.tokens = np.empty(_FIRST_ROOM, np.int64)
        self.work = np.zeros(FAST_WORK, np.int64)
        self.out = np.empty(1 << 17, np.uint8)
        self.space: Space | None = None

    def run(self, indices: Any, n_colours: int, effort: str) -> int:
        """Call the kernel of an effort once."""
        options = _EFFORTS[effort]
        size: int
        if options is None:
            size = encode_fast(
                indices, self.colours, n_colours, self.pixels, self.tokens, self.work, self.out
            )
        else:
            if self.space is None:
                self.space = new_space(_FIRST_ROOM)
            size = encode_thorough(
                indices, self.colours, n_colours, self.pixels, self.space, self.out, options
            )
        return size

    def widen(self, effort: str) -> None:
        """Make room for four times as many tokens."""
        if self.space is None or _EFFORTS[effort] is None:
            self.tokens = np.empty(4 * self.tokens.size, np.int64)
        else:
            self.space = new_space(4 * room_of(self.space))

    def trim(self) -> None:
        """Let go of what is larger than any frame of a screen needs."""
        if self.pixels.nbytes > _KEPT_BYTES:
            self.pixels = np.empty(64, np.uint8)
        if self.tokens.nbytes > _KEPT_BYTES:
            self.tokens = np.empty(_FIRST_ROOM, np.int64)
        if self.out.nbytes > _KEPT_BYTES:
            self.out = np.empty(1 << 17, np.uint8)
        if self.space is not None and PLACE_BYTES * room_of(self.space) > _KEPT_BYTES:
            self.space = None


def _workspace() -> _Workspace:
    space: _Workspace | None = getattr(_local, "workspace", None)
    if space is None:
        space = _local.workspace = _Workspace()
    return space


def encode(indices: Any, colours: Any, effort: str) -> bytes | None:
    """Encode checked arguments; None where an index has no colour.

    Parameters
    ----------
    indices : uint8 (height, width), C-contiguous, sides 1..16383
    colours : uint32 (n,), 1..256 of them, 0xAARRGGBB
    effort : one of `EFFORTS`
    """
    mine = _workspace()
    mine.colours[: colours.size] = colours
    height, width = indices.shape
    if mine.pixels.size < (room := height * width + 64):
        mine.pixels = np.empty(room, np.uint8)
    if not indices.flags.writeable:
        # Numba would compile once more for read-only arrays.
        indices = indices.copy()
    while (size := mine.run(indices, colours.size, effort)) < 0 and size != BAD_INDEX:
        if size == SHORT_TOKENS:
            if mine.space is not None and 4 * room_of(mine.space) > _MOST_ROOM:
                effort = "fast"
            mine.widen(effort)
        else:
            mine.out = np.empty(max(-size, 2 * HEAD), np.uint8)
    data = None if size == BAD_INDEX else mine.out[:size].tobytes()
    mine.trim()
    return data


def warm() -> None:
    """Compile every kernel of the encoder, or load it from the cache."""
    for effort in EFFORTS:
        encode(np.zeros((2, 2), np.uint8), np.zeros(1, np.uint32), effort)


def vp8l_ready(effort: str = "fast") -> bool:
    """Whether `encode` starts at once: its kernel is loaded, or its machine code lies in the cache.

    Nothing is compiled or loaded. Costs 0.3 ms until it is true, and then next to nothing.
    """
    run = encode_fast if _EFFORTS[effort] is None else encode_thorough
    if run.signatures:
        return True
    mine, options = _Workspace(), _EFFORTS[effort]
    tail: tuple[Any, ...] = (mine.tokens, mine.work, mine.out)
    if options is not None:
        tail = (new_space(2), mine.out, options)
    return is_compiled(run, np.zeros((2, 2), np.uint8), mine.colours, 1, mine.pixels, *tail)
