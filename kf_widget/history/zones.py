"""Time zones as arrays: the offsets in force and the instants they change at."""

from __future__ import annotations

import difflib
import functools
import re
import threading
import zoneinfo
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import numpy as np
import numpy.typing as npt

__all__ = ["Zone"]

_SECOND_NS = 1_000_000_000
_DAY_S = 86_400
_CHUNK_S = 366 * _DAY_S
# int64 nanoseconds reach from 1677-09-21 to 2262-04-11; the table stops a little inside.
_FIRST_S = -9_223_286_400
_LAST_S = 9_223_286_400
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_FIXED = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?")


class Zone:
    """A time zone whose offsets are looked up as arrays; made by `Zone.of`, one object a name.

    Attributes
    ----------
    name : IANA name, or a fixed offset as "+05:30".
    session : local time at which a trading day begins, as "17:00"; "" for midnight.
    day_ns : what is added to local time to get the time of its trading day: minus the session's
        open before noon; from noon on the session is that of the next date.
    """

    def __init__(self, name: str, rules: tzinfo, session: str = "") -> None:
        self.name = name
        self.session = session
        self.day_ns = _day_ns(session)
        self._rules = rules
        self._lock = threading.Lock()
        self._covered = (0, 0)
        self._from_s: list[int] = []
        self._offset_s: list[int] = []
        self._arrays = (np.empty(0, np.int64), np.empty(0, np.int64))

    @staticmethod
    def of(name: str | Zone, session: str | None = None) -> Zone:
        """The zone of a name, for example "America/Chicago"; ValueError with close matches otherwise.

        `session` is the local time, "HH:MM", at which its trading days begin; midnight by default.
        """
        return name if isinstance(name, Zone) else _zone(name, session or "")

    def __repr__(self) -> str:
        return f"Zone({self.name!r}{f', {self.session!r}' if self.session else ''})"

    def __reduce__(self) -> tuple[object, ...]:
        return (Zone.of, (self.name, self.session))

    def table(self, start_ns: int, stop_ns: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Offsets in force from `start_ns` to `stop_ns`.

        Returns
        -------
        from_ns : int64 (k,), UTC nanoseconds, increasing; the first is `start_ns`
        offset_ns : int64 (k,), local time minus UTC from that instant on

        Notes
        -----
        Offsets are probed a day apart and changes found by bisection to the second; a year costs half
        a millisecond once, and every later look at it is a slice.
        """
        stop_ns = max(stop_ns, start_ns + 1)
        from_ns, offset_ns = self._cover(start_ns // _SECOND_NS, -(-stop_ns // _SECOND_NS))
        if len(from_ns) == 1:
            return np.array([start_ns], np.int64), offset_ns.copy()
        first = max(int(np.searchsorted(from_ns, start_ns, "right")) - 1, 0)
        last = max(int(np.searchsorted(from_ns, stop_ns, "left")), first + 1)
        from_ns = from_ns[first:last].copy()
        from_ns[0] = start_ns
        return from_ns, offset_ns[first:last].copy()

    def calendar(self, start_ns: int, stop_ns: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """As `table`, but to the time of the trading day, whose midnight is the session's open."""
        from_ns, offset_ns = self.table(start_ns, stop_ns)
        return from_ns, offset_ns + self.day_ns

    def offset_at(self, time_ns: int) -> int:
        """Local time minus UTC at an instant, in nanoseconds."""
        return int(self.table(int(time_ns), int(time_ns) + 1)[1][0])

    def local_ns(self, times_ns: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Local wall-clock time, int64 nanoseconds since 1970-01-01 00:00 local, of UTC instants."""
        times = np.asarray(times_ns, np.int64)
        if not times.size:
            return times.copy()
        from_ns, offset_ns = self.table(int(times.min()), int(times.max()) + 1)
        return times + offset_ns[np.searchsorted(from_ns, times, "right") - 1]

    def _cover(self, start_s: int, stop_s: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        start_s = min(max(start_s, _FIRST_S), _LAST_S - 1)
        stop_s = min(max(stop_s, start_s + 1), _LAST_S)
        with self._lock:
            low, high = self._covered
            if high <= low:
                low = high = start_s
            if start_s < low or stop_s > high or not self._from_s:
                new_low = min(max(start_s // _CHUNK_S * _CHUNK_S, _FIRST_S), low)
                new_high = max(min(-(-stop_s // _CHUNK_S) * _CHUNK_S, _LAST_S), high)
                before = self._changes(new_low, low) if new_low < low else []
                after = self._changes(high, new_high) if high < new_high else []
                kept = list(zip(self._from_s, self._offset_s, strict=True))
                merged: list[tuple[int, int]] = []
                for since, offset in [*before, *kept, *after]:
                    if not merged or merged[-1][1] != offset:
                        merged.append((since, offset))
                self._from_s = [since for since, _ in merged]
                self._offset_s = [offset for _, offset in merged]
                self._covered = (new_low, new_high)
                self._arrays = (
                    np.array(self._from_s, np.int64) * _SECOND_NS,
                    np.array(self._offset_s, np.int64) * _SECOND_NS,
                )
            return self._arrays

    def _changes(self, start_s: int, stop_s: int) -> list[tuple[int, int]]:
        """(instant, offset from there on) at the start and at each change within ``[start_s, stop_s)``."""
        found = [(start_s, self._offset(start_s))]
        before = start_s
        while before < stop_s:
            after = min(before + _DAY_S, stop_s)
            offset = self._offset(after)
            if offset != found[-1][1]:
                low, high = before, after
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (low, middle) if self._offset(middle) == offset else (middle, high)
                if high < stop_s:
                    found.append((high, offset))
            before = after
        return found

    def _offset(self, time_s: int) -> int:
        offset = (_EPOCH + timedelta(seconds=time_s)).astimezone(self._rules).utcoffset()
        return 0 if offset is None else round(offset.total_seconds())


def _day_ns(session: str) -> int:
    """Trading-day time minus local time for a session's open."""
    if not session:
        return 0
    found = _CLOCK.fullmatch(session) if isinstance(session, str) else None
    if found is None:
        raise ValueError(f"session: must be a local time as '17:00', or '' for midnight, got {session!r}.")
    open_ns = (int(found[1]) * 60 + int(found[2])) * 60 * _SECOND_NS
    return -open_ns if int(found[1]) < 12 else _DAY_S * _SECOND_NS - open_ns


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@functools.cache
def _zone(name: str, session: str) -> Zone:
    if not isinstance(name, str):
        raise TypeError(f"time zone: name must be a str, got {type(name).__name__}. Try 'America/Chicago'.")
    if name in ("UTC", "Z"):
        return Zone("UTC", UTC, session)
    if fixed := _FIXED.fullmatch(name):
        sign, hours, minutes = fixed.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if offset < timedelta(days=1):
            # As Arrow, and so Parquet, write it.
            name = f"{sign}{int(hours):02}:{minutes or '00'}"
            return Zone(name, timezone(-offset if sign == "-" else offset), session)
    try:
        rules = zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(_unknown(name)) from None
    return Zone(name, rules, session)


def _unknown(name: str) -> str:
    known = sorted(zoneinfo.available_timezones())
    by_lower = {zone.lower(): zone for zone in known}
    for zone in known:  # "Chicago" is what people type
        by_lower.setdefault(zone.rsplit("/", 1)[-1].lower(), zone)
    asked = name.lower().replace(" ", "_")
    near = [by_lower[match] for match in difflib.get_close_matches(asked, by_lower, n=3, cutoff=0.6)]
    hint = (
        f"Did you mean {' or '.join(map(repr, dict.fromkeys(near)))}?" if near else "Try 'America/Chicago'."
    )
    return f"time zone: name must be an IANA time zone, got {name!r}. {hint}"
