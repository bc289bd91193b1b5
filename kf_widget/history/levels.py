"""Levels: the minute, hour and day bars of a history of ticks, so that long views touch no tick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from kf_widget.history.protocol import History, Ints

__all__ = ["DAY_NS", "HOUR_NS", "MINUTE_NS", "STEPS", "Level", "levels_of"]

MINUTE_NS: Final = 60_000_000_000
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
STEPS: Final = (MINUTE_NS, HOUR_NS, DAY_NS)


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Ready bars of the first ticks of a history.

    step_ns : length of a bar; bars begin at multiples of it since 1970, UTC
    bars : one for each step that holds ticks and is over, in time order, with an index of their own
    first_row : int64 (n_bars + 1,), tick that each begins with; the last entry is where the ticks begin
        that no bar covers
    """

    step_ns: int
    bars: History
    first_row: Ints

    @property
    def stop_ns(self) -> int:
        """End of the last bar; the ticks that no bar covers are not before it."""
        return int(self.bars.time_ns[-1]) + self.step_ns


def levels_of(ticks: History, steps: tuple[int, ...] = STEPS) -> dict[int, Level]:
    """Levels of ticks, from one pass over them for each step. The bar of the last tick is not over yet."""
    from kf_widget.history.bar_columns import BarColumns
    from kf_widget.history.bars import Bars
    from kf_widget.history.resample import scan_columns
    from kf_widget.history.timeframe import Timeframe
    from kf_widget.history.zones import Zone

    levels: dict[int, Level] = {}
    for step_ns in steps if len(ticks) else ():
        rule, zone = Timeframe.parse(f"{step_ns}ns"), Zone.of("UTC")
        columns = scan_columns(ticks, rule, zone)
        if len(columns.counts) > 1:
            first_row = np.concatenate(([0], np.cumsum(columns.counts[:-1])))
            over = BarColumns._make(column[:-1] for column in columns)
            bars = Bars.from_columns(
                over.time_ns,
                over.open,
                over.high,
                over.low,
                over.close,
                None if ticks.volume is None else over.volume,
                over.counts,
                interval_ns=step_ns,
            )
            levels[step_ns] = Level(step_ns, bars, first_row)
    return levels
