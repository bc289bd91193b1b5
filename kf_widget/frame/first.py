"""What the first frame on a machine compiles, beginning with what it needs last.

A chart and a helper process share that work without a word between them: the chart compiles as it goes,
the helper comes towards it from the other end, and each finds in the cache what the other has done. Where
both are at the same kernel it is compiled twice, which costs no more than that kernel.
"""

from __future__ import annotations

import numpy as np

from kf_widget.chart import inks
from kf_widget.chart.geometry import visible_extremes
from kf_widget.chart.layout import lay_out
from kf_widget.chart.query import Columns
from kf_widget.chart.scene import Rects, Scene, Texts
from kf_widget.chart.series import Drawing, PriceMap, series_marks, volume_marks
from kf_widget.chart.timescale_kernels import keep_apart
from kf_widget.chart.view import Viewport
from kf_widget.history.edges import ceil_time, floor_time
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.raster import rasterize

__all__ = ["compile_first"]


def compile_first() -> None:
    """Compile, or load, the kernels of a frame of candles: raster, marks, edges, query."""
    width, height = 64, 32
    scene = Scene(width, height, inks.BACKGROUND)
    corner = np.zeros(1, np.int32)
    scene.add(Rects(corner, corner, corner + 1, corner + 1, inks.UP), (0, 0, width, height))
    point = np.full(1, 16.0, np.float32)
    scene.add(
        Texts(point, point, ["1"], inks.TEXT, 12, "left", background=inks.BACKGROUND), (0, 0, width, height)
    )
    rasterize(scene, np.empty((height, width), np.uint8))

    history = Ticks.from_columns(np.zeros(1, np.int64), np.ones(1), np.ones(1))
    whole, real = np.zeros(1, np.int64), np.ones(1)
    columns = Columns(
        whole, whole + 1, real - 1, real, np.ones((1, 4)), real, whole + 1, whole,
        "1m", single=False, merged=False, rising=real,
    )  # fmt: skip
    layout = lay_out(Viewport(0, 60 * 10**9, None, 300, 200), 40.0, True)
    series_marks("candle", Drawing(history, columns, layout, PriceMap(False, 2.0, 1.0, layout.plot[3])))
    volume_marks(history, columns, layout, 1.0)
    keep_apart(whole, whole, 1, np.empty(1, np.bool_))
    visible_extremes(real - 1, real, columns.ohlc, real, 0.0, 1.0, np.empty(3))

    minute, zone = Timeframe.parse("1m"), Zone.of("UTC")
    ceil_time(minute, zone, whole)
    floor_time(minute, zone, whole)
    index = history.index
    index.aggregate(whole)
    index.rows(whole)
