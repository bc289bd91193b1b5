"""Bricks, columns and range bars: cut by the way prices took from the start of a history."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from typing import Final

from kf_widget.chart.atr import usual_range
from kf_widget.chart.passes import Pass, Path
from kf_widget.chart.resolution import LADDER, TICKS, shown_ns
from kf_widget.chart.subject import Subject
from kf_widget.history.protocol import History
from kf_widget.history.resample import resample
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone

__all__ = ["PATH_TYPES", "Path", "box_of", "carry_paths", "path_of"]

PATH_TYPES: Final = ("renko", "pnf", "range")
_BOX_SHARE: Final = 0.75
_MOST_BARS: Final = 2_000_000
_KEPT: Final = 6


_passes: weakref.WeakKeyDictionary[History, OrderedDict[tuple[str, float, int], Pass]] = (
    weakref.WeakKeyDictionary()
)
_lock = threading.Lock()


def path_of(history: History, kind: str, box: float, reversal: int) -> Path:
    """Bricks of "renko", columns of "pnf" or bars of "range", from the start of a history.

    The last six of each history are kept. The first pass takes about 2 ns a row; where `carry_paths` gave
    them to a history that has grown, only the new rows are passed, and finished bars stay as they are.
    """
    key = (kind, box, reversal if kind == "pnf" else 0)
    with _lock:
        kept = _passes.setdefault(history, OrderedDict())
        found = kept.pop(key, None) or Pass(*key)
        kept[key] = found
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    return found.over(history)


def carry_paths(before: History, history: History) -> None:
    """Go on with the passes and box sizes of `before` for `history`, which begins with its rows."""
    with _lock:
        if before in _passes:
            _passes.setdefault(history, _passes[before])
        if before in _boxes:
            _boxes.setdefault(history, _boxes[before])


def box_of(subject: Subject, timeframe: str, *, automatic: bool = True) -> float:
    """Default size of a box: 0.75 x the median ATR(14) of the bars of a timeframe, one price step at least.

    Parameters
    ----------
    timeframe : resolved. Where it is `automatic`, no finer one counts than gives the whole history two
        million bars.
    """
    history = subject.history
    if not len(history):
        return 1.0
    if automatic:
        timeframe = _coarse_enough(subject, timeframe)
    with _lock:
        boxes = _boxes.setdefault(history, {})
        kept = boxes.get((timeframe, subject.zone))
    if kept is not None and kept[0] * 2 > len(history):  # no jump while rows are appended
        return kept[1]
    bars: History = history
    if timeframe != TICKS:
        bars = resample(history, Timeframe.parse(timeframe), subject.zone)
    span = usual_range(bars.high, bars.low, bars.close)
    # Below a billionth of the price, steps would be lost to rounding; a flat history has no range at all.
    high, low = subject.high_low
    least = max(history.price_step, 1e-9 * max(abs(high), abs(low)), 1e-5 * (high - low))
    box = max(_BOX_SHARE * span, least)
    with _lock:
        boxes[timeframe, subject.zone] = (len(history), box)
    return box


_boxes: weakref.WeakKeyDictionary[History, dict[tuple[str, Zone], tuple[int, float]]] = (
    weakref.WeakKeyDictionary()
)


def _coarse_enough(subject: Subject, timeframe: str) -> str:
    history, span = subject.history, subject.axis.stop - subject.axis.start
    if timeframe == TICKS:
        if len(history) <= _MOST_BARS:
            return TICKS
        if history.kind == "bars":
            return TICKS
        timeframe = LADDER[0]
    rule = Timeframe.parse(timeframe)
    if not rule.nominal_ns or span / shown_ns(subject, rule) <= _MOST_BARS:
        return timeframe
    for text in LADDER:
        if span / shown_ns(subject, Timeframe.parse(text)) <= _MOST_BARS:
            return text
    return LADDER[-1]
