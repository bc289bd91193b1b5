"""Levels: the minute, hour and day bars of a history of ticks, so that long views touch no tick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kf_widget.history.protocol import History, Ints

__all__ = ["Level"]


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
