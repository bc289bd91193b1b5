"""Columns to the device and bars back, through pinned buffers, while kernels run."""

from __future__ import annotations

import ctypes
import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kf_widget.errors import KfError
from kf_widget.history.send_kernels import send_pieces
from kf_widget.threads import spread, thread_count

__all__ = ["Calls", "Landing", "Sending", "pin"]

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

# Eight threads' pieces stay in the last cache: the device reads them from there, and memory is read once
# instead of read, written and read.
_PIECE_BYTES: Final = 4 << 20
_PIECES: Final = 2
_SENDERS: Final = 8
# Few are on their way at once, so that the edges of the chunk before need not wait long.
_DIRECT_BYTES: Final = 16 << 20
_SLOTS: Final = 3
_ARENA_BYTES: Final = 64 << 20
_LANDING_BYTES: Final = 1 << 20
# Of CUDA's enumerations cudaMemcpyKind and cudaMemoryType.
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


class Calls(NamedTuple):
    """Addresses of the driver's functions that the kernel for sending calls."""

    copy: int
    record: int
    wait: int

    @classmethod
    def of(cls, driver: ctypes.CDLL) -> Calls:
        """Those of the CUDA driver."""
        functions = (driver.cuMemcpyHtoDAsync_v2, driver.cuEventRecord, driver.cuEventSynchronize)
        return cls(*(ctypes.cast(function, ctypes.c_void_p).value or 0 for function in functions))


class _Sender(NamedTuple):
    """One thread's way to the device: two pieces at most are on it, each in page-locked memory of its own."""

    kept: tuple[Any, Any]  # what the next two are the addresses and handles of
    rooms: Ints
    events: Ints

    @classmethod
    def of(cls, cupy: Any) -> _Sender:
        memory = [cupy.cuda.alloc_pinned_memory(_PIECE_BYTES) for _ in range(_PIECES)]
        events = [cupy.cuda.Event(disable_timing=True) for _ in range(_PIECES)]
        rooms = np.array([room.ptr for room in memory], np.int64)
        return cls((memory, events), rooms, np.array([event.ptr for event in events], np.int64))


class _Chunk(NamedTuple):
    """Rows on their way: pieces, as `send_pieces` takes them, and its number of the next."""

    pieces: Ints
    taken: Ints


class Sending:
    """Host columns on their way to the device, by threads of their own and through small buffers."""

    def __init__(self, cupy: Any, calls: Calls) -> None:
        self._cupy = cupy
        self._calls = calls
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._senders: list[_Sender] = []

    def is_pinned(self, array: npt.NDArray[Any]) -> bool:
        """Whether the device can read an array's memory itself."""
        runtime = self._cupy.cuda.runtime
        try:
            return bool(runtime.pointerGetAttributes(array.ctypes.data).type == _PAGE_LOCKED)
        except runtime.CUDARuntimeError:
            return False

    def chunks(
        self, device: Any, columns: Sequence[npt.NDArray[Any]], cuts: Sequence[tuple[int, int]]
    ) -> Generator[list[Any]]:
        """Device copies of the columns' rows, chunk after chunk; the next one travels meanwhile.

        Parameters
        ----------
        columns : one-dimensional host arrays; cuts : half-open row ranges, none of them empty

        Yields
        ------
        Device arrays, one a column, good until the next chunk is asked for.
        """
        assert all(column.flags.c_contiguous for column in columns)
        cupy = self._cupy
        room = max((stop - start for start, stop in cuts), default=0)
        slots = [[device.empty(room, column.dtype) for column in columns] for _ in range(_SLOTS)]
        pinned = [self.is_pinned(column) for column in columns]
        done: list[Any] = [cupy.cuda.get_current_stream().record()] * _SLOTS  # after it a slot is free
        allowed, stopped = _SLOTS, False  # chunks that may be sent so far
        ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        number = cupy.cuda.Device().id
        turn, counting = threading.Condition(), threading.Lock()
        chunks: list[_Chunk] = []
        n_senders = 1 if all(pinned) else max(min(_SENDERS, thread_count() // 2), 1)
        at_work = [n_senders] * len(cuts)

        def chunk(at: int) -> _Chunk | None:
            """A chunk, once it may be sent; None if nobody wants it any more.

            A sender ahead of the others waits without the lock: its slot is free only once they too have been
            through the chunk that is in it.
            """
            with turn:
                turn.wait_for(lambda: stopped or at < allowed)
                if stopped:
                    return None
                if at == len(chunks):
                    self._stream.wait_event(done[at % _SLOTS])
                    chunks.append(_pieces(slots[at % _SLOTS], columns, pinned, *cuts[at]))
                return chunks[at]

        def feed(sender: _Sender) -> None:
            try:
                with cupy.cuda.Device(number):
                    for at in range(len(cuts)):
                        here = chunk(at)
                        if here is None:
                            return
                        handles = (sender.rooms, sender.events, self._stream.ptr, *self._calls)
                        code = send_pieces(*here, *handles)
                        if code:
                            raise KfError(
                                f"gpu: the driver refuses to copy rows to the GPU (CUDA error {code})."
                                " See what `nvidia-smi` says; backend='cpu' does without the GPU."
                            )
                        with counting:
                            at_work[at] -= 1
                            if at_work[at] == 0:
                                ready.put(self._stream.record())
            except BaseException as error:
                ready.put(error)

        while len(self._senders) < n_senders:
            self._senders.append(_Sender.of(cupy))
        feeders = [
            threading.Thread(target=feed, args=(sender,), name="kf_widget-send", daemon=True)
            for sender in self._senders[:n_senders]
        ]
        try:
            for feeder in feeders:
                feeder.start()
            for at, (start, stop) in enumerate(cuts):
                event = ready.get()
                if isinstance(event, BaseException):
                    raise event
                current = cupy.cuda.get_current_stream()
                current.wait_event(event)
                yield [array[: stop - start] for array in slots[at % _SLOTS]]
                done[at % _SLOTS] = current.record()
                with turn:
                    allowed += 1
                    turn.notify_all()
        finally:
            with turn:
                stopped = True
                turn.notify_all()
            for feeder in feeders:
                if feeder.ident is not None:
                    feeder.join()
            self._stream.synchronize()


def _pieces(
    there: Sequence[Any], columns: Sequence[npt.NDArray[Any]], pinned: Sequence[bool], start: int, stop: int
) -> _Chunk:
    """Rows ``[start, stop)`` of columns, for arrays on the device."""
    rows = []
    for array, column, direct in zip(there, columns, pinned, strict=True):
        target, source = array.data.ptr, column.ctypes.data + start * column.itemsize
        n_bytes, step = (stop - start) * column.itemsize, _DIRECT_BYTES if direct else _PIECE_BYTES
        rows += [
            (target + first, source + first, min(step, n_bytes - first), direct)
            for first in range(0, n_bytes, step)
        ]
    return _Chunk(np.array(rows, np.int64), np.zeros(1, np.int64))


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
