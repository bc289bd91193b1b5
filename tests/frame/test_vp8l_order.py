"""The order of the colours for differences of rows, beside a slow and obvious reference."""

from __future__ import annotations

from itertools import combinations, pairwise

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.frame import vp8l_order

order_rows = numba.njit(lambda *arguments: vp8l_order.order_rows(*arguments))


def ordered(indices, n):
    """Old numbers of the colours in their new order."""
    palette, ranks = np.full(256, -1), np.zeros(256, np.int64)
    palette[:n] = 1000 + np.arange(n)
    ranks[:n] = np.arange(n)
    together, orders = np.full(256 * 256, 7, np.int32), np.full((7, 256), 9, np.int64)
    order_rows(indices.reshape(-1), indices.shape[1], palette, n, ranks, together, orders)
    order = palette[:n] - 1000
    assert sorted(order) == list(range(n))
    np.testing.assert_array_equal(order[ranks[:n]], np.arange(n))  # an index keeps its colour
    return order.tolist()


def pairs_above(indices, n):
    together = np.zeros((n, n), np.int64)
    np.add.at(together, (indices[1:], indices[:-1]), 1)
    return together + together.T


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(1, 9), width=st.integers(1, 150), n=st.integers(1, 40), seed=st.integers(0, 2**32 - 1)
)
def test_colours_above_each_other_most_often_become_neighbours(height, width, n, seed):
    random = np.random.default_rng(seed)
    indices = (random.integers(0, n, (height, width)) ** 2 // n).astype(np.uint8)
    together = pairs_above(indices, n)
    order = ordered(indices, n)
    neighbours = {frozenset(pair) for pair in pairwise(order)}
    chains, joined = [{k} for k in range(n)], dict.fromkeys(range(n), 0)
    for i, j in sorted(combinations(range(n), 2), key=lambda pair: -together[pair]):
        one, other = (next(chain for chain in chains if k in chain) for k in (i, j))
        if one is not other and joined[i] < 2 and joined[j] < 2:
            if frozenset((i, j)) not in neighbours:  # as often as one that was taken before it
                tied = [sorted(pair) for pair in neighbours if together[tuple(pair)] == together[i, j]]
                assert tied
                return
            chains.remove(other)
            one |= other
            joined[i] += 1
            joined[j] += 1


@pytest.mark.parametrize("seed", range(5))
def test_shades_of_an_edge_follow_each_other(seed):
    """A ramp of ten shades, however its colours are numbered."""
    random = np.random.default_rng(seed)
    number = random.permutation(12).astype(np.uint8)
    levels = np.clip(np.arange(60)[:, None] - random.integers(0, 50, 200), 0, 9)
    order = ordered(number[levels], 12)
    ramp = [order.index(number[level]) for level in range(10)]
    assert np.ptp(ramp) == 9
    assert (np.abs(np.diff(ramp)) == 1).all()
