"""VP8L with the cheapest parse and several groups of codes: `balanced` and `best`."""

from __future__ import annotations

from typing import Any

from kf_widget.frame.vp8l_entropy import write_group_tokens, write_groups
from kf_widget.frame.vp8l_fast import scan
from kf_widget.frame.vp8l_groups import cluster, model, tile_shift, tile_tokens, tiles_across
from kf_widget.frame.vp8l_matches import STEPS
from kf_widget.frame.vp8l_pack import BAD_INDEX, pack, packed_width, per_byte, rank_colours
from kf_widget.frame.vp8l_parse import BIT, parse, symbol_costs
from kf_widget.frame.vp8l_space import NEAR
from kf_widget.frame.vp8l_stream import HEAD, SHORT_TOKENS, finish_file, start_file
from kf_widget.jit import kernel, part

__all__ = ["encode_thorough"]

_FEW = 3200
_VERY_FEW = 800
"""Pictures of fewer tokens are searched more carefully: each byte counts, and there is time."""
_SPARSE = 250
"""Where a token stands for more pixels than this, a copy is sought at many more places."""
_SPARSE_SHIFTS = 4
"""Of such pictures tiles of so many sizes are tried."""
_SPARSEST = 1200
"""As `_SPARSE`, and then at four times as many places again."""
_QUICK_DEPTH = 8
_QUICK_NEIGHBOURS = 4


@part
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


@part
def _rank_pixels(indices: Any, colours: Any, n_colours: int, space: Any, pixels: Any) -> int:
    """Write the pixels as they are coded; how many colours occur, or `BAD_INDEX`."""
    flat = indices.reshape(indices.size)
    counts = space.counts
    ranks = space.ranks
    counts[:] = 0
    for i in range(flat.size):
        counts[flat[i]] = 1
    used = rank_colours(colours, n_colours, counts, True, space.palette, ranks)
    if used > 0:
        for i in range(flat.size):
            pixels[i] = ranks[flat[i]]
        if per_byte(used) > 1:
            pack(pixels[: flat.size], indices.shape[1], used, pixels)
    return used


@kernel
def encode_thorough(
    indices: Any,
    colours: Any,
    n_colours: int,
    pixels: Any,
    space: Any,
    out: Any,
    depth: int,
    neighbours: int,
    before: int,
    after: int,
    groups: int,
    shift: int,
    step: int,
    shifts: int,
) -> int:
    """Encode an indexed image as a small WebP file.

    The pixels are cut with the costs of a quick scan, searching little, and again with the costs that
    gave; then tiles are sorted into groups of codes, and the pixels cut again with the costs of their
    groups, for as long as that makes the file smaller.

    Parameters
    ----------
    indices, colours, n_colours, pixels, out : as `encode_fast` takes them
    space : `Space`, scratch
    depth, neighbours : at how many far and near places a copy is sought
    before, after : how often the pixels are cut so before the tiles are sorted, where the tokens are
        few, and at most after it
    groups : most groups of codes, up to `GROUPS`
    shift, step, shifts : tiles of 2**shift pixels and of `step` powers more are tried, `shifts` in all,
        one where the tokens are many

    Returns
    -------
    int
        As `encode_fast`.
    """
    height, width = indices.shape
    used = _rank_pixels(indices, colours, n_colours, space, pixels)
    if used < 0:
        return BAD_INDEX
    if out.size < HEAD:
        return -HEAD
    across = packed_width(width, used)
    coded = pixels[: height * across]
    near = _fill_near(across, neighbours, space.near)

    first = space.tokens[0]
    trial = space.tokens[1]
    held = space.tokens[2]
    labels = space.labels[0]
    tried = space.labels[1]
    space.greens[0] = 0
    space.distances[0] = 0
    if scan(coded, across, first, space.greens[0], space.distances[0], space.table) < 0:
        return SHORT_TOKENS
    symbol_costs(space.greens[0], space.distances[0], space.green_costs[0], space.distance_costs[0])
    labels[:] = 0
    large = tile_shift(across, height, 9)
    slack, trim, seeds, widest = 0, 1, 1, 4 * depth
    count = parse(
        coded, across, large, labels, space, min(near, _QUICK_NEIGHBOURS), _QUICK_DEPTH, slack, trim, first
    )
    if count < _VERY_FEW:
        depth, slack, trim, seeds = 2 * depth, 4 * BIT, 3, 8
    elif count < _FEW or count * 2 * _SPARSE < coded.size:
        depth, slack, trim, seeds = 2 * depth, 2 * BIT, 3, 2
    if count >= _FEW:
        before, shifts = 0, 1
    if count * _SPARSE < coded.size:
        depth = 4 * widest if count * _SPARSEST < coded.size else widest
        near = _fill_near(across, NEAR - 2, space.near)
        step, shifts = 1, _SPARSE_SHIFTS
    for turn in range(1 + before):
        if turn > 0:
            count = parse(coded, across, large, labels, space, near, depth, slack, trim, first)
        if count < 0:
            return SHORT_TOKENS
        tile_tokens(first, count, across, large, space.tiles)
        model(first, count, labels, 1, space)

    least = 1 << 62
    groups_held = 1
    shift_held = large
    count_held = count
    for turn in range(shifts + 1):
        last = turn == shifts
        size = shift_held if last else tile_shift(across, height, shift) + turn * step
        if size > 9:
            continue
        wide = tiles_across(across, size)
        n_tiles = wide * tiles_across(height, size)
        tile_tokens(first, count, across, size, space.tiles)
        if not last:
            tried[:] = 0
            n, bits = cluster(first, count, n_tiles, wide, size, 1, groups, seeds, space, tried, out)
            if bits < least:
                least, groups_held, shift_held, count_held = bits, n, size, count
                labels[:] = tried
                held[:count] = first[:count]
            continue
        n = groups_held
        tried[:] = labels
        model(first, count, tried, n, space)
        for _ in range(after):
            again = parse(coded, across, size, tried, space, near, depth, slack, trim, trial)
            if again < 0:
                return SHORT_TOKENS
            tile_tokens(trial, again, across, size, space.tiles)
            n, bits = cluster(trial, again, n_tiles, wide, size, n, groups, seeds, space, tried, out)
            if bits >= least:
                break
            least, groups_held, shift_held, count_held = bits, n, size, again
            labels[:] = tried
            held[:again] = trial[:again]

    shown = used if per_byte(used) > 1 else max(used, 17)
    start_file(out, space.bits, width, height, space.palette, used, shown, space.scratch)
    wide = tiles_across(across, shift_held)
    n_tiles = wide * tiles_across(height, shift_held)
    tile_tokens(held, count_held, across, shift_held, space.tiles)
    model(held, count_held, labels, groups_held, space)
    bits = write_groups(out, labels, n_tiles, wide, shift_held, groups_held, space)
    needed = space.bits[2] + 32 + (bits >> 3)
    if needed > out.size:
        return -max(needed, HEAD)
    write_group_tokens(out, held, count_held, labels, space)
    size_bytes: int = finish_file(out, space.bits)
    return size_bytes
