"""Ticks: what they hold, export and cost."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kf_widget.history.pricestep import price_step
from kf_widget.history.protocol import History
from kf_widget.history.sample import sample_ticks
from kf_widget.history.ticks import Ticks


def test_ticks_are_a_history() -> None:
    ticks = sample_ticks(100)
    assert isinstance(ticks, History)
    assert ticks.kind == "ticks"
    assert ticks.interval_ns == 0
    assert ticks.open is ticks.high is ticks.low is ticks.close is ticks.price
    assert ticks.volume is ticks.size
    for column in (ticks.time_ns, ticks.price, ticks.size, ticks.side):
        assert column is not None
        assert not column.flags.writeable
        assert column.flags.c_contiguous


def test_the_index_is_built_once_and_kept() -> None:
    ticks = sample_ticks(10_000)
    index = ticks.index
    assert ticks.index is index
    ohlc, volume, count = index.aggregate(np.array([0, 10_000]))
    assert ohlc[0].tolist() == [ticks.price[0], ticks.price.max(), ticks.price.min(), ticks.price[-1]]
    assert ticks.size is not None
    assert (volume[0], count[0]) == (ticks.size.sum(), 10_000)


def test_empty_and_single_histories_have_an_index() -> None:
    for n in (0, 1):
        ticks = Ticks({"time": np.array([10**18] * n, np.int64), "price": np.array([5.0] * n)})
        ohlc, _, count = ticks.index.aggregate(np.array([0, n]))
        assert count[0] == n
        assert np.isnan(ohlc[0, 0]) == (n == 0)


def test_exports_round_trip() -> None:
    ticks = sample_ticks(1000)
    for table in (pl.DataFrame(ticks), pa.table(ticks), ticks.to_pandas(), ticks):
        back = Ticks(table)
        assert back.tz == ticks.tz
        for name in ("time_ns", "price", "size", "side"):
            np.testing.assert_array_equal(getattr(back, name), getattr(ticks, name))
    frame = ticks.to_pandas()
    assert list(frame.columns) == ["price", "size", "side"]
    assert str(frame.index.dtype) == "datetime64[ns, America/Chicago]"
    assert np.shares_memory(ticks.to_arrow().column("price").chunk(0).to_numpy(), ticks.price)


def test_optional_columns_stay_absent() -> None:
    ticks = Ticks({"time": [1_710_408_600], "price": [1.0]})
    assert ticks.size is None
    assert ticks.side is None
    assert ticks.to_arrow().column_names == ["time", "price"]
    assert list(ticks.to_pandas().columns) == ["price"]


def test_ticks_pickle_and_are_let_go() -> None:
    ticks = sample_ticks(1000)
    back = pickle.loads(pickle.dumps(ticks))
    np.testing.assert_array_equal(back.price, ticks.price)
    assert (back.tz, len(back.index.aggregate(np.array([0, 1000]))[0])) == (ticks.tz, 1)
    assert not back.price.flags.writeable
    gone = weakref.ref(back)
    del back
    gc.collect()
    assert gone() is None


def test_repr_says_what_it_is() -> None:
    text = repr(sample_ticks(1000))
    assert text.startswith("<Ticks: 1,000 rows, 2020-01-")
    assert "America/Chicago" in text


def test_resample_gives_bars() -> None:
    ticks = sample_ticks(20_000, years=0.05)
    bars = ticks.resample("1h")
    frame = ticks.to_pandas()
    wanted = frame["price"].resample("1h").ohlc().dropna()
    got = bars.to_pandas()
    assert list(got.columns) == ["open", "high", "low", "close", "volume", "count"]
    pd.testing.assert_frame_equal(
        got[["open", "high", "low", "close"]], wanted, check_freq=False, check_index_type=False
    )
    assert got["count"].sum() == 20_000
    assert got["volume"].sum() == frame["size"].sum()
    assert (bars.tz, bars.interval_ns) == ("America/Chicago", 3600 * 10**9)


def test_importing_ticks_loads_no_dataframe_library() -> None:
    code = (
        "import sys, kf_widget.history.ticks, kf_widget.history.bars, kf_widget.history.sample\n"
        "print([m for m in ('pandas', 'pyarrow', 'narwhals', 'polars') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


# ---- price step


@pytest.mark.parametrize("base", [1, 40, 4000, 1e5])
@pytest.mark.parametrize(
    "step", [100, 5, 1, 0.5, 0.25, 0.1, 0.125, 1 / 32, 1 / 128, 0.05, 0.01, 0.005, 1e-4, 2.5e-5, 1e-8]
)
def test_price_step(step: float, base: float) -> None:
    steps = np.random.default_rng(3).integers(0, 400, 5000)
    price = base * step + steps * step
    noisy = np.cumsum(np.diff(steps, prepend=0) * step) + base * step
    for values in (price, np.round(price, 9), noisy, -price, price[:300]):
        assert price_step(values) == pytest.approx(step, rel=1e-12)
    if base * step < 1e4 and step >= 0.001:
        assert price_step(price.astype(np.float32).astype(np.float64)) == pytest.approx(step, rel=1e-12)


def test_price_step_forgives_rare_odd_prints() -> None:
    price = 100 + np.random.default_rng(0).integers(0, 400, 4000) * 0.01
    price[17] = 100.0051
    assert price_step(price) == 0.01


@pytest.mark.parametrize(
    ("price", "step"),
    [
        ([], 0.01),
        ([0.0], 1),
        ([4000.0] * 3, 1),
        ([4000.25] * 3, 0.25),
        ([0.07] * 2, 0.01),
        ([1e15] * 2, 1),
        ([-37.63, 10.01], 0.01),
    ],
)
def test_price_step_of_few_prices(price: list[float], step: float) -> None:
    assert price_step(np.array(price)) == step


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-1e18, 1e18), max_size=40))
@example([5e-324])
@example([1e300, -1e300])
@example([1.7e308, -1.7e308])
def test_price_step_is_always_a_positive_number(prices: list[float]) -> None:
    step = price_step(np.array(prices))
    assert step > 0
    assert np.isfinite(step)


def test_prices_on_no_grid_get_a_step_far_below_their_moves() -> None:
    price = 100 + np.cumsum(np.random.default_rng(1).normal(0, 0.1, 10_000))
    assert 1e-4 <= price_step(price) <= 0.1
