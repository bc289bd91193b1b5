"""Every way to resample on the CPU, what "auto" takes, and the memory's own speed, in one run.

    python benchmarks/resample.py [--ticks 1e4 1e5 1e6 1e7 1e8] [--no-peers]

A random market of 20 million trades a year in 20 bytes each, made outside the timer. Each way is timed from
its arguments to its `Bars`: the scan, the index that is there, and the index that must be built first; so is
"auto", on a history with an index and on one without, as an untuned machine decides and, with --tuned, as
one that has run `run_autotune`. All take turns of three runs, and the best of each counts. "auto" is compared
with the better of what it could have done on the same history.

The memory's speed is that of a plain sum over 2 GiB by all cores. Bytes read are time, price and size of
each row once, though the scan reads the times twice; bytes written are seven columns of 8 bytes a bar.
Polars and pandas make the same bars of 1e8 ticks. Writes benchmarks/results/resample.json and .md.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.gpu import BAR_BYTES, peers_of, random_ticks, read_bandwidth
from benchmarks.machine import RESULTS, facts, markdown_table, save
from kf_widget.history.autotune import run_autotune
from kf_widget.history.choices import Choices, adopt
from kf_widget.history.resample import bars_of, index_columns, scan_columns
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.threads import thread_count

TIMEFRAMES = ("1s", "1m", "1h", "1D", "100t", "500v")
ROW_BYTES = 20
PEERS_AT = 100_000_000
WAYS = ("scan", "index", "build_and_index", "auto", "auto_without_index")


def main() -> None:
    """Run what the command line asks for; prints the tables and keeps them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ticks", nargs="+", default=["1e4", "1e5", "1e6", "1e7", "1e8"])
    parser.add_argument("--seconds", type=float, default=0.25, help="for each way and timeframe, at least")
    parser.add_argument("--no-peers", action="store_true", help="leave polars and pandas out")
    parser.add_argument("--tuned", action="store_true", help="run_autotune first; nothing is kept of it")
    chosen = parser.parse_args()
    adopt(Choices())
    if chosen.tuned:
        print(run_autotune(save=False), flush=True)
    results: dict[str, Any] = {
        "machine": facts("kf_widget", "numpy", "numba", "polars", "pandas"),
        "threads": thread_count(),
        "tuned": chosen.tuned,
        "read_bytes_s": read_bandwidth(),
        "cases": [],
    }
    print(f"memory read: {results['read_bytes_s'] / 1e9:.1f} GB/s on {thread_count()} threads", flush=True)
    for n in (int(float(size)) for size in chosen.ticks):
        history = random_ticks(n)
        for text in TIMEFRAMES:
            row = case(history, text, chosen.seconds, results["read_bytes_s"])
            if n == PEERS_AT and text == "1s" and not chosen.no_peers:
                row |= peers_of(history, text)
            results["cases"].append(row)
            print({key: float(f"{value:.3g}") if key != "timeframe" else value for key, value in row.items()})
            sys.stdout.flush()
        del history
        gc.collect()
    name = "resample_tuned" if chosen.tuned else "resample"
    save(name, results)
    text = table(results)
    (RESULTS / f"{name}.md").write_text(text)
    print(text)


def case(history: Ticks, text: str, budget_s: float, read_bytes_s: float) -> dict[str, Any]:
    """Best seconds of each way, and what follows from them."""
    zone = Zone.of("UTC")
    bare = Ticks.from_columns(history.time_ns, history.price, history.size, tz="UTC")
    assert len(history.index) == len(history)

    def without_index() -> Ticks:
        return Ticks.from_columns(bare.time_ns, bare.price, bare.size, tz="UTC")

    def scan(rows: Ticks) -> Any:
        timeframe = Timeframe.parse(text)
        return bars_of(rows, timeframe, zone, scan_columns(rows, timeframe, zone))

    def index(rows: Ticks) -> Any:
        timeframe = Timeframe.parse(text)
        return bars_of(rows, timeframe, zone, index_columns(rows, timeframe, zone))

    work: dict[str, tuple[Callable[[], Ticks], Callable[[Ticks], Any]]] = {
        "scan": (lambda: history, scan),
        "index": (lambda: history, index),
        "build_and_index": (without_index, index),
        "auto": (lambda: history, lambda rows: rows.resample(text)),
        "auto_without_index": (without_index, lambda rows: rows.resample(text)),
        "scan_without_index": (without_index, scan),
    }
    best = in_turns(work, budget_s)
    n, n_bars = len(history), len(scan(history))
    ways = min(best["scan"], best["index"])
    bare_ways = min(best["scan_without_index"], best["build_and_index"])
    read, moved = ROW_BYTES * n, ROW_BYTES * n + BAR_BYTES * n_bars
    return {
        "ticks": n,
        "timeframe": text,
        "bars": n_bars,
        **{f"{way}_s": taken for way, taken in best.items()},
        "auto_over_best": best["auto"] / ways,
        "auto_without_index_over_best": best["auto_without_index"] / bare_ways,
        "scan_read_share": read / best["scan"] / read_bytes_s,
        "scan_moved_share": moved / best["scan"] / read_bytes_s,
    }


def in_turns(
    work: dict[str, tuple[Callable[[], Ticks], Callable[[Ticks], Any]]], budget_s: float
) -> dict[str, float]:
    """Least seconds of each; they take turns, so that a slow moment of the machine meets them all."""
    for make, run in work.values():
        run(make())  # compiles
    best = dict.fromkeys(work, float("inf"))
    began, rounds = time.perf_counter(), 0
    while rounds < 2 or (time.perf_counter() - began < budget_s * len(work) and rounds < 1000):
        for way, (make, run) in work.items():
            for _ in range(3):  # the first of them finds the caches as another way left them
                rows = make()
                start = time.perf_counter()
                bars = run(rows)
                best[way] = min(best[way], time.perf_counter() - start)
                del bars, rows
        rounds += 1
    return best


def table(results: dict[str, Any]) -> str:
    """Milliseconds of each way, what "auto" takes over the better one, and shares of the memory's speed."""
    head = (
        f"{results['read_bytes_s'] / 1e9:.1f} GB/s read by {results['threads']} threads",
        "bars",
        "scan ms",
        "index ms",
        "build and index ms",
        "auto ms",
        "over the best",
        "auto, no index ms",
        "over the best",
        "scan: read / moved, of memory speed",
    )
    rows = [
        (
            f"{row['ticks']:.0e} ticks, {row['timeframe']}".replace("e+0", "e"),
            f"{row['bars']:,}",
            *(f"{row[f'{way}_s'] * 1e3:.3g}" for way in ("scan", "index", "build_and_index", "auto")),
            f"{row['auto_over_best']:.2f}",
            f"{row['auto_without_index_s'] * 1e3:.3g}",
            f"{row['auto_without_index_over_best']:.2f}",
            f"{row['scan_read_share']:.0%} / {row['scan_moved_share']:.0%}",
        )
        for row in results["cases"]
    ]
    text = markdown_table(head, rows)
    for row in results["cases"]:
        peers = [name for name in ("polars", "pandas") if f"{name}_s" in row]
        if peers:
            text += "\n" + markdown_table(
                (f"{row['ticks']:.0e} ticks, {row['timeframe']}".replace("e+0", "e"), "seconds", "times ours"),
                [
                    ("kf_widget, scan", f"{row['scan_s']:.3f}", "1.0"),
                    *(
                        (name, f"{row[f'{name}_s']:.2f}", f"{row[f'{name}_s'] / row['scan_s']:.1f}")
                        for name in peers
                    ),
                ],
            )
    return text


if __name__ == "__main__":
    main()
