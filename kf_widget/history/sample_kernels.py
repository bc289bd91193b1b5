"""Kernels of `sample_ticks`: random numbers by counter, the minutes of a session, the trades of a minute."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.jit import kernel

__all__ = ["fill_sessions", "walk_sessions"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_U11, _U16, _U27, _U30, _U31 = (np.uint64(k) for k in (11, 16, 27, 30, 31))
_LOW_8, _LOW_10, _LOW_16 = np.uint64(0xFF), np.uint64(0x3FF), np.uint64(0xFFFF)
_TO_UNIT = 2.0**-53
_MS_NS = 1_000_000
_MINUTE_NS = 60_000_000_000


@kernel
def bits(key: Any, i: Any) -> Any:
    """Random number i of the stream `key`, uint64: SplitMix64 (Steele, Lea and Flood, 2014).

    Counted, not chained: trades do not wait for one another's random numbers, and any thread may
    start anywhere.
    """
    z = key + np.uint64(i) * _GOLDEN
    z = (z ^ (z >> _U30)) * _MIX_1
    z = (z ^ (z >> _U27)) * _MIX_2
    return z ^ (z >> _U31)


@kernel
def uniform(key: Any, i: Any) -> Any:
    """float64 in (0, 1)."""
    return (float(bits(key, i) >> _U11) + 0.5) * _TO_UNIT


@kernel
def normal(key: Any, i: Any) -> Any:
    """float64, standard normal: Box and Muller (1958) from numbers 2 i and 2 i + 1."""
    radius = math.sqrt(-2.0 * math.log(uniform(key, 2 * i)))
    return radius * math.cos(2.0 * math.pi * uniform(key, 2 * i + 1))


@kernel
def walk_sessions(
    seed: Any,
    closed_ns: npt.NDArray[np.int64],
    busy: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:
    """Walk the log price and its volatility from session to session.

    Parameters
    ----------
    seed : uint64.
    closed_ns : int64 (n,), time closed before each session, ns.
    busy : float64 (n,), share of a usual session's length.
    out : float64 (n, 4), overwritten with log price at open and close, volatility of the session, activity.

    Notes
    -----
    Log volatility is a first-order autoregression with leverage (falls raise it) and rare shocks; the log
    price reverts to a slow trend with a half-life of a year, so that it stays plausible for any span.
    """
    n = len(out)
    drift = min(0.08 / 252.0, 0.45 / max(n, 1))
    log_vol = 0.0
    away = 0.0
    for d in range(n):
        i = 8 * d
        vol = min(0.0085 * math.exp(log_vol), 0.045)
        day = vol * math.sqrt(busy[d])
        long_closed = 1.0 if closed_ns[d] > 12 * 3_600_000_000_000 else 0.0
        opened = away + vol * (0.22 + 0.28 * long_closed) * normal(seed, i)
        surprise = normal(seed, i + 1)
        shock = 1.0 if uniform(seed, 2 * i + 10) < 0.004 else 0.0
        surprise -= 2.5 * shock
        # Half-life of 252 sessions; beyond 0.3 (a third off the trend) twenty times as strong.
        pull = 0.00275 * opened
        if abs(opened) > 0.3:
            pull += 0.055 * (opened - math.copysign(0.3, opened))
        closed = opened + day * surprise - pull
        out[d, 0] = math.log(3000.0) + drift * d + opened
        out[d, 1] = math.log(3000.0) + drift * (d + 1) + closed
        out[d, 2] = day
        out[d, 3] = busy[d] * math.exp(0.8 * log_vol + 0.25 * normal(seed, i + 2))
        log_vol = 0.975 * log_vol + 0.10 * normal(seed, i + 3) - 0.05 * surprise + 0.7 * shock
        away = closed


@kernel
def fill_minutes(
    key: Any,
    walk: npt.NDArray[np.float64],
    profile: npt.NDArray[np.float64],
    n: Any,
    activity: npt.NDArray[np.float64],
    path: npt.NDArray[np.float64],
    jump: npt.NDArray[np.float64],
) -> Any:
    """Activity and log price of the n minutes of one session; returns variance per unit of activity.

    Parameters
    ----------
    key : uint64, random stream of the session.
    walk : float64 (4,), row of `walk_sessions`.
    profile : float64 (>= n,), usual activity of each minute.
    n : number of minutes.
    activity : float64 (>= n,), overwritten: relative rate of trades.
    path : float64 (>= n + 1,), overwritten: log price at each minute's start, and at the end.
    jump : float64 (>= n,), overwritten: log price jump at the start of each minute, mostly 0.
    """
    slow, excited, total = 0.0, 0.0, 0.0
    news = int(uniform(key, 1) * n * 12)
    for m in range(n):
        i = 4 * m + 8
        slow = 0.95 * slow + 0.13 * normal(key, i)
        excited *= 0.9
        if uniform(key, 2 * i + 2) < 0.003:
            excited += 1.0 - math.log(uniform(key, 2 * i + 3))
        jump[m] = 0.0
        if m == news:
            excited += 5.0
            jump[m] = walk[2] * (0.15 + 0.45 * uniform(key, 2)) * (1.0 if uniform(key, 3) < 0.5 else -1.0)
        activity[m] = profile[m] * math.exp(slow + 0.3 * normal(key, i + 2)) * (1.0 + excited)
        total += activity[m]
    rate = walk[2] * walk[2] / total
    free = walk[0]
    for m in range(n):
        path[m] = free
        free += jump[m] + math.sqrt(rate * activity[m]) * normal(key, 4 * m + 11)
    # The free walk becomes a bridge to the close, bent in proportion to the variance passed.
    miss = (walk[1] - free) / total
    passed = 0.0
    for m in range(n):
        path[m] += miss * passed
        passed += activity[m]
    path[n] = walk[1]
    return rate


@kernel
def fill_minute(
    key: Any,
    start_ns: Any,
    length_ns: Any,
    before: Any,
    after: Any,
    deviation: Any,
    step: Any,
    small_sizes: npt.NDArray[np.float64],
    start: Any,
    stop: Any,
    time_ns: npt.NDArray[np.int64],
    price: npt.NDArray[np.float64],
    size: npt.NDArray[np.float64],
    side: npt.NDArray[np.int8],
) -> None:
    """Trades of rows start to stop, within one minute.

    Parameters
    ----------
    key : uint64, random stream of the session.
    start_ns, length_ns : int64, the minute, whole milliseconds.
    before, after : float64, fair price at its start and end, in price steps.
    deviation : float64, standard deviation of the fair price over the minute, in price steps.
    step : float64, price step.
    small_sizes : float64 (256,), sizes drawn evenly; 0 means a draw from the tail.
    start, stop : int64, rows.
    time_ns, price, size, side : (n,), rows start to stop overwritten.

    Notes
    -----
    An order that meets several others makes several trades of one stamp, all on its side. Orders come in
    bursts: of the gaps between them two in five are thirty times shorter, the rest squares of an
    exponential. Gaps are first laid into `price`, then scaled to the minute.
    """
    whole = 0.0
    orders = 0
    for row in range(start, stop):
        draw = bits(key, 3 * row)
        kind = draw & _LOW_10
        gap = 0.0
        if row == start or kind >= np.uint64(420):
            wait = -math.log((float(draw >> _U11) + 0.5) * _TO_UNIT)
            gap = 0.03 * wait if kind >= np.uint64(780) else wait * wait
            orders += 1
        price[row] = gap
        whole += gap
    wait = -math.log(uniform(key, 3 * stop + 1))
    scale = length_ns / (whole + wait * wait + 1e-9)

    share = 1.0 / (orders + 1)
    left = float(orders + 1)
    fair = before
    passed = 0.0
    level = 0.0
    buyer = True
    stamp = start_ns
    for row in range(start, stop):
        more = bits(key, 3 * row + 2)
        if price[row] > 0.0:
            passed += price[row]
            stamp = start_ns + min(int(passed * scale), length_ns - 1) // _MS_NS * _MS_NS
            draw = bits(key, 3 * row + 1)
            # Four 16-bit uniforms summed: near enough to a normal for one order, at a tenth of its cost.
            z = float(draw & _LOW_16) + float((draw >> _U16) & _LOW_16)
            z += float((draw >> _U16 >> _U16) & _LOW_16) + float(draw >> _U16 >> _U16 >> _U16)
            z = (z - 131070.0) * (math.sqrt(3.0) / 65536.0)
            moved = (after - fair) / left + deviation * math.sqrt((left - 1.0) / left * share) * z
            fair += moved
            left -= 1.0
            lean = 0.5 + (0.16 if buyer else -0.16) + max(-0.3, min(0.3, 0.3 * moved))
            buyer = float((more >> _U16) & _LOW_16) < lean * 65536.0
            level = math.floor(fair) + (1.0 if buyer else 0.0)
        elif ((more >> _U16) & _LOW_16) < np.uint64(3000):
            level += 1.0 if buyer else -1.0
        time_ns[row] = stamp
        price[row] = max(level, 1.0) * step
        side[row] = 1 if buyer else -1
        lots = small_sizes[int(more & _LOW_8)]
        if lots == 0.0:
            tail = (float(more >> _U16 >> _U16) + 0.5) * 2.0**-32
            lots = min(12.0 * tail ** (-1.0 / 1.4), 3000.0)
            round_to = 5.0 if lots < 50.0 else 25.0
            lots = round_to * math.floor(lots / round_to + 0.5)
        size[row] = lots


@kernel
def fill_sessions(
    first: Any,
    last: Any,
    seed: Any,
    open_ns: npt.NDArray[np.int64],
    close_ns: npt.NDArray[np.int64],
    walk: npt.NDArray[np.float64],
    rows: npt.NDArray[np.int64],
    profile: npt.NDArray[np.float64],
    step: Any,
    small_sizes: npt.NDArray[np.float64],
    scratch: npt.NDArray[np.float64],
    time_ns: npt.NDArray[np.int64],
    price: npt.NDArray[np.float64],
    size: npt.NDArray[np.float64],
    side: npt.NDArray[np.int8],
) -> None:
    """Trades of the sessions first to last; any split over threads gives the same.

    Parameters
    ----------
    first, last : int64, half-open range of sessions.
    seed : uint64.
    open_ns, close_ns : int64 (n_sessions,), whole milliseconds.
    walk : float64 (n_sessions, 4), from `walk_sessions`.
    rows : int64 (n_sessions + 1,), row at which each session starts.
    profile : float64 (n_minutes,), usual activity of each minute of a session.
    step : float64, price step.
    small_sizes : float64 (256,), as for `fill_minute`.
    scratch : float64 (3, n_minutes + 1), overwritten; one per thread.
    time_ns, price, size, side : (n_rows,), rows of the sessions overwritten.
    """
    activity, path, jump = scratch[0], scratch[1], scratch[2]
    for d in range(first, last):
        n_rows = rows[d + 1] - rows[d]
        if n_rows == 0:
            continue
        length_ns = close_ns[d] - open_ns[d]
        n = min(int((length_ns + _MINUTE_NS - 1) // _MINUTE_NS), len(profile))
        minutes = bits(seed, 2 * d + 1_000_001)
        trades = bits(seed, 2 * d + 1_000_002)
        rate = fill_minutes(minutes, walk[d], profile, n, activity, path, jump)
        total = 0.0
        for m in range(n):
            total += activity[m]
        offset = uniform(trades, 0)
        row, passed = rows[d], 0.0
        for m in range(n):
            passed += activity[m]
            stop = rows[d] + min(n_rows, int(passed / total * n_rows + offset))
            if m == n - 1:
                stop = rows[d + 1]
            if stop > row:
                start_ns = open_ns[d] + m * _MINUTE_NS
                before = math.exp(path[m] + jump[m]) / step
                fill_minute(
                    trades,
                    start_ns,
                    min(_MINUTE_NS, close_ns[d] - start_ns),
                    before,
                    math.exp(path[m + 1]) / step,
                    math.sqrt(rate * activity[m]) * before,
                    step,
                    small_sizes,
                    row,
                    stop,
                    time_ns,
                    price,
                    size,
                    side,
                )
                row = stop
