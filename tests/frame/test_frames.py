"""Whole frames: the same bytes on any thread, in a forked process, and after other frames."""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from kf_widget.chart.compose import Style
from kf_widget.chart.subject import Subject
from kf_widget.chart.theme import THEMES, theme_named
from kf_widget.chart.view import Viewport
from kf_widget.frame.render import Renderer
from kf_widget.frame.webp import encode_webp, encode_webp_pillow
from kf_widget.history.ticks import Ticks

START = 1_704_060_000 * 10**9


def make_subject() -> Subject:
    rng = np.random.default_rng(5)
    time_ns = START + np.cumsum(rng.integers(0, 5, 30_000)) * 10**9
    price = 50 + 0.01 * np.cumsum(rng.integers(-3, 4, 30_000)).astype(np.float64)
    return Subject.of(Ticks.from_columns(time_ns, price, rng.integers(1, 9, 30_000).astype(np.float64)))


SUBJECT = make_subject()
SPAN = SUBJECT.axis.stop - SUBJECT.axis.start


def viewports() -> list[Viewport]:
    sizes = [(300, 200, 1.0), (500, 300, 2.0), (640, 360, 1.5)]
    return [
        Viewport(
            SUBJECT.axis.start + int(SPAN * left),
            SUBJECT.axis.start + int(SPAN * (left + share)),
            None,
            *size,
        )
        for size in sizes
        for left, share in ((0.0, 1.0), (0.3, 0.1), (0.6, 0.003))
    ]


def render(viewport: Viewport, theme: str = "modern") -> bytes:
    return Renderer().render(SUBJECT, viewport, Style(), theme_named(theme)).webp


def render_all(_: object = None) -> list[bytes]:
    return [render(viewport) for viewport in viewports()]


def pixels(webp: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(webp)).convert("RGB"))


def test_frames_are_the_same_whatever_was_rendered_before() -> None:
    alone = render_all()
    renderer = Renderer()
    frames = {}
    for at in (3, 0, 8, 1, 3, 7, 2, 6, 5, 4, 0):
        frames[at] = renderer.render(SUBJECT, viewports()[at], Style(), theme_named("modern")).webp
    assert [frames[at] for at in range(9)] == alone


def test_threads_render_at_once() -> None:
    alone = render_all()
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(render_all, range(8)):
            assert result == alone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_worker_renders_after_its_parent_did() -> None:
    alone = render_all()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for result in pool.map_async(render_all, range(2)).get(timeout=120):
            assert result == alone


LAYERS = """
import numba, sys
numba.config.THREADING_LAYER = sys.argv[1]
sys.path.insert(0, "tests/frame")
from concurrent.futures import ThreadPoolExecutor
import test_frames as t
alone = t.render_all()
with ThreadPoolExecutor(2) as pool:
    assert all(result == alone for result in pool.map(t.render_all, range(4)))
print("same")
"""


@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_any_threading_layer(layer: str) -> None:
    done = subprocess.run([sys.executable, "-c", LAYERS, layer], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "same", done.stderr


@pytest.mark.parametrize("theme", [*THEMES])
def test_own_encoder_and_pillow_show_the_same_pixels(theme: str) -> None:
    renderer = Renderer()
    for viewport in viewports():
        _, indices, palette = renderer.draw(SUBJECT, viewport, Style())
        colours = palette.colours(theme_named(theme).colours())
        own, pillow = pixels(encode_webp(indices, colours)), pixels(encode_webp_pillow(indices, colours))
        assert (own == pillow).all()
        expected = colours[indices][..., None] >> np.array([16, 8, 0], np.uint32) & 255
        assert (own == expected).all()


def test_a_theme_changes_colours_and_nothing_else() -> None:
    viewport = viewports()[1]
    renderer = Renderer()
    _, first, _ = renderer.draw(SUBJECT, viewport, Style())
    kept = first.copy()
    renderer.render(SUBJECT, viewport, Style(), theme_named("classic"))
    _, again, _ = renderer.draw(SUBJECT, viewport, Style())
    assert (kept == again).all()
    assert render(viewport, "classic") != render(viewport, "light")


def test_a_frame_too_large_is_drawn_at_a_lower_ratio() -> None:
    viewport = Viewport(SUBJECT.axis.start, SUBJECT.axis.stop, None, 16_000, 3_000, 4.0)
    picture, indices, _ = Renderer().draw(SUBJECT, viewport, Style())
    assert indices.shape == (picture.layout.height, picture.layout.width)
    assert max(indices.shape) <= 16_383
    assert indices.size <= 25_000_000
    assert picture.layout.ratio < 1


def test_a_picture_is_kept_for_its_subject_not_for_its_address() -> None:
    renderer, viewport = Renderer(), Viewport(SUBJECT.axis.start, SUBJECT.axis.stop, None, 300, 200, 1.0)
    mine = Subject(SUBJECT.history, SUBJECT.axis, SUBJECT.zone)
    renderer.draw(mine, viewport, Style())
    alive = weakref.ref(mine)
    del mine
    assert alive() is not None
