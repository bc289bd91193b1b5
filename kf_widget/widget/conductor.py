"""A chart without Jupyter: its window, its views, and what each message does to them."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from kf_widget.chart.compose import Style
from kf_widget.chart.path import PATH_TYPES, carry_paths
from kf_widget.chart.readout import read_out
from kf_widget.chart.resolution import bar_ns
from kf_widget.chart.subject import Subject
from kf_widget.chart.theme import Theme, theme_named
from kf_widget.chart.view import Viewport
from kf_widget.frame.render import Renderer
from kf_widget.frame.webp import vp8l_ready
from kf_widget.history.protocol import History
from kf_widget.widget import protocol as say
from kf_widget.widget.scheduler import Job, submit
from kf_widget.widget.views import SETTLED_OVERSCAN, View
from kf_widget.widget.window import Anchor, Window, at_end, clamped, fitted, moved, roomy, slid

__all__ = ["Conductor"]

SLOW_S = 1.0
"""What need not follow each appended row, or costs more than a frame, follows this often."""
_ANCHORS = 24
_USUAL_CSS = 1000
"""Width of a chart that nobody looks at yet."""
_HISTORY = 4096
_log = logging.getLogger("kf_widget")

Send = Callable[[dict[str, Any], Sequence[bytes]], None]


class Conductor:
    """State of one chart and its flow of frames.

    Parameters
    ----------
    subject : what is charted.
    style, theme : how; theme is a name, "auto" follows each view's page.
    send : hands a message with its buffers to the browser; called on rendering threads.
    choose : applies a choice of the toolbar, (name, value); raises ValueError on a bad one.
    settled : called when a gesture has come to rest.
    start : runs work elsewhere; the rendering threads by default.
    """

    def __init__(
        self,
        subject: Subject,
        style: Style,
        theme: str,
        send: Send,
        choose: Callable[[str, str], None] = lambda name, value: None,
        settled: Callable[[], None] = lambda: None,
        export: Callable[[str], tuple[str, str, bytes]] | None = None,
        start: Callable[[Callable[[], None]], None] = submit,
    ) -> None:
        self._lock = threading.RLock()
        self.subject = subject
        self.style = style
        self.theme = theme
        self.time_axis = "trading"
        self.views: dict[str, View] = {}
        self._fit()
        self._edge: int | None = None
        self._touch(subject.axis.stop)
        self._grown = self._slid = False
        self._slow_at = 0.0
        self.epoch = 0
        self.status = ""
        self._send = send
        self._choose = choose
        self._settled = settled
        self._export = export
        self._start = start
        self._job = Job(self._work, start)
        self._retry: threading.Timer | None = None
        self._encoder_watch: threading.Timer | None = None
        self._frames = itertools.count(1)
        self._closed = False
        self.sent: deque[dict[str, float]] = deque(maxlen=_HISTORY)
        self.answered_s: deque[float] = deque(maxlen=_HISTORY)
        self.frames = 0
        self.sent_bytes = 0

    # What the kernel's side changes

    def look_at(self, window: Window) -> None:
        """Show another window; gestures made against earlier frames no longer count."""
        with self._lock:
            self.window = clamped(window, self.subject.axis)
            self._touch(self.subject.axis.stop)
            self._changed()
        self.request()

    def fit(self) -> None:
        """Show the whole history."""
        with self._lock:
            self._go("fit")
        self.request()

    def to_end(self) -> None:
        """Show the newest data, as much as is shown now."""
        with self._lock:
            self._go("end")
        self.request()

    def _bar_ns(self) -> float:
        """Length on the axis of the bars that the window shows; 0 where the last one ends with the data."""
        if self.style.chart_type in PATH_TYPES:
            return 0.0
        width = max((view.size.width for view in self.views.values() if view.visible), default=_USUAL_CSS)
        return bar_ns(self.subject, self.style.timeframe, self.window.start, self.window.stop, width)

    def _fit(self) -> None:
        self.window = fitted(self.subject.axis)  # which tells how long its bars are
        self.window = fitted(self.subject.axis, self._bar_ns())

    def restyle(self, **changes: Any) -> None:
        """Change fields of the style, or `theme`."""
        with self._lock:
            theme = changes.pop("theme", self.theme)
            for view in self.views.values():
                view.overview_stale |= theme != self.theme
            self.theme = theme
            makes_room = "timeframe" in changes and self.shows_newest
            before_ns = self._bar_ns() if makes_room else 0.0
            self.style = replace(self.style, **changes)
            if makes_room:
                window = roomy(self.window, self.subject.axis, before_ns, self._bar_ns())
                self.window = clamped(window, self.subject.axis)
            self._changed()
        self.request()

    def recast(self, subject: Subject, time_axis: str) -> None:
        """Chart another subject, keeping the instants in view where they exist."""
        with self._lock:
            old = self.subject
            edges = [int(old.axis.to_ns(self.window.start)), int(old.axis.to_ns(self.window.stop))]
            start, stop = (int(subject.axis.to_axis(edge)) for edge in edges)
            self.subject = subject
            self.time_axis = time_axis
            self.window = clamped(Window(start, max(stop, start + 1), self.window.price), subject.axis)
            self._touch(subject.axis.stop)
            for view in self.views.values():
                view.overview_stale = True
            self._changed()
        self.request()

    # A history that grows

    def _touch(self, newest: int) -> None:
        """Remember whether the window shows the newest data, and goes with it from there on."""
        self._edge = int(newest) if self.window.start < newest <= self.window.stop else None

    @property
    def shows_newest(self) -> bool:
        """Whether the window goes with the newest data."""
        return self._edge is not None

    @property
    def growth_s(self) -> float:
        """Least seconds between two calls of `grow`: bars that are cut from the start cost more to extend."""
        slow = self.style.chart_type in PATH_TYPES or self.style.timeframe.endswith("$")
        return SLOW_S if slow else 0.0

    def grow(self, history: History) -> None:
        """Chart more rows of the same history. A window that shows its newest data goes with it.

        No gesture in flight is dropped: positions on the axis stay what they were, and while a view is
        moved by a person the window is theirs.

        Parameters
        ----------
        history : begins with the rows of the present one.
        """
        before = self.subject
        subject = before.grown(history)
        carry_paths(before.history, history)
        with self._lock:
            if self._closed or self.subject is not before:  # cast anew meanwhile: the next call has its turn
                return
            self.subject = subject
            span = self.window.stop - self.window.start
            drawn = before.axis.stop <= self.window.stop + span * SETTLED_OVERSCAN
            if self._edge is not None and not any(view.moving for view in self.views.values()):
                px = max((view.plot_px for view in self.views.values() if view.visible), default=span)
                held = self.window
                self.window, self._edge = slid(held, self._edge, subject.axis.stop, span / px)
                self._slid |= self.window != held
            self._grown = True
            for view in self.views.values():
                view.stale |= drawn
        self.request()

    def tick(self) -> None:
        """Bring up to date what follows growth slowly: the overview, and frames that show no new row."""
        now = time.monotonic()
        with self._lock:
            if not self._grown or now - self._slow_at < SLOW_S:
                return
            self._slow_at, self._grown = now, False
            slid, self._slid = self._slid, False
            for view in self.views.values():
                view.stale = view.overview_stale = True
        if slid:  # before the frame: beside it, each would wait for the interpreter
            self._settled()
        self.request()

    def tell(self, text: str) -> None:
        """Show an error on every view."""
        self._send({"type": "error", "view": None, "message": text}, [])

    def close(self) -> None:
        """Forget the views and the subject; later requests do nothing."""
        with self._lock:
            self._closed = True
            self.views.clear()
            for timer in (self._retry, self._encoder_watch):
                if timer is not None:
                    timer.cancel()

    def request(self) -> None:
        """Have the stale views rendered."""
        if not self._closed:
            self._job.request()

    def _changed(self) -> None:
        self.epoch += 1
        for view in self.views.values():
            view.stale = True
            view.moving = False

    # What a view says

    def handle(self, content: Any) -> None:
        """Take a message of the browser; returns at once, may be called on any thread."""
        try:
            message = say.parse(content)
        except say.ProtocolError as error:
            _log.warning("kf_widget: %s", error)
            name = content.get("view") if isinstance(content, dict) else None
            self._send({"type": "error", "view": name, "message": str(error)}, [])
            return
        if isinstance(message, say.Hello):
            with self._lock:
                self.views[message.view] = View(message.view, message.size, message.dark)
            self.request()
            return
        view = self.views.get(message.view)
        if view is None:
            return
        settled = False
        try:
            with self._lock:
                settled = self._take(view, message)
            if isinstance(message, say.Set):  # calls who observes the chart: they may wait for other threads
                self._choose(message.name, message.value)
        except ValueError as error:
            self._send({"type": "error", "view": view.name, "message": str(error)}, [])
            view.stale = True
        self.request()
        if settled:
            self._settled()

    def _take(self, view: View, message: say.Message) -> bool:
        match message:
            case say.Look():
                self._answered(view, message.frame)
                self._see(view, message.seq, message.moving)
                anchor = view.anchors.get(message.frame)
                if anchor is not None and message.epoch >= self.epoch:
                    self._show(moved(anchor, message.x, message.y), anchor.newest)
                return not message.moving
            case say.Scrub():
                self._answered(view, message.frame)
                self._see(view, message.seq, message.moving)
                if message.epoch >= self.epoch:
                    anchor = view.anchors.get(message.frame)
                    axis = self.subject.axis
                    whole = (anchor and anchor.whole) or fitted(axis)
                    span = whole.stop - whole.start
                    start, stop = (whole.start + int(fraction * span) for fraction in sorted(message.x))
                    newest = anchor.newest if anchor else axis.stop
                    self._show(Window(start, max(stop, start + 1), self.window.price), newest)
                return not message.moving
            case say.Go():
                self._see(view, message.seq, moving=False)
                self._go(message.where)
                return True
            case say.Set():
                self._see(view, message.seq, moving=False)
            case say.Resize():
                view.overview_stale |= (
                    message.scrubber != view.size.scrubber or message.ratio != view.size.ratio
                )
                view.size = message
                view.stale = True
            case say.Dark():
                if view.dark != message.dark:
                    view.dark = message.dark
                    view.stale = view.overview_stale = True
            case say.Visible():
                view.stale |= message.visible and not view.visible
                view.visible = message.visible
            case say.Ack():
                self._answered(view, message.frame)
            case say.Export():
                self._start(lambda: self._answer_export(view.name, message))
            case say.Bye():
                self.views.pop(view.name, None)
        return False

    def _answered(self, view: View, frame: int) -> None:
        if (took := view.slots.release(frame)) is not None:
            self.answered_s.append(took)

    def _see(self, view: View, seq: int, moving: bool) -> None:
        view.seq = max(view.seq, seq)
        view.moving = moving
        view.stale = True

    def _show(self, window: Window, newest: int) -> None:
        """Show a window that was asked for by who saw data up to `newest`."""
        self.window = clamped(window, self.subject.axis)
        self._touch(newest)
        for view in self.views.values():
            view.stale = True

    def _go(self, where: str) -> None:
        axis = self.subject.axis
        span = self.window.stop - self.window.start
        if where == "fit":
            self._fit()
        elif where == "start":
            start = int(axis.start)
            self.window = clamped(Window(start, start + span, self.window.price), axis)
        else:
            self.window = clamped(at_end(self.window, axis, self._bar_ns()), axis)
        self._touch(axis.stop)
        self._changed()

    # Frames

    def theme_of(self, dark: bool) -> Theme:
        """The theme on a dark or light page."""
        return theme_named(("tradingview" if dark else "light") if self.theme == "auto" else self.theme)

    def _work(self) -> None:
        while True:
            with self._lock:
                waiting = [v for v in self.views.values() if v.visible and (v.stale or v.overview_stale)]
                view = next((v for v in waiting if v.slots.free()), None)
                if view is None:
                    if waiting:
                        self._try_later(min(v.slots.expires_in() for v in waiting))
                    return
            try:
                if view.stale:
                    self._push_frame(view)
                else:
                    self._push_overview(view)
            except Exception as error:
                _log.exception("kf_widget: drawing failed")
                text = f"Drawing failed: {type(error).__name__}: {error}"
                self._send({"type": "error", "view": view.name, "message": text}, [])

    def _try_later(self, seconds: float) -> None:
        if self._retry is None or not self._retry.is_alive():
            self._retry = threading.Timer(seconds + 0.01, self._try_now)
            self._retry.daemon = True
            self._retry.start()

    def _try_now(self) -> None:
        self._retry = None  # so that another can be set before this thread has ended
        self.request()

    def _await_encoder(self) -> None:
        """Send the views a last frame when the encoder is compiled, so that they stop saying otherwise."""
        if self._encoder_watch is None or not self._encoder_watch.is_alive():
            self._encoder_watch = threading.Timer(1.0, self._look_for_encoder)
            self._encoder_watch.daemon = True
            self._encoder_watch.start()

    def _look_for_encoder(self) -> None:
        if self._closed:
            return
        self._encoder_watch = None
        if not vp8l_ready():
            self._await_encoder()
            return
        with self._lock:
            for view in self.views.values():
                view.stale = True
        self.request()

    def _push_frame(self, view: View) -> None:
        with self._lock:
            view.stale = False
            subject, style, epoch, seq, moving = self.subject, self.style, self.epoch, view.seq, view.moving
            viewport, theme = view.viewport(self.window), self.theme_of(view.dark)
            settings = self.settings()
        began = time.perf_counter()
        frame = view.renderer.render(subject, viewport, style, theme)
        readout = read_out(frame.picture.columns, subject.zone)
        whole = fitted(subject.axis)
        span = whole.stop - whole.start
        number = next(self._frames)
        content = say.frame_content(
            frame.picture,
            subject.history,
            readout,
            theme,
            view=view.name,
            frame=number,
            epoch=epoch,
            seq=seq,
            moving=moving,
            scrub=((viewport.start - whole.start) / span, (viewport.stop - whole.start) / span),
            zone=subject.zone.name,
            settings=settings,
            status="" if frame.compiled else "compiling",
        )
        with self._lock:
            if self._closed:
                return
            layout = frame.picture.layout
            view.anchors[number] = Anchor.of(frame.picture, subject.axis)
            if not moving:
                view.plot_px = layout.window[1] - layout.window[0]
            while len(view.anchors) > _ANCHORS:
                view.anchors.popitem(last=False)
            view.slots.take(number)
        kernel_s = time.perf_counter() - began
        self._send(content, [frame.webp, readout.data])
        if not frame.compiled:
            self._await_encoder()
        draw_s, encode_s, _ = frame.seconds
        self.frames += 1
        self.sent_bytes += len(frame.webp) + len(readout.data)
        self.sent.append({
            "kernel_s": kernel_s,
            "draw_s": draw_s,
            "encode_s": encode_s,
            "send_s": time.perf_counter() - began - kernel_s,
            "webp_bytes": len(frame.webp),
            "readout_bytes": len(readout.data),
        })  # fmt: skip

    def _push_overview(self, view: View) -> None:
        with self._lock:
            view.overview_stale = False
            subject, theme, epoch = self.subject, self.theme_of(view.dark), self.epoch
            width, height = view.size.scrubber
            ratio = view.size.ratio
        if width < 8 or height < 8:
            return
        whole = fitted(subject.axis)
        style = Style(
            chart_type="area", price_scale=self.style.price_scale, axes=False, grid=False, volume=False
        )
        viewport = Viewport(whole.start, whole.stop, None, width, height, ratio)
        frame = Renderer().render(subject, viewport, style, theme)
        layout = frame.picture.layout
        content = {
            "type": "overview",
            "view": view.name,
            "epoch": epoch,
            "width": layout.width,
            "height": layout.height,
            "ratio": layout.ratio,
        }
        self._send(content, [frame.webp])

    def settings(self) -> dict[str, str]:
        """What the toolbar shows as chosen."""
        return {
            "timeframe": self.style.timeframe,
            "chart_type": self.style.chart_type,
            "theme": self.theme,
            "price_scale": self.style.price_scale,
            "time_axis": self.time_axis,
        }

    def _answer_export(self, view: str, message: say.Export) -> None:
        try:
            if self._export is None:
                raise ValueError("export: this chart cannot be exported")
            name, mime, data = self._export(message.format)
        except Exception as error:
            _log.warning("kf_widget: export failed", exc_info=True)
            text = f"Export failed: {error}"
            self._send({"type": "error", "view": view, "message": text, "request": message.request}, [])
            return
        content = {"type": "file", "view": view, "request": message.request, "name": name, "mime": mime}
        self._send(content, [data])
