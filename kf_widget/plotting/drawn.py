"""Charts drawn through the scene: with axes, as vectors, and of the types that no bare kernel draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.chart.compose import Style, compose
from kf_widget.chart.inks import AREA, LINE
from kf_widget.chart.layout import MAX_AREA_PX, font_px
from kf_widget.chart.resolution import TICKS
from kf_widget.chart.scene import Area, Layer, Polyline, Scene
from kf_widget.chart.slots import SLOT_NS, number_marks, slot_subject, stamp_marks
from kf_widget.chart.title import title_px, with_title
from kf_widget.chart.view import Viewport
from kf_widget.frame.svg import encode_svg, encode_svgz
from kf_widget.history.names import BAR_ROLES, resolve
from kf_widget.history.protocol import Ints
from kf_widget.history.stamps import stamps_to_ns
from kf_widget.history.tables import open_table
from kf_widget.history.zones import Zone
from kf_widget.plotting.bare_scene import bare_scene
from kf_widget.plotting.columns import columns_of
from kf_widget.plotting.look import Look
from kf_widget.plotting.shapes import Shape, shape_of_bars
from kf_widget.raster import measure, rasterize

__all__ = ["draw_chart", "draw_svg", "rasterized", "scene_of", "scene_of_table", "shown_of"]

_IN_SCENE = {"ohlc": "bars"}


def draw_chart(
    ohlc: Any,
    volume: Any,
    look: Look,
    *,
    title: str | None = None,
    box_size: float | None = None,
    reversal: int = 3,
    tz: str | None = None,
    what: str = "render",
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
    """One chart of any type, with axes or without.

    Bars stand side by side, each as wide as the next. With axes, the times that the table has are
    told, its column of times or its index; else the bars are numbered from 0.

    Parameters
    ----------
    ohlc, volume : as for `kf_widget.plotting.render_ohlcv_chart`.
    look : of `look_of`.
    title : a line above the chart; None for none.
    box_size : box of Renko and point & figure; by default 0.75 x the median ATR(14).
    reversal : boxes that turn a column of point & figure.
    tz : IANA time zone of the labels; by default that of the times.

    Returns
    -------
    indices : uint8 (height, width)
    colours : uint32 (n,), 0xAARRGGBB
    """
    return rasterized(scene_of_table(ohlc, volume, look, title, box_size, reversal, tz, what), look)


def draw_svg(
    ohlc: Any,
    volume: Any,
    look: Look,
    *,
    compressed: bool = False,
    title: str | None = None,
    box_size: float | None = None,
    reversal: int = 3,
    tz: str | None = None,
    what: str = "render",
) -> bytes:
    """One chart as an SVG document, gzipped if `compressed`; other arguments as for `draw_chart`."""
    if look.bare and not title and look.width * look.height <= MAX_AREA_PX:
        scene = bare_scene(columns_of(ohlc, volume, what), look, what)
    else:
        scene = scene_of_table(ohlc, volume, look, title, box_size, reversal, tz, what)
        scene.width, scene.height = look.width, look.height  # less than a scene can be
    encode = encode_svgz if compressed else encode_svg
    return encode(scene, look.theme.colours(), title=title or "")


def scene_of_table(
    ohlc: Any,
    volume: Any,
    look: Look,
    title: str | None,
    box_size: float | None,
    reversal: int,
    tz: str | None,
    what: str,
    chart_type: str | None = None,
) -> Scene:
    """The scene of a table's bars; arguments as for `draw_chart`, `chart_type` by default the look's."""
    columns = columns_of(ohlc, volume, what)
    stamps_ns, zone = (None, "UTC") if not look.axes else _stamps(ohlc, columns.open.size, tz, what)
    chart_type = chart_type or look.chart_type
    kind = _IN_SCENE.get(chart_type, chart_type)
    shape = shape_of_bars(columns, stamps_ns, kind, box_size or 0.0, reversal, what)
    return scene_of(shape, look, Zone.of(zone), title, what)


def scene_of(shape: Shape, look: Look, zone: Zone, title: str | None = None, what: str = "render") -> Scene:
    """The scene of a shape, `look.width` x `look.height` px."""
    if look.width * look.height > MAX_AREA_PX:
        raise ValueError(
            f"{what}: width x height must be at most {MAX_AREA_PX:,} pixels with axes or for this chart "
            f"type, got {look.width} x {look.height}. Draw it smaller; an SVG scales to any size."
        )
    subject = slot_subject(shape.open, shape.high, shape.low, shape.close, shape.volume, shape.slots)
    first = int(shape.slots[0]) if len(shape.slots) else 0
    ratio = _ratio(look)
    band = title_px(font_px(ratio)) if title else 0
    band = band if look.height - band >= 40 else 0
    viewport = Viewport(
        -first * SLOT_NS,
        (max(shape.n_slots, 1) - first) * SLOT_NS,
        None,
        look.width / ratio,  # type: ignore[arg-type]  # times the ratio it is whole
        (look.height - band) / ratio,  # type: ignore[arg-type]
        ratio,
    )
    style = Style(
        TICKS,
        shape.chart_type,
        axes=look.axes,
        grid=look.grid,
        volume=shape.volume is not None,
        box_size=shape.box_size,
        wick_share=look.wick_width_ratio,
        formed=True,
    )
    marks = number_marks(first) if shape.stamps_ns is None else stamp_marks(shape.stamps_ns, zone, first)
    composed = compose(subject, viewport, style, measure, marks)
    scene = composed.scene
    if shape.chart_type in ("line", "area"):
        _break(scene, shape, composed.layout.plot[2])
    return with_title(scene, title, font_px(ratio), band) if title and band else scene


def shown_of(ohlc: Any, volume: Any, look: Look, what: str) -> list[npt.NDArray[Any]]:
    """All of a dataset that a chart of it shows: its columns, and with axes its times and their zone."""
    columns = columns_of(ohlc, volume, what)
    if not look.axes:
        return list(columns)
    stamps_ns, zone = _stamps(ohlc, columns.open.size, None, what)
    told = np.frombuffer(zone.encode(), np.uint8)
    return [*columns, told] if stamps_ns is None else [*columns, told, np.ascontiguousarray(stamps_ns)]


def _break(scene: Scene, shape: Shape, width: int) -> None:
    """Break the line of closes where slots without a bar are a pixel wide or more; plot `width` px wide."""
    before, after = shape.slots[:-1] + 1, shape.slots[1:]
    px = width / max(shape.n_slots, 1)
    wide = np.flatnonzero((after > before) & ((after - before) * px >= 1))
    if not wide.size:
        return
    start, stop = before[wide] * px, after[wide] * px
    middle = 0.5 * (start + stop)
    for place, (clip, mark) in enumerate(scene.layers):
        if isinstance(mark, Polyline | Area) and mark.ink in (LINE, AREA):
            at = np.searchsorted(mark.x, middle)
            # A pixel column with many bars is as wide as its time, and its points may lie in the gap.
            gap = np.maximum(np.searchsorted(start, mark.x) - 1, 0)
            inside = (mark.x > start[gap]) & (mark.x < stop[gap])
            edge = np.where(mark.x <= middle[gap], start[gap], stop[gap])
            x = np.insert(np.where(inside, edge, mark.x), at, np.nan)
            y = np.insert(mark.y, at, np.nan)
            scene.layers[place] = Layer(clip, dataclasses.replace(mark, x=x, y=y))


def rasterized(scene: Scene, look: Look) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
    """Indices uint8 (height, width) and their colours; without antialiasing, shades become plain inks."""
    indices = np.empty((scene.height, scene.width), np.uint8)
    palette = rasterize(scene, indices)
    theme = look.theme.colours()
    colours = palette.colours(theme)
    if not look.antialiasing:
        colours = np.where(palette.level >= 4, theme[palette.ink], theme[palette.background])
    if indices.shape != (look.height, look.width):  # less than a scene can be
        indices = np.ascontiguousarray(indices[: look.height, : look.width])
    return indices, colours


def _ratio(look: Look) -> float:
    """Larger letters and lines on larger pictures, as on screens of that many pixels."""
    if not look.axes:
        return 1.0
    return max(1.0, min(8.0, round(4 * min(look.width / 1280, look.height / 720)) / 4))


def _stamps(ohlc: Any, n: int, tz: str | None, what: str) -> tuple[Ints | None, str]:
    """Times of the bars and the zone to tell them in; None where the table has none."""
    if isinstance(ohlc, Mapping):
        index = getattr(next((ohlc[key] for key in ohlc if str(key).lower() == "open"), None), "index", None)
        if not _named(ohlc) and type(index).__name__ == "DatetimeIndex":
            ohlc = {"time": index}
    try:
        table = open_table(what, ohlc)
    except TypeError:
        return None, "UTC"
    try:
        name = resolve(what, {"time": BAR_ROLES["time"]}, list(table.names), {}, time_index=table.time_index)
    except ValueError:
        return None, "UTC"
    stamps_ns, zone = stamps_to_ns(what, name["time"], table.select([name["time"]])[name["time"]], tz)
    if len(stamps_ns) != n:
        raise ValueError(f"{what}: {name['time']} must be as long as open, {n:,}, got {len(stamps_ns):,}.")
    return stamps_ns, zone


def _named(ohlc: Mapping[Any, Any]) -> bool:
    usual = BAR_ROLES["time"]
    return any(str(key).lower() in usual for key in ohlc)
