"""A line above a chart."""

from __future__ import annotations

from kf_widget.chart import inks
from kf_widget.chart.scene import Area, Mark, Polyline, Rects, Scene, Texts

__all__ = ["title_px", "with_title"]


def title_px(font_px: int) -> int:
    """Height of the band that holds a title."""
    return round(2.6 * font_px)


def with_title(scene: Scene, title: str, font_px: int, height: int) -> Scene:
    """The scene `height` px lower, under a title in letters a third larger than `font_px`."""
    size_px = round(1.3 * font_px)
    whole = Scene(scene.width, scene.height + height, scene.background)
    for (left, top, right, bottom), mark in scene.layers:
        whole.add(_lower(mark, height), (left, top + height, right, bottom + height))
    whole.add(
        Texts(
            [round(0.9 * font_px)], [0.5 * height], [title], inks.TEXT_STRONG, size_px,
            valign="middle", weight="medium",
        )
    )  # fmt: skip
    return whole


def _lower(mark: Mark, by: int) -> Mark:
    if isinstance(mark, Rects):
        return Rects(mark.x0, mark.y0 + by, mark.x1, mark.y1 + by, mark.ink)
    y = mark.y + by
    if isinstance(mark, Polyline):
        return Polyline(mark.x, y, mark.width, mark.ink, mark.background)
    if isinstance(mark, Area):
        return Area(mark.x, y, mark.base + by, mark.ink, mark.background)
    return Texts(
        mark.x, y, mark.strings, mark.ink, mark.size_px, mark.align, mark.valign, mark.background, mark.weight
    )
