"""What run_autotune keeps, when it is ignored, and how backend="auto" chooses by it."""

from __future__ import annotations

import inspect
import json
import math
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import kf_widget
from kf_widget.errors import KfError
from kf_widget.history import choices as store
from kf_widget.history import gpu_device, resample
from kf_widget.history.autotune import Autotuned, run_autotune
from kf_widget.history.choices import Choices, choices, choices_path, forget, save_choices
from kf_widget.history.gpu_device import GpuInfo, gpu_info
from kf_widget.history.run_kernels import GROUP
from kf_widget.history.ticks import Ticks

MEASURED = Choices(
    rows=[1000, 100_000],
    rows_per_bar=[1, 1000],
    seconds={
        "index": [[4e-3, 1e-5], [4e-1, 2e-4]],
        "scan": [[1e-4, 5e-5], [1e-2, 5e-3]],
        "build": [[1e-6, 1e-6], [1e-4, 1e-4]],
    },
    scan_grain=12_345,
)
WITH_GPU = Choices(
    rows=[1000, 100_000],
    rows_per_bar=[1, 1000],
    seconds=MEASURED.seconds | {"gpu": [[1e-3, 1e-3], [2e-3, 1e-3]], "resident": [[1e-4] * 2] * 2},
    gpu="A GPU",
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Choices of this test alone; the compiled kernels stay where they are."""
    monkeypatch.setattr(store, "choices_path", lambda: tmp_path / "choices.json")
    forget()
    yield
    forget()


def path() -> Path:
    return store.choices_path()


def test_saved_choices_are_found_again() -> None:
    save_choices(MEASURED)
    forget()
    assert choices() == MEASURED
    assert [file.name for file in path().parent.iterdir()] == ["choices.json"]


def test_a_machine_has_its_own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choices_path().name.startswith("choices-")
    monkeypatch.setattr("platform.node", lambda: "other")
    assert choices_path().name == "choices-other.json"


def _without(saved: Any, way: str) -> Any:
    return {name: table for name, table in saved["choices"]["seconds"].items() if name != way}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda saved: saved | {"format": 0},
        lambda saved: saved | {"format": 1},
        lambda saved: saved | {"package": "0.0.0"},
        lambda saved: saved | {"cores": 1_000_000},
        lambda saved: saved | {"choices": None},
        lambda saved: saved | {"choices": saved["choices"] | {"unknown": 1}},
        lambda saved: saved | {"choices": saved["choices"] | {"rows": [1]}},
        lambda saved: saved | {"choices": saved["choices"] | {"scan_grain": 0}},
        lambda saved: saved | {"choices": saved["choices"] | {"seconds": {"scan": [[1, 1], [1, 1]]}}},
        lambda saved: saved | {"choices": saved["choices"] | {"seconds": _without(saved, "build")}},
        lambda saved: saved | {"choices": saved["choices"] | {"seconds": {"scan": "x", "index": [[0.0]]}}},
        lambda saved: [],
    ],
)
def test_stale_or_broken_choices_are_ignored(spoil: Any) -> None:
    save_choices(MEASURED)
    path().write_text(json.dumps(spoil(json.loads(path().read_text()))))
    forget()
    assert choices() == Choices()


@pytest.mark.parametrize("text", ["", "{", "\x00", '{"format": 1}'])
def test_half_a_file_is_ignored(text: str) -> None:
    path().write_text(text)
    assert choices() == Choices()


def test_a_failed_save_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    save_choices(MEASURED)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_choices(Choices())
    forget()
    assert choices() == MEASURED
    assert [file.name for file in path().parent.iterdir()] == ["choices.json"]


def test_readers_never_see_half_a_file() -> None:
    save_choices(MEASURED)
    stop = threading.Event()
    seen = []

    def read() -> None:
        while not stop.is_set():
            seen.append(store._read(path()))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        save_choices(MEASURED)
    stop.set()
    reader.join()
    assert all(found == MEASURED for found in seen)


def test_expected_seconds_are_the_measured_ones_at_the_sizes_tried() -> None:
    for i, rows in enumerate(MEASURED.rows):
        for j, per_bar in enumerate(MEASURED.rows_per_bar):
            assert math.isclose(MEASURED.expected("scan", rows, per_bar), MEASURED.seconds["scan"][i][j])
    assert math.isclose(MEASURED.expected("scan", 10_000, 1), 1e-3)
    assert math.isclose(MEASURED.expected("scan", 1_000_000, 1), 1e-1)


def test_untuned_the_index_makes_longer_bars_and_is_never_built_for_them() -> None:
    usual = Choices()
    for n_rows, per_bar in ((20_000, 144), (1_000_000, 144), (100_000_000, 256)):
        assert usual.way(n_rows, n_rows // per_bar) == "index"
        assert usual.way(n_rows, n_rows // (per_bar - 1)) == "scan"
    assert usual.way(16_000, 1) == "scan"
    assert usual.scans(16_000, True)
    assert not usual.scans(20_000, True)
    assert usual.scans(10**9, False)
    for n_rows in (1, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000):
        assert usual.way(n_rows, 1, indexed=False) == "scan"
        assert usual.way(n_rows, 2 * n_rows) == "scan"


def test_nobody_counts_bars_of_histories_whose_scan_never_loses_more_than_that_takes() -> None:
    scan = [[3e-5, 2e-5], [3e-5, 2e-5], [3e-5, 2e-5]]
    index = [[9e-5, 1.7e-5], [9e-5, 1.7e-5], [9e-5, 1.5e-5]]
    build = [[1e-9, 1e-9]] * 3
    tables = {"scan": scan, "index": index, "build": build}
    tuned = Choices(rows=[10, 1000, 100_000], rows_per_bar=[1, 10], seconds=tables)
    assert tuned.scans(1000, True)
    assert tuned.scans(3, True)
    assert not tuned.scans(1001, True)
    assert not tuned.scans(3, True, by_time=False)
    gpu = Choices(rows=tuned.rows, rows_per_bar=[1, 10], seconds=tables | {"gpu": [[1e-9, 1.0]] * 3}, gpu="x")
    assert not gpu.scans(3, True)
    assert tuned.way(1000, 100) == "scan"  # as the table of the tuning tells it
    assert tuned.way(1000, 100, by_time=False) == "index"


def test_nobody_counts_bars_where_a_build_was_never_worth_it() -> None:
    assert not MEASURED.scans(1, False)
    slow_build = MEASURED.seconds | {"build": [[1.0, 1.0], [1.0, 1.0]]}
    slow = Choices(**{**vars_of(MEASURED), "seconds": slow_build})
    assert slow.scans(10**9, False)
    assert not slow.scans(1, True)
    gpu = Choices(**{**vars_of(MEASURED), "seconds": slow_build | {"gpu": slow_build["scan"]}})
    assert not gpu.scans(10**9, False)


def test_bars_of_ticks_are_chosen_by_their_own_seconds() -> None:
    quick = [[1e-9, 1e-9], [1e-9, 1e-9]]
    rows = MEASURED.seconds | {"index_rows": quick, "scan_rows": MEASURED.seconds["scan"]}
    known = Choices(**{**vars_of(MEASURED), "seconds": rows})
    assert known.way(100_000, 100_000) == "scan"
    assert known.way(100_000, 100_000, by_time=False) == "index"
    assert MEASURED.way(100_000, 100_000, by_time=False) == "scan"


def test_tuned_the_way_is_the_fastest_of_what_was_measured() -> None:
    assert MEASURED.way(100_000, 100_000) == "scan"
    assert MEASURED.way(100_000, 100) == "index"
    assert MEASURED.way(100_000, 100, indexed=False) == "index"
    slow_build = MEASURED.seconds | {"build": [[1.0, 1.0], [1.0, 1.0]]}
    assert Choices(**{**vars_of(MEASURED), "seconds": slow_build}).way(100_000, 100, indexed=False) == "scan"
    assert MEASURED.way(100_000, 10**9) == MEASURED.way(100_000, 100_000)  # no bar is made of no row


def vars_of(known: Choices) -> dict[str, Any]:
    return {name: getattr(known, name) for name in known.__dataclass_fields__}


def test_the_gpu_is_chosen_only_while_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Any:
        raise KfError("no GPU")

    monkeypatch.setattr(gpu_device, "find_device", gone)
    assert WITH_GPU.way(100_000, 100_000) == "scan"

    class Device:
        info = GpuInfo(True, device="A GPU")

    monkeypatch.setattr(gpu_device, "find_device", Device)
    assert WITH_GPU.way(100_000, 100_000) == "gpu"
    assert WITH_GPU.way(100_000, 100_000, gpu=False) == "scan"
    Device.info = GpuInfo(True, device="Another")
    assert WITH_GPU.way(100_000, 100_000) == "scan"


def test_auto_takes_the_way_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    history = Ticks.from_columns(np.arange(5000) * 10**9, np.ones(5000), np.ones(5000))
    taken = []
    for name in ("_through_index", "scan_columns"):
        real = getattr(resample, name)
        monkeypatch.setattr(resample, name, lambda *a, real=real, name=name: taken.append(name) or real(*a))
    save_choices(MEASURED)
    for text in ("1s", "1h", "1t", "2000t"):
        history.resample(text)
    assert taken == ["scan_columns", "_through_index", "scan_columns", "_through_index"]


@pytest.mark.parametrize("text", ["1h", "500t", "500v"])
def test_untuned_auto_looks_whether_the_index_is_there(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    def history() -> Ticks:
        return Ticks.from_columns(np.arange(50_000) * 10**9, np.ones(50_000), np.ones(50_000))

    taken = []
    for name in ("_through_index", "scan_columns"):
        real = getattr(resample, name)
        monkeypatch.setattr(resample, name, lambda *a, real=real, name=name: taken.append(name) or real(*a))
    bare, indexed = history(), history()
    assert len(indexed.index) == 50_000
    first, second = bare.resample(text), indexed.resample(text)
    # volume bars find their edges through the index, so it is there by then
    assert taken == ["_through_index" if text == "500v" else "scan_columns", "_through_index"]
    for name in ("time_ns", "open", "high", "low", "close", "volume", "count"):
        assert np.array_equal(getattr(first, name), getattr(second, name))


def test_autotune_measures_saves_and_tells() -> None:
    found = run_autotune(rows=[2000, 50_000], rows_per_bar=[2, 500])
    assert isinstance(found, Autotuned)
    assert set(found.choices.seconds) >= {"index", "scan"}
    forget()
    assert choices() == found.choices
    text = repr(found)
    assert str(path()) in text
    assert "50,000" in text
    assert "GPU" in text.splitlines()[0]
    for i, rows in enumerate((2000, 50_000)):  # the choice is the fastest of what was measured
        for j, per_bar in enumerate((2, 500)):
            tables = found.choices.seconds.items()
            seconds = {way: table[i][j] for way, table in tables if way in ("index", "scan", "gpu")}
            best = found.choices.way(rows, rows // per_bar)
            assert seconds[best] <= 1.001 * min(seconds.values())
    assert run_autotune(rows=[2000], rows_per_bar=[2], save=False).path is None


def test_autotune_tries_no_bars_of_whole_blocks() -> None:
    """The index has no rows to read beside the blocks of such, which is not how a market trades."""
    lengths = inspect.signature(run_autotune).parameters["rows_per_bar"].default
    assert all(length % GROUP for length in lengths)


def test_autotune_refuses_nonsense() -> None:
    for name in ("rows", "rows_per_bar"):
        for wrong in ([0], 5, ["a"], [1.5], []):
            with pytest.raises(
                ValueError, match=f"{name} must be a list of whole numbers that are 1 or more"
            ):
                run_autotune(**{name: wrong})


def test_gpu_info_is_at_the_top() -> None:
    assert kf_widget.gpu_info is gpu_info
    assert "gpu_info" in kf_widget.__all__


def test_gpu_info_leads_to_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_device, "_driver", lambda: "There is no NVIDIA driver. Install it.")
    assert not gpu_info()
    assert "no NVIDIA driver" in repr(gpu_info())
    monkeypatch.setattr(gpu_device, "_driver", lambda: ("13.0", "A GPU"))
    monkeypatch.setattr(gpu_device, "_cupy_version", lambda: "")
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert "pip install cupy-cuda13x" in gpu_info().reason
    monkeypatch.setattr(gpu_device, "_driver", lambda: ("12.4", "A GPU"))
    assert "pip install cupy-cuda12x" in gpu_info().reason
    monkeypatch.setattr(gpu_device, "_cupy_version", lambda: "13.6.0")
    assert "CuPy 13.6.0 does not load" in gpu_info().reason


def test_gpu_info_of_the_wrong_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    def version() -> int:
        raise RuntimeError("cudaErrorInsufficientDriver: driver version is insufficient for runtime")

    runtime = SimpleNamespace(runtimeGetVersion=version)
    cupy = SimpleNamespace(__version__="14.0.0", cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setattr(gpu_device, "_driver", lambda: ("12.4", "A GPU"))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    info = gpu_info()
    assert not info
    assert "cudaErrorInsufficientDriver" in info.reason
    assert "take the CuPy for CUDA 12, or update the driver" in info.reason


@pytest.mark.skipif(gpu_info().usable, reason="there is a GPU")
def test_gpu_without_a_gpu_says_why() -> None:
    history = Ticks.from_columns(np.arange(2), np.ones(2), np.ones(2))
    with pytest.raises(KfError, match="backend 'gpu': no GPU can be used"):
        history.resample("1s", backend="gpu")
    with pytest.raises(KfError, match="no GPU can be used"):
        history.to_gpu()
