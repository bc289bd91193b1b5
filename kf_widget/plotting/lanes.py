"""Work over a chosen number of the package's threads."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from typing import Any

from kf_widget.threads import spread, thread_count

__all__ = ["checked_workers", "over_lanes"]


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


def over_lanes(work: Callable[[int, int], None], n: int, step: int, workers: int) -> None:
    """Call ``work(start, stop)`` for each `step` of ``[0, n)``, in order, on `workers` threads at most.

    Each thread takes the next piece when it is done, so a core that is busy elsewhere delays little.
    The first exception is raised; pieces not yet begun are then left.
    """
    lanes = min(workers, thread_count(), -(-n // step))
    turn = threading.Lock()
    todo = iter(range(0, n, step))

    def lane(_start: int, _stop: int) -> None:
        while True:
            with turn:
                start = next(todo, None)
            if start is None:
                return
            try:
                work(start, min(start + step, n))
            except BaseException:
                with turn:
                    for _ in todo:
                        pass
                raise

    if lanes <= 1:
        lane(0, 0)
    else:
        spread(lane, [(k, k + 1) for k in range(lanes)])
