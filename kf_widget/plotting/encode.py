"""Pictures as the bytes of WebP, PNG and JPEG files, at three speeds."""

from __future__ import annotations

import io
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.frame.image import encode_image
from kf_widget.frame.vp8l import encode
from kf_widget.plotting.look import choose
from kf_widget.plotting.png import encode_png

__all__ = ["SPEEDS", "check_options", "encode_indexed", "encode_pixels"]

SPEEDS = ("fast", "balanced", "best")
"""From the quickest to the smallest."""

Indices = npt.NDArray[np.uint8]
Colours = npt.NDArray[np.uint32]

_OPTIONS = {
    "webp": (),
    "png": ("compress_level",),
    "jpeg": ("quality", "subsampling", "progressive", "optimize"),
}
_LEVELS = {"fast": 1, "balanced": 6, "best": 9}
_JPEG = {
    "fast": {"quality": 85},
    "balanced": {"quality": 85, "optimize": True},
    "best": {"quality": 85, "optimize": True},
}
_SUBSAMPLING: dict[Any, str] = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
_LIBWEBP = {"fast": (0, 0), "balanced": (75, 4), "best": (100, 6)}


def check_options(
    what: str, format: str, speed: Any, quality: Any, options: dict[str, Any]
) -> dict[str, Any]:
    """Options for the encoders, `quality` among them where the format has one.

    Raises
    ------
    TypeError, ValueError : an unknown speed or option, or a value out of range.
    """
    choose(what, "speed", speed, SPEEDS)
    checked = {}
    if quality is not None:
        checked["quality"] = _whole(what, "quality", quality, 1, 100)
        if format != "jpeg":  # WebP and PNG are lossless at every quality
            del checked["quality"]
    for name, value in options.items():
        allowed = _OPTIONS.get(format, ())
        if name not in allowed:
            listed = ", ".join(allowed) or "none"
            raise TypeError(f"{what}: options of {format} must be among {listed}, got {name!r}.")
        if name == "compress_level":
            value = _whole(what, name, value, 0, 9)
        elif name == "quality":
            value = _whole(what, name, value, 1, 100)
        elif name == "subsampling":
            named = _SUBSAMPLING.get(value, value) if isinstance(value, int) else value
            value = choose(what, name, named, _SUBSAMPLING.values())
        elif not isinstance(value, bool):
            raise TypeError(f"{what}: {name} must be True or False, got {value!r}.")
        checked[name] = value
    return checked


def encode_indexed(
    indices: Indices, colours: Colours, format: str, speed: str, options: dict[str, Any]
) -> bytes:
    """Bytes of an indexed picture, opaque or not.

    Parameters
    ----------
    indices : uint8 (height, width), C-contiguous, each below n
    colours : uint32 (n,), 0xAARRGGBB, n in 1..256; opaque for "jpeg"
    format : "webp", "png" or "jpeg"
    speed : one of `SPEEDS`; options : of `check_options`
    """
    if format == "webp":
        data = encode(indices, colours, speed)
        assert data is not None
        return data
    if format == "png":
        return encode_png(indices, colours, speed, options.get("compress_level"))
    return _jpeg(lambda **given: encode_image(indices, colours, "jpg", **given), speed, options)


def encode_pixels(image: Any, format: str, speed: str, options: dict[str, Any]) -> bytes:
    """Bytes of an image with more colours than a palette holds: RGB, RGBA, or for "jpeg" RGB."""
    if format == "webp":
        quality, method = _LIBWEBP[speed]
        return _saved(image, "WEBP", lossless=True, quality=quality, method=method, exact=True)
    if format == "png":
        level = options.get("compress_level", _LEVELS[speed])
        return _saved(image, "PNG", compress_level=level, optimize=speed == "best" and not options)
    return _jpeg(lambda **given: _saved(image, "JPEG", **{"subsampling": 0, **given}), speed, options)


def _saved(image: Any, format: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, format, **options)
    return target.getvalue()


def _jpeg(save: Callable[..., bytes], speed: str, options: dict[str, Any]) -> bytes:
    """The same pixels at every speed: plain codes, optimal ones, and the progressive order where smaller."""
    given = {**_JPEG[speed], **options}
    data = save(**given)
    if speed == "best" and "progressive" not in options:
        data = min(data, save(**given, progressive=True), key=len)
    return data


def _whole(what: str, name: str, value: Any, least: int, most: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{what}: {name} must be a whole number from {least} to {most}, got {value!r}."
        ) from None
    if isinstance(value, bool) or not least <= number <= most:
        raise ValueError(f"{what}: {name} must be a whole number from {least} to {most}, got {value!r}.")
    return number
