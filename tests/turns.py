"""Threads that interrupt each other often."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

__all__ = ["by_turns"]


def by_turns(work: Callable[[int], None], n: int) -> None:
    """Call ``work(k)`` in `n` threads at once, which take turns every ten microseconds."""
    threads = [threading.Thread(target=work, args=(k,)) for k in range(n)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
