"""Batches to arrays, and rolling windows."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import kf_widget.plotting.batch as batch
from kf_widget.frame import vp8l
from kf_widget.history.bars import Bars
from kf_widget.history.sample import sample_ticks
from kf_widget.plotting import render_batch, render_to_array, rolling_windows
from kf_widget.plotting.batch import encode_windows
from kf_widget.plotting.look import look_of
from tests.plotting.charts import bars, dataset

SMALL = {"width": 60, "height": 41}


def history(n: int = 500) -> dict[str, Any]:
    ohlc, volume = bars(n)
    return {**ohlc, "volume": volume}


@pytest.mark.parametrize("chart_type", ["candle", "hollow", "ohlc", "line", "area"])
@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize(("width", "height"), [(60, 41), (61, 41), (62, 41)])
def test_a_batch_equals_single_charts(chart_type: str, smooth: bool, width: int, height: int) -> None:
    windows = rolling_windows(history(), 50, 7)
    look: dict[str, Any] = {
        "width": width, "height": height, "chart_type": chart_type, "enable_antialiasing": smooth
    }  # fmt: skip
    batch = render_batch(windows, **look)
    assert batch.shape == (len(windows), height, width, 4 if smooth else 3)
    for image, one in zip(batch, windows, strict=True):
        np.testing.assert_array_equal(image, render_to_array(**one, **look))


def test_windows_lie_where_they_should() -> None:
    table = history(100)
    windows = rolling_windows(table, 30, 20)
    assert len(windows) == 4
    assert repr(windows) == "<4 windows of 30 bars>"
    for k, one in enumerate(windows):
        np.testing.assert_array_equal(one["ohlc"]["close"], table["close"][20 * k : 20 * k + 30])
        np.testing.assert_array_equal(one["volume"], table["volume"][20 * k : 20 * k + 30])
    assert len(rolling_windows(table, 100)) == 1
    assert len(rolling_windows(table, 99)) == 2
    assert len(windows[1:3]) == 2
    np.testing.assert_array_equal(render_batch(windows, **SMALL)[::-1], render_batch(windows[::-1], **SMALL))


def test_windows_copy_nothing() -> None:
    table = history(100)
    for locked in (False, True):
        for column in table.values():
            column.flags.writeable = not locked
        windows = rolling_windows(table, 30)
        for name, column in windows.columns._asdict().items():
            assert np.shares_memory(column, table[name])
    kept = windows.columns.close
    expected = table["close"].copy()
    del table, windows
    np.testing.assert_array_equal(kept, expected)


def test_bars_of_this_package_are_a_history() -> None:
    made: Bars = sample_ticks(200_000, years=1, seed=1).resample("1h")
    windows = rolling_windows(made, 50, 25)
    assert np.shares_memory(windows.columns.high, made.high)
    first = render_batch(windows, **SMALL)[0]
    ohlc = {name: getattr(made, name)[:50] for name in ("open", "high", "low", "close")}
    assert made.volume is not None
    np.testing.assert_array_equal(first, render_to_array(ohlc, made.volume[:50], **SMALL))
    with pytest.raises(TypeError, match="must hold bars, got ticks"):
        rolling_windows(sample_ticks(1000, years=1, seed=1), 10)


def test_a_pickle_holds_only_what_is_shown() -> None:
    windows = rolling_windows(history(100_000), 50, 10)
    part = windows[5000:5004]
    data = pickle.dumps(part)
    assert len(data) < 10_000
    np.testing.assert_array_equal(render_batch(pickle.loads(data), **SMALL), render_batch(part, **SMALL))
    assert len(pickle.loads(pickle.dumps(windows[:0]))) == 0


def test_datasets_with_and_without_volume_in_one_batch() -> None:
    datasets = [dataset(20 + seed, seed) for seed in range(9)]
    for k in (0, 4, 5):
        del datasets[k]["volume"]
    for smooth in (True, False):
        batch = render_batch(datasets, enable_antialiasing=smooth, **SMALL)
        for image, one in zip(batch, datasets, strict=True):
            single = render_to_array(one["ohlc"], one.get("volume"), enable_antialiasing=smooth, **SMALL)
            np.testing.assert_array_equal(image, single)


def test_an_array_of_windows() -> None:
    windows = rolling_windows(history(), 50, 50)
    columns = ("open", "high", "low", "close")
    array = np.stack(
        [np.stack([*(one["ohlc"][c] for c in columns), one["volume"]], axis=1) for one in windows]
    )
    np.testing.assert_array_equal(render_batch(array, **SMALL), render_batch(windows, **SMALL))
    alone = render_batch(array[:, :, :4], **SMALL)
    np.testing.assert_array_equal(alone[3], render_to_array(windows[3]["ohlc"], None, **SMALL))


def test_out_is_written_and_returned() -> None:
    windows = rolling_windows(history(), 50, 50)
    out = np.full((len(windows), 41, 60, 4), 7, np.uint8)
    assert render_batch(windows, out=out, **SMALL) is out
    np.testing.assert_array_equal(out, render_batch(windows, num_workers=1, **SMALL))
    assert render_batch(windows[:0], **SMALL).shape == (0, 41, 60, 4)
    assert render_batch([], **SMALL).shape == (0, 41, 60, 4)
    for bad in (out[1:], out.astype(np.int8), out[:, :, ::-1], 3):
        with pytest.raises(ValueError, match="out must be a writable C-contiguous uint8 array"):
            render_batch(windows, out=bad, **SMALL)  # type: ignore[arg-type]


@pytest.mark.parametrize("shift", [0, 4, 16])
@pytest.mark.parametrize(("width", "height"), [(96, 64), (97, 63), (98, 63), (100, 61)])
@pytest.mark.parametrize("smooth", [True, False])
def test_a_large_array_again_is_the_same(
    smooth: bool, width: int, height: int, shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written past the caches, where its charts lie at multiples of 16 bytes."""
    ohlc, volume = bars(80)
    charts = rolling_windows(ohlc, 50, volume=volume)
    wanted = render_batch(charts, width, height, enable_antialiasing=smooth)
    monkeypatch.setattr(batch, "_PAST_CACHES", 0)
    room = np.full(wanted.nbytes + 64, 77, np.uint8)
    first = -room.ctypes.data % 16 + shift
    out = room[first : first + wanted.nbytes].reshape(wanted.shape)
    render_batch(charts, width, height, enable_antialiasing=smooth, out=out)
    np.testing.assert_array_equal(out, wanted)
    assert (room[:first] == 77).all()
    assert (room[first + wanted.nbytes :] == 77).all()


def test_a_fault_names_its_window_and_row() -> None:
    table = history()
    table["low"][123] = -np.inf
    with pytest.raises(ValueError, match="dataset 1: low must be finite, got -inf at row 23"):
        render_batch(rolling_windows(table, 100, 100), **SMALL)
    datasets = [dataset(20), dataset(20), {"ohlc": dataset(20)["ohlc"], "volume": np.full(20, -1.0)}]
    with pytest.raises(
        ValueError, match=r"dataset 2: volume must be 0 or more and finite, got -1\.0 at row 0"
    ):
        render_batch(datasets, **SMALL)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"bars": 0}, ValueError, "bars must be a whole number, 1 or more"),
        ({"bars": 2.0}, TypeError, "bars must be a whole number"),
        ({"bars": 50, "stride": -1}, ValueError, "stride must be"),
        ({"bars": 501}, ValueError, "at most the 500 bars of the history, got 501"),
    ],
)
def test_wrong_windows_say_what_is_allowed(given: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        rolling_windows(history(), **given)


def test_wrong_batches_say_what_is_allowed() -> None:
    with pytest.raises(TypeError, match="datasets must be a list"):
        render_batch(3)
    with pytest.raises(ValueError, match=r"shape \(n, bars, 4 or 5\), got \(2, 3, 6\)"):
        render_batch(np.zeros((2, 3, 6)))
    with pytest.raises(ValueError, match="num_workers must be a whole number"):
        render_batch([], num_workers=0)


def test_several_threads_render_at_once() -> None:
    windows = rolling_windows(history(), 50, 3)
    wanted = render_batch(windows, **SMALL)
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(5):
            wrong.extend([k] * (not np.array_equal(render_batch(windows, **SMALL), wanted)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 5), (300, 200), (1920, 3)])
def test_the_encoder_gets_the_room_that_it_takes_elsewhere(width: int, height: int) -> None:
    def measure() -> None:
        look = look_of(width=width, height=height)
        encode_windows(rolling_windows(history(), 50, 50), look)
        vp8l.encode(np.zeros((height, width), np.uint8), look.colours, "fast")
        theirs, mine = vp8l._workspace(), batch._press
        names = ("pixels", "tokens", "work", "colours")
        rooms.extend((getattr(theirs, name).size, getattr(mine, name).size) for name in names)

    rooms: list[tuple[int, int]] = []
    thread = threading.Thread(target=measure)  # with fresh buffers
    thread.start()
    thread.join()
    assert len(rooms) == 4
    assert all(theirs <= mine for theirs, mine in rooms)


def _checksum(windows: Any) -> int:
    return int(render_batch(windows, **SMALL).astype(np.int64).sum())


def test_a_forked_worker_renders_after_its_parent_did() -> None:
    windows = rolling_windows(history(), 50, 3)
    wanted = _checksum(windows)
    with multiprocessing.get_context("fork").Pool(2) as workers:
        assert workers.map(_checksum, [windows] * 4) == [wanted] * 4
