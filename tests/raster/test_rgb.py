from __future__ import annotations

import numpy as np
import pytest

from kf_widget.raster import raster_rgb


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 9), (2, 4, 6), (0, 4), (101, 103)])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("n", [1, 16, 200])
def test_equals_a_table_lookup(shape, channels, n):
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 2**32, n, np.uint32)
    indices = rng.integers(0, n, shape, np.uint8)
    indices[shape[0] // 2 :] %= 16  # these are looked up in another way
    words = colours[indices]
    expected = np.stack([words >> 16 & 255, words >> 8 & 255, words & 255, words >> 24], -1)[..., :channels]
    np.testing.assert_array_equal(raster_rgb(indices, colours, channels=channels), expected)
    out = np.zeros((*shape, channels), np.uint8)
    assert raster_rgb(indices, colours, channels=channels, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_refuses_what_does_not_fit():
    indices = np.zeros((2, 3), np.uint8)
    colours = np.zeros(1, np.uint32)
    with pytest.raises(TypeError, match="indices must be a uint8 array, got int64"):
        raster_rgb(indices.astype(np.int64), colours)
    with pytest.raises(ValueError, match="channels must be 3 or 4, got 5"):
        raster_rgb(indices, colours, channels=5)
    with pytest.raises(ValueError, match=r"shape \(2, 3, 3\), got uint8 \(2, 3, 4\)"):
        raster_rgb(indices, colours, out=np.zeros((2, 3, 4), np.uint8))
    with pytest.raises(ValueError, match="got uint8"):
        raster_rgb(indices, colours, out=np.zeros((2, 3, 6), np.uint8)[:, :, ::2])
