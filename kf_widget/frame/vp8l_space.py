"""The buffers of the thorough encoder, one set to a thread."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kf_widget.frame.vp8l_codes import SCRATCH
from kf_widget.frame.vp8l_links import HASH_BITS
from kf_widget.frame.vp8l_palette import PALETTE_WORK
from kf_widget.frame.vp8l_tokens import DISTANCES, GREENS, LITERALS

__all__ = [
    "CACHED",
    "DIRECT",
    "GROUPS",
    "NEAR",
    "PLACE_BYTES",
    "RING",
    "TILES",
    "Space",
    "new_space",
    "room_of",
]

GROUPS = 8
"""Most groups of codes that are tried."""
TILES = 2048
"""Most tiles of a picture."""
RING = 8192
"""Positions that may be waiting at once: a power of two above the longest copy."""
CACHED = 256
"""Most places of a colour cache."""
DIRECT = GREENS + CACHED + 3 * LITERALS
"""Symbols of colours that are written without a palette: greens, lengths and the cache, red, blue, alpha."""
NEAR = 64
"""Most close neighbours that a copy is sought at."""
PLACE_BYTES = 88
"""Bytes of all buffers to a position."""


class Space(NamedTuple):
    """Scratch arrays; all are overwritten by each frame, and none says anything before it.

    tokens : int64 (4, m), those first found, those tried now, the best of one search, and of all
    tiles : int64 (m,), the tile that each token begins in
    arena : int64 (2, m), for each position visited the one before and the token that led to it
    links : int32 (2 * m, 4), places that `parse` looks up, as `link` keeps them
    ring : int64 (3, RING), cost, last position and token of the positions ahead
    marks : uint64 (RING / 64,), which positions ahead have been reached
    table : int64 (2 * 2**HASH_BITS,), the last place of each hash, in ``links`` or of a scan
    near : int64 (NEAR, 2), distances of close neighbours and their distance codes
    greens, distances : int64 (GROUPS, GREENS), (GROUPS, DISTANCES), how often each symbol occurs
    green_costs, distance_costs : likewise, in 1/256 bit
    green_codes, distance_codes : likewise, finished codes
    labels : uint8 (6, TILES), group of each tile: the best of one search, one tried, three of `cluster`,
        and the best of all
    tile_counts : int32 (TILES, GREENS + DISTANCES), how often each symbol occurs in a tile;
        before, `order_rows` counts pairs of colours there
    tile_costs : int64 (TILES, GROUPS)
    own_costs, excess : int64 (TILES,), with codes of the tile's own, and what it costs above that
    label_tokens : int64 (TILES,), and label_counts, label_codes : int64 (2, GREENS)
    counts, palette, ranks : int64 (256,), as `rank_colours` uses them
    orders : int64 (7, 256), as `order_colours` and `order_rows` use them
    direct_counts, direct_codes : int64 (GROUPS, DIRECT), how often each occurs without a palette, codes
    written : int64 (LITERALS,), colours as they are written then
    lengths, evened : int64 (GREENS + CACHED,)
    found : int64 (2, 7), the best of one search and the best of all, as `vp8l_found` lists it
    bits : int64 (3,), state of the bit writer
    scratch : int64, of those who write codes and palette
    """

    tokens: Any
    tiles: Any
    arena: Any
    links: Any
    ring: Any
    marks: Any
    table: Any
    near: Any
    greens: Any
    distances: Any
    green_costs: Any
    distance_costs: Any
    green_codes: Any
    distance_codes: Any
    labels: Any
    tile_counts: Any
    tile_costs: Any
    own_costs: Any
    excess: Any
    label_tokens: Any
    label_counts: Any
    label_codes: Any
    counts: Any
    palette: Any
    ranks: Any
    orders: Any
    direct_counts: Any
    direct_codes: Any
    written: Any
    lengths: Any
    evened: Any
    found: Any
    bits: Any
    scratch: Any


def new_space(room: int) -> Space:
    """Buffers for up to `room` positions visited; height * width + 2 always do."""

    def whole(*shape: int) -> Any:
        return np.zeros(shape, np.int64)

    return Space(
        tokens=np.empty((4, room), np.int64),
        tiles=np.empty(room, np.int64),
        arena=np.empty((2, room), np.int64),
        links=np.empty((2 * room, 4), np.int32),
        ring=whole(3, RING),
        marks=np.zeros(RING // 64, np.uint64),
        table=whole(2 << HASH_BITS),
        near=whole(NEAR, 2),
        greens=whole(GROUPS, GREENS),
        distances=whole(GROUPS, DISTANCES),
        green_costs=whole(GROUPS, GREENS),
        distance_costs=whole(GROUPS, DISTANCES),
        green_codes=whole(GROUPS, GREENS),
        distance_codes=whole(GROUPS, DISTANCES),
        labels=np.zeros((6, TILES), np.uint8),
        tile_counts=np.zeros((TILES, GREENS + DISTANCES), np.int32),
        tile_costs=whole(TILES, GROUPS),
        own_costs=whole(TILES),
        excess=whole(TILES),
        label_tokens=whole(TILES),
        label_counts=whole(2, GREENS),
        label_codes=whole(2, GREENS),
        counts=whole(LITERALS),
        palette=whole(LITERALS),
        ranks=whole(LITERALS),
        orders=whole(7, LITERALS),
        direct_counts=whole(GROUPS, DIRECT),
        direct_codes=whole(GROUPS, DIRECT),
        written=whole(LITERALS),
        lengths=whole(GREENS + CACHED),
        evened=whole(GREENS + CACHED),
        found=whole(2, 7),
        bits=whole(3),
        scratch=whole(SCRATCH + PALETTE_WORK),
    )


def room_of(space: Space) -> int:
    """How many positions the buffers hold."""
    return int(space.tiles.size)
