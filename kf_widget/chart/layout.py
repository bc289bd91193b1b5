"""Where the panes and axes of a frame lie, in device pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kf_widget.chart.view import Viewport

__all__ = ["Layout", "Rect", "lay_out"]

MAX_SIDE_PX = 16_383
MAX_AREA_PX = 24_000_000
FONT_CSS = 11.5
TIME_AXIS_CSS = 26
LABEL_PAD_CSS = 9
VOLUME_SHARE = 0.2
_MIN_PLOT_PX = 8

Rect = tuple[int, int, int, int]
"""x, y, width, height in device pixels."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The rectangles of one frame.

    width, height : px of the whole picture
    plot, volume, time, price : rectangles of the price pane, the volume pane below it (height 0
        without volume), the time axis below both, and the price axis at the right
    window : (left, right) px of what is visible of the plot; the rest is overscan
    ratio : device px per CSS px, after the area was capped
    start, ns_per_px : axis position of the picture's left edge, and of one px
    font_px : text size
    """

    width: int
    height: int
    plot: Rect
    volume: Rect
    time: Rect
    price: Rect
    window: tuple[int, int]
    ratio: float
    start: float
    ns_per_px: float
    font_px: int

    @property
    def line_px(self) -> int:
        """Width of a thin line in device pixels."""
        return max(1, int(self.ratio + 0.25))

    @property
    def stop(self) -> float:
        """Axis position of the plot's right edge, ns."""
        return self.start + self.plot[2] * self.ns_per_px


def font_px(ratio: float) -> int:
    """Text size in device pixels."""
    return max(8, round(FONT_CSS * ratio))


def capped_ratio(width: int, height: int, ratio: float, overscan: float) -> float:
    """The ratio, lowered where the picture would pass the largest side or area."""
    wide = width * (1 + 2 * overscan)
    ratio = min(max(ratio, 0.25), 8.0)
    ratio = min(ratio, MAX_SIDE_PX / max(wide, height))
    return min(ratio, math.sqrt(MAX_AREA_PX / (wide * height)))


def lay_out(viewport: Viewport, label_px: float, has_volume: bool, axes: bool = True) -> Layout:
    """Place the panes and axes of a viewport.

    Parameters
    ----------
    viewport : the picture that is wanted, ratio already capped.
    label_px : width of the widest price label at this ratio, px.
    has_volume : whether there is a volume pane.
    axes : False gives the whole picture to the panes, with nothing beside or below.
    """
    ratio = viewport.ratio
    width = max(_MIN_PLOT_PX, round(viewport.width * ratio))
    height = max(_MIN_PLOT_PX, round(viewport.height * ratio))
    price_w = time_h = 0
    if axes:
        price_w = -(-round(label_px + 2 * LABEL_PAD_CSS * ratio) // 4) * 4
        time_h = round(TIME_AXIS_CSS * ratio)
        price_w = min(price_w, max(0, width - _MIN_PLOT_PX))
        time_h = min(time_h, max(0, height - _MIN_PLOT_PX))
    visible_w = width - price_w
    pane_h = height - time_h
    volume_h = round(pane_h * (VOLUME_SHARE if axes else 0.3)) if has_volume and pane_h >= 40 else 0
    plot_h = pane_h - volume_h
    aside = round(visible_w * viewport.overscan)
    plot_w = visible_w + 2 * aside
    ns_per_px = (viewport.stop - viewport.start) / visible_w
    return Layout(
        width=plot_w + price_w,
        height=height,
        plot=(0, 0, plot_w, plot_h),
        volume=(0, plot_h, plot_w, volume_h),
        time=(0, pane_h, plot_w, time_h),
        price=(plot_w, 0, price_w, plot_h),
        window=(aside, aside + visible_w),
        ratio=ratio,
        start=viewport.start - aside * ns_per_px,
        ns_per_px=ns_per_px,
        font_px=font_px(ratio),
    )
