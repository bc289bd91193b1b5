"""The order of the colours: any will do, and some take a third less to write down."""

from __future__ import annotations

from typing import Any

from kf_widget.frame.vp8l_bits import start
from kf_widget.frame.vp8l_palette import write_palette
from kf_widget.frame.vp8l_tokens import LITERALS
from kf_widget.jit import part

__all__ = ["ORDER_WORK", "order_alike", "order_colours"]

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
    orders : int64 (9, 256), scratch
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
