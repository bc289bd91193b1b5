"""Kernels of the time axis: UTC instants to axis positions and back, and the search for gaps."""

from __future__ import annotations

from kf_widget.history.protocol import Ints
from kf_widget.jit import kernel

__all__ = ["axis_of", "find_gaps", "ns_of", "to_axis", "to_ns"]

_LEAST = -(2**63)
_MOST = 2**63 - 1


@kernel(_nrt=False)
def _sum(a: int, b: int) -> int:
    """Sum of two int64 that stops at their limits: far outside the data an edge is only far away."""
    if b > 0 and a > _MOST - b:
        return _MOST
    if b < 0 and a < _LEAST - b:
        return _LEAST
    return a + b


@kernel(_nrt=False)
def _last_not_after(sorted_ns: Ints, value: int) -> int:
    """Index of the last entry <= value, 0 where there is none."""
    low = 0
    high = sorted_ns.size
    while high - low > 1:
        middle = (low + high) >> 1
        if sorted_ns[middle] <= value:
            low = middle
        else:
            high = middle
    return low


@kernel(_nrt=False)
def axis_of(open_ns: Ints, close_ns: Ints, position: Ints, ns: int) -> int:
    """Axis position of one UTC instant; int64. Arguments as `to_axis`. O(log n_open)."""
    i = _last_not_after(open_ns, ns)
    if i < open_ns.size - 1:
        ns = min(ns, close_ns[i])
    axis: int = _sum(_sum(ns, -open_ns[i]), position[i])
    return axis


@kernel(_nrt=False)
def ns_of(open_ns: Ints, position: Ints, axis: int) -> int:
    """UTC instant of one axis position; int64. Arguments as `to_ns`. O(log n_open)."""
    i = _last_not_after(position, axis)
    ns: int = _sum(_sum(axis, -position[i]), open_ns[i])
    return ns


@kernel(_nrt=False)
def to_axis(open_ns: Ints, close_ns: Ints, position: Ints, values: Ints) -> None:
    """Replace UTC instants by axis positions.

    Parameters
    ----------
    open_ns, close_ns : int64 (n_open,), UTC, open intervals [open, close), increasing, apart
    position : int64 (n_open,), axis position of each interval's start
    values : int64 (n,), overwritten; any order, sorted is cheapest

    Notes
    -----
    An instant in closed time goes to the boundary, where the next open interval starts. Before the
    first and after the last interval the axis goes on at one ns a ns. A few ns each: the interval of
    one value is tried for the next before it is searched for.
    """
    last = open_ns.size - 1
    i = 0
    for k in range(values.size):
        ns = values[k]
        if (ns < open_ns[i] and i > 0) or (i < last and ns >= open_ns[i + 1]):
            i = _last_not_after(open_ns, ns)
        if i < last:
            ns = min(ns, close_ns[i])
        values[k] = _sum(_sum(ns, -open_ns[i]), position[i])


@kernel(_nrt=False)
def to_ns(open_ns: Ints, position: Ints, values: Ints) -> None:
    """Replace axis positions by UTC instants.

    Parameters
    ----------
    open_ns : int64 (n_open,), UTC, starts of the open intervals, increasing
    position : int64 (n_open,), axis position of each, increasing
    values : int64 (n,), overwritten; any order, sorted is cheapest

    Notes
    -----
    The position of a boundary is the instant at which the next interval opens. A few ns each.
    """
    last = open_ns.size - 1
    i = 0
    for k in range(values.size):
        axis = values[k]
        if (axis < position[i] and i > 0) or (i < last and axis >= position[i + 1]):
            i = _last_not_after(position, axis)
        values[k] = _sum(_sum(axis, -position[i]), open_ns[i])


@kernel(_nrt=False)
def find_gaps(time_ns: Ints, threshold_ns: int, rows: Ints) -> int:
    """Find rows that come more than a threshold after the row before them.

    Parameters
    ----------
    time_ns : int64 (n,), non-decreasing
    threshold_ns : int64, above 0
    rows : int64 (capacity,), overwritten with the first row after each gap, in order

    Returns
    -------
    How many there are; more than the capacity means that `rows` holds only the first ones.

    Notes
    -----
    Only looks inside blocks of 64 rows that span more than the threshold: two loads a block else,
    about 10 ms for 100 million dense ticks.
    """
    n = time_ns.size
    found = 0
    for first in range(0, n - 1, 64):
        last = min(first + 64, n - 1)
        if time_ns[last] - time_ns[first] <= threshold_ns:
            continue
        for row in range(first + 1, last + 1):
            if time_ns[row] - time_ns[row - 1] > threshold_ns:
                if found < rows.size:
                    rows[found] = row
                found += 1
    return found
