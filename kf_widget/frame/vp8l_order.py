"""The order of the colours: any will do, but some take a third less to write down, and where a pixel is
written as its difference to the one above, some make those differences few."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.frame.vp8l_bits import start
from kf_widget.frame.vp8l_palette import write_palette
from kf_widget.frame.vp8l_tokens import LITERALS
from kf_widget.frame.vp8l_words import differ64
from kf_widget.history.lanes import trailing_zeros
from kf_widget.jit import part

__all__ = ["ORDER_WORK", "order_alike", "order_colours", "order_rows"]

_GIVEN = 0
_SORTED = 1
_NEAREST = 2
_ALIKE = 3
_ORDERS = 4
ORDER_WORK = 6 * LITERALS
"""Size of the int64 scratch array of `order_alike`."""


@part(_nrt=False)
def _channel(colour: int, before: int, shift: int) -> int:
    """The difference of two colours in a channel, as it is written: 0..255."""
    return (((colour >> shift) & 255) - ((before >> shift) & 255)) & 255


@part(_nrt=False)
def _step(colour: int, before: int, seen: Any, kind: int) -> int:
    """How little a colour is to be liked after another one."""
    if kind == _SORTED:
        return colour
    cost = 0
    for k in range(4):
        delta = _channel(colour, before, 8 * k)
        cost += min(delta, 256 - delta)
        if kind == _ALIKE and seen[LITERALS * k + delta] == 0:
            cost += 1 << 12
    return cost


@part(_nrt=False)
def _arrange(palette: Any, n: int, kind: int, left: Any, seen: Any) -> None:
    """Put the colours in order, each time the one that is liked best after the last.

    Parameters
    ----------
    palette : int64 (n,), rearranged
    left : int64 (n,), rearranged likewise
    seen : int64 (4 * LITERALS,), scratch: which differences have occurred in which channel
    """
    seen[:] = 0
    before = 0
    for k in range(n):
        best = k
        least = _step(palette[k], before, seen, kind)
        for i in range(k + 1, n):
            cost = _step(palette[i], before, seen, kind)
            if cost < least:
                least = cost
                best = i
        colour = palette[best]
        rank = left[best]
        for i in range(best, k, -1):
            palette[i] = palette[i - 1]
            left[i] = left[i - 1]
        palette[k] = colour
        left[k] = rank
        for channel in range(4):
            seen[LITERALS * channel + _channel(colour, before, 8 * channel)] = 1
        before = colour


@part(_nrt=False)
def _renumber(ranks: Any, n: int, moved: Any, places: Any) -> None:
    """Give each index the new number of its colour.

    moved : int64 (n,), the old number of each colour; places : int64 (n or more,), scratch
    """
    for k in range(n):
        places[moved[k]] = k
    for s in range(LITERALS):
        if ranks[s] < n:
            ranks[s] = places[ranks[s]]


@part(_nrt=False)
def order_alike(palette: Any, n: int, ranks: Any, work: Any) -> None:
    """Number the colours anew, each after the one from which it differs most as others did before.

    palette, ranks : int64 (256,), as `rank_colours` leaves them; rearranged
    work : int64 (ORDER_WORK,), scratch
    """
    moved = work[:LITERALS]
    places = work[LITERALS : 2 * LITERALS]
    for k in range(n):
        moved[k] = k
    _arrange(palette, n, _ALIKE, moved, work[2 * LITERALS :])
    _renumber(ranks, n, moved, places)


@part(_nrt=True)
def order_colours(palette: Any, n: int, ranks: Any, orders: Any, out: Any, bits: Any, work: Any) -> None:
    """Number the colours anew so that the palette takes few bits.

    As given; from the lowest to the highest; each the nearest to the one before; or one that differs
    from it as others did before.

    Parameters
    ----------
    palette, ranks : int64 (256,), as `rank_colours` leaves them; rearranged
    n : how many colours there are
    orders : int64 (7, 256), scratch
    out, bits : scratch of the bit writer
    work : int64 (PALETTE_WORK,), scratch
    """
    least = 1 << 62
    chosen = 0
    colours = orders[0]
    moved = orders[1]
    written = orders[2]
    seen = orders[3:7].reshape(4 * LITERALS)
    for turn in range(_ORDERS + 1):
        kind = turn if turn < _ORDERS else chosen
        for k in range(n):
            colours[k] = palette[k]
            moved[k] = k
        if kind != _GIVEN:
            _arrange(colours, n, kind, moved, seen)
        if turn < _ORDERS:
            written[:n] = colours[:n]
            start(bits, 0)
            write_palette(out, bits, written, n, n, work)
            if 8 * bits[2] + bits[1] < least:
                least = 8 * bits[2] + bits[1]
                chosen = turn
    palette[:n] = colours[:n]
    _renumber(ranks, n, moved, written)


@part(_nrt=False)
def _count_above(flat: Any, width: int, ranks: Any, n: int, together: Any) -> None:
    """Count how often each colour lies below each other one.

    flat : uint8 (pixels,), indices in rows of `width`
    ranks : int64 (256,), the numbers of their colours, below n
    together : int32 (n * n or more,), overwritten
    """
    together[: n * n] = 0
    at = width
    while at < flat.size:
        if at + 64 <= flat.size:
            differs = differ64(flat, at, at - width)
            while differs:
                here = at + trailing_zeros(differs)
                differs &= differs - np.uint64(1)
                together[ranks[flat[here]] * n + ranks[flat[here - width]]] += 1
            at += 64
        else:
            together[ranks[flat[at]] * n + ranks[flat[at - width]]] += 1
            at += 1


@part(_nrt=False)
def _closest_ends(n: int, together: Any, ends: Any, joined: Any) -> Any:
    """Which ends of two chains of colours lie above each other most often.

    ends : int64 (n,), of each colour at the end of a chain, the other end
    joined : int64 (n,), how many neighbours each colour has in its chain
    """
    most = -1
    one = 0
    other = 0
    for i in range(n):
        for j in range(i if joined[i] < 2 else 0):
            often = together[i * n + j] + together[j * n + i]
            if often > most and joined[j] < 2 and ends[i] != j:
                most = often
                one = i
                other = j
    return one, other


@part(_nrt=False)
def order_rows(
    indices: Any, width: int, palette: Any, n: int, ranks: Any, together: Any, orders: Any
) -> None:
    """Number the colours anew so that pixels above each other mostly have numbers that are close.

    The shades of a smooth edge become neighbours in their order, whatever their colours are: of the pairs
    of colours that lie above each other most often, each is made one of neighbours where both have room.

    Parameters
    ----------
    indices : uint8 (height * width,)
    palette, ranks : int64 (256,), as `rank_colours` leaves them; rearranged
    n : how many colours there are
    together : int32 (n * n or more,), scratch
    orders : int64 (7, 256), scratch
    """
    _count_above(indices, width, ranks, n, together)
    colours, moved, places, ends, joined = orders[0], orders[1], orders[2], orders[3], orders[4]
    sides = orders[5:7]
    for k in range(n):
        colours[k] = palette[k]
        ends[k] = k
        joined[k] = 0
    for _ in range(n - 1):
        one, other = _closest_ends(n, together, ends, joined)
        sides[joined[one], one] = other
        sides[joined[other], other] = one
        joined[one] += 1
        joined[other] += 1
        first, last = ends[one], ends[other]
        ends[first] = last
        ends[last] = first
    here = 0
    while joined[here] > 1:
        here += 1
    before = -1
    for k in range(n):
        moved[k] = here
        palette[k] = colours[here]
        after = sides[0, here]
        if after == before and joined[here] > 1:
            after = sides[1, here]
        before = here
        here = after
    _renumber(ranks, n, moved, places)
