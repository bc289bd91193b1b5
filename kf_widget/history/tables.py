"""Any table seen as named columns in NumPy (numbers, times) or Arrow (text)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Column", "Table", "arrow_table", "first_of_two_kinds", "open_table", "unmasked"]

_ARROW_SORT = "table = table.take(np.argsort(table[{}], kind='stable'))"
_NAT = np.iinfo(np.int64).min
_EXACT = 1 << 53  # floats tell whole numbers apart up to here


@dataclass(frozen=True)
class Column:
    """One column as it came, not yet checked.

    values : numbers, booleans or datetime64 (n,); None where the column is text.
    text : Arrow string array, where it is text.
    zone : time zone of aware stamps; values are then UTC.
    """

    values: npt.NDArray[Any] | None = None
    text: Any = None
    zone: str | None = None

    def __len__(self) -> int:
        return len(self.text) if self.values is None else len(self.values)

    @property
    def dtype(self) -> str:
        """What it holds, in words for messages."""
        return "text" if self.values is None else str(self.values.dtype)


@dataclass(frozen=True)
class Table:
    """Names of the columns, and a way to get some of them.

    names : all columns seen.
    select : name of columns wanted -> `Column` of each.
    time_index : the column that is the table's own index of times.
    sort : how its user sorts it by time, for messages; `{}` stands for the column.
    """

    names: Sequence[str]
    select: Callable[[Sequence[str]], dict[str, Column]]
    time_index: str | None = None
    sort: str = "order = np.argsort(columns[{}], kind='stable'), then every column[order]"


def open_table(what: str, obj: Any) -> Table:
    """See any tabular object as a `Table`; reads nothing yet where that can be.

    Raises
    ------
    TypeError : it is no table.
    """
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(obj, pandas.DataFrame):
        return _pandas_table(obj)
    if isinstance(obj, Mapping):
        return _mapping_table(what, obj)
    if isinstance(obj, np.ndarray):
        if obj.dtype.names is None or obj.ndim != 1:
            raise TypeError(
                f"{what}: an array must be structured and of one dimension, got {obj.dtype} of shape "
                f"{obj.shape}. Name the columns in a dict: {{'time': ..., 'price': ...}}."
            )
        return Table(obj.dtype.names, lambda names: {n: _array_column(what, n, obj[n]) for n in names})
    if not isinstance(obj, str | bytes | Sequence):
        import narwhals as nw

        frame = nw.from_native(obj, pass_through=True, allow_series=True)
        if isinstance(frame, nw.Series):
            raise TypeError(
                f"{what}: obj must have columns of times and prices, got a Series. "
                "Make it a dataframe: series.to_frame('price')."
            )
        if isinstance(frame, nw.DataFrame | nw.LazyFrame):
            return _narwhals_table(frame)
        if hasattr(obj, "__arrow_c_stream__"):
            import pyarrow as pa

            return arrow_table(pa.RecordBatchReader.from_stream(obj).read_all())
    hint = "Read files with read_ticks or read_bars." if isinstance(obj, str) else "Try a dict of arrays."
    raise TypeError(
        f"{what}: obj must be a dataframe, an Arrow stream, a dict of arrays or a structured array, "
        f"got {type(obj).__name__}. {hint}"
    )


def _pandas_table(frame: Any) -> Table:
    import pandas as pd

    by_name: dict[str, list[int]] = {}
    for i, name in enumerate(frame.columns):
        by_name.setdefault(str(name), []).append(i)
    names = [name for name, at in by_name.items() for _ in at]
    index = None
    if isinstance(frame.index, pd.DatetimeIndex):
        index = "index" if frame.index.name is None else str(frame.index.name)
        names.append(index)

    def select(wanted: Sequence[str]) -> dict[str, Column]:
        return {
            name: _pandas_column(frame.index if name == index else frame.iloc[:, by_name[name][0]])
            for name in wanted
        }

    return Table(names, select, index, "df = df.sort_values({}, kind='stable')")


def _pandas_column(series: Any) -> Column:
    import pandas as pd
    import pyarrow as pa

    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufbM":
        return Column(series.to_numpy())
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return Column(series.to_numpy(dtype=f"M8[{series.dtype.unit}]"), zone=_zone_name(series.dtype.tz))
    if series.dtype == object:
        return _object_column(series.to_numpy())
    return _arrow_column(pa.chunked_array(pa.array(series, from_pandas=True)))


def _zone_name(zone: tzinfo) -> str:
    """IANA name of a time zone, or its offset as "+05:30", whichever library it is of."""
    offset = zone.utcoffset(None)
    if offset is None:
        import pyarrow as pa

        return str(pa.lib.tzinfo_to_string(zone))
    minutes = round(offset.total_seconds() / 60)
    return (
        f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}" if minutes else "UTC"
    )


def _mapping_table(what: str, mapping: Mapping[Any, Any]) -> Table:
    names = [str(name) for name in mapping]
    by_name = dict(zip(names, mapping.values(), strict=True))

    def select(wanted: Sequence[str]) -> dict[str, Column]:
        columns = {name: _any_column(what, name, by_name[name]) for name in wanted}
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{what}: columns must have one length, got {lengths}.")
        return columns

    return Table(names, select)


def _any_column(what: str, name: str, values: Any) -> Column:
    """A column of a dict: list, NumPy or Arrow array, Series of any kind."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(values, pandas.Series | pandas.Index):
        return _pandas_column(values)
    if hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__"):
        import pyarrow as pa

        return _arrow_column(
            pa.chunked_array(values if hasattr(values, "__arrow_c_stream__") else [pa.array(values)])
        )
    return _array_column(what, name, unmasked(values))


def unmasked(values: Any) -> npt.NDArray[Any]:
    """An array in which what was masked is NaN, NaT or, as in `_arrow_column`, the lowest int64."""
    if not isinstance(values, np.ma.MaskedArray):
        return np.asarray(values)
    if values.dtype.kind in "iub" and np.ma.is_masked(values):
        if values.dtype.kind != "b" and values.count() and _beyond_floats(values.min(), values.max()):
            return np.where(np.ma.getmaskarray(values), _NAT, values.data.astype(np.int64))
        values = values.astype(np.float64)
    missing = {"f": np.nan, "M": np.datetime64("NaT")}.get(values.dtype.kind)
    return np.asarray(values.filled(missing))


def _array_column(what: str, name: str, values: npt.NDArray[Any]) -> Column:
    if values.ndim != 1:
        raise ValueError(
            f"{what}: column {name!r} must have one dimension, got shape {values.shape}. "
            "Pass one value a row."
        )
    if values.dtype.kind in "iufbM":
        return Column(values)
    return _object_column(values)


def _object_column(values: npt.NDArray[Any]) -> Column:
    """Python objects and NumPy text; Arrow tells what they are."""
    import pyarrow as pa

    pandas = sys.modules.get("pandas")
    first = next((v for v in values if v is not None and v == v), None)
    if isinstance(first, datetime) and first_of_two_kinds(values) >= 0:
        return Column(values)  # Arrow would take all for the first one's kind
    if pandas is not None and isinstance(first, pandas.Timestamp):
        return _pandas_column(
            pandas.Series(pandas.to_datetime(list(values)))
        )  # Arrow would cut to microseconds
    try:
        return _arrow_column(pa.chunked_array([pa.array(values, from_pandas=True)]))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return Column(values)


def first_of_two_kinds(values: npt.NDArray[Any]) -> int:
    """The first row whose datetime has a time zone where those before have none, or the reverse; or -1."""
    aware = None
    for row, value in enumerate(values):
        if isinstance(value, datetime) and value == value:
            if aware is not None and aware != (value.tzinfo is not None):
                return row
            aware = value.tzinfo is not None
    return -1


def arrow_table(
    table: pa.Table, *, select: Callable[[Sequence[str]], dict[str, Column]] | None = None
) -> Table:
    """A pyarrow Table as a `Table`; `select` reads the columns where the table has names only."""
    return Table(
        table.column_names,
        select or (lambda names: {name: _arrow_column(table.column(name)) for name in names}),
        sort=_ARROW_SORT,
    )


def _narwhals_table(frame: Any) -> Table:
    import narwhals as nw

    def select(wanted: Sequence[str]) -> dict[str, Column]:
        some = frame.select(list(dict.fromkeys(wanted)))
        if isinstance(some, nw.LazyFrame):
            some = some.collect(backend="pyarrow" if some.implementation.is_duckdb() else None)
        return arrow_table(some.to_arrow()).select(wanted)

    sort = _ARROW_SORT if frame.implementation.is_pyarrow() else "a stable sort by {}"
    if frame.implementation.is_polars():
        sort = "df = df.sort({}, maintain_order=True)"
    return Table(frame.collect_schema().names(), select, sort=sort)


def _beyond_floats(low: int, high: int) -> bool:
    """Whether floats would round some whole numbers in between, and int64 has room for all and for a mark."""
    return (low < -_EXACT or high > _EXACT) and low > _NAT and high <= np.iinfo(np.int64).max


def _arrow_column(column: pa.ChunkedArray) -> Column:
    """Zero-copy for one chunk of numbers or times without nulls; nulls become NaN and NaT.

    Those of whole numbers that floats would round, as stamps in nanoseconds are, become the lowest int64.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_timestamp(kind):
        stamps = column.cast(pa.int64()) if column.num_chunks != 1 else column.chunk(0).view(pa.int64())
        if stamps.null_count:
            stamps = stamps.fill_null(_NAT)
        return Column(_numpy(stamps).view(f"M8[{kind.unit}]"), zone=kind.tz)
    if pa.types.is_date(kind):
        return Column(_numpy(column.cast(pa.timestamp("ms")).cast(pa.int64()).fill_null(_NAT)).view("M8[ms]"))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return Column(text=column.cast(pa.large_string()).combine_chunks())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return Column(text=column.cast(pa.large_string()).combine_chunks())
    if pa.types.is_boolean(kind):
        return Column(_numpy(column.cast(pa.int8())) if column.null_count else _numpy(column))
    if pa.types.is_decimal(kind):
        return Column(_numpy(column.cast(pa.float64())))
    if pa.types.is_null(kind):
        return Column(np.full(len(column), np.nan))
    if pa.types.is_integer(kind) and column.null_count:
        import pyarrow.compute as pc

        span = pc.min_max(column).as_py()
        if _beyond_floats(span["min"] or 0, span["max"] or 0):
            return Column(_numpy(column.cast(pa.int64()).fill_null(_NAT)))
    return Column(_numpy(column))


def _numpy(column: Any) -> npt.NDArray[Any]:
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # no chunk at all
        column = pa.array([], column.type)
    values: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values
