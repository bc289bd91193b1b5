"""Whole scenes. ``KF_WIDGET_UPDATE_GOLDEN=1 pytest tests/raster`` rewrites the golden images."""

from __future__ import annotations

import multiprocessing
import os
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, features

from kf_widget.chart import inks
from kf_widget.chart.scene import Area, Polyline, Rects, Scene, Texts
from kf_widget.raster import plan, raster_rgb, rasterize
from kf_widget.raster.glyphs import Atlas

GOLDEN = Path(__file__).parent / "golden"
# Only for whoever looks at the golden images: what is compared are the indices.
_RGB = """
    131722 2a2e39 2a2e39 b2b5be d1d4dc 26a69a ef5350 26a69a ef5350 1b5752
    763b40 2962ff 1a2a55 26a69a ef5350 ffffff f5a623 29b6f6 ab47bc 66bb6a
"""
COLOURS = np.array([int("ff" + colour, 16) for colour in _RGB.split()], np.uint32)


def draw(scene):
    out = np.empty((scene.height, scene.width), np.uint8)
    return out, rasterize(scene, out)


def small_chart(ratio: int, text: bool) -> Scene:
    """A chart with every kind of mark; integers and exact fractions only, so the same everywhere."""
    scene = Scene(200 * ratio, 120 * ratio)
    plot = (0, 0, 160 * ratio, 100 * ratio)
    k = np.arange(40)
    mid = 50 + (k * 37 % 23) - (k * 11 % 17) / 2
    half = 2 + k * 7 % 9
    x = (4 * k + 1) * ratio
    scene.add(
        Rects(np.zeros(4), 25 * k[:4] * ratio, [plot[2]] * 4, 25 * k[:4] * ratio + ratio, inks.GRID), plot
    )
    scene.add(Area(x, (mid + 30) * ratio, 100 * ratio, inks.AREA), plot)
    scene.add(Polyline(x, (mid + 30) * ratio, 2 * ratio, inks.LINE, (inks.BACKGROUND, inks.AREA)), plot)
    rising = k % 3 != 0
    wick = np.where(rising, inks.WICK_UP, inks.WICK_DOWN)
    body = np.where(rising, inks.UP, inks.DOWN)
    scene.add(Rects(x, (mid - 2 * half) * ratio, x + ratio, (mid + 2 * half) * ratio, wick), plot)
    scene.add(Rects(x - ratio, (mid - half) * ratio, x + 2 * ratio, (mid + half) * ratio, body), plot)
    scene.add(Polyline(x, np.where(k % 13 == 5, np.nan, mid - 12) * ratio, 1.5 * ratio, inks.STUDY_1), plot)
    scene.add(Polyline(x[::3], (70 - 60 * (k[::3] % 2)) * ratio, ratio, inks.STUDY_2), plot)
    scene.add(Rects([160 * ratio], [42 * ratio], [200 * ratio], [58 * ratio], inks.TAG_DOWN))
    if text:
        size = 11 * ratio
        labels = ["101.25", "100.00", "98.75"]
        scene.add(
            Texts([164 * ratio] * 3, 25 * k[[0, 1, 3]] * ratio, labels, inks.TEXT, size, "left", "middle")
        )
        scene.add(
            Texts([40 * ratio, 120 * ratio], [114 * ratio] * 2, ["Mar", "09:30"], inks.TEXT, size, "center")
        )
        tag = Texts([196 * ratio], [50 * ratio], ["99.30"], inks.TAG_TEXT, size, "right", "middle")
        tag.background, tag.weight = inks.TAG_DOWN, "medium"
        scene.add(tag)
    return scene


@pytest.mark.parametrize("ratio", [1, 2])
@pytest.mark.parametrize("text", [False, True], ids=["marks", "text"])
def test_golden(ratio, text):
    out, palette = draw(small_chart(ratio, text))
    path = GOLDEN / f"{'text' if text else 'marks'}@{ratio}x.png"
    freetype = features.version("freetype2")
    if os.environ.get("KF_WIDGET_UPDATE_GOLDEN"):
        image = Image.fromarray(out)
        image.putpalette(
            raster_rgb(np.arange(len(palette), dtype=np.uint8)[None], palette.colours(COLOURS)).tobytes()
        )
        facts = PngImagePlugin.PngInfo()
        facts.add_text("freetype", freetype)
        image.save(path, pnginfo=facts, optimize=False)
    with Image.open(path) as image:
        if text and image.text["freetype"] != freetype:
            pytest.skip(f"drawn with FreeType {image.text['freetype']}, here is {freetype}")
        np.testing.assert_array_equal(out, np.array(image))


def guarded(height, width, guard=1 << 14):
    """An image in the middle of a buffer of 0xA5, and the buffer's two other parts."""
    buffer = np.full(width * height + 2 * guard, 0xA5, np.uint8)
    return buffer[guard:-guard].reshape(height, width), (buffer[:guard], buffer[-guard:])


@pytest.mark.parametrize("rise", [1e-38, -1e-38, 1e-45])
def test_a_nearly_level_line_stays_inside_the_image(rise):
    # The columns near such a line are too many for an integer.
    for base in (0.0, 1.0):
        scene = Scene(30, 9)
        scene.add(Polyline([0, 30], [base, np.nextafter(base, 1) if base else rise], 1.5, inks.LINE))
        out, guards = guarded(9, 30)
        palette = rasterize(scene, out)
        assert all((guard == 0xA5).all() for guard in guards)
        rows = np.flatnonzero((palette.ink[out] == inks.LINE).all(axis=1))
        assert rows.tolist() == ([0] if base == 0 else [0, 1])


number = st.one_of(
    *[st.floats(-40, 70, width=32)] * 3,
    st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e9, -1e9, 1e-38, 2.0**31, -(2.0**31), 2.0**23]),
)
ink = st.integers(0, 19)
clip = st.none() | st.tuples(*[st.sampled_from([-(10**12), -3, 0, 5, 17, 29, 31, 10**12])] * 4)


@st.composite
def marks(draw):
    points = np.array(draw(st.lists(st.tuples(number, number, number, number), max_size=6))).reshape(-1, 4).T
    kind = draw(st.sampled_from(["rects", "polyline", "area", "texts"]))
    if kind == "rects":
        return Rects(*points, ink=draw(ink))
    x, y = points[:2].astype(np.float32)
    if kind == "polyline":
        return Polyline(x, y, draw(st.sampled_from([0.3, 1, 1.5, 4, 90, 9999])), draw(ink), draw(ink))
    if kind == "area":
        x = x if draw(st.booleans()) else np.sort(x)
        return Area(x, y, draw(number.filter(lambda base: base == base)), draw(ink), draw(ink))
    strings = [draw(st.text(max_size=5)) for _ in range(x.size)]
    align = draw(st.sampled_from(["left", "center", "right"]))
    return Texts(x, y, strings, draw(ink), draw(st.sampled_from([1, 11, 40])), align, "middle", draw(ink))


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 31), st.integers(1, 31), st.lists(st.tuples(marks(), clip), max_size=5))
def test_nothing_is_written_outside_the_image(width, height, layers):
    scene = Scene(width, height)
    for mark, bounds in layers:
        scene.add(mark, bounds)
    out, guards = guarded(height, width)
    palette = rasterize(scene, out)
    assert all((guard == 0xA5).all() for guard in guards)
    assert out.max() < len(palette)
    np.testing.assert_array_equal(draw(scene)[0], out)


def test_threads_at_once_draw_what_one_draws(monkeypatch):
    scenes = [small_chart(ratio, True) for ratio in (1, 2, 3, 4, 5, 6)]
    expected = [draw(scene)[0] for scene in scenes]
    for _ in range(5):
        monkeypatch.setattr(plan, "ATLAS", Atlas())  # all threads add glyphs while they draw
        start = threading.Barrier(4)
        results = [[None] * len(scenes) for _ in range(4)]

        def work(k, start=start, results=results):
            start.wait()
            for i in range(len(scenes)):
                results[k][(i + k) % len(scenes)] = draw(scenes[(i + k) % len(scenes)])[0]

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for result in results:
            for got, want in zip(result, expected, strict=True):
                np.testing.assert_array_equal(got, want)


def _draw_to(queue, ratio):
    queue.put(draw(small_chart(ratio, True))[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_draws_too():
    context = multiprocessing.get_context("fork")
    with plan.ATLAS._lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking while threads exist, from 3.12
        queue = context.SimpleQueue()
        child = context.Process(target=_draw_to, args=(queue, 7))
        child.start()
    got = queue.get()
    child.join(30)
    assert child.exitcode == 0
    np.testing.assert_array_equal(got, draw(small_chart(7, True))[0])


def test_too_many_shades_halve_the_ramps_of_the_whole_scene():
    scene = Scene(40, 40)
    for over in range(1, 19):
        for under in range(3):
            scene.add(Polyline([0, 40], [over, 2 * over], 1, over, under))
    out, palette = draw(scene)
    assert len(palette) <= 256
    assert set(palette.level.tolist()) == {2, 4, 6, 8}
    assert out.max() < len(palette)


def test_only_inks_in_use_are_in_the_palette_and_the_background_is_first():
    scene = Scene(8, 8, inks.TEXT)
    scene.add(Rects([1], [1], [3], [3], inks.UP))
    scene.add(Polyline([], [], 1, inks.LINE))
    out, palette = draw(scene)
    assert palette.ink.tolist() == [inks.TEXT, inks.UP]
    assert out[0, 0] == 0
    assert out[1, 1] == 1


def test_wrong_buffers_are_refused():
    scene = Scene(8, 4)
    for out in (np.empty((8, 4), np.uint8), np.empty((4, 8), np.int8), np.empty((4, 16), np.uint8)[:, ::2]):
        with pytest.raises(ValueError, match=r"uint8 array of shape \(4, 8\), got"):
            rasterize(scene, out)
