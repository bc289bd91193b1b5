"""The command line, and the exports behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from streams import Given, assert_rows, make_ticks

import kf_widget
from kf_widget import Ticks, read_ticks
from kf_widget.__main__ import main
from kf_widget.errors import KfError
from kf_widget.store.ingest import ingest
from kf_widget.store.store import open_ticks

TICKS = make_ticks(70_000, 9, size="float32")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    ingest(Given(TICKS), root, progress=False).close()
    return root


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_export_gives_the_same_ticks(
    root: Path, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import kf_widget.store.export as module

    monkeypatch.setattr(module, "_GROUP", 10_000)
    path = tmp_path / f"out{suffix}"
    assert main(["export", str(root), str(path), "--quiet"]) == 0
    back = read_ticks(path, tz=TICKS.tz)
    assert back.time_ns.tobytes() == TICKS.time_ns.tobytes()
    assert back.price.tobytes() == TICKS.price.tobytes()
    assert back.size is not None
    assert TICKS.size is not None
    assert np.array_equal(back.size.astype(np.float32), TICKS.size)
    assert back.side is not None
    assert np.array_equal(back.side, TICKS.side)
    if suffix == ".parquet":
        assert_rows(Ticks(pyarrow.parquet.read_table(path)), TICKS)
        assert pyarrow.parquet.ParquetFile(path).metadata.num_row_groups == 7
    before = path.read_bytes()
    assert main(["export", str(root), str(path), "--quiet"]) == 1
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


def test_to_parquet(root: Path, tmp_path: Path) -> None:
    with open_ticks(root) as store:
        store.to_parquet(tmp_path / "a.parquet")
        with pytest.raises(KfError, match=r"must be a new file, got .*a\.parquet"):
            store.to_parquet(tmp_path / "a.parquet")
        with pytest.raises(KfError, match="could not be written"):
            store.to_parquet(tmp_path / "nowhere" / "a.parquet")
    assert_rows(Ticks(pyarrow.parquet.read_table(tmp_path / "a.parquet")), TICKS)


def test_info_and_verify(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(root)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == 70_000
    assert told["size"] == "float32"
    assert told["column_bytes"] == 70_000 * 21
    assert main(["verify", str(root), "--quiet"]) == 0
    assert "70,000 rows, nothing wrong" in capsys.readouterr().out
    with (root / "price.f8").open("r+b") as file:
        file.seek(8 * 1234 + 3)
        file.write(b"x")
    assert main(["verify", str(root), "--quiet"]) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "price.f8 is damaged in rows 0 to 69,999" in errors


def test_an_error_is_one_line_and_status_1(tmp_path: Path) -> None:
    for arguments in (["info", str(tmp_path)], ["export", str(tmp_path), "out.txt"]):
        done = subprocess.run(
            [sys.executable, "-m", "kf_widget", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr


def test_names_at_the_top() -> None:
    assert kf_widget.ingest is ingest
    assert kf_widget.open_ticks is open_ticks
    assert kf_widget.TickStore.__name__ == "TickStore"
