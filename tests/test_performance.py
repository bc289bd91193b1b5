"""What must be cheaper than what, measured in one run: ratios, never times."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

from kf_widget.plotting import (
    render_batch,
    render_charts_parallel,
    render_ohlcv_chart,
    rolling_windows,
    save_chart,
)
from kf_widget.threads import thread_count
from tests.plotting.charts import bars, dataset

SMALL = {"width": 300, "height": 200}


def ratio(slow: Callable[[], Any], fast: Callable[[], Any], turns: int = 15) -> float:
    """How many times as long `slow` takes: the quickest of both, taken in turns, so that noise hits both."""
    slow(), fast()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns):
        for work, taken in zip((slow, fast), times, strict=True):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
    return min(times[0]) / min(times[1])


def test_a_batch_beats_single_charts() -> None:
    charts = [dataset(50, k) for k in range(200)]

    def singly() -> None:
        for chart in charts:
            save_chart(render_ohlcv_chart(**chart, **SMALL), io.BytesIO(), format="webp", speed="fast")

    assert ratio(singly, lambda: render_charts_parallel(charts, num_workers=1, **SMALL), 7) > 1.1


def test_our_files_beat_libwebp() -> None:
    ohlc, volume = bars(50)
    image = render_ohlcv_chart(ohlc, volume, **SMALL)

    def pillow() -> None:
        image.save(io.BytesIO(), "WEBP", lossless=True, quality=0, method=0)

    assert ratio(pillow, lambda: save_chart(image, io.BytesIO(), format="webp", speed="fast")) > 2


def test_cost_grows_slower_than_the_picture() -> None:
    ohlc, volume = bars(1000)
    big = {"width": 3840, "height": 2160}
    hd = {"width": 1280, "height": 720}
    grown = ratio(
        lambda: render_ohlcv_chart(ohlc, volume, **big), lambda: render_ohlcv_chart(ohlc, volume, **hd)
    )
    assert grown < 1.5 * 9


def test_a_thousand_times_the_candles_costs_far_less_than_that() -> None:
    few, many = bars(100), bars(100_000)
    size = {"width": 800, "height": 600}
    assert ratio(lambda: render_ohlcv_chart(*many, **size), lambda: render_ohlcv_chart(*few, **size)) < 60


def cpu(work: Callable[[], Any]) -> tuple[float, float]:
    """Processor time of the whole process and of this thread, which other programs do not touch; medians."""
    whole, mine = [], []
    for _ in range(9):
        at = time.process_time(), time.thread_time()
        work()
        whole.append(time.process_time() - at[0])
        mine.append(time.thread_time() - at[1])
    return statistics.median(whole), statistics.median(mine)


@pytest.mark.skipif(thread_count() < 2, reason="one core")
def test_cores_share_a_batch() -> None:
    ohlc, volume = bars(20_000)
    windows = rolling_windows(ohlc, 50, 10, volume=volume)
    out = render_batch(windows, **SMALL)
    alone, _ = cpu(lambda: render_batch(windows, num_workers=1, out=out, **SMALL))
    whole, mine = cpu(lambda: render_batch(windows, out=out, **SMALL))
    assert mine < 0.8 * whole
    assert whole < 1.6 * alone
