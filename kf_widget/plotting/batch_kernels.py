"""Many charts in one compiled call: drawn, and turned into colours or WebP files."""

from __future__ import annotations

from typing import Any

from kf_widget.frame.vp8l_fast import encode_fast
from kf_widget.jit import kernel
from kf_widget.plotting.bare_kernels import draw_chart
from kf_widget.raster.lookup import finish_stream, look_up, look_up_rgb

__all__ = ["DRAWN", "encode_charts", "paint_charts"]

DRAWN = 1
"""Returned where every chart is done."""


@kernel
def _gather_bytes(indices: Any, table: Any, out: Any) -> None:
    """Red, green and blue of each pixel: indices (n,); table uint32, 0xAABBGGRR; out uint8 (3 n,)."""
    for i in range(indices.size):
        word = table[indices[i]]
        out[3 * i] = word & 255
        out[3 * i + 1] = (word >> 8) & 255
        out[3 * i + 2] = (word >> 16) & 255


@kernel
def paint_charts(
    open: Any, high: Any, low: Any, close: Any, volume: Any, starts: Any, stops: Any, first: int, last: int,
    kind: int, has_volume: bool, grid: bool, smooth: bool, wick_ratio: float,
    image: Any, x: Any, y: Any, cover: Any, solid: Any, table: Any, words: Any, out: Any, streamed: bool,
    failures: Any,
) -> None:  # fmt: skip
    """Draw charts `first` to `last` as colours.

    Parameters
    ----------
    open, high, low, close, volume, kind, has_volume, grid, smooth, wick_ratio, x, y, cover, solid : as
        `draw_chart` takes them
    starts, stops : int64 (n,), the rows of each chart
    image : uint8 (height, width), scratch
    table : uint32 (256,), 0xAABBGGRR
    words : uint32 (n, height * width) over the same memory as `out` for RGBA, or (n, 3/4 of that) for
        RGB where that is whole, else (n, 0)
    out : uint8 (n, 3 * height * width), or (n, 0) for RGBA
    streamed : write words past the caches; the first of each chart then lies at a multiple of 16 bytes
    failures : int64 (n,), overwritten with what `draw_chart` returns
    """
    flat = image.reshape(image.size)
    for k in range(first, last):
        failures[k] = draw_chart(
            image, open, high, low, close, volume, starts[k], stops[k],
            kind, has_volume, grid, smooth, wick_ratio, x, y, cover, solid,
        )  # fmt: skip
        if failures[k] < 0:
            image[:, :] = 0
        if out.shape[1] == 0:
            look_up(flat, table, words[k], streamed)
        elif words.shape[1] > 0:
            look_up_rgb(flat, table, words[k], streamed)
        else:
            _gather_bytes(flat, table, out[k])
    if streamed:
        finish_stream()


@kernel
def encode_charts(
    open: Any, high: Any, low: Any, close: Any, volume: Any, starts: Any, stops: Any, first: int, last: int,
    kind: int, has_volume: bool, grid: bool, smooth: bool, wick_ratio: float,
    image: Any, x: Any, y: Any, cover: Any, solid: Any,
    colours: Any, n_colours: int, pixels: Any, tokens: Any, work: Any, out: Any, edges: Any, failures: Any,
) -> Any:  # fmt: skip
    """Draw charts `first` to `last` and encode each as a WebP file, one after the other in `out`.

    Parameters
    ----------
    open .. solid : as `paint_charts` takes them
    colours, n_colours, pixels, tokens, work : as `encode_fast` takes them
    out : uint8 (m,), overwritten with the files
    edges : int64 (n + 1,), overwritten: file k lies in ``edges[k] - edges[first]`` to ``edges[k + 1] - ..``
    failures : int64 (n,), overwritten with what `draw_chart` returns; such a chart has an empty file

    Returns
    -------
    int
        `last`, or the first chart for which a buffer was too small; the ones before it are done.
    """
    edges[first] = 0
    for k in range(first, last):
        failures[k] = draw_chart(
            image, open, high, low, close, volume, starts[k], stops[k],
            kind, has_volume, grid, smooth, wick_ratio, x, y, cover, solid,
        )  # fmt: skip
        size = 0
        if failures[k] == 0:
            size = encode_fast(image, colours, n_colours, pixels, tokens, work, out[edges[k] :])
            if size < 0:
                return k
        edges[k + 1] = edges[k] + size
    return last
