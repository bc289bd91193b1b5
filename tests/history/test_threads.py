"""The package's threads: order, failure, and tasks that spread their own work."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kf_widget import threads
from kf_widget.threads import pool, split, spread


@pytest.fixture(autouse=True)
def _four_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "thread_count", lambda: 4)


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 1), (5, 1000), (64, 100_000)])
def test_pieces_cover_the_range_once(start: int, stop: int) -> None:
    pieces = split(start, stop, grain=100, align=64)
    assert [row for piece in pieces for row in range(*piece)] == list(range(start, stop))
    assert all(a % 64 == 0 for a, _ in pieces[1:])
    assert len(pieces) <= 16


def test_results_keep_the_order_of_the_pieces() -> None:
    pieces = split(0, 1000, grain=1)
    assert spread(lambda a, b: (a, b), pieces) == pieces


def test_the_failure_reaches_the_caller() -> None:
    def work(start: int, stop: int) -> None:
        if start >= 500:
            raise ValueError(f"piece at {start}")

    with pytest.raises(ValueError, match="piece at"):
        spread(work, split(0, 1000, grain=1))


def test_tasks_of_the_pool_may_spread_their_work() -> None:
    def outer(number: int) -> int:
        return sum(spread(lambda a, b: b - a, split(0, 1000 + number, grain=1)))

    done = [pool().submit(outer, number) for number in range(64)]
    assert [task.result(timeout=30) for task in done] == [1000 + number for number in range(64)]


def test_work_is_done_after_the_last_thread_was_begun() -> None:
    script = """
import threading, time
from kf_widget.threads import spread
def later():
    threading.main_thread().join()
    print(sum(spread(lambda a, b: b - a, [(k, k + 1) for k in range(9)])))
threading.Thread(target=later).start()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("9", "")
