"""One chart without axes, from its columns into an indexed image, in one compiled call."""

from __future__ import annotations

import math
from typing import Any

from kf_widget.jit import kernel
from kf_widget.raster.area import fill_area
from kf_widget.raster.polyline import stroke_polyline
from kf_widget.raster.rects import fill

__all__ = [
    "AREA",
    "BARS",
    "CANDLE",
    "GRID",
    "HOLLOW",
    "INFINITE",
    "LINE",
    "MARKS",
    "NEGATIVE",
    "RAMPS",
    "SHADES",
    "draw_chart",
    "price_pixels",
]

CANDLE, HOLLOW, BARS, LINE, AREA = range(5)
"""Kinds of marks."""

# Indices of the image; `kf_widget.plotting.look` gives them their colours in this order.
_BACKGROUND, _GRID, _UP, _DOWN, _VOLUME_UP, _VOLUME_DOWN, _LINE, _AREA = range(8)
GRID, MARKS = _GRID, (_UP, _DOWN, _VOLUME_UP, _VOLUME_DOWN)
SHADES = 7
"""Shades between two inks: eight steps of coverage."""
RAMPS = 8
"""First shade: line over background, line over area, area over background."""

INFINITE = -1
"""A price is infinite: ``-1 - 8 * row - column``."""
NEGATIVE = -5
"""A volume is negative or infinite: ``-5 - 8 * row``."""


@kernel
def _row(price: float, high: float, half: float, top: int, usable: int) -> int:
    """Pixel row of a price: the highest in row `top`, the lowest `usable - 1` below; flat in the middle.

    Halves, so that no range overflows.
    """
    if half <= 0.0:
        return top + usable // 2
    return top + int((0.5 * high - 0.5 * price) / half * (usable - 1) + 0.5)


@kernel
def _survey(
    open: Any, high: Any, low: Any, close: Any, volume: Any, start: int, stop: int, has_volume: bool, out: Any
) -> int:
    """Highest and lowest price and largest volume of the rows without NaN, into `out`; 0 or a fault."""
    most = -math.inf
    least = math.inf
    largest = 0.0
    for i in range(start, stop):
        o, h, lo, c = open[i], high[i], low[i], close[i]
        if not (abs(o) + abs(h) + abs(lo) + abs(c) < math.inf):
            for k in range(4):
                price = o if k == 0 else (h if k == 1 else (lo if k == 2 else c))
                if math.isinf(price):
                    return INFINITE - 8 * (i - start) - k
            if math.isnan(o + h + lo + c):
                continue
        most = max(most, max(max(o, c), max(h, lo)))
        least = min(least, min(min(o, c), min(h, lo)))
        if has_volume:
            v = volume[i]
            if v < 0.0 or v == math.inf:
                return NEGATIVE - 8 * (i - start)
            if v > largest:
                largest = v
    out[0] = most
    out[1] = least
    out[2] = largest
    return 0


@kernel
def price_pixels(height: int, has_volume: bool) -> int:
    """Height of the price pane: the upper 70 %, all where there is no volume."""
    return min(max((7 * height + 5) // 10, 1), height) if has_volume else height


@kernel
def _grid(out: Any, price_px: int) -> None:
    """Evenly spaced lines across the price pane, and one between it and the volumes.

    None down the picture: without a time axis they would stand for nothing, and they cost a
    thumbnail more bytes than the lines across.
    """
    height, width = out.shape
    rows = min(8, price_px // 28)
    for k in range(1, rows):
        fill(out, 0, k * price_px // rows, width, k * price_px // rows + 1, _GRID)
    if price_px < height:
        fill(out, 0, price_px, width, price_px + 1, _GRID)


@kernel
def _body_px(spacing: float, wick_ratio: float) -> Any:
    """Widths of a body and its wick, both odd or both even; a body leaves a pixel free where it can."""
    body = max(int(0.8 * spacing), 1)
    wick = min(max(int(wick_ratio * body + 0.5), 1), body)
    if (body - wick) % 2:
        if body + 1 <= spacing - 1.0:
            body += 1
        elif wick > 1:
            wick -= 1
        else:
            body -= 1
    return body, wick


@kernel
def _candles(
    out: Any, open: Any, high: Any, low: Any, close: Any, start: int, stop: int,
    kind: int, wick_ratio: float, most: float, half: float, top: int, usable: int,
) -> None:  # fmt: skip
    """Candles, hollow candles or OHLC bars, one to a slot of a pixel or more."""
    n = stop - start
    width = out.shape[1]
    spacing = width / n
    body, wick = _body_px(spacing, wick_ratio)
    previous = math.nan
    for i in range(n):
        o, h, lo, c = open[start + i], high[start + i], low[start + i], close[start + i]
        if math.isnan(o + h + lo + c):
            continue
        left = (
            i * width // n
            if spacing < 1.5
            else min(max(math.floor((i + 0.5) * spacing - 0.5 * body + 0.5), 0), width - body)
        )
        center = left + (body - wick) // 2
        upper = _row(max(max(o, c), max(h, lo)), most, half, top, usable)
        lower = _row(min(min(o, c), min(h, lo)), most, half, top, usable) + 1
        opened = _row(o, most, half, top, usable)
        closed = _row(c, most, half, top, usable)
        begin = min(opened, closed)
        end = max(opened, closed) + 1
        index = _UP if c >= o else _DOWN
        if kind == BARS:
            fill(out, center, upper, center + wick, lower, index)
            under = min(min(wick, 3), top + usable - max(opened, closed))
            fill(out, left, opened, center, opened + under, index)
            fill(out, center + wick, closed, left + body, closed + under, index)
        elif kind == HOLLOW:
            index = _UP if (math.isnan(previous) and c >= o) or c >= previous else _DOWN
            fill(out, center, upper, center + wick, begin, index)
            fill(out, center, end, center + wick, lower, index)
            if c >= o and body > 2 and end - begin > 2:
                fill(out, left, begin, left + body, begin + 1, index)
                fill(out, left, end - 1, left + body, end, index)
                fill(out, left, begin, left + 1, end, index)
                fill(out, left + body - 1, begin, left + body, end, index)
            else:
                fill(out, left, begin, left + body, end, index)
        else:
            fill(out, center, upper, center + wick, lower, index)
            fill(out, left, begin, left + body, end, index)
        previous = c


@kernel
def _split(
    out: Any, column: int, top: int, bottom: int, share: float, debt: float, up: int, down: int
) -> float:
    """A pixel column whose upper part is as large as the share that rose.

    What rounding gave to one column too much, the next gets less, so that the whole picture keeps the
    share too; returns that debt.
    """
    cut = bottom
    if share < 1.0:
        exact = share * (bottom - top)
        cut = top + int(min(max(math.floor(exact + debt + 0.5), 0.0), float(bottom - top)))
        if share <= 0.0:
            cut = top
        else:
            debt += exact - (cut - top)
    fill(out, column, top, column + 1, cut, up)
    fill(out, column, cut, column + 1, bottom, down)
    return debt


@kernel
def _columns(
    out: Any, open: Any, high: Any, low: Any, close: Any, start: int, stop: int,
    most: float, half: float, top: int, usable: int,
) -> None:  # fmt: skip
    """More bars than pixels: each column from its highest high to its lowest low."""
    n = stop - start
    width = out.shape[1]
    debt = 0.0
    for x in range(width):
        highest = -math.inf
        lowest = math.inf
        rose = 0
        shown = 0
        for i in range(start + x * n // width, start + (x + 1) * n // width):
            o, h, lo, c = open[i], high[i], low[i], close[i]
            if math.isnan(o + h + lo + c):
                continue
            highest = max(highest, max(max(o, c), max(h, lo)))
            lowest = min(lowest, min(min(o, c), min(h, lo)))
            rose += c >= o
            shown += 1
        if shown:
            upper = _row(highest, most, half, top, usable)
            lower = _row(lowest, most, half, top, usable) + 1
            debt = _split(out, x, upper, lower, rose / shown, debt, _UP, _DOWN)


@kernel
def _line_points(
    open: Any, high: Any, low: Any, close: Any, start: int, stop: int, width: int,
    most: float, half: float, top: int, usable: int, x: Any, y: Any,
) -> int:  # fmt: skip
    """Points of a line through the closes; a column of several closes gives first, extremes, last."""
    n = stop - start
    scale = (usable - 1) / half if half > 0.0 else 0.0
    flat = top + usable // 2 + 0.5
    if n <= width:
        for i in range(n):
            o, h, lo, c = open[start + i], high[start + i], low[start + i], close[start + i]
            x[i] = (i + 0.5) * width / n
            y[i] = (0.5 * most - 0.5 * c) * scale + top + 0.5 if half > 0.0 else flat
            if math.isnan(o + h + lo + c):
                y[i] = math.nan
        return n
    for column in range(width):
        first = last = highest = lowest = math.nan
        for i in range(start + column * n // width, start + (column + 1) * n // width):
            c = close[i]
            if math.isnan(open[i] + high[i] + low[i] + c):
                continue
            if math.isnan(first):
                first = highest = lowest = c
            last = c
            highest = max(highest, c)
            lowest = min(lowest, c)
        for k in range(4):
            price = first if k == 0 else last
            if k == 1:
                price = lowest if last >= first else highest
            elif k == 2:
                price = highest if last >= first else lowest
            x[4 * column + k] = column + 0.5
            y[4 * column + k] = (0.5 * most - 0.5 * price) * scale + top + 0.5 if half > 0.0 else flat
            if math.isnan(price):
                y[4 * column + k] = math.nan
    return 4 * width


@kernel
def _volumes(
    out: Any, open: Any, high: Any, low: Any, close: Any, volume: Any, start: int, stop: int,
    wick_ratio: float, largest: float, top: int,
) -> None:  # fmt: skip
    """Bars of volume, standing on the lower edge; a volume above 0 is at least one pixel high."""
    n = stop - start
    height, width = out.shape
    room = max(height - top - max((height - top) // 16, 1), 1)
    spacing = width / n
    body = _body_px(spacing, wick_ratio)[0]
    debt = 0.0
    for k in range(min(n, width)):
        first, last = (k, k + 1) if n <= width else (k * n // width, (k + 1) * n // width)
        tallest = 0.0
        rose = 0.0
        total = 0.0
        for i in range(start + first, start + last):
            o, c, v = open[i], close[i], volume[i]
            if v > 0.0 and not math.isnan(o + high[i] + low[i] + c):
                tallest = max(tallest, v)
                total += v / largest
                rose += v / largest if c >= o else 0.0
        if tallest > 0.0:
            tall = max(int(tallest / largest * room + 0.5), 1)
            if n > width:
                share = rose / total if total > 0.0 else 1.0
                debt = _split(out, k, height - tall, height, share, debt, _VOLUME_UP, _VOLUME_DOWN)
            else:
                left = k * width // n
                if spacing >= 1.5:
                    left = min(max(math.floor((k + 0.5) * spacing - 0.5 * body + 0.5), 0), width - body)
                index = _VOLUME_UP if rose > 0.0 else _VOLUME_DOWN
                fill(out, left, height - tall, left + body, height, index)


@kernel
def draw_chart(
    out: Any,
    open: Any,
    high: Any,
    low: Any,
    close: Any,
    volume: Any,
    start: int,
    stop: int,
    kind: int,
    has_volume: bool,
    grid: bool,
    smooth: bool,
    wick_ratio: float,
    x: Any,
    y: Any,
    cover: Any,
    solid: Any,
) -> int:
    """Draw rows `start` to `stop` as one chart.

    Bar i of n has the i-th nth of the width. The price has the upper 70 % (all of it without volume),
    the volume the rest. A row with a NaN price is a gap.

    Parameters
    ----------
    out : uint8 (height, width), overwritten with indices
    open, high, low, close : float64 (n,)
    volume : float64 (n,), looked at only if `has_volume`; NaN draws nothing
    kind : `CANDLE`, `HOLLOW`, `BARS`, `LINE` or `AREA`
    grid : whether to draw a grid
    smooth : whether the edges of lines are antialiased
    wick_ratio : width of a wick in widths of a body, at least one pixel
    x, y : float32 (m,), scratch, m of stop - start, or 4 * width where that is less, for lines and areas
    cover : float64 (2 * height + 2,), zeros, left zero
    solid : int32 (width,), scratch

    Returns
    -------
    int
        0, or with nothing drawn a number that says what is wrong: see `INFINITE`, `NEGATIVE`.
    """
    height, width = out.shape
    seen = cover[:3]
    wrong: int = _survey(open, high, low, close, volume, start, stop, has_volume, seen)
    most, least, largest = seen[0], seen[1], seen[2]
    seen[:] = 0.0
    if wrong < 0:
        return wrong
    out[:, :] = _BACKGROUND
    price_px = price_pixels(height, has_volume)
    if grid:
        _grid(out, price_px)
    margin = max(price_px // 32, 1) if price_px >= 8 else 0
    usable = price_px - 2 * margin
    if most < least:
        return 0
    if has_volume and largest > 0.0 and price_px < height:
        _volumes(out, open, high, low, close, volume, start, stop, wick_ratio, largest, price_px)
    half = 0.5 * most - 0.5 * least
    if kind in (LINE, AREA):
        count = _line_points(
            open, high, low, close, start, stop, width, most, half, margin, usable, x, y
        )  # fmt: skip
        steps = 8 if smooth else 1
        over_area = RAMPS + SHADES
        if kind == AREA:
            fill_area(
                out, x, y, 0, count, price_px, 0, 0, width, price_px,
                steps, _AREA, _BACKGROUND, over_area + SHADES, cover, solid,
            )  # fmt: skip
        other = _AREA if kind == AREA else _BACKGROUND
        stroke = 1.5 if smooth and stop - start <= width else 1.0
        stroke_polyline(
            out, x, y, 0, count, stroke, 0, 0, width, price_px,
            steps, _LINE, _BACKGROUND, RAMPS, other, over_area if kind == AREA else RAMPS,
        )  # fmt: skip
    elif stop - start > width:
        _columns(out, open, high, low, close, start, stop, most, half, margin, usable)
    else:
        _candles(
            out, open, high, low, close, start, stop, kind, wick_ratio, most, half, margin, usable
        )  # fmt: skip
    return 0
