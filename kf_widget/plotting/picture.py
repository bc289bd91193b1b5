"""Charts as Pillow images that remember the indices they were made of."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kf_widget.plotting.easel import easel
from kf_widget.plotting.look import Look
from kf_widget.plotting.words import rgba_words
from kf_widget.raster.lookup import is_lookup, look_up

__all__ = ["BACKGROUND_KEY", "Origin", "origin_of", "picture_of"]

BACKGROUND_KEY = "kf_widget_background"
"""Entry of an image's `info`: the colour under what is transparent, as "#RRGGBB"."""
_NO_WORDS = np.empty(0, np.uint32)


class Origin(NamedTuple):
    """What an image was made of.

    indices : uint8 (height, width)
    colours : uint32 (n,), 0xAARRGGBB
    table : uint32 (256,), the same as they lie in an RGBA image
    words : uint32 (height * width,), the pixels of an RGBA image, which Pillow shares; else none
    core : Pillow's own image; a copy takes its place once somebody draws
    """

    indices: npt.NDArray[np.uint8]
    colours: npt.NDArray[np.uint32]
    table: npt.NDArray[np.uint32]
    words: npt.NDArray[np.uint32]
    core: Any


def picture_of(
    indices: npt.NDArray[np.uint8],
    colours: npt.NDArray[np.uint32],
    look: Look,
    table: npt.NDArray[np.uint32] | None = None,
) -> Any:
    """An image, RGBA or RGB, that `kf_widget.plotting.save_chart` saves fast while nobody draws on it.

    Parameters
    ----------
    indices : uint8 (height, width), kept; do not write into it
    colours : uint32 (n,), 0xAARRGGBB; table : `rgba_words` of them
    """
    from PIL import Image

    if table is None:
        table = rgba_words(colours)

    height, width = indices.shape
    flat = indices.reshape(-1)
    if look.antialiasing:
        words = np.empty(indices.size, np.uint32)
        look_up(flat, table, words, False)
        # Pillow maps the memory and copies it on the first write.
        image = Image.frombuffer("RGBA", (width, height), words, "raw", "RGBA", 0, 1)
    else:
        pixels = easel().pixels(indices.size)
        look_up(flat, table, pixels, False)
        image = Image.new("RGB", (width, height), None)
        image.frombytes(pixels.data, "raw", "RGBX")
        words = _NO_WORDS
    image.info[BACKGROUND_KEY] = look.theme.background
    image.kf_widget_origin = Origin(indices, colours, table, words, image.im)  # type: ignore[attr-defined]
    return image


def origin_of(image: Any) -> Origin | None:
    """What an image was made of, or None where it has none or somebody has changed a pixel."""
    origin: Origin | None = getattr(image, "kf_widget_origin", None)
    if origin is None or image.im is not origin.core or image.size != origin.indices.shape[::-1]:
        return None
    words = origin.words
    if image.mode == "RGB":
        # Pillow's fourth byte of an RGB pixel is 255, as in colours without transparency.
        words = np.frombuffer(bytearray(image.tobytes("raw", "RGBX")), np.uint32)
        words |= np.uint32(0xFF000000)
    elif image.mode != "RGBA" or not image.readonly:
        return None
    return origin if is_lookup(origin.indices.reshape(-1), origin.table, words) else None
