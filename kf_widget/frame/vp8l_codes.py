"""Length-limited canonical prefix codes, and how VP8L writes them down (RFC 9649, section 3.7.2.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.frame.vp8l_bits import put
from kf_widget.jit import part

__all__ = ["SCRATCH", "canonical_codes", "code_lengths", "write_code", "write_lengths"]

_ALPHABET = 256 + 24 + 256  # literals, lengths of copies, places of a colour cache
_ORDER = np.array([17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], np.int64)
_GAPS = np.array([701, 301, 132, 57, 23, 10, 4, 1], np.int64)

_KEYS = 0
_RUNS = _KEYS + _ALPHABET
_META = _RUNS + _ALPHABET
_META_LENGTHS = _META + 32
_META_CODES = _META_LENGTHS + 32
_NEXT = _META_CODES + 32
SCRATCH = _NEXT + 32
"""Size of the int64 scratch array that these kernels share."""


@part(_nrt=False)
def code_lengths(counts: Any, n: int, limit: int, lengths: Any, keys: Any) -> int:
    """Lengths of an optimal prefix code, none above `limit`.

    The in-place construction of Moffat and Katajainen (1995). Where the code comes out deeper than
    the limit, small counts are raised and it is built again.

    Parameters
    ----------
    counts : int64 (n,), how often each symbol occurs, below 2**48
    lengths : int64 (n,), overwritten; 0 for a symbol that does not occur
    keys : int64 (n,), scratch

    Returns
    -------
    int
        How many symbols occur. A lone symbol has length 1.
    """
    floor = 1
    while True:
        used = 0
        for s in range(n):
            lengths[s] = 0
            if counts[s] > 0:
                keys[used] = (max(counts[s], floor) << 12) | s
                used += 1
        if used == 0:
            return 0
        if used == 1:
            lengths[keys[0] & 4095] = 1
            return 1
        for gap in _GAPS:
            for i in range(gap, used):
                key = keys[i]
                j = i
                while j >= gap and keys[j - gap] > key:
                    keys[j] = keys[j - gap]
                    j -= gap
                keys[j] = key
        # Symbols stay in the low 12 bits of their slots; the tree is built in the bits above.
        root = 0
        leaf = 0
        for i in range(used - 1):
            weight = 0
            for _ in range(2):
                if leaf >= used or (root < i and (keys[root] >> 12) < (keys[leaf] >> 12)):
                    weight += keys[root] >> 12
                    keys[root] = (i << 12) | (keys[root] & 4095)
                    root += 1
                else:
                    weight += keys[leaf] >> 12
                    leaf += 1
            keys[i] = (weight << 12) | (keys[i] & 4095)
        keys[used - 2] &= 4095
        for i in range(used - 3, -1, -1):
            keys[i] = (((keys[keys[i] >> 12] >> 12) + 1) << 12) | (keys[i] & 4095)
        free = 1
        depth = 0
        root = used - 2
        place = used - 1
        deepest = 0
        while free > 0:
            inner = 0
            while root >= 0 and (keys[root] >> 12) == depth:
                inner += 1
                root -= 1
            while free > inner:
                lengths[keys[place] & 4095] = depth
                place -= 1
                free -= 1
                deepest = depth
            free = 2 * inner
            depth += 1
        if deepest <= limit:
            return used
        floor *= 2


@part(_nrt=False)
def canonical_codes(lengths: Any, n: int, codes: Any, following: Any) -> None:
    """Codes of given lengths, as they go into the stream.

    lengths : int64 (n,), 0..15
    codes : int64 (n,), overwritten: the code's bits, lowest sent first, above its length in the low 4 bits
    following : int64 (17,), scratch
    """
    for k in range(17):
        following[k] = 0
    for s in range(n):
        if lengths[s]:
            following[lengths[s] + 1] += 1
    code = 0
    for k in range(1, 17):
        code = (code + following[k]) << 1
        following[k] = code
    for s in range(n):
        size = lengths[s]
        if size == 0:
            codes[s] = 0
            continue
        forward = following[size]
        following[size] += 1
        backward = 0
        for _ in range(size):
            backward = (backward << 1) | (forward & 1)
            forward >>= 1
        codes[s] = (backward << 4) | size


@part(_nrt=False)
def _lengths_to_runs(lengths: Any, n: int, runs: Any) -> int:
    """Run-length symbols of a list of code lengths: symbol in the low 5 bits, extra bits above."""
    count = 0
    previous = 8
    at = 0
    while at < n:
        value = lengths[at]
        stop = at + 1
        while stop < n and lengths[stop] == value:
            stop += 1
        left = stop - at
        at = stop
        if value == 0:
            while left >= 3:
                take = min(left, 138)
                runs[count] = (17 | ((take - 3) << 5)) if take <= 10 else (18 | ((take - 11) << 5))
                count += 1
                left -= take
        else:
            if value != previous:
                runs[count] = value
                count += 1
                left -= 1
                previous = value
            while left >= 3:
                take = min(left, 6)
                runs[count] = 16 | ((take - 3) << 5)
                count += 1
                left -= take
        for _ in range(left):
            runs[count] = value
            count += 1
    return count


@part(_nrt=False)
def _shows_end(counted: int, unused: int) -> bool:
    """Whether to say how many lengths follow, `counted` symbols of them, for `unused` zeros less."""
    zeros = 4 * unused if unused <= 2 else (7 if unused <= 10 else 12)
    wide = 2
    while (counted - 2) >> wide:
        wide += 2
    return unused > 0 and 3 + wide < zeros


@part(_nrt=False)
def write_lengths(out: Any, bits: Any, used: int, n: int, lengths: Any, codes: Any, scratch: Any) -> None:
    """Write a prefix code down.

    Parameters
    ----------
    out, bits : the bit writer
    used : how many symbols have a length
    n : size of the alphabet as the decoder knows it
    lengths : int64 (n,), of a complete code; a lone symbol gets length 0, since the decoder reads no
        bits for it
    codes : int64 (n,), overwritten as by `canonical_codes`
    scratch : int64 (SCRATCH,)
    """
    first = 0
    last = 0
    for s in range(n):
        if lengths[s]:
            last = s
    for s in range(n - 1, -1, -1):
        if lengths[s]:
            first = s
    if used <= 2 and last < 256:
        put(out, bits, 1, 1)
        put(out, bits, 1 if used == 2 else 0, 1)
        if first <= 1:
            put(out, bits, first << 1, 2)
        else:
            put(out, bits, (first << 1) | 1, 9)
        if used == 2:
            put(out, bits, last, 8)
        else:
            lengths[first] = 0
        canonical_codes(lengths, n, codes, scratch[_NEXT:])
        return
    canonical_codes(lengths, n, codes, scratch[_NEXT:])
    runs = scratch[_RUNS:]
    meta = scratch[_META:]
    meta_lengths = scratch[_META_LENGTHS:]
    meta_codes = scratch[_META_CODES:]
    count = _lengths_to_runs(lengths, last + 1, runs)
    shows_end = _shows_end(count, n - 1 - last)
    if not shows_end:
        count = _lengths_to_runs(lengths, n, runs)
    for k in range(19):
        meta[k] = 0
    for i in range(count):
        meta[runs[i] & 31] += 1
    kinds = code_lengths(meta, 19, 7, meta_lengths, scratch[_KEYS:])
    canonical_codes(meta_lengths, 19, meta_codes, scratch[_NEXT:])
    if kinds == 1:
        for k in range(19):
            meta_codes[k] = 0
    shown = 19
    while shown > 4 and meta_lengths[_ORDER[shown - 1]] == 0:
        shown -= 1
    put(out, bits, (shown - 4) << 1, 5)
    for k in range(shown):
        put(out, bits, meta_lengths[_ORDER[k]], 3)
    if shows_end:
        wide = 2
        while (count - 2) >> wide:
            wide += 2
        put(out, bits, 1 | (((wide - 2) >> 1) << 1), 4)
        put(out, bits, count - 2, wide)
    else:
        put(out, bits, 0, 1)
    for i in range(count):
        symbol = runs[i] & 31
        put(out, bits, meta_codes[symbol] >> 4, meta_codes[symbol] & 15)
        if symbol >= 16:
            put(out, bits, runs[i] >> 5, 2 if symbol == 16 else (3 if symbol == 17 else 7))
    if used == 1:
        lengths[first] = 0
        codes[first] = 0


@part(_nrt=False)
def write_code(out: Any, bits: Any, counts: Any, n: int, lengths: Any, codes: Any, scratch: Any) -> None:
    """Build the prefix code for `counts` and write it down.

    Parameters
    ----------
    counts : int64 (n,), how often each symbol occurs
    lengths : int64 (n,), overwritten
    out, bits, n, codes, scratch : as `write_lengths` takes them
    """
    used = code_lengths(counts, n, 15, lengths, scratch[_KEYS:])
    write_lengths(out, bits, used, n, lengths, codes, scratch)
