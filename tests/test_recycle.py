"""Memory of arrays that were let go of: never one that somebody still looks at."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from kf_widget import Ticks
from kf_widget import recycle as module
from kf_widget.history import bar_columns
from kf_widget.plotting import batch, render_batch, rolling_windows
from kf_widget.recycle import Recycler
from tests.plotting.charts import bars
from tests.turns import by_turns

SHAPE = (40, 200, 300, 4)
pytestmark = pytest.mark.skipif(not module._FREE, reason="this system takes no memory back from a process")

recycler = Recycler(1)


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    for one in (recycler, batch.recycler, bar_columns.recycler):
        one.forget()
    yield
    recycler.forget()


def new(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    return recycler.room(shape, np.uint8)[0]


def place(array: npt.NDArray[np.uint8]) -> int:
    return int(array.ctypes.data)


def test_the_next_array_lies_where_the_last_did() -> None:
    first = new(SHAPE)
    first[:] = 7
    where = place(first)
    del first
    second = new((39, *SHAPE[1:]))
    assert place(second) == where
    assert second.flags.carray
    assert second.dtype == np.uint8
    assert second.shape == (39, *SHAPE[1:])


def test_it_says_whether_memory_was_used() -> None:
    array, used = recycler.room(SHAPE, np.uint8)
    assert not used
    del array
    again, used = recycler.room(SHAPE, np.uint8)
    assert used
    del again
    assert not recycler.room((1, 10, 10, 4), np.uint8)[1]


def test_nothing_is_kept_where_a_process_may_only_ask_for_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "getrlimit", lambda of: (1 << 40, -1))
    assert new(SHAPE).flags.owndata
    assert not recycler._kept
    monkeypatch.undo()
    monkeypatch.setattr(module, "_promises_all", lambda: True)
    assert new(SHAPE).flags.owndata


def test_a_view_keeps_its_memory() -> None:
    first = new(SHAPE)
    first[:] = 7
    views = [first[3:5].reshape(-1)[::2], memoryview(first), first.view(np.uint32), np.asarray(first).T]
    where = place(first)
    del first
    while views:
        other = new(SHAPE)
        other[:] = 9
        assert place(other) != where
        assert np.asarray(views[-1]).view(np.uint8).reshape(-1)[0] == 7
        views.pop()
        gc.collect()
        del other


def test_much_larger_blocks_and_small_arrays_are_not_taken() -> None:
    large = new(SHAPE)
    where = place(large)
    del large
    assert place(new((19, *SHAPE[1:]))) != where
    small = new((1, 10, 10, 4))
    assert small.flags.owndata
    assert new((0, 10, 10, 4)).shape == (0, 10, 10, 4)


def test_one_block_is_kept() -> None:
    arrays = [new(SHAPE) for _ in range(3)]
    places = {place(array) for array in arrays}
    arrays.clear()
    assert len(recycler._kept) == 1
    again = [new(SHAPE) for _ in range(2)]
    assert place(again[0]) in places
    assert not recycler._kept


def test_blocks_of_another_size_are_given_up() -> None:
    several = Recycler(3)
    fitting, larger, smaller = (several.room((size << 20,), np.float64)[0] for size in (2, 5, 1))
    where = place(fitting)
    del fitting, larger, smaller
    assert len(several._kept) == 3
    array, used = several.room((2 << 20,), np.int64)
    assert used
    assert place(array) == where
    assert array.dtype == np.int64
    assert not several._kept


def test_bars_lie_where_those_let_go_of_did() -> None:
    n = 1 << 21
    ticks = Ticks.from_columns(np.arange(n) * 10**9, np.arange(n) % 97 + 100.0, np.ones(n), tz="UTC")
    first = ticks.resample("1s")
    low, volume = first.low, first.volume
    columns = [first.time_ns, first.open, first.high, first.close, first.count]
    kept = [column.copy() for column in columns]
    second = ticks.resample("2s")
    for column, copy in zip(columns, kept, strict=True):
        assert np.array_equal(column, copy)  # nothing of bars that are looked at is written to
    places = {place(column) for column in columns}
    del first, columns, column
    again = ticks.resample("1s")
    assert {place(column) for column in (again.time_ns, again.open, again.close)} <= places
    assert place(low) not in {place(column) for column in (again.open, again.high, again.low, again.close)}
    assert np.array_equal(again.low, low)
    assert np.array_equal(again.volume, volume)
    assert np.array_equal(again.close, kept[3])
    assert np.array_equal(again.time_ns[::2], second.time_ns)


def test_too_much_is_said_as_numpy_says_it() -> None:
    with pytest.raises(MemoryError, match="Unable to allocate"):
        new((1 << 40, 200, 300, 4))


def test_batches_that_reuse_memory_equal_the_first() -> None:
    ohlc, volume = bars(169)
    windows = rolling_windows(ohlc, 50, volume=volume)
    whole = render_batch(windows).copy()
    for first in (0, 20, 40):
        part = render_batch(windows[first : first + 60])
        assert np.array_equal(part, whole[first : first + 60])
        del part


def test_threads_never_share_a_block() -> None:
    wrong: list[int] = []

    def work(number: int) -> None:
        for turn in range(150):
            array = new((18, 200, 300, 4))
            mark = (number + 16 * turn) % 251
            array[:, :, 0] = mark
            if not (array[:, :, 0] == mark).all():
                wrong.append(number)
            del array

    by_turns(work, 6)
    assert not wrong


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork")
def test_a_forked_child_leaves_its_parents_pixels_alone() -> None:
    array = new(SHAPE)
    array[:] = 7

    def work() -> None:
        nonlocal array
        del array
        new(SHAPE)[:] = 9

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 0
    assert (array == 7).all()
