"""How a chart is drawn: its size, colours and type, checked once and remembered."""

from __future__ import annotations

import difflib
import functools
import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.chart import inks
from kf_widget.chart.theme import Theme, theme_named
from kf_widget.plotting.bare_kernels import AREA, BARS, CANDLE, HOLLOW, LINE
from kf_widget.plotting.words import rgba_words
from kf_widget.raster.palette import Palette

__all__ = ["BARE_TYPES", "CHART_TYPES", "LONGEST_SIDE_PX", "LOOK", "Look", "choose", "look_from", "look_of"]

LONGEST_SIDE_PX = 16_383
"""Most pixels on a side: what a WebP image may have."""

BARE_TYPES = {"candle": CANDLE, "hollow": HOLLOW, "ohlc": BARS, "line": LINE, "area": AREA}
"""Chart types that one kernel draws from the columns."""
CHART_TYPES = (*BARE_TYPES, "heikin_ashi", "renko", "pnf")
"""All chart types made of OHLC bars."""
_ALIASES = {
    "bars": "ohlc",
    "ohlc_bars": "ohlc",
    "heikin-ashi": "heikin_ashi",
    "heikinashi": "heikin_ashi",
    "hollow_and_filled": "hollow",
    "point_and_figure": "pnf",
    "point & figure": "pnf",
}

_INKS = (
    inks.BACKGROUND,
    inks.GRID,
    inks.UP,
    inks.DOWN,
    inks.VOLUME_UP,
    inks.VOLUME_DOWN,
    inks.LINE,
    inks.AREA,
)
_RAMPS = ((inks.LINE, inks.BACKGROUND), (inks.LINE, inks.AREA), (inks.AREA, inks.BACKGROUND))


def _palette() -> Palette:
    plain = [(ink, 8, ink) for ink in _INKS]
    shades = [(over, level, under) for over, under in _RAMPS for level in range(1, 8)]
    return Palette(*np.array(plain + shades, np.uint8).T.copy())


_PALETTE = _palette()


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Everything about a chart but its data; made by `look_of`.

    width, height : px
    theme : colours, custom ones applied
    wick_width_ratio : width of a wick in widths of a body
    antialiasing : whether line edges are smooth, and the picture RGBA instead of RGB
    grid, axes : whether they are drawn
    chart_type : one of `CHART_TYPES`
    bare : whether `kf_widget.plotting.bare_kernels` draws it
    colours : uint32 (n,), 0xAARRGGBB of each index that those kernels write, read-only
    words : uint32 (256,), the same as they lie in an RGBA image
    """

    width: int
    height: int
    theme: Theme
    wick_width_ratio: float
    antialiasing: bool
    grid: bool
    chart_type: str
    axes: bool
    bare: bool
    colours: npt.NDArray[np.uint32]
    words: npt.NDArray[np.uint32]

    @property
    def channels(self) -> int:
        """4 for RGBA, 3 for RGB."""
        return 4 if self.antialiasing else 3

    def key(self) -> str:
        """Text that is equal for two looks only if they draw the same."""
        colours = ",".join(f"{c:08x}" for c in (*self.theme.colours().tolist(), *self.colours.tolist()))
        return (
            f"{self.width}x{self.height} {self.chart_type} {self.wick_width_ratio!r} "
            f"{self.antialiasing:d}{self.grid:d}{self.axes:d} {colours}"
        )


LOOK: dict[str, Any] = {
    "width": 1920,
    "height": 1080,
    "theme": "classic",
    "bg_color": None,
    "up_color": None,
    "down_color": None,
    "wick_width_ratio": 0.1,
    "enable_antialiasing": True,
    "show_grid": True,
    "use_batch_drawing": "auto",
    "chart_type": "candle",
    "axes": False,
}
"""Names and defaults of all that `look_of` takes."""


def choose(what: str, argument: str, value: Any, allowed: Iterable[str]) -> str:
    """`value` if it is one of `allowed`, else an error that lists them."""
    names = list(allowed)
    if isinstance(value, str) and value in names:
        return value
    near = difflib.get_close_matches(str(value).lower(), names, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    kind = ValueError if isinstance(value, str) else TypeError
    raise kind(f"{what}: {argument} must be one of {', '.join(names)}, got {value!r}.{hint}")


def look_of(**given: Any) -> Look:
    """The look that the arguments of `render_ohlcv_chart` ask for; equal arguments are checked once.

    Raises
    ------
    TypeError, ValueError : an unknown name, or a value that cannot be; the message lists what can.
    """
    if not given.keys() <= LOOK.keys():
        choose("render", "an argument", next(name for name in given if name not in LOOK), LOOK)
    return look_from(*{**LOOK, **given}.values())


def look_from(*values: Any) -> Look:
    """What `look_of` returns, from all its arguments in the order of `LOOK`."""
    try:
        return _look(*values)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
    return _look.__wrapped__(*values)


@functools.lru_cache(maxsize=128, typed=True)
def _look(
    width: Any,
    height: Any,
    theme: Any,
    bg_color: Any,
    up_color: Any,
    down_color: Any,
    wick_width_ratio: Any,
    enable_antialiasing: Any,
    show_grid: Any,
    use_batch_drawing: Any,
    chart_type: Any,
    axes: Any,
) -> Look:
    chosen = theme_named(theme)
    for argument, colour, field in (
        ("bg_color", bg_color, "background"),
        ("up_color", up_color, "up"),
        ("down_color", down_color, "down"),
    ):
        if colour is not None:
            try:
                chosen = chosen.replace(**{field: colour})
            except (TypeError, ValueError):
                raise (ValueError if isinstance(colour, str) else TypeError)(
                    f'render: {argument} must be a colour written "#RGB" or "#RRGGBB", got {colour!r}. '
                    'Write for example "#26A69A".'
                ) from None
    if use_batch_drawing not in ("auto", True, False):
        raise ValueError(
            f'render: use_batch_drawing must be "auto", True or False, got {use_batch_drawing!r}.'
        )
    named = _ALIASES.get(chart_type, chart_type) if isinstance(chart_type, str) else chart_type
    kind = choose("render", "chart_type", named, CHART_TYPES)
    with_axes = _flag("axes", axes)
    colours = _PALETTE.colours(chosen.colours())
    # The bare kernels know one colour for a body and its wick.
    own_wicks = (chosen.wick_up, chosen.wick_down) != (chosen.up, chosen.down)
    return Look(
        width=_side("width", width),
        height=_side("height", height),
        theme=chosen,
        wick_width_ratio=_ratio(wick_width_ratio),
        antialiasing=_flag("enable_antialiasing", enable_antialiasing),
        grid=_flag("show_grid", show_grid),
        chart_type=kind,
        axes=with_axes,
        bare=kind in BARE_TYPES and not with_axes and not (kind in ("candle", "hollow") and own_wicks),
        colours=colours,
        words=rgba_words(colours),
    )


def _side(argument: str, value: Any) -> int:
    try:
        px = operator.index(value)
    except TypeError:
        px = 0
    if isinstance(value, bool) or (px == 0 and value != 0):
        raise TypeError(f"render: {argument} must be a whole number of pixels, got {value!r}.")
    if not 1 <= px <= LONGEST_SIDE_PX:
        raise ValueError(f"render: {argument} must be 1 to {LONGEST_SIDE_PX} pixels, got {px}.")
    return px


def _ratio(value: Any) -> float:
    try:
        ratio = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"render: wick_width_ratio must be a number from 0 to 1, got {value!r}.") from None
    if isinstance(value, str) or math.isnan(ratio) or not 0 <= ratio <= 1:
        raise ValueError(f"render: wick_width_ratio must be a number from 0 to 1, got {value!r}.")
    return ratio


def _flag(argument: str, value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"render: {argument} must be True or False, got {value!r}.")
