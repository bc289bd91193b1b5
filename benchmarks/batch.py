"""How many charts a second? 300x200, 50 candles, WebP "fast"; medians.

    python benchmarks/batch.py [--charts 2000] [--turns 45] [--folder PATH]

The plain loop render_ohlcv_chart + save_chart to memory, render_batch to arrays, render_charts_parallel to
bytes and to files, on one thread and on all cores; first call apart. Beside them what the machine allows and
gains by more threads: its cores by a hash, its new memory by zeros, memory that it has by one picture that is
written past the caches in place of every chart, its file system by the same files and nothing drawn. Zeros
would not do: some machines take them twice as fast as colours. Work in memory takes turns, so that a minute
in which the machine is busy elsewhere falls on every row; a gain is the median of those of neighbouring
turns, which go on for minutes, as some machines lend two cores in one and two halves of one in another. Files
take a third of the turns. Writes benchmarks/results/batch.json, .md.

All files are kept until the end: a file system without a journal, as ext4 may be, gives no inode out anew
that was deleted in the last minutes, and looks past each of them for every file it makes. Where files
with nothing drawn are fewer than some 20,000 a second, that is what is measured: wait five minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import RESULTS, facts, markdown_table, save  # noqa: E402
from kf_widget.jit import kernel  # noqa: E402
from kf_widget.plotting import (  # noqa: E402
    render_batch,
    render_charts_parallel,
    render_ohlcv_chart,
    rolling_windows,
    save_chart,
)
from kf_widget.plotting.batch import recycler  # noqa: E402
from kf_widget.plotting.files import write_all  # noqa: E402
from kf_widget.plotting.lanes import over_lanes  # noqa: E402
from kf_widget.raster.lookup import finish_stream, look_up  # noqa: E402
from kf_widget.threads import thread_count  # noqa: E402

SIZE: dict[str, Any] = {"width": 300, "height": 200}
CANDLES = 50


def main() -> None:
    """Run what the command line asks for; prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--charts", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=45)
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
    image = np.asarray(first_image.convert("L")) // np.uint8(16)
    out, rgb = render_batch(windows, **SIZE), render_batch(windows, **SIZE, enable_antialiasing=False)
    tasks: dict[str, Callable[[int | None], Any]] = {
        "render_batch, new memory": lambda k: render_batch(windows, num_workers=k, **SIZE),
        "render_batch, memory of the one before": lambda k: render_batch(windows, num_workers=k, **SIZE),
        "render_batch, the same array again": lambda k: render_batch(windows, num_workers=k, out=out, **SIZE),
        "render_batch, RGB, the same array again": lambda k: render_batch(
            windows, num_workers=k, out=rgb, enable_antialiasing=False, **SIZE
        ),
        "render_charts_parallel, WebP bytes": lambda k: render_charts_parallel(
            charts, num_workers=k, progress=False, **SIZE
        ),
        "machine: a hash of 60,000 bytes": lambda k: hash_all(bytes(60_000), n, k),
        "machine: a new array of zeros": lambda k: fill(np.empty(out.shape, np.uint8), k),
        "machine: the same array again, nothing drawn": lambda k: colour(out, image, k),
    }
    for name, row in in_turns(tasks, n, turns).items():
        rows.append({"work": name, **row})
    for name, row in in_files(charts, data, -(-turns // 3), chosen.folder).items():
        rows.append({"work": name, **row})
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


def in_turns(tasks: dict[str, Callable[[int | None], Any]], n: int, turns: int) -> dict[str, dict[str, Any]]:
    """Each task by one thread and by all, in turns, so that a noisy machine treats all of them alike."""
    rates: dict[tuple[str, int | None], list[float]] = {(name, k): [] for name in tasks for k in (1, None)}
    for _ in range(turns):
        for name, task in tasks.items():
            task(None)  # memory that a virtual machine has not used for seconds is new to its host, too
            for workers in (1, None):
                if name.endswith("new memory"):
                    recycler.forget()
                began = time.perf_counter()
                made = task(workers)
                rates[name, workers].append(n / (time.perf_counter() - began))
                del made  # giving a gigabyte back is no part of making it
    return {name: compared(rates[name, 1], rates[name, None]) for name in tasks}


def compared(one: list[float], every: list[float]) -> dict[str, Any]:
    """Medians, and that of the gains of neighbouring turns, in which a noisy machine is most alike."""
    gains = [all_ / alone for alone, all_ in zip(one, every, strict=True)]
    return {
        name: statistics.median(rates)
        for name, rates in zip(("one", "all", "gain"), (one, every, gains), strict=True)
    }


def in_files(
    charts: list[Any], data: list[bytes], turns: int, parent: str | None
) -> dict[str, dict[str, Any]]:
    """Charts a second to files, by one thread and by all: drawn, and the same bytes only written."""
    names = ("render_charts_parallel, files", "machine: the same files, nothing drawn")
    rates: dict[tuple[str, int | None], list[float]] = {(name, k): [] for name in names for k in (1, None)}
    with tempfile.TemporaryDirectory(dir=parent) as whole:
        for number in range(turns):
            for turn, ((name, workers), taken) in enumerate(rates.items()):
                folder = Path(whole, f"{number}-{turn}")
                folder.mkdir()
                paths = [f"{folder}/{i}.webp" for i in range(len(charts))]
                began = time.perf_counter()
                if name == names[0]:
                    render_charts_parallel(charts, paths, workers, progress=False, **SIZE)
                else:
                    write_only(data, paths, workers or thread_count())
                taken.append(len(charts) / (time.perf_counter() - began))
    return {name: compared(rates[name, 1], rates[name, None]) for name in names}


def hash_all(data: bytes, n: int, workers: int | None) -> None:
    """Work without the GIL that stays in a core's own cache."""

    def work(start: int, stop: int) -> None:
        for _ in range(start, stop):
            hashlib.sha256(data)

    over_lanes(work, n, 16, workers or thread_count())


def fill(out: npt.NDArray[np.uint8], workers: int | None) -> npt.NDArray[np.uint8]:
    """Fill an array with zeros, a chart at a time."""

    def work(start: int, stop: int) -> None:
        for image in out[start:stop]:
            image.fill(0)

    over_lanes(work, len(out), 16, workers or thread_count(), apart=True)
    return out


def colour(out: npt.NDArray[np.uint8], image: npt.NDArray[np.uint8], workers: int | None) -> None:
    """Write one picture of 16 colours in place of every chart, as `render_batch` writes a large array."""
    table = np.random.default_rng(0).integers(0, 1 << 32, 256, dtype=np.uint32)
    words, indices = out.reshape(len(out), -1).view(np.uint32), image.ravel()

    def work(start: int, stop: int) -> None:
        colour_all(indices, table, words[start:stop])

    over_lanes(work, len(out), 16, workers or thread_count(), apart=True)


@kernel
def colour_all(indices: Any, table: Any, words: Any) -> None:
    """Look the indices up, into each row of `words`."""
    for k in range(words.shape[0]):
        look_up(indices, table, words[k], True)
    finish_stream()


def write_only(data: list[bytes], paths: list[str], workers: int) -> None:
    """Write files with nothing else done, as a batch writes them."""

    def work(start: int, stop: int) -> None:
        failures = write_all("batch", paths[start:stop], data[start:stop])
        assert not failures, failures

    over_lanes(work, len(data), 64, workers)


if __name__ == "__main__":
    main()
