"""Every way to resample on the CPU, what "auto" takes, and the memory's own speed, in one run.

    python benchmarks/resample.py [--ticks 1e4 1e5 1e6 1e7 1e8] [--no-peers] [--untuned]

A random market of 20 million trades a year in 20 bytes each, made outside the timer. Each way is timed from
``ticks.resample("1m")`` to its `Bars`, with the decision made for it: the scan, the index that is there, and
the index that must be built first. So is "auto", which decides, on a history with an index and on one
without, as an untuned machine does and as one that has run `run_autotune`.

All take turns, of three milliseconds or three runs, in another order each round: who comes after its like
finds the processor prepared, and was 8 % faster at 30 us. The best run of a turn counts, and "auto" is
compared with the better of what it could have done on the same history by the median of the ratios of all
rounds: two that do the same then differ by 2 % at most. Seconds are those of the best run of all.

The memory's speed is that of a plain sum over 2 GiB by all cores, in turns with the scan, as other machines
on the same memory let it be twice as fast in one minute as in another. Bytes read are time, price and size
of each row once; bytes written are seven columns of 8 bytes a bar.
Bars lie in the memory of those let go of last, as in any loop that resamples; the scan in new memory, which
the system clears first, stands beside. The *bare* time is what the same memory takes without any work: the
three columns summed, and columns for as many bars filled, in memory used before. It is the scan's floor, as
bars are few or many; a second history, a month at some 50 ticks a second, shows the scan where a bar has many
rows.

Polars and pandas make the same bars of 1e8 ticks. Writes benchmarks/results/resample.json and .md.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.gpu import BAR_BYTES, peers_of, random_ticks, reading
from benchmarks.machine import RESULTS, facts, markdown_table, save
from kf_widget.history import resample as resampling
from kf_widget.history.autotune import run_autotune
from kf_widget.history.bar_columns import BarColumns, recycler
from kf_widget.history.choices import Choices, adopt
from kf_widget.history.index import frozen
from kf_widget.history.resample import bars_of, index_columns, scan_columns
from kf_widget.history.sample import sample_ticks
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.jit import kernel
from kf_widget.threads import split, spread, thread_count

TIMEFRAMES = ("1s", "1m", "1h", "1D", "100t", "500v")
MEMORY = ("1s", "1m", "1h")
ROW_BYTES = 20
PEERS_AT = 100_000_000
DENSE_YEARS = 0.1
SLOW_S = 1.0
"""A way that takes longer is timed once: it is no match for the others."""
TURN_S = 0.003
LONG_TURN_S = 0.02
"""No turn is longer, but for its first run."""
ROUNDS = 15
MEMORY_ROUNDS = 15


class Way(NamedTuple):
    """columns : what makes the bars, decided beforehand; None lets "auto" decide."""

    columns: Callable[[Any, Timeframe, Zone, bool], BarColumns] | None
    choices: Choices
    indexed: bool


def main() -> None:
    """Run what the command line asks for; prints the tables and keeps them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ticks", nargs="+", default=["1e4", "1e5", "1e6", "1e7", "1e8"])
    parser.add_argument("--seconds", type=float, default=0.2, help="for each way and timeframe, at least")
    parser.add_argument("--no-peers", action="store_true", help="leave polars and pandas out")
    parser.add_argument("--untuned", action="store_true", help="leave run_autotune out")
    chosen = parser.parse_args()
    kept = {"auto": Choices()}
    if not chosen.untuned:
        tuned = run_autotune(save=False)
        print(tuned, flush=True)
        kept["tuned"] = tuned.choices
    results: dict[str, Any] = {
        "machine": facts("kf_widget", "numpy", "numba", "polars", "pandas"),
        "threads": thread_count(),
        "cases": [],
    }
    for text in TIMEFRAMES:  # compiles
        case(random_ticks(1000), text, 0.0, kept)
    for n in (int(float(size)) for size in chosen.ticks):
        history = random_ticks(n)
        for text in TIMEFRAMES:
            row = case(history, text, chosen.seconds, kept)
            if n == PEERS_AT and text == "1s" and not chosen.no_peers:
                row |= peers_of(history, text)
            results["cases"].append(row)
            print({key: float(f"{value:.3g}") if key != "timeframe" else value for key, value in row.items()})
            sys.stdout.flush()
        if n == PEERS_AT:
            results["memory"] = [against_memory(history, text) for text in MEMORY]
        del history
        gc.collect()
        if n == PEERS_AT:
            history = dense_ticks(n)
            results["memory"] += [against_memory(history, text) for text in MEMORY]
            del history
            gc.collect()
    save("resample", results)
    text = tables(results)
    (RESULTS / "resample.md").write_text(text)
    print(text)


def dense_ticks(n: int) -> Ticks:
    """As many trades in some five weeks: of 1e8, 50 a second while the market is open."""
    made = sample_ticks(n, years=DENSE_YEARS * n / PEERS_AT)
    return Ticks.from_columns(made.time_ns, made.price, np.asarray(made.size, np.float32), tz="UTC")


@kernel(fastmath=True)
def read_columns(
    time_ns: npt.NDArray[np.int64],
    price: npt.NDArray[np.float64],
    size: npt.NDArray[Any],
    start: int,
    stop: int,
) -> Any:
    """Sum rows ``[start, stop)`` of three columns, a block of 512 rows after another."""
    times, prices, sizes = 0, 0.0, size[start] - size[start]
    while start < stop:
        after = min(start + 512, stop)
        some_times, some_prices, some_sizes = time_ns[start:after], price[start:after], size[start:after]
        for i in range(some_times.size):
            times += some_times[i]
        for i in range(some_prices.size):
            prices += some_prices[i]
        for i in range(some_sizes.size):
            sizes += some_sizes[i]
        start = after
    return times + prices + sizes


@kernel
def fill_columns(out: Any, start: int, stop: int) -> None:
    """Fill bars ``[start, stop)`` of all columns, a block of 128 bars after another."""
    time_ns, open, high, low, close, volume, counts = out
    while start < stop:
        after = min(start + 128, stop)
        for column in (open, high, low, close, volume):
            column[start:after] = 1.0
        for column in (time_ns, counts):
            column[start:after] = 1
        start = after


def against_memory(history: Ticks, text: str) -> dict[str, Any]:
    """Median seconds of a scan beside those of bare reading and writing, and the shares of memory speed."""
    timeframe, zone, n = Timeframe.parse(text), Zone.of("UTC"), len(history)
    columns = tuple(map(frozen, (history.time_ns, history.price, np.asarray(history.size))))
    rows = split(0, n, grain=1 << 17)

    def scan() -> int:
        return len(bars_of(history, timeframe, zone, scan_columns(history, timeframe, zone)))

    def scan_new() -> None:
        recycler.forget()
        scan()

    def read() -> None:
        spread(lambda start, stop: read_columns(*columns, start, stop), rows)

    n_bars = scan()
    bars = split(0, n_bars, grain=1 << 14)

    def write() -> None:
        out = BarColumns.room(n_bars)
        spread(lambda start, stop: fill_columns(out, start, stop), bars)

    stream_bytes, stream = reading()
    works = (scan_new, scan, read, write, stream)
    rounds = [[timeit.timeit(work, number=1) for work in works] for _ in range(MEMORY_ROUNDS + 1)][1:]
    new_s, scan_s, read_s, write_s, stream_s = (median(taken) for taken in zip(*rounds, strict=True))
    share = median(of_stream / of_scan for _, of_scan, _, _, of_stream in rounds) / stream_bytes
    return {
        "timeframe": text,
        "bars": n_bars,
        "ticks_a_bar": n / n_bars,
        "scan_s": scan_s,
        "scan_new_s": new_s,
        "bare_read_s": read_s,
        "bare_write_s": write_s,
        "read_bytes_s": stream_bytes / stream_s,
        "read_share": ROW_BYTES * n * share,
        "moved_share": (ROW_BYTES * n + BAR_BYTES * n_bars) * share,
        "bare_over_scan": (read_s + write_s) / scan_s,
    }


def case(history: Ticks, text: str, budget_s: float, kept: dict[str, Choices]) -> dict[str, Any]:
    """Best seconds of each way, and what follows from them."""
    assert len(history.index) == len(history)

    def scan(rows: Any, timeframe: Timeframe, zone: Zone, gpu: bool) -> BarColumns:
        return scan_columns(rows, timeframe, zone)

    def index(rows: Any, timeframe: Timeframe, zone: Zone, gpu: bool) -> BarColumns:
        return index_columns(rows, timeframe, zone)

    usual = kept["auto"]
    ways = {
        "scan": Way(scan, usual, True),
        "scan_without_index": Way(scan, usual, False),
        "index": Way(index, usual, True),
        "build_and_index": Way(index, usual, False),
    }
    for name, choices in kept.items():
        ways[name] = Way(None, choices, True)
        ways[f"{name}_without_index"] = Way(None, choices, False)
    turns = in_turns(history, text, ways, budget_s)
    best = {way: min(taken) for way, taken in turns.items()}
    n, n_bars = len(history), len(history.resample(text))
    over = {}
    for name in kept:
        bare = f"{name}_without_index"
        over[f"{name}_over_best"] = over_better(turns, name, ("scan", "index"))
        over[f"{bare}_over_best"] = over_better(turns, bare, ("scan_without_index", "build_and_index"))
    return {
        "ticks": n,
        "timeframe": text,
        "bars": n_bars,
        **{f"{way}_s": taken for way, taken in best.items()},
        **over,
    }


def in_turns(history: Ticks, text: str, ways: dict[str, Way], budget_s: float) -> dict[str, list[float]]:
    """Least seconds of each way's turns, round after round, in which all of them meet the same machine."""

    def turn(way: Way) -> float:
        adopt(way.choices)
        runs, least, began = 0, float("inf"), time.perf_counter()
        with patch.object(resampling, "_columns", way.columns or decide):
            while not runs or time.perf_counter() - began < (LONG_TURN_S if runs < 3 else TURN_S):
                rows = history
                if not way.indexed:
                    rows = Ticks.from_columns(history.time_ns, history.price, history.size, tz="UTC")
                start = time.perf_counter()
                rows.resample(text)
                least = min(least, time.perf_counter() - start)
                runs += 1
        return least

    decide = resampling._columns
    turns = {name: [turn(way)] for name, way in ways.items()}
    todo = [name for name, (first,) in turns.items() if first < SLOW_S]
    shuffled, began, rounds = random.Random(0), time.perf_counter(), 0
    while rounds < ROUNDS or (time.perf_counter() - began < budget_s * len(todo) and rounds < 1000):
        shuffled.shuffle(todo)
        for name in todo:
            turns[name].append(turn(ways[name]))
        rounds += 1
    return turns


def over_better(turns: dict[str, list[float]], name: str, ways: tuple[str, ...]) -> float:
    """Median ratio of a way's turns to those of the best of others, of the rounds in which both had one."""
    better = min((turns[way] for way in ways), key=median)
    return median(mine / its for mine, its in zip(turns[name], better, strict=False))


def tables(results: dict[str, Any]) -> str:
    """What "auto" takes over the better way; each way at the largest size; peers."""
    cases = results["cases"]
    tuned = "tuned_s" in cases[0]
    by_size: dict[int, dict[str, dict[str, Any]]] = {}
    for row in cases:
        by_size.setdefault(row["ticks"], {})[row["timeframe"]] = row
    names = ("auto", "tuned") if tuned else ("auto",)
    rows = []
    for n, there in by_size.items():
        for name in names:
            keys = (f"{name}_over_best", f"{name}_without_index_over_best")
            cells = (" / ".join(f"{there[text][key]:.2f}" for key in keys) for text in TIMEFRAMES)
            rows.append((f"{_power(n)} ticks, {'tuned' if name == 'tuned' else 'untuned'}", *cells))
    text = markdown_table(("auto over the better way, with / without an index", *TIMEFRAMES), rows)
    ways = ("scan", "index", "build_and_index", "auto", "auto_without_index")
    head = (
        f"{_power(cases[-1]['ticks'])} ticks, {results['threads']} threads",
        "bars",
        *(f"{way.replace('_', ' ')} ms" for way in ways),
    )
    last = by_size[cases[-1]["ticks"]]
    text += "\n" + markdown_table(
        head,
        [
            (
                timeframe,
                f"{row['bars']:,}",
                *(f"{row[f'{way}_s'] * 1e3:,.3g}" for way in ways),
            )
            for timeframe, row in last.items()
        ],
    )
    if "memory" in results:
        text += "\n" + markdown_table(
            (
                f"{_power(PEERS_AT)} ticks: the scan and the memory",
                "ticks a bar",
                "scan ms",
                "in new memory ms",
                "bare read ms",
                "bare write ms",
                "memory reads GB/s",
                "share read",
                "share moved",
                "bare over scan",
            ),
            [
                (
                    f"{row['timeframe']}, {row['bars']:,} bars",
                    f"{row['ticks_a_bar']:,.1f}",
                    *(
                        f"{row[f'{key}_s'] * 1e3:,.3g}"
                        for key in ("scan", "scan_new", "bare_read", "bare_write")
                    ),
                    f"{row['read_bytes_s'] / 1e9:.1f}",
                    *(f"{row[key]:.0%}" for key in ("read_share", "moved_share", "bare_over_scan")),
                )
                for row in results["memory"]
            ],
        )
    for row in cases:
        if "polars_s" in row or "pandas_s" in row:
            peers = {"kf_widget, scan": row["scan_s"]}
            peers |= {name: row[f"{name}_s"] for name in ("polars", "pandas") if f"{name}_s" in row}
            text += "\n" + markdown_table(
                (f"{_power(row['ticks'])} ticks, {row['timeframe']}", "seconds", "times the scan"),
                [(name, f"{taken:.3g}", f"{taken / row['scan_s']:.1f}") for name, taken in peers.items()],
            )
    return text


def _power(n: int) -> str:
    return f"{n:.0e}".replace("e+0", "e")


if __name__ == "__main__":
    main()
