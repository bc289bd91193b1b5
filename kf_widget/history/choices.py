"""Which way to resample on this machine: by what `run_autotune` measured, or by what is usual."""

from __future__ import annotations

import json
import math
import os
import platform
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from kf_widget.errors import KfError
from kf_widget.jit import cache_root
from kf_widget.threads import thread_count

__all__ = ["Choices", "adopt", "choices", "choices_path", "forget", "save_choices"]

Way = Literal["index", "scan", "gpu"]

_FORMAT: Final = 2  # 1 was measured on a scan and an index that are slower than today's
# Usual, where the index is there: the shortest bars that it makes faster than the scan, while the columns are
# in a cache and where they come from memory. To build it first costs more than to scan.
_INDEX_ROWS: Final = 24
_INDEX_ROWS_FAR: Final = 48
_NEAR_ROWS: Final = 1 << 21


@dataclass(frozen=True)
class Choices:
    """Measured seconds of each way, over sizes of history and of bar.

    Attributes
    ----------
    rows, rows_per_bar : the sizes tried, increasing
    seconds : for each way ("index", "scan", "gpu", "resident", which is the GPU on columns that it already
        holds, and "build", which is an index that is not there yet), one list of seconds for each of `rows`,
        over `rows_per_bar`; empty where untuned
    scan_grain : fewest rows worth a piece of their own
    gpu : name of the GPU measured, "" without one
    """

    rows: list[int] = field(default_factory=list)
    rows_per_bar: list[int] = field(default_factory=list)
    seconds: dict[str, list[list[float]]] = field(default_factory=dict)
    scan_grain: int = 1 << 17
    gpu: str = ""

    def way(self, n_rows: int, n_bars: int, *, indexed: bool = True, gpu: bool = True) -> Way:
        """The fastest way to make that many bars.

        Parameters
        ----------
        n_bars : how many there will be, or an upper bound; no bar is made of no row.
        indexed : whether the history's index is there; if not, the index way pays for it.
        gpu : whether the GPU may be chosen; it is where it was measured and still is in the machine.
        """
        if not self.seconds:
            shortest = _INDEX_ROWS if n_rows <= _NEAR_ROWS else _INDEX_ROWS_FAR
            return "index" if indexed and n_bars * shortest <= n_rows else "scan"
        per_bar = n_rows / min(max(n_bars, 1), n_rows)
        expected: dict[Way, float] = {
            "index": self.expected("index", n_rows, per_bar),
            "scan": self.expected("scan", n_rows, per_bar),
        }
        if not indexed:
            expected["index"] += self.expected("build", n_rows, per_bar)
        if gpu and "gpu" in self.seconds:
            expected["gpu"] = self.expected("gpu", n_rows, per_bar)
        best = min(expected, key=expected.__getitem__)
        if best == "gpu" and not _gpu_is(self.gpu):
            del expected["gpu"]
            best = min(expected, key=expected.__getitem__)
        return best

    def expected(self, way: str, n_rows: float, per_bar: float) -> float:
        """Seconds by interpolation between the sizes tried; beyond the largest, in proportion to the rows."""
        table = self.seconds[way]
        i, x = _between(self.rows, n_rows)
        j, y = _between(self.rows_per_bar, per_bar)
        corners = ((i, j, (1 - x) * (1 - y)), (i, j + 1, (1 - x) * y), (i + 1, j, x * (1 - y)))
        total = sum(
            weight * math.log(table[a][b]) for a, b, weight in (*corners, (i + 1, j + 1, x * y)) if weight > 0
        )
        return math.exp(total) * max(n_rows / self.rows[-1], 1.0)


def _between(sizes: list[int], size: float) -> tuple[int, float]:
    """The interval of increasing sizes that holds one, and how far into it, in logarithms; ends clamp."""
    if size <= sizes[0]:
        return 0, 0.0
    for i in range(len(sizes) - 1):
        if size <= sizes[i + 1]:
            return i, math.log(size / sizes[i]) / math.log(sizes[i + 1] / sizes[i])
    return len(sizes) - 1, 0.0


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
