"""The store against ticks in memory: the same rows, index, levels and bars, however they came in."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streams import COLUMNS, Given, assert_rows, cut, files_of, make_ticks, table

from kf_widget import Chart
from kf_widget.errors import KfError
from kf_widget.history.index import RangeIndex
from kf_widget.history.ticks import Ticks
from kf_widget.sources.batch import Batch, Schema
from kf_widget.store.ingest import ingest
from kf_widget.store.queued import QueuedFiles
from kf_widget.store.store import TickStore, open_ticks

N = 600_001
TICKS = make_ticks(N)
STEPS = {"1m": 60 * 10**9, "1h": 3600 * 10**9, "1D": 86_400 * 10**9}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole") / "store"
    ingest(Given(TICKS), root, progress=False).close()
    return root


def assert_index(index: RangeIndex, expected: RangeIndex) -> None:
    for name, mine, theirs in zip(index.arrays._fields, index.arrays, expected.arrays, strict=True):
        assert mine.dtype == theirs.dtype, name
        assert not mine.flags.writeable
        np.testing.assert_array_equal(mine, theirs, err_msg=name)


def assert_levels(snapshot: Ticks, expected: Ticks, names: tuple[str, ...]) -> None:
    """Levels are the bars of UTC, but for the one that the last tick is in, each with its index."""
    assert set(snapshot.levels) == {STEPS[name] for name in names}
    for name in names:
        level, bars = snapshot.levels[STEPS[name]], expected.resample(name, tz="UTC")
        for column in ("time_ns", "open", "high", "low", "close", "volume", "count"):
            mine, theirs = getattr(level.bars, column), getattr(bars, column)
            if theirs is None:
                assert mine is None
            else:
                assert mine.tobytes() == theirs[:-1].tobytes(), column
        np.testing.assert_array_equal(level.first_row, np.concatenate(([0], np.cumsum(bars.count[:-1]))))
        b = level.bars
        assert_index(b.index, RangeIndex.build(b.time_ns, b.open, b.high, b.low, b.close, b.volume))
        assert b.interval_ns == STEPS[name]


def test_round_trip(whole: Path) -> None:
    with open_ticks(whole) as store:
        snapshot = store.snapshot()
        assert_rows(snapshot, TICKS)
        assert_index(snapshot.index, TICKS.index)
        assert_levels(snapshot, TICKS, ("1m", "1h", "1D"))
        assert snapshot.tz == store.tz == "America/New_York"
        store.verify()
        assert len(store) == N
        bars, expected = store.resample("5m"), TICKS.resample("5m")
        for name in ("time_ns", "open", "high", "low", "close", "count"):
            np.testing.assert_array_equal(getattr(bars, name), getattr(expected, name))
        assert bars.volume is not None
        np.testing.assert_allclose(bars.volume, expected.volume, rtol=1e-12)


@pytest.mark.parametrize("size", [None, "float32", "float64"])
@pytest.mark.parametrize("side", [False, True])
@pytest.mark.parametrize("n", [0, 1, 63, 64, 4097, 300_000])
def test_every_schema(tmp_path: Path, size: str | None, side: bool, n: int) -> None:
    ticks = make_ticks(n, n, size=size, side=side)
    with ingest(Given(ticks, range(0, n, 77_777)), tmp_path / "s", progress=False) as store:
        assert_rows(store.snapshot(), ticks)
        assert_index(store.snapshot().index, ticks.index)
        assert_levels(store.snapshot(), ticks, ("1m", "1h", "1D") if n > 1 << 18 else ())
        store.verify()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, N), max_size=6),
    first=st.integers(0, N),
    near=st.sampled_from([0, 64, 4096, 262_144, 524_288]),
    jitter=st.integers(-1, 1),
)
def test_files_do_not_depend_on_the_cuts(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, cuts: list[int], first: int, near: int, jitter: int
) -> None:
    root = tmp_path_factory.mktemp("cuts") / "store"
    begun = Ticks.from_columns(*(column[:first] for column in cut(TICKS, 0, first)), tz=TICKS.tz)
    stops = sorted({*(c for c in cuts if c > first), max(first, near + jitter), N})
    with ingest(Given(begun, cuts), root, progress=False) as store:
        done = first
        for stop in stops:
            store.append(table(TICKS, done, stop))
            done = stop
            assert len(store) == done
    assert files_of(root) == files_of(whole)


def test_snapshots_share_what_has_not_grown(tmp_path: Path) -> None:
    """A reader that follows sees, after each append, the index and levels that one opened anew sees."""
    first, kept = N - 40_000, 0
    begun = Ticks.from_columns(*(column[:first] for column in cut(TICKS, 0, first)), tz=TICKS.tz)
    with ingest(Given(begun), tmp_path / "s", progress=False) as store, open_ticks(tmp_path / "s") as reader:
        before = reader.snapshot()
        done = first
        while done < N:
            stop = min(done + (1 if done % 2 else 3333), N)
            store.append(table(TICKS, done, stop))
            assert reader.refresh()
            assert not reader.refresh() or len(reader.snapshot()) == stop
            now, done = reader.snapshot(), stop
            kept += now.levels[STEPS["1m"]] is before.levels[STEPS["1m"]]
            fresh = open_ticks(tmp_path / "s").snapshot()
            assert_index(now.index, fresh.index)
            for step, level in fresh.levels.items():
                assert now.levels[step].bars.close.tobytes() == level.bars.close.tobytes()
                assert now.levels[step].first_row.tobytes() == level.first_row.tobytes()
            before = now
        assert_rows(before, TICKS)
        assert_index(before.index, TICKS.index)
        assert_levels(before, TICKS, ("1m", "1h", "1D"))
    assert kept > 5, "most appends end no minute"


def test_sparse_ticks_have_fewer_levels(tmp_path: Path) -> None:
    ticks = make_ticks(270_000, 5, gap_ns=30 * 10**9)  # two a minute
    with ingest(Given(ticks), tmp_path / "s", progress=False) as store:
        assert_levels(store.snapshot(), ticks, ("1h", "1D"))
        store.verify()


def test_a_level_begins_once_the_ticks_are_dense(tmp_path: Path) -> None:
    sparse, dense = make_ticks(262_144, 1, gap_ns=60 * 10**9), make_ticks(262_144, 2, gap_ns=10**6)
    shift = sparse.time_ns[-1] - dense.time_ns[0] + 1
    ticks = Ticks.from_columns(
        np.concatenate((sparse.time_ns, dense.time_ns + shift)),
        *(np.concatenate((getattr(sparse, name), getattr(dense, name))) for name in COLUMNS[1:]),
        "UTC",
    )
    whole = ingest(Given(ticks), tmp_path / "a", progress=False)
    assert set(whole.levels) == {STEPS["1h"], STEPS["1D"]}
    more = Ticks.from_columns(*(np.repeat(column, 40) for column in cut(ticks, 0, len(ticks))), "UTC")
    with ingest(
        Given(more), tmp_path / "b", progress=False
    ) as store:  # at 2**23 rows 40 times as many a minute
        assert_levels(store.snapshot(), more, ("1m", "1h", "1D"))
        store.verify()
    whole.close()


def test_one_bucket_of_everything(tmp_path: Path) -> None:
    ticks = Ticks.from_columns(np.full(300_000, 7), np.ones(300_000), tz="UTC")
    with ingest(Given(ticks), tmp_path / "s", progress=False) as store:
        assert store.info()["bars"] == {"minute": 0, "hour": 0, "day": 0}
        assert store.levels == {}
        store.verify()
        store.append({"time": [10**18], "price": [2.0]})
        assert [len(level.bars) for level in store.levels.values()] == [1, 1, 1]
        store.verify()


def test_an_interrupted_ingest_goes_on(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import kf_widget.store.ingest as module

    monkeypatch.setattr(module, "_COMMIT_ROWS", 50_000)
    root = tmp_path / "s"

    class Stopped(Given):
        def batches(self, skip_rows: int = 0) -> Any:
            for number, batch in enumerate(super().batches(skip_rows)):
                if number == 3:
                    raise KeyboardInterrupt
                yield batch

    for _ in range(20):
        try:
            ingest(Stopped(TICKS, range(0, N, 90_001)), root, progress=False).close()
        except KeyboardInterrupt:
            if not root.exists():
                continue
            with open_ticks(root) as store:
                assert_rows(store.snapshot(), TICKS, len(store))
                with pytest.raises(KfError, match="must be finished first, got an interrupted ingest of"):
                    store.append(table(TICKS, 0, 1))
        else:
            break
    assert files_of(root) == files_of(whole)
    with pytest.raises(KfError, match=r"holds a finished store of 600,001 rows\. Nothing is overwritten"):
        ingest(Given(TICKS), root, progress=False)


def test_another_source_is_refused(tmp_path: Path) -> None:
    class Broken(Given):
        def batches(self, skip_rows: int = 0) -> Any:
            yield from (cut(TICKS, start, start + 1000) for start in range(skip_rows, 5000, 1000))
            raise FileNotFoundError(2, "No such file or directory", "ticks-2024.parquet")

    import kf_widget.store.ingest as module

    root = tmp_path / "s"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_COMMIT_ROWS", 1000)
        with pytest.raises(KfError, match=r"source could not be read: .*ticks-2024.parquet.*run it again"):
            ingest(Broken(TICKS), root, progress=False)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert 0 < len(open_ticks(root)) <= 5000
    for source, options, why in (
        (Given(TICKS, fingerprint="other"), {}, "got another source"),
        (Given(TICKS), {"resume": False}, "got resume=False"),
    ):
        with pytest.raises(KfError, match=why):
            ingest(source, root, progress=False, **options)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    with ingest(Given(TICKS), root, progress=False) as store:
        assert_rows(store.snapshot(), TICKS)
        store.verify()


def test_a_first_batch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    class Bad(Given):
        def batches(self, skip_rows: int = 0) -> Any:
            raise ValueError("ingest: column 'price' must be finite, got nan at row 3.")

    with pytest.raises(ValueError, match="at row 3"):
        ingest(Bad(TICKS), tmp_path / "new" / "s", progress=False)
    assert not (tmp_path / "new" / "s").exists()


@pytest.fixture
def small(tmp_path: Path) -> TickStore:
    return ingest(Given(make_ticks(1000, size="float32")), tmp_path / "small", progress=False)


def test_append_keeps_the_schema(small: TickStore) -> None:
    last = int(small.time_ns[-1])
    small.append({"time": [last, last], "price": [1, 2], "size": [0.1, 3], "side": ["buy", "sell"]})
    assert small.size is not None
    assert small.size[-2:].tolist() == [np.float32(0.1), 3.0]
    assert small.size.dtype == np.float32
    assert small.side is not None
    assert small.side[-2:].tolist() == [1, -1]
    small.append({"when": [last + 1], "p": [3], "size": [0], "side": [0]}, time="when", price="p")
    small.append({"time": [], "price": [], "size": [], "side": []})
    assert len(small) == 1003


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"time": [10**17], "price": [1.0], "size": [1.0], "side": [1]},
            r"before the store's last tick, .* at row 0",
        ),
        (
            {"time": [2 * 10**18, 10**17], "price": [1, 1], "size": [1, 1], "side": [1, 1]},
            "in time order, .* at row 1",
        ),
        (
            {"time": [2 * 10**18], "price": [np.nan], "size": [1.0], "side": [1]},
            "must be finite, got nan at row 0",
        ),
        (
            {"time": [2 * 10**18], "price": [1.0], "size": [-1.0], "side": [1]},
            "not negative, got -1.0 at row 0",
        ),
        (
            {"time": [2 * 10**18], "price": [1.0], "size": [1e300], "side": [1]},
            "must be finite .* got inf at row 0",
        ),
        ({"time": [2 * 10**18], "price": [1.0], "side": [1]}, "got no size and the store has one"),
        ({"time": [2 * 10**18], "price": [1.0], "size": [1.0]}, "got no side"),
    ],
)
def test_bad_rows_are_refused(small: TickStore, rows: Any, message: str) -> None:
    small.append({"time": [19 * 10**17], "price": [1.0], "size": [1.0], "side": [1]})
    with pytest.raises(ValueError, match=message):
        small.append(rows)
    assert len(small) == 1001
    small.verify()


def test_columns_that_the_store_has_not_are_refused(tmp_path: Path) -> None:
    store = ingest(Given(make_ticks(10, size=None, side=False)), tmp_path / "s", progress=False)
    with pytest.raises(ValueError, match="got a size and the store has none"):
        store.append({"time": [2 * 10**18], "price": [1.0], "size": [1.0]})
    store.close()


def test_readers_see_a_consistent_beginning(small: TickStore) -> None:
    reader = open_ticks(small.path)
    before = reader.snapshot()
    assert not reader.refresh()
    last = int(small.time_ns[-1])
    small.append({"time": [last + 1] * 200, "price": [5.0] * 200, "size": [1] * 200, "side": [0] * 200})
    assert len(reader) == len(before) == 1000
    assert reader.snapshot() is before
    assert reader.refresh()
    assert reader.refresh()  # nobody has taken it yet
    after = reader.snapshot()
    assert len(after) == 1200
    assert not reader.refresh()
    assert after is reader.snapshot()
    assert before.price.tobytes() == after.price[:1000].tobytes()
    assert small.refresh()  # rows of its own, not given out yet
    assert len(small.snapshot()) == 1200
    assert not small.refresh()


def test_pickles_reopen_by_path(small: TickStore) -> None:
    snapshot = small.snapshot()
    text = pickle.dumps(snapshot)
    assert len(text) < 2000
    last = int(small.time_ns[-1])
    small.append({"time": [last + 1], "price": [5.0], "size": [1], "side": [0]})
    assert_rows(pickle.loads(text), snapshot)
    assert len(pickle.loads(pickle.dumps(small))) == 1001
    small.close()
    shutil.rmtree(small.path)
    with pytest.raises(KfError, match="no longer holds the rows that were pickled"):
        pickle.loads(text)


def test_a_second_writer_is_refused(small: TickStore) -> None:
    last = int(small.time_ns[-1])
    row = {"time": [last + 1], "price": [5.0], "size": [1], "side": [0]}
    small.append(row)
    with pytest.raises(KfError, match="is being written by this process, and only one writer"):
        open_ticks(small.path).append(row)
    code = f"""
import sys
from kf_widget.store.store import open_ticks
try:
    open_ticks({str(small.path)!r}).append({row!r})
except Exception as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"is being written by process {os.getpid()}," in done.stdout
    small.close()
    with open_ticks(small.path) as other:
        other.append(row)
        assert len(other) == 1002
    with pytest.raises(KfError, match="is closed"):
        small.append(row)


def test_threads_may_append_and_read(small: TickStore) -> None:
    last = int(small.time_ns[-1])
    row = {"time": [last + 1], "price": [5.0], "size": [1], "side": [0]}
    threads = [threading.Thread(target=lambda: [small.append(row) for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        snapshot = small.snapshot()
        assert len(snapshot.index) == len(snapshot)
        small.refresh()
    for thread in threads:
        thread.join()
    assert len(small) == 1020
    small.verify()


def test_a_batch_may_be_any_memory(tmp_path: Path) -> None:
    ticks = make_ticks(1000)
    strided = Ticks.from_columns(*(np.repeat(c, 2)[::2] for c in cut(ticks, 0, 1000)), tz=ticks.tz)
    with ingest(Given(strided, [3, 500]), tmp_path / "s", progress=False) as store:
        assert_rows(store.snapshot(), ticks)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_holds_no_lock(small: TickStore) -> None:
    last = int(small.time_ns[-1])
    row = {"time": [last + 1], "price": [5.0], "size": [1], "side": [0]}
    small.append(row)
    ends, begins = os.pipe()
    tried, tell = os.pipe()
    child = os.fork()
    if not child:
        os.close(begins)
        code = 9
        try:
            small.append(row)
        except KfError as error:
            code = 7 if f"is being written by process {os.getppid()}" in str(error) else 8
        os.write(tell, b".")
        os.read(ends, 1)
        os._exit(code)
    os.close(ends)
    assert os.read(tried, 1)
    small.append(row)
    small.close()
    with open_ticks(small.path) as other:  # though the child lives
        other.append(row)
        assert len(other) == 1003
    os.close(begins)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    os.close(tried)
    os.close(tell)


def test_a_chart_of_a_store_is_that_of_its_ticks(whole: Path) -> None:
    with open_ticks(whole) as store:
        ours, theirs = Chart(store), Chart(TICKS)
        for chart in (ours, theirs):
            chart.goto(int(TICKS.time_ns[N // 2]))
        for timeframe in ("auto", "5m", "ticks"):
            ours.timeframe = theirs.timeframe = timeframe
            assert ours.render(640, 360) == theirs.render(640, 360)
        ours.close()
        theirs.close()


@pytest.mark.timeout(60)
def test_files_written_beside_are_closed_as_often_as_one_likes(tmp_path: Path) -> None:
    files = QueuedFiles(tmp_path)
    files.write("a", 0, b"123")
    files.drain()
    for _ in range(3):
        files.close()
    assert (tmp_path / "a").read_bytes() == b"123"


class Failing:
    """Two batches of rows, before the second of which the source may be lost."""

    schema, n_rows, fingerprint, dropped = Schema(None, False, "UTC"), 2000, "abc", {}

    def __init__(self, fails: bool) -> None:
        self.fails = fails

    def batches(self, skip_rows: int = 0) -> Iterator[Batch]:
        time_ns = np.arange(self.n_rows) * 10**9
        for start in range(skip_rows, self.n_rows, 1000):
            if start and self.fails:
                raise OSError("gone")
            yield Batch(time_ns[start : start + 1000], np.ones(1000), None, None)


@pytest.mark.timeout(120)
def test_an_interrupted_ingest_whose_rows_were_damaged_says_so(tmp_path: Path) -> None:
    with pytest.raises(KfError, match="run it again to go on"):
        ingest(Failing(True), tmp_path / "store", progress=False)
    column = next((tmp_path / "store").glob("price*"))
    data = bytearray(column.read_bytes())
    data[100] ^= 1
    column.write_bytes(data)
    with pytest.raises(KfError, match=r"store"):
        ingest(Failing(False), tmp_path / "store", progress=False)
