"""Charts as images and arrays."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kf_widget.chart.theme import Theme
from kf_widget.plotting.columns import columns_of
from kf_widget.plotting.easel import draw_bare
from kf_widget.plotting.look import Look, look_from, look_of
from kf_widget.plotting.picture import picture_of
from kf_widget.raster.rgb import raster_rgb

__all__ = ["draw", "render_ohlcv_chart", "render_to_array"]


def draw(
    ohlc: Any, volume: Any, look: Look, what: str = "render"
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
    """Indices uint8 (height, width) and colours uint32 (n,), 0xAARRGGBB, of a chart of any type."""
    if not look.bare:
        from kf_widget.plotting.drawn import draw_chart

        indices, colours = draw_chart(ohlc, volume, look, what=what)
        return indices, colours
    indices = np.empty((look.height, look.width), np.uint8)
    draw_bare(columns_of(ohlc, volume, what), look, indices, what)
    return indices, look.colours


def render_ohlcv_chart(
    ohlc: Any,
    volume: Any = None,
    width: int = 1920,
    height: int = 1080,
    theme: str | Theme = "classic",
    bg_color: str | None = None,
    up_color: str | None = None,
    down_color: str | None = None,
    wick_width_ratio: float = 0.1,
    enable_antialiasing: bool = True,
    show_grid: bool = True,
    use_batch_drawing: bool | Literal["auto"] = "auto",
    chart_type: str = "candle",
    axes: bool = False,
) -> Any:
    """One chart as a Pillow image.

    Without axes bar i of n has the i-th nth of the width, prices the upper 70 % and volumes the lower
    30 %. More bars than pixels: each column shows the exact extremes of its bars, and up and down in
    the share they had. A row with a NaN price is a gap.

    Parameters
    ----------
    ohlc : mapping or table with columns open, high, low, close: NumPy, pandas, polars, Arrow, lists.
    volume : column as long, or None, which gives the prices the whole height; NaN draws nothing.
    width, height : px, 1 to 16,383.
    theme : "classic", "modern", "tradingview" or "light".
    bg_color, up_color, down_color : "#RGB" or "#RRGGBB" in place of the theme's.
    wick_width_ratio : width of a wick in widths of a body, 0 to 1; at least one pixel.
    enable_antialiasing : smooth edges of lines, and RGBA; else hard edges, and RGB. Bodies, wicks and
        grid lie on whole pixels either way.
    show_grid : whether there is a grid.
    use_batch_drawing : taken for the sake of callers that pass it; everything is drawn in one call.
    chart_type : "candle", "hollow", "ohlc", "line", "area", "heikin_ashi", "renko" or "pnf".
    axes : with prices, times and their labels.

    Returns
    -------
    PIL.Image.Image
        RGBA, or RGB without antialiasing.

    Raises
    ------
    TypeError, ValueError : an argument is of another kind or value than above; the message says which.
    """
    look = look_from(
        width, height, theme, bg_color, up_color, down_color, wick_width_ratio, enable_antialiasing,
        show_grid, use_batch_drawing, chart_type, axes,
    )  # fmt: skip
    indices, colours = draw(ohlc, volume, look, "render_ohlcv_chart")
    return picture_of(indices, colours, look, look.words if look.bare else None)


def render_to_array(ohlc: Any, volume: Any = None, **render: Any) -> npt.NDArray[np.uint8]:
    """One chart as an array.

    Parameters
    ----------
    ohlc, volume, **render : as for `render_ohlcv_chart`.

    Returns
    -------
    uint8 (height, width, 4), or (height, width, 3) without antialiasing
    """
    look = look_of(**render)
    indices, colours = draw(ohlc, volume, look, "render_to_array")
    return raster_rgb(indices, colours, channels=look.channels)
