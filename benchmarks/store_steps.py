"""The steps of benchmarks/store.py, each measured in a process of its own, which prints JSON.

    python benchmarks/store_steps.py STEP FOLDER [ROWS]

In FOLDER: `files/`, Parquet files of ticks; `store/`, the store made of them; `NAME.parquet`, bars.
"""

from __future__ import annotations

import datetime
import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))

ROWS_A_FILE: Final = 10_000_000
DAYS: Final = 5 * 365
START: Final = datetime.date(2020, 1, 1)
ZOOMS: Final = ("1D", "4h", "1h", "15m", "5m", "1m", "5s", "1s")
CANDLES: Final = 300
SIZE: Final = (1200, 600)
FRAMES: Final = 300
COLD_FRAMES: Final = 15
MEMORY_ROWS: Final = 1_000_000
BATCH_ROWS: Final = 1 << 20
WRITE_BYTES: Final = 1 << 23
SQL: Final = """
COPY (
    SELECT epoch_ns(time) // 60000000000 AS minute,
           arg_min(price, file_index * 1000000000000 + file_row_number) AS open,
           max(price) AS high, min(price) AS low,
           arg_max(price, file_index * 1000000000000 + file_row_number) AS close,
           sum(size) AS volume, count(*) AS count
    FROM read_parquet(?) GROUP BY minute ORDER BY minute
) TO '{to}' (FORMAT parquet)
"""


def files_of(folder: Path) -> list[Path]:
    """The Parquet files, in the order of their ticks."""
    return sorted((folder / "files").iterdir())


def drop_cache(folder: Path) -> None:
    """Write out and forget what the page cache holds of a folder's files; none of them may be mapped."""
    for path in folder.rglob("*"):
        if path.is_file():
            fd = os.open(path, os.O_RDONLY)
            try:
                os.fsync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)


def make(folder: Path, n: str) -> dict[str, Any]:
    """So many seeded ticks of five years, in one Parquet file after the other."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from kf_widget.history.sample import sample_ticks

    (folder / "files").mkdir()
    rows = int(n)
    n_files = -(-rows // ROWS_A_FILE)
    days = np.linspace(0, DAYS, n_files + 1).astype(int).tolist()
    cuts = np.linspace(0, rows, n_files + 1).astype(int).tolist()
    for i in range(n_files):
        first = START + datetime.timedelta(days=days[i])
        years = (days[i + 1] - days[i]) / 365.25
        made = sample_ticks(cuts[i + 1] - cuts[i], years=years, seed=i, start=first)
        columns = {
            "time": pa.array(made.time_ns).view(pa.timestamp("ns", "UTC")),
            "price": made.price,
            "size": np.asarray(made.size, np.float32),
            "side": made.side,
        }
        pq.write_table(pa.table(columns), folder / "files" / f"ticks-{i:05}.parquet")
    return {"bytes": sum(path.stat().st_size for path in files_of(folder))}


def read(folder: Path) -> dict[str, Any]:
    """Pyarrow, all columns, threads on, nothing done with them."""
    import pyarrow.parquet as pq

    rows = 0
    began = time.perf_counter()
    for path in files_of(folder):
        with pq.ParquetFile(path) as opened:
            for batch in opened.iter_batches(BATCH_ROWS, use_threads=True):
                rows += batch.num_rows
    return {"seconds": time.perf_counter() - began, "rows": rows}


def write(folder: Path) -> dict[str, Any]:
    """As many bytes as the columns of the files' ticks take, into one file, one after the other, synced."""
    import pyarrow.parquet as pq

    from kf_widget.sources.open import open_stream
    from kf_widget.store.layout import tick_columns

    rows = sum(pq.read_metadata(path).num_rows for path in files_of(folder))
    columns = tick_columns(open_stream(str(folder / "files")).schema)
    left = total = rows * sum(column.dtype.itemsize for column in columns)
    data = memoryview(np.random.default_rng(0).bytes(WRITE_BYTES))
    path = folder / "plain"
    began = time.perf_counter()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        while left:
            left -= os.write(fd, data[: min(left, WRITE_BYTES)])
        os.fsync(fd)
    finally:
        os.close(fd)
    seconds = time.perf_counter() - began
    path.unlink()
    return {"seconds": seconds, "bytes": total}


def ingest(folder: Path) -> dict[str, Any]:
    """`kf_widget.ingest`, the kernels loaded by a small one before."""
    import shutil

    import kf_widget

    small = kf_widget.sample_ticks(MEMORY_ROWS)
    columns = {"time": small.time_ns, "price": small.price, "size": small.size, "side": small.side}
    kf_widget.ingest(columns, folder / "small", progress=False).close()
    shutil.rmtree(folder / "small")
    began = time.perf_counter()
    store = kf_widget.ingest(str(folder / "files"), folder / "store", progress=False)
    return {"seconds": time.perf_counter() - began, "rows": len(store), "levels": len(store.levels)}


def duckdb(folder: Path) -> dict[str, Any]:
    """One-minute bars by DuckDB; equal stamps keep the order of the files."""
    import duckdb as engine

    query = SQL.format(to=folder / "duckdb.parquet")
    began = time.perf_counter()
    engine.execute(query, [[str(path) for path in files_of(folder)]])
    return {"seconds": time.perf_counter() - began}


def polars(folder: Path) -> dict[str, Any]:
    """One-minute bars by polars' streaming engine."""
    import polars as pl

    price = pl.col("price")
    began = time.perf_counter()
    rows = pl.scan_parquet(files_of(folder)).group_by_dynamic("time", every="1m")
    bars = rows.agg(
        price.first().alias("open"),
        price.max().alias("high"),
        price.min().alias("low"),
        price.last().alias("close"),
        pl.col("size").cast(pl.Float64).sum().alias("volume"),
        pl.len().alias("count"),
    ).collect(engine="streaming")
    seconds = time.perf_counter() - began
    bars.with_columns(minute=pl.col("time").dt.epoch("ns") // 60_000_000_000).write_parquet(
        folder / "polars.parquet"
    )
    return {"seconds": seconds}


def bars(folder: Path) -> dict[str, Any]:
    """One-minute bars of the store, and whether they are the others', exactly."""
    import pyarrow.parquet as pq

    import kf_widget

    kf_widget.sample_ticks(MEMORY_ROWS).resample("1m", tz="UTC", backend="cpu")
    store = kf_widget.open_ticks(folder / "store")
    began = time.perf_counter()
    ours = store.resample("1m", tz="UTC")
    seconds = time.perf_counter() - began
    columns = {
        "minute": ours.time_ns // 60_000_000_000,
        **{name: getattr(ours, name) for name in ("open", "high", "low", "close", "count")},
    }
    found: dict[str, Any] = {"seconds": seconds, "bars": len(ours), "ticks": int(ours.count.sum())}  # type: ignore[union-attr]
    for peer in ("duckdb", "polars"):
        path = folder / f"{peer}.parquet"
        if path.exists():
            table = pq.read_table(path)
            found[f"equal_to_{peer}"] = all(
                np.array_equal(table[name].to_numpy().astype(values.dtype), values)
                for name, values in columns.items()
            )
    return found


def opened(folder: Path) -> dict[str, Any]:
    """Opening the store, once in this process."""
    import kf_widget

    open_ticks = kf_widget.open_ticks
    began = time.perf_counter()
    store = open_ticks(folder / "store")
    return {"seconds": time.perf_counter() - began, "rows": len(store)}


def first(folder: Path) -> dict[str, Any]:
    """The first frame of the whole history with the page cache dropped; a chart was drawn before."""
    import kf_widget
    from kf_widget.frame.webp import warm

    warm()
    kf_widget.Chart(kf_widget.sample_ticks(MEMORY_ROWS)).render(*SIZE)
    from kf_widget.chart.compose import Style
    from kf_widget.chart.subject import Subject
    from kf_widget.chart.theme import theme_named
    from kf_widget.chart.view import Viewport
    from kf_widget.frame.render import Renderer

    open_ticks, renderer, theme = kf_widget.open_ticks, Renderer(), theme_named("modern")
    drop_cache(folder / "store")
    began = time.perf_counter()
    store = open_ticks(folder / "store")
    there = time.perf_counter()
    subject = Subject.of(store.snapshot())
    made = time.perf_counter()
    viewport = Viewport(subject.axis.start, subject.axis.stop, None, *SIZE)
    frame = renderer.render(subject, viewport, Style("auto"), theme)
    done = time.perf_counter()
    return {
        "open_s": there - began,
        "axis_s": made - there,
        "frame_s": done - made,
        "seconds": done - began,
        "candles": len(frame.picture.columns),
    }


def frames(folder: Path) -> dict[str, Any]:
    """Whole frames at random places, page cache warm, of the store and of 1e6 rows in memory."""
    import kf_widget
    from benchmarks.frame import spread
    from kf_widget.chart.compose import Style
    from kf_widget.chart.subject import Subject
    from kf_widget.chart.theme import theme_named
    from kf_widget.frame.render import Renderer
    from kf_widget.frame.webp import warm

    warm()
    theme = theme_named("modern")
    stored = Subject.of(kf_widget.open_ticks(folder / "store").snapshot())
    rows: list[dict[str, Any]] = []
    everything: dict[str, list[float]] = {"store": [], "memory": []}
    for zoom in ZOOMS:
        row: dict[str, Any] = {"timeframe": zoom}
        for name in everything:
            subject = stored if name == "store" else Subject.of(_in_memory(zoom))
            renderer, style = Renderer(), Style(zoom)
            taken, candles = [], []
            for timed in (False, True):  # the first pass brings the pages in
                for viewport in _places(subject, zoom, FRAMES):
                    began = time.perf_counter()
                    frame = renderer.render(subject, viewport, style, theme)
                    if timed:
                        taken.append(time.perf_counter() - began)
                        candles.append(len(frame.picture.columns))
            row[f"{name}_ms"], row[f"{name}_candles"] = spread(taken), int(statistics.median(candles))
            everything[name] += taken
        rows.append(row)
    return {"zooms": rows, **{f"all_{name}_ms": spread(taken) for name, taken in everything.items()}}


def cold_frames(folder: Path) -> dict[str, Any]:
    """Single frames at random places of a store just opened, the page cache dropped before each."""
    import kf_widget
    from benchmarks.frame import spread
    from kf_widget.chart.compose import Style
    from kf_widget.chart.subject import Subject
    from kf_widget.chart.theme import theme_named
    from kf_widget.frame.render import Renderer
    from kf_widget.frame.webp import warm

    warm()
    theme = theme_named("modern")
    renderer = Renderer()
    kf_widget.Chart(kf_widget.sample_ticks(MEMORY_ROWS)).render(*SIZE)
    rows = []
    for zoom in ZOOMS:
        subject = Subject.of(kf_widget.open_ticks(folder / "store").snapshot())
        places = list(_places(subject, zoom, COLD_FRAMES))
        taken, opening = [], []
        for viewport in places:
            del subject
            gc.collect()
            drop_cache(folder / "store")
            began = time.perf_counter()
            subject = Subject.of(kf_widget.open_ticks(folder / "store").snapshot())
            there = time.perf_counter()
            renderer.render(subject, viewport, Style(zoom), theme)
            taken.append(time.perf_counter() - there)
            opening.append(there - began)
        rows.append({"timeframe": zoom, "frame_ms": spread(taken), "opening_ms": spread(opening)})
    return {"zooms": rows}


def append(folder: Path) -> dict[str, Any]:
    """Durable appends at the end, of 1, 1,000 and 1e6 rows; the first takes the lock and checks the tail."""
    import kf_widget
    from benchmarks.frame import spread

    store = kf_widget.open_ticks(folder / "store")
    rng = np.random.default_rng(11)
    size = store.size
    assert size is not None

    def rows(n: int) -> dict[str, npt.NDArray[Any]]:
        return {
            "time": int(store.time_ns[-1]) + np.arange(1, n + 1) * 1_000_000,
            "price": 4000 + rng.integers(-40, 40, n) * 0.25,
            "size": rng.integers(1, 100, n).astype(size.dtype),
            "side": rng.integers(-1, 2, n).astype(np.int8),
        }

    found: dict[str, Any] = {}
    for n, times in ((1, 200), (1_000, 200), (1_000_000, 9)):
        taken = []
        for _ in range(times + 1):
            more = rows(n)
            began = time.perf_counter()
            store.append(more)
            taken.append(time.perf_counter() - began)
        found[f"{n}_ms"] = spread(taken[1:])
        found.setdefault("first_ms", round(taken[0] * 1000, 3))
    return found


def _in_memory(zoom: str) -> Any:
    """1e6 rows over the few years, or days, that 300 candles of the zoom need four times over."""
    import kf_widget
    from kf_widget.history.timeframe import Timeframe

    spanned = 4 * CANDLES * Timeframe.parse(zoom).nominal_ns / 365.25 / 86400e9
    return kf_widget.sample_ticks(MEMORY_ROWS, years=min(5.0, max(spanned, 10 / 365.25)))


def _places(subject: Any, zoom: str, n: int) -> Iterator[Any]:
    """Viewports of 300 candles at random places, the same in every run."""
    from kf_widget.chart.view import Viewport
    from kf_widget.history.timeframe import Timeframe

    day_ns, _ = subject.axis.usual_open_ns
    span = int(CANDLES * (day_ns if zoom == "1D" else Timeframe.parse(zoom).nominal_ns))
    room = subject.axis.stop - subject.axis.start - span
    for at in np.random.default_rng(7).random(n):
        start = subject.axis.start + int(at * room)
        yield Viewport(start, start + span, None, *SIZE)


STEPS: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "make": make,
    "read": read,
    "write": write,
    "ingest": ingest,
    "duckdb": duckdb,
    "polars": polars,
    "bars": bars,
    "open": opened,
    "first": first,
    "frames": frames,
    "cold_frames": cold_frames,
    "append": append,
}


if __name__ == "__main__":
    result = STEPS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
    unit = 1 if sys.platform == "darwin" else 1024
    result["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(json.dumps(result))
