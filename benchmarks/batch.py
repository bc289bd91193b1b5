"""How many charts a second? 300x200, 50 candles, WebP "fast"; medians.

    python benchmarks/batch.py [--charts 4000] [--turns 7] [--folder PATH]

The plain loop render_ohlcv_chart + save_chart to memory, render_batch to arrays, render_charts_parallel to
bytes and to files, on one thread and on all cores; first call apart. Beside the files, the same bytes
written by a bare loop. Writes benchmarks/results/batch.json and .md.

All files are kept until the end: a file system without a journal, as ext4 may be, gives no inode out anew
that was deleted in the last minutes, and looks past each of them for every file it makes. Where the bare
loop writes less than some 20,000 files a second, that is what is measured: wait five minutes.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import RESULTS, facts, markdown_table, save  # noqa: E402
from kf_widget.plotting import (  # noqa: E402
    render_batch,
    render_charts_parallel,
    render_ohlcv_chart,
    rolling_windows,
    save_chart,
)
from kf_widget.threads import thread_count  # noqa: E402

SIZE: dict[str, Any] = {"width": 300, "height": 200}
CANDLES = 50


def main() -> None:
    """Run what the command line asks for; prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--charts", type=int, default=4000)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--folder", help="where files are written; the system's temporary folder by default")
    chosen = parser.parse_args()
    n, turns = chosen.charts, chosen.turns
    ohlc, volume = history(n + CANDLES)
    windows = rolling_windows(ohlc, CANDLES, 1, volume=volume)[:n]
    charts = list(windows)
    began = time.perf_counter()
    first_image = render_ohlcv_chart(**charts[0], **SIZE)
    save_chart(first_image, io.BytesIO(), format="webp", speed="fast")
    render_batch(windows[:2], **SIZE)
    data = render_charts_parallel(charts, progress=False, **SIZE)
    first = time.perf_counter() - began

    def loop() -> None:
        for chart in charts:
            save_chart(render_ohlcv_chart(**chart, **SIZE), io.BytesIO(), format="webp", speed="fast")

    rows: list[dict[str, Any]] = [
        {"work": "render_ohlcv_chart + save_chart, memory", "one": rate(loop, n, turns)}
    ]
    out = render_batch(windows, **SIZE)
    tasks: dict[str, Callable[[int | None], Any]] = {
        "render_batch, new array": lambda k: render_batch(windows, num_workers=k, **SIZE),
        "render_batch, the same array again": lambda k: render_batch(windows, num_workers=k, out=out, **SIZE),
        "render_charts_parallel, WebP bytes": lambda k: render_charts_parallel(
            charts, num_workers=k, progress=False, **SIZE
        ),
    }
    for name, task in tasks.items():
        one, every = in_turns(task, n, turns)
        rows.append({"work": name, "one": one, "all": every, "gain": every / one})
    ones, everys, bare = in_files(charts, data, turns, chosen.folder)
    rows.append({"work": "render_charts_parallel, files", "one": ones, "all": everys, "gain": everys / ones})
    rows.append({"work": "the same bytes written by a loop", "one": bare})
    results = {
        "machine": facts("kf_widget", "numpy", "numba", "pillow"),
        "charts": n,
        "bytes_a_chart": statistics.mean(map(len, data)),
        "first_call_s": first,
        "threads": thread_count(),
        "rows": rows,
    }
    save("batch", results)
    lines = []
    for row in rows:
        cells = [f"{row['all']:,.0f}", f"{row['gain']:.2f}x"] if "all" in row else ["", ""]
        lines.append([row["work"], f"{row['one']:,.0f}", *cells])
    text = markdown_table(["charts a second", "one thread", f"{thread_count()} threads", "gain"], lines)
    (RESULTS / "batch.md").write_text(text)
    print(text)


def history(n: int) -> tuple[dict[str, Any], Any]:
    """A random walk of `n` bars, seeded."""
    rng = np.random.default_rng(0)
    close = 100 + np.cumsum(rng.normal(size=n))
    opened = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opened, close) + rng.random(n), np.minimum(opened, close) - rng.random(n)
    return {"open": opened, "high": high, "low": low, "close": close}, rng.integers(1, 1000, n).astype(float)


def rate(work: Callable[[], Any], n: int, turns: int) -> float:
    """Charts a second, the median of some turns."""
    rates = []
    for _ in range(turns):
        began = time.perf_counter()
        work()
        rates.append(n / (time.perf_counter() - began))
    return statistics.median(rates)


def in_turns(task: Callable[[int | None], Any], n: int, turns: int) -> tuple[float, float]:
    """One thread and all, in turns, so that a noisy machine treats both alike."""
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns):
        for workers, taken in zip((1, None), rates, strict=True):
            began = time.perf_counter()
            made = task(workers)
            taken.append(n / (time.perf_counter() - began))
            del made  # giving a gigabyte back is no part of making it
    return statistics.median(rates[0]), statistics.median(rates[1])


def in_files(
    charts: list[Any], data: list[bytes], turns: int, parent: str | None
) -> tuple[float, float, float]:
    """Charts a second to files: one thread, all of them, and a bare loop that writes the same bytes."""
    rates: tuple[list[float], ...] = ([], [], [])
    with tempfile.TemporaryDirectory(dir=parent) as whole:
        for number in range(turns):
            for turn, taken in enumerate(rates):
                folder = Path(whole, f"{number}-{turn}")
                folder.mkdir()
                paths = [f"{folder}/{i}.webp" for i in range(len(charts))]
                began = time.perf_counter()
                if turn == 2:
                    write(data, folder)
                else:
                    workers = 1 if turn == 0 else None
                    render_charts_parallel(charts, paths, workers, progress=False, **SIZE)
                taken.append(len(charts) / (time.perf_counter() - began))
    one, every, bare = map(statistics.median, rates)
    return one, every, bare


def write(data: list[bytes], folder: Path) -> None:
    """Write files with nothing else done."""
    for i, file in enumerate(data):
        with open(f"{folder}/{i}.webp", "wb") as handle:  # noqa: PTH123  (the quickest there is)
            handle.write(file)


if __name__ == "__main__":
    main()
