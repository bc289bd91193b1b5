"""Which way to resample on this machine: by what `run_autotune` measured, or by what is usual."""

from __future__ import annotations

import json
import math
import os
import platform
import tempfile
from bisect import bisect_right
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from kf_widget.errors import KfError
from kf_widget.jit import cache_root
from kf_widget.threads import thread_count

__all__ = [
    "BACKENDS",
    "Choices",
    "adopt",
    "check_backend",
    "choices",
    "choices_path",
    "forget",
    "save_choices",
]

BACKENDS: Final = ("auto", "cpu", "gpu")
Way = Literal["index", "scan", "gpu"]
_Place = tuple[int, float, int, float]  # in rows: interval and how far into it; in rows_per_bar

_FORMAT: Final = 5  # those before were measured on bars of whole blocks, which flatter the index
# Usual: the shortest bars that the index makes faster than the scan, of histories of so many rows: none in
# the second cache, others in the last one and in memory. To build an index first always takes longer.
_SCAN_ROWS: Final = 1 << 14
_INDEX_ROWS: Final = 144
_FAR: Final = 1 << 21
_INDEX_ROWS_FAR: Final = 256
_KEPT: Final = 1024
_DECIDED_S: Final = 4e-6  # what counting bars to decide takes, with the noise of two measurements
_DOUBT: Final = 1.1  # an index that is built for one resample must be worth two measurements' noise


@dataclass(frozen=True)
class Choices:
    """Measured seconds of each way, over sizes of history and of bar.

    Attributes
    ----------
    rows, rows_per_bar : the sizes tried, increasing
    seconds : for each way, one list of seconds for each of `rows`, over `rows_per_bar`; empty where untuned.
        The ways are "index" and "scan", the same of bars of ticks as "index_rows" and "scan_rows", "gpu",
        "resident", which is the GPU on columns that it already holds, and "build", which is an index that is
        not there yet
    scan_grain : fewest rows worth a piece of their own
    gpu : name of the GPU measured, "" without one
    """

    rows: list[int] = field(default_factory=list)
    rows_per_bar: list[int] = field(default_factory=list)
    seconds: dict[str, list[list[float]]] = field(default_factory=dict)
    scan_grain: int = 1 << 17
    gpu: str = ""

    def way(
        self, n_rows: int, n_bars: int, *, indexed: bool = True, gpu: bool = True, by_time: bool = True
    ) -> Way:
        """The fastest way to make that many bars.

        Parameters
        ----------
        n_bars : how many there will be, or an upper bound; no bar is made of no row.
        indexed : whether the history's index is there; if not, the index way pays for it.
        gpu : whether the GPU may be chosen; it is where it was measured and still is in the machine.
        by_time : whether the index must look up the rows of the bars' times, or is given the rows.
        """
        if self.scans(n_rows, indexed, by_time):
            return "scan"
        if not self.seconds:
            shortest = _INDEX_ROWS if n_rows <= _FAR else _INDEX_ROWS_FAR
            return "index" if n_bars * shortest <= n_rows else "scan"
        key = (n_rows, n_bars, indexed, by_time)
        found = self._found.get(key)
        if found is None:
            found = self._fastest(*key)
            if len(self._found) >= _KEPT:
                self._found.clear()
            self._found[key] = found
        on_cpu, anywhere = found
        return anywhere if gpu and anywhere == "gpu" and _gpu_is(self.gpu) else on_cpu

    def scans(self, n_rows: int, indexed: bool, by_time: bool = True) -> bool:
        """Whether the scan is the way of a history whatever its bars, so that nobody need count them.

        Counting would be a twentieth of a small scan.
        """
        if not indexed and self._never_builds:
            return True
        if self.seconds:
            return by_time and n_rows <= self._always_scanned
        return n_rows <= _SCAN_ROWS

    @cached_property
    def _always_scanned(self) -> int:
        """The size up to which no other way beats the scan of bars of time by more than a decision takes."""
        others = [self.seconds[way] for way in ("index", "gpu") if way in self.seconds]
        most = 0
        for i, (n_rows, scan) in enumerate(zip(self.rows, self.seconds["scan"], strict=True)):
            if any(s > o + _DECIDED_S for other in others for s, o in zip(scan, other[i], strict=True)):
                break
            most = n_rows
        return most

    @cached_property
    def _never_builds(self) -> bool:
        """Whether the scan beats an index that must be built first at every size, and there is no GPU."""
        tables = (self.seconds.get(way, []) for way in ("build", "index", "scan"))
        cells = (cell for rows in zip(*tables, strict=True) for cell in zip(*rows, strict=True))
        return "gpu" not in self.seconds and all(build + index > scan for build, index, scan in cells)

    def builds_on_gpu(self, n_rows: int) -> bool:
        """Whether the GPU makes the blocks of an index over rows on the host faster than the CPU.

        It was measured on bars instead, of as many rows as a block has: the same bytes travel.
        """
        if "gpu" not in self.seconds or not _gpu_is(self.gpu):
            return False
        at = self._place(max(n_rows, 1), 64)
        return self._seconds("gpu", at) < self._seconds("build", at)

    def _fastest(self, n_rows: int, n_bars: int, indexed: bool, by_time: bool) -> tuple[Way, Way]:
        """The fastest way on the CPU, and the fastest of all."""
        at = self._place(n_rows, n_rows / min(max(n_bars, 1), n_rows))
        rows = "" if by_time or "index_rows" not in self.seconds else "_rows"
        index, scan = self._seconds(f"index{rows}", at), self._seconds(f"scan{rows}", at)
        if not indexed:
            index = _DOUBT * (index + self._seconds("build", at))
        on_cpu: Way = "index" if index < scan else "scan"
        faster = "gpu" in self.seconds and self._seconds("gpu", at) < min(index, scan)
        return on_cpu, "gpu" if faster else on_cpu

    @cached_property
    def _found(self) -> dict[tuple[int, int, bool, bool], tuple[Way, Way]]:
        """What was decided before, for a history that is resampled again."""
        return {}

    def expected(self, way: str, n_rows: float, per_bar: float) -> float:
        """Seconds by interpolation between the sizes tried; beyond the largest, in proportion to the rows."""
        return self._seconds(way, self._place(n_rows, per_bar)) * max(n_rows / self.rows[-1], 1.0)

    @cached_property
    def _logs(self) -> tuple[list[float], list[float], dict[str, list[list[float]]]]:
        """Logarithms of rows, rows_per_bar and seconds, the last row and column twice.

        Kept, because a small history is resampled in the time of some fifty logarithms.
        """
        tables = {
            way: [[math.log(s) for s in (*row, row[-1])] for row in (*table, table[-1])]
            for way, table in self.seconds.items()
        }
        return [math.log(n) for n in self.rows], [math.log(n) for n in self.rows_per_bar], tables

    def _place(self, n_rows: float, per_bar: float) -> _Place:
        rows, lengths, _ = self._logs
        return (*_between(rows, math.log(n_rows)), *_between(lengths, math.log(per_bar)))

    def _seconds(self, way: str, at: _Place) -> float:
        i, x, j, y = at
        a, b = self._logs[2][way][i : i + 2]
        low, high = a[j] + y * (a[j + 1] - a[j]), b[j] + y * (b[j + 1] - b[j])
        return math.exp(low + x * (high - low))


def check_backend(what: str, backend: str) -> None:
    """Raise a ValueError unless it is the name of a backend."""
    if backend not in BACKENDS:
        raise ValueError(f"{what}: backend must be one of {', '.join(map(repr, BACKENDS))}, got {backend!r}.")


def _between(sizes: list[float], size: float) -> tuple[int, float]:
    """The interval of increasing sizes that holds one, and how far into it; ends clamp."""
    i = bisect_right(sizes, size) - 1
    if i < 0:
        return 0, 0.0
    if i >= len(sizes) - 1:
        return len(sizes) - 1, 0.0
    return i, (size - sizes[i]) / (sizes[i + 1] - sizes[i])


def _gpu_is(name: str) -> bool:
    from kf_widget.history.gpu_device import find_device

    try:
        return find_device().info.device == name
    except KfError:
        return False


def _machine() -> dict[str, Any]:
    from kf_widget import __version__

    return {"format": _FORMAT, "package": __version__, "machine": platform.machine(), "cores": thread_count()}


def choices_path() -> Path:
    """Where this machine's choices are kept: a home folder may be shared by several machines."""
    return cache_root() / f"choices-{platform.node() or 'machine'}.json"


_current: Choices | None = None


def choices() -> Choices:
    """What `run_autotune` saved for this machine and version, else the usual."""
    global _current
    if _current is None:
        _current = _read(choices_path()) or Choices()
    return _current


def forget() -> None:
    """Read the file anew at the next use."""
    global _current
    _current = None


def _read(path: Path) -> Choices | None:
    """The saved choices; None where there are none, or they are of another version or machine, or broken."""
    try:
        saved = json.loads(path.read_text())
        if any(saved[key] != value for key, value in _machine().items()):
            return None
        found = replace(Choices(), **saved["choices"])
        shape = {(len(found.rows), len(row)) for table in found.seconds.values() for row in table}
        positive = all(0 < s < math.inf for table in found.seconds.values() for row in table for s in row)
        whole = all(len(table) == len(found.rows) for table in found.seconds.values())
        known = {"index", "scan", "build"} <= set(found.seconds)
        if not (known and positive and whole and shape == {(len(found.rows), len(found.rows_per_bar))}):
            return None
        return found if int(found.scan_grain) >= 1 else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def adopt(found: Choices) -> None:
    """Use these from now on, in this process."""
    global _current
    _current = found


def save_choices(found: Choices) -> Path:
    """Write this machine's choices, all or nothing, and use them from now on."""
    path = choices_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_machine() | {"choices": asdict(found)}, indent=1)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    adopt(found)
    return path
