"""Synthetic ticks: the same market every time, whatever the machine and the density."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from kf_widget.history import sample
from kf_widget.history.sample import sample_ticks, sessions
from kf_widget.history.ticks import Ticks

N = 1_200_000


@pytest.fixture(scope="module")
def ticks() -> Ticks:
    return sample_ticks(N)


def test_any_split_over_threads_gives_the_same(ticks: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_PART_ROWS", 10**9)
    alone = sample_ticks(N)
    for name in ("time_ns", "price", "size", "side"):
        np.testing.assert_array_equal(getattr(ticks, name), getattr(alone, name))


def test_a_seed_is_a_market_and_n_its_density(ticks: Ticks) -> None:
    assert not np.array_equal(sample_ticks(1000, seed=1).price, sample_ticks(1000, seed=2).price)
    sparse = sample_ticks(20_000)
    at = np.searchsorted(ticks.time_ns, sparse.time_ns)
    # Minutes end where the session's path says, however many trades they hold.
    ratio = sparse.price / ticks.price[np.minimum(at, N - 1)]
    assert np.abs(ratio - 1).max() < 0.02


def test_prices_sizes_and_stamps_are_plausible(ticks: Ticks) -> None:
    assert np.all(np.diff(ticks.time_ns) >= 0)
    assert np.all(ticks.time_ns % 1_000_000 == 0)
    np.testing.assert_array_equal(ticks.price % 0.25, 0)
    assert ticks.price_step == 0.25
    assert 1500 < ticks.price.min() < ticks.price.max() < 8000
    assert set(np.unique(ticks.side)) == {-1, 1}
    assert ticks.size is not None
    assert ticks.size.min() == 1
    assert 100 < ticks.size.max() <= 3000
    assert np.median(ticks.size) == 1


def test_trades_share_milliseconds_and_their_side(ticks: Ticks) -> None:
    dense = sample_ticks(200_000, years=0.01)
    same = np.diff(dense.time_ns) == 0
    assert 0.3 < same.mean() < 0.7
    assert dense.side is not None
    kept = np.diff(dense.side) == 0
    assert kept[same].mean() > kept[~same].mean() + 0.1
    assert ticks.tz == "America/Chicago"


def test_volatility_clusters(ticks: Ticks) -> None:
    daily = np.add.reduceat(np.diff(ticks.price) ** 2, np.arange(0, N - 1, N // 1250))
    calm, wild = np.quantile(daily, (0.1, 0.9))
    assert wild > 3 * calm
    logs = np.log(daily)
    assert np.corrcoef(logs[:-1], logs[1:])[0, 1] > 0.3


def test_trades_keep_to_the_sessions() -> None:
    ticks = sample_ticks(100_000, years=2, start="2021-03-01")
    zone = ZoneInfo("America/Chicago")
    for t in ticks.time_ns[::97].tolist():
        local = dt.datetime.fromtimestamp(t / 1e9, zone)
        assert local.weekday() != 5
        assert local.hour != 16
        assert not (local.weekday() == 4 and local.hour >= 16)
        assert not (local.weekday() == 6 and local.hour < 17)
        assert (local.month, local.day) != (12, 25) or local.hour >= 17


def test_sessions_are_ordered_and_follow_daylight_saving() -> None:
    opens, closes = sessions(dt.date(2021, 3, 8), 0.1)
    assert np.all(closes > opens)
    assert np.all(opens[1:] >= closes[:-1])
    assert opens[0] // 3_600_000_000_000 % 24 == 23
    assert opens[-1] // 3_600_000_000_000 % 24 == 22


@pytest.mark.parametrize("years", [1e-9, 0.003, 1, 40])
@pytest.mark.parametrize("n", [1, 2, 3, 777])
def test_any_number_of_trades_over_any_span(n: int, years: float) -> None:
    ticks = sample_ticks(n, years=years, start=dt.date(1999, 7, 3))
    assert len(ticks) == n
    assert ticks.price.min() > 1000
    assert np.all(np.diff(ticks.time_ns) >= 0)


def test_many_trades_in_one_minute() -> None:
    ticks = sample_ticks(400_000, years=1e-9)
    assert ticks.time_ns[-1] - ticks.time_ns[0] < 60_000_000_000
    assert np.all(np.diff(ticks.time_ns) >= 0)


def test_every_seed_is_a_plausible_market() -> None:
    for seed in range(15):
        price = sample_ticks(400, seed=seed).price
        assert 1500 < price.min() < price.max() < 8000


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"n": 0}, ValueError, "n must be a whole number from 1, got 0"),
        ({"n": 2.5}, ValueError, r"got 2\.5"),
        ({"n": "many"}, TypeError, "must be integers"),
        ({"seed": 1.5}, TypeError, "must be integers"),
        ({"years": 0}, ValueError, "years must be above 0"),
        ({"years": float("nan")}, ValueError, "years must be above 0"),
        ({"years": 1000}, ValueError, "keep to 1700"),
        ({"start": "soon"}, ValueError, "must be a day"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        sample_ticks(**arguments)  # type: ignore[arg-type]


def test_integral_floats_count() -> None:
    assert len(sample_ticks(1e3)) == 1000  # type: ignore[arg-type]
