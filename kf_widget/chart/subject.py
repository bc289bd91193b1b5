"""A history as it is charted: with the axis that its times lie on and the zone they are told in."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from kf_widget.chart.timeaxis import TimeAxis
from kf_widget.history.columns import Columns
from kf_widget.history.joined import joined
from kf_widget.history.protocol import History
from kf_widget.history.zones import Zone

__all__ = ["Subject"]


@dataclass(frozen=True)
class Subject:
    """What is charted.

    history : ticks or bars
    axis : its trading-time or wall-clock axis
    zone : time zone of calendar edges and labels
    """

    history: History
    axis: TimeAxis
    zone: Zone

    @classmethod
    def of(
        cls, history: History, tz: str | None = None, time_axis: str = "trading", session: str | None = None
    ) -> Subject:
        """Chart `history` in time zone `tz` (its own by default) on a "trading" or "clock" axis.

        `session` is the local time at which a trading day begins, midnight by default.
        """
        axis = TimeAxis.clock(history) if time_axis == "clock" else TimeAxis.trading(history)
        return cls(history, axis, Zone.of(tz or history.tz, session))

    def grown(self, history: History) -> Subject:
        """The same with rows added at its end; costs O(new rows). What was on the axis stays where it was.

        Parameters
        ----------
        history : begins with the rows of the present one.
        """
        if isinstance(history, Columns):
            history.inherit(self.history)
        return Subject(history, self.axis.extended(history), self.zone)

    @functools.cached_property
    def high_low(self) -> tuple[float, float]:
        """Highest and lowest price of the whole history; (1, 1) where it is empty."""
        if not len(self.history):
            return 1.0, 1.0
        high, low = joined(self.history).extremes()
        return float(high), float(low)
