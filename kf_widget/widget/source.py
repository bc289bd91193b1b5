"""What a chart is made of, and what it can follow."""

from __future__ import annotations

from typing import Any, cast

from kf_widget.history.columns import Columns
from kf_widget.history.protocol import Growing, History

__all__ = ["as_history", "growing"]


def as_history(history: Any) -> History:
    """The history itself, or the ticks or bars of a table."""
    if isinstance(history, Columns):
        return cast(History, history)
    from kf_widget.history.bars import Bars
    from kf_widget.history.ticks import Ticks

    try:
        return Ticks(history)
    except ValueError as no_ticks:
        try:
            return Bars(history)
        except ValueError:
            raise no_ticks from None


def growing(source: Any, charted: History) -> Growing:
    """The source if it can be followed: it grows, and it begins with the rows that are charted.

    Raises
    ------
    TypeError, ValueError : it does not.
    """
    if not isinstance(source, Growing):
        what = "a chart of a history that does not grow" if source is None else type(source).__name__
        raise TypeError(
            f"follow: source must have refresh() and snapshot(), got {what}."
            " Make the chart of a TickStore: Chart(open_ticks(path)).follow()."
        )
    history, n = source.snapshot(), len(charted)
    same = history.kind == charted.kind and len(history) >= n
    for row in (0, n // 2, n - 1) if n else ():
        same = (
            same and history.time_ns[row] == charted.time_ns[row] and history.close[row] == charted.close[row]
        )
    if not same:
        raise ValueError(
            f"follow: source must begin with the rows that are charted, got {history!r} for {charted!r}."
            " Make a new chart of it."
        )
    return source
