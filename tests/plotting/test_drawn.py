"""Charts through the scene: axes, times or numbers, every type, and faults that must not come back."""

from __future__ import annotations

import gzip
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from kf_widget import plotting
from kf_widget.chart.inks import LINE
from kf_widget.chart.scene import Polyline, Texts
from kf_widget.chart.slots import SLOT_NS, number_marks, stamp_marks
from kf_widget.chart.theme import theme_named
from kf_widget.history.zones import Zone
from kf_widget.plotting.drawn import draw_chart, draw_svg, scene_of_table
from kf_widget.plotting.look import look_of
from kf_widget.raster import measure
from tests.plotting.charts import UP, VOLUME_DOWN, VOLUME_UP, bars, where

SIZE: dict[str, Any] = {"width": 640, "height": 400}
TEXT = "{http://www.w3.org/2000/svg}text"


def ohlcv(n: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.normal(0, 0.5, n))
    open = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(open, close) + rng.random(n), np.minimum(open, close) - rng.random(n)
    return {"open": open, "high": high, "low": low, "close": close}, rng.random(n) * 100


def pixels(ohlc: Any, volume: Any, title: str | None = None, **look: Any) -> np.ndarray:
    indices, colours = draw_chart(ohlc, volume, look_of(**{**SIZE, **look}), title=title)
    words = colours[indices]
    return np.stack([(words >> shift) & 255 for shift in (16, 8, 0)], axis=2)


def labels(ohlc: Any, volume: Any = None, title: str | None = None, tz: str | None = None) -> list[str]:
    document = draw_svg(ohlc, volume, look_of(**SIZE, axes=True), title=title, tz=tz)
    return [element.text or "" for element in ET.fromstring(document).iter(TEXT)]


@pytest.mark.parametrize(
    "chart_type", ["candle", "hollow", "ohlc", "line", "area", "heikin_ashi", "renko", "pnf"]
)
@pytest.mark.parametrize("axes", [True, False])
def test_every_type_draws_prices_and_volume(chart_type: str, axes: bool) -> None:
    ohlc, volume = ohlcv(80)
    picture = pixels(ohlc, volume, chart_type=chart_type, axes=axes, show_grid=False)
    assert picture.shape == (400, 640, 3)
    marked = (picture != 0).any(axis=2)
    assert marked[:250, :500].mean() > 0.005
    assert marked[300:370, :500].mean() > 0.05
    whole = pixels(ohlc, None, chart_type=chart_type, axes=axes, show_grid=False)
    assert (whole != picture).any()


def test_render_functions_come_here() -> None:
    ohlc, volume = ohlcv(60)
    for more in ({"axes": True}, {"chart_type": "renko"}, {"chart_type": "pnf", "axes": True}):
        image = plotting.render_ohlcv_chart(ohlc, volume, **SIZE, **more)
        assert (image.size, image.mode) == ((640, 400), "RGBA")
        np.testing.assert_array_equal(np.asarray(image)[:, :, :3], pixels(ohlc, volume, **more))
        array = plotting.render_to_array(ohlc, volume, **SIZE, **more)
        np.testing.assert_array_equal(array, np.asarray(image))


def test_bars_without_times_are_numbered_and_others_tell_them() -> None:
    ohlc, volume = ohlcv(100)
    numbered = labels(ohlc, volume)
    assert {"20", "40", "60", "80"} <= set(numbered)
    days = pd.bdate_range("2023-11-01", periods=100)
    for table in (
        {**ohlc, "time": days.to_numpy()},
        pd.DataFrame(ohlc, index=days),
        {name: pd.Series(column, index=days) for name, column in ohlc.items()},
        pl.DataFrame({**ohlc, "date": days.to_numpy()}),
        pa.table({**ohlc, "timestamp": pa.array(days)}),
    ):
        told = labels(table, volume)
        assert {"Dec", "2024", "Feb"} <= set(told), type(table)
        assert "20" not in told[:3]


def test_times_are_told_in_their_zone() -> None:
    ohlc, _ = ohlcv(60)
    index = pd.date_range("2024-03-04 09:30", periods=60, freq="1min", tz="America/New_York")
    assert "10:00" in labels(pd.DataFrame(ohlc, index=index))
    assert "15:00" in labels(pd.DataFrame(ohlc, index=index), tz="UTC")


def test_a_title_stands_above_and_is_escaped() -> None:
    ohlc, volume = ohlcv(60)
    assert "<A&B>" in labels(ohlc, volume, title="<A&B>")
    plain, titled = pixels(ohlc, volume, axes=True), pixels(ohlc, volume, title="Title", axes=True)
    assert plain.shape == titled.shape
    assert (titled[5:25, 5:80] > 150).any()
    packed = draw_svg(ohlc, volume, look_of(**SIZE), compressed=True, title="t")
    assert gzip.decompress(packed) == draw_svg(ohlc, volume, look_of(**SIZE), title="t")


def test_a_row_with_nan_is_a_gap_and_leaves_the_others() -> None:
    ohlc, volume = ohlcv(20)
    holed = {name: column.copy() for name, column in ohlc.items()}
    holed["high"][10] = np.nan
    whole = (pixels(ohlc, volume, chart_type="heikin_ashi", show_grid=False)[:280] != 0).any(axis=(0, 2))
    gap = (pixels(holed, volume, chart_type="heikin_ashi", show_grid=False)[:280] != 0).any(axis=(0, 2))
    slot = slice(10 * 32 + 2, 11 * 32 - 2)
    assert whole[slot].any()
    assert not gap[slot].any()
    assert gap[:300].sum() > 150
    assert gap[360:].sum() > 150
    nothing = {name: np.full(20, np.nan) for name in ohlc}
    assert pixels(nothing, None, axes=True).shape == (400, 640, 3)


def test_a_masked_row_is_a_gap_too() -> None:
    ohlc, volume = ohlcv(30)
    masked = {name: np.ma.array(column) for name, column in ohlc.items()}
    for name in ohlc:
        masked[name][7] = np.ma.masked
        ohlc[name][7] = np.nan
    for axes in (False, True):
        mine, theirs = (plotting.render_to_array(some, volume, **SIZE, axes=axes) for some in (masked, ohlc))
        assert mine.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("n", [20, 4000])
@pytest.mark.parametrize("chart_type", ["line", "area"])
def test_a_gap_breaks_the_line_with_axes_too(chart_type: str, n: int) -> None:
    ohlc, _ = ohlcv(n)
    first, last = n // 2, n // 2 + max(n // 40, 2)
    ohlc["close"][first:last] = np.nan
    scene = scene_of_table(
        ohlc, None, look_of(**SIZE, chart_type=chart_type, axes=True), None, 0, 3, None, "t"
    )
    lines = [mark for _, mark in scene.layers if isinstance(mark, Polyline) and mark.ink == LINE]
    assert len(lines) == 1
    broken = np.flatnonzero(np.isnan(lines[0].x))
    assert broken.size == 1
    left, right = lines[0].x[broken[0] - 1], lines[0].x[broken[0] + 1]
    plot_px = lines[0].x[-1] / (n - 0.5) * n
    assert left <= first * plot_px / n + 1
    assert right >= last * plot_px / n - 1
    grid_free = pixels(ohlc, None, chart_type=chart_type, show_grid=False)
    gap = slice(int(first * 640 / n) + 2, int(last * 640 / n) - 2)
    assert (grid_free[:, gap] == 0).all()
    assert (grid_free[:, : gap.start - 4] != 0).any()


@pytest.mark.parametrize("chart_type", ["candle", "renko", "pnf", "heikin_ashi"])
def test_flat_prices_draw_and_zero_volume_does_not(chart_type: str) -> None:
    flat = {name: np.full(30, 50.0) for name in ("open", "high", "low", "close")}
    picture = pixels(flat, np.zeros(30), chart_type=chart_type, axes=True, show_grid=False)
    assert not (picture[310:370, :560] == [0, 102, 0]).all(axis=2).any()
    if chart_type in ("candle", "heikin_ashi"):
        green = (picture == [0, 255, 0]).all(axis=2)
        assert green[:, :560].any()
        assert abs(np.nonzero(green[:, :560])[0].mean() - 149) < 25


def test_many_bars_keep_their_share_of_colours() -> None:
    n = 50_000
    up = np.arange(n) % 4 != 0
    open = np.where(up, 100.0, 101.0)
    ohlc = {
        "open": open,
        "high": np.full(n, 102.0),
        "low": np.full(n, 99.0),
        "close": np.where(up, 101.0, 100.0),
    }
    picture = pixels(ohlc, None, axes=True, show_grid=False)[:, :540]
    green, red = (picture == [0, 255, 0]).all(axis=2).sum(), (picture == [255, 0, 0]).all(axis=2).sum()
    assert green / (green + red) == pytest.approx(0.75, abs=0.02)


def test_without_antialiasing_only_plain_colours_are_left() -> None:
    ohlc, volume = ohlcv(60)
    smooth = pixels(ohlc, volume, chart_type="line", axes=True)
    hard = pixels(ohlc, volume, chart_type="line", axes=True, enable_antialiasing=False)
    assert len(np.unique(smooth.reshape(-1, 3), axis=0)) > 20
    assert len(np.unique(hard.reshape(-1, 3), axis=0)) <= 9


def test_a_wick_is_as_wide_as_asked() -> None:
    ohlc = {"open": [10.0], "high": [14.0], "low": [6.0], "close": [11.0]}
    for ratio, low, high in ((0.0, 1, 2), (0.1, 35, 50), (0.5, 180, 250)):
        picture = pixels(ohlc, None, axes=True, show_grid=False, wick_width_ratio=ratio)
        green = (picture[:, :560] == [0, 255, 0]).all(axis=2)
        row = np.flatnonzero(green.any(axis=1))[5]
        assert low <= green[row].sum() <= high


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (20, 300), (300, 12)])
def test_the_picture_has_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    ohlc, volume = ohlcv(10)
    for more in ({"axes": True}, {"chart_type": "renko"}):
        picture = pixels(ohlc, volume, title="t", width=size[0], height=size[1], **more)
        assert picture.shape == (size[1], size[0], 3)


def test_wrong_values_are_named() -> None:
    ohlc, volume = ohlcv(10)
    look = look_of(**SIZE, axes=True)
    with pytest.raises(ValueError, match="high must be finite, got inf at row 3"):
        draw_chart({**ohlc, "high": np.where(np.arange(10) == 3, np.inf, ohlc["high"])}, None, look)
    with pytest.raises(ValueError, match=r"volume must be 0 or more and finite, got -1\.0 at row 0"):
        draw_chart(ohlc, np.full(10, -1.0), look)
    with pytest.raises(ValueError, match="time must be as long as open, 10, got 9"):
        draw_chart({**ohlc, "time": np.arange(9) + 1_700_000_000}, None, look)
    with pytest.raises(ValueError, match="at most 24,000,000 pixels"):
        draw_chart(ohlc, volume, look_of(width=6000, height=6000, axes=True))


def test_marks_of_numbers_and_stamps() -> None:
    numbers = number_marks(0)(0, 1000 * SLOT_NS, 1000, 90)
    assert [mark.label for mark in numbers] == [str(n) for n in range(0, 1000, 100)]
    stamps = pd.date_range("2024-01-30 22:00", periods=300, freq="10min").astype("M8[ns]").to_numpy()
    marks = stamp_marks(stamps.astype("M8[ns]").astype(np.int64), Zone.of("UTC"))(0, 300 * SLOT_NS, 900, 80)
    told = [mark.label for mark in marks]
    assert {"31", "Feb", "12:00"} <= set(told)
    assert min(np.diff([mark.position for mark in marks])) >= 0.85 * 80 / 3 * SLOT_NS
    for step, label in ((7_000_000, "09:30:00.105"), (130_000, "09:30:00.002"), (3, "09:30:00.000000051")):
        stamps = 1_704_101_400 * 10**9 + step * np.arange(60)
        marks = stamp_marks(stamps, Zone.of("UTC"))(0, 60 * SLOT_NS, 600, 70)
        assert label in [mark.label for mark in marks]
        long = 70 * len(label) / 8
        assert min(np.diff([mark.position for mark in marks])) >= 0.85 * long / 10 * SLOT_NS
    for stamp, label in ((1_704_067_200, "1"), (1_704_101_400, "09:30")):
        (mark,) = stamp_marks(np.array([stamp * 10**9]), Zone.of("UTC"))(0, SLOT_NS, 600, 70)
        assert mark.label == label
    assert stamp_marks(np.empty(0, np.int64), Zone.of("UTC"))(0, SLOT_NS, 100, 80) == []


@pytest.mark.parametrize("n", [1, 3, 5, 40])
def test_ohlc_bars_end_at_their_high_and_low(n: int) -> None:
    """Open and close lie there, and are thick; as candles the same bars show how far they go."""
    ohlc = {"open": [100.0] * n, "high": [110.0] * n, "low": [100.0] * n, "close": [110.0] * n}
    look: dict[str, Any] = {"width": 1200, "height": 675, "axes": True, "show_grid": False}
    rows = {}
    for kind in ("candle", "ohlc"):
        drawn = where(plotting.render_to_array(ohlc, None, chart_type=kind, **look), UP)[:, :1000]
        rows[kind] = np.flatnonzero(drawn.any(axis=1))[[0, -1]].tolist()
    assert rows["ohlc"] == rows["candle"]


@pytest.mark.parametrize("chart_type", ["candle", "hollow"])
@pytest.mark.parametrize("axes", [False, True])
def test_wicks_have_the_colours_of_their_theme(chart_type: str, axes: bool) -> None:
    theme = theme_named("light").replace(wick_up="#FF00FF", wick_down="#0000FF")
    ohlc, _ = bars(40)
    picture = plotting.render_to_array(
        ohlc, None, width=300, height=200, theme=theme, chart_type=chart_type, axes=axes
    )
    assert where(picture, (255, 0, 255)).sum() > 20
    assert where(picture, (0, 0, 255)).sum() > 20


@pytest.mark.parametrize("n", [1, 2, 7])
def test_every_bar_keeps_its_number(n: int) -> None:
    """At any width: the end of the last slot is no whole nanosecond at most of them."""
    for width in range(400, 1300, 7):
        look = look_of(width=width, height=200, axes=True)
        ohlc, _ = bars(n)
        scene = scene_of_table(ohlc, None, look, None, None, 3, None, "test")
        texts = [text for _, mark in scene.layers if isinstance(mark, Texts) for text in mark.strings]
        assert str(n - 1) in texts, width


@pytest.mark.parametrize("height", [300, 675, 1080])
def test_labels_of_prices_a_step_apart_are_whole(height: int) -> None:
    ohlc = {"open": [250.0] * 8, "high": [250.01] * 8, "low": [250.0] * 8, "close": [250.0, 250.01] * 4}
    look = look_of(width=600, height=height, axes=True)
    scene = scene_of_table(ohlc, None, look, None, None, 3, None, "test")
    for clip, mark in scene.layers:
        if isinstance(mark, Texts) and mark.align == "left":
            for x, text in zip(mark.x, mark.strings, strict=True):
                assert x + measure(text, mark.size_px, mark.weight) <= clip[2], text


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 3), (7, 90), (300, 2), (64, 64)])
def test_a_small_svg_has_the_size_that_was_asked_for(width: int, height: int) -> None:
    ohlc, volume = bars(9)
    text = draw_svg(ohlc, volume, look_of(width=width, height=height)).decode()
    assert f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"' in text


@pytest.mark.parametrize("chart_type", ["candle", "heikin_ashi"])
@pytest.mark.parametrize("n", [500, 2000])
def test_equal_volumes_are_equally_tall(chart_type: str, n: int) -> None:
    """Also where a pixel column holds one bar, and its neighbour two."""
    ohlc, _ = bars(n)
    volume = where_volume(
        plotting.render_to_array(ohlc, np.ones(n), width=400, height=300, chart_type=chart_type, axes=True)
    )
    assert len(np.unique(volume[volume > 0])) == 1


def where_volume(picture: Any) -> Any:
    """Height of the volume in each pixel column."""
    return (where(picture, VOLUME_UP) | where(picture, VOLUME_DOWN)).sum(axis=0)


@pytest.mark.parametrize("chart_type", ["candle", "heikin_ashi", "renko"])
def test_prices_at_the_ends_of_float64_draw_or_are_told(chart_type: str) -> None:
    for size in (1e-289, 1e-100, 1e100, 9e299):
        ohlc, volume = bars(40)
        scaled = {name: column * (size / 200) for name, column in ohlc.items()}
        draw_chart(scaled, volume, look_of(width=300, height=200, axes=True, chart_type=chart_type))
    for size in (1e-300, 5e-322, 1e301, 1.7e308):
        scaled = {name: column / column.max() * size for name, column in ohlc.items()}
        with pytest.raises(
            ValueError, match=r"must be 0 or 1e-290 to 1e\+300 in size .* at row \d+\. Multiply"
        ):
            draw_chart(scaled, volume, look_of(width=300, height=200, axes=True, chart_type=chart_type))
