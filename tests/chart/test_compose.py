"""Pictures as a whole: what is drawn where."""

from __future__ import annotations

import numpy as np
import pytest

from kf_widget.chart import inks
from kf_widget.chart.compose import Style, compose
from kf_widget.chart.scene import Polyline
from kf_widget.chart.subject import Subject
from kf_widget.chart.view import Viewport
from kf_widget.history.bars import Bars
from kf_widget.history.ticks import Ticks
from kf_widget.raster import measure, rasterize

START = 1_709_510_400 * 10**9  # a Monday, 2024-03-04
MINUTE = 60 * 10**9


def bars(close: np.ndarray, open: np.ndarray | None = None) -> Subject:
    n = close.size
    open = close if open is None else open
    high, low = np.maximum(open, close), np.minimum(open, close)
    return Subject.of(Bars.from_columns(START + np.arange(n) * MINUTE, open, high, low, close, np.ones(n)))


def pixels(subject: Subject, width: int, height: int, style: Style) -> np.ndarray:
    """Ink of every pixel of the whole history; 255 where it is a shade between two."""
    axis = subject.axis
    scene = compose(subject, Viewport(axis.start, axis.stop, None, width, height), style, measure).scene
    out = np.empty((height, scene.width), np.uint8)
    palette = rasterize(scene, out)
    solid = np.where(np.asarray(palette.level) == 8, np.asarray(palette.ink), 255).astype(np.uint8)
    solid[0] = inks.BACKGROUND
    return solid[out]


BARE = Style("ticks", axes=False, grid=False, volume=False)


def test_columns_of_many_bars_keep_the_share_of_up_and_down() -> None:
    rng = np.random.default_rng(0)
    n = 100_000
    open = 100 + np.cumsum(rng.normal(0, 0.02, n))
    rising = rng.random(n) < 0.7
    close = open + np.where(rising, 0.3, -0.3)
    drawn = pixels(bars(close, open), 500, 400, BARE)
    up, down = (drawn == inks.WICK_UP).sum(), (drawn == inks.WICK_DOWN).sum()
    assert up / (up + down) == pytest.approx(0.7, abs=0.03)


def test_columns_show_exact_extremes() -> None:
    close = np.full(50_000, 100.0)
    close[31_234] = 150.0
    close[7_001] = 60.0
    drawn = pixels(bars(close), 400, 500, BARE)
    ink = (drawn != inks.BACKGROUND).any(axis=1)
    top, bottom = np.flatnonzero(ink)[[0, -1]]
    assert top == int(0.08 * 500)
    assert bottom == int(0.92 * 500)


def test_every_bar_is_drawn_in_its_colour_and_centred_on_its_wick() -> None:
    open = np.array([10.0, 12.0, 11.0, 13.0])
    close = np.array([12.0, 11.0, 13.0, 12.5])
    high, low = np.maximum(open, close) + 1, np.minimum(open, close) - 1
    history = Bars.from_columns(START + np.arange(4) * MINUTE, open, high, low, close)
    drawn = pixels(Subject.of(history), 403, 300, Style(axes=False, grid=False))
    for at, rose in enumerate(close >= open):
        part = drawn[:, at * 100 : (at + 1) * 100]
        body = (part == (inks.UP if rose else inks.DOWN)).any(axis=0)
        wick = (part == (inks.WICK_UP if rose else inks.WICK_DOWN)).any(axis=0)
        assert not (part == (inks.DOWN if rose else inks.UP)).any()
        left, right = np.flatnonzero(body)[[0, -1]]
        assert wick.sum() == 1
        assert left + right == 2 * np.flatnonzero(wick)[0]


def test_zero_volume_draws_no_volume() -> None:
    n = 60
    close = 100 + np.sin(np.arange(n))
    history = Bars.from_columns(START + np.arange(n) * MINUTE, close, close, close, close, np.zeros(n))
    drawn = pixels(Subject.of(history), 300, 300, Style(axes=False, grid=False))
    assert not np.isin(drawn, (inks.VOLUME_UP, inks.VOLUME_DOWN)).any()
    assert (drawn == inks.UP).any()


def test_the_tag_has_the_colour_of_the_last_bar() -> None:
    time_ns = START + np.array([0, 10, 20, 61, 70, 80]) * 10**9
    subject = Subject.of(Ticks.from_columns(time_ns, np.array([5.0, 6.0, 7.0, 9.0, 7.5, 8.0])))
    axis = subject.axis
    for timeframe, rose in (("1m", False), ("5m", True), ("ticks", True)):
        picture = compose(subject, Viewport(axis.start, axis.stop, None, 300, 200), Style(timeframe), measure)
        assert picture.last == (8.0, rose)


def test_time_labels_are_whole_or_absent() -> None:
    subject = bars(100 + np.sin(np.arange(2000) / 50))
    for shift in range(40):
        start = subject.axis.start + shift * MINUTE
        viewport = Viewport(start, start + 500 * MINUTE, None, 700, 300, 1.0, 0.3)
        picture = compose(subject, viewport, Style(), measure)
        for layer in picture.scene.layers:
            mark = layer.mark
            if layer.clip[1] != picture.layout.time[1] or not hasattr(mark, "strings"):
                continue
            for x, text in zip(mark.x, mark.strings, strict=True):
                half = measure(text, mark.size_px, mark.weight) / 2
                for edge in picture.layout.window:
                    assert not x - half < edge < x + half


def test_a_quiet_view_is_scaled_to_the_price_that_stands() -> None:
    time_ns = START + np.array([0, 1, 20 * MINUTE, 21 * MINUTE], dtype=np.int64)
    ticks = Ticks.from_columns(time_ns, np.array([10.0, 500.25, 900.0, 901.0]))
    subject = Subject.of(ticks, time_axis="clock")
    first = subject.axis.to_axis(START + 5 * MINUTE)
    picture = compose(subject, Viewport(first, first + MINUTE, None, 600, 300), BARE, measure)
    assert picture.prices.bottom < 500.25 < picture.prices.top
    assert picture.prices.top - picture.prices.bottom < 50
    before = compose(subject, Viewport(-10 * MINUTE, -9 * MINUTE, None, 600, 300), BARE, measure)
    assert before.prices.bottom < 10.0 < before.prices.top < 500


def test_prices_whose_logarithms_are_one_number_are_drawn_on_the_linear_scale() -> None:
    subject = bars(np.full(50, 5000.0))
    window = 5000.0, np.nextafter(5000.0, 6000.0).item()
    viewport = Viewport(subject.axis.start, subject.axis.stop, window, 600, 300)
    prices = compose(subject, viewport, Style("1m", price_scale="log"), measure).prices
    assert (prices.kind, prices.bottom, prices.top) == ("linear", *window)


@pytest.mark.parametrize("chart_type", ["line", "area"])
def test_one_trade_is_to_be_seen(chart_type: str) -> None:
    subject = Subject.of(Ticks.from_columns(np.array([10**18]), np.array([100.25]), np.ones(1)))
    viewport = Viewport(int(subject.axis.start) - 10**9, int(subject.axis.stop) + 10**9, None, 300, 200)
    picture = compose(subject, viewport, Style(chart_type=chart_type, grid=False, axes=False), measure)
    indices = np.empty((200, 300), np.uint8)
    palette = rasterize(picture.scene, indices)
    assert (palette.ink[indices] == inks.LINE).sum() >= 4


def test_the_symbols_of_point_and_figure_are_whole() -> None:
    """They reach half a box beyond the prices that they stand for."""
    price = np.concatenate([np.arange(100, 106), np.arange(105, 99, -1), np.arange(100, 104)]).astype(float)
    subject = Subject.of(Ticks.from_columns(10**18 + np.arange(16) * 10**9, price, np.ones(16)))
    viewport = Viewport(int(subject.axis.start), int(subject.axis.stop), None, 600, 400)
    picture = compose(subject, viewport, Style(chart_type="pnf", box_size=1.0), measure)
    symbols = [mark for _, mark in picture.scene.layers if isinstance(mark, Polyline)]
    assert symbols
    for mark in symbols:
        y = mark.y[np.isfinite(mark.y)]
        assert y.min() > 0
        assert y.max() < picture.layout.plot[3]
    assert picture.reach == 0.5


def test_bars_of_one_trade_leave_the_colour_to_those_that_move() -> None:
    """At a timeframe with a trade a bar, all bars are flat, and the column tells its own move."""
    n = 40_000
    stamps = 10**18 + np.arange(n) * 10 * 10**9
    subject = Subject.of(Ticks.from_columns(stamps, 1000 - np.arange(n) * 0.01, np.ones(n)))
    viewport = Viewport(int(subject.axis.start), int(subject.axis.stop), None, 600, 400)
    for timeframe in ("1s", "10s", "1m"):
        picture = compose(subject, viewport, Style(timeframe), measure)
        assert picture.columns.merged
        assert (picture.columns.rising == 0.0).all(), timeframe


@pytest.mark.parametrize(("low", "high"), [(50, 98), (2, 9.75), (1, 3), (400, 999), (9000, 9990), (-8, 5)])
def test_the_plot_keeps_its_width_while_one_pans(low: float, high: float) -> None:
    """Though the axis marks 100 where no price of the history has three digits."""
    k = np.arange(20_000)
    price = np.round((low + (high - low) * (0.5 + 0.5 * np.sin(k / 900))) / 0.25) * 0.25
    subject = Subject.of(Ticks.from_columns(10**18 + k * 10**9, price, np.ones(k.size)))
    widths, digits = set(), set()
    for start in range(0, 12_000, 200):
        first = int(subject.axis.start) + start * 10**9
        picture = compose(
            subject, Viewport(first, first + 3000 * 10**9, None, 800, 500), Style("1m"), measure
        )
        widths.add(picture.layout.plot[2])
        digits.add(len(f"{picture.prices.top:.0f}"))
    assert len(widths) == 1
    assert len(digits) > 1 or (low, high) in [(1, 3), (-8, 5)]
