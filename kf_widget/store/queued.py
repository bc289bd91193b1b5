"""Writing on a thread of its own, so that decoding, indexing and the disk overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from kf_widget.store.files import Files

__all__ = ["QueuedFiles"]

_WAITING: Final = 24
"""Writes that may wait: 2 to 8 MB each, so at most 0.2 GB, and enough to outlast one slow write."""


class QueuedFiles(Files):
    """Files whose `write`, called by the thread that made them, returns at once; the order is kept.

    Calls by other threads, and by jobs handed to `then`, act directly.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._producer = threading.get_ident()
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="kf_widget-writing", daemon=True)
        self._thread.start()

    def write(self, name: str, offset: int, data: Any) -> None:
        """Write later, unless another thread calls. The data must not change any more."""
        if threading.get_ident() == self._producer:
            self.then(lambda: super(QueuedFiles, self).write(name, offset, data))
        else:
            super().write(name, offset, data)

    def then(self, job: Callable[[], None]) -> None:
        """Run a job on the writing thread after all writes so far; raises what an earlier one has raised."""
        self._jobs.put(job)
        if self._failure is not None:
            raise self._failure

    def drain(self) -> None:
        """Wait for all writes and jobs; raises what one of them has raised."""
        self._jobs.join()
        if self._failure is not None:
            raise self._failure

    def drop(self) -> None:
        """Do nothing of what waits, and nothing more."""
        if self._failure is None:
            self._failure = RuntimeError("the files are closed")
        self._jobs.join()

    def close(self) -> None:
        """Drop what waits, end the thread, and close all files."""
        self.drop()
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()
        super().close()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                if job is None:
                    return
                if self._failure is None:
                    job()
            except BaseException as failure:
                self._failure = failure
            finally:
                self._jobs.task_done()
