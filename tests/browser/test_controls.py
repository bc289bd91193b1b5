"""The toolbar's menus, downloads, and what the crosshair says, checked against the kernel's own numbers."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from tests.browser.lab import Lab, Notebook, View

pytestmark = pytest.mark.timeout(180)
SETUP = """import kf_widget as kf
ticks = kf.sample_ticks(300_000)
chart = kf.Chart(ticks)"""
MID = ("2022-03-01", "2022-06-01")


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Iterator[Notebook]:
    with lab.open([SETUP, "chart"]) as notebook:
        notebook.run_all()
        yield notebook


@pytest.fixture
def view(notebook: Notebook) -> View:
    """The chart on three months, with the settings that it was made with."""
    view = notebook.view()
    shown = view.data["frame"]
    notebook.execute(
        f"chart.timeframe, chart.chart_type, chart.theme = 'auto', 'candle', 'auto'; chart.view = {MID!r}"
    )
    view.wait(f"e => e.dataset.frame !== '{shown}'")
    view.wait("e => e.querySelector('.kf-timeframe').textContent.startsWith('auto')")
    view.wait_exact()
    return view


def choose(view: View, menu: str, value: str) -> None:
    before = view.gesture_seq
    view.choose(menu, value)
    view.wait_gesture(before)


@pytest.mark.parametrize("menu", ["Timeframe", "Chart type", "Theme", "Export"])
def test_menus_show_their_words_whole(view: View, menu: str) -> None:
    view.root.get_by_role("button", name=menu, exact=True).click()
    popup = view.root.locator(f".kf-popup[aria-label='{menu}']")
    popup.wait_for(state="visible")
    assert popup.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert popup.evaluate("e => [...e.children].every(item => item.scrollWidth <= item.clientWidth)")
    view.page.keyboard.press("Escape")


def test_timeframe_menu(notebook: Notebook, view: View) -> None:
    assert notebook.evaluate("chart.timeframe") == "auto"
    rows = {}
    for timeframe in ("1W", "1D", "4h"):
        choose(view, "Timeframe", timeframe)
        assert notebook.evaluate("chart.timeframe") == timeframe
        assert notebook.evaluate("chart.view.timeframe") == timeframe
        assert view.root.locator(".kf-timeframe").text_content() == timeframe
        assert view.root.locator(".kf-legend-timeframe").text_content() == timeframe
        rows[timeframe] = notebook.evaluate("chart.visible().num_rows")
    assert rows["1W"] < rows["1D"] < rows["4h"]
    bars = "ticks.resample('4h', tz=chart.tz).time_ns"
    inside = f"int((({bars} >= chart.view.start_ns) & ({bars} < chart.view.stop_ns)).sum())"
    assert rows["4h"] - notebook.evaluate(inside) in (0, 1), "one may have begun before the left edge"
    choose(view, "Timeframe", "auto")
    assert notebook.evaluate("chart.timeframe") == "auto"


def test_chart_type_menu_draws_every_type_differently(notebook: Notebook, view: View) -> None:
    items = view.root.locator(".kf-popup[aria-label='Chart type'] [data-value]")
    types = items.evaluate_all("items => items.map(item => item.dataset.value)")
    assert {"candle", "bars", "line"} <= set(types)
    pictures = {}
    for value in types:
        if notebook.evaluate("chart.chart_type") != value:
            choose(view, "Chart type", value)
        assert notebook.evaluate("chart.chart_type") == value
        pictures[value] = view.pixels().tobytes()
        button = view.root.get_by_role("button", name="Chart type", exact=True)
        assert button.locator("path").get_attribute("d")
    assert len(set(pictures.values())) == len(types), "two chart types look the same"
    assert notebook.errors == []


def background(view: View) -> tuple[int, int, int]:
    colours, counts = np.unique(view.pixels().reshape(-1, 3), axis=0, return_counts=True)
    red, green, blue = colours[counts.argmax()].tolist()
    return red, green, blue


def test_theme_menu_recolours_chart_and_frame(notebook: Notebook, view: View) -> None:
    seen = {}
    for theme in ("classic", "modern", "tradingview", "light"):
        choose(view, "Theme", theme)
        assert notebook.evaluate("chart.theme") == theme
        assert view.data["theme"] == theme
        seen[theme] = background(view)
        page = view.root.evaluate("e => getComputedStyle(e).getPropertyValue('--kf-background').trim()")
        assert tuple(bytes.fromhex(page.removeprefix("#"))[:3]) == seen[theme]
    assert sum(seen["light"]) > 700 > sum(seen["tradingview"])


def test_auto_theme_follows_jupyterlab(notebook: Notebook, view: View) -> None:
    assert view.data["theme"] == "light"
    light = background(view)
    try:
        notebook.command("apputils:change-theme", theme="JupyterLab Dark")
        view.wait("e => e.dataset.theme === 'tradingview' && e.dataset.dark === 'true'")
        view.wait_exact()
        dark = background(view)
        assert sum(dark) < 150 < sum(light)
    finally:
        notebook.command("apputils:change-theme", theme="JupyterLab Light")
    view.wait("e => e.dataset.theme === 'light' && e.dataset.dark === 'false'")
    assert background(view) == light


def _check_image(data: bytes, view: View, kind: str) -> None:
    image = Image.open(io.BytesIO(data))
    assert image.format == kind
    exported = np.asarray(image.convert("RGB")).astype(int)
    shown = view.pixels().astype(int)
    assert exported.shape == shown.shape
    if kind == "JPEG":
        assert np.abs(exported - shown).mean() < 4
    else:
        assert (exported == shown).all(), "the file is not what is on screen"


def _check_table(table: pa.Table, view: View) -> None:
    seen = view.notebook.evaluate("{k: v for k, v in chart.visible().drop(['time']).to_pydict().items()}")
    stamps = view.notebook.evaluate("chart.visible().column('time').cast('int64').to_pylist()")
    assert len(stamps) > 20
    assert {name: table.column(name).to_pylist() for name in seen} == seen
    assert table.column("time").cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_pylist() == stamps


def _check_svg(data: bytes) -> None:
    root = ET.fromstring(data)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(list(root.iter())) > 10


EXPORTS: dict[str, Callable[[bytes, View], Any]] = {
    "png": lambda data, view: _check_image(data, view, "PNG"),
    "webp": lambda data, view: _check_image(data, view, "WEBP"),
    "jpg": lambda data, view: _check_image(data, view, "JPEG"),
    "svg": lambda data, view: _check_svg(data),
    "svgz": lambda data, view: _check_svg(gzip.decompress(data)),
    "csv": lambda data, view: _check_table(pyarrow.csv.read_csv(io.BytesIO(data)), view),
    "parquet": lambda data, view: _check_table(pyarrow.parquet.read_table(io.BytesIO(data)), view),
}


def test_exports_are_downloads_of_what_is_on_screen(view: View) -> None:
    choose(view, "Timeframe", "1D")
    items = view.root.locator(".kf-popup[aria-label='Export'] [data-value]")
    assert set(items.evaluate_all("items => items.map(item => item.dataset.value)")) == set(EXPORTS)
    for format, check in EXPORTS.items():
        with view.page.expect_download() as waiting:
            view.choose("Export", format)
        download = waiting.value
        assert download.suggested_filename == f"chart-2022-03-01.{format}"
        check(Path(download.path()).read_bytes(), view)
    view.wait("e => e.querySelector('.kf-note').textContent === ''")


def legend(view: View) -> dict[str, str]:
    """What the legend says, by name, thin spaces and signs as plain text."""
    return dict(
        view.root.locator(".kf-legend-item:not([hidden])").evaluate_all(
            """items => items.map(item => [
                item.dataset.name,
                item.querySelector('.kf-legend-value').textContent
                    .replace('\\u202f', '').replace('\\u2212', '-'),
            ])"""
        )
    )


def volume_of(text: str) -> float:
    return float(text.rstrip("KMBT")) * {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1)


def test_crosshair_tells_of_the_bar_under_the_pointer(notebook: Notebook, view: View) -> None:
    choose(view, "Timeframe", "1D")
    tz = ZoneInfo(notebook.evaluate("chart.tz"))
    rows = notebook.evaluate("chart.visible().drop(['time']).to_pylist()")
    stamps = notebook.evaluate("chart.visible().column('time').cast('int64').to_pylist()")
    days = [dt.datetime.fromtimestamp(stamp / 1e9, tz).strftime("%a %-d %b %Y") for stamp in stamps]
    sent = notebook.evaluate("chart.stats()['frames']")
    told = []
    for x in (0.12, 0.31, 0.44, 0.67, 0.83):
        view.page.mouse.move(*view.point(x, 0.4))
        view.wait("e => e.querySelector('.kf-cross').style.display === ''")
        view.page.evaluate("() => new Promise(done => requestAnimationFrame(() => done()))")
        tag = view.root.locator(".kf-tag-time")
        assert tag.is_visible()
        row = days.index((tag.text_content() or "").split("  ")[0])
        bar = rows[row]
        says = legend(view)
        for name, column in (("O", "open"), ("H", "high"), ("L", "low"), ("C", "close")):
            assert float(says[name]) == pytest.approx(bar[column], abs=1e-9)
        assert volume_of(says["Vol"]) == pytest.approx(bar["volume"], rel=1e-3)
        share = (view.point(x, 0.4)[0] - view.box[0]) / view.plot_width
        assert row / len(rows) == pytest.approx(share, abs=1.5 / len(rows)), "a bar elsewhere"
        told.append(row)
    assert told == sorted(set(told))
    assert notebook.evaluate("chart.stats()['frames']") == sent, "the crosshair asked the kernel"


def test_crosshair_finds_the_nearest_trade_however_far(notebook: Notebook, view: View) -> None:
    shown = view.data["frame"]
    row = 150_000
    while notebook.evaluate(f"int(ticks.time_ns[{row + 1}] - ticks.time_ns[{row}])") < 10**9:
        row += 1
    first, second = notebook.evaluate(f"[int(t) for t in ticks.time_ns[{row}:{row + 2}]]")
    gap = second - first
    notebook.execute(f"chart.view = ({first - gap // 10}, {second + gap // 10})")
    view.wait(f"e => e.dataset.frame !== '{shown}'")
    view.wait_exact()
    assert notebook.evaluate("chart.view.timeframe") == "ticks"
    prices = notebook.evaluate(f"ticks.price[{row}:{row + 2}].tolist()")
    for x, price in ((0.35, prices[0]), (0.6, prices[1])):
        view.page.mouse.move(*view.point(x, 0.4))
        view.wait(f"e => e.querySelector('[data-name=Price] .kf-legend-value').textContent == {price}")
        assert view.root.locator(".kf-tag-time").is_visible(), "the time label is lost between trades"
