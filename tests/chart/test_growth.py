"""Growth: the axis keeps its past, paths and bars go on as if the rows had always been there."""

from __future__ import annotations

import gc
import itertools
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.chart import passes
from kf_widget.chart.path import carry_paths, path_of
from kf_widget.chart.subject import Subject
from kf_widget.chart.timeaxis import TimeAxis
from kf_widget.history.bars import Bars
from kf_widget.history.edges import row_edges
from kf_widget.history.levels import HOUR_NS, MINUTE_NS
from kf_widget.history.protocol import Floats
from kf_widget.history.ticks import Ticks
from kf_widget.history.timeframe import Timeframe

SECOND = 10**9


def first_rows(ticks: Ticks, n: int) -> Ticks:
    size = None if ticks.volume is None else ticks.volume[:n]
    return Ticks.from_columns(ticks.time_ns[:n], ticks.close[:n], size)


def walk(seed: int, n: int) -> Ticks:
    rng = np.random.default_rng(seed)
    gaps = rng.integers(0, 40, n) * SECOND
    gaps[rng.random(n) < 0.02] += rng.integers(25, 400) * MINUTE_NS
    price = np.round(50 + np.cumsum(rng.normal(0, 0.3, n)), 2)
    return Ticks.from_columns(1_700_000_000 * SECOND + np.cumsum(gaps), price, rng.random(n))


GAPS = st.one_of(
    st.sampled_from([0, 1, SECOND, MINUTE_NS, 30 * MINUTE_NS, 30 * MINUTE_NS + 1, 17 * HOUR_NS]),
    st.integers(0, 2 * HOUR_NS),
)


@settings(max_examples=200)
@given(
    gaps=st.lists(GAPS, min_size=0, max_size=60),
    cuts=st.lists(st.integers(0, 61), max_size=8),
    kind=st.sampled_from(["trading", "clock"]),
    of_bars=st.booleans(),
)
def test_what_was_on_the_axis_stays_where_it_was(
    gaps: list[int], cuts: list[int], kind: str, of_bars: bool
) -> None:
    time_ns = 10**18 + np.cumsum([0, *gaps])

    def history(n: int) -> Ticks | Bars:
        ones = np.ones(n)
        if of_bars:
            return Bars.from_columns(time_ns[:n], ones, ones, ones, ones, interval_ns=MINUTE_NS)
        return Ticks.from_columns(time_ns[:n], ones)

    sizes = sorted({min(cut, len(time_ns)) for cut in cuts} | {len(time_ns)})
    make = TimeAxis.clock if kind == "clock" else TimeAxis.trading
    axis = make(history(sizes[0]))
    for before, n in itertools.pairwise(sizes):
        grown = axis.extended(history(n))
        known = time_ns[:before]
        if before:
            last = len(axis.open_ns) - 1
            assert grown.to_axis(known).tolist() == axis.to_axis(known).tolist()
            assert grown.open_ns[: last + 1].tolist() == axis.open_ns.tolist()
            assert grown.close_ns[:last].tolist() == axis.close_ns[:last].tolist()
        positions = grown.to_axis(time_ns[:n])
        assert (np.diff(positions) >= 0).all()
        assert grown.to_ns(positions).tolist() == time_ns[:n].tolist(), "every row is in open time"
        assert grown.stop > positions[-1]
        assert (grown.open_ns[1:] > grown.close_ns[:-1]).all()
        axis = grown


def test_a_history_with_a_steady_threshold_gets_the_axis_of_all_its_rows() -> None:
    ticks = walk(3, 4000)
    axis = TimeAxis.trading(first_rows(ticks, 2))
    axis = axis.extended(first_rows(ticks, 40))
    for n in (41, 700, 701, 4000):
        axis = axis.extended(first_rows(ticks, n))
    whole = TimeAxis.trading(ticks)
    assert axis.open_ns.tolist() == whole.open_ns.tolist()
    assert axis.close_ns.tolist() == whole.close_ns.tolist()
    assert (axis.start, axis.stop) == (whole.start, whole.stop)
    assert len(axis.open_ns) > 20
    assert axis.extended(ticks) is axis


def test_an_axis_of_given_intervals_does_not_grow() -> None:
    with pytest.raises(ValueError, match="extended must start from the axis of a history"):
        TimeAxis(np.array([0]), np.array([5])).extended(walk(1, 3))


@settings(max_examples=60)
@given(
    kind=st.sampled_from(["renko", "pnf", "range"]),
    seed=st.integers(0, 20),
    cuts=st.lists(st.integers(0, 600), max_size=8),
    box=st.sampled_from([0.1, 0.5, 1.7, 40.0]),
    reversal=st.integers(1, 3),
)
def test_a_path_that_went_on_equals_one_pass(
    kind: str, seed: int, cuts: list[int], box: float, reversal: int
) -> None:
    ticks = walk(seed, 600)
    history, finished = first_rows(ticks, 0), 0
    path = path_of(history, kind, box, reversal)
    for n in sorted({*cuts, 600}):
        longer = first_rows(ticks, n)
        carry_paths(history, longer)
        history = longer
        before, path = path, path_of(history, kind, box, reversal)
        finished = max(len(before) - 1, 0)
        for name in ("time_ns", "open", "high", "low", "close", "volume", "count"):
            got, old = getattr(path.bars, name), getattr(before.bars, name)
            assert got[:finished].tolist() == old[:finished].tolist(), "a closed bar never changes"
    whole = path_of(ticks, kind, box, reversal)
    for name in ("time_ns", "open", "high", "low", "close", "volume", "count"):
        assert getattr(path.bars, name).tolist() == getattr(whole.bars, name).tolist(), name
    assert path.stop_ns.tolist() == whole.stop_ns.tolist()
    assert path.rows.tolist() == whole.rows.tolist()


def test_only_new_rows_are_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks, begun = walk(4, 600), []
    scan = passes.renko_bricks

    def noted(price: Floats, first: int, *rest: Any) -> int:
        begun.append((first, len(price)))
        return int(scan(price, first, *rest))

    monkeypatch.setattr(passes, "renko_bricks", noted)
    history = first_rows(ticks, 100)
    path_of(history, "renko", 0.5, 3)
    for n in (101, 400, 600):
        longer = first_rows(ticks, n)
        carry_paths(history, longer)
        history = longer
        path_of(history, "renko", 0.5, 3)
        path_of(history, "renko", 0.5, 3)
    assert begun == [(0, 100), (100, 101), (101, 400), (400, 600)]


@pytest.mark.parametrize("kind", ["renko", "pnf", "range"])
@pytest.mark.parametrize("at", ["_pass", "_split", "_bricks", "path", "and_then"])
def test_a_pass_that_was_stopped_passes_the_rows_again(
    monkeypatch: pytest.MonkeyPatch, kind: str, at: str
) -> None:
    """Ctrl-C after any step: neither lost bars nor doubled ones later."""
    ticks = walk(5, 3_000)
    half = first_rows(ticks, 1_500)
    path_of(half, kind, 0.5, 3)
    carry_paths(half, ticks)
    owner: Any = passes.Pass if hasattr(passes.Pass, at) else passes._Formed
    step = getattr(owner, at)

    def stopped(*given: Any) -> Any:
        step(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, at, stopped)
        try:
            path_of(ticks, kind, 0.5, 3)
        except KeyboardInterrupt:
            pass
        else:
            assert (kind == "renko") == (at == "_split")
    path, whole = path_of(ticks, kind, 0.5, 3), path_of(walk(5, 3_000), kind, 0.5, 3)
    assert len(path) == len(whole) > 20
    for column in ("time_ns", "open", "high", "low", "close", "volume", "count"):
        np.testing.assert_allclose(getattr(path.bars, column), getattr(whole.bars, column), rtol=1e-12)


@settings(max_examples=30)
@given(seed=st.integers(0, 9), cuts=st.lists(st.integers(1, 9000), max_size=4))
def test_value_bars_of_a_grown_history_equal_those_of_all_its_rows(seed: int, cuts: list[int]) -> None:
    ticks, rule = walk(seed, 9000), Timeframe.parse("500$")
    subject = Subject.of(first_rows(ticks, 1))
    for n in sorted({*cuts, 9000}):
        row_edges(rule, subject.history, 0, len(subject.history))
        subject = subject.grown(first_rows(ticks, n))
    got = row_edges(rule, subject.history, 0, 9000)
    assert got.tolist() == row_edges(rule, ticks, 0, 9000).tolist()


def test_growth_keeps_the_price_step_and_finds_a_finer_one() -> None:
    ticks = walk(1, 500)
    subject = Subject.of(first_rows(ticks, 100))
    step = subject.history.price_step
    grown = subject.grown(ticks)
    assert vars(grown.history)["price_step"] == step, "carried, not sampled again"
    finer = np.append(ticks.close, ticks.close[-1] + np.arange(1, 400) * 0.001)
    time_ns = np.append(ticks.time_ns, np.full(399, ticks.time_ns[-1]))
    assert grown.grown(Ticks.from_columns(time_ns, finer)).history.price_step < step


def test_growth_lets_go_of_the_shorter_history() -> None:
    ticks = walk(2, 600)
    subject = Subject.of(first_rows(ticks, 100))
    seen = []
    for n in range(120, 600, 20):
        seen.append(weakref.ref(subject.history))
        row_edges(Timeframe.parse("500$"), subject.history, 0, len(subject.history))
        path_of(subject.history, "renko", 0.5, 3)
        before, subject = subject, subject.grown(first_rows(ticks, n))
        carry_paths(before.history, subject.history)
        assert len(path_of(subject.history, "renko", 0.5, 3)) > 0
    del before
    gc.collect()
    assert [ref() for ref in seen] == [None] * len(seen)
