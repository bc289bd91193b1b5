"""What a chart looks like, pixel by pixel, and the faults that must not come back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kf_widget.plotting import render_ohlcv_chart, render_ohlcv_charts, render_to_array
from tests.plotting.charts import DOWN, UP, VOLUME_DOWN, VOLUME_UP, bars, dataset, where

SMALL = {"width": 300, "height": 200}
GRID = (0x33, 0x33, 0x33)


def reference(
    ohlc: dict[str, Any], volume: npt.NDArray[Any], width: int, height: int
) -> npt.NDArray[np.uint8]:
    """Candles and volumes without grid, a bar at a time: classic colours, RGB."""
    out = np.zeros((height, width, 3), np.uint8)
    n = len(volume)
    pane = (7 * height + 5) // 10
    margin = max(pane // 32, 1)
    usable = pane - 2 * margin
    good = ~np.isnan(np.array([ohlc[k] for k in ohlc])).any(axis=0)
    high, low = ohlc["high"][good].max(), ohlc["low"][good].min()
    most = volume[good].max()
    room = (height - pane) - max((height - pane) // 16, 1)
    spacing = width / n
    body = int(0.8 * spacing)
    if body % 2 == 0:
        body += 1 if body + 1 <= spacing - 1 else -1

    def row(price: float) -> int:
        return margin + math.floor((high - price) / (high - low) * (usable - 1) + 0.5)

    for i in np.flatnonzero(good):
        o, h, low_i, c = (ohlc[k][i] for k in ("open", "high", "low", "close"))
        left = math.floor((i + 0.5) * spacing - body / 2 + 0.5)
        tall = max(math.floor(volume[i] / most * room + 0.5), 1)
        out[height - tall :, left : left + body] = VOLUME_UP if c >= o else VOLUME_DOWN
        colour = UP if c >= o else DOWN
        out[row(h) : row(low_i) + 1, left + body // 2] = colour
        out[min(row(o), row(c)) : max(row(o), row(c)) + 1, left : left + body] = colour
    return out


@pytest.mark.parametrize(("n", "width", "height"), [(50, 300, 200), (7, 91, 143), (20, 333, 97)])
def test_candles_equal_the_reference(n: int, width: int, height: int) -> None:
    ohlc, volume = bars(n, n)
    ohlc["high"][n // 2] = math.nan
    array = render_to_array(
        ohlc, volume, width=width, height=height, show_grid=False, enable_antialiasing=False
    )
    np.testing.assert_array_equal(array, reference(ohlc, volume, width, height))


def test_a_nan_row_leaves_a_gap_and_nothing_else() -> None:
    ohlc, volume = bars(50)
    whole = render_to_array(ohlc, volume, **SMALL)
    lost = int(np.argsort(ohlc["high"])[25])
    for name in ("open", "high", "low", "close"):
        column = ohlc[name].copy()
        column[lost] = math.nan
        array = render_to_array({**ohlc, name: column}, volume, **SMALL)
        changed = (array != whole).any(axis=(0, 2))
        assert changed.any()
        assert np.flatnonzero(changed).min() >= lost * 6
        assert np.flatnonzero(changed).max() < (lost + 1) * 6
        slot = array[:, lost * 6 : (lost + 1) * 6]
        assert not (
            where(slot, UP) | where(slot, DOWN) | where(slot, VOLUME_UP) | where(slot, VOLUME_DOWN)
        ).any()


@pytest.mark.parametrize("chart_type", ["candle", "hollow", "ohlc", "line", "area"])
def test_only_nan_is_an_empty_chart(chart_type: str) -> None:
    nothing = np.full(5, math.nan)
    ohlc = dict.fromkeys(("open", "high", "low", "close"), nothing)
    array = render_to_array(ohlc, nothing, chart_type=chart_type, show_grid=False, **SMALL)
    assert (array == [0, 0, 0, 255]).all()


@pytest.mark.parametrize("chart_type", ["candle", "hollow", "ohlc", "line", "area"])
@pytest.mark.parametrize("n", [1, 10, 1000])
def test_flat_prices_draw_in_the_middle(chart_type: str, n: int) -> None:
    flat = np.full(n, 42.5)
    ohlc = dict.fromkeys(("open", "high", "low", "close"), flat)
    array = render_to_array(ohlc, np.zeros(n), chart_type=chart_type, show_grid=False, **SMALL)
    rows = np.flatnonzero((array[..., :3] != 0).any(axis=(1, 2)))
    assert rows.size
    assert abs(rows[0] - 70) <= 2
    if chart_type != "area":
        assert rows[-1] - rows[0] <= 2


@pytest.mark.parametrize("n", [50, 5000])
def test_zero_volume_draws_no_volume(n: int) -> None:
    ohlc, _ = bars(n)
    array = render_to_array(ohlc, np.zeros(n), show_grid=False, **SMALL)
    assert (array[140:, :, :3] == 0).all()
    assert (where(array[:140], UP) | where(array[:140], DOWN)).any()


def test_volume_stays_in_the_lower_three_tenths() -> None:
    ohlc, volume = bars(50)
    array = render_to_array(ohlc, volume, **SMALL)
    prices, volumes = (
        where(array, UP) | where(array, DOWN),
        where(array, VOLUME_UP) | where(array, VOLUME_DOWN),
    )
    assert prices[:140].any()
    assert not prices[140:].any()
    assert volumes[140:].any()
    assert not volumes[:140].any()
    alone = render_to_array(ohlc, None, **SMALL)
    assert (where(alone, UP) | where(alone, DOWN))[140:].any()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_many_bars_keep_their_colours_share_and_extremes(share: float) -> None:
    rng = np.random.default_rng(1)
    n, width = 100_000, 1920
    up = rng.random(n) < share
    middle = 100 + np.cumsum(rng.normal(size=n)) * 0.1
    opened, close = np.where(up, middle - 0.1, middle + 0.1), np.where(up, middle + 0.1, middle - 0.1)
    high, low = middle + 2 + rng.random(n), middle - 2 - rng.random(n)
    ohlc = {"open": opened, "high": high, "low": low, "close": close}
    array = render_to_array(ohlc, np.ones(n), width=width, height=1000, show_grid=False)
    for upward, downward in ((UP, DOWN), (VOLUME_UP, VOLUME_DOWN)):
        rose, fell = where(array, upward).sum(), where(array, downward).sum()
        assert rose / (rose + fell) == pytest.approx(up.mean(), abs=0.005)
    inked = where(array, UP) | where(array, DOWN)
    edges = np.arange(width + 1) * n // width
    highest, lowest = np.maximum.reduceat(high, edges[:-1]), np.minimum.reduceat(low, edges[:-1])
    usable, margin = 700 - 2 * (700 // 32), 700 // 32
    scale = (usable - 1) / (high.max() - low.min())
    np.testing.assert_allclose(inked.argmax(axis=0), margin + (high.max() - highest) * scale, atol=0.51)
    last = 999 - inked[::-1].argmax(axis=0)
    np.testing.assert_allclose(last, margin + (high.max() - lowest) * scale, atol=0.51)
    assert (inked.sum(axis=0) == last - inked.argmax(axis=0) + 1).all()


def test_volume_of_many_bars_shows_the_largest() -> None:
    ohlc, volume = bars(30_000)
    volume[12_345] = 50_000
    array = render_to_array(ohlc, volume, show_grid=False, **SMALL)
    tall = (where(array, VOLUME_UP) | where(array, VOLUME_DOWN)).sum(axis=0)
    assert tall.argmax() == 12_345 * 300 // 30_000
    assert tall.max() > 40 * np.delete(tall, tall.argmax()).max()


@pytest.mark.parametrize("chart_type", ["line", "area"])
@pytest.mark.parametrize("n", [30, 3000])
def test_antialiasing_smooths_lines(chart_type: str, n: int) -> None:
    ohlc, _ = bars(n)
    smooth = render_to_array(ohlc, None, chart_type=chart_type, show_grid=False, **SMALL)
    hard = render_to_array(
        ohlc, None, chart_type=chart_type, show_grid=False, enable_antialiasing=False, **SMALL
    )
    assert smooth.shape == (200, 300, 4)
    assert hard.shape == (200, 300, 3)
    shades = {tuple(c) for c in smooth.reshape(-1, 4)}
    solid = {tuple(c) for c in hard.reshape(-1, 3)}
    assert len(solid) == (2 if chart_type == "line" else 3)
    assert len(shades) > len(solid) + 4
    assert solid <= {c[:3] for c in shades}


@pytest.mark.parametrize("chart_type", ["line", "area"])
def test_a_gap_breaks_the_line(chart_type: str) -> None:
    ohlc, _ = bars(30)
    ohlc["close"][14:17] = math.nan
    array = render_to_array(ohlc, None, chart_type=chart_type, show_grid=False, **SMALL)
    assert (array[:, 140:169, :3] == 0).all()
    assert (array[:, :134, :3] != 0).any()
    assert (array[:, 176:, :3] != 0).any()


def test_no_extreme_of_a_line_is_lost() -> None:
    ohlc, _ = bars(30_000)
    ohlc["close"][17_777] = 2000.0
    array = render_to_array(ohlc, None, chart_type="line", show_grid=False, **SMALL)
    column = 17_777 * 300 // 30_000
    assert (array[:20, column, :3] != 0).any()
    assert (array[:20, : column - 2, :3] == 0).all()


@pytest.mark.parametrize(("ratio", "px"), [(0.0, 1), (0.05, 1), (0.1, 3), (0.5, 13), (1.0, 25)])
def test_a_wick_is_as_wide_as_its_ratio_says(ratio: float, px: int) -> None:
    ohlc = {"open": [10.0], "high": [20.0], "low": [0.0], "close": [11.0]}
    array = render_to_array(ohlc, None, width=32, height=300, wick_width_ratio=ratio, show_grid=False)
    assert where(array, UP)[60].sum() == px
    assert where(array, UP)[145].sum() == 25


def test_hollow_candles_are_empty_where_the_price_rose() -> None:
    ohlc = {"open": [10.0, 30.0], "high": [32.0, 32.0], "low": [8.0, 8.0], "close": [30.0, 10.0]}
    array = render_to_array(ohlc, None, width=80, height=200, chart_type="hollow", show_grid=False)
    assert (array[100, 20, :3] == 0).all()
    assert where(array, UP)[100, :40].sum() == 2
    assert where(array, DOWN)[100, 40:].sum() == 33


def test_ohlc_bars_have_the_open_left_and_the_close_right() -> None:
    ohlc = {"open": [10.0], "high": [32.0], "low": [8.0], "close": [30.0]}
    array = render_to_array(ohlc, None, width=41, height=240, chart_type="ohlc", show_grid=False)
    inked = where(array, UP)
    stem = int(inked[120].argmax())
    assert inked[120].sum() <= 3
    assert np.flatnonzero(inked[:, :stem].any(axis=1)).mean() > 200
    assert np.flatnonzero(inked[:, stem + 4 :].any(axis=1)).mean() < 40


def test_grid_theme_and_colours() -> None:
    ohlc, volume = bars(20)
    assert where(render_to_array(ohlc, volume, **SMALL), GRID).any()
    assert not where(render_to_array(ohlc, volume, show_grid=False, **SMALL), GRID).any()
    light = render_to_array(ohlc, volume, theme="light", **SMALL)
    assert where(light, (255, 255, 255)).mean() > 0.3
    own = render_to_array(
        ohlc, volume, bg_color="#102030", up_color="#0af", down_color="#FEDCBA", show_grid=False, **SMALL
    )
    assert tuple(own[0, 0]) == (0x10, 0x20, 0x30, 255)
    assert where(own, (0, 0xAA, 0xFF)).any()
    assert where(own, (0xFE, 0xDC, 0xBA)).any()


def test_every_kind_of_table_gives_the_same_picture() -> None:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    ohlc, volume = bars(40)
    wanted = render_to_array(ohlc, volume, **SMALL)
    locked = {name: column.copy() for name, column in ohlc.items()}
    for column in locked.values():
        column.flags.writeable = False
    strided = {name: np.repeat(column, 2)[::2] for name, column in ohlc.items()}
    capital = {name.capitalize(): column for name, column in ohlc.items()}
    record = np.zeros(40, [(name, np.float64) for name in ohlc])
    for name, column in ohlc.items():
        record[name] = column
    lists = {name: column.tolist() for name, column in ohlc.items()}
    for table in (
        pd.DataFrame(ohlc),
        pl.DataFrame(ohlc),
        pa.table(ohlc),
        locked,
        strided,
        capital,
        record,
        lists,
    ):
        np.testing.assert_array_equal(render_to_array(table, volume, **SMALL), wanted)
    for values in (pd.Series(volume), pl.Series(volume), pa.array(volume), volume.astype(int), list(volume)):
        np.testing.assert_array_equal(render_to_array(ohlc, values, **SMALL), wanted)


def test_the_callers_columns_are_left_alone() -> None:
    ohlc, volume = bars(40)
    kept = {name: column.copy() for name, column in ohlc.items()}
    render_ohlcv_charts([{"ohlc": ohlc, "volume": volume}] * 3, **SMALL)
    for name, column in kept.items():
        np.testing.assert_array_equal(ohlc[name], column)


def test_image_and_array_show_the_same() -> None:
    ohlc, volume = bars(40)
    for smooth, mode in ((True, "RGBA"), (False, "RGB")):
        image = render_ohlcv_chart(ohlc, volume, enable_antialiasing=smooth, **SMALL)
        assert image.mode == mode
        assert image.size == (300, 200)
        array = render_to_array(ohlc, volume, enable_antialiasing=smooth, **SMALL)
        np.testing.assert_array_equal(np.asarray(image), array)
    assert render_ohlcv_chart(ohlc, volume).size == (1920, 1080)


def test_many_images_equal_single_ones() -> None:
    datasets = [dataset(30 + seed, seed) for seed in range(40)]
    datasets[3]["volume"] = None
    for image, one in zip(render_ohlcv_charts(datasets, **SMALL), datasets, strict=True):
        np.testing.assert_array_equal(np.asarray(image), np.asarray(render_ohlcv_chart(**one, **SMALL)))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 50), (50, 1), (2, 2), (3, 9), (7, 5), (16_383, 2)])
@pytest.mark.parametrize("chart_type", ["candle", "hollow", "ohlc", "line", "area"])
def test_any_size_draws(width: int, height: int, chart_type: str) -> None:
    ohlc, volume = bars(20)
    array = render_to_array(ohlc, volume, width=width, height=height, chart_type=chart_type)
    assert array.shape == (height, width, 4)


@given(
    prices=arrays.arrays(
        np.float64, st.tuples(st.integers(1, 60), st.just(4)), elements=st.floats(allow_infinity=False)
    ),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    chart_type=st.sampled_from(["candle", "hollow", "ohlc", "line", "area"]),
    volumes=st.sampled_from([0.0, 1e-300, 1.0, 1e300, math.nan]),
    ratio=st.floats(0, 1),
)
def test_any_prices_stay_in_their_pane(
    prices: npt.NDArray[np.float64], size: tuple[int, int], chart_type: str, volumes: float, ratio: float
) -> None:
    from kf_widget.plotting.columns import columns_of
    from kf_widget.plotting.easel import draw_bare
    from kf_widget.plotting.look import look_of

    width, height = size
    columns = columns_of(
        dict(zip(("open", "high", "low", "close"), prices.T, strict=True)), np.full(len(prices), volumes)
    )
    look = look_of(width=width, height=height, chart_type=chart_type, wick_width_ratio=ratio, show_grid=False)
    guard = np.full((height + 2, width), 99, np.uint8)
    draw_bare(columns, look, guard[1:-1])
    assert (guard[[0, -1]] == 99).all()
    pane = (7 * height + 5) // 10
    shown = ~np.isnan(prices).any(axis=1)
    assert guard[1:-1].max() < look.colours.size
    assert not np.isin(guard[1 + pane : -1], [2, 3, 6, 7]).any() or pane < 1
    if not shown.any():
        assert (guard[1:-1] == 0).all()
    elif pane >= 1 and chart_type in ("candle", "hollow", "ohlc"):
        assert np.isin(guard[1 : 1 + max(pane, 1)], [2, 3]).any()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"theme": "modren"}, ValueError, "classic, modern, tradingview, light.*'modern'"),
        ({"theme": 3}, TypeError, "classic"),
        ({"bg_color": "blue"}, ValueError, 'bg_color.*"#RRGGBB"'),
        ({"up_color": (0, 255, 0)}, TypeError, "up_color"),
        ({"down_color": "#12345"}, ValueError, "down_color"),
        ({"down_color": [1]}, TypeError, "down_color"),
        ({"width": 0}, ValueError, "width must be 1 to 16383"),
        ({"height": 16_384}, ValueError, "height must be 1 to 16383"),
        ({"width": 3.5}, TypeError, "width must be a whole number"),
        ({"width": True}, TypeError, "width"),
        ({"wick_width_ratio": 1.5}, ValueError, "from 0 to 1"),
        ({"wick_width_ratio": math.nan}, ValueError, "from 0 to 1"),
        ({"wick_width_ratio": None}, TypeError, "from 0 to 1"),
        ({"chart_type": "candel"}, ValueError, "candle, hollow, ohlc, line, area.*'candle'"),
        ({"show_grid": "yes"}, TypeError, "True or False"),
        ({"enable_antialiasing": 1}, TypeError, "True or False"),
        ({"use_batch_drawing": "no"}, ValueError, '"auto", True or False'),
        ({"colour": "#fff"}, TypeError | ValueError, "width, height, theme.*'colour'"),
    ],
)  # fmt: skip
def test_wrong_arguments_say_what_is_allowed(given: dict[str, Any], error: Any, words: str) -> None:
    ohlc, volume = bars(5)
    kinds = getattr(error, "__args__", error)
    with pytest.raises(kinds, match=words):
        render_to_array(ohlc, volume, **given)


def test_wrong_data_says_what_is_wrong() -> None:
    ohlc, volume = bars(5)
    with pytest.raises(ValueError, match=r"columns open, high, low, close, got open, high, low: no close"):
        render_ohlcv_chart({k: ohlc[k] for k in ("open", "high", "low")}, volume)
    with pytest.raises(ValueError, match=r"low must be as long as open, 5, got 4"):
        render_ohlcv_chart({**ohlc, "low": ohlc["low"][:4]}, volume)
    with pytest.raises(ValueError, match=r"volume must be as long as open, 5, got 6"):
        render_ohlcv_chart(ohlc, np.ones(6))
    with pytest.raises(ValueError, match=r"volume must be as long as open, 5, got 0"):
        render_ohlcv_chart(ohlc, [])
    with pytest.raises(ValueError, match="at least one bar"):
        render_ohlcv_chart(dict.fromkeys(ohlc, ()), None)
    with pytest.raises(TypeError, match="high must be a column of numbers"):
        render_ohlcv_chart({**ohlc, "high": list("abcde")}, volume)
    with pytest.raises(ValueError, match="one dimension"):
        render_ohlcv_chart({**ohlc, "open": np.ones((5, 2))}, volume)
    for lone in (5.0, np.float32(5.0), np.array(5.0)):
        with pytest.raises(ValueError, match=r"open must have one dimension, got shape \(\)"):
            render_ohlcv_chart(dict.fromkeys(ohlc, lone))
    with pytest.raises(TypeError, match="ohlc must be a mapping"):
        render_ohlcv_chart(None, volume)
    for name in ohlc:
        with pytest.raises(ValueError, match=rf"{name} must be finite, got -?inf at row 3"):
            render_ohlcv_chart({**ohlc, name: np.where(np.arange(5) == 3, -math.inf, ohlc[name])}, volume)
    for bad in (-1.0, math.inf):
        with pytest.raises(ValueError, match=r"volume must be 0 or more and finite, got .* at row 2"):
            render_ohlcv_chart(ohlc, np.where(np.arange(5) == 2, bad, volume))
    with pytest.raises(ValueError, match="dataset 1: high must be finite"):
        render_ohlcv_charts([{"ohlc": ohlc}, {"ohlc": {**ohlc, "high": np.full(5, math.inf)}}], **SMALL)
    for chart_type in ("candle", "renko"):
        for axes in (False, True):
            with pytest.raises(ValueError, match=r"^render_ohlcv_chart: volume must be .* got inf at row 2"):
                render_ohlcv_chart(ohlc, [1, 2, math.inf, 4, 5], **SMALL, chart_type=chart_type, axes=axes)
    with pytest.raises(TypeError, match=r"lazy table\. Pass ohlc\.collect\(\)"):
        render_ohlcv_chart(pl.DataFrame(ohlc).lazy(), volume)
    with pytest.raises(TypeError, match=r"ohlc must be a mapping or a table .* got str"):
        render_ohlcv_chart("bars.csv", volume)
    with pytest.raises(TypeError, match=r'dataset 0: a dataset must be a mapping with "ohlc".*got tuple'):
        render_ohlcv_charts([(ohlc, volume)])
    with pytest.raises(TypeError, match="datasets must be a list"):
        render_ohlcv_charts({"ohlc": ohlc})
    with pytest.raises(ValueError, match=r'mapping with "ohlc".*got ohlc, volumes'):
        render_ohlcv_charts([{"ohlc": ohlc, "volumes": volume}])


def test_missing_values_of_pandas_in_a_list_are_gaps() -> None:
    ohlc, _ = bars(9)
    lists = {name: column.tolist() for name, column in ohlc.items()}
    drawn = {}
    for missing in (None, float("nan"), pd.NA, pd.NaT):
        lists["open"][4] = missing
        drawn[str(missing)] = np.asarray(render_ohlcv_chart(lists)).tobytes()
    assert len(set(drawn.values())) == 1
    lists["open"][4] = "x"
    with pytest.raises(TypeError, match="open must be a column of numbers, got 'x' at row 4"):
        render_ohlcv_chart(lists)
