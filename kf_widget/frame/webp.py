"""Indexed frames to WebP files."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.frame.pillow import encode_webp_pillow as _encode_pillow
from kf_widget.frame.vp8l import EFFORTS, encode, vp8l_ready, warm

__all__ = ["EFFORTS", "LONGEST_SIDE", "encode_webp", "encode_webp_pillow", "vp8l_ready", "warm"]

LONGEST_SIDE = 16383
"""Most pixels on a side of a WebP image."""


def _check(indices: Any, colours: Any) -> None:
    """Raise unless both are what an encoder takes; the indices' values are not looked at."""
    if not isinstance(indices, np.ndarray) or indices.dtype != np.uint8:
        got = indices.dtype if isinstance(indices, np.ndarray) else type(indices).__name__
        raise TypeError(f"encode_webp: indices must be a uint8 array, got {got}.")
    if indices.ndim != 2:
        raise ValueError(f"encode_webp: indices must have shape (height, width), got {indices.shape}.")
    if indices.size == 0:
        raise ValueError(f"encode_webp: indices must hold at least one pixel, got shape {indices.shape}.")
    if max(indices.shape) > LONGEST_SIDE:
        raise ValueError(
            f"encode_webp: indices must have sides of at most {LONGEST_SIDE} pixels, "
            f"got shape {indices.shape}. Render at a smaller size or ratio."
        )
    if not indices.flags.c_contiguous:
        raise ValueError(
            f"encode_webp: indices must be C-contiguous, got strides {indices.strides}. "
            "Pass np.ascontiguousarray(indices)."
        )
    if not isinstance(colours, np.ndarray) or colours.dtype != np.uint32:
        got = colours.dtype if isinstance(colours, np.ndarray) else type(colours).__name__
        raise TypeError(f"encode_webp: colours must be a uint32 array of 0xAARRGGBB, got {got}.")
    if colours.ndim != 1 or not 1 <= colours.size <= 256:
        raise ValueError(f"encode_webp: colours must have shape (n,) with n in 1..256, got {colours.shape}.")


def _refuse_index(indices: npt.NDArray[np.uint8], n: int) -> ValueError:
    row, column = np.argwhere(indices >= n)[0]
    return ValueError(
        f"encode_webp: indices must be below the number of colours, {n}, "
        f"got {indices[row, column]} at row {row}, column {column}."
    )


def encode_webp(
    indices: npt.NDArray[np.uint8], colours: npt.NDArray[np.uint32], effort: str = "fast"
) -> bytes:
    """Encode an indexed image as a lossless WebP file, with our own encoder.

    The same arguments give the same bytes. Any number of threads may call it at once; it holds the
    GIL only to copy the result.

    Parameters
    ----------
    indices : uint8 (height, width), C-contiguous, sides 1..16383, every value below n
    colours : uint32 (n,), n in 1..256, 0xAARRGGBB, not premultiplied
    effort : "fast", "balanced" or "best"

    Returns
    -------
    bytes
        A WebP file that decodes to the identical image.

    Raises
    ------
    TypeError
        An argument has another type or dtype.
    ValueError
        An argument has another shape, layout or value.
    """
    _check(indices, colours)
    if effort not in EFFORTS:
        near = difflib.get_close_matches(str(effort), EFFORTS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"encode_webp: effort must be one of {', '.join(EFFORTS)}, got {effort!r}.{hint}")
    data = encode(indices, colours, effort)
    if data is None:
        raise _refuse_index(indices, colours.size)
    return data


def encode_webp_pillow(indices: npt.NDArray[np.uint8], colours: npt.NDArray[np.uint32]) -> bytes:
    """Encode an indexed image as a lossless WebP file with Pillow, which needs nothing compiled.

    Takes, returns and raises what `encode_webp` does.
    """
    _check(indices, colours)
    if int(indices.max()) >= colours.size:
        raise _refuse_index(indices, colours.size)
    return _encode_pillow(indices, colours)
