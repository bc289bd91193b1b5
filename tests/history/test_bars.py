"""Bars: what they hold and export."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

from kf_widget.history.bars import Bars
from kf_widget.history.protocol import History

START = np.datetime64("2024-03-14T09:30", "ns").astype(np.int64)
MINUTE = 60 * 10**9


def bars(n: int = 6, **more: object) -> Bars:
    close = np.arange(n) * 0.5 + 10
    table = {
        "time": START + np.arange(n) * MINUTE,
        "open": close,
        "high": close + 1,
        "low": close - 1,
        "close": close,
    }
    return Bars(table | more)


def test_bars_are_a_history() -> None:
    got = bars()
    assert isinstance(got, History)
    assert (got.kind, got.interval_ns, got.price_step, len(got)) == ("bars", MINUTE, 0.5, 6)
    ohlc, volume, count = got.index.aggregate(np.array([0, 3, 6]))
    assert ohlc.tolist() == [[10, 12, 9, 11], [11.5, 13.5, 10.5, 12.5]]
    assert volume.tolist() == [0, 0]
    assert count.tolist() == [3, 3]


def test_interval_is_the_median_distance_or_what_was_said() -> None:
    time = START + np.array([0, 1, 2, 3, 1000, 1001]) * MINUTE
    assert bars(time=time).interval_ns == MINUTE
    assert bars(1).interval_ns == MINUTE
    assert bars(0).interval_ns == MINUTE
    assert bars(time=np.full(6, START)).interval_ns == MINUTE
    long = START + np.arange(9000) * 300 * 10**9
    assert Bars.from_columns(long, *[np.ones(9000)] * 4).interval_ns == 300 * 10**9
    table = {"time": [START], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0]}
    assert Bars(table, timeframe="4h").interval_ns == 240 * MINUTE
    with pytest.raises(ValueError, match="timeframe"):
        Bars(table, timeframe="soon")


def test_exports_fill_what_is_unknown() -> None:
    frame = bars().to_pandas()
    assert list(frame.columns) == ["open", "high", "low", "close", "volume", "count"]
    assert frame["volume"].tolist() == [0] * 6
    assert frame["count"].tolist() == [1] * 6
    assert frame.index[0] == pd.Timestamp("2024-03-14 09:30", tz="UTC")
    known = bars(volume=[1.5] * 6, trades=[7] * 6)
    assert known.count is not None
    assert known.count.dtype == np.int64
    assert known.to_pandas()["count"].tolist() == [7] * 6
    assert pl.DataFrame(known).columns == ["time", "open", "high", "low", "close", "volume", "count"]


def test_bars_round_trip() -> None:
    first = bars(volume=[1.5] * 6, count=[7] * 6)
    for back in (
        Bars(first),
        Bars(first.to_pandas()),
        Bars(pl.DataFrame(first)),
        pickle.loads(pickle.dumps(first)),
    ):
        assert back.interval_ns == first.interval_ns
        for name in ("time_ns", "open", "high", "low", "close", "volume", "count"):
            np.testing.assert_array_equal(getattr(back, name), getattr(first, name))
            assert not getattr(back, name).flags.writeable


def test_bars_merge_into_longer_ones() -> None:
    merged = bars(60, volume=[2.0] * 60, count=[3] * 60).resample("15m")
    assert merged.to_pandas()["volume"].tolist() == [30.0] * 4
    assert merged.to_pandas()["count"].tolist() == [45] * 4
    assert merged.open.tolist() == [10.0, 17.5, 25.0, 32.5]
    assert merged.high.tolist() == [18.0, 25.5, 33.0, 40.5]


def test_repr_says_what_it_is() -> None:
    assert (
        repr(bars()) == "<Bars: 6 rows of 60 s, 2024-03-14T09:30:00 .. 2024-03-14T09:35:00 UTC, shown in UTC>"
    )
