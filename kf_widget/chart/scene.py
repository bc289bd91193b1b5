"""What to draw: columns of marks in device pixels, in drawing order.

A scene knows neither fonts nor colours. The raster turns it into palette indices and the SVG writer
into paths. Pixel ``i`` spans ``[i, i + 1)``, so a one pixel wide line at ``y = 10.5`` is crisp.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from kf_widget.chart.inks import BACKGROUND

__all__ = ["Area", "Clip", "Layer", "Mark", "Polyline", "Rects", "Scene", "Texts"]

Clip: TypeAlias = tuple[int, int, int, int]
"""Half-open pixel rectangle ``(x0, y0, x1, y1)``."""

_FAR = 1 << 30


@dataclass(slots=True, init=False, eq=False)
class Rects:
    """Filled rectangles: panes, grid lines, bodies, wicks, volume, tags.

    Parameters
    ----------
    x0, y0, x1, y1 : (n,), px, half-open; kept as int32. Floats are rounded to the nearest pixel and
        clamped to +-2**30; a rectangle with a NaN is empty, as is one with x1 <= x0 or y1 <= y0.
    ink : uint8 (n,), or one ink for all.
    """

    x0: npt.NDArray[np.int32]
    y0: npt.NDArray[np.int32]
    x1: npt.NDArray[np.int32]
    y1: npt.NDArray[np.int32]
    ink: npt.NDArray[np.uint8]

    def __init__(
        self, x0: npt.ArrayLike, y0: npt.ArrayLike, x1: npt.ArrayLike, y1: npt.ArrayLike, ink: npt.ArrayLike
    ) -> None:
        self.x0 = _first_pixels(x0)
        self.y0 = _first_pixels(y0)
        self.x1 = _last_pixels(x1)
        self.y1 = _last_pixels(y1)
        n = self.x0.size
        self.ink = _inks(ink, n)
        _same_length("Rects", n, y0=self.y0, x1=self.x1, y1=self.y1, ink=self.ink)


@dataclass(slots=True, init=False, eq=False)
class Polyline:
    """An antialiased line with round joins.

    Parameters
    ----------
    x, y : (n,), px; kept as float32. A NaN breaks the line; coordinates beyond +-1e9 px, infinite ones
        too, count as +-1e9.
    width : px, more than 0.
    ink : of the line.
    background : ink it mostly lies on and shades against; two of them for the edge of an area.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    width: float
    ink: int
    background: int | tuple[int, int]

    def __init__(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        width: float,
        ink: int,
        background: int | tuple[int, int] = BACKGROUND,
    ) -> None:
        self.x, self.y = _points("Polyline", x, y)
        self.width, self.ink, self.background = width, ink, background
        if not 0 < self.width < 1e4:
            raise ValueError(f"Polyline: width must be above 0 px and below 10,000, got {self.width!r}")

    @property
    def backgrounds(self) -> tuple[int, int]:
        """Both backgrounds; twice the same one where there is only one."""
        return self.background if isinstance(self.background, tuple) else (self.background, self.background)


@dataclass(slots=True, init=False, eq=False)
class Area:
    """The region between a line and a horizontal base below it, with an antialiased top.

    Parameters
    ----------
    x, y : (n,), px, x non-decreasing; kept as float32. NaN breaks the area; see `Polyline` for infinities.
        Where the line is below `base` nothing is filled.
    base : px, rounded to a pixel edge.
    ink : of the fill, solid.
    background : ink that the top edge shades against.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    base: float
    ink: int
    background: int

    def __init__(
        self, x: npt.ArrayLike, y: npt.ArrayLike, base: float, ink: int, background: int = BACKGROUND
    ) -> None:
        self.x, self.y = _points("Area", x, y)
        self.base, self.ink, self.background = base, ink, background
        if math.isnan(self.base):
            raise ValueError("Area: base must be a number of px, got nan")


@dataclass(slots=True, init=False, eq=False)
class Texts:
    """Lines of text in one size, weight and ink.

    Parameters
    ----------
    x, y : (n,), px; kept as float32. Where `align` and `valign` put the anchor. A string with a NaN or
        infinite coordinate is not drawn.
    strings : n of them. Newlines and other control characters draw nothing.
    ink, background : of the text, and of what it lies on.
    size_px : font size, em in whole pixels, 1 to 1,000.
    align : which end of the text is at `x`.
    valign : ``"baseline"`` at `y`, or ``"middle"`` of the capitals and digits at `y`.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    strings: Sequence[str]
    ink: int
    size_px: int
    align: Literal["left", "center", "right"]
    valign: Literal["baseline", "middle"]
    background: int
    weight: Literal["regular", "medium"]

    def __init__(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        strings: Sequence[str],
        ink: int,
        size_px: int,
        align: Literal["left", "center", "right"] = "left",
        valign: Literal["baseline", "middle"] = "baseline",
        background: int = BACKGROUND,
        weight: Literal["regular", "medium"] = "regular",
    ) -> None:
        self.x, self.y = _points("Texts", x, y)
        self.strings, self.ink, self.size_px = strings, ink, size_px
        self.align, self.valign = align, valign
        self.background, self.weight = background, weight
        if len(self.strings) != self.x.size:
            raise ValueError(f"Texts: strings must be {self.x.size} of them, got {len(self.strings)}")
        if not 1 <= self.size_px <= 1000:
            raise ValueError(f"Texts: size_px must be 1 to 1,000, got {self.size_px!r}")
        if self.align not in ("left", "center", "right"):
            raise ValueError(f"Texts: align must be left, center or right, got {self.align!r}")
        if self.valign not in ("baseline", "middle"):
            raise ValueError(f"Texts: valign must be baseline or middle, got {self.valign!r}")
        if self.weight not in ("regular", "medium"):
            raise ValueError(f"Texts: weight must be regular or medium, got {self.weight!r}")


Mark: TypeAlias = Rects | Polyline | Area | Texts


class Layer(NamedTuple):
    """A mark and the rectangle outside which it is not drawn."""

    clip: Clip
    mark: Mark


@dataclass(slots=True)
class Scene:
    """A picture before it has pixels: `width` x `height` device px of `background`, then the layers."""

    width: int
    height: int
    background: int = BACKGROUND
    layers: list[Layer] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"Scene: width, height must be 1 px or more, got {self.width} x {self.height}")

    def add(self, mark: Mark, clip: Clip | None = None) -> None:
        """Draw `mark` over what is there, inside `clip` (the whole scene unless given)."""
        self.layers.append(Layer(clip or (0, 0, self.width, self.height), mark))


def _first_pixels(values: npt.ArrayLike) -> npt.NDArray[np.int32]:
    array: npt.NDArray[Any] = np.asarray(values)
    if array.dtype != np.int32:  # fmin passes over NaN: the rectangle begins far away, that is never
        array = np.fmax(np.fmin(_rounded(array), _FAR), -_FAR)
    return np.ascontiguousarray(array, dtype=np.int32)


def _last_pixels(values: npt.ArrayLike) -> npt.NDArray[np.int32]:
    array: npt.NDArray[Any] = np.asarray(values)
    if array.dtype != np.int32:
        array = np.fmin(np.fmax(_rounded(array), -_FAR), _FAR)
    return np.ascontiguousarray(array, dtype=np.int32)


def _rounded(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype.kind == "i":
        return array.astype(np.int64, copy=False)
    if array.dtype.kind not in "uf":
        raise TypeError(f"Rects: coordinates must be numbers, got dtype {array.dtype}")
    rounded: npt.NDArray[np.float64] = np.rint(array, dtype=np.float64)
    return rounded


def _inks(ink: npt.ArrayLike, n: int) -> npt.NDArray[np.uint8]:
    if isinstance(ink, np.ndarray) and ink.dtype == np.uint8 and ink.ndim:
        return np.ascontiguousarray(ink)
    array = np.asarray(ink)
    if array.size and not (array.min() >= 0 and array.max() <= 255):
        raise ValueError(f"Rects: ink must be 0 to 255, got {array.min()} to {array.max()}")
    return np.full(n, array, dtype=np.uint8) if array.ndim == 0 else array.astype(np.uint8)


def _points(
    what: str, x: npt.ArrayLike, y: npt.ArrayLike
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    x = np.ascontiguousarray(x, dtype=np.float32)
    y = np.ascontiguousarray(y, dtype=np.float32)
    _same_length(what, x.size, x=x, y=y)
    return x, y


def _same_length(what: str, n: int, **columns: npt.NDArray[Any]) -> None:
    for name, column in columns.items():
        if column.shape != (n,):
            raise ValueError(f"{what}: {name} must be of shape ({n},), got {column.shape}")
