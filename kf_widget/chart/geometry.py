"""Kernels that turn bars into rectangles and lines."""

from __future__ import annotations

import math

import numpy as np

from kf_widget.jit import kernel

__all__ = [
    "bar_boxes",
    "brick_boxes",
    "candle_boxes",
    "column_boxes",
    "heikin_ashi",
    "hollow_boxes",
    "line_points",
    "step_points",
    "tick_boxes",
    "tick_directions",
    "visible_extremes",
    "volume_boxes",
]


@kernel(inline="always")
def _scaled(price, log):  # type: ignore[no-untyped-def]
    if log:
        return math.log10(price) if price > 0 else -1e9
    return price


@kernel
def visible_extremes(x0, x1, ohlc, volume, left, right, out):  # type: ignore[no-untyped-def]
    """Highest high, lowest low and largest volume of the bars that overlap [left, right).

    x0, x1 : float64 (n,), px
    ohlc : float64 (n, 4); volume : float64 (n,)
    out : float64 (3,), overwritten with high, low, volume; NaN, NaN, 0 where no bar overlaps
    """
    high, low, most = -math.inf, math.inf, 0.0
    for i in range(x0.size):
        if x1[i] > left and x0[i] < right:
            high = max(high, ohlc[i, 1])
            low = min(low, ohlc[i, 2])
            most = max(most, volume[i])
    out[0] = high if high >= low else math.nan
    out[1] = low if high >= low else math.nan
    out[2] = most


@kernel(inline="always")
def _body_px(spacing, x0, x1, line_px):  # type: ignore[no-untyped-def]
    """Width of a body: four fifths of the spacing, as odd or even as the wick, so that it is centred."""
    room = min(spacing, x1 - x0)
    width = int(room * 0.8)
    if width > 1 and (width - line_px) % 2:
        width -= 1
    return max(width, 1)


@kernel(inline="always")
def _row(price, log, top, scale, height):  # type: ignore[no-untyped-def]
    y = (top - _scaled(price, log)) * scale
    return math.floor(min(max(y, -4.0 * height), 5.0 * height))


@kernel
def candle_boxes(x0, x1, ohlc, spacing, line_px, wick_px, log, top, scale, height, wicks, bodies, inks):  # type: ignore[no-untyped-def]
    """Wick and body of each bar, on whole pixels.

    x0, x1 : float64 (n,), px
    ohlc : float64 (n, 4)
    spacing : typical px from bar to bar; line_px, wick_px : least height of a body, width of a wick
    log, top, scale, height : price pane: log10 scale or not, its top in scale space, px per unit, px
    wicks, bodies : int32 (4, n), overwritten with x0, y0, x1, y1
    inks : uint8 (2, n), overwritten with 1 where the bar closed at or above its open, else 0
    """
    for i in range(x0.size):
        width = _body_px(spacing, x0[i], x1[i], wick_px)
        thin = min(wick_px, width)
        left = math.floor(x0[i]) if spacing < 1.5 else math.floor(0.5 * (x0[i] + x1[i]) - 0.5 * width + 0.5)
        center = left + (width - thin) // 2
        opened = _row(ohlc[i, 0], log, top, scale, height)
        closed = _row(ohlc[i, 3], log, top, scale, height)
        wicks[0, i] = center
        wicks[1, i] = _row(ohlc[i, 1], log, top, scale, height)
        wicks[2, i] = center + thin
        wicks[3, i] = _row(ohlc[i, 2], log, top, scale, height) + 1
        bodies[0, i] = left
        bodies[1, i] = min(opened, closed)
        bodies[2, i] = left + width
        bodies[3, i] = max(opened, closed) + line_px
        inks[0, i] = inks[1, i] = 1 if ohlc[i, 3] >= ohlc[i, 0] else 0


@kernel
def hollow_boxes(wicks, bodies, filled, line_px, lower, holes):  # type: ignore[no-untyped-def]
    """Turn candles into hollow ones where they are not filled.

    wicks, bodies : int32 (4, n), as `candle_boxes` left them; a hollow candle's wick ends at its body
    filled : uint8 (n,)
    lower : int32 (4, n), overwritten with the wicks below hollow bodies; empty where filled
    holes : int32 (4, n), overwritten with what is inside; empty where filled or where nothing fits
    """
    for i in range(wicks.shape[1]):
        for k in range(4):
            lower[k, i] = holes[k, i] = 0
        if filled[i]:
            continue
        lower[0, i], lower[2, i] = wicks[0, i], wicks[2, i]
        lower[1, i], lower[3, i] = bodies[3, i], max(wicks[3, i], bodies[3, i])
        wicks[3, i] = max(wicks[1, i], bodies[1, i])
        holes[0, i], holes[2, i] = bodies[0, i] + line_px, bodies[2, i] - line_px
        holes[1, i], holes[3, i] = bodies[1, i] + line_px, bodies[3, i] - line_px


@kernel
def heikin_ashi(ohlc, out):  # type: ignore[no-untyped-def]
    """Heikin-Ashi bars: the close is the mean of the bar, the open the middle of the body before.

    ohlc : float64 (n, 4)
    out : float64 (n, 4), overwritten; may be `ohlc` itself. The first open is the middle of its body.
    """
    for i in range(ohlc.shape[0]):
        opened, high, low, closed = ohlc[i, 0], ohlc[i, 1], ohlc[i, 2], ohlc[i, 3]
        # Quarters and halves, not sums: prices near the largest float do not overflow.
        closing = 0.25 * opened + 0.25 * high + 0.25 * low + 0.25 * closed
        opening = 0.5 * opened + 0.5 * closed if i == 0 else 0.5 * out[i - 1, 0] + 0.5 * out[i - 1, 3]
        out[i, 0] = opening
        out[i, 1] = max(high, max(opening, closing))
        out[i, 2] = min(low, min(opening, closing))
        out[i, 3] = closing


@kernel
def brick_boxes(x0, x1, high, low, gap_px, log, top, scale, height, boxes):  # type: ignore[no-untyped-def]
    """A full rectangle for each brick, as wide as its time, with a gap where there is room for one.

    x0, x1 : float64 (n,), px; high, low : float64 (n,), its edges
    boxes : int32 (4, n), overwritten with x0, y0, x1, y1
    """
    far = 1e8
    for i in range(x0.size):
        left = math.floor(min(max(x0[i], -far), far) + 0.5)
        right = math.floor(min(max(x1[i], -far), far) + 0.5)
        if right - left > 3 * gap_px:
            right -= gap_px
        above = _row(high[i], log, top, scale, height)
        below = _row(low[i], log, top, scale, height)
        if below - above > 3 * gap_px:
            below -= gap_px
        boxes[0, i] = left
        boxes[1, i] = above
        boxes[2, i] = max(right, left + 1)
        boxes[3, i] = max(below, above + 1)


@kernel
def column_boxes(x0, ohlc, rising, log, top, scale, height, rose, fell):  # type: ignore[no-untyped-def]
    """Pixel columns that stand for many bars: high to low, the upper part as large as the share that rose.

    rising : float64 (n,), share of the bars that rose
    rose, fell : int32 (4, n), overwritten with x0, y0, x1, y1; empty where the share is 0 or 1
    """
    for i in range(x0.size):
        left = math.floor(x0[i])
        above = _row(ohlc[i, 1], log, top, scale, height)
        below = _row(ohlc[i, 2], log, top, scale, height) + 1
        cut = above + int(rising[i] * (below - above) + 0.5)
        rose[0, i] = fell[0, i] = left
        rose[2, i] = fell[2, i] = left + 1
        rose[1, i] = above
        rose[3, i] = fell[1, i] = cut
        fell[3, i] = below


@kernel
def bar_boxes(x0, x1, ohlc, spacing, line_px, tick_px, log, top, scale, height, stems, opens, closes, inks):  # type: ignore[no-untyped-def]
    """OHLC bars: a stem from high to low, the open to its left, the close to its right, within both.

    Arguments as in `candle_boxes`; tick_px : height of open and close; stems, opens, closes : int32 (4, n),
    overwritten; inks : uint8 (n,).
    """
    for i in range(x0.size):
        width = _body_px(spacing, x0[i], x1[i], line_px)
        thin = min(line_px, width)
        left = math.floor(x0[i]) if spacing < 1.5 else math.floor(0.5 * (x0[i] + x1[i]) - 0.5 * width + 0.5)
        center = left + (width - thin) // 2
        opened = _row(ohlc[i, 0], log, top, scale, height)
        closed = _row(ohlc[i, 3], log, top, scale, height)
        half = (tick_px - 1) // 2
        stems[0, i] = center
        stems[1, i] = _row(ohlc[i, 1], log, top, scale, height)
        stems[2, i] = center + thin
        stems[3, i] = _row(ohlc[i, 2], log, top, scale, height) + 1
        opens[0, i] = left
        opens[1, i] = max(opened - half, stems[1, i])
        opens[2, i] = center + thin
        opens[3, i] = min(opened - half + tick_px, stems[3, i])
        closes[0, i] = center
        closes[1, i] = max(closed - half, stems[1, i])
        closes[2, i] = left + width
        closes[3, i] = min(closed - half + tick_px, stems[3, i])
        inks[i] = 1 if ohlc[i, 3] >= ohlc[i, 0] else 0


@kernel
def volume_boxes(x0, x1, rising, volume, spacing, line_px, most, bottom, height, boxes, inks):  # type: ignore[no-untyped-def]
    """A column of volume for each bar, standing on `bottom`, `height` px at volume `most`.

    rising : float64 (n,), share of its bars that rose

    boxes : int32 (4, n), overwritten with x0, y0, x1, y1; a volume above 0 is at least one px high
    inks : uint8 (n,), overwritten with 1 where at least half of them rose
    """
    for i in range(x0.size):
        width = _body_px(spacing, x0[i], x1[i], line_px)
        left = math.floor(x0[i]) if spacing < 1.5 else math.floor(0.5 * (x0[i] + x1[i]) - 0.5 * width + 0.5)
        tall = 0
        if volume[i] > 0 and most > 0:
            tall = max(1, int(min(volume[i] / most, 1.0) * height + 0.5))
        boxes[0, i] = left
        boxes[1, i] = bottom - tall
        boxes[2, i] = left + width
        boxes[3, i] = bottom
        inks[i] = 1 if rising[i] >= 0.5 else 0


@kernel
def line_points(x0, x1, ohlc, merged, log, top, scale, height, x, y):  # type: ignore[no-untyped-def]
    """Points of a line through the closes.

    merged : where pixel columns stand for many bars, each gives open, its extremes in the order that
        the line meets them, and close, so that no spike is lost
    x, y : float32 (4 n,) where merged, else (n,), overwritten
    """
    far = 4.0 * height
    for i in range(x0.size):
        center = 0.5 * (x0[i] + x1[i])
        if merged:
            rising = ohlc[i, 3] >= ohlc[i, 0]
            for k in range(4):
                pick = 0 if k == 0 else 3
                if k == 1:
                    pick = 2 if rising else 1
                elif k == 2:
                    pick = 1 if rising else 2
                x[4 * i + k] = center
                at = (top - _scaled(ohlc[i, pick], log)) * scale
                y[4 * i + k] = min(max(at, -far), far + height)
        else:
            x[i] = center
            at = (top - _scaled(ohlc[i, 3], log)) * scale
            y[i] = min(max(at, -far), far + height)


@kernel
def step_points(x0, price, line_px, log, top, scale, height, across, down):  # type: ignore[no-untyped-def]
    """A step from trade to trade: along the old price, then up or down at the new trade's time.

    x0 : float64 (n,), px; price : float64 (n,)
    across, down : int32 (4, n), overwritten with x0, y0, x1, y1
    """
    for i in range(x0.size):
        here = math.floor(x0[i])
        row = _row(price[i], log, top, scale, height)
        until = math.floor(x0[i + 1]) if i + 1 < x0.size else here
        next_row = _row(price[i + 1], log, top, scale, height) if i + 1 < x0.size else row
        across[0, i] = here
        across[1, i] = row
        across[2, i] = until + line_px
        across[3, i] = row + line_px
        down[0, i] = until
        down[1, i] = min(row, next_row)
        down[2, i] = until + line_px
        down[3, i] = max(row, next_row) + line_px


@kernel
def tick_directions(price, side, rising):  # type: ignore[no-untyped-def]
    """Who started each trade.

    price : float64 (n,); side : int8 (n,): 1 bought, -1 sold, 0 unknown; or (0,) where there is none
    rising : float64 (n,), overwritten with 1 for bought, 0 for sold; an unknown side goes by the move
        from the trade before, and without a move by the one before that (the tick rule)
    """
    bought = 1.0
    for i in range(price.size):
        if i > 0 and price[i] != price[i - 1]:
            bought = 1.0 if price[i] > price[i - 1] else 0.0
        known = side[i] if side.size else 0
        rising[i] = bought if known == 0 else (1.0 if known > 0 else 0.0)


@kernel
def tick_boxes(x0, price, line_px, size_px, log, top, scale, height, boxes):  # type: ignore[no-untyped-def]
    """A square for each trade; boxes : int32 (4, n), overwritten with x0, y0, x1, y1."""
    for i in range(x0.size):
        left = math.floor(x0[i]) + line_px // 2 - size_px // 2
        above = _row(price[i], log, top, scale, height) + line_px // 2 - size_px // 2
        boxes[0, i] = left
        boxes[1, i] = above
        boxes[2, i] = left + size_px
        boxes[3, i] = above + size_px


def boxes(n: int) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    """int32 (4, n), not yet filled: x0, y0, x1, y1."""
    return np.empty((4, n), dtype=np.int32)
