"""Time marks: calendar boundaries told in the chart's zone, evenly apart, the longer unit first."""

from __future__ import annotations

import datetime
import functools
import zoneinfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.chart import timescale
from kf_widget.chart.timeaxis import TimeAxis
from kf_widget.chart.timescale import TimeMark, time_marks
from kf_widget.chart.timescale_kernels import keep_apart
from kf_widget.history.zones import Zone

examples = settings(deadline=None, derandomize=True, max_examples=250)

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def ns(text: str, zone: str = "UTC") -> int:
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone))
    return round(moment.timestamp()) * SECOND


def day_numbers(start: str, stop: str) -> np.ndarray:
    return np.arange(np.datetime64(start, "D"), np.datetime64(stop, "D"))


@functools.cache
def round_the_clock() -> TimeAxis:
    return TimeAxis(np.array([ns("1974-01-01")]), np.array([ns("2024-01-01")]))


@functools.cache
def stocks() -> TimeAxis:
    """09:30 to 16:00 in New York on weekdays, New Year's Day off, ten years."""
    days = [d.item() for d in day_numbers("2014-01-01", "2024-01-01") if np.is_busday(d)]
    days = [d for d in days if (d.month, d.day) != (1, 1)]
    opens = [ns(f"{d}T09:30", "America/New_York") for d in days]
    return TimeAxis(np.array(opens), np.array(opens) + 390 * MINUTE)


@functools.cache
def futures() -> TimeAxis:
    """17:00 to 16:00 in Chicago, Sunday to Friday, five years."""
    evenings = [d.item() for d in day_numbers("2019-01-01", "2024-01-01") if d.item().weekday() not in (4, 5)]
    opens = [ns(f"{d}T17:00", "America/Chicago") for d in evenings]
    closes = [ns(f"{d + datetime.timedelta(1)}T16:00", "America/Chicago") for d in evenings]
    return TimeAxis(np.array(opens), np.array(closes))


@functools.cache
def broken() -> TimeAxis:
    """Open for odd stretches, minutes to months, as a market with hardly a trade."""
    random = np.random.default_rng(7)
    spans = np.exp(random.uniform(np.log(MINUTE), np.log(30 * DAY), 800)).astype(np.int64) // MINUTE * MINUTE
    edges = ns("2000-01-01") + np.cumsum(np.maximum(spans, 31 * MINUTE))
    return TimeAxis(edges[:-1:2], edges[1::2])


AXES = {"round_the_clock": round_the_clock, "stocks": stocks, "futures": futures, "broken": broken}
ZONES = (
    "UTC",
    "America/Chicago",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Sao_Paulo",
)


@st.composite
def windows(draw: st.DrawFn) -> tuple[TimeAxis, str, int, int]:
    """An axis, a zone and a window from 10 microseconds to 50 years, also beside the data."""
    axis = AXES[draw(st.sampled_from(list(AXES)))]()
    span = int(10 ** draw(st.floats(4, 18.2)))
    centre = draw(st.integers(axis.start - span // 2, axis.stop + span // 2))
    if draw(st.booleans()):  # at an opening, where marks meet
        centre = int(draw(st.sampled_from(list(axis.position))))
    return axis, draw(st.sampled_from(ZONES)), centre - span // 2, centre + span - span // 2


@st.composite
def windows_inside(draw: st.DrawFn, share: float = 1.0) -> tuple[TimeAxis, str, int, int]:
    """A market with regular hours, a zone and a window within the data, up to a share of it."""
    axis = AXES[draw(st.sampled_from(("round_the_clock", "stocks", "futures")))]()
    longest = share * (axis.stop - axis.start)
    span = int(10_000 * (longest / 10_000) ** draw(st.floats(0, 1)))
    start = draw(st.integers(axis.start, axis.stop - span))
    return axis, draw(st.sampled_from(ZONES)), start, start + span


sizes = st.tuples(st.integers(200, 4000), st.floats(50, 160))


def local_parts(time_ns: int, zone: str) -> tuple[int, ...]:
    """Year, month, day, minute of the day, second, ms, us, ns in a zone, the slow way."""
    whole, rest = divmod(time_ns, SECOND)
    now = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(seconds=whole)
    now = now.astimezone(zoneinfo.ZoneInfo(zone))
    clock = (now.hour * 60 + now.minute, now.second, rest // 10**6, rest // 1000 % 1000, rest % 1000)
    return (now.year, now.month, now.day, *clock)


def expected_level(axis: TimeAxis, zone: str, position: int) -> int:
    """The longest unit in which an instant differs from the one just before it on the axis."""
    now, before = (local_parts(axis.to_ns(at), zone) for at in (position, position - 1))
    return timescale.YEAR - next(
        i for i, pair in enumerate(zip(now, before, strict=True)) if pair[0] != pair[1]
    )


def expected_label(axis: TimeAxis, zone: str, mark: TimeMark) -> str:
    year, month, day, minute, second, ms, us, rest = local_parts(axis.to_ns(mark.position), zone)
    clock = f"{minute // 60:02d}:{minute % 60:02d}"
    seconds = f"{clock}:{second:02d}"
    return {
        timescale.YEAR: str(year),
        timescale.MONTH: datetime.date(2000, month, 1).strftime("%b"),
        timescale.DAY: str(day),
        timescale.MINUTE: seconds if len(mark.label) == 8 else clock,
        timescale.SECOND: seconds,
        timescale.MILLISECOND: f"{seconds}.{ms:03d}",
        timescale.MICROSECOND: f"{seconds}.{ms:03d}{us:03d}",
        timescale.NANOSECOND: f"{seconds}.{ms:03d}{us:03d}{rest:03d}",
    }[mark.level]


@examples
@given(windows(), sizes)
def test_marks_are_in_order_in_sight_and_apart(
    window: tuple[TimeAxis, str, int, int], size: tuple[int, float]
) -> None:
    axis, zone, start, stop = window
    width, gap = size
    marks = time_marks(axis, Zone.of(zone), start, stop, width, gap)
    at = np.array([mark.position for mark in marks], dtype=np.int64)
    assert ((at >= start) & (at <= stop)).all()
    apart = np.diff(at)
    assert (apart > 0).all()
    if apart.size:
        px = apart.min() / (stop - start) * width
        assert px >= gap * (1 - 1e-9)
        assert px >= max(len(mark.label) for mark in marks) * gap / 9 * (1 - 1e-9), "labels fit"


@examples
@given(windows())
def test_marks_are_calendar_boundaries_and_say_what_begins(window: tuple[TimeAxis, str, int, int]) -> None:
    axis, zone, start, stop = window
    for mark in time_marks(axis, Zone.of(zone), start, stop, 1200, 78):
        assert mark.label == expected_label(axis, zone, mark)
        # A mark may stand for less than it is (hours are minutes), never for another unit.
        assert mark.level == expected_level(axis, zone, mark.position)


@examples
@given(windows_inside(share=0.5), st.floats(0.05, 0.9))
def test_panning_moves_marks_and_never_changes_them(
    window: tuple[TimeAxis, str, int, int], by: float
) -> None:
    axis, zone, start, stop = window
    span = stop - start
    shift = int(by * span)
    if start + shift + span > axis.stop:
        shift = -shift
    both = max(start, start + shift), min(stop, stop + shift)
    here, there = (
        [
            mark
            for mark in time_marks(axis, Zone.of(zone), start + by, start + by + span, 1200, 78)
            if both[0] <= mark.position <= both[1]
        ]
        for by in (0, shift)
    )
    assert here == there


@examples
@given(windows_inside())
def test_there_are_enough_marks_at_every_zoom(window: tuple[TimeAxis, str, int, int]) -> None:
    axis, zone, start, stop = window
    marks = time_marks(axis, Zone.of(zone), start, stop, 1200, 60)
    assert 3 <= len(marks) <= 21
    assert max(np.diff([start, *(mark.position for mark in marks), stop])) <= (stop - start) / 3


@examples
@given(st.floats(4, 13.6), st.integers(0, 10**17))
def test_marks_of_a_day_are_evenly_spaced(power: float, start: int) -> None:
    axis = round_the_clock()
    span = 10**power
    marks = time_marks(axis, Zone.of("UTC"), start, start + int(span), 1200, 78)
    assert len({*np.diff([mark.position for mark in marks]).tolist()}) == 1


def labels(axis: TimeAxis, zone: str, start: str, stop: str) -> str:
    first, last = (axis.to_axis(ns(text, zone)) for text in (start, stop))
    return " ".join(mark.label for mark in time_marks(axis, Zone.of(zone), first, last, 600, 78))


@pytest.mark.parametrize(
    ("zone", "start", "stop", "found"),
    [
        ("UTC", "1974-06-01", "2023-06-01", "1980 1990 2000 2010 2020"),
        ("UTC", "2019-11-20", "2020-06-10", "Dec 2020 Feb Mar Apr May Jun"),
        ("UTC", "2019-12-28", "2020-01-03", "28 29 30 31 2020 2 3"),
        ("Asia/Kolkata", "2019-12-31T22:00", "2020-01-01T03:00", "22:00 23:00 2020 01:00 02:00 03:00"),
        ("America/Chicago", "2020-03-08", "2020-03-08T07:00", "8 01:00 03:00 04:00 05:00 06:00 07:00"),
        ("America/Chicago", "2020-11-01", "2020-11-01T05:00", "Nov 01:00 01:00 02:00 03:00 04:00 05:00"),
        ("Australia/Lord_Howe", "2020-10-04T01:00", "2020-10-04T03:30", "01:00 01:30 02:30 03:00 03:30"),
        ("Australia/Lord_Howe", "2021-04-04T01:00", "2021-04-04T02:30", "01:00 01:30 01:30 02:00 02:30"),
        ("America/Sao_Paulo", "2018-11-03T23:00", "2018-11-04T02:00", "23:00 23:30 4 01:30 02:00"),
        ("UTC", "2020-01-01T09:59:50", "2020-01-01T10:00:10", "09:59:50 09:59:55 10:00 10:00:05 10:00:10"),
    ],
)  # fmt: skip
def test_labels_as_one_would_write_them(zone: str, start: str, stop: str, found: str) -> None:
    assert labels(round_the_clock(), zone, start, stop) == found


@pytest.mark.parametrize(
    ("axis", "zone", "start", "stop", "found"),
    [
        # New Year's Day is closed: the year begins at the next open instant.
        ("stocks", "America/New_York", "2019-12-27", "2020-01-07", "27 30 31 2020 3 6 7"),
        ("stocks", "America/New_York", "2020-01-15", "2020-01-16", "15 11:00 12:00 13:00 14:00 15:00 16"),
        # A Sunday evening gives way to the Monday, and is named once it has room.
        ("futures", "America/Chicago", "2020-01-16", "2020-01-23", "16 17 20 21 22 23"),
        (
            "futures",
            "America/Chicago",
            "2020-01-17T12:00",
            "2020-01-20T16:00",
            "12:00 19 20 04:00 08:00 12:00",
        ),
    ],
)
def test_closed_time_is_named_at_the_next_opening(
    axis: str, zone: str, start: str, stop: str, found: str
) -> None:
    assert labels(AXES[axis](), zone, start, stop) == found


def test_below_a_second_labels_are_full() -> None:
    found = labels(round_the_clock(), "UTC", "2020-01-01T09:59:59", "2020-01-01T10:00:01")
    assert found == "09:59:59 09:59:59.500 10:00:00 10:00:00.500 10:00:01"


def test_longer_units_stand_out() -> None:
    axis = round_the_clock()
    start = axis.to_axis(ns("2019-12-31T12:00"))
    marks = time_marks(axis, Zone.of("UTC"), start, start + DAY, 1200, 78)
    assert [mark.level for mark in marks if mark.label == "2020"] == [timescale.YEAR]
    assert {mark.level for mark in marks if mark.label != "2020"} == {timescale.MINUTE}
    months = time_marks(axis, Zone.of("UTC"), start, start + 60 * DAY, 1200, 78)
    assert {mark.label: mark.level for mark in months}["Feb"] == timescale.MONTH


def test_nothing_to_mark() -> None:
    axis = stocks()
    zone = Zone.of("UTC")
    assert time_marks(axis, zone, 5, 5, 1200, 78) == []
    assert time_marks(axis, zone, 0, DAY, 0, 78) == []
    assert time_marks(axis, zone, 2**64, 2**64 + DAY, 1200, 78) == [], "after the year 2262"


def test_the_whole_of_int64_is_marked_where_there_are_dates() -> None:
    marks = time_marks(round_the_clock(), Zone.of("Asia/Kolkata"), -(2**63), 2**63 - 1, 1200, 78)
    assert [int(mark.label) for mark in marks] == list(range(1700, 2251, 50))


@examples
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 5)), min_size=1, max_size=40), st.integers(1, 60)
)
def test_kept_marks_are_those_of_the_plain_rule(steps: list[tuple[int, int]], gap: int) -> None:
    position = np.cumsum([step for step, _ in steps])
    rank = np.array([rank for _, rank in steps])
    kept = np.empty(position.size, dtype=np.bool_)
    keep_apart(position, rank, gap, kept)
    plain: list[int] = []
    for at in sorted(range(len(rank)), key=lambda i: (-rank[i], i)):
        if all(abs(position[at] - position[other]) >= gap for other in plain):
            plain.append(at)
    assert np.flatnonzero(kept).tolist() == sorted(plain)
