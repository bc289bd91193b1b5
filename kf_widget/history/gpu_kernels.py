"""Kernels on the CPU's side of the GPU backend: calendars become stretches."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.calendar_kernels import TIME, segment_of, stretch
from kf_widget.jit import kernel

__all__ = ["fill_stretches"]

_DAY_NS: Final = 86_400_000_000_000


@kernel(_nrt=False)
def fill_stretches(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    first: int,
    last: int,
    starts: npt.NDArray[np.int64],
    widths: npt.NDArray[np.int64],
) -> Any:
    """Write the even grids of bars that cover ``[first, last]``, neighbours of one grid made one.

    kind, step, from_ns, offset_ns : as `calendar_kernels.stretch` takes them
    starts : int64, overwritten with UTC nanoseconds, one more than there are stretches, the last an end
    widths : int64, overwritten. Returns the number of stretches; -1 when the arrays are too short.
    """
    start, stop, width = stretch(kind, step, from_ns, offset_ns, first)
    n = 0
    while True:
        # Whole bars so far, and few enough for the device to count them in float64.
        joins = (
            n > 0
            and widths[n - 1] == width
            and (start - starts[n - 1]) % width == 0
            and ((stop >> 1) - (starts[n - 1] >> 1)) < 1 << 61
            and (stop - starts[n - 1]) // width < 1 << 50
        )
        if not joins:
            if n + 1 >= starts.size:
                return -1
            starts[n] = start
            widths[n] = width
            n += 1
        if kind == TIME and width == step and (stop - starts[n - 1]) % step == 0:
            stop = _even_until(step, from_ns, offset_ns, stop)
        starts[n] = stop
        if stop > last:
            return n
        start, stop, width = stretch(kind, step, from_ns, offset_ns, stop)


@kernel(_nrt=False)
def _even_until(
    step: int, from_ns: npt.NDArray[np.int64], offset_ns: npt.NDArray[np.int64], edge: int
) -> Any:
    """An edge up to which bars of one step go on from this one.

    A day whose offset changes comes from `stretch` one bar at a time, 86,400 of them at a second.
    """
    segment = segment_of(from_ns, edge)
    local = edge + offset_ns[segment]
    passed = local % _DAY_NS
    if passed % step != 0:
        return edge
    stop = edge + _DAY_NS - passed
    if segment + 1 < from_ns.size:
        stop = min(stop, from_ns[segment + 1])
    return edge + max((stop - edge) // step - 1, 0) * step
