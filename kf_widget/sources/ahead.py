"""Work ahead: an iterator run on a thread of its own, a few items before its reader."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar, cast

__all__ = ["ahead"]

T = TypeVar("T")

_END = object()
_PATIENCE_S = 1.0


def ahead(make: Callable[[], Iterator[T]], depth: int = 2) -> Generator[T]:
    """Items of an iterator, at most `depth` of them made before they are asked for.

    An exception comes out where its item would have. A reader that stops early (`close`, or letting go of it)
    ends the thread and closes the iterator, wherever it is; it waits a second for that. An iterator that is
    longer about its next item (a slow disk, a feed) is closed when that has come.
    """
    items: queue.Queue[Any] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: Any) -> bool:
        while not stop.is_set():
            try:
                items.put(item, timeout=0.05)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        failure: BaseException | None = None
        try:
            inner = make()
            try:
                for item in inner:
                    if not put((item, None)):
                        break
            finally:
                close = getattr(inner, "close", None)
                if close is not None:
                    close()
        except BaseException as error:
            failure = error
        put((_END, failure))

    thread = threading.Thread(target=work, name="kf_widget-reading", daemon=True)
    thread.start()
    try:
        while True:
            item, failure = items.get()
            if failure is not None:
                raise failure
            if item is _END:
                return
            yield cast(T, item)
    finally:
        stop.set()
        thread.join(_PATIENCE_S)
