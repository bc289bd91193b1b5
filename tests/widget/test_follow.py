"""Following: the window goes with the newest data, people keep theirs, nothing piles up."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kf_widget import Chart, KfError, Ticks
from kf_widget.chart.subject import Subject
from kf_widget.widget import conductor as conducting
from kf_widget.widget.follow import Follower
from kf_widget.widget.window import Window, at_end, fitted, slid
from tests.widget.growing import GrowingTicks, market
from tests.widget.test_conductor import Browser

ALL = market(60_000)
HOUR = 3600 * 10**9


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def source() -> GrowingTicks:
    return GrowingTicks(ALL, 20_000)


@pytest.fixture
def browser(source: GrowingTicks) -> Browser:
    browser = Browser(Subject.of(source.snapshot()))
    browser.hello()
    browser.run()
    axis = browser.conductor.subject.axis
    browser.conductor.look_at(at_end(Window(0, HOUR), axis))
    browser.run()
    return browser


def grow(browser: Browser, source: GrowingTicks, rows: int) -> None:
    source.append(rows)
    browser.ack(browser.frames()[-1]["frame"])
    browser.conductor.grow(source.snapshot())
    browser.run()


def test_without_a_browser_the_right_edge_keeps_the_newest_row(source: GrowingTicks) -> None:
    conductor = Browser(Subject.of(source.snapshot())).conductor
    conductor.look_at(at_end(Window(0, HOUR), conductor.subject.axis))
    ahead = conductor.window.stop - conductor.subject.axis.stop
    for rows in (1, 60, 700):
        source.append(rows)
        conductor.grow(source.snapshot())
        assert abs(conductor.window.stop - conductor.subject.axis.stop - ahead) <= 1


def test_the_window_goes_with_the_newest_data(browser: Browser, source: GrowingTicks) -> None:
    conductor = browser.conductor
    before, epoch, shown = conductor.window, conductor.epoch, browser.frames()[-1]
    margin = before.stop - conductor.subject.axis.stop
    for rows in (1, 5, 400, 2, 3000, 7000):
        grow(browser, source, rows)
        window, axis = conductor.window, conductor.subject.axis
        px = HOUR / conductor.views["v"].plot_px
        assert window.stop - window.start == HOUR
        assert margin - px <= window.stop - axis.stop <= margin + 1
        moved = (window.start - before.start) / px
        assert abs(moved - round(moved)) < 1e-3, "by whole px, so that nothing is drawn anew"
    frame = browser.frames()[-1]
    assert frame["frame"] > shown["frame"]
    assert (frame["seq"], frame["epoch"]) == (shown["seq"], epoch) == (0, conductor.epoch)


def test_a_bar_that_has_closed_never_changes(browser: Browser, source: GrowingTicks) -> None:
    conductor, seen = browser.conductor, {}
    for rows in [137] * 60:
        grow(browser, source, rows)
        picture = conductor.views["v"].renderer.draw(
            conductor.subject, conductor.views["v"].viewport(conductor.window), conductor.style
        )[0]
        columns = picture.columns
        for start, ohlc, count in list(zip(columns.start_ns, columns.ohlc, columns.count, strict=True))[:-1]:
            bar = (*ohlc, count)
            assert seen.setdefault((columns.timeframe, int(start)), bar) == bar
    assert len(seen) > 60


def test_who_pans_away_is_left_alone_until_they_return(browser: Browser, source: GrowingTicks) -> None:
    conductor = browser.conductor
    left, right = browser.frames()[-1]["window"]
    browser.look(left - 3 * (right - left), right - 3 * (right - left), moving=False)
    browser.run()
    held, sent = conductor.window, len(browser.frames())
    assert not conductor.shows_newest
    grow(browser, source, 5000)
    assert conductor.window == held
    assert len(conductor.subject.history) == 25_000, "the chart still grows"
    assert len(browser.frames()) == sent, "no new row is in the picture"
    browser.say("go", seq=9, where="end")
    browser.run()
    assert conductor.shows_newest
    assert conductor.window.stop - conductor.window.start == held.stop - held.start
    stop = conductor.window.stop
    grow(browser, source, 5000)
    assert conductor.window.stop > stop


def test_a_gesture_in_flight_is_followed_exactly(browser: Browser, source: GrowingTicks) -> None:
    conductor = browser.conductor
    left, right = browser.frames()[-1]["window"]
    width = right - left
    anchor = conductor.views["v"].anchors[browser.frames()[-1]["frame"]]
    source.append(3000)
    conductor.grow(source.snapshot())  # its frame has not been drawn when the gesture comes
    browser.look(left + 0.2 * width, right + 0.2 * width)
    wanted = anchor.start + (left + 0.2 * width) * anchor.span
    assert abs(conductor.window.start - wanted) <= 1
    assert conductor.shows_newest
    grow(browser, source, 3000)
    assert abs(conductor.window.start - wanted) <= 1, "a moving window is the person's"
    assert browser.frames()[-1]["seq"] == browser.seq, "and new rows are drawn all the same"


def test_zooming_at_the_edge_keeps_following(browser: Browser, source: GrowingTicks) -> None:
    conductor = browser.conductor
    left, right = browser.frames()[-1]["window"]
    browser.look(left + 0.5 * (right - left), right, moving=True)
    grow(browser, source, 2000)
    held = conductor.window
    browser.look(left + 0.5 * (right - left), right, moving=False, frame=browser.frames()[0]["frame"] + 1)
    browser.run()
    assert conductor.shows_newest
    grow(browser, source, 10)
    assert conductor.window.stop > held.stop, "the rows of the gesture's time are caught up with"
    assert conductor.window.start < conductor.subject.axis.stop <= conductor.window.stop


def test_a_scrub_means_the_history_that_was_seen(browser: Browser, source: GrowingTicks) -> None:
    conductor = browser.conductor
    shown, whole = browser.frames()[-1], fitted(conductor.subject.axis)
    source.append(20_000)
    conductor.grow(source.snapshot())
    browser.say(
        "scrub", seq=1, epoch=shown["epoch"], frame=shown["frame"], moving=True, x0=0.5, x1=0.75, y=None
    )
    assert conductor.window.start == whole.start + int(0.5 * (whole.stop - whole.start))


def test_overview_and_far_views_follow_once_a_second(
    browser: Browser, source: GrowingTicks, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(conducting.time, "monotonic", lambda: now[0])

    def overviews() -> int:
        return sum(content["type"] == "overview" for content, _ in browser.sent)

    before, frames = overviews(), len(browser.frames())
    for _ in range(50):
        now[0] += 0.1
        grow(browser, source, 20)
        browser.conductor.tick()
        browser.run()
    assert 5 <= overviews() - before <= 6
    assert len(browser.frames()) - frames >= 50, "while frames with new rows come as they may"
    before, frames = overviews(), len(browser.frames())
    browser.conductor.tick()
    now[0] += 5
    browser.conductor.tick()
    browser.run()
    browser.conductor.tick()
    browser.run()
    assert overviews() - before <= 1, "and nothing comes where nothing grows"


@given(
    st.integers(0, 10**12), st.integers(1, 10**12), st.lists(st.integers(0, 10**11), max_size=30), st.data()
)
def test_slides_are_whole_px_and_never_more_than_one_behind(
    start: int, span: int, growth: list[int], data: st.DataObject
) -> None:
    px = span / data.draw(st.integers(1, 4000))
    window = Window(start, start + span)
    edge = newest = start + span
    for by in growth:
        newest += by
        window, edge = slid(window, edge, newest, px)
        assert window.stop - window.start == span
        assert edge == window.stop
        assert -1 <= newest - edge <= px + 1


@pytest.fixture
def chart(source: GrowingTicks) -> Iterator[Chart]:
    chart = Chart(source)
    yield chart
    chart.close()


def test_rows_from_a_thread_and_from_a_task_arrive(chart: Chart, source: GrowingTicks) -> None:
    chart.follow()
    assert chart.following

    def feed() -> None:
        for _ in range(50):
            source.append(100)
            time.sleep(0.001)

    async def task() -> None:
        for _ in range(50):
            source.append(100)
            await asyncio.sleep(0.001)

    # The browser that other tests share keeps this thread's event loop.
    threads = [threading.Thread(target=feed), threading.Thread(target=lambda: asyncio.run(task()))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(chart.history) == 30_000)
    chart.fit()
    assert sum(chart.visible()["count"].to_pylist()) == 30_000, "no row is lost"
    assert chart.history.close[-1] == ALL.close[29_999]


def test_a_chart_that_looked_elsewhere_goes_to_the_end(chart: Chart, source: GrowingTicks) -> None:
    chart.zoom("30m")
    chart.goto(int(ALL.time_ns[5000]))
    start = chart.view.start
    chart.follow()
    assert chart.view.start > start
    assert chart.view.stop_ns >= ALL.time_ns[19_999]
    assert chart.view.stop_ns - chart.view.start_ns == 30 * 60 * 10**9


def test_following_ends_when_told_and_with_the_chart(source: GrowingTicks) -> None:
    chart = Chart(source)
    chart.follow()
    follower = chart._follower
    assert follower is not None
    chart.follow(on=False)
    assert not chart.following
    assert not follower.alive
    chart.follow()
    chart.follow()
    alive = [thread for thread in threading.enumerate() if thread.name == "kf-follow"]
    assert len(alive) == 1
    chart.close()
    assert not alive[0].is_alive()
    with pytest.raises(KfError, match="was closed"):
        chart.follow()


def test_a_choice_in_the_toolbar_may_end_following(chart: Chart, source: GrowingTicks) -> None:
    """An observer of it runs while the follower takes rows in: neither waits for the other."""
    chart.follow(source)
    took: list[float] = []

    def leave(_: object) -> None:
        time.sleep(0.2)  # meanwhile the follower finds rows
        began = time.monotonic()
        chart.follow(on=False)
        took.append(time.monotonic() - began)

    chart.observe(leave, "timeframe")
    conductor = chart._open
    size = {"width": 400, "height": 300, "ratio": 1, "dark": False, "scrubber": {"width": 400, "height": 40}}
    conductor.handle({"type": "hello", "view": "v", "protocol": 1, **size})
    source.append(500)
    conductor.handle({"type": "set", "view": "v", "seq": 1, "name": "timeframe", "value": "4h"})
    assert len(took) == 1
    assert took[0] < 3


def test_what_does_not_grow_cannot_be_followed(source: GrowingTicks) -> None:
    chart = Chart(ALL)
    with pytest.raises(
        TypeError, match=r"follow: source must have refresh\(\) and snapshot\(\), got a chart"
    ):
        chart.follow()
    with pytest.raises(TypeError, match="got int"):
        chart.follow(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="follow: source must begin with the rows that are charted"):
        chart.follow(source)
    with pytest.raises(ValueError, match="must begin with the rows"):
        Chart(source).follow(GrowingTicks(market(60_000, seed=6), 30_000))
    chart.close()


def test_a_source_that_fails_is_told_once_and_taken_up_again(
    chart: Chart, source: GrowingTicks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    monkeypatch.setattr("kf_widget.widget.follow.RETRY_S", 0.01)
    refresh = source.refresh

    def fail() -> bool:
        raise OSError("the disk is gone")

    chart.follow()
    monkeypatch.setattr(chart._open, "tell", told.append)
    monkeypatch.setattr(source, "refresh", fail)
    until(lambda: bool(told))
    time.sleep(0.1)
    assert told == ["Following failed: OSError: the disk is gone"]
    monkeypatch.setattr(source, "refresh", refresh)
    source.append(10)
    until(lambda: len(chart.history) == 20_010)
    assert chart.following


def test_a_change_of_zone_keeps_growing(chart: Chart, source: GrowingTicks) -> None:
    chart.follow()
    chart.tz = "America/Chicago"
    chart.time_axis = "clock"
    source.append(77)
    until(lambda: len(chart.history) == 20_077)
    assert chart._open.subject.zone.name == "America/Chicago"


@pytest.mark.parametrize("chart_type", ["renko", "pnf", "range"])
def test_bars_cut_from_the_start_grow_once_a_second(chart_type: str, source: GrowingTicks) -> None:
    chart = Chart(source, chart_type=chart_type, box_size=0.05)
    follower = Follower(source, chart._open)
    source.append(500)
    follower.look()
    assert len(chart.history) == 20_500
    source.append(500)
    follower.look()
    assert len(chart.history) == 20_500
    follower._grown_at -= 2
    follower.look()
    assert len(chart.history) == 21_000
    got = chart.visible()
    fresh = Chart(Ticks.from_columns(*(c[:21_000] for c in (ALL.time_ns, ALL.close, ALL.volume))))
    fresh.chart_type, fresh.box_size = chart_type, 0.05
    fresh.view = (chart.view.start, chart.view.stop)
    assert got.num_rows > 10
    assert got.equals(fresh.visible())
    chart.close()
    fresh.close()


def test_memory_does_not_grow_with_the_number_of_refreshes(source: GrowingTicks) -> None:
    chart = Chart(source, chart_type="heikin_ashi")
    follower = Follower(source, chart._open)
    seen = []
    for _ in range(60):
        source.append(10)
        follower.look()
        chart.render(200, 100)
        seen.append(weakref.ref(source.snapshot()))
    gc.collect()
    kept = [ref() is not None for ref in seen]
    assert kept == [False] * 58 + [True] * 2, "the newest snapshot is kept, and the one before"
    assert len(chart.history) == 20_600
    chart.close()


def test_an_empty_history_grows_from_its_first_row(source: GrowingTicks) -> None:
    source = GrowingTicks(ALL, 0)
    chart = Chart(source)
    follower = Follower(source, chart._open)
    for rows in (1, 1, 5, 500, 30_000):
        source.append(rows)
        follower.look()
        assert chart._open.shows_newest
        assert chart.render(200, 100)
    chart.fit()
    assert sum(chart.visible()["count"].to_pylist()) == 30_507
    assert np.array_equal(chart.history.time_ns, ALL.time_ns[:30_507])
    chart.close()
