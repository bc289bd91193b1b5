"""Back-pressure with a fake clock and a fake pool: newest wins, two in flight, lost ones expire."""

from __future__ import annotations

import threading

import pytest

from kf_widget.widget.scheduler import EXPIRES_S, MAX_IN_FLIGHT, Job, Slots, submit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_slots_are_taken_released_and_expire() -> None:
    clock = Clock()
    slots = Slots(clock)
    for frame in range(MAX_IN_FLIGHT):
        assert slots.free()
        slots.take(frame)
    assert not slots.free()
    clock.now += 0.25
    assert slots.release(0) == pytest.approx(0.25)
    assert slots.free()
    assert slots.release(0) is None
    slots.take(7)
    assert not slots.free()
    assert slots.expires_in() == pytest.approx(EXPIRES_S - 0.25)
    clock.now += EXPIRES_S - 0.2
    assert slots.free(), "the older one was lost and expired"


def test_ten_requests_during_one_run_cost_one_more() -> None:
    waiting: list[object] = []
    runs = 0

    def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            for _ in range(10):
                job.request()

    job = Job(work, waiting.append)
    job.request()
    job.request()
    assert len(waiting) == 1
    waiting.pop()()  # type: ignore[operator]
    assert runs == 2
    assert not waiting
    job.request()
    assert len(waiting) == 1


def test_an_exception_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def work() -> None:
        calls.append(1)
        raise RuntimeError("boom")

    job = Job(work, lambda run: run())
    job.request()
    job.request()
    assert len(calls) == 2
    assert "boom" in caplog.text


def test_submit_runs_on_another_thread() -> None:
    seen: list[str] = []
    done = threading.Event()

    def work() -> None:
        seen.append(threading.current_thread().name)
        done.set()

    submit(work)
    assert done.wait(10)
    assert seen[0].startswith("kf-render")
