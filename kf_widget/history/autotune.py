"""Autotune: measure the ways to resample on this machine, and let ``backend="auto"`` know."""

from __future__ import annotations

import gc
import operator
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from kf_widget.history.choices import Choices, adopt, choices, save_choices
from kf_widget.history.gpu_device import GpuInfo, gpu_info
from kf_widget.history.index import RangeIndex
from kf_widget.history.resample import index_columns, scan_columns
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.threads import split, spread, thread_count

__all__ = ["Autotuned", "gpu_info", "run_autotune"]

_ROWS: Final = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
_ROWS_PER_BAR: Final = (4, 24, 72, 112, 200, 1000, 65_000)
"""None is whole blocks of the index: such bars have no rows beside them, and take it a third of the time."""
_GRAIN_CASES: Final = tuple(
    (n_rows, per_bar) for n_rows in (100_000, 300_000, 1_000_000) for per_bar in (4, 64)
)
_GRAINS: Final = (1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 20)
_SECOND: Final = 1_000_000_000
_BUDGET_S: Final = 0.2
_SLOW_S: Final = 1.0
_MANY_THREADS: Final = 8
# Ticks, bars and an index of a size, with as much again to work in.
_BYTES_PER_ROW: Final = 120
_OF_ROWS: Final = ("index_rows", "scan_rows")
_LABELS: Final = {
    "index": "CPU index",
    "scan": "CPU scan",
    "gpu": "GPU from host",
    "resident": "GPU resident",
}


@dataclass(frozen=True)
class Autotuned:
    """What `run_autotune` measured; its repr is a table.

    Attributes
    ----------
    choices : the measured seconds, as ``backend="auto"`` uses them.
    gpu : what GPU there is, or why none is used.
    path : the file they are kept in; None when they were not saved.
    """

    choices: Choices
    gpu: GpuInfo
    path: Path | None

    def __repr__(self) -> str:
        ways = [way for way in _LABELS if way in self.choices.seconds]
        head = ["rows", "rows per bar", *(_LABELS[way] for way in ways), "auto takes"]
        lines = [head]
        for i, rows in enumerate(self.choices.rows):
            for j, per_bar in enumerate(self.choices.rows_per_bar):
                taken = [_duration(self.choices.seconds[way][i][j]) for way in ways]
                best = self.choices.way(rows, max(rows // per_bar, 1))
                lines.append([f"{rows:,}", f"{per_bar:,}", *taken, _LABELS[best]])
        widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
        table = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in lines]
        table.insert(1, "  ".join("-" * w for w in widths))
        what = f"CPU: {thread_count()} threads, at least {self.choices.scan_grain:,} rows a piece"
        kept = "not saved" if self.path is None else f"kept in {self.path}"
        return "\n".join([repr(self.gpu), what, *table, kept])


def run_autotune(
    *,
    rows: Sequence[int] | None = None,
    rows_per_bar: Sequence[int] = _ROWS_PER_BAR,
    save: bool = True,
) -> Autotuned:
    """Measure every way to resample over sizes of history and of bar; ``backend="auto"`` then knows.

    Parameters
    ----------
    rows : sizes of history; by default from 10 thousand to 10 million, on eight cores or more to 100
        million, as far as half of the free memory goes.
    rows_per_bar : lengths of bar.
    save : keep the result in the user's cache folder for this machine. It is ignored by another version
        of kf_widget, with another number of cores, and as to the GPU, with another GPU.

    Returns
    -------
    Autotuned. Its repr is a table of seconds, and says whether there is a GPU and if not, why.

    Notes
    -----
    One to two minutes on two cores. Nothing else should be busy. Without a GPU the CPU's own choices are
    measured: when to go through the index, and how finely to split a scan over threads.
    """
    sizes = _sizes() if rows is None else _whole("rows", rows)
    lengths = _whole("rows_per_bar", rows_per_bar)
    info = gpu_info()
    before = choices()
    zone, second = Zone.of("UTC"), Timeframe.parse("1s")
    try:
        adopt(Choices())
        found = replace(Choices(), scan_grain=_best_grain(zone, second))
        adopt(found)
        ways = [*_LABELS, *_OF_ROWS] if info.usable else ["index", "scan", *_OF_ROWS]
        seconds: dict[str, list[list[float]]] = {way: [] for way in ("build", *ways)}
        for n_rows in sizes:
            for table in seconds.values():
                table.append([])
            for per_bar in lengths:
                history = _even_ticks(n_rows, per_bar)
                seconds["build"][-1].append(_least(lambda h=history: _index_of(h)))  # type: ignore[misc]
                assert len(history.index) == n_rows  # built outside the timer
                ticks = Timeframe.parse(f"{per_bar}t")
                for way in ways:
                    timeframe = ticks if way in _OF_ROWS else second
                    work = _work(way.removesuffix("_rows"), history, timeframe, zone)
                    seconds[way][-1].append(_least(work))
                del history
                gc.collect()
    except BaseException:
        adopt(before)
        raise
    gpu = info.device if info.usable else ""
    found = replace(found, rows=sizes, rows_per_bar=lengths, seconds=seconds, gpu=gpu)
    adopt(found)
    return Autotuned(found, info, save_choices(found) if save else None)


def _whole(name: str, numbers: Any) -> list[int]:
    """What was given, each number once, in order."""
    try:
        found = sorted({operator.index(number) for number in numbers})
    except TypeError:
        found = []
    if not found or found[0] < 1:
        raise ValueError(
            f"run_autotune: {name} must be a list of whole numbers that are 1 or more, got {numbers!r}."
        )
    return found


def _sizes() -> list[int]:
    try:
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        free = 4 << 30
    most = _ROWS[-1] if thread_count() >= _MANY_THREADS else _ROWS[-2]
    return [n for n in _ROWS if n <= most and (n * _BYTES_PER_ROW <= free // 2 or n <= 1_000_000)]


def _even_ticks(n: int, per_bar: int) -> Ticks:
    """Ticks of a seeded random price, as many a second as asked for."""
    time_ns, price, size = np.empty(n, np.int64), np.empty(n), np.empty(n, np.float32)

    def fill(start: int, stop: int) -> None:
        rng = np.random.default_rng(start)
        place = np.arange(start, stop)
        time_ns[start:stop] = place // per_bar * _SECOND + place % per_bar * (_SECOND // per_bar)
        price[start:stop] = 4000 + 0.25 * rng.integers(-2000, 2000, stop - start, np.int16)
        size[start:stop] = rng.integers(1, 100, stop - start, np.int8)

    spread(fill, split(0, n, grain=1 << 20))
    return Ticks.from_columns(time_ns, price, size, tz="UTC")


def _index_of(history: Ticks) -> RangeIndex:
    price = history.price
    return RangeIndex.build(history.time_ns, price, price, price, price, history.size)


def _work(way: str, history: Ticks, timeframe: Timeframe, zone: Zone) -> Callable[[], Any]:
    if way == "index":
        return lambda: index_columns(history, timeframe, zone)
    if way == "scan":
        return lambda: scan_columns(history, timeframe, zone)
    if way == "gpu":
        from kf_widget.history.gpu import gpu_columns

        return lambda: gpu_columns(history, timeframe, zone)
    from kf_widget.history.gpu_history import to_gpu

    kept = to_gpu(history)
    return lambda: kept.columns(timeframe, zone)


def _best_grain(zone: Zone, timeframe: Timeframe) -> int:
    """Fewest rows worth a piece of their own: the usual, unless another is better in every case that it cuts.

    A twentieth slower in one of the cases rules it out, and over all of them it must be a twentieth faster.
    """
    usual = Choices().scan_grain
    ratios: dict[int, list[float]] = {grain: [] for grain in _GRAINS}
    for case in _GRAIN_CASES:
        history = _even_ticks(*case)
        taken = {}
        for grain in _GRAINS:
            adopt(replace(Choices(), scan_grain=grain))
            taken[grain] = _least(lambda h=history: scan_columns(h, timeframe, zone))  # type: ignore[misc]
        for grain in _GRAINS:
            ratios[grain].append(taken[grain] / taken[usual])
    sound = {grain: statistics.geometric_mean(r) for grain, r in ratios.items() if max(r) < 1.05}
    best = min(sound, key=sound.__getitem__)
    return best if sound[best] < 0.95 else usual


def _least(work: Callable[[], Any]) -> float:
    """Least seconds of up to a hundred runs after a first one, which compiles; of a slow one, of fewer.

    Many short runs outlast a moment in which the machine is busy elsewhere.
    """
    work()
    taken: list[float] = []
    while len(taken) < 100 and sum(taken) < _BUDGET_S + _SLOW_S * (len(taken) < 3):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"
