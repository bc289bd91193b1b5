"""Vectors of charts without axes, beside the pixels of the bare kernels."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.plotting import bare_scene as module
from kf_widget.plotting.bare_scene import bare_scene
from kf_widget.plotting.columns import columns_of
from kf_widget.plotting.drawn import draw_svg, rasterized
from kf_widget.plotting.easel import draw_bare
from kf_widget.plotting.look import look_of
from tests.plotting.charts import bars


def both(n: int, volume: bool, gap: bool, look: Any) -> tuple[np.ndarray, np.ndarray]:
    """Colours (height, width) of the scene's raster and of the bare kernel."""
    ohlc, volumes = bars(n)
    if gap:
        ohlc = {name: np.where(np.arange(n) == n // 2, np.nan, column) for name, column in ohlc.items()}
    columns = columns_of(ohlc, volumes if volume else None)
    image = np.empty((look.height, look.width), np.uint8)
    draw_bare(columns, look, image)
    indices, colours = rasterized(bare_scene(columns, look, "t"), look)
    return colours[indices], look.colours[image]


@pytest.mark.parametrize("n", [1, 2, 30, 60, 149, 200, 400, 3000])
@pytest.mark.parametrize("chart_type", ["candle", "hollow", "ohlc"])
@pytest.mark.parametrize(
    ("volume", "grid", "gap"), [(True, True, False), (False, True, True), (True, False, True)]
)
def test_rectangles_are_those_of_the_pixels(
    chart_type: str, n: int, volume: bool, grid: bool, gap: bool
) -> None:
    look = look_of(width=300, height=200, chart_type=chart_type, show_grid=grid)
    got, wanted = both(n, volume, gap, look)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("n", [2, 60, 299, 301, 3000])
@pytest.mark.parametrize("chart_type", ["line", "area"])
@pytest.mark.parametrize("smooth", [True, False])
def test_lines_are_where_the_pixels_are(chart_type: str, n: int, smooth: bool) -> None:
    look = look_of(width=300, height=200, chart_type=chart_type, enable_antialiasing=smooth)
    got, wanted = both(n, True, False, look)
    np.testing.assert_array_equal(got[141:], wanted[141:])  # volumes
    assert np.count_nonzero(got != wanted) <= 0.1 * np.count_nonzero(wanted != wanted[0, 0])


@pytest.mark.parametrize("chart_type", ["line", "area"])
def test_gaps_alone_are_no_line(chart_type: str) -> None:
    """Nor that of the chart that was drawn before."""
    look = look_of(width=300, height=200, chart_type=chart_type)
    both(30, False, False, look)
    nothing = {name: np.full(30, np.nan) for name in ("open", "high", "low", "close")}
    indices, colours = rasterized(bare_scene(columns_of(nothing, None), look, "t"), look)
    image = np.empty((200, 300), np.uint8)
    draw_bare(columns_of(nothing, None), look, image)
    np.testing.assert_array_equal(colours[indices], look.colours[image])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.booleans())
def test_rectangles_cover_a_mask_once(seed: int, height: int, width: int, upright: bool) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.6
    covered = np.zeros(mask.shape, int)
    for x0, y0, x1, y1 in zip(*module._rectangles(mask, upright), strict=True):
        covered[y0:y1, x0:x1] += 1
    np.testing.assert_array_equal(covered, mask)


def test_a_candle_is_three_rectangles() -> None:
    look = look_of(width=300, height=200, show_grid=False)
    ohlc, _ = bars(30)
    scene = bare_scene(columns_of(ohlc, None), look, "t")
    assert sum(layer.mark.x0.size for layer in scene.layers) <= 3 * 30


def test_a_fault_is_told_as_for_pixels() -> None:
    ohlc, volume = bars(30)
    with pytest.raises(ValueError, match=r"volume must be 0 or more and finite, got -1\.0 at row 7"):
        draw_svg(ohlc, np.where(np.arange(30) == 7, -1.0, volume), look_of())
    document = ET.fromstring(draw_svg(ohlc, volume, look_of(width=300, height=200)))
    assert (document.get("width"), document.get("height")) == ("300", "200")
