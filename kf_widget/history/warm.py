"""Compiling the scans of `resample`, which small histories do without: a large one then waits for nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from kf_widget.history.resample import scan_columns, scan_times
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone

__all__ = ["warm_scans"]


def warm_scans(report: Callable[[str], None] | None = None) -> float:
    """Compile both scans into the cache by resampling a few ticks; seconds it took."""
    began = time.perf_counter()
    zone, n = Zone.of("UTC"), 1000
    stamps, price = np.arange(n) * 10**9, np.linspace(1.0, 2.0, n)
    for size_type in (np.float64, np.float32):
        ticks = Ticks.from_columns(stamps, price, np.ones(n).astype(size_type))
        for text in ("10s", "10t"):
            scan_columns(ticks, Timeframe.parse(text), zone)
        scan_times(ticks, Timeframe.parse("10s"), zone, once_rows=0)
    seconds = time.perf_counter() - began
    if report is not None:
        report(f"  resample: {seconds:.1f} s")
    return seconds
