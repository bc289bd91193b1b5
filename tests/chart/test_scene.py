from __future__ import annotations

import numpy as np
import pytest

from kf_widget.chart.inks import BACKGROUND, UP
from kf_widget.chart.scene import Area, Polyline, Rects, Scene, Texts

FAR = 2**30


def test_columns_are_kept_in_one_dtype_without_copies_where_they_fit():
    x0 = np.array([1, 2], np.int32)
    rects = Rects(x0, [0, 0], np.array([3, 2**40]), [1.4, 2.6], UP)
    assert rects.x0 is x0
    assert [c.dtype for c in (rects.x0, rects.y0, rects.x1, rects.y1)] == [np.int32] * 4
    assert rects.x1.tolist() == [3, FAR]
    assert rects.y1.tolist() == [1, 3]
    assert rects.ink.tolist() == [UP, UP]
    assert rects.ink.dtype == np.uint8
    y = np.zeros(2, np.float32)
    assert Polyline([1, 2], y, 1, UP).y is y


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.uint64, np.float32, np.float64])
def test_extreme_coordinates_are_clamped(dtype):
    top = np.finfo(dtype).max if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    low = np.finfo(dtype).min if np.dtype(dtype).kind == "f" else np.iinfo(dtype).min
    values = np.array([low, 0, 7, top], dtype)
    rects = Rects(values, values, values, values, UP)
    for column in (rects.x0, rects.y0, rects.x1, rects.y1):
        assert column.tolist() == [max(int(low), -FAR), 0, 7, min(int(top), FAR)]


def test_a_nan_makes_the_rectangle_empty():
    for which in range(4):
        edges = [[0.0], [0.0], [9.0], [9.0]]
        edges[which] = [np.nan]
        rects = Rects(*edges, ink=UP)
        assert rects.x1[0] <= rects.x0[0] or rects.y1[0] <= rects.y0[0]


def test_wrong_columns_are_named():
    with pytest.raises(ValueError, match=r"Rects: y0 must be of shape \(1,\), got \(2,\)"):
        Rects([1], [1, 2], [3], [4], UP)
    with pytest.raises(ValueError, match="Rects: ink must be 0 to 255, got 300 to 300"):
        Rects([1], [1], [3], [4], 300)
    with pytest.raises(TypeError, match="Rects: coordinates must be numbers, got dtype bool"):
        Rects([True], [1], [3], [4], UP)
    with pytest.raises(ValueError, match=r"Polyline: y must be of shape \(2,\), got \(1,\)"):
        Polyline([1, 2], [1], 1, UP)
    with pytest.raises(ValueError, match="Polyline: width must be above 0"):
        Polyline([1], [1], float("nan"), UP)
    with pytest.raises(ValueError, match="Area: base must be a number"):
        Area([1], [1], float("nan"), UP)
    with pytest.raises(ValueError, match="Texts: strings must be 1 of them, got 2"):
        Texts([1], [1], ["a", "b"], UP, 12)
    with pytest.raises(ValueError, match="Texts: size_px must be 1 to 1,000, got 0"):
        Texts([1], [1], ["a"], UP, 0)
    with pytest.raises(ValueError, match="Texts: align must be left, center or right, got 'middle'"):
        Texts([1], [1], ["a"], UP, 12, align="middle")
    with pytest.raises(ValueError, match="got 0 x 5"):
        Scene(0, 5)


def test_layers_keep_their_order_and_clip_to_the_scene_by_default():
    scene = Scene(30, 20)
    first, second = Rects([], [], [], [], UP), Polyline([], [], 2, UP)
    scene.add(first)
    scene.add(second, (1, 2, 3, 4))
    assert scene.background == BACKGROUND
    assert [(layer.clip, layer.mark) for layer in scene.layers] == [
        ((0, 0, 30, 20), first),
        ((1, 2, 3, 4), second),
    ]
    assert second.backgrounds == (BACKGROUND, BACKGROUND)
