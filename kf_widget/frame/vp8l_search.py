"""The search for the tokens and the groups of codes that make a picture's file small."""

from __future__ import annotations

from typing import Any, NamedTuple

from kf_widget.frame.vp8l_bits import start
from kf_widget.frame.vp8l_entropy import write_groups
from kf_widget.frame.vp8l_fast import far_share, scan
from kf_widget.frame.vp8l_found import (
    FOUND_ABOVE,
    FOUND_BITS,
    FOUND_COUNT,
    FOUND_GROUPS,
    FOUND_SHIFT,
    FOUND_SHOWN,
    keep_less,
    may_go_direct,
)
from kf_widget.frame.vp8l_groups import cluster, model, tile_shift, tile_tokens, tiles_across
from kf_widget.frame.vp8l_matches import STEPS
from kf_widget.frame.vp8l_pack import packed_width, subtract_above
from kf_widget.frame.vp8l_parse import BIT, parse, symbol_costs
from kf_widget.frame.vp8l_space import NEAR
from kf_widget.frame.vp8l_stream import SHORT_TOKENS
from kf_widget.frame.vp8l_tokens import LITERALS
from kf_widget.jit import part

__all__ = ["SMALL", "Effort", "glance", "repeats", "search", "share_above"]

SMALL = 1 << 17
"""A picture of fewer pixels is small."""
_FEW = 3200
_VERY_FEW = 800
"""Pictures of fewer tokens are searched more carefully: each byte counts, and there is time."""
_SPARSE = 250
"""Where a token stands for more pixels than this, a copy is sought at many more places."""
_SPARSE_SHIFTS = 4
"""Of such pictures tiles of so many sizes are tried."""
_SPARSEST = 1200
"""As `_SPARSE`, and then at four times as many places again."""
_MANY = 20000
"""Pictures of more tokens are searched little, and are done when tiles are sorted for the last time."""
_REPEATS = 0.3
_GLYPHS_REPEATS = 0.15
_GLYPHS = 1600
"""Where a larger share of copies comes from afar, as where glyphs repeat, farther places are sought; the
second holds for small pictures of fewer tokens than the last, which are then searched most of all: point &
figure, but not studies, whose search would take five times as long."""
_MORE_REPEATS = 8
_REPEATS_GROUPS = 6
_QUICK_DEPTH = 2
_QUICK_DEEP = 8
_QUICK_NEIGHBOURS = 4
_DIRECT_ROUNDS = 3
"""A picture that may go without a palette is also sorted so often into one group, and cut anew where its
tokens are few, into copies from above and from the left alone: their distances take a bit each, and hardly
any to say so. One of fewer tokens than the next, a dozen bricks, or one of glyphs is cut so often with dear
literals, too."""
_TINY = 256
_DEAR_BITS = 3
"""So much more a literal takes there that writes its colour out."""
_CONTENT = 64
_NEVER_CONTENT = 512


class Effort(NamedTuple):
    """How much is searched.

    depth, deep, neighbours : at how many earlier places of few and of many pixels, and at how many close
        ones a copy is sought
    rounds : how often at most the pixels are cut with the costs of their groups
    groups : most groups of codes, up to `GROUPS`
    shift, step, shifts : tiles of 2**shift pixels and of `step` powers more are tried, `shifts` in all,
        one where the tokens are many
    further, deeper, most : how often the pixels are cut once more when all that is done, where the
        tokens are few, `deep` then, or for glyphs a multiple, and most groups; so a greater effort never
        makes a larger file
    """

    depth: int
    deep: int
    neighbours: int
    rounds: int
    groups: int
    shift: int
    step: int
    shifts: int
    further: int
    deeper: int
    most: int


@part(_nrt=False)
def _fill_near(width: int, most: int, near: Any) -> int:
    """Distances of the closest neighbours past the one above and the one to the left."""
    count = 0
    for i in range(2, most + 2):
        back = STEPS[i, 0] + STEPS[i, 1] * width
        if back > 1 and back != width:
            near[count, 0] = back
            near[count, 1] = i + 1
            count += 1
    return count


@part(_nrt=True)
def _sort(
    tokens: Any,
    count: int,
    across: int,
    height: int,
    shift: int,
    groups: int,
    most: int,
    seeds: int,
    dear: int,
    space: Any,
    out: Any,
) -> None:
    """Sort the tiles into groups, from ``space.labels[1]`` on; note what was found where it is better.

    dear : so many bits more are counted for each literal; 0 where there may be more than one group
    """
    wide = tiles_across(across, shift)
    n_tiles = wide * tiles_across(height, shift)
    labels = space.labels[1]
    tile_tokens(tokens, count, across, shift, space.tiles)
    groups, bits = cluster(tokens, count, n_tiles, wide, shift, groups, most, seeds, space, labels, out)
    for s in range(LITERALS if dear else 0):
        bits += dear * space.greens[0, s]
    found = space.found[0]
    if bits < found[FOUND_BITS]:
        found[FOUND_BITS] = bits
        found[FOUND_GROUPS] = groups
        found[FOUND_SHIFT] = shift
        found[FOUND_COUNT] = count
        space.labels[0] = labels
        space.tokens[2, :count] = tokens[:count]


@part(_nrt=False)
def _scan_bits(pixels: Any, across: int, space: Any) -> Any:
    """Bits of the tokens of a quick scan, by their entropy; `SHORT_TOKENS` where there is no room.

    The tokens' counts and costs are left as those of the first group.
    """
    greens, distances = space.greens[0], space.distances[0]
    green_costs, distance_costs = space.green_costs[0], space.distance_costs[0]
    greens[:] = 0
    distances[:] = 0
    if scan(pixels, across, space.tokens[0], greens, distances, space.table) < 0:
        return SHORT_TOKENS
    symbol_costs(greens, distances, green_costs, distance_costs)
    bits = 0
    for s in range(greens.size):
        bits += greens[s] * green_costs[s]
    for s in range(distances.size):
        bits += distances[s] * distance_costs[s]
    return bits // BIT


@part(_nrt=False)
def share_above(pixels: Any, across: int, space: Any) -> Any:
    """How many bits pixels less those above seem to take, as a share of those that pixels take.

    Below 0 where there is no room; the pixels are left as `subtract_above` leaves them.
    """
    plain = _scan_bits(pixels, across, space)
    subtract_above(pixels, across)
    apart = _scan_bits(pixels, across, space)
    return apart / max(plain, 1) if plain >= 0 and apart >= 0 else -1.0


@part(_nrt=False)
def glance(pixels: Any, width: int, height: int, shown: int, space: Any, out: Any) -> Any:
    """Cut the pixels with the costs of a quick scan, searching little.

    Parameters
    ----------
    pixels : uint8 (height * packed_width(width, shown),)
    shown : how many colours the file's palette will have
    out : uint8 (HEAD,), scratch

    Returns
    -------
    (int, int)
        How many tokens, in ``space.tokens[0]``, or `SHORT_TOKENS`; and bits with one group of codes.
        Their counts and costs are left as those of the first group.
    """
    across = packed_width(width, shown)
    tokens = space.tokens[0]
    labels = space.labels[1]
    if _scan_bits(pixels, across, space) < 0:
        return SHORT_TOKENS, 0
    labels[:] = 0
    large = tile_shift(across, height, 9)
    near = _fill_near(across, _QUICK_NEIGHBOURS, space.near)
    count = parse(
        pixels, across, large, labels, space, near, _QUICK_DEPTH, _QUICK_DEEP, 0, 1, _CONTENT, tokens
    )
    if count < 0:
        return SHORT_TOKENS, 0
    tile_tokens(tokens, count, across, large, space.tiles)
    model(tokens, count, labels, 1, space)
    start(space.bits, 0)
    bits = write_groups(out, labels, 1, 1, large, 1, False, space)
    return count, bits + 8 * space.bits[2] + space.bits[1]


@part(_nrt=False)
def repeats(count: int, small: bool, space: Any) -> Any:
    """Whether the tokens of the last `glance` are copied from afar as often as where glyphs repeat.

    count : how many they are; small : whether the picture is
    """
    return far_share(space.distances[0]) > (_GLYPHS_REPEATS if small and count < _GLYPHS else _REPEATS)


@part(_nrt=True)
def search(
    pixels: Any,
    width: int,
    height: int,
    used: int,
    shown: int,
    above: bool,
    count: int,
    effort: Any,
    space: Any,
    out: Any,
) -> int:
    """Look for the smallest file of a picture after a `glance` at it; `keep_less` keeps what is found.

    Tiles are sorted into groups of codes, and the pixels cut again with the costs of their groups, for
    as long as that makes the file smaller.

    Parameters
    ----------
    pixels, width, height, shown, space, out : as `glance` took them
    used : how many colours ``space.palette`` has
    above : whether the pixels are differences, as `subtract_above` leaves them
    count : how many tokens it found

    Returns
    -------
    int
        0, or `SHORT_TOKENS`.
    """
    across = packed_width(width, shown)
    trial = space.tokens[1]
    tried = space.labels[1]
    found = space.found[0]
    found[FOUND_BITS] = 1 << 62
    found[FOUND_SHOWN] = shown
    found[FOUND_ABOVE] = above
    near = _fill_near(across, effort.neighbours, space.near)
    few = count < _FEW
    rounds, most = effort.rounds, effort.groups
    slack, trim, seeds, content = 0, 1, 1, _CONTENT
    depth, deep, step, shifts = effort.depth, effort.deep, effort.step, effort.shifts
    if count < _VERY_FEW:
        depth, deep, slack, trim, seeds, content = 2 * depth, 2 * deep, 4 * BIT, 3, 8, _NEVER_CONTENT
    elif few or count * 2 * _SPARSE < pixels.size:
        depth, deep, slack, trim, seeds, content = 2 * depth, 2 * deep, 2 * BIT, 3, 2, _NEVER_CONTENT
    if not few:
        shifts = 1
    if count > _MANY:
        depth, deep = _QUICK_DEPTH, depth
        near = _fill_near(across, _QUICK_NEIGHBOURS, space.near)
    if count * _SPARSE < pixels.size:
        depth = (32 if count * _SPARSEST < pixels.size else 8) * effort.depth
        near = _fill_near(across, NEAR - 2, space.near)
        step, shifts = 1, _SPARSE_SHIFTS
    small = width * height < SMALL
    afar = repeats(count, small, space)
    glyphs = afar and small and count < _GLYPHS
    if afar:
        rounds, content = rounds + 1, _NEVER_CONTENT
        slack, trim = (16 * BIT, 20) if glyphs else (max(slack, 2 * BIT), 5)
        deep *= _MORE_REPEATS
        near = _fill_near(across, NEAR - 2, space.near)
        most = max(most, _REPEATS_GROUPS)

    smallest = tile_shift(across, height, effort.shift)
    for turn in range(shifts):
        shift = smallest + turn * step
        if turn == 0 or shift <= 9:
            tried[:] = 0
            _sort(space.tokens[0], count, across, height, shift, 1, most, seeds, 0, space, out)
    last = rounds + effort.further
    direct = _DIRECT_ROUNDS if effort.further and few and may_go_direct(used, found) else 0
    alone = last + direct
    end = alone + (direct if glyphs or count < _TINY else 0)
    turn = 0
    while turn < end:
        if turn in (rounds, last, alone):
            keep_less(pixels, width, height, used, space, out)
            if count > _MANY:
                return 0
            most = max(most, effort.most)
            deep = max(deep, effort.deeper * (_MORE_REPEATS if glyphs else 1))
        if turn in (last, alone):
            found[FOUND_BITS] = 1 << 62
            found[FOUND_GROUPS] = most = 1
            space.labels[0] = 0
        bits = found[FOUND_BITS]
        shift = found[FOUND_SHIFT]
        tried[:] = space.labels[0]
        tile_tokens(space.tokens[2], found[FOUND_COUNT], across, shift, space.tiles)
        model(space.tokens[2], found[FOUND_COUNT], tried, found[FOUND_GROUPS], space)
        dear = _DEAR_BITS if turn >= alone else 0
        for s in range(LITERALS if dear else 0):
            space.green_costs[0, s] += dear * BIT
        there = 0 if last <= turn < alone else 1
        if turn < rounds or afar or 2 * count < _FEW:
            count = parse(
                pixels,
                across,
                shift,
                tried,
                space,
                there * near,
                there * depth,
                there * deep,
                slack,
                trim,
                there * content,
                trial,
            )
            if count < 0:
                return SHORT_TOKENS
        else:
            count = found[FOUND_COUNT]
            trial[:count] = space.tokens[2, :count]
        _sort(trial, count, across, height, shift, found[FOUND_GROUPS], most, seeds, dear, space, out)
        if found[FOUND_BITS] == bits and turn >= rounds:
            turn = last if turn < last else (alone if turn < alone else end)
        else:
            turn += 1
    keep_less(pixels, width, height, used, space, out)
    return 0
