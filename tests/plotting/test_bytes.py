"""Bytes of WebP beside libwebp in one run: all chart types, axes and themes, thumbnails and full size."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from kf_widget.chart.theme import THEMES
from kf_widget.plotting import render_ohlcv_chart, save_chart
from kf_widget.plotting.look import CHART_TYPES
from tests.plotting.charts import bars

SPEEDS = ("fast", "balanced", "best")
PEERS = ((0, 0), (75, 4), (100, 6))
PROMISED = (0.8, 1.0, 1.0)
"""Bytes in those of libwebp at lossless quality 0 method 0, 75 and 4, 100 and 6."""


def sizes(image: Any) -> tuple[list[int], list[int]]:
    ours, theirs = [], []
    for speed, (quality, method) in zip(SPEEDS, PEERS, strict=True):
        file = io.BytesIO()
        save_chart(image, file, format="webp", speed=speed)
        ours.append(len(file.getvalue()))
        assert Image.open(file).convert(image.mode).tobytes() == image.tobytes()
        file = io.BytesIO()
        image.save(file, "WEBP", lossless=True, quality=quality, method=method, exact=True)
        theirs.append(len(file.getvalue()))
    return ours, theirs


def check(image: Any) -> None:
    ours, theirs = sizes(image)
    for speed, mine, peer, most in zip(SPEEDS, ours, theirs, PROMISED, strict=True):
        assert mine <= most * peer, f"{speed}: {mine:,} bytes, libwebp {peer:,}"
    assert ours[0] > ours[1] >= ours[2]


def check_thumbnails(chart_type: str, axes: bool, smooth: bool, seed: int) -> None:
    ohlc, volume = bars(50, seed)
    for theme in THEMES:
        image = render_ohlcv_chart(
            ohlc, volume, 300, 200, theme, chart_type=chart_type, axes=axes, enable_antialiasing=smooth
        )
        check(image)


@pytest.mark.parametrize("seed", [0, 1, 7])
@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("axes", [False, True])
@pytest.mark.parametrize("chart_type", CHART_TYPES)
def test_thumbnails(chart_type: str, axes: bool, smooth: bool, seed: int) -> None:
    check_thumbnails(chart_type, axes, smooth, seed)


WALKS = [
    ("pnf", False, False, 17),
    ("pnf", True, False, 17),
    ("pnf", False, False, 19),
    ("pnf", False, False, 26),
    ("pnf", False, True, 39),
    ("renko", False, False, 8),
]
"""Thumbnails of few bricks or large glyphs, that libwebp encodes well."""


@pytest.mark.parametrize(("chart_type", "axes", "smooth", "seed"), WALKS)
def test_bricks_and_glyphs(chart_type: str, axes: bool, smooth: bool, seed: int) -> None:
    check_thumbnails(chart_type, axes, smooth, seed)


FULL = [("classic", True, 0), ("light", False, 6), ("classic", False, 5)]


@pytest.mark.parametrize(("theme", "axes", "seed"), FULL)
@pytest.mark.parametrize("chart_type", CHART_TYPES)
def test_full_size(chart_type: str, theme: str, axes: bool, seed: int) -> None:
    ohlc, volume = bars(1000, seed)
    image = render_ohlcv_chart(ohlc, volume, theme=theme, chart_type=chart_type, axes=axes)
    check(image)
