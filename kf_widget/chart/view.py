"""What a person looks at: a range of time, a range of prices, and on how many pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kf_widget.chart.instants import instant_ns, instant_text

__all__ = ["View", "Viewport"]


@dataclass(frozen=True, slots=True)
class View:
    """The visible range of a chart, in UTC, with the timeframe it resolved to.

    Parameters
    ----------
    start, stop : ISO text or anything `goto` takes; half-open. Text without an offset is UTC here.
    price : (low, high) at the lower and upper edge of the price pane, or None for autoscale.
    timeframe : for example "5m"; None lets the chart choose when the view is set.

    Notes
    -----
    ``eval(repr(view)) == view``.
    """

    start: str
    stop: str
    price: tuple[float, float] | None = None
    timeframe: str | None = None

    def __post_init__(self) -> None:
        start_ns = instant_ns(self.start, argument="start")
        stop_ns = instant_ns(self.stop, argument="stop")
        if stop_ns <= start_ns:
            raise ValueError(f"view: stop must be after start, got {self.start!r} to {self.stop!r}.")
        object.__setattr__(self, "start", instant_text(start_ns))
        object.__setattr__(self, "stop", instant_text(stop_ns))
        if self.price is not None:
            object.__setattr__(self, "price", checked_price(self.price))

    @property
    def start_ns(self) -> int:
        """UTC nanoseconds of the left edge."""
        return instant_ns(self.start)

    @property
    def stop_ns(self) -> int:
        """UTC nanoseconds of the right edge."""
        return instant_ns(self.stop)


def checked_price(price: Any) -> tuple[float, float]:
    """A (low, high) range of finite prices, or an error that says what is wrong."""
    try:
        low, high = (float(value) for value in price)
    except (TypeError, ValueError):
        raise TypeError(f"view: price must be (low, high) or None, got {price!r}.") from None
    if not (abs(low) < 1e300 and abs(high) < 1e300 and low < high):
        raise ValueError(f"view: price must be finite with low < high, got {price!r}.")
    return low, high


@dataclass(frozen=True, slots=True)
class Viewport:
    """One picture that is wanted.

    start, stop : axis positions of the left and right edge of the visible plot, ns of the axis
    price : (bottom, top) prices of the plot's edges, or None for autoscale
    width, height : CSS pixels of the plot with its axes
    ratio : device pixels per CSS pixel
    overscan : how much wider than the visible window the plot is drawn on each side, in windows
    """

    start: int
    stop: int
    price: tuple[float, float] | None
    width: int
    height: int
    ratio: float = 1.0
    overscan: float = 0.0
