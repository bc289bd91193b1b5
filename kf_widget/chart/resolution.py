"""Which timeframe a width of time deserves."""

from __future__ import annotations

import functools

import numpy as np

from kf_widget.chart.subject import Subject
from kf_widget.history.levels import MINUTE_NS
from kf_widget.history.protocol import History, Ints
from kf_widget.history.timeframe import Timeframe

__all__ = ["AUTO", "LADDER", "TICKS", "bar_ns", "resolve", "shown_ns", "spoken"]

AUTO = "auto"
TICKS = "ticks"
"""The history's own rows: single trades, or its bars as they are."""

LADDER = (
    "1ms", "10ms", "100ms",
    "1s", "5s", "15s", "30s", "1m", "5m", "15m", "30m", "1h", "4h", "1D", "1W", "1M", "3M", "12M",
)  # fmt: skip
MIN_BAR_CSS = 4.0
MIN_TICK_CSS = 2.5
_DAY_NS = 86_400 * 10**9


@functools.cache
def _ladder() -> tuple[Timeframe, ...]:
    return tuple(Timeframe.parse(text) for text in LADDER)


def shown_ns(subject: Subject, rule: Timeframe) -> float:
    """How long a bar of a timeframe is on the subject's axis: a day is its hours of trading."""
    if rule.nominal_ns < _DAY_NS:
        return rule.nominal_ns
    day_ns, week_ns = subject.axis.usual_open_ns
    if rule.nominal_ns < 7 * _DAY_NS:
        return day_ns * rule.nominal_ns / _DAY_NS
    return week_ns * rule.nominal_ns / (7 * _DAY_NS)


def resolve(subject: Subject, timeframe: str, start: int, stop: int, width_css: float) -> str:
    """The timeframe to draw: the locked one, or for "auto" the finest whose bars are wide enough.

    Parameters
    ----------
    timeframe : "auto", "ticks" or what `Timeframe.parse` takes.
    start, stop : axis positions of the visible window.
    width_css : CSS pixels of the visible plot.
    """
    if timeframe != AUTO:
        return timeframe
    history = subject.history
    if history.interval_ns:
        ticks_ns = history.interval_ns
    else:
        if _few_ticks(history, subject.axis.to_ns([start, stop]), width_css / MIN_TICK_CSS):
            return TICKS
        ticks_ns = 0
    wanted_ns = (stop - start) * MIN_BAR_CSS / max(1.0, width_css)
    for rule in _ladder():
        if shown_ns(subject, rule) >= wanted_ns and rule.nominal_ns >= ticks_ns:
            return TICKS if rule.nominal_ns == ticks_ns else str(rule)
    return str(_ladder()[-1]) if ticks_ns <= _ladder()[-1].nominal_ns else TICKS


def bar_ns(subject: Subject, timeframe: str, start: int, stop: int, width_css: float) -> float:
    """Length on the axis of the bars that `resolve` gives; 0 for rows as they are and bars cut by trades."""
    resolved = resolve(subject, timeframe, start, stop, width_css)
    rule = None if resolved == TICKS else Timeframe.parse(resolved)
    return shown_ns(subject, rule) if rule is not None and rule.by_time else 0.0


def spoken(timeframe: str, history: History) -> str:
    """A resolved timeframe as people call it: bars as they are by their length, trades as "ticks"."""
    length = history.interval_ns
    if timeframe != TICKS or not length:
        return timeframe
    if length % (7 * _DAY_NS) == 0:
        return str(Timeframe("week", length // (7 * _DAY_NS)))
    return str(Timeframe("day", length // _DAY_NS) if length % _DAY_NS == 0 else Timeframe("time", length))


def _few_ticks(history: History, edges: Ints, most: float) -> bool:
    """Whether there are at most so many ticks between two instants; where levels tell, no tick is read."""
    minute = history.levels.get(MINUTE_NS)
    if minute is not None:
        inside = (edges + np.array([MINUTE_NS - 1, 0])) // MINUTE_NS * MINUTE_NS
        bars = minute.bars.index.rows(inside)
        if minute.first_row[bars[1]] - minute.first_row[bars[0]] > most:
            return False
    first, last = history.index.rows(edges)
    return bool(last - first <= most)
