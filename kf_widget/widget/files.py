"""The current view as the bytes of a file."""

from __future__ import annotations

import io
from pathlib import Path

from kf_widget.chart.compose import Picture, Style, compose
from kf_widget.chart.subject import Subject
from kf_widget.chart.table import visible_table
from kf_widget.chart.theme import Theme
from kf_widget.chart.view import Viewport
from kf_widget.frame.image import encode_image
from kf_widget.frame.render import Renderer
from kf_widget.frame.svg import encode_svg, encode_svgz
from kf_widget.raster import measure

__all__ = ["EXPORT_FORMATS", "export_bytes", "format_of"]

EXPORT_FORMATS = {
    "webp": "image/webp",
    "png": "image/png",
    "jpg": "image/jpeg",
    "svg": "image/svg+xml",
    "svgz": "image/svg+xml",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
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
    if format in ("csv", "parquet"):
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
