"""Edges against local clocks read one instant at a time, and running totals summed one row at a time."""

from __future__ import annotations

import datetime as dt
import functools
import time
import zoneinfo
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_reference import tree_sum

from kf_widget.history import edges
from kf_widget.history.calendar_kernels import day_of, month_of
from kf_widget.history.edges import ceil_time, floor_time, most_bars, row_edges, time_edges
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone

Ints = npt.NDArray[np.int64]
SECOND = 10**9
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
UNKNOWN = np.iinfo(np.int64).min
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

# Instants around which a clock was changed in an awkward way.
CHANGES = [
    ("Europe/London", "2021-03-28T01:00"),
    ("Europe/London", "2021-10-31T01:00"),
    ("America/New_York", "2007-03-11T07:00"),
    ("America/New_York", "2013-11-03T06:00"),
    ("America/Chicago", "1969-04-27T08:00"),
    ("America/Chicago", "1968-10-27T07:00"),
    ("Australia/Lord_Howe", "2020-04-04T15:00"),  # half an hour back
    ("Australia/Lord_Howe", "2020-10-03T15:30"),
    ("Asia/Kolkata", "2020-06-01T00:00"),
    ("America/Sao_Paulo", "2017-10-15T03:00"),  # midnight does not exist
    ("America/Sao_Paulo", "2018-02-18T02:00"),  # 23:00 comes twice
    ("America/St_Johns", "2010-11-07T02:31"),  # back over midnight at 00:01
    ("America/St_Johns", "2010-03-14T03:31"),
    ("America/Havana", "2021-11-07T05:00"),  # midnight comes twice, at the very change
    ("America/Havana", "2021-03-14T05:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),  # a whole day is skipped
    ("Pacific/Kwajalein", "1993-08-21T12:00"),
    ("Africa/Casablanca", "2021-04-11T02:00"),
    ("Asia/Manila", "1978-09-20T16:00"),
]
STEPS = ["1m", "7m", "15m", "30m", "1h", "90m", "4h", "5h", "12h", "1D", "2D", "1W", "2W", "1M", "3M", "12M"]


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


@functools.lru_cache(maxsize=64)
def wall_clock(name: str, grid: tuple[int, ...]) -> Ints:
    """Local nanoseconds of each instant, as `datetime` and `zoneinfo` tell them."""
    zone = zoneinfo.ZoneInfo(name)
    stamps = [EPOCH + dt.timedelta(seconds=t // SECOND) for t in grid]
    return np.array([stamp.astimezone(zone).replace(tzinfo=None) for stamp in stamps], "M8[ns]").view(
        np.int64
    )


def labels_of(timeframe: Timeframe, local: Ints) -> Ints:
    """What a person would read off the wall: which bar each local time belongs to."""
    step = int(timeframe.step)
    date = local // DAY
    if timeframe.kind == "day":
        return date // step
    if timeframe.kind == "week":
        return (date + 3) // 7 // step
    if timeframe.kind == "month":
        return (date.view("M8[D]").astype("M8[M]").astype(np.int64) + 1970 * 12) // step
    return date * DAY + local % DAY // step * step


def starts_by_walking(timeframe: Timeframe, name: str, grid: Ints) -> Ints:
    """Start of the bar of each instant of the grid; UNKNOWN within the grid's first bar."""
    labels = labels_of(timeframe, wall_clock(name, tuple(grid.tolist())))
    if timeframe.kind != "time":
        labels = np.maximum.accumulate(labels)  # a date that came does not end when the clock goes back
    begins = np.flatnonzero(np.diff(labels) != 0) + 1
    which = np.searchsorted(begins, np.arange(len(grid)), "right")
    return np.concatenate([[UNKNOWN], grid[begins]])[which]


def check(timeframe: Timeframe, name: str, grid: Ints) -> None:
    zone = Zone.of(name)
    expected = starts_by_walking(timeframe, name, grid)
    known = expected != UNKNOWN
    floors = floor_time(timeframe, zone, grid)
    np.testing.assert_array_equal(floors[known], expected[known])
    assert (floors <= grid).all()
    ceils = ceil_time(timeframe, zone, grid)
    np.testing.assert_array_equal(floor_time(timeframe, zone, ceils), ceils)
    assert ((ceils == grid) == (floors == grid)).all()
    inside = floors < grid
    np.testing.assert_array_equal(floor_time(timeframe, zone, ceils[inside] - 1), floors[inside])
    edges = time_edges(timeframe, zone, int(grid[0]), int(grid[-1]))
    assert (np.diff(edges) > 0).all()
    assert edges[0] <= grid[0]
    assert edges[-2] < grid[-1] <= edges[-1]
    np.testing.assert_array_equal(edges, np.unique(np.concatenate([floors, ceils])))


@pytest.mark.parametrize(("name", "change"), CHANGES)
@pytest.mark.parametrize("step", STEPS[:11])
def test_around_clock_changes(name: str, change: str, step: str) -> None:
    grid = np.arange(ns(change) - 30 * HOUR, ns(change) + 30 * HOUR, MINUTE)
    check(Timeframe.parse(step), name, grid)


@pytest.mark.parametrize(("name", "change"), CHANGES)
@pytest.mark.parametrize("step", STEPS[9:])
def test_calendar_over_years(name: str, change: str, step: str) -> None:
    grid = np.arange(ns(change) - 800 * DAY, ns(change) + 800 * DAY, 6 * HOUR)
    timeframe = Timeframe.parse(step)
    floors = floor_time(timeframe, Zone.of(name), grid)
    near = np.unique(floors)  # look at every edge to the minute
    grid = np.unique(np.concatenate([grid] + [near + delta for delta in (-MINUTE, 0, MINUTE)]))
    expected = starts_by_walking(timeframe, name, grid)
    known = expected != UNKNOWN
    np.testing.assert_array_equal(floor_time(timeframe, Zone.of(name), grid)[known], expected[known])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([name for name, _ in CHANGES]),
    st.integers(ns("1900-01-01"), ns("2100-01-01")),
    st.sampled_from(["1s", "30s", "45s", "1m", "5m", "1h", "1D", "1W", "1M"]),
)
def test_anywhere_to_the_second(name: str, around: int, step: str) -> None:
    zone = Zone.of(name)
    from_ns, _ = zone.table(around, around + 200 * DAY)
    around = int(from_ns[-1]) // SECOND * SECOND  # the last change after it, where there is one
    grid = np.arange(around - 20 * MINUTE, around + 20 * MINUTE, SECOND)
    check(Timeframe.parse(step), name, grid)


@given(st.integers(-150_000, 150_000))
def test_months_equal_datetime(day: int) -> None:
    date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
    month = month_of(day)
    assert month == date.year * 12 + date.month - 1
    assert day_of(month) == (date.replace(day=1) - dt.date(1970, 1, 1)).days


def test_one_bar_of_two_hours_when_the_clock_goes_back() -> None:
    edges = time_edges(
        Timeframe.parse("1h"), Zone.of("Europe/London"), ns("2021-10-31T00:00"), ns("2021-10-31T03")
    )
    assert np.diff(edges).tolist() == [2 * HOUR, HOUR]


def test_days_of_23_24_and_25_hours() -> None:
    zone = Zone.of("America/New_York")
    year = time_edges(Timeframe.parse("1D"), zone, ns("2021-01-01T05:00"), ns("2022-01-01T05:00"))
    hours, days = np.unique(np.diff(year) // HOUR, return_counts=True)
    assert dict(zip(hours.tolist(), days.tolist(), strict=True)) == {23: 1, 24: 363, 25: 1}


def test_sub_second_bars() -> None:
    edges = time_edges(Timeframe.parse("100ms"), Zone.of("UTC"), -250_000_000, 50_000_000)
    assert edges.tolist() == [k * 100_000_000 for k in range(-3, 2)]


def test_too_many_bars_is_an_error() -> None:
    with pytest.raises(ValueError, match="fewer than 1,000,000,000 bars, got '1ms' over 1,826 days"):
        time_edges(Timeframe.parse("1ms"), Zone.of("UTC"), 0, 1826 * DAY)


def test_row_kinds_are_refused_by_the_clock() -> None:
    with pytest.raises(ValueError, match="must cut by time here, got '100t'"):
        floor_time(Timeframe.parse("100t"), Zone.of("UTC"), [0])
    with pytest.raises(ValueError, match="must count ticks, volume or value here, got '5m'"):
        row_edges(Timeframe.parse("5m"), ticks_of(np.ones(3)), 0, 3)


def test_empty_times() -> None:
    assert floor_time(Timeframe.parse("1m"), Zone.of("UTC"), []).size == 0


def ticks_of(size: npt.NDArray[np.floating] | None, price: npt.NDArray[np.float64] | None = None) -> Ticks:
    n = len(size) if size is not None else 10
    return Ticks.from_columns(np.arange(n), np.full(n, 2.0) if price is None else price, size)


def edges_by_walking(leaves: npt.NDArray[np.float64], step: float) -> list[int]:
    """Edges of the whole history: one exact total after the other, multiples counted with a loop."""
    edges, multiple = [0], 1
    for row in range(len(leaves)):
        total = tree_sum(leaves, 0, row + 1)
        if total >= multiple * step:
            edges.append(row + 1)
            while total >= multiple * step:
                multiple += 1
    return edges if edges[-1] == len(leaves) else [*edges, len(leaves)]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_volume_and_value_bars(data: st.DataObject) -> None:
    n = data.draw(st.one_of(st.integers(1, 400), st.integers(4090, 4200)))
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    shape = data.draw(st.sampled_from(["whole", "tenths", "wild", "mostly zero", "zero"]))
    size = {
        "whole": rng.integers(1, 50, n).astype(float),
        "tenths": rng.integers(1, 50, n) / 10,
        "wild": rng.random(n) * 10.0 ** rng.integers(-9, 9, n),
        "mostly zero": (rng.random(n) < 0.05) * 1.0,
        "zero": np.zeros(n),
    }[shape]
    price = np.round(100 + rng.normal(0, 3, n), 2)
    unit = data.draw(st.sampled_from(["v", "$"]))
    size = size.astype(data.draw(st.sampled_from([np.float32, np.float64])))
    leaves = price * size.astype(float) if unit == "$" else size.astype(float)
    step = data.draw(st.sampled_from([0.7, 3.0, 30.0, 0.1 * n, 1e5])) * max(float(leaves.mean()), 1e-3)
    history = ticks_of(size, price)
    kind = "value" if unit == "$" else "volume"
    timeframe = Timeframe(kind, step)
    whole = row_edges(timeframe, history, 0, n)
    assert whole.tolist() == edges_by_walking(leaves, step)
    start = data.draw(st.integers(0, n - 1))
    stop = data.draw(st.integers(start + 1, n))
    part = row_edges(timeframe, history, start, stop)
    low, high = np.searchsorted(whole, start, "right") - 1, np.searchsorted(whole, stop, "left")
    np.testing.assert_array_equal(part, whole[low : high + 1])


@given(
    st.sampled_from(["1ns", "7ns", "1ms", "1s", "90m", "1D", "7D", "3W", "1M", "100Y"]),
    st.integers(-(1 << 63) + 1, (1 << 63) - 1),
    st.integers(-(1 << 63) + 1, (1 << 63) - 1),
)
def test_most_bars_is_never_too_few(text: str, start: int, stop: int) -> None:
    """In whole numbers: a cut bar at the end of each day, and two more where the offset changes."""
    timeframe = Timeframe.parse(text)
    nominal, span = timeframe.nominal_ns, max(stop - start, 0)
    shortest = nominal if timeframe.kind == "time" else nominal * 9 // 10
    assert most_bars(timeframe, start, stop) >= span // shortest + 3 * (span // DAY) + 16


def test_volume_bars_over_several_threads() -> None:
    n = 1_500_000
    size = np.random.default_rng(1).integers(1, 40, n).astype(np.float32)
    edges = row_edges(Timeframe.parse("500v"), ticks_of(size), 0, n)
    totals = np.cumsum(size.astype(np.int64))
    ends = np.flatnonzero(np.diff(totals // 500, prepend=0)) + 1
    np.testing.assert_array_equal(edges, np.unique(np.concatenate([[0], ends, [n]])))


@pytest.mark.parametrize(
    ("start", "stop", "expected"), [(0, 10, [0, 4, 8, 10]), (5, 7, [4, 8]), (8, 9, [8, 10])]
)
def test_tick_bars_count_from_the_start(start: int, stop: int, expected: list[int]) -> None:
    assert row_edges(Timeframe.parse("4t"), ticks_of(None), start, stop).tolist() == expected


def test_volume_bars_need_a_volume() -> None:
    with pytest.raises(ValueError, match=r"'500v' must have a volume to count"):
        row_edges(Timeframe.parse("500v"), ticks_of(None), 0, 10)


def test_a_step_beyond_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="that float64 can count"):
        row_edges(Timeframe("volume", 1e-9), ticks_of(np.full(10, 1e9)), 0, 10)


def test_value_bars_need_prices_of_at_least_zero() -> None:
    price = np.where(np.arange(10_000) % 2, -37.63, 20.0)
    with pytest.raises(ValueError, match=r"'2\$' must have prices of at least 0 to add up, got -37\.63"):
        row_edges(Timeframe.parse("2$"), ticks_of(np.ones(10_000), price), 0, 10_000)


@pytest.mark.parametrize("text", ["50v", "5000$"])
def test_threads_that_look_for_crossings_have_room_of_their_own(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy: set[int] = set()
    shared: list[str] = []

    def watched(kernel: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            buffer = id(arguments[-1])
            if buffer in busy:
                shared.append(str(kernel))
            busy.add(buffer)
            time.sleep(1e-3)
            busy.discard(buffer)
            return kernel(*arguments)

        return run

    n = 1 << 12
    ticks = Ticks.from_columns(np.arange(n), np.full(n, 100.0), np.full(n, 2.0))
    timeframe = Timeframe.parse(text)
    expected = row_edges(timeframe, ticks, 0, n)
    monkeypatch.setattr(edges, "_ROW_GRAIN", 128)
    for name in ("total_before", "find_crossing", "fill_crossings"):
        monkeypatch.setattr(edges, name, watched(getattr(edges, name)))
    np.testing.assert_array_equal(row_edges(timeframe, ticks, 0, n), expected)
    assert not shared
