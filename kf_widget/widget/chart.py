"""Chart: the widget. Traits hold what a saved notebook restores; everything else is messages."""

from __future__ import annotations

import base64
import contextvars
import functools
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from kf_widget.chart.compose import Picture, Style
from kf_widget.chart.instants import instant_ns, instant_text, span_ns
from kf_widget.chart.layout import capped_ratio
from kf_widget.chart.resolution import AUTO, TICKS
from kf_widget.chart.series import CHART_TYPES
from kf_widget.chart.subject import Subject
from kf_widget.chart.table import visible_table
from kf_widget.chart.theme import theme_named
from kf_widget.chart.view import View, Viewport
from kf_widget.errors import KfError
from kf_widget.frame.render import Renderer
from kf_widget.frame.warm import warm_beside
from kf_widget.history.checks import checked_path
from kf_widget.history.protocol import Growing, History
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.widget.cells import adopt, current_cell
from kf_widget.widget.conductor import Conductor
from kf_widget.widget.files import EXPORT_FORMATS, TABLES, check_size, export_bytes, format_of
from kf_widget.widget.follow import Follower
from kf_widget.widget.source import as_history, growing
from kf_widget.widget.stats import summary
from kf_widget.widget.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Chart"]

DEFAULT_SIZE = (1200, 600)
_SCRIPT = Path(__file__).parent.parent / "static" / "widget.js"
_log = logging.getLogger("kf_widget")


@functools.cache
def _script() -> str:
    try:
        return _SCRIPT.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KfError(
            f"Chart: its browser half is missing ({_SCRIPT.name} was not built). "
            "Run `npm ci && npm run build` in the folder js/, or install a wheel."
        ) from None


def _choice(what: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise ValueError(f"Chart: {what} must be one of {', '.join(allowed)}, got {value!r}.")
    return value


class Chart(anywidget.AnyWidget):
    """A chart of a history that one can scrub from years to single trades.

    Parameters
    ----------
    history : Ticks or Bars, or any table that they take; or a `TickStore`, which `follow` can follow.
    timeframe : "auto", "ticks", or a timeframe such as "5m", "1D", "100t"; "auto" follows the zoom.
    theme : "auto" (follows JupyterLab), "classic", "modern", "tradingview" or "light".
    tz : IANA time zone of the axis and of calendar bars; the history's own by default.
    session : local time at which a trading day begins, as "17:00"; midnight by default. Day and longer bars
        begin there, and intraday bars anew each day.
    height : CSS pixels of the widget, 150 to 4,000.
    chart_type : "candle", "bars", "line", "area", "hollow", "heikin_ashi", "renko", "pnf" (point &
        figure) or "range" (range bars). The last three are cut by the way prices took from the start of
        the history and stand at the times at which they formed.
    price_scale : "linear" or "log".
    time_axis : "trading" cuts closed hours out, "clock" keeps them.
    box_size : box of Renko and point & figure, range of range bars; by default 0.75 x the median ATR(14) of
        the bars of the timeframe.
    reversal : boxes that turn a column of point & figure.

    Notes
    -----
    A new chart made by re-running a cell closes the one before; `close` lets go of the history.
    """

    timeframe = traitlets.Unicode(AUTO).tag(sync=True)
    theme = traitlets.Unicode("auto").tag(sync=True)
    chart_type = traitlets.Unicode("candle").tag(sync=True)
    price_scale = traitlets.Unicode("linear").tag(sync=True)
    time_axis = traitlets.Unicode("trading").tag(sync=True)
    tz = traitlets.Unicode("").tag(sync=True)
    session = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Int(520).tag(sync=True)
    box_size = traitlets.Float(0.0, help="0 for the default").tag(sync=True)
    reversal = traitlets.Int(3).tag(sync=True)
    visible_range = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _conductor: Conductor | None = None
    _source: Growing | None = None
    _follower: Follower | None = None
    _asked: contextvars.Context | None = None

    def __init__(
        self,
        history: Any,
        timeframe: str | Timeframe = AUTO,
        theme: str = "auto",
        *,
        tz: str | None = None,
        session: str = "",
        height: int = 520,
        chart_type: str = "candle",
        price_scale: str = "linear",
        time_axis: str = "trading",
        box_size: float | None = None,
        reversal: int = 3,
    ) -> None:
        warm_beside()
        if isinstance(history, Growing):
            self._source, history = history, history.snapshot()
        history = as_history(history)
        self._renderer = Renderer()
        settings = {
            "timeframe": str(timeframe),
            "theme": theme,
            "chart_type": chart_type,
            "price_scale": price_scale,
            "time_axis": time_axis,
            "tz": tz or history.tz,
            "session": session,
            "height": height,
            "box_size": box_size or 0.0,
            "reversal": reversal,
        }
        if not hasattr(type(self), "_esm"):
            type(self)._esm = _script()
        super().__init__(**settings)
        self._conductor = Conductor(
            Subject.of(history, self.tz, self.time_axis, self.session),
            Style(
                self.timeframe,
                self.chart_type,
                self.price_scale,
                box_size=self.box_size,
                reversal=self.reversal,
            ),
            self.theme,
            send=self._send_frame,
            choose=self.set_trait,
            settled=self._keep_range,
            export=self._export_view,
        )
        self._conductor.time_axis = self.time_axis
        self.on_msg(self._on_message)
        adopt(self, current_cell())
        self._keep_range()

    # Traits

    @traitlets.validate("timeframe")
    def _check_timeframe(self, proposal: Any) -> str:
        value = str(proposal["value"])
        if value in (AUTO, TICKS):
            return value
        try:
            return str(Timeframe.parse(value))
        except ValueError as error:
            raise ValueError(f'{error} Or "{AUTO}", or "{TICKS}".') from None

    @traitlets.validate("theme")
    def _check_theme(self, proposal: Any) -> str:
        value = str(proposal["value"])
        if value == AUTO:
            return value
        try:
            return theme_named(value).name
        except ValueError as error:
            raise ValueError(f'{error} Or "{AUTO}", which follows the page.') from None

    @traitlets.validate("chart_type")
    def _check_chart_type(self, proposal: Any) -> str:
        return _choice("chart_type", proposal["value"], CHART_TYPES)

    @traitlets.validate("box_size")
    def _check_box_size(self, proposal: Any) -> float:
        value = float(proposal["value"])
        if not 0 <= value < math.inf:
            raise ValueError(f"Chart: box_size must be above 0, or 0 for the default, got {value!r}.")
        return value

    @traitlets.validate("reversal")
    def _check_reversal(self, proposal: Any) -> int:
        value = int(proposal["value"])
        if not 1 <= value <= 1000:
            raise ValueError(f"Chart: reversal must be 1 to 1,000 boxes, got {value!r}.")
        return value

    @traitlets.validate("price_scale")
    def _check_price_scale(self, proposal: Any) -> str:
        return _choice("price_scale", proposal["value"], ("linear", "log"))

    @traitlets.validate("time_axis")
    def _check_time_axis(self, proposal: Any) -> str:
        return _choice("time_axis", proposal["value"], ("trading", "clock"))

    @traitlets.validate("tz")
    def _check_tz(self, proposal: Any) -> str:
        return Zone.of(proposal["value"]).name

    @traitlets.validate("session")
    def _check_session(self, proposal: Any) -> str:
        return Zone.of("UTC", proposal["value"]).session

    @traitlets.validate("height")
    def _check_height(self, proposal: Any) -> int:
        return min(max(int(proposal["value"]), 150), 4000)

    @traitlets.observe("timeframe", "chart_type", "price_scale", "theme", "box_size", "reversal")
    def _restyle(self, change: Any) -> None:
        if self._conductor is not None:
            self._conductor.restyle(**{change["name"]: change["new"]})

    @traitlets.observe("tz", "time_axis", "session")
    def _recast(self, change: Any) -> None:
        if self._conductor is not None:
            subject = Subject.of(self._open.subject.history, self.tz, self.time_axis, self.session)
            self._conductor.recast(subject, self.time_axis)

    # Looking

    @property
    def _open(self) -> Conductor:
        if self._conductor is None:
            raise KfError("Chart: this chart was closed and let go of its history. Make a new one.")
        return self._conductor

    @property
    def history(self) -> History:
        """The ticks or bars that are charted."""
        return self._open.subject.history

    @property
    def view(self) -> View:
        """The visible range with the timeframe it resolved to; set it to look elsewhere.

        Takes a `View` or a pair (start, stop) of what `goto` takes. A `View` whose timeframe is not
        the one that "auto" would choose there locks that timeframe.
        """
        picture = self._picture()
        window = self._open.window
        axis = self._open.subject.axis
        start, stop = (instant_text(int(axis.to_ns(at))) for at in (window.start, window.stop))
        return View(start, stop, window.price, picture.timeframe)

    @view.setter
    def view(self, wanted: View | tuple[Any, Any]) -> None:
        conductor = self._open
        if isinstance(wanted, View):
            start_ns, stop_ns, price = wanted.start_ns, wanted.stop_ns, wanted.price
            timeframe = wanted.timeframe
        else:
            try:
                start, stop = wanted
            except (TypeError, ValueError):
                raise TypeError(f"Chart: view must be a View or (start, stop), got {wanted!r}.") from None
            start_ns, stop_ns = instant_ns(start, self.tz, "start"), instant_ns(stop, self.tz, "stop")
            price, timeframe = None, None
            if stop_ns <= start_ns:
                raise ValueError(f"Chart: view must have stop after start, got {start!r} to {stop!r}.")
        axis = conductor.subject.axis
        first, last = int(axis.to_axis(start_ns)), int(axis.to_axis(stop_ns))
        window = Window(first, max(last, first + 1), price)
        conductor.look_at(window)
        if timeframe is not None and self._picture().timeframe != timeframe:
            self.timeframe = timeframe  # which may make room for a wider last bar
            conductor.look_at(window)
        self._keep_range()

    def goto(self, when: Any) -> None:
        """Centre the view on an instant: ISO text in the chart's zone, datetime, datetime64, or int ns."""
        conductor = self._open
        window = conductor.window
        middle = int(conductor.subject.axis.to_axis(instant_ns(when, self.tz)))
        start = middle - (window.stop - window.start) // 2
        conductor.look_at(replace(window, start=start, stop=start + window.stop - window.start))
        self._keep_range()

    def zoom(self, span: Any) -> None:
        """Show this much trading time around the middle of the view: "90s", "5m", "1D", timedelta, int ns."""
        conductor = self._open
        window = conductor.window
        wanted = span_ns(span)
        start = (window.start + window.stop) // 2 - wanted // 2
        conductor.look_at(replace(window, start=start, stop=start + wanted))
        self._keep_range()

    def fit(self) -> None:
        """Show the whole history, prices to scale."""
        self._open.fit()
        self._keep_range()

    def follow(self, source: Growing | None = None, on: bool = True) -> None:
        """Keep up with rows that are appended, from a thread, an asyncio task or another process.

        The right edge stays on the newest data. Who pans away from it is left alone while the chart still
        grows; going back to the end (the End key) follows again.

        Parameters
        ----------
        source : what grows: a `TickStore`, or anything with `refresh()` and `snapshot()`. By default the
            one that the chart was made of.
        on : False ends it.

        Raises
        ------
        TypeError : there is nothing that grows.
        ValueError : `source` does not begin with the rows that are charted.
        """
        conductor = self._open
        if not on:
            self._unfollow()
            return
        source = growing(self._source if source is None else source, self.history)
        self._unfollow()
        self._source = source
        if not conductor.shows_newest:
            conductor.to_end()
        self._follower = Follower(source, conductor)
        self._follower.look()
        self._follower.start()
        self._keep_range()

    def _unfollow(self) -> None:
        if self._follower is not None:
            self._follower.stop()
            self._follower = None

    @property
    def following(self) -> bool:
        """Whether appended rows are taken in."""
        return self._follower is not None and self._follower.alive

    def _keep_range(self) -> None:
        conductor = self._conductor
        if conductor is None:
            return
        axis, window = conductor.subject.axis, conductor.window
        self.visible_range = [instant_text(int(axis.to_ns(at))) for at in (window.start, window.stop)]

    # What is on screen, as data and as files

    def _size(self) -> tuple[int, int]:
        for view in list(self._open.views.values()):
            if view.visible:
                return view.size.width, view.size.height
        return DEFAULT_SIZE

    def _dark(self) -> bool:
        return any(view.dark for view in list(self._open.views.values()))

    def _viewport(
        self, what: str, width: int | None, height: int | None, ratio: float, *, drawn: bool = True
    ) -> Viewport:
        default = self._size()
        width = default[0] if width is None else width
        height = default[1] if height is None else height
        check_size(what, width, height, ratio, drawn)
        window = self._open.window
        return Viewport(window.start, window.stop, window.price, width, height, ratio)

    def _picture(self) -> Picture:
        conductor = self._open
        return Renderer().draw(conductor.subject, self._viewport("view", None, None, 1.0), conductor.style)[0]

    def visible(self) -> pa.Table:
        """What is on screen as a pyarrow Table: bars, or trades where the chart is zoomed to them.

        Where bars are thinner than a pixel, those of one pixel column are one row, as they are one mark on
        screen: its open, high, low, close, volume and count are those of all of them. `Ticks.resample` gives
        every bar of a timeframe.
        """
        return visible_table(self._open.subject, self._picture())

    def render(
        self, width: int = DEFAULT_SIZE[0], height: int = DEFAULT_SIZE[1], ratio: float = 1.0
    ) -> bytes:
        """WebP bytes of the current view at a size in CSS pixels, by the path that the widget uses."""
        conductor = self._open
        viewport = self._viewport("render", width, height, ratio)
        return self._renderer.render(
            conductor.subject, viewport, conductor.style, conductor.theme_of(self._dark())
        ).webp

    def export(
        self, path: Any, width: int | None = None, height: int | None = None, scale: float = 1.0
    ) -> Path:
        """Save the current view: .webp, .png, .jpg, .svg, .svgz (the picture), .csv or
        .parquet (what `visible` gives).

        Parameters
        ----------
        path : where to; the suffix says the format. Written whole or not at all.
        width, height : CSS pixels; those on screen by default. The ranges of time and price and the
            timeframe stay as they are on screen.
        scale : device pixels per CSS pixel.
        """
        from kf_widget.plotting.files import write_whole

        target = checked_path("export", "path", path)
        data = self._encoded(format_of(target), width, height, scale)
        write_whole("export", str(target), data)
        return target

    def _encoded(
        self, format: str, width: int | None, height: int | None, scale: float, what: str = "export"
    ) -> bytes:
        conductor = self._open
        viewport = self._viewport(what, width, height, scale, drawn=format not in TABLES)
        on_screen = self._picture()
        style = replace(conductor.style, timeframe=on_screen.timeframe)
        prices = on_screen.prices
        viewport = replace(viewport, price=(prices.bottom, prices.top))
        theme = conductor.theme_of(self._dark())
        return export_bytes(format, conductor.subject, on_screen, viewport, style, theme)

    def _export_view(self, format: str) -> tuple[str, str, bytes]:
        if format not in EXPORT_FORMATS:
            raise ValueError(f"export: format must be one of {', '.join(EXPORT_FORMATS)}, got {format!r}.")
        ratio = max((view.size.ratio for view in list(self._open.views.values())), default=1.0)
        ratio = capped_ratio(*self._size(), ratio, 0.0)
        stamp = self.visible_range[0][:10] if self.visible_range else "chart"
        return f"chart-{stamp}.{format}", EXPORT_FORMATS[format], self._encoded(format, None, None, ratio)

    def snapshot(
        self, width: int = DEFAULT_SIZE[0], height: int = DEFAULT_SIZE[1], ratio: float = 1.0
    ) -> Any:
        """The current view as an ordinary image output, which shows also without a kernel."""
        from IPython.display import Image

        return Image(  # type: ignore[no-untyped-call]
            self._encoded("png", width, height, ratio, "snapshot"),
            alt=self._alt(),
            width=width,
            height=height,
        )

    def stats(self) -> dict[str, Any]:
        """Frames sent, their cost and size, and how long the browser took to answer.

        Keys: frames, sent_bytes, views, and for the last 4,096 frames p50/p95/p99 of kernel_ms (query
        to encoded), draw_ms, encode_ms, send_ms, answer_ms (sent to drawn), webp_bytes, readout_bytes.
        """
        return summary(self._open)

    # Jupyter

    def _send_frame(self, content: dict[str, Any], buffers: Sequence[bytes]) -> None:
        if self.comm is not None:
            self.send(content, list(buffers))

    def _send(self, msg: Any, buffers: Any = None) -> None:
        """Tell the browser something, as an answer to what it said last, on whatever thread this runs.

        From ipykernel 7.4 on, what the browser says of a widget goes to the shell of the request that the
        widget last answered. A frame from a rendering thread would answer the newest request of all, and
        where that is a running cell, every later gesture would wait until the cell ends.
        """
        if self._asked is None:
            super()._send(msg, buffers)
        else:
            self._asked.copy().run(super()._send, msg, buffers)

    def _on_message(self, _: Any, content: Any, buffers: Any) -> None:
        self._asked = contextvars.copy_context()
        if self._conductor is not None:
            self._conductor.handle(content)

    def close(self) -> None:
        """Close the chart everywhere and let go of its history; a second call does nothing."""
        self._unfollow()
        self._source = None
        if self._conductor is not None:
            self._send_frame({"type": "closed"}, [])
            self._conductor.close()
            self._conductor = None
            self._renderer = Renderer()
        super().close()

    def _alt(self) -> str:
        picture = self._picture()
        start, stop = (text.replace("T", " ") for text in self.visible_range)
        last = f", last price {picture.last[0]:g}" if picture.last else ""
        return f"{picture.timeframe} {self.chart_type} chart, {start} to {stop}{last}"

    def __repr__(self) -> str:
        if self._conductor is None:
            return "<Chart: closed>"
        return f"<Chart: {self.view.timeframe} of {self.history!r}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None or self._conductor is None:
            return bundle
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        png = self._encoded("png", None, None, 1.0)
        data["image/png"] = base64.b64encode(png).decode("ascii")
        data["text/plain"] = self._alt()
        return data, {**metadata, "image/png": {"alt": self._alt()}}
