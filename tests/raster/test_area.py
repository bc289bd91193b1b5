from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.chart.inks import AREA, GRID
from kf_widget.chart.scene import Area, Rects, Scene
from kf_widget.raster import rasterize
from tests.raster.reference import coverage_of_area, levels

height = st.one_of(*[st.floats(-10, 30, width=32)] * 4, st.sampled_from([np.nan, -1e6, 1e6]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-5, 22, width=32), height), max_size=8),
    st.sampled_from([18.0, 11.4, -3.0, 99.0, np.inf]),
)
def test_levels_are_the_rounded_area(points, base):
    x, y = np.array(points, np.float32).reshape(-1, 2).T
    mark = Area(np.sort(x), y, base, AREA)
    scene = Scene(17, 18)
    scene.add(mark)
    out = np.empty((18, 17), np.uint8)
    palette = rasterize(scene, out)
    exact = 8 * coverage_of_area(scene, Area(mark.x, y, min(base, 99), AREA))
    assert np.abs(levels(out, palette, AREA, 0) - exact).max() <= 0.5 + 0.02


def test_solid_below_whatever_was_there():
    scene = Scene(10, 10)
    scene.add(Rects([0], [6], [10], [7], GRID))
    scene.add(Area([0, 10], [3.0, 3.0], 9, AREA))
    out = np.empty((10, 10), np.uint8)
    palette = rasterize(scene, out)
    np.testing.assert_array_equal(palette.ink[out][:, 4], [0] * 3 + [AREA] * 6 + [0])


def test_unsorted_and_broken_x_stay_inside_the_image():
    x = np.array([5, 2, np.nan, np.inf, -np.inf, 8, 3e38, 4], np.float32)
    scene = Scene(10, 10)
    scene.add(Area(x, np.linspace(0, 9, 8), 9, AREA), (2, 2, 8, 8))
    out = np.empty((10, 10), np.uint8)
    palette = rasterize(scene, out)
    inside = np.zeros((10, 10), bool)
    inside[2:8, 2:8] = True
    assert (palette.ink[out][~inside] == 0).all()
