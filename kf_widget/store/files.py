"""Every operation by which a store's files change: one small class, so that a test can record them."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kf_widget.errors import KfError

__all__ = ["Files", "as_bytes", "remedy"]

_FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)
"""macOS: fsync alone leaves the bytes in the drive's cache."""

_REMEDIES: Final = {
    errno.ENOSPC: "The disk is full: free some space and run it again; what was committed is safe.",
    errno.EDQUOT: "The quota is used up: free some space and run it again; what was committed is safe.",
    errno.EROFS: "The file system is read-only: take another folder.",
    errno.EACCES: "Take a folder that this user may write to.",
    errno.EPERM: "Take a folder that this user may write to.",
    errno.ELOOP: "A store holds no links: copy the file itself there.",
}


@contextmanager
def _told(what: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KfError(f"store: {path} could not be {what}: {error.strerror}. {remedy(error)}") from error


def remedy(error: OSError) -> str:
    """What to do about an error of the system, as the end of a message."""
    return _REMEDIES.get(error.errno or 0, "What was committed before is safe.")


def as_bytes(data: Any) -> memoryview:
    """The bytes of a contiguous array, not copied."""
    return memoryview(data).cast("B")


class Files:
    """Files of one folder, written by one process.

    Writes reach the kernel at once and the disk with `sync`. Names are relative to the folder.

    Raises
    ------
    KfError : by every method, where the system refuses; it names the file and the remedy.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: dict[str, int] = {}
        self._changed: set[str] = set()
        self._lock = threading.Lock()

    def make_folder(self, name: str) -> None:
        """Create a folder in the store's own; its entry is durable after the next `sync`."""
        with _told("created", self.root / name):
            (self.root / name).mkdir(exist_ok=True)
        with self._lock:
            self._changed.add(_folder(name))

    def write(self, name: str, offset: int, data: Any) -> None:
        """Write bytes, or a contiguous array, at an offset; makes the file where there is none."""
        view = as_bytes(data)
        fd = self._descriptor(name)
        with _told("written", self.root / name):
            while len(view):
                done = os.pwrite(fd, view[: 1 << 30], offset)
                view, offset = view[done:], offset + done
        with self._lock:  # only now: a `sync` that runs meanwhile may miss it
            self._changed.add(name)

    def truncate(self, name: str, length: int) -> None:
        """Cut a file to a length that it has or exceeds."""
        fd = self._descriptor(name)
        with _told("cut", self.root / name):
            os.ftruncate(fd, length)
        with self._lock:
            self._changed.add(name)

    def replace(self, name: str, data: bytes) -> None:
        """Put a file in the place of another, whole or not at all, and durably."""
        new = f"{name}.new"
        self.write(new, 0, data)
        self.truncate(new, len(data))
        self.sync_file(new)
        with self._lock:
            self._changed -= {new, ""}
            os.close(self._open.pop(new))
        self.rename(new, name)
        self.sync_folder("")

    def rename(self, name: str, to: str) -> None:
        """Give a file the name of another, which is gone thereby."""
        with _told("renamed", self.root / name):
            (self.root / name).replace(self.root / to)

    def sync_file(self, name: str) -> None:
        """Wait until a file's bytes are on the disk."""
        fd = self._descriptor(name)
        with _told("synced", self.root / name):
            if _FULL_SYNC is not None:
                fcntl.fcntl(fd, _FULL_SYNC)
            os.fsync(fd)

    def sync_folder(self, name: str) -> None:
        """Wait until the entries of a folder, "" for the store's own, are on the disk."""
        with _told("synced", self.root / name):
            fd = os.open(self.root / name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def sync(self) -> None:
        """Wait until all that was written so far is on the disk. Writes go on meanwhile."""
        with self._lock:
            changed, self._changed = self._changed, set()
        made = {name for name in changed if name.endswith("/") or not name}
        for name in sorted(changed - made):
            self.sync_file(name)
        for name in sorted(made):
            self.sync_folder(name)

    def doubt_folders(self) -> None:
        """Let the next `sync` cover all folders: a killed writer may have left new entries in them."""
        found = {"", *(f"{path.relative_to(self.root)}/" for path in self.root.rglob("*") if path.is_dir())}
        with self._lock:
            self._changed |= found

    def close(self) -> None:
        """Close all files; nothing is synced."""
        with self._lock:
            for fd in self._open.values():
                os.close(fd)
            self._open.clear()

    def _descriptor(self, name: str) -> int:
        with self._lock:
            fd = self._open.get(name)
            if fd is None:
                with _told("opened", self.root / name):
                    there = (self.root / name).exists()
                    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                    fd = self._open[name] = os.open(self.root / name, flags, 0o666)
                if not there:
                    self._changed.add(_folder(name))
            return fd


def _folder(name: str) -> str:
    """The folder that holds an entry: with its slash, or "" for the store's own."""
    return name[: name.rfind("/") + 1]
