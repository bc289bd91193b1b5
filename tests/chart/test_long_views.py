"""Charts of a history with levels equal those without, and read no tick where they are long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.chart.compose import Picture, Style, compose
from kf_widget.chart.subject import Subject
from kf_widget.chart.timeaxis import TimeAxis
from kf_widget.chart.view import Viewport
from kf_widget.history.levels import DAY_NS, HOUR_NS, MINUTE_NS, STEPS, levels_of
from kf_widget.history.ticks import Ticks

SECOND = 10**9
ZONES = ("UTC", "America/Chicago", "Asia/Kolkata", "Africa/Monrovia")
STARTS = ("2024-03-04", "1971-12-20")
"""A change of clocks in Chicago, and Liberia leaving 44 minutes and 30 seconds behind."""


def levelled(ticks: Ticks, steps: tuple[int, ...] = STEPS) -> Ticks:
    other = Ticks.from_columns(ticks.time_ns, ticks.close, ticks.volume)
    other.levels = levels_of(ticks, steps)
    return other


def market(seed: int, start: str) -> Ticks:
    """Sessions of six hours on most days, dense enough that an hour has some hundred ticks."""
    rng = np.random.default_rng(seed)
    first = int(np.datetime64(start, "ns").astype(np.int64))
    days = [d for d in range(28) if rng.random() < 0.7] + [28]
    stamps = [first + d * DAY_NS + 14 * HOUR_NS + rng.integers(0, 6 * HOUR_NS, 700) for d in days]
    time_ns = np.sort(np.concatenate(stamps) // 10**6 * 10**6)
    price = 100 + 0.25 * np.cumsum(rng.integers(-2, 3, time_ns.size))
    return Ticks.from_columns(time_ns, price, rng.integers(1, 50, time_ns.size).astype(np.float64))


PLAIN = [market(seed, start) for seed, start in enumerate(STARTS)]
LEVELLED = [levelled(ticks) for ticks in PLAIN]
MEASURE = lambda text, size, weight: 0.5 * size * len(text)  # noqa: E731


def picture(ticks: Ticks, zone: str, axis: str, left: float, width: float, style: Style) -> Picture:
    subject = Subject.of(ticks, zone, axis)
    span = subject.axis.stop - subject.axis.start
    start = subject.axis.start + int(left * span)
    viewport = Viewport(start, start + max(1, int(width * span)), None, 640, 300, 1.0, 0.25)
    return compose(subject, viewport, style, MEASURE)


@settings(max_examples=120)
@given(
    which=st.integers(0, len(PLAIN) - 1),
    zone=st.sampled_from(ZONES),
    axis=st.sampled_from(["trading", "clock"]),
    left=st.floats(-0.2, 1.05),
    width=st.floats(1e-4, 1.2),
    timeframe=st.sampled_from(["auto", "30s", "1m", "7m", "1h", "4h", "1D", "1W", "1M"]),
    chart_type=st.sampled_from(["candle", "hollow", "heikin_ashi", "line"]),
)
def test_pictures_are_the_same(
    which: int, zone: str, axis: str, left: float, width: float, timeframe: str, chart_type: str
) -> None:
    style = Style(timeframe, chart_type)
    want = picture(PLAIN[which], zone, axis, left, width, style)
    got = picture(LEVELLED[which], zone, axis, left, width, style)
    for name in ("start_ns", "stop_ns", "x0", "x1", "ohlc", "count", "rows", "rising"):
        np.testing.assert_array_equal(getattr(got.columns, name), getattr(want.columns, name), err_msg=name)
    np.testing.assert_allclose(got.columns.volume, want.columns.volume, rtol=1e-12)
    np.testing.assert_equal(got.columns.before, want.columns.before)
    assert (got.timeframe, got.columns.merged, got.last) == (want.timeframe, want.columns.merged, want.last)


def same_axis(one: TimeAxis, other: TimeAxis) -> bool:
    return (
        one.open_ns.tolist() == other.open_ns.tolist()
        and one.close_ns.tolist() == other.close_ns.tolist()
        and (one.start, one.stop) == (other.start, other.stop)
    )


GAPS = st.one_of(
    st.sampled_from([0, 1, SECOND, MINUTE_NS - 1, MINUTE_NS, 17 * HOUR_NS]),
    st.integers(-2, 2).map(lambda by: 30 * MINUTE_NS + by),
    st.integers(28 * MINUTE_NS, 33 * MINUTE_NS),
    st.integers(0, 3 * MINUTE_NS),
)


@settings(max_examples=200)
@given(first=st.integers(0, 10**18), gaps=st.lists(GAPS, min_size=1, max_size=60), dense=st.booleans())
def test_the_axis_is_the_same_to_the_nanosecond(first: int, gaps: list[int], dense: bool) -> None:
    time_ns = first + np.cumsum([0, *gaps])
    if dense:  # a usual gap that leaves the threshold at 30 minutes
        time_ns = np.sort(np.concatenate((time_ns, np.repeat(time_ns, 40), time_ns[-1] + np.array([5, 6]))))
    ticks = Ticks.from_columns(time_ns, np.ones(len(time_ns)))
    assert same_axis(TimeAxis.trading(levelled(ticks)), TimeAxis.trading(ticks))
    assert same_axis(TimeAxis.clock(levelled(ticks)), TimeAxis.clock(ticks))


@pytest.mark.parametrize("seed", range(6))
def test_the_axis_of_a_long_history_is_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    usual = 10.0 ** rng.uniform(-1, 3)
    gaps = rng.exponential(usual, 60_000) * 1e9
    gaps[rng.integers(0, 60_000, 40)] += rng.uniform(0, 3, 40) * HOUR_NS
    gaps[rng.random(60_000) < 0.3] = 0
    ticks = Ticks.from_columns(np.cumsum(gaps.astype(np.int64)), np.ones(60_000))
    for steps in (STEPS, (MINUTE_NS,), (HOUR_NS, DAY_NS)):
        assert same_axis(TimeAxis.trading(levelled(ticks, steps)), TimeAxis.trading(ticks))


UNREADABLE = """
import ctypes, faulthandler, mmap, resource, sys
import numpy as np
from kf_widget.chart.compose import Style, compose
from kf_widget.chart.subject import Subject
from kf_widget.chart.view import Viewport
from kf_widget.history.levels import levels_of
from kf_widget.history.ticks import Ticks

faulthandler.enable()
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
n, days, hour = 600_000, 90, 3_600 * 10**9
rng = np.random.default_rng(7)
day = np.sort(rng.integers(0, days, n))
time_ns = 1_709_251_200 * 10**9 + day * 24 * hour + 13 * hour + rng.integers(0, 8 * hour, n)
time_ns.sort()
maps = []

def mapped(values):
    room = mmap.mmap(-1, values.nbytes)
    maps.append(room)
    array = np.frombuffer(room, values.dtype)
    array[:] = values
    array.flags.writeable = False
    return array

price = np.round(100 + np.cumsum(rng.normal(0, 0.02, n)), 2)
columns = [mapped(values) for values in (time_ns, price, rng.random(n))]
ticks = Ticks.from_columns(*columns)
ticks.levels = levels_of(ticks)
ticks.index
tail = int(ticks.levels[60 * 10**9].first_row[-1])
assert n - tail < 100, "the ticks of one minute"
libc = ctypes.CDLL(None, use_errno=True)
for column in columns:
    whole = tail * 8 // mmap.PAGESIZE * mmap.PAGESIZE
    if libc.mprotect(ctypes.c_void_p(column.ctypes.data), ctypes.c_size_t(whole), 0):
        raise OSError(ctypes.get_errno(), "mprotect")

def draw(zone, kind, start, stop, style):
    subject = Subject.of(ticks, zone, kind)
    axis = subject.axis
    span = axis.stop - axis.start
    viewport = Viewport(axis.start + int(start * span), axis.start + int(stop * span), None, 1200, 600)
    return compose(subject, viewport, style, lambda text, size, weight: 0.5 * size * len(text))

for zone in ("UTC", "America/Chicago", "Asia/Kolkata"):
    for kind in ("trading", "clock"):
        for chart_type in ("candle", "hollow", "heikin_ashi", "line"):
            for timeframe in ("auto", "1m", "1h", "1D", "1W"):
                picture = draw(zone, kind, 0, 1.03, Style(timeframe, chart_type))
                assert picture.columns.count.sum() == n
            for start in (0.2, 0.7):
                draw(zone, kind, start, start + 0.33, Style("1h", chart_type))
                draw(zone, kind, start, start + 0.02, Style("auto", chart_type))
    for timeframe in ("1m", "5m", "1h", "1D", "1M"):
        assert ticks.resample(timeframe, tz=zone).count.sum() == n
print("read no tick", flush=True)
if sys.argv[1:] == ["read"]:
    print(ticks.close[tail // 2])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mprotect as Linux has it")
@pytest.mark.parametrize("read", [False, True], ids=["long views", "a tick"])
def test_long_views_read_no_tick_before_the_last_minute(read: bool, tmp_path: Path) -> None:
    """The pages of the ticks that bars cover cannot be read: who does is killed, as the second run shows."""
    script = tmp_path / "views.py"
    script.write_text(UNREADABLE)
    done = subprocess.run(
        [sys.executable, script, *(["read"] if read else [])], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("read no tick"), done.stderr
    assert (done.returncode != 0) == read, done.stderr
