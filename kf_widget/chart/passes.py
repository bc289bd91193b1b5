"""A pass over a history that cuts it by the way prices took, and goes on when the history has grown."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from kf_widget.chart.path_kernels import point_figure_columns, range_edges, renko_bricks
from kf_widget.history.bars import Bars
from kf_widget.history.protocol import Floats, History, Ints

__all__ = ["Pass", "Path"]

_MOST_BRICKS: Final = 30_000_000


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


class Pass:
    """A pass that goes on where it stopped when the history has grown.

    Parameters
    ----------
    kind : "renko", "pnf" or "range".
    box, reversal : as of `path_of`.
    """

    def __init__(self, kind: str, box: float, reversal: int) -> None:
        self.kind, self.box, self.reversal = kind, box, reversal
        self._lock = threading.Lock()
        self._state = np.zeros(4)
        self._done = 0
        self._finished = _Formed.none()
        self._edge = 0
        self._next: Ints = np.empty(0, dtype=np.int64)
        self._path: Path | None = None

    def over(self, history: History) -> Path:
        """The path over a history; over one with fewer rows than were passed already, the longer one."""
        with self._lock:
            if self._path is None or self._done < len(history):
                before = self._state, self._done, self._finished, self._edge, self._next
                try:
                    self._path = self._go_on(history)
                except BaseException:  # Ctrl-C, or short of memory: the rows were not passed
                    self._state, self._done, self._finished, self._edge, self._next = before
                    raise
            return self._path

    def _go_on(self, history: History) -> Path:
        passed = self._pass(history)
        if self.kind == "renko":
            finished, unfinished = self._bricks(history, *passed)
        elif self.kind == "pnf":
            finished, unfinished = self._columns(history, *passed)
        else:
            finished, unfinished = self._ranges(history, *passed)
        self._finished = self._finished.and_then(finished)
        return self._finished.and_then(unfinished).path(history, self.box)

    def _pass(self, history: History) -> tuple[Ints, Floats, Floats]:
        """Row, open and close of what the new rows finish."""
        room = max(1024, (len(history) - self._done) // 64)
        while True:
            state = self._state.copy()
            rows, opens, closes = np.empty(room, dtype=np.int64), np.empty(room), np.empty(room)
            found = self._scan(history, state, rows, opens, closes)
            if found <= room:
                break
            room = found
        self._state, self._done = state, len(history)
        return rows[:found], opens[:found], closes[:found]

    def _scan(self, history: History, state: Floats, rows: Ints, opens: Floats, closes: Floats) -> int:
        if self.kind == "renko":
            found = int(
                renko_bricks(history.close, self._done, self.box, _MOST_BRICKS, state, rows, opens, closes)
            )
            if found < 0:
                raise ValueError(
                    f"renko: box_size must be large enough for at most {_MOST_BRICKS:,} bricks, got "
                    f"{self.box:g}. Use a larger one."
                )
            return found
        if self.kind == "range":
            return int(range_edges(history.high, history.low, self._done, self.box, state, rows))
        return int(
            point_figure_columns(
                history.close, self._done, self.box, self.reversal, state, rows, opens, closes
            )
        )

    def _bricks(self, history: History, at: Ints, opens: Floats, closes: Floats) -> tuple[_Formed, _Formed]:
        """Bricks that one row completed share the time and the volume since the row before them evenly."""
        rows, groups, sizes = np.unique(at, return_inverse=True, return_counts=True)
        edges = np.concatenate(([self._edge], rows + 1))
        _, volume, count = history.index.aggregate(edges)
        ends = history.time_ns[rows]
        before = history.time_ns[max(self._edge - 1, 0) :][:1]
        starts = np.concatenate((before, ends[:-1]))[: len(rows)]
        within = np.arange(len(at)) - (np.cumsum(sizes) - sizes)[groups]
        share = ((ends - starts) / sizes)[groups]
        start_ns = starts[groups] + (share * within).astype(np.int64)
        self._edge = int(edges[-1])
        finished = _Formed(
            start_ns, np.append(start_ns[1:], ends[-1:]), edges[:-1][groups],
            opens, np.maximum(opens, closes), np.minimum(opens, closes), closes,
            (volume / sizes)[groups], count[groups] // sizes[groups],
        )  # fmt: skip
        return finished, _Formed.none()

    def _columns(self, history: History, at: Ints, opens: Floats, closes: Floats) -> tuple[_Formed, _Formed]:
        """Each row found begins a column and ends the one before; the last goes on."""
        begun, reached, direction, _ = self._state
        if not direction:
            return _Formed.none(), _Formed.none()
        edges = np.concatenate(([self._edge], at, [len(history)]))
        opens, closes = np.append(opens, begun) * self.box, np.append(closes, reached) * self.box
        return self._split(
            history, edges, opens, np.maximum(opens, closes), np.minimum(opens, closes), closes
        )

    def _ranges(self, history: History, at: Ints, *_: Floats) -> tuple[_Formed, _Formed]:
        """Each row found begins a bar and ends the one before; the last goes on."""
        at = np.concatenate((self._next, at))
        edges = np.unique(np.concatenate(([self._edge], at, [len(history)])))
        self._next = at[at == len(history)]  # begins a bar as soon as there is such a row
        ohlc, _volume, _count = history.index.aggregate(edges)
        return self._split(history, edges, *(column.copy() for column in ohlc.T))

    def _split(
        self, history: History, edges: Ints, open: Floats, high: Floats, low: Floats, close: Floats
    ) -> tuple[_Formed, _Formed]:
        """What is finished, and the last, which is not: it ends with the history."""
        if len(edges) < 2:
            return _Formed.none(), _Formed.none()
        _, volume, count = history.index.aggregate(edges)
        start_ns = history.time_ns[edges[:-1]]
        stop_ns = np.append(start_ns[1:], int(history.time_ns[-1]) + max(1, history.interval_ns))
        formed = _Formed(start_ns, stop_ns, edges[:-1], open, high, low, close, volume, count)
        self._edge = int(edges[-2])
        return formed.part(slice(0, -1)), formed.part(slice(-1, None))


class _Formed(NamedTuple):
    """Bricks, columns or bars.

    start_ns, stop_ns, rows : int64 (n,), as of `Path`
    open, high, low, close, volume : float64 (n,)
    n_rows : int64 (n,), rows of the history in each
    """

    start_ns: Ints
    stop_ns: Ints
    rows: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    n_rows: Ints

    @classmethod
    def none(cls) -> _Formed:
        """Not one."""
        whole, real = np.empty(0, dtype=np.int64), np.empty(0)
        return cls(whole, whole, whole, real, real, real, real, real, whole)

    def part(self, which: slice) -> _Formed:
        """Some of them."""
        return _Formed._make(column[which] for column in self)

    def and_then(self, later: _Formed) -> _Formed:
        """These, and later ones."""
        if not len(later.rows):
            return self
        return _Formed._make(map(np.concatenate, zip(self, later, strict=True)))

    def path(self, history: History, box: float) -> Path:
        """As a path over a history."""
        bars = Bars.from_columns(
            self.start_ns, self.open, self.high, self.low, self.close, self.volume, self.n_rows, history.tz, 1
        )
        return Path(bars, self.stop_ns, self.rows, box)
