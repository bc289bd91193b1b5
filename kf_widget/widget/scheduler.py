"""Who renders next: newest wins, frames in flight are bounded, nobody waits in a handler.

A view asks for a frame by being marked. A worker takes the chart's marked views one by one and renders
what is wanted *then*, so that ten gestures that arrive during one frame cost one more frame, not ten.
A view may have two frames on their way; an acknowledgement frees a slot, and one that is lost expires.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["MAX_IN_FLIGHT", "Job", "Slots", "submit"]

MAX_IN_FLIGHT = 2
EXPIRES_S = 2.0
_log = logging.getLogger("kf_widget")
_lock = threading.Lock()
_pool: tuple[int, ThreadPoolExecutor] | None = None


def submit(work: Callable[[], None]) -> None:
    """Run on the rendering threads, which a forked process makes anew."""
    global _pool
    with _lock:
        if _pool is None or _pool[0] != os.getpid():
            threads = max(2, min(8, os.cpu_count() or 2))
            _pool = os.getpid(), ThreadPoolExecutor(threads, thread_name_prefix="kf-render")
        pool = _pool[1]
    pool.submit(work)


class Slots:
    """Frames of one view that were sent and not yet answered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent: dict[int, float] = {}

    def free(self) -> bool:
        """Whether another frame may be sent; expired ones are forgotten."""
        now = self._clock()
        self._sent = {frame: at for frame, at in self._sent.items() if now - at < EXPIRES_S}
        return len(self._sent) < MAX_IN_FLIGHT

    def expires_in(self) -> float:
        """Seconds until the oldest slot frees itself."""
        if not self._sent:
            return 0.0
        return max(0.0, min(self._sent.values()) + EXPIRES_S - self._clock())

    def take(self, frame: int) -> None:
        """A frame is on its way."""
        self._sent[frame] = self._clock()

    def release(self, frame: int) -> float | None:
        """The frame and all before it were answered; seconds the newest of them took, None without any."""
        answered = [sent for sent in self._sent if sent <= frame]
        if not answered:
            return None
        took = self._clock() - self._sent[max(answered)]
        for sent in answered:
            del self._sent[sent]
        return took


class Job:
    """Work that runs on a rendering thread, never twice at once, again if asked for meanwhile.

    Parameters
    ----------
    work : called without arguments; an exception is logged and ends nothing.
    start : runs a callable elsewhere; the rendering threads by default.
    """

    def __init__(
        self, work: Callable[[], None], start: Callable[[Callable[[], None]], None] = submit
    ) -> None:
        self._work = work
        self._start = start
        self._state = threading.Lock()
        self._running = False
        self._again = False

    def request(self) -> None:
        """Run soon; returns at once, from any thread."""
        with self._state:
            self._again = True
            if self._running:
                return
            self._running = True
        try:
            self._start(self._run)
        except RuntimeError:  # the interpreter is shutting down
            with self._state:
                self._running = False

    def _run(self) -> None:
        while True:
            with self._state:
                if not self._again:
                    self._running = False
                    return
                self._again = False
            try:
                self._work()
            except Exception:
                _log.exception("kf_widget: a frame failed")
