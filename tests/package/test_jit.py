"""Compiled kernels on disk: no process takes another's code, and a fork waits for no compiler."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kf_widget.jit import _Files

KERNEL = """
from kf_widget.jit import kernel

@kernel
def total(values):
    found = values[0]
    for value in values[1:]:
        found += value
    return found
"""
DTYPES = ("float64", "float32", "int64", "int32", "uint8", "int16")


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Loads a module of one kernel as a new process would: nothing of it in memory."""
    monkeypatch.setenv("KF_WIDGET_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "summing.py"
    path.write_text(KERNEL)

    def loaded() -> ModuleType:
        spec = importlib.util.spec_from_file_location("summing", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return lambda: loaded().total


def compiled(total: Any) -> int:
    """How many signatures were not found on disk."""
    return sum(total.stats.cache_misses.values())


def test_signatures_saved_at_once_are_all_found(load: Callable[[], Any]) -> None:
    """No process makes another's code go, or puts its own in the place of it."""
    keys = range(300)

    def save(part: int) -> None:
        file = load()._cache._cache_file
        for key in keys[part::6]:
            file.save(key, f"code {key}")

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(save, range(6)))
    file = load()._cache._cache_file
    assert [file.load(key) for key in keys] == [f"code {key}" for key in keys]


def test_signatures_compiled_apart_are_all_found(load: Callable[[], Any]) -> None:
    processes = [load() for _ in DTYPES]
    for total, dtype in zip(processes, DTYPES, strict=True):
        assert total(np.array([3, 4], dtype)) == 7
    late = load()
    for dtype in DTYPES:
        assert late(np.array([3, 4], dtype)) == 7
    assert compiled(late) == 0


@pytest.mark.parametrize("damage", [b"", b"\x80\x05", b"cos\nno_such_name\n.", "cut", "bit"])
def test_a_damaged_file_is_made_anew(load: Callable[[], Any], tmp_path: Path, damage: bytes | str) -> None:
    load()(np.array([1.0]))
    [path] = (tmp_path / "cache").rglob("*.nbc")
    whole = path.read_bytes()
    middle = len(whole) // 2
    if damage == "cut":
        damage = whole[:middle]
    elif damage == "bit":
        damage = whole[:middle] + bytes([whole[middle] ^ 16]) + whole[middle + 1 :]
    assert isinstance(damage, bytes)
    path.write_bytes(damage)
    total = load()
    assert total(np.array([3.0, 4.0])) == 7.0
    assert compiled(total) == 1
    assert compiled_after(load) == 0


def compiled_after(load: Callable[[], Any]) -> int:
    total = load()
    total(np.array([1.0]))
    return compiled(total)


def test_another_key_of_the_same_name_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = _Files(tmp_path, "kernel")
    files.save("one", 1)
    assert files.load("one") == 1
    monkeypatch.setattr(_Files, "_path", lambda *_: next(tmp_path.iterdir()))
    assert files.load("two") is None


def test_a_full_disk_is_no_error(
    load: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    assert load()(np.array([3.0, 4.0])) == 7.0
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


FORKING = """
import os, threading, time
import kf_widget.jit
from numba.core.compiler_lock import global_compiler_lock

begun = threading.Event()

def compile_long():
    with global_compiler_lock:
        begun.set()
        time.sleep(0.5)

threading.Thread(target=compile_long).start()
begun.wait()
child = os.fork()
if child == 0:
    free = global_compiler_lock._lock.acquire(timeout=5)
    os._exit(0 if free else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with global_compiler_lock:
    print("parent too")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_forked_while_a_kernel_compiles_compiles_too() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FORKING], stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )
    assert run.stdout.split("\n")[:2] == ["0", "parent too"]
