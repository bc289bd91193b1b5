"""Glyphs of Roboto, rasterised once by Pillow's FreeType and kept as coverage levels."""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from kf_widget.raster.text import ABSENT

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

__all__ = ["ATLAS", "Atlas", "Tables", "levels_of", "measure"]

_FILES = {"regular": "Roboto", "medium": "RobotoMedium"}
# Linear coverage over a dark or a light ground reads thinner than the same text in a browser.
_GAMMA = 0.80


class Tables(NamedTuple):
    """One state of an atlas: arrays that are never written again, so any thread may draw from them.

    Attributes
    ----------
    pages : int32 (n_faces, 256), row of `slots` for each 256 code points of the basic plane.
    slots : int32 (n_pages, 256), row of `glyphs`; 0 where the glyph has not been added.
    glyphs : int32 (n_glyphs, 6): offset into `levels`, width, height, x and y of the top left pixel from
        the pen on the baseline, advance; px. Row 0 is unused.
    levels : uint8, coverage 0 to 8, glyph after glyph, rows from the top.
    cap_heights : int32 (n_faces,), px.
    """

    pages: npt.NDArray[np.int32]
    slots: npt.NDArray[np.int32]
    glyphs: npt.NDArray[np.int32]
    levels: npt.NDArray[np.uint8]
    cap_heights: npt.NDArray[np.int32]


class _Face(NamedTuple):
    number: int
    font: FreeTypeFont
    advances: dict[int, int]


class Atlas:
    """Every glyph drawn so far, in every size and weight.

    Adding builds new tables and swaps them in one assignment: who draws keeps those it began with.
    """

    def __init__(self) -> None:
        self.tables = Tables(
            np.zeros((0, 256), np.int32),
            np.zeros((1, 256), np.int32),
            np.zeros((1, 6), np.int32),
            np.zeros(1, np.uint8),
            np.zeros(0, np.int32),
        )
        self._faces: dict[tuple[int, str], _Face] = {}
        self._lock = threading.Lock()

    def renew_lock(self) -> None:
        """Free the atlas in a forked child whose parent was adding to it in another thread."""
        self._lock = threading.Lock()

    def face(self, size_px: int, weight: str) -> int:
        """Row of `Tables.pages` for a size and weight; opened on first use."""
        return self._face(size_px, weight).number

    def add(self, size_px: int, weight: str, text: Iterable[str]) -> None:
        """See to it that the tables hold every character of `text`. About 20 us for each new one."""
        with self._lock:
            self._add(self._face_locked(size_px, weight), {min(ord(c), ABSENT) for c in text})

    def measure(self, text: str, size_px: int, weight: str) -> int:
        """Length of a line of text, px. About 1 us."""
        face = self._face(size_px, weight)
        try:
            return sum([face.advances[ord(c)] for c in text])
        except KeyError:
            self.add(size_px, weight, text)
            return sum([face.advances[min(ord(c), ABSENT)] for c in text])

    def _face(self, size_px: int, weight: str) -> _Face:
        found = self._faces.get((size_px, weight))
        if found is None:
            with self._lock:
                found = self._face_locked(size_px, weight)
        return found

    def _face_locked(self, size_px: int, weight: str) -> _Face:
        found = self._faces.get((size_px, weight))
        if found is not None:
            return found
        import font_roboto  # type: ignore[import-untyped]
        from PIL import ImageFont

        font = ImageFont.truetype(
            getattr(font_roboto, _FILES[weight]), size_px, layout_engine=ImageFont.Layout.BASIC
        )
        held = self.tables
        face = _Face(len(held.pages), font, {})
        self.tables = held._replace(
            pages=np.vstack([held.pages, np.zeros((1, 256), np.int32)]),
            cap_heights=np.append(held.cap_heights, np.int32(-font.getbbox("H", anchor="ls")[1])),
        )
        self._faces[size_px, weight] = face
        return face

    def _add(self, face: _Face, codes: set[int]) -> None:
        new = sorted(codes.difference(face.advances))
        if not new:
            return
        held = self.tables
        pages = held.pages.copy()
        slots = [held.slots]
        n_pages = len(held.slots)
        for page in sorted({code >> 8 for code in new}):
            if pages[face.number, page] == 0:
                pages[face.number, page] = n_pages
                slots.append(np.zeros((1, 256), np.int32))
                n_pages += 1
        all_slots = np.concatenate(slots)
        glyphs: list[tuple[int, ...]] = []
        levels, offset = [held.levels], held.levels.size
        for code in new:
            pixels, x, y, advance = _rasterise(face.font, chr(code))
            all_slots[pages[face.number, code >> 8], code & 255] = len(held.glyphs) + len(glyphs)
            glyphs.append((offset, pixels.shape[1], pixels.shape[0], x, y, advance))
            levels.append(pixels.ravel())
            offset += pixels.size
        self.tables = Tables(
            pages,
            all_slots,
            np.concatenate([held.glyphs, np.array(glyphs, np.int32)]),
            np.concatenate(levels),
            held.cap_heights,
        )
        face.advances.update((code, glyph[5]) for code, glyph in zip(new, glyphs, strict=True))


def levels_of(coverage: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Coverage 0 to 255 as levels 0 to 8, a little stronger than linear."""
    return np.rint(8.0 * (coverage / 255.0) ** _GAMMA).astype(np.uint8)


def _rasterise(font: FreeTypeFont, character: str) -> tuple[npt.NDArray[np.uint8], int, int, int]:
    if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp"):
        return np.zeros((0, 0), np.uint8), 0, 0, 0
    mask, (x, y) = font.getmask2(character, mode="L", anchor="ls")
    wide, high = mask.size
    pixels = levels_of(np.array(mask, np.uint8).reshape(high, wide))
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if rows.size:
        pixels = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        x, y = x + int(columns[0]), y + int(rows[0])
    else:
        pixels = np.zeros((0, 0), np.uint8)
    return pixels, x, y, round(font.getlength(character))


ATLAS = Atlas()
"""The process's atlas."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ATLAS.renew_lock)


def measure(
    text: str | Sequence[str], size_px: int, weight: str = "regular"
) -> float | npt.NDArray[np.float64]:
    """Length of a line of text, or of each of several, in px.

    Exactly the length that the raster draws. About 1 us a string once its characters are known.
    """
    if isinstance(text, str):
        return float(ATLAS.measure(text, size_px, weight))
    return np.array([ATLAS.measure(line, size_px, weight) for line in text], np.float64)
