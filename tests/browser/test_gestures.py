"""Mouse, wheel, keys and scrubber on the chart, checked against the kernel's own numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.browser.lab import Lab, Notebook, View

pytestmark = pytest.mark.timeout(180)
SETUP = """import kf_widget as kf
ticks = kf.sample_ticks(300_000)
chart = kf.Chart(ticks, time_axis="clock", theme="modern")"""
MAX_STEP_PX = 240
ZOOM_PER_PX = 0.0018
MID = ("2022-03-01", "2022-06-01")


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open([SETUP, "chart"]) as notebook:
        notebook.run_all()
        yield notebook


@pytest.fixture
def view(notebook: Notebook) -> View:
    """The chart as it is first shown: all of the history, prices to scale."""
    view = notebook.view()
    look_at(view, "chart.fit()")
    return view


def look_at(view: View, code: str) -> None:
    """Have the kernel change what is shown; returns when the frame of it is on screen."""
    shown = view.data["frame"]
    view.notebook.execute(code)
    view.wait(f"e => e.dataset.frame !== '{shown}'")
    view.wait_exact()


def span_of(view: View) -> tuple[int, int]:
    """Visible range, UTC nanoseconds."""
    start, stop = view.notebook.evaluate("[chart.view.start_ns, chart.view.stop_ns]")
    return start, stop


def price_of(view: View) -> Any:
    return view.notebook.evaluate("chart.view.price")


def settle(view: View, before: int) -> None:
    """Until the frame that came with the end of a gesture is there."""
    view.wait_gesture(before)
    seen = "[v.seq for v in chart._conductor.views.values() if not v.moving]"
    while view.gesture_seq not in view.notebook.evaluate(seen):
        pass
    view.wait_exact()


def test_first_frame_has_pixels_and_no_errors(notebook: Notebook, view: View) -> None:
    picture = view.pixels()
    _, _, width, height = view.box
    assert picture.shape[1] == pytest.approx(width, abs=4)
    assert 0.7 * height < picture.shape[0] < height
    colours, counts = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    assert len(colours) > 20, "candles, volume, grid and smooth text have more colours than that"
    assert counts.max() < 0.97 * counts.sum(), "the frame is all background"
    ink = (picture != colours[counts.argmax()]).any(axis=2)
    assert ink.any(axis=0).mean() > 0.9, "five years of bars fill the width"
    assert view.data["status"] == "live"
    assert "chart" in (view.root.get_attribute("aria-label") or "")
    assert notebook.errors == []


def test_drag_pans_by_exactly_that_share(view: View) -> None:
    look_at(view, f"chart.view = {MID!r}")
    start, stop = span_of(view)
    before = view.gesture_seq
    view.drag(-223, 0)
    settle(view, before)
    px_ns = (stop - start) / view.plot_width
    moved_start, moved_stop = span_of(view)
    assert (moved_start - start) / px_ns == pytest.approx(223, abs=1)
    assert moved_stop - moved_start == pytest.approx(stop - start, rel=1e-9)
    assert price_of(view) is None, "prices stay to scale"


RECORD = """root => {
    window.kfFrames = [];
    window.kfRecorder?.disconnect();
    window.kfRecorder = new MutationObserver(() => window.kfFrames.push({
        seq: Number(root.dataset.frameSeq), picture: root.querySelector('.kf-canvas').toDataURL(),
    }));
    window.kfRecorder.observe(root, { attributeFilter: ['data-frame'] });
}"""


@pytest.mark.parametrize(("across", "down"), [(-33, 0), (-150, 40), (77, 0)])
def test_frame_at_rest_is_the_last_moving_frame_pixel_for_pixel(
    view: View, across: float, down: float
) -> None:
    exact: list[str] = []
    for _ in range(4):  # where the machine is busy, the frame at rest may be all that covers the last input
        look_at(view, f"chart.view = {MID!r}")
        view.root.evaluate(RECORD)
        before = view.gesture_seq
        mouse = view.page.mouse
        x, y = view.point(0.6, 0.4)
        mouse.move(x, y)
        mouse.down()
        try:
            mouse.move(x + across, y + down, steps=8)
            settle(view, before)
        finally:
            mouse.up()
        seq = view.gesture_seq
        exact = view.page.evaluate("seq => kfFrames.filter(f => f.seq === seq).map(f => f.picture)", seq)
        if len(exact) >= 2:
            break
    assert len(exact) >= 2, "a moving frame and the one at rest both cover the last input"
    assert len(set(exact)) == 1, "the chart jumped when it came to rest"


def test_wheel_zooms_at_the_pointer(view: View) -> None:
    look_at(view, f"chart.view = {MID!r}")
    start, stop = span_of(view)
    before = view.gesture_seq
    view.wheel(-120, at=(0.3, 0.4), steps=5)
    settle(view, before)
    share = (view.point(0.3, 0.4)[0] - view.box[0]) / view.plot_width
    new_start, new_stop = span_of(view)
    assert (new_stop - new_start) / (stop - start) == pytest.approx(math.exp(-600 * ZOOM_PER_PX), rel=0.01)
    under = start + share * (stop - start)
    new_under = new_start + share * (new_stop - new_start)
    assert abs(new_under - under) < 2 * (new_stop - new_start) / view.plot_width
    before = view.gesture_seq
    view.wheel(120, at=(0.3, 0.4), steps=5)
    settle(view, before)
    px_ns = (stop - start) / view.plot_width
    assert span_of(view) == pytest.approx((start, stop), abs=2 * px_ns)


def test_six_orders_of_magnitude_to_one_tick_and_back(view: View) -> None:
    whole = span_of(view)
    row = 150_000
    time_ns, price = view.notebook.evaluate(f"[int(ticks.time_ns[{row}]), float(ticks.price[{row}])]")
    view.page.mouse.move(*view.point(0.5, 0.4))
    width = view.plot_width
    x = view.box[0] + width * (time_ns - whole[0]) / (whole[1] - whole[0])
    share = (x - view.box[0]) / view.box[2]
    steps = math.ceil(math.log(1e6) / (MAX_STEP_PX * ZOOM_PER_PX))
    before = view.gesture_seq
    view.wheel(-MAX_STEP_PX, at=(share, 0.4), steps=steps)
    settle(view, before)
    start, stop = span_of(view)
    assert stop - start < 1.1e-6 * (whole[1] - whole[0])
    assert view.notebook.evaluate("chart.view.timeframe") == "ticks"
    # A pointer stands on device pixels, so that the tick is found by its time, not under the pointer.
    look_at(view, f"chart.goto({time_ns})")
    view.page.mouse.move(*view.point(0.47, 0.4))
    view.wait("e => e.querySelector('.kf-cross').style.display === ''")
    shown = view.notebook.evaluate("chart.visible().column('price').to_pylist()")
    assert price in shown
    legend = view.root.locator(".kf-legend-item[data-name='Price'] .kf-legend-value").text_content()
    assert float(legend or "nan") in shown
    before = view.gesture_seq
    view.wheel(MAX_STEP_PX, at=(share, 0.4), steps=steps)
    settle(view, before)
    back = span_of(view)
    assert back[1] - back[0] == pytest.approx(whole[1] - whole[0], rel=0.01)
    assert view.notebook.errors == []


def test_keys_move_zoom_and_go_to_the_ends(notebook: Notebook, view: View) -> None:
    look_at(view, f"chart.view = {MID!r}")
    start, stop = span_of(view)
    span = stop - start

    def after(key: str) -> tuple[int, int]:
        before = view.gesture_seq
        view.press(key)
        settle(view, before)
        return span_of(view)

    px = span / 1000
    assert after("ArrowRight") == pytest.approx((start + span / 10, stop + span / 10), abs=px)
    assert after("ArrowLeft") == pytest.approx((start, stop), abs=px)
    assert after("+") == pytest.approx((start + span / 10, stop - span / 10), abs=px)
    assert after("-") == pytest.approx((start, stop), abs=px)
    first, last = notebook.evaluate("[int(ticks.time_ns[0]), int(ticks.time_ns[-1])]")
    assert after("Home") == pytest.approx((first, first + span), abs=px)
    ended = after("End")
    assert ended[0] < last < ended[1]
    assert ended[1] - ended[0] == pytest.approx(span, abs=px)


def test_keys_of_the_notebook_stay_away(notebook: Notebook, view: View) -> None:
    cells = "() => jupyterapp.shell.currentWidget.content.widgets.map(c => c.model.type)"
    before = notebook.page.evaluate(cells)
    for key in ("a", "b", "x", "m", "d", "d"):
        view.press(key)
    assert notebook.page.evaluate(cells) == before
    assert notebook.page.evaluate("() => document.activeElement.className") == "kf-widget"
    notebook.command("notebook:enter-command-mode")
    notebook.page.locator(".jp-Notebook").focus()
    notebook.page.keyboard.press("b")
    assert len(notebook.page.evaluate(cells)) == len(before) + 1, "outside the chart the shortcut works"
    notebook.command("notebook:delete-cell")


def scrubber_x(view: View, share: float) -> tuple[float, float]:
    box = view.root.locator(".kf-scrubber").bounding_box()
    assert box is not None
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def whole_history(view: View) -> tuple[int, int]:
    look_at(view, "chart.fit()")
    return span_of(view)


def test_scrubber_is_dragged_clicked_and_resized(view: View) -> None:
    whole = whole_history(view)
    length = whole[1] - whole[0]
    look_at(view, f"chart.view = ({whole[0] + length // 5}, {whole[0] + 2 * length // 5})")
    box = view.root.locator(".kf-scrubber").bounding_box()
    assert box is not None
    px = 1.5 * length / box["width"]
    mouse = view.page.mouse

    def pull(start: float, stop: float) -> tuple[float, float]:
        before = view.gesture_seq
        mouse.move(*scrubber_x(view, start))
        mouse.down()
        mouse.move(*scrubber_x(view, stop), steps=10)
        mouse.up()
        settle(view, before)
        seen = span_of(view)
        return (seen[0] - whole[0]) / length, (seen[1] - whole[0]) / length

    near = px / length
    assert pull(0.3, 0.6) == pytest.approx((0.5, 0.7), abs=near), "the handle is dragged"
    assert pull(0.2, 0.2) == pytest.approx((0.1, 0.3), abs=near), "a click beside it brings it there"
    grip = 2 / box["width"]
    assert pull(0.3 - grip, 0.4 - grip) == pytest.approx((0.1, 0.4), abs=near), "its right edge"
    assert pull(0.1 + grip, 0.2 + grip) == pytest.approx((0.2, 0.4), abs=near), "its left edge"
    handle = view.root.locator(".kf-handle").bounding_box()
    assert handle is not None
    assert handle["x"] == pytest.approx(scrubber_x(view, 0.2)[0], abs=1.5)
    assert handle["width"] == pytest.approx(0.2 * box["width"], abs=2)
    overview = view.root.locator(".kf-overview").evaluate(
        """e => {
            const { data } = e.getContext('2d').getImageData(0, 0, e.width, e.height);
            return new Set(new Uint32Array(data.buffer)).size;
        }"""
    )
    assert overview > 2, "the scrubber shows the history"


def test_price_axis_scales_until_it_is_double_clicked(view: View) -> None:
    look_at(view, f"chart.view = {MID!r}")
    low, high = view.notebook.evaluate("[chart._picture().prices.bottom, chart._picture().prices.top]")
    before = view.gesture_seq
    view.drag(0, 100, start=(0.985, 0.3))
    settle(view, before)
    manual = price_of(view)
    assert manual is not None
    assert manual[1] - manual[0] > 1.3 * (high - low), "pulling the axis down shows more prices"
    assert (manual[0] + manual[1]) / 2 == pytest.approx((low + high) / 2, rel=0.01)
    toggle = view.root.get_by_role("button", name="Scale prices to the visible bars")
    assert toggle.get_attribute("aria-pressed") == "false"
    before = view.gesture_seq
    view.drag(0, 60)
    settle(view, before)
    panned = price_of(view)
    assert panned[0] > manual[0], "a manual range is dragged up and down, too"
    assert panned[1] - panned[0] == pytest.approx(manual[1] - manual[0], rel=1e-6)
    before = view.gesture_seq
    view.page.mouse.dblclick(*view.point(0.985, 0.3))
    settle(view, before)
    assert price_of(view) is None
    assert toggle.get_attribute("aria-pressed") == "true"


def test_double_click_fits_all(view: View) -> None:
    whole = whole_history(view)
    look_at(view, f"chart.view = {MID!r}")
    assert span_of(view) != whole
    before = view.gesture_seq
    view.page.mouse.dblclick(*view.point(0.4, 0.4))
    settle(view, before)
    assert span_of(view) == whole
