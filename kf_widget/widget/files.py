"""The current view as the bytes of a file."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from kf_widget.chart.compose import Picture, Style, compose
from kf_widget.chart.layout import capped_ratio
from kf_widget.chart.subject import Subject
from kf_widget.chart.table import visible_table
from kf_widget.chart.theme import Theme
from kf_widget.chart.view import Viewport
from kf_widget.frame.image import encode_image
from kf_widget.frame.render import Renderer
from kf_widget.frame.svg import encode_svg, encode_svgz
from kf_widget.raster import measure

__all__ = ["EXPORT_FORMATS", "TABLES", "check_size", "export_bytes", "format_of"]

EXPORT_FORMATS = {
    "webp": "image/webp",
    "png": "image/png",
    "jpg": "image/jpeg",
    "svg": "image/svg+xml",
    "svgz": "image/svg+xml",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
TABLES = ("csv", "parquet")
"""Formats that hold the bars, not the picture."""
_ALIASES = {"jpeg": "jpg", "pq": "parquet"}


def format_of(path: Path) -> str:
    """Format that a path's suffix names, or an error that lists the known ones."""
    suffix = path.suffix.lower().removeprefix(".")
    suffix = _ALIASES.get(suffix, suffix)
    if suffix not in EXPORT_FORMATS:
        known = ", ".join(f".{name}" for name in EXPORT_FORMATS)
        raise ValueError(f"export: path must end in one of {known}, got {path.name!r}.")
    return suffix


def export_bytes(
    format: str, subject: Subject, on_screen: Picture, viewport: Viewport, style: Style, theme: Theme
) -> bytes:
    """The view in a format: a picture drawn anew for `viewport`, or the bars of `on_screen`."""
    if format in TABLES:
        table = visible_table(subject, on_screen)
        target = io.BytesIO()
        if format == "csv":
            import pyarrow.csv as pa_csv

            pa_csv.write_csv(table, target)
        else:
            import pyarrow.parquet as pa_parquet

            pa_parquet.write_table(table, target)
        return target.getvalue()
    if format in ("svg", "svgz"):
        scene = compose(subject, viewport, style, measure).scene
        encode = encode_svg if format == "svg" else encode_svgz
        return encode(scene, theme.colours(), viewport.ratio)
    renderer = Renderer()
    if format == "webp":
        return renderer.render(subject, viewport, style, theme).webp
    _, indices, palette = renderer.draw(subject, viewport, style)
    return encode_image(indices, palette.colours(theme.colours()), format)


def check_size(what: str, width: Any, height: Any, ratio: Any, drawn: bool) -> None:
    """Refuse a size that is none, or too large for a picture where one is drawn."""
    for name, value in (("width", width), ("height", height)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{what}: {name} must be a whole number of px, got {value!r}.")
        if not 1 <= value <= 16_383:
            raise ValueError(f"{what}: {name} must be 1 to 16,383 px, got {value!r}.")
    name = "scale" if what == "export" else "ratio"
    if isinstance(ratio, bool) or not isinstance(ratio, int | float | np.number):
        raise TypeError(f"{what}: {name} must be a number, 0.25 to 8, got {ratio!r}.")
    if not 0.25 <= ratio <= 8:
        raise ValueError(f"{what}: {name} must be 0.25 to 8, got {ratio!r}.")
    most = capped_ratio(width, height, float(ratio), 0.0)
    if drawn and most < ratio:
        most = math.floor(100 * most) / 100
        remedy = f"{name}={most:g}" if most >= 0.25 else "a smaller width or height"
        raise ValueError(
            f"{what}: width x height x {name} must be less for a picture, "
            f"got {width} x {height} x {ratio:g}. Take {remedy}."
        )
