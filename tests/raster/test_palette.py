from __future__ import annotations

import numpy as np
import pytest

from kf_widget.raster.palette import allocate

THEME = np.array([0xFF000000 | i * 0x0B0D11 for i in range(64)], np.uint32)


def mixed(over: int, under: int, level: int) -> int:
    word = 0xFF
    for shift in (16, 8, 0):
        a, b = over >> shift & 255, under >> shift & 255
        word = word << 8 | int((a * level + b * (8 - level)) / 8 + 0.5)
    return word


def test_colours_mix_ink_and_background_by_level():
    layout = allocate((0, 3, 5), ((5, 0), (3, 5)))
    colours = layout.palette.colours(THEME)
    assert colours.tolist()[:3] == [THEME[0], THEME[3], THEME[5]]
    for pair, over, under in (((5, 0), 5, 0), ((3, 5), 3, 5)):
        first = layout.ramp_of[pair]
        assert colours[first : first + 7].tolist() == [
            mixed(int(THEME[over]), int(THEME[under]), level) for level in range(1, 8)
        ]


def test_a_transparent_background_keeps_the_inks_colour():
    layout = allocate((0, 1), ((1, 0),))
    colours = layout.palette.colours(np.array([0x00FFFFFF, 0xFF102030], np.uint32))
    assert [hex(c) for c in colours[[0, 1, 5]].tolist()] == ["0xffffff", "0xff102030", "0x80102030"]


@pytest.mark.parametrize(
    ("n_ramps", "steps"), [(0, 8), (33, 8), (34, 4), (78, 4), (79, 2), (236, 2), (237, 1)]
)
def test_ramps_halve_rather_than_pass_256(n_ramps, steps):
    pairs = tuple((i % 20, 20 + i // 20) for i in range(n_ramps))
    inks = tuple(range(20))
    layout = allocate(inks, pairs)
    assert layout.steps == steps
    assert len(layout.palette) == 20 + n_ramps * (steps - 1) <= 256
    assert sorted(set(layout.palette.level[20:].tolist())) == [
        8 // steps * r for r in range(1, steps) if n_ramps
    ]


def test_the_same_scene_gives_the_same_palette_and_repeats_cost_no_entries():
    first = allocate((0, 1), ((1, 0), (1, 0), (0, 0)))
    assert first is allocate((0, 1), ((1, 0), (1, 0), (0, 0)))
    assert len(first.palette) == 9
