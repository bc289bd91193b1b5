"""The scripted scrub, and what is recorded of it in the page.

A person's hand at 60 inputs a second: wheel zooms over six orders of magnitude with a drag there and
back at each, a drag of the scrubber over most of the history, the zoom out again, and (where there
are menus) timeframes and themes.
"""

from __future__ import annotations

import collections
import contextlib
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page

from tests.browser.lab import View

__all__ = ["RECORD", "STOP", "percentiles", "play", "record", "summary", "touch"]

INPUTS_PER_S = 60
NOTCH = 60.0
"""Wheel step in CSS pixels; the chart zooms by exp(0.0018 * step)."""
NOTCHES_A_DECADE = 21
DECADES = 6
TIMEFRAMES = ("5m", "1h", "1D", "auto")
THEMES = ("classic", "light", "auto")
PAUSE_MS = 250.0
"""Inputs farther apart belong to different gestures."""

RECORD = """(root, beats = true) => {
    const events = [], frames = [], held = window.__kf?.held ?? [];
    let input = 0, tick = 0;
    const before = e => { input = e.timeStamp; };
    const kinds = ['pointerdown', 'pointermove', 'wheel', 'click', 'keydown'];
    for (const kind of kinds) window.addEventListener(kind, before, {capture: true, passive: true});
    const count = () => { tick += 1; window.__kf.beat = requestAnimationFrame(count); };
    const seen = new MutationObserver(records => {
        const now = performance.now();
        for (const name of new Set(records.map(r => r.attributeName))) {
            const value = Number(root.getAttribute(name));
            events.push([name.slice(5), value, now, input, tick]);
        }
    });
    const attributes = ['data-gesture-seq', 'data-warp-seq', 'data-frame-seq', 'data-frame'];
    seen.observe(root, {attributeFilter: attributes});
    const decode = window.__kf?.decode ?? window.createImageBitmap;
    window.createImageBitmap = async (source, ...rest) => {
        const bitmap = await decode.call(window, source, ...rest);
        if (source instanceof Blob) {
            frames.push([source.size, bitmap.width, bitmap.height]);
            if (frames.length % 8 === 1 && held.length < 48) held.push(source);
        }
        return bitmap;
    };
    window.__kf = {events, frames, held, decode, stop: () => {
        for (const kind of kinds) window.removeEventListener(kind, before, {capture: true});
        cancelAnimationFrame(window.__kf.beat);
        seen.disconnect();
        window.createImageBitmap = decode;
        return {events, frames};
    }};
    if (beats) count();
}"""
"""Start recording a root element: inputs, warped paints and exact frames with the page's own clock.

``beats`` counts animation frames, which has the page make 60 a second."""
STOP = "() => window.__kf.stop()"


def play(view: View, *, menus: bool = False, decades: int = DECADES) -> None:
    """Scrub once, from the whole history down and back; waits after each gesture for its exact frame."""
    page = view.page
    for _ in range(decades):
        _zoom(view, -NOTCH, NOTCHES_A_DECADE)
        _drag(view, -240, 20)
        _drag(view, 180, 15)
    _scrub(view)
    for _ in range(decades):
        _zoom(view, NOTCH, NOTCHES_A_DECADE)
    if menus:
        for label, values in (("Timeframe", TIMEFRAMES), ("Theme", THEMES)):
            for value in values:
                _choose(page, view, label, value)


def touch(view: View, times: int = 30) -> None:
    """Single steps of the wheel in and out, each after the frame of the one before was seen at rest."""
    for number in range(times):
        _zoom(view, NOTCH if number % 2 else -NOTCH, 1)


def _pace(inputs: int) -> Iterator[float]:
    """Shares done, one for each input, at 60 inputs a second (or slower, as the page takes them)."""
    start = time.perf_counter()
    for number in range(1, inputs + 1):
        yield number / inputs
        rest = start + number / INPUTS_PER_S - time.perf_counter()
        if rest > 0:
            time.sleep(rest)


def _settle(view: View) -> None:
    view.wait_exact()
    view.page.wait_for_timeout(PAUSE_MS + 50)  # let the pause between two gestures be a pause


def _zoom(view: View, notch: float, notches: int) -> None:
    view.page.mouse.move(*view.point(0.55, 0.35))
    for _ in _pace(notches):
        view.page.mouse.wheel(0, notch)
    _settle(view)


def _drag(view: View, dx: float, moves: int) -> None:
    x, y = view.point(0.5, 0.4)
    mouse = view.page.mouse
    mouse.move(x, y)
    mouse.down()
    for share in _pace(moves):
        mouse.move(x + share * dx, y)
    mouse.up()
    _settle(view)


def _scrub(view: View) -> None:
    handle = view.root.locator(".kf-handle")
    box = handle.bounding_box() if handle.count() else None
    left, _, width, _ = view.box
    x, y = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) if box else view.point(0.5, 0.95)
    goal = left + (0.15 if x > left + width / 2 else 0.85) * width
    mouse = view.page.mouse
    mouse.move(x, y)
    mouse.down()
    for share in _pace(45):
        mouse.move(x + share * (goal - x), y)
    mouse.up()
    _settle(view)


def _choose(page: Page, view: View, label: str, value: str) -> None:
    menu = view.root.locator(".kf-menu", has=page.get_by_role("button", name=label, exact=True))
    before = view.gesture_seq
    menu.get_by_role("button", name=label, exact=True).click()
    menu.locator(f'[data-value="{value}"]').click()
    with contextlib.suppress(AssertionError):
        view.wait_gesture(before)
    _settle(view)


def record(view: View, *, menus: bool = False) -> dict[str, Any]:
    """Play on a view after a short rehearsal, and tell what was seen; ``single_ms`` are inputs at rest."""
    play(view, decades=2)
    view.root.evaluate(RECORD)
    touch(view)
    single = summary(view.page.evaluate(STOP))
    view.root.evaluate(RECORD)
    play(view, menus=menus)
    return {**summary(view.page.evaluate(STOP)), "single_ms": single["exact_ms"]}


def summary(recorded: dict[str, Any]) -> dict[str, Any]:
    """Latencies and rates of one recording.

    Returns
    -------
    dict with ``inputs``, ``frames``, ``warp_ms``, ``exact_ms`` (p50, p95, p99, ms from the input's own
    time stamp), ``warp_late`` (share of inputs painted later than the next animation frame),
    ``frames_per_s`` (while the hand moves), ``frame_bytes`` (median), ``frame_px`` (the commonest size).
    """
    events = recorded["events"]
    inputs = [(seq, at, tick) for name, seq, _, at, tick in events if name == "gesture-seq"]
    exact = [(seq, now, tick) for name, seq, now, _, tick in events if name == "frame-seq"]
    warps = [(seq, now, tick) for name, seq, now, _, tick in events if name == "warp-seq"]
    shown = [now for name, _, now, _, _ in events if name == "frame"]
    covered = _first_cover(inputs, exact)
    warped = _first_cover(inputs, warps)
    result: dict[str, Any] = {
        "inputs": len(inputs),
        "frames": len(shown),
        "exact_ms": percentiles([now - at for (at, _), (now, _) in covered]),
        "frames_per_s": _rate([(at, now) for (at, _), (now, _) in covered], shown),
    }
    if warps:
        result["warp_ms"] = percentiles([now - at for (at, _), (now, _) in warped])
        late = [tick - seen > 1 for (_, seen), (_, tick) in warped]
        result["warp_late"] = round(sum(late) / len(late), 4)
    if recorded["frames"]:
        sizes = [(width, height) for _, width, height in recorded["frames"]]
        result["frame_px"] = list(collections.Counter(sizes).most_common(1)[0][0])
        result["frame_bytes"] = sorted(size for size, _, _ in recorded["frames"])[len(sizes) // 2]
    return result


def percentiles(values: list[float]) -> dict[str, float]:
    """p50, p95 and p99, one decimal; empty when there is nothing."""
    if not values:
        return {}
    ranked = sorted(values)
    last = len(ranked) - 1
    return {f"p{p}": round(ranked[round(p / 100 * last)], 1) for p in (50, 95, 99)}


Moment = tuple[float, int]


def _first_cover(
    inputs: list[tuple[int, float, int]], answers: list[tuple[int, float, int]]
) -> list[tuple[Moment, Moment]]:
    """Each input's time and tick with those of the first answer whose number is as high; both in order."""
    pairs = []
    place = 0
    for seq, at, tick in inputs:
        while place < len(answers) and answers[place][0] < seq:
            place += 1
        if place < len(answers):
            pairs.append(((at, tick), answers[place][1:]))
    return pairs


def _rate(spans: list[tuple[float, float]], shown: list[float]) -> float:
    """Frames shown a second, over the time from each gesture's first input to its last exact frame."""
    active: list[list[float]] = []
    for start, stop in spans:
        if active and start - active[-1][1] < PAUSE_MS:
            active[-1][1] = max(active[-1][1], stop)
        else:
            active.append([start, stop])
    total = sum(stop - start for start, stop in active)
    frames = sum(any(start <= now <= stop for start, stop in active) for now in shown)
    return round(1000 * frames / total, 1) if total else 0.0
