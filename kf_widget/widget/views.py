"""View: one rendered output of a chart, and what it needs to be drawn."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from kf_widget.chart.view import Viewport
from kf_widget.frame.render import Renderer
from kf_widget.widget import protocol as say
from kf_widget.widget.scheduler import Slots
from kf_widget.widget.window import Anchor, Window

__all__ = ["MOVING_AREA_PX", "MOVING_OVERSCAN", "SETTLED_OVERSCAN", "View"]

MOVING_OVERSCAN = 0.1
SETTLED_OVERSCAN = 0.5
MOVING_AREA_PX = 1_200_000


@dataclass(slots=True)
class View:
    """One rendered output of the chart. Sizes in CSS px; `seq` is its newest input.

    plot_px : device px that the visible window takes at rest
    """

    name: str
    size: say.Resize
    dark: bool
    visible: bool = True
    seq: int = 0
    moving: bool = False
    stale: bool = True
    overview_stale: bool = True
    plot_px: int = 1
    slots: Slots = field(default_factory=Slots)
    anchors: OrderedDict[int, Anchor] = field(default_factory=OrderedDict)
    renderer: Renderer = field(default_factory=Renderer)

    def viewport(self, window: Window) -> Viewport:
        """What is needed now: while it moves fewer px and little overscan, at rest all of it, wide."""
        size, ratio = self.size, self.size.ratio
        if self.moving and size.width * size.height * ratio * ratio > MOVING_AREA_PX:
            ratio = min(ratio, 1.0)
        overscan = MOVING_OVERSCAN if self.moving else SETTLED_OVERSCAN
        return Viewport(window.start, window.stop, window.price, size.width, size.height, ratio, overscan)
