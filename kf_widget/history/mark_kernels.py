"""Kernels that mark the rows at which bars of time begin, one bit a row, and read the marks again.

Where a bar goes depends on how many there are before it. So rows are marked first, by their times and all
that the calendar says; what is found is kept at an eighth of a byte a row, so that their reduction reads the
time of a bar's first row alone.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.history.calendar_kernels import stretch
from kf_widget.history.cut_lanes import cut_8, cut_64, cut_eights
from kf_widget.history.lanes import bit_count, trailing_zeros
from kf_widget.history.prefetch import prefetch, prefetch_far
from kf_widget.jit import kernel, part

__all__ = ["bar_begins", "bar_end", "bar_stop", "mark_bars", "marked_edges"]

_AHEAD: Final = 1024
"""Rows between asking for times and reading them: into the second cache, as the first has too few waiting
places; of a scan of 1e8 rows this spares a tenth."""

_FAR: Final = 512

_FEW_ROWS: Final = 24
"""Rows of a usual bar so far from which on few of 64 begin one."""


@kernel(_nrt=False)
def bar_stop(time_ns: npt.NDArray[np.int64], row: int, stop_row: int, end: int) -> Any:
    """First row after `row`, up to `stop_row`, at or after `end`; the row itself is before it.

    Counting the smaller of 8 or of 64 neighbours is one vector loop; farther ends are galloped to.
    """
    s = np.uint64(row)
    if row + 8 < stop_row and time_ns[row + 8] >= end:
        count = 0
        for i in range(8):
            count += time_ns[s + np.uint64(i)] < end
        return row + count
    if row + 64 < stop_row and time_ns[row + 64] >= end:
        count = 0
        for i in range(64):
            count += time_ns[s + np.uint64(i)] < end
        return row + count
    reach = 64
    while row + reach < stop_row and time_ns[row + reach] < end:
        reach *= 2
    before = row if reach == 64 else row + reach // 2
    after = min(row + reach, stop_row)
    while after - before > 1:
        middle = (before + after) >> 1
        if time_ns[middle] < end:
            before = middle
        else:
            after = middle
    return after


@kernel(_nrt=False)
def _number(time: int, start: int, inverse: float) -> Any:
    """Number of the bar of a time, from `start` on, as exact as `cut_64`; inverse : 1 / width."""
    return np.int64((np.float64(time - start) + 0.5) * inverse)


@part(_nrt=False)
def _cuts(
    time_ns: npt.NDArray[np.int64], row: int, stop_row: int, before: int, start: int, inverse: float
) -> Any:
    """What `cut_64` gives for the rows of ``[row, stop_row)``, at most 64, wherever the history ends."""
    if row + 64 <= time_ns.size:
        bits = cut_64(time_ns, row, before, start, inverse)
        if row + 64 > stop_row:
            bits &= (np.uint64(1) << np.uint64(stop_row - row)) - np.uint64(1)
        return bits
    bits = np.uint64(0)
    last = _number(before, start, inverse) if before >= start else -1
    for i in range(stop_row - row):
        here = _number(time_ns[row + i], start, inverse)
        bits |= np.uint64(here != last) << np.uint64(i)
        last = here
    return bits


@kernel(_nrt=False, forceinline=True)
def _few_cuts(time_ns: npt.NDArray[np.int64], row: int, before: int, start: int, inverse: float) -> Any:
    """What `cut_64` gives, looking closer only at those eights of rows in which a bar begins."""
    bits = np.uint64(0)
    eights = cut_eights(time_ns, row, before, start, inverse)
    while eights != np.uint64(0):
        k = 8 * trailing_zeros(eights)
        earlier = time_ns[np.uint64(row + k - 1)] if k > 0 else before
        bits |= cut_8(time_ns, row + k, earlier, start, inverse) << np.uint64(k)
        eights &= eights - np.uint64(1)
    return bits


@kernel(_nrt=False)
def mark_bars(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    time_ns: npt.NDArray[np.int64],
    start_row: int,
    stop_row: int,
    marks: npt.NDArray[np.uint64],
) -> Any:
    """Mark the rows of ``[start_row, stop_row)`` that are the first of a bar.

    kind, step, from_ns, offset_ns : as `calendar_kernels.stretch` takes them
    marks : uint64 (n_words or more,), 64 rows a word: bit k of word w is row start_row + 64 * w + k;
        the words of these rows are overwritten

    Returns how many there are.
    """
    start, stop, width = 0, 0, 1
    end = time_ns[start_row]  # of the bar of the row before
    if start_row > 0:
        time = time_ns[start_row - 1]
        start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
        end = min(time - (time - start) % width + width, stop)
    n_bars = 0
    word, n_words = 0, (stop_row - start_row + 63) >> 6
    while word < n_words:
        row = start_row + 64 * word
        after = min(row + 64, stop_row)
        time, last = time_ns[row], time_ns[after - 1]
        # A test of each word alone would be guessed wrong too often.
        if time_ns[min(row + _FAR, stop_row) - 1] < end:
            until = max((bar_stop(time_ns, row, stop_row, end) - start_row) >> 6, word + 1)
            while word < until:
                marks[word] = 0
                word += 1
            continue
        if time < start or time >= stop:
            start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
        # A stretch of one bar may be years long, beyond what the products of `cut_64` hold.
        if last < stop and width < stop - start:
            for i in range(8):
                prefetch_far(time_ns, row + _AHEAD + 8 * i)
            before = time_ns[row - 1] if row > 0 else start - 1
            inverse = 1.0 / np.float64(width)
            if _FEW_ROWS * n_bars < 64 * word and row + 64 <= stop_row:
                bits = _few_cuts(time_ns, row, before, start, inverse)
            else:
                bits = _cuts(time_ns, row, after, before, start, inverse)
            end = min(start + (_number(last, start, inverse) + 1) * width, stop)
        else:
            bits = np.uint64(0)
            for i in range(after - row):
                time = time_ns[row + i]
                if time >= end:
                    if time < start or time >= stop:
                        start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
                    end = min(time - (time - start) % width + width, stop)
                    bits |= np.uint64(1) << np.uint64(i)
        marks[word] = bits
        n_bars += bit_count(bits)
        word += 1
    return n_bars


@part(_nrt=False)
def bar_end(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    time_ns: npt.NDArray[np.int64],
    row: int,
    stop_row: int,
) -> Any:
    """First row beyond the bar that holds `row` and the last row before `stop_row`."""
    if stop_row == time_ns.size:
        return stop_row
    time = time_ns[row]
    start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
    end = min(time - (time - start) % width + width, stop)
    return bar_stop(time_ns, stop_row - 1, time_ns.size, end)


@part(_nrt=False)
def marked_edges(
    marks: npt.NDArray[np.uint64],
    word: int,
    n_words: int,
    start_row: int,
    edges: npt.NDArray[np.int64],
    count: int,
    rows: int,
    time_ns: npt.NDArray[np.int64],
) -> Any:
    """Marked rows from a word on, until they are two and span some rows, or the `n_words` of marks end.

    start_row : row of the marks' first bit
    edges : int64, with room for rows + 72; from `count` on overwritten with the marked rows, then anything
    time_ns : the times of the marked rows are asked for

    Returns the next word, and how many edges there are now.
    """
    first = word
    while word < n_words and (count < 2 or 64 * (word - first) < rows):
        bits = marks[word]
        row = start_row + 64 * word
        place = count
        count += bit_count(bits)
        while bits != np.uint64(0):
            for i in range(4):  # four at a time, whether or not there are: fewer branches to guess
                edge = row + trailing_zeros(bits)
                prefetch(time_ns, edge)
                edges[np.uint64(place + i)] = edge
                bits &= bits - np.uint64(1)
            place += 4
        word += 1
    return word, count


@part(_nrt=False)
def bar_begins(
    kind: int,
    step: int,
    from_ns: npt.NDArray[np.int64],
    offset_ns: npt.NDArray[np.int64],
    time_ns: npt.NDArray[np.int64],
    edges: npt.NDArray[np.int64],
    n_bars: int,
    out_time: npt.NDArray[np.int64],
    bar: int,
    known: Any,
) -> Any:
    """When the bars begin whose first rows are ``edges[:n_bars]``; n_bars is at least 1.

    out_time : overwritten from `bar` on
    known : (start, stop, width) of the stretch that was needed last; the one needed now is returned
    """
    start, stop, width = known
    time, last = time_ns[edges[0]], time_ns[edges[n_bars - 1]]
    if time < start or time >= stop:
        start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
    if last < stop and width < stop - start:
        inverse = 1.0 / np.float64(width)
        for j in range(n_bars):
            time = time_ns[np.uint64(edges[np.uint64(j)])]
            out_time[np.uint64(bar + j)] = start + _number(time, start, inverse) * width
        return start, stop, width
    for j in range(n_bars):
        time = time_ns[edges[j]]
        if time < start or time >= stop:
            start, stop, width = stretch(kind, step, from_ns, offset_ns, time)
        out_time[bar + j] = time - (time - start) % width
    return start, stop, width
