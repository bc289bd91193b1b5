"""Chart types: against slow references, independent of where one looks, and in the widget."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings
from PIL import Image

from kf_widget import Bars, Chart, Ticks
from kf_widget.chart.atr import average_true_range, usual_range
from kf_widget.chart.compose import Style, compose
from kf_widget.chart.derived import series_columns
from kf_widget.chart.geometry import heikin_ashi
from kf_widget.chart.layout import lay_out
from kf_widget.chart.path import box_of, path_of
from kf_widget.chart.query import visible_columns
from kf_widget.chart.series import CHART_TYPES
from kf_widget.chart.subject import Subject
from kf_widget.chart.theme import theme_named
from kf_widget.chart.view import Viewport
from kf_widget.raster import measure, rasterize
from kf_widget.widget.files import EXPORT_FORMATS

START = 1_704_067_200 * 10**9
MINUTE = 60 * 10**9
steps = st.lists(st.integers(-40, 40), min_size=1, max_size=120)
fewer = settings(max_examples=60)


def walk(n: int, seed: int = 0) -> np.ndarray:
    return 100 + np.cumsum(np.random.default_rng(seed).integers(-3, 4, n)) * 0.25


def bars(n: int, seed: int = 0) -> Bars:
    rng = np.random.default_rng(seed)
    close = walk(n, seed)
    open = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(open, close) + rng.integers(0, 4, n) * 0.25
    low = np.minimum(open, close) - rng.integers(0, 4, n) * 0.25
    return Bars.from_columns(START + np.arange(n) * MINUTE, open, high, low, close, rng.random(n))


def ticks(prices: np.ndarray) -> Ticks:
    prices = np.asarray(prices, dtype=np.float64)
    return Ticks.from_columns(START + np.arange(len(prices)) * 10**9, prices, np.ones(len(prices)))


# ATR


def reference_atr(high: np.ndarray, low: np.ndarray, close: np.ndarray, length: int) -> np.ndarray:
    ranges = [
        max(top - bottom, abs(top - before), abs(bottom - before))
        for top, bottom, before in zip(high[1:], low[1:], close[:-1], strict=True)
    ]
    out = [math.nan] * min(length, len(high))
    for i in range(length, len(high)):
        out.append(
            sum(ranges[:length]) / length
            if i == length
            else (out[-1] * (length - 1) + ranges[i - 1]) / length
        )
    return np.array(out)


@pytest.mark.parametrize("n", [0, 1, 2, 14, 15, 16, 500])
@pytest.mark.parametrize("length", [1, 5, 14])
def test_average_true_range_is_wilders(n: int, length: int) -> None:
    b = bars(max(n, 1))
    high, low, close = b.high[:n], b.low[:n], b.close[:n]
    got = average_true_range(high, low, close, length)
    np.testing.assert_allclose(got, reference_atr(high, low, close, length), rtol=1e-12)


def test_average_true_range_is_ta_libs() -> None:
    talib = pytest.importorskip("talib")
    b = bars(2000, 3)
    high, low, close = (np.array(column) for column in (b.high, b.low, b.close))
    np.testing.assert_allclose(
        average_true_range(b.high, b.low, b.close), talib.ATR(high, low, close, 14), rtol=1e-12
    )


def test_usual_range_of_few_bars() -> None:
    one = np.array([5.0]), np.array([3.0]), np.array([4.0])
    assert usual_range(*one) == 2.0
    assert usual_range(*(np.empty(0),) * 3) == 0.0
    b = bars(10)
    assert usual_range(b.high, b.low, b.close) == pytest.approx(
        np.mean(np.maximum(b.high[1:], b.close[:-1]) - np.minimum(b.low[1:], b.close[:-1]))
    )


def test_the_default_box_is_three_quarters_of_the_median_atr() -> None:
    b = bars(400)
    expected = 0.75 * np.nanmedian(average_true_range(b.high, b.low, b.close, 14))
    assert box_of(Subject.of(b), "ticks") == pytest.approx(expected)
    history = ticks(walk(20_000))
    merged = history.resample("1m")
    expected = 0.75 * np.nanmedian(average_true_range(merged.high, merged.low, merged.close, 14))
    assert box_of(Subject.of(history), "1m") == pytest.approx(expected)
    assert box_of(Subject.of(ticks(np.full(50, 7.0))), "1m") > 0


# Heikin-Ashi


def test_heikin_ashi_is_its_definition() -> None:
    b = bars(200)
    ohlc = np.stack((b.open, b.high, b.low, b.close), axis=1)
    got = np.empty_like(ohlc)
    heikin_ashi(ohlc, got)
    open, close = (b.open[0] + b.close[0]) / 2, ohlc[0].mean()
    for i in range(200):
        if i:
            open, close = (open + close) / 2, ohlc[i].mean()
        expected = [open, max(b.high[i], open, close), min(b.low[i], open, close), close]
        np.testing.assert_allclose(got[i], expected, rtol=1e-12)


def shown(
    history: Bars | Ticks, chart_type: str, start: int, stop: int, timeframe: str = "ticks", **more: object
):
    subject = Subject.of(history)
    layout = lay_out(Viewport(start, stop, None, 900, 400), 40.0, True)
    return series_columns(
        subject, layout, timeframe, chart_type, float(more.get("box_size", 0.0)), int(more.get("reversal", 3))
    )[0]


def test_heikin_ashi_does_not_depend_on_where_one_looks() -> None:
    b = bars(3000)
    whole = np.empty((3000, 4))
    heikin_ashi(np.stack((b.open, b.high, b.low, b.close), axis=1), whole)
    for first in (0, 10, 700, 2900):
        seen = shown(b, "heikin_ashi", first * MINUTE, (first + 100) * MINUTE)
        np.testing.assert_allclose(seen.ohlc, whole[seen.rows], rtol=1e-13)
        assert len(seen) > 90


def test_heikin_ashi_looks_farther_back_over_hours_without_trades() -> None:
    base = bars(3000)
    keep = np.sort(np.random.default_rng(1).choice(3000, 800, replace=False))
    b = Bars.from_columns(
        base.time_ns[keep], base.open[keep], base.high[keep], base.low[keep], base.close[keep],
        interval_ns=MINUTE,
    )  # fmt: skip
    whole = np.empty((800, 4))
    heikin_ashi(np.stack((b.open, b.high, b.low, b.close), axis=1), whole)
    seen = shown(b, "heikin_ashi", 2000 * MINUTE, 2100 * MINUTE)
    np.testing.assert_allclose(seen.ohlc, whole[seen.rows], rtol=1e-13)


# Renko


def reference_renko(prices: np.ndarray, box: float) -> list[tuple[int, float, float]]:
    upper = lower = prices[0]
    found = []
    for row, price in enumerate(prices):
        while price >= upper + box:
            found.append((row, upper, upper + box))
            lower, upper = upper, upper + box
        while price <= lower - box:
            found.append((row, lower, lower - box))
            lower, upper = lower - box, lower
    return found


@fewer
@given(steps, st.sampled_from([0.25, 0.5, 1.0, 3.0]))
@example([8, -8, 8], 1.0)
def test_renko_is_its_definition(moves: list[int], box: float) -> None:
    prices = 100 + np.cumsum(moves) * 0.25
    path = path_of(ticks(prices), "renko", box, 3)
    expected = reference_renko(prices, box)
    assert list(zip(path.bars.open, path.bars.close, strict=True)) == [(o, c) for _, o, c in expected]
    assert (np.abs(path.bars.close - path.bars.open) == box).all()
    assert (np.diff(path.bars.time_ns) >= 0).all()
    assert (path.stop_ns >= path.bars.time_ns).all()
    ends = [START + row * 10**9 for row, _, _ in expected]
    last_of_row = [i for i in range(len(ends)) if i + 1 == len(ends) or ends[i + 1] != ends[i]]
    assert [int(path.stop_ns[i]) for i in last_of_row] == [ends[i] for i in last_of_row]
    if expected:
        assert path.bars.volume is not None
        assert path.bars.volume.sum() == pytest.approx(expected[-1][0] + 1)


def test_a_box_that_would_make_billions_of_bricks_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"box_size must be large enough for at most 30,000,000 bricks, got 1e-09"
    ):
        path_of(ticks(np.array([1.0, 1e6])), "renko", 1e-9, 3)


# Point & figure


def reference_columns(prices: np.ndarray, box: float, reversal: int) -> list[tuple[float, float]]:
    column: list[int] = []
    columns, level, direction = [], round(math.floor(prices[0] / box + 0.5)), 0
    for price in prices:
        up, down = math.floor(price / box + 1e-9), math.ceil(price / box - 1e-9)
        if direction == 0:
            if up > level:
                direction, column = 1, [level, up]
            elif down < level:
                direction, column = -1, [level, down]
        elif direction == 1 and up > column[1]:
            column[1] = up
        elif direction == 1 and down <= column[1] - reversal:
            columns.append(column)
            direction, column = -1, [column[1] - 1, down]
        elif direction == -1 and down < column[1]:
            column[1] = down
        elif direction == -1 and up >= column[1] + reversal:
            columns.append(column)
            direction, column = 1, [column[1] + 1, up]
    return [(a * box, b * box) for a, b in ([*columns, column] if column else columns)]


@fewer
@given(steps, st.sampled_from([0.25, 0.5, 1.0, 3.0]), st.integers(1, 4))
@example([12, -12, 12], 1.0, 3)
def test_point_and_figure_is_its_definition(moves: list[int], box: float, reversal: int) -> None:
    prices = 100 + np.cumsum(moves) * 0.25
    path = path_of(ticks(prices), "pnf", box, reversal)
    got = list(zip(path.bars.open.tolist(), path.bars.close.tolist(), strict=True))
    assert got == reference_columns(prices, box, reversal)
    up = path.bars.close > path.bars.open
    if reversal > 1:
        assert (up[1:] != up[:-1]).all()
    if len(path):
        assert path.bars.volume is not None
        assert path.bars.volume.sum() == len(prices)


# Range bars


@fewer
@given(steps, st.sampled_from([0.25, 1.0, 5.0]))
def test_range_bars_end_with_the_trade_that_completes_them(moves: list[int], size: float) -> None:
    prices = 100 + np.cumsum(moves) * 0.25
    path = path_of(ticks(prices), "range", size, 3)
    begin, expected = 0, []
    for i in range(len(prices)):
        part = prices[begin : i + 1]
        if part.max() - part.min() >= size or i + 1 == len(prices):
            expected.append((part[0], part.max(), part.min(), part[-1], len(part)))
            begin = i + 1
    b = path.bars
    assert b.count is not None
    assert list(zip(b.open, b.high, b.low, b.close, b.count, strict=True)) == expected


@pytest.mark.parametrize("kind", ["renko", "pnf", "range"])
def test_appending_goes_on_with_the_pass(kind: str) -> None:
    prices = walk(5000)
    whole = path_of(ticks(prices), kind, 1.0, 3)
    growing = ticks(prices[:1])
    for n in (1, 2, 700, 701, 4999, 5000):
        longer = ticks(prices[:n])
        growing.__dict__.update({k: v for k, v in longer.__dict__.items() if k != "_index_lock"})
        path = path_of(growing, kind, 1.0, 3)
    for name in ("time_ns", "open", "high", "low", "close", "volume", "count"):
        np.testing.assert_array_equal(getattr(path.bars, name), getattr(whole.bars, name))
    np.testing.assert_array_equal(path.stop_ns, whole.stop_ns)


@pytest.mark.parametrize("kind", ["renko", "pnf", "range"])
def test_thin_ones_are_merged_with_their_extremes(kind: str) -> None:
    history = ticks(walk(200_000))
    path = path_of(history, kind, 0.5, 1)
    seen = shown(history, kind, 0, 200_000 * 10**9, box_size=0.5, reversal=1)
    assert seen.merged
    assert len(seen) < 1000 < len(path)
    assert seen.ohlc[:, 1].max() == path.bars.high.max()
    assert seen.ohlc[:, 2].min() == path.bars.low.min()
    assert ((seen.rising >= 0) & (seen.rising <= 1)).all()
    few = shown(history, kind, 50_000 * 10**9, 50_200 * 10**9, box_size=0.5, reversal=1)
    assert not few.merged
    inside = (path.stop_ns > START + 50_000 * 10**9) & (path.bars.time_ns < START + 50_200 * 10**9)
    np.testing.assert_array_equal(few.ohlc[:, 3], path.bars.close[inside])


# Pictures


def pixels(chart: Chart) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(chart.render(600, 400))).convert("RGB"))


@pytest.mark.parametrize("chart_type", CHART_TYPES)
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_every_type_draws_every_history(chart_type: str, scale: str) -> None:
    for history in (
        ticks(walk(5000)),
        ticks(np.array([5.0])),
        ticks(np.full(300, 7.0)),
        ticks(np.array([-5.0, 0.0, 5.0])),
        ticks(np.empty(0)),
        ticks(1e15 + np.arange(9.0)),
        ticks(1e-8 * (1 + np.arange(9.0))),
        bars(300),
    ):
        chart = Chart(history, chart_type=chart_type, price_scale=scale, theme="classic")
        picture = pixels(chart)
        if len(history) >= 300 and np.ptp(history.close) > 0:
            assert (picture[:300, :500] != picture[2, 2]).any(axis=2).sum() > 50
        chart.visible()
        chart.close()


def test_all_types_differ() -> None:
    chart = Chart(bars(120), theme="classic")
    seen = {}
    for chart_type in CHART_TYPES:
        chart.chart_type = chart_type
        seen[chart_type] = chart.render(600, 400)
    assert len(set(seen.values())) == len(CHART_TYPES)


def test_hollow_candles_are_hollow_where_the_bar_rose_and_coloured_by_the_close_before() -> None:
    # rose and above the close before; fell but above it; rose but below it; fell and below it
    open, close = np.array([10.0, 30, 5, 14]), np.array([20.0, 22, 15, 8])
    history = Bars.from_columns(
        START + np.arange(4) * MINUTE, open, np.maximum(open, close) + 2, np.minimum(open, close) - 2, close
    )
    subject = Subject.of(history)
    viewport = Viewport(0, 4 * MINUTE, None, 400, 300)
    shot = compose(subject, viewport, Style(chart_type="hollow", grid=False), measure)
    green, red, black = (0, 255, 0), (255, 0, 0), (0, 0, 0)
    indices = np.empty((shot.scene.height, shot.scene.width), np.uint8)
    palette = rasterize(shot.scene, indices)
    words = palette.colours(theme_named("classic").colours())
    rgb = np.stack([(words >> s) & 255 for s in (16, 8, 0)], axis=1)[indices]
    for i, (edge, inside) in enumerate([(green, black), (green, green), (red, black), (red, red)]):
        middle = 0.5 * (shot.columns.x0[i] + shot.columns.x1[i])
        left = int(shot.columns.x0[i] + 0.12 * (shot.columns.x1[i] - shot.columns.x0[i]))
        prices = np.array([open[i] + 0.25 * (close[i] - open[i]), max(open[i], close[i]) + 1])
        inner, wick = (shot.prices.to_fraction(prices) * shot.layout.plot[3]).astype(int)
        assert tuple(rgb[inner, int(middle)]) == inside, i
        assert tuple(rgb[inner, left - 3 : left + 4].max(axis=0)) == edge, i
        assert (rgb[wick, int(middle) - 2 : int(middle) + 3] == edge).all(axis=1).any(), i


def test_columns_of_plain_types_are_the_bars_themselves() -> None:
    b = bars(50)
    subject = Subject.of(b)
    layout = lay_out(Viewport(0, 50 * MINUTE, None, 900, 400), 40.0, True)
    plain = visible_columns(subject, layout, "ticks")
    for chart_type in ("candle", "hollow", "bars", "line", "area"):
        columns, box = series_columns(subject, layout, "ticks", chart_type, 0.0, 3)
        np.testing.assert_array_equal(columns.ohlc, plain.ohlc)
        assert box == 0


# The widget


def test_box_size_and_reversal_are_settings_of_a_chart() -> None:
    chart = Chart(bars(400), chart_type="renko", box_size=2.0)
    visible = chart.visible()
    assert np.ptp(np.abs(visible["close"].to_numpy() - visible["open"].to_numpy())) == 0
    assert visible["high"][0].as_py() - visible["low"][0].as_py() == 2.0
    before = chart.render(400, 300)
    chart.box_size = 1.0
    assert chart.render(400, 300) != before
    chart.chart_type = "pnf"
    before = chart.render(400, 300)
    chart.reversal = 1
    assert chart.render(400, 300) != before
    with pytest.raises(ValueError, match="box_size must be above 0"):
        chart.box_size = -1.0
    with pytest.raises(ValueError, match="reversal must be 1 to 1,000"):
        chart.reversal = 0


def test_the_toolbar_offers_what_the_kernel_knows() -> None:
    source = (Path(__file__).parents[2] / "js" / "src" / "toolbar.ts").read_text()
    for menu, known in (("CHART_TYPES", CHART_TYPES), ("EXPORTS", EXPORT_FORMATS)):
        items = re.search(rf"const {menu}[^\[]*\[\](.*?)\];", source, re.DOTALL)
        assert items is not None
        assert sorted(re.findall(r'value: "(\w+)"', items[1])) == sorted(known)
