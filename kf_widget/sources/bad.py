"""Which rows are bad, of columns that failed a check; only then is it looked at this closely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.sides import sides
from kf_widget.history.stamps import FROM_NS, UNTIL_NS, read_stamps
from kf_widget.history.tables import Column
from kf_widget.history.zones import Zone

__all__ = ["bad_rows"]

Mask = npt.NDArray[np.bool_]

_NAT: Final = np.iinfo(np.int64).min
_UNITS: Final = {"D": 86_400e9, "h": 3_600e9, "m": 60e9, "s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}
_REASONS: Final = {"time": "bad time", "price": "bad price", "size": "bad size", "side": "bad side"}
_SMALL: Final = 64


def bad_rows(
    found: Mapping[str, str], columns: Mapping[str, Column], zone: Zone | None
) -> tuple[Mask, dict[str, int]]:
    """Mask (n,) of the bad rows, and how many there are by reason; a row counts for the first that it gives.

    Parameters
    ----------
    found : role -> name of the column; columns : by name.
    zone : what naive stamps mean.
    """
    bad = np.zeros(len(columns[found["time"]]), dtype=bool)
    counts: dict[str, int] = {}
    for role, reason in _REASONS.items():
        if role not in found:
            continue
        column = columns[found[role]]
        if role == "time":
            mask = _bad_times(column, zone)
        elif role == "side":
            mask = _bad_sides(found[role], column)
        else:
            mask = _bad_numbers(column, role == "size")
        new = int(np.count_nonzero(mask & ~bad))
        if new:
            counts[reason] = new
        bad |= mask
    return bad, counts


def _bad_numbers(column: Column, positive: bool) -> Mask:
    values = column.values
    if values is None or values.dtype.kind not in "iuf":
        return np.zeros(len(column), dtype=bool)
    bad: Mask = ~np.isfinite(values)
    return bad | (values < 0) if positive else bad


def _bad_sides(name: str, column: Column) -> Mask:
    values = column.values
    if values is not None and values.dtype.kind == "b":
        return np.zeros(len(column), dtype=bool)

    def fits(word: Column) -> bool:
        try:
            sides("", name, word)
        except ValueError:
            return False
        return True

    if values is None:
        coded = column.text.dictionary_encode()
        codes = coded.indices.fill_null(len(coded.dictionary)).to_numpy(zero_copy_only=False)
        odd = [not fits(Column(text=coded.dictionary[i : i + 1])) for i in range(len(coded.dictionary))]
        odd_word: Mask = np.array([*odd, False])[codes]
        return odd_word
    known, codes = np.unique(values, return_inverse=True)
    odd = [not fits(Column(known[i : i + 1])) for i in range(len(known))]
    mask: Mask = np.array(odd, dtype=bool)[codes]
    return mask


def _bad_times(column: Column, zone: Zone | None) -> Mask:
    if column.values is None:
        return _bad_text(column.text, zone)
    values = column.values
    if values.dtype.kind == "M":
        unit = np.datetime_data(values.dtype)[0]
        raw = values.astype(np.int64)
        bad: Mask = (raw == _NAT) | _far(raw * _UNITS.get(unit, 1.0))
        return bad if column.zone else bad | _skipped(values, bad, zone)
    if values.dtype.kind not in "iuf":
        return np.zeros(len(values), dtype=bool)
    # Of the units that the sizes of the numbers tell, the one of most rows.
    bounds = np.array([1e8, 1e10, 1e11, 1e13, 1e14, 1e16, 1e17, 2.0**63])
    numbers = values.astype(np.float64)
    place = np.where(np.isnan(numbers), 0, np.searchsorted(bounds, numbers, side="right"))
    odd = place[place % 2 == 1]
    if not len(odd):
        return np.ones(len(values), dtype=bool)
    most = np.bincount(odd).argmax()
    unit = ("s", "ms", "us", "ns")[int(most) // 2]
    odd_ones: Mask = (place != most) | _far(numbers * _UNITS[unit])
    return odd_ones


def _far(time_ns: npt.NDArray[Any]) -> Mask:
    """Rows of times that `read_stamps` refuses, but for those within a microsecond of its limits."""
    far: Mask = (time_ns < FROM_NS) | (time_ns >= UNTIL_NS)
    return far


def _skipped(values: npt.NDArray[Any], bad: Mask, zone: Zone | None) -> Mask:
    """Rows of wall clocks at times that clocks were put forward past."""
    skipped = np.zeros(len(values), dtype=bool)
    if zone is None or zone.name == "UTC":
        return skipped
    import pandas as pd

    good = np.flatnonzero(~bad)
    local = pd.DatetimeIndex(values[good].astype("M8[ns]"))
    there = local.tz_localize(zone.name, ambiguous=np.ones(len(good), dtype=bool), nonexistent="NaT")
    skipped[good] = there.isna()
    return skipped


def _bad_text(text: Any, zone: Zone | None) -> Mask:
    """Rows that do not read as a time; of those with and without an offset, the rarer."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(text)
    likely = pc.match_substring_regex(trimmed, r"^\d{4}-\d{2}-\d{2}").fill_null(False)
    offset = pc.match_substring_regex(trimmed, r":\d.*(Z|[-+]\d{2}(:?\d{2})?)$").fill_null(False)
    likely, offset = (mask.to_numpy(zero_copy_only=False) for mask in (likely, offset))
    many = np.count_nonzero(likely & offset) * 2 > np.count_nonzero(likely)
    bad: Mask = ~likely | (offset != many)
    todo = [np.flatnonzero(~bad)]
    while todo:
        rows = todo.pop()
        if not len(rows):
            continue
        try:
            read_stamps("", "", Column(text=text.take(pa.array(rows))))
        except ValueError:
            if len(rows) == 1:
                bad[rows] = True
            else:
                todo += np.array_split(rows, min(len(rows), _SMALL))
    if zone is not None and not many and zone.name != "UTC":
        good = np.flatnonzero(~bad)
        stamps = read_stamps("", "", Column(text=text.take(pa.array(good))))[0].view("M8[ns]")
        bad[good] |= _skipped(stamps, np.zeros(len(good), dtype=bool), zone)
    return bad
