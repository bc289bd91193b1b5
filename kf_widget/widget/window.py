"""The visible window of a chart, and how gestures move it. Pure; positions are ns of the axis."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from kf_widget.chart.compose import Picture
from kf_widget.chart.timeaxis import TimeAxis

__all__ = ["MIN_SPAN_NS", "Anchor", "Window", "at_end", "clamped", "fitted", "moved", "roomy", "slid"]

MIN_SPAN_NS = 100_000
"""Years into an axis its float positions are 16 ns apart, a fifth of a px at this span."""

_KEPT = 0.1
"""Share of the window that must overlap the history, so that nobody gets lost."""
_RIGHT_MARGIN = 0.03
_MOST_ROOM = 0.34
"""Share of the window at most that stays free for a bar that goes on."""


@dataclass(frozen=True, slots=True)
class Window:
    """start, stop : axis positions, half-open. price : (bottom, top), or None for autoscale."""

    start: int
    stop: int
    price: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a gesture refers to: where a frame's plot lies on the axis and on the price scale.

    start, span : axis position of the plot's left edge and its width, overscan included
    top, bottom : scaled prices of its edges
    log : whether scaled means log10
    whole : all of the history when the frame was drawn
    newest : axis position of the end of its data
    """

    start: float
    span: float
    top: float
    bottom: float
    log: bool
    whole: Window | None = None
    newest: int = 0

    @classmethod
    def of(cls, picture: Picture, axis: TimeAxis) -> Anchor:
        """Anchor of a frame."""
        layout, prices = picture.layout, picture.prices
        log = prices.kind == "log"
        top, bottom = (
            (math.log10(prices.top), math.log10(prices.bottom)) if log else (prices.top, prices.bottom)
        )
        span = layout.plot[2] * layout.ns_per_px
        return cls(layout.start, span, top, bottom, log, fitted(axis), int(axis.stop))

    def price(self, fraction: float) -> float:
        """Price at a fraction of the plot's height, 0 at its top."""
        scaled = self.top + fraction * (self.bottom - self.top)
        return float(10 ** min(max(scaled, -300.0), 300.0)) if self.log else scaled


def fitted(axis: TimeAxis, bar_ns: float = 0.0) -> Window:
    """The whole history, with a little room at the right, and for a bar that has just begun."""
    start, stop = int(axis.start), int(axis.stop)
    span = max(stop - start, MIN_SPAN_NS)
    return Window(start, start + span + _room(span, bar_ns))


def _room(span: int, bar_ns: float) -> int:
    """What stays free beside so much data."""
    return math.ceil(max(span * _RIGHT_MARGIN, min(bar_ns, span * _MOST_ROOM)))


def at_end(window: Window, axis: TimeAxis, bar_ns: float = 0.0) -> Window:
    """A window as wide, with the newest data at its right edge and as much room beside it as in `fitted`."""
    span = window.stop - window.start
    least, most = (span * (share / (1 + share)) for share in (_RIGHT_MARGIN, _MOST_ROOM))
    stop = int(axis.stop) + math.ceil(max(least, min(bar_ns, most)))
    return replace(window, start=stop - span, stop=stop)


def roomy(window: Window, axis: TimeAxis, before_ns: float, bar_ns: float) -> Window:
    """A window that shows the newest data, with room for bars of another length than before.

    It ends where it ended if that was somebody's wish, and shows all of the last bar.
    """
    start, stop = window.start, int(axis.stop)
    span = max(stop - start, MIN_SPAN_NS)
    old, new = (stop + _room(span, ns) for ns in (before_ns, bar_ns))
    own = abs(window.stop - old) <= 0.005 * span  # as `fitted`, `at_end` and growth by whole px leave it
    return replace(window, stop=new if own else max(window.stop, new))


def slid(window: Window, edge: int, newest: int, ns_per_px: float) -> tuple[Window, int]:
    """The window moved on with its newest data by whole px, so that what stays in it is not drawn anew.

    Parameters
    ----------
    edge : axis position of the end of the data that the window was placed at.
    newest : where that end is now.
    ns_per_px : of the finest view.

    Returns
    -------
    (window, edge) : the edge moves with the window; what is left of a px waits for more data.
    """
    by = round(max(0, math.floor((newest - edge) / ns_per_px)) * ns_per_px)
    return replace(window, start=window.start + by, stop=window.stop + by), edge + by


def clamped(window: Window, axis: TimeAxis) -> Window:
    """The window, kept between the smallest and largest span and in touch with the history."""
    whole = fitted(axis)
    largest = max(2 * (whole.stop - whole.start), 10 * 10**9)
    center = (window.start + window.stop) // 2
    span = min(max(window.stop - window.start, MIN_SPAN_NS), largest)
    start = window.start if span == window.stop - window.start else center - span // 2
    kept = int(span * _KEPT)
    start = min(max(start, int(axis.start) - span + kept), int(axis.stop) - kept)
    return replace(window, start=start, stop=start + span)


def moved(anchor: Anchor, x: tuple[float, float], y: tuple[float, float] | None) -> Window:
    """The window at fractions of a frame's plot; y is None for autoscale."""
    left, right = min(x), max(x)
    start = anchor.start + left * anchor.span
    stop = anchor.start + right * anchor.span
    if not (abs(start) < 9e18 and abs(stop) < 9e18):
        start, stop = anchor.start, anchor.start + anchor.span
    price = None
    if y is not None:
        top, bottom = anchor.price(min(y)), anchor.price(max(y))
        if math.isfinite(top) and math.isfinite(bottom) and top > bottom:
            price = (bottom, top)
    return Window(math.floor(start), max(math.floor(start) + 1, math.floor(stop)), price)
