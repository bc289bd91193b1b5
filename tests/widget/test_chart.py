"""The Chart's Python face, without a browser."""

from __future__ import annotations

import gc
import io
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
import pytest
from PIL import Image

from kf_widget import Bars, Chart, KfError, Ticks, View
from kf_widget.chart.instants import instant_ns, instant_text
from kf_widget.widget import cells

N = 20_000
DAY = 86_400 * 10**9
START = 1_704_060_000 * 10**9


def market(n: int = N) -> Ticks:
    rng = np.random.default_rng(11)
    time_ns = START + np.cumsum(rng.integers(0, 90, n)) * 10**9
    price = 4000 + 0.25 * np.cumsum(rng.integers(-2, 3, n)).astype(np.float64)
    side = rng.integers(-1, 2, n).astype(np.int8)
    return Ticks.from_columns(
        time_ns, price, rng.integers(1, 20, n).astype(np.float64), side, "America/Chicago"
    )


@pytest.fixture
def chart() -> Iterator[Chart]:
    chart = Chart(market())
    yield chart
    chart.close()


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_render_gives_the_size_that_was_asked_for(chart: Chart) -> None:
    assert chart.render(640, 360)[:4] == b"RIFF"
    assert decoded(chart.render(640, 360)).size == (640, 360)
    assert decoded(chart.render(640, 360, ratio=2)).size == (1280, 720)
    assert chart.render(300, 200) == chart.render(300, 200)


def test_view_round_trips_through_repr(chart: Chart) -> None:
    chart.view = ("2024-01-05 09:30", "2024-01-05 15:00")
    view = chart.view
    assert eval(repr(view), {"View": View}) == view
    assert view.start == "2024-01-05T15:30:00Z", "texts are read in the chart's zone"
    chart.fit()
    chart.view = eval(repr(view), {"View": View})
    assert chart.view == view
    assert chart.timeframe == "auto", "a timeframe that auto chooses anyway is not locked"


def test_a_view_with_another_timeframe_locks_it(chart: Chart) -> None:
    chart.view = View("2024-01-05", "2024-01-06", (3900, 4100), "1h")
    assert chart.timeframe == "1h"
    assert chart.view.price == (3900.0, 4100.0)


def test_goto_zoom_and_fit(chart: Chart) -> None:
    whole = chart.view
    chart.zoom("2h")
    chart.goto("2024-01-08 12:00")
    view = chart.view
    assert view.stop_ns - view.start_ns == 2 * 3600 * 10**9
    assert abs((view.start_ns + view.stop_ns) // 2 - 1_704_736_800 * 10**9) <= 1
    chart.fit()
    assert chart.view == whole


def test_visible_are_the_bars_or_the_trades_on_screen(chart: Chart) -> None:
    chart.timeframe = "1D"
    table = chart.visible()
    assert table.column_names == ["time", "open", "high", "low", "close", "volume", "count"]
    ticks = chart.history
    assert table["count"].to_pandas().sum() == len(ticks)
    assert table["high"].to_pandas().max() == ticks.high.max()
    chart.timeframe = "auto"
    middle = int(ticks.time_ns[N // 2])
    chart.view = (middle - 10**10, middle + 10**10)
    trades = chart.visible()
    assert trades.column_names == ["time", "price", "size", "side"]
    first, last = np.searchsorted(ticks.time_ns, [middle - 10**10, middle + 10**10])
    assert trades.num_rows == last - first
    assert trades["price"].to_pylist() == ticks.close[first:last].tolist()


@pytest.mark.parametrize("suffix", [".webp", ".png", ".jpg", ".jpeg"])
def test_export_of_pictures_scales_the_ratio_only(chart: Chart, tmp_path: Path, suffix: str) -> None:
    chart.zoom("1D")
    view = chart.view
    path = chart.export(tmp_path / f"chart{suffix}", width=500, height=600, scale=2)
    with Image.open(path) as file:
        picture = file.convert("RGB")
    assert picture.size == (1000, 1200)
    if suffix in (".webp", ".png"):
        chart.timeframe = view.timeframe
        same = chart.render(500, 600, ratio=2)
        assert np.array_equal(np.asarray(decoded(same)), np.asarray(picture))
    assert list(tmp_path.iterdir()) == [path]


def test_export_keeps_the_timeframe_whatever_its_size(chart: Chart, tmp_path: Path) -> None:
    chart.zoom("3D")
    resolved = chart.view.timeframe
    chart.export(tmp_path / "wide.csv", width=8000)
    wide = pa_csv.read_csv(tmp_path / "wide.csv")
    assert wide.num_rows == chart.visible().num_rows
    assert chart.view.timeframe == resolved


def test_export_of_tables(chart: Chart, tmp_path: Path) -> None:
    chart.timeframe = "1h"
    chart.zoom("2D")
    expected = chart.visible()
    assert pa_parquet.read_table(chart.export(tmp_path / "bars.parquet")).equals(expected)
    assert pa_csv.read_csv(chart.export(tmp_path / "bars.csv")).num_rows == expected.num_rows


def test_export_says_what_it_knows_and_leaves_nothing_half_written(chart: Chart, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.webp, \.png, \.jpg.*'chart\.gif'"):
        chart.export(tmp_path / "chart.gif")
    with pytest.raises(KfError, match="cannot write"):
        chart.export(tmp_path / "missing" / "chart.png")
    with pytest.raises(ValueError, match=r"width must be 1 to 16,383"):
        chart.export(tmp_path / "chart.png", width=0x10000)
    assert list(tmp_path.iterdir()) == []


def test_export_leaves_the_mask_of_the_process_alone(
    chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.delattr(os, "umask")  # it is all threads': two that set it for a moment leave it open
            path = chart.export(tmp_path / "chart.png")
        assert path.stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("timeframe", "7q", "timeframe"),
        ("theme", "clasic", "classic"),
        ("chart_type", "pie", "candle, bars, line"),
        ("price_scale", "cubic", "linear, log"),
        ("time_axis", "lunar", "trading, clock"),
        ("tz", "Amerika/Chicago", "America/Chicago"),
    ],
)
def test_wrong_settings_say_what_is_allowed(chart: Chart, name: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        setattr(chart, name, value)
    with pytest.raises(ValueError, match=message):
        Chart(market(10), **{name: value})


def test_a_view_with_a_timeframe_is_kept_to_the_nanosecond(chart: Chart) -> None:
    """Though a choice of the timeframe alone would make room for a wider last bar."""
    last = int(chart.history.time_ns[-1])
    wanted = View(instant_text(last - 10**13), instant_text(last + 10**9), None, "1h")
    chart.view = wanted
    assert chart.view == wanted


@pytest.mark.parametrize(
    "when",
    ["2500-01-01", "1500", np.datetime64("2500-01-01"), np.datetime64("1500-01", "M"), 2**63, -(2**63)],
)
def test_no_view_of_a_time_that_no_history_has(chart: Chart, when: Any) -> None:
    before = chart.visible_range
    with pytest.raises(ValueError, match="when must lie between 1677-09-21 and 2262-04-11, got '"):
        chart.goto(when)
    with pytest.raises(ValueError, match="when must be a time, got NaT"):
        chart.goto(pd.NaT)
    assert chart.visible_range == before


@pytest.mark.parametrize(
    "when",
    ["2024-01-08T12:00:00.123456789Z", np.datetime64("2024-01-08T12:00:00.123456789"),
     pd.Timestamp("2024-01-08T12:00:00.123456789", tz="UTC"), "2024-01-08T06:00:00.123456789"],
)  # fmt: skip
def test_the_same_instant_in_other_words(when: Any) -> None:
    assert instant_text(instant_ns(when, "America/Chicago")) == "2024-01-08T12:00:00.123456789Z"


@pytest.mark.parametrize(
    ("size", "error", "says"),
    [
        (
            {"width": 4000, "height": 4000, "scale": 8},
            ValueError,
            r"4000 x 4000 x 8\. Take scale=1\.22\.",
        ),
        ({"width": 16_383, "height": 16_383}, ValueError, r"Take scale=0\.29\."),
        ({"width": 0}, ValueError, "export: width must be 1 to 16,383 px, got 0"),
        ({"height": True}, TypeError, "export: height must be a whole number of px, got True"),
        ({"width": 800.5}, TypeError, "export: width must be a whole number of px, got 800.5"),
        ({"width": "800"}, TypeError, "export: width must be a whole number of px, got '800'"),
        ({"scale": "2"}, TypeError, "export: scale must be a number, 0.25 to 8, got '2'"),
        ({"scale": None}, TypeError, "export: scale must be a number, 0.25 to 8, got None"),
        ({"scale": 0}, ValueError, "export: scale must be 0.25 to 8, got 0"),
    ],
)
def test_wrong_sizes_name_the_argument(
    chart: Chart, tmp_path: Path, size: dict[str, Any], error: type[Exception], says: str
) -> None:
    """No other size than was asked for, and no file."""
    with pytest.raises(error, match=says):
        chart.export(tmp_path / "a.png", **size)
    assert not list(tmp_path.iterdir())


def test_other_ways_to_a_picture_name_theirs(chart: Chart) -> None:
    with pytest.raises(TypeError, match="snapshot: width must be a whole number"):
        chart.snapshot("x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"render: ratio must be 0\.25 to 8, got 9"):
        chart.render(ratio=9)
    chart.render(np.int64(200), np.int64(100), np.float32(1))  # type: ignore[arg-type]


def test_the_largest_scale_that_is_offered_works(chart: Chart, tmp_path: Path) -> None:
    with Image.open(chart.export(tmp_path / "a.png", width=4000, height=4000, scale=1.22)) as image:
        assert image.size == (4880, 4880)


def test_choices_that_charts_alone_have_are_offered(chart: Chart) -> None:
    with pytest.raises(ValueError, match=r"""light, got 'dark'.* Or "auto", which follows the page"""):
        chart.theme = "dark"
    with pytest.raises(ValueError, match=r'''got '5x'.* Or "auto", or "ticks"'''):
        chart.timeframe = "5x"
    for span in ("0s", "0.0D", "400Y"):
        with pytest.raises(ValueError, match=f"span must be 1 ns to 292 years, got '{span}'"):
            chart.zoom(span)


def test_an_export_wants_a_path(chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (None, 5, b"a.png", ""):
        with pytest.raises(TypeError, match="export: path must be a path, got"):
            chart.export(path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert chart.export("~/chart.png") == tmp_path / "chart.png"
    assert (tmp_path / "chart.png").exists()


def test_settings_change_the_picture(chart: Chart) -> None:
    chart.zoom("1D")
    seen = {chart.render(400, 300)}
    for name, value in (
        ("chart_type", "bars"),
        ("chart_type", "line"),
        ("chart_type", "area"),
        ("theme", "classic"),
        ("price_scale", "log"),
        ("time_axis", "clock"),
        ("tz", "Asia/Kolkata"),
        ("timeframe", "4h"),
    ):
        setattr(chart, name, value)
        seen.add(chart.render(400, 300))
    assert len(seen) >= 8


def test_the_time_axis_switch_keeps_the_instants_in_view(chart: Chart) -> None:
    chart.view = ("2024-01-05 09:30", "2024-01-05 15:00")
    before = chart.view
    chart.time_axis = "clock"
    assert (chart.view.start, chart.view.stop) == (before.start, before.stop)


@pytest.mark.parametrize(
    "history",
    [
        Ticks.from_columns(np.array([START]), np.array([5.0])),
        Ticks.from_columns(np.empty(0, np.int64), np.empty(0)),
        Ticks.from_columns(START + np.arange(400) * 10**9, np.full(400, 7.0), np.zeros(400)),
        Ticks.from_columns(START + np.array([0, 5 * 365 * DAY, 10 * 365 * DAY]), np.array([1.0, 2.0, 3.0])),
        Ticks.from_columns(np.full(400_000, START), 100 + np.arange(400_000) % 9 * 0.25, np.ones(400_000)),
        Ticks.from_columns(START + np.arange(9) * 10**9, 1e15 + np.arange(9.0)),
        Ticks.from_columns(START + np.arange(9) * 10**9, 1e-8 * (1 + np.arange(9.0))),
        Ticks.from_columns(START + np.arange(3) * 10**9, np.array([-5.0, 0.0, 5.0])),
        Bars.from_columns(START + np.arange(3) * DAY, *[np.array([1.0, 2.0, 3.0])] * 4),
    ],
    ids=["one", "none", "flat", "three", "one stamp", "huge", "tiny", "negative", "bars"],
)
@pytest.mark.parametrize("chart_type", ["candle", "line"])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_awkward_histories_all_draw(history: Ticks, chart_type: str, scale: str) -> None:
    chart = Chart(history, chart_type=chart_type, price_scale=scale)
    picture = np.asarray(decoded(chart.render(400, 300)))
    background = picture[2, 2]
    plot = picture[:200, :300]
    if len(history):
        assert (plot != background).any(axis=2).sum() > 20
        for timeframe in ("1s", "1D", "ticks", "2t"):
            chart.timeframe = timeframe
            chart.render(400, 300)
        assert chart.visible().num_rows >= 1
    chart.zoom("1s")
    chart.render(5, 5)
    chart.close()


def test_the_last_bar_is_the_last_price(chart: Chart) -> None:
    table = chart.visible()
    assert table["close"][-1].as_py() == chart.history.close[-1]
    last = chart._picture().last
    assert last is not None
    assert last[0] == chart.history.close[-1]


def test_a_table_is_taken_as_ticks_or_bars() -> None:
    ticks = Chart({"time": [START, START + 1], "price": [1.0, 2.0]})
    bars = Chart(
        {"time": [START, START + DAY], "open": [1, 2], "high": [1, 2], "low": [1, 2], "close": [1, 2]}
    )
    assert (ticks.history.kind, bars.history.kind) == ("ticks", "bars")
    with pytest.raises(ValueError, match="columns"):
        Chart({"a": [1]})


def test_close_lets_go_of_the_history() -> None:
    ticks = market(1000)
    chart = Chart(ticks)
    chart.render(300, 200)
    ghost = weakref.ref(ticks)
    del ticks
    chart.close()
    gc.collect()
    assert ghost() is None
    chart.close()
    with pytest.raises(KfError, match="closed"):
        chart.view  # noqa: B018
    assert repr(chart) == "<Chart: closed>"


def test_rerunning_a_cell_closes_its_earlier_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    run = ["cell", "run 1"]
    monkeypatch.setattr("kf_widget.widget.chart.current_cell", lambda: tuple(run))
    monkeypatch.setattr(cells, "_charts", {})
    first, beside = Chart(market(50)), Chart(market(50))
    assert first._conductor is not None, "two charts of one run live side by side"
    run[1] = "run 2"
    second = Chart(market(50))
    assert first._conductor is None
    assert beside._conductor is None
    run[0] = "other"
    Chart(market(50)).close()
    assert second._conductor is not None
    second.close()


def test_a_saved_notebook_carries_a_picture_with_alt_text(chart: Chart) -> None:
    data, metadata = chart._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["image/png"].startswith("iVBOR")
    assert "candle chart" in metadata["image/png"]["alt"]
    assert chart.snapshot().data[:4] == b"\x89PNG"


def test_stats_start_empty(chart: Chart) -> None:
    stats = chart.stats()
    assert stats["frames"] == 0
    assert stats["kernel_ms"] == {}
