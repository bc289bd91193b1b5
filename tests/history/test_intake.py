"""Every kind of table gives the same columns, and every fault one clear error."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from dateutil import tz
from hypothesis import given, settings
from hypothesis import strategies as st

from kf_widget.history.bars import Bars
from kf_widget.history.stamps import local_to_utc
from kf_widget.history.ticks import Ticks
from kf_widget.history.zones import Zone

TIME = np.array(
    ["2024-03-14T09:30:00.250", "2024-03-14T09:30:00.250", "2024-03-14T09:30:01", "2024-03-15T00:00"],
    "M8[ns]",
)
PRICE = np.array([100.25, 100.5, 100.25, 101.0])
SIZE = np.array([1, 5, 2, 10])
SIDE = np.array([1, -1, 0, 1], np.int8)
COLUMNS = {"time": TIME, "price": PRICE, "size": SIZE, "side": SIDE}


def structured() -> np.ndarray[Any, Any]:
    rows = np.zeros(4, [("time", "M8[us]"), ("side", "i1"), ("price", "f8"), ("size", "i4")])
    for name, column in COLUMNS.items():
        rows[name] = column
    return rows


def chunked() -> pa.Table:
    table = pa.table(COLUMNS)
    return pa.concat_tables([table.slice(0, 1), table.slice(1)])


class OnlyAStream:
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return pa.table(COLUMNS).__arrow_c_stream__(requested_schema)


TABLES = {
    "dict of arrays": lambda: dict(COLUMNS),
    "dict of lists": lambda: {name: column.tolist() for name, column in COLUMNS.items()},
    "dict of series": lambda: {
        name: pd.Series(column, index=[7, 5, 3, 1]) for name, column in COLUMNS.items()
    },
    "dict of polars series": lambda: {name: pl.Series(column) for name, column in COLUMNS.items()},
    "dict of arrow arrays": lambda: {name: pa.array(column) for name, column in COLUMNS.items()},
    "structured array": structured,
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas with an index of times": lambda: pd.DataFrame(COLUMNS).set_index("time"),
    "pandas with a nameless index": lambda: pd.DataFrame(COLUMNS).set_index("time").rename_axis(None),
    "pandas nullable": lambda: pd.DataFrame(COLUMNS).convert_dtypes(),
    "pandas on arrow": lambda: pd.DataFrame(COLUMNS).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "polars lazy": lambda: pl.DataFrame(COLUMNS).lazy(),
    "polars in chunks": lambda: pl.concat(
        [pl.DataFrame(COLUMNS)[:3], pl.DataFrame(COLUMNS)[3:]], rechunk=False
    ),
    "narwhals": lambda: nw.from_native(pl.DataFrame(COLUMNS)),
    "pyarrow": lambda: pa.table(COLUMNS),
    "pyarrow in chunks": chunked,
    "a stream": OnlyAStream,
    "a reader": lambda: pa.table(COLUMNS).to_reader(),
    "ticks": lambda: Ticks(dict(COLUMNS)),
}


@pytest.mark.parametrize("kind", TABLES)
def test_every_table_gives_the_same_ticks(kind: str) -> None:
    if kind == "dict of lists":
        table = TABLES[kind]() | {"time": TIME.astype("M8[us]").tolist()}
    else:
        table = TABLES[kind]()
    ticks = Ticks(table)
    np.testing.assert_array_equal(ticks.time_ns, TIME.view(np.int64))
    np.testing.assert_array_equal(ticks.price, PRICE)
    np.testing.assert_array_equal(ticks.size, SIZE)
    np.testing.assert_array_equal(ticks.side, SIDE)
    assert ticks.tz == "UTC"


def test_duckdb_relations() -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    seen = pa.table(COLUMNS)
    assert seen.num_rows == 4
    np.testing.assert_array_equal(Ticks(duckdb.sql("select * from seen")).price, PRICE)


def test_matching_columns_are_not_copied_and_not_frozen() -> None:
    time_ns, price, size = TIME.view(np.int64).copy(), PRICE.copy(), SIZE.astype(np.float64)
    for time in (time_ns, time_ns.view("M8[ns]")):
        ticks = Ticks({"time": time, "price": price, "size": size})
        assert np.shares_memory(ticks.time_ns, time_ns)
        assert np.shares_memory(ticks.price, price)
        assert ticks.size is not None
        assert np.shares_memory(ticks.size, size)
        with pytest.raises(ValueError, match="read-only"):
            ticks.price[0] = 1
    assert time_ns.flags.writeable
    assert price.flags.writeable
    price[0] = price[0]
    table = pl.DataFrame({"time": TIME, "price": PRICE})
    arrow = table.to_arrow()
    assert np.shares_memory(Ticks(arrow).price, arrow.column("price").chunk(0).to_numpy())


def test_strided_swapped_and_narrow_columns_are_cast() -> None:
    ticks = Ticks(
        {
            "time": np.repeat(TIME, 2)[::2].astype(">M8[ms]"),
            "price": np.repeat(PRICE, 2)[::2].astype(">f4"),
            "size": SIZE.astype(np.float32),
        }
    )
    np.testing.assert_array_equal(ticks.price, PRICE)
    np.testing.assert_array_equal(ticks.time_ns, TIME.astype(np.int64))
    assert ticks.price.dtype == np.float64
    assert ticks.price.flags.c_contiguous
    assert ticks.size is not None
    assert ticks.size.dtype == np.float32


# ---- names


@pytest.mark.parametrize("time", ["timestamp", "Time", "DateTime", "date_time", "ts_event", "DATE"])
@pytest.mark.parametrize(
    ("price", "size"), [("Price", "Volume"), ("p", "qty"), ("LAST", "amount"), ("px", "quantity")]
)
def test_usual_names_are_known(time: str, price: str, size: str) -> None:
    ticks = Ticks({time: TIME, price: PRICE, size: SIZE, "trade_id": SIZE})
    np.testing.assert_array_equal(ticks.size, SIZE)
    assert ticks.side is None


def test_names_can_be_given() -> None:
    ticks = Ticks(
        {"when": TIME, "a": PRICE, "b": SIZE, "c": SIDE}, time="when", price="a", size="b", side="c"
    )
    np.testing.assert_array_equal(ticks.side, SIDE)


@pytest.mark.parametrize(
    ("table", "given", "says"),
    [
        (
            {"timestamp": TIME, "date": TIME, "price": PRICE},
            {},
            r"time must be one column, got 2.*'timestamp', 'date'.*time='timestamp'",
        ),
        (
            {"time": TIME, "cost": PRICE},
            {},
            r"price must be one of the columns, got none called 'price'.*Columns seen: 'time', 'cost'",
        ),
        (
            {"time": TIME, "cost": PRICE},
            {"price": "csot"},
            r"price must be the name of a column, got 'csot'. Did you mean price='cost'\?",
        ),
        ({"time": TIME, "open": PRICE, "high": PRICE, "low": PRICE, "close": PRICE}, {}, "use Bars"),
        ({}, {}, "Columns seen: none"),
        ({"time": TIME, "price": PRICE, "size": SIZE, "volume": SIZE}, {}, "size must be one column"),
    ],
)
def test_ambiguous_and_missing_columns(table: dict[str, Any], given: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Ticks(table, **given)


def test_an_index_of_times_yields_to_a_named_column_only_if_it_has_no_usual_name() -> None:
    frame = pd.DataFrame({"ts_event": TIME, "price": PRICE}, index=pd.DatetimeIndex(TIME, name="ts_recv"))
    assert len(Ticks(frame)) == 4
    with pytest.raises(ValueError, match="time must be one column"):
        Ticks(frame.rename_axis("time"))
    assert len(Ticks(frame, time="ts_recv")) == 4


# ---- stamps


@pytest.mark.parametrize("unit", ["D", "h", "m", "s", "ms", "us", "ns"])
def test_datetimes_of_every_unit(unit: str) -> None:
    time = TIME.astype(f"M8[{unit}]")
    np.testing.assert_array_equal(
        Ticks({"time": time, "price": PRICE}).time_ns, time.astype("M8[ns]").astype(np.int64)
    )


@pytest.mark.parametrize(("unit", "per_ns"), [("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1)])
@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64])
def test_epoch_numbers_tell_their_unit(unit: str, per_ns: int, dtype: type) -> None:
    time = TIME.astype(f"M8[{unit}]").astype(np.int64)
    got = Ticks({"time": time.astype(dtype), "price": PRICE}, tz="America/Chicago")
    off = np.abs(got.time_ns - time * per_ns).max()
    assert off <= (512 if dtype is np.float64 else 0)
    assert got.tz == "America/Chicago"


def test_float_seconds_keep_their_microseconds() -> None:
    time = np.array([1710408600.250001, 1710408601.1, 1710408601.5, 1710408602.7])
    micros = [1710408600_250001, 1710408601_100000, 1710408601_500000, 1710408602_700000]
    for factor in (1, 1e3):
        assert Ticks({"time": time * factor, "price": PRICE}).time_ns.tolist() == [us * 1000 for us in micros]


NAIVE_THEN_AWARE = [
    dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 3, tzinfo=dt.UTC), None
]  # fmt: skip


@pytest.mark.parametrize(
    ("time", "says"),
    [
        (
            [1710408600, 1710408600_000, 1710408600_000, 1710408601_000],
            r"in one unit.*got 1710408600000 at row 1 \(row 0 has 1710408600\)",
        ),
        ([20240314, 20240315, 20240316, 20240317], "got 20240314 at row 0.*to_datetime"),
        ([1, 2, 3, 4], "got 1 at row 0"),
        ([-5, 1710408600, 1710408600, 1710408600], "got -5 at row 0"),
        ([2**64 - 1] * 4, "got 18446744073709551615 at row 0"),
        ([1.7e9, np.nan, 1.7e9, 1.7e9], "have a time in every row, got nan at row 1"),
        (np.array(["2024-01-01", "NaT", "2024-01-02", "2024-01-03"], "M8[s]"), "got NaT at row 1"),
        (
            np.array(["2024-01-01", "9999-01-01", "9999-01-02", "9999-01-03"], "M8[D]"),
            "between 1678 and 2262, got 9999-01-01 at row 1",
        ),
        (["2024-01-01", None, "2024-01-02", "2024-01-03"], "got null at row 1"),
        (["2024-01-01", "2024-01-02", "soon", "2024-01-03"], "ISO 8601 text.*got 'soon' at row 2"),
        (
            ["2024-01-01T00:00Z", "2024-01-02T00:00", "2024-01-02", "2024-01-03"],
            "got '2024-01-02T00:00' at row 1",
        ),
        (["03/14/2024"] * 4, "got '03/14/2024' at row 0"),
        (["1710408600", "1710408601", "oops", "1710408603"], "since 1970 in every row, got 'oops' at row 2"),
        (NAIVE_THEN_AWARE, "got 2024-01-03 00:00:00\\+00:00 at row 2"),
        ([pd.Timestamp(t) if t else pd.NaT for t in NAIVE_THEN_AWARE], "a time zone or none.*row 2"),
    ],
)
def test_bad_times(time: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"^Ticks: column 'time' must.*{says}"):
        Ticks({"time": time, "price": PRICE})


@pytest.mark.parametrize(
    "time", [[True] * 4, [b"\x00", b"\x01", b"x", b"y"], [{}, {}, {}, {}], [dt.time(9)] * 4]
)
def test_what_is_no_time(time: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="column 'time' must"):
        Ticks({"time": time, "price": PRICE})


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-03-14 09:30:00.250", "2024-03-14T09:30:00.250"),
        ("2024-03-14T09:30:00", "2024-03-14T09:30"),
        (" 2024-03-14 ", "2024-03-14"),
        ("2024-03-14T09:30:00.123456789Z", "2024-03-14T09:30:00.123456789"),
        ("2024-03-14T09:30:00+02:00", "2024-03-14T07:30"),
    ],
)
def test_iso_text(text: str, utc: str) -> None:
    for column in ([text], np.array([text]), pd.Series([text]), pl.Series([text]), pd.Categorical([text])):
        table = {"time": pd.Series(column) if isinstance(column, pd.Categorical) else column, "price": [1.0]}
        assert Ticks(table).time_ns[0] == np.datetime64(utc, "ns").astype(np.int64)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_aware_stamps_keep_their_instant_and_zone(unit: str) -> None:
    stamps = pd.DatetimeIndex(TIME.astype(f"M8[{unit}]")).tz_localize("Asia/Tokyo")
    utc = TIME.astype(f"M8[{unit}]").astype("M8[ns]").astype(np.int64) - 9 * 3600 * 10**9
    frame = pd.DataFrame({"time": stamps, "price": PRICE})
    for table in (frame, frame.set_index("time"), pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        ticks = Ticks(table)
        np.testing.assert_array_equal(ticks.time_ns, utc)
        assert ticks.tz == "Asia/Tokyo"
    assert Ticks(frame, tz="Europe/Paris").tz == "Europe/Paris"
    np.testing.assert_array_equal(Ticks(frame, tz="Europe/Paris").time_ns, utc)


def test_python_datetimes() -> None:
    zone = ZoneInfo("America/New_York")
    aware = [dt.datetime(2024, 3, 14, 9, 30, tzinfo=zone), dt.datetime(2024, 3, 14, 9, 31, tzinfo=zone)]
    ticks = Ticks({"time": aware, "price": [1, 2]})
    assert ticks.time_ns[0] == int(aware[0].timestamp()) * 10**9
    assert ticks.tz == "America/New_York"
    fine = [pd.Timestamp("2024-03-14 09:30:00.123456789"), pd.Timestamp("2024-03-15")]
    assert Ticks({"time": fine, "price": [1, 2]}).time_ns[0] % 1000 == 789
    days = [dt.date(2024, 3, 14), dt.date(2024, 3, 15)]
    assert Ticks({"time": days, "price": [1, 2]}).time_ns[0] == 1710374400 * 10**9


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (dt.timezone(dt.timedelta(hours=5, minutes=30)), "+05:30"),
        (dt.timezone(dt.timedelta(hours=-3), "BRT"), "-03:00"),
        (dt.timezone(dt.timedelta(0), "GMT"), "UTC"),
        (tz.gettz("America/New_York"), "America/New_York"),
        (tz.tzoffset("here", 3600), "+01:00"),
        (ZoneInfo("Asia/Tokyo"), "Asia/Tokyo"),
    ],
)
def test_zones_of_every_library_have_names_that_arrow_knows(zone: dt.tzinfo, name: str) -> None:
    frame = pd.DataFrame({"price": [1.0, 2.0]}, index=pd.date_range("2024-01-01", periods=2, tz=zone))
    ticks = Ticks(frame)
    assert ticks.tz == name
    assert ticks.time_ns[0] == frame.index[0].value
    assert pa.table(ticks.to_arrow()).to_pandas()["time"][0] == frame.index[0]


def test_masked_values_are_missing() -> None:
    time = TIME[:3]
    masked = np.ma.array([1, -999, 3], mask=[False, True, False])
    with pytest.raises(ValueError, match="'price' must be finite, got nan at row 1"):
        Ticks({"time": time, "price": masked})
    with pytest.raises(ValueError, match="got NaT at row 1"):
        Ticks({"time": np.ma.array(time, mask=masked.mask), "price": [1.0, 2.0, 3.0]})
    assert Ticks({"time": time, "price": np.ma.array([1, 2, 3])}).price.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(("bad", "row"), [([1.0, 2.7], 1), ([1e30, 2.0], 0)])
def test_counts_are_whole(bad: list[float], row: int) -> None:
    prices = {name: [1.0, 2.0] for name in ("open", "high", "low", "close")}
    with pytest.raises(ValueError, match=f"'count' must hold whole numbers below .* at row {row}"):
        Bars({"time": TIME[:2], **prices, "count": bad})


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        ["America/Chicago", "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns"]
    ),
    st.lists(st.integers(-2_000_000_000, 4_000_000_000), min_size=1, max_size=50),
)
def test_naive_stamps_mean_the_zone(zone: str, seconds: list[int]) -> None:
    utc = np.array(sorted(seconds), dtype="M8[s]")
    index = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(zone)
    local = index.tz_localize(None)
    # Of an hour that comes twice either is right here: order alone cannot tell a single stamp's.
    once = ~index.tz_localize(None).tz_localize(zone, ambiguous="NaT").isna()
    if not once.any():
        return
    ticks = Ticks({"time": local[once].to_numpy(), "price": np.ones(once.sum())}, tz=zone)
    np.testing.assert_array_equal(ticks.time_ns, utc[once].astype("M8[ns]").astype(np.int64))


@pytest.mark.parametrize("zone", ["America/Chicago", "Europe/London", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("step_s", [61, 7207])
def test_naive_stamps_of_years_pass_every_change_of_the_clocks(zone: str, step_s: int) -> None:
    utc = (np.arange(200_000) * step_s + 1_577_836_800).astype("M8[s]").astype("M8[ns]")
    local = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    once = ~local.tz_localize(zone, ambiguous="NaT").isna() if step_s > 3600 else np.ones(len(utc), bool)
    ticks = Ticks({"time": local[once].to_numpy(), "price": np.ones(once.sum())}, tz=zone)
    np.testing.assert_array_equal(ticks.time_ns, utc[once].astype(np.int64))


def test_the_hour_that_comes_twice_goes_by_order() -> None:
    utc = np.arange("2023-11-05T05:00", "2023-11-05T09:00", 10, dtype="M8[m]").astype("M8[ns]")
    local = (
        pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert("America/Chicago").tz_localize(None).to_numpy()
    )
    ticks = Ticks({"time": local, "price": np.ones(len(local))}, tz="America/Chicago")
    np.testing.assert_array_equal(ticks.time_ns, utc.astype(np.int64))


@pytest.mark.parametrize("row", [0, 3599, 3600, 4200, 7198, 7200, 8000])
def test_a_late_row_is_no_change_of_the_clocks(row: int) -> None:
    utc = np.arange("2024-11-03T05:00", "2024-11-03T09:00", dtype="M8[s]").astype("M8[ns]")
    local = pd.DatetimeIndex(utc, tz="UTC").tz_convert("America/Chicago").tz_localize(None).to_numpy().copy()
    for values in (utc, local):
        values[[row, row + 1]] = values[[row + 1, row]]
    zone = Zone.of("America/Chicago")
    np.testing.assert_array_equal(local_to_utc("t", "time", local.view("i8"), zone), utc.view("i8"))


def test_rows_in_no_order_need_offsets_in_the_hour_that_comes_twice() -> None:
    local = np.array(["2024-11-03T03:00", "2024-11-03T00:30", "2024-11-03T01:30"], "M8[ns]").view("i8")
    zone = Zone.of("America/Chicago")
    assert len(local_to_utc("t", "time", local[:2], zone, ordered=False)) == 2
    with pytest.raises(
        ValueError, match=r"must have offsets .* 2024-11-03T01:30:00 at row 2, .* as 01:30-05:00"
    ):
        local_to_utc("t", "time", local, zone, ordered=False)


@pytest.mark.parametrize(
    "stamps",
    [
        np.array(["2024-01-01", "2262-01-01"], "M8[ns]"),
        np.array(["2024-01-01", "2262-01-01"], "M8[D]"),
        np.array(["2024-01-01", "1677-12-31T23:59:59.999999999"], "M8[ns]"),
        np.array([1_704_067_200 * 10**9, 2**63 - 1]),
        np.array([1_704_067_200, 9_300_000_000]),
        np.array([1_704_067_200.0, 9_300_000_000.0]),
    ],
)
def test_stamps_without_room_for_a_bar_around_them_are_refused(stamps: npt.NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"must lie between 1678 and 2262, got .* at row 1"):
        Ticks({"time": stamps, "price": np.ones(2)})


def test_dates_in_digits_are_no_milliseconds() -> None:
    with pytest.raises(
        ValueError, match=r"must count s, ms, us or ns since 1970.* got 202401010930 at row 0"
    ):
        Ticks({"time": np.array([2024_01_01_09_30, 2024_01_01_09_31]), "price": np.ones(2)})
    ms = np.array([2024_01_01_09_30, 2024_01_01_09_60])  # half a second of 1976
    assert Ticks({"time": ms, "price": np.ones(2)}).time_ns.tolist() == (ms * 10**6).tolist()


def test_a_missing_stamp_in_nanoseconds_is_told_and_leaves_the_others_exact() -> None:
    time = 1_710_000_000_123_456_789 + np.arange(4)
    masked = np.ma.masked_array(time, [False, False, True, False])
    for column in (masked, pd.Series(time, dtype="Int64").where([True, True, False, True])):
        with pytest.raises(ValueError, match="must have a time in every row, got none at row 2"):
            Ticks({"time": column, "price": np.ones(4)})


@pytest.mark.parametrize("edge", ["1678-01-01", "2261-12-31T23:59:59.999999999"])
@pytest.mark.parametrize("text", ["1s", "1D", "1W", "1M"])
def test_the_first_and_the_last_stamps_have_bars(edge: str, text: str) -> None:
    ticks = Ticks({"time": np.array([edge], "M8[ns]"), "price": np.ones(1)})
    for zone in ("UTC", "America/Chicago", "Asia/Tokyo"):
        bars = ticks.resample(text, tz=zone)
        assert len(bars) == 1
        assert 0 <= int(ticks.time_ns[0]) - int(bars.time_ns[0]) < 32 * 86_400 * 10**9


def test_an_hour_that_never_was() -> None:
    time = np.array(["2024-03-10T01:59", "2024-03-10T02:30"], "M8[s]")
    with pytest.raises(
        ValueError, match=r"got 2024-03-10T02:30:00.* at row 1, when clocks in America/Chicago"
    ):
        Ticks({"time": time, "price": [1, 2]}, tz="America/Chicago")
    with pytest.raises(ValueError, match="IANA time zone"):
        Ticks({"time": time, "price": [1, 2]}, tz="America/Chicgo")


# ---- sides


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("side", [1, -1, 0, 1]),
        ("side", [1.0, -1.0, np.nan, 1.0]),
        ("is_buyer_maker", [0.0, 1.0, np.nan, 0.0]),
        ("side", ["buy", "SELL", None, "B"]),
        ("side", ["B", "A", "N", "Buy"]),
        ("side", ["b", "s", "", "1"]),
        ("is_buyer_maker", [False, True, None, False]),
        ("buyer_maker", ["False", "True", None, "false"]),
        ("isBuyerMaker", pd.array([0, 1, None, 0], dtype="Int8")),
    ],
)
def test_sides(name: str, values: Any) -> None:
    for table in (
        {"time": TIME, "price": PRICE, name: values},
        pd.DataFrame({"time": TIME, "price": PRICE, name: values}),
    ):
        side = Ticks(table).side
        assert side is not None
        assert side.dtype == np.int8
        assert side.tolist() == [1, -1, 0, 1]


def test_boolean_makers() -> None:
    side = Ticks({"time": TIME, "price": PRICE, "buyer_maker": [True, False, True, False]}).side
    assert side is not None
    assert side.tolist() == [-1, 1, -1, 1]


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ([1, 2, 0, 1], ValueError, "must be -1, 0 or 1, got 2 at row 1"),
        (np.array([1, -3, 0, 1], np.int8), ValueError, "got -3 at row 1"),
        ([1, 0.5, 0, 1], ValueError, r"got 0.5 at row 1"),
        ([1, 0, -np.inf, 1], ValueError, r"got -inf at row 2"),
        (np.array([1, 0, 200, 1], np.uint8), ValueError, r"got 200 at row 2"),
        (["buy", "sell", "maybe", "buy"], ValueError, "got 'maybe' at row 2"),
        ([True, False, True, True], TypeError, "got bool.*is_buyer_maker"),
        (TIME, TypeError, "must hold sides"),
    ],
)
def test_bad_sides(values: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=f"column 'side'.*{says}"):
        Ticks({"time": TIME, "price": PRICE, "side": values})


# ---- values


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 2, 9_999])
def test_prices_must_be_finite(bad: float, row: int) -> None:
    price = np.ones(10_000)
    price[row] = bad
    price[-1] = bad
    with pytest.raises(
        ValueError, match=rf"^Ticks: column 'price' must be finite, got {bad} at row {row}\. Drop"
    ):
        Ticks({"time": np.full(10_000, 1_710_408_600), "price": price})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sizes_must_be_finite_and_positive(bad: float, dtype: type) -> None:
    size = np.ones(10_000, dtype)
    size[4321] = bad
    with pytest.raises(
        ValueError, match=r"column 'qty' must be finite and not negative, got \S+ at row 4321"
    ):
        Ticks({"time": np.full(10_000, 1_710_408_600), "price": np.ones(10_000), "qty": size})
    assert Ticks({"time": TIME, "price": PRICE, "qty": [0, 0, 0, 0]}).size is not None


def test_the_first_fault_of_millions_is_found() -> None:
    n = 5_000_000
    time = np.arange(n, dtype=np.int64) + 10**18
    price = np.ones(n)
    price[[3_000_001, 4_999_999]] = np.nan
    with pytest.raises(ValueError, match="at row 3000001"):
        Ticks({"time": time, "price": price})
    time[[2_097_152, 4_000_000]] = 10**18
    with pytest.raises(ValueError, match="at row 2097152"):
        Ticks({"time": time, "price": np.ones(n)})


def test_unsorted_times_say_how_to_sort() -> None:
    time = TIME[[0, 2, 1, 3]]
    frame = pd.DataFrame({"stamp": time, "price": PRICE})
    for table, remedy in (
        (frame, r"df\.sort_values\('stamp', kind='stable'\)"),
        (frame.set_index("stamp"), r"df\.sort_index\(kind='stable'\)"),
        (pl.from_pandas(frame), r"df\.sort\('stamp', maintain_order=True\)"),
        (pa.Table.from_pandas(frame), r"np\.argsort\(table\['stamp'\], kind='stable'\)"),
        ({"stamp": time, "price": PRICE}, r"np\.argsort\(columns\['stamp'\], kind='stable'\)"),
    ):
        with pytest.raises(
            ValueError,
            match=rf"'stamp' must be in time order, got 2024-03-14T09:30:00.25.*at row 2.*{remedy}",
        ):
            Ticks(table, time="stamp")
    assert len(Ticks(frame.sort_values("stamp", kind="stable"), time="stamp")) == 4


@pytest.mark.parametrize(
    ("price", "says"),
    [
        (["1", "2", "3", "4"], "must hold numbers, got text at row 0"),
        (["1", None, "n/a", "4"], "must hold numbers, got 'n/a' at row 2"),
        ([True, False, True, True], "must hold numbers, got bool"),
        (TIME, "must hold numbers, got datetime64"),
        ([1, "2", 3, 4], "must hold numbers, got"),
    ],
)
def test_prices_must_be_numbers(price: Any, says: str) -> None:
    with pytest.raises(TypeError, match=f"column 'price' {says}"):
        Ticks({"time": TIME, "price": price})


def test_missing_prices_are_no_numbers() -> None:
    with pytest.raises(ValueError, match="got nan at row 1"):
        Ticks({"time": TIME, "price": [1, None, 3, 4]})
    with pytest.raises(ValueError, match="got nan at row 1"):
        Ticks(pl.DataFrame({"time": TIME, "price": [1, None, 3, 4]}))
    assert Ticks({"time": TIME, "price": [Decimal("1.25")] * 4}).price[0] == 1.25


def test_missing_times_in_arrow() -> None:
    for time in (
        pa.array([TIME[0], None, TIME[2], TIME[3]]),
        pa.array([dt.date(2024, 1, 1), None, None, None]),
    ):
        for table in (pa.table({"time": time, "price": PRICE}), {"time": time, "price": PRICE}):
            with pytest.raises(
                ValueError, match=r"column 'time' must have a time in every row, got NaT at row 1"
            ):
                Ticks(table)


def test_shapes() -> None:
    with pytest.raises(ValueError, match=r"one length, got \{'time': 4, 'price': 3\}"):
        Ticks({"time": TIME, "price": PRICE[:3]})
    with pytest.raises(ValueError, match=r"one dimension, got shape \(2, 2\)"):
        Ticks({"time": TIME, "price": PRICE.reshape(2, 2)})
    for table in (PRICE, np.zeros((2, 2)), 7, None, [1, 2], "ticks.csv"):
        with pytest.raises(TypeError, match=r"^Ticks: "):
            Ticks(table)
    with pytest.raises(TypeError, match="read_ticks"):
        Ticks("ticks.csv")


@pytest.mark.parametrize(
    "table",
    [
        {"time": [], "price": []},
        pd.DataFrame({"time": [], "price": [], "size": [], "side": []}),
        pd.DataFrame(COLUMNS)[:0],
        pl.DataFrame(COLUMNS)[:0],
        pa.table(COLUMNS)[:0],
        pa.table(COLUMNS).schema.empty_table(),
        structured()[:0],
    ],
    ids=str,
)
def test_an_empty_table_is_an_empty_history(table: Any) -> None:
    ticks = Ticks(table)
    assert len(ticks) == 0
    assert ticks.price_step > 0
    assert len(ticks.to_pandas()) == 0
    assert "empty" in repr(ticks)


# ---- bars


OHLCV = {
    "Open time": TIME,
    "Open": [1.0, 2, 3, 4],
    "High": [2.0, 3, 4, 5],
    "Low": [0.5, 1, 2, 3],
    "Close": [1.5, 2.5, 3.5, 4.5],
    "Volume": [1, 0, 2, 3],
    "Adj Close": [9.0, 9, 9, 9],
}


def test_bars_from_tables() -> None:
    for table in (OHLCV, pd.DataFrame(OHLCV), pl.DataFrame(OHLCV), pa.table(OHLCV)):
        bars = Bars(table)
        assert bars.close.tolist() == OHLCV["Close"]
        assert bars.volume is not None
        assert bars.volume.tolist() == OHLCV["Volume"]
        assert bars.count is None
    assert (
        Bars(OHLCV, close="Volume", volume="Close", low="Volume", time="Open time", high="Adj Close").close[3]
        == 3
    )


def test_prices_of_a_bar_must_fit() -> None:
    for name, row, value in (("High", 1, 1.5), ("Low", 2, 3.25), ("Open", 3, 99.0), ("Close", 0, 0.25)):
        table = {key: list(column) for key, column in OHLCV.items()}
        table[name][row] = value
        with pytest.raises(
            ValueError,
            match=rf"^Bars: column '(High|Low)' must hold low <= open, close <= high.* at row {row}",
        ):
            Bars(table)
    table = {key: list(column) for key, column in OHLCV.items()}
    table["Low"][2] = float("nan")
    with pytest.raises(ValueError, match=r"column 'Low' must be finite, got nan at row 2"):
        Bars(table)


def test_ticks_are_not_bars() -> None:
    with pytest.raises(ValueError, match="use Ticks"):
        Bars(COLUMNS)


@pytest.mark.parametrize(
    "series", [pd.Series(PRICE, TIME), pl.Series(PRICE), nw.from_native(pl.Series(PRICE), allow_series=True)]
)
@pytest.mark.parametrize("kind", [Ticks, Bars])
def test_a_series_is_no_table(kind: Any, series: Any) -> None:
    with pytest.raises(TypeError, match=r"got a Series\. Make it a dataframe: series\.to_frame\('price'\)"):
        kind(series)


def test_a_series_in_a_frame_is_one() -> None:
    assert Ticks(pd.Series(PRICE, TIME).to_frame("price")).close.tolist() == PRICE.tolist()


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["time", "size"], r"price must be one of the columns.*\. Add it\."),
        (["time", "PX_LAST", "size"], r"Name it, for example Ticks\(df, price='PX_LAST'\)\."),
        (["time", "price", "price"], "price must be one column, got 'price', which several .* Rename them"),
        (["time", "price", "last"], "2 that may be it: 'price', 'last'. Name the right one: price='price'"),
    ],
)
def test_remedies_for_names_are_columns_that_may_be_it(names: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Ticks(pd.DataFrame(np.ones((3, len(names))), columns=names))


def test_columns_of_several_levels() -> None:
    columns = pd.MultiIndex.from_product([["Open", "High", "Low", "Close", "Volume"], ["ES"]])
    frame = pd.DataFrame(np.ones((3, 5)), pd.date_range("2024", periods=3, name="Date"), columns)
    with pytest.raises(ValueError, match=r"df\.columns = df\.columns\.get_level_values\(0\)\."):
        Bars(frame)
    frame.columns = frame.columns.get_level_values(0)
    assert len(Bars(frame)) == 3
