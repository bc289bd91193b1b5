"""Ingest by the GPU: the CPU's files, byte for byte, whatever its memory; without one nothing is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kf_widget.__main__ import main
from kf_widget.errors import KfError, KfWarning
from kf_widget.history import gpu, gpu_device
from kf_widget.history.choices import Choices, adopt, forget
from kf_widget.history.gpu_device import GpuInfo
from kf_widget.store import ingest as ingesting
from kf_widget.store.ingest import ingest
from kf_widget.store.store import open_ticks
from tests.gpu.emulator import MISSING, EmulatedDevice
from tests.gpu.test_fallback import SmallDevice
from tests.store.streams import Given, files_of, make_ticks

N = 300_001
CUTS = range(0, N, 44_444)


@pytest.fixture(
    params=[
        pytest.param("emulated", marks=pytest.mark.skipif(bool(MISSING), reason=MISSING)),
        pytest.param("gpu", marks=pytest.mark.gpu),
    ]
)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What `find_device` gives; chunks of it are small, and commits many."""
    monkeypatch.setattr(ingesting, "_COMMIT_ROWS", 100_000)
    monkeypatch.setattr(gpu, "_CHUNK_ROWS", 1 << 15)
    monkeypatch.setattr(gpu, "_LEAST_ROWS", 1 << 13)
    if request.param == "gpu":
        return gpu_device.find_device()
    return use(monkeypatch, EmulatedDevice())


def use(monkeypatch: pytest.MonkeyPatch, device: EmulatedDevice) -> Any:
    monkeypatch.setattr(gpu_device, "find_device", lambda: device)
    return device


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_device, "_found", None)
    monkeypatch.setattr(gpu_device, "gpu_info", lambda: GpuInfo(False, "There is no driver. Install one."))


def made(root: Path, stream: Any, backend: str) -> dict[str, bytes]:
    """The files of an ingest, proved."""
    with ingest(stream, root, progress=False, backend=backend) as store:
        store.verify()
    return files_of(root)


class Interrupted(Given):
    """A stream that ends in an interrupt after some rows."""

    def batches(self, skip_rows: int = 0) -> Iterator[Any]:
        """From a row on."""
        for batch in super().batches(skip_rows):
            yield batch
            skip_rows += len(batch.time_ns)
            if skip_rows > 150_000:
                raise KeyboardInterrupt


@pytest.mark.parametrize("size", [None, "float32", "float64"])
def test_files_are_those_of_the_cpu(tmp_path: Path, device: Any, size: str | None) -> None:
    ticks = make_ticks(N, 5, size=size)
    expected = made(tmp_path / "cpu", Given(ticks, CUTS), "cpu")
    assert {"minute/high.f8", "index/high.1.f8"} <= set(expected)
    assert made(tmp_path / "gpu", Given(ticks, CUTS), "gpu") == expected
    if isinstance(device, EmulatedDevice):
        assert {"index_blocks", "bars_inside"} <= set(device.launched)


def test_one_backend_goes_on_where_the_other_was(tmp_path: Path, device: Any) -> None:
    ticks = make_ticks(N, 6)
    expected = made(tmp_path / "whole", Given(ticks, CUTS), "cpu")
    for first, second in (("cpu", "gpu"), ("gpu", "cpu")):
        root = tmp_path / first
        with pytest.raises(KeyboardInterrupt):
            ingest(Interrupted(ticks, CUTS), root, progress=False, backend=first)
        assert 100_000 < len(open_ticks(root)) < N
        assert made(root, Given(ticks, CUTS), second) == expected


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
@pytest.mark.parametrize(
    ("rows", "told"), [(1 << 14, "short; it held 16,384 rows at a time"), (100, "full; the CPU did the work")]
)
def test_memory_that_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, told: str) -> None:
    monkeypatch.setattr(ingesting, "_COMMIT_ROWS", 100_000)
    monkeypatch.setattr(gpu, "_CHUNK_ROWS", 1 << 15)
    monkeypatch.setattr(gpu, "_LEAST_ROWS", 1 << 13)
    ticks = make_ticks(N, 7)
    device = use(monkeypatch, SmallDevice(rows))
    with pytest.warns(KfWarning, match=f"ingest: the GPU's memory is {told}") as warned:
        found = made(tmp_path / "gpu", Given(ticks, CUTS), "gpu")
    assert len(warned) == 1
    assert bool(device.launched) == (rows > 100)
    assert found == made(tmp_path / "cpu", Given(ticks, CUTS), "cpu")


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
@pytest.mark.parametrize("seconds", [1e-9, 1.0])
def test_auto_takes_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    ticks = make_ticks(N, 8)
    device = use(monkeypatch, EmulatedDevice())
    device.info = GpuInfo(True, device="A GPU")
    ways = {way: [[1e-3]] for way in ("index", "scan", "build")} | {"gpu": [[seconds]]}
    adopt(Choices(rows=[N], rows_per_bar=[64], seconds=ways, gpu="A GPU"))
    try:
        found = made(tmp_path / "auto", Given(ticks, CUTS), "auto")
        faster = {"index_blocks", "bars_inside"} if seconds < 1e-3 else set()
        assert faster <= set(device.launched)
        assert bool(faster) == bool(device.launched)
        device.info = GpuInfo(True, device="Another GPU")
        device.launched.clear()
        assert made(tmp_path / "again", Given(ticks, CUTS), "auto") == found
        assert not device.launched
    finally:
        forget()
    assert made(tmp_path / "cpu", Given(ticks, CUTS), "cpu") == found


def test_without_a_gpu_nothing_is_made(
    tmp_path: Path, no_gpu: None, capsys: pytest.CaptureFixture[str]
) -> None:
    ticks = make_ticks(100, 9)
    with pytest.raises(KfError) as resampled:
        ticks.resample("1m", backend="gpu")
    with pytest.raises(KfError) as ingested:
        ingest(Given(ticks), tmp_path / "s", progress=False, backend="gpu")
    assert str(ingested.value) == str(resampled.value)
    assert "no GPU can be used. There is no driver" in str(ingested.value)
    source = tmp_path / "ticks.csv"
    source.write_text("time,price\n2024-01-02T10:00:00,1.5\n")
    assert main(["ingest", str(source), str(tmp_path / "s"), "--backend", "gpu"]) == 1
    assert "no GPU can be used" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["ticks.csv"]
    assert len(ingest(Given(ticks), tmp_path / "s", progress=False)) == 100


def test_an_unknown_backend(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ingest: backend must be one of 'auto', 'cpu', 'gpu', got 'cuda'"):
        ingest(Given(make_ticks(9)), tmp_path / "s", progress=False, backend="cuda")
    assert not (tmp_path / "s").exists()
