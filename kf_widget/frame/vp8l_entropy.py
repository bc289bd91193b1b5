"""Groups of codes as written: the entropy image, the codes, the tokens (RFC 9649, section 3.7.2.2)."""

from __future__ import annotations

from typing import Any

from kf_widget.frame.vp8l_bits import put
from kf_widget.frame.vp8l_codes import write_code
from kf_widget.frame.vp8l_matches import LONGEST
from kf_widget.frame.vp8l_smooth import write_smooth_code
from kf_widget.frame.vp8l_tokens import (
    DISTANCES,
    GREENS,
    copy_token,
    tokens_bits,
    write_lone_code,
    write_tokens,
)
from kf_widget.jit import part

__all__ = ["write_group_tokens", "write_groups", "write_tiles"]


@part(_nrt=False)
def _write_labels(out: Any, labels: Any, n_tiles: int, across: int, space: Any) -> None:
    """The entropy image: group numbers as green, copied from above or from the left."""
    counts = space.label_counts
    codes = space.label_codes
    tokens = space.label_tokens
    bits = space.bits
    counts[:] = 0
    count = 0
    at = 0
    while at < n_tiles:
        best = 0
        code = 0
        for side in range(2):
            back = across if side == 0 else 1
            run = 0
            if at >= back:
                while at + run < n_tiles and run < LONGEST and labels[at + run] == labels[at + run - back]:
                    run += 1
            if run > best:
                best = run
                code = side + 1
        if best >= 3:
            tokens[count] = copy_token(best, code)
            counts[1, (tokens[count] >> 19) & 63] += 1
            at += best
        else:
            tokens[count] = labels[at]
            at += 1
        counts[0, tokens[count] & 511] += 1
        count += 1
    put(out, bits, 0, 1)  # no colour cache
    write_code(out, bits, counts[0], GREENS, space.lengths, codes[0], space.scratch)
    for _ in range(3):
        write_lone_code(out, bits, 0)
    write_code(out, bits, counts[1], DISTANCES, space.lengths, codes[1], space.scratch)
    write_tokens(out, bits, tokens, count, codes[0], codes[1])


@part(_nrt=False)
def write_tiles(
    out: Any, labels: Any, n_tiles: int, across: int, shift: int, groups: int, space: Any
) -> None:
    """Say how many groups there are, and which tile is whose; takes what `write_groups` does."""
    if groups == 1:
        put(out, space.bits, 0, 1)
    else:
        put(out, space.bits, 1 | ((shift - 2) << 1), 4)
        _write_labels(out, labels, n_tiles, across, space)


@part(_nrt=False)
def write_groups(
    out: Any, labels: Any, n_tiles: int, across: int, shift: int, groups: int, smooth: bool, space: Any
) -> Any:
    """Write the entropy image and all codes; how many bits the tokens will take.

    Parameters
    ----------
    out : uint8 (n,), `HEAD` bytes from the bit writer's position on may be overwritten
    labels : uint8 (n_tiles,), group of each tile, rows of `across`
    smooth : whether to look for codes that are short to write down, which takes five times as long
    space : ``space.greens`` and ``space.distances`` are read, codes and label buffers overwritten,
        ``space.bits`` is the bit writer
    """
    bits = space.bits
    write_tiles(out, labels, n_tiles, across, shift, groups, space)
    total = 0
    for group in range(groups):
        greens = space.greens[group]
        distances = space.distances[group]
        green_codes = space.green_codes[group]
        distance_codes = space.distance_codes[group]
        for side in range(2):
            counts = greens if side == 0 else distances
            codes = green_codes if side == 0 else distance_codes
            if smooth:
                write_smooth_code(
                    out, bits, counts, counts.size, space.lengths, codes, space.evened, space.scratch
                )
            else:
                write_code(out, bits, counts, counts.size, space.lengths, codes, space.scratch)
            for _ in range(3 if side == 0 else 0):
                write_lone_code(out, bits, 0)
        total += tokens_bits(greens, distances, green_codes, distance_codes)
    return total


@part(_nrt=False)
def write_group_tokens(out: Any, tokens: Any, count: int, labels: Any, space: Any) -> None:
    """Write each token with the codes of its tile.

    Parameters
    ----------
    out : uint8 (n,), with room, which nothing checks here
    tokens : int64 (count,)
    labels : uint8 (tiles,)
    space : its codes, tiles and bit writer are used
    """
    at = 0
    while at < count:
        group = labels[space.tiles[at]]
        stop = at + 1
        while stop < count and labels[space.tiles[stop]] == group:
            stop += 1
        write_tokens(
            out, space.bits, tokens[at:stop], stop - at, space.green_codes[group], space.distance_codes[group]
        )
        at = stop
