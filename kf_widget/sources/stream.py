"""What every source is to its reader: batches of ticks, in time order, from any row on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from kf_widget.sources.batch import Batch, Schema

__all__ = ["TickStream"]


@runtime_checkable
class TickStream(Protocol):
    """A source of ticks that is open.

    schema : what every batch has; n_rows : rows it will give where that is known beforehand, else None
    fingerprint : digest of what is read and how; "" where it cannot be read again
    dropped : bad rows left out so far, by reason
    """

    schema: Schema
    n_rows: int | None
    fingerprint: str
    dropped: dict[str, int]

    def batches(self, skip_rows: int = 0) -> Iterator[Batch]: ...
