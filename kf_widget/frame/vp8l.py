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
from kf_widget.frame.vp8l_stream import HEAD, SHORT_TOKENS

__all__ = ["EFFORTS", "encode", "vp8l_ready", "warm"]

_KERNELS = {"fast": encode_fast}
EFFORTS = tuple(_KERNELS)
"""Names of the efforts, the quickest first."""

_KEPT_BYTES = 1 << 26
_local = threading.local()


class _Workspace:
    """Buffers of one thread."""

    def __init__(self) -> None:
        self.colours = np.zeros(256, np.uint32)
        self.work = np.zeros(FAST_WORK, np.int64)
        self.tokens = np.empty(1 << 14, np.int64)
        self.out = np.empty(1 << 17, np.uint8)
        self.pixels = np.empty(64, np.uint8)

    def trim(self) -> None:
        """Let go of what is larger than any frame of a screen needs."""
        if self.tokens.nbytes > _KEPT_BYTES:
            self.tokens = np.empty(1 << 14, np.int64)
        if self.out.nbytes > _KEPT_BYTES:
            self.out = np.empty(1 << 17, np.uint8)
        if self.pixels.nbytes > _KEPT_BYTES:
            self.pixels = np.empty(0, np.uint8)


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
    space = _workspace()
    n_colours = len(colours)
    space.colours[:n_colours] = colours
    height, width = indices.shape
    if space.pixels.size < (room := height * (width + 1) + width):
        space.pixels = np.empty(room, np.uint8)
    if not indices.flags.writeable:
        # Numba would compile once more for read-only arrays.
        indices = indices.copy()
    run = _KERNELS[effort]
    while True:
        size = run(indices, space.colours, n_colours, space.pixels, space.tokens, space.work, space.out)
        if size == SHORT_TOKENS:
            space.tokens = np.empty(4 * space.tokens.size, np.int64)
        elif size < 0 and size != BAD_INDEX:
            space.out = np.empty(max(-size, 2 * HEAD), np.uint8)
        else:
            break
    data = None if size == BAD_INDEX else space.out[:size].tobytes()
    space.trim()
    return data


def _example() -> tuple[Any, ...]:
    space = _Workspace()
    return np.zeros((2, 2), np.uint8), space.colours, 1, space.pixels, space.tokens, space.work, space.out


def warm() -> None:
    """Compile every kernel of the encoder, or load it from the cache."""
    for run in _KERNELS.values():
        run(*_example())


def vp8l_ready(effort: str = "fast") -> bool:
    """Whether `encode` starts at once: its kernel is loaded, or its machine code lies in the cache.

    Costs 30 us the first time and next to nothing once it is true; nothing is compiled or loaded.
    """
    run = _KERNELS[effort]
    if run.signatures:
        return True
    try:
        from numba import typeof

        signature = tuple(map(typeof, _example()))
        files = run._cache._cache_file
        key = run._cache._index_key(signature, run.targetctx.codegen())
        name = files._load_index().get(key)
        return name is not None and files._data_path(name) is not None
    except (AttributeError, OSError):
        return False
