"""Levels against the ticks they stand for: bars of any timeframe in any zone, the same bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.history.edges import time_edges
from kf_widget.history.joined import joined, joined_for
from kf_widget.history.levels import DAY_NS, HOUR_NS, MINUTE_NS, STEPS, levels_of
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone

SECOND = 10**9
ZONES = (
    "UTC",
    "America/Chicago",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "+05:53",
    "Africa/Monrovia",
)
"""Whole hours with changes of the clock, half and quarter hours, half an hour of daylight saving time, whole
minutes, and Liberia, which was 44 minutes and 30 seconds behind until 1972."""
RULES = ("1s", "30s", "90s", "1m", "7m", "15m", "90m", "1h", "4h", "7h", "1D", "2D", "1W", "1M")
STARTS = {"dst": "2024-03-09T11:00", "autumn": "2023-11-04T23:00", "monrovia": "1972-01-06T05:00"}


def market(seed: int, start: str, days: float = 3, n: int = 3000) -> Ticks:
    """Ticks in bursts with many equal stamps, empty hours and stamps on the very edges of minutes."""
    rng = np.random.default_rng(seed)
    first = int(np.datetime64(start, "ns").astype(np.int64))
    time_ns = first + np.sort(rng.integers(0, int(days * 86_400), n)) * SECOND
    time_ns = np.concatenate((time_ns, time_ns[::5], time_ns[::7] // MINUTE_NS * MINUTE_NS, time_ns[::9] + 1))
    time_ns = np.sort(time_ns[(time_ns // HOUR_NS) % 5 > 0])
    price = np.round(100 + 0.25 * np.cumsum(rng.integers(-2, 3, len(time_ns))), 2)
    return Ticks.from_columns(time_ns, price, rng.random(len(time_ns)))


def levelled(ticks: Ticks, steps: tuple[int, ...] = STEPS) -> Ticks:
    other = Ticks.from_columns(ticks.time_ns, ticks.close, ticks.volume, tz=ticks.tz)
    other.levels = levels_of(ticks, steps)
    return other


PLAIN = [market(seed, start) for seed, start in enumerate(STARTS.values())]
LEVELLED = [levelled(ticks) for ticks in PLAIN]


@pytest.mark.parametrize("ticks", PLAIN, ids=list(STARTS))
@pytest.mark.parametrize("step_ns", STEPS)
def test_a_level_holds_each_closed_bucket_of_utc(ticks: Ticks, step_ns: int) -> None:
    level = levels_of(ticks)[step_ns]
    buckets = ticks.time_ns // step_ns
    over = np.unique(buckets[buckets < buckets[-1]])
    assert level.bars.time_ns.tolist() == (over * step_ns).tolist()
    assert level.first_row[-1] == np.searchsorted(buckets, buckets[-1])
    assert level.stop_ns <= ticks.time_ns[level.first_row[-1]]
    for i, bucket in enumerate(over):
        price = ticks.close[buckets == bucket]
        assert ticks.close[level.first_row[i]] == level.bars.open[i] == price[0]
        assert (level.bars.high[i], level.bars.low[i], level.bars.close[i]) == (
            price.max(),
            price.min(),
            price[-1],
        )


def test_a_history_too_short_for_a_closed_bar_has_no_level() -> None:
    ticks = Ticks.from_columns(np.array([5, 6, 7]), np.ones(3))
    assert levels_of(ticks) == {}
    assert levels_of(Ticks.from_columns(np.empty(0, np.int64), np.empty(0))) == {}


@settings(max_examples=150)
@given(
    which=st.integers(0, len(PLAIN) - 1),
    zone=st.sampled_from(ZONES),
    rule=st.sampled_from(RULES),
    left=st.floats(-0.1, 1.05),
    width=st.floats(0, 1.2),
    thin=st.integers(1, 40),
)
def test_bars_through_levels_equal_those_of_the_ticks(
    which: int, zone: str, rule: str, left: float, width: float, thin: int
) -> None:
    ticks, timeframe = PLAIN[which], Timeframe.parse(rule)
    first, span = int(ticks.time_ns[0]), int(ticks.time_ns[-1] - ticks.time_ns[0])
    start, stop = first + int(left * span), first + int((left + width) * span)
    edges = time_edges(timeframe, Zone.of(zone), start, stop)[::thin]
    history = joined_for(LEVELLED[which], timeframe, Zone.of(zone), int(edges[0]), int(edges[-1]))
    rows = history.rows(edges)
    expected = ticks.index.rows(edges)
    assert history.ticks(rows).tolist() == expected.tolist()
    ohlc, volume, count = history.aggregate(rows)
    want = ticks.index.aggregate(expected)
    np.testing.assert_array_equal(ohlc, want[0])
    np.testing.assert_allclose(volume, want[1], rtol=1e-12)
    np.testing.assert_array_equal(count, want[2])
    full = np.flatnonzero(count)
    np.testing.assert_array_equal(history.opens(rows[full]), want[0][full, 0])
    np.testing.assert_array_equal(history.closes(rows[full + 1] - 1), want[0][full, 3])


@pytest.mark.parametrize(
    ("zone", "rule", "which", "steps"),
    [
        ("UTC", "1D", 0, [DAY_NS, HOUR_NS, MINUTE_NS]),
        ("UTC", "1M", 0, [DAY_NS, HOUR_NS, MINUTE_NS]),
        ("UTC", "4h", 0, [HOUR_NS, MINUTE_NS]),
        ("UTC", "90m", 0, [MINUTE_NS]),
        ("UTC", "90s", 0, []),
        ("America/Chicago", "1D", 0, [HOUR_NS, MINUTE_NS]),
        ("America/Chicago", "1h", 0, [HOUR_NS, MINUTE_NS]),
        ("Asia/Kolkata", "1h", 0, [MINUTE_NS]),
        ("Asia/Kathmandu", "1D", 0, [MINUTE_NS]),
        ("Australia/Lord_Howe", "1D", 0, [HOUR_NS, MINUTE_NS]),
        ("Africa/Monrovia", "1D", 0, [DAY_NS, HOUR_NS, MINUTE_NS]),
        ("Africa/Monrovia", "1D", 2, []),
    ],
)
def test_the_coarsest_level_that_holds_all_edges_is_read(
    zone: str, rule: str, which: int, steps: list[int]
) -> None:
    ticks = LEVELLED[which]
    edges = (int(ticks.time_ns[0]), int(ticks.time_ns[-1]) + 1)
    history = joined_for(ticks, Timeframe.parse(rule), Zone.of(zone), *edges)
    assert [part.history.interval_ns for part in history.parts] == [*steps, 0]


@pytest.mark.parametrize("steps", [(HOUR_NS,), (MINUTE_NS, DAY_NS), (7 * MINUTE_NS, HOUR_NS), STEPS])
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("which", range(len(PLAIN)))
def test_resampling_through_levels_equals_that_of_the_ticks(
    which: int, rule: str, zone: str, steps: tuple[int, ...]
) -> None:
    ticks = PLAIN[which]
    got = levelled(ticks, steps).resample(rule, tz=zone)
    want = ticks.resample(rule, tz=zone)
    for name in ("time_ns", "open", "high", "low", "close", "count"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name), err_msg=name)
    np.testing.assert_allclose(got.volume, want.volume, rtol=1e-12)
    assert (got.tz, got.interval_ns) == (want.tz, want.interval_ns)


@pytest.mark.parametrize("n", [1, 2, 5, 300])
def test_any_end_of_the_history_gives_the_same_bars(n: int) -> None:
    whole = PLAIN[0]
    for stop in np.random.default_rng(n).integers(1, len(whole), 12).tolist():
        ticks = Ticks.from_columns(whole.time_ns[:stop], whole.close[:stop])
        got, want = levelled(ticks).resample("1h"), ticks.resample("1h")
        assert got.volume is None
        for name in ("time_ns", "open", "high", "low", "close", "count"):
            np.testing.assert_array_equal(getattr(got, name), getattr(want, name), err_msg=name)
        assert joined(levelled(ticks)).extremes() == (ticks.close.max(), ticks.close.min())
