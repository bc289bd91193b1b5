"""A chart that follows a store while another process appends: no row lost, no jump, people in charge."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.browser.lab import Lab, Notebook, View

pytestmark = pytest.mark.timeout(240)
FIRST, ROWS, BATCH = 200_000, 40_000, 400
START_NS = 1_709_560_800 * 10**9
STEP_NS = 5_000_000

MARKET = f"""
import numpy as np

def market(first, stop):
    '''Rows [first, stop) of a market that every process makes alike: a tick each 5 ms, prices on 0.01.'''
    row = np.arange(first, stop)
    wave = np.sin(row / 9_000) * 3 + np.sin(row / 611) * 0.7 + np.sin(row * 2.3) * 0.05
    time = (np.int64({START_NS}) + row * {STEP_NS}).view("M8[ns]")
    return {{"time": time, "price": np.round(100 + wave, 2), "size": 1.0 + row % 5}}
"""

CHART = f"""import kf_widget as kf
{MARKET}
from kf_widget.sources.batch import Batch, Schema

class Rows:
    schema, n_rows, fingerprint, dropped = Schema("float64", False, "UTC"), {FIRST}, "", {{}}

    def batches(self, skip_rows=0):
        rows = market(skip_rows, {FIRST})
        yield Batch(rows["time"].view("i8"), rows["price"], rows["size"], None)

import shutil
shutil.rmtree("live.store", ignore_errors=True)
store = kf.ingest(Rows(), "live.store", progress=False)
chart = kf.Chart(store, theme="modern", timeframe="1s")
chart.follow()
chart.zoom("2m")
chart.follow()

def seen():
    rows, view = len(chart.history), chart.view
    columns = chart.visible().to_pydict()
    bars = [[str(time), *map(float, bar)] for time, *bar in zip(*columns.values())]
    return rows, view.stop_ns - view.start_ns, bars"""

FEED = f"""
import sys, time
import kf_widget as kf
{MARKET}
store = kf.open_ticks("live.store")
first, stop, batch, pause = map(int, sys.argv[1:])
began = time.monotonic()
for number, row in enumerate(range(first, stop, batch)):
    store.append(market(row, min(row + batch, stop)))
    time.sleep(max(0.0, began + (number + 1) * pause / 1000 - time.monotonic()))
store.close()
"""


@pytest.fixture
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open([CHART, "chart"]) as notebook:
        notebook.run_all()
        yield notebook


def feed(lab: Lab, first: int, stop: int, batch: int = BATCH, pause_ms: int = 40) -> subprocess.Popen[bytes]:
    """Append rows [first, stop) from a process of its own, `batch` of them each `pause_ms`."""
    script = Path(lab.work) / "feed.py"
    script.write_text(FEED)
    numbers = [str(number) for number in (first, stop, batch, pause_ms)]
    return subprocess.Popen([sys.executable, script, *numbers], cwd=lab.work)


def ended(process: subprocess.Popen[bytes]) -> None:
    assert process.wait(timeout=120) == 0


def wait_rows(notebook: Notebook, rows: int) -> None:
    while notebook.evaluate("len(chart.history)") < rows:
        pass


def wait_shown(view: View) -> None:
    """Until the frame on screen is of all rows that the kernel has."""
    newest = "max(v.anchors[max(v.anchors)].newest for v in chart._conductor.views.values())"
    while not view.notebook.evaluate(f"{newest} == chart._conductor.subject.axis.stop"):
        pass
    frame = view.notebook.evaluate("max(max(v.anchors) for v in chart._conductor.views.values())")
    view.wait(f"e => Number(e.dataset.frame) >= {frame}")


def test_rows_of_another_process_arrive_and_closed_bars_stay(lab: Lab, notebook: Notebook) -> None:
    view = notebook.view()
    frames = int(view.data["frame"])
    process = feed(lab, FIRST, FIRST + ROWS)
    bars: dict[str, list[float]] = {}
    rows = 0
    while rows < FIRST + ROWS:
        rows, span, table = notebook.evaluate("seen()")
        assert span == 120 * 10**9, "the window keeps its width"
        for time, *bar in table[1:-1]:  # the first may be older than the window, the last is not over
            assert bars.setdefault(time, bar) == bar, "a closed bar changed"
    ended(process)
    wait_shown(view)
    assert int(view.data["frame"]) - frames > 20, "growth was seen as it came"
    assert view.gesture_seq == 0
    assert len(bars) > 120
    assert {bar[-1] for bar in bars.values()} == {10**9 / STEP_NS}, "each second holds each of its ticks"
    expected = f"market(0, {FIRST + ROWS})"
    assert notebook.evaluate(f"bool((chart.history.price == {expected}['price']).all())"), (
        "no row lost, none twice"
    )
    notebook.execute("chart.fit()")
    assert notebook.evaluate("sum(chart.visible()['count'].to_pylist())") == FIRST + ROWS
    assert notebook.errors == []


def test_growth_shows_without_a_jump(lab: Lab, notebook: Notebook) -> None:
    """From frame to frame what was there moves to the left by whole pixels and changes nowhere."""
    view = notebook.view()
    notebook.execute("chart.view = (chart.view.start_ns, chart.view.stop_ns)")
    notebook.execute("chart.view = kf.View(chart.view.start, chart.view.stop, price=(95.0, 105.0))")
    view.wait_exact()
    wait_shown(view)
    before, moved = view.pixels(), 0
    first = FIRST
    for rows in (100, 300, 40, 800, 2000):
        shown = view.data["frame"]
        ended(feed(lab, first, first + rows, rows, 0))
        first += rows
        wait_rows(notebook, first)
        view.wait(f"e => e.dataset.frame !== '{shown}'")
        wait_shown(view)
        after = view.pixels()
        # The left half of the price pane: closed bars and the grid, no labels, no line of the last price.
        rows_px, width = slice(60, int(0.55 * after.shape[0])), after.shape[1] // 2
        line = last_price_rows(before, after)
        shifts = [
            by
            for by in range(160)
            if same(before[rows_px, by + 4 : by + 4 + width], after[rows_px, 4 : 4 + width], line, rows_px)
        ]
        assert shifts, f"after {rows} rows the picture is no shift of the one before"
        moved += shifts[0]
        before = after
    assert moved > 10, "the window went with the data"


def last_price_rows(before: np.ndarray, after: np.ndarray) -> set[int]:
    """Rows of px that the dotted line of the last price runs through, before or after."""
    rows: set[int] = set()
    for picture in (before, after):
        quiet = picture[:, : picture.shape[1] // 2]
        # dashes of one px every four: a row that alternates with that period has the line
        dotted = (quiet[:, 4:] == quiet[:, :-4]).all(axis=2).mean(axis=1)
        changing = (quiet[:, 1:] != quiet[:, :-1]).any(axis=2).mean(axis=1)
        rows |= set(np.flatnonzero((dotted > 0.5) & (changing > 0.25)).tolist())
    return {row + by for row in rows for by in (-1, 0, 1)}


def same(before: np.ndarray, after: np.ndarray, line: set[int], rows_px: slice) -> bool:
    kept = [row - rows_px.start for row in range(rows_px.start, rows_px.stop) if row not in line]
    return bool((before[kept] == after[kept]).all())


def test_who_pans_away_stays_there_and_the_end_key_returns(lab: Lab, notebook: Notebook) -> None:
    view = notebook.view()
    process = feed(lab, FIRST, FIRST + 16_000)
    before = view.gesture_seq
    view.drag(600, 0)
    view.drag(600, 0)
    view.drag(600, 0)
    view.wait_gesture(before)
    assert not notebook.evaluate("chart._conductor.shows_newest")
    held = notebook.evaluate("[chart.view.start_ns, chart.view.stop_ns]")
    ended(process)
    wait_rows(notebook, FIRST + 16_000)
    assert notebook.evaluate("[chart.view.start_ns, chart.view.stop_ns]") == held, "dragged along"
    view.press("End")
    view.wait_exact()
    assert notebook.evaluate("chart._conductor.shows_newest")
    stop = notebook.evaluate("chart.view.stop_ns")
    ended(feed(lab, FIRST + 16_000, FIRST + 20_000, 4000, 0))
    wait_rows(notebook, FIRST + 20_000)
    wait_shown(view)
    assert notebook.evaluate("chart.view.stop_ns") > stop
    assert notebook.errors == []


def test_gestures_work_while_rows_pour_in(lab: Lab, notebook: Notebook) -> None:
    view = notebook.view()
    view.root.focus()
    process = feed(lab, FIRST, FIRST + ROWS, 200, 20)
    for _ in range(4):
        before = view.gesture_seq
        view.drag(-80, 0)
        view.wheel(-120, at=(0.7, 0.4), steps=3)
        view.wait_gesture(before)
        view.wheel(120, at=(0.7, 0.4), steps=3)
        view.wait_exact()
    view.press("End")
    view.wait_exact()
    ended(process)
    wait_rows(notebook, FIRST + ROWS)
    wait_shown(view)
    last, start, stop = notebook.evaluate(
        "[int(chart.history.time_ns[-1]), chart.view.start_ns, chart.view.stop_ns]"
    )
    assert start < last <= stop
    assert notebook.errors == []
