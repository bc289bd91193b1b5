"""Files written whole or not at all, and which format a name asks for."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import io
import itertools
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.errors import KfError
from kf_widget.plotting.file_kernels import write_nameless
from kf_widget.plotting.look import choose

__all__ = ["FORMATS", "NAME", "format_for", "is_name", "write_all", "write_file", "write_whole"]

FORMATS = ("webp", "png", "jpeg", "svg", "svgz")
_SUFFIXES = {".webp": "webp", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".svg": "svg", ".svgz": "svgz"}
NAME = "a name for a file, with no NUL and in characters that the file system's encoding has"
"""What `is_name` asks for, in words."""

_count = itertools.count()
_NAMELESS: int = getattr(os, "O_TMPFILE", 0)
_OPEN_FILES = "/proc/self/fd/"
_OPEN_NAMES = ("/proc/", "/dev/fd/")
_LONGEST_NAME = 255  # bytes


def format_for(what: str, target: Any, format: Any, name: str = "output_path") -> str:
    """One of `FORMATS`, from its name or from the suffix of a path, which is the argument `name`.

    Raises
    ------
    TypeError, ValueError : neither names a format; the message lists those there are.
    """
    if format is not None:
        named = format.lower().removeprefix(".") if isinstance(format, str) else format
        return choose(what, "format", "jpeg" if named == "jpg" else named, FORMATS)
    if not isinstance(target, str | os.PathLike):
        raise ValueError(f"{what}: format must be given where {name} is no path: {', '.join(FORMATS)}.")
    suffix = os.path.splitext(target)[1].lower()  # noqa: PTH122  (a Path costs as much as a small chart)
    if suffix not in _SUFFIXES:
        listed = ", ".join(_SUFFIXES)
        raise ValueError(
            f"{what}: {name} must end in one of {listed}, got {os.fspath(target)!r}. Or pass format."
        )
    return _SUFFIXES[suffix]


def write_file(what: str, target: Any, data: bytes, name: str = "output_path") -> Any:
    """Write to a path, whole or not at all, or to an open binary file; returns `target`."""
    if isinstance(target, str | os.PathLike):
        write_whole(what, os.fspath(target), data)
    elif isinstance(target, io.RawIOBase):
        _write_raw(what, target, data)
    elif hasattr(target, "write") and not hasattr(target, "encoding"):  # which texts have, also wrapped ones
        target.write(data)
    else:
        raise TypeError(f"{what}: {name} must be a path or a binary file, got {type(target).__name__}.")
    return target


def _write_raw(what: str, target: io.RawIOBase, data: bytes) -> None:
    """A raw file, as of a socket or a pipe, takes as much as it has room for."""
    rest = memoryview(data)
    while rest:
        done = target.write(rest)
        if not done:
            gone = len(data) - len(rest)
            raise KfError(f"{what}: {target!r} took {gone:,} of {len(data):,} bytes. Open it with a buffer.")
        rest = rest[done:]


def is_name(path: str) -> bool:
    """Whether a path holds no NUL, and no character that the file system's encoding cannot express."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def write_whole(what: str, path: str | bytes, data: bytes) -> None:
    """Write a file that gets its name once it is whole, in place of what had the name before."""
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not is_name(path):
        raise ValueError(f"{what}: output_path must be {NAME}, got {path!r}. Choose another name.")
    # No Path here: three of them would cost as much as encoding a small chart.
    if _written_nameless(path, data):
        return
    try:
        if _takes_bytes(path):
            _write_into(path, data)
            return
    except OSError as error:
        raise _refused(what, path, error) from None
    beside = _beside(path)
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise _refused(what, path, error) from None
    try:
        try:
            _fill(handle, data)
        finally:
            os.close(handle)
        _replace(beside, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(beside).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _refused(what, path, error) from None
        raise


def write_all(what: str, paths: Sequence[str], files: Sequence[bytes]) -> dict[int, Exception]:
    """Write many files, each as `write_whole` does; what was wrong with some, by place.

    They are written without Python's lock where the system can: two threads, each with files of its own,
    then need not wait for each other.

    paths : names that files can have, as `is_name` says; as many as files
    """
    failures: dict[int, Exception] = {}
    place = 0
    written = _writer(paths, files) if _NAMELESS and len(files) > 1 else lambda place: place
    while (place := written(place)) < len(files):
        try:
            write_whole(what, paths[place], files[place])
        except (KfError, OSError) as error:
            failures[place] = error
        place += 1
    return failures


def _writer(paths: Sequence[str], files: Sequence[bytes]) -> Callable[[int], int]:
    """What writes new files from a place on, and gives the place of the first that it leaves to others."""
    names = [os.fsencode(path) + b"\0" for path in paths]
    assert len(names) == len(files)
    text = np.frombuffer(bytearray().join(names), np.uint8)
    data = np.frombuffer(b"".join(files), np.uint8)
    link = np.zeros(len(_OPEN_FILES) + 20, np.uint8)
    link[: len(_OPEN_FILES)] = np.frombuffer(_OPEN_FILES.encode(), np.uint8)
    given = (text, _edges(names), data, _edges(files))
    # Where one is there others may be, too.
    return lambda place: write_nameless(*given, place, place > 0, link, len(_OPEN_FILES), *_calls())


def _edges(parts: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """Where each of some texts begins among all of them, and where the last ends."""
    edges = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=edges[1:])
    return edges


@functools.cache
def _calls() -> list[int]:
    """Addresses of the C library's functions that the kernel calls."""
    library = ctypes.CDLL(None)
    functions = (library.openat, library.write, library.linkat, library.close, library.access)
    return [ctypes.cast(function, ctypes.c_void_p).value or 0 for function in functions]


def _beside(path: str) -> str:
    """A name in the same folder that no other writer uses."""
    folder, name = os.path.split(path)
    ending = f".{os.getpid()}-{next(_count)}.part"
    kept = os.fsencode(name)[: _LONGEST_NAME - 1 - len(ending)].decode(errors="ignore")
    return f"{folder}{os.sep if folder else ''}.{kept}{ending}"


def _written_nameless(path: str, data: bytes) -> bool:
    """Write a file that has no name until it is linked; False where the system cannot.

    Threads that write into one folder wait for each other only while it gains a name: on ext4 two of them
    write 18,000 files a second and one 14,000, of files made by name 9,000 and 13,000. And nothing is left
    of a process that is killed.
    """
    if not _NAMELESS:
        return False
    try:
        handle = os.open(os.path.dirname(path) or ".", os.O_WRONLY | _NAMELESS, 0o666)  # noqa: PTH120
    except OSError:
        return False
    try:
        _fill(handle, data)
        source = f"{_OPEN_FILES}{handle}"
        try:
            # src_dir_fd is what makes Python follow the link in /proc.
            os.link(source, path, src_dir_fd=handle, follow_symlinks=True)
        except FileExistsError:
            beside = _beside(path)
            os.link(source, beside, src_dir_fd=handle, follow_symlinks=True)
            try:
                _replace(beside, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(beside).unlink(missing_ok=True)
                raise
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _takes_bytes(path: str) -> bool:
    """Whether it names a device, a pipe or an open file, which a file must not take the place of."""
    try:
        if os.path.islink(path) and os.readlink(path).startswith(_OPEN_NAMES):  # noqa: PTH114, PTH115
            return True  # as /dev/stdout is
        kind = stat.S_IFMT(os.stat(path).st_mode)  # noqa: PTH116
    except FileNotFoundError:
        return False
    return kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO)


def _write_into(path: str, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        _fill(handle, data)
    finally:
        os.close(handle)


def _replace(beside: str, path: str) -> None:
    """Give a whole file the name, and the permissions, of the file that is there."""
    with contextlib.suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if stat.S_ISREG(mode):
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            Path(beside).chmod(stat.S_IMODE(mode))
        elif not stat.S_ISLNK(mode) or _takes_bytes(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    os.replace(beside, path)  # noqa: PTH105


def _fill(handle: int, data: bytes) -> None:
    done = os.write(handle, data)
    while done < len(data):
        done += os.write(handle, memoryview(data)[done:])


def _refused(what: str, path: str, error: OSError) -> KfError:
    remedy = "Make the folder first." if isinstance(error, FileNotFoundError) else "Choose another place."
    return KfError(f"{what}: cannot write {path!r}: {error.strerror}. {remedy}")
