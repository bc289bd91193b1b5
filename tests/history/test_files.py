"""Histories from Parquet, Arrow and CSV files, one or several."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from kf_widget.errors import KfError
from kf_widget.history.files import read_bars, read_ticks
from kf_widget.history.sample import sample_ticks
from kf_widget.history.ticks import Ticks

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
real_data = pytest.mark.skipif(
    not (DATA / "es_ticks_2013-09.parquet").exists(), reason=f"no real market data in {DATA}"
)

TICKS = sample_ticks(3000, years=0.02, seed=5)
TABLE = TICKS.to_arrow()


def same(got: Ticks, wanted: Ticks = TICKS) -> None:
    for name in ("time_ns", "price", "size", "side"):
        np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name), err_msg=name)


def write(path: Path, table: pa.Table = TABLE) -> Path:
    name = path.name
    if name.endswith((".parquet", ".pq")):
        pq.write_table(table, path)
    elif name.endswith((".feather", ".arrow", ".ipc")):
        pyarrow.feather.write_feather(table, str(path))
    elif name.endswith(".arrows"):
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    else:
        delimiter = "\t" if ".tsv" in name else ";" if ".txt" in name else ","
        kind = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}.get(path.suffix)
        with pa.output_stream(str(path), compression=kind) as sink:
            pyarrow.csv.write_csv(table, sink, pyarrow.csv.WriteOptions(delimiter=delimiter))
    return path


@pytest.mark.parametrize(
    "suffix",
    [
        ".parquet",
        ".PQ",
        ".feather",
        ".arrow",
        ".arrows",
        ".csv",
        ".tsv",
        ".txt",
        ".csv.gz",
        ".csv.bz2",
        ".CSV.zst",
    ],
)
def test_every_format_gives_the_ticks_back(tmp_path: Path, suffix: str) -> None:
    written = write(tmp_path / ("ticks" + suffix.lower()))
    path = written.rename(tmp_path / ("ticks" + suffix))
    got = read_ticks(path)
    same(got)
    assert got.tz == ("UTC" if "." + suffix.lower().split(".")[1] in (".csv", ".tsv", ".txt") else TICKS.tz)
    same(read_ticks(str(path), time="time", price="price", tz="Europe/Berlin"))


def test_only_the_columns_needed_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "t.parquet", TABLE.append_column("blob", pa.array(["x" * 50] * 3000)))
    asked: list[Any] = []
    real = pq.ParquetFile.read

    def read(self: Any, columns: list[str], **options: Any) -> Any:
        asked.append(columns)
        return real(self, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read", read)
    same(read_ticks(path))
    assert asked == [["time", "price", "size", "side"]]


@pytest.mark.parametrize("suffix", [".parquet", ".csv.gz"])
def test_several_files_are_joined_in_time_order(tmp_path: Path, suffix: str) -> None:
    cuts = (0, 700, 700, 1900, 3000)
    names = ["d", "empty", "a", "b"]
    for name, start, stop in zip(names, cuts[:-1], cuts[1:], strict=True):
        write(tmp_path / f"{name}{suffix}", TABLE.slice(start, stop - start))
    same(read_ticks(tmp_path / f"*{suffix}"))
    same(read_ticks(str(tmp_path / "**" / f"?*{suffix}")))
    same(read_ticks([tmp_path / f"{name}{suffix}" for name in names]))
    same(read_ticks([tmp_path / f"a{suffix}", tmp_path / f"*{suffix}"]))
    part = read_ticks([tmp_path / f"b{suffix}", tmp_path / f"a{suffix}"])
    np.testing.assert_array_equal(part.price, TICKS.price[700:])


def test_files_that_interleave_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", TABLE.slice(0, 2000))
    write(tmp_path / "b.parquet", TABLE.slice(1500, 1500))
    with pytest.raises(
        ValueError, match=r"follow one another in time, got '.*a\.parquet' until .*b\.parquet' from"
    ):
        read_ticks(tmp_path / "*.parquet")


def test_files_of_unlike_columns_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", TABLE.slice(0, 2000))
    write(tmp_path / "b.parquet", TABLE.slice(2000).drop_columns(["side"]))
    with pytest.raises(ValueError, match=r"b\.parquet' without the side that '.*a\.parquet' has"):
        read_ticks(tmp_path / "*.parquet")


def test_empty_files_are_empty_histories(tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet"):
        write(tmp_path / name, TABLE.slice(0, 0))
    assert len(read_ticks(tmp_path / "*.parquet")) == 0
    (tmp_path / "header.csv").write_text("time,price,size\n")
    assert len(read_ticks(tmp_path / "header.csv")) == 0
    (tmp_path / "nothing.csv").write_text("")
    with pytest.raises(KfError, match="must begin with the names of its columns"):
        read_ticks(tmp_path / "nothing.csv")


def test_csv_types_do_not_depend_on_the_first_rows(tmp_path: Path) -> None:
    n = 200_000
    stamps = [f"2024-03-14 09:{i * 3600 // n // 60:02d}:{i * 3600 // n % 60:02d}" for i in range(n)]
    lines = [f"{stamp},100,{1},\n" for stamp in stamps]
    lines[-1] = f"{stamps[-1]}.123456789,100.25,1.5,B\n"
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(("DateTime,Price,Volume,side\n" + "".join(lines)).encode(), 1))
    ticks = read_ticks(path, tz="America/Chicago")
    assert len(ticks) == n
    assert ticks.price[-1] == 100.25
    assert ticks.time_ns[-1] % 1000 == 789
    assert ticks.side is not None
    assert ticks.side[-2:].tolist() == [0, 1]
    assert ticks.size is not None
    assert ticks.size[-1] == 1.5


@pytest.mark.parametrize(
    "rows",
    [
        "1710408600,1.5\n1710408601,2\n",
        "1710408600.0,1.5\n1710408601.0,2\n",
        "2024-03-14T09:30:00Z,1.5\n2024-03-14T09:30:01Z,2\n",
        "2024-03-14T09:30:00,1.5\n2024-03-14T09:30:01.0,2\n",
        "2024-03-14T10:30:00+01:00,1.5\r\n2024-03-14T10:30:01+01:00,2\r\n",
        '"2024-03-14 09:30","1.5"\n"2024-03-14 09:30:01","2"\n',
    ],
)
def test_stamps_in_csv(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\ufefftime,price\n" + rows, encoding="utf-8")
    ticks = read_ticks(path)
    assert ticks.time_ns.tolist() == [1710408600 * 10**9, 1710408601 * 10**9]
    assert ticks.price.tolist() == [1.5, 2]


@pytest.mark.parametrize(
    ("rows", "error", "says"),
    [
        (
            "2024-03-14,1\nsoon,2\n",
            ValueError,
            r"read_ticks\('.*t\.csv'\): column 'time'.*got 'soon' at row 1",
        ),
        ("2024-03-14,1\n2024-03-15,\n", ValueError, "column 'price' must be finite, got nan at row 1"),
        ("2024-03-14,1\n2024-03-13,2\n", ValueError, "column 'time' must be in time order.*at row 1"),
        (
            "2024-03-14,one\n2024-03-15,two\n",
            TypeError,
            "column 'price' must hold numbers, got 'one' at row 0",
        ),
        (
            "2024-03-14,1\n2024-03-15,2,3\n",
            KfError,
            r"t\.csv'\): the file cannot be read.*Expected 2 columns",
        ),
    ],
)
def test_bad_csv(tmp_path: Path, rows: str, error: type[Exception], says: str) -> None:
    (tmp_path / "t.csv").write_text("time,price\n" + rows)
    with pytest.raises(error, match=says):
        read_ticks(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("row", "error", "says"),
    [
        ("2024-03-14 09:00:00.5,one", TypeError, "column 'price' must hold numbers, got 'one' at row 200000"),
        ("soon,1", ValueError, "column 'time'.*got 'soon' at row 200000"),
        ("2024-03-14 09:00:00.5,", ValueError, "column 'price' must be finite, got nan at row 200000"),
    ],
)
def test_a_bad_row_late_in_a_csv_is_named(
    tmp_path: Path, row: str, error: type[Exception], says: str
) -> None:
    (tmp_path / "t.csv").write_text("time,price\n" + "2024-03-14 09:00:00,1\n" * 200_000 + row + "\n")
    with pytest.raises(error, match=says):
        read_ticks(tmp_path / "t.csv")


def test_what_is_no_file(tmp_path: Path) -> None:
    write(tmp_path / "real.parquet")
    with pytest.raises(
        FileNotFoundError, match=r"no file '.*nope\.parquet'. Data files there: real\.parquet"
    ):
        read_ticks(tmp_path / "nope.parquet")
    with pytest.raises(KfError, match="no file fits the pattern"):
        read_ticks(tmp_path / "*.csv")
    with pytest.raises(KfError, match="there is no folder"):
        read_ticks(tmp_path / "nowhere" / "x.csv")
    with pytest.raises(KfError, match=r"is a folder. Name its files: '.*\*\.parquet'"):
        read_ticks(tmp_path)
    (tmp_path / "t.xlsx").write_text("")
    with pytest.raises(KfError, match=r"suffix must be one of \.parquet .* got '\.xlsx'"):
        read_ticks(tmp_path / "t.xlsx")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no, not at all")
    with pytest.raises(KfError, match=r"broken\.parquet'\): the file cannot be read"):
        read_ticks(tmp_path / "broken.parquet")
    (tmp_path / "broken.arrow").write_bytes(b"ARROW")
    with pytest.raises(KfError, match="the file cannot be read"):
        read_ticks(tmp_path / "broken.arrow")
    with pytest.raises(ValueError, match="at least one file"):
        read_ticks([])
    with pytest.raises(TypeError, match="paths must be a path, a pattern or a list of them, got NoneType"):
        read_ticks(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="paths must be paths, got DataFrame"):
        read_ticks([pd.DataFrame()])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="use Ticks or read_ticks"):
        read_bars(tmp_path / "real.parquet")


def test_a_path_with_brackets_is_a_path(tmp_path: Path) -> None:
    same(read_ticks(write(tmp_path / "es[1].parquet")))


def test_bars_from_files(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "open": [1.0, 2],
            "high": [2.0, 3],
            "low": [1.0, 1],
            "close": [2.0, 1],
            "volume": [5.0, 6],
            "trades": [2, 3],
        },
        index=pd.date_range("2024-03-14", periods=2, freq="5min", tz="Asia/Tokyo", name="time"),
    )
    frame.to_parquet(tmp_path / "b.parquet")
    bars = read_bars(tmp_path / "b.parquet")
    assert bars.tz == "Asia/Tokyo"
    assert bars.interval_ns == 300 * 10**9
    pd.testing.assert_frame_equal(
        bars.to_pandas().rename(columns={"count": "trades"}), frame, check_freq=False, check_index_type=False
    )
    assert read_bars(tmp_path / "b.parquet", timeframe="1h").interval_ns == 3600 * 10**9


@real_data
def test_es_ticks() -> None:
    ticks = read_ticks(DATA / "es_ticks_2013-09.parquet", tz="America/Chicago")
    frame = ticks.to_pandas()
    assert len(ticks) == 500_000
    assert int((np.diff(ticks.time_ns) == 0).sum()) == 415_432
    assert frame.index[0] == pd.Timestamp("2013-09-01 17:00:00.083", tz="America/Chicago")
    assert ticks.price_step == 0.25
    head = read_ticks(DATA / "es_ticks_head.csv", tz="America/Chicago")
    np.testing.assert_array_equal(head.time_ns, ticks.time_ns[:20_000])
    np.testing.assert_array_equal(head.price, ticks.price[:20_000])
    np.testing.assert_array_equal(head.size, ticks.size[:20_000] if ticks.size is not None else None)


@real_data
def test_binance_trades_and_bars() -> None:
    ticks = read_ticks(DATA / "btcusdt_trades_2021-01-08.parquet")
    raw = pd.read_parquet(DATA / "btcusdt_trades_2021-01-08.parquet")
    assert ticks.side is not None
    np.testing.assert_array_equal(ticks.side, np.where(raw["buyer_maker"] == "True", -1, 1))
    assert ticks.price_step == 0.01
    bars = read_bars(DATA / "btc_perp_1m_2022-01.parquet")
    assert (len(bars), bars.interval_ns, bars.price_step) == (45_031, 60 * 10**9, 1.0)
