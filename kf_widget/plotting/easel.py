"""The scratch buffers that one thread draws with, and one chart drawn with them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.plotting.bare_kernels import AREA, LINE, draw_chart
from kf_widget.plotting.columns import Columns, fault
from kf_widget.plotting.look import BARE_TYPES, Look

__all__ = ["Easel", "draw_bare", "easel"]

_KEPT_BYTES = 1 << 26
_NO_POINTS = np.zeros(0, np.float32)
_local = threading.local()


class Easel:
    """Scratch of one thread, as `draw_chart` takes it; grows to what its charts need."""

    __slots__ = ("cover", "image", "solid", "words", "x", "y")

    def __init__(self) -> None:
        self.image = np.empty(0, np.uint8)
        self.words = np.empty(0, np.uint32)
        self.x = self.y = _NO_POINTS
        self.cover = np.zeros(0)
        self.solid = np.zeros(0, np.int32)

    def fit(self, look: Look, bars: int) -> tuple[Any, ...]:
        """Scratch `x, y, cover, solid` for a chart of that many bars."""
        if self.cover.size != 2 * look.height + 2:
            self.cover = np.zeros(2 * look.height + 2)
        if self.solid.size < look.width:
            self.solid = np.empty(look.width, np.int32)
        if BARE_TYPES[look.chart_type] in (LINE, AREA):
            points = bars if bars <= look.width else 4 * look.width
            if self.x.size < points:
                self.x, self.y = np.empty(points, np.float32), np.empty(points, np.float32)
        return self.x, self.y, self.cover, self.solid

    def picture(self, look: Look) -> npt.NDArray[np.uint8]:
        """uint8 (height, width), valid until the next call."""
        size = look.height * look.width
        if self.image.size < size:
            self.image = np.empty(size, np.uint8)
        picture = self.image[:size].reshape(look.height, look.width)
        if self.image.nbytes > _KEPT_BYTES:
            self.image = np.empty(0, np.uint8)
        return picture

    def pixels(self, size: int) -> npt.NDArray[np.uint32]:
        """uint32 (size,), valid until the next call."""
        if self.words.size < size:
            self.words = np.empty(size, np.uint32)
        pixels = self.words[:size]
        if self.words.nbytes > _KEPT_BYTES:
            self.words = np.empty(0, np.uint32)
        return pixels


def easel() -> Easel:
    """The scratch of this thread."""
    mine: Easel | None = getattr(_local, "easel", None)
    if mine is None:
        mine = _local.easel = Easel()
    return mine


def draw_bare(columns: Columns, look: Look, out: npt.NDArray[np.uint8], what: str = "render") -> None:
    """Draw one chart without axes.

    Parameters
    ----------
    look : one that is `bare`
    out : uint8 (height, width), overwritten with indices into `look.colours`

    Raises
    ------
    ValueError : a price is infinite, or a volume negative or infinite.
    """
    n = columns.open.size
    status = draw_chart(
        out, *columns, 0, n, BARE_TYPES[look.chart_type], columns.has_volume, look.grid, look.antialiasing,
        look.wick_width_ratio, *easel().fit(look, n),
    )  # fmt: skip
    if status < 0:
        raise fault(status, columns, 0, what)
