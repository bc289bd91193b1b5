"""Long batches: order, failures, executors, whole files, resuming."""

from __future__ import annotations

import json
import multiprocessing
import os
import warnings
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kf_widget.plotting.pieces as pieces
from kf_widget.errors import KfError, KfWarning
from kf_widget.plotting import (
    ChartError,
    render_charts_parallel,
    render_ohlcv_chart,
    render_to_array,
    rolling_windows,
    save_chart,
)
from kf_widget.plotting.look import look_of
from kf_widget.plotting.record import RECORD, made_from, manner
from tests.plotting.charts import bars, dataset, decoded

SMALL = {"width": 60, "height": 40}


def datasets(n: int) -> list[dict[str, Any]]:
    return [dataset(20 + k % 7, k) for k in range(n)]


def check(results: list[Any], charts: list[Any], **look: Any) -> None:
    assert len(results) == len(charts)
    for result, chart in zip(results, charts, strict=True):
        data = result if isinstance(result, bytes) else Path(result).read_bytes()
        np.testing.assert_array_equal(decoded(data), render_to_array(**chart, **{**SMALL, **look}))


@pytest.mark.parametrize("workers", [1, 2, None])
@pytest.mark.parametrize("speed", ["fast", "balanced"])
@pytest.mark.parametrize("format", ["webp", "png"])
def test_bytes_in_order(workers: int | None, speed: str, format: str) -> None:
    charts = datasets(40)
    results = render_charts_parallel(charts, num_workers=workers, speed=speed, format=format, **SMALL)
    check(results, charts)


def test_small_buffers_grow() -> None:
    rng = np.random.default_rng(0)
    charts = []
    for _ in range(3):
        noise = rng.random((4, 60_000))
        charts.append(
            {"ohlc": dict(zip(("open", "high", "low", "close"), noise, strict=True)), "volume": noise[0]}
        )
    look = {"width": 2400, "height": 1600}
    check(render_charts_parallel(charts, **look), charts, **look)


def test_the_same_files_as_one_by_one(tmp_path: Path) -> None:
    charts = datasets(10)
    singles = [render_charts_parallel([chart], **SMALL)[0] for chart in charts]
    assert render_charts_parallel(charts, **SMALL) == singles
    windows = rolling_windows({**bars(300)[0], "volume": bars(300)[1]}, 50, 10)
    check(render_charts_parallel(windows, **SMALL), list(windows))
    assert render_charts_parallel([], **SMALL) == []


def test_charts_with_axes_and_vectors() -> None:
    charts = datasets(3)
    drawn = render_charts_parallel(charts, axes=True, width=400, height=300)
    check(drawn, charts, axes=True, width=400, height=300)
    assert all(b"<svg" in data for data in render_charts_parallel(charts, format="svg", **SMALL))


def bad_ones() -> list[Any]:
    charts: list[Any] = datasets(40)
    charts[3] = {"ohlc": {"open": [1.0]}}
    charts[17]["volume"] = np.ones(3)
    charts[18]["ohlc"]["high"][5] = np.inf
    charts[30] = None
    charts[39] = {"ohlc": {name: [] for name in ("open", "high", "low", "close")}}
    return charts


BAD = {
    3: "no high",
    17: "volume must be as long",
    18: "high must be finite",
    30: "mapping",
    39: "at least one bar",
}


@pytest.mark.parametrize("speed", ["fast", "balanced"])
def test_a_bad_dataset_fails_alone_and_is_named(speed: str) -> None:
    charts = bad_ones()
    with pytest.warns(KfWarning, match=r"5 of 40 charts failed: dataset 3: .*; dataset 39: "):
        results = render_charts_parallel(charts, speed=speed, **SMALL)
    for position, (result, chart) in enumerate(zip(results, charts, strict=True)):
        if position in BAD:
            assert isinstance(result, ChartError)
            assert result.position == position
            assert BAD[position] in str(result)
            assert f"dataset {position}" in str(result)
        else:
            np.testing.assert_array_equal(decoded(result), render_to_array(**chart, **SMALL))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quiet = render_charts_parallel(charts, speed=speed, on_error="return", **SMALL)
    assert [r for r in quiet if isinstance(r, bytes)] == [r for r in results if isinstance(r, bytes)]
    with pytest.raises(ChartError, match="dataset 3"):
        render_charts_parallel(charts, speed=speed, on_error="raise", **SMALL)


def executors() -> list[tuple[str, Any]]:
    processes = [
        (name, lambda name=name: ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(name)))
        for name in ("fork", "spawn")
    ]
    return [("threads", lambda: ThreadPoolExecutor(2)), *processes]


@pytest.mark.parametrize("chart_type", ["candle", "renko"])
def test_a_failure_is_told_by_its_position_alone(chart_type: str) -> None:
    """Not by that in the piece of the batch which drew it."""
    given: list[Any] = datasets(300)
    given[270] = 5
    given[271] = {"ohlc": given[271]["ohlc"] | {"close": [1.0]}}
    made = render_charts_parallel(given, on_error="return", chart_type=chart_type, progress=False)
    said = [str(made[position]) for position in (270, 271)]
    assert said[0].startswith("dataset 270: render_charts_parallel: a dataset must be a mapping")
    assert said[1].startswith("dataset 271: render_charts_parallel: close must be as long as open")


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize(("name", "make"), executors(), ids=[name for name, _ in executors()])
def test_any_executor(name: str, make: Any, tmp_path: Path) -> None:
    charts = bad_ones()
    mine = render_charts_parallel(charts, on_error="return", **SMALL)
    pool: Executor
    with make() as pool:
        theirs = render_charts_parallel(charts, executor=pool, on_error="return", **SMALL)
        paths = [tmp_path / f"{k}.webp" for k in range(len(charts))]
        written = render_charts_parallel(charts, paths, executor=pool, on_error="return", **SMALL)
        windows = rolling_windows(bars(300)[0], 50, 10)
        check(render_charts_parallel(windows, executor=pool, **SMALL), list(windows))
    for position, (one, other, path) in enumerate(zip(mine, theirs, written, strict=True)):
        if position in BAD:
            assert str(other) == str(one) == str(path)
            assert other.position == position
            assert not paths[position].exists()
        else:
            assert other == one == paths[position].read_bytes()
            assert path is paths[position]


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.glob("*.webp")}


def test_an_interrupted_batch_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    charts = datasets(60)
    paths = [str(tmp_path / f"{k}.webp") for k in range(60)]
    whole, left = pieces.write_all, 30

    def interrupted(what: str, paths: list[str], data: list[bytes]) -> Any:
        nonlocal left
        if len(paths) > left:
            whole(what, paths[:left], data[:left])
            raise KeyboardInterrupt
        left -= len(paths)
        return whole(what, paths, data)

    monkeypatch.setattr(pieces, "write_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render_charts_parallel(charts, paths, num_workers=1, **SMALL)
    monkeypatch.undo()
    before = stamps(tmp_path)
    assert len(before) == 30
    assert {path.suffix for path in tmp_path.iterdir()} <= {".webp", ".jsonl"}
    assert render_charts_parallel(charts, paths, **SMALL) == paths
    check(paths, charts)
    after = stamps(tmp_path)
    kept = [name for name in before if before[name] == after[name]]
    assert 20 <= len(kept) <= 30
    again = stamps(tmp_path)
    render_charts_parallel(charts, paths, **SMALL)
    assert stamps(tmp_path) == again


def test_only_the_same_from_the_same_is_kept(tmp_path: Path) -> None:
    charts = datasets(6)
    paths = [tmp_path / f"{k}.webp" for k in range(6)]
    render_charts_parallel(charts, paths, **SMALL)
    first = stamps(tmp_path)
    charts[0]["ohlc"]["close"][7] += 0.5
    charts[1]["volume"] = None
    paths[2].write_bytes(paths[3].read_bytes())
    paths[4].unlink()
    render_charts_parallel(charts, paths, **SMALL)
    check(paths, charts)
    second = stamps(tmp_path)
    assert {name for name in first if first[name] == second[name]} == {"3.webp", "5.webp"}
    for change in ({"theme": "light"}, {"up_color": "#123456"}, {"width": 61}, {"wick_width_ratio": 0.9}):
        look = {**SMALL, **change}
        render_charts_parallel(charts, paths, **look)
        check(paths, charts, **change)
        third = stamps(tmp_path)
        assert not {name for name in third if third[name] == second[name]}
        second = third
    render_charts_parallel(charts, paths, speed="best", **look)
    assert stamps(tmp_path) != second


@pytest.mark.parametrize(
    ("suffix", "look"), [("svg", {}), ("webp", {"axes": True}), ("png", {"chart_type": "renko"})]
)
def test_charts_with_axes_and_vectors_are_kept_too(tmp_path: Path, suffix: str, look: dict[str, Any]) -> None:
    def inodes() -> list[int]:
        return [path.stat().st_ino for path in paths]

    times = pd.date_range("2024-01-01", periods=50, freq="h")
    charts = [{**one, "ohlc": pd.DataFrame(one["ohlc"], index=times)} for one in map(dataset, [50] * 3)]
    paths = [tmp_path / f"{k}.{suffix}" for k in range(3)]
    look = {"width": 300, "height": 200, **look}
    render_charts_parallel(charts, paths, **look)
    first = inodes()
    assert render_charts_parallel(charts, paths, **look) == paths
    assert inodes() == first
    charts[1]["volume"] = None
    charts[2]["ohlc"] = charts[2]["ohlc"].set_axis(times.tz_localize("Asia/Tokyo"))
    render_charts_parallel(charts, paths, **look)
    second = inodes()
    assert second[0] == first[0]
    assert second[1] != first[1]
    assert (second[2] != first[2]) == ("axes" in look)  # times are shown with axes alone
    render_charts_parallel(charts, paths, **{**look, "theme": "light"})
    assert all(now != then for now, then in zip(inodes(), second, strict=True))


@pytest.mark.parametrize("speed", ["fast", "balanced"])
def test_a_record_keeps_what_is_good_of_a_batch_with_failures(tmp_path: Path, speed: str) -> None:
    charts = bad_ones()
    paths = [tmp_path / f"{k}.webp" for k in range(len(charts))]
    paths[5].mkdir()
    paths[25].mkdir()
    results = render_charts_parallel(charts, paths, speed=speed, on_error="return", num_workers=1, **SMALL)
    failed = {k for k, result in enumerate(results) if isinstance(result, ChartError)}
    assert failed == {*BAD, 5, 25}
    assert all(paths[k].name in str(results[k]) for k in (5, 25))
    record = [json.loads(line)["file"] for line in (tmp_path / RECORD).read_text().splitlines()]
    assert sorted(record) == sorted(paths[k].name for k in range(len(charts)) if k not in failed)
    paths[5].rmdir()
    paths[25].rmdir()
    before = stamps(tmp_path)
    render_charts_parallel(charts, paths, speed=speed, on_error="return", **SMALL)
    after = stamps(tmp_path)
    assert {name for name in after if before.get(name) != after[name]} == {"5.webp", "25.webp"}


def test_a_record_that_cannot_be_written_costs_only_itself(tmp_path: Path) -> None:
    charts = datasets(4)
    paths = [tmp_path / f"{k}.webp" for k in range(4)]
    render_charts_parallel(charts, paths, **SMALL)
    (tmp_path / RECORD).unlink()
    (tmp_path / RECORD).symlink_to(tmp_path / "nowhere" / "x")
    with pytest.warns(KfWarning, match=r"cannot write .*kf-batch\.jsonl.*makes charts again"):
        assert render_charts_parallel(charts, paths, **SMALL) == paths
    check(paths, charts)


def test_where_a_column_ends_is_part_of_what_a_file_is_made_from() -> None:
    how = manner(look_of(), "webp", "fast", {})
    cuts = ([b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"abc", b""], [b"", b"abc"])
    assert len({made_from(some, how) for some in cuts}) == len(cuts)


def test_paths_of_any_kind(tmp_path: Path) -> None:
    class Bytes(os.PathLike[bytes]):
        def __init__(self, path: Path) -> None:
            self.path = os.fsencode(path)

        def __fspath__(self) -> bytes:
            return self.path

    paths: list[Any] = [Bytes(tmp_path / "a.webp"), str(tmp_path / "b.webp"), tmp_path / "c.webp"]
    for _ in range(2):
        render_charts_parallel(datasets(3), paths, resume=False, **SMALL)
        save_chart(render_ohlcv_chart(**dataset(20), **SMALL), Bytes(tmp_path / "d.webp"), format="webp")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.webp", "b.webp", "c.webp", "d.webp"]


def test_a_record_holds_any_name(tmp_path: Path) -> None:
    names = ['a "b".webp', "a\\b.webp", "a\nb.webp", "\u20ac.webp", "{}.webp"]
    paths = [tmp_path / name for name in names]
    charts = datasets(len(names))
    (tmp_path / RECORD).write_text('{"file": "x", "from": "\\"y", "is": "z\\n"}\nnull\nnull\n')
    render_charts_parallel(charts, paths, **SMALL)
    before = stamps(tmp_path)
    assert render_charts_parallel(charts, paths, **SMALL) == paths
    assert stamps(tmp_path) == before
    entries = [json.loads(line) for line in (tmp_path / RECORD).read_text().splitlines()]
    assert entries[0] == {"file": "x", "from": '"y', "is": "z\n"}
    assert {entry["file"] for entry in entries} == {"x", *names}


def test_a_torn_or_foreign_record_is_no_harm(tmp_path: Path) -> None:
    charts = datasets(4)
    paths = [tmp_path / f"{k}.webp" for k in range(4)]
    render_charts_parallel(charts, paths, **SMALL)
    record = tmp_path / RECORD
    lines = record.read_bytes()
    record.write_bytes(b"\xff\xfe\n[1]\nnull\n" + lines[:-20])
    before = stamps(tmp_path)
    render_charts_parallel(charts, paths, **SMALL)
    after = stamps(tmp_path)
    assert sum(before[name] == after[name] for name in before) == 3
    render_charts_parallel(charts, paths, **SMALL)
    assert stamps(tmp_path) == after


def test_without_resume_nothing_but_the_files_is_written(tmp_path: Path) -> None:
    charts = datasets(4)
    paths = [tmp_path / f"{k}.webp" for k in range(4)]
    for _ in range(2):
        before = stamps(tmp_path)
        render_charts_parallel(charts, paths, resume=False, **SMALL)
        assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in paths]
        after = stamps(tmp_path)
        assert not {name for name in before if before[name] == after[name]}


def test_suffixes_decide_each_format(tmp_path: Path) -> None:
    charts = datasets(4)
    names = ["a.png", "b.webp", "c.jpg", "d.bin"]
    render_charts_parallel(charts, [tmp_path / name for name in names], format="webp", **SMALL)
    for name, wanted in zip(names, ("PNG", "WEBP", "JPEG", "WEBP"), strict=True):
        with Image.open(tmp_path / name) as image:
            assert image.format == wanted


def test_nothing_is_written_beside_the_given_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    render_charts_parallel(datasets(3), [tmp_path / "out" / f"{k}.png" for k in range(3)], **SMALL)
    assert not list((tmp_path / "here").iterdir())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {RECORD, "0.png", "1.png", "2.png"}
    assert {path.name for path in tmp_path.iterdir()} == {"here", "out"}


def test_a_long_batch_shows_its_progress(capsys: pytest.CaptureFixture[str]) -> None:
    render_charts_parallel(datasets(8), progress=True, **SMALL)
    assert "8/8" in capsys.readouterr().err
    render_charts_parallel(datasets(8), **SMALL)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"output_paths": ["a.webp"]}, ValueError, "output_paths must be 2, one for each dataset, got 1"),
        ({"output_paths": "a.webp"}, TypeError, "a list of paths"),
        ({"output_paths": ["a.webp", "./a.webp"]}, ValueError, "must differ, got './a.webp' at 0 and 1"),
        ({"output_paths": ["a.webp", 3]}, TypeError, "got int at 1"),
        ({"output_paths": ["a.webp", RECORD]}, ValueError, "own record"),
        ({"output_paths": ["a.webp", "b\0.webp"]}, ValueError, r"no NUL .* at 1\. Choose"),
        ({"output_paths": ["a.webp", "b\ud800.webp"]}, ValueError, r"encoding has, got 'b\\ud800"),
        ({"output_paths": ["a.webp", f"x/../{RECORD}/."]}, ValueError, "own record"),
        ({"output_paths": ["a.webp", "x/../a.webp"]}, ValueError, "must differ, got 'x/../a.webp' at 0"),
        ({"output_paths": [".a.webp", "x/../.a.webp"]}, ValueError, "must differ, got 'x/../.a.webp' at 0"),
        ({"output_paths": ["a", "a/x/.."]}, ValueError, "must differ, got 'a/x/..' at 0"),
        ({"output_paths": ["a.webp", "b.GIF"]}, ValueError, r"got 'b\.GIF' at 1\. Take one of webp, png"),
        ({"output_paths": ["a.tiff", "b.webp"]}, ValueError, r"not written, got 'a\.tiff' at 0"),
        ({"output_paths": ["no/a.webp", "no/b.webp"]}, KfError, "it is no folder"),
        ({"num_workers": 0}, ValueError, "num_workers must be a whole number, 1 or more, or None"),
        ({"num_workers": "2"}, TypeError, "num_workers"),
        ({"executor": 3}, TypeError, "must have submit"),
        ({"speed": "quick"}, ValueError, "fast, balanced, best"),
        ({"format": "gif"}, ValueError, "webp, png, jpeg, svg, svgz"),
        ({"on_error": "ignore"}, ValueError, "warn, raise, return"),
        ({"theme": "dark"}, ValueError, "classic, modern"),
        ({"widht": 3}, ValueError, "'width'"),
    ],
)
def test_wrong_arguments_say_what_is_allowed(
    given: dict[str, Any], error: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        render_charts_parallel(datasets(2), **given)
    assert not list(tmp_path.iterdir())


def test_a_record_that_cannot_be_read_is_told_and_done_without(tmp_path: Path) -> None:
    (tmp_path / RECORD).mkdir()
    with pytest.warns(
        KfWarning, match=r"cannot read .*kf-batch\.jsonl': Is a directory.*resume=False does with"
    ):
        made = render_charts_parallel(datasets(3), [tmp_path / f"{k}.webp" for k in range(3)])
    assert all(path.stat().st_size for path in made)
