"""Resampling a whole history on the GPU, beside the CPU, polars and pandas: `python benchmarks/gpu.py`.

Device time is taken with events, transfers apart from kernels. Data are a random market of 20 million
trades a year and, from 1e7 rows on, larger than the device's cache. Bytes are counted twice. *Least*: price
and size of each row once, 56 bytes a bar out; times are needed only where a bar begins, and from the host
they do not travel. *Columns*: the time of each row too, as a scan of all three columns reads them. Both are
divided by the whole time from columns to bars: finding edges is in it.

With --autotune, `run_autotune` comes first, and what "auto" then takes of each history is compared with the
faster of what it could have taken, by the times measured here.

Without a GPU the CPU's rows are measured and the others left out.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import RESULTS, facts, markdown_table, save
from kf_widget.history.autotune import run_autotune
from kf_widget.history.bar_columns import BarColumns
from kf_widget.history.choices import Choices
from kf_widget.history.edges import most_bars
from kf_widget.history.gpu import stream_columns
from kf_widget.history.gpu_device import CupyDevice, find_device, gpu_info
from kf_widget.history.gpu_history import GpuHistory
from kf_widget.history.gpu_scan import scan_rows
from kf_widget.history.gpu_stream import pin
from kf_widget.history.index import frozen
from kf_widget.history.resample import index_columns, scan_columns
from kf_widget.history.sample import sample_ticks
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.jit import kernel
from kf_widget.threads import split, spread, thread_count

TIMEFRAMES = ("1s", "1m", "1D")
ZONE = Zone.of("UTC")
BAR_BYTES = 56


def random_ticks(n: int) -> Ticks:
    """Trades of a futures-like market, 20 million a year, with float32 sizes: 20 bytes each."""
    made = sample_ticks(n, years=5 * n / 1e8)
    size = np.asarray(made.size, np.float32)
    return Ticks.from_columns(made.time_ns, made.price, size, tz="UTC")


def seconds(work: Callable[[], Any], repeats: int, budget_s: float = 8.0) -> float:
    """Median wall time; fewer repeats where they would take longer than the budget."""
    taken: list[float] = []
    while len(taken) < repeats and (len(taken) < 1 or sum(taken) < budget_s):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


@kernel(fastmath=True)
def read_sum(values: npt.NDArray[np.float64], start: int, stop: int) -> Any:
    """Sum of a part of an array; values : float64."""
    total = 0.0
    part = values[start:stop]
    for i in range(part.size):  # from `start` on each place would be gathered, as it might be negative
        total += part[i]
    return total


def reading() -> tuple[int, Callable[[], Any]]:
    """A plain sum over 2 GiB of memory by all cores: its bytes, and what does it."""
    values = np.ones(1 << 28)
    view = frozen(values)
    pieces = split(0, len(values), grain=1 << 20)
    return values.nbytes, lambda: spread(lambda start, stop: read_sum(view, start, stop), pieces)


def read_bandwidth() -> float:
    """Bytes a second that all cores read from memory."""
    n_bytes, read = reading()
    read()
    return n_bytes / seconds(read, 7)


class Stopwatch:
    """Time on the device between two points, by events."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy

    def median(self, work: Callable[[], Any], repeats: int = 15, warm: int = 2) -> float:
        """Median seconds of `work`, from its first to its last command on the device."""
        taken: list[float] = []
        for i in range(repeats + warm):
            start, stop = self._cupy.cuda.Event(), self._cupy.cuda.Event()
            start.record()
            work()
            stop.record()
            stop.synchronize()
            if i >= warm:
                taken.append(self._cupy.cuda.get_elapsed_time(start, stop) / 1e3)
        return statistics.median(taken)


def limits(device: CupyDevice, watch: Stopwatch) -> dict[str, float]:
    """Measured bytes a second: copy on the device, read plus written; to and from pinned host memory."""
    cupy = device.cupy
    n = 1 << 28
    source, target = cupy.random.random(n), cupy.empty(n)
    copy = 2 * 8 * n / watch.median(lambda: cupy.copyto(target, source))
    memory = cupy.cuda.alloc_pinned_memory(1 << 30)
    pinned = np.frombuffer(memory, np.float64, 1 << 27)
    pinned[:] = 1.0
    part, stream = target[: 1 << 27], cupy.cuda.get_current_stream()
    to = (1 << 30) / watch.median(lambda: part.set(pinned, stream=stream))
    back = (1 << 30) / watch.median(lambda: part.get(out=pinned, stream=stream, blocking=False))
    return {"copy_bytes_s": copy, "to_device_bytes_s": to, "from_device_bytes_s": back}


@contextlib.contextmanager
def kernel_times(device: CupyDevice) -> Iterator[dict[str, list[float]]]:
    """Seconds of every launch by kernel, while the context lasts; events around each."""
    spans: list[tuple[str, Any, Any]] = []
    taken: dict[str, list[float]] = {}
    cupy, launch = device.cupy, device.launch

    def timed(layout: tuple[str, bool], name: str, *rest: Any) -> None:
        start, stop = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        launch(layout, name, *rest)
        stop.record()
        spans.append((name, start, stop))

    setattr(device, "launch", timed)  # noqa: B010
    try:
        yield taken
    finally:
        delattr(device, "launch")
        cupy.cuda.Device().synchronize()
        for name, start, stop in spans:
            taken.setdefault(name, []).append(cupy.cuda.get_elapsed_time(start, stop) / 1e3)


def _resident(
    device: CupyDevice, watch: Stopwatch, history: Ticks, limit: dict[str, float]
) -> dict[str, dict[str, Any]]:
    """Figures of columns that stay on the device."""
    n = len(history)
    kept = GpuHistory(history, device)
    results: dict[str, dict[str, Any]] = {}
    for text in TIMEFRAMES:
        timeframe = Timeframe.parse(text)
        bars: list[int] = []

        def work(timeframe: Timeframe = timeframe, bars: list[int] = bars) -> None:
            edges, _ = kept.edges(timeframe, ZONE)
            scan_rows(device, kept.columns_there, edges, kept.pieces)
            bars.append(len(edges) - 1)

        kernel_s = watch.median(work)
        n_bars = bars[-1]
        with kernel_times(device) as each:
            for _ in range(5):
                work()
        least, columns = 12 * n + BAR_BYTES * n_bars, 20 * n + BAR_BYTES * n_bars
        wall_s = seconds(lambda timeframe=timeframe: kept.columns(timeframe, ZONE), 5)  # type: ignore[misc]
        results[text] = {
            "bars": n_bars,
            "resident_s": kernel_s,
            "resident_ticks_s": n / kernel_s,
            "resident_with_bars_to_host_s": wall_s,
            "least_bytes_over_copy": least / kernel_s / limit["copy_bytes_s"],
            "column_bytes_over_copy": columns / kernel_s / limit["copy_bytes_s"],
            "kernels_s": {name: statistics.median(times) for name, times in each.items()},
        }
    return results


def on_the_device(
    device: CupyDevice, watch: Stopwatch, history: Ticks, limit: dict[str, float]
) -> dict[str, dict[str, Any]]:
    """Figures of columns that stay on the device, and of columns that come from the host."""
    results = _resident(device, watch, history, limit)
    device.give_back()
    n = len(history)
    locked = Ticks.from_columns(history.time_ns, pin(history.price), pin(np.asarray(history.size)), tz="UTC")
    for text in TIMEFRAMES:
        timeframe = Timeframe.parse(text)

        def whole(source: Ticks = history, timeframe: Timeframe = timeframe) -> BarColumns:
            return stream_columns(device, source, timeframe, ZONE)

        whole()
        from_host_s = seconds(whole, 5)
        from_pinned_s = seconds(functools.partial(whole, locked), 5)
        returned_s = BAR_BYTES * results[text]["bars"] / limit["from_device_bytes_s"]
        least_s, columns_s = (
            max(row_bytes * n / limit["to_device_bytes_s"], returned_s) for row_bytes in (12, 20)
        )
        results[text] |= {
            "from_host_s": from_host_s,
            "from_host_ticks_s": n / from_host_s,
            "least_transfer_s": least_s,
            "columns_transfer_s": columns_s,
            "from_host_least_over_transfer": least_s / from_host_s,
            "from_host_columns_over_transfer": columns_s / from_host_s,
            "from_pinned_s": from_pinned_s,
            "from_pinned_least_over_transfer": least_s / from_pinned_s,
            "from_pinned_columns_over_transfer": columns_s / from_pinned_s,
        }
    return results


def on_the_host(history: Ticks, read_bytes_s: float, peers: bool) -> dict[str, dict[str, Any]]:
    """Figures of the CPU's scan and index, and of pandas and polars on the same work."""
    n = len(history)
    results: dict[str, dict[str, Any]] = {}
    for text in TIMEFRAMES:
        timeframe = Timeframe.parse(text)
        bars = len(scan_columns(history, timeframe, ZONE).time_ns)
        scan_s = seconds(lambda timeframe=timeframe: scan_columns(history, timeframe, ZONE), 7)  # type: ignore[misc]
        figures: dict[str, Any] = {
            "bars": bars,
            "cpu_scan_s": scan_s,
            "cpu_scan_ticks_s": n / scan_s,
            "cpu_scan_column_bytes_over_read": 20 * n / scan_s / read_bytes_s,
            "cpu_scan_all_bytes_over_read": (20 * n + BAR_BYTES * bars) / scan_s / read_bytes_s,
        }
        if bars * 700 < n:
            assert len(history.index) == n
            work = lambda timeframe=timeframe: index_columns(history, timeframe, ZONE)  # noqa: E731
            figures["cpu_index_s"] = seconds(work, 7)
        if peers:
            figures |= peers_of(history, text)
        results[text] = figures
    return results


def peers_of(history: Ticks, text: str) -> dict[str, float]:
    """Seconds that pandas, polars and cuDF, where they are installed, take for the same bars."""
    taken = {}
    if importlib.util.find_spec("polars"):
        import polars as pl

        frame = pl.DataFrame(
            {"time": history.time_ns, "price": history.price, "size": history.size}
        ).with_columns(pl.col("time").cast(pl.Datetime("ns")).set_sorted())
        price = pl.col("price")
        figures = [
            price.first().alias("open"),
            price.max().alias("high"),
            price.min().alias("low"),
            price.last().alias("close"),
            pl.col("size").sum().alias("volume"),
            pl.len().alias("count"),
        ]
        every = {"1D": "1d"}.get(text, text)
        taken["polars_s"] = seconds(lambda: frame.group_by_dynamic("time", every=every).agg(figures), 5)
    for name in ("pandas", "cudf"):
        if not importlib.util.find_spec(name):
            continue
        module = importlib.import_module(name)
        table = module.DataFrame({"price": history.price, "size": history.size})
        table.index = module.DatetimeIndex(history.time_ns.view("M8[ns]"))
        rule = {"1m": "1min"}.get(text, text)

        def bars(table: Any = table, rule: str = rule) -> Any:
            cut = table.resample(rule)
            return cut["price"].ohlc(), cut["size"].sum(), cut["size"].count()

        taken[f"{name}_s"] = seconds(bars, 3)
    return taken


def taken_by_auto(tuned: Choices, history: Ticks, text: str, figures: dict[str, Any]) -> dict[str, Any]:
    """The way that "auto" takes, and its seconds over those of the fastest of all that were measured."""
    keys = {"index": "cpu_index_s", "scan": "cpu_scan_s", "gpu": "from_host_s"}
    taken = {way: figures[key] for way, key in keys.items() if key in figures}
    n_bars = most_bars(Timeframe.parse(text), int(history.time_ns[0]), int(history.time_ns[-1]))
    way = tuned.way(len(history), n_bars, indexed="index" in taken)
    return {"auto_takes": way, "auto_over_best": taken[way] / min(taken.values())}


def main() -> None:
    """Measure, print a table, and write benchmarks/results/gpu.json and gpu.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="1e6,1e7,1e8,5e8", help="sizes, separated by commas")
    parser.add_argument("--peer-rows", type=float, default=1e8, help="largest size for pandas and polars")
    parser.add_argument("--autotune", action="store_true", help="also run and print run_autotune()")
    parser.add_argument("--cpu-only", action="store_true", help="leave the GPU out")
    arguments = parser.parse_args()
    info = gpu_info()
    gpu = info.usable and not arguments.cpu_only
    print(info)
    results: dict[str, Any] = {
        "machine": facts("numpy", "numba", "cupy-cuda13x", "cupy-cuda12x", "polars", "pandas"),
        "read_bytes_s": read_bandwidth(),
        "threads": thread_count(),
        "sizes": {},
    }
    if gpu:
        device = find_device()
        watch = Stopwatch(device.cupy)
        results["gpu"] = {
            "device": info.device,
            "memory_bytes": info.memory_bytes,
            "compute_capability": info.compute_capability,
            "driver": info.driver_version,
            "runtime": info.runtime_version,
        }
        results["limits"] = limits(device, watch)
    print({key: f"{value / 1e9:.0f} GB/s" for key, value in results.get("limits", {}).items()})
    print(f"host memory read: {results['read_bytes_s'] / 1e9:.1f} GB/s on {thread_count()} threads")
    tuned: Choices | None = None
    if arguments.autotune:
        found = run_autotune(save=False)
        tuned = found.choices
        (RESULTS / ("gpu_autotune.txt" if gpu else "gpu_cpu_only_autotune.txt")).write_text(f"{found}\n")
        print(found, flush=True)
    for n in (int(float(size)) for size in arguments.rows.split(",")):
        history = random_ticks(n)
        merged = on_the_host(history, results["read_bytes_s"], n <= arguments.peer_rows)
        if gpu:
            for text, figures in on_the_device(device, watch, history, results["limits"]).items():
                merged[text] |= figures
        if tuned is not None:
            for text, figures in merged.items():
                figures |= taken_by_auto(tuned, history, text, figures)
        results["sizes"][f"{n:.0e}"] = merged
        for text, figures in merged.items():
            shown = {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in figures.items()}
            print(f"{n:.0e} {text}", {k: v for k, v in shown.items() if k != "kernels_s"}, flush=True)
            if gpu:
                print("   ", {k: f"{v * 1e6:.0f} us" for k, v in figures["kernels_s"].items()})
        save("gpu" if gpu else "gpu_cpu_only", results)
    text = table(results)
    (RESULTS / ("gpu.md" if gpu else "gpu_cpu_only.md")).write_text(text)
    print(text)


def table(results: dict[str, Any]) -> str:
    """Ticks a second, in millions, of each way; with a GPU also the shares of what memory and link allow."""
    ways = {
        "GPU, resident": "resident_s",
        "GPU, from host": "from_host_s",
        "GPU, from pinned host": "from_pinned_s",
        "CPU scan": "cpu_scan_s",
        "CPU index": "cpu_index_s",
        "polars": "polars_s",
        "pandas": "pandas_s",
        "cuDF": "cudf_s",
    }
    rows, shares = [], []
    for size, by_timeframe in results["sizes"].items():
        for text, figures in by_timeframe.items():
            name, taken = f"{size} ticks, {text}", [figures.get(key) for key in ways.values()]
            speeds = [f"{float(size) / one / 1e6:,.0f}" if one else "" for one in taken]
            rows.append([name, *speeds])
            if "resident_s" in figures:
                shares.append([name, *_shares(figures)])
    speed = f"million ticks/s; {results['threads']} threads"
    if not shares:
        return markdown_table([speed, *ways], rows)
    limit = {key: f"{value / 1e9:,.0f} GB/s" for key, value in results["limits"].items()}
    head = [
        f"of the device's copy, {limit['copy_bytes_s']}, and of the link, {limit['to_device_bytes_s']}:"
        " columns / least",
        "resident",
        "from host",
        "from pinned host",
        "resident: times the CPU scan",
        "times pandas",
        '"auto" takes',
        "over the faster",
    ]
    tables = [
        markdown_table([f"{results['gpu']['device']}: {speed}", *ways], rows),
        markdown_table(head, shares),
    ]
    return "\n".join(tables)


def _shares(figures: dict[str, Any]) -> list[str]:
    def both(columns: str, least: str) -> str:
        return f"{figures[columns]:.0%} / {figures[least]:.0%}"

    times = (figures.get(key, 0.0) / figures["resident_s"] for key in ("cpu_scan_s", "pandas_s"))
    auto = (
        (figures["auto_takes"], f"{figures['auto_over_best']:.2f}") if "auto_takes" in figures else ("", "")
    )
    return [
        both("column_bytes_over_copy", "least_bytes_over_copy"),
        both("from_host_columns_over_transfer", "from_host_least_over_transfer"),
        both("from_pinned_columns_over_transfer", "from_pinned_least_over_transfer"),
        *(f"{value:,.1f}" if value else "" for value in times),
        *auto,
    ]


if __name__ == "__main__":
    main()
