"""The raster again, slow and obvious: every pixel of the image for every mark."""

from __future__ import annotations

import numpy as np

from kf_widget.chart.scene import Area, Clip, Polyline, Rects, Scene
from kf_widget.raster import Palette


def coverage_of_polyline(scene: Scene, mark: Polyline) -> np.ndarray:
    """float64 (h, w), 0 to 1: from the distance of each pixel's centre to the nearest segment."""
    py, px = np.mgrid[: scene.height, : scene.width] + 0.5
    nearest = np.full(px.shape, np.inf)
    x, y = np.clip(mark.x.astype(float), -1e9, 1e9), np.clip(mark.y.astype(float), -1e9, 1e9)
    real = ~(np.isnan(x) | np.isnan(y))
    for i in np.flatnonzero(real):
        joined = i > 0 and real[i - 1]
        if not joined and i + 1 < len(x) and real[i + 1]:
            continue
        a = i - 1 if joined else i
        dx, dy = x[i] - x[a], y[i] - y[a]
        along = np.clip(((px - x[a]) * dx + (py - y[a]) * dy) / max(dx * dx + dy * dy, 1e-300), 0, 1)
        nearest = np.minimum(nearest, np.hypot(px - x[a] - along * dx, py - y[a] - along * dy))
    return np.clip(max(mark.width, 1) / 2 + 0.5 - nearest, 0, 1) * min(mark.width, 1)


def coverage_of_area(scene: Scene, mark: Area, samples: int = 4000) -> np.ndarray:
    """float64 (h, w), 0 to 1: share of each pixel that is below the line, by sampling the line."""
    cover = np.zeros((scene.height, scene.width))
    rows = np.arange(scene.height)[:, None]
    x, y = mark.x.astype(float), np.clip(mark.y.astype(float), -1e9, 1e9)
    for column in range(scene.width):
        at = column + (np.arange(samples) + 0.5) / samples
        for i in range(len(x) - 1):
            here = at[(at >= x[i]) & (at < x[i + 1])]
            if here.size and np.isfinite(x[i : i + 2]).all() and not np.isnan(y[i : i + 2]).any():
                line = y[i] + (y[i + 1] - y[i]) * (here - x[i]) / (x[i + 1] - x[i])
                cover[:, column] += np.clip(rows + 1 - line, 0, 1).sum(axis=1) / samples
    cover[max(int(np.floor(mark.base + 0.5)), 0) :] = 0
    return cover


def paint_rects(image: np.ndarray, mark: Rects, clip: Clip) -> None:
    """Paint inks, not indices, one rectangle after the other."""
    left, top, right, bottom = clip
    for x0, y0, x1, y1, ink in zip(
        *(c.tolist() for c in (mark.x0, mark.y0, mark.x1, mark.y1, mark.ink)), strict=True
    ):
        image[max(y0, top, 0) : max(min(y1, bottom), 0), max(x0, left, 0) : max(min(x1, right), 0)] = ink


def levels(indices: np.ndarray, palette: Palette, ink: int, background: int) -> np.ndarray:
    """Level of `ink` over `background` in each pixel, -1 where the pixel is something else."""
    meaning = np.full(len(palette), -1)
    for i in range(len(palette)):
        if palette.ink[i] == ink and palette.background[i] in (ink, background):
            meaning[i] = palette.level[i]
        elif palette.ink[i] == background == palette.background[i]:
            meaning[i] = 0
    return meaning[indices]
