"""Many datasets as columns laid end to end, and what they hash to: as one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kf_widget.plotting.batch import joined
from kf_widget.plotting.columns import PRICES, columns_of, joined_at_hand
from kf_widget.plotting.look import look_of
from kf_widget.plotting.record import made_from, made_from_each, manner
from kf_widget.plotting.windows import Windows, rolling_windows
from tests.plotting.charts import bars, dataset


def with_price(name: str, values: Any) -> dict[str, Any]:
    """A dataset of 20 bars one of whose columns is another."""
    made = dataset(20, 1)
    made["ohlc"][name] = values(made["ohlc"][name])
    return made


ODD: dict[str, Any] = {
    "a list": with_price("low", list),
    "float32": with_price("high", lambda x: x.astype(np.float32)),
    "bytes the other way round": with_price("open", lambda x: x.astype(">f8")),
    "two dimensions": with_price("close", lambda x: x[:, None]),
    "a mask": with_price("high", lambda x: np.ma.masked_array(x, x < 100)),
    "another length": with_price("low", lambda x: x[:-1]),
    "no bars": {"ohlc": {name: np.zeros(0) for name in PRICES}, "volume": np.zeros(0)},
    "no volume": {"ohlc": dataset(20, 1)["ohlc"], "volume": None},
    "no word of volume": {"ohlc": dataset(20, 1)["ohlc"]},
    "short volume": {"ohlc": dataset(20, 1)["ohlc"], "volume": np.ones(19)},
    "a word too many": {**dataset(20, 1), "name": "x"},
    "a missing price": {"ohlc": {name: np.ones(20) for name in PRICES[1:]}, "volume": np.ones(20)},
    "a table": {"ohlc": {name.title(): x for name, x in dataset(20, 1)["ohlc"].items()}, "volume": None},
    "no mapping": 7,
}


@pytest.mark.parametrize("name", ODD)
def test_what_needs_a_look_is_left_to_it(name: str) -> None:
    plain = dataset(20)
    assert joined_at_hand([plain, plain]) is not None
    assert joined_at_hand([plain, ODD[name]]) is None
    assert joined_at_hand([ODD[name], plain]) is None
    failures: dict[int, Exception] = {}
    groups = joined("batch", [plain, ODD[name], plain], 0, 3, failures)
    try:
        expected = columns_of(ODD[name]["ohlc"], ODD[name].get("volume")) if len(ODD[name]) <= 2 else None
    except (TypeError, ValueError):
        expected = None
    assert list(failures) == ([1] if expected is None else [])
    there = {place: (part, k) for part, places in groups for k, place in enumerate(places)}
    assert set(there) == {0, 1, 2} - set(failures)
    for place, (part, k) in there.items():
        mine = expected if place == 1 else columns_of(plain["ohlc"], plain["volume"])
        assert mine is not None
        rows = slice(part.starts[k], part.stops[k])
        for column, other in zip(part.columns, mine, strict=True):
            np.testing.assert_array_equal(column[rows], other)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=6), st.booleans(), st.integers(1, 3))
def test_datasets_end_to_end(sizes: list[int], has_volume: bool, step: int) -> None:
    charts = []
    for seed, size in enumerate(sizes):
        ohlc, volume = bars(size * step, seed)
        apart = {name: column[::step] for name, column in ohlc.items()}
        charts.append({"ohlc": apart, "volume": volume[::step] if has_volume else None})
    found = joined_at_hand(charts)
    assert found is not None
    columns, lengths = found
    assert lengths == sizes
    for k, name in enumerate(PRICES):
        np.testing.assert_array_equal(columns[k], np.concatenate([chart["ohlc"][name] for chart in charts]))
    assert columns.has_volume == has_volume
    for column in columns:
        assert column.flags.carray
        assert column.dtype == np.float64


def one_by_one(windows: Windows, how: Any) -> list[str]:
    """The reference: the columns of each chart by themselves."""
    return [
        made_from([np.ascontiguousarray(c[a:b] if c.size else c).tobytes() for c in windows.columns], how)
        for a, b in zip(windows.starts, windows.stops, strict=True)
    ]


@pytest.mark.parametrize("has_volume", [True, False])
@pytest.mark.parametrize("lengths", ["one", "some", "long", "none"])
def test_charts_at_once_hash_as_one_by_one(has_volume: bool, lengths: str) -> None:
    ohlc, volume = bars(30_000)
    n = 20_000 if lengths == "long" else 33
    windows = rolling_windows(ohlc, n, 7, volume=volume if has_volume else None)[
        : 0 if lengths == "none" else 9
    ]
    if lengths == "some":
        windows = Windows(windows.columns, windows.starts, windows.stops + np.arange(9) % 2)
    how = manner(look_of(), "webp", "fast", {})
    found = made_from_each(windows.columns, windows.starts, windows.stops, how)
    assert found == one_by_one(windows, how)
    assert len(set(found)) == len(found)
