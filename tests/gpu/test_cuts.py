"""Chunks of a history and the edges of their bars, against every row's bar by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget import threads
from kf_widget.history import gpu_cuts
from kf_widget.history.edges import floor_time, most_bars
from kf_widget.history.gpu_cuts import Cutter, ListedCutter, TimeCutter
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe
from kf_widget.history.zones import Zone

SECOND = 10**9


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_cuts, "_PIECE_ROWS", 128)
    monkeypatch.setattr(gpu_cuts, "thread_count", lambda: 6)
    monkeypatch.setattr(threads, "thread_count", lambda: 6)


def ticks_at(time_ns: Any) -> Ticks:
    return Ticks.from_columns(time_ns, np.ones(len(time_ns)), None)


def assert_cuts(cutter: Cutter, edges: Any, first_row: int, chunk_rows: int) -> None:
    """Every chunk has the edges of all bars that have rows in it, and says which these are."""
    n_rows = int(edges[-1])
    before: tuple[Any, Any] = (edges, edges)
    for row0 in range(first_row, n_rows, chunk_rows):
        row1 = min(row0 + chunk_rows, n_rows)
        chunk = cutter.chunk((row0, row1))
        first = max(int(np.searchsorted(edges, row0, "right")) - 1, 0)
        stop = int(np.searchsorted(edges, row1, "left"))
        expected = edges[first : stop + 1].copy()
        goes_on = expected[-1] > row1
        expected[-1] = row1 + goes_on
        np.testing.assert_array_equal(chunk.edges, expected)
        np.testing.assert_array_equal(*before)  # still as it was
        before = (chunk.edges, expected)
        assert (chunk.row0, chunk.row1, chunk.first_bar) == (row0, row1, first)
        assert chunk.carried == (edges[first] < row0)
        assert chunk.n_ended == stop - first - goes_on


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_history_by_time(data: st.DataObject) -> None:
    """Dense and empty hours, equal stamps over borders of chunks, days of an offset change, before 1970."""
    zone = Zone.of(data.draw(st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"])))
    timeframe = Timeframe.parse(data.draw(st.sampled_from(["1s", "7s", "1m", "1h", "1D", "1M", "90D"])))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    scales = rng.choice([0, 1_000, SECOND // 20, SECOND // 3, SECOND, 60 * SECOND, 7200 * SECOND], 20)
    steps = np.concatenate([rng.integers(0, scale + 1, rng.integers(1, 700)) for scale in scales])
    time_ns = np.cumsum(steps) + data.draw(st.sampled_from([-(10**18), 0, 1_604_188_800 * SECOND]))
    history = ticks_at(time_ns[: data.draw(st.sampled_from([1, 64, 129, len(time_ns)]))])
    chunk_rows = data.draw(st.sampled_from([64, 192, 1024, 1 << 20]))
    expected, rows = np.unique(floor_time(timeframe, zone, history.time_ns), return_index=True)
    times = np.empty(most_bars(timeframe, int(history.time_ns[0]), int(history.time_ns[-1])), np.int64)
    cutter = TimeCutter(history, timeframe, zone, chunk_rows, times)
    assert_cuts(cutter, np.append(rows, len(history)), 0, chunk_rows)
    np.testing.assert_array_equal(times[: len(expected)], expected)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_listed_bars(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    history = ticks_at(np.sort(rng.integers(0, 10**12, 3000)))
    edges = np.unique(rng.integers(0, 3001, data.draw(st.sampled_from([3, 40, 2000]))))
    chunk_rows = data.draw(st.sampled_from([64, 192, 1024, 1 << 20]))
    times = np.zeros(len(edges) - 1, np.int64)
    assert_cuts(ListedCutter(history, edges, times), edges, int(edges[0]) // 64 * 64, chunk_rows)
    np.testing.assert_array_equal(times, history.time_ns[edges[:-1]])
