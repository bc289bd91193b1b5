"""TimeAxis: round trips, order, what is cut and what is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.chart import timeaxis_kernels as kernels
from kf_widget.chart.timeaxis import TimeAxis
from kf_widget.history.bars import Bars
from kf_widget.history.protocol import Ints
from kf_widget.history.ticks import Ticks

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# The first example may have to compile its kernels.
examples = settings(deadline=None, derandomize=True)


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def ticks(time_ns: Ints) -> Ticks:
    return Ticks.from_columns(np.asarray(time_ns, dtype=np.int64), np.ones(len(time_ns)))


def bars(time_ns: Ints, interval_ns: int | None = None) -> Bars:
    time_ns = np.asarray(time_ns, dtype=np.int64)
    return Bars.from_columns(time_ns, *4 * [np.ones(len(time_ns))], interval_ns=interval_ns)


def sessions(days: int = 10, every_ns: int = 20 * SECOND) -> Ints:
    """Ticks from 09:30 to 16:00 on weekdays from Monday 2024-03-04."""
    starts = [ns("2024-03-04T09:30") + d * DAY for d in range(days) if d % 7 < 5]
    return np.concatenate([np.arange(s, s + 390 * MINUTE, every_ns) for s in starts])


@st.composite
def axes(draw: st.DrawFn) -> TimeAxis:
    lengths = draw(
        st.lists(st.tuples(st.integers(1, 10**15), st.integers(1, 10**17)), min_size=1, max_size=9)
    )
    at = draw(st.integers(-(10**17), 2 * 10**18))
    opens, closes = [], []
    for length, gap in lengths:
        opens.append(at)
        closes.append(at + length)
        at += length + gap
    return TimeAxis(np.array(opens), np.array(closes))


@examples
@given(axes(), st.lists(st.integers(-(10**17), 10**18), min_size=1, max_size=20))
def test_positions_come_back_from_utc(axis: TimeAxis, positions: list[int]) -> None:
    there = axis.to_ns(positions)
    assert axis.to_axis(there).tolist() == positions
    assert [axis.to_ns(p) for p in positions] == there.tolist()


@examples
@given(axes(), st.data())
def test_open_instants_come_back_and_closed_ones_move_to_the_next_open(
    axis: TimeAxis, data: st.DataObject
) -> None:
    around = st.integers(int(axis.open_ns[0]) - 10**15, int(axis.close_ns[-1]) + 10**15)
    times = data.draw(st.lists(around, min_size=1, max_size=20))
    positions = axis.to_axis(times)
    assert [axis.to_axis(t) for t in times] == positions.tolist()
    for t, back in zip(times, axis.to_ns(positions).tolist(), strict=True):
        i = int(np.searchsorted(axis.close_ns, t, side="right"))  # the first interval not over yet
        assert back == (t if i in (0, len(axis.open_ns)) else max(t, int(axis.open_ns[i])))


@examples
@given(axes(), st.data())
def test_both_ways_keep_the_order(axis: TimeAxis, data: st.DataObject) -> None:
    around = st.integers(int(axis.open_ns[0]) - 10**15, int(axis.close_ns[-1]) + 10**15)
    times = np.sort(data.draw(st.lists(around, min_size=2, max_size=20)))
    assert (np.diff(axis.to_axis(times)) >= 0).all()
    assert (np.diff(axis.to_axis(times)) <= np.diff(times)).all()
    positions = np.unique(axis.to_axis(times))
    assert (np.diff(axis.to_ns(positions)) >= np.diff(positions)).all()


@examples
@given(axes(), st.integers(-(10**15), 10**16), st.integers(0, 10**16))
def test_pieces_make_up_the_range(axis: TimeAxis, start: int, width: int) -> None:
    opens, closes = axis.pieces(start, start + width)
    assert int((closes - opens).sum()) == width
    assert (closes > opens).all()
    assert (opens[1:] > closes[:-1]).all()
    if width:
        assert opens[0] == axis.to_ns(start)
        assert closes[-1] == axis.to_ns(start + width - 1) + 1
        assert axis.to_axis(opens).tolist() == (start + np.cumsum(closes - opens) - (closes - opens)).tolist()


def test_the_far_ends_of_int64_stop_instead_of_turning_over() -> None:
    axis = TimeAxis.trading(ticks(sessions()))
    for way in (axis.to_axis, axis.to_ns):
        far = [-(2**63), -(2**62), 0, 2**62, 2**63 - 1]
        assert (np.diff(way(far)) >= 0).all()
        assert [way(t) for t in far] == way(far).tolist()


def test_shapes_and_scalars() -> None:
    axis = TimeAxis.trading(ticks(sessions()))
    grid = axis.to_ns(np.arange(6).reshape(2, 3))
    assert grid.shape == (2, 3)
    assert axis.to_axis(grid).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert isinstance(axis.to_axis(np.int64(5)), int)
    given_ns = sessions()
    axis.to_axis(given_ns)
    assert (given_ns == sessions()).all(), "the caller's array is left alone"


def test_nights_and_weekends_take_no_room() -> None:
    axis = TimeAxis.trading(ticks(sessions(12)))
    assert len(axis.open_ns) == 10
    assert (axis.close_ns - axis.open_ns == 390 * MINUTE).all()
    assert axis.open_ns[0] == ns("2024-03-04T09:30")
    assert axis.start == 0
    assert axis.stop == 10 * 390 * MINUTE - 20 * SECOND + 1
    monday = axis.to_axis(ns("2024-03-11T09:30"))
    assert monday == 5 * 390 * MINUTE
    assert axis.to_axis(ns("2024-03-09T12:00")) == monday
    assert axis.to_ns(monday) == ns("2024-03-11T09:30")
    assert axis.to_ns(monday - 1) == ns("2024-03-08T16:00") - 1
    day_ns, week_ns = axis.usual_open_ns
    assert day_ns == 390 * MINUTE
    assert week_ns == 5 * 390 * MINUTE


def test_ends_widen_to_whole_minutes() -> None:
    times = np.array([ns("2024-03-04T09:30:12.5"), ns("2024-03-04T09:30:40"), ns("2024-03-04T12:00")])
    times = np.sort(np.concatenate((times, times[0] + np.arange(1000))))
    axis = TimeAxis.trading(ticks(times))
    assert axis.open_ns.tolist() == [ns("2024-03-04T09:30"), ns("2024-03-04T12:00")]
    assert axis.close_ns.tolist() == [ns("2024-03-04T09:31"), ns("2024-03-04T12:01")]
    assert axis.start == axis.to_axis(int(times[0]))
    assert axis.stop == MINUTE + 1


@pytest.mark.parametrize(("minutes", "cut"), [(30, False), (31, True)])
def test_a_gap_is_cut_above_half_an_hour(minutes: int, cut: bool) -> None:
    times = ns("2024-03-04") + np.arange(1000) * SECOND
    times = np.concatenate((times, times[-1] + minutes * MINUTE + np.arange(1000) * SECOND))
    assert len(TimeAxis.trading(ticks(times)).open_ns) == 1 + cut


@pytest.mark.parametrize(("factor", "cut"), [(50, False), (51, True)])
def test_slow_ticks_need_fifty_times_their_usual_gap(factor: int, cut: bool) -> None:
    times = ns("2024-03-04") + np.arange(1000) * HOUR
    times = np.concatenate((times, times[-1] + factor * HOUR + np.arange(1000) * HOUR))
    assert len(TimeAxis.trading(ticks(times)).open_ns) == 1 + cut


def test_equal_stamps_do_not_make_the_usual_gap_zero() -> None:
    hourly = np.repeat(ns("2024-03-04") + np.arange(500) * HOUR, 10)
    assert len(TimeAxis.trading(ticks(hourly)).open_ns) == 1


@examples
@given(st.lists(st.integers(1, 3 * HOUR), min_size=1, max_size=400), st.integers(0, 63))
def test_gaps_are_those_a_plain_search_finds(steps: list[int], dense: int) -> None:
    times = np.cumsum(np.concatenate((np.full(dense, SECOND), steps))) + ns("2024-01-01")
    rows = np.empty(times.size, dtype=np.int64)
    found = kernels.find_gaps(times, HOUR, rows)
    assert rows[:found].tolist() == (np.flatnonzero(np.diff(times) > HOUR) + 1).tolist()


def test_more_gaps_than_the_first_guess_holds() -> None:
    bursts = ns("1990-01-01") + np.arange(6000)[:, None] * DAY + np.arange(100) * SECOND // 2
    axis = TimeAxis.trading(ticks(bursts.ravel()))
    assert len(axis.open_ns) == 6000
    assert (axis.close_ns - axis.open_ns == MINUTE).all()


def test_bars_keep_the_length_of_the_last_one() -> None:
    minutes = sessions(12, MINUTE)
    axis = TimeAxis.trading(bars(minutes))
    assert (axis.close_ns - axis.open_ns == 390 * MINUTE).all()
    assert (axis.start, axis.stop) == (0, 3900 * MINUTE)


def test_daily_bars_lose_their_weekends_and_stay_equally_wide() -> None:
    days = np.array([ns("2024-03-04") + d * DAY for d in range(21) if d % 7 < 5])
    axis = TimeAxis.trading(bars(days))
    assert np.diff(axis.to_axis(days)).tolist() == 14 * [DAY]
    assert axis.stop == 15 * DAY
    assert axis.usual_open_ns == (DAY, 5 * DAY)


def test_hourly_bars_are_cut_above_two_hours() -> None:
    hours = np.array([0, 1, 2, 4, 5, 8]) * HOUR + ns("2024-03-04")
    axis = TimeAxis.trading(bars(hours, HOUR))
    assert axis.open_ns.tolist() == hours[[0, 5]].tolist()
    assert axis.close_ns.tolist() == (hours[[4, 5]] + HOUR).tolist()


@pytest.mark.parametrize("make", [TimeAxis.trading, TimeAxis.clock])
def test_odd_histories_get_one_open_interval(make) -> None:  # type: ignore[no-untyped-def]
    one = make(ticks([ns("2024-03-04T10:00")]))
    assert len(one.open_ns) == 1
    assert one.stop - one.start == SECOND
    assert one.start < one.to_axis(ns("2024-03-04T10:00")) < one.stop

    same = make(ticks(np.full(400_000, ns("2024-03-04T10:00"))))
    assert same.stop - same.start == SECOND

    sparse = [ns("2014-01-01"), ns("2019-06-01"), ns("2024-01-01")]
    three = make(ticks(sparse))
    assert len(three.open_ns) == 1
    assert three.to_axis(sparse[2]) - three.to_axis(sparse[0]) == sparse[2] - sparse[0]
    assert (three.to_ns(three.start), three.to_ns(three.stop - 1)) == (sparse[0], sparse[2])

    none = make(ticks([]))
    assert none.stop > none.start

    bar = make(bars([ns("2024-03-04")], 5 * MINUTE))
    assert (bar.start, bar.stop) == (0, 5 * MINUTE)


def test_the_wall_clock_cuts_nothing() -> None:
    times = sessions(12)
    axis = TimeAxis.clock(ticks(times))
    assert len(axis.open_ns) == 1
    assert (axis.to_axis(times) == times - times[0]).all()
    assert axis.stop == times[-1] - times[0] + 1


def test_a_history_too_short_to_tell_counts_as_round_the_clock() -> None:
    axis = TimeAxis.trading(ticks(ns("2024-03-04T10:00") + np.arange(100)))
    assert axis.usual_open_ns == (DAY, 7 * DAY)
    futures = TimeAxis.trading(ticks(ns("2024-03-03T23:00") + np.arange(0, 23 * HOUR, MINUTE)))
    assert futures.usual_open_ns == (DAY, 7 * DAY)


def test_round_the_clock_days_and_weeks() -> None:
    axis = TimeAxis.trading(ticks(ns("2024-01-01") + np.arange(0, 365 * DAY, HOUR // 4)))
    day_ns, week_ns = axis.usual_open_ns
    assert day_ns == pytest.approx(DAY, rel=0.01)
    assert week_ns == pytest.approx(7 * DAY, rel=0.02)
