"""Columns to the device and bars back, through pinned buffers, while kernels run."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.threads import split, spread

__all__ = ["Pinned", "pinned_chunks"]

_PIECE_BYTES: Final = 32 << 20
_PIECES: Final = 3  # one is filled, one travels, one waits: a pause of either side stalls neither
_COPY_GRAIN: Final = 1 << 20


def copy_bytes(target: npt.NDArray[np.uint8], source: npt.NDArray[np.uint8]) -> None:
    """Copy bytes with all cores; one core reaches a fifth of what a PCIe 5 link takes."""

    def part(start: int, stop: int) -> None:
        np.copyto(target[start:stop], source[start:stop])

    spread(part, split(0, len(source), grain=_COPY_GRAIN, align=4096))


class Pinned:
    """A ring of page-locked buffers, which the device reads and writes at full speed."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._memory = [cupy.cuda.alloc_pinned_memory(_PIECE_BYTES) for _ in range(_PIECES)]
        self._host = [np.frombuffer(memory, np.uint8, _PIECE_BYTES) for memory in self._memory]
        self._done = [cupy.cuda.Event(disable_timing=True) for _ in range(_PIECES)]
        self._next = 0

    @property
    def stream(self) -> Any:
        """The stream on which copies run."""
        return self._stream

    def send(self, target: Any, source: npt.NDArray[Any]) -> None:
        """Start copying a host array into a device array of its length; the source is read before return."""
        data = source.view(np.uint8)
        for start in range(0, len(data), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES]
            slot = self._take()
            copy_bytes(self._host[slot][: len(piece)], piece)
            self._cupy.cuda.runtime.memcpyAsync(
                target.data.ptr + start, self._memory[slot].ptr, len(piece), 1, self._stream.ptr
            )
            self._done[slot].record(self._stream)

    def fetch(self, pairs: Sequence[tuple[npt.NDArray[Any], Any]], after: Any) -> None:
        """Copy device arrays into host arrays of their lengths, once `after`, a stream, has come so far."""
        ready = self._cupy.cuda.Event(disable_timing=True)
        ready.record(after)
        self._stream.wait_event(ready)
        waiting: list[tuple[int, npt.NDArray[np.uint8]]] = []

        def land() -> None:
            slot, target = waiting.pop(0)
            self._done[slot].synchronize()
            copy_bytes(target, self._host[slot][: len(target)])

        for host, array in pairs:
            data = host.view(np.uint8)
            for start in range(0, len(data), _PIECE_BYTES):
                target = data[start : start + _PIECE_BYTES]
                if len(waiting) == _PIECES - 1:
                    land()
                slot = self._take()
                self._cupy.cuda.runtime.memcpyAsync(
                    self._memory[slot].ptr, array.data.ptr + start, len(target), 2, self._stream.ptr
                )
                self._done[slot].record(self._stream)
                waiting.append((slot, target))
        while waiting:
            land()

    def _take(self) -> int:
        slot = self._next
        self._next = (slot + 1) % _PIECES
        self._done[slot].synchronize()
        return slot


def pinned_chunks(
    device: Any, pinned: Pinned, columns: Sequence[npt.NDArray[Any]], cuts: Sequence[tuple[int, int]]
) -> Iterator[list[Any]]:
    """Device copies of the columns' rows, chunk after chunk; the next one travels meanwhile.

    Parameters
    ----------
    columns : one-dimensional host arrays; cuts : half-open row ranges

    Yields
    ------
    Device arrays, one a column, good until the next chunk is asked for.
    """
    cupy = device.cupy
    room = max((stop - start for start, stop in cuts), default=0)
    slots = [[device.empty(room, column.dtype) for column in columns] for _ in range(2)]
    done: list[Any] = [None, None]
    free = threading.Semaphore(2)
    ready: queue.Queue[Any] = queue.Queue()
    stopped = threading.Event()
    begun = cupy.cuda.get_current_stream().record()
    number = cupy.cuda.Device().id

    def feed() -> None:
        try:
            with cupy.cuda.Device(number):
                pinned.stream.wait_event(begun)
                for i, (start, stop) in enumerate(cuts):
                    free.acquire()
                    if stopped.is_set():
                        return
                    if done[i % 2] is not None:
                        pinned.stream.wait_event(done[i % 2])
                    for target, column in zip(slots[i % 2], columns, strict=True):
                        pinned.send(target[: stop - start], column[start:stop])
                    ready.put(pinned.stream.record())
        except BaseException as error:
            ready.put(error)

    feeder = threading.Thread(target=feed, name="kf_widget-feed", daemon=True)
    feeder.start()
    try:
        for i, (start, stop) in enumerate(cuts):
            event = ready.get()
            if isinstance(event, BaseException):
                raise event
            current = cupy.cuda.get_current_stream()
            current.wait_event(event)
            yield [array[: stop - start] for array in slots[i % 2]]
            done[i % 2] = current.record()
            free.release()
    finally:
        stopped.set()
        free.release()
        feeder.join()
        pinned.stream.synchronize()
