"""Ingest on a Dask cluster of processes: byte for byte what one process writes."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streams import Given, assert_rows, files_of, make_ticks

from kf_widget.errors import KfError
from kf_widget.history.bars import Bars
from kf_widget.store.ingest import ingest
from kf_widget.store.resample import resample
from kf_widget.store.store import open_ticks

N = 2_200_123
TICKS = make_ticks(N, 21)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


class Generated:
    """Ticks that each worker makes anew, from any row on."""

    def __init__(self, rows: int | None = N, fingerprint: str = "made") -> None:
        self.n_rows, self.fingerprint = rows, fingerprint
        self.schema = Given(TICKS).schema
        self.dropped: dict[str, int] = {}

    def batches(self, skip_rows: int = 0) -> Iterator[Any]:
        """From a row on."""
        ticks = make_ticks(N, 21)
        if self.n_rows is None:
            self.dropped["price"] = 3
        yield from Given(ticks, range(0, N, 99_991)).batches(skip_rows)


class Falling(Generated):
    """Ticks that fall back where a range begins."""

    def batches(self, skip_rows: int = 0) -> Iterator[Any]:
        """From a row on; the first 262,144 rows are of a later time."""
        for batch in super().batches(skip_rows):
            yield batch._replace(time_ns=batch.time_ns + (10**17 if skip_rows < 262_144 else 0))


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("serial") / "store"
    ingest(Generated(), root, progress=False).close()
    return root


def test_the_cluster_writes_the_same_bytes(client: Any, serial: Path, tmp_path: Path) -> None:
    with ingest(Generated(), tmp_path / "s", client=client) as store:
        assert_rows(store.snapshot(), TICKS)
        store.verify()
        assert files_of(store.path) == files_of(serial)
        store.append({"time": [2 * 10**18], "price": [1.0], "size": [1.0], "side": [1]})
        store.verify()


def test_a_source_that_must_be_counted_first(client: Any, serial: Path, tmp_path: Path) -> None:
    with ingest(Generated(None), tmp_path / "s", client=client) as store:
        assert files_of(store.path) == files_of(serial)
        assert store.info()["dropped"] == {"price": 3}


@pytest.mark.parametrize("n", [0, 1, 100_000])
def test_few_rows(client: Any, tmp_path: Path, n: int) -> None:
    ticks = make_ticks(n, 4)
    one = ingest(Given(ticks), tmp_path / "one", progress=False)
    many = ingest(Given(ticks), tmp_path / "many", client=client)
    assert files_of(one.path) == files_of(many.path)
    many.verify()


def test_a_worker_that_fails_leaves_nothing(client: Any, tmp_path: Path) -> None:
    with pytest.raises(KfError, match=r"must give 2,200,200 rows, got 2,200,123\. Did its files change"):
        ingest(Generated(N + 77), tmp_path / "s", client=client)
    assert not (tmp_path / "s").exists()


class Slow(Generated):
    """Ticks in 2,200 batches, each of which takes a moment."""

    def batches(self, skip_rows: int = 0) -> Iterator[Any]:
        """From a row on."""
        for batch in Given(make_ticks(N, 21), range(0, N, 1_000)).batches(skip_rows):
            time.sleep(0.05)
            yield batch


def test_ctrl_c_ends_the_workers_too(client: Any, tmp_path: Path) -> None:
    """Once the call has ended nobody writes into the folder, which may be another's by then."""

    main = threading.main_thread().ident
    assert main is not None

    def press() -> None:
        while not any(client.processing().values()):
            time.sleep(0.05)
        time.sleep(1.0)
        signal.pthread_kill(main, signal.SIGINT)

    presser = threading.Thread(target=press)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    try:
        presser.start()
        with pytest.raises(KeyboardInterrupt):
            ingest(Slow(), tmp_path / "s", client=client)
        presser.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert not any(client.run(lambda dask_worker: dask_worker.state.executing_count).values())
    assert not (tmp_path / "s").exists()


def test_rows_that_fall_between_two_ranges(client: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be in time order, got .* at row 262,144\. Pass sort=True"):
        ingest(Falling(), tmp_path / "s", client=client)
    assert not (tmp_path / "s").exists()


def test_it_begins_anew_after_an_interruption(client: Any, serial: Path, tmp_path: Path) -> None:
    root = tmp_path / "s"
    root.mkdir()  # not made by the call: so it stays
    with pytest.raises(KfError, match="Did its files change"):
        ingest(Generated(N + 77), root, client=client)
    assert len(open_ticks(root)) == 0
    with ingest(Generated(), root, client=client) as store:
        assert files_of(store.path) == files_of(serial)


@pytest.mark.parametrize("timeframe", ["1s", "1m", "1D", "1M"])
@pytest.mark.parametrize("part", [1 << 18, 1 << 12])
def test_resample_part_by_part(monkeypatch: pytest.MonkeyPatch, timeframe: str, part: int) -> None:
    """Small parts are smaller nodes of the same tree: all bits are those of one pass."""
    monkeypatch.setattr("kf_widget.store.resample._PART", part)
    bars = resample(Given(TICKS, range(0, N, 99_991)), timeframe, session="17:00")
    assert_bars(bars, TICKS.resample(timeframe, session="17:00"))


def test_resample_on_the_cluster(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kf_widget.store.resample._PART", 1 << 18)
    for rows in (N, None):
        assert_bars(resample(Generated(rows), "1h", client=client), TICKS.resample("1h"))


def test_resample_of_few_rows_and_bad_ones(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in (0, 1):
        for size in (None, "float32"):
            few = make_ticks(n, 1, size=size)
            assert_bars(resample(Given(few), "1m"), few.resample("1m"))
    with pytest.raises(ValueError, match="must cut by time, got '100t'"):
        resample(Given(TICKS), "100t")
    monkeypatch.setattr("kf_widget.store.resample._PART", 1 << 18)
    with pytest.raises(ValueError, match=r"must be in time order, got .* at row 262,144\."):
        resample(Falling(), "1m", client=client)


def assert_bars(bars: Bars, expected: Bars) -> None:
    assert bars.tz == expected.tz
    assert bars.interval_ns == expected.interval_ns
    for name in ("time_ns", "open", "high", "low", "close", "volume", "count"):
        mine, theirs = getattr(bars, name), getattr(expected, name)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert mine.tobytes() == theirs.tobytes(), name
