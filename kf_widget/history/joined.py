"""Joined: a history told in few rows, the bars of its levels and then the ticks that no bar covers.

Joined rows count through all parts: the coarsest level that fits first, then the finer ones where it ends,
then ticks. A bar of any timeframe whose edges lie between joined rows has the same open, high, low, close
and count as over the ticks, bit for bit; its volume is a sum of sums, equal to about 1e-15.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kf_widget.history.edges import calendar_rule
from kf_widget.history.levels import Level
from kf_widget.history.protocol import Floats, History, Ints
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone

__all__ = ["Joined", "Part", "joined", "joined_for"]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows of a level's bars, or ticks.

    history : whose rows they are
    start, stop : which of them
    first : joined row of the first
    from_ns : time from which on instants are looked for here
    first_row : int64, tick that each row of `history` begins with; None where the rows are the ticks
    """

    history: History
    start: int
    stop: int
    first: int
    from_ns: int
    first_row: Ints | None

    @property
    def end(self) -> int:
        """Joined row after the last."""
        return self.first + self.stop - self.start

    def rows(self, times_ns: Ints) -> Ints:
        """Joined row of the first row at or after each time."""
        if self.first_row is None:  # the index would touch ticks before the start
            found = np.searchsorted(self.history.time_ns[self.start : self.stop], times_ns)
            return found + self.first
        found = self.history.index.rows(times_ns)
        return np.clip(found, self.start, self.stop) + (self.first - self.start)


class Joined:
    """A history as joined rows; without levels they are its own.

    Parameters
    ----------
    history : ticks, or bars, which have no levels.
    parts : its rows, one part after the other; at least one.

    Attributes
    ----------
    plain : whether the joined rows are the history's own.
    """

    def __init__(self, history: History, parts: tuple[Part, ...]) -> None:
        self.history = history
        self.parts = parts
        self.plain = parts[0].first_row is None
        self._firsts = np.array([part.first for part in parts[1:]], dtype=np.int64)
        self._from_ns = np.array([part.from_ns for part in parts[1:]], dtype=np.int64)

    def __len__(self) -> int:
        return self.parts[-1].end

    def rows(self, times_ns: Ints) -> Ints:
        """First joined row at or after each time; int64 (m,).

        Parameters
        ----------
        times_ns : int64 (m,), UTC, in any order; multiples of the step of the part that they fall into.
        """
        if self.plain:
            return self.history.index.rows(times_ns)
        out = np.empty(times_ns.size, dtype=np.int64)
        which = np.searchsorted(self._from_ns, times_ns, side="right")
        for number, part in enumerate(self.parts):
            here = np.flatnonzero(which == number)
            if here.size:
                out[here] = part.rows(times_ns[here])
        return out

    def ticks(self, rows: Ints) -> Ints:
        """Row of the history that each joined row begins with; int64 (m,). One past the end is allowed."""
        if self.plain:
            return rows
        out = np.empty(rows.size, dtype=np.int64)
        for part, here, own in self._split(rows):
            out[here] = own if part.first_row is None else part.first_row[own]
        return out

    def opens(self, rows: Ints) -> Floats:
        """Open of each joined row; float64 (m,)."""
        if self.plain:
            return self.history.open[rows]
        out = np.empty(rows.size)
        for part, here, own in self._split(rows):
            out[here] = part.history.open[own]
        return out

    def closes(self, rows: Ints) -> Floats:
        """Close of each joined row; float64 (m,)."""
        if self.plain:
            return self.history.close[rows]
        out = np.empty(rows.size)
        for part, here, own in self._split(rows):
            out[here] = part.history.close[own]
        return out

    def _split(self, rows: Ints) -> list[tuple[Part, Ints, Ints]]:
        """For each part that holds any of the rows: which of them, and their rows in its history."""
        which = np.searchsorted(self._firsts, rows, side="right")
        found = []
        for number, part in enumerate(self.parts):
            here = np.flatnonzero(which == number)
            if here.size:
                found.append((part, here, rows[here] + (part.start - part.first)))
        return found

    def aggregate(self, edges: Ints) -> tuple[Floats, Floats, Ints]:
        """Open, high, low, close, volume and count of ticks between neighbouring joined rows.

        Parameters
        ----------
        edges : int64 (m + 1,), non-decreasing, within 0 and the number of joined rows.

        Returns
        -------
        (ohlc, volume, count) : as `RangeIndex.aggregate` gives them.
        """
        if self.plain:
            return self.history.index.aggregate(edges)
        n_bars = max(edges.size - 1, 0)
        ohlc, volume = np.full((n_bars, 4), np.nan), np.zeros(n_bars)
        for part in self.parts:
            begin = max(int(np.searchsorted(edges, part.first, side="right")) - 1, 0)
            end = min(int(np.searchsorted(edges, part.end)), n_bars)
            if begin >= end:
                continue
            own = np.clip(edges[begin : end + 1], part.first, part.end) + (part.start - part.first)
            here, sums, count = part.history.index.aggregate(own)
            if count[0] and not np.isnan(ohlc[begin, 0]):  # a bar that began in the part before
                here[0, 0] = ohlc[begin, 0]
                here[0, 1] = max(ohlc[begin, 1], here[0, 1])
                here[0, 2] = min(ohlc[begin, 2], here[0, 2])
                sums[0] += volume[begin]
            fresh = slice(begin if count[0] else begin + 1, end)
            ohlc[fresh], volume[fresh] = here[fresh.start - begin :], sums[fresh.start - begin :]
        return ohlc, volume, np.diff(self.ticks(edges))

    def extremes(self) -> tuple[float, float]:
        """Highest high and lowest low of all rows, at least one."""
        found = [part.history.index.extremes(part.start, part.stop) for part in self.parts]
        return max(high for high, _ in found), min(low for _, low in found)


def joined(history: History, step_ns: int | None = None) -> Joined:
    """The history through its levels of at most `step_ns`, the coarsest of them first; by default all."""
    parts: list[Part] = []
    first, covered, tick, from_ns = 0, 0, 0, -(2**63)
    for level in _coarsest_first(history):
        if not len(level.bars) or (step_ns is not None and level.step_ns > step_ns):
            continue
        start = int(level.bars.index.rows([from_ns])[0]) if covered else 0
        stop = len(level.bars)
        if start >= stop or (covered and covered % level.step_ns):
            continue
        parts.append(Part(level.bars, start, stop, first, from_ns, level.first_row))
        first += stop - start
        covered, from_ns, tick = level.step_ns, level.stop_ns, int(level.first_row[-1])
    if tick < len(history) or not parts:
        parts.append(Part(history, tick, len(history), first, from_ns, None))
    return Joined(history, tuple(parts))


def joined_for(history: History, rule: Timeframe, zone: Zone, start_ns: int, stop_ns: int) -> Joined:
    """The history through the levels on whose bars all edges of a timeframe lie.

    Parameters
    ----------
    rule : of a time kind.
    start_ns, stop_ns : UTC; where the edges are. A zone whose offset there is not a whole number of
        steps leaves a level out.
    """
    if not history.levels:
        return joined(history)
    _, step, from_ns, offset_ns = calendar_rule(rule, zone, start_ns, stop_ns)
    for level in _coarsest_first(history):
        over = step % level.step_ns if rule.kind == "time" else 0
        if not over and not (offset_ns % level.step_ns).any() and not (from_ns[1:] % level.step_ns).any():
            return joined(history, level.step_ns)
    return joined(history, 0)


def _coarsest_first(history: History) -> list[Level]:
    return [history.levels[step_ns] for step_ns in sorted(history.levels, reverse=True)]
