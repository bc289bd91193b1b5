"""The bars of any viewport equal brute force over the rows, whole and complete."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.chart.layout import Layout, lay_out
from kf_widget.chart.query import Columns, visible_columns
from kf_widget.chart.resolution import resolve
from kf_widget.chart.subject import Subject
from kf_widget.chart.view import Viewport
from kf_widget.history.bars import Bars
from kf_widget.history.edges import time_edges
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe

DAY = 86_400 * 10**9
START = 1_709_251_200 * 10**9  # 2024-03-01, nine days before a change of clocks in Chicago


def market(seed: int, days: int = 20, per_day: int = 400) -> Ticks:
    """Six and a half hours of trading a day, many equal stamps, some days empty."""
    rng = np.random.default_rng(seed)
    stamps = []
    for day in range(days):
        if rng.random() < 0.25:
            continue
        inside = np.sort(rng.integers(0, 6 * 3600 * 1000, per_day)) * 10**6
        inside[::7] = inside[0::7] // 10**10 * 10**10
        stamps.append(START + day * DAY + 14 * 3600 * 10**9 + np.sort(inside))
    time_ns = np.concatenate([*stamps, [START + days * DAY]])
    price = 100 + 0.25 * np.cumsum(rng.integers(-2, 3, time_ns.size))
    return Ticks.from_columns(time_ns, price, rng.integers(1, 50, time_ns.size).astype(np.float64))


SUBJECTS = [
    Subject.of(market(seed), "America/Chicago", axis) for seed, axis in ((1, "trading"), (2, "clock"))
]


def shown(
    subject: Subject, start: int, stop: int, timeframe: str, width: int = 500
) -> tuple[Layout, Columns]:
    layout = lay_out(Viewport(start, stop, None, width, 300, 1.0, 0.25), 40.0, True)
    return layout, visible_columns(subject, layout, timeframe)


def check_against_rows(subject: Subject, layout: Layout, columns: Columns) -> None:
    ticks = subject.history
    inside = 0
    for i in range(len(columns)):
        rows = slice(*np.searchsorted(ticks.time_ns, [columns.start_ns[i], columns.stop_ns[i]]))
        price, size = ticks.close[rows], ticks.volume[rows]
        assert columns.ohlc[i].tolist() == [price[0], price.max(), price.min(), price[-1]]
        assert columns.volume[i] == pytest.approx(size.sum(), rel=1e-12)
        assert columns.count[i] == price.size
        inside += price.size
    edges = subject.axis.to_ns([int(layout.start) + 1, int(layout.stop)])
    first, last = np.searchsorted(ticks.time_ns, edges)
    assert inside >= last - first, "a tick inside of the picture is in no bar"
    assert (np.diff(columns.start_ns) > 0).all()
    assert (columns.stop_ns[:-1] <= columns.start_ns[1:]).all()


@settings(max_examples=60, deadline=None)
@given(
    which=st.integers(0, 1),
    left=st.floats(-0.2, 1.1),
    width=st.floats(1e-7, 1.0),
    timeframe=st.sampled_from(["1s", "15s", "1m", "5m", "1h", "4h", "1D", "1W", "1M"]),
)
def test_time_bars_equal_brute_force(which: int, left: float, width: float, timeframe: str) -> None:
    subject = SUBJECTS[which]
    span = subject.axis.stop - subject.axis.start
    start = subject.axis.start + int(left * span)
    layout, columns = shown(subject, start, start + max(1, int(width * span)), timeframe)
    check_against_rows(subject, layout, columns)
    assert len(columns) <= 2 * layout.plot[2] + 8


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("timeframe", ["1m", "30m", "1D"])
def test_bars_wider_than_a_pixel_are_all_the_timeframes_own(which: int, timeframe: str) -> None:
    subject = SUBJECTS[which]
    rule = Timeframe.parse(timeframe)
    start = int(subject.axis.to_axis(subject.history.time_ns[2100]))
    _, columns = shown(subject, start, start + 200 * rule.nominal_ns, timeframe, width=1500)
    edges = time_edges(rule, subject.zone, int(columns.start_ns[0]), int(columns.stop_ns[-1]))
    assert not columns.merged
    assert np.isin(columns.start_ns, edges).all()
    assert np.isin(columns.stop_ns, edges).all()
    inside = np.searchsorted(edges, columns.stop_ns) - np.searchsorted(edges, columns.start_ns)
    assert (inside == 1).all()


@settings(max_examples=40, deadline=None)
@given(left=st.floats(0, 0.9), width=st.floats(1e-6, 0.5))
def test_rows_are_drawn_as_they_are_or_merged_exactly(left: float, width: float) -> None:
    subject = SUBJECTS[0]
    span = subject.axis.stop - subject.axis.start
    start = subject.axis.start + int(left * span)
    layout, columns = shown(subject, start, start + max(1, int(width * span)), "ticks", width=120)
    ticks = subject.history
    if columns.single:
        here = (
            slice(int(columns.rows[0]), int(columns.rows[0]) + len(columns)) if len(columns) else slice(0, 0)
        )
        assert (columns.ohlc == ticks.close[here][:, None]).all()
    else:
        rows = np.append(columns.rows, columns.rows[-1] + columns.count[-1])
        for i, (a, b) in enumerate(itertools.pairwise(rows)):
            assert columns.ohlc[i, 1] == ticks.close[a:b].max()
            assert columns.ohlc[i, 2] == ticks.close[a:b].min()
    edges = subject.axis.to_ns([int(layout.start) + 1, int(layout.stop)])
    first, last = np.searchsorted(ticks.time_ns, edges)
    assert columns.count.sum() >= last - first


@pytest.mark.parametrize("timeframe", ["50t", "1000v", "1e5$"])
@pytest.mark.parametrize("share", [1.0, 0.1])
def test_counted_bars_hold_every_row_once(timeframe: str, share: float) -> None:
    subject = SUBJECTS[0]
    span = int((subject.axis.stop - subject.axis.start) * share)
    _, columns = shown(subject, subject.axis.start, subject.axis.start + span, timeframe, width=900)
    assert (columns.rows[1:] == columns.rows[:-1] + columns.count[:-1]).all()


def test_auto_goes_from_long_bars_to_single_trades() -> None:
    subject = SUBJECTS[0]
    middle = int(subject.axis.to_axis(subject.history.time_ns[2000]))
    seen = []
    for span in np.geomspace(subject.axis.stop, 10**6, 40):
        start = middle - int(span) // 2
        seen.append(resolve(subject, "auto", start, start + int(span), 1000.0))
    order = list(dict.fromkeys(seen))
    assert order[-1] == "ticks"
    assert len(order) >= 4
    assert seen == sorted(seen, key=order.index), "never back to a longer one while zooming in"


def test_bars_are_shown_as_they_are_and_never_finer() -> None:
    n = 300
    close = 100 + np.arange(n) * 0.5
    start_ns = START + np.arange(n) * 60 * 10**9
    bars = Bars.from_columns(start_ns, close - 0.25, close + 1, close - 1, close, np.ones(n))
    subject = Subject.of(bars)
    timeframe = resolve(subject, "auto", 0, 30 * 60 * 10**9, 1000.0)
    assert timeframe == "ticks"
    _, columns = shown(subject, subject.axis.start, subject.axis.start + 30 * 60 * 10**9, timeframe)
    assert (columns.stop_ns - columns.start_ns == 60 * 10**9).all()
    assert columns.single


@pytest.mark.parametrize("timeframe", ["1W", "1M", "1Y"])
@pytest.mark.parametrize("days", [1, 4, 9])
def test_a_bar_is_drawn_where_its_data_is(timeframe: str, days: int) -> None:
    stamps = START + np.arange(days * 24) * (DAY // 24)
    price = 100.0 + np.arange(days * 24) % 7
    subject = Subject.of(Ticks.from_columns(stamps, price, np.ones(days * 24)))
    layout, columns = shown(subject, subject.axis.start, subject.axis.stop, timeframe)
    middle = (columns.x0 + columns.x1) / 2 * layout.ns_per_px + layout.start
    assert ((middle >= subject.axis.start) & (middle <= subject.axis.stop)).all()
    assert (columns.x0 < columns.x1).all()
    assert columns.count.sum() == days * 24


@pytest.mark.parametrize("timeframe", ["1h", "4h", "1D", "4D"])
@pytest.mark.parametrize("axis", ["trading", "clock"])
def test_the_first_bar_begins_with_the_data_and_the_last_is_as_wide_as_others(
    timeframe: str, axis: str
) -> None:
    stamps = START + np.arange(14 * 60 + 20, 20 * 24 * 60 + 61) * (DAY // 24 // 60)
    subject = Subject.of(Ticks.from_columns(stamps, 100.0 + np.arange(stamps.size) % 7), "UTC", axis)
    layout, columns = shown(subject, subject.axis.start, subject.axis.stop + DAY, timeframe, 900)
    first = (subject.axis.start - layout.start) / layout.ns_per_px
    widths = columns.x1 - columns.x0
    assert columns.count.sum() == stamps.size
    assert columns.x0[0] == pytest.approx(first, abs=1e-6)
    assert widths[0] < widths[1]
    assert np.ptp(widths[1:]) < 1e-6


def test_a_last_day_is_as_wide_as_its_hours_of_trading() -> None:
    """Its slot lasts until midnight; the others end, on the axis, with the close."""
    hours = np.concatenate([np.arange(14 * 60, 20 * 60) + day * 24 * 60 for day in range(12)])
    for until in (hours.size, hours.size - 200):
        stamps = START + hours[:until] * (DAY // 24 // 60)
        subject = Subject.of(Ticks.from_columns(stamps, 100.0 + np.arange(until) % 7), "UTC")
        _, columns = shown(subject, subject.axis.start, subject.axis.stop + DAY, "1D", 900)
        widths = columns.x1 - columns.x0
        assert len(columns) == 12
        assert np.ptp(widths) < 0.03 * widths[1]


@pytest.mark.parametrize("timeframe", ["1m", "60t", "60v", "ticks"])
@pytest.mark.parametrize("per_px", [1.3, 1.5, 2.7, 11.4])
def test_volume_of_equal_bars_is_no_comb(timeframe: str, per_px: float) -> None:
    """A pixel column that holds one bar more than its neighbour is not taller for it."""
    n = 90_000
    stamps = START + np.arange(n) * 10**9
    price = 100 + 0.25 * np.cumsum(np.random.default_rng(3).integers(-2, 3, n))
    history: Ticks | Bars = Ticks.from_columns(stamps, price, np.ones(n))
    bar_ns = 60 * 10**9
    if timeframe == "ticks":
        history, bar_ns = history.resample("1s"), 10**9
    subject = Subject.of(history)
    width = 500
    _, columns = shown(
        subject, subject.axis.start, subject.axis.start + int(width * per_px * bar_ns), timeframe, width
    )
    inner = columns.volume_a_bar[1:-1]
    assert columns.merged
    assert np.ptp(columns.volume[1:-1]) > 0
    assert inner == pytest.approx(np.full(inner.size, 1.0 if timeframe == "ticks" else 60.0))


@pytest.mark.parametrize("width", [900, 1500, 2600])
def test_slots_without_a_trade_are_no_bars(width: int) -> None:
    """Minutes of which few have a trade, weeks on the clock: bars keep their height as they are merged."""
    minutes = np.flatnonzero(np.random.default_rng(1).random(3000) < 0.15)
    rare = Ticks.from_columns(START + minutes * 60 * 10**9, 100.0 + minutes % 7, np.full(minutes.size, 10.0))
    days = np.flatnonzero(np.arange(2000) % 7 < 5)
    at = (days[:, None] * 86_400 + 36_000 + np.arange(30) * 60).ravel()
    weekly = Ticks.from_columns(START + at * 10**9, 100.0 + at % 7, np.ones(at.size))
    for ticks, timeframe, axis, volume in ((rare, "1m", "clock", 10.0), (weekly, "1D", "clock", 30.0)):
        subject = Subject.of(ticks, "UTC", axis)
        layout, columns = shown(subject, subject.axis.start, subject.axis.stop, timeframe, width)
        assert columns.merged == (layout.ns_per_px > Timeframe.parse(timeframe).nominal_ns)
        assert columns.volume_a_bar == pytest.approx(np.full(len(columns), volume))


@pytest.mark.parametrize("timeframe", ["1s", "1m", "1D", "1M", "ticks", "10t", "5v"])
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tiny_histories(rows: int, timeframe: str) -> None:
    stamps = np.array([START, START + 3 * 365 * DAY])[:rows]
    ticks = Ticks.from_columns(stamps, np.full(rows, 5.0), np.ones(rows))
    subject = Subject.of(ticks)
    _, columns = shown(subject, subject.axis.start, subject.axis.stop, timeframe)
    assert columns.count.sum() == rows
