"""Rows for the tests of sources."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kf_widget.history.ticks import Ticks
from kf_widget.sources.batch import Batch
from kf_widget.sources.order import joined
from kf_widget.sources.stream import TickStream

EMPTY = Batch(np.empty(0, np.int64), np.empty(0), None, None)


def columns_of(n: int) -> dict[str, Any]:
    """Columns of n rows whose stamps are whole microseconds, as a text file keeps them; some are equal."""
    rng = np.random.default_rng(1)
    gaps = rng.integers(0, 4, n) * 250_000_000
    return {
        "time": (np.cumsum(gaps) + 1_700_000_000 * 10**9).view("M8[ns]"),
        "price": np.round(100 + np.cumsum(rng.normal(0, 0.01, n)), 2),
        "size": np.round(rng.random(n) * 100, 3),
        "side": rng.integers(-1, 2, n).astype(np.int8),
    }


def table(n: int) -> pa.Table:
    """The same with aware stamps."""
    columns = columns_of(n)
    stamps = pa.array(columns["time"]).view(pa.timestamp("ns", "UTC"))
    return pa.table({**columns, "time": stamps})


def frame(n: int) -> pd.DataFrame:
    """The same."""
    return table(n).to_pandas()


def rows_of(stream: TickStream, skip_rows: int = 0) -> Batch:
    """All rows from one on; every batch must be what the stream says it is."""
    batches = list(stream.batches(skip_rows))
    for batch in batches:
        assert batch.time_ns.dtype == np.int64
        assert batch.price.dtype == np.float64
        assert (batch.size is None) == (stream.schema.size is None)
        assert batch.size is None or batch.size.dtype == stream.schema.size
        assert (batch.side is not None) == stream.schema.side
        assert batch.side is None or batch.side.dtype == np.int8
        assert len(batch.time_ns)
    return joined(batches) if batches else EMPTY


def assert_same(rows: Batch, expected: Ticks, skip_rows: int = 0) -> None:
    """The rows are those of ticks in memory, bit for bit."""
    assert len(rows.time_ns) == max(len(expected) - skip_rows, 0)
    if not len(rows.time_ns):
        return
    for mine, theirs in zip(
        rows, (expected.time_ns, expected.price, expected.size, expected.side), strict=True
    ):
        if theirs is None:
            assert mine is None
        else:
            assert mine is not None
            assert np.array_equal(mine, theirs[skip_rows:])
