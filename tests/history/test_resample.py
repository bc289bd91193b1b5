"""Resampling: every way against bars cut by hand, and against one another bit for bit."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_reference import tree_sum

from kf_widget.history import resample as ways
from kf_widget.history.bars import Bars
from kf_widget.history.choices import Choices
from kf_widget.history.cut_lanes import cut_64
from kf_widget.history.edges import calendar_rule, floor_time, row_edges
from kf_widget.history.mark_kernels import _few_cuts, mark_bars
from kf_widget.history.protocol import History
from kf_widget.history.resample import resample
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.jit import kernel

SECOND = 10**9
COLUMNS = ("time_ns", "open", "high", "low", "close", "volume", "count")


def make_ticks(
    n: int, seed: int, span_s: float, *, size_type: type | None = np.float64, at: int = 0
) -> Ticks:
    rng = np.random.default_rng(seed)
    # a third of the rows in a few bursts of equal stamps
    moments = rng.integers(0, int(span_s * SECOND) + 1, n)
    bursts = rng.integers(0, int(span_s * SECOND) + 1, 5)
    moments[: n // 3] = bursts[rng.integers(0, 5, n // 3)]
    price = np.round(100 + rng.normal(0, 5, n), 2)
    size = None if size_type is None else (rng.random(n) * 10.0 ** rng.integers(-6, 6, n)).astype(size_type)
    return Ticks.from_columns(np.sort(moments) + at, price, size, tz="America/New_York")


def by_hand(history: History, edges: list[int], starts: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[Any]]:
    cuts = [slice(a, b) for a, b in pairwise(edges)]
    return {
        "time_ns": starts,
        "open": history.open[edges[:-1]],
        "high": np.array([history.high[cut].max() for cut in cuts]),
        "low": np.array([history.low[cut].min() for cut in cuts]),
        "close": history.close[np.array(edges[1:]) - 1],
        "volume": np.array(
            [0.0 if history.volume is None else tree_sum(history.volume, cut.start, cut.stop) for cut in cuts]
        ),
        "count": np.diff(edges),
    }


def expected_bars(history: History, timeframe: Timeframe, zone: Zone) -> dict[str, npt.NDArray[Any]]:
    if timeframe.by_time:
        starts, first = np.unique(floor_time(timeframe, zone, history.time_ns), return_index=True)
        return by_hand(history, [*first.tolist(), len(history)], starts)
    edges = row_edges(timeframe, history, 0, len(history)).tolist()
    return by_hand(history, edges, history.time_ns[edges[:-1]])


def columns_of(bars: Bars) -> dict[str, npt.NDArray[Any]]:
    volume = np.zeros(len(bars)) if bars.volume is None else bars.volume
    return {name: volume if name == "volume" else getattr(bars, name) for name in COLUMNS}


def assert_same(mine: dict[str, npt.NDArray[Any]], theirs: dict[str, npt.NDArray[Any]]) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)


class Always(Choices):
    """Choices of a machine on which one way is always the fastest."""

    def __init__(self, way: str, **known: Any) -> None:
        super().__init__(**known)
        object.__setattr__(self, "_way", way)

    def way(self, *_: Any, **__: Any) -> Any:
        return self._way


@pytest.fixture(params=["scan", "index"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Send every history one way, split as finely as threads may see it."""
    monkeypatch.setattr(ways, "choices", lambda: Always(request.param, scan_grain=50))
    monkeypatch.setattr(ways, "_BAR_GRAIN", 3)
    return str(request.param)


TEXTS = ["1s", "7s", "1m", "5m", "1h", "1D", "1W", "1M", "1t", "3t", "100t", "1e6v", "1e5$"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 700, 5000])
def test_bars_equal_those_cut_by_hand(way: str, text: str, n: int) -> None:
    history = make_ticks(n, n, span_s=3 * n)
    zone, timeframe = Zone.of("America/New_York"), Timeframe.parse(text)
    assert_same(columns_of(resample(history, timeframe, zone)), expected_bars(history, timeframe, zone))


@pytest.mark.parametrize("span_s", [0, 10, 3_000, 10**6])
@pytest.mark.parametrize("size_type", [np.float32, None])
def test_bars_of_any_density(way: str, span_s: float, size_type: type | None) -> None:
    history = make_ticks(20_000, 7, span_s, size_type=size_type)
    zone = Zone.of("UTC")
    for text in ("1s", "1m", "1D"):
        timeframe = Timeframe.parse(text)
        bars = resample(history, timeframe, zone)
        assert_same(columns_of(bars), expected_bars(history, timeframe, zone))
        assert (bars.volume is None) == (size_type is None)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_both_ways_give_the_same_bits(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 9000))
    at = data.draw(st.sampled_from([-(10**18), -5 * SECOND, 0, 1_604_188_800 * SECOND]))
    span_s = data.draw(st.sampled_from([1, 100, 10_000, 10**7]))
    history = make_ticks(n, data.draw(st.integers(0, 9)), span_s, at=at)
    zone = Zone.of(data.draw(st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"])))
    timeframe = Timeframe.parse(data.draw(st.sampled_from(["1s", "45s", "1m", "1h", "4h", "1D", "1M"])))
    made = []
    for way in ("scan", "index"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ways, "choices", lambda way=way: Always(way))
            made.append(columns_of(resample(history, timeframe, zone)))
    assert_same(*made)
    bars = made[0]
    assert (bars["low"] <= np.minimum(bars["open"], bars["close"])).all()
    assert (bars["high"] >= np.maximum(bars["open"], bars["close"])).all()
    assert bars["count"].sum() == n
    np.testing.assert_allclose(bars["volume"].sum(), history.index.volume(0, n), rtol=1e-9)


@pytest.mark.parametrize("text", ["5m", "1h", "1D"])
def test_minutes_merge_to_the_same_bars(text: str) -> None:
    history = make_ticks(50_000, 3, span_s=400_000)
    zone, timeframe = Zone.of("America/New_York"), Timeframe.parse(text)
    direct = columns_of(history.resample(text))
    merged = columns_of(resample(history.resample("1m"), timeframe, zone))
    np.testing.assert_allclose(merged.pop("volume"), direct.pop("volume"), rtol=1e-12)
    for name, column in merged.items():
        np.testing.assert_array_equal(column, direct[name], err_msg=name)


def test_appending_rows_changes_no_closed_bar() -> None:
    history = make_ticks(30_000, 5, span_s=40_000)
    zone, timeframe = Zone.of("UTC"), Timeframe.parse("1m")
    whole = columns_of(resample(history, timeframe, zone))
    part = Ticks.from_columns(*(a[:20_000] for a in (history.time_ns, history.price, history.size)))
    earlier = columns_of(resample(part, timeframe, zone))
    closed = len(earlier["time_ns"]) - 1
    for name in COLUMNS:
        np.testing.assert_array_equal(earlier[name][:closed], whole[name][:closed], err_msg=name)


def test_a_stamp_on_the_edge_opens_the_next_bar(way: str) -> None:
    minute = 60 * SECOND
    history = Ticks.from_columns(
        np.array([-1, 0, 0, minute - 1, minute]), np.arange(5.0), np.ones(5, np.float32)
    )
    bars = resample(history, Timeframe.parse("1m"), Zone.of("UTC"))
    assert bars.time_ns.tolist() == [-minute, 0, minute]
    assert bars.count is not None
    assert bars.count.tolist() == [1, 3, 1]


def test_a_million_ticks_in_one_bar(way: str) -> None:
    n = 1_000_000
    size = np.random.default_rng(0).random(n)
    history = Ticks.from_columns(np.zeros(n, np.int64), size, size)
    bars = resample(history, Timeframe.parse("1s"), Zone.of("UTC"))
    assert bars.volume is not None
    assert bars.volume.tolist() == [tree_sum(size, 0, n)]
    assert (bars.high[0], bars.low[0]) == (size.max(), size.min())


def test_large_histories_over_several_threads() -> None:
    history = make_ticks(1_500_000, 2, span_s=900_000, size_type=np.float32)
    zone, timeframe = Zone.of("Europe/London"), Timeframe.parse("1s")
    bars = columns_of(resample(history, timeframe, zone))
    starts, first = np.unique(history.time_ns // SECOND * SECOND, return_index=True)
    edges = np.append(first, len(history))
    ohlc, volume, count = history.index.aggregate(edges)
    theirs = dict(zip(COLUMNS, (starts, *ohlc.T, volume, count), strict=True))
    assert_same(bars, theirs)


@pytest.mark.parametrize("text", TEXTS)
def test_an_empty_history_has_no_bars(text: str) -> None:
    history = Ticks.from_columns(np.empty(0, np.int64), np.empty(0), np.empty(0))
    assert len(resample(history, Timeframe.parse(text), Zone.of("UTC"))) == 0


def test_the_result_knows_its_zone_and_length() -> None:
    bars = make_ticks(1000, 1, 10_000).resample("5m", tz=ZoneInfo("Asia/Kolkata"))  # type: ignore[arg-type]
    assert (bars.tz, bars.interval_ns) == ("Asia/Kolkata", 300 * SECOND)
    assert bars.to_pandas().index[0].utcoffset() == dt.timedelta(hours=5, minutes=30)


def test_backends() -> None:
    history, zone = make_ticks(100, 1, 100), Zone.of("UTC")
    one, other = (columns_of(resample(history, Timeframe.parse("1s"), zone, b)) for b in ("auto", "cpu"))
    assert_same(one, other)
    with pytest.raises(ValueError, match="backend must be one of 'auto', 'cpu', 'gpu', got 'cuda'"):
        resample(history, Timeframe.parse("1s"), zone, "cuda")


@pytest.mark.parametrize("text", ["1M", "12M", "1000M", "52W", "400D"])
def test_bars_of_years(way: str, text: str) -> None:
    history = make_ticks(5000, 4, span_s=200 * 365 * 86_400, at=-100 * 365 * 86_400 * SECOND)
    zone, timeframe = Zone.of("America/New_York"), Timeframe.parse(text)
    assert_same(columns_of(resample(history, timeframe, zone)), expected_bars(history, timeframe, zone))


@pytest.mark.parametrize("longest", [1, 2, 9, 20, 70, 150])
@pytest.mark.parametrize("size_type", [np.float64, np.float32, None])
def test_bars_of_few_rows_in_blocks(longest: int, size_type: type | None) -> None:
    """Lengths around the eight rows reduced in one go, over groups of 64, blocks and midnights.

    The index, itself held against slow sums, is the reference: slow sums of so many bars take minutes.
    """
    rng = np.random.default_rng(longest)
    lengths = rng.integers(1, longest + 1, 9000)
    starts = np.cumsum(rng.integers(1, 60, len(lengths))) * SECOND
    time_ns = np.repeat(starts, lengths) + SECOND - 1
    price = np.round(100 + rng.normal(0, 5, len(time_ns)), 2)
    size = None if size_type is None else (rng.random(len(time_ns)) * 1e3).astype(size_type)
    history = Ticks.from_columns(time_ns, price, size)
    zone = Zone.of("Europe/London")
    for text in ("1s", "7s", "3t", "17t"):
        timeframe = Timeframe.parse(text)
        one, other = (make(history, timeframe, zone) for make in (ways.scan_columns, ways.index_columns))
        for name, mine, theirs in zip(COLUMNS, one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs, err_msg=name)


@pytest.mark.parametrize("size_type", [np.float64, np.float32, None])
def test_bars_of_any_length_wherever_the_history_ends(size_type: type | None) -> None:
    """Wide reads stop short of the end: histories that end at every row of two groups of 64."""
    rng = np.random.default_rng(3)
    lengths = rng.choice([1, 3, 8, 9, 16, 17, 63, 64, 65, 130, 600, 5000], 60)
    time_ns = np.repeat(np.arange(60) * SECOND - 20 * SECOND, lengths)
    price = np.round(100 + rng.normal(0, 5, len(time_ns)), 2)
    size = None if size_type is None else (rng.random(len(time_ns)) * 1e3).astype(size_type)
    for n in range(len(time_ns) - 130, len(time_ns) + 1):
        history = Ticks.from_columns(
            time_ns[:n].copy(), price[:n].copy(), None if size is None else size[:n].copy()
        )
        zone, timeframe = Zone.of("UTC"), Timeframe.parse("1s")
        one, other = (make(history, timeframe, zone) for make in (ways.scan_columns, ways.index_columns))
        for name, mine, theirs in zip(COLUMNS, one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_marks_are_the_first_rows_of_bars(data: st.DataObject) -> None:
    """Dense and empty hours, days of an offset change, pieces that begin anywhere."""
    zone = Zone.of(data.draw(st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"])))
    timeframe = Timeframe.parse(data.draw(st.sampled_from(["1s", "7s", "1m", "1h", "1D", "1M", "90D"])))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    scales = rng.choice([0, 1_000, SECOND // 8, SECOND, 60 * SECOND, 7200 * SECOND], 20)
    steps = np.concatenate([rng.integers(0, scale + 1, rng.integers(1, 700)) for scale in scales])
    time_ns = np.cumsum(steps) + data.draw(st.sampled_from([-(10**18), 0, 1_604_188_800 * SECOND]))
    firsts = np.unique(floor_time(timeframe, zone, time_ns), return_index=True)[1]
    start = data.draw(st.sampled_from(firsts.tolist()) | st.integers(0, len(time_ns) - 1))
    stop = data.draw(st.integers(start + 1, len(time_ns)) | st.just(len(time_ns)))
    rule = calendar_rule(timeframe, zone, int(time_ns[0]), int(time_ns[-1]))
    marks = np.full(-(-(stop - start) // 64), 2**64 - 1, np.uint64)
    n_bars = mark_bars(*rule, time_ns, start, stop, marks)
    found = np.flatnonzero(np.unpackbits(marks.view(np.uint8), bitorder="little")) + start
    assert found.tolist() == firsts[(firsts >= start) & (firsts < stop)].tolist()
    assert n_bars == len(found)


@pytest.mark.parametrize("width_s", [1, 21])  # 21e9 times its inverse is less than 1
def test_marks_of_long_bars_to_the_nanosecond(width_s: int) -> None:
    """Few of 64 rows begin a bar, at every place of them, a nanosecond after the row before, or a century."""
    rule = calendar_rule(Timeframe.parse(f"{width_s}s"), Zone.of("UTC"), -(10**18), 10**18)
    width = width_s * SECOND
    for place in range(64):
        lengths = np.full(40, 64 + (place % 3))
        lengths[0] = 256 + place  # bars are long by then
        starts = np.repeat(np.arange(40) * width, lengths)
        for early in (0, 1_650 * 21 * 86_400 * SECOND):
            time_ns = np.sort(starts + np.where(np.arange(len(starts)) & 1, width - 1, 0))
            time_ns[: lengths[0]] -= early
            firsts = np.unique(time_ns // width, return_index=True)[1]
            marks = np.empty(-(-len(time_ns) // 64), np.uint64)
            assert mark_bars(*rule, time_ns, 0, len(time_ns), marks) == len(firsts)
            found = np.flatnonzero(np.unpackbits(marks.view(np.uint8), bitorder="little"))
            assert found.tolist() == firsts.tolist()


@kernel
def cuts(time_ns: Any, before: int, start: int, width: int, out: Any) -> None:
    out[0] = cut_64(time_ns, 0, before, start, 1.0 / np.float64(width))
    out[1] = _few_cuts(time_ns, 0, before, start, 1.0 / np.float64(width))


@pytest.mark.parametrize("width", [1, 7, SECOND, 21 * SECOND, 43_200 * SECOND])
def test_cuts_of_64_rows_after_a_row_however_early(width: int) -> None:
    start = 1_604_188_800 * SECOND
    out = np.empty(2, np.uint64)
    rng = np.random.default_rng(4)
    # The bits of the last but one are no number, and the last one's difference wraps.
    for early in (1, width, 2**51, 10**18, 2**62, 0x4338_0000_0000_0001, start + 9 * 10**18):
        for step in (1, width - 1, width, 3 * width):
            steps = np.where(rng.random(64) < 0.1, step, 0)
            time_ns = start + np.cumsum(steps)
            for before in (start - early, start + int(steps[0]) // 2):
                number = [(time - start) // width for time in (before, *time_ns.tolist())]
                wanted = sum(1 << k for k in range(64) if number[k + 1] != number[k])
                cuts(time_ns, before, start, width, out)
                assert out.tolist() == [wanted, wanted]


def test_merged_bars_read_each_of_their_columns() -> None:
    rng = np.random.default_rng(8)
    n = 5000
    open, close = rng.normal(100, 5, (2, n))
    high, low = np.maximum(open, close) + rng.random(n), np.minimum(open, close) - rng.random(n)
    minutes = np.cumsum(rng.integers(1, 9, n)) * 60 * SECOND
    history = Bars.from_columns(minutes, open, high, low, close, rng.random(n))
    zone = Zone.of("UTC")
    for text in ("5m", "15m", "1h", "1D", "9t"):
        timeframe = Timeframe.parse(text)
        one, other = (make(history, timeframe, zone) for make in (ways.scan_columns, ways.index_columns))
        for name, mine, theirs in zip(COLUMNS, one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs, err_msg=name)
