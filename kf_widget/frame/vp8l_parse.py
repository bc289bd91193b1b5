"""The cheapest way to cut the pixels into literals and copies, by dynamic programming."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kf_widget.frame.vp8l_links import HASH_BITS, LONG, SHORT, hash_long, link, next_edge
from kf_widget.frame.vp8l_matches import ABOVE, FARTHEST, LEFT, LONGEST, alike, distance_code, hash4
from kf_widget.frame.vp8l_space import RING
from kf_widget.frame.vp8l_stream import SHORT_TOKENS
from kf_widget.frame.vp8l_tokens import LITERALS, copy_token, prefix_extra
from kf_widget.history.lanes import trailing_zeros
from kf_widget.jit import part

__all__ = ["BIT", "parse", "symbol_costs"]

BIT = 256
"""Costs are whole numbers of 1/256 bit."""

_LONG_RUN = 64
"""No close neighbour is tried where a run is that long already."""

_AHEAD = 256
"""So many pixels ahead an edge is sought that a copy might hold."""


@part(_nrt=False)
def symbol_costs(greens: Any, distances: Any, green_costs: Any, distance_costs: Any) -> None:
    """What each symbol costs with its extra bits, by the entropy of how often it occurs.

    A symbol that does not occur costs two bits more than one that occurs once.

    Parameters
    ----------
    greens, distances : int64 (GREENS,), (DISTANCES,)
    green_costs, distance_costs : int64, likewise, overwritten, in 1/256 bit
    """
    for side in range(2):
        counts = greens if side == 0 else distances
        costs = green_costs if side == 0 else distance_costs
        copies = LITERALS if side == 0 else 0
        total = 1
        for s in range(counts.size):
            total += counts[s]
        whole = math.log2(float(total))
        absent = int(BIT * (whole + 2.0))
        for s in range(counts.size):
            cost = absent
            if counts[s]:
                cost = int(BIT * (whole - math.log2(float(counts[s]))))
            costs[s] = cost + (BIT * prefix_extra(s - copies) if s >= copies else 0)


@part(_nrt=False, forceinline=True)
def _reach(ring: Any, marks: Any, position: int, cost: int, source: int, token: int) -> None:
    """Note a way to `position`, if it is the cheapest yet."""
    k = position & (RING - 1)
    mark = np.uint64(1) << np.uint64(k & 63)
    if marks[k >> 6] & mark and ring[0, k] <= cost:
        return
    marks[k >> 6] |= mark
    ring[0, k] = cost
    ring[1, k] = source
    ring[2, k] = token


@part(_nrt=False, forceinline=True)
def _next(marks: Any, position: int) -> Any:
    """The first position after `position` that has been reached."""
    at = position + 1
    k = at & (RING - 1)
    word = marks[k >> 6] >> np.uint64(k & 63)
    if word:
        return at + trailing_zeros(word)
    at += 64 - (k & 63)
    while not marks[(at & (RING - 1)) >> 6]:
        at += 64
    return at + trailing_zeros(marks[(at & (RING - 1)) >> 6])


@part(_nrt=False)
def _backtrack(ring: Any, end: int, arena: Any, tokens: Any) -> int:
    """Collect the tokens of the cheapest way, in order; how many they are."""
    k = end & (RING - 1)
    count = 0
    token = ring[2, k]
    at = ring[1, k]
    while True:
        tokens[count] = token
        count += 1
        if at == 0:
            break
        token = arena[1, at]
        at = arena[0, at]
    for i in range(count >> 1):
        token = tokens[i]
        tokens[i] = tokens[count - 1 - i]
        tokens[count - 1 - i] = token
    return count


@part(_nrt=False)
def parse(
    pixels: Any,
    width: int,
    shift: int,
    labels: Any,
    space: Any,
    neighbours: int,
    depth: int,
    deep: int,
    slack: int,
    trim: int,
    content: int,
    tokens: Any,
) -> int:
    """Cut the pixels into tokens so that the sum of their costs is small.

    Any tail of a copy is a copy from the same distance, so that cutting one short hardly ever pays:
    from each position that is reached only the longest copy of each distance is followed, and a
    literal. A position is passed over when a farther one has been reached as cheaply. So a chart of
    720,000 pixels visits 20,000 positions, and each can afford a thorough search.

    Parameters
    ----------
    pixels : uint8 (n,), rows of `width`
    shift : 2**shift pixels are the side of a tile
    labels : uint8 (tiles,), whose costs hold in each tile
    space : its costs are read; arena, ring, marks, table and links are overwritten
    neighbours : how many of ``space.near`` are tried
    depth, deep : how many earlier places with the same `SHORT` and the same `LONG` pixels, from the next
        edge on, are tried
    slack : how much cheaper a farther position must have been reached for one to be passed over
    trim : near copies shorter by less than so many pixels are followed too
    content : no earlier place is tried where a run is that long already
    tokens : int64 (m,), overwritten

    Returns
    -------
    int
        How many tokens, or `SHORT_TOKENS`: n + 2 places always suffice.
    """
    n = pixels.size
    across = (width + (1 << shift) - 1) >> shift
    arena = space.arena
    ring = space.ring
    marks = space.marks
    table = space.table
    links = space.links
    near = space.near
    room = tokens.size - 1
    marks[:] = 0
    table[:] = -1
    visited = 0
    linked = 0
    looked = 0
    at = 0
    cost = 0
    ahead = 0
    ahead_cost = 0
    ring[0, 0] = 0
    ring[1, 0] = 0
    ring[2, 0] = 0
    while at < n:
        k = at & (RING - 1)
        cost = ring[0, k]
        marks[k >> 6] &= ~(np.uint64(1) << np.uint64(k & 63))
        if at < ahead and ahead_cost + slack <= cost:
            at = _next(marks, at)
            continue
        if visited >= room:
            return SHORT_TOKENS
        here = visited
        visited += 1
        arena[0, here] = ring[1, k]
        arena[1, here] = ring[2, k]
        if at >= ahead:
            ahead = 0
        row = at // width
        group = labels[(row >> shift) * across + ((at - row * width) >> shift)]
        greens = space.green_costs[group]
        distances = space.distance_costs[group]
        literal = np.int64(pixels[at])
        _reach(ring, marks, at + 1, cost + greens[literal], here, literal)
        most = min(n - at, LONGEST)
        longest = 1
        for side in range(2):
            back = width if side == 0 else 1
            code = ABOVE if side == 0 else LEFT
            if at >= back:
                run = alike(pixels, at, at - back, most)
                if run >= 2:
                    token = copy_token(run, code)
                    there = cost + greens[token & 511] + distances[code - 1]
                    _reach(ring, marks, at + run, there, here, token)
                    for less in range(run - 1, max(run - trim, 2), -1):
                        token = copy_token(less, code)
                        short = cost + greens[token & 511] + distances[code - 1]
                        _reach(ring, marks, at + less, short, here, token)
                    if ahead == 0 or there < ahead_cost:
                        ahead = at + run
                        ahead_cost = there
                    longest = max(longest, run)
        if longest < _LONG_RUN:
            for i in range(neighbours):
                back = near[i, 0]
                if at >= back and longest < most and pixels[at + longest] == pixels[at + longest - back]:
                    run = alike(pixels, at, at - back, most)
                    if run > longest:
                        longest = run
                        token = copy_token(run, near[i, 1])
                        there = cost + greens[token & 511] + distances[(token >> 19) & 63]
                        _reach(ring, marks, at + run, there, here, token)
                        if ahead == 0 or there < ahead_cost:
                            ahead = at + run
                            ahead_cost = there
        if longest < content and most >= SHORT:
            linked = link(pixels, width, looked, at, table, links, linked)
            if linked >= links.shape[0]:
                return SHORT_TOKENS
            edge = next_edge(pixels, width, at, _AHEAD)
            for kind in range(1, 3):
                if edge + (SHORT if kind == 1 else LONG) > n:
                    continue
                slot = hash4(pixels, edge, HASH_BITS) if kind == 1 else hash_long(pixels, edge)
                place = np.int64(table[slot])
                left = depth if kind == 1 else deep
                while place >= 0 and left > 0:
                    left -= 1
                    back = edge - links[place, 0]
                    if back > min(at, FARTHEST) or longest >= most:
                        break
                    if pixels[at + longest] == pixels[at + longest - back]:
                        run = alike(pixels, at, at - back, most)
                        if run > longest and run > 2:
                            longest = run
                            token = copy_token(run, distance_code(back, width))
                            there = cost + greens[token & 511] + distances[(token >> 19) & 63]
                            _reach(ring, marks, at + run, there, here, token)
                            if ahead == 0 or there < ahead_cost:
                                ahead = at + run
                                ahead_cost = there
                    place = np.int64(links[place, kind])
            looked = at
        at = _next(marks, at)
    return _backtrack(ring, n, arena, tokens)
