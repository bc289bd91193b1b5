"""Bars of time in one pass: against the index bit for bit, whatever the pieces, the threads and the guess."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget import threads
from kf_widget.history import one_pass
from kf_widget.history import resample as ways
from kf_widget.history.atomic import take, touch
from kf_widget.history.bar_columns import BarColumns
from kf_widget.history.edges import calendar_rule
from kf_widget.history.index import frozen
from kf_widget.history.piece_kernels import scan_pieces
from kf_widget.history.scan_kernels import Scratch
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone
from kf_widget.jit import kernel

SECOND = 10**9
UTC = Zone.of("UTC")


def ticks_at(time_ns: npt.NDArray[np.int64], seed: int = 0, size_type: type | None = np.float32) -> Ticks:
    rng = np.random.default_rng(seed)
    n = len(time_ns)
    size = None if size_type is None else (rng.random(n) * 10.0 ** rng.integers(-6, 6, n)).astype(size_type)
    return Ticks.from_columns(time_ns, np.round(100 + rng.normal(0, 5, n), 2), size)


def rule_of(history: Ticks, timeframe: Timeframe, zone: Zone) -> Any:
    time_ns = history.time_ns
    kind, step, from_ns, offset_ns = calendar_rule(timeframe, zone, int(time_ns[0]), int(time_ns[-1]))
    return kind, step, frozen(from_ns), frozen(offset_ns)


def scan_once(history: Ticks, text: str = "1s", zone: Zone = UTC, expected: int = 1) -> BarColumns:
    rule = rule_of(history, Timeframe.parse(text), zone)
    return one_pass.scan_once(rule, ways._inputs(history), expected)


def assert_same(mine: BarColumns, theirs: BarColumns) -> None:
    for name, one, other in zip(BarColumns._fields, mine, theirs, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)


def by_index(history: Ticks, text: str = "1s", zone: Zone = UTC) -> BarColumns:
    return ways.index_columns(history, Timeframe.parse(text), zone)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_pass, "_PIECE_ROWS", 128)
    monkeypatch.setattr(one_pass, "thread_count", lambda: 4)
    monkeypatch.setattr(threads, "thread_count", lambda: 4)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_history_in_any_pieces(data: st.DataObject) -> None:
    """Dense and empty hours, equal stamps over borders of pieces, days of an offset change, before 1970."""
    zone = Zone.of(data.draw(st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"])))
    text = data.draw(st.sampled_from(["1s", "7s", "1m", "1h", "1D", "1M", "90D"]))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    scales = rng.choice([0, 1_000, SECOND // 20, SECOND // 3, SECOND, 60 * SECOND, 7200 * SECOND], 20)
    steps = np.concatenate([rng.integers(0, scale + 1, rng.integers(1, 700)) for scale in scales])
    time_ns = np.cumsum(steps) + data.draw(st.sampled_from([-(10**18), 0, 1_604_188_800 * SECOND]))
    time_ns = time_ns[: data.draw(st.sampled_from([1, 2, 63, 64, 65, 127, 128, 129, len(time_ns)]))]
    history = ticks_at(time_ns, size_type=data.draw(st.sampled_from([np.float64, np.float32, None])))
    groups, crowd = data.draw(st.sampled_from([1, 2, 16])), data.draw(st.sampled_from([1, 4]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_pass, "_PIECE_ROWS", 64 * groups)
        patch.setattr(one_pass, "thread_count", lambda: crowd)
        bars = scan_once(history, text, zone, data.draw(st.sampled_from([1, 40, len(time_ns)])))
    assert_same(bars, by_index(history, text, zone))


@pytest.mark.parametrize("longest", [1, 3, 9, 40, 64, 65, 130, 700, 9000])
@pytest.mark.parametrize("size_type", [np.float64, np.float32, None])
def test_bars_of_any_length(longest: int, size_type: type | None) -> None:
    rng = np.random.default_rng(longest)
    lengths = rng.integers(1, longest + 1, 60_000 // longest)
    history = ticks_at(np.repeat(np.arange(len(lengths)) * SECOND, lengths), size_type=size_type)
    assert_same(scan_once(history), by_index(history))


def test_a_million_ticks_in_one_bar_and_a_few_around_it() -> None:
    time_ns = np.repeat(np.array([-1, 0, 1, 2]) * SECOND, [100, 1_000_000, 1, 129])
    history = ticks_at(time_ns)
    bars = scan_once(history)
    assert bars.counts.tolist() == [100, 1_000_000, 1, 129]
    assert_same(bars, by_index(history))


def test_bars_over_many_pages_of_memory() -> None:
    """New memory is touched ahead of its use, which must change nothing that is there."""
    history = ticks_at(np.arange(1_200_000) // 2 * SECOND)
    assert_same(scan_once(history, expected=600_000), by_index(history))


def test_the_result_keeps_no_memory_beyond_its_bars() -> None:
    history = ticks_at(np.arange(5000) * SECOND // 9)
    for column in scan_once(history, expected=5000):
        assert column.base is None
        assert column.flags.owndata
        assert column.size == 556


def pieces_of(history: Ticks, piece_rows: int, room: int) -> tuple[Any, ...]:
    n_pieces = -(-len(history) // piece_rows)
    counts, firsts = np.full(n_pieces, -1), np.full(n_pieces + 1, -1)
    firsts[0] = 0
    out = BarColumns.room(room)
    for column in out:
        column[:] = -7
    return counts, firsts, np.empty((3, piece_rows // 64), np.uint64), out


@pytest.mark.parametrize("lost", [[0], [3], [0, 1, 2], [1, 5, 6]])
def test_nobody_waits_for_a_thread_that_never_tells(lost: list[int]) -> None:
    """Pieces that were taken and never marked are counted by others, and left alone."""
    history = ticks_at(np.arange(64 * 10) * SECOND // 3)
    whole = by_index(history)
    counts, firsts, marks, out = pieces_of(history, 64, len(whole.time_ns))
    rule, columns = rule_of(history, Timeframe.parse("1s"), UTC), ways._inputs(history)

    def scan(piece: int) -> None:  # this one alone, though it may take the next two: there are none
        known = counts[: piece + 1]
        scan_pieces(*rule, columns, 64, np.array([piece]), known, firsts, marks, out, Scratch.room())

    for piece in range(10):
        if piece not in lost:
            scan(piece)
    begins = np.searchsorted(history.time_ns, whole.time_ns) // 64
    there = ~np.isin(begins, lost)
    for name, mine, theirs in zip(BarColumns._fields, out, whole, strict=True):
        np.testing.assert_array_equal(mine[there], theirs[there], err_msg=name)
        assert (mine[~there] == -7).all()
    assert counts.tolist() == np.bincount(begins, minlength=10).tolist()


@pytest.mark.parametrize("room", [1, 22, 43, 100, 213])
def test_where_room_ends_nothing_is_written_beyond_the_last_whole_piece(room: int) -> None:
    history = ticks_at(np.arange(64 * 10) * SECOND // 3)
    whole = by_index(history)
    counts, firsts, marks, out = pieces_of(history, 64, room)
    rule, columns = rule_of(history, Timeframe.parse("1s"), UTC), ways._inputs(history)
    scan_pieces(*rule, columns, 64, np.zeros(1, np.int64), counts, firsts, marks, out, Scratch.room())
    done = max(n for n in firsts.tolist() if n <= room)
    for name, mine, theirs in zip(BarColumns._fields, out, whole, strict=True):
        np.testing.assert_array_equal(mine[:done], theirs[:done], err_msg=name)
        assert (mine[done:] == -7).all()


def test_the_failure_of_a_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room() -> Scratch:
        raise MemoryError("no room")

    monkeypatch.setattr(Scratch, "room", no_room)
    with pytest.raises(MemoryError, match="no room"):
        scan_once(ticks_at(np.arange(5000) * SECOND // 9))


@pytest.mark.parametrize(("text", "once"), [("1s", True), ("1m", True), ("1h", False), ("1D", False)])
def test_long_histories_of_bars_that_are_not_long_take_one_pass(
    text: str, once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(*args: Any) -> BarColumns:
        calls.append(args[2])
        return one_pass.scan_once(*args)

    monkeypatch.setattr(ways, "scan_once", counted)
    history = ticks_at(np.arange(300_000) * SECOND // 5)
    for least in (300_000, 300_001):
        assert_same(ways.scan_times(history, Timeframe.parse(text), UTC, least), by_index(history, text))
    assert len(calls) == once
    if once:
        n_bars = len(by_index(history, text).time_ns)
        assert n_bars // 2 < calls[0] < n_bars * 2


LONG = """
import numpy as np
from kf_widget.history.mark_kernels import mark_bars
from kf_widget.history.piece_kernels import scan_pieces
from kf_widget.history.scan_kernels import scan_bars, scan_edges
from kf_widget.history.ticks import Ticks
from kf_widget.history.warm import warm_scans

kernels = (scan_pieces, scan_bars, scan_edges, mark_bars)
warm_scans()
before = [list(kernel.signatures) for kernel in kernels]
stamps = np.arange(1 << 21) * 10**9 // 5
for size_type in (np.float32, np.float64):
    for text in ("1s", "1h", "20t"):
        Ticks.from_columns(stamps, stamps % 7.0, np.ones(1 << 21, size_type)).resample(text, backend="cpu")
assert all(before) and [list(kernel.signatures) for kernel in kernels] == before
"""


def test_warming_up_compiles_all_that_a_long_history_needs() -> None:
    subprocess.run([sys.executable, "-c", LONG], check=True)


def test_threads_take_distinct_numbers() -> None:
    taken, shares = np.zeros(1, np.int64), np.zeros((4, 10_000), np.int64)
    crowd = [threading.Thread(target=take_all, args=(taken, share)) for share in shares]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert sorted(shares.ravel().tolist()) == list(range(40_000))


@kernel
def take_all(taken: npt.NDArray[np.int64], share: npt.NDArray[np.int64]) -> None:
    """Fill a share with numbers that nobody else has."""
    for i in range(share.size):
        share[i] = take(taken, 0)


@kernel
def touch_all(values: Any) -> None:
    """Touch every value."""
    for i in range(values.size):
        touch(values, i)


def test_to_touch_a_value_leaves_it() -> None:
    for values in (np.array([0.0, -0.0, 1.5, np.nan, np.inf]), np.array([0, -1, 2**62])):
        before = values.tobytes()
        touch_all(values)
        assert values.tobytes() == before
