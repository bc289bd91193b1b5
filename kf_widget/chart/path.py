"""Bricks, columns and range bars: cut by the way prices took from the start of a history."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np

from kf_widget.chart.atr import usual_range
from kf_widget.chart.path_kernels import point_figure_columns, range_edges, renko_bricks
from kf_widget.chart.resolution import LADDER, TICKS, shown_ns
from kf_widget.chart.subject import Subject
from kf_widget.history.bars import Bars
from kf_widget.history.protocol import Floats, History, Ints
from kf_widget.history.resample import resample
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone

__all__ = ["PATH_TYPES", "Path", "box_of", "path_of"]

PATH_TYPES: Final = ("renko", "pnf", "range")
_BOX_SHARE: Final = 0.75
_MOST_BARS: Final = 2_000_000
_MOST_BRICKS: Final = 30_000_000
_KEPT: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """What one pass over a history gave.

    bars : bricks, columns or range bars; `time_ns` is where each begins
    stop_ns : int64 (n,), where each ends, not before it begins
    rows : int64 (n,), the history's row that each begins with; bricks of one row share it
    box : size of a box, or of the range
    """

    bars: Bars
    stop_ns: Ints
    rows: Ints
    box: float

    def __len__(self) -> int:
        return len(self.bars)


class _Pass:
    """A pass that goes on where it stopped when the history has grown."""

    def __init__(self, kind: str, box: float, reversal: int) -> None:
        self.kind, self.box, self.reversal = kind, box, reversal
        self.lock = threading.Lock()
        self.state = np.zeros(4)
        self.done = 0
        self.rows: Ints = np.empty(0, dtype=np.int64)
        self.opens: Floats = np.empty(0)
        self.closes: Floats = np.empty(0)
        self.path: Path | None = None

    def over(self, history: History) -> Path:
        with self.lock:
            if self.path is None or self.done != len(history):
                self._go_on(history)
                build = {"renko": self._bricks, "pnf": self._columns, "range": self._ranges}
                self.path = build[self.kind](history)
            return self.path

    def _go_on(self, history: History) -> None:
        room = max(1024, (len(history) - self.done) // 64)
        while True:
            state = self.state.copy()
            rows, opens, closes = np.empty(room, dtype=np.int64), np.empty(room), np.empty(room)
            found = self._scan(history, state, rows, opens, closes)
            if found <= room:
                break
            room = found
        self.state, self.done = state, len(history)
        self.rows = np.append(self.rows, rows[:found])
        self.opens = np.append(self.opens, opens[:found])
        self.closes = np.append(self.closes, closes[:found])

    def _scan(self, history: History, state: Floats, rows: Ints, opens: Floats, closes: Floats) -> int:
        if self.kind == "renko":
            found = int(
                renko_bricks(history.close, self.done, self.box, _MOST_BRICKS, state, rows, opens, closes)
            )
            if found < 0:
                raise ValueError(
                    f"renko: box_size must be large enough for at most {_MOST_BRICKS:,} bricks, got "
                    f"{self.box:g}. Use a larger one."
                )
            return found
        if self.kind == "range":
            return int(range_edges(history.high, history.low, self.done, self.box, state, rows))
        return int(
            point_figure_columns(
                history.close, self.done, self.box, self.reversal, state, rows, opens, closes
            )
        )

    def _bricks(self, history: History) -> Path:
        """Bricks that one row completed share the time and the volume since the row before them evenly."""
        rows, groups, sizes = np.unique(self.rows, return_inverse=True, return_counts=True)
        edges = np.concatenate(([0], rows + 1))
        _, volume, count = history.index.aggregate(edges)
        ends = history.time_ns[rows]
        starts = np.concatenate((history.time_ns[:1], ends[:-1]))[: len(rows)]
        within = np.arange(len(self.rows)) - (np.cumsum(sizes) - sizes)[groups]
        share = ((ends - starts) / sizes)[groups]
        start_ns = starts[groups] + (share * within).astype(np.int64)
        stop_ns = np.append(start_ns[1:], ends[-1:])
        return self._path(
            history, start_ns, stop_ns, edges[:-1][groups], self.opens, self.closes,
            (volume / sizes)[groups], count[groups] // sizes[groups],
        )  # fmt: skip

    def _columns(self, history: History) -> Path:
        begun, reached, direction, _ = self.state
        if direction:
            opens, closes = np.append(self.opens, begun), np.append(self.closes, reached)
            edges = np.concatenate(([0], self.rows, [len(history)]))
        else:
            opens = closes = np.empty(0)
            edges = np.zeros(1, dtype=np.int64)
        _, volume, count = history.index.aggregate(edges)
        start_ns, stop_ns = _spans(history, edges)
        return self._path(
            history, start_ns, stop_ns, edges[:-1], opens * self.box, closes * self.box, volume, count
        )

    def _ranges(self, history: History) -> Path:
        edges = np.unique(np.concatenate(([0], self.rows, [len(history)])))
        ohlc, volume, count = history.index.aggregate(edges)
        start_ns, stop_ns = _spans(history, edges)
        open, high, low, close = (column.copy() for column in ohlc.T)
        bars = Bars.from_columns(start_ns, open, high, low, close, volume, count, history.tz, 1)
        return Path(bars, stop_ns, edges[:-1], self.box)

    def _path(
        self,
        history: History,
        start_ns: Ints,
        stop_ns: Ints,
        rows: Ints,
        opens: Floats,
        closes: Floats,
        volume: Floats,
        count: Ints,
    ) -> Path:
        high, low = np.maximum(opens, closes), np.minimum(opens, closes)
        bars = Bars.from_columns(start_ns, opens, high, low, closes, volume, count, history.tz, 1)
        return Path(bars, stop_ns, rows, self.box)


def _spans(history: History, edges: Ints) -> tuple[Ints, Ints]:
    if len(edges) < 2:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    start_ns = history.time_ns[edges[:-1]]
    end = int(history.time_ns[-1]) + max(1, history.interval_ns)
    return start_ns, np.append(start_ns[1:], end)


_passes: weakref.WeakKeyDictionary[History, OrderedDict[tuple[str, float, int], _Pass]] = (
    weakref.WeakKeyDictionary()
)
_lock = threading.Lock()


def path_of(history: History, kind: str, box: float, reversal: int) -> Path:
    """Bricks of "renko", columns of "pnf" or bars of "range", from the start of a history.

    The last six of each history are kept; rows that were appended since are added. The first pass takes
    about 2 ns a row.
    """
    key = (kind, box, reversal if kind == "pnf" else 0)
    with _lock:
        kept = _passes.setdefault(history, OrderedDict())
        found = kept.pop(key, None) or _Pass(*key)
        kept[key] = found
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    return found.over(history)


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
