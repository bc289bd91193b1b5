"""How fast does the chart answer a hand? One scripted scrub in a real JupyterLab and headless Chromium.

    python benchmarks/scrub.py [--ticks 1e6 1e7 1e8] [--ratio 1 2] [--size 1200x600]

Measured from outside, in the page, from each input's own time stamp: to the warped paint, and to the
first exact frame that covers it. Beside each chart, in the same run and with the very frames that it
sent: the floor (a bare anywidget echo) and jupyter_rfb. Writes benchmarks/results/scrub.json and .md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.gestures import record  # noqa: E402
from benchmarks.machine import RESULTS, facts, markdown_table, save  # noqa: E402
from benchmarks.scrub_peers import captured_frames, fit_width, floor, rfb, write_frames  # noqa: E402
from tests.browser.lab import Lab, Notebook, View  # noqa: E402

PACKAGES = ("kf_widget", "jupyterlab", "ipykernel", "anywidget", "jupyter_rfb", "numpy", "numba", "pillow")
_CELLS = (
    "import json\nimport kf_widget",
    "ticks = kf_widget.sample_ticks(TICKS, years=5, seed=0)\nticks.index",
    "chart = kf_widget.Chart(ticks, height=HEIGHT)\nchart",
    "print(json.dumps(chart.stats()))",
)


def main() -> None:
    """Run what the command line asks for; prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ticks", nargs="+", default=["1e6", "1e7", "1e8"])
    parser.add_argument("--ratio", nargs="+", type=float, default=[1.0, 2.0])
    parser.add_argument("--size", default="1200x600", help="CSS pixels of plot and axes together")
    parser.add_argument("--name", default="scrub", help="of the result files")
    chosen = parser.parse_args()
    width, height = map(int, chosen.size.split("x"))
    subprocess.run([sys.executable, "-m", "kf_widget", "warm", "--quiet"], check=True, cwd=ROOT)
    runs: list[dict[str, Any]] = []
    with Lab() as lab:
        for ratio in chosen.ratio:
            for ticks in map(float, chosen.ticks):
                case = {"ticks": int(ticks), "ratio": ratio, "width": width, "height": height}
                print(f"{case} ...", flush=True)
                runs.append({**case, **measure(lab, int(ticks), width, height, ratio)})
    packages = (
        "kf_widget",
        "jupyterlab",
        "ipykernel",
        "anywidget",
        "jupyter_rfb",
        "numpy",
        "numba",
        "pillow",
    )
    results = {"machine": facts(*packages), "runs": runs}
    save(chosen.name, results)
    text = table(runs)
    (RESULTS / f"{chosen.name}.md").write_text(text)
    print(text)


def measure(lab: Lab, ticks: int, width: int, height: int, ratio: float) -> dict[str, Any]:
    """The chart, then the floor and jupyter_rfb with the frames that the chart sent."""
    cells = [cell.replace("TICKS", str(ticks)).replace("HEIGHT", str(height)) for cell in _CELLS]
    with lab.open(cells, ratio=ratio, size=(width + 160, height + 500)) as notebook:
        for index in range(3):
            notebook.run_cell(index)
        view = notebook.view()
        fit_canvas(notebook, view, width, height)
        chart = record(view, menus=True)
        notebook.run_cell(3)
        stats = json.loads(notebook.text(3))
        chart["kernel_ms"] = stats["kernel_ms"]
        chart["stats"] = stats
        frames = captured_frames(notebook)
    write_frames(lab, frames)
    return {
        "chart": chart,
        "floor": floor(lab, height, width=width, ratio=ratio),
        "rfb": rfb(lab, height, width=width, ratio=ratio),
    }


def fit_canvas(notebook: Notebook, view: View, width: int, height: int) -> None:
    """Give the picture (plot and axes, without toolbar and scrubber) this size in CSS pixels."""
    fit_width(notebook, ".kf-canvas", width)
    now = notebook.page.locator(".kf-canvas").first.bounding_box()
    if now is not None and round(now["height"]) != height:
        notebook.set_source(3, f"chart.height += {height - round(now['height'])}")
        notebook.run_cell(3)
        notebook.set_source(3, _CELLS[3])
    view.wait(f"e => Math.round(e.querySelector('.kf-canvas').getBoundingClientRect().height) === {height}")
    view.wait_exact()


def table(runs: list[dict[str, Any]]) -> str:
    """The runs as Markdown, one line each for chart, floor and jupyter_rfb."""
    head = (
        *("what", "ticks", "ratio", "input to warp p50/p95/p99 ms", "late warps"),
        *("input to exact frame p50/p95/p99 ms", "at rest p50 ms", "frames/s", "KB a frame", "kernel ms p50"),
    )
    rows = []
    for run in runs:
        for what in ("chart", "floor", "rfb"):
            seen = run[what]
            late = seen.get("warp_late")
            rows.append(
                [
                    {"chart": "kf_widget", "floor": "floor (echo)", "rfb": "jupyter_rfb"}[what],
                    f"{run['ticks']:,}",
                    f"{run['ratio']:g}",
                    _spread(seen.get("warp_ms")),
                    "" if late is None else f"{late:.1%}",
                    _spread(seen["exact_ms"]),
                    f"{seen['single_ms']['p50']:.1f}" if seen.get("single_ms") else "",
                    f"{seen['frames_per_s']:.0f}",
                    f"{seen['frame_bytes'] / 1000:.1f}",
                    f"{seen['kernel_ms']['p50']:.2f}" if "kernel_ms" in seen else "",
                ]
            )
    return markdown_table(head, rows)


def _spread(values: dict[str, float] | None) -> str:
    return " / ".join(f"{value:.0f}" for value in values.values()) if values else ""


if __name__ == "__main__":
    main()
