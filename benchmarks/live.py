"""A chart that follows a store into which another process writes 10,000 rows a second for a minute.

python benchmarks/live.py [--seconds 60] [--rows 10000] [--first 1000000]

Real JupyterLab, headless Chromium. Every row is stamped with the time of its append, so that a frame tells
how old its newest row is when it leaves the kernel. All rows are compared at the end: none lost, none twice.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.gestures import RECORD, STOP, percentiles
from benchmarks.machine import RESULTS, facts, markdown_table, save
from tests.browser.lab import Lab, Notebook

BATCH_S = 0.05

MARKET = """
import numpy as np

def market(first, time_ns):
    row = first + np.arange(len(time_ns))
    wave = np.sin(row / 90_000) * 3 + np.sin(row / 6_110) * 0.7 + np.sin(row * 2.3) * 0.05
    return {"time": time_ns.view("M8[ns]"), "price": np.round(100 + wave, 2), "size": 1.0 + row % 5}
"""

CHART = """import shutil, time
import kf_widget as kf
from kf_widget.sources.batch import Batch, Schema
{market}
class Rows:
    schema, n_rows, fingerprint, dropped = Schema("float64", False, "UTC"), {first}, "", {{}}

    def batches(self, skip_rows=0):
        rows = market(0, time.time_ns() - np.arange({first}, 0, -1) * {step_ns})
        yield Batch(rows["time"].view("i8"), rows["price"], rows["size"], None)

store = kf.ingest(Rows(), "live.store", progress=False)
chart = kf.Chart(store, theme="modern", timeframe="1s")
chart.zoom("3m")
chart.follow()
frames = []
conductor = chart._conductor
send = conductor._send

def noted(content, buffers):
    if content["type"] == "frame":
        history = conductor.subject.history
        frames.append((time.time_ns(), len(history), time.time_ns() - int(history.time_ns[-1])))
    send(content, buffers)

conductor._send = noted"""

FEED = """
import json, sys, time
import kf_widget as kf
{market}
first, rows, batch, pause_ns = (int(text) for text in sys.argv[1:])
store = kf.open_ticks("live.store")
took, began = [], time.time_ns()
last = int(store.time_ns[-1])
for number, row in enumerate(range(first, first + rows, batch), 1):
    pause = began + number * pause_ns - time.time_ns()
    if pause > 0:
        time.sleep(pause / 1e9)
    now = time.time_ns()
    time_ns = np.linspace(last, now, min(batch, first + rows - row) + 1).astype(np.int64)[1:]
    last = now
    start = time.perf_counter()
    store.append(market(row, time_ns))
    took.append(time.perf_counter() - start)
store.close()
print(json.dumps({{"append_ms": [1000 * each for each in took], "seconds": (time.time_ns() - began) / 1e9}}))
"""


def live(notebook: Notebook, first: int, rows_a_second: int, seconds: int) -> dict[str, Any]:
    """Follow for so long; what the kernel, the page and the writer saw."""
    rows, batch = rows_a_second * seconds, int(rows_a_second * BATCH_S)
    view = notebook.view()
    script = notebook.lab.work / "feed.py"
    script.write_text(FEED.format(market=MARKET))
    numbers = [str(number) for number in (first, rows, batch, int(BATCH_S * 1e9))]
    notebook.execute("conductor.sent.clear(), frames.clear()")
    view.root.evaluate(RECORD, False)
    done = subprocess.run(
        [sys.executable, script, *numbers],
        cwd=notebook.lab.work,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    while notebook.evaluate("len(chart.history)") < first + rows:
        pass
    recorded = view.page.evaluate(STOP)
    written = json.loads(done.stdout)
    shown = [now for name, _, now, _, _ in recorded["events"] if name == "frame"]
    kernel_ms = notebook.evaluate("[1000 * each['kernel_s'] for each in conductor.sent]")
    frames = notebook.evaluate("frames")
    whole = notebook.evaluate(
        f"bool((chart.history.price == market(0, np.zeros({first + rows}, np.int64))['price']).all())"
    )
    spent = percentiles(kernel_ms)
    return {
        "rows": rows,
        "rows_per_s": round(rows / written["seconds"]),
        "rows_lost": first + rows - notebook.evaluate("len(chart.history)"),
        "all_rows_equal": whole,
        "frames": len(shown),
        "frames_per_s": round(len(shown) / written["seconds"], 1),
        "kernel_ms": spent,
        "p99_over_p50": round(spent["p99"] / spent["p50"], 2),
        "newest_row_ms": percentiles([age / 1e6 for _, _, age in frames]),
        "append_ms": percentiles(written["append_ms"]),
        "batch": batch,
        "page_errors": notebook.errors,
    }


def table(result: dict[str, Any]) -> str:
    """The figures as a Markdown table."""

    def three(name: str) -> list[str]:
        return [f"{result[name][p]:,}" for p in ("p50", "p95", "p99")]

    rows = [
        ["kernel, a frame (ms)", *three("kernel_ms")],
        ["newest row when its frame leaves (ms)", *three("newest_row_ms")],
        [f"append of {result['batch']} rows, durable (ms)", *three("append_ms")],
    ]
    head = f"{result['rows_per_s']:,} rows/s, {result['frames_per_s']:g} frames/s shown"
    lost = f"{result['rows']:,} rows appended, {result['rows_lost']} lost"
    return markdown_table([f"{head}; {lost}", "p50", "p95", "p99"], rows)


def main() -> None:
    """Run and write ``results/live.json`` and ``results/live.md``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rows", type=int, default=10_000, help="a second")
    parser.add_argument("--first", type=int, default=1_000_000, help="rows that are there before")
    options = parser.parse_args()
    cell = CHART.format(market=MARKET, first=options.first, step_ns=10**9 // options.rows)
    with Lab() as lab, lab.open([cell, "chart"]) as notebook:
        notebook.run_all()
        result = live(notebook, options.first, options.rows, options.seconds)
    save("live", {"machine": facts("jupyterlab", "ipykernel", "anywidget", "numpy", "numba"), "live": result})
    (RESULTS / "live.md").write_text(table(result))
    print(table(result), json.dumps(result, indent=1), sep="\n")


if __name__ == "__main__":
    main()
