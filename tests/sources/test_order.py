"""Time order, symbols and bad rows, beside slow obvious references."""

from __future__ import annotations

import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kf_widget.sources.open as open_module
from kf_widget.errors import KfError
from kf_widget.history.ticks import Ticks
from kf_widget.sources.ahead import ahead
from kf_widget.sources.batch import Batch
from kf_widget.sources.convert import Converted
from kf_widget.sources.merge import sorted_on_disk
from kf_widget.sources.open import open_stream
from kf_widget.sources.order import in_order, joined
from tests.sources.rows import EMPTY, assert_same, columns_of, frame, rows_of, table

BASE = 1_700_000_000 * 10**9


def batches_of(stamps: list[int], cuts: list[int]) -> list[Batch]:
    """Rows numbered by their prices, cut anywhere."""
    time_ns = np.array(stamps, dtype=np.int64)
    price = np.arange(len(stamps), dtype=float)
    edges = [0, *sorted(min(c, len(stamps)) for c in cuts), len(stamps)]
    return [Batch(time_ns[a:b], price[a:b], None, None) for a, b in pairwise(edges)]


def pieces_of(batches: list[Batch]) -> list[Converted]:
    row, pieces = 0, []
    for batch in batches:
        pieces.append(Converted(batch, "here", row, None))
        row += len(batch.time_ns)
    return pieces


def by_time(stamps: list[int]) -> np.ndarray:
    return np.argsort(np.array(stamps, dtype=np.int64), kind="stable")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(-5, 30), max_size=40),
    st.lists(st.integers(0, 40), max_size=6),
    st.integers(1, 12),
)
def test_in_order(late: list[int], cuts: list[int], window: int) -> None:
    """Sorted as NumPy sorts, or an error at the first row that is later than the window allows."""
    stamps = [i + jump for i, jump in enumerate(late)]
    odd = next(
        (i for i in range(len(stamps)) if stamps[i] < max(stamps[: max(i - window, 0)], default=-99)), None
    )
    pieces = pieces_of(batches_of(stamps, cuts))
    if odd is not None:
        with pytest.raises(ValueError, match=rf"here: column 't' .* at row {odd},.*sort=True"):
            list(in_order(iter(pieces), "t", window))
        return
    rows = list(in_order(iter(pieces), "t", window))
    assert np.array_equal(joined(rows or [EMPTY]).price, by_time(stamps))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(0, 12), max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
    st.integers(1, 20),
    st.integers(1, 5),
)
def test_sorted_on_disk(stamps: list[int], cuts: list[int], run_rows: int, block_rows: int) -> None:
    rows = list(sorted_on_disk(iter(batches_of(stamps, cuts)), run_rows, block_rows))
    assert np.array_equal(joined(rows or [EMPTY]).price, by_time(stamps))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 4000), st.integers(1, 60))
def test_skipping_with_disorder(seed: int, skip: int, window: int) -> None:
    """From any row on, a disordered file gives what the whole of it has there."""
    rng = np.random.default_rng(seed)
    stamps = np.arange(4000) * 10
    stamps = stamps[np.argsort(np.arange(4000) + rng.uniform(0, window, 4000), kind="stable")]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_module, "WINDOW", window)
        columns = {"time": pa.array(stamps + BASE).cast(pa.timestamp("ns")), "price": np.arange(4000.0)}
        pq.write_table(pa.table(columns), f"{folder}/a.parquet", row_group_size=int(rng.integers(30, 900)))
        rows = rows_of(open_stream(folder), skip)
    assert np.array_equal(rows.price, np.argsort(stamps, kind="stable")[skip:])


def test_files_that_interleave(tmp_path: Path) -> None:
    whole = table(100_000)
    late = np.arange(100_000)
    late[40_000:60_000] = np.concatenate([np.arange(40_000, 60_000, 2), np.arange(40_001, 60_000, 2)])
    mixed = whole.take(late)
    pq.write_table(mixed.slice(0, 50_000), tmp_path / "b.parquet")
    pq.write_table(mixed.slice(50_000), tmp_path / "a.parquet")
    # Rows of one stamp come as their files do.
    assert np.array_equal(rows_of(open_stream(tmp_path)).time_ns, Ticks(whole).time_ns)
    columns = columns_of(100_000)
    in_files = columns["price"][late]
    order = np.argsort(columns["time"][late], kind="stable")
    assert np.array_equal(rows_of(open_stream(tmp_path)).price, in_files[order])


def test_great_disorder(tmp_path: Path) -> None:
    whole = table(200_000)
    pq.write_table(whole.take(np.r_[100_000:200_000, 0:100_000]), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet.*'time'.* at row 100\d{3},.*sort=True"):
        rows_of(open_stream(tmp_path))
    assert np.array_equal(rows_of(open_stream(tmp_path, sort=True)).time_ns, Ticks(whole).time_ns)
    rows = rows_of(open_stream(tmp_path, sort=True), 150_000)
    assert np.array_equal(rows.time_ns, Ticks(whole).time_ns[150_000:])


def temporary() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("kf_widget-sort-*"))


@pytest.mark.parametrize("end", ["all", "early", "error"])
def test_sort_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    real = open_module.sorted_on_disk
    monkeypatch.setattr(open_module, "sorted_on_disk", lambda batches: real(batches, 50_000, 1_000))

    def frames() -> Any:
        for start in range(0, 1_000_000, 100_000):
            assert end != "error" or start < 500_000
            yield frame(1_000_000).iloc[start : start + 100_000]

    batches = open_stream(frames(), sort=True).batches()
    if end == "error":
        with pytest.raises(AssertionError):
            list(batches)
    else:
        next(iter(batches))
        assert temporary()
        if end == "all":
            list(batches)
        else:
            batches.close()  # type: ignore[attr-defined]
    assert temporary() == []
    assert [t for t in threading.enumerate() if t.name == "kf_widget-reading"] == []


def test_sort_without_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    class Full(np.ndarray):
        def tofile(self, *_: Any) -> None:
            raise OSError(28, "No space left on device")

    batch = batches_of([3, 1, 2], [])[0]
    monkeypatch.setattr(
        "kf_widget.sources.merge._sorted", lambda b: b[0]._replace(time_ns=b[0].time_ns.view(Full))
    )
    with pytest.raises(KfError, match=r"could not be written.*TMPDIR"):
        list(sorted_on_disk(iter([batch]), 2))
    assert temporary() == []


def test_stopping_early_ends_the_thread(tmp_path: Path) -> None:
    pq.write_table(table(2_000_000), tmp_path / "a.parquet", row_group_size=100_000)
    batches = open_stream(tmp_path).batches()
    next(iter(batches))
    batches.close()  # type: ignore[attr-defined]
    assert [t for t in threading.enumerate() if t.name == "kf_widget-reading"] == []
    for _ in open_stream(tmp_path).batches():
        break
    assert [t for t in threading.enumerate() if t.name == "kf_widget-reading"] == []


def test_ahead_is_bounded_and_tells_failures() -> None:
    made: list[int] = []

    def numbers() -> Any:
        for i in range(100):
            made.append(i)
            if i == 50:
                raise RuntimeError("fifty")
            yield i

    items = ahead(numbers, depth=3)
    got = [next(items) for _ in range(5)]
    deadline = time.monotonic() + 5
    while len(made) < 9 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert got == [0, 1, 2, 3, 4]
    assert len(made) == 9  # read, three waiting, one in hand
    with pytest.raises(RuntimeError, match="fifty"):
        got += list(items)
    with pytest.raises(RuntimeError, match="fifty"):
        list(ahead(numbers))


def test_a_reader_that_fails_need_not_wait_for_a_slow_source() -> None:
    let_go, closed = threading.Event(), threading.Event()

    def numbers() -> Any:
        try:
            yield 1
            let_go.wait(60)
            yield 2
        finally:
            closed.set()

    items = ahead(numbers)
    next(items)
    began = time.monotonic()
    items.close()
    assert time.monotonic() - began < 30
    let_go.set()
    assert closed.wait(30)


def test_symbols(tmp_path: Path) -> None:
    names = np.array(["ES", "NQ", "ES", "CL"])[np.arange(40_000) % 4]
    whole = table(40_000).append_column("ticker", pa.array(names))
    pq.write_table(whole, tmp_path / "a.parquet", row_group_size=7_000)
    with pytest.raises(ValueError, match=r"symbol='CL'.*Seen: 'CL', 'ES', 'NQ'"):
        rows_of(open_stream(tmp_path))
    with pytest.raises(ValueError, match=r"got 'XX'\. Seen: 'CL', 'ES', 'NQ'"):
        rows_of(open_stream(tmp_path, symbol="XX"))
    for name in ("ES", "NQ"):
        expected = Ticks(whole.filter(pa.array(names == name)))
        stream = open_stream(tmp_path, symbol=name)
        assert stream.n_rows is None
        assert_same(rows_of(stream), expected)
        assert_same(rows_of(stream, 5_000), expected, 5_000)
    one = whole.filter(pa.array(names == "CL"))
    assert_same(rows_of(open_stream(one)), Ticks(one))
    assert open_stream(one).n_rows == 10_000
    with pytest.raises(ValueError, match="symbol must be in a column"):
        open_stream(table(3), symbol="ES")


def test_symbols_of_folders(tmp_path: Path) -> None:
    for name, start in (("ES", 0), ("NQ", 500)):
        (tmp_path / f"symbol={name}").mkdir()
        pq.write_table(table(1000).slice(start, 500), tmp_path / f"symbol={name}" / "a.parquet")
    with pytest.raises(ValueError, match="Seen: 'ES', 'NQ'"):
        open_stream(tmp_path)
    with pytest.raises(ValueError, match=r"got 'CL'\. Seen: 'ES', 'NQ'"):
        open_stream(tmp_path, symbol="CL")
    stream = open_stream(tmp_path, symbol="NQ")
    assert stream.n_rows == 500
    assert_same(rows_of(stream), Ticks(table(1000).slice(500)))


def test_a_bad_row_of_another_instrument_is_no_error() -> None:
    columns = {**columns_of(4), "symbol": ["a", "b", "a", "b"]}
    columns["price"][1] = np.nan
    assert len(rows_of(open_stream(columns, symbol="a")).price) == 2
    with pytest.raises(ValueError, match="got nan at row 1"):
        rows_of(open_stream(columns, symbol="b"))
