"""kf_widget.plot: any table, any type, saved or not."""

from __future__ import annotations

import gzip
import inspect
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

import kf_widget
from kf_widget import Bars, Ticks, sample_ticks
from kf_widget.errors import KfError
from kf_widget.plotting.look import LOOK
from kf_widget.plotting.plot import TYPES


@pytest.fixture(scope="module")
def ticks() -> Ticks:
    return sample_ticks(60_000, years=0.05, seed=0)


def test_every_type_of_ticks(ticks: Ticks) -> None:
    seen = {kind: np.asarray(kf_widget.plot(ticks, type=kind)).tobytes() for kind in TYPES}
    assert len(set(seen.values())) == len(TYPES)
    for alias, kind in (("bars", "ohlc"), ("point_and_figure", "pnf"), ("range_bars", "range")):
        assert np.asarray(kf_widget.plot(ticks, type=alias)).tobytes() == seen[kind]


def test_every_type_of_bars(ticks: Ticks) -> None:
    bars = ticks.resample("1h")
    for kind in TYPES[:-2]:
        image = kf_widget.plot(bars, type=kind, width=500, height=300)
        assert (image.size, image.mode) == ((500, 300), "RGBA")
        assert len(image.getcolors(10_000)) > 10
    with pytest.raises(ValueError, match="type must not be 'tick' for bars"):
        kf_widget.plot(bars, type="tick")


def test_any_table_gives_the_same_chart(ticks: Ticks) -> None:
    bars = ticks.resample("1h")
    frame = bars.to_pandas()
    expected = np.asarray(kf_widget.plot(bars))
    named = frame.rename(columns=str.capitalize)
    for table in (frame, named, pl.from_pandas(frame.reset_index()), bars.to_arrow(), Bars(frame)):
        np.testing.assert_array_equal(np.asarray(kf_widget.plot(table, tz=bars.tz)), expected)
    same = np.asarray(kf_widget.plot(ticks.to_pandas(), timeframe="1h", tz=ticks.tz))
    np.testing.assert_array_equal(same, np.asarray(kf_widget.plot(ticks, timeframe="1h")))


@pytest.mark.parametrize("name", ["Open time", "Date Time", "ts.event"])
def test_a_column_of_times_has_any_name_that_bars_know(ticks: Ticks, name: str) -> None:
    frame = ticks.resample("1h").to_pandas()
    frame.index.name = None
    expected = np.asarray(kf_widget.plot(frame))
    column = frame.rename_axis(name).reset_index()
    np.testing.assert_array_equal(np.asarray(kf_widget.plot(column)), expected)


def test_a_row_with_nan_is_a_gap_with_times_too(ticks: Ticks) -> None:
    frame = ticks.resample("4h").to_pandas().iloc[:40]
    whole = np.asarray(kf_widget.plot(frame, width=800, height=400))
    frame.loc[frame.index[20], ["open", "high", "low", "close", "volume"]] = np.nan
    gap = np.asarray(kf_widget.plot(frame, width=800, height=400))
    differs = np.flatnonzero((whole != gap).any(axis=(0, 2)))
    assert differs.size
    assert whole.shape == gap.shape
    assert differs[-1] - differs[0] <= 2 * 800 / 40  # but for that bar all is as it was, labels too
    with pytest.raises(ValueError, match="must be finite, got nan at row 20"):
        kf_widget.plot(frame, timeframe="1D")
    with pytest.raises(ValueError, match="time order"):
        kf_widget.plot(frame[::-1])


def test_a_store_is_its_ticks(ticks: Ticks, tmp_path: Path) -> None:
    kf_widget.ingest(ticks, tmp_path / "store")
    with kf_widget.open_ticks(tmp_path / "store") as store:
        image = np.asarray(kf_widget.plot(store, timeframe="1h"))
    np.testing.assert_array_equal(image, np.asarray(kf_widget.plot(ticks, timeframe="1h")))


def test_bars_without_times_are_numbered() -> None:
    close = 100 + np.sin(np.arange(50))
    table = {"o": close, "h": close + 1, "l": close - 1, "c": close + 0.5, "v": np.ones(50)}
    assert kf_widget.plot(table).size == (1200, 675)
    with pytest.raises(ValueError, match="timeframe must be None for bars without times"):
        kf_widget.plot(table, timeframe="1D")


@pytest.mark.parametrize("suffix", ["png", "webp", "jpg", "svg", "svgz"])
def test_the_suffix_says_the_format(ticks: Ticks, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"chart.{suffix}"
    image = kf_widget.plot(ticks, savefig=path, title="A < B")
    data = path.read_bytes()
    if suffix.startswith("svg"):
        text = gzip.decompress(data) if suffix == "svgz" else data
        assert b"A &lt; B" in text
    elif suffix == "jpg":
        with Image.open(path) as saved:
            assert saved.size == image.size
    else:
        with Image.open(path) as saved:
            np.testing.assert_array_equal(np.asarray(saved.convert("RGB")), np.asarray(image)[:, :, :3])


def test_savefig_takes_open_files_and_its_errors_come_before_the_work(ticks: Ticks, tmp_path: Path) -> None:
    target = io.BytesIO()
    kf_widget.plot(ticks, savefig=target, format="png")
    assert Image.open(target).size == (1200, 675)
    with pytest.raises(ValueError, match=r"savefig must end in one of .*\.svgz"):
        kf_widget.plot(object(), savefig=tmp_path / "chart.gif")
    with pytest.raises(ValueError, match="format must be given where savefig is no path"):
        kf_widget.plot(object(), savefig=io.BytesIO())
    with pytest.raises(TypeError, match="savefig must be a path or a binary file, got int"):
        kf_widget.plot(ticks, savefig=3, format="png")
    with pytest.raises(KfError, match="cannot write"):
        kf_widget.plot(ticks, savefig=tmp_path / "missing" / "chart.png")
    assert list(tmp_path.iterdir()) == []


def test_render_is_there_too(ticks: Ticks) -> None:
    for use_gpu in ("auto", False):
        image = kf_widget.plot.render(ticks, use_gpu=use_gpu)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(kf_widget.plot(ticks, use_gpu=use_gpu)))
    with pytest.raises(TypeError, match="savefig"):
        kf_widget.plot.render(ticks, savefig="x.png")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"type": "pie"}, "type must be one of candle, hollow, ohlc"),
        ({"type": "candel"}, "Did you mean 'candle'"),
        ({"use_gpu": "yes"}, 'use_gpu must be "auto", True or False'),
        ({"box_size": 0}, "box_size must be a price difference above 0"),
        ({"reversal": 0}, "reversal must be 1 to 1,000"),
        ({"theme": "clasic"}, "classic"),
        ({"timeframe": "7q"}, "timeframe"),
        ({"tz": "Amerika/Chicago"}, "America/Chicago"),
        ({"width": 0}, "width must be 1 to"),
        (
            {"titel": "x"},
            "an argument must be one of type, savefig.*show_grid, got 'titel'. Did you mean 'title'",
        ),
        ({"axes": False}, "an argument must be one of .* got 'axes'"),
    ],
)
def test_wrong_arguments_say_what_is_allowed(ticks: Ticks, more: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kf_widget.plot(ticks, **more)


def test_every_argument_that_the_message_lists_is_taken() -> None:
    module = sys.modules["kf_widget.plotting.plot"]
    parameters = inspect.signature(module._Plot.__call__).parameters
    assert [*parameters][2:-1] == list(module._NAMES)
    assert set(module._LOOKS) < set(LOOK)


def test_tables_that_are_none_say_so() -> None:
    with pytest.raises(TypeError, match="title must be a string or None, got 5"):
        kf_widget.plot(pd.DataFrame({"price": [1.0], "time": [1]}), title=5)
    with pytest.raises(TypeError, match="must be a dataframe"):
        kf_widget.plot(5)
    with pytest.raises(ValueError, match="price must be one of the columns"):
        kf_widget.plot(pd.DataFrame({"time": [1], "apples": [2]}))


def test_it_is_lazy_and_no_module_takes_its_name() -> None:
    code = (
        "import sys, kf_widget; assert 'PIL' not in sys.modules and 'kf_widget.plotting' not in sys.modules\n"
        "import kf_widget.plotting; assert callable(kf_widget.plot) and callable(kf_widget.plot.render)\n"
        "import kf_widget.plotting.plot; assert callable(kf_widget.plot) and 'plot' in dir(kf_widget)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def untimed(n: int = 60) -> dict[str, np.ndarray]:
    close = 100 + np.cumsum(np.random.default_rng(5).normal(size=n))
    opened = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opened, close) + 0.3, np.minimum(opened, close) - 0.3
    return {"open": opened, "high": high, "low": low, "close": close}


@pytest.mark.parametrize("gap", [False, True])
@pytest.mark.parametrize("timed", [False, True])
def test_no_type_is_drawn_as_another(gap: bool, timed: bool) -> None:
    """Bars without times, or with missing rows, are drawn by another way."""
    table: dict[str, object] = dict(untimed())
    if timed:
        table["time"] = pd.date_range("2024-01-01", periods=60, freq="1h", tz="UTC")
    if gap:
        for name in ("open", "high", "low", "close"):
            table[name] = np.where(np.arange(60) == 30, np.nan, table[name])  # type: ignore[arg-type]
    seen = {kind: np.asarray(kf_widget.plot(table, type=kind)).tobytes() for kind in TYPES[:-2]}
    assert len(set(seen.values())) == len(TYPES) - 2
    for kind in ("tick", "volume"):
        with pytest.raises(ValueError, match=f"type must not be '{kind}' for bars, it takes ticks"):
            kf_widget.plot(table, type=kind)


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1.0, 1e6])
def test_volume_bars_of_any_unit(ticks: Ticks, unit: float) -> None:
    """Sizes in coins are fractions: whole units would make one bar of them all."""
    size = np.ones(len(ticks)) * unit
    scaled = Ticks.from_columns(ticks.time_ns, ticks.close, size)
    image = np.asarray(kf_widget.plot(scaled, type="volume", volume=False))
    columns = image[:, :1000].transpose(1, 0, 2).reshape(1000, -1)
    assert len(np.unique(columns, axis=0)) > 200


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"type": ["candle"]}, TypeError, r"type must be one of candle.*got \['candle'\]"),
        ({"volume": np.ones(60)}, TypeError, "volume must be True or False, got ndarray"),
        ({"volume": "yes"}, TypeError, "volume must be True or False, got 'yes'"),
        ({"type": "pnf", "reversal": True}, ValueError, "reversal must be 1 to 1,000 boxes, got True"),
        ({"type": "pnf", "reversal": 2.5}, ValueError, "reversal must be 1 to 1,000 boxes, got 2.5"),
    ],
)
def test_wrong_arguments_are_told_by_name(
    given: dict[str, object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        kf_widget.plot(untimed(), **given)
    assert kf_widget.plot(untimed(), type="pnf", reversal=np.int64(3)).size == (1200, 675)
