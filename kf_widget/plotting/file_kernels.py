"""The kernel that writes files: Python's lock would be given away and asked for again five times a file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.history.foreign import call1, call2, call3, call4, call5
from kf_widget.jit import kernel

__all__ = ["write_nameless"]

_SLASH = ord("/")
_HERE = -100  # Linux's AT_FDCWD: names are as the process's folder has them
_FOLLOW = 0x400  # its AT_SYMLINK_FOLLOW
_ITSELF = 0x1000  # its AT_EMPTY_PATH
_FLAGS = getattr(os, "O_TMPFILE", 0) | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0)
_MODE = 0o666


@kernel(_nrt=False)
def write_nameless(
    names: npt.NDArray[np.uint8],
    name_edges: npt.NDArray[np.int64],
    data: npt.NDArray[np.uint8],
    edges: npt.NDArray[np.int64],
    first: int,
    careful: bool,
    link: npt.NDArray[np.uint8],
    link_size: int,
    openat: int,
    write: int,
    linkat: int,
    close: int,
    access: int,
) -> Any:
    """Write files that have no name until they are whole, up to the first that is there or cannot be written.

    names : uint8, paths, each with a NUL after it; written to, and as before in the end
    name_edges : int64 (n + 1,), where each begins
    data : uint8; edges : int64 (n + 1,), where each file's bytes begin; fewer than 2^31 a file
    first : number of the first file to write
    careful : look for a file of the name first, which spares writing one in vain where most are there, and
        where none is makes threads that write into one folder wait for each other
    link : uint8 (at least link_size + 20,), of which the first link_size are what Linux calls the folder of
        a process's open files, with a slash; the rest is written to
    openat, write, linkat, close, access : addresses of the C library's functions

    Returns the number of the first file that was not written, n where all were.
    """
    for k in range(first, edges.size - 1):
        start, stop = name_edges[k], name_edges[k + 1] - 1
        name, n_bytes = names.ctypes.data + start, edges[k + 1] - edges[k]
        if careful and call2(access, name, 0) == 0:
            return k
        cut = stop
        while cut > start and names[cut - 1] != _SLASH:
            cut -= 1
        # The path up to its last slash is the folder.
        kept, names[cut] = names[cut], 0
        if cut == start:
            link[link_size], link[link_size + 1] = ord("."), 0
            handle = call4(openat, _HERE, link.ctypes.data + link_size, _FLAGS, _MODE)
        else:
            handle = call4(openat, _HERE, name, _FLAGS, _MODE)
        names[cut] = kept
        if handle < 0:
            return k
        done = call3(write, handle, data.ctypes.data + edges[k], n_bytes) == n_bytes
        if done:
            # Linux before 6.10 grants the shorter way to few.
            link[link_size] = 0
            done = call5(linkat, handle, link.ctypes.data + link_size, _HERE, name, _ITSELF) == 0
            if not done:
                _write_number(link, link_size, handle)
                done = call5(linkat, _HERE, link.ctypes.data, _HERE, name, _FOLLOW) == 0
        if call1(close, handle) != 0 or not done:
            return k
    return edges.size - 1


@kernel
def _write_number(text: npt.NDArray[np.uint8], at: int, number: int) -> None:
    """The digits of a number that is not negative, and a NUL; at : where they begin."""
    size, rest = 1, number // 10
    while rest > 0:
        size, rest = size + 1, rest // 10
    text[at + size] = 0
    for place in range(at + size - 1, at - 1, -1):
        text[place] = ord("0") + number % 10
        number //= 10
