"""The bars of a viewport: exact, whole, and never more than a few per pixel column."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.chart.geometry import tick_directions
from kf_widget.chart.layout import Layout
from kf_widget.chart.resolution import TICKS, shown_ns
from kf_widget.chart.subject import Subject
from kf_widget.chart.timeaxis import TimeAxis
from kf_widget.history.edges import ceil_time, floor_time, row_edges
from kf_widget.history.joined import Joined, joined, joined_for
from kf_widget.history.protocol import Floats, History, Ints
from kf_widget.history.timeframe import Timeframe

__all__ = ["Columns", "visible_columns"]

_ROW_LIMIT = 4
"""Trades per pixel column up to which they are drawn as they are; beyond it they are merged, bars at once."""

_ABOUT = 1.1
"""A day of 25 hours, or one longer than is usual for want of more days, is drawn as it is."""

_ROWS_ASKED, _BARS_ASKED = 16, 4
"""How many of a pixel column's bars are asked for their colour: rows lie at hand, bars are searched."""


_NO_SIDE = np.zeros(0, dtype=np.int8)
_NO_SIDE.flags.writeable = False


@dataclass(slots=True)
class Columns:
    """Bars, or single rows, as they stand in the picture.

    start_ns, stop_ns : int64 (n,), UTC; half-open interval of each
    x0, x1 : float64 (n,), px of these on the picture, x0 < x1
    ohlc : float64 (n, 4)
    volume : float64 (n,), zeros where there is none
    count : int64 (n,), rows in each
    rows : int64 (n,), first row of each
    timeframe : what they are bars of; "ticks" for the history's own rows
    single : whether each one is a single row of the history
    merged : whether pixel columns stand for several bars
    rising : float64 (n,), share of a column's bars that closed at or above their open, from evenly
        spaced ones where they are many; where not merged, 1 or 0; of single trades, 1 for bought
    before : close of the row before the first; NaN where there is none
    bars : int64 (n,), how many bars each stands for; None where each is one, or trades
    """

    start_ns: Ints
    stop_ns: Ints
    x0: Floats
    x1: Floats
    ohlc: Floats
    volume: Floats
    count: Ints
    rows: Ints
    timeframe: str
    single: bool
    merged: bool
    rising: Floats
    before: float = math.nan
    bars: Ints | None = None

    def __len__(self) -> int:
        return self.x0.size

    @property
    def volume_a_bar(self) -> Floats:
        """Volume of a bar; where several are in a pixel column, what they have on average.

        Their sum would make a comb: of bars two thirds of a pixel wide every other column holds two.
        """
        return self.volume if self.bars is None else self.volume / self.bars


def visible_columns(subject: Subject, layout: Layout, timeframe: str) -> Columns:
    """Every bar that the plot of `layout` shows, overscan and half-hidden ones at the ends included.

    Parameters
    ----------
    timeframe : resolved, as `resolve` gives it.

    Notes
    -----
    Bar edges are searched once per pixel column, so that the cost is that of the pixels: where bars
    are thinner than one, a column holds those that start in it, merged with their exact extremes.
    """
    if timeframe == TICKS:
        return _rows(subject, layout)
    rule = Timeframe.parse(timeframe)
    if rule.nominal_ns:
        return _time_bars(subject, layout, rule)
    return _row_bars(subject, layout, rule)


def _pixel_times(subject: Subject, layout: Layout) -> Ints:
    """UTC instant of each pixel column's left edge, and of the right edge of the last; int64 (w + 1,)."""
    positions = layout.start + np.arange(layout.plot[2] + 1) * layout.ns_per_px
    times: Ints = subject.axis.to_ns(np.ceil(positions).astype(np.int64))
    return times


def _time_bars(subject: Subject, layout: Layout, rule: Timeframe) -> Columns:
    zone, axis = subject.zone, subject.axis
    columns = _pixel_times(subject, layout)
    opens, closes = axis.pieces(int(layout.start), int(layout.stop) + 1)
    edges = np.concatenate((
        floor_time(rule, zone, columns[:1]),
        ceil_time(rule, zone, columns),
        floor_time(rule, zone, opens),
        ceil_time(rule, zone, closes),
    ))  # fmt: skip
    edges = np.unique(edges)
    if edges.size < 2:
        edges = np.append(edges, ceil_time(rule, zone, edges[-1:] + 1))
    history = joined_for(subject.history, rule, zone, int(edges[0]), int(edges[-1]))
    rows = history.rows(edges)
    bars = history.aggregate(rows)
    bar_ns = shown_ns(subject, rule)
    merged = bar_ns < layout.ns_per_px
    placed = _placed(subject, layout, edges, history.ticks(rows), *bars, str(rule), merged=merged)
    placed.before = _before(history, rows)
    _keep_within(placed, layout, axis, bar_ns)
    if merged:
        placed.rising, few = _rising_bars(subject, history, rule, placed)
        # A slot without trades is no bar. Few slots are all looked at; of many, each may have a trade.
        all_seen = placed.stop_ns - placed.start_ns < (_BARS_ASKED + 0.5) * rule.nominal_ns
        slots = np.rint((placed.x1 - placed.x0) * (layout.ns_per_px / bar_ns))
        bars_in = np.where(all_seen, few, np.minimum(slots, placed.count))
        placed.bars = np.maximum(bars_in, 1).astype(np.int64)
    return placed


def _keep_within(columns: Columns, layout: Layout, axis: TimeAxis, bar_ns: float) -> None:
    """Draw the first bar from where the data begins, and the last one as long as others usually are.

    A day that has begun would else last until midnight, long after its trading; a month of which a week is
    known has its middle outside every view, and ends with the data.
    """
    if not len(columns):
        return
    first, last = ((end - layout.start) / layout.ns_per_px for end in (axis.start, axis.stop))
    columns.x0[0] = max(columns.x0[0], first)
    usual = bar_ns / layout.ns_per_px
    if 3 * bar_ns < axis.stop - axis.start:
        if columns.x1[-1] - columns.x0[-1] < _ABOUT * usual:
            return
        last = max(last, columns.x0[-1] + usual)
    columns.x1[-1] = max(min(columns.x1[-1], last), columns.x0[-1] + 1e-3)


def _before(history: Joined, rows: Ints) -> float:
    return float(history.closes(rows[:1] - 1)[0]) if rows[0] else math.nan


def _row_bars(subject: Subject, layout: Layout, rule: Timeframe) -> Columns:
    history = subject.history
    columns = _pixel_times(subject, layout)
    pixel_rows = history.index.rows(columns)
    first, last = int(pixel_rows[0]), int(pixel_rows[-1])
    rows = row_edges(rule, history, first, last)
    merged = rows.size > layout.plot[2]
    bars_in = None
    if merged:
        # Whole bars only: each pixel column's first row moves on to the next bar edge.
        at = np.unique(np.minimum(np.searchsorted(rows, pixel_rows), rows.size - 1))
        rows, bars_in = rows[at], np.diff(at)
    if rows.size < 2:
        rows, bars_in = np.array([first, last], dtype=np.int64), None
    times, bars = _row_times(history.time_ns, rows), history.index.aggregate(rows)
    placed = _placed(subject, layout, times, rows, *bars, str(rule), merged=merged)
    placed.bars = bars_in
    placed.before = _before(joined(history, 0), rows)
    return placed


def _rows(subject: Subject, layout: Layout) -> Columns:
    history = subject.history
    index = history.index
    columns = _pixel_times(subject, layout)
    around = history.interval_ns
    ends = index.rows(np.array([columns[0] - around, columns[-1]], dtype=np.int64))
    first, last = int(ends[0]), int(ends[1])
    if not around:  # the trades beside the picture, so that the line enters and leaves it
        first, last = max(0, first - 1), min(len(history), last + 1)
    if last - first > (1 if around else _ROW_LIMIT) * layout.plot[2]:
        rows = np.unique(np.append(index.rows(columns), (first, last)))
        ohlc, volume, count = index.aggregate(rows)
        times = _row_times(history.time_ns, rows)
        placed = _placed(subject, layout, times, rows, ohlc, volume, count, TICKS, merged=True)
        if history.kind == "bars":
            placed.rising = _rising_rows(history, placed)
            placed.bars = placed.count
        return placed
    here = slice(first, last)
    start_ns = history.time_ns[here]
    stop_ns = start_ns + max(1, around)
    if around and len(start_ns) > 1:
        stop_ns[:-1] = np.minimum(stop_ns[:-1], start_ns[1:])
    ohlc = np.stack((history.open[here], history.high[here], history.low[here], history.close[here]), axis=1)
    volume = np.zeros(last - first) if history.volume is None else history.volume[here].astype(np.float64)
    return Columns(
        start_ns,
        stop_ns,
        *_spans(subject, layout, start_ns, stop_ns),
        ohlc,
        volume,
        np.ones(last - first, dtype=np.int64),
        np.arange(first, last),
        TICKS,
        single=True,
        merged=False,
        rising=_rising(ohlc) if around else _directions(history, first, last),
        before=float(history.close[first - 1]) if first else math.nan,
    )


def _directions(history: History, first: int, last: int) -> Floats:
    side = getattr(history, "side", None)
    rising = np.empty(last - first)
    tick_directions(history.close[first:last], _NO_SIDE if side is None else side[first:last], rising)
    return rising


def _rising(ohlc: Floats) -> Floats:
    return (ohlc[:, 3] >= ohlc[:, 0]).astype(np.float64)


def _rising_rows(history: History, columns: Columns) -> Floats:
    """Share of each column's rows that moved which rose, from up to sixteen; without any, whether it did."""
    asked = (np.arange(_ROWS_ASKED) + 0.5) / _ROWS_ASKED
    rows = columns.rows[:, None] + (asked * columns.count[:, None]).astype(np.int64)
    return _share(np.sign(history.close[rows] - history.open[rows]), columns.rising)


def _rising_bars(subject: Subject, history: Joined, rule: Timeframe, columns: Columns) -> tuple[Floats, Ints]:
    """Share of each column's bars that moved which rose, from up to four; and how many those were.

    Where none moved, whether the column did.
    """
    asked = (np.arange(_BARS_ASKED) + 0.5) / _BARS_ASKED
    span = (columns.stop_ns - columns.start_ns)[:, None]
    times = (columns.start_ns[:, None] + (asked * span).astype(np.int64)).ravel()
    begins = floor_time(rule, subject.zone, times)
    first, last = history.rows(begins), history.rows(ceil_time(rule, subject.zone, times + 1))
    traded = (last > first).reshape(-1, _BARS_ASKED)
    move = history.closes(np.maximum(last - 1, 0)) - history.opens(np.minimum(first, len(history) - 1))
    again = np.zeros(traded.shape, dtype=np.bool_)
    again[:, 1:] = np.diff(begins.reshape(traded.shape), axis=1) == 0
    found: Ints = np.count_nonzero(traded & ~again, axis=1)
    return _share(np.sign(move).reshape(-1, _BARS_ASKED) * traded, columns.rising), found


def _share(moves: Floats, itself: Floats) -> Floats:
    """Share of 1 among 1 and -1 in each row; bars of one trade are 0, and would all count as risen."""
    ones = np.ones(moves.shape[1])  # the sum of a few in each row takes a fifth so
    net, moved = moves @ ones, np.abs(moves) @ ones
    share: Floats = np.where(moved > 0, 0.5 + 0.5 * net / np.maximum(moved, 1), itself)
    return share


def _row_times(time_ns: Ints, rows: Ints) -> Ints:
    """Time of each row edge; the last may lie past the end."""
    if not time_ns.size:
        return np.zeros(rows.size, dtype=np.int64)
    times = time_ns[np.minimum(rows, time_ns.size - 1)]
    times[rows >= time_ns.size] += 1
    return times


def _placed(
    subject: Subject,
    layout: Layout,
    edges: Ints,
    rows: Ints,
    ohlc: Floats,
    volume: Floats,
    count: Ints,
    timeframe: str,
    *,
    merged: bool,
) -> Columns:
    kept: npt.NDArray[Any] = np.flatnonzero(count)
    start_ns, stop_ns = edges[:-1], edges[1:]
    if kept.size != count.size:
        start_ns, stop_ns, rows = start_ns[kept], stop_ns[kept], rows[:-1][kept]
        ohlc, volume, count = ohlc[kept], volume[kept], count[kept]
    else:
        rows = rows[:-1]
    x0, x1 = _spans(subject, layout, start_ns, stop_ns)
    return Columns(
        start_ns,
        stop_ns,
        x0,
        x1,
        ohlc,
        volume,
        count,
        rows,
        timeframe,
        single=False,
        merged=merged,
        rising=_rising(ohlc),
    )


def _spans(subject: Subject, layout: Layout, start_ns: Ints, stop_ns: Ints) -> tuple[Floats, Floats]:
    x0 = (subject.axis.to_axis(start_ns) - layout.start) / layout.ns_per_px
    x1 = (subject.axis.to_axis(stop_ns) - layout.start) / layout.ns_per_px
    return x0, np.maximum(x1, x0 + 1e-3)
