"""Charts as images, files and arrays, without a browser."""

from __future__ import annotations

from kf_widget.plotting.batch import render_batch, render_ohlcv_charts
from kf_widget.plotting.parallel import ChartError, render_charts_parallel
from kf_widget.plotting.render import render_ohlcv_chart, render_to_array
from kf_widget.plotting.save import render_and_save, save_chart
from kf_widget.plotting.windows import Windows, rolling_windows

__all__ = [
    "ChartError",
    "Windows",
    "render_and_save",
    "render_batch",
    "render_charts_parallel",
    "render_ohlcv_chart",
    "render_ohlcv_charts",
    "render_to_array",
    "rolling_windows",
    "save_chart",
]
