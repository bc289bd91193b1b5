"""What does a frame cost? One thread, real ticks behind it, from the viewport to the bytes.

    python benchmarks/frame.py [--ticks 1e6 1e8] [--frames 300]

Whole 1200x600 frames of 300 candles with axes, text and volume at five zooms and random places; the
stages of each; a theme switch; frames beside a pure-Python busy loop; and what starting costs: import,
first frame from a warm cache, first frame ever, everything compiled. Encoder figures beside libwebp's
are in benchmarks/encode.py. Writes benchmarks/results/frame.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import RESULTS, facts, markdown_table, save  # noqa: E402
from kf_widget.chart.compose import Style, compose  # noqa: E402
from kf_widget.chart.readout import read_out  # noqa: E402
from kf_widget.chart.subject import Subject  # noqa: E402
from kf_widget.chart.theme import theme_named  # noqa: E402
from kf_widget.chart.view import Viewport  # noqa: E402
from kf_widget.frame.render import Renderer  # noqa: E402
from kf_widget.frame.webp import encode_webp, warm  # noqa: E402
from kf_widget.history.sample import sample_ticks  # noqa: E402
from kf_widget.raster import measure, rasterize  # noqa: E402

ZOOMS = ("1D", "1h", "5m", "1m", "5s")
CANDLES = 300
SIZE = (1200, 600)

START = """
import sys, time
began = time.perf_counter()
import kf_widget
imported = time.perf_counter()
import numpy as np
ticks = kf_widget.Ticks.from_columns(np.arange(100_000) * 10**9, 100 + np.arange(100_000) % 97 * 0.25)
chart = kf_widget.Chart(ticks)
made = time.perf_counter()
chart.render(1200, 600)
drawn = time.perf_counter()
from kf_widget.frame.webp import vp8l_ready
while "wait" in sys.argv and not vp8l_ready("best"):
    time.sleep(0.1)
print(imported - began, drawn - imported, time.perf_counter() - began)
"""


def main() -> None:
    """Run what the command line asks for; prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ticks", nargs="+", default=["1e6", "1e8"])
    parser.add_argument("--frames", type=int, default=300, help="of each zoom")
    chosen = parser.parse_args()
    warm()
    results: dict[str, Any] = {"machine": facts("kf_widget", "numpy", "numba", "pillow"), "frames": []}
    for ticks in map(float, chosen.ticks):
        subject = Subject.of(sample_ticks(int(ticks), years=5, seed=0))
        _ = subject.history.index
        for zoom in ZOOMS:
            row = {"ticks": int(ticks), "timeframe": zoom, **frames(subject, zoom, chosen.frames)}
            print(json.dumps(row), flush=True)
            results["frames"].append(row)
        results["beside_a_busy_loop"] = busy(subject, chosen.frames)
    results["start"] = start()
    text = table(results)
    save("frame", results)
    (RESULTS / "frame.md").write_text(text)
    print(text)


def places(subject: Subject, zoom: str, n: int) -> Iterator[Viewport]:
    """Viewports of 300 candles at random places, the same in every run."""
    day_ns, _ = subject.axis.usual_open_ns
    length = {"1D": day_ns, "1h": 3600e9, "5m": 300e9, "1m": 60e9, "5s": 5e9}[zoom]
    span = int(CANDLES * length)
    rng = np.random.default_rng(7)
    room = subject.axis.stop - subject.axis.start - span
    for at in rng.random(n):
        start = subject.axis.start + int(at * room)
        yield Viewport(start, start + span, None, *SIZE)


def frames(subject: Subject, zoom: str, n: int) -> dict[str, Any]:
    """Seconds of whole frames and of their stages."""
    style, theme, other = Style(zoom), theme_named("modern"), theme_named("light")
    renderer = Renderer()
    stages: dict[str, list[float]] = {
        key: [] for key in ("whole", "compose", "raster", "encode", "readout", "theme")
    }
    sizes, candles = [], []
    for at, viewport in enumerate(places(subject, zoom, n + 20)):
        began = time.perf_counter()
        frame = renderer.render(subject, viewport, style, theme)
        whole = time.perf_counter()
        read_out(frame.picture.columns, subject.zone)
        read = time.perf_counter()
        renderer.render(subject, viewport, style, other)
        switched = time.perf_counter()
        picture = compose(subject, viewport, style, measure)
        composed = time.perf_counter()
        out = np.empty((picture.scene.height, picture.scene.width), np.uint8)
        filling = time.perf_counter()
        palette = rasterize(picture.scene, out)
        filled = time.perf_counter()
        encode_webp(out, palette.colours(theme.colours()))
        encoded = time.perf_counter()
        if at < 20:
            continue
        seconds = (
            whole - began,
            composed - switched,
            filled - filling,
            encoded - filled,
            read - whole,
            switched - read,
        )
        for key, value in zip(stages, seconds, strict=True):
            stages[key].append(value)
        sizes.append(len(frame.webp))
        candles.append(len(picture.columns))
    return {
        "candles": int(np.median(candles)),
        "webp_bytes": int(np.median(sizes)),
        **{f"{key}_ms": spread(values) for key, values in stages.items()},
    }


def busy(subject: Subject, n: int) -> dict[str, float]:
    """Whole frames while another thread keeps the interpreter busy."""
    stop = threading.Event()

    def spin() -> None:
        total = 0
        while not stop.is_set():
            for k in range(10_000):
                total += k

    renderer, theme = Renderer(), theme_named("modern")
    thread = threading.Thread(target=spin)
    thread.start()
    seconds = []
    try:
        for viewport in places(subject, "5m", n):
            began = time.perf_counter()
            renderer.render(subject, viewport, Style("5m"), theme)
            seconds.append(time.perf_counter() - began)
    finally:
        stop.set()
        thread.join()
    return spread(seconds)


def start() -> dict[str, float]:
    """Seconds to import, to a first frame from a warm cache, to one ever, to everything compiled."""

    def run(cache: str | None, *arguments: str) -> list[float]:
        env = os.environ | ({"KF_WIDGET_CACHE": cache} if cache else {})
        done = subprocess.run(
            [sys.executable, "-c", START, *arguments],
            env=env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return [float(value) for value in done.stdout.split()]

    warm_runs = np.array([run(None) for _ in range(7)])
    with tempfile.TemporaryDirectory() as folder:
        cold = run(folder, "wait")
    with tempfile.TemporaryDirectory() as folder:
        compiling = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "kf_widget", "warm", "--quiet"],
            env=os.environ | {"KF_WIDGET_CACHE": folder},
            cwd=ROOT,
            check=True,
        )
        compiled = time.perf_counter() - compiling
    return {
        "import_s": round(float(np.median(warm_runs[:, 0])), 3),
        "first_frame_warm_s": round(float(np.median(warm_runs[:, 1])), 3),
        "first_frame_ever_s": round(cold[1], 3),
        "compiled_beside_a_chart_s": round(cold[2], 2),
        "compiled_alone_s": round(compiled, 2),
    }


def spread(seconds: list[float]) -> dict[str, float]:
    """Percentiles in milliseconds."""
    p50, p95, p99 = np.percentile(np.array(seconds) * 1000, [50, 95, 99])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "p99": round(float(p99), 3)}


def table(results: dict[str, Any]) -> str:
    """Markdown of the results."""
    head = ("1200x600", "candles", "whole p50", "p99", "compose", "raster", "encode", "theme switch", "bytes")
    rows = [
        (
            f"{row['ticks']:.0e} ticks, {row['timeframe']}".replace("e+0", "e"),
            str(row["candles"]),
            *(f"{value:.2f} ms" for value in (row["whole_ms"]["p50"], row["whole_ms"]["p99"])),
            *(f"{row[f'{key}_ms']['p50']:.2f} ms" for key in ("compose", "raster", "encode", "theme")),
            f"{row['webp_bytes']:,}",
        )
        for row in results["frames"]
    ]
    begun, loop = results["start"], results["beside_a_busy_loop"]
    start_rows = [
        ("import kf_widget", f"{begun['import_s']:.2f} s"),
        ("first frame, warm cache", f"{begun['first_frame_warm_s']:.2f} s"),
        ("first frame ever", f"{begun['first_frame_ever_s']:.2f} s"),
        ("everything compiled, beside a chart", f"{begun['compiled_beside_a_chart_s']:.1f} s"),
        ("everything compiled, alone", f"{begun['compiled_alone_s']:.1f} s"),
        ("a frame beside a busy Python loop, p50 / p99", f"{loop['p50']:.1f} / {loop['p99']:.1f} ms"),
    ]
    return markdown_table(head, rows) + "\n" + markdown_table(("start", "time"), start_rows)


if __name__ == "__main__":
    main()
