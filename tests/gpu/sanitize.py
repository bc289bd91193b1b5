"""Every kernel on hostile histories, for compute-sanitizer: `compute-sanitizer python tests/gpu/sanitize.py`.

Memory comes straight from the driver, one allocation an array, so that a step beyond an end is seen.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import cupy
import numpy as np

from kf_widget.history.gpu import stream_columns
from kf_widget.history.gpu_device import find_device
from kf_widget.history.gpu_history import GpuHistory
from kf_widget.history.gpu_nodes import stream_nodes
from kf_widget.history.index import Nodes, build_nodes
from kf_widget.history.resample import scan_columns
from kf_widget.history.timeframe import Timeframe
from tests.gpu.reference import assert_same
from tests.gpu.test_kernels import CHICAGO, DAY, HOSTILE, ticks

cupy.cuda.set_allocator(None)
device = find_device()
for n_blocks in (1, 64, 1000):
    made = ticks(64 * n_blocks, DAY)
    rows = Nodes(made.price, made.price, np.asarray(made.size), made.time_ns).frozen()
    found, nodes = (Nodes.room(n_blocks, True) for _ in range(2))
    build_nodes(rows, nodes, 0, n_blocks)
    stream_nodes(device, rows, found, 8192)
    assert all(mine.tobytes() == theirs.tobytes() for mine, theirs in zip(found, nodes, strict=True))
histories = [*HOSTILE.values(), ticks(300_001, 30 * DAY), ticks(60_000, 9 * DAY).resample("1m")]
for history in histories:
    kept = GpuHistory(history, device)
    for text in ("1s", "7m", "4h", "1D", "1Y", "1t", "5000t", "3e4v", "1e5$"):
        timeframe = Timeframe.parse(text)
        if timeframe.kind in ("volume", "value") and history.volume is None:
            continue
        expected = scan_columns(history, timeframe, CHICAGO)
        assert_same(kept.columns(timeframe, CHICAGO), expected)
        assert_same(stream_columns(device, history, timeframe, CHICAGO, 8192), expected)
print(f"{len(histories)} histories, the same bars as the CPU's")
