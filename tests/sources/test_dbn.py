"""Databento DBN files, made here."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kf_widget.errors import KfError
from kf_widget.history.ticks import Ticks
from kf_widget.sources.open import open_stream
from tests.sources.rows import assert_same, rows_of

dbn = pytest.importorskip("databento_dbn")
# databento leaves files that it cannot read to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
START = 1_704_189_600_000_000_000  # 2024-01-02T10:00Z


def write(path: Path, schema: str = "trades") -> dict[str, np.ndarray]:
    """Trades of two instruments in turn; returns the columns of the first."""
    day = datetime.date(2024, 1, 2)
    until = day + datetime.timedelta(days=1)
    mappings = [
        SimpleNamespace(
            raw_symbol=name, intervals=[SimpleNamespace(start_date=day, end_date=until, symbol=number)]
        )
        for name, number in (("ESH4", "17"), ("NQH4", "18"))
    ]
    metadata = dbn.Metadata(
        dataset="GLBX.MDP3",
        start=START,
        stype_in=dbn.SType.RAW_SYMBOL,
        stype_out=dbn.SType.INSTRUMENT_ID,
        schema=dbn.Schema.from_str(schema),
        symbols=["ESH4", "NQH4"],
        mappings=mappings,
    )
    data = bytes(metadata.encode())
    rng = np.random.default_rng(2)
    n = 5_000
    price = rng.integers(4_000, 5_000, n) * 250_000_000
    size = rng.integers(1, 50, n)
    side = rng.integers(0, 3, n)
    for i in range(n):
        data += bytes(
            dbn.TradeMsg(
                publisher_id=1,
                instrument_id=17 + i % 2,
                ts_event=START + i * 1_000,
                price=int(price[i]),
                size=int(size[i]),
                action=dbn.Action.TRADE,
                side=(dbn.Side.NONE, dbn.Side.BID, dbn.Side.ASK)[side[i]],
                depth=0,
                ts_recv=START + i * 1_000 + 500,
            )
        )
    if path.suffix == ".zst":
        import pyarrow as pa

        data = bytes(pa.Codec("zstd").compress(data))
    path.write_bytes(data)
    return {
        "time": (START + np.arange(0, n, 2) * 1_000).view("M8[ns]"),
        "price": price[::2] / 1e9,
        "size": size[::2].astype(float),
        "side": np.array([0, 1, -1])[side[::2]],
    }


@pytest.mark.parametrize("name", ["a.dbn", "a.dbn.zst"])
def test_dbn(tmp_path: Path, name: str) -> None:
    expected = Ticks(write(tmp_path / name))
    stream = open_stream(tmp_path, symbol="ESH4")
    assert stream.schema == ("float64", True, "UTC")
    assert_same(rows_of(stream), expected)
    assert_same(rows_of(stream, 1_234), expected, 1_234)
    assert stream.fingerprint
    with pytest.raises(ValueError, match="Seen: 'ESH4', 'NQH4'"):
        rows_of(open_stream(tmp_path))
    received = rows_of(open_stream(tmp_path, symbol="ESH4", time="ts_recv"))
    assert np.array_equal(received.time_ns, expected.time_ns + 500)


def test_no_dbn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.dbn").write_bytes(b"no such thing")
    with pytest.raises(KfError, match=r"a\.dbn.*cannot be read"):
        open_stream(tmp_path)
    monkeypatch.setitem(sys.modules, "databento", None)
    with pytest.raises(KfError, match=r"pip install 'kf_widget\[databento\]'"):
        open_stream(tmp_path)
