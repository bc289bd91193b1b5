"""PNG: the pixels come back from Pillow whatever the size and the colours, and each speed is smaller."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kf_widget.plotting import render_ohlcv_chart
from kf_widget.plotting.look import look_of
from kf_widget.plotting.picture import origin_of
from kf_widget.plotting.png import encode_png
from kf_widget.plotting.png_rows import PLAIN, UP, lift_rows, pack_rows
from tests.plotting.charts import bars, decoded

SPEEDS = ("fast", "balanced", "best")


def plain_rows(indices: np.ndarray, bits: int) -> np.ndarray:
    """What `pack_rows` must write, bit by bit."""
    height, width = indices.shape
    each = np.unpackbits(indices.reshape(height, width, 1), axis=2)[:, :, 8 - bits :]
    packed = np.packbits(each.reshape(height, width * bits), axis=1)
    return np.concatenate((np.full((height, 1), PLAIN, np.uint8), packed), axis=1)


@settings(max_examples=100)
@given(
    width=st.integers(1, 70),
    height=st.integers(1, 9),
    bits=st.sampled_from([1, 2, 4, 8]),
    seed=st.integers(0, 1000),
)
def test_rows_are_those_of_the_reference(width: int, height: int, bits: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, 1 << bits, (height, width)).astype(np.uint8)
    rows = np.full((height, 1 + (width * bits + 7) // 8), 255, np.uint8)
    pack_rows(indices, bits, rows)
    expected = plain_rows(indices, bits)
    np.testing.assert_array_equal(rows, expected)
    lift_rows(rows)
    expected[1:, 1:] = np.diff(expected[:, 1:].astype(np.int64), axis=0) & 255
    expected[:, 0] = UP
    np.testing.assert_array_equal(rows, expected)


@settings(max_examples=60)
@given(
    width=st.integers(1, 70),
    height=st.integers(1, 9),
    n=st.sampled_from([1, 2, 3, 4, 5, 16, 17, 255, 256]),
    alpha=st.booleans(),
    speed=st.sampled_from(SPEEDS),
    level=st.sampled_from([None, 0, 9]),
    seed=st.integers(0, 1000),
)
def test_pixels_come_back(
    width: int, height: int, n: int, alpha: bool, speed: str, level: int | None, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, rng.integers(1, n + 1), (height, width)).astype(np.uint8)
    colours = rng.integers(0, 1 << 32, n, dtype=np.uint32)
    if not alpha:
        colours |= np.uint32(0xFF000000)
    expected = colours[indices].astype(">u4").view(np.uint8).reshape(height, width, 4)[:, :, [1, 2, 3, 0]]
    np.testing.assert_array_equal(decoded(encode_png(indices, colours, speed, level)), expected)


@pytest.mark.parametrize(("n", "width", "height"), [(50, 300, 200), (1000, 1920, 1080)])
@pytest.mark.parametrize("axes", [False, True])
@pytest.mark.parametrize("chart_type", ["candle", "line", "pnf", "renko"])
def test_each_speed_is_smaller(n: int, width: int, height: int, axes: bool, chart_type: str) -> None:
    ohlc, volume = bars(n)
    image = render_ohlcv_chart(ohlc, volume, width, height, axes=axes, chart_type=chart_type)
    origin = origin_of(image)
    assert origin is not None
    sizes = [len(encode_png(origin.indices, origin.colours, speed)) for speed in SPEEDS]
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize(("used", "bits"), [(2, 1), (3, 2), (5, 4), (17, 8)])
@pytest.mark.parametrize("speed", SPEEDS)
def test_no_more_bits_a_pixel_than_its_colours_need(used: int, bits: int, speed: str) -> None:
    colours = look_of().colours
    indices = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) % used
    data = encode_png(indices.astype(np.uint8), colours, speed)
    assert data[24] == bits
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
