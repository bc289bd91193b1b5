from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.chart.inks import AREA, GRID, LINE
from kf_widget.chart.scene import Polyline, Rects, Scene
from kf_widget.raster import rasterize
from tests.raster.reference import coverage_of_polyline, levels

near = st.floats(-15, 45, width=32)
coordinate = st.one_of(near, near, near, st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -1e6, 1e-30]))


def draw(scene):
    out = np.empty((scene.height, scene.width), np.uint8)
    return out, rasterize(scene, out)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), max_size=8), st.sampled_from([0.5, 1, 1.5, 2, 3, 4]))
def test_levels_are_the_rounded_coverage(points, width):
    x, y = np.array(points, np.float32).reshape(-1, 2).T
    mark = Polyline(x, y, width, LINE)
    scene = Scene(31, 23)
    scene.add(mark)
    out, palette = draw(scene)
    exact = 8 * coverage_of_polyline(scene, mark)
    assert np.abs(levels(out, palette, LINE, 0) - exact).max() <= 0.5 + 1e-4


def test_a_line_along_a_row_of_pixel_centres_is_crisp():
    scene = Scene(20, 5)
    scene.add(Polyline([-5, 30], [2.5, 2.5], 1, LINE))
    out, palette = draw(scene)
    assert (palette.ink[out][2] == LINE).all()
    assert (palette.level[out] == 8).all()
    assert (np.delete(palette.ink[out], 2, axis=0) == 0).all()


def test_steep_zigzag_has_no_gap():
    x = np.arange(0, 40, 0.5)
    y = np.where(np.arange(80) % 2, 2.5, 57.5)
    scene = Scene(40, 60)
    scene.add(Polyline(x, y, 1, LINE))
    out, palette = draw(scene)
    assert (levels(out, palette, LINE, 0)[5:55, 1:38] > 0).all()


def test_the_order_of_points_does_not_matter():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 60, (2, 40)).astype(np.float32)
    images = []
    for step in (1, -1):
        scene = Scene(60, 60)
        scene.add(Polyline(x[::step], y[::step], 2, LINE))
        images.append(draw(scene)[0].astype(int))
    # Distances from either end differ in the last bit, so a rare pixel rounds the other way.
    assert np.abs(images[0] - images[1]).max() <= 7
    assert np.mean(images[0] != images[1]) < 1e-3


def test_a_nan_breaks_the_line_and_a_lone_point_is_a_dot():
    scene = Scene(30, 9)
    scene.add(Polyline([2, 8, np.nan, 15, 20, 22, 28], [4.5, 4.5, 4.5, 4.5, np.nan, 4.5, 4.5], 3, LINE))
    out, palette = draw(scene)
    row = levels(out, palette, LINE, 0)[4]
    assert row[5] == row[25] == 8
    assert row[11] == row[18] == 0
    assert row[14] == row[15] == 8


def test_over_other_inks_half_covered_pixels_are_solid_and_the_rest_is_left():
    scene = Scene(40, 20)
    scene.add(Rects([20], [0], [40], [20], GRID))
    mark = Polyline([0, 40], [3, 17], 1.5, LINE)
    scene.add(mark)
    out, palette = draw(scene)
    cover = coverage_of_polyline(scene, mark)[:, 20:]
    expected = np.where(np.floor(8 * cover + 0.5) >= 4, LINE, GRID)
    np.testing.assert_array_equal(palette.ink[out][:, 20:], expected)
    assert (palette.level[out][:, 20:] == 8).all()


def test_two_backgrounds_both_get_shades():
    scene = Scene(40, 20)
    scene.add(Rects([20], [0], [40], [20], AREA))
    mark = Polyline([0, 40], [3, 17], 1.5, LINE, (0, AREA))
    scene.add(mark)
    out, palette = draw(scene)
    exact = 8 * coverage_of_polyline(scene, mark)
    for background, half in ((0, np.s_[:, :20]), (AREA, np.s_[:, 20:])):
        assert np.abs(levels(out, palette, LINE, background) - exact)[half].max() <= 0.5 + 1e-4
