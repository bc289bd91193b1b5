"""PriceScale: prices to height and back, autoscale, round price marks, and how a price is written."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from kf_widget.history.protocol import Floats

__all__ = ["PriceScale", "autoscale", "decimals", "format_price", "price_marks"]

# Beyond these a plain number is a row of digits nobody reads.
_MOST_DECIMALS: Final = 12
_MOST_PLAIN: Final = 1e16
# A step finer than this share of what is shown comes from noise, not from the eye.
_FINEST_SHARE: Final = 1e-8
# Fractions stop here, so that a price far outside still is a pixel that fits in int32.
_FAR: Final = 1e5

# Marks of one decade of a logarithmic scale, and the least gap between two, relative to the lower.
_DECADES: Final = (
    (0.2, (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)),
    (1 / 3, (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)),
    (0.5, (1.0, 2.0, 3.0, 5.0)),
    (1.0, (1.0, 2.0, 5.0)),
    (2.0, (1.0, 3.0)),
)
_LINEAR_BELOW: Final = 0.1
"""Relative gap up to which a logarithmic scale has linear marks, a step for each part of a decade."""


@dataclass(frozen=True, slots=True)
class PriceScale:
    """Prices at the upper and lower edge of a pane; linear, or linear in the logarithm.

    Raises
    ------
    ValueError : not finite, top not above bottom, a logarithmic bottom that is not above 0, or prices whose
        logarithms are the same number.
    """

    kind: Literal["linear", "log"]
    top: float
    bottom: float

    def __post_init__(self) -> None:
        if self.kind not in ("linear", "log"):
            raise ValueError(f"price scale: kind must be 'linear' or 'log', got {self.kind!r}.")
        if not (math.isfinite(self.top - self.bottom) and self.top > self.bottom):
            raise ValueError(
                f"price scale: top must be finite and above bottom, got {self.top!r} and {self.bottom!r}."
            )
        if self.kind == "log" and self.bottom <= 0:
            raise ValueError(
                f"price scale: bottom must be above 0 on a logarithmic scale, got {self.bottom!r}. "
                "Use the linear scale."
            )
        if self.kind == "log" and math.log10(self.top) <= math.log10(self.bottom):
            raise ValueError(
                f"price scale: top and bottom must have logarithms that differ, got {self.top!r} and "
                f"{self.bottom!r}. Use the linear scale."
            )

    def to_fraction(self, prices: npt.ArrayLike) -> Floats:
        """Height of prices, 0 at the top, 1 at the bottom; float64 of the same shape.

        NaN stays NaN; what is farther than 100,000 panes away, or not above 0 on a logarithmic
        scale, stops there.
        """
        top, bottom = self._ends
        values = np.asarray(prices, dtype=np.float64)
        if self.kind == "log":
            with np.errstate(divide="ignore"):
                values = np.log10(np.maximum(values, 0.0))
        fraction: Floats = np.clip((top - values) / (top - bottom), -_FAR, _FAR)
        return fraction

    def to_price(self, fraction: npt.ArrayLike) -> Floats:
        """Price at a height, 0 at the top, 1 at the bottom; float64 of the same shape."""
        top, bottom = self._ends
        values: Floats = top - np.asarray(fraction, dtype=np.float64) * (top - bottom)
        return 10.0**values if self.kind == "log" else values

    @property
    def _ends(self) -> tuple[float, float]:
        if self.kind == "log":
            return math.log10(self.top), math.log10(self.bottom)
        return self.top, self.bottom


def autoscale(
    high: float,
    low: float,
    kind: Literal["linear", "log"],
    step: float,
    margin_top: float = 0.08,
    margin_bottom: float = 0.25,
) -> PriceScale:
    """Scale that puts the highest price at `margin_top` and the lowest at ``1 - margin_bottom``.

    Parameters
    ----------
    high, low : extremes of what is visible; NaN where nothing is.
    kind : "log" becomes linear where the lowest price is not above 0.
    step : price step; one price alone gets five steps, or 0.005 %, on each side.
    margin_top, margin_bottom : fractions of the height.
    """
    if not (math.isfinite(high) and math.isfinite(low)):
        return PriceScale("linear", 1.0, 0.0)
    if kind == "log" and low <= 0:
        kind = "linear"
    flat = high - low <= 4 * math.ulp(max(abs(high), abs(low)))
    if kind == "log":
        upper, lower = math.log10(high), math.log10(low)
        if flat or upper - lower <= 1e-12:
            middle = 0.5 * (upper + lower)
            half = min(math.log10(1 + _flat_half(low, step) / low), math.log10(2))
            upper, lower = middle + half, middle - half
    else:
        upper, lower = high, low
        if flat:
            middle = low + 0.5 * (high - low)
            half = _flat_half(low, step)
            upper, lower = middle + half, middle - half
    span = (upper - lower) / (1 - margin_top - margin_bottom)
    top, bottom = upper + margin_top * span, lower - margin_bottom * span
    if kind == "log":
        top, bottom = 10.0**top, 10.0**bottom
    return PriceScale(kind, top, bottom)


def _flat_half(price: float, step: float) -> float:
    return max(5 * step, 5e-5 * abs(price), 64 * math.ulp(price))


def decimals(step: float, span: float) -> int:
    """Digits after the point that prices need.

    Parameters
    ----------
    step : price step, above 0.
    span : how much is shown from top to bottom; 0 where it does not matter. Digits finer than a
        hundred-millionth of it are left out.
    """
    needed = _digits(step)
    if span > 0:
        needed = min(needed, max(0, -math.floor(math.log10(span * _FINEST_SHARE) + 1e-9)))
    return needed


@lru_cache(maxsize=256)
def _digits(step: float) -> int:
    """Digits after the point that write a step to six significant digits."""
    first = max(0, -math.floor(math.log10(step) + 1e-9))
    for digits in range(first, first + 6):
        shown = step * 10.0**digits
        if abs(shown - round(shown)) <= 1e-6 * shown:
            return digits
    return first + 5


def format_price(value: float, decimals: int) -> str:
    """Write a price: plain digits, no separators, never a negative zero.

    Where more than 12 decimals would be needed, and from 1e16 on, as for example "1.25e-14".
    """
    if decimals > _MOST_DECIMALS or abs(value) >= _MOST_PLAIN:
        if value == 0:
            return "0"
        exponent = math.floor(math.log10(abs(value)))
        shown = min(8, decimals + exponent)
        if shown < 0:
            if abs(value) < 0.5 * 10.0**-decimals:
                return "0"
            return f"{'-' if value < 0 else ''}1e-{decimals}"
        mantissa, power = f"{value:.{shown}e}".split("e")
        return f"{mantissa}e{int(power)}"
    text = f"{value:.{decimals}f}"
    return text[1:] if text[0] == "-" and not text.strip("-0.") else text


def price_marks(
    scale: PriceScale, height_px: float, min_gap_px: float, step: float
) -> tuple[Floats, list[str]]:
    """Round prices to mark on a scale, and how they are written.

    Parameters
    ----------
    scale : what is shown.
    height_px : its height.
    min_gap_px : least distance between two marks.
    step : price step; marks are multiples of it, unless less than two steps are shown.

    Returns
    -------
    values : float64 (n_marks,), increasing, within the scale.
    labels : one for each.

    Notes
    -----
    Linear marks are 1, 2 or 5 times a power of ten apart, or 2.5 where the price step asks for it.
    On a logarithmic scale the distance grows with the price. About 20 us.
    """
    gap = min_gap_px / max(height_px, 1.0)
    top, bottom = scale.top, scale.bottom
    if scale.kind == "log" and top > bottom * 1.0001:
        values, digits = _log_marks(top, bottom, gap, step)
    else:
        values, digits = _linear_marks(top, bottom, gap * (top - bottom), step)
    if isinstance(digits, int):
        digits = max(digits, decimals(step, top - bottom))
        return values, [format_price(value, digits) for value in values.tolist()]
    return values, [format_price(value, d) for value, d in zip(values.tolist(), digits, strict=True)]


def _linear_marks(top: float, bottom: float, gap: float, step: float) -> tuple[Floats, int]:
    apart = _mark_step(gap, step, top - bottom, max(abs(top), abs(bottom)))
    digits = _digits(apart)
    first, last = math.ceil(bottom / apart - 1e-9), math.floor(top / apart + 1e-9)
    values = np.arange(first, last + 1, dtype=np.float64) * apart
    if digits < 16:
        values = np.round(values, digits)
    return values[(values >= bottom) & (values <= top)] + 0.0, digits


def _log_marks(top: float, bottom: float, gap: float, step: float) -> tuple[Floats, Any]:
    apart = math.expm1(gap * math.log(top / bottom))
    first = math.floor(math.log10(bottom))
    last = math.ceil(math.log10(top))
    if apart <= _LINEAR_BELOW:
        parts = [m * 10.0**k for k in range(first, last) for m in (1, 2, 5)] + [10.0**last]
        found = [
            _linear_marks(high, low, high * apart, step)
            for low, high in ((max(low, bottom), min(high, top)) for low, high in itertools.pairwise(parts))
            if high > low
        ]
        values = np.unique(np.concatenate([values for values, _ in found]))
        return _spread_out(values, apart), max(digits for _, digits in found)
    pattern: tuple[float, ...] = (1.0,)
    every = max(1, math.ceil(math.log10(1 + apart) - 1e-9))
    for least, decade in _DECADES:
        if apart <= least + 1e-9:
            pattern, every = decade, 1
            break
    written = [(m, k) for k in range(first, last + 1) for m in pattern if k % every == 0]
    values = np.array([float(f"{m:g}e{k}") for m, k in written])
    inside = (values >= bottom) & (values <= top)
    on_step = inside & (np.abs(values / step - np.rint(values / step)) < 1e-6)
    kept = on_step if 2 * np.count_nonzero(on_step) > np.count_nonzero(inside) else inside
    values = values[kept]
    if top > 10 * bottom:  # over decades each mark needs as many digits as it has
        return values, [_digits(value) for value in values.tolist()]
    return values, max((_digits(value) for value in values.tolist()), default=0)


def _spread_out(values: Floats, apart: float) -> Floats:
    """Without the values that come closer than `apart`, relative, to the one kept before them."""
    kept: list[float] = []
    for value in values.tolist():
        if not kept or value >= kept[-1] * (1 + apart) * (1 - 1e-9):
            kept.append(value)
    return np.array(kept)


def _mark_step(gap: float, step: float, span: float, largest: float) -> float:
    """Distance of marks: round, at least `gap`, and a multiple of the price step where two are shown."""
    gap = max(gap, 4 * math.ulp(largest))
    if step > 0.5 * span:
        return _round_above(gap)
    least = max(gap, step) * (1 - 1e-9)
    power = math.floor(math.log10(least))
    for k in (power, power + 1):
        for m in (1.0, 2.0, 2.5, 5.0):
            value = float(f"{m:g}e{k}")
            if value < least or (m == 2.5 and _multiple(float(f"2e{k}"), step)):
                continue
            if value > 4 * least:
                break
            if _multiple(value, step):
                return value
    count = math.ceil(least / step)
    return step * min(2.0 ** math.ceil(math.log2(count)), _round_above(count))


def _round_above(least: float) -> float:
    """Smallest of 1, 2, 5 times a power of ten that is not below `least`."""
    power = math.floor(math.log10(least))
    for k in (power, power + 1):
        for m in (1, 2, 5):
            value = float(f"{m}e{k}")
            if value >= least * (1 - 1e-9):
                return value
    return float(f"1e{power + 2}")


def _multiple(value: float, step: float) -> bool:
    count = value / step
    return count > 0.5 and abs(count - round(count)) <= 1e-6 * max(1.0, count * 1e-3)
