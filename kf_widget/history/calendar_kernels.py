"""Kernels that find the bar of an instant: local days, months, and days whose offset changes.

Almost every local day is regular: one offset, and bars on an even grid from its midnight. `stretch`
returns such a day whole, so a caller walks it with one division a bar. A day that an offset change
touches comes one bar at a time, each found exactly.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.jit import kernel, part

__all__ = ["DAY", "MONTH", "TIME", "WEEK", "ceil_times", "fill_edges", "floor_times", "stretch"]

TIME: Final = 0
DAY: Final = 1
WEEK: Final = 2
MONTH: Final = 3
_DAY_NS: Final = 86_400_000_000_000


@kernel(_nrt=False)
def month_of(day: int) -> Any:
    """Months since year 0 of a day counted from 1970-01-01 (Hinnant, "chrono-compatible date algorithms")."""
    shifted = day + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    return (year + era * 400) * 12 + (5 * of_year + 2) // 153 + 2


@kernel(_nrt=False)
def day_of(month: int) -> Any:
    """First day, counted from 1970-01-01, of a month counted from year 0: the inverse of `month_of`."""
    from_march = month - 2
    year = from_march // 12
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (from_march - year * 12) + 2) // 5
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@part(_nrt=False)
def period_of(kind: int, step: int, day: int) -> Any:
    """Number of the day, week or month bar that holds a local date."""
    if kind == DAY:
        return day // step
    if kind == WEEK:
        return (day + 3) // 7 // step  # 1970-01-01 was a Thursday
    return month_of(day) // step


@part(_nrt=False)
def first_day(kind: int, step: int, period: int) -> Any:
    """First local date of a bar: the inverse of `period_of`."""
    if kind == DAY:
        return period * step
    if kind == WEEK:
        return period * step * 7 - 3
    return day_of(period * step)


@part(_nrt=False)
def segment_of(from_ns: npt.NDArray[np.int64], time: int) -> Any:
    """Which offset is in force: the last entry of `from_ns` at or before the time, else the first."""
    start, stop = 0, from_ns.size
    while stop - start > 1:
        middle = (start + stop) >> 1
        if from_ns[middle] <= time:
            start = middle
        else:
            stop = middle
    return start


@kernel(_nrt=False)
def midnight(from_ns: npt.NDArray[np.int64], offset_ns: npt.NDArray[np.int64], day: int) -> Any:
    """First instant whose local date is the day or later."""
    local = day * _DAY_NS
    segment = segment_of(from_ns, local - 2 * _DAY_NS)
    while segment + 1 < from_ns.size and from_ns[segment + 1] + offset_ns[segment] <= local:
        segment += 1
    instant = local - offset_ns[segment]
    return max(instant, from_ns[segment]) if segment > 0 else instant


@kernel(_nrt=False)
def _label(local: int, step: int) -> Any:
    """Local time floored to the step from its midnight on."""
    start = local // _DAY_NS * _DAY_NS
    return start + (local - start) // step * step


@kernel(_nrt=False)
def _run(
    step: int, from_ns: npt.NDArray[np.int64], offset_ns: npt.NDArray[np.int64], segment: int, time: int
) -> Any:
    """Start and stop of the longest run of instants around one that share its label."""
    label = _label(time + offset_ns[segment], step)
    after = min(label + step, (label // _DAY_NS + 1) * _DAY_NS)
    here = segment
    start = label - offset_ns[here]
    while here > 0 and start <= from_ns[here]:
        if _label(from_ns[here] - 1 + offset_ns[here - 1], step) != label:
            start = from_ns[here]
            break
        here -= 1
        start = label - offset_ns[here]
    here = segment
    stop = after - offset_ns[here]
    while here + 1 < from_ns.size and stop >= from_ns[here + 1]:
        if _label(from_ns[here + 1] + offset_ns[here + 1], step) != label:
            stop = from_ns[here + 1]
            break
        here += 1
        stop = after - offset_ns[here]
    return start, stop


@part(_nrt=False)
def stretch(
    kind: int, step: int, from_ns: npt.NDArray[np.int64], offset_ns: npt.NDArray[np.int64], time: int
) -> Any:
    """Start, stop and bar width of an even grid of whole bars around an instant.

    kind : TIME, DAY, WEEK or MONTH; step : nanoseconds, days, weeks or months
    from_ns, offset_ns : int64, offsets in force; the first holds for all earlier time
    Returns (start, stop, width) in UTC nanoseconds; start <= time < stop; bars begin at
    ``start + k * width`` and the last one ends at stop even if that cuts it short.
    """
    segment = segment_of(from_ns, time)
    local = time + offset_ns[segment]
    day = local // _DAY_NS
    if kind == TIME:
        start = day * _DAY_NS - offset_ns[segment]
        stop = start + _DAY_NS
        inside = (segment == 0 or start > from_ns[segment]) and (
            segment + 1 == from_ns.size or stop < from_ns[segment + 1]
        )
        if inside:
            return start, stop, step
        start, stop = _run(step, from_ns, offset_ns, segment, time)
        return start, stop, stop - start
    period = period_of(kind, step, day)
    start = midnight(from_ns, offset_ns, first_day(kind, step, period))
    stop = midnight(from_ns, offset_ns, first_day(kind, step, period + 1))
    while stop <= time:  # the clock went back over midnight: the date came, went and came again
        period += 1
        start = stop
        stop = midnight(from_ns, offset_ns, first_day(kind, step, period + 1))
    return start, stop, stop - start


@kernel(_nrt=False)
def floor_times(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    times: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
) -> None:
    """Start of the bar that holds each time; times, out : int64 (m,), out overwritten."""
    start, stop, width = 0, 0, 1
    for i in range(times.size):
        time = times[i]
        if time < start or time >= stop:
            start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
        out[i] = time - (time - start) % width


@kernel(_nrt=False)
def ceil_times(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    times: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
) -> None:
    """First bar start at or after each time; times, out : int64 (m,), out overwritten."""
    start, stop, width = 0, 0, 1
    for i in range(times.size):
        time = times[i]
        if time < start or time >= stop:
            start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
        over = (time - start) % width
        out[i] = time if over == 0 else min(time - over + width, stop)


@kernel(_nrt=False)
def fill_edges(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    first: int,
    last: int,
    out: npt.NDArray[np.int64],
) -> Any:
    """Write every edge from the bar that holds `first` to the first edge at or after `last`.

    out : int64, long enough, overwritten. Returns how many edges were written, at least 2.
    """
    start, stop, width = stretch(kind, step, from_ns, offset_ns, first)
    edge = first - (first - start) % width
    out[0] = edge
    count = 1
    while edge < last or count < 2:
        edge = min(edge + width, stop)
        out[count] = edge
        count += 1
        if edge >= stop:
            start, stop, width = stretch(kind, step, from_ns, offset_ns, edge)
    return count
