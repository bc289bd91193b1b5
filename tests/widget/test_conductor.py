"""The flow of frames with a fake browser: no Jupyter, no threads, no clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from kf_widget.chart.compose import Style
from kf_widget.chart.subject import Subject
from kf_widget.chart.view import Viewport
from kf_widget.frame.render import Renderer
from kf_widget.history.ticks import Ticks
from kf_widget.widget.conductor import Conductor
from kf_widget.widget.window import Window

N = 5000


@pytest.fixture(scope="module")
def subject() -> Subject:
    rng = np.random.default_rng(3)
    stamps = 1_700_000_000 * 10**9 + np.cumsum(rng.integers(0, 3, N)) * 10**9
    price = 100 + 0.25 * np.cumsum(rng.integers(-1, 2, N))
    return Subject.of(Ticks.from_columns(stamps, price, np.ones(N)))


class Browser:
    """Keeps what was sent, runs rendering when told to, and answers as a view would."""

    def __init__(self, subject: Subject, **options: Any) -> None:
        self.sent: list[tuple[dict[str, Any], Sequence[bytes]]] = []
        self.work: list[Callable[[], None]] = []
        self.conductor = Conductor(
            subject,
            options.pop("style", Style()),
            "auto",
            lambda c, b: self.sent.append((c, b)),
            start=self.work.append,
            **options,
        )
        self.seq = 0

    def say(self, type: str, view: str = "v", **content: Any) -> None:
        self.conductor.handle({"type": type, "view": view, **content})

    def hello(self, view: str = "v", width: int = 400, height: int = 300) -> None:
        scrubber = {"width": width, "height": 40}
        self.say("hello", view, protocol=1, width=width, height=height, ratio=1, dark=True, scrubber=scrubber)

    def run(self) -> None:
        while self.work:
            self.work.pop(0)()

    def frames(self, view: str = "v") -> list[dict[str, Any]]:
        return [c for c, _ in self.sent if c["type"] == "frame" and c["view"] == view]

    def look(self, x0: float, x1: float, y: Any = None, moving: bool = True, **over: Any) -> None:
        self.seq += 1
        shown = self.frames()[-1]
        content = {
            "seq": self.seq,
            "epoch": shown["epoch"],
            "frame": shown["frame"],
            "moving": moving,
            **over,
        }
        self.say("look", x0=x0, x1=x1, y=y, **content)

    def ack(self, frame: int, view: str = "v") -> None:
        self.say("ack", view, frame=frame)


@pytest.fixture
def browser(subject: Subject) -> Browser:
    browser = Browser(subject)
    browser.hello()
    browser.run()
    return browser


def test_hello_brings_a_frame_and_an_overview(browser: Browser) -> None:
    kinds = [content["type"] for content, _ in browser.sent]
    assert kinds == ["frame", "overview"]
    content, buffers = browser.sent[0]
    assert bytes(buffers[0][:4]) == b"RIFF"
    assert len(buffers[1]) == content["bars"]["n"] * 4 * len(content["bars"]["columns"])


def test_a_look_is_answered_by_a_frame_that_covers_it(browser: Browser) -> None:
    shown = browser.frames()[-1]
    left, right = shown["window"]
    browser.look(left + 0.1, right - 0.1)
    browser.run()
    frame = browser.frames()[-1]
    assert frame["seq"] == 1
    before, after = shown["scrub"], frame["scrub"]
    width = before[1] - before[0]
    share = 0.1 / (right - left)
    assert after == pytest.approx([before[0] + share * width, before[1] - share * width], abs=1e-6)


def test_newest_wins_and_two_are_in_flight_at_most(browser: Browser) -> None:
    browser.look(0.3, 0.6)
    browser.look(0.3, 0.5)
    browser.run()
    assert [f["seq"] for f in browser.frames()] == [0, 2], "one frame for two gestures"
    for _ in range(3):
        browser.conductor.fit()
        browser.run()
    assert len(browser.frames()) == 3, "the look answered the first frame; both slots are taken again"
    second = browser.frames()[1]["frame"]
    browser.ack(second)
    browser.run()
    assert len(browser.frames()) == 4
    browser.look(0.3, 0.4)
    browser.run()
    assert browser.frames()[-1]["seq"] == 3


def test_a_gesture_of_an_older_epoch_is_covered_but_not_followed(browser: Browser) -> None:
    shown = browser.frames()[-1]
    browser.conductor.fit()
    browser.look(0.4, 0.41, epoch=shown["epoch"])
    browser.run()
    frame = browser.frames()[-1]
    assert frame["seq"] == 1
    assert frame["scrub"] == pytest.approx(shown["scrub"])


def test_moving_frames_have_little_overscan_and_settled_ones_much(browser: Browser) -> None:
    browser.look(0.3, 0.6, moving=True)
    browser.run()
    moving = browser.frames()[-1]
    browser.ack(browser.frames()[0]["frame"])
    browser.look(0.3, 0.6, moving=False)
    browser.run()
    settled = browser.frames()[-1]
    assert moving["moving"]
    assert not settled["moving"]
    assert settled["width"] > moving["width"]


def test_hidden_views_get_nothing_until_they_are_shown(browser: Browser) -> None:
    browser.hello("other", 300, 200)
    browser.run()
    browser.say("visible", "other", visible=False)
    count = len(browser.frames("other"))
    browser.look(0.3, 0.6)
    browser.run()
    assert len(browser.frames("other")) == count
    browser.say("visible", "other", visible=True)
    browser.run()
    assert len(browser.frames("other")) == count + 1
    assert browser.frames("other")[-1]["scrub"] == pytest.approx(browser.frames()[-1]["scrub"])


def test_manual_price_scale_and_back(browser: Browser) -> None:
    shown = browser.frames()[-1]
    browser.look(*shown["window"], y=[0.25, 0.75])
    browser.run()
    frame = browser.frames()[-1]
    assert not frame["autoscale"]
    top, bottom = shown["price"]["top"], shown["price"]["bottom"]
    assert frame["price"]["top"] == pytest.approx(top + 0.25 * (bottom - top))
    browser.ack(shown["frame"])
    browser.look(*frame["window"], y=None)
    browser.run()
    assert browser.frames()[-1]["autoscale"]


@pytest.mark.parametrize(
    "content",
    [
        {"type": "look", "view": "v", "seq": 1},
        {"type": "look", "view": "v", "seq": float("nan"), "epoch": 0, "frame": 1, "x0": 0, "x1": 1},
        {"type": "nonsense", "view": "v"},
        {"type": "set", "view": "v", "seq": 1, "name": "colour", "value": "red"},
        {"type": "hello", "view": "w", "protocol": 99},
        {"view": "v"},
        [1, 2],
        None,
    ],
)
def test_malformed_messages_are_answered_and_harm_nothing(browser: Browser, content: Any) -> None:
    browser.conductor.handle(content)
    assert browser.sent[-1][0]["type"] == "error"
    browser.look(0.3, 0.6)
    browser.run()
    assert browser.frames()[-1]["seq"] == 1


def test_a_failed_frame_is_told_and_the_next_gesture_works(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            "kf_widget.frame.render.compose", lambda *a: (_ for _ in ()).throw(OSError("disk gone"))
        )
        browser.look(0.3, 0.6)
        browser.run()
    assert "disk gone" in browser.sent[-1][0]["message"]
    browser.look(0.3, 0.5)
    browser.run()
    assert browser.frames()[-1]["seq"] == 2


def test_a_bad_choice_is_an_error_on_the_chart(subject: Subject) -> None:
    def choose(name: str, value: str) -> None:
        raise ValueError(f"no {value}")

    browser = Browser(subject, choose=choose)
    browser.hello()
    browser.run()
    browser.say("set", seq=1, name="timeframe", value="7q")
    browser.run()
    assert [c["message"] for c, _ in browser.sent if c["type"] == "error"] == ["no 7q"]
    assert browser.frames()[-1]["seq"] == 1


def test_a_theme_switch_does_not_render_again(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("rendered again")

    monkeypatch.setattr("kf_widget.frame.render.rasterize", fail)
    for _ in range(2):
        browser.conductor.restyle(theme="classic")
    browser.conductor.views["v"].overview_stale = False
    browser.run()
    assert browser.frames()[-1]["theme"]["name"] == "classic"


def test_after_close_nothing_is_sent(browser: Browser) -> None:
    browser.conductor.close()
    count = len(browser.sent)
    browser.hello()
    browser.run()
    assert len(browser.sent) == count


def test_views_hear_when_the_encoder_is_compiled(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kf_widget.frame.render.vp8l_ready", lambda: False)
    monkeypatch.setattr("kf_widget.widget.conductor.threading.Timer", _NoTimer)
    browser = Browser(subject)
    browser.hello()
    browser.run()
    assert browser.frames()[-1]["status"] == "compiling"
    monkeypatch.undo()
    monkeypatch.setattr("kf_widget.widget.conductor.vp8l_ready", lambda: True)
    browser.conductor._look_for_encoder()
    browser.run()
    assert browser.frames()[-1]["status"] == ""


class _NoTimer:
    """A timer that never fires."""

    daemon = False

    def __init__(self, seconds: float, work: Callable[[], None]) -> None:
        assert seconds > 0
        self.work = work

    def start(self) -> None: ...

    def cancel(self) -> None: ...

    def is_alive(self) -> bool:
        return True


def test_a_frame_put_off_twice_is_asked_for_twice(subject: Subject) -> None:
    conductor, asked = Browser(subject).conductor, threading.Semaphore(0)

    def request() -> None:
        asked.release()
        conductor._try_later(0.0)  # the slots are still taken; this thread has not ended

    conductor.request = request  # type: ignore[method-assign]
    conductor._try_later(0.0)
    try:
        assert all(asked.acquire(timeout=10) for _ in range(3))
    finally:
        conductor.request = lambda: None  # type: ignore[method-assign]
        conductor.close()


@pytest.mark.parametrize("timeframe", ["1m", "5m", "30m", "1h"])
@pytest.mark.parametrize("way", ["at first", "fit", "end", "choice"])
def test_a_bar_that_has_begun_is_all_in_view(timeframe: str, way: str) -> None:
    """Begun a second before the newest trade; drawn over all of its slot, it ends long after that."""
    hour = 3600 * 10**9
    stamps = 1_700_006_400 * 10**9 // hour * hour + np.arange(5 * 3600 + 1) * 10**9
    subject = Subject.of(Ticks.from_columns(stamps, 100 + np.arange(stamps.size) % 7 * 0.25))
    browser = Browser(subject, style=Style(timeframe=timeframe if way != "choice" else "ticks"))
    conductor = browser.conductor
    if way != "at first":
        conductor.look_at(Window(int(subject.axis.start) - hour, int(subject.axis.stop)))
    if way == "choice":
        conductor.restyle(timeframe=timeframe)
    elif way != "at first":
        browser.hello()
        browser.say("go", seq=1, where=way)
    viewport = Viewport(conductor.window.start, conductor.window.stop, None, 1000, 400)
    picture = Renderer().draw(subject, viewport, conductor.style)[0]
    right = picture.layout.window[1]
    assert picture.columns.start_ns[-1] == stamps[-1]
    assert picture.columns.x1[-1] <= right + 1
    if way != "choice":
        assert right - picture.columns.x1[-1] < 0.35 * (right - picture.layout.window[0])


@pytest.fixture
def begun() -> Subject:
    """Ten days and two hours of trades."""
    stamps = 1_704_067_200 * 10**9 + np.arange(242 * 60) * 60 * 10**9
    return Subject.of(Ticks.from_columns(stamps, 100 + np.arange(stamps.size) % 7 * 0.25))


@pytest.mark.parametrize("timeframe", ["1m", "1D", "1W", "1M"])
def test_end_after_fit_moves_nothing(begun: Subject, timeframe: str) -> None:
    browser = Browser(begun, style=Style(timeframe=timeframe))
    browser.hello()
    browser.say("go", seq=1, where="fit")
    fitted = browser.conductor.window
    browser.say("go", seq=2, where="end")
    window = browser.conductor.window
    assert abs(window.start - fitted.start) <= 2
    assert abs(window.stop - fitted.stop) <= 2


def test_room_goes_with_the_timeframe(begun: Subject) -> None:
    """To and fro it ends where it began, but a right edge of somebody's own choice stays."""
    browser = Browser(begun)
    conductor = browser.conductor
    browser.hello()
    first = conductor.window
    spans = {}
    for timeframe in ("1D", "1W", "1M", "1m", "1W", "1D", "auto"):
        conductor.restyle(timeframe=timeframe)
        span = conductor.window.stop - conductor.window.start
        assert spans.setdefault(timeframe, span) == span
        assert conductor.window.start == first.start
    assert conductor.window == first
    wide = Window(first.start, first.stop + 5 * 86_400 * 10**9)
    conductor.look_at(wide)
    for timeframe in ("1D", "1m"):
        conductor.restyle(timeframe=timeframe)
        assert conductor.window == wide
