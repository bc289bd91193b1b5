"""Compiling what the plotting functions need, so that their first call waits for nothing."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kf_widget.plotting.batch import render_batch
from kf_widget.plotting.look import CHART_TYPES
from kf_widget.plotting.parallel import render_charts_parallel
from kf_widget.plotting.render import render_ohlcv_chart
from kf_widget.plotting.save import save_chart
from kf_widget.plotting.windows import rolling_windows

__all__ = ["warm_plotting"]


def warm_plotting(report: Callable[[str], None] | None = None) -> float:
    """Compile the kernels of every plotting function into the cache by drawing; seconds it took."""
    began = time.perf_counter()
    rng = np.random.default_rng(0)
    close = 100 + np.cumsum(rng.normal(0, 1, 400))
    prices = {"open": close, "high": close + 2, "low": close - 2, "close": close + 0.5}
    volume = rng.random(400)
    size: dict[str, Any] = {"width": 96, "height": 64}
    for smooth in (True, False):
        size["enable_antialiasing"] = smooth
        for axes in (False, True):
            for chart_type in CHART_TYPES:
                render_ohlcv_chart(prices, volume, chart_type=chart_type, axes=axes, **size)
        image = render_ohlcv_chart(prices, None, **size)
        for speed in ("fast", "balanced", "best"):
            save_chart(image, io.BytesIO(), format="webp", speed=speed)
        image.putpixel((0, 0), (1, 2, 3, 255)[: len(image.getbands())])
        save_chart(image, io.BytesIO(), format="png")
        windows = rolling_windows(prices, 50, 100, volume=volume)
        datasets = [{"ohlc": prices, "volume": volume}] * 2
        for charts in (windows, datasets):
            render_batch(charts, **size)
            render_batch(charts, axes=True, **size)
            render_charts_parallel(charts, progress=False, **size)
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory() as folder:  # there may be no place
        paths = [f"{folder}/{k}.webp" for k in range(8)]  # two to a piece
        render_charts_parallel(datasets * 4, paths, 1, progress=False, **size)
    seconds = time.perf_counter() - began
    if report is not None:
        report(f"  plotting: {seconds:.1f} s")
    return seconds
