"""Bars side by side, each as wide as the next, whenever they were: the axis of a single chart."""

from __future__ import annotations

import numpy as np

from kf_widget.chart.compose import Marks
from kf_widget.chart.subject import Subject
from kf_widget.chart.timescale import DAY, MINUTE, MONTH, SECOND, YEAR, TimeMark
from kf_widget.chart.timescale_kernels import keep_apart
from kf_widget.history.bars import Bars
from kf_widget.history.protocol import Floats, Ints
from kf_widget.history.zones import Zone

__all__ = ["SLOT_NS", "number_marks", "slot_subject", "stamp_marks"]

SLOT_NS = 10**9
"""Width of a slot on its axis."""

_DAY_NS = 86_400 * 10**9
_CLOCK_STEPS = (
    *(n * 10**power for power in range(9) for n in (1, 2, 5)),
    *(s * 10**9 for s in (1, 2, 5, 10, 15, 30)),
    *(m * 60 * 10**9 for m in (1, 2, 5, 10, 15, 30)),
    *(h * 3600 * 10**9 for h in (1, 2, 3, 4, 6, 12)),
)
_MONTH_STEPS = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1200)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def slot_subject(
    open: Floats, high: Floats, low: Floats, close: Floats, volume: Floats | None, slots: Ints
) -> Subject:
    """Bars, each in the slot of its number, as something to chart.

    slots : int64 (n,), increasing; slot i spans the axis positions [i, i + 1) x `SLOT_NS` from the first
        bar's slot on.
    """
    bars = Bars.from_columns(
        slots * SLOT_NS, open, high, low, close, volume, None, "UTC", interval_ns=SLOT_NS
    )
    return Subject.of(bars, "UTC", "clock")


def number_marks(first: int) -> Marks:
    """Marks that number the bars from 0; `first` is the slot at axis position 0."""

    def marks(start: int, stop: int, width_px: int, gap_px: float) -> list[TimeMark]:
        gap = (stop - start) / max(width_px, 1) * gap_px / SLOT_NS
        step = _round_above(gap)
        begin = -(-(start // SLOT_NS + first) // step) * step
        numbers = range(max(begin, 0), stop // SLOT_NS + first, step)
        return [TimeMark((n - first) * SLOT_NS + SLOT_NS // 2, str(n), MINUTE) for n in numbers]

    return marks


def stamp_marks(stamps_ns: Ints, zone: Zone, first: int = 0) -> Marks:
    """Marks where a day, a month or a round time of day begins among bars.

    Parameters
    ----------
    stamps_ns : int64 (n_slots,), UTC, time of each slot.
    zone : time zone of the labels.
    first : the slot at axis position 0.
    """
    local = zone.local_ns(stamps_ns) if len(stamps_ns) else stamps_ns
    day = local // _DAY_NS
    months = local.view("M8[ns]").astype("M8[M]").astype(np.int64)

    def marks(start: int, stop: int, width_px: int, gap_px: float) -> list[TimeMark]:
        begins, clock = _finest(local, day, months, max(width_px / max(gap_px, 1.0), 1.0))
        if digits := _digits(clock):
            gap_px *= 1 + (1 + digits) / len("00:00:00")
            begins, clock = _finest(local, day, months, max(width_px / gap_px, 1.0))
        level = np.full(len(local), SECOND if (local % (60 * 10**9)).any() and clock < 60 * 10**9 else MINUTE)
        for unit, name in ((day, DAY), (months, MONTH), (months // 12, YEAR)):
            level[1:][unit[1:] != unit[:-1]] = name
        if len(local) and not begins.any():
            begins[0] = True
            level[0] = level[0] if local[0] % _DAY_NS else DAY
        at = np.flatnonzero(begins)
        position = (at - first) * SLOT_NS + SLOT_NS // 2
        kept = np.empty(len(at), dtype=np.bool_)
        gap = (stop - start) / max(width_px, 1) * gap_px
        keep_apart(position, level[at].astype(np.int64), int(np.ceil(0.85 * gap)), kept)
        kept &= (position >= start) & (position <= stop)
        return [
            TimeMark(int(where), _label(int(local[i]), int(level[i]), clock), int(level[i]))
            for i, where in zip(at[kept], position[kept], strict=True)
        ]

    return marks


def _finest(local: Ints, day: Ints, months: Ints, most: float) -> tuple[np.ndarray, int]:
    """Whether each bar is the first in its unit, of the finest unit with few enough; and the unit's ns."""
    units = [(local // step, step) for step in _CLOCK_STEPS]
    units += [(day, _DAY_NS), ((day + 3) // 7, _DAY_NS)]
    units += [(months // step, _DAY_NS) for step in _MONTH_STEPS]
    begins = np.zeros(len(local), dtype=np.bool_)
    for unit, step in units:
        begins[1:] = unit[1:] != unit[:-1]
        if np.count_nonzero(begins) <= most:
            return begins, step
    return begins, _DAY_NS


def _label(local_ns: int, level: int, clock: int) -> str:
    stamp = np.datetime64(local_ns, "ns").astype("M8[us]").item()
    if level == YEAR:
        return str(stamp.year)
    if level == MONTH:
        return _MONTHS[stamp.month - 1]
    if level == DAY:
        return str(stamp.day)
    if level != SECOND:
        return f"{stamp:%H:%M}"
    digits = _digits(clock)
    fraction = f".{local_ns % 10**9:09}"[: digits + 1] if digits else ""
    return f"{stamp:%H:%M:%S}{fraction}"


def _digits(clock: int) -> int:
    """Digits of a second that steps of so many nanoseconds need."""
    return next((n for n in (0, 3, 6) if clock % 10 ** (9 - n) == 0), 9)


def _round_above(least: float) -> int:
    """Smallest of 1, 2, 5 times a power of ten that is not below `least`."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least:
                return factor * power
        power *= 10
