"""Compiling everything that a chart needs, before or while it is shown.

A kernel that is not in the cache compiles when it is first called, which freezes a chart for seconds.
The first frame needs only the few kernels of query and raster; the rest is compiled by another process
while Pillow encodes, and is used from the moment that it is there.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from kf_widget.frame.webp import vp8l_ready, warm

__all__ = ["warm_all", "warm_beside"]

_lock = threading.Lock()
_process: subprocess.Popen[bytes] | None = None


def warm_all(report: Callable[[str], None] | None = None) -> float:
    """Compile every kernel into the cache by drawing small charts; seconds it took."""
    from kf_widget.chart.compose import Style
    from kf_widget.chart.readout import read_out
    from kf_widget.chart.subject import Subject
    from kf_widget.chart.theme import theme_named
    from kf_widget.chart.view import Viewport
    from kf_widget.frame.render import Renderer
    from kf_widget.history.ticks import Ticks

    say = report or (lambda text: None)
    began = time.perf_counter()
    say("Compiling the kernels (once per version) ...")
    theme, renderer = theme_named("modern"), Renderer()
    n = 40_000
    rng = np.random.default_rng(0)
    price = (1000 + np.cumsum(rng.integers(-1, 2, n))).astype(np.float64)
    stamps = np.cumsum(rng.integers(0, 40, n)) * 10**9
    side = rng.integers(-1, 2, n).astype(np.int8)
    for size_type in (np.float64, np.float32):
        ticks = Ticks.from_columns(stamps, price, rng.integers(1, 9, n).astype(size_type), side)
        subject = Subject.of(ticks)
        axis = subject.axis
        for chart_type in ("candle", "bars", "line", "area"):
            for scale in ("linear", "log"):
                for share in (1.0, 1e-4):
                    stop = axis.start + int((axis.stop - axis.start) * share)
                    viewport = Viewport(axis.start, stop, None, 300, 200)
                    picture, _, _ = renderer.draw(subject, viewport, Style("auto", chart_type, scale))
                    read_out(picture.columns, subject.zone)
        for timeframe in ("1s", "1m", "1D", "1M", "ticks", "100t", "500v", "1e5$"):
            renderer.draw(subject, Viewport(axis.start, axis.stop, None, 300, 200), Style(timeframe))
            if timeframe != "ticks":
                ticks.resample(timeframe)
    say(f"  charts: {time.perf_counter() - began:.1f} s")
    warm()
    renderer.render(subject, Viewport(axis.start, axis.stop, None, 300, 200), Style(), theme)
    say(f"  encoder: {time.perf_counter() - began:.1f} s")
    return time.perf_counter() - began


def warm_beside() -> None:
    """Start compiling in another process where the encoder is not in the cache yet; returns at once."""
    global _process
    with _lock:
        if vp8l_ready() or (_process is not None and _process.poll() is None):
            return
        _process = subprocess.Popen(
            [sys.executable, "-m", "kf_widget", "warm", "--quiet"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
