"""Levels on disk: bars of the minutes, hours and days that later rows have closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.index import Nodes
from kf_widget.history.ticks import Ticks
from kf_widget.sources.batch import Schema
from kf_widget.store.bar_kernels import count_buckets, list_buckets
from kf_widget.store.files import Files
from kf_widget.store.layout import FIRST_ROW, SEGMENT, STEPS, bar_columns, tick_columns
from kf_widget.store.mapped import map_bars, map_column
from kf_widget.store.nodes import NodeWriter
from kf_widget.store.reducer import Reducer

__all__ = ["BarWriter"]

_DENSE: Final = 64
"""Rows a bar, on average, from which on a level is kept: with fewer a block of the index tells as much."""

_CHUNK: Final = 1 << 16


class BarWriter:
    """Keeps the levels of one store up with its rows.

    Parameters
    ----------
    rows, last_ns, bars : what is there already: ticks, the time of the last, bars of each level that is kept.
    ticks_of : the first rows as ticks with their index; called only where a bar may have closed.
    reducer : makes the bars; by default the CPU does.
    """

    def __init__(
        self,
        files: Files,
        schema: Schema,
        rows: int,
        last_ns: int,
        bars: Mapping[str, int],
        ticks_of: Callable[[int], Ticks],
        reducer: Reducer | None = None,
    ) -> None:
        self._files, self._schema, self._ticks_of = files, schema, ticks_of
        self._reducer = reducer or Reducer()
        self._rows, self._last_ns = rows, last_ns
        self._levels = {name: self._opened(name, count) for name, count in bars.items()}

    @property
    def bars(self) -> dict[str, int]:
        """Bars of each level that is kept."""
        return {name: level.n_bars for name, level in self._levels.items()}

    def update(self, rows: int) -> None:
        """Write every bar that the rows up to there, all of them in the files, have closed."""
        if rows == self._rows:
            return
        column = tick_columns(self._schema)[0]
        last_ns = int(map_column(self._files.root, column.path(), column.dtype, rows)[-1])
        asked = any(self._rows < 1 << bit <= rows for bit in range(18, 49))
        closed = any(self._last_ns // STEPS[name] != last_ns // STEPS[name] for name in self._levels)
        if asked or closed:
            ticks = self._ticks_of(rows)
            for name, level in self._levels.items():
                self._close(name, level, ticks, self._rows)
            self._ask(ticks)
        self._rows, self._last_ns = rows, last_ns

    def _ask(self, ticks: Ticks) -> None:
        """Begin each level that the rows up to a power of two, passed just now, are dense enough for."""
        rows = SEGMENT
        while rows <= len(ticks):
            if rows > self._rows:
                most = rows // _DENSE
                for name, step in STEPS.items():
                    if (
                        name not in self._levels
                        and count_buckets(ticks.time_ns, rows, step, most + 1) <= most
                    ):
                        self._levels[name] = self._begun(name)
                        self._close(name, self._levels[name], ticks, 0)
            rows *= 2

    def _close(self, name: str, level: _Level, ticks: Ticks, scanned: int) -> None:
        """Write the bars of a level between the buckets that begin after row `scanned` - 1."""
        row = max(scanned - 1, 0)
        while True:
            starts = np.empty(_CHUNK, np.int64)
            found = int(list_buckets(ticks.time_ns, row, len(ticks), STEPS[name], starts))
            if found:
                self._write(name, level, ticks, starts[:found])
            if found < _CHUNK:
                return
            row = int(starts[-1])

    def _write(self, name: str, level: _Level, ticks: Ticks, starts: npt.NDArray[np.int64]) -> None:
        """Write the bars that end where these buckets begin."""
        edges = np.concatenate(([level.covered], starts))
        first_ns, open, high, low, close, volume, count = self._reducer.bars(ticks, edges)
        time_ns = first_ns - first_ns % STEPS[name]
        sizes = () if ticks.volume is None else (volume,)
        columns: tuple[npt.NDArray[Any], ...] = (time_ns, open, high, low, close, *sizes, count)
        folder = f"{name}/"
        for column, values in zip(bar_columns(self._schema), columns, strict=True):
            self._files.write(column.path(folder), level.n_bars * column.dtype.itemsize, values)
        self._files.write(FIRST_ROW.path(folder), (level.n_bars + 1) * 8, starts)
        level.nodes.push(Nodes(high, low, volume if sizes else np.empty(0), time_ns))
        level.n_bars += len(starts)
        level.covered = int(starts[-1])

    def _begun(self, name: str) -> _Level:
        self._files.make_folder(name)
        self._files.make_folder(f"{name}/index")
        self._files.write(FIRST_ROW.path(f"{name}/"), 0, np.zeros(1, np.int64))
        return self._opened(name, 0)

    def _opened(self, name: str, n_bars: int) -> _Level:
        level = map_bars(self._files.root, name, self._schema, n_bars)
        nodes = NodeWriter(self._files, f"{name}/", self._schema.size is not None, level.bars.index)
        return _Level(n_bars, int(level.first_row[-1]), nodes)


class _Level:
    """n_bars : written; covered : the first tick that none of them covers; nodes : over the bars"""

    def __init__(self, n_bars: int, covered: int, nodes: NodeWriter) -> None:
        self.n_bars, self.covered, self.nodes = n_bars, covered, nodes
