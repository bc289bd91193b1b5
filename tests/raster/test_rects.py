from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.chart.scene import Rects, Scene
from kf_widget.raster import rasterize
from tests.raster.reference import paint_rects

coordinate = st.one_of(st.integers(-5, 25), st.sampled_from([-(2**31), 2**31 - 1, -(2**30), 2**30]))
rectangle = st.tuples(coordinate, coordinate, coordinate, coordinate, st.integers(0, 19))
clip = st.tuples(*[st.integers(-5, 25)] * 4)


@settings(deadline=None)
@given(st.lists(rectangle, max_size=12), clip, st.integers(0, 19))
def test_rects_equal_the_reference(rectangles, clip, background):
    columns = np.array(rectangles, np.int64).reshape(-1, 5).T
    mark = Rects(*columns[:4].astype(np.int32), ink=columns[4].astype(np.uint8))
    scene = Scene(20, 14, background)
    scene.add(mark, clip)
    out = np.empty((14, 20), np.uint8)
    palette = rasterize(scene, out)
    expected = np.full((14, 20), background)
    left, top, right, bottom = clip
    paint_rects(expected, mark, (left, top, min(right, 20), min(bottom, 14)))
    np.testing.assert_array_equal(palette.ink[out], expected)
    assert (palette.level[out] == 8).all()


def test_float_rectangles_are_rounded_and_nan_is_empty():
    mark = Rects([1.6, np.nan, -np.inf], [0, 0, 3], [3.4, 9, np.inf], [1, 9, 4], 5)
    scene = Scene(6, 5)
    scene.add(mark)
    out = np.empty((5, 6), np.uint8)
    palette = rasterize(scene, out)
    expected = np.zeros((5, 6))
    expected[0, 2:3] = 5
    expected[3] = 5
    np.testing.assert_array_equal(palette.ink[out], expected)
