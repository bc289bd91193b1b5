"""Pieces over threads: each is done once whatever their number, and a failure stops the rest."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.plotting import lanes
from kf_widget.plotting.lanes import Backlog, over_lanes
from tests.turns import by_turns


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(0, 200), step=st.integers(1, 40), workers=st.integers(1, 4), cores=st.integers(1, 4),
    apart=st.booleans(), slow=st.integers(0, 199),
)  # fmt: skip
def test_each_is_done_once(n: int, step: int, workers: int, cores: int, apart: bool, slow: int) -> None:
    done: list[tuple[int, int]] = []

    def work(start: int, stop: int) -> None:
        if start <= slow < stop:
            time.sleep(0.001)  # the others take what is left
        done.append((start, stop))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "thread_count", lambda: cores)
        over_lanes(work, n, step, workers, apart=apart)
    assert all(0 < stop - start <= (16 * step if apart else step) for start, stop in done)
    assert sorted(k for start, stop in done for k in range(start, stop)) == list(range(n))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("apart", [False, True])
def test_a_failure_stops_the_rest(apart: bool, workers: int) -> None:
    begun: list[int] = []

    def work(start: int, stop: int) -> None:
        begun.append(start)
        raise ValueError(start)

    with pytest.raises(ValueError, match=r"^\d+$"):
        over_lanes(work, 1000, 1, workers, apart=apart)
    assert len(begun) <= workers


def test_a_stretch_is_taken_in_ever_smaller_pieces() -> None:
    """Large ones need the interpreter seldom, small ones at the end let all threads end together."""
    done: list[tuple[int, int]] = []
    over_lanes(lambda start, stop: done.append((start, stop)), 2000, 10, 1, apart=True)
    sizes = [stop - start for start, stop in done]
    assert max(sizes) == sizes[0] == 160
    assert sizes[-5:-1] == [10] * 4
    assert sizes[:-1] == sorted(sizes[:-1], reverse=True)
    assert len(sizes) < 40


def test_threads_apart_begin_in_stretches_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=20)
    firsts: dict[int, int] = {}

    def work(start: int, stop: int) -> None:
        if threading.get_ident() not in firsts:
            firsts[threading.get_ident()] = start
            both.wait()

    def spread(lane: Callable[[int, int], None], pieces: list[tuple[int, int]]) -> None:
        threads = [threading.Thread(target=lane, args=piece) for piece in pieces]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    monkeypatch.setattr(lanes, "thread_count", lambda: 2)
    monkeypatch.setattr(lanes, "spread", spread)
    over_lanes(work, 100, 5, 2, apart=True)
    assert sorted(firsts.values()) == [0, 50]


def test_a_job_is_left_to_the_thread_that_is_at_others() -> None:
    backlog, began, go = Backlog(2), threading.Event(), threading.Event()
    done: list[tuple[str, int]] = []

    def job(name: str) -> Callable[[], None]:
        return lambda: done.append((name, threading.get_ident()))

    def first() -> None:
        began.set()
        assert go.wait(10)
        job("first")()

    other = threading.Thread(target=backlog.add, args=(first,))
    other.start()
    assert began.wait(10)
    backlog.add(job("second"))
    backlog.add(job("third"))
    assert not done  # there is room for two
    backlog.add(job("fourth"))
    assert done == [("second", threading.get_ident())]  # not for three
    go.set()
    other.join()
    assert [name for name, _ in done] == ["second", "first", "third", "fourth"]
    assert {ident for name, ident in done if name != "second"} == {other.ident}


def test_every_job_is_done_once_by_when_all_have_returned() -> None:
    backlog, done = Backlog(3), deque[int]()

    def add(first: int) -> None:
        for number in range(first, 8000, 4):
            backlog.add(lambda number=number: done.append(number))

    by_turns(add, 4)
    assert sorted(done) == list(range(8000))


def test_a_job_that_fails_stops_no_other() -> None:
    backlog = Backlog(2)
    done: list[int] = []

    def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        backlog.add(fail)
    backlog.add(lambda: done.append(1))
    assert done == [1]
