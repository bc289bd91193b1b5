"""The same fixtures that the TypeScript side reads."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kf_widget.chart.compose import Style, compose
from kf_widget.chart.geometry import visible_extremes
from kf_widget.chart.pricescale import autoscale
from kf_widget.chart.readout import READOUT_COLUMNS, read_out
from kf_widget.chart.subject import Subject
from kf_widget.chart.theme import theme_named
from kf_widget.chart.view import Viewport
from kf_widget.history.bars import Bars
from kf_widget.history.ticks import Ticks
from kf_widget.raster import measure
from kf_widget.widget import protocol as say

FIXTURES = Path(__file__).parent.parent / "fixtures" / "protocol"


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


TO_KERNEL = fixture("to_kernel")["messages"]
FROM_KERNEL = fixture("from_kernel")
AUTOSCALE = fixture("autoscale")["cases"]


@pytest.mark.parametrize("content", TO_KERNEL, ids=lambda c: c["type"])
def test_every_message_of_a_visit_is_understood(content: dict[str, Any]) -> None:
    message = say.parse(content)
    assert type(message).__name__.lower() == content["type"]
    assert message.view == content["view"]
    match message:
        case say.Look():
            assert (message.seq, message.epoch, message.frame) == (
                content["seq"],
                content["epoch"],
                content["frame"],
            )
            assert message.x == (content["x0"], content["x1"])
            assert message.y == (None if content["y"] is None else tuple(content["y"]))
            assert message.moving is content["moving"]
        case say.Scrub():
            assert message.x == (content["x0"], content["x1"])
        case say.Set():
            assert (message.name, message.value) == (content["name"], content["value"])
        case say.Hello():
            assert (message.size.width, message.size.height) == (content["width"], content["height"])


def test_the_fixture_holds_every_kind_of_message() -> None:
    assert {c["type"] for c in TO_KERNEL} == set(say._KINDS)


def shape(value: Any) -> Any:
    """Keys and kinds of a JSON value, whatever its numbers and texts."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else "text"


def test_a_frame_has_the_shape_of_the_fixture() -> None:
    time_ns = 1_704_060_000 * 10**9 + np.arange(500) * 10**9
    ticks = Ticks.from_columns(time_ns, 100 + np.arange(500) % 9 * 0.25, np.ones(500))
    subject = Subject.of(ticks)
    picture = compose(subject, Viewport(0, 400 * 10**9, None, 300, 200, 2.0, 0.5), Style(), measure)
    readout = read_out(picture.columns, subject.zone)
    content = say.frame_content(
        picture,
        ticks,
        readout,
        theme_named("light"),
        view="v1",
        frame=1,
        epoch=0,
        seq=0,
        moving=False,
        scrub=(0.0, 1.0),
        zone="UTC",
        settings=dict.fromkeys(FROM_KERNEL["frame"]["settings"], "auto"),
        status="",
    )
    assert shape(content) == shape(FROM_KERNEL["frame"])
    json.dumps(content, allow_nan=False)
    window = content["window"]
    assert 0 < window[0] < window[1] < 1
    assert len(readout.data) == readout.n * 4 * len(READOUT_COLUMNS)


def test_the_readout_of_the_fixture_is_laid_out_as_ours() -> None:
    frame = FROM_KERNEL["frame"]
    assert frame["bars"]["columns"] == list(READOUT_COLUMNS)
    data = bytes.fromhex(FROM_KERNEL["readout_hex"])
    n = frame["bars"]["n"]
    floats = np.frombuffer(data, "<f4").reshape(-1, n)
    whole = np.frombuffer(data, "<i4").reshape(-1, n)
    for at, row in enumerate(FROM_KERNEL["rows"]):
        for column, name in enumerate(READOUT_COLUMNS):
            value = float(floats[column, at]) if column < 7 else int(whole[column, at])
            if name in ("open", "high", "low", "close"):
                value += frame["bars"]["base"]
            assert value == row[name]


@pytest.mark.parametrize("case", AUTOSCALE, ids=lambda c: c["name"])
def test_autoscale_is_the_browsers(case: dict[str, Any]) -> None:
    x0, x1 = np.array(case["x0"], float), np.array(case["x1"], float)
    ohlc = np.zeros((x0.size, 4))
    ohlc[:, 1], ohlc[:, 2] = case["high"], case["low"]
    origin, width = case["plot"]
    left, right = (origin + fraction * width for fraction in case["window"])
    seen = np.empty(3)
    visible_extremes(x0, x1, ohlc, np.zeros(x0.size), float(left), float(right), seen)
    if case["expected"] is None:
        assert math.isnan(seen[0]) or seen[0] == seen[1]
        return
    scale = autoscale(seen[0], seen[1], case["scale"], 0.01, case["margin_top"], case["margin_bottom"])
    assert scale.top == pytest.approx(case["expected"]["top"], rel=1e-12)
    assert scale.bottom == pytest.approx(case["expected"]["bottom"], rel=1e-12)


def content_of(history: Any, timeframe: str = "ticks", height: int = 300) -> dict[str, Any]:
    subject = Subject.of(history)
    viewport = Viewport(int(subject.axis.start), int(subject.axis.stop), None, 600, height)
    picture = compose(subject, viewport, Style(timeframe), measure)
    readout = read_out(picture.columns, subject.zone)
    settings = dict.fromkeys(FROM_KERNEL["frame"]["settings"], "auto")
    told = {
        "view": "v",
        "frame": 1,
        "epoch": 0,
        "seq": 0,
        "moving": False,
        "scrub": (0.0, 1.0),
        "zone": "UTC",
    }
    theme = theme_named("light")
    return say.frame_content(picture, history, readout, theme, settings=settings, status="", **told)


@pytest.mark.parametrize(
    ("interval_ns", "spoken"),
    [
        (86_400 * 10**9, "1D"),
        (7 * 86_400 * 10**9, "1W"),
        (4 * 3600 * 10**9, "4h"),
        (90 * 10**9, "90s"),
        (5 * 10**5, "500us"),
    ],
)
def test_bars_as_they_are_are_no_trades(interval_ns: int, spoken: str) -> None:
    time_ns = 1_704_067_200 * 10**9 + np.arange(10) * interval_ns
    price = 100.0 + np.arange(10)
    content = content_of(
        Bars.from_columns(time_ns, price, price + 1, price - 1, price, interval_ns=interval_ns)
    )
    assert content["timeframe"] == spoken
    assert content["bars"]["kind"] == "bars"
    assert content["bars"]["volume"] is False


def test_trades_are_called_so() -> None:
    time_ns = 1_704_067_200 * 10**9 + np.arange(10) * 10**9
    content = content_of(Ticks.from_columns(time_ns, 100.0 + np.arange(10), np.ones(10)))
    assert (content["timeframe"], content["bars"]["kind"], content["bars"]["volume"]) == (
        "ticks",
        "ticks",
        True,
    )


@pytest.mark.parametrize(
    ("days", "timeframe", "merged", "time_format"),
    [
        (2000, "1m", True, "day"),
        (30, "1m", True, "minute"),
        (1 / 24, "1s", True, "second"),
        (1 / 24, "1m", False, "minute"),
        (30, "ticks", True, "minute"),
    ],
)
def test_columns_of_many_bars_are_called_so(
    days: float, timeframe: str, merged: bool, time_format: str
) -> None:
    """And their times are told no finer than they lie apart."""
    time_ns = 1_704_067_200 * 10**9 + np.arange(20_000) * int(days * 86_400 * 10**9 / 20_000)
    content = content_of(Ticks.from_columns(time_ns, 100.0 + np.arange(20_000) % 7), timeframe)
    assert content["bars"]["merged"] is merged
    assert content["bars"]["time_format"] == time_format


@pytest.mark.parametrize("height", [120, 200, 300, 600, 1200])
def test_the_legend_hides_no_price(height: int) -> None:
    """It covers 30 px at the top of the plot."""
    time_ns = 1_704_067_200 * 10**9 + np.arange(10) * 10**9
    content = content_of(Ticks.from_columns(time_ns, 100.0 + np.arange(10)), height=height)
    price, plot = content["price"], content["rects"]["plot"][3]
    free = (price["top"] - 109.0) / (price["top"] - price["bottom"])
    assert free == pytest.approx(price["margin_top"])
    assert free * plot >= min(30, 0.25 * plot) - 1e-6
    assert 0.0799 <= free <= 0.2501
