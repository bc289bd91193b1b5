"""RangeIndex against brute force: selections bit for bit, sums against the written-out tree."""

from __future__ import annotations

import math
import multiprocessing
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_reference import tree_sum

from kf_widget.history.index import RangeIndex

SIZES = (1, 2, 63, 64, 65, 127, 128, 4095, 4096, 4097, 262_143, 262_144, 262_145, 300_001)


def make(n: int, seed: int = 0, *, scale: float = 1.0, size_type: type = np.float64) -> RangeIndex:
    rng = np.random.default_rng(seed)
    time_ns = np.sort(rng.integers(-(10**9), 10**9, n) // 1000 * 1000)
    price = np.round(100 + rng.normal(0, 5, n), 2) * scale
    size = (rng.random(n) * 10.0 ** rng.integers(-6, 6, n)).astype(size_type)
    return RangeIndex.build(time_ns, price, price, price, price, size)


def make_bars(n: int, seed: int = 0) -> RangeIndex:
    rng = np.random.default_rng(seed)
    mid = rng.normal(0, 5, (2, n))
    high = mid.max(0) + rng.random(n)
    low = mid.min(0) - rng.random(n)
    return RangeIndex.build(np.arange(n) * 60, mid[0], high, low, mid[1], None)


def brute(index: RangeIndex, edges: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], list[float]]:
    a = index.arrays
    ohlc = np.full((len(edges) - 1, 4), np.nan)
    sums = []
    for bar, (start, stop) in enumerate(pairwise(edges)):
        if start < stop:
            rows = slice(start, stop)
            ohlc[bar] = a.open[start], a.high[rows].max(), a.low[rows].min(), a.close[stop - 1]
        sums.append(tree_sum(a.volume, start, stop) if a.volume.size else 0.0)
    return ohlc, sums


def edges_around_groups(n: int, seed: int, k: int = 24) -> npt.NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    near = [
        rng.integers(0, n // group + 1, k // 4) * group + rng.integers(-1, 2, k // 4)
        for group in (64, 4096, 262_144)
    ]
    near.append(rng.integers(0, n + 1, k))
    return np.sort(np.clip(np.concatenate([*near, [0, n]]), 0, n))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("size_type", [np.float32, np.float64])
def test_aggregate_equals_brute_force(n: int, size_type: type) -> None:
    index = make(n, n, size_type=size_type)
    edges = edges_around_groups(n, n)
    ohlc, volume, count = index.aggregate(edges)
    expected, sums = brute(index, edges)
    np.testing.assert_array_equal(ohlc, expected)
    assert volume.tolist() == sums
    np.testing.assert_array_equal(count, np.diff(edges))


@pytest.mark.parametrize("n", SIZES)
def test_aggregate_of_bars(n: int) -> None:
    index = make_bars(n, n)
    edges = edges_around_groups(n, n)
    ohlc, volume, _ = index.aggregate(edges)
    np.testing.assert_array_equal(ohlc, brute(index, edges)[0])
    assert not volume.any()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_range_of_any_history(data: st.DataObject) -> None:
    n = data.draw(st.one_of(st.integers(1, 200), st.integers(4000, 4200), st.integers(1, 9000)))
    scale = data.draw(st.sampled_from([1.0, 1e15, -1e-9]))
    index = make(n, data.draw(st.integers(0, 5)), scale=scale)
    edges = np.sort(np.array(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=8)), np.int64))
    ohlc, volume, count = index.aggregate(edges)
    expected, sums = brute(index, edges)
    np.testing.assert_array_equal(ohlc, expected)
    assert volume.tolist() == sums
    for bar, (start, stop) in enumerate(pairwise(edges)):
        assert math.isclose(volume[bar], math.fsum(index.arrays.volume[start:stop]), rel_tol=1e-12)
        assert count[bar] == stop - start
        if start < stop:
            assert index.extremes(start, stop) == (ohlc[bar, 1], ohlc[bar, 2])
        assert index.volume(start, stop) == volume[bar]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_rows_equal_searchsorted(data: st.DataObject) -> None:
    n = data.draw(st.one_of(st.integers(1, 300), st.integers(4000, 4200), st.integers(1, 20_000)))
    distinct = data.draw(st.sampled_from([1, 2, 50, 10**6]))
    rng = np.random.default_rng(n)
    time_ns = np.sort(rng.integers(-distinct, distinct, n))
    price = np.ones(n)
    index = RangeIndex.build(time_ns, price, price, price, price, None)
    times = np.concatenate([rng.integers(-distinct - 2, distinct + 2, 64), time_ns[:8] + 1, time_ns[-8:]])
    for side in ("left", "right"):
        np.testing.assert_array_equal(index.rows(times, side), np.searchsorted(time_ns, times, side))


@pytest.mark.parametrize("n", [262_144, 262_145, 400_000])
def test_rows_of_equal_stamps(n: int) -> None:
    price = np.ones(n)
    index = RangeIndex.build(np.full(n, 7), price, price, price, price, None)
    assert index.rows([6, 7, 8]).tolist() == [0, 0, n]
    assert index.rows([6, 7, 8], "right").tolist() == [0, n, n]


def test_empty_history() -> None:
    nothing = np.empty(0)
    index = RangeIndex.build(np.empty(0, np.int64), nothing, nothing, nothing, nothing, nothing)
    assert index.rows([-5, 5]).tolist() == [0, 0]
    ohlc, volume, count = index.aggregate(np.zeros(3, np.int64))
    assert np.isnan(ohlc).all()
    assert volume.tolist() == [0.0, 0.0]
    assert count.tolist() == [0, 0]
    assert np.isnan(index.extremes(0, 0)).all()
    assert index.volume(0, 0) == 0.0
    assert len(index) == 0


def test_nan_outside_the_range_does_not_reach_it() -> None:
    size = np.ones(10_000)
    size[5000] = np.nan
    price = np.ones(10_000)
    index = RangeIndex.build(np.arange(10_000), price, price, price, price, size)
    _, volume, _ = index.aggregate(np.array([0, 5000, 5001, 10_000]))
    np.testing.assert_array_equal(volume, [5000.0, np.nan, 4999.0])


def test_appending_rows_changes_no_earlier_sum() -> None:
    long = make(300_000, 3)
    a = long.arrays
    edges = np.array([0, 1, 100, 5000, 70_000])
    for n in (70_000, 262_144, 262_145):
        short = RangeIndex.build(a.time_ns[:n], a.open[:n], a.high[:n], a.low[:n], a.close[:n], a.volume[:n])
        for mine, theirs in zip(short.aggregate(edges), long.aggregate(edges), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_results_land_in_the_given_arrays() -> None:
    index = make(1000)
    given_out = np.empty((2, 4)), np.empty(2), np.empty(2, np.int64)
    made = index.aggregate(np.array([0, 10, 20]), out=given_out[0], volume=given_out[1], count=given_out[2])
    assert all(mine is theirs for mine, theirs in zip(made, given_out, strict=True))


def test_nodes_are_two_percent_and_read_only() -> None:
    index = make(1 << 20)
    assert index.nbytes < 0.025 * (1 << 20) * 24
    assert not any(array.flags.writeable for array in index.arrays)


def _build_in_child(n: int) -> int:
    return len(make(n))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_builds_after_its_parent_did() -> None:
    make(1 << 20)
    with multiprocessing.get_context("fork").Pool(1) as children:
        assert children.apply_async(_build_in_child, (1 << 20,)).get(timeout=30) == 1 << 20
