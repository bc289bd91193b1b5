"""The smallest price increment of an instrument, found in a sample of its prices."""

from __future__ import annotations

import math

import numpy as np

from kf_widget.history.protocol import Floats

__all__ = ["is_step", "price_step"]

_RUNS, _RUN = 64, 64
# A price may miss its multiple by this share of a step and still count as one: sums of 0.01 drift.
_NOISE = 1e-5
# Beyond this many steps in a price, float64 no longer tells multiples from anything else.
_MOST_STEPS = 1e13


def _sample(price: Floats) -> Floats:
    """Unique prices of 64 runs of 64 rows spread evenly, all rows of a short history."""
    if len(price) > _RUNS * _RUN:
        starts = np.linspace(0, len(price) - _RUN, _RUNS).astype(np.int64)
        price = price[starts[:, None] + np.arange(_RUN)].ravel()
    return np.unique(price)


def _candidates(most: float) -> list[float]:
    """Usual steps up to `most`, falling: 5, 2.5, 2, 1.25, 1 in each decade, and 1/2 to 1/512."""
    top = math.floor(math.log10(most)) + 1
    steps = {float(f"{d}e{k}") for k in range(top, top - 18, -1) for d in (5, 2.5, 2, 1.25, 1)}
    steps.update(2.0**-k for k in range(1, 10))
    return sorted((s for s in steps if 0 < s <= most * (1 + _NOISE)), reverse=True)


def price_step(price: Floats) -> float:
    """Largest usual step of which the sampled prices are multiples.

    Parameters
    ----------
    price : float64 (n,), finite.

    Returns
    -------
    Above 0. All of up to 49 distinct prices must be multiples, 98 % of more (a rare sub-penny print
    does not spoil 0.01). Prices on no grid give a tenth of a power of ten near their median change;
    a flat price the coarsest step of at most 1 that writes it; no price 0.01.

    Notes
    -----
    Reads 4,096 prices at most; about 1 ms. float32 prices cast to float64 are told by their bits and
    get the wider noise of float32.
    """
    seen = _sample(price)
    if not len(seen):
        return 0.01
    largest = float(max(abs(seen[0]), abs(seen[-1])))
    spread = min(float(seen[-1]) - float(seen[0]), 1e300)
    most = spread if spread > 1e-13 * largest else min(1.0, largest) or 1.0
    with np.errstate(over="ignore"):
        single = len(seen) > 1 and bool(np.all(seen.astype(np.float32) == seen))
    whole = bool(np.all(seen == np.rint(seen)))
    noise = 2.0**-24 if single and not whole else 2.0**-50
    for step in _candidates(most):
        if largest / step > _MOST_STEPS or largest / step * noise > 0.1:
            break
        if _multiples(seen, step, noise):
            return step
    with np.errstate(over="ignore"):
        moves = np.abs(np.diff(price[:: max(1, len(price) // 4096)]))
    moves = moves[(moves > 0) & (moves < 1e300)]
    usual = float(np.median(moves)) if len(moves) else 0.0
    finest = 8 * float(np.spacing(largest))
    return float(10.0 ** math.ceil(math.log10(max(usual / 100, finest, 1e-300))))


def is_step(price: Floats, step: float) -> bool:
    """Whether prices are multiples of a step that was found before; 98 % of more than 49 are enough."""
    seen = np.unique(price)
    single = bool(np.all(seen.astype(np.float32) == seen)) and not bool(np.all(seen == np.rint(seen)))
    return _multiples(seen, step, 2.0**-24 if single else 2.0**-50)


def _multiples(seen: Floats, step: float, noise: float) -> bool:
    steps = seen / step
    off = np.abs(steps - np.rint(steps)) > _NOISE + noise * np.abs(steps)
    return int(np.count_nonzero(off)) <= len(seen) // 50
