"""Moving the window: gestures are exact, limits hold, nobody gets lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kf_widget.chart.timeaxis import TimeAxis
from kf_widget.widget.window import MIN_SPAN_NS, Anchor, Window, clamped, fitted, moved

HOUR = 3600 * 10**9
AXIS = TimeAxis(np.array([0, 20 * HOUR]), np.array([10 * HOUR, 30 * HOUR]))
ANCHOR = Anchor(start=1000.0, span=2000.0, top=200.0, bottom=100.0, log=False)


def test_fractions_of_a_frame_become_positions_and_prices() -> None:
    assert moved(ANCHOR, (0.25, 0.75), None) == Window(1500, 2500)
    assert moved(ANCHOR, (-0.5, 1.5), (0.1, 0.9)) == Window(0, 4000, (110.0, 190.0))


def test_log_fractions_are_affine_in_the_logarithm() -> None:
    window = moved(Anchor(0.0, 100.0, 3.0, 1.0, True), (0, 1), (0.0, 0.5))
    assert window.price == pytest.approx((100.0, 1000.0))


def test_turned_or_absurd_gestures_still_give_a_window() -> None:
    assert moved(ANCHOR, (0.75, 0.25), None) == Window(1500, 2500)
    window = moved(ANCHOR, (-1e300, 1e300), (0.5, 0.5))
    assert window.stop > window.start
    assert window.price is None


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**18))
def test_a_clamped_window_keeps_in_touch_with_the_history(start: int, span: int) -> None:
    window = clamped(Window(start, start + span), AXIS)
    width = window.stop - window.start
    whole = fitted(AXIS)
    assert MIN_SPAN_NS <= width <= 2 * (whole.stop - whole.start)
    overlap = min(window.stop, AXIS.stop) - max(window.start, AXIS.start)
    assert overlap >= min(0.09 * width, 1)
    assert clamped(window, AXIS) == window


@given(st.integers(0, 19 * HOUR), st.integers(MIN_SPAN_NS, HOUR))
def test_a_window_inside_is_left_alone(start: int, span: int) -> None:
    assert clamped(Window(start, start + span, (1.0, 2.0)), AXIS) == Window(start, start + span, (1.0, 2.0))
