"""Following: a thread looks for rows that a store has gained, and has the chart take them in."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

from kf_widget.history.protocol import Growing, History
from kf_widget.widget.conductor import Conductor

__all__ = ["Follower"]

POLL_S = 0.04
RETRY_S = 1.0
_log = logging.getLogger("kf_widget")


class Follower:
    """Keeps a chart up to date with a growing history until it is stopped.

    Parameters
    ----------
    source : what grows, in this process or another.
    conductor : of the chart.

    Notes
    -----
    Looking costs the source a `refresh`, 25 times a second. Rows are taken in as they come; charts that are
    cut by the way prices took (Renko, point & figure, range bars) and by traded value take them in once a
    second, because all their finished bars are copied. The newest snapshot is kept and the one before it:
    letting go of a store's unmaps its files, which would hold up a frame that is being drawn.
    """

    def __init__(self, source: Growing, conductor: Conductor) -> None:
        self.source = source
        self._conductor = conductor
        self._stop = threading.Event()
        self._grown_at = float("-inf")
        self._told = ""
        self._held: deque[History] = deque(maxlen=2)
        self._thread = threading.Thread(target=self._run, name="kf-follow", daemon=True)

    def start(self) -> Follower:
        """Begin to look."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Look no more; when this returns, nothing is taken in any more."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    @property
    def alive(self) -> bool:
        """Whether it still looks."""
        return self._thread.is_alive() and not self._stop.is_set()

    def look(self) -> None:
        """Take in what there is now."""
        self.source.refresh()
        history = self.source.snapshot()
        if not self._held or history is not self._held[-1]:
            self._held.append(history)
        conductor, now = self._conductor, time.monotonic()
        if len(history) > len(conductor.subject.history) and now - self._grown_at >= conductor.growth_s:
            self._grown_at = now
            conductor.grow(history)
        conductor.tick()

    def _run(self) -> None:
        pause = POLL_S
        while not self._stop.wait(pause):
            try:
                self.look()
                pause, self._told = POLL_S, ""
            except Exception as error:
                pause = RETRY_S
                text = f"Following failed: {type(error).__name__}: {error}"
                if text != self._told:
                    self._told = text
                    _log.warning("kf_widget: %s", text)
                    self._conductor.tell(text)
