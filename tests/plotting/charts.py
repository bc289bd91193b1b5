"""Made-up bars, and what a chart's pixels say."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

UP, DOWN = (0, 255, 0), (255, 0, 0)
VOLUME_UP, VOLUME_DOWN = (0, 102, 0), (102, 0, 0)
"""Colours of the classic theme."""


def bars(n: int, seed: int = 0) -> tuple[dict[str, Any], npt.NDArray[np.float64]]:
    """A random walk of `n` bars, and volumes."""
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.normal(size=n))
    opened = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(opened, close) + rng.random(n)
    low = np.minimum(opened, close) - rng.random(n)
    ohlc = {"open": opened, "high": high, "low": low, "close": close}
    return ohlc, rng.integers(1, 1000, n).astype(np.float64)


def dataset(n: int = 50, seed: int = 0) -> dict[str, Any]:
    """One dataset of a batch."""
    ohlc, volume = bars(n, seed)
    return {"ohlc": ohlc, "volume": volume}


def where(array: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """Which pixels have a colour."""
    return (array[..., :3] == colour).all(axis=-1)


def decoded(data: bytes, mode: str = "RGBA") -> npt.NDArray[np.uint8]:
    """Pixels of an encoded image."""
    return np.asarray(Image.open(io.BytesIO(data)).convert(mode))
