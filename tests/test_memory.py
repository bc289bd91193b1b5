"""Memory does not grow, however many charts are drawn."""

from __future__ import annotations

import gc
import io
from pathlib import Path

import psutil

from kf_widget.plotting import (
    render_and_save,
    render_batch,
    render_charts_parallel,
    render_ohlcv_chart,
    rolling_windows,
    save_chart,
)
from tests.plotting.charts import bars, dataset

RENDERS = 10_000
ALLOWED = 8 << 20
SIZE = {"width": 120, "height": 80}


def resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def test_ten_thousand_images_drawn_and_saved() -> None:
    ohlc, volume = bars(50)

    def renders(n: int) -> None:
        for _ in range(n):
            save_chart(render_ohlcv_chart(ohlc, volume, **SIZE), io.BytesIO(), format="webp", speed="fast")

    renders(500)
    before = resident()
    renders(RENDERS)
    assert resident() - before < ALLOWED


def test_ten_thousand_charts_in_batches() -> None:
    charts = [dataset(50, k) for k in range(50)]
    table, volume = bars(1049)
    windows = rolling_windows(table, 50, 10, volume=volume)

    def renders(n: int) -> None:
        for _ in range(n // 100):
            render_charts_parallel([*charts, *charts], **SIZE)
            render_batch(windows, **SIZE)

    renders(1000)
    before = resident()
    renders(RENDERS)
    assert resident() - before < ALLOWED


def test_ten_thousand_charts_through_the_scene_and_in_other_formats(tmp_path: Path) -> None:
    charts = [dataset(30, k) for k in range(25)]
    looks = [{"axes": True}, {"chart_type": "renko"}, {"chart_type": "line", "enable_antialiasing": False}]

    def renders(n: int) -> None:
        for k in range(n):
            look = looks[k % 3]
            suffix = ("png", "jpg", "svg", "svgz")[k % 4]
            render_and_save(**charts[k % 25], output_path=tmp_path / f"{k % 4}.{suffix}", **SIZE, **look)

    renders(1000)
    before = resident()
    renders(RENDERS)
    assert resident() - before < ALLOWED
