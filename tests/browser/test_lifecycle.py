"""What becomes of charts: two views, hidden views, cells that run again, restarts, saved notebooks."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from tests.browser.lab import Lab, View

pytestmark = pytest.mark.timeout(180)
SETUP = """import kf_widget as kf
ticks = kf.sample_ticks(100_000)
chart = kf.Chart(ticks)"""
MID = ("2022-03-01", "2022-06-01")
RUNS = 10
MIB = 1 << 20


def shown(view: View, code: str) -> None:
    """Run code in the kernel; returns when the view shows another exact frame."""
    frame = view.data["frame"]
    view.notebook.execute(code)
    view.wait(f"e => e.dataset.frame !== '{frame}'")
    view.wait_exact()


def test_two_views_show_the_same_and_move_together_at_ratio_two(lab: Lab) -> None:
    with lab.open([SETUP, "chart", "chart"], size=(1100, 1500), ratio=2.0) as notebook:
        notebook.run_all()
        left, right = notebook.view(0), notebook.view(1)
        assert left.pixels().shape[1] == pytest.approx(2 * left.box[2], abs=8), "not in device pixels"
        shown(right, f"chart.view = {MID!r}")
        left.wait_exact()
        frame, before = right.data["frame"], left.gesture_seq
        start = notebook.evaluate("chart.view.start_ns")
        left.drag(-200, 0)
        left.wait_gesture(before)
        right.wait(f"e => e.dataset.frame !== '{frame}'")
        assert notebook.evaluate("chart.view.start_ns") > start
        assert notebook.evaluate("chart.stats()['views']") == 2
        same = False
        while not same:  # until both show the frame at rest; the test's own time limit ends it
            same = bool((left.pixels() == right.pixels()).all())
        assert right.gesture_seq == 0, "only the view that was touched counts gestures"
        assert notebook.errors == []


@pytest.mark.parametrize("ratio", [1.25, 1.5])
def test_the_screen_shows_the_frames_own_pixels_at_ratios_that_are_not_whole(lab: Lab, ratio: float) -> None:
    """JupyterLab lays cells out at half of such pixels; colours must not be mixed for it."""
    with lab.open([SETUP, "chart"], ratio=ratio) as notebook:
        notebook.run_all()
        view = notebook.view()
        view.page.mouse.move(0, 0)
        view.wait_exact()
        frame = view.pixels()
        left, top = view.root.locator(".kf-canvas").evaluate(
            "e => { const r = e.getBoundingClientRect(); return [r.left, r.top]; }"
        )
        screen = np.asarray(Image.open(io.BytesIO(view.page.screenshot())).convert("RGB"))
        plot = frame[frame.shape[0] // 4 : frame.shape[0] // 2, 10 : frame.shape[1] // 2]
        x, y = round(left * ratio) + 10, round(top * ratio) + frame.shape[0] // 4
        shifts = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        there = [screen[y + dy : y + dy + len(plot), x + dx : x + dx + plot.shape[1]] for dx, dy in shifts]
        assert any(np.array_equal(part, plot) for part in there)


def test_hidden_view_gets_no_frames_until_it_is_seen_again(lab: Lab) -> None:
    tall = "from IPython.display import HTML\nHTML('<div style=\"height: 3000px\">between</div>')"
    with lab.open([SETUP, "chart", tall, "chart"]) as notebook:
        notebook.run_all()
        first = notebook.view(0)
        second = notebook.view(1)
        hidden = "sorted(v.visible for v in chart._conductor.views.values())"
        while notebook.evaluate(hidden) != [False, True]:
            pass
        frame = first.data["frame"]
        for day in (1, 2, 3):
            shown(second, f"chart.view = ('2022-03-0{day}', '2022-06-01')")
        assert first.data["frame"] == frame, "a view that nobody sees was sent a frame"
        first.root.scroll_into_view_if_needed()
        first.wait(f"e => e.dataset.frame !== '{frame}'")
        first.wait_exact()
        assert first.pixels().std() > 1


RERUN = """import kf_widget as kf, numpy as np, weakref
alive = globals().setdefault('alive', [])
ticks = kf.Ticks({'time': time.copy(), 'price': price.copy(), 'size': size.copy()})
alive.append(weakref.ref(ticks))
chart = kf.Chart(ticks)
chart"""
COLUMNS = """import numpy as np
random = np.random.default_rng(0)
n = 10_000_000
time = np.sort(random.integers(15 * 10**17, 165 * 10**16, n)).astype('datetime64[ns]')
price = 4000 + 0.25 * np.cumsum(random.integers(-1, 2, n))
size = random.integers(1, 20, n).astype(np.float64)
def rss():
    import gc
    gc.collect()
    fields = dict(line.split(':', 1) for line in open('/proc/self/status'))
    return int(fields['VmRSS'].split()[0]) * 1024"""


def test_running_the_cell_again_holds_one_history(lab: Lab) -> None:
    with lab.open([COLUMNS, RERUN]) as notebook:
        notebook.run_all()
        notebook.view().wait_exact()
        once = notebook.evaluate("rss()")
        for _ in range(RUNS - 1):
            notebook.run_cell(1)
            view = notebook.view()
            view.wait("e => e.dataset.status === 'live' && e.dataset.frame !== ''")
        view.wait_exact()
        held = notebook.evaluate("rss()")
        histories = notebook.evaluate("[ref() is not None for ref in alive]")
        history = notebook.evaluate("time.nbytes + price.nbytes + size.nbytes")
        assert len(histories) == RUNS
        assert sum(histories) == 1, "earlier histories are still alive"
        assert held - once < 0.75 * history, f"{(held - once) / MIB:.0f} MiB more after {RUNS} runs"
        assert notebook.page.locator(".kf-widget").count() == 1
        before = view.gesture_seq
        view.drag(-100, 0)
        view.wait_gesture(before)


def test_running_the_cell_again_closes_its_earlier_chart_alone(lab: Lab) -> None:
    cells = [SETUP, "own = kf.Chart(ticks)\nown", "old = own\nold"]
    with lab.open(cells, size=(1100, 1500)) as notebook:
        notebook.run_all()
        notebook.view(1)
        notebook.run_cell(1)
        notebook.page.wait_for_function("() => document.querySelectorAll('.kf-widget').length === 1")
        assert notebook.evaluate("repr(old)") == "<Chart: closed>"
        assert notebook.evaluate("repr(own)") != "<Chart: closed>"
        assert notebook.evaluate("repr(chart)") != "<Chart: closed>", "another cell's chart stays open"
        view = notebook.view()
        before = view.gesture_seq
        view.drag(-100, 0)
        view.wait_gesture(before)


def test_restarted_kernel_leaves_the_last_frame_and_says_so(lab: Lab) -> None:
    with lab.open([SETUP, "chart"]) as notebook:
        notebook.run_all()
        view = notebook.view()
        shown(view, f"chart.view = {MID!r}")
        before = view.pixels()
        notebook.restart_kernel()
        view.wait("e => e.dataset.status === 'disconnected'")
        state = view.root.locator(".kf-state")
        assert state.is_visible()
        assert "Run the cell again" in (state.text_content() or "")
        assert (view.pixels() == before).all(), "the last frame is gone"
        view.drag(-80, 0)
        view.wait("e => e.dataset.warpSeq === e.dataset.gestureSeq")
        notebook.run_all()
        again = notebook.view()
        assert again.data["status"] == "live"
        gestures = again.gesture_seq
        again.drag(-80, 0)
        again.wait_gesture(gestures)
        assert notebook.errors == []


def test_saved_notebook_carries_pictures_with_words(lab: Lab) -> None:
    with lab.open([SETUP, "chart", "chart.snapshot()"], size=(1300, 1500)) as notebook:
        notebook.run_all()
        notebook.view().wait_exact()
        image = notebook.page.locator(".jp-OutputArea img")
        image.wait_for()
        assert image.evaluate("e => e.complete && e.naturalWidth") == 1200
        assert notebook.page.locator(".kf-widget").count() == 1, "a snapshot is no widget"
        notebook.command("docmanager:save")
        book = nbformat.read(Path(lab.work) / notebook.name, as_version=4)
        nbformat.validate(book)
        for cell in book.cells[1:]:
            (output,) = cell.outputs
            picture = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
            assert picture.format == "PNG"
            assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10
            alt = output.metadata["image/png"]["alt"]
            assert " chart, 20" in alt
            assert "last price" in alt
        assert "application/vnd.jupyter.widget-view+json" in book.cells[1].outputs[0].data
        assert (
            book.cells[1].outputs[0].data["text/plain"]
            == book.cells[1].outputs[0].metadata["image/png"]["alt"]
        )
        assert "application/vnd.jupyter.widget-view+json" not in book.cells[2].outputs[0].data
