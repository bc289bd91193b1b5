"""One chart with axes from any table of bars or ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kf_widget.chart.path import PATH_TYPES, box_of
from kf_widget.chart.resolution import AUTO, TICKS, resolve
from kf_widget.chart.scene import Scene
from kf_widget.chart.subject import Subject
from kf_widget.chart.theme import Theme
from kf_widget.frame.svg import encode_svg, encode_svgz
from kf_widget.history.bars import Bars
from kf_widget.history.checks import check_sorted
from kf_widget.history.names import BAR_ROLES, plain
from kf_widget.history.names import resolve as resolve_names
from kf_widget.history.protocol import History
from kf_widget.history.resample import resample
from kf_widget.history.stamps import stamps_to_ns
from kf_widget.history.tables import Table, open_table
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.plotting.columns import NO_VOLUME, Columns
from kf_widget.plotting.drawn import rasterized, scene_of, scene_of_table
from kf_widget.plotting.encode import check_options, encode_indexed
from kf_widget.plotting.files import format_for, write_file
from kf_widget.plotting.look import choose, look_of
from kf_widget.plotting.picture import picture_of
from kf_widget.plotting.shapes import shape_of_bars, shape_of_path

__all__ = ["TYPES", "plot"]

_TICK_TYPES = {"tick": "t", "volume": "v"}
TYPES = ("candle", "hollow", "ohlc", "line", "area", "heikin_ashi", "renko", "pnf", "range", *_TICK_TYPES)
"""Chart types of `plot`."""
_ALIASES = {
    "bars": "ohlc",
    "hollow_and_filled": "hollow",
    "heikin-ashi": "heikin_ashi",
    "heikinashi": "heikin_ashi",
    "point_and_figure": "pnf",
    "point & figure": "pnf",
    "range_bars": "range",
    "tick_bars": "tick",
    "volume_bars": "volume",
}
_BACKENDS: dict[Any, Literal["auto", "cpu", "gpu"]] = {"auto": "auto", True: "gpu", False: "cpu"}
_BARS_WANTED = 200
_UNTIMED = {role: names for role, names in BAR_ROLES.items() if role not in ("time", "count")}


_LOOKS = ("bg_color", "up_color", "down_color", "wick_width_ratio", "enable_antialiasing", "show_grid")
_NAMES = (
    "type", "savefig", "use_gpu", "timeframe", "title", "volume", "tz", "box_size", "reversal", "width",
    "height", "theme", "format", "speed", "quality",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Arguments that say what is drawn, checked."""

    type: str
    backend: str
    timeframe: str | None
    title: str | None
    volume: bool
    tz: str | None
    box_size: float
    reversal: int


class _Plot:
    """The function `plot`, with `render` beside it: ``plot(df)`` and ``plot.render(df)``."""

    def __call__(
        self,
        df: Any,
        type: str = "candle",
        savefig: Any = None,
        use_gpu: bool | Literal["auto"] = "auto",
        *,
        timeframe: str | Timeframe | None = None,
        title: str | None = None,
        volume: bool = True,
        tz: str | None = None,
        box_size: float | None = None,
        reversal: int = 3,
        width: int = 1200,
        height: int = 675,
        theme: str | Theme = "tradingview",
        format: str | None = None,
        speed: str = "balanced",
        quality: int | None = None,
        **render: Any,
    ) -> Any:
        """One chart with prices, times and a title, from any table of bars or ticks.

        Parameters
        ----------
        df : `Bars`, `Ticks`, or any table that they take; bars without times are numbered.
        type : "candle", "hollow", "ohlc", "line", "area", "heikin_ashi", "renko", "pnf" (point & figure)
            or "range" (range bars); of ticks also "tick" and "volume" bars. Renko, point & figure and range
            bars are cut from the rows of the table, of ticks from every trade.
        savefig : path or open binary file to save to; None only returns the image.
        use_gpu : "auto" takes the faster way to make bars of ticks, True insists on the GPU, False leaves
            it out.
        timeframe : of the bars to draw, for example "5m", "1D", "100t", "500v"; by default that of the
            table, and of ticks one that gives a few hundred.
        title : a line above the chart.
        volume : whether to draw volume, where there is any.
        tz : IANA time zone of naive times, of days and of the labels.
        box_size : box of Renko and point & figure, range of range bars; by default 0.75 x the median
            ATR(14).
        reversal : boxes that turn a column of point & figure.
        width, height, theme : as for `kf_widget.plotting.render_ohlcv_chart`.
        format, speed, quality : of the file, as for `kf_widget.plotting.render_and_save`.
        **render : bg_color, up_color, down_color, wick_width_ratio, enable_antialiasing, show_grid.

        Returns
        -------
        PIL.Image.Image

        Raises
        ------
        TypeError, ValueError : an argument is of another kind or value than above; the message says which.
        KfError : the file cannot be written, or no GPU can be used where one is insisted on.
        """
        what = "plot"
        kind = choose(what, "type", _ALIASES.get(type, type) if isinstance(type, str) else type, TYPES)
        for name in render:
            if name not in _LOOKS:
                choose(what, "an argument", name, (*_NAMES, *_LOOKS))
        if title is not None and not isinstance(title, str):
            raise TypeError(f"{what}: title must be a string or None, got {title!r}.")
        if not isinstance(use_gpu, bool) and use_gpu != "auto":
            raise ValueError(f'{what}: use_gpu must be "auto", True or False, got {use_gpu!r}.')
        chosen = options = None
        if savefig is not None:
            chosen = format_for(what, savefig, format, "savefig")
            options = check_options(what, chosen, speed, quality, {})
        size = _checked_size(box_size)
        whole = isinstance(reversal, int | np.integer) and not isinstance(reversal, bool)
        if not whole or not 1 <= reversal <= 1000:
            raise ValueError(f"{what}: reversal must be 1 to 1,000 boxes, got {reversal!r}.")
        if not isinstance(volume, bool | np.bool_):
            raise TypeError(f"{what}: volume must be True or False, got {_said(volume)}.")
        wanted = _Wanted(
            kind, _BACKENDS[use_gpu], None if timeframe is None else str(timeframe), title, bool(volume), tz,
            size, int(reversal),
        )  # fmt: skip
        drawn_as = kind if kind not in ("range", *_TICK_TYPES) else "candle"
        look = look_of(width=width, height=height, theme=theme, chart_type=drawn_as, axes=True, **render)
        scene = _scene(df, wanted, look)
        indices, colours = rasterized(scene, look)
        if savefig is not None:
            assert chosen is not None
            assert options is not None
            if chosen in ("svg", "svgz"):
                encode = encode_svgz if chosen == "svgz" else encode_svg
                data = encode(scene, look.theme.colours(), title=title or "")
            else:
                data = encode_indexed(indices, colours, chosen, speed, options)
            write_file(what, savefig, data, "savefig")
        return picture_of(indices, colours, look)

    def render(
        self, df: Any, type: str = "candle", use_gpu: bool | Literal["auto"] = "auto", **more: Any
    ) -> Any:
        """The image of ``plot(df, type, use_gpu=use_gpu, **more)``; saves nothing."""
        if "savefig" in more:
            raise TypeError("plot.render: savefig must not be given, it saves nothing. Call plot.")
        return self(df, type, None, use_gpu, **more)

    def __repr__(self) -> str:
        return "<function kf_widget.plot>"


def _scene(df: Any, wanted: _Wanted, look: Any) -> Scene:
    history = _history(df, wanted)
    if wanted.type in _TICK_TYPES and (history is None or history.kind != "ticks"):
        raise ValueError(f"plot: type must not be {wanted.type!r} for bars, it takes ticks.")
    if history is None:
        table = open_table("plot", df)
        timed = _is_timed(table)
        if wanted.timeframe is not None:
            raise ValueError(
                "plot: timeframe must be None for bars without times, got "
                f"{wanted.timeframe!r}. Add a column of times."
            )
        names = {**_UNTIMED, "time": BAR_ROLES["time"]} if timed else _UNTIMED
        roles = resolve_names("plot", names, list(table.names), {}, time_index=table.time_index)
        found = table.select(list(roles.values()))
        ohlcv: dict[str, Any] = {role: found[name].values for role, name in roles.items()}
        zone_name = wanted.tz
        if timed:
            name = roles["time"]
            ohlcv["time"], zone_name = stamps_to_ns("plot", name, found[name], wanted.tz)
            check_sorted("plot", name, ohlcv["time"], table.sort)
        volume = ohlcv.get("volume") if wanted.volume else None
        drawn = look, wanted.title, wanted.box_size, wanted.reversal, zone_name
        return scene_of_table(ohlcv, volume, *drawn, "plot", wanted.type)
    zone = Zone.of(wanted.tz or history.tz)
    if wanted.type in PATH_TYPES:
        subject = Subject.of(history, zone.name)
        timeframe = wanted.timeframe or _timeframe(subject, look.width)
        size = wanted.box_size or box_of(subject, timeframe)
        shape = shape_of_path(history, wanted.type, size, wanted.reversal, wanted.volume)
    else:
        bars = _bars(history, zone, wanted, look.width)
        volume = NO_VOLUME
        if wanted.volume and bars.volume is not None:
            volume = bars.volume.astype(np.float64)
        columns = Columns(bars.open, bars.high, bars.low, bars.close, volume)
        kind = {"ohlc": "bars"}.get(look.chart_type, look.chart_type)
        shape = shape_of_bars(columns, bars.time_ns, kind, 0.0, 3, "plot")
    return scene_of(shape, look, zone, wanted.title, "plot")


def _history(df: Any, wanted: _Wanted) -> History | None:
    """The table as bars or ticks; None for bars without times, or of which some are missing."""
    if isinstance(df, History):
        return df
    if hasattr(df, "snapshot"):  # a TickStore
        snapshot: History = df.snapshot()
        return snapshot
    table = open_table("plot", df)
    seen = set(map(plain, table.names))
    if not all(_is_in(seen, role) for role in ("open", "high", "low", "close")):
        return Ticks(df, tz=wanted.tz)
    if not _is_timed(table) or (wanted.timeframe is None and _has_gaps(table)):
        return None
    return Bars(df, tz=wanted.tz)


def _is_in(seen: set[str], role: str) -> bool:
    return not seen.isdisjoint(map(plain, BAR_ROLES[role]))


def _is_timed(table: Table) -> bool:
    return table.time_index is not None or _is_in(set(map(plain, table.names)), "time")


def _has_gaps(table: Table) -> bool:
    """Whether a price or volume of the bars is NaN, which stands for a row that is missing."""
    roles = resolve_names("plot", _UNTIMED, list(table.names), {})
    columns = (column.values for column in table.select(list(roles.values())).values())
    return any(
        values is not None and values.dtype.kind == "f" and np.isnan(values).any() for values in columns
    )


def _timeframe(subject: Subject, width: int) -> str:
    if not subject.history.interval_ns:
        return resolve(subject, AUTO, subject.axis.start, subject.axis.stop, min(width, 4 * _BARS_WANTED))
    return TICKS


def _bars(history: History, zone: Zone, wanted: _Wanted, width: int) -> History:
    """The bars to draw: those of the table, or of another timeframe."""
    timeframe = wanted.timeframe
    if wanted.type in _TICK_TYPES and timeframe is None:
        total = float(len(history))
        if wanted.type == "volume":
            if history.volume is None:
                raise ValueError("plot: type must not be 'volume' for ticks without sizes.")
            total = float(np.sum(history.volume, dtype=np.float64))
        least = 1.0 if wanted.type == "tick" else 0.0
        timeframe = f"{_round(total / _BARS_WANTED, least):g}{_TICK_TYPES[wanted.type]}"
    elif timeframe is None:
        timeframe = _timeframe(Subject.of(history, zone.name), width)
    if timeframe == TICKS:
        return history
    return resample(history, Timeframe.parse(timeframe), zone, wanted.backend)


def _round(value: float, least: float) -> float:
    """The nearest of 1, 2, 5 times a power of ten, `least` at least; 1 where there is nothing."""
    value = max(value, least) or 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return min((power, 2 * power, 5 * power, 10 * power), key=lambda v: abs(math.log(v / value)))


def _said(value: Any) -> str:
    return repr(value) if value is None or isinstance(value, str | int | float) else type(value).__name__


def _checked_size(box_size: Any) -> float:
    if box_size is None:
        return 0.0
    if isinstance(box_size, bool) or not isinstance(box_size, int | float | np.number):
        raise TypeError(f"plot: box_size must be a price difference above 0, got {box_size!r}.")
    if not 0 < box_size < math.inf:
        raise ValueError(f"plot: box_size must be a price difference above 0, got {box_size!r}.")
    return float(box_size)


plot = _Plot()
"""Draw one chart: see `_Plot.__call__`."""
