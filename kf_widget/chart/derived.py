"""The columns that a chart type draws: bars as they are, smoothed, or cut by the way prices took."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from kf_widget.chart.geometry import heikin_ashi
from kf_widget.chart.layout import Layout
from kf_widget.chart.path import PATH_TYPES, Path, box_of, path_of
from kf_widget.chart.query import Columns, visible_columns
from kf_widget.chart.subject import Subject
from kf_widget.history.protocol import Floats, Ints

__all__ = ["series_columns"]

_LEAD = 64
"""Bars before the visible ones that Heikin-Ashi begins with: what came earlier weighs 2**-64."""
_LEAD_BAR_PX = 64.0
"""Wider bars are counted on wider px, so that looking back costs the same at every zoom."""
_RISING_ASKED = 16


def series_columns(
    subject: Subject, layout: Layout, timeframe: str, chart_type: str, box_size: float, reversal: int
) -> tuple[Columns, float]:
    """What the plot of `layout` shows in a chart type, and the box size that it was cut with, else 0.

    Parameters
    ----------
    timeframe : resolved, as `resolve` gives it.
    box_size : of Renko and point & figure, and the range of range bars; 0 for the default, 0.75 x the
        median ATR(14) of the timeframe's bars.
    reversal : boxes that turn a column of point & figure.
    """
    if chart_type in PATH_TYPES:
        box = box_size or box_of(subject, timeframe)
        path = path_of(subject.history, chart_type, box, reversal)
        return _path_columns(subject, layout, path, timeframe), box
    if chart_type == "heikin_ashi":
        return _smoothed_columns(subject, layout, timeframe), 0.0
    return visible_columns(subject, layout, timeframe), 0.0


def _smoothed_columns(subject: Subject, layout: Layout, timeframe: str) -> Columns:
    """Heikin-Ashi, begun 64 bars before the picture, so that panning does not change a bar."""
    columns = visible_columns(subject, layout, timeframe)
    if columns.merged or not len(columns) or (columns.single and subject.history.kind == "ticks"):
        return columns
    bar_px = float(np.median(columns.x1 - columns.x0))
    coarser = max(1.0, bar_px / _LEAD_BAR_PX)  # one bar may be wider than a million pictures
    lead_px, width = int(_LEAD * bar_px / coarser) + 1, math.ceil(layout.plot[2] / coarser)
    for _ in range(5):  # bars without trades are not there: look back farther
        ns_per_px = layout.ns_per_px * coarser
        wide = replace(
            layout,
            start=layout.start - lead_px * ns_per_px,
            ns_per_px=ns_per_px,
            plot=(*layout.plot[:2], width + lead_px, layout.plot[3]),
        )
        longer = visible_columns(subject, wide, timeframe)
        lead = int(np.searchsorted(longer.start_ns, columns.start_ns[0]))
        if longer.merged or lead >= _LEAD or (len(longer) and longer.rows[0] == 0):
            break
        lead_px *= 2
    if longer.merged:
        longer, lead = columns, 0
    heikin_ashi(longer.ohlc, longer.ohlc)
    columns.ohlc = longer.ohlc[lead : lead + len(columns)]
    columns.rising = (columns.ohlc[:, 3] >= columns.ohlc[:, 0]).astype(np.float64)
    return columns


def _path_columns(subject: Subject, layout: Layout, path: Path, timeframe: str) -> Columns:
    """Bricks, columns or range bars at the times at which they formed."""
    bars = path.bars
    width = layout.plot[2]
    positions = layout.start + np.arange(width + 1) * layout.ns_per_px
    times = subject.axis.to_ns(np.ceil(positions).astype(np.int64))
    first = int(np.searchsorted(path.stop_ns, times[0], side="right"))
    last = max(first, int(np.searchsorted(bars.time_ns, times[-1], side="left")))
    merged = last - first > width
    if merged:
        edges = np.unique(np.clip(np.searchsorted(bars.time_ns, times), first, last))
        edges = np.unique(np.append(edges, (first, last)))
        ohlc, volume, bricks = bars.index.aggregate(edges)
        bars_in: Ints | None = bricks
        at, ends = edges[:-1], edges[1:] - 1
        asked = (np.arange(_RISING_ASKED) + 0.5) / _RISING_ASKED
        picked = at[:, None] + (asked * bricks[:, None]).astype(np.int64)
        rising: Floats = (bars.close[picked] >= bars.open[picked]).mean(axis=1)
    else:
        at = ends = np.arange(first, last)
        bars_in = None
        here = slice(first, last)
        ohlc = np.stack((bars.open[here], bars.high[here], bars.low[here], bars.close[here]), axis=1)
        volume = np.zeros(last - first) if bars.volume is None else bars.volume[here].astype(np.float64)
        rising = (ohlc[:, 3] >= ohlc[:, 0]).astype(np.float64)
    start_ns, stop_ns = bars.time_ns[at], path.stop_ns[ends]
    x0 = (subject.axis.to_axis(start_ns) - layout.start) / layout.ns_per_px
    x1 = (subject.axis.to_axis(stop_ns) - layout.start) / layout.ns_per_px
    counts = np.ones(len(at), dtype=np.int64) if bars.count is None else bars.count[at]
    return Columns(
        start_ns,
        stop_ns,
        x0,
        np.maximum(x1, x0 + 1e-3),
        ohlc,
        volume,
        counts,
        path.rows[at],
        timeframe,
        single=False,
        merged=merged,
        rising=rising,
        bars=bars_in,
    )
