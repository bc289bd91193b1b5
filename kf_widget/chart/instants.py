"""Instants as people write them, to and from UTC nanoseconds."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

__all__ = ["instant_ns", "instant_text", "span_ns"]

_FIRST, _LAST = -(2**63) + 1, 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ISO = re.compile(
    r"^\s*(\d{4})(?:-(\d\d)(?:-(\d\d))?)?"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?"
    r"\s*(Z|[+-]\d\d(?::?\d\d)?)?\s*$"
)
_SPAN = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h|D|W|M|Y)\s*$")
_SPAN_NS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "D": 86_400 * 10**9,
    "W": 7 * 86_400 * 10**9,
    "M": 2_629_746 * 10**9,
    "Y": 31_556_952 * 10**9,
}


def _datetime_ns(when: dt.datetime, extra_ns: int = 0) -> int:
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000 + extra_ns


def instant_ns(when: Any, tz: str = "UTC", argument: str = "when") -> int:
    """UTC nanoseconds of an instant.

    Parameters
    ----------
    when : ISO text ("2024-03", "2024-03-01 09:30:00.25", "2024-03-01T09:30Z"), datetime, date,
        numpy.datetime64, pandas.Timestamp, or int UTC nanoseconds.
    tz : IANA zone that texts and datetimes without an offset are read in.
    argument : name for the error message.

    Raises
    ------
    TypeError, ValueError : it is no time, or none that 64 bits of nanoseconds can say.
    """
    ns = _any_ns(when, tz, argument)
    if not _FIRST <= ns <= _LAST:
        raise ValueError(
            f"instant: {argument} must lie between {instant_text(_FIRST)[:10]} and "
            f"{instant_text(_LAST)[:10]}, got {str(when)!r}. Give a time of the history."
        )
    return ns


def _any_ns(when: Any, tz: str, argument: str) -> int:
    if isinstance(when, bool):
        pass
    elif isinstance(when, int | np.integer):
        return int(when)
    elif isinstance(when, np.datetime64 | dt.datetime) and when != when:
        raise ValueError(f"instant: {argument} must be a time, got NaT. Give a date or a time.")
    elif isinstance(when, np.datetime64):
        seconds = when.astype("datetime64[s]")  # nanoseconds of any year would wrap around
        return int(seconds.astype(np.int64)) * 10**9 + int(
            (when - seconds).astype("timedelta64[ns]").astype(int)
        )
    elif isinstance(when, str):
        if match := _ISO.match(when):
            return _text_ns(match, when, tz, argument)
        raise ValueError(
            f"instant: {argument} must be an ISO date or time, got {when!r}. "
            'Write it like "2024-03-01" or "2024-03-01 09:30:00.250".'
        )
    elif isinstance(when, dt.datetime):
        nanosecond = int(getattr(when, "nanosecond", 0))
        if nanosecond:
            when = when.to_pydatetime(warn=False)  # type: ignore[attr-defined]
        aware = when if when.tzinfo else when.replace(tzinfo=ZoneInfo(tz))
        return _datetime_ns(aware, nanosecond)
    elif isinstance(when, dt.date):
        return _datetime_ns(dt.datetime(when.year, when.month, when.day, tzinfo=ZoneInfo(tz)))
    raise TypeError(
        f"instant: {argument} must be ISO text, a datetime, numpy.datetime64 or int nanoseconds, "
        f"got {type(when).__name__}. Convert it to one of these."
    )


def _text_ns(match: re.Match[str], when: str, tz: str, argument: str) -> int:
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        if offset is None:
            zone: dt.tzinfo = ZoneInfo(tz)
        elif offset == "Z":
            zone = dt.UTC
        else:
            digits = offset[1:].replace(":", "").ljust(4, "0")
            delta = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
            zone = dt.timezone(-delta if offset[0] == "-" else delta)
        stamp = dt.datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0)
        )
        return _datetime_ns(stamp.replace(tzinfo=zone), int((fraction or "0").ljust(9, "0")))
    except ValueError as error:
        raise ValueError(f"instant: {argument} must be a date that exists, got {when!r} ({error}).") from None


def instant_text(ns: int) -> str:
    """ISO text in UTC that `instant_ns` reads back to the same nanosecond."""
    seconds, fraction = divmod(int(ns), 10**9)
    stamp = (_EPOCH + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    stamp = stamp.rjust(19, "0")
    return (f"{stamp}.{fraction:09d}".rstrip("0") if fraction else stamp) + "Z"


def span_ns(span: Any) -> int:
    """Nanoseconds of a span: "90s", "5m", "4h", "1D", "1W", "1M", "1Y", timedelta, or int ns."""
    if isinstance(span, str):
        if match := _SPAN.match(span):
            value = round(float(match[1]) * _SPAN_NS[match[2]])
            if not 0 < value <= _LAST:
                raise ValueError(f"span: span must be 1 ns to 292 years, got {span!r}.")
            return value
        raise ValueError(
            f"span: span must be a number and one of {', '.join(_SPAN_NS)}, got {span!r}. "
            'Write it like "30m" or "1D".'
        )
    if isinstance(span, dt.timedelta):
        value = (span.days * 86_400 + span.seconds) * 10**9 + span.microseconds * 1000
    elif isinstance(span, np.timedelta64):
        value = int(span.astype("timedelta64[ns]").astype(np.int64))
    elif isinstance(span, int | np.integer) and not isinstance(span, bool):
        value = int(span)
    else:
        raise TypeError(
            f'span: span must be text like "30m", a timedelta or int ns, got {type(span).__name__}.'
        )
    if value <= 0:
        raise ValueError(f"span: span must be positive, got {span!r}.")
    return value
