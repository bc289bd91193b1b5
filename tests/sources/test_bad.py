"""Bad rows: named, or left out and counted; files that vanish or end too soon."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.errors import KfError
from kf_widget.history.ticks import Ticks
from kf_widget.sources.open import open_stream
from tests.sources.rows import assert_same, columns_of, rows_of, table

ROWS = 4_000


def spoilt(row: int, kind: str) -> pa.Table:
    columns: dict[str, Any] = columns_of(ROWS)
    columns["side"] = columns["side"].astype("i4")
    columns["price"][row] = {"nan": np.nan, "inf": np.inf}.get(kind, columns["price"][row])
    columns["size"][row] = {"negative": -1.0, "no size": np.nan}.get(kind, columns["size"][row])
    columns["side"][row] = 7 if kind == "side" else 0
    if kind == "time":
        columns["time"][row] = np.datetime64("NaT")
    return pa.table({name: pa.array(column, from_pandas=kind == "nan") for name, column in columns.items()})


REASONS = {
    "nan": ("bad price", "price"),
    "inf": ("bad price", "price"),
    "negative": ("bad size", "size"),
    "no size": ("bad size", "size"),
    "side": ("bad side", "side"),
    "time": ("bad time", "time"),
}


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
@pytest.mark.parametrize("of", ["pandas", "polars", "arrow", "masked", "frames", "parquet"])
def test_a_missing_epoch_number_leaves_the_others_exact(tmp_path: Path, of: str, unit: int) -> None:
    whole = (1_710_000_000_123_456_789 + np.arange(9) * 100) // unit
    keep = np.arange(9) != 3
    price = np.arange(9.0)
    arrow = pa.table({"time": pa.array(whole, mask=~keep), "price": price})
    source: Any = arrow
    if of in ("pandas", "frames"):
        source = pd.DataFrame({"time": pd.Series(whole, dtype="Int64").where(keep), "price": price})
        source = iter([source]) if of == "frames" else source
    elif of == "polars":
        source = pl.from_arrow(arrow)
    elif of == "masked":
        source = {"time": np.ma.masked_array(whole, ~keep), "price": price}
    elif of == "parquet":
        source = tmp_path / "a.parquet"
        pq.write_table(arrow, source)
    stream = open_stream(source, on_bad="drop")
    rows = rows_of(stream)
    assert stream.dropped == {"bad time": 1}
    assert_same(rows, Ticks({"time": whole[keep], "price": price[keep]}))


@pytest.mark.parametrize("kind", REASONS)
@pytest.mark.parametrize("row", [0, 1, 2_600, ROWS - 1])
def test_one_bad_row(tmp_path: Path, kind: str, row: int) -> None:
    whole = spoilt(row, kind)
    pq.write_table(whole, tmp_path / "a.parquet", row_group_size=1_000)
    pa.feather.write_feather(whole, tmp_path / "a.feather", chunksize=700)
    reason, column = REASONS[kind]
    for source in (tmp_path / "a.parquet", tmp_path / "a.feather", whole):
        with pytest.raises(ValueError, match=rf"'{column}'.* at row {row}\b"):
            rows_of(open_stream(source))
        stream = open_stream(source, on_bad="drop")
        rows = rows_of(stream)
        assert stream.dropped == {reason: 1}
        assert_same(rows, Ticks(whole.take(np.delete(np.arange(ROWS), row))))
        assert_same(rows_of(stream, 3_000), Ticks(whole.take(np.delete(np.arange(ROWS), row))), 3_000)
        assert stream.dropped == {reason: 1}


GOOD = "2024-01-02 10:00:00"
TIMES = [None, "", "soon", GOOD, "2024-01-02T10:00:01Z", "2024-13-01 00:00:00", " 2024-01-03 1:1"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(TIMES),
            st.sampled_from([1.5, 2.0, float("nan"), float("inf"), None]),
            st.sampled_from([0.0, 3.0, -1.0, None]),
            st.sampled_from(["buy", "S", "", "who", None]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_many_bad_rows(rows: list[tuple[Any, ...]]) -> None:
    rows = [(GOOD, 1.0, 1.0, "B")] * (len(rows) + 1) + rows  # so that most have no offset
    good = [
        time == GOOD and price in (1.0, 1.5, 2.0) and size in (0.0, 1.0, 3.0) and side != "who"
        for time, price, size, side in rows
    ]
    columns = map(list, zip(*rows, strict=True))
    whole = pa.table(dict(zip(("time", "price", "size", "side"), columns, strict=True)))
    stream = open_stream(whole, on_bad="drop")
    assert_same(rows_of(stream), Ticks(whole.filter(pa.array(good))))
    assert sum(stream.dropped.values()) == len(rows) - sum(good)


def test_epoch_numbers_without_some() -> None:
    """As floats, these would lose their last digits."""
    stamps = [1_700_000_000_123_456_789, None, 1_700_000_000_123_456_791, 5]
    whole = pa.table({"time": pa.array(stamps, pa.int64()), "price": [1.0, 2.0, 3.0, 4.0]})
    stream = open_stream(whole, on_bad="drop")
    assert rows_of(stream).time_ns.tolist() == [stamps[0], stamps[2]]
    assert stream.dropped == {"bad time": 2}


def test_hours_that_clocks_skipped() -> None:
    whole = {
        "time": np.array(["2024-03-10T01:59", "2024-03-10T02:30", "2024-03-10T03:00"], "M8[ns]"),
        "price": [1.0, 2.0, 3.0],
    }
    with pytest.raises(ValueError, match="at row 1"):
        rows_of(open_stream(whole, tz="America/New_York"))
    stream = open_stream(whole, tz="America/New_York", on_bad="drop")
    assert rows_of(stream).price.tolist() == [1.0, 3.0]
    assert stream.dropped == {"bad time": 1}


@pytest.mark.parametrize("where", ["early", "late"])
@pytest.mark.parametrize("stamps", ["datetimes", "epochs"])
def test_text_that_is_no_number(
    tmp_path: Path, where: str, stamps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import kf_widget.sources.csv_files as module

    monkeypatch.setattr(module, "_FIRST_BYTES", 4096)
    monkeypatch.setattr(module, "_BLOCK_BYTES", 4096)
    columns = columns_of(ROWS)
    times = columns["time"].astype("i8" if stamps == "epochs" else "U")
    at = 5 if where == "early" else 3_000
    lines = [f"{t},{p},{s}" for t, p, s in zip(times, columns["price"], columns["size"], strict=True)]
    lines[at] = f"{times[at]},oops,1"
    lines[at + 10] = f"{times[at + 10]},,1"
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["time,price,size", *lines]) + "\n")
    with pytest.raises((TypeError, ValueError), match=rf"a\.csv.*'price'.*'oops' at row {at}\b"):
        rows_of(open_stream(path))
    stream = open_stream(path, on_bad="drop")
    rows = rows_of(stream)
    assert stream.dropped == {"bad price": 2}
    good = np.delete(np.arange(ROWS), [at, at + 10])
    assert np.array_equal(rows.time_ns, columns["time"][good].view("i8"))
    assert np.array_equal(rows.price, columns["price"][good])
    lines[at], lines[at + 10], lines[at + 1] = lines[0], lines[0], f"then,{columns['price'][at]},1"
    lines[at] = lines[at - 1]
    lines[at + 10] = lines[at + 9]
    path.write_text("\n".join(["time,price,size", *lines]) + "\n")
    with pytest.raises((TypeError, ValueError), match=rf"a\.csv.*'time'.*'then' at row {at + 1}\b"):
        rows_of(open_stream(path))
    stream = open_stream(path, on_bad="drop")
    assert len(rows_of(stream).price) == ROWS - 1
    assert stream.dropped == {"bad time": 1}


def test_lines_that_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "time,price\n2024-01-01 00:00:00,1\nnonsense\n2024-01-01 00:00:01,2,3\n2024-01-01 00:00:02,4\n"
    )
    with pytest.raises(KfError, match=r"a\.csv.*columns"):
        rows_of(open_stream(path))
    stream = open_stream(path, on_bad="drop")
    assert rows_of(stream).price.tolist() == [1.0, 4.0]
    assert stream.dropped == {"bad line": 2}


@pytest.mark.parametrize("suffix", ["parquet", "feather", "csv.gz"])
@pytest.mark.parametrize("fate", ["gone", "cut", "changed"])
def test_files_that_fail(tmp_path: Path, suffix: str, fate: str) -> None:
    whole = table(50_000)
    for name in ("a", "b"):
        path = tmp_path / f"{name}.{suffix}"
        part = whole.slice(0 if name == "a" else 25_000, 25_000)
        if suffix == "parquet":
            pq.write_table(part, path)
        elif suffix == "feather":
            pa.feather.write_feather(part, path)
        else:
            path.write_bytes(gzip.compress(part.to_pandas().to_csv(index=False).encode()))
    stream = open_stream(tmp_path)
    if fate == "gone":
        path.unlink()
    elif fate == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes((tmp_path / f"a.{suffix}").read_bytes() + b"\n")
    with pytest.raises(KfError, match=rf"b\.{suffix}"):
        rows_of(stream)
    if fate == "cut":
        with pytest.raises(KfError, match=rf"b\.{suffix}"):
            rows_of(open_stream(tmp_path))


def test_no_good_row() -> None:
    whole = {"time": ["14/03/2024", "15/03/2024"], "price": [1.0, 2.0]}
    with pytest.raises(ValueError, match=r"some rows must be good, got \{'bad time': 2\}"):
        rows_of(open_stream(whole, on_bad="drop"))
