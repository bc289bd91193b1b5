"""Scenes as indexed images: antialiased marks, text, symbolic palettes."""

from __future__ import annotations

from kf_widget.raster.glyphs import measure
from kf_widget.raster.palette import Palette
from kf_widget.raster.plan import rasterize
from kf_widget.raster.rgb import raster_rgb

__all__ = ["Palette", "measure", "raster_rgb", "rasterize"]
