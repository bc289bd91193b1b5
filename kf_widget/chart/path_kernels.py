"""Kernels of the chart types that depend on the way prices took: one pass, which can be taken up again.

Each keeps all that it must remember in `state`, so that a pass over rows [0, m) and one over [m, n)
give what one over [0, n) gives. Each counts what it finds and writes as much of it as there is room for.
"""

from __future__ import annotations

import math

from kf_widget.jit import kernel

__all__ = ["point_figure_columns", "range_edges", "renko_bricks"]


@kernel
def renko_bricks(price, first, box, most, state, rows, opens, closes):  # type: ignore[no-untyped-def]
    """Bricks of one box each: with the move at the next box, against it at the second.

    price : float64 (n,), read from row `first` on
    most : bricks beyond which the pass is given up
    state : float64 (3,): upper and lower edge of the newest brick, 1 once begun; updated
    rows : int64 (m,), overwritten with the row that completed each brick
    opens, closes : float64 (m,), overwritten

    Returns the number of bricks, also beyond m, or -1 beyond `most`. The first price is where both edges
    begin.
    """
    upper, lower = state[0], state[1]
    count = 0
    for i in range(first, price.size):
        p = price[i]
        if state[2] == 0.0:
            upper = lower = p
            state[2] = 1.0
        if max(p - upper, lower - p) >= box * (most - count):
            return -1
        if p >= upper + box:
            for _ in range(int((p - upper) / box + 1e-9)):
                if count < rows.size:
                    rows[count], opens[count], closes[count] = i, upper, upper + box
                lower, upper = upper, upper + box
                count += 1
        elif p <= lower - box:
            for _ in range(int((lower - p) / box + 1e-9)):
                if count < rows.size:
                    rows[count], opens[count], closes[count] = i, lower, lower - box
                upper, lower = lower, lower - box
                count += 1
    state[0], state[1] = upper, lower
    return count


@kernel
def point_figure_columns(price, first, box, reversal, state, rows, opens, closes):  # type: ignore[no-untyped-def]
    """Columns of point & figure by the closing method; a column that a reversal has ended is written.

    price : float64 (n,), read from row `first` on
    reversal : boxes against the column that begin the next one
    state : float64 (4,): level where the open column began, level it has reached, its direction (1, -1,
        or 0 before the first move), 1 once begun; levels in whole boxes; updated
    rows : int64 (m,), overwritten with the first row of the column after each one
    opens, closes : float64 (m,), overwritten with the levels where it began and ended

    Returns the number of ended columns, also beyond m.
    """
    begun, reached, direction = state[0], state[1], state[2]
    count = 0
    for i in range(first, price.size):
        up = math.floor(price[i] / box + 1e-9)
        down = math.ceil(price[i] / box - 1e-9)
        if state[3] == 0.0:
            begun = reached = math.floor(price[i] / box + 0.5)
            state[3] = 1.0
        elif direction == 0.0:
            if up > reached:
                reached, direction = up, 1.0
            elif down < reached:
                reached, direction = down, -1.0
        elif direction > 0:
            if up > reached:
                reached = up
            elif down <= reached - reversal:
                if count < rows.size:
                    rows[count], opens[count], closes[count] = i, begun, reached
                count += 1
                begun, reached, direction = reached - 1, down, -1.0
        elif down < reached:
            reached = down
        elif up >= reached + reversal:
            if count < rows.size:
                rows[count], opens[count], closes[count] = i, begun, reached
            count += 1
            begun, reached, direction = reached + 1, up, 1.0
    state[0], state[1], state[2] = begun, reached, direction
    return count


@kernel
def range_edges(high, low, first, size, state, rows):  # type: ignore[no-untyped-def]
    """Rows after which a bar has reached its range.

    high, low : float64 (n,), read from row `first` on
    size : range that completes a bar
    state : float64 (3,): high and low of the open bar, 1 if it holds a row; updated
    rows : int64 (m,), overwritten with the row that begins the bar after each complete one

    Returns the number of complete bars, also beyond m.
    """
    top, bottom, held = state[0], state[1], state[2]
    reach = size * (1.0 - 1e-9)
    count = 0
    for i in range(first, high.size):
        if held == 0.0:
            top, bottom, held = high[i], low[i], 1.0
        else:
            top, bottom = max(top, high[i]), min(bottom, low[i])
        if top - bottom >= reach:
            if count < rows.size:
                rows[count] = i + 1
            count += 1
            held = 0.0
    state[0], state[1], state[2] = top, bottom, held
    return count
