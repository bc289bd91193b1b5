"""Work over a chosen number of the package's threads."""

from __future__ import annotations

import operator
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from kf_widget.threads import spread, thread_count

__all__ = ["Backlog", "checked_workers", "over_lanes"]


def checked_workers(what: str, num_workers: Any) -> int:
    """`num_workers` if it is 1 or more, at most the cores at hand; all of them for None."""
    if num_workers is None:
        return thread_count()
    try:
        number = operator.index(num_workers)
    except TypeError:
        number = 0
    if isinstance(num_workers, bool) or number < 1:
        kind = ValueError if isinstance(num_workers, int) else TypeError
        raise kind(f"{what}: num_workers must be a whole number, 1 or more, or None, got {num_workers!r}.")
    return number


class Backlog:
    """Jobs that hinder each other, as files written into one folder do: one thread does them, others go on.

    Two threads that make files wait for each other in the system, though awake: each file then takes both
    half as long again. So who comes while another is at it leaves its job to that thread, unless the jobs
    waiting are already many.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._jobs: deque[Callable[[], None]] = deque()
        self._busy = 0
        self._turn = threading.Lock()

    def add(self, job: Callable[[], None]) -> None:
        """Have a job done, by this thread or by one that is at others.

        None is left when all have returned, unless one has raised: that is raised where it is done, and what
        this thread would have done next is left to who comes, or undone.
        """
        with self._turn:
            self._jobs.append(job)
        while (found := self._next()) is not None:
            try:
                found()
            finally:
                with self._turn:
                    self._busy -= 1

    def _next(self) -> Callable[[], None] | None:
        with self._turn:
            if not self._jobs or (self._busy and len(self._jobs) <= self._room):
                return None
            self._busy += 1
            return self._jobs.popleft()


def over_lanes(
    work: Callable[[int, int], None], n: int, step: int, workers: int, *, apart: bool = False
) -> None:
    """Call ``work(start, stop)`` for pieces of ``[0, n)``, at most `step` long, on `workers` threads at most.

    Each thread takes the next piece when it is done, so a core that is busy elsewhere delays little.
    The first exception is raised; pieces not yet begun are then left.

    Parameters
    ----------
    apart : give each thread a stretch of its own, and then the end of what another has left. In fresh memory
        two threads on neighbouring pieces often need the same page of 2 MB at once; both clear it, and one
        does so for nothing: of 457 such pages of 4,000 charts that happened to 110. Of its own stretch a
        thread takes a quarter of what is left, 16 steps at most: between pieces it needs the GIL, an eighth
        of the time of a step, for which others then seldom wait.
    """
    lanes = min(workers, thread_count(), -(-n // step))
    turn = threading.Lock()
    stretches = max(lanes, 1) if apart else 1
    left = [range(n * k // stretches, n * (k + 1) // stretches) for k in range(stretches)]

    def take(lane: int) -> range:
        with turn:
            own = lane % stretches
            if left[own]:
                size = max(step, min(len(left[own]) // 4, 16 * step)) if apart else step
                piece, left[own] = left[own][:size], left[own][size:]
                return piece
            other = max(range(stretches), key=lambda k: len(left[k]))
            piece, left[other] = left[other][-step:], left[other][:-step]
            return piece

    def lane(number: int, _stop: int) -> None:
        while piece := take(number):
            try:
                work(piece.start, piece.stop)
            except BaseException:
                with turn:
                    left[:] = [range(0)] * stretches
                raise

    if lanes <= 1:
        lane(0, 1)
    else:
        spread(lane, [(k, k + 1) for k in range(lanes)])
