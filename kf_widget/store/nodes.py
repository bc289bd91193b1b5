"""Nodes of an index, made while its rows stream by and written once they are complete."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kf_widget.history.index import Nodes, RangeIndex, build_nodes
from kf_widget.history.run_kernels import GROUP, SHIFT
from kf_widget.store.files import Files
from kf_widget.store.layout import node_columns

__all__ = ["NodeWriter"]


class NodeWriter:
    """Writes the complete nodes over the rows of one table, behind those that are there.

    Parameters
    ----------
    files, folder : where: "" for the ticks, else the level's folder with its slash.
    has_volume : whether there are sums.
    index : of the rows that are there already.
    levels : how many levels to write; all by default.
    blocks : fills whole blocks from their rows; by default the CPU does.
    """

    def __init__(
        self,
        files: Files,
        folder: str,
        has_volume: bool,
        index: RangeIndex,
        levels: int | None = None,
        blocks: Callable[[Nodes, Nodes], None] | None = None,
    ) -> None:
        self._files, self._folder, self._has_volume, self._most = files, folder, has_volume, levels
        self._blocks = blocks
        a = index.arrays
        rows = Nodes(a.high, a.low, a.volume, a.time_ns)
        found = [rows, Nodes(a.block_high, a.block_low, a.block_sum, a.block_first)]
        nodes = Nodes(a.node_high, a.node_low, a.node_sum, a.node_first)
        found += [nodes.part(*a.level_start[i : i + 2]) for i in range(len(a.level_start) - 1)]
        self._counts = [len(level.first) for level in found]
        self._waiting = [
            _rest(level, count >> SHIFT << SHIFT) for level, count in zip(found, self._counts, strict=True)
        ]

    def skip(self, rows: int) -> None:
        """Go on behind rows that another writes, a whole number of nodes of every level that is written."""
        self._counts = [rows >> SHIFT * level for level in range((self._most or 0) + 1)]
        self._waiting = [Nodes.room(0, self._has_volume) for _ in self._counts]

    def push(self, rows: Nodes, level: int = 0) -> None:
        """Write all nodes that these rows, the next ones, complete; or nodes of a level, and all above."""
        below = rows.frozen()
        while len(below.first) and (self._most is None or level <= self._most):
            while level >= len(self._counts):
                self._counts.append(0)
                self._waiting.append(Nodes.room(0, self._has_volume))
            if level:
                self._write(level, below)
            self._counts[level] += len(below.first)
            below = self._complete(level, below)
            level += 1

    def _write(self, level: int, nodes: Nodes) -> None:
        columns = nodes if self._has_volume else (nodes.high, nodes.low, nodes.first)
        for column, values in zip(node_columns(level, self._has_volume), columns, strict=True):
            self._files.write(column.path(self._folder), self._counts[level] * column.dtype.itemsize, values)

    def _complete(self, level: int, below: Nodes) -> Nodes:
        """Parents that the children complete; the rest of the children waits."""
        waiting, n_below = self._waiting[level], len(below.first)
        n_waiting = len(waiting.first)
        n_made = (n_waiting + n_below) >> SHIFT
        made = Nodes.room(n_made, self._has_volume)
        if not n_made:
            self._waiting[level] = _joined(waiting, below)
            return made
        taken = -n_waiting % GROUP
        begun = 1 if n_waiting else 0
        if begun:
            build_nodes(_joined(waiting, below.part(0, taken)), made, 0, 1)
        whole = n_made - begun
        if whole:
            children, parents = below.part(taken, taken + whole * GROUP), made.part(begun, n_made)
            if level == 0 and self._blocks is not None:
                self._blocks(children, parents)
            else:
                build_nodes(children, parents, 0, whole)
        self._waiting[level] = _rest(below, taken + whole * GROUP)
        return made.frozen()


def _joined(first: Nodes, second: Nodes) -> Nodes:
    high, low, total, times = (np.concatenate(pair) for pair in zip(first, second, strict=True))
    return Nodes(high, low, total, times).frozen()


def _rest(nodes: Nodes, start: int) -> Nodes:
    """What comes from a child on, copied: it must not keep a batch, or a map, alive."""
    rest = nodes.part(start, len(nodes.first))
    return Nodes(rest.high.copy(), rest.low.copy(), rest.sum.copy(), rest.first.copy()).frozen()
