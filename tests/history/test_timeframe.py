"""Timeframe: what it reads, what it writes back, what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kf_widget.history.timeframe import Timeframe

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "kind", "step", "canonical"),
    [
        ("1s", "time", SECOND, "1s"),
        ("100ms", "time", SECOND // 10, "100ms"),
        ("5m", "time", 300 * SECOND, "5m"),
        ("60m", "time", 3600 * SECOND, "1h"),
        ("90m", "time", 5400 * SECOND, "90m"),
        ("0.5s", "time", SECOND // 2, "500ms"),
        ("15 min", "time", 900 * SECOND, "15m"),
        ("24h", "day", 1, "1D"),
        ("48h", "day", 2, "2D"),
        ("1D", "day", 1, "1D"),
        ("d", "day", 1, "1D"),
        ("1W", "week", 1, "1W"),
        ("1M", "month", 1, "1M"),
        ("3M", "month", 3, "3M"),
        ("1Y", "month", 12, "12M"),
        ("0.29h", "time", 1044 * 10**9, "1044s"),
        ("1.15h", "time", 69 * 60 * 10**9, "69m"),
        ("1.001ms", "time", 1_001_000, "1001us"),
        ("100t", "tick", 100, "100t"),
        ("500v", "volume", 500.0, "500v"),
        ("0.25v", "volume", 0.25, "0.25v"),
        ("1e6$", "value", 1e6, "1e6$"),
        ("2500000$", "value", 2.5e6, "2.5e6$"),
    ],
)
def test_reads_and_writes_back(text: str, kind: str, step: float, canonical: str) -> None:
    timeframe = Timeframe.parse(text)
    assert (timeframe.kind, timeframe.step) == (kind, step)
    assert str(timeframe) == canonical
    assert Timeframe.parse(canonical) == timeframe
    assert Timeframe.parse(timeframe) is timeframe


@given(
    st.sampled_from(["ns", "us", "ms", "s", "m", "h", "D", "W", "M", "Y", "t", "v", "$"]),
    st.integers(1, 10**6),
)
def test_every_accepted_text_round_trips(unit: str, number: int) -> None:
    try:
        timeframe = Timeframe.parse(f"{number}{unit}")
    except ValueError:
        return
    assert Timeframe.parse(str(timeframe)) == timeframe
    assert hash(Timeframe.parse(str(timeframe))) == hash(timeframe)


@given(st.floats(1e-9, 1e17))
def test_any_volume_round_trips(number: float) -> None:
    timeframe = Timeframe("volume", number)
    assert Timeframe.parse(str(timeframe)) == timeframe


@pytest.mark.parametrize(
    "text",
    ["", "m5", "5", "5x", "-1m", "0m", "1.5M", "0.1ns", "36h", "1e400s", "nan s", "5m5", "200Y", "1.5t"],
)
def test_bad_text_gets_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"timeframe: .* For example '"):
        Timeframe.parse(text)


def test_wrong_type() -> None:
    with pytest.raises(TypeError, match="must be a str, got int"):
        Timeframe.parse(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "days"), [("1D", 1), ("1W", 7), ("6h", 0.25), ("12M", 365.2425), ("100t", 0)]
)
def test_nominal_length(text: str, days: float) -> None:
    assert Timeframe.parse(text).nominal_ns == days * 86_400 * SECOND
