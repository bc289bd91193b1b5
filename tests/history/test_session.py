"""Trading days that begin at a session's open instead of midnight."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kf_widget.chart.query import visible_columns
from kf_widget.chart.readout import READOUT_COLUMNS, read_out
from kf_widget.chart.subject import Subject
from kf_widget.history.edges import floor_time, time_edges
from kf_widget.history.levels import levels_of
from kf_widget.history.sample import sample_ticks
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone

HOUR_NS = 3600 * 10**9


def reference_days(ticks: Ticks, tz: str, shift_h: float) -> pd.Series:
    """Rows of each trading day, told by pandas: local wall-clock time moved by the session's open."""
    local = ticks.to_pandas().tz_convert(tz).tz_localize(None)
    return local.groupby((local.index + pd.Timedelta(hours=shift_h)).date).size()


@pytest.mark.parametrize(
    ("tz", "session", "shift_h"),
    [("America/Chicago", "17:00", 7), ("America/New_York", "09:30", -9.5), ("Asia/Kolkata", "12:00", 12)],
)
def test_day_bars_hold_the_ticks_of_a_session(tz: str, session: str, shift_h: float) -> None:
    ticks = sample_ticks(50_000, years=1, seed=3)
    bars = ticks.resample("1D", tz=tz, session=session)
    expected = reference_days(ticks, tz, shift_h)
    np.testing.assert_array_equal(bars.count, expected.to_numpy())
    starts = pd.DatetimeIndex(bars.time_ns.view("M8[ns]"), tz="UTC").tz_convert(tz)
    assert set(starts.strftime("%H:%M")) == {session}, "every day begins at the open, summer and winter"


@pytest.mark.parametrize("timeframe", ["1h", "4h", "1D", "1W", "1M"])
def test_levels_give_the_same_bars(timeframe: str) -> None:
    ticks = sample_ticks(50_000, years=1, seed=4)
    plain = ticks.resample(timeframe, tz="America/Chicago", session="17:00")
    ticks.levels = levels_of(ticks)
    through = ticks.resample(timeframe, tz="America/Chicago", session="17:00")
    for name in ("time_ns", "open", "high", "low", "close", "count"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(through, name))


def test_intraday_bars_anchor_at_the_open() -> None:
    zone = Zone.of("America/New_York", "09:30")
    open_ns = pd.Timestamp("2024-03-13 09:30", tz="America/New_York").value
    edges = time_edges(Timeframe.parse("1h"), zone, open_ns, open_ns + 3 * HOUR_NS)
    assert edges.tolist() == [open_ns + i * HOUR_NS for i in range(4)]
    week = floor_time(Timeframe.parse("1W"), Zone.of("America/Chicago", "17:00"), [open_ns])
    assert pd.Timestamp(int(week[0]), tz="America/Chicago").isoformat() == "2024-03-10T17:00:00-05:00"


def test_a_day_is_called_by_its_trading_date() -> None:
    sunday = pd.Timestamp("2024-03-10 18:00", tz="America/Chicago").value
    times = sunday + np.arange(3) * 20 * HOUR_NS
    ticks = Ticks.from_columns(times, np.array([1.0, 2.0, 3.0]), tz="America/Chicago")
    subject = Subject.of(ticks, session="17:00")
    from kf_widget.chart.layout import lay_out
    from kf_widget.chart.view import Viewport

    layout = lay_out(Viewport(subject.axis.start, subject.axis.stop, None, 600, 300), 0.0, False, False)
    packed = read_out(visible_columns(subject, layout, "1D"), subject.zone)
    table = np.frombuffer(packed.data, "<i4").reshape(len(READOUT_COLUMNS), packed.n)
    days = table[READOUT_COLUMNS.index("day")].astype("M8[D]").astype(str)
    assert days.tolist()[0] == "2024-03-11"
    assert not table[READOUT_COLUMNS.index("ms")].any()


@pytest.mark.parametrize("session", ["17", "25:00", "9:30", "17:00:00", 17])
def test_a_bad_session_says_how_to_write_one(session: object) -> None:
    with pytest.raises(ValueError, match=r"session: must be a local time as '17:00'.*got"):
        Zone.of("UTC", session)  # type: ignore[arg-type]
