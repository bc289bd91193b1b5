"""What a picture shows, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kf_widget.chart.compose import Picture
from kf_widget.chart.subject import Subject

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["visible_table"]


def visible_table(subject: Subject, picture: Picture) -> pa.Table:
    """The bars, or the rows, that overlap the visible window, as a pyarrow Table.

    Bars: time (start of the bar, timestamp[ns, zone]), open, high, low, close, volume, count.
    Trades: time, price, and size and side where the history has them.
    """
    import pyarrow as pa

    columns, history = picture.columns, subject.history
    left, right = picture.layout.window
    shown = np.flatnonzero((columns.x1 > left) & (columns.x0 < right))
    here = slice(int(shown[0]), int(shown[-1]) + 1) if shown.size else slice(0, 0)
    stamps = np.ascontiguousarray(columns.start_ns[here])
    table: dict[str, Any] = {"time": pa.array(stamps).view(pa.timestamp("ns", subject.zone.name))}
    if columns.single and history.kind == "ticks":
        table["price"] = pa.array(np.ascontiguousarray(columns.ohlc[here, 3]))
        rows = columns.rows[here]
        if history.volume is not None:
            table["size"] = pa.array(np.ascontiguousarray(columns.volume[here]))
        side = getattr(history, "side", None)
        if side is not None:
            table["side"] = pa.array(side[rows])
        return pa.table(table)
    for at, name in enumerate(("open", "high", "low", "close")):
        table[name] = pa.array(np.ascontiguousarray(columns.ohlc[here, at]))
    table["volume"] = pa.array(np.ascontiguousarray(columns.volume[here]))
    table["count"] = pa.array(np.ascontiguousarray(columns.count[here]))
    return pa.table(table)
