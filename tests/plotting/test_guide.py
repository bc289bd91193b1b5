"""Every call that the performance guide shows works as it is written there."""

from __future__ import annotations

import gzip
import inspect
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw

import kf_widget
from kf_widget.chart.theme import theme_named
from kf_widget.plotting import (
    render_and_save,
    render_charts_parallel,
    render_ohlcv_chart,
    render_ohlcv_charts,
    render_to_array,
    save_chart,
)

N = 60


def data(seed: int = 0, n: int = N) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.normal(0, 0.5, n))
    open = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(open, close) + rng.random(n), np.minimum(open, close) - rng.random(n)
    return {"open": open, "high": high, "low": low, "close": close}, rng.random(n) * 100


OHLC, VOLUME = data()
SMALL: dict[str, Any] = {"width": 300, "height": 200}


def decoded(source: Any) -> np.ndarray:
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        return np.asarray(image.convert("RGB"))


def test_render_ohlcv_chart_has_the_guides_signature() -> None:
    shown = {
        "width": 1920, "height": 1080, "theme": "classic", "bg_color": None, "up_color": None,
        "down_color": None, "wick_width_ratio": 0.1, "enable_antialiasing": True, "show_grid": True,
        "use_batch_drawing": "auto", "chart_type": "candle", "axes": False,
    }  # fmt: skip
    parameters = inspect.signature(render_ohlcv_chart).parameters
    assert {name: parameters[name].default for name in shown} == shown
    image = render_ohlcv_chart(OHLC, VOLUME, **shown)
    assert (image.size, image.mode) == ((1920, 1080), "RGBA")
    assert render_ohlcv_chart(OHLC, VOLUME, enable_antialiasing=False).mode == "RGB"


@pytest.mark.parametrize(
    "table",
    [
        OHLC,
        {name: column.tolist() for name, column in OHLC.items()},
        pd.DataFrame(OHLC),
        pl.DataFrame(OHLC),
        pa.table(OHLC),
    ],
    ids=["numpy", "lists", "pandas", "polars", "arrow"],
)
@pytest.mark.parametrize("axes", [False, True])
def test_ohlc_is_any_mapping_and_volume_any_column_or_none(table: Any, axes: bool) -> None:
    expected = np.asarray(render_ohlcv_chart(OHLC, VOLUME, **SMALL, axes=axes))
    for volume in (VOLUME, VOLUME.tolist(), pd.Series(VOLUME), pl.Series(VOLUME)):
        np.testing.assert_array_equal(
            np.asarray(render_ohlcv_chart(table, volume, **SMALL, axes=axes)), expected
        )
    assert (np.asarray(render_ohlcv_chart(table, None, **SMALL, axes=axes)) != expected).any()


def test_render_ohlcv_charts() -> None:
    datasets = [dict(zip(("ohlc", "volume"), data(seed), strict=True)) for seed in range(5)]
    common: dict[str, Any] = {**SMALL, "theme": "modern"}
    images = render_ohlcv_charts(datasets, **common)
    assert len(images) == 5
    for image, one in zip(images, datasets, strict=True):
        np.testing.assert_array_equal(np.asarray(image), np.asarray(render_ohlcv_chart(**one, **common)))


def test_render_to_array() -> None:
    array = render_to_array(OHLC, VOLUME, **SMALL)
    assert (array.shape, array.dtype) == ((200, 300, 4), np.uint8)
    assert render_to_array(OHLC, VOLUME, **SMALL, enable_antialiasing=False).shape == (200, 300, 3)


@pytest.mark.parametrize("format", ["webp", "png", "jpeg", "svg", "svgz"])
def test_render_and_save(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"chart.{format}"
    assert render_and_save(OHLC, VOLUME, path, format=None, speed="fast", quality=None, **SMALL) == path
    if format.startswith("svg"):
        text = path.read_bytes() if format == "svg" else gzip.decompress(path.read_bytes())
        assert text.startswith(b"<svg")
    elif format == "jpeg":
        assert decoded(path).shape == (200, 300, 3)
    else:
        np.testing.assert_array_equal(decoded(path), render_to_array(OHLC, VOLUME, **SMALL)[:, :, :3])


@pytest.mark.parametrize("speed", ["fast", "balanced", "best"])
def test_save_chart(tmp_path: Path, speed: str) -> None:
    image = render_ohlcv_chart(OHLC, VOLUME, **SMALL)
    for suffix, encoder in (("webp", {}), ("png", {"compress_level": 9}), ("jpg", {"quality": 80})):
        path = tmp_path / f"chart.{suffix}"
        assert save_chart(image, path, format=None, speed=speed, **encoder) == path
        assert decoded(path).shape == (200, 300, 3)
    target = io.BytesIO()
    save_chart(image, target, format="webp")
    np.testing.assert_array_equal(decoded(target.getvalue()), np.asarray(image)[:, :, :3])
    ImageDraw.Draw(image).rectangle((10, 10, 60, 60), fill="#123456")
    save_chart(image, tmp_path / "after.png")
    assert tuple(decoded(tmp_path / "after.png")[30, 30]) == (0x12, 0x34, 0x56)


def test_render_charts_parallel(tmp_path: Path) -> None:
    datasets = [dict(zip(("ohlc", "volume"), data(seed), strict=True)) for seed in range(6)]
    encoded = render_charts_parallel(datasets, output_paths=None, num_workers=None, speed="fast", **SMALL)
    expected = [render_to_array(**one, **SMALL)[:, :, :3] for one in datasets]
    for one, picture in zip(encoded, expected, strict=True):
        np.testing.assert_array_equal(decoded(one), picture)
    paths = [tmp_path / f"{position}.webp" for position in range(6)]
    assert render_charts_parallel(datasets, output_paths=paths, num_workers=2, **SMALL) == paths
    np.testing.assert_array_equal(decoded(paths[5]), expected[5])
    with ThreadPoolExecutor(2) as executor:
        again = render_charts_parallel(datasets, executor=executor, format="png", **SMALL)
    np.testing.assert_array_equal(decoded(again[3]), expected[3])


def test_a_bad_dataset_fails_alone_and_is_reported_with_its_position() -> None:
    datasets: list[Any] = [dict(zip(("ohlc", "volume"), data(seed), strict=True)) for seed in range(3)]
    datasets[1] = {"ohlc": {"open": [1.0]}, "volume": None}
    with pytest.warns(kf_widget.KfWarning, match="1"):
        result = render_charts_parallel(datasets, **SMALL)
    assert isinstance(result[0], bytes)
    assert isinstance(result[2], bytes)
    assert "1" in str(result[1])


def test_plot(tmp_path: Path) -> None:
    index = pd.date_range("2024-01-02", periods=N, freq="B")
    df = pd.DataFrame({**OHLC, "volume": VOLUME}, index=index)
    image = kf_widget.plot(df, type="candle", savefig=tmp_path / "chart.png", use_gpu="auto")
    np.testing.assert_array_equal(decoded(tmp_path / "chart.png"), np.asarray(image)[:, :, :3])
    np.testing.assert_array_equal(np.asarray(kf_widget.plot.render(df, use_gpu=False)), np.asarray(image))
    ticks = pd.DataFrame(
        {"time": pd.date_range("2024-01-02", periods=999, freq="1s"), "price": np.arange(999) % 7}
    )
    assert kf_widget.plot(ticks).size == image.size


def test_run_autotune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KF_WIDGET_CACHE", raising=False)
    needed = [
        name
        for name, parameter in inspect.signature(kf_widget.run_autotune).parameters.items()
        if parameter.default is parameter.empty
    ]
    assert needed == []
    found = kf_widget.run_autotune(rows=(20_000,), rows_per_bar=(100,), save=False)
    assert "20,000" in repr(found) or "20000" in repr(found)


def test_all_chart_types_of_the_guide() -> None:
    for chart_type in ("candle", "hollow", "ohlc", "line", "area", "renko", "pnf", "heikin_ashi"):
        for axes in (False, True):
            image = render_ohlcv_chart(OHLC, VOLUME, **SMALL, chart_type=chart_type, axes=axes)
            assert len(image.getcolors(10_000)) > 3
    ticks = kf_widget.sample_ticks(20_000, years=0.02, seed=0)
    for kind in ("tick", "volume", "range"):
        assert len(kf_widget.plot(ticks, type=kind).getcolors(10_000)) > 10
    for timeframe in ("100t", "500v"):
        assert len(kf_widget.plot(ticks, timeframe=timeframe).getcolors(10_000)) > 10


@pytest.mark.parametrize(
    ("name", "background", "up", "down", "grid"),
    [
        ("classic", "#000000", "#00FF00", "#FF0000", "#333333"),
        ("modern", "#1E1E1E", "#26A69A", "#EF5350", "#424242"),
        ("tradingview", "#131722", "#089981", "#F23645", "#2A2E39"),
        ("light", "#FFFFFF", "#26A69A", "#EF5350", "#E0E0E0"),
    ],
)
@pytest.mark.parametrize("axes", [False, True])
def test_themes_have_the_guides_colours(
    name: str, background: str, up: str, down: str, grid: str, axes: bool
) -> None:
    theme = theme_named(name)
    assert (theme.background, theme.up, theme.down, theme.grid) == (background, up, down, grid)
    colours = set(
        map(
            tuple,
            np.asarray(render_ohlcv_chart(OHLC, VOLUME, 900, 600, theme, axes=axes))[:, :, :3]
            .reshape(-1, 3)
            .tolist(),
        )
    )
    for colour in (background, up, down, grid):
        assert tuple(bytes.fromhex(colour[1:])) in colours
    own = {"bg_color": "#010203", "up_color": "#AABBCC", "down_color": "#778899"}
    array = render_to_array(OHLC, VOLUME, **SMALL, theme=name, axes=axes, **own)[:, :, :3]
    colours = set(map(tuple, array.reshape(-1, 3).tolist()))
    for colour in own.values():
        assert tuple(bytes.fromhex(colour[1:])) in colours


def test_layout_without_axes_gives_prices_the_upper_seventy_percent() -> None:
    array = render_to_array(OHLC, VOLUME, width=600, height=1000, show_grid=False)[:, :, :3]
    theme = theme_named("classic")
    volume = [bytes.fromhex(colour[1:]) for colour in (theme.volume_up, theme.volume_down)]
    in_volume = np.logical_or(*[(array == np.frombuffer(colour, np.uint8)).all(axis=2) for colour in volume])
    rows = np.flatnonzero(in_volume.any(axis=1))
    assert 700 <= rows.min() <= 740
    assert rows.max() == 999
    prices = (array != 0).any(axis=2) & ~in_volume
    assert np.flatnonzero(prices.any(axis=1)).max() < 700
