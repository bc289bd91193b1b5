"""PriceScale: heights, autoscale, round marks, and prices as text."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from kf_widget.chart.pricescale import PriceScale, autoscale, decimals, format_price, price_marks

examples = settings(deadline=None, derandomize=True, max_examples=150)

magnitude = st.floats(-8, 14).map(lambda power: 10.0**power)
price = st.tuples(st.sampled_from([-1.0, 1.0]), magnitude).map(math.prod)
step_of = st.sampled_from([1e-10, 1e-8, 1e-4, 0.001, 1 / 64, 1 / 32, 0.01, 0.05, 0.25, 0.5, 1.0, 5.0, 12.5])


@st.composite
def scales(draw: st.DrawFn) -> PriceScale:
    kind = draw(st.sampled_from(["linear", "log"]))
    if kind == "log":
        bottom = draw(magnitude)
        return PriceScale("log", bottom * (1 + 10 ** draw(st.floats(-6, 9))), bottom)
    bottom = draw(price)
    return PriceScale("linear", bottom + abs(bottom) * 10 ** draw(st.floats(-6, 3)), bottom)


@examples
@given(scales(), st.lists(st.floats(-2, 3), min_size=1))
def test_heights_come_back_from_prices(scale: PriceScale, fractions: list[float]) -> None:
    back = scale.to_fraction(scale.to_price(fractions))
    assert back == pytest.approx(fractions, abs=1e-6)


@examples
@given(scales())
def test_the_edges_are_zero_and_one_and_order_turns_over(scale: PriceScale) -> None:
    assert scale.to_fraction([scale.top, scale.bottom]).tolist() == pytest.approx([0, 1], abs=1e-9)
    assert scale.to_price([0.0, 1.0]) == pytest.approx([scale.top, scale.bottom], rel=1e-9)
    prices = np.linspace(scale.bottom, scale.top, 50)
    assert (np.diff(scale.to_fraction(prices)) <= 0).all()


def test_far_prices_stay_pixels_and_nan_stays_nan() -> None:
    log = PriceScale("log", 100.0, 99.0)
    far = log.to_fraction([-5.0, 0.0, 1e300, math.nan])
    assert far[:3].tolist() == [1e5, 1e5, pytest.approx(-298 / math.log10(100 / 99))]
    assert math.isnan(far[3])
    assert PriceScale("linear", 1e-9, 0.0).to_fraction(-1e9) == 1e5


@pytest.mark.parametrize(
    ("kind", "top", "bottom", "message"),
    [
        ("linear", 1.0, 1.0, "above bottom"),
        ("linear", math.nan, 1.0, "finite"),
        ("linear", math.inf, 1.0, "finite"),
        ("log", 1.0, 0.0, "above 0 on a logarithmic scale"),
        ("log", math.nextafter(5000.0, 6000.0), 5000.0, "logarithms that differ"),
        ("cubic", 2.0, 1.0, "'linear' or 'log'"),
    ],
)
def test_what_is_no_scale_is_refused(kind: str, top: float, bottom: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PriceScale(kind, top, bottom)  # type: ignore[arg-type]


@examples
@given(
    price,
    st.floats(1e-6, 1e3),
    st.sampled_from(["linear", "log"]),
    st.floats(0, 0.4),
    st.floats(0, 0.4),
)
def test_autoscale_puts_the_extremes_at_the_margins(
    low: float, spread: float, kind: str, margin_top: float, margin_bottom: float
) -> None:
    high = low + abs(low) * spread
    scale = autoscale(high, low, kind, 0.01, margin_top, margin_bottom)  # type: ignore[arg-type]
    assert scale.kind == (kind if low > 0 else "linear")
    found = scale.to_fraction([high, low])
    assert found == pytest.approx([margin_top, 1 - margin_bottom], abs=1e-6)


@examples
@given(price | st.just(0.0), step_of, st.sampled_from(["linear", "log"]))
def test_one_price_sits_in_the_middle_between_the_margins(value: float, step: float, kind: str) -> None:
    scale = autoscale(value, value, kind, step, 0.1, 0.3)  # type: ignore[arg-type]
    assert scale.to_fraction(value) == pytest.approx(0.4, abs=1e-3)
    if scale.kind == "linear":
        span = scale.top - scale.bottom
        assert span >= 0.999 * max(10 * step, 1e-4 * abs(value))


def test_autoscale_of_nothing_is_a_scale() -> None:
    assert autoscale(math.nan, math.nan, "log", 0.01) == PriceScale("linear", 1.0, 0.0)


# A price scale of a real chart: at least 100 px high, marks at least 20 px apart.
heights = st.tuples(st.floats(100, 3000), st.floats(20, 80))


@examples
@given(scales(), heights, step_of)
def test_marks_are_in_order_inside_and_apart(
    scale: PriceScale, size: tuple[float, float], step: float
) -> None:
    height, gap = size
    assume(scale.top / step < 1e13)
    values, labels = price_marks(scale, height, gap, step)
    assert len(values) == len(labels) == len(set(labels))
    assert (np.diff(values) > 0).all()
    assert ((values >= scale.bottom) & (values <= scale.top)).all()
    assert (-np.diff(scale.to_fraction(values)) * height >= gap * (1 - 1e-6)).all()
    for value, label in zip(values.tolist(), labels, strict=True):
        shown = float(label)
        assert shown == pytest.approx(value, rel=1e-7, abs=0.02 * (scale.top - scale.bottom))


@examples
@given(price, st.floats(-5, 1), step_of)
def test_linear_marks_are_round_and_on_the_price_step(low: float, power: float, step: float) -> None:
    span = abs(low) * 10**power
    assume(abs(low) / step < 1e12)
    assume(span > 2.01 * step)
    values, _ = price_marks(PriceScale("linear", low + span, low), 500, 50, step)
    steps = values / step
    assert np.abs(steps - np.rint(steps)).max() < 1e-3
    if len(values) > 2:
        apart = np.diff(values)
        assert apart == pytest.approx(apart[0], rel=1e-6)
        first = f"{float(apart[0]):.6e}"
        ticks = apart[0] / step
        round_number = first.split("e")[0].rstrip("0").rstrip(".") in ("1", "2", "2.5", "5")
        assert round_number or math.log2(ticks) == pytest.approx(round(math.log2(ticks)), abs=1e-6)


@examples
@given(price, st.floats(-5, 2))
def test_five_to_ten_marks_for_five_hundred_pixels(low: float, power: float) -> None:
    span = abs(low) * 10**power
    values, _ = price_marks(PriceScale("linear", low + span, low), 500, 50, span / 1e4)
    assert 4 <= len(values) <= 11


@examples
@given(magnitude, st.floats(-2, 10))
def test_logarithmic_scales_have_marks_at_every_width(bottom: float, power: float) -> None:
    scale = PriceScale("log", bottom * (1 + 10**power), bottom)
    values, _ = price_marks(scale, 500, 45, bottom * 1e-6)
    assert 3 <= len(values) <= 12
    edges = np.concatenate(([1.0], scale.to_fraction(values), [0.0]))
    assert -np.diff(edges).min() * 500 <= 45 * 4.5, "no hole in the axis"


@pytest.mark.parametrize(
    ("scale", "step", "labels"),
    [
        (PriceScale("linear", 1650, 1630), 0.25, ["1630.00", "1635.00", "1640.00", "1645.00", "1650.00"]),
        (PriceScale("linear", 1641, 1640), 0.25, ["1640.00", "1640.25", "1640.50", "1640.75", "1641.00"]),
        (PriceScale("linear", 0.2, -0.1), 0.01, ["-0.10", "-0.05", "0.00", "0.05", "0.10", "0.15", "0.20"]),
        (PriceScale("linear", 1.21e-8, 1.2e-8), 5e-11, ["0.00000001200", "0.00000001205", "0.00000001210"]),
        (PriceScale("linear", 1e15 + 7, 1e15 + 1), 1.0, [f"100000000000000{n}" for n in range(1, 8)]),
        (PriceScale("log", 1e5, 0.01), 1e-4, ["0.01", "0.1", "1", "10", "100", "1000", "10000", "100000"]),
        (PriceScale("log", 101, 100), 0.01, ["100.00", "100.20", "100.40", "100.60", "100.80", "101.00"]),
        (PriceScale("log", 110, 10), 0.5, ["10", "20", "30", "50", "100"]),
    ],
)  # fmt: skip
def test_labels_as_one_would_write_them(scale: PriceScale, step: float, labels: list[str]) -> None:
    found = price_marks(scale, 400, 50, step)[1]
    assert found == labels


@pytest.mark.parametrize(
    ("step", "span", "digits"),
    [
        (0.25, 100, 2), (0.01, 0, 2), (1, 1000, 0), (5, 10, 0), (0.5, 3, 1), (1e-8, 1e-6, 8),
        (1 / 32, 2, 5), (12.5, 100, 1), (1e-8, 1000, 5), (0.01, 1e12, 0), (1e15, 1e16, 0),
    ],
)  # fmt: skip
def test_decimals_follow_the_step_and_leave_out_noise(step: float, span: float, digits: int) -> None:
    assert decimals(step, span) == digits


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (-0.001, 2, "0.00"), (-0.0, 0, "0"), (-0.4, 0, "0"), (-0.6, 0, "-1"), (1e15, 0, "1000000000000000"),
        (1e16, 2, "1.00000000e16"), (1.25e-14, 16, "1.25e-14"), (0.0, 20, "0"), (1234.5, 2, "1234.50"),
        (-2e-30, 20, "0"), (1e-8, 10, "0.0000000100"), (1e21, 0, "1.00000000e21"),
    ],
)  # fmt: skip
def test_prices_as_text(value: float, digits: int, text: str) -> None:
    assert format_price(value, digits) == text


@examples
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 25))
@example(-1e-300, 25)
@example(5.52e-16, 15)
@example(-5.52e-16, 15)
def test_a_price_is_never_garbage(value: float, digits: int) -> None:
    text = format_price(value, digits)
    assert len(text) <= 31
    assert re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text)
    assert not re.fullmatch(r"-[0.]+", text)
    assert float(text) == pytest.approx(value, rel=1e-7, abs=0.51 * 10.0**-digits)
