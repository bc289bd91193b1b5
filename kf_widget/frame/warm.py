"""Compiling everything that a chart needs, before or while it is shown.

A kernel that is not in the cache compiles when it is first called, which freezes a chart for seconds.
The first frame needs only the few kernels of query and raster, and another process compiles half of them
at the same time. That process then makes way for the chart and compiles the rest while Pillow encodes;
each kernel is used from the moment that it is there.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kf_widget.frame.webp import vp8l_ready, warm

__all__ = ["warm_all", "warm_as_helper", "warm_beside"]

# A chart never waits for the kernels of large resamples and of the plotting functions: they come last.
_HELPER = """
import sys
sys.path.append(sys.argv[1])
from kf_widget.frame.warm import warm_as_helper
warm_as_helper(int(sys.argv[2]))
from kf_widget.history.warm import warm_scans
warm_scans()
from kf_widget.plotting.warm import warm_plotting
warm_plotting()
"""

_lock = threading.Lock()
_process: subprocess.Popen[bytes] | None = None


def warm_all(report: Callable[[str], None] | None = None) -> float:
    """Compile every kernel of a chart into the cache by drawing small ones; seconds it took."""
    from kf_widget.chart.compose import Style
    from kf_widget.chart.readout import read_out
    from kf_widget.chart.series import CHART_TYPES
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
        for chart_type in CHART_TYPES:
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


def warm_as_helper(parent: int) -> None:
    """Compile everything for the chart of another process, its first frame first; ends when that does."""
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    from kf_widget.frame.first import compile_first

    compile_first()
    if hasattr(os, "nice"):
        os.nice(10)
    warm_all()


def _follow(parent: int) -> None:
    """End this process once its parent is gone. Windows keeps a parent's number: there it just finishes."""
    while sys.platform == "win32" or os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def warm_beside() -> None:
    """Start compiling in another process unless everything is in the cache; returns at once.

    Call it before anything that compiles, so that the two share the work. Where no process can be
    started, the caller compiles all by itself.
    """
    global _process
    with _lock:
        if vp8l_ready("best") or not sys.executable or (_process is not None and _process.poll() is None):
            return
        package = str(Path(__file__).parents[2])
        with contextlib.suppress(OSError):
            _process = subprocess.Popen(
                [sys.executable, "-c", _HELPER, package, str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )


def _forget() -> None:
    global _lock, _process
    _lock, _process = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
