"""Scrub through years of ticks in a notebook: `Chart(read_ticks("ticks.parquet"))`.

Names are loaded on first use, so that importing the package costs nothing but itself.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kf_widget.chart.view import View
    from kf_widget.errors import KfError, KfWarning
    from kf_widget.history.autotune import run_autotune
    from kf_widget.history.bars import Bars
    from kf_widget.history.files import read_bars, read_ticks
    from kf_widget.history.gpu_device import gpu_info
    from kf_widget.history.sample import sample_ticks
    from kf_widget.history.ticks import Ticks
    from kf_widget.history.timeframe import Timeframe
    from kf_widget.plotting.plot import plot
    from kf_widget.store.ingest import ingest
    from kf_widget.store.resample import resample
    from kf_widget.store.store import TickStore, open_ticks
    from kf_widget.widget.chart import Chart

__version__ = "0.1.0"

_HOME = {
    "Bars": "kf_widget.history.bars",
    "Chart": "kf_widget.widget.chart",
    "KfError": "kf_widget.errors",
    "KfWarning": "kf_widget.errors",
    "TickStore": "kf_widget.store.store",
    "Ticks": "kf_widget.history.ticks",
    "Timeframe": "kf_widget.history.timeframe",
    "View": "kf_widget.chart.view",
    "gpu_info": "kf_widget.history.gpu_device",
    "ingest": "kf_widget.store.ingest",
    "open_ticks": "kf_widget.store.store",
    "plot": "kf_widget.plotting.plot",
    "read_bars": "kf_widget.history.files",
    "read_ticks": "kf_widget.history.files",
    "resample": "kf_widget.store.resample",
    "run_autotune": "kf_widget.history.autotune",
    "sample_ticks": "kf_widget.history.sample",
}

__all__ = [
    "Bars",
    "Chart",
    "KfError",
    "KfWarning",
    "TickStore",
    "Ticks",
    "Timeframe",
    "View",
    "__version__",
    "gpu_info",
    "ingest",
    "open_ticks",
    "plot",
    "read_bars",
    "read_ticks",
    "resample",
    "run_autotune",
    "sample_ticks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kf_widget' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
