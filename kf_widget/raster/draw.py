"""A whole scene in one call, so that a busy interpreter delays a frame at most once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kf_widget.jit import kernel
from kf_widget.raster.area import fill_area
from kf_widget.raster.polyline import stroke_polyline
from kf_widget.raster.rects import fill_rects
from kf_widget.raster.text import blit_texts, lacks_glyphs

__all__ = ["AREA", "POLYLINE", "RECTS", "TEXTS", "draw"]

RECTS = 0
POLYLINE = 1
AREA = 2
TEXTS = 3


@kernel(_nrt=False)
def draw(
    out: npt.NDArray[np.uint8],
    steps: int,
    layers: npt.NDArray[np.int64],
    widths: npt.NDArray[np.float64] | None,
    index_of_ink: npt.NDArray[np.uint8],
    x0: npt.NDArray[np.int32],
    y0: npt.NDArray[np.int32],
    x1: npt.NDArray[np.int32],
    y1: npt.NDArray[np.int32],
    ink: npt.NDArray[np.uint8],
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    codes: npt.NDArray[np.uint32],
    string_edges: npt.NDArray[np.int32],
    pages: npt.NDArray[np.int32],
    slots: npt.NDArray[np.int32],
    glyphs: npt.NDArray[np.int32],
    levels: npt.NDArray[np.uint8],
    cap_heights: npt.NDArray[np.int32],
    cover: npt.NDArray[np.float64],
    solid: npt.NDArray[np.int32],
) -> bool:
    """Draw every layer, in order; False, with nothing drawn, if a glyph is not in the atlas.

    Parameters
    ----------
    out : uint8 (h, w), overwritten; the background is index 0.
    layers : int64 (n_layers, 14): kind, clip (4), start and stop in the columns of its kind, index,
        ground, ramp, and then for a polyline the other ground and its ramp, for an area the base, for
        texts the first string, face, align and middle.
    widths : float64 (n_layers,), px, of polylines; None where there are neither polylines nor areas, so
        that the first candles on a machine do not wait until these are compiled.
    x0, y0, x1, y1, ink : columns of all rectangles. index_of_ink : uint8 (256,).
    x, y : columns of all points: polylines', areas', anchors of texts.
    codes, string_edges : all texts, see `blit_texts`.
    steps, cover, solid : see `shade` and `fill_area`.
    pages, slots, glyphs, levels, cap_heights : see `kf_widget.raster.glyphs.Tables`.
    """
    for k in range(layers.shape[0]):
        if layers[k, 0] == TEXTS:
            string = layers[k, 10]
            begin = string_edges[string]
            end = string_edges[string + layers[k, 6] - layers[k, 5]]
            if lacks_glyphs(codes, begin, end, layers[k, 11], pages, slots):
                return False
    out[:, :] = 0
    for k in range(layers.shape[0]):
        layer = layers[k]
        kind = layer[0]
        left, top, right, bottom = layer[1], layer[2], layer[3], layer[4]
        start, stop = layer[5], layer[6]
        index, ground, ramp = layer[7], layer[8], layer[9]
        if kind == RECTS:
            fill_rects(out, x0, y0, x1, y1, ink, index_of_ink, start, stop, left, top, right, bottom)
        elif kind == TEXTS:
            blit_texts(
                out, x, y, start, stop, codes, string_edges, layer[10],
                layer[11], layer[12], layer[13], left, top, right, bottom,
                steps, index, ground, ramp, pages, slots, glyphs, levels, cap_heights,
            )  # fmt: skip
        elif widths is not None:
            if kind == POLYLINE:
                stroke_polyline(
                    out, x, y, start, stop, widths[k], left, top, right, bottom,
                    steps, index, ground, ramp, layer[10], layer[11],
                )  # fmt: skip
            elif kind == AREA:
                fill_area(
                    out, x, y, start, stop, layer[10], left, top, right, bottom,
                    steps, index, ground, ramp, cover, solid,
                )  # fmt: skip
    return True
