"""The writer's lock: one process at a time may change a store."""

from __future__ import annotations

import fcntl
import os
import weakref
from pathlib import Path

from kf_widget.errors import KfError
from kf_widget.store.files import remedy
from kf_widget.store.layout import LOCK

__all__ = ["Lock"]


_held: weakref.WeakSet[Lock] = weakref.WeakSet()


class Lock:
    """Held from its making to `close`, or to the end of the process, however that comes.

    Raises
    ------
    KfError : another writer holds it (says which process), or the folder cannot be written.
    """

    def __init__(self, root: Path, what: str) -> None:
        self.pid = os.getpid()
        self._fd = -1
        try:
            self._fd = os.open(root / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{self.pid}\n".encode(), 0)
            _held.add(self)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            whose = "this process" if holder == str(self.pid) else f"process {holder}"
            raise KfError(
                f"{what}: {root} is being written by {whose}, and only one writer is possible at a time."
                " Close that store first: store.close()."
            ) from None
        except OSError as error:
            self.close()
            raise KfError(
                f"{what}: {root / LOCK} could not be written: {error.strerror}. {remedy(error)}"
            ) from error

    def close(self) -> None:
        """Let go; a forked child only closes the file."""
        if self._fd >= 0:
            if os.getpid() == self.pid:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
            os.close(self._fd)
            self._fd = -1


def _forget() -> None:
    """In a forked child: a lock lasts as long as anybody has its file open, and the child is no writer."""
    for lock in list(_held):
        lock.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
