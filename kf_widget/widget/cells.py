"""Which chart belongs to which notebook cell.

ipywidgets keeps every widget it ever made, so re-running a cell would keep the histories of all its
earlier runs alive. Here a chart made by a new run of a cell closes those of the cell's earlier runs.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any, Protocol

__all__ = ["adopt", "current_cell"]


class _Closable(Protocol):
    def close(self) -> None: ...


_charts: dict[str, tuple[str, weakref.WeakSet[Any]]] = {}


def current_cell() -> tuple[str, str] | None:
    """Cell id and id of its present run; None outside of a notebook cell."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    try:
        parent = kernel.get_parent("shell")
    except TypeError:
        parent = kernel.get_parent()
    if not isinstance(parent, dict):
        return None
    run = (parent.get("header") or {}).get("msg_id")
    metadata = parent.get("metadata") or {}
    cell = metadata.get("cellId") or metadata.get("cell_id")
    return (str(cell), str(run)) if cell and run else None


def adopt(chart: _Closable, cell: tuple[str, str] | None) -> None:
    """Register a chart with the run that makes it, and close those of the cell's earlier runs."""
    if cell is None:
        return
    name, run = cell
    known = _charts.get(name)
    if known is None or known[0] != run:
        _charts[name] = run, weakref.WeakSet()
        for old in list(known[1]) if known else ():
            old.close()
    _charts[name][1].add(chart)
