"""Every kind of source gives the rows that `Ticks` has of the same table, from any row on."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from kf_widget.errors import KfError
from kf_widget.history.ticks import Ticks
from kf_widget.sources.open import open_stream
from tests.sources.rows import assert_same, columns_of, frame, rows_of, table

ROWS = 300_000
SKIPS = (0, 1, 70_000, 131_072, 200_001, ROWS - 1, ROWS, ROWS + 5)


def parquet(folder: Path) -> Any:
    pq.write_table(table(ROWS), folder / "a.parquet", row_group_size=50_000)
    return folder / "a.parquet"


def parquet_files(folder: Path) -> Any:
    """Named against their order in time."""
    whole = table(ROWS)
    for i, start in enumerate(range(0, ROWS, 60_000)):
        pq.write_table(whole.slice(start, 60_000), folder / f"{9 - i}.parquet", row_group_size=25_000)
    return folder


def parquet_pattern(folder: Path) -> Any:
    return str(parquet_files(folder) / "*.parquet")


def parquet_list(folder: Path) -> Any:
    return sorted(parquet_files(folder).iterdir())


def hive(folder: Path) -> Any:
    whole = table(ROWS)
    for i, start in enumerate(range(0, ROWS, 100_000)):
        at = folder / "symbol=ES" / f"date=2024-01-0{3 - i}"
        at.mkdir(parents=True)
        pq.write_table(whole.slice(start, 100_000), at / "part.parquet")
    return folder


def feather(folder: Path) -> Any:
    pa.feather.write_feather(table(ROWS), folder / "a.feather", chunksize=40_000)
    return folder / "a.feather"


def arrow_stream_file(folder: Path) -> Any:
    with pa.ipc.new_stream(str(folder / "a.arrows"), table(1).schema) as out:
        out.write_table(table(ROWS), max_chunksize=40_000)
    return folder / "a.arrows"


def csv(folder: Path) -> Any:
    frame(ROWS).to_csv(folder / "a.csv", index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ")
    return folder / "a.csv"


def csv_packed(suffix: str, pack: Callable[[bytes], Any]) -> Callable[[Path], Any]:
    def make(folder: Path) -> Any:
        data = csv(folder).read_bytes()
        (folder / "a.csv").unlink()
        (folder / f"a.csv.{suffix}").write_bytes(bytes(pack(data)))
        return folder / f"a.csv.{suffix}"

    return make


KINDS: dict[str, Callable[[Path], Any]] = {
    "parquet": parquet,
    "parquet folder": parquet_files,
    "parquet pattern": parquet_pattern,
    "parquet list": parquet_list,
    "hive": hive,
    "feather": feather,
    "arrow stream file": arrow_stream_file,
    "csv": csv,
    "csv.gz": csv_packed("gz", gzip.compress),
    "csv.bz2": csv_packed("bz2", bz2.compress),
    "csv.zst": csv_packed("zst", pa.Codec("zstd").compress),
    "pyarrow table": lambda folder: table(ROWS),
    "pandas": lambda folder: frame(ROWS),
    "pandas index": lambda folder: frame(ROWS).set_index("time"),
    "polars": lambda folder: pl.from_arrow(table(ROWS)),
    "polars lazy": lambda folder: pl.scan_parquet(parquet(folder)),
    "dict": lambda folder: columns_of(ROWS),
    "structured array": lambda folder: np.rec.fromarrays(
        list(columns_of(ROWS).values()), names=list(columns_of(ROWS))
    ).view(np.ndarray),
    "dataset": lambda folder: pa.dataset.dataset(parquet(folder)),
    "list of frames": lambda folder: [frame(ROWS).iloc[:120_000], frame(ROWS).iloc[120_000:]],
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(tmp_path: Path, kind: str) -> None:
    expected = Ticks(table(ROWS))
    stream = open_stream(KINDS[kind](tmp_path))
    assert stream.n_rows in (None, ROWS)
    assert (stream.fingerprint != "") == (
        kind.split()[0] in ("parquet", "hive", "feather", "arrow") or "csv" in kind
    )
    for skip in SKIPS:
        assert_same(rows_of(stream, skip), expected, skip)
    assert stream.schema == ("float64", True, "UTC")
    assert stream.dropped == {}


def test_duckdb_relation(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.connect().sql(f"SELECT * FROM '{parquet(tmp_path)}'")
    stream = open_stream(relation)
    assert_same(rows_of(stream), Ticks(table(ROWS)))
    assert_same(rows_of(stream, 200_001), Ticks(table(ROWS)), 200_001)


@pytest.mark.parametrize("kind", ["reader", "iterator", "c stream"])
def test_read_once(kind: str) -> None:
    def source() -> Any:
        whole = table(ROWS)
        if kind == "reader":
            return whole.to_reader(40_000)
        if kind == "iterator":
            return iter([frame(ROWS).iloc[:100], frame(ROWS).iloc[100:]])

        class Stream:
            def __arrow_c_stream__(self, requested_schema: object = None) -> object:
                return whole.to_reader(40_000).__arrow_c_stream__(requested_schema)

        return Stream()

    stream = open_stream(source())
    assert stream.fingerprint == ""
    assert_same(rows_of(stream, 1000), Ticks(table(ROWS)), 1000)
    with pytest.raises(KfError, match="read again"):
        rows_of(stream)
    assert_same(rows_of(open_stream(source())), Ticks(table(ROWS)))


def test_large_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import kf_widget.sources.parquet as module

    monkeypatch.setattr(module, "_LARGE", 100_000)
    monkeypatch.setattr(module, "PIECE_ROWS", 30_000)
    pq.write_table(table(ROWS), tmp_path / "a.parquet", row_group_size=150_000)
    for skip in SKIPS:
        assert_same(rows_of(open_stream(tmp_path / "a.parquet"), skip), Ticks(table(ROWS)), skip)


def test_row_groups_before_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = open_stream(parquet_files(tmp_path))
    first = next(iter(sorted(tmp_path.iterdir())))
    read: list[list[int]] = []
    real = pq.ParquetFile.read_row_groups

    def spy(self: Any, groups: list[int], **options: Any) -> Any:
        read.append(groups)
        return real(self, groups, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", spy)
    assert_same(rows_of(stream, 295_000), Ticks(table(ROWS)), 295_000)
    assert first.exists()
    assert read == [[1, 2], [0, 1, 2], [0, 1, 2]]  # from row 295,000 - 2 * 65,536 on


def test_types_and_zones(tmp_path: Path) -> None:
    columns = columns_of(1000)
    naive = {**columns, "size": columns["size"].astype("f4"), "time": columns["time"].astype("M8[us]")}
    del naive["side"]
    stream = open_stream(naive, tz="America/New_York")
    expected = Ticks(naive, tz="America/New_York")
    assert stream.schema == ("float32", False, "America/New_York")
    assert_same(rows_of(stream), expected)
    no_size = {"ts": columns["time"].view("i8"), "px": columns["price"]}
    assert open_stream(no_size).schema == (None, False, "UTC")
    assert_same(rows_of(open_stream(no_size)), Ticks(no_size))
    mixed = [pa.table(naive), pa.table({**naive, "size": columns["size"]})]
    assert open_stream(mixed, sort=True).schema.size == "float64"


def test_an_hour_that_comes_twice_is_cut_anywhere() -> None:
    """Wall clocks of New York through the end of summer time, in tables of a few rows."""
    utc = np.arange("2024-11-03T04:00", "2024-11-03T08:00", 7, dtype="M8[m]").astype("M8[ns]")
    local = pd.DatetimeIndex(utc, tz="UTC").tz_convert("America/New_York").tz_localize(None)
    whole = {"time": local.to_numpy(), "price": np.arange(len(utc), dtype=float)}
    assert (np.diff(whole["time"].astype("i8")) < 0).any()
    expected = Ticks(whole, tz="America/New_York")
    assert np.array_equal(expected.time_ns, utc.astype("i8"))
    for step in range(1, len(utc) + 1):
        frames = (pd.DataFrame(whole).iloc[i : i + step] for i in range(0, len(utc), step))
        assert_same(rows_of(open_stream(frames, tz="America/New_York")), expected)


def test_a_late_row_in_an_hour_that_comes_twice_is_cut_anywhere() -> None:
    """Neighbours change places in either pass; the second pass is begun by one row of an earlier table."""
    utc = np.arange("2024-11-03T05:00", "2024-11-03T08:00", 60, dtype="M8[s]").astype("M8[ns]").astype("i8")
    local = pd.DatetimeIndex(utc, tz="UTC").tz_convert("America/New_York").tz_localize(None).to_numpy().copy()
    local[[40, 90]] += np.timedelta64(90, "s")  # rows 41 and 91 are half a minute late
    utc[[40, 90]] += 90 * 10**9
    whole = {"time": local, "price": np.arange(len(utc), dtype=float)}
    order = np.argsort(utc, kind="stable")
    for step in (1, 2, 3, 7, 41, 61, len(utc)):
        frames = (pd.DataFrame(whole).iloc[i : i + step] for i in range(0, len(utc), step))
        rows = rows_of(open_stream(frames, tz="America/New_York"))
        assert np.array_equal(rows.time_ns, utc[order])
        assert np.array_equal(rows.price, order)


def test_rows_to_be_sorted_need_offsets_in_the_hour_that_comes_twice() -> None:
    time = np.array(["2024-11-03T03:00", "2024-11-03T01:30"], "M8[ns]")
    stream = open_stream({"time": time, "price": np.ones(2)}, tz="America/New_York", sort=True)
    with pytest.raises(ValueError, match=r"must have offsets .* at row 1\b"):
        rows_of(stream)


def test_empty(tmp_path: Path) -> None:
    pq.write_table(table(0), tmp_path / "a.parquet")
    stream = open_stream(tmp_path / "a.parquet")
    assert (stream.n_rows, list(stream.batches())) == (0, [])
    pq.write_table(table(10), tmp_path / "b.parquet")
    assert_same(rows_of(open_stream(tmp_path)), Ticks(table(10)))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file"):
        open_stream(tmp_path / "none.parquet")
    with pytest.raises(FileNotFoundError, match="holds no file"):
        open_stream(tmp_path)
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(KfError, match="suffix must be one of"):
        open_stream(tmp_path / "a.xlsx")
    with pytest.raises(TypeError, match="must be a dataframe"):
        open_stream(7)
    with pytest.raises(ValueError, match="on_bad must be"):
        open_stream(columns_of(3), on_bad="ignore")


def test_fingerprints(tmp_path: Path) -> None:
    path = parquet(tmp_path)
    one = open_stream(path).fingerprint
    assert open_stream(path).fingerprint == one
    assert open_stream(path, on_bad="drop").fingerprint != one
    assert open_stream(path, sort=True).fingerprint != one
    assert open_stream(path, tz="Asia/Tokyo").fingerprint != one
    pq.write_table(table(10), path)
    assert open_stream(path).fingerprint != one


def test_columns_must_agree(tmp_path: Path) -> None:
    pq.write_table(table(10), tmp_path / "a.parquet")
    pq.write_table(table(10).drop_columns(["size"]), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match=r"same columns.*b\.parquet"):
        open_stream(tmp_path)
