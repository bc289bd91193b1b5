"""Columns on their way to a device and back, over a stand-in for CuPy whose copies are the CPU's."""

from __future__ import annotations

import ctypes
import random
import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kf_widget.errors import KfError
from kf_widget.history import gpu_stream
from kf_widget.history.gpu_stream import Calls, Landing, Sending

N = 50_001
CUTS = [(start, min(start + 20_000, N)) for start in range(0, N, 20_000)]
MANY_CUTS = [(start, start + 64) for start in range(0, N - 64, 64)]
"""Many more than there are slots, so that senders wait for one."""


class Memory(bytearray):
    """Pinned memory, as `alloc_pinned_memory` gives it."""

    @property
    def ptr(self) -> int:
        return ctypes.addressof(ctypes.c_char.from_buffer(self))


class Link:
    """Copies that are asked for, in order; done only when somebody waits, as late as a device may."""

    def __init__(self, fails_at: int = -1) -> None:
        self.fails_at = fails_at
        self.asked: list[tuple[int, int, int]] = []
        self.done = 0
        self.turn = threading.RLock()
        self.events: list[Event] = []
        word = ctypes.c_size_t
        self.functions = (
            ctypes.CFUNCTYPE(ctypes.c_int, word, word, word, word)(self.copy),
            ctypes.CFUNCTYPE(ctypes.c_int, word, word)(self.record),
            ctypes.CFUNCTYPE(ctypes.c_int, word)(lambda event: self.events[event].synchronize()),
        )

    def calls(self) -> Calls:
        """What the kernel for sending calls."""
        return Calls(*(ctypes.cast(function, ctypes.c_void_p).value or 0 for function in self.functions))

    def copy(self, target: int, source: int, n: int, *_: int) -> int:
        with self.turn:
            if len(self.asked) == self.fails_at:
                return 719
            self.asked.append((target, source, n))
        time.sleep(random.random() * 1e-4)  # so that threads pass one another
        return 0

    def record(self, event: int, stream: int) -> int:
        self.events[event].record(stream)
        return 0

    def wait(self, n: int) -> None:
        with self.turn:
            for target, source, size in self.asked[self.done : n]:
                ctypes.memmove(target, source, size)
            self.done = max(self.done, n)


class Event:
    def __init__(self, link: Link) -> None:
        self.link, self.n = link, 0
        with link.turn:
            self.ptr = len(link.events)
            link.events.append(self)

    def record(self, stream: Any) -> None:
        self.n = len(self.link.asked)

    def synchronize(self) -> int:
        self.link.wait(self.n)
        return 0


class Stream:
    def __init__(self, link: Link) -> None:
        self.link, self.ptr = link, 0

    def record(self) -> Event:
        event = Event(self.link)
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        event.synchronize()

    def synchronize(self) -> None:
        self.link.wait(len(self.link.asked))


class Device:
    id = 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        pass


class Array:
    """An array on the device, as far as sending and landing look at it."""

    def __init__(self, values: Any) -> None:
        self.values = values
        self.data = SimpleNamespace(ptr=values.ctypes.data)

    def __getitem__(self, rows: slice) -> Array:
        return Array(self.values[rows])


class FakeCupy:
    """What of CuPy is used; pinned : addresses at which memory is page-locked."""

    def __init__(self, link: Link, pinned: tuple[int, ...] = ()) -> None:
        self.cuda = SimpleNamespace(
            runtime=SimpleNamespace(
                memcpyAsync=lambda *copy: link.copy(*copy),
                CUDARuntimeError=OSError,
                pointerGetAttributes=lambda address: SimpleNamespace(type=int(address in pinned)),
            ),
            Stream=lambda **_: Stream(link),
            Event=lambda **_: Event(link),
            Device=lambda number=0: Device(),
            alloc_pinned_memory=Memory,
            get_current_stream=lambda: Stream(link),
        )


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_stream, "_PIECE_BYTES", 4096)
    monkeypatch.setattr(gpu_stream, "_DIRECT_BYTES", 10_000)
    monkeypatch.setattr(gpu_stream, "_ARENA_BYTES", 65_536)
    monkeypatch.setattr(gpu_stream, "_LANDING_BYTES", 8192)
    monkeypatch.setattr(gpu_stream, "thread_count", lambda: 8)


def columns() -> list[Any]:
    rng = np.random.default_rng(7)
    return [rng.random(N), rng.random(N).astype(np.float32)]


def device() -> Any:
    return SimpleNamespace(empty=lambda n, dtype: Array(np.full(n, -1, dtype)))


def feeders() -> int:
    return sum(thread.name == "kf_widget-send" for thread in threading.enumerate())


@pytest.mark.parametrize("n_pinned", [0, 1, 2])
def test_rows_arrive_whole_and_in_order(n_pinned: int) -> None:
    hosts = columns()
    link = Link()
    cupy = FakeCupy(link, tuple(host.ctypes.data for host in hosts[:n_pinned]))
    sending = Sending(cupy, link.calls())
    for _ in range(2):
        arrived = sending.chunks(device(), hosts, CUTS)
        for (start, stop), there in zip(CUTS, arrived, strict=True):
            for host, array in zip(hosts, there, strict=True):
                np.testing.assert_array_equal(array.values, host[start:stop])
    assert feeders() == 0


@pytest.mark.timeout(60)
def test_a_sender_ahead_of_the_others_does_not_hold_them_up() -> None:
    cuts = MANY_CUTS
    hosts = columns()
    link = Link()
    for (start, stop), there in zip(
        cuts, Sending(FakeCupy(link), link.calls()).chunks(device(), hosts, cuts), strict=True
    ):
        for host, array in zip(hosts, there, strict=True):
            np.testing.assert_array_equal(array.values, host[start:stop])
    assert feeders() == 0


@pytest.mark.timeout(60)
@pytest.mark.parametrize("cuts", [CUTS, MANY_CUTS])
def test_a_caller_may_leave_early(cuts: list[tuple[int, int]]) -> None:
    link = Link()
    arrived = Sending(FakeCupy(link), link.calls()).chunks(device(), columns(), cuts)
    next(arrived)
    time.sleep(0.05)  # until the others wait for a slot
    arrived.close()
    assert feeders() == 0


@pytest.mark.timeout(60)
@pytest.mark.parametrize("cuts", [CUTS, MANY_CUTS])
@pytest.mark.parametrize("fails_at", [0, 40, 100])
def test_a_failed_copy_is_told(fails_at: int, cuts: list[tuple[int, int]]) -> None:
    link = Link(fails_at)
    with pytest.raises(KfError, match=r"CUDA error 719"):
        list(Sending(FakeCupy(link), link.calls()).chunks(device(), columns(), cuts))
    assert feeders() == 0


def test_bars_land_whole() -> None:
    there = columns()
    hosts = [np.zeros_like(column) for column in there]
    link = Link()
    landing, now = Landing(FakeCupy(link)), Event(link)
    for _ in range(2):
        landing.fetch([(host, Array(column)) for host, column in zip(hosts, there, strict=True)], now)
        for host, column in zip(hosts, there, strict=True):
            np.testing.assert_array_equal(host, column)
            host[:] = 0
