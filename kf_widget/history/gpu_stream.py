"""Columns to the device and bars back, through pinned buffers, while kernels run."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.threads import split, spread, thread_count

__all__ = ["Landing", "Sending", "pin"]

Bytes = npt.NDArray[np.uint8]

# Threads start on a piece in half a millisecond and copy 50 GB a second together, so pieces are large; one
# is filled, one travels, one waits.
_PIECE_BYTES: Final = 64 << 20
_PIECES: Final = 3
_DIRECT_BYTES: Final = 16 << 20
_COPY_GRAIN: Final = 1 << 21
_ARENA_BYTES: Final = 64 << 20
_LANDING_BYTES: Final = 1 << 20
# Of CUDA's enumerations cudaMemcpyKind and cudaMemoryType.
_TO_DEVICE: Final = 1
_FROM_DEVICE: Final = 2
_PAGE_LOCKED: Final = 1


def _page_locked(cupy: Any, n: int) -> tuple[Any, Bytes]:
    memory = cupy.cuda.alloc_pinned_memory(n)
    return memory, np.frombuffer(memory, np.uint8, n)


def pin(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy in page-locked memory, from which a GPU reads at the full speed of its link.

    Columns of a history that goes through the GPU again and again may be kept so: others are copied on
    the way, which takes cores and memory bandwidth.

    Raises
    ------
    KfError : no GPU can be used.
    """
    from kf_widget.history.gpu_device import find_device

    _, data = _page_locked(find_device().cupy, max(array.nbytes, 1))
    copy = data[: array.nbytes].view(array.dtype)
    copy[:] = array
    return copy


class Sending:
    """Host columns on their way to the device, by a thread of their own and through a ring of buffers."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._ring: list[tuple[Any, Bytes]] = []
        self._sent: list[Any] = []
        self._next = 0

    def is_pinned(self, array: npt.NDArray[Any]) -> bool:
        """Whether the device can read an array's memory itself."""
        runtime = self._cupy.cuda.runtime
        try:
            return bool(runtime.pointerGetAttributes(array.ctypes.data).type == _PAGE_LOCKED)
        except runtime.CUDARuntimeError:
            return False

    def chunks(
        self, device: Any, columns: Sequence[npt.NDArray[Any]], cuts: Sequence[tuple[int, int]]
    ) -> Iterator[list[Any]]:
        """Device copies of the columns' rows, chunk after chunk; the next one travels meanwhile.

        Parameters
        ----------
        columns : one-dimensional host arrays; cuts : half-open row ranges

        Yields
        ------
        Device arrays, one a column, good until the next chunk is asked for.
        """
        cupy = self._cupy
        room = max((stop - start for start, stop in cuts), default=0)
        slots = [[device.empty(room, column.dtype) for column in columns] for _ in range(2)]
        pinned = [self.is_pinned(column) for column in columns]
        begun = cupy.cuda.get_current_stream().record()
        done: list[Any] = [begun, begun]  # after which a slot may be written
        free = threading.Semaphore(2)
        ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        stopped = threading.Event()
        number = cupy.cuda.Device().id

        def feed() -> None:
            try:
                with cupy.cuda.Device(number):
                    for at, (start, stop) in enumerate(cuts):
                        free.acquire()
                        if stopped.is_set():
                            return
                        self._stream.wait_event(done[at % 2])
                        for target, column, direct in zip(slots[at % 2], columns, pinned, strict=True):
                            self._send(target.data.ptr, column[start:stop].view(np.uint8), direct)
                        ready.put(self._stream.record())
            except BaseException as error:
                ready.put(error)

        feeder = threading.Thread(target=feed, name="kf_widget-send", daemon=True)
        feeder.start()
        try:
            for at, (start, stop) in enumerate(cuts):
                event = ready.get()
                if isinstance(event, BaseException):
                    raise event
                current = cupy.cuda.get_current_stream()
                current.wait_event(event)
                yield [array[: stop - start] for array in slots[at % 2]]
                done[at % 2] = current.record()
                free.release()
        finally:
            stopped.set()
            free.release()
            feeder.join()
            self._stream.synchronize()

    def _send(self, target: int, data: Bytes, direct: bool) -> None:
        copy = self._cupy.cuda.runtime.memcpyAsync
        if direct:  # in parts, between which the edges of the chunk before find their way
            for start in range(0, len(data), _DIRECT_BYTES):
                part = data[start : start + _DIRECT_BYTES]
                copy(target + start, part.ctypes.data, len(part), _TO_DEVICE, self._stream.ptr)
            return
        for start in range(0, len(data), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES]
            if len(self._ring) < _PIECES:
                self._next = len(self._ring)
                self._ring.append(_page_locked(self._cupy, _PIECE_BYTES))
                self._sent.append(None)
            slot = self._next
            self._next = (slot + 1) % _PIECES
            memory, buffer = self._ring[slot]
            if self._sent[slot] is not None:
                self._sent[slot].synchronize()
            _copy(buffer[: len(piece)], piece)
            copy(target + start, memory.ptr, len(piece), _TO_DEVICE, self._stream.ptr)
            self._sent[slot] = self._stream.record()


def _copy(target: Bytes, source: Bytes) -> None:
    def part(start: int, stop: int) -> None:
        np.copyto(target[start:stop], source[start:stop])

    # A piece a thread: four of them, as `split` would cut, only cost their starts.
    grain = max(len(source) // thread_count(), _COPY_GRAIN)
    spread(part, split(0, len(source), grain=grain, align=4096))


class Landing:
    """Two pinned arenas through which bars come back: one is filled while the other is emptied."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._arenas = [_page_locked(cupy, _ARENA_BYTES) for _ in range(2)]
        self._lock = threading.Lock()

    def fetch(self, pairs: Sequence[tuple[npt.NDArray[Any], Any]], after: Any) -> None:
        """Copy device arrays into host arrays of the same length and dtype, once an event has come."""
        with self._lock:
            self._fetch(pairs, after)

    def _fetch(self, pairs: Sequence[tuple[npt.NDArray[Any], Any]], after: Any) -> None:
        self._stream.wait_event(after)
        filled: tuple[Any, list[tuple[Bytes, Bytes]]] | None = None
        for turn, batch in enumerate(self._batches(pairs)):
            memory, data = self._arenas[turn % 2]
            landed = []
            at = 0
            for target, source in batch:
                self._cupy.cuda.runtime.memcpyAsync(
                    memory.ptr + at, source, len(target), _FROM_DEVICE, self._stream.ptr
                )
                landed.append((target, data[at : at + len(target)]))
                at += len(target)
            event = self._stream.record()
            self._empty(filled)
            filled = (event, landed)
        self._empty(filled)

    def _empty(self, filled: tuple[Any, list[tuple[Bytes, Bytes]]] | None) -> None:
        if filled is None:
            return
        event, landed = filled
        event.synchronize()

        def copy(start: int, stop: int) -> None:
            for target, source in landed[start:stop]:
                np.copyto(target, source)

        # One turn of the threads for all columns: their start takes as long as copying ten megabytes.
        small = sum(len(target) for target, _ in landed) < 2 * _LANDING_BYTES
        spread(copy, [(0, len(landed))] if small else [(i, i + 1) for i in range(len(landed))])

    def _batches(self, pairs: Sequence[tuple[npt.NDArray[Any], Any]]) -> Iterator[list[tuple[Bytes, int]]]:
        """Pieces of at most a megabyte, (host bytes, device address), as many at once as an arena holds."""
        batch: list[tuple[Bytes, int]] = []
        room = _ARENA_BYTES
        for host, array in pairs:
            data = host.view(np.uint8)
            for start in range(0, len(data), _LANDING_BYTES):
                piece = data[start : start + _LANDING_BYTES]
                if len(piece) > room:
                    yield batch
                    batch, room = [], _ARENA_BYTES
                batch.append((piece, array.data.ptr + start))
                room -= len(piece)
        if batch:
            yield batch
