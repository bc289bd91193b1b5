"""Synthetic ticks that look like a futures market at every zoom, from five years to seconds."""

from __future__ import annotations

import datetime as dt
import operator
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from kf_widget.history.protocol import Floats, Int8s, Ints
from kf_widget.history.sample_kernels import fill_sessions, walk_sessions
from kf_widget.history.ticks import Ticks
from kf_widget.threads import spread

__all__ = ["sample_ticks"]

_TZ: Final = "America/Chicago"
_STEP: Final = 0.25
_SESSION_MINUTES: Final = 23 * 60
_PART_ROWS = 1 << 18  # small enough to keep every core busy to the end
_DAY = dt.timedelta(days=1)

# Usual trades a minute by Chicago clock: Asia and Europe open, the 7:30 figures, then the U of the day.
_PROFILE: Final = (
    (17.00, 0.60),
    (17.10, 0.25),
    (19.00, 0.28),
    (20.00, 0.30),
    (22.00, 0.16),
    (25.00, 0.16),
    (25.95, 0.28),
    (26.00, 0.55),
    (27.00, 0.50),
    (29.00, 0.26),
    (31.00, 0.36),
    (31.49, 0.45),
    (31.50, 1.10),
    (31.75, 0.75),
    (32.48, 0.85),
    (32.50, 4.40),
    (32.75, 3.40),
    (33.50, 2.40),
    (35.50, 1.25),
    (36.50, 1.10),
    (37.50, 1.50),
    (38.50, 2.10),
    (38.80, 2.80),
    (38.98, 4.60),
    (39.02, 1.10),
    (39.25, 0.60),
    (39.75, 0.30),
    (40.00, 0.35),
)

# Of 256 trades: how many have each size; the rest come from a heavy tail from 10 up.
_SIZES: Final = ((1, 132), (2, 42), (3, 20), (4, 13), (5, 16), (6, 5), (7, 3), (8, 4), (10, 9))


def sample_ticks(
    n: int = 1_000_000, *, years: float = 5.0, seed: int = 0, start: str | dt.date = "2020-01-01"
) -> Ticks:
    """Make trades of a futures-like market: the same arguments give the same ticks.

    Parameters
    ----------
    n : number of trades, from 1.
    years : span they cover; more trades over the same years make the same market, denser.
    seed : any integer.
    start : first day, Chicago.

    Returns
    -------
    Ticks in steps of 0.25, shown in Chicago time, with size (1 to 3,000) and side. Sessions run from 17:00
    to 16:00 on the next day, Sunday to Friday, with closed and shortened holidays. Volatility clusters
    from years down to minutes, orders come in bursts and often make several trades in one millisecond,
    prices bounce between bid and ask, gap over closed hours and now and then jump.

    Notes
    -----
    25 bytes a trade and about 60 ns on one core, split over all.
    """
    try:
        n_rows = operator.index(n) if not isinstance(n, float) else int(n)
        key = np.uint64(operator.index(seed) & (2**64 - 1))
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"sample_ticks: n and seed must be integers, got {n!r} and {seed!r}.") from None
    if n_rows < 1 or n_rows != n:
        raise ValueError(f"sample_ticks: n must be a whole number from 1, got {n!r}.")
    open_ns, close_ns = sessions(_first_day(start), years)

    closed_ns = np.diff(close_ns, prepend=open_ns[0]) - (close_ns - open_ns)
    minutes = np.arange(_SESSION_MINUTES) / 60 + 17
    hours, usual = np.array(_PROFILE).T
    profile = np.exp(np.interp(minutes, hours, np.log(usual)))
    lengths = np.minimum((close_ns - open_ns) / 60e9, _SESSION_MINUTES)
    busy = np.interp(lengths, np.arange(_SESSION_MINUTES + 1), np.append(0, np.cumsum(profile)))
    walk = np.empty((len(open_ns), 4))
    walk_sessions(key, closed_ns, busy / profile.sum(), walk)
    shares = np.cumsum(walk[:, 3])
    rows = np.zeros(len(open_ns) + 1, dtype=np.int64)
    rows[1:] = np.floor(shares / shares[-1] * n_rows + 0.5)
    rows[-1] = n_rows

    time_ns: Ints = np.empty(n_rows, dtype=np.int64)
    price: Floats = np.empty(n_rows)
    size: Floats = np.empty(n_rows)
    side: Int8s = np.empty(n_rows, dtype=np.int8)
    sizes = np.zeros(256)
    sizes[: sum(k for _, k in _SIZES)] = np.repeat(*np.array(_SIZES, dtype=np.int64).T)

    def fill(first: int, last: int) -> None:
        scratch = np.empty((3, _SESSION_MINUTES + 1))
        fill_sessions(
            first,
            last,
            key,
            open_ns,
            close_ns,
            walk,
            rows,
            profile,
            _STEP,
            sizes,
            scratch,
            time_ns,
            price,
            size,
            side,
        )

    cuts = np.unique(np.searchsorted(rows, np.arange(0, n_rows, _PART_ROWS), side="right") - 1)
    cuts[0] = 0
    spread(fill, list(pairwise([*cuts.tolist(), len(open_ns)])))
    return Ticks.from_columns(time_ns, price, size, side, _TZ)


def _first_day(start: str | dt.date) -> dt.date:
    try:
        return start if isinstance(start, dt.date) else dt.date.fromisoformat(str(start)[:10])
    except ValueError:
        raise ValueError(f'sample_ticks: start must be a day such as "2020-01-01", got {start!r}.') from None


def sessions(first: dt.date, years: float) -> tuple[Ints, Ints]:
    """UTC opens and closes of the trading sessions that open within `years` of a day; at least one.

    Closed: New Year's Day and Christmas. Closing at 12:15: Independence Day, Thanksgiving and the day
    after, Christmas Eve.
    """
    zone = ZoneInfo(_TZ)
    if not years > 0 or not 1700 <= first.year <= first.year + years <= 2250:
        raise ValueError(
            f"sample_ticks: years must be above 0 and keep to 1700 .. 2250, got {years!r} from {first}."
        )
    begin = dt.datetime.combine(first, dt.time(), zone)
    end_s = begin.timestamp() + years * 365.25 * 86400
    opens: list[float] = []
    closes: list[float] = []
    day = first
    while True:
        opened = dt.datetime.combine(day, dt.time(17), zone).timestamp()
        if opens and opened >= end_s:
            break
        day += _DAY
        if day.weekday() < 5 and (day.month, day.day) not in ((1, 1), (12, 25)):
            close = dt.datetime.combine(day, _closing_time(day), zone).timestamp()
            opens.append(opened)
            closes.append(max(min(close, end_s), opened + 60))
    to_ns = 1_000_000_000
    return (
        np.array(opens, dtype=np.int64) * to_ns,
        np.array(closes, dtype=np.int64) * to_ns,
    )


def _closing_time(day: dt.date) -> dt.time:
    thursday = day if day.weekday() == 3 else day - _DAY
    thanksgiving = day.month == 11 and day.weekday() in (3, 4) and 22 <= thursday.day <= 28
    short = (day.month, day.day) in ((7, 4), (12, 24)) or thanksgiving
    return dt.time(12, 15) if short else dt.time(16)
