"""What the browser and the kernel say to each other, version 1.

JSON content and binary buffers of custom messages; mirrored by js/src/protocol.ts and held equal to it by
the fixtures in tests/fixtures/protocol. Positions in a message are fractions of the plot rectangle of a
frame that the browser holds: x from the left edge of the plot with its overscan to the right one, y from
top to bottom. No time passes through JavaScript. A look or a scrub names the frame on screen and so
answers all frames up to it; a frame that nothing follows is answered by an ack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from kf_widget.chart.compose import MARGIN_BOTTOM, Picture
from kf_widget.chart.readout import READOUT_COLUMNS, Readout
from kf_widget.chart.resolution import spoken
from kf_widget.chart.theme import Theme
from kf_widget.history.protocol import History

__all__ = [
    "PROTOCOL",
    "Ack",
    "Bye",
    "Dark",
    "Export",
    "Go",
    "Hello",
    "Look",
    "Message",
    "ProtocolError",
    "Resize",
    "Scrub",
    "Set",
    "Visible",
    "frame_content",
    "parse",
]

PROTOCOL = 1
_MAX_CSS = 16_383


class ProtocolError(ValueError):
    """A message that this version does not understand."""


def _number(content: dict[str, Any], name: str) -> float:
    value = content.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ProtocolError(f"message: {name} must be a finite number, got {value!r}")
    return float(value)


def _count(content: dict[str, Any], name: str) -> int:
    return int(_number(content, name))


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        raise ProtocolError(f"message: {name} must be text, got {value!r}")
    return value


def _size(content: dict[str, Any]) -> tuple[int, int]:
    width, height = (min(max(_count(content, name), 1), _MAX_CSS) for name in ("width", "height"))
    return width, height


@dataclass(frozen=True, slots=True)
class Message:
    """Anything a view sends."""

    view: str


@dataclass(frozen=True, slots=True)
class Resize(Message):
    """The view's size in CSS pixels and its ratio; scrubber is the size of the overview."""

    width: int
    height: int
    ratio: float
    scrubber: tuple[int, int]

    @classmethod
    def _read(cls, content: dict[str, Any], view: str) -> Resize:
        width, height = _size(content)
        return cls(view, width, height, _number(content, "ratio"), _size(content.get("scrubber") or {}))


@dataclass(frozen=True, slots=True)
class Hello(Message):
    """The first message of a view."""

    size: Resize
    dark: bool

    @classmethod
    def _read(cls, content: dict[str, Any], view: str) -> Hello:
        if content.get("protocol") != PROTOCOL:
            raise ProtocolError(
                f"The page speaks protocol {content.get('protocol')!r} and the kernel {PROTOCOL}. "
                "Reload the page after upgrading kf_widget."
            )
        return cls(view, Resize._read(content, view), bool(content.get("dark")))


@dataclass(frozen=True, slots=True)
class Look(Message):
    """The window that is wanted, relative to a frame; y None means autoscale."""

    seq: int
    epoch: int
    frame: int
    x: tuple[float, float]
    y: tuple[float, float] | None
    moving: bool

    @classmethod
    def _read(cls, content: dict[str, Any], view: str) -> Look:
        y = content.get("y")
        if y is not None:
            if not isinstance(y, list | tuple) or len(y) != 2:
                raise ProtocolError(f"message: y must be null or two numbers, got {y!r}")
            pair = {"y0": y[0], "y1": y[1]}
            y = (_number(pair, "y0"), _number(pair, "y1"))
        return cls(
            view,
            _count(content, "seq"),
            _count(content, "epoch"),
            _count(content, "frame"),
            (_number(content, "x0"), _number(content, "x1")),
            y,
            bool(content.get("moving")),
        )


@dataclass(frozen=True, slots=True)
class Scrub(Message):
    """The window that is wanted, in fractions of the whole history; `frame` is the one on screen."""

    seq: int
    epoch: int
    frame: int
    x: tuple[float, float]
    moving: bool

    @classmethod
    def _read(cls, content: dict[str, Any], view: str) -> Scrub:
        return cls(
            view,
            _count(content, "seq"),
            _count(content, "epoch"),
            _count(content, "frame"),
            (_number(content, "x0"), _number(content, "x1")),
            bool(content.get("moving")),
        )


@dataclass(frozen=True, slots=True)
class Go(Message):
    """Fit all, or go to the start or the end of the history."""

    seq: int
    where: str

    @classmethod
    def _read(cls, content: dict[str, Any], view: str) -> Go:
        where = _text(content, "where")
        if where not in ("fit", "start", "end"):
            raise ProtocolError(f"message: where must be fit, start or end, got {where!r}")
        return cls(view, _count(content, "seq"), where)


@dataclass(frozen=True, slots=True)
class Set(Message):
    """A choice from the toolbar."""

    names: ClassVar = ("timeframe", "chart_type", "theme", "price_scale", "time_axis")
    seq: int
    name: str
    value: str

    @classmethod
    def _read(cls, content: dict[str, Any], view: str) -> Set:
        name = _text(content, "name")
        if name not in cls.names:
            raise ProtocolError(f"message: name must be one of {', '.join(cls.names)}, got {name!r}")
        return cls(view, _count(content, "seq"), name, _text(content, "value"))


@dataclass(frozen=True, slots=True)
class Dark(Message):
    """The page turned dark or light."""

    dark: bool

    @classmethod
    def _read(cls, content: dict[str, Any], view: str) -> Dark:
        return cls(view, bool(content.get("dark")))


@dataclass(frozen=True, slots=True)
class Ack(Message):
    """A frame was drawn or dropped; it and those before it are answered."""

    frame: int

    @classmethod
    def _read(cls, content: dict[str, Any], view: str) -> Ack:
        return cls(view, _count(content, "frame"))


@dataclass(frozen=True, slots=True)
class Visible(Message):
    """The view was hidden or shown."""

    visible: bool

    @classmethod
    def _read(cls, content: dict[str, Any], view: str) -> Visible:
        return cls(view, bool(content.get("visible")))


@dataclass(frozen=True, slots=True)
class Export(Message):
    """A download is wanted."""

    request: str
    format: str

    @classmethod
    def _read(cls, content: dict[str, Any], view: str) -> Export:
        return cls(view, str(content.get("request")), _text(content, "format"))


@dataclass(frozen=True, slots=True)
class Bye(Message):
    """The view is gone."""

    @classmethod
    def _read(cls, content: dict[str, Any], view: str) -> Bye:
        return cls(view)


_KINDS: dict[str, Any] = {
    "hello": Hello,
    "resize": Resize,
    "look": Look,
    "scrub": Scrub,
    "go": Go,
    "set": Set,
    "dark": Dark,
    "ack": Ack,
    "visible": Visible,
    "export": Export,
    "bye": Bye,
}


def parse(content: Any) -> Message:
    """The message in `content`, or a ProtocolError that says what is wrong with it."""
    if not isinstance(content, dict):
        raise ProtocolError(f"message: content must be an object, got {type(content).__name__}")
    kind = _KINDS.get(content.get("type", ""))
    if kind is None:
        raise ProtocolError(f"message: type must be one of {', '.join(_KINDS)}, got {content.get('type')!r}")
    message: Message = kind._read(content, _text(content, "view"))
    return message


def frame_content(
    picture: Picture,
    history: History,
    readout: Readout,
    theme: Theme,
    *,
    view: str,
    frame: int,
    epoch: int,
    seq: int,
    moving: bool,
    scrub: tuple[float, float],
    zone: str,
    settings: dict[str, str],
    status: str,
) -> dict[str, Any]:
    """Content of a "frame" message; its buffers are the WebP bytes and the readout."""
    layout, prices = picture.layout, picture.prices
    plot_w = layout.plot[2]
    return {
        "type": "frame",
        "view": view,
        "frame": frame,
        "epoch": epoch,
        "seq": seq,
        "moving": moving,
        "width": layout.width,
        "height": layout.height,
        "ratio": layout.ratio,
        "rects": {
            "plot": list(layout.plot),
            "volume": list(layout.volume),
            "price": list(layout.price),
            "time": list(layout.time),
        },
        "window": [layout.window[0] / plot_w, layout.window[1] / plot_w],
        "autoscale": picture.autoscale,
        "price": {
            "top": prices.top,
            "bottom": prices.bottom,
            "scale": prices.kind,
            "decimals": picture.decimals,
            "step": picture.step,
            "margin_top": picture.margin_top,
            "margin_bottom": MARGIN_BOTTOM,
            "reach": picture.reach,
        },
        "scrub": list(scrub),
        "timeframe": spoken(picture.timeframe, history),
        "chart_type": settings["chart_type"],
        "bars": {
            "kind": "ticks" if picture.columns.single and history.kind == "ticks" else "bars",
            "volume": history.volume is not None,
            "merged": picture.columns.merged,
            "n": readout.n,
            "base": readout.base,
            "columns": list(READOUT_COLUMNS),
            "time_format": readout.time_format,
        },
        "last": None if picture.last is None else {"price": picture.last[0], "up": picture.last[1]},
        "zone": zone,
        "theme": {
            "name": theme.name,
            "dark": theme.dark,
            "background": theme.background,
            "text": theme.text,
            "grid": theme.grid,
            "up": theme.up,
            "down": theme.down,
            "border": theme.border,
            "accent": theme.line,
        },
        "settings": settings,
        "status": status,
        "implicit_acks": True,
    }
