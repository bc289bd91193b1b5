"""From a scene to palette indices."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.chart.scene import Area, Clip, Mark, Polyline, Rects, Scene, Texts
from kf_widget.raster.draw import AREA, POLYLINE, RECTS, TEXTS, draw
from kf_widget.raster.glyphs import ATLAS
from kf_widget.raster.palette import Palette, allocate

__all__ = ["rasterize"]

_ALIGN = {"left": 0, "center": 1, "right": 2}
_NO_INT = np.zeros(0, np.int32)
_NO_INK = np.zeros(0, np.uint8)
_NO_POINT = np.zeros(0, np.float32)


def rasterize(scene: Scene, out: npt.NDArray[np.uint8]) -> Palette:
    """Draw a scene into an indexed image.

    Parameters
    ----------
    scene : Scene
    out : uint8 (height, width), C-contiguous, overwritten with palette indices.

    Returns
    -------
    Palette
        What the indices mean: index 0 is the scene's background, then the other inks in use, then the
        shades that antialiasing may need.

    Raises
    ------
    ValueError : `out` has another shape, dtype or layout.

    Notes
    -----
    Deterministic, and safe on any number of threads at once. One compiled call draws everything: around
    0.2 ms for 1200 x 600 px with 300 candles, volume, grid and labels.
    """
    if out.shape != (scene.height, scene.width) or out.dtype != np.uint8 or not out.flags.carray:
        raise ValueError(
            f"rasterize: out must be a writable C-contiguous uint8 array of shape "
            f"({scene.height}, {scene.width}), got {out.dtype} {out.shape}"
        )
    plan = _Plan(scene.width, scene.height)
    for clip, mark in scene.layers:
        plan.add(clip, mark)
    columns = plan.columns()
    palette, steps, *resolved = plan.resolve(scene.background, columns[4])
    cover, solid = np.zeros(2 * scene.height + 2), np.empty(scene.width, np.int32)
    while not draw(out, steps, *resolved, *columns, *ATLAS.tables, cover, solid):
        plan.add_glyphs()
    return palette


class _Plan:
    """The layers of a scene as one table, and their columns end to end."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        # A row of the table, see `draw`, with inks where it wants indices.
        self.rows: list[list[int]] = []
        self.widths: list[float] = []
        self.rects: list[Rects] = []
        self.n_rects = 0
        self.lines: list[Polyline | Area | Texts] = []
        self.n_points = 0
        self.strings: list[str] = []

    def add(self, clip: Clip, mark: Mark) -> None:
        left, top, right, bottom = clip
        bounds = [max(left, 0), max(top, 0), min(right, self.width), min(bottom, self.height)]
        width = 0.0
        if isinstance(mark, Rects):
            start, stop = self.n_rects, self.n_rects + mark.x0.size
            row = [RECTS, *bounds, start, stop, 0, 0, 0, 0, 0, 0, 0]
            self.rects.append(mark)
            self.n_rects = stop
        else:
            start, stop = self.n_points, self.n_points + mark.x.size
            if isinstance(mark, Texts):
                face = ATLAS.face(mark.size_px, mark.weight)
                style = [face, _ALIGN[mark.align], int(mark.valign == "middle")]
                row = [TEXTS, *bounds, start, stop, mark.ink, mark.background, 0, len(self.strings), *style]
                self.strings += mark.strings
            elif isinstance(mark, Polyline):
                ground, other = mark.backgrounds
                row = [POLYLINE, *bounds, start, stop, mark.ink, ground, 0, other, 0, 0, 0]
                width = mark.width
            else:
                base = math.floor(min(max(mark.base, -1e9), 1e9) + 0.5)
                row = [AREA, *bounds, start, stop, mark.ink, mark.background, 0, base, 0, 0, 0]
            self.lines.append(mark)
            self.n_points = stop
        if stop > start:
            self.rows.append(row)
            self.widths.append(width)

    def columns(self) -> tuple[npt.NDArray[Any], ...]:
        """Columns of all rectangles, points and strings, as `draw` takes them."""
        rects, lines = self.rects, self.lines
        text = "".join(self.strings).encode("utf-32-le", "surrogatepass")
        edges = accumulate(map(len, self.strings), initial=0)
        return (
            np.concatenate([_NO_INT, *[mark.x0 for mark in rects]]),
            np.concatenate([_NO_INT, *[mark.y0 for mark in rects]]),
            np.concatenate([_NO_INT, *[mark.x1 for mark in rects]]),
            np.concatenate([_NO_INT, *[mark.y1 for mark in rects]]),
            np.concatenate([_NO_INK, *[mark.ink for mark in rects]]),
            np.concatenate([_NO_POINT, *[mark.x for mark in lines]]),
            np.concatenate([_NO_POINT, *[mark.y for mark in lines]]),
            np.frombuffer(text, np.uint32),
            np.fromiter(edges, np.int32, len(self.strings) + 1),
        )

    def resolve(
        self, background: int, ink_of_rects: npt.NDArray[np.uint8]
    ) -> tuple[Palette, int, npt.NDArray[np.int64], npt.NDArray[np.float64] | None, npt.NDArray[np.uint8]]:
        """Allocate the palette and put its indices where the rows name inks."""
        used = np.zeros(256, np.bool_)
        used[ink_of_rects] = True
        pairs = []
        for row in self.rows:
            if row[0] != RECTS:
                pairs.append((row[7], row[8]))
                if row[0] == POLYLINE:
                    pairs.append((row[7], row[10]))
        inks = sorted(
            {*np.flatnonzero(used).tolist(), *(ink for pair in pairs for ink in pair)} - {background}
        )
        layout = allocate((background, *inks), tuple(pairs))
        index_of, ramp_of = layout.index_of, layout.ramp_of
        for row in self.rows:
            if row[0] != RECTS:
                ink, ground, other = row[7], row[8], row[10]
                row[7], row[8], row[9] = index_of[ink], index_of[ground], ramp_of[ink, ground]
                if row[0] == POLYLINE:
                    row[10], row[11] = index_of[other], ramp_of[ink, other]
        table = np.array(self.rows, np.int64).reshape(-1, 14)
        lines = any(row[0] in (POLYLINE, AREA) for row in self.rows)
        widths = np.array(self.widths, np.float64) if lines else None
        return layout.palette, layout.steps, table, widths, layout.index_of_ink

    def add_glyphs(self) -> None:
        for mark in self.lines:
            if isinstance(mark, Texts):
                ATLAS.add(mark.size_px, mark.weight, "".join(mark.strings))
