"""Lines of text, blitted from the glyph atlas."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kf_widget.jit import part
from kf_widget.raster.shade import shade

__all__ = ["ABSENT", "blit_texts", "glyph_of", "lacks_glyphs"]

ABSENT = 0xFFFF
"""Stands for every character outside the basic plane: a noncharacter, so the font draws its box."""


@part(_nrt=False)
def glyph_of(code: int, face: int, pages: npt.NDArray[np.int32], slots: npt.NDArray[np.int32]) -> int:
    """Row of `glyphs` that draws a code point, 0 if it is not in the atlas yet."""
    if code > ABSENT:
        code = ABSENT
    glyph: int = slots[pages[face, code >> 8], code & 255]
    return glyph


@part(_nrt=False)
def lacks_glyphs(
    codes: npt.NDArray[np.uint32],
    start: int,
    stop: int,
    face: int,
    pages: npt.NDArray[np.int32],
    slots: npt.NDArray[np.int32],
) -> bool:
    """Whether any of ``codes[start:stop]`` is not in the atlas yet."""
    for k in range(start, stop):  # noqa: SIM110, Numba has no any()
        if glyph_of(np.int64(codes[k]), face, pages, slots) == 0:
            return True
    return False


@part(_nrt=False)
def blit_texts(
    out: npt.NDArray[np.uint8],
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    start: int,
    stop: int,
    codes: npt.NDArray[np.uint32],
    string_edges: npt.NDArray[np.int32],
    string: int,
    face: int,
    align: int,
    middle: int,
    left: int,
    top: int,
    right: int,
    bottom: int,
    steps: int,
    ink: int,
    ground: int,
    ramp: int,
    pages: npt.NDArray[np.int32],
    slots: npt.NDArray[np.int32],
    glyphs: npt.NDArray[np.int32],
    levels: npt.NDArray[np.uint8],
    cap_heights: npt.NDArray[np.int32],
) -> None:
    """Draw the strings anchored at points `start` to `stop`.

    Every glyph must be in the atlas. Glyphs sit on whole pixels.

    Parameters
    ----------
    out : uint8 (h, w), painted over.
    x, y : float32 (n,), px, anchors; not finite: not drawn.
    codes : uint32, code points; string k is ``codes[string_edges[k]:string_edges[k + 1]]``.
    string : number of the first string, whose anchor is point `start`.
    face : row of `pages` and `cap_heights`.
    align : 0, 1 or 2: the left end, the centre or the right end is at x.
    middle : 1: the capitals' middle is at y, else the baseline.
    left, top, right, bottom : clip, px, inside `out`.
    steps, ink, ground, ramp : as for `shade`.
    pages, slots, glyphs, levels, cap_heights : see `kf_widget.raster.glyphs.Atlas`.
    """
    for i in range(start, stop):
        if not (abs(x[i]) < 1e8 and abs(y[i]) < 1e8):
            continue
        first = string_edges[string + i - start]
        last = string_edges[string + i - start + 1]
        length = 0
        for k in range(first, last):
            length += glyphs[glyph_of(np.int64(codes[k]), face, pages, slots), 5]
        pen = math.floor(x[i] - 0.5 * align * length + 0.5)
        baseline = math.floor(y[i] + 0.5 * middle * cap_heights[face] + 0.5)
        for k in range(first, last):
            glyph = glyph_of(np.int64(codes[k]), face, pages, slots)
            wide = glyphs[glyph, 1]
            x0 = pen + glyphs[glyph, 3]
            y0 = baseline + glyphs[glyph, 4]
            pen += glyphs[glyph, 5]
            for row in range(max(y0, top), min(y0 + glyphs[glyph, 2], bottom)):
                source = glyphs[glyph, 0] + (row - y0) * wide - x0
                for column in range(max(x0, left), min(x0 + wide, right)):
                    level = np.int64(levels[source + column])
                    if level > 0:
                        held = np.int64(out[row, column])
                        out[row, column] = shade(held, level, steps, ink, ground, ramp, ground, ramp)
