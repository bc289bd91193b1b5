"""A store of ticks from Parquet to frames: `python benchmarks/store.py [--rows 1e8] [--folder ...]`.

A market of five years in Parquet files of ten million trades, made outside of all timers, is ingested;
beside it, in the same run, pyarrow reading the same files and throwing them away, a plain write and sync of
as many bytes as the store's columns take, and DuckDB and polars making the same one-minute bars. Every step
runs in a process of its own, after the page cache was rid of the files that it reads (but where it says
warm). Writes benchmarks/results/store.json, which keeps the last run of each number of rows, and store.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import RESULTS, facts, markdown_table, save  # noqa: E402
from benchmarks.store_steps import MEMORY_ROWS, drop_cache  # noqa: E402

GIB: Final = 2**30
_FRAMES: Final = ("", "; 1e6 in memory", "; cache dropped")


def main() -> None:
    """Run what the command line asks for; prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=float, default=1e8)
    parser.add_argument("--folder", help="scratch; a temporary one by default, removed afterwards")
    parser.add_argument("--repeats", type=int, help="of the ingest; 3 up to 1e8 rows, else 1")
    chosen = parser.parse_args()
    rows = int(chosen.rows)
    repeats = chosen.repeats or (3 if rows <= 10**8 else 1)
    if chosen.folder:
        Path(chosen.folder).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="kf_widget-store-", dir=chosen.folder))
    try:
        result = measured(folder, rows, repeats)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    path = RESULTS / "store.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"runs": {}}
    kept["runs"][str(rows)] = result
    kept["runs"] = dict(sorted(kept["runs"].items(), key=lambda item: int(item[0])))
    save("store", kept)
    text = table(list(kept["runs"].values()))
    (RESULTS / "store.md").write_text(text)
    print(text)


def measured(folder: Path, rows: int, repeats: int) -> dict[str, Any]:
    """Everything of one number of rows."""
    result: dict[str, Any] = {
        "machine": facts("kf_widget", "numpy", "numba", "pyarrow", "duckdb", "polars"),
        "rows": rows,
        "files_bytes": step(folder, "make", str(rows))["bytes"],
    }
    runs: dict[str, list[dict[str, Any]]] = {"read": [], "write": [], "ingest": []}
    for _ in range(repeats):
        shutil.rmtree(folder / "store", ignore_errors=True)
        for name, taken in runs.items():
            taken.append(step(folder, name))
    for name, taken in runs.items():
        result[name] = {**taken[-1], "all_seconds": [one["seconds"] for one in taken]}
        result[name]["seconds"] = statistics.median(result[name]["all_seconds"])
        result[name]["peak_bytes"] = max(one["peak_bytes"] for one in taken)
    result["bytes"] = store_bytes(folder / "store")
    for name in ("duckdb", "polars", "bars", "first"):
        result[name] = step(folder, name)
    result["frames"] = step(folder, "frames")
    opened = [step(folder, "open", cold=False) for _ in range(5)]
    result["open"] = {"all_seconds": [one["seconds"] for one in opened]}
    result["open"]["seconds"] = statistics.median(result["open"]["all_seconds"])
    result["cold_frames"] = step(folder, "cold_frames")
    result["append"] = step(folder, "append")
    return result


def step(folder: Path, name: str, *arguments: str, cold: bool = True) -> dict[str, Any]:
    """One step in a process of its own; where it fails, the end of what it said."""
    if cold:
        drop_cache(folder)
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "store_steps.py"), name, str(folder), *arguments],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed ({done.returncode}):\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps({name: result}), flush=True)
    return result


def store_bytes(store: Path) -> dict[str, int]:
    """Bytes of the columns, the index, the levels and the rest."""
    found = {"columns": 0, "index": 0, "levels": 0, "rest": 0}
    for path in store.rglob("*"):
        if path.is_file():
            top = path.relative_to(store).parts[0]
            kind = "index" if top == "index" else "levels" if top in ("minute", "hour", "day") else "rest"
            if path.parent == store and path.suffix in (".i8", ".f8", ".f4", ".i1"):
                kind = "columns"
            found[kind] += path.stat().st_size
    return found


def figures(run: dict[str, Any]) -> dict[str, str]:
    """What the table says of a run, by line."""
    rows, read, write, ingest = run["rows"], run["read"], run["write"], run["ingest"]
    sizes, append, first = run["bytes"], run["append"], run["first"]
    beside = sizes["index"] + sizes["levels"]
    longer = max(read["seconds"], write["seconds"])

    def speed(part: dict[str, Any]) -> str:
        return f"{part['seconds']:.1f} s, {rows / part['seconds'] / 1e6:.1f} M rows/s"

    def bars(part: dict[str, Any], equal: bool) -> str:
        same = "equal" if equal else "not equal"
        return f"{part['seconds']:.1f} s, {part['peak_bytes'] / GIB:.1f} GiB, {same}"

    lines = {
        "pyarrow only reads the files": speed(read),
        "plain write and sync of the columns' bytes": (
            f"{write['seconds']:.1f} s, {write['bytes'] / write['seconds'] / 1e6:.0f} MB/s"
        ),
        "**ingest**": speed(ingest),
        "of the longer of the two": f"{ingest['seconds'] / longer:.2f}x",
        "ingest, peak memory": f"{ingest['peak_bytes'] / GIB:.2f} GiB",
        "one-minute bars: DuckDB, O/H/L/C/count": bars(run["duckdb"], run["bars"]["equal_to_duckdb"]),
        "one-minute bars: polars": bars(run["polars"], run["bars"]["equal_to_polars"]),
        "one-minute bars: store": f"{run['bars']['seconds']:.2f} s, {run['bars']['bars']:,} bars",
        "open": f"{run['open']['seconds'] * 1000:.1f} ms",
        "first frame of the whole history, cache dropped": f"{first['seconds']:.2f} s",
    }
    for n in (1, 1_000, MEMORY_ROWS):
        taken = append[f"{n}_ms"]
        lines[f"durable append of {n:,}, p50 / p99"] = f"{taken['p50']:.1f} / {taken['p99']:.1f} ms"
    total = sum(sizes.values())
    lines["bytes a row on disk (Parquet)"] = f"{total / rows:.2f} ({run['files_bytes'] / rows:.2f})"
    lines["index and levels, of the columns"] = f"{beside / sizes['columns']:.1%}"
    return lines


def frame_figures(run: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Of each zoom, p50 / p99 in ms: of the store, of rows in memory, of the store with the cache dropped."""
    cold = {row["timeframe"]: row["frame_ms"] for row in run["cold_frames"]["zooms"]}

    def pair(taken: dict[str, float], digits: int = 1) -> str:
        return f"{taken['p50']:.{digits}f} / {taken['p99']:.{digits}f}"

    lines = {
        row["timeframe"]: (pair(row["store_ms"]), pair(row["memory_ms"]), pair(cold[row["timeframe"]], 0))
        for row in run["frames"]["zooms"]
    }
    everything = run["frames"]
    lines["all"] = (pair(everything["all_store_ms"]), pair(everything["all_memory_ms"]), "")
    return lines


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: columns for each number of rows."""
    columns = [figures(run) for run in runs]
    names = dict.fromkeys(name for column in columns for name in column)
    head = ("a store of", *(f"{run['rows']:,} ticks" for run in runs))
    text = markdown_table(head, [(name, *(column.get(name, "") for column in columns)) for name in names])
    frames = [frame_figures(run) for run in runs]
    head = (
        "a frame of 300 candles, p50 / p99 ms",
        *(f"{rows:,} ticks{what}" for rows in (run["rows"] for run in runs) for what in _FRAMES),
    )
    rows = [(zoom, *(cell for column in frames for cell in column[zoom])) for zoom in frames[0]]
    return text + "\n" + markdown_table(head, rows)


if __name__ == "__main__":
    main()
