"""Columns to the device and bars back, through pinned buffers, while kernels run."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.threads import spread, thread_count

__all__ = ["Landing", "Sending", "pin"]

Bytes = npt.NDArray[np.uint8]

# Four megabytes take half a millisecond of one core: long beside a turn of the interpreter, and with two
# buffers a worker, short enough that eight workers keep the link busy.
_PIECE_BYTES: Final = 4 << 20
_WORKERS: Final = 8
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


class _Chunk:
    """Pieces of one chunk still to be sent, and events after those that were."""

    def __init__(self, n_pieces: int) -> None:
        self.left = n_pieces
        self.events: list[Any] = []


class Sending:
    """Workers that copy host columns into pinned buffers and send them on, each on a stream of its own."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        n_workers = min(_WORKERS, thread_count())
        self._streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(n_workers)]
        self._buffers = [[_page_locked(cupy, _PIECE_BYTES) for _ in range(2)] for _ in range(n_workers)]

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
        free: list[Any] = [begun, begun]  # after which a slot may be written
        todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
        ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        turn = threading.Lock()
        stopped = threading.Event()
        number = cupy.cuda.Device().id

        def enqueue(at: int) -> None:
            start, stop = cuts[at]
            pieces: list[tuple[int, Bytes, bool]] = []
            for target, column, direct in zip(slots[at % 2], columns, pinned, strict=True):
                data, there = column[start:stop].view(np.uint8), target.data.ptr
                step = max(data.nbytes, 1) if direct else _PIECE_BYTES
                cut = range(0, data.nbytes, step)
                pieces.extend((there + byte, data[byte : byte + step], direct) for byte in cut)
            chunk = _Chunk(len(pieces))
            for piece in pieces:
                todo.put((chunk, free[at % 2], *piece))

        def work(worker: int) -> None:
            stream, buffers = self._streams[worker], self._buffers[worker]
            sent: list[Any] = [None, None]
            try:
                with cupy.cuda.Device(number):
                    for turn_of in itertools.cycle(range(2)):
                        item = todo.get()
                        if item is None or stopped.is_set():
                            return
                        chunk, after, target, data, direct = item
                        source = data.ctypes.data
                        if not direct:
                            memory, buffer = buffers[turn_of]
                            if sent[turn_of] is not None:
                                sent[turn_of].synchronize()
                            np.copyto(buffer[: len(data)], data)
                            source = memory.ptr
                        stream.wait_event(after)
                        cupy.cuda.runtime.memcpyAsync(target, source, len(data), _TO_DEVICE, stream.ptr)
                        event = stream.record()
                        sent[turn_of] = event
                        with turn:
                            chunk.events.append(event)
                            chunk.left -= 1
                            done = chunk.left == 0
                        if done:
                            ready.put(chunk)
            except BaseException as error:
                ready.put(error)

        workers = [
            threading.Thread(target=work, args=(i,), name=f"kf_widget-send-{i}", daemon=True)
            for i in range(1 if all(pinned) else len(self._streams))
        ]
        for at in range(min(2, len(cuts))):
            enqueue(at)
        for worker in workers:
            worker.start()
        try:
            for at, (start, stop) in enumerate(cuts):
                chunk = ready.get()
                if isinstance(chunk, BaseException):
                    raise chunk
                current = cupy.cuda.get_current_stream()
                for event in chunk.events:
                    current.wait_event(event)
                yield [array[: stop - start] for array in slots[at % 2]]
                if at + 2 < len(cuts):
                    free[at % 2] = current.record()
                    enqueue(at + 2)
        finally:
            stopped.set()
            for _ in workers:
                todo.put(None)
            for worker in workers:
                worker.join()
            for stream in self._streams:
                stream.synchronize()


class Landing:
    """Two pinned arenas through which bars come back: one is filled while the other is emptied."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._arenas = [_page_locked(cupy, _ARENA_BYTES) for _ in range(2)]

    def fetch(self, pairs: Sequence[tuple[npt.NDArray[Any], Any]]) -> None:
        """Copy device arrays into host arrays of the same length and dtype, in the current stream's order."""
        after = self._cupy.cuda.get_current_stream().record()
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
