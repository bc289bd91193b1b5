from __future__ import annotations

import font_roboto
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont

from kf_widget.chart.inks import TEXT
from kf_widget.chart.scene import Scene, Texts
from kf_widget.raster import measure, rasterize
from kf_widget.raster.glyphs import levels_of
from tests.raster.reference import levels


def draw(strings, x=20, y=30, scene=None, **options):
    scene = scene or Scene(160, 40)
    scene.add(
        Texts([x] * len(strings), [y] * len(strings), strings, TEXT, options.pop("size_px", 12), **options)
    )
    out = np.empty((scene.height, scene.width), np.uint8)
    palette = rasterize(scene, out)
    return levels(out, palette, TEXT, 0)


def pillow(text, size_px, weight, pen, baseline):
    """The text drawn letter by letter by Pillow, as levels of a 160 x 40 image."""
    path = font_roboto.Roboto if weight == "regular" else font_roboto.RobotoMedium
    font = ImageFont.truetype(path, size_px, layout_engine=ImageFont.Layout.BASIC)
    image = np.zeros((40, 160), np.uint8)
    for letter in text:
        mask, (x, y) = font.getmask2(letter, mode="L", anchor="ls")
        width, height = mask.size
        x, y = x + pen, y + baseline
        here = image[y : y + height, x : x + width]
        np.maximum(here, levels_of(np.array(mask, np.uint8).reshape(height, width)), out=here)
        pen += round(font.getlength(letter))
    return image


@pytest.mark.parametrize("weight", ["regular", "medium"])
@pytest.mark.parametrize("size_px", [9, 11, 12, 13, 22])
def test_glyphs_are_pillows(size_px, weight):
    text = "0.25 Ag€\N{MINUS SIGN}"
    expected = pillow(text, size_px, weight, 20, 30)
    assert expected.max() == 8
    np.testing.assert_array_equal(draw([text], size_px=size_px, weight=weight), expected)


def test_alignment_puts_the_measured_length_where_it_is_asked():
    length = int(measure("1,234.50", 12))
    left = draw(["1,234.50"], x=100 - length)
    np.testing.assert_array_equal(draw(["1,234.50"], x=100, align="right"), left)
    np.testing.assert_array_equal(draw(["1,234.50"], x=100 - length / 2, align="center"), left)
    assert np.flatnonzero(left.any(axis=0)).max() < 100


@pytest.mark.parametrize("size_px", [11, 12, 13, 24])
def test_middle_centres_the_digits(size_px):
    rows = np.flatnonzero(draw(["0"], y=20, valign="middle", size_px=size_px).any(axis=1))
    assert abs((rows[0] + rows[-1] + 1) / 2 - 20) <= 0.5


def test_digits_have_equal_widths():
    for size_px in range(8, 40):
        assert len(set(measure(list("0123456789"), size_px).tolist())) == 1


def test_measure_takes_one_line_or_many():
    one = measure("Volume", 13, "medium")
    assert isinstance(one, float)
    many = measure(["Volume", "", "VolumeVolume"], 13, "medium")
    np.testing.assert_array_equal(many, [one, 0, 2 * one])
    assert one > measure("Volume", 12, "medium")


def test_characters_the_font_lacks_draw_a_box_and_control_characters_nothing():
    box = draw(["中"])
    assert box.any()
    for missing in ("\U0001f600", "\ud800", "\U0010ffff"):
        np.testing.assert_array_equal(draw([missing]), box)
        assert measure(missing, 12) == measure("中", 12)
    assert not draw(["\n\r\t\x00\x7f\u200b\u2028\ufeff"]).any()
    np.testing.assert_array_equal(draw(["a\nb"]), draw(["ab"]))


def test_strings_at_no_place_are_not_drawn():
    for x, y in ((np.nan, 3), (3, np.nan), (np.inf, 3), (3, -np.inf), (3e38, 0)):
        assert not draw(["text"], x, y).any()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=12), st.floats(-200, 200, width=32), st.floats(-50, 80, width=32))
def test_any_text_is_clipped(text, x, y):
    whole = draw([text], x, y)
    scene = Scene(160, 40)
    scene.add(Texts([x], [y], [text], TEXT, 12), (40, 10, 90, 25))
    out = np.empty((40, 160), np.uint8)
    clipped = levels(out, rasterize(scene, out), TEXT, 0)
    np.testing.assert_array_equal(clipped[10:25, 40:90], whole[10:25, 40:90])
    clipped[10:25, 40:90] = 0
    assert not clipped.any()
