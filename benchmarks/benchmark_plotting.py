"""Single charts and batches beside mplfinance: what grows with what, and what each option costs.

    python benchmarks/benchmark_plotting.py [--sizes 100 1000 10000] [--output results.md] [--quick]

Needs the extra `bench`. Both draw candles with volume from the same data at 800 x 600 and write a file;
mplfinance writes PNG, kf_widget PNG and WebP, every time a new file. The first call of each is apart.
Calls of what is compared alternate, and times are medians. Overheads are of 1,000 candles at 1080p, and of
a line through as many closes for antialiasing, since candles have no edges to smooth. Writes the tables to
`--output`, benchmarks/results/plotting.md by default, and the figures beside it as JSON.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import RESULTS, facts, markdown_table  # noqa: E402
from kf_widget.chart.theme import THEMES  # noqa: E402
from kf_widget.plotting import (  # noqa: E402
    render_and_save,
    render_charts_parallel,
    render_ohlcv_chart,
    save_chart,
)

PEER_SIZE = (800, 600)
RESOLUTIONS = {"720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
HD: dict[str, Any] = {"width": 1920, "height": 1080}
THUMBNAIL: dict[str, Any] = {"width": 300, "height": 200}
THUMBNAIL_BARS = 50
FORMATS = (
    *((suffix, speed) for suffix in ("webp", "png") for speed in ("fast", "balanced", "best")),
    ("jpg", "fast"), ("svg", "fast"), ("svgz", "fast"),
)  # fmt: skip

Rows = list[dict[str, Any]]


def candles(n: int, seed: int = 0) -> pd.DataFrame:
    """Bars of a random walk, one a minute."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, n)))
    open = np.concatenate(([100.0], close[:-1]))
    spread = rng.random((2, n)) * 0.002
    columns = {
        "Open": open,
        "High": np.maximum(open, close) * (1 + spread[0]),
        "Low": np.minimum(open, close) * (1 - spread[1]),
        "Close": close,
        "Volume": rng.integers(100, 10_000, n).astype(np.float64),
    }
    return pd.DataFrame(columns, index=pd.date_range("2024-01-01", periods=n, freq="1min"))


def split(df: pd.DataFrame) -> tuple[dict[str, Any], Any]:
    """The bars as plotting takes them: arrays, made before the clock runs."""
    return {name: df[name.capitalize()].to_numpy() for name in ("open", "high", "low", "close")}, df[
        "Volume"
    ].to_numpy()


def timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def turns(calls: Sequence[Callable[[], Any]], seconds: float, at_least: int = 3) -> np.ndarray:
    """Seconds of each of several calls that take turns for about so long, float64 (n_turns, n_calls)."""
    taken: list[list[float]] = []
    began = time.perf_counter()
    while len(taken) < at_least or (time.perf_counter() - began < seconds and len(taken) < 2000):
        taken.append([timed(call) for call in calls])
    return np.array(taken)


def medians(calls: Sequence[Callable[[], Any]], seconds: float, at_least: int = 3) -> list[float]:
    """Median seconds of each of several calls that take turns."""
    times: list[float] = np.median(turns(calls, seconds, at_least), axis=0).tolist()
    return times


def render_and_encode(ohlc: Any, volume: Any, width: int, height: int, seconds: float) -> dict[str, float]:
    """Median seconds to render to an image, and to render and encode as WebP."""
    both = medians(
        [
            partial(render_ohlcv_chart, ohlc, volume, width, height),
            partial(to_memory, ohlc, volume, width, height),
        ],
        seconds,
    )
    return dict(zip(("render_s", "webp_s"), both, strict=True))


def to_memory(ohlc: Any, volume: Any, width: int, height: int, **render: Any) -> None:
    """Render and encode, without a file."""
    image = render_ohlcv_chart(ohlc, volume, width, height, **render)
    save_chart(image, io.BytesIO(), "webp", "fast")


def beside_mplfinance(sizes: Sequence[int], folder: Path, seconds: float) -> Rows:
    """Render and save beside mplfinance: same bars, same pixels, volume, a file written."""
    import matplotlib as mpl

    mpl.use("Agg")
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    import mplfinance as mpf

    names = itertools.count()
    width, height = PEER_SIZE
    rows: Rows = []
    for n in sizes:
        df = candles(n)
        ohlc, volume = split(df)

        def ours(suffix: str, ohlc: Any = ohlc, volume: Any = volume) -> None:
            render_and_save(ohlc, volume, folder / f"{next(names)}.{suffix}", width=width, height=height)

        def peer(df: pd.DataFrame = df) -> None:
            mpf.plot(
                df, type="candle", volume=True, style="charles", figsize=(width / 100, height / 100),
                savefig={"fname": folder / f"{next(names)}.png", "dpi": 100}, warn_too_much_data=10**9,
            )  # fmt: skip

        first = {"kf_widget": timed(lambda: ours("webp")), "mplfinance": timed(peer)}
        ours("png")
        webp, png = medians([lambda: ours("webp"), lambda: ours("png")], seconds)
        slow = first["mplfinance"] > 10
        theirs = first["mplfinance"] if slow else medians([peer], seconds)[0]
        rows.append(
            {
                "candles": n, "mplfinance_s": theirs, "png_s": png, "webp_s": webp,
                "ratio_png": theirs / png, "ratio_webp": theirs / webp, "first_s": first,
            }
        )  # fmt: skip
        for path in folder.iterdir():
            path.unlink()
    return rows


def with_candles(seconds: float) -> Rows:
    return [
        {"candles": n, **render_and_encode(*split(candles(n)), *PEER_SIZE, seconds)}
        for n in (50, 100, 1000, 10_000, 100_000)
    ]


def with_resolution(seconds: float) -> Rows:
    bars = split(candles(1000))
    return [
        {"resolution": name, "pixels": width * height, **render_and_encode(*bars, width, height, seconds)}
        for name, (width, height) in RESOLUTIONS.items()
    ]


def with_cores(charts: int, seconds: float) -> Rows:
    datasets = [
        dict(zip(("ohlc", "volume"), split(candles(THUMBNAIL_BARS, seed)), strict=True))
        for seed in range(charts)
    ]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    counts = sorted({1, 2, *(2**k for k in range(2, 10) if 2**k <= cores), cores})

    def batch(workers: int) -> Callable[[], Any]:
        return lambda: render_charts_parallel(datasets, num_workers=workers, progress=False, **THUMBNAIL)

    batch(1)()
    taken = medians([batch(workers) for workers in counts], seconds)
    return [
        {"threads": workers, "images_per_s": charts / each, "ratio": taken[0] / each}
        for workers, each in zip(counts, taken, strict=True)
    ]


def overheads(seconds: float) -> Rows:
    """What an option adds to rendering to an image, and to rendering and encoding."""
    ohlc, volume = split(candles(1000))
    pairs: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("grid", {"show_grid": False}, {"show_grid": True}),
        (
            "antialiasing (line)",
            {"chart_type": "line", "enable_antialiasing": False},
            {"chart_type": "line", "enable_antialiasing": True},
        ),
        ("wick width 0.5", {"wick_width_ratio": 0.1}, {"wick_width_ratio": 0.5}),
        *((f"theme {name}", {"theme": "classic"}, {"theme": name}) for name in THEMES if name != "classic"),
    ]
    rows: Rows = []
    for name, without, having in pairs:
        row: dict[str, Any] = {"option": name}
        for what, draw in (("render", render_ohlcv_chart), ("webp", to_memory)):
            calls = [partial(draw, ohlc, volume, **HD, **more) for more in (without, having)]
            calls[1]()
            times = turns(calls, seconds, at_least=15)
            plain, more_s = np.median(times, axis=0).tolist()
            # Of neighbouring calls, so that what else the machine does falls on both.
            added = float(np.median(times[:, 1] / times[:, 0])) - 1
            row |= {f"{what}_without_s": plain, f"{what}_with_s": more_s, f"{what}_overhead": added}
        rows.append(row)
    return rows


def formats(folder: Path, seconds: float) -> Rows:
    ohlc, volume = split(candles(1000))
    rows: Rows = []
    for suffix, speed in FORMATS:
        path = folder / f"chart.{suffix}"
        call = partial(render_and_save, ohlc, volume, path, speed=speed, **HD)
        call()
        rows.append(
            {"format": suffix, "speed": speed, "s": medians([call], seconds)[0], "bytes": path.stat().st_size}
        )
    return rows


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.2f}" if seconds < 0.1 else f"{seconds * 1e3:,.0f}"


def sections(results: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Titles and tables in markdown, by name."""
    width, height = PEER_SIZE
    peers = markdown_table(
        ["candles", "mplfinance PNG", "PNG", "WebP", "PNG: times faster", "WebP: times faster"],
        [
            [
                f"{row['candles']:,}", ms(row["mplfinance_s"]), ms(row["png_s"]), ms(row["webp_s"]),
                f"{row['ratio_png']:,.0f}", f"{row['ratio_webp']:,.0f}",
            ]
            for row in results["mplfinance"]
        ],
    )  # fmt: skip
    grown = markdown_table(
        ["candles", "render", "render and WebP"],
        [[f"{row['candles']:,}", ms(row["render_s"]), ms(row["webp_s"])] for row in results["candles"]],
    )
    resolution = markdown_table(
        ["resolution", "pixels", "render", "render and WebP"],
        [
            [row["resolution"], f"{row['pixels']:,}", ms(row["render_s"]), ms(row["webp_s"])]
            for row in results["resolution"]
        ],
    )
    cores = markdown_table(
        ["threads", "images a second", "of one thread"],
        [
            [str(row["threads"]), f"{row['images_per_s']:,.0f}", f"{row['ratio']:.2f}x"]
            for row in results["cores"]
        ],
    )
    options = markdown_table(
        ["option", "render without", "with", "adds", "and WebP without", "with", "adds"],
        [
            [
                row["option"], ms(row["render_without_s"]), ms(row["render_with_s"]),
                f"{row['render_overhead']:+.1%}", ms(row["webp_without_s"]), ms(row["webp_with_s"]),
                f"{row['webp_overhead']:+.1%}",
            ]
            for row in results["overheads"]
        ],
    )  # fmt: skip
    files = markdown_table(
        ["format", "speed", "time", "bytes"],
        [[row["format"], row["speed"], ms(row["s"]), f"{row['bytes']:,}"] for row in results["formats"]],
    )
    thumbnail = f"{THUMBNAIL['width']} x {THUMBNAIL['height']}, {THUMBNAIL_BARS} candles"
    return {
        "peers": (
            f"Beside mplfinance: {width} x {height}, candles and volume, rendered and saved", peers
        ),
        "candles": (f"With candles: {width} x {height}", grown),
        "resolution": ("With resolution: 1,000 candles", resolution),
        "cores": (f"With cores: {thumbnail}, to WebP", cores),
        "options": ("What an option adds: 1080p, 1,000 candles", options),
        "formats": ("Formats: 1080p, 1,000 candles, rendered and saved", files),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[100, 1000, 10_000], help="candles beside mplfinance"
    )
    parser.add_argument("--output", type=Path, default=RESULTS / "plotting.md", help="where the tables go")
    parser.add_argument("--quick", action="store_true", help="shorter turns; figures are rough")
    options = parser.parse_args()
    if min(options.sizes) < 1:
        parser.error("--sizes must be 1 or more")
    seconds = 0.3 if options.quick else 4.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results: dict[str, Any] = {
            "machine": facts("kf_widget", "numba", "pillow", "mplfinance", "matplotlib"),
            "mplfinance": beside_mplfinance(options.sizes, folder, seconds),
            "candles": with_candles(seconds),
            "resolution": with_resolution(seconds),
            "cores": with_cores(500 if options.quick else 4000, seconds),
            "overheads": overheads(seconds),
            "formats": formats(folder, seconds),
        }
    write(results, options.output)


def write(results: dict[str, Any], output: Path) -> None:
    """All tables to a file and the figures beside it; at the usual place also each table, for the README."""
    machine, parts = results["machine"], sections(results)
    text = "\n".join(
        [
            "# Plotting\n",
            f"{machine['processor']}, {machine['cores']} cores, {machine['date']}. Medians, milliseconds.\n",
            *(f"## {title}\n\n{table}" for title, table in parts.values()),
        ]
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
    output.write_text(text)
    if output.resolve() == RESULTS / "plotting.md":
        for name, (_, table) in parts.items():
            (RESULTS / f"plotting_{name}.md").write_text(table)
    print(text)


if __name__ == "__main__":
    main()
