"""The CUDA kernels on two devices: their sources run on the CPU, and a GPU where there is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kf_widget.history import gpu
from kf_widget.history.bar_columns import BarColumns
from kf_widget.history.bars import Bars
from kf_widget.history.edges import floor_time, row_edges
from kf_widget.history.gpu_history import GpuHistory, stretches_of
from kf_widget.history.gpu_nodes import stream_nodes
from kf_widget.history.gpu_scan import DeviceColumns, Pieces, scan_rows
from kf_widget.history.index import Nodes, RangeIndex, build_nodes
from kf_widget.history.resample import scan_columns
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from tests.gpu.emulator import MISSING, EmulatedDevice
from tests.gpu.reference import assert_same, bars_between

SECOND = 10**9
DAY = 86_400 * SECOND
CHICAGO = Zone.of("America/Chicago")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("emulated", marks=pytest.mark.skipif(bool(MISSING), reason=MISSING)),
        pytest.param("gpu", marks=pytest.mark.gpu),
    ],
)
def device(request: pytest.FixtureRequest) -> Any:
    if request.param == "emulated":
        return EmulatedDevice()
    from kf_widget.history.gpu_device import find_device

    return find_device()


def ticks(n: int, span_ns: int, *, seed: int = 0, size: Any = np.float32, at: int = 0) -> Ticks:
    rng = np.random.default_rng(seed)
    time_ns = np.sort(rng.integers(0, span_ns + 1, n)) + at
    price = np.round(100 + rng.normal(0, 5, n), 2)
    sizes = None if size is None else (rng.random(n) * 10.0 ** rng.integers(-6, 6, n)).astype(size)
    return Ticks.from_columns(time_ns, price, sizes, tz="America/Chicago")


def at_times(time_ns: Any) -> Ticks:
    time_ns = np.asarray(time_ns, np.int64)
    made = ticks(len(time_ns), 1, seed=len(time_ns))
    return Ticks.from_columns(time_ns, made.price, made.size, tz="America/Chicago")


def by_hand(history: Any, timeframe: Timeframe) -> BarColumns:
    if timeframe.by_time:
        times, first = np.unique(floor_time(timeframe, CHICAGO, history.time_ns), return_index=True)
        return bars_between(history, np.append(first, len(history)), times)
    edges = row_edges(timeframe, history, 0, len(history))
    return bars_between(history, edges, history.time_ns[edges[:-1]])


def both_ways(device: Any, history: Any, timeframe: Timeframe) -> list[BarColumns]:
    """Bars from columns kept on the device, and from columns that stream through it."""
    kept = GpuHistory(history, device).columns(timeframe, CHICAGO)
    return [kept, gpu.stream_columns(device, history, timeframe, CHICAGO, 8192)]


AROUND_MIDNIGHT = np.repeat([DAY - 1, DAY, DAY + 1, 2 * DAY], [3, 64, 1, 60])
HOSTILE = {
    "one tick": at_times([7]),
    "two equal stamps at a boundary": at_times([DAY, DAY]),
    "equal stamps at boundaries": at_times(AROUND_MIDNIGHT),
    "equal stamps, a superblock and one more": at_times(np.full(4097, 60 * SECOND)),
    "before 1970": ticks(9000, 90 * DAY, at=-(10**18)),
    "long before and long after": at_times([-9 * 10**18, -1, 0, 9 * 10**18]),
    "a clock going back": at_times(np.arange(0, 20_000) * 360 * SECOND + 1_698_000_000 * SECOND),
    "a clock going forward": at_times(np.arange(0, 20_000) * 360 * SECOND + 1_709_000_000 * SECOND),
    "one long bar among short ones": at_times(
        np.concatenate([np.arange(5000), np.full(9000, 5000), np.arange(5001, 10_000)]) * 60 * SECOND
    ),
    "whole superblocks": ticks(8192, 40 * DAY),
    "one row less": ticks(8191, 40 * DAY),
    "one row more": ticks(8193, 40 * DAY),
    "float64 sizes": ticks(20_001, 30 * DAY, size=np.float64),
    "no sizes": ticks(9001, 30 * DAY, size=None),
}


@pytest.mark.parametrize("timeframe", ["1s", "1m", "7m", "4h", "1D", "1W", "1M", "1t", "9t", "5000t"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_histories(device: Any, name: str, timeframe: str) -> None:
    expected = by_hand(HOSTILE[name], Timeframe.parse(timeframe))
    for found in both_ways(device, HOSTILE[name], Timeframe.parse(timeframe)):
        assert_same(found, expected)


@pytest.mark.parametrize("timeframe", ["1m", "1D", "100t", "1v"])
def test_empty_history(device: Any, timeframe: str) -> None:
    for found in both_ways(device, ticks(0, 1), Timeframe.parse(timeframe)):
        assert all(len(column) == 0 for column in found)


@pytest.mark.parametrize("timeframe", ["1v", "3e4v", "2e7v", "1e12v", "1e2$", "3e6$", "1e9$"])
@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in ("no sizes", "one tick")])
def test_volume_and_value_bars(device: Any, name: str, timeframe: str) -> None:
    expected = by_hand(HOSTILE[name], Timeframe.parse(timeframe))
    for found in both_ways(device, HOSTILE[name], Timeframe.parse(timeframe)):
        assert_same(found, expected)


@pytest.mark.parametrize("n", [64, 65, 4096, 300_001])
def test_crossings_that_meet_a_total_exactly(device: Any, n: int) -> None:
    made = ticks(n, DAY)
    whole = Ticks.from_columns(made.time_ns, made.price, np.ones(n, np.float32), tz="UTC")
    for timeframe in ("1v", "64v", "4096v", "7v"):
        edges = GpuHistory(whole, device).edges(Timeframe.parse(timeframe), CHICAGO)[0]
        step = int(timeframe[:-1])
        np.testing.assert_array_equal(device.download(edges), np.append(np.arange(0, n, step), n))


def test_no_volume_to_count(device: Any) -> None:
    with pytest.raises(ValueError, match="must have a volume to count"):
        GpuHistory(HOSTILE["no sizes"], device).resample("5v")
    with pytest.raises(ValueError, match="that float64 can count"):
        GpuHistory(HOSTILE["whole superblocks"], device).resample("1e-15v")


def test_bars_merge(device: Any) -> None:
    minutes = ticks(60_000, 9 * DAY).resample("1m")
    assert isinstance(minutes, Bars)
    for timeframe in ("5m", "1h", "1D"):
        merged, expected = GpuHistory(minutes, device).resample(timeframe), minutes.resample(timeframe)
        for name in ("time_ns", "open", "high", "low", "close", "volume", "count"):
            np.testing.assert_array_equal(getattr(merged, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("n", [1, 63, 4095, 4096, 70_001, 300_001])
@pytest.mark.parametrize("size", [np.float32, np.float64])
def test_index_equals_the_cpus(device: Any, n: int, size: Any) -> None:
    made = ticks(n, DAY, size=size)
    price = made.price
    there = RangeIndex.build(made.time_ns, price, price, price, price, made.size).arrays
    high, low, total, first = map(device.download, GpuHistory(made, device).index)
    starts, complete = np.cumsum([0, *(-(-n // 64**level) for level in range(1, 12))]), n
    for level in range(len(there.level_start)):  # the device keeps incomplete nodes too
        start, complete = int(starts[level]), complete >> 6
        if level == 0:
            mine = (there.block_high, there.block_low, there.block_sum)
        else:
            here = slice(*there.level_start[level - 1 : level + 1])
            mine = (there.node_high[here], there.node_low[here], there.node_sum[here])
        for expected, kept in zip(mine, (high, low, total), strict=True):
            np.testing.assert_array_equal(kept[start : start + complete], expected)
    np.testing.assert_array_equal(first[: n >> 6], there.block_first)


@pytest.mark.parametrize("way", ["read", "look up"])
def test_both_ways_to_find_rows(device: Any, way: Any) -> None:
    sparse = ticks(5000, 900 * DAY, at=-(10**17))
    for history in (ticks(50_000, 3 * DAY), sparse, HOSTILE["a clock going back"]):
        kept = GpuHistory(history, device)
        for text in ("1m", "4h", "1D", "1M"):
            timeframe = Timeframe.parse(text)
            first, last = int(history.time_ns[0]), int(history.time_ns[-1])
            grids = stretches_of(timeframe, CHICAGO, first, last)
            edges, times = map(device.download, kept.time_edges(grids, way))
            expected, rows = np.unique(floor_time(timeframe, CHICAGO, history.time_ns), return_index=True)
            np.testing.assert_array_equal(times, expected)
            np.testing.assert_array_equal(edges, np.append(rows, len(history)))


@pytest.mark.parametrize("seed", range(6))
def test_any_edges_with_empty_bars(device: Any, seed: int) -> None:
    history = ticks(30_001, DAY, seed=seed)
    rng = np.random.default_rng(seed)
    cuts = rng.integers(0, len(history) + 1, 3 + 400 * (seed % 3))
    near = rng.integers(0, 8, 6) * 4096 + rng.integers(-1, 2, 6)
    edges = np.sort(np.clip(np.concatenate([cuts, cuts[:9], near]), 0, len(history)))
    price = device.upload(history.price)
    columns = DeviceColumns(price, price, price, price, device.upload(history.size), 0, len(history))
    pieces = Pieces.of(device, columns.layout, len(history))
    bars = scan_rows(device, columns, device.upload(edges), pieces)
    nothing = np.zeros(len(edges) - 1, np.int64)
    found = BarColumns(nothing, *map(device.download, bars))
    assert_same(found, bars_between(history, edges, nothing))


@pytest.mark.parametrize("chunk", [4096, 12_288, 1 << 20])
@pytest.mark.parametrize("first", [0, 1, 4095, 4096, 20_000])
def test_bars_between_rows(device: Any, first: int, chunk: int) -> None:
    history = ticks(30_001, DAY, seed=first)
    for n in (1, 2, 40, 3000):
        rng = np.random.default_rng(n)
        edges = np.unique(np.append(rng.integers(first, len(history) + 1, n), first))
        edges = np.append(edges, len(history)) if len(edges) < 2 else edges
        expected = bars_between(history, edges, history.time_ns[edges[:-1]])
        assert_same(gpu.stream_bars(device, history, edges, chunk), expected)


@pytest.mark.parametrize("size", [np.float32, np.float64, None])
@pytest.mark.parametrize("n", [0, 1, 200])
def test_blocks_over_rows_on_the_host(device: Any, n: int, size: Any) -> None:
    made = ticks(64 * n, DAY, size=size)
    sizes = np.empty(0) if made.size is None else np.asarray(made.size)
    rows = Nodes(made.price, made.price, sizes, made.time_ns).frozen()
    found, expected = (Nodes.room(n, size is not None) for _ in range(2))
    build_nodes(rows, expected, 0, n)
    for chunk in (4096, 1 << 20):
        for column in found:
            column[:] = 0
        stream_nodes(device, rows, found, chunk)
        for name, mine, theirs in zip(Nodes._fields, found, expected, strict=True):
            assert mine.tobytes() == theirs.tobytes(), name


@pytest.mark.parametrize("chunk", [4096, 12_288, 1 << 20])
def test_chunks_change_nothing(device: Any, chunk: int) -> None:
    history = ticks(50_001, 20 * DAY, seed=chunk)
    for text in ("1m", "4h", "1D", "1M", "3t", "9999t"):
        timeframe = Timeframe.parse(text)
        expected = scan_columns(history, timeframe, CHICAGO)
        assert_same(gpu.stream_columns(device, history, timeframe, CHICAGO, chunk), expected)


def test_a_long_history_in_one_bar(device: Any) -> None:
    """Three levels above the superblocks, whole and cut into chunks."""
    history = ticks(1_100_000, DAY, size=np.float64, at=99 * DAY)
    timeframe = Timeframe.parse("1Y")
    expected = scan_columns(history, timeframe, CHICAGO)
    assert len(expected.time_ns) == 1
    assert_same(GpuHistory(history, device).columns(timeframe, CHICAGO), expected)
    assert_same(gpu.stream_columns(device, history, timeframe, CHICAGO, 1 << 18), expected)


def test_results_on_the_host_are_whole(device: Any) -> None:
    bars = GpuHistory(ticks(20_000, DAY), device).resample("1m", tz="UTC")
    expected = ticks(20_000, DAY).resample("1m", tz="UTC", backend="cpu")
    np.testing.assert_array_equal(bars.count, expected.count)
    assert bars.tz == "UTC"
    assert bars.interval_ns == 60 * SECOND


@pytest.mark.gpu
@pytest.mark.parametrize("size", [np.float32, np.float64])
def test_many_ticks(size: Any) -> None:
    """A million ticks in one bar, ten million bars of one tick, and what lies between."""
    from kf_widget.history.gpu_device import find_device

    made = ticks(10_000_000, 1, size=size)
    one_a_second = Ticks.from_columns(np.arange(10_000_000) * SECOND, made.price, made.size)
    dense = ticks(10_000_000, 40 * DAY, size=size)
    timeframes = ("100ms", "1s", "1m", "4h", "1W", "99t", "5e6v")
    for history, texts in ((one_a_second, ("1s", "1m")), (dense, timeframes)):
        kept = GpuHistory(history, find_device())
        for text in texts:
            timeframe = Timeframe.parse(text)
            expected = scan_columns(history, timeframe, CHICAGO)
            assert_same(kept.columns(timeframe, CHICAGO), expected)
            assert_same(gpu.gpu_columns(history, timeframe, CHICAGO), expected)
