"""One pass from a viewport to the bytes of a frame."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kf_widget.chart.compose import Picture, Style, compose
from kf_widget.chart.subject import Subject
from kf_widget.chart.theme import Theme
from kf_widget.chart.view import Viewport
from kf_widget.frame.webp import encode_webp, encode_webp_pillow, vp8l_ready
from kf_widget.raster import Palette, measure, rasterize

__all__ = ["Frame", "Renderer"]


@dataclass(slots=True)
class Frame:
    """One encoded picture with what it shows.

    webp : lossless WebP bytes
    picture : scene, layout, bars and scales behind it
    seconds : time for the scene, the raster and the encoder
    compiled : whether our own encoder made it
    """

    webp: bytes
    picture: Picture
    seconds: tuple[float, float, float]
    compiled: bool


class Renderer:
    """Renders frames into a buffer of its own; keeps the last one so that a theme costs only the encode.

    Not for two threads at once; make one for each.
    """

    def __init__(self) -> None:
        self._pixels: npt.NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
        self._subject: Subject | None = None  # itself: another may be where it was
        self._kept: tuple[object, ...] | None = None
        self._picture: Picture | None = None
        self._palette: Palette | None = None

    def draw(
        self, subject: Subject, viewport: Viewport, style: Style
    ) -> tuple[Picture, npt.NDArray[np.uint8], Palette]:
        """Picture, its indices uint8 (height, width) valid until the next call, and their palette."""
        wanted = (len(subject.history), viewport, style)
        same = subject is self._subject and self._kept == wanted
        if same and self._picture is not None and self._palette is not None:
            return self._picture, self._view(self._picture), self._palette
        self._kept = None
        picture = compose(subject, viewport, style, measure)
        palette = rasterize(picture.scene, self._view(picture))
        self._subject, self._kept, self._picture, self._palette = subject, wanted, picture, palette
        return picture, self._view(picture), palette

    def render(self, subject: Subject, viewport: Viewport, style: Style, theme: Theme) -> Frame:
        """The frame of a viewport, encoded as lossless WebP in the theme's colours."""
        began = time.perf_counter()
        picture, indices, palette = self.draw(subject, viewport, style)
        drawn = time.perf_counter()
        ready = vp8l_ready()
        encode = encode_webp if ready else encode_webp_pillow
        webp = encode(indices, palette.colours(theme.colours()))
        done = time.perf_counter()
        return Frame(webp, picture, (drawn - began, done - drawn, done - began), ready)

    def _view(self, picture: Picture) -> npt.NDArray[np.uint8]:
        height, width = picture.scene.height, picture.scene.width
        if self._pixels.size < height * width:
            self._pixels = np.empty(height * width, dtype=np.uint8)
        return self._pixels[: height * width].reshape(height, width)
