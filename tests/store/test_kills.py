"""Writers killed at random points: every committed row is there bit for bit, and the rest can be resumed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from streams import Given, assert_rows, cut, files_of
from writing import ROWS, TICKS

from kf_widget.history.ticks import Ticks
from kf_widget.store.ingest import ingest
from kf_widget.store.store import open_ticks

KILLS = int(os.environ.get("KF_KILLS", "20"))
"""Kills of each test; `make faults` asks for 200."""

Program = subprocess.Popen[str]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = Path(__file__).parent
    path = os.pathsep.join((str(folder), str(folder.parents[1]), os.environ.get("PYTHONPATH", "")))
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(folder / "writing.py"),
        str(tmp_path_factory.mktemp("warm") / "s"),
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as running:
        assert said(running) == ["ready"]
        yield running
        assert running.stdin
        running.stdin.close()


def said(program: Program) -> list[str]:
    assert program.stdout
    return program.stdout.readline().split()


def run(program: Program, job: str, root: Path, seed: int, wait_s: float | None) -> tuple[bool, int]:
    """Let a child write, kill it after a while (None: never).

    Returns whether it had ended before, and the rows that it said were durable.
    """
    assert program.stdin
    print(job, root, seed, sep="\t", file=program.stdin, flush=True)
    word, pid = said(program)
    assert word == "child"
    if wait_s is not None:
        time.sleep(wait_s)  # the point of the test is that any moment will do
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    rows = 0
    while (line := said(program))[0] == "rows":
        rows = int(line[1])
    assert line[0] == "ended"
    status = int(line[1])
    assert os.WIFSIGNALED(status) or status == 0, "the writer failed by itself"
    return status == 0, rows


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    root = tmp_path_factory.mktemp("whole") / "store"
    ingest(Given(TICKS), root, progress=False).close()
    return files_of(root)


def test_read_while_another_process_appends(program: Program, tmp_path: Path) -> None:
    root = tmp_path / "store"
    ingest(Given(Ticks.from_columns(*cut(TICKS, 0, 100), tz=TICKS.tz)), root, progress=False).close()
    with ThreadPoolExecutor(1) as beside, open_ticks(root) as store:
        writing = beside.submit(run, program, "append", root, 1, None)
        seen = {100}
        while not writing.done():
            store.refresh()
            snapshot = store.snapshot()
            assert_rows(snapshot, TICKS, len(snapshot))
            assert len(snapshot.index) == len(snapshot) >= max(seen)
            for level in snapshot.levels.values():
                assert level.first_row[-1] <= len(snapshot)
            seen.add(len(snapshot))
        assert writing.result() == (True, ROWS)
        assert store.refresh() or len(store) == ROWS
        assert_rows(store.snapshot(), TICKS)
    assert len(seen) > 2


@pytest.mark.timeout(1800)
def test_killed_while_ingesting(program: Program, whole: dict[str, bytes], tmp_path: Path) -> None:
    rng = np.random.default_rng()
    root, killed, finished = tmp_path / "store", 0, 0
    while killed < KILLS or not finished:
        wait_s = None if killed >= KILLS else float(rng.random() ** 2 * 0.4)
        ended, _ = run(program, "ingest", root, killed, wait_s)
        killed += not ended
        if (root / "manifest.json").exists():
            with open_ticks(root) as store:
                assert_rows(store.snapshot(), TICKS, len(store))
                store.verify()
                ended = bool(store.info()["complete"])  # or killed right after its end
        assert ended or wait_s is not None
        if ended:
            assert files_of(root) == whole
            finished += 1
            shutil.rmtree(root)


@pytest.mark.timeout(1800)
def test_killed_while_appending(program: Program, whole: dict[str, bytes], tmp_path: Path) -> None:
    rng = np.random.default_rng()
    killed, finished = 0, 0
    begin = tmp_path / "begin"
    begun = Ticks.from_columns(*cut(TICKS, 0, 100), tz=TICKS.tz)
    ingest(Given(begun), begin, progress=False).close()
    root = tmp_path / "store"
    shutil.copytree(begin, root)
    while killed < KILLS or not finished:
        with open_ticks(root) as store:
            before = len(store)
        wait_s = None if killed >= KILLS else float(rng.random() ** 2 * 0.3)
        ended, told = run(program, "append", root, killed, wait_s)
        killed += not ended
        with open_ticks(root) as store:
            assert len(store) >= max(before, told)
            assert_rows(store.snapshot(), TICKS, len(store))
            store.verify()
        if ended:
            assert told in (0, ROWS)
            assert files_of(root) == whole
            finished += 1
            shutil.rmtree(root)
            shutil.copytree(begin, root)
