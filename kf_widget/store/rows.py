"""Rows on their way to the files: columns, checksums and nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.history.index import Nodes
from kf_widget.sources.batch import Batch, Schema
from kf_widget.store.files import Files, as_bytes
from kf_widget.store.layout import CHECKSUMS, SEGMENT, tick_columns
from kf_widget.store.nodes import NodeWriter

__all__ = ["RowWriter"]


class RowWriter:
    """Writes batches, one behind the other, and what they complete.

    Parameters
    ----------
    rows : where the first one goes.
    hashes : running checksums, one a column, of the rows after the last complete segment.
    nodes : over the rows before.
    """

    def __init__(self, files: Files, schema: Schema, rows: int, hashes: list[Any], nodes: NodeWriter) -> None:
        self.rows, self.columns = rows, tick_columns(schema)
        self._files, self._hashes, self._nodes = files, hashes, nodes

    @property
    def tail(self) -> dict[str, str]:
        """Checksum of each column's rows after the last complete segment."""
        return {c.name: running.hexdigest() for c, running in zip(self.columns, self._hashes, strict=True)}

    def push(self, batch: Batch) -> None:
        """Write rows, checked and in time order, not before the last ones, and all that they complete."""
        n = len(batch.time_ns)
        if not n:
            return
        values = [np.ascontiguousarray(column) for column in batch if column is not None]
        for column, part in zip(self.columns, values, strict=True):
            self._files.write(column.path(), self.rows * column.dtype.itemsize, part)
        self._check(values, n)
        size = np.empty(0) if batch.size is None else values[2]
        self._nodes.push(Nodes(values[1], values[1], size, values[0]))
        self.rows += n

    def _check(self, values: list[npt.NDArray[Any]], n: int) -> None:
        """Hash the rows; a segment that they complete is written down."""
        start, records, first = 0, [], self.rows // SEGMENT
        while start < n:
            stop = min(n, start + SEGMENT - (self.rows + start) % SEGMENT)
            for running, part in zip(self._hashes, values, strict=True):
                running.update(as_bytes(part[start:stop]))
            if (self.rows + stop) % SEGMENT == 0:
                records.append([running.intdigest() for running in self._hashes])
                for running in self._hashes:
                    running.reset()
            start = stop
        if records:
            self._files.write(CHECKSUMS, first * 8 * len(self.columns), np.array(records, "<u8"))
