"""Pictures in the formats that other programs read."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["encode_image"]

_JPEG_QUALITY = 92


def encode_image(
    indices: npt.NDArray[np.uint8], colours: npt.NDArray[np.uint32], format: str, **options: Any
) -> bytes:
    """Bytes of an indexed picture as "png" or "jpg".

    indices : uint8 (height, width)
    colours : uint32 (n,), 0xAARRGGBB, opaque
    options : of Pillow's writer, for example ``compress_level``
    """
    from PIL import Image

    flat = colours[:, None] >> np.array([16, 8, 0], dtype=np.uint32) & np.uint32(255)
    picture = Image.fromarray(indices)
    picture.putpalette(flat.astype(np.uint8).tobytes())
    target = io.BytesIO()
    if format == "png":
        picture.save(target, "PNG", **{"compress_level": 6, **options})
    else:
        picture.convert("RGB").save(target, "JPEG", **{"quality": _JPEG_QUALITY, "subsampling": 0, **options})
    return target.getvalue()
