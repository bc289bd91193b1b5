"""One rule for an antialiased pixel in an indexed image."""

from __future__ import annotations

from kf_widget.jit import part

__all__ = ["shade"]


@part(_nrt=False)
def shade(
    held: int, level: int, steps: int, ink: int, ground: int, ramp: int, other: int, other_ramp: int
) -> int:
    """Index of a pixel that held `held` once a mark covers it by `level` eighths.

    Over its own ground the pixel moves up the ramp, never down, so that the order in which the pieces
    of one mark arrive does not matter. Over anything else a level from 4 up paints the solid ink.

    Parameters
    ----------
    held, ink, ground, other : indices; the mark shades against `ground` and `other`.
    level : 0 to 8.
    steps : 8, 4, 2 or 1; a ramp has the ``steps - 1`` indices from `ramp` (or `other_ramp`) on.
    """
    if held == ink:
        return held
    rank = (level * steps + 4) >> 3
    if rank == 0:
        return held
    if held == ground or ramp <= held < ramp + steps - 1:
        first = ramp
    elif held == other or other_ramp <= held < other_ramp + steps - 1:
        first = other_ramp
    else:
        return ink if level >= 4 else held
    if rank == steps:
        return ink
    new = first + rank - 1
    if held in (ground, other):
        return new
    return max(held, new)
