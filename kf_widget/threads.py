"""The package's own threads: one pool a process, made anew after a fork.

Kernels free the GIL, so plain threads share their work. A pool inherited through `fork` has no
threads left and would wait for ever; the child therefore starts with none.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

__all__ = ["pool", "split", "spread", "thread_count"]

R = TypeVar("R")

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None


def thread_count() -> int:
    """Number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def pool() -> ThreadPoolExecutor:
    """The process's executor: as many threads as cores it may use; a forked child gets its own."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(thread_count(), thread_name_prefix="kf_widget")
        return _pool


def _forget() -> None:
    global _pool, _lock
    _lock = threading.Lock()
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def split(start: int, stop: int, *, grain: int, align: int = 1) -> list[tuple[int, int]]:
    """Cut ``[start, stop)`` into half-open pieces for the threads at hand.

    Parameters
    ----------
    grain : fewest elements worth a piece of their own.
    align : pieces begin at multiples of this (but for the first).
    """
    if stop <= start:
        return []
    # Four pieces a thread even out a core that is busy elsewhere; more would pay the GIL too often.
    wanted = min(4 * thread_count(), max(1, (stop - start) // max(grain, 1)))
    cuts = [start]
    for piece in range(1, wanted):
        cut = (start + (stop - start) * piece // wanted) // align * align
        if cut > cuts[-1]:
            cuts.append(cut)
    cuts.append(stop)
    return list(pairwise(cuts))


def spread(work: Callable[[int, int], R], pieces: list[tuple[int, int]]) -> list[R]:
    """Run ``work(start, stop)`` for each piece over the cores; results in the order of the pieces.

    The caller works too and waits only for pieces that another thread has begun, so a task of the
    pool may itself spread its work without a deadlock. The first exception is raised.
    """
    if len(pieces) < 2 or thread_count() < 2:
        return [work(*piece) for piece in pieces]
    results: dict[int, R] = {}
    todo = list(reversed(list(enumerate(pieces))))
    turn = threading.Lock()

    def drain() -> None:
        while True:
            with turn:
                if not todo:
                    return
                number, piece = todo.pop()
            results[number] = work(*piece)

    helpers: list[Future[None]] = []
    with contextlib.suppress(RuntimeError):  # the interpreter is ending: no thread begins any more
        helpers += (pool().submit(drain) for _ in range(min(thread_count(), len(pieces)) - 1))
    try:
        drain()
    finally:
        with turn:  # after a failure here, nobody begins another piece
            todo.clear()
        begun = [helper for helper in helpers if not helper.cancel()]
        failures = [failure for helper in begun if (failure := helper.exception()) is not None]
    if failures:
        raise failures[0]
    return [results[number] for number in range(len(pieces))]
