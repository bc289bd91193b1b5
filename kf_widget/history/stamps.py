"""Stamps of any kind to UTC nanoseconds: datetimes of any unit, epoch numbers, ISO text, local times."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.checks import iso, lowest_highest
from kf_widget.history.columns import read_only
from kf_widget.history.protocol import Ints
from kf_widget.history.tables import Column, first_of_two_kinds
from kf_widget.history.zones import Zone
from kf_widget.jit import kernel
from kf_widget.threads import split, spread

__all__ = [
    "FROM_NS",
    "LATE_NS",
    "UNTIL_NS",
    "local_to_utc",
    "localize",
    "read_stamps",
    "shown_zone",
    "stamps_to_ns",
]

_NAT: Final = np.iinfo(np.int64).min
_DAY_NS: Final = 86_400_000_000_000
_LAST_NS: Final = 2**63 - 1
FROM_NS, UNTIL_NS = (int(np.datetime64(day, "ns").astype(np.int64)) for day in ("1678-01-01", "2262-01-01"))
"""Stamps from the one to before the other: a bar around each, of up to a month, lies within int64."""

LATE_NS: Final = 60 * 10**9
"""What steps back so far at least, where clocks were put back, comes after the change; what steps back less
is late."""
_NS_A: Final = {
    "D": _DAY_NS,
    "h": 3_600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "ns": 1,
}
# Epoch numbers: what their size says. 1e8 s is 1973-03-03, 1e10 s is 2286-11-20; the same instants in each.
_EPOCH_UNITS: Final = (
    ("s", 10**8, 10**10),
    ("ms", 10**11, 10**13),
    ("us", 10**14, 10**16),
    ("ns", 10**17, 2**63),
)


def stamps_to_ns(what: str, name: str, column: Column, tz: str | None) -> tuple[Ints, str]:
    """UTC nanoseconds of a column of stamps, and the zone to show them in.

    Parameters
    ----------
    column : datetime64 of any unit, aware or naive; integers (or floats) since 1970 whose size tells
        s, ms, us or ns; ISO 8601 text with or without an offset.
    tz : what naive stamps mean, and what is shown; None for the stamps' own, else UTC. Epoch
        numbers are UTC always.

    Returns
    -------
    int64 (n,), the caller's own memory where it is int64 or datetime64[ns]; not checked for order.

    Raises
    ------
    TypeError : not a kind of stamp. ValueError : a missing one, out of range, or one that never was in `tz`.
    """
    zone = Zone.of(str(tz)) if tz is not None else None
    time_ns, aware, naive = read_stamps(what, name, column)
    if naive and zone is not None and len(column):
        time_ns = local_to_utc(what, name, time_ns, zone)
    return time_ns, zone.name if zone else shown_zone(aware)


def read_stamps(what: str, name: str, column: Column) -> tuple[Ints, str | None, bool]:
    """Nanoseconds as the stamps read, their own zone, and whether they are naive: a wall clock somewhere.

    As `stamps_to_ns`, which does the rest.
    """
    aware = column.zone
    values = column.values
    if not len(column):
        return (
            np.empty(0, dtype=np.int64),
            aware,
            values is not None and values.dtype.kind == "M" and not aware,
        )
    if values is None:
        values, aware = _text(what, name, column.text)
    if values.dtype.kind == "M":
        return _datetimes(what, name, values), aware, aware is None
    if values.dtype.kind in "iu":
        return _epochs(what, name, values), None, False
    if values.dtype.kind == "f":
        return _float_epochs(what, name, values), None, False
    if values.dtype == object and (row := first_of_two_kinds(values)) >= 0:
        raise ValueError(
            f"{what}: column {name!r} must hold times that all have a time zone or none, got {values[row]} "
            f"at row {row}, unlike the one before. Give each a zone."
        )
    raise TypeError(
        f"{what}: column {name!r} must hold times, got {values.dtype}. Pass datetimes, integers "
        "since 1970 or ISO 8601 text."
    )


def shown_zone(aware: str | None) -> str:
    """The zone to show stamps of a zone in: UTC where they have none that is known."""
    try:
        return Zone.of(aware).name if aware else "UTC"
    except ValueError:
        return "UTC"


def _missing(what: str, name: str, row: int, value: object) -> ValueError:
    return ValueError(
        f"{what}: column {name!r} must have a time in every row, got {value} at row {row}. Drop such rows."
    )


def _datetimes(what: str, name: str, values: npt.NDArray[Any]) -> Ints:
    unit, many = np.datetime_data(values.dtype)
    if unit == "generic":
        raise _missing(what, name, 0, "NaT")
    if unit not in _NS_A or many != 1:
        unit = "D" if unit in ("Y", "M", "W") else unit if unit in _NS_A else "ns"
        values = values.astype(f"M8[{unit}]")
    raw = read_only(_contiguous(values).view(np.int64))
    low, high = _extent(raw)
    if low == _NAT:
        raise _missing(what, name, int(np.argmax(raw == _NAT)), "NaT")
    return _scaled(what, name, raw, _NS_A[unit], low, high)


def _epochs(what: str, name: str, values: npt.NDArray[Any]) -> Ints:
    if values.dtype == np.uint64 and values.max() >= 2**63:
        raise ValueError(_no_epoch(what, name, values, int(np.argmax(values >= 2**63))))
    raw = read_only(_contiguous(values.astype(np.int64, copy=False)))
    low, high = _extent(raw)
    if low == _NAT:
        raise _missing(what, name, int(np.argmax(raw == _NAT)), "none")
    for unit, least, most in _EPOCH_UNITS:
        if least <= low and high < most:
            if unit == "ms" and _reads_as_dates(raw, low, high):
                raise ValueError(_no_epoch(what, name, raw, 0))
            return _scaled(what, name, raw, _NS_A[unit], low, high)
    raise ValueError(_no_epoch(what, name, raw, _odd_one(raw)))


def _reads_as_dates(raw: Ints, low: int, high: int) -> bool:
    """Whether all are like 202403140930, a date and a minute in digits; as milliseconds, a day of 1976."""
    if low < 1900_01_01_00_00 or high > 2099_12_31_23_59:
        return False
    month, day, hour, minute = (raw // 100**k % 100 for k in (3, 2, 1, 0))
    fits = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (hour < 24) & (minute < 60)
    return bool(fits.all())


def _float_epochs(what: str, name: str, values: npt.NDArray[Any]) -> Ints:
    """Seconds and finer as floats: exact to about a microsecond today, so rounded to whole ones."""
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise _missing(what, name, row, values[row])
    values = values.astype(np.float64, copy=False)
    for unit, least, most in _EPOCH_UNITS:
        if least <= values.min() and values.max() < most:
            raw = (values if unit == "ns" else np.rint(values * (_NS_A[unit] / 1000))).astype(np.int64)
            return _scaled(what, name, raw, 1 if unit == "ns" else 1000, int(raw.min()), int(raw.max()))
    raise ValueError(_no_epoch(what, name, values, _odd_one(values)))


def _odd_one(values: npt.NDArray[Any]) -> int:
    """First row that is no epoch number, or of another unit than the first row."""
    bounds = np.array([b for _, least, most in _EPOCH_UNITS for b in (least, most)], dtype=np.float64)
    unit = np.searchsorted(bounds, values.astype(np.float64), side="right")
    return int(np.argmax((unit % 2 == 0) | (unit != unit[0])))


def _no_epoch(what: str, name: str, values: npt.NDArray[Any], row: int) -> str:
    others = "" if row == 0 else f" (row 0 has {values[0]})"
    return (
        f"{what}: column {name!r} must count s, ms, us or ns since 1970, in one unit and from 1973 to 2286, "
        f"got {values[row]} at row {row}{others}. Convert it to datetimes, for example "
        f"pandas.to_datetime({name}, unit=...) or format=...."
    )


def _text(what: str, name: str, text: Any) -> tuple[npt.NDArray[Any], str | None]:
    """Datetimes of ISO text; all with an offset, or all without."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if text.null_count:
        raise _missing(what, name, int(pc.index(pc.is_null(text), True).as_py()), "null")

    def parse(part: Any, kind: Any) -> Any:
        try:
            return pc.cast(part, kind)
        except pa.ArrowInvalid:
            return None

    kinds = (pa.timestamp("ns"), pa.timestamp("ns", "UTC"))
    for trimmed in (text, pc.utf8_trim_whitespace(text)):
        for kind in kinds:
            if (stamps := parse(trimmed, kind)) is not None:
                return stamps.view(pa.int64()).to_numpy().view("M8[ns]"), kind.tz
    text = pc.utf8_trim_whitespace(text)
    kind = next((k for k in kinds if parse(text[:1], k) is not None), None)
    number = pc.match_substring_regex(text, r"^[-+]?\d+(\.\d*)?$")
    if number[0].as_py() and (odd := pc.index(number, False).as_py()) > 0:
        raise ValueError(
            f"{what}: column {name!r} must count time since 1970 in every row, got {text[odd].as_py()!r} "
            f"at row {odd}, where those before do. Drop such rows."
        )
    row, stop = 0, len(text) if kind is not None else 1
    while stop - row > 1:  # rows before `row` are fine, one before `stop` is not
        middle = (row + stop) // 2
        if parse(text[row:middle], kind) is None:
            stop = middle
        else:
            row = middle
    raise ValueError(
        f"{what}: column {name!r} must be ISO 8601 text such as '2024-03-14 09:30:00.250', all with an "
        f"offset or none, from 1678 to 2262, got {text[row].as_py()!r} at row {row}. Convert it first, "
        f"for example pandas.to_datetime({name}, format=...)."
    )


def _contiguous(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))


def _extent(raw: Ints) -> tuple[int, int]:
    parts = spread(lambda a, b: lowest_highest(raw, a, b), split(0, len(raw), grain=1 << 20))
    return min(int(low) for low, _ in parts), max(int(high) for _, high in parts)


def _scaled(what: str, name: str, raw: Ints, factor: int, low: int, high: int) -> Ints:
    if low * factor < FROM_NS or high * factor >= UNTIL_NS:
        row = int(np.argmax((raw < -(-FROM_NS // factor)) | (raw >= -(-UNTIL_NS // factor))))
        value = raw[row].view(f"M8[{next(u for u, f in _NS_A.items() if f == factor)}]")
        raise ValueError(
            f"{what}: column {name!r} must lie between 1678 and 2262, got {value} at row {row}. "
            "Drop such rows, or look whether the unit is right."
        )
    return raw if factor == 1 else raw * np.int64(factor)


@kernel
def localize(
    local_ns: npt.NDArray[np.int64],
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    ordered: bool,
    out: npt.NDArray[np.int64],
) -> Any:
    """Write UTC of local stamps; returns -1, or the first row that the clocks skipped.

    Unless they are `ordered`, the first row that may be either of two times stops it too: -2 - row.

    Parameters
    ----------
    local_ns : int64 (n,), local wall clock.
    from_ns, offset_ns : int64 (k,), from `Zone.table`, covering all stamps.
    out : int64 (n,), overwritten with UTC.

    Notes
    -----
    Nearly every run of 1,024 stamps lies clear of a change of the clocks: those take one subtraction each, in
    vector code.
    """
    last = len(from_ns) - 1
    k = 0
    for run in range(0, len(local_ns), 1024):
        part, utc = local_ns[run : run + 1024], out[run : run + 1024]
        offset = offset_ns[k]
        low = from_ns[k] + max(offset, offset_ns[max(k - 1, 0)])
        high = from_ns[k + 1] + min(offset, offset_ns[k + 1]) if k < last else _LAST_NS
        near = 0
        for i in range(len(part)):
            near += (part[i] < low) | (part[i] >= high)
            utc[i] = part[i] - offset
        if near == 0:
            continue
        for i in range(run, run + len(part)):
            local = local_ns[i]
            while k < last and local - offset_ns[k] >= from_ns[k + 1]:
                k += 1
            while k > 0 and local - offset_ns[k] < from_ns[k]:
                k -= 1
            if k < last and local - offset_ns[k] >= from_ns[k + 1]:
                return i
            twice = k < last and local - offset_ns[k + 1] >= from_ns[k + 1]
            if not ordered and (twice or (k > 0 and local - offset_ns[k - 1] < from_ns[k])):
                return -2 - i
            if twice:
                late = min(LATE_NS, (offset_ns[k] - offset_ns[k + 1]) // 2)
                k += i > 0 and local_ns[i - 1] - local >= late
            out[i] = local - offset_ns[k]
    return -1


def local_to_utc(what: str, name: str, local_ns: Ints, zone: Zone, ordered: bool = True) -> Ints:
    """UTC of local stamps.

    Where clocks are put back an hour comes twice: its stamps are the earlier ones until the first
    that steps back in time by a minute or more, then the later ones.

    ordered : rows are in time order, but for some that are less than a minute late

    Raises
    ------
    ValueError : a stamp in an hour that clocks skipped, or unless they are ordered in one that came twice.
    """
    if zone.name == "UTC":
        return local_ns
    low, high = _extent(read_only(local_ns))
    from_ns, offset_ns = zone.table(
        max(low, _NAT + 3 * _DAY_NS) - 2 * _DAY_NS, min(high, _LAST_NS - 3 * _DAY_NS) + 2 * _DAY_NS
    )
    out = np.empty(len(local_ns), dtype=np.int64)
    row = int(localize(read_only(local_ns), from_ns, offset_ns, ordered, out))
    if row < -1:
        row = -2 - row
        raise ValueError(
            f"{what}: column {name!r} must have offsets where rows are in no order and an hour comes twice, "
            f"got {iso(int(local_ns[row]))[:-1]} at row {row}, when clocks in {zone.name} were put back. "
            "Write such times as 01:30-05:00, or pass the rows in the order in which they came."
        )
    if row >= 0:
        raise ValueError(
            f"{what}: column {name!r} must hold times that were, got {iso(int(local_ns[row]))[:-1]} "
            f"at row {row}, when clocks in {zone.name} were put forward past it. Is tz={zone.name!r} right?"
        )
    return out
