"""Themes: the promised colours, readable whatever the background, derived again on change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kf_widget.chart.inks import BACKGROUND, DOWN, INKS, TEXT, UP
from kf_widget.chart.theme import THEMES, Theme, contrast, mix, theme_named

colour = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06X}")

PUBLISHED = {
    "classic": ("#000000", "#00FF00", "#FF0000", "#333333"),
    "modern": ("#1E1E1E", "#26A69A", "#EF5350", "#424242"),
    "tradingview": ("#131722", "#089981", "#F23645", "#2A2E39"),
    "light": ("#FFFFFF", "#26A69A", "#EF5350", "#E0E0E0"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_theme_has_its_published_colours(name: str) -> None:
    theme = theme_named(name)
    assert (theme.background, theme.up, theme.down, theme.grid) == PUBLISHED[name]
    assert theme.dark == (name != "light")


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_everything_one_reads_is_readable(theme: Theme) -> None:
    assert contrast(theme.text, theme.background) >= 7
    assert contrast(theme.text_strong, theme.background) >= contrast(theme.text, theme.background) + 3
    assert contrast(theme.tag_text, theme.tag_up) >= 4.5
    assert contrast(theme.tag_text, theme.tag_down) >= 4.5
    for ink in ("up", "down", "wick_up", "wick_down", "line", "study_1", "study_2", "study_3", "study_4"):
        assert contrast(getattr(theme, ink), theme.background) >= 2.8, ink
    assert contrast(theme.crosshair, theme.background) >= 3
    # The ground of the picture stays behind: grid, volume and area are quieter than what they carry.
    for quiet in ("grid", "border", "volume_down", "area"):
        loudness = contrast(getattr(theme, quiet), theme.background)
        assert 1.15 <= loudness < contrast(theme.down, theme.background), quiet


@given(colour, colour, colour)
def test_custom_colours_stay_readable(background: str, up: str, down: str) -> None:
    theme = theme_named("classic").replace(background=background, up=up, down=down)
    assert (theme.background, theme.up, theme.down) == (background, up, down)
    assert contrast(theme.text, background) >= 4.5
    assert contrast(theme.text_strong, background) >= contrast(theme.text, background)
    assert contrast(theme.tag_text, theme.tag_up) >= 4.5
    assert contrast(theme.tag_text, theme.tag_down) >= 4.5
    assert theme.grid != background
    assert theme.volume_up == mix(background, up, 0.4)


def test_colours_follow_the_inks() -> None:
    colours = theme_named("tradingview").colours()
    assert colours.dtype == np.uint32
    assert len(colours) == len(INKS)
    assert colours[BACKGROUND] == 0xFF131722
    assert colours[UP] == 0xFF089981
    assert colours[DOWN] == 0xFFF23645
    assert colours[TEXT] == 0xFFB2B5BE
    assert colours is theme_named("tradingview").colours()
    with pytest.raises(ValueError, match="read-only"):
        colours[0] = 0


def test_replace_derives_what_follows_and_nothing_else() -> None:
    base = theme_named("tradingview")
    theme = base.replace(up="#0f0")
    assert theme.up == theme.wick_up == "#00FF00"
    assert theme.volume_up == mix(base.background, "#00FF00", 0.4)
    assert (theme.text, theme.grid, theme.volume_down) == (base.text, base.grid, base.volume_down)
    assert base.replace() is base
    assert base.replace(up=None) is base
    assert base.replace(up=base.up) == base


def test_replace_keeps_what_was_set_by_hand() -> None:
    theme = theme_named("light").replace(volume_up="#123456", text="#222").replace(up="#00AA00")
    assert theme.volume_up == "#123456"
    assert theme.text == "#222222"
    assert theme.wick_up == "#00AA00"


def test_a_light_background_turns_a_dark_theme_over() -> None:
    theme = theme_named("classic").replace(background="#FAFAFA")
    assert not theme.dark
    assert contrast(theme.grid, "#FAFAFA") < 1.6
    assert contrast(theme.text, "#FAFAFA") >= 7


@pytest.mark.parametrize("bad", ["red", "#12", "#12345", "#GGGGGG", "26A69A", "#26A69A\n", ""])
def test_a_bad_colour_is_refused_with_the_way_to_write_it(bad: str) -> None:
    with pytest.raises(ValueError, match=r'up must be a colour written "#RGB" or "#RRGGBB", got'):
        theme_named("classic").replace(up=bad)


def test_wrong_kinds_are_type_errors() -> None:
    with pytest.raises(TypeError, match="background must be a colour"):
        theme_named("classic").replace(background=0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Did you mean 'background'"):
        theme_named("classic").replace(bakground="#000")
    with pytest.raises(TypeError, match="name must be a string"):
        theme_named(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "meant"), [("clasic", "classic"), ("TradingView", "tradingview"), ("lite", "light")]
)
def test_a_misspelt_name_gets_a_hint(typed: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"classic, modern, tradingview, light.*Did you mean '{meant}'"):
        theme_named(typed)


def test_themes_are_frozen_and_pass_through() -> None:
    theme = theme_named("light")
    assert theme_named(theme) is theme
    with pytest.raises(dataclasses.FrozenInstanceError):
        theme.up = "#000000"  # type: ignore[misc]
