"""A chart without axes as a scene, for vectors: the marks of the bare kernels, where those put them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kf_widget.chart import inks
from kf_widget.chart.scene import Area, Polyline, Rects, Scene
from kf_widget.plotting.bare_kernels import AREA, GRID, LINE, MARKS, price_pixels
from kf_widget.plotting.columns import Columns
from kf_widget.plotting.easel import draw_bare, easel
from kf_widget.plotting.look import BARE_TYPES, Look

__all__ = ["bare_scene"]

_INKS = (inks.UP, inks.DOWN, inks.VOLUME_UP, inks.VOLUME_DOWN)
"""Of the indices `MARKS`, in order."""

Ints = npt.NDArray[np.intp]


def bare_scene(columns: Columns, look: Look, what: str) -> Scene:
    """The scene of a chart that is `bare`: drawn as pixels, its rectangles found in them, its line beside.

    Raises
    ------
    ValueError : a price is infinite, or a volume negative or infinite.
    """
    image, n = np.empty((look.height, look.width), np.uint8), columns.open.size
    kind = BARE_TYPES[look.chart_type]
    mine = easel()
    if kind in (LINE, AREA):
        mine.fit(look, n)
        mine.y.fill(np.nan)  # a chart of gaps alone leaves there the points of another
    draw_bare(columns, look, image, what)
    price_px = price_pixels(look.height, columns.has_volume)
    scene = Scene(look.width, look.height)
    lines = np.flatnonzero((image == GRID).any(axis=1))
    scene.add(Rects(np.zeros(lines.size), lines, np.full(lines.size, look.width), lines + 1, inks.GRID))
    if kind not in (LINE, AREA):
        _add_rects(scene, image, columns, 0)
        return scene
    _add_rects(scene, image[price_px:], columns, price_px)
    count = n if n <= look.width else 4 * look.width
    x, y, clip = mine.x[:count].copy(), mine.y[:count].copy(), (0, 0, look.width, price_px)
    if kind == AREA:
        scene.add(Area(x, y, price_px, inks.AREA), clip)
    stroke = 1.5 if look.antialiasing and n <= look.width else 1.0
    scene.add(Polyline(x, y, stroke, inks.LINE), clip)
    return scene


def _add_rects(scene: Scene, image: npt.NDArray[np.uint8], columns: Columns, top: int) -> None:
    """Add the rectangles that an image of bodies, wicks and volumes is made of; top : its first row."""
    # Along the rows a candle is three of them; where candles touch, those down the columns are fewer.
    upright = 2 * columns.open.size > scene.width
    for index, ink in zip(MARKS, _INKS, strict=True):
        x0, y0, x1, y1 = _rectangles(image == index, upright)
        if x0.size:
            scene.add(Rects(x0, y0 + top, x1, y1 + top, ink))


def _rectangles(mask: npt.NDArray[np.bool_], upright: bool) -> tuple[Ints, Ints, Ints, Ints]:
    """Rectangles x0, y0, x1, y1, half-open, that cover a mask and do not overlap.

    upright : runs down the columns are joined side by side; else those along the rows, one below another
    """
    if upright:
        y0, x0, y1, x1 = _rectangles(mask.T, False)
        return x0, y0, x1, y1
    framed = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
    framed[:, 1:-1] = mask
    steps = np.diff(framed, axis=1)
    row, start = np.nonzero(steps == 1)
    stop = np.nonzero(steps == -1)[1]
    order = np.lexsort((row, stop, start))
    row, start, stop = row[order], start[order], stop[order]
    goes_on = (np.diff(row) == 1) & (np.diff(start) == 0) & (np.diff(stop) == 0)
    first = np.flatnonzero(np.append(True, ~goes_on)) if row.size else np.empty(0, np.intp)
    last = np.append(first[1:], row.size)[: first.size] - 1
    return start[first], row[first], stop[first], row[last] + 1
