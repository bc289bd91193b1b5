"""Several groups of prefix codes: which tile of the picture is coded with which."""

from __future__ import annotations

import math
from typing import Any

from kf_widget.frame.vp8l_bits import start
from kf_widget.frame.vp8l_entropy import write_groups
from kf_widget.frame.vp8l_parse import BIT, symbol_costs
from kf_widget.frame.vp8l_space import TILES
from kf_widget.frame.vp8l_tokens import DISTANCES, GREENS, LITERALS, copied
from kf_widget.jit import part

__all__ = ["cluster", "model", "tile_shift", "tile_tokens", "tiles_across"]

_SEED_SYMBOL_BITS = 3
_ROUNDS = 3
_VAIN = 2


@part(_nrt=False)
def tiles_across(pixels: int, shift: int) -> int:
    """How many tiles of 2**shift pixels it takes to cover a side."""
    return (pixels + (1 << shift) - 1) >> shift


@part(_nrt=False)
def tile_shift(width: int, height: int, shift: int) -> int:
    """The smallest tile of 2**shift pixels or more that leaves at most `TILES` of them."""
    while tiles_across(width, shift) * tiles_across(height, shift) > TILES:
        shift += 1
    return shift


@part(_nrt=False)
def tile_tokens(tokens: Any, count: int, width: int, shift: int, tiles: Any) -> None:
    """Find the tile that each token begins in, whose codes it will be written with."""
    across = tiles_across(width, shift)
    column = 0
    row = 0
    for i in range(count):
        tiles[i] = (row >> shift) * across + (column >> shift)
        column += copied(tokens[i])
        if column >= width:
            row += column // width
            column %= width


@part(_nrt=False)
def model(tokens: Any, count: int, labels: Any, groups: int, space: Any) -> None:
    """Count the symbols of each group, and set the costs that follow."""
    space.greens[:groups] = 0
    space.distances[:groups] = 0
    for i in range(count):
        token = tokens[i]
        group = labels[space.tiles[i]]
        space.greens[group, token & 511] += 1
        if token & 511 >= LITERALS:
            space.distances[group, (token >> 19) & 63] += 1
    for group in range(groups):
        symbol_costs(
            space.greens[group], space.distances[group], space.green_costs[group], space.distance_costs[group]
        )


@part(_nrt=False)
def _own_costs(tokens: Any, count: int, n_tiles: int, space: Any) -> None:
    """What each tile would take with codes of its own, and a little for the codes."""
    counts = space.tile_counts
    counts[:n_tiles] = 0
    for i in range(count):
        tile = space.tiles[i]
        counts[tile, tokens[i] & 511] += 1
        if tokens[i] & 511 >= LITERALS:
            counts[tile, GREENS + ((tokens[i] >> 19) & 63)] += 1
    for tile in range(n_tiles):
        cost = 0.0
        for side in range(2):
            first = 0 if side == 0 else GREENS
            last = GREENS if side == 0 else GREENS + DISTANCES
            total = 0
            for s in range(first, last):
                total += counts[tile, s]
            for s in range(first, last):
                have = counts[tile, s]
                if have:
                    cost += have * math.log2(total / have) + _SEED_SYMBOL_BITS
        space.own_costs[tile] = int(BIT * cost)


@part(_nrt=False)
def _assign(tokens: Any, count: int, n_tiles: int, groups: int, space: Any, labels: Any) -> int:
    """Give each tile the group whose codes suit it best; how many groups are left.

    A change from one tile to the next is taken to cost a bit.
    """
    costs = space.tile_costs
    costs[:n_tiles] = 0
    for i in range(count):
        symbol = tokens[i] & 511
        tile = space.tiles[i]
        for group in range(groups):
            costs[tile, group] += space.green_costs[group, symbol]
        if symbol >= LITERALS:
            symbol = (tokens[i] >> 19) & 63
            for group in range(groups):
                costs[tile, group] += space.distance_costs[group, symbol]
    before = 0
    shown = 0
    for tile in range(n_tiles):
        best = before
        least = costs[tile, before] - BIT
        for group in range(groups):
            if costs[tile, group] < least:
                least = costs[tile, group]
                best = group
        labels[tile] = best
        before = best
        shown = max(shown, best + 1)
    return shown


@part(_nrt=False)
def _settle(
    tokens: Any,
    count: int,
    n_tiles: int,
    across: int,
    shift: int,
    groups: int,
    rounds: int,
    space: Any,
    labels: Any,
    out: Any,
) -> Any:
    """Rearrange the tiles as k-means does; groups left, and bits of all that follows the palette."""
    model(tokens, count, labels, groups, space)
    for _ in range(rounds if groups > 1 else 0):
        groups = _assign(tokens, count, n_tiles, groups, space, labels)
        model(tokens, count, labels, groups, space)
    start(space.bits, 0)
    size = write_groups(out, labels, n_tiles, across, shift, groups, False, space)
    return groups, size + 8 * space.bits[2] + space.bits[1]


@part(_nrt=False)
def _worst_tile(excess: Any, n_tiles: int) -> int:
    """The tile that suits its group worst, each one once."""
    worst = 0
    for tile in range(n_tiles):
        if excess[tile] > excess[worst]:
            worst = tile
    excess[worst] = -(1 << 62)
    return worst


@part(_nrt=False)
def _mark_blank(tokens: Any, count: int, n_tiles: int, space: Any, labels: Any) -> None:
    """Label 1 for tiles in which nothing begins but the longest copies from above, 0 for the others.

    Codes of one symbol take no bits: where most of a picture is blank, a group of these tiles saves two
    bits of each such copy's twelve. Rounds of k-means would mix others in.
    """
    labels[:n_tiles] = 1
    for i in range(count):
        if tokens[i] & 511 != GREENS - 1 or (tokens[i] >> 19) & 63 != 0:
            labels[space.tiles[i]] = 0


@part(_nrt=True)
def cluster(
    tokens: Any,
    count: int,
    n_tiles: int,
    across: int,
    shift: int,
    groups: int,
    most: int,
    seeds: int,
    space: Any,
    labels: Any,
    out: Any,
) -> Any:
    """Sort the tiles into the groups that make the file smallest.

    The second group may be that of the blank tiles. Each further one is begun from a tile that the
    groups so far suit badly, and all are then rearranged, until two more groups in a row were in vain.
    What is kept is the number of groups with the least bits, as written.

    Parameters
    ----------
    tokens : int64 (count,)
    groups, most : how many to begin with, and at most
    seeds : how many tiles are tried as the beginning of the second group
    space : ``space.tiles`` is read; labels from the third on, counts, costs and codes are overwritten.
        The counts and costs left are those of the best labels.
    labels : uint8 (n_tiles,), group of each tile to begin with; overwritten with the best
    out : uint8 (HEAD,), scratch

    Returns
    -------
    (int, int)
        Groups, and bits of entropy image, codes and tokens.
    """
    now = space.labels[2]
    trial = space.labels[3]
    grown = space.labels[4]
    now[:n_tiles] = labels[:n_tiles]
    best, least = _settle(tokens, count, n_tiles, across, shift, groups, 0, space, now, out)
    if groups > 1:
        groups, bits = _settle(tokens, count, n_tiles, across, shift, groups, _ROUNDS, space, now, out)
        if bits < least:
            least = bits
            best = groups
            labels[:n_tiles] = now[:n_tiles]
    vain = 0
    if groups == 1 and groups < most:
        _mark_blank(tokens, count, n_tiles, space, trial)
        n, bits = _settle(tokens, count, n_tiles, across, shift, 2, 0, space, trial, out)
        if bits < least:
            least = bits
            best = groups = n
            now[:n_tiles] = trial[:n_tiles]
            labels[:n_tiles] = trial[:n_tiles]
        model(tokens, count, now, groups, space)
    if groups < most:
        _own_costs(tokens, count, n_tiles, space)
    while groups < most and vain < _VAIN:
        groups = _assign(tokens, count, n_tiles, groups, space, now)
        for tile in range(n_tiles):
            space.excess[tile] = space.tile_costs[tile, now[tile]] - space.own_costs[tile]
        size = 1 << 62
        more = groups
        for _ in range(min(seeds if groups == 1 else 1, n_tiles)):
            trial[:n_tiles] = now[:n_tiles]
            trial[_worst_tile(space.excess, n_tiles)] = groups
            n, bits = _settle(tokens, count, n_tiles, across, shift, groups + 1, _ROUNDS, space, trial, out)
            if bits < size:
                size = bits
                more = n
                grown[:n_tiles] = trial[:n_tiles]
        now[:n_tiles] = grown[:n_tiles]
        groups = more
        model(tokens, count, now, groups, space)
        vain += 1
        if size < least:
            vain = 0
            least = size
            best = groups
            labels[:n_tiles] = now[:n_tiles]
    model(tokens, count, labels, best, space)
    return best, least
