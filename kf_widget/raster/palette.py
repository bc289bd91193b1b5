"""Palette entries by meaning: an ink, how much of it, over which ink."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["MAX_ENTRIES", "NO_RAMP", "Layout", "Palette", "allocate"]

MAX_ENTRIES = 256
NO_RAMP = 1 << 20


@dataclass(frozen=True, slots=True)
class Palette:
    """What each index of a frame means; a theme gives the colours.

    Attributes
    ----------
    ink : uint8 (n,), level : uint8 (n,), background : uint8 (n,)
        Entry i is `level` eighths of `ink` over `background`; a plain ink has level 8.
    """

    ink: npt.NDArray[np.uint8]
    level: npt.NDArray[np.uint8]
    background: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return self.ink.size

    def colours(self, theme: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
        """Colour of each index.

        Parameters
        ----------
        theme : uint32, 0xAARRGGBB of each ink.

        Returns
        -------
        uint32 (n,), 0xAARRGGBB, mixed in sRGB space as browsers do.
        """
        inks = np.ascontiguousarray(theme, dtype="<u4").view(np.uint8).reshape(-1, 4).astype(np.int32)
        over, under = inks[self.ink], inks[self.background]
        level = self.level.astype(np.int32)[:, None]
        # Colours weigh in by their alpha, so that shades against a transparent ground get no dark fringe.
        weight, rest = level * over[:, 3:], (8 - level) * under[:, 3:]
        weight = np.where(weight + rest > 0, weight, 1)
        total = weight + rest
        mixed = (over * weight + under * rest + (total >> 1)) // total
        mixed[:, 3:] = (over[:, 3:] * level + under[:, 3:] * (8 - level) + 4) >> 3
        words: npt.NDArray[np.uint32] = mixed.astype(np.uint8).view("<u4")[:, 0]
        return words


@dataclass(frozen=True, slots=True)
class Layout:
    """A palette, and where to find what in it.

    Attributes
    ----------
    palette : Palette
    index_of : index of each ink.
    index_of_ink : uint8 (256,), the same, 0 for inks that are not in use.
    ramp_of : first index of the ramp of each pair of ink and background; `NO_RAMP` for an ink on itself.
    steps : 8, 4, 2 or 1; a ramp has ``steps - 1`` entries.
    """

    palette: Palette
    index_of: dict[int, int]
    index_of_ink: npt.NDArray[np.uint8]
    ramp_of: dict[tuple[int, int], int]
    steps: int


@lru_cache(maxsize=256)
def allocate(inks: tuple[int, ...], pairs: tuple[tuple[int, int], ...]) -> Layout:
    """Lay out a palette: the plain inks, then a ramp for each pair of ink and background.

    While more than 256 entries would be needed, all ramps are halved: 7 shades, 3, 1, none.

    Parameters
    ----------
    inks : distinct, in the order wanted; every ink that a pair names is among them.
    pairs : (ink, background), in order of first use; repeats are fine.

    Notes
    -----
    The frames of one gesture share their layout, so it is kept: 30 us the first time, 1 us after.
    """
    ramps = [pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1]]
    steps = 8
    while steps > 1 and len(inks) + len(ramps) * (steps - 1) > MAX_ENTRIES:
        steps >>= 1
    shades = steps - 1
    index_of = {ink: index for index, ink in enumerate(inks)}
    index_of_ink = np.zeros(256, np.uint8)
    index_of_ink[list(inks)] = np.arange(len(inks))
    ramp_of = dict.fromkeys(pairs, NO_RAMP)
    ramp_of.update((pair, len(inks) + shades * i) for i, pair in enumerate(ramps))
    plain = [(ink, 8, ink) for ink in inks]
    mixed = [(over, 8 // steps * rank, under) for over, under in ramps for rank in range(1, steps)]
    entries = np.array(plain + mixed, np.uint8).T.copy()
    entries.flags.writeable = index_of_ink.flags.writeable = False
    return Layout(Palette(*entries), index_of, index_of_ink, ramp_of, steps)
