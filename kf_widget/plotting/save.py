"""Images and charts as files."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.plotting.encode import check_options, encode_indexed, encode_pixels
from kf_widget.plotting.files import format_for, write_file
from kf_widget.plotting.look import Look, look_of
from kf_widget.plotting.picture import BACKGROUND_KEY, origin_of
from kf_widget.plotting.render import draw
from kf_widget.plotting.words import index_pixels

__all__ = ["chart_bytes", "render_and_save", "save_chart"]


def save_chart(
    img: Any,
    output_path: Any,
    format: str | None = None,
    speed: str = "balanced",
    quality: int | None = None,
    **encoder: Any,
) -> Any:
    """Save an image, as it is now.

    Parameters
    ----------
    img : Pillow image, of `render_ohlcv_chart` or any other; images of up to 256 colours are smallest.
    output_path : path, or an open binary file. A path is written whole or not at all.
    format : "webp", "png" or "jpeg"; by default as the path's suffix says.
    speed : "fast", "balanced" or "best", each slower and smaller.
    quality : 1 to 100, of JPEG. WebP and PNG are lossless whatever it is.
    **encoder : ``compress_level`` 0 to 9 for PNG; ``subsampling``, ``progressive``, ``optimize`` for JPEG.

    Returns
    -------
    `output_path`

    Notes
    -----
    JPEG has no transparency: what is transparent shows the chart's background, white for other images.

    Raises
    ------
    TypeError, ValueError : an argument is of another kind or value than above; the message says which.
    KfError : the file cannot be written.
    """
    what = "save_chart"
    chosen = format_for(what, output_path, format)
    options = check_options(what, chosen, speed, quality, encoder)
    if chosen in ("svg", "svgz"):
        raise ValueError(
            "save_chart: format must be webp, png or jpeg, because an image is made of pixels, "
            f"got {chosen!r}. render_and_save writes vectors."
        )
    return write_file(what, output_path, _image_bytes(what, img, chosen, speed, options))


def render_and_save(
    ohlc: Any,
    volume: Any,
    output_path: Any,
    format: str | None = None,
    speed: str = "fast",
    quality: int | None = None,
    **render: Any,
) -> Any:
    """Draw a chart and save it.

    Parameters
    ----------
    ohlc, volume, **render : as for `render_ohlcv_chart`.
    output_path, speed, quality : as for `save_chart`.
    format : "webp", "png", "jpeg", "svg" or "svgz"; by default as the path's suffix says.

    Returns
    -------
    `output_path`

    Raises
    ------
    TypeError, ValueError : an argument is of another kind or value than there; the message says which.
    KfError : the file cannot be written.
    """
    what = "render_and_save"
    chosen = format_for(what, output_path, format)
    options = check_options(what, chosen, speed, quality, {})
    data = chart_bytes(what, ohlc, volume, look_of(**render), chosen, speed, options)
    return write_file(what, output_path, data)


def chart_bytes(
    what: str, ohlc: Any, volume: Any, look: Look, format: str, speed: str, options: dict[str, Any]
) -> bytes:
    """One chart as the bytes of a file of any format."""
    if format in ("svg", "svgz"):
        from kf_widget.plotting.drawn import draw_svg

        data: bytes = draw_svg(ohlc, volume, look, what=what, compressed=format == "svgz")
        return data
    indices, colours = draw(ohlc, volume, look, what)
    return encode_indexed(indices, colours, format, speed, options)


def _image_bytes(what: str, image: Any, format: str, speed: str, options: dict[str, Any]) -> bytes:
    from PIL import Image

    if not isinstance(image, Image.Image):
        raise TypeError(f"{what}: img must be a Pillow image, got {type(image).__name__}.")
    if not image.width or not image.height:
        raise ValueError(f"{what}: img must hold at least one pixel, got {image.width} x {image.height}.")
    if image.mode.startswith(("I", "F")):
        raise ValueError(
            f"{what}: img must have 8 bits a channel, got mode {image.mode!r}. "
            "Scale its values to 0 to 255 and convert it to 'L' or 'RGB' first."
        )
    origin = origin_of(image)
    if origin is not None:
        return encode_indexed(origin.indices, origin.colours, format, speed, options)
    see_through = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    pixels = image.convert("RGBA" if see_through else "RGB")
    if format == "jpeg" and see_through:
        ground = Image.new("RGBA", pixels.size, image.info.get(BACKGROUND_KEY, "#FFFFFF"))
        pixels = Image.alpha_composite(ground, pixels).convert("RGB")
        see_through = False
    if format == "webp" and max(image.size) > 16_383:
        raise ValueError(f"{what}: img must have sides of at most 16,383 pixels for WebP, got {image.size}.")
    if format != "jpeg":
        words = np.frombuffer(bytearray(pixels.convert("RGBA").tobytes()), np.uint32)
        indexed = index_pixels(words, image.height, image.width)
        if indexed is not None:
            return encode_indexed(*indexed, format, speed, options)
    return encode_pixels(pixels, format, speed, options)
