"""Timeframe: the rule that cuts bars."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

__all__ = ["Timeframe"]

Kind = Literal["time", "day", "week", "month", "tick", "volume", "value"]

_DAY_NS: Final = 86_400_000_000_000
_MONTH_NS: Final = 2_629_746_000_000_000  # the mean Gregorian month, 365.2425 days / 12
_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_NOMINAL_NS: Final[dict[Kind, int]] = {
    "time": 1,
    "day": _DAY_NS,
    "week": 7 * _DAY_NS,
    "month": _MONTH_NS,
    "tick": 0,
    "volume": 0,
    "value": 0,
}
_CALENDAR: Final[dict[str, tuple[Kind, int]]] = {
    "D": ("day", 1),
    "W": ("week", 1),
    "M": ("month", 1),
    "Y": ("month", 12),
}
_COUNTED: Final[dict[str, Kind]] = {"t": "tick", "v": "volume", "$": "value"}
_ALIASES: Final = {"d": "D", "w": "W", "y": "Y", "H": "h", "min": "m", "mo": "M", "S": "s"}
_TEXT: Final = re.compile(r"(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)?\s*([A-Za-z]+|\$)")
_EXAMPLES: Final = (
    "'1s', '5m', '4h', '1D', '1W', '1M', '100t' (ticks), '500v' (volume), '1e6$' (traded value)"
)


@dataclass(frozen=True, slots=True)
class Timeframe:
    """The rule that cuts bars; made by `Timeframe.parse`, written back by `str`.

    Attributes
    ----------
    kind : "time" (intraday), "day", "week", "month", or counted: "tick", "volume", "value".
    step : nanoseconds, days, weeks or months (int); ticks (int); volume or traded value (float).
    nominal_ns : usual length in nanoseconds: a day of 24 hours, a mean month; 0 for ticks, volume and value.
    by_time : whether the clock or the calendar cuts the bars, not the trades.
    bars_per_ns : bars that begin in a nanosecond, an upper bound in the long run; 0.0 where trades cut.
    """

    kind: Kind
    step: int | float
    nominal_ns: int = field(init=False, repr=False, compare=False)
    by_time: bool = field(init=False, repr=False, compare=False)
    bars_per_ns: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Kept, not properties: a small history is resampled in 30 us and asks for them a dozen times.
        nominal_ns = int(self.step) * _NOMINAL_NS[self.kind]
        object.__setattr__(self, "nominal_ns", nominal_ns)
        object.__setattr__(self, "by_time", nominal_ns > 0)
        object.__setattr__(self, "bars_per_ns", self._rate(nominal_ns) if nominal_ns else 0.0)

    def _rate(self, nominal_ns: int) -> float:
        # A day may end with a cut bar, and an offset change may cut two more; a rounding is 1e-16.
        shortest = nominal_ns if self.kind == "time" else 0.9 * nominal_ns
        return (1 / shortest + 3 / _DAY_NS) * (1 + 1e-12)

    @staticmethod
    def parse(text: str | Timeframe) -> Timeframe:
        """Read "5m", "100ms", "4h", "1D", "1W", "3M", "1Y", "100t", "500v", "1e6$" and their like."""
        if isinstance(text, Timeframe):
            return text
        if not isinstance(text, str):
            raise TypeError(f"timeframe: must be a str, got {type(text).__name__}. For example {_EXAMPLES}.")
        return _parsed(text)

    def __str__(self) -> str:
        if self.kind == "time":
            unit = max((u for u in _UNITS if self.step % _UNITS[u] == 0), key=_UNITS.__getitem__)
            return f"{int(self.step) // _UNITS[unit]}{unit}"
        letter = {"day": "D", "week": "W", "month": "M", "tick": "t", "volume": "v", "value": "$"}
        return f"{_number(self.step)}{letter[self.kind]}"


@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> Timeframe:
    match = _TEXT.fullmatch(text.strip())
    number = Decimal(match[1] or 1) if match else Decimal(0)  # as a float 0.29 hours are no whole second
    unit = _ALIASES.get(match[2], match[2]) if match else ""
    known = unit in _UNITS or unit in _CALENDAR or unit in _COUNTED
    if not known or not 0 < number < 1e18:
        raise ValueError(
            f"timeframe: must be a number and a unit, got {text!r}. For example {_EXAMPLES};"
            " m is minutes, M is months."
        )
    if unit in ("v", "$"):
        return Timeframe(_COUNTED[unit], float(number))
    scale = _UNITS.get(unit, _CALENDAR[unit][1] if unit in _CALENDAR else 1)
    step = number * scale
    if step != int(step) or step < 1:
        raise ValueError(
            f"timeframe: must be a whole number of {'ns' if unit in _UNITS else repr(unit)},"
            f" got {text!r}. For example {_EXAMPLES}."
        )
    if unit in _COUNTED:
        return Timeframe(_COUNTED[unit], int(step))
    if unit in _CALENDAR:
        return _checked(Timeframe(_CALENDAR[unit][0], int(step)), text)
    if step % _DAY_NS == 0:
        return _checked(Timeframe("day", int(step) // _DAY_NS), text)
    if step > _DAY_NS:
        raise ValueError(f"timeframe: above a day must be whole days, got {text!r}. For example '2D'.")
    return Timeframe("time", int(step))


def _number(value: int | float) -> str:
    if isinstance(value, int) or (value == int(value) and value < 1e6):
        return str(int(value))
    return str(Decimal(repr(value)).normalize()).lower().replace("e+", "e")


def _checked(timeframe: Timeframe, text: str) -> Timeframe:
    if timeframe.nominal_ns > 1_200 * _MONTH_NS:
        raise ValueError(f"timeframe: must be at most 100 years, got {text!r}. For example '1Y'.")
    return timeframe
