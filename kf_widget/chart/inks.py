"""Inks: what a mark is drawn with, by meaning. A theme gives each its colour."""

from __future__ import annotations

from typing import Final

__all__ = ["INKS"]

INKS: Final = (
    "background",
    "grid",
    "border",
    "text",
    "text_strong",
    "up",
    "down",
    "wick_up",
    "wick_down",
    "volume_up",
    "volume_down",
    "line",
    "area",
    "tag_up",
    "tag_down",
    "tag_text",
    "study_1",
    "study_2",
    "study_3",
    "study_4",
)
"""Names of the inks; an ink is its index here."""

BACKGROUND: Final = 0
GRID: Final = 1
BORDER: Final = 2
TEXT: Final = 3
TEXT_STRONG: Final = 4
UP: Final = 5
DOWN: Final = 6
WICK_UP: Final = 7
WICK_DOWN: Final = 8
VOLUME_UP: Final = 9
VOLUME_DOWN: Final = 10
LINE: Final = 11
AREA: Final = 12
TAG_UP: Final = 13
TAG_DOWN: Final = 14
TAG_TEXT: Final = 15
STUDY_1: Final = 16
STUDY_2: Final = 17
STUDY_3: Final = 18
STUDY_4: Final = 19
