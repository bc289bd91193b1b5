"""SVG: the raster's pixels in Chromium, escaped text, small and the same every time."""

from __future__ import annotations

import gzip
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from kf_widget import Bars, Chart
from kf_widget.chart import inks
from kf_widget.chart.compose import Style, compose
from kf_widget.chart.scene import Area, Polyline, Rects, Scene, Texts
from kf_widget.chart.series import CHART_TYPES
from kf_widget.chart.subject import Subject
from kf_widget.chart.theme import theme_named
from kf_widget.chart.view import Viewport
from kf_widget.frame.svg import encode_svg, encode_svgz
from kf_widget.raster import measure, raster_rgb, rasterize

if TYPE_CHECKING:
    from playwright.sync_api import Browser

THEME = theme_named("light").colours()
START, MINUTE = 1_704_067_200 * 10**9, 60 * 10**9
SVG = "{http://www.w3.org/2000/svg}"


def bars(n: int) -> Bars:
    rng = np.random.default_rng(0)
    close = 100 + np.cumsum(rng.normal(0, 0.5, n)).round(2)
    open = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(open, close) + 0.25, np.minimum(open, close) - 0.25
    return Bars.from_columns(START + np.arange(n) * MINUTE, open, high, low, close, rng.random(n))


def scene_of(n: int, width: int, height: int, **style: object) -> Scene:
    subject = Subject.of(bars(n))
    viewport = Viewport(0, n * MINUTE, None, width, height)
    return compose(subject, viewport, Style(**style), measure).scene  # type: ignore[arg-type]


def raster_of(scene: Scene) -> np.ndarray:
    indices = np.empty((scene.height, scene.width), np.uint8)
    palette = rasterize(scene, indices)
    return raster_rgb(indices, palette.colours(THEME), channels=3).astype(int)


def shown(browser: Browser, scene: Scene) -> np.ndarray:
    page = browser.new_page(viewport={"width": scene.width, "height": scene.height})
    try:
        document = encode_svg(scene, THEME).decode()
        page.set_content(f"<style>*{{margin:0}} svg{{display:block}}</style>{document}")
        return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    finally:
        page.close()


@pytest.mark.browser
@pytest.mark.parametrize("chart_type", CHART_TYPES)
def test_chromium_shows_the_pixels_of_the_raster(browser: Browser, chart_type: str) -> None:
    scene = scene_of(120, 500, 300, chart_type=chart_type, axes=False)
    wanted, got = raster_of(scene), shown(browser, scene)
    far = np.abs(wanted - got).max(axis=2) > 60
    drawn = (wanted != wanted[0, 0]).any(axis=2).sum()
    # Rectangles are exact; lines differ where they are antialiased, bricks where they overlap.
    assert far.sum() <= (0 if chart_type in ("candle", "bars", "hollow", "heikin_ashi") else 0.06 * drawn)


@pytest.mark.browser
def test_text_stands_where_the_raster_puts_it(browser: Browser) -> None:
    scene = Scene(200, 100)
    scene.add(Texts([100], [50], ["HHHHHH"], inks.TEXT_STRONG, 24, align="center", valign="middle"))
    boxes = []
    for image in (raster_of(scene), shown(browser, scene)):
        rows, columns = np.nonzero(np.abs(image - image[0, 0]).max(axis=2) > 90)
        boxes.append((rows.min(), rows.max(), (columns.min() + columns.max()) / 2))
    assert np.abs(np.subtract(*boxes)).max() <= 2


def test_rectangles_are_the_rasters_whatever_their_clip() -> None:
    rng = np.random.default_rng(1)
    scene = Scene(60, 40)
    x, y = rng.integers(-20, 70, 50), rng.integers(-20, 50, 50)
    scene.add(Rects(x, y, x + rng.integers(-2, 12, 50), y + rng.integers(-2, 9, 50), inks.UP), (5, 5, 50, 30))
    x, y = np.arange(3, 57, 9), np.array([12, 3, 20, 33, 8, 1])
    scene.add(Rects(x, y, x + 3, y + 5, inks.UP))
    canvas = np.zeros((40, 60), bool)
    for path in ET.fromstring(encode_svg(scene, THEME)).iter(f"{SVG}path"):
        if path.get("fill") == "#fff":
            continue
        fill_path(canvas, path)
    np.testing.assert_array_equal(canvas, (raster_of(scene) != raster_of(scene)[0, 0]).any(axis=2))


def fill_path(canvas: np.ndarray, path: ET.Element) -> None:
    """A slow reading of the two kinds of path that rectangles become: strokes, and closed boxes."""
    stroke = int(path.get("stroke-width") or 0)
    numbers = r"(-?[\d.]+) ?(-?[\d.]+)"
    shape = rf"([Mm]){numbers}v(\d+)" if stroke else rf"([Mm]){numbers}h(\d+)v(\d+)h-\d+z"
    x = y = 0.0
    found = list(re.finditer(shape, path.get("d") or ""))
    assert "".join(match[0] for match in found) == path.get("d")
    for match in found:
        move = float(match[2]), float(match[3])
        x, y = move if match[1] == "M" else (x + move[0], y + move[1])
        wide, tall = (stroke, int(match[4])) if stroke else (int(match[4]), int(match[5]))
        left = round(x - stroke / 2)
        canvas[int(y) : int(y) + tall, left : left + wide] = True
        if stroke:
            y += tall


def test_text_is_escaped_and_what_xml_cannot_hold_is_left_out() -> None:
    scene = Scene(100, 50)
    nasty = '</text><script>alert("1")</script>&amp;\x00\x0b\ud800 €'
    scene.add(Texts([5], [20], [nasty], inks.TEXT, 12))
    document = encode_svg(scene, THEME, title="<b>&\x07")
    root = ET.fromstring(document)
    assert root.find(f".//{SVG}text").text == '</text><script>alert("1")</script>&amp; €'  # type: ignore[union-attr]
    assert root.find(f"{SVG}title").text == "<b>&"  # type: ignore[union-attr]
    assert not list(root.iter(f"{SVG}script"))
    assert b"Roboto" in document
    assert "sans-serif" in root.get("font-family", "")


@pytest.mark.parametrize(
    "mark",
    [
        Rects([np.nan, 5], [0, 0], [10, 1], [10, 10], inks.UP),
        Polyline([np.nan, 1, np.inf, 3, np.nan], [1, 2, 3, -np.inf, 5], 1.5, inks.LINE),
        Polyline([], [], 1, inks.LINE),
        Area([np.nan, 1, 2], [5, np.nan, 3], 20, inks.AREA),
        Texts([np.nan, np.inf], [1, 1], ["a", "b"], inks.TEXT, 10),
    ],
    ids=["rects", "line", "none", "area", "texts"],
)
def test_awkward_marks_give_a_document(mark: Rects | Polyline | Area | Texts) -> None:
    scene = Scene(30, 30)
    scene.add(mark)
    document = encode_svg(scene, THEME)
    ET.fromstring(document)
    assert b"nan" not in document
    assert b"inf" not in document


def test_documents_are_small_and_the_same_every_time() -> None:
    scene = scene_of(1000, 1920, 1080)
    document = encode_svg(scene, THEME)
    assert document == encode_svg(scene_of(1000, 1920, 1080), THEME)
    assert len(document) < 40_000
    packed = encode_svgz(scene, THEME)
    assert gzip.decompress(packed) == document
    assert packed == encode_svgz(scene, THEME)
    assert packed[4:8] == bytes(4), "a date in the header"
    assert len(packed) < 15_000


def test_the_ratio_sets_the_size_in_css_pixels() -> None:
    root = ET.fromstring(encode_svg(Scene(300, 100), THEME, ratio=2.0))
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("150", "50", "0 0 300 100")


def test_a_chart_exports_its_view(tmp_path: Path) -> None:
    chart = Chart(bars(300), theme="light")
    path = chart.export(tmp_path / "chart.svg", width=800, height=400)
    root = ET.parse(path).getroot()
    assert (root.get("width"), root.get("height")) == ("800", "400")
    assert len(list(root.iter(f"{SVG}text"))) >= 6
    packed = chart.export(tmp_path / "chart.svgz", width=800, height=400)
    assert gzip.decompress(packed.read_bytes()) == path.read_bytes()
    doubled = ET.parse(chart.export(tmp_path / "two.svg", width=800, height=400, scale=2)).getroot()
    assert (doubled.get("width"), doubled.get("viewBox")) == ("800", "0 0 1600 800")
