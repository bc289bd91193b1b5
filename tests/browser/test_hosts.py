"""Charts on busy kernels, on ipykernel 6, and on kernels where drawing fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.lab import Lab

pytestmark = pytest.mark.timeout(180)
SETUP = """import kf_widget as kf
ticks = kf.sample_ticks(100_000)
chart = kf.Chart(ticks, time_axis="clock")"""
SLEEP = "import time\ntime.sleep(600)"
BUSY = "while True: pass"


@pytest.mark.parametrize("cell", [SLEEP, BUSY], ids=["sleeping", "busy"])
def test_frames_sent_while_a_cell_runs_leave_gestures_a_way_in(lab: Lab, cell: str) -> None:
    later = "import threading\nthreading.Timer(3.0, lambda: chart.zoom('30D')).start()\n"
    with lab.open([SETUP, "chart", "0"]) as notebook:
        notebook.run_all()
        view = notebook.view()
        view.wait_exact()
        shown = int(view.data["frame"])
        notebook.set_source(2, later + cell)
        notebook.run_cell(2, wait=False)
        view.wait(f"e => Number(e.dataset.frame) > {shown}")  # nobody asked for this frame
        assert notebook.running(2)
        for key in ("ArrowLeft", "ArrowLeft", "+"):
            gestures = view.gesture_seq
            view.press(key)
            view.wait_gesture(gestures, timeout_ms=20_000)
        assert notebook.running(2), "the cell ended before the chart answered"
        notebook.interrupt_cell(2)


def test_chart_works_while_another_cell_runs(lab: Lab) -> None:
    with lab.open([SETUP, "chart", "import ipykernel\nprint(ipykernel.version_info[0])"]) as notebook:
        notebook.run_all()
        assert int(notebook.text(2)) >= 7, "comms ride on subshells from ipykernel 7 on"
        view = notebook.view()
        view.wait_exact()
        notebook.set_source(2, SLEEP)
        notebook.run_cell(2, wait=False)
        while not notebook.running(2):
            pass
        first, gestures = view.pixels(), view.gesture_seq
        view.wheel(-120, at=(0.4, 0.4), steps=5)
        view.wait_gesture(gestures)
        gestures = view.gesture_seq
        view.drag(-150, 0)
        view.wait_gesture(gestures)
        gestures = view.gesture_seq
        view.choose("Chart type", "line")
        view.wait_gesture(gestures)
        assert notebook.running(2), "the cell ended before the chart answered"
        assert (view.pixels() != first).any()
        assert view.data["status"] == "live"
        notebook.interrupt_cell(2)
        assert notebook.evaluate("chart.chart_type") == "line"


@pytest.fixture(scope="session")
def ipykernel_6(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a kernel with our packages but ipykernel 6, laid over them."""
    folder = tmp_path_factory.mktemp("ipykernel_6")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*install, "--target", str(folder / "site"), "ipykernel>=6.29,<7", "nest-asyncio"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"ipykernel 6 cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder / "site"}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    lab.add_kernel("ipykernel_6", str(python))
    return "ipykernel_6"


def test_chart_works_on_ipykernel_6(lab: Lab, ipykernel_6: str) -> None:
    version = "import ipykernel\nprint(ipykernel.version_info[0])"
    with lab.open([SETUP, "chart", version], kernel=ipykernel_6) as notebook:
        notebook.run_all()
        assert notebook.text(2).strip() == "6"
        view = notebook.view()
        view.wait_exact()
        start = notebook.evaluate("chart.view.start_ns")
        gestures = view.gesture_seq
        view.wheel(-120, at=(0.4, 0.4), steps=5)
        view.wait_gesture(gestures)
        gestures = view.gesture_seq
        view.drag(-150, 0)
        view.wait_gesture(gestures)
        assert notebook.evaluate("chart.view.start_ns") > start
        notebook.run_cell(1)
        fresh = notebook.view()
        gestures = fresh.gesture_seq
        fresh.press("End")
        fresh.wait_gesture(gestures)
        assert notebook.errors == []


BREAK = """from kf_widget.frame.render import Renderer
plain = Renderer.render
def broken(self, *arguments, **options):
    raise ValueError('no ink left')
Renderer.render = broken"""


def test_failed_drawing_is_said_and_the_next_gesture_works(lab: Lab) -> None:
    with lab.open([SETUP, "chart"]) as notebook:
        notebook.run_all()
        view = notebook.view()
        view.wait_exact()
        before, gestures = view.pixels(), view.gesture_seq
        notebook.execute(BREAK)
        view.press("+")
        view.wait("e => e.querySelector('.kf-error').textContent !== ''")
        error = view.root.locator(".kf-error")
        assert error.is_visible()
        assert error.text_content() == "Drawing failed: ValueError: no ink left"
        assert view.gesture_seq == gestures + 1
        notebook.execute("Renderer.render = plain")
        view.press("+")
        view.wait_gesture(gestures + 1)
        view.wait("e => e.querySelector('.kf-error').textContent === ''")
        assert (view.pixels() != before).any()
        assert view.data["status"] == "live"


DATA = Path(__file__).parents[3] / "shared" / "data" / "es_ticks_2013-09.parquet"


@pytest.mark.skipif(not DATA.exists(), reason=f"real ticks are not here: {DATA}")
def test_real_ticks_scrub_to_single_trades(lab: Lab) -> None:
    import pandas as pd

    setup = f"""import kf_widget as kf
ticks = kf.read_ticks({str(DATA)!r}, tz="America/Chicago")
chart = kf.Chart(ticks, time_axis="clock")"""
    truth = pd.read_parquet(DATA)
    with lab.open([setup, "chart"]) as notebook:
        notebook.run_all()
        view = notebook.view()
        view.wait_exact()
        assert notebook.evaluate("len(ticks)") == len(truth)
        gestures = view.gesture_seq
        view.wheel(-200, at=(0.5, 0.4), steps=6)
        view.wait_gesture(gestures)
        handle = view.root.locator(".kf-handle").bounding_box()
        assert handle is not None
        x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        start = notebook.evaluate("chart.view.start_ns")
        gestures = view.gesture_seq
        view.page.mouse.move(x, y)
        view.page.mouse.down()
        view.page.mouse.move(x + 120, y, steps=10)
        view.page.mouse.up()
        view.wait_gesture(gestures)
        assert notebook.evaluate("chart.view.start_ns") > start
        gestures = view.gesture_seq
        view.wheel(-240, at=(0.5, 0.4), steps=12)
        view.wait_gesture(gestures)
        low, high = notebook.evaluate("[chart.view.start_ns, chart.view.stop_ns]")
        assert notebook.evaluate("chart.view.timeframe") == "ticks"
        assert high - low < 3600 * 10**9
        assert notebook.evaluate("chart.visible().num_rows") > 0
        assert notebook.errors == []
