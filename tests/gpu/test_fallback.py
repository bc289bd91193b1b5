"""A device without enough memory: smaller chunks, then the CPU, one warning, the same bars."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import pytest

from kf_widget.errors import KfError, KfWarning
from kf_widget.history import gpu, gpu_history
from kf_widget.history.bars import Bars
from kf_widget.history.gpu_history import GpuHistory
from kf_widget.history.ticks import Ticks
from kf_widget.threads import pool, thread_count
from tests.gpu.emulator import MISSING, EmulatedDevice

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


class SmallDevice(EmulatedDevice):
    """Holds columns of so many rows at once, and no more."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows
        self.given_back = 0

    def upload(self, host: Any) -> Any:
        if len(host) > self.rows:
            raise MemoryError
        return super().upload(host)

    def stream(self, columns: Sequence[Any], cuts: Sequence[tuple[int, int]]) -> Generator[list[Any]]:
        if max(stop - start for start, stop in cuts) > self.rows:
            raise MemoryError
        return super().stream(columns, cuts)

    def give_back(self) -> None:
        self.given_back += 1


def ticks(n: int) -> Ticks:
    rng = np.random.default_rng(n)
    price = np.round(100 + rng.normal(0, 5, n), 2)
    return Ticks.from_columns(np.sort(rng.integers(0, 10**14, n)), price, rng.random(n), tz="UTC")


def use(monkeypatch: pytest.MonkeyPatch, rows: int) -> SmallDevice:
    device = SmallDevice(rows)
    monkeypatch.setattr(gpu, "find_device", lambda: device)
    monkeypatch.setattr(gpu_history, "find_device", lambda: device)
    monkeypatch.setattr(gpu, "_CHUNK_ROWS", 1 << 15)
    monkeypatch.setattr(gpu, "_LEAST_ROWS", 1 << 13)
    return device


def assert_same(mine: Bars, theirs: Bars) -> None:
    for name in ("time_ns", "open", "high", "low", "close", "volume", "count"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), err_msg=name)


def test_enough_memory_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    device = use(monkeypatch, 1 << 15)
    history = ticks(100_000)
    assert_same(history.resample("1m", backend="gpu"), history.resample("1m", backend="cpu"))
    assert device.given_back == 0
    assert "bars_inside" in device.launched


def test_short_memory_takes_smaller_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    device = use(monkeypatch, 1 << 14)
    history = ticks(100_000)
    with pytest.warns(KfWarning, match="memory is short; it held 16,384 rows at a time") as told:
        bars = history.resample("1m", backend="gpu")
    assert len(told) == 1
    assert device.given_back == 1
    assert_same(bars, history.resample("1m", backend="cpu"))


def test_no_memory_leaves_the_work_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    device = use(monkeypatch, 100)
    history = ticks(100_000)
    with pytest.warns(KfWarning, match="memory is full; the CPU did the work") as told:
        bars = history.resample("1m", backend="gpu")
    assert len(told) == 1
    assert not device.launched
    assert_same(bars, history.resample("1m", backend="cpu"))


@pytest.mark.parametrize("rows", [1 << 15, 1 << 14, 100])
def test_a_history_on_the_device_goes_through_it_again(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    device = use(monkeypatch, 1 << 20)
    history = ticks(100_000)
    kept = GpuHistory(history, device)
    device.rows = rows

    def full(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(kept, "edges", full)
    with pytest.warns(KfWarning) as told:
        bars = kept.resample("1m")
    assert len(told) == 1
    assert_same(bars, history.resample("1m", backend="cpu"))


@pytest.mark.timeout(120)
def test_all_threads_of_the_pool_may_resample_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, 1 << 15)
    history = ticks(100_000)
    expected = history.resample("1m", backend="gpu")
    tasks = [pool().submit(history.resample, "1m", backend="gpu") for _ in range(2 * thread_count())]
    for task in tasks:
        assert_same(task.result(timeout=60), expected)


def test_a_history_too_large_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, 1000)
    with pytest.raises(KfError, match=r"got 5,000 rows and 0\.0 GiB free"):
        ticks(5000).to_gpu()


def test_other_failures_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    device = use(monkeypatch, 1 << 20)

    def broken(*_: Any) -> Any:
        raise RuntimeError("launch failed")

    monkeypatch.setattr(device, "launch", broken)
    with warnings.catch_warnings(), pytest.raises(RuntimeError, match="launch failed"):
        ticks(5000).resample("1m", backend="gpu")
