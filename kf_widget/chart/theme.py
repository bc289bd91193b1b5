"""Themes: one colour for every ink, derived from few so that custom colours stay readable."""

from __future__ import annotations

import dataclasses
import difflib
import re
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from kf_widget.chart.inks import INKS

__all__ = ["THEMES", "Theme", "contrast", "mix", "theme_named"]

_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})\Z")

# Contrast ratios as WCAG 2 defines them. 4.5 is its floor for small text; labels at 11 px want more,
# and a coarse time mark has to stand out from its neighbours by lightness alone.
_READABLE: Final = 4.5
_TEXT: Final = 7.5
_TEXT_STRONG: Final = 12.5

_STUDIES_ON_DARK: Final = ("#FFB74D", "#4FC3F7", "#CE93D8", "#FFF176")
_STUDIES_ON_LIGHT: Final = ("#EF6C00", "#1E88E5", "#8E24AA", "#00897B")


@dataclasses.dataclass(frozen=True)
class Theme:
    """Colours of a chart, each "#RRGGBB"; a field for every ink, and the crosshair's.

    `Theme.of` derives the rest from background, up and down. `replace` changes colours and derives
    anew whatever followed from them.
    """

    name: str
    background: str
    grid: str
    border: str
    text: str
    text_strong: str
    up: str
    down: str
    wick_up: str
    wick_down: str
    volume_up: str
    volume_down: str
    line: str
    area: str
    tag_up: str
    tag_down: str
    tag_text: str
    study_1: str
    study_2: str
    study_3: str
    study_4: str
    crosshair: str

    @classmethod
    def of(
        cls,
        name: str,
        *,
        background: str,
        up: str,
        down: str,
        grid: str | None = None,
        line: str | None = None,
        text: str | None = None,
    ) -> Theme:
        """Theme with every other colour derived.

        Parameters
        ----------
        name : what the theme is called.
        background, up, down : "#RGB" or "#RRGGBB".
        grid, line, text : the same, or None to derive them from the background.

        Raises
        ------
        TypeError, ValueError : a colour is no string, or not written as above.
        """
        background, up, down = (
            _checked(key, value) for key, value in (("background", background), ("up", up), ("down", down))
        )
        pole = _pole(background)
        grid = _checked("grid", grid) if grid else mix(background, pole, 0.12)
        text = _checked("text", text) if text else _readable(background, pole, _TEXT)
        line = _checked("line", line) if line else ("#4C8DFF" if pole == "#FFFFFF" else "#2962FF")
        studies = _STUDIES_ON_DARK if pole == "#FFFFFF" else _STUDIES_ON_LIGHT
        tag_text = _tag_text(up, down)
        away = "#000000" if tag_text == "#FFFFFF" else "#FFFFFF"
        return cls(
            name=name,
            background=background,
            grid=grid,
            border=mix(grid, pole, 0.08),
            text=text,
            text_strong=_readable(background, pole, max(_TEXT_STRONG, 1.4 * contrast(text, background))),
            up=up,
            down=down,
            wick_up=up,
            wick_down=down,
            volume_up=mix(background, up, 0.4),
            volume_down=mix(background, down, 0.4),
            line=line,
            area=mix(background, line, 0.18),
            tag_up=_readable(up, away, _READABLE, against=tag_text),
            tag_down=_readable(down, away, _READABLE, against=tag_text),
            tag_text=tag_text,
            study_1=studies[0],
            study_2=studies[1],
            study_3=studies[2],
            study_4=studies[3],
            crosshair=_readable(background, pole, 4.0),
        )

    def replace(self, **colours: str | None) -> Theme:
        """Theme with some colours changed; what was derived from them is derived anew.

        Parameters
        ----------
        **colours : "#RGB" or "#RRGGBB" by field name; None leaves the field as it is.

        Raises
        ------
        TypeError : an unknown field, or a colour that is no string.
        ValueError : a colour not written as above.
        """
        for key in colours:
            if key not in _FIELDS:
                close = difflib.get_close_matches(key, _FIELDS, 1)
                hint = f" Did you mean {close[0]!r}?" if close else ""
                raise TypeError(f"theme: a colour must be one of {', '.join(_FIELDS)}, got {key!r}.{hint}")
        given = {key: _checked(key, value) for key, value in colours.items() if value is not None}
        if not given:
            return self
        moved = "background" in given
        new = self._derived(
            given.get("background", self.background),
            given.get("up", self.up),
            given.get("down", self.down),
            given.get("grid", None if moved else self.grid),
            given.get("line", None if moved else self.line),
            given.get("text", None if moved else self.text),
        )
        # A field that was set by hand differs from what its parents derive to: it stays.
        old = self._derived(self.background, self.up, self.down, self.grid, self.line, self.text)
        roots = ("background", "up", "down", "grid", "line", "text")
        kept = {
            key: getattr(self, key)
            for key in _FIELDS
            if key not in roots and getattr(self, key) != getattr(old, key)
        }
        return dataclasses.replace(new, **(kept | given))

    def _derived(
        self, background: str, up: str, down: str, grid: str | None, line: str | None, text: str | None
    ) -> Theme:
        return Theme.of(self.name, background=background, up=up, down=down, grid=grid, line=line, text=text)

    @property
    def dark(self) -> bool:
        """Whether light text reads better on the background than dark text."""
        return _pole(self.background) == "#FFFFFF"

    @property
    def accent(self) -> str:
        """Colour of the controls beside the chart."""
        return self.line

    def colours(self) -> npt.NDArray[np.uint32]:
        """Colours in the order of `INKS`: uint32 (n_inks,), 0xAARRGGBB, opaque, read-only, cached."""
        return self._colours

    @cached_property
    def _colours(self) -> npt.NDArray[np.uint32]:
        packed = [0xFF000000 | int(getattr(self, ink)[1:], 16) for ink in INKS]
        array = np.array(packed, dtype=np.uint32)
        array.flags.writeable = False
        return array


_FIELDS: Final = tuple(field.name for field in dataclasses.fields(Theme) if field.name != "name")


def theme_named(name: str | Theme) -> Theme:
    """Theme of that name; a `Theme` is returned as it is.

    Raises
    ------
    TypeError, ValueError : no theme has that name; the message lists those there are.
    """
    if isinstance(name, Theme):
        return name
    allowed = ", ".join(THEMES)
    if not isinstance(name, str):
        raise TypeError(f"theme: name must be a string or a Theme, got {name!r}. Use one of {allowed}.")
    if name in THEMES:
        return THEMES[name]
    close = difflib.get_close_matches(name.lower(), THEMES, 1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"theme: name must be one of {allowed}, got {name!r}.{hint}")


def mix(first: str, second: str, share: float) -> str:
    """Colour between two, `share` of the second, mixed in sRGB as the framebuffer does."""
    pairs = zip(_channels(first), _channels(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _pole(background: str) -> str:
    """White or black, whichever reads better on the background: 4.58 at worst."""
    white, black = (contrast(background, pole) for pole in ("#FFFFFF", "#000000"))
    return "#FFFFFF" if white > black else "#000000"


def _readable(start: str, pole: str, wanted: float, *, against: str | None = None) -> str:
    """First colour on the way from `start` to `pole` that reads at `wanted` against a colour."""
    ground = start if against is None else against
    for percent in range(0, 100, 2):
        colour = mix(start, pole, percent / 100)
        if contrast(colour, ground) >= wanted:
            return colour
    return pole


def _tag_text(up: str, down: str) -> str:
    """White, as is usual on tags, unless the colours are so bright that it would darken them much."""
    return "#FFFFFF" if min(contrast("#FFFFFF", up), contrast("#FFFFFF", down)) >= 2.4 else "#000000"


def _checked(field: str, colour: object) -> str:
    if not isinstance(colour, str):
        raise TypeError(
            f'theme: {field} must be a colour written "#RGB" or "#RRGGBB", got {colour!r}. '
            'Write for example "#26A69A".'
        )
    if not _COLOUR.match(colour):
        raise ValueError(
            f'theme: {field} must be a colour written "#RGB" or "#RRGGBB", got {colour!r}. '
            'Write for example "#26A69A".'
        )
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    return "#" + digits.upper()


THEMES: Final = {
    theme.name: theme
    for theme in (
        Theme.of(
            "classic",
            background="#000000",
            up="#00FF00",
            down="#FF0000",
            grid="#333333",
            line="#4FC3F7",
            text="#B4B4B4",
        ),
        Theme.of(
            "modern", background="#1E1E1E", up="#26A69A", down="#EF5350", grid="#424242", line="#42A5F5"
        ),
        Theme.of(
            "tradingview",
            background="#131722",
            up="#089981",
            down="#F23645",
            grid="#2A2E39",
            line="#2962FF",
            text="#B2B5BE",
        ),
        Theme.of(
            "light",
            background="#FFFFFF",
            up="#26A69A",
            down="#EF5350",
            grid="#E0E0E0",
            line="#2962FF",
            text="#4A4E59",
        ),
    )
}
"""Themes by name, in the order menus show them."""
