"""Many files at once: each whole or absent, alone in its failure, and in no place but its own."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kf_widget.plotting import file_kernels, files
from kf_widget.plotting.files import write_all

rng = np.random.default_rng(3)


@pytest.fixture(params=[True, False], ids=["nameless", "named"], autouse=True)
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not request.param:  # as on systems without such files
        monkeypatch.setattr(files, "_NAMELESS", 0)
    before = open_files()
    yield
    assert open_files() == before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def some(n: int, most: int = 5000) -> list[bytes]:
    return [rng.bytes(int(size)) for size in rng.integers(0, most, n)]


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_each_file_in_its_own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a")
    paths = [
        "here.webp", "./dot.webp", "../up.webp", "b/down.webp", "b//twice", f"{tmp_path}/whole.webp",
        ".hidden", "b/with space", "b/with\nline", "b/\u20ac\U0001f4c8.webp", "b/\udcff", "b/" + "x" * 255,
    ]  # fmt: skip
    data = [b"", *some(len(paths) - 2), rng.bytes(3_000_000)]
    assert write_all("test", paths, data) == {}
    for path, made in zip(paths, data, strict=True):
        assert Path(path).read_bytes() == made
    assert names_in(tmp_path) == {os.path.relpath(path, tmp_path) for path in map(os.path.abspath, paths)}
    assert write_all("test", [], []) == {}


def test_a_file_takes_the_place_of_what_had_its_name(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{k}.webp") for k in range(50)]
    (tmp_path / "elsewhere").write_bytes(b"not given")
    for k in range(0, 50, 7):
        Path(paths[k]).write_bytes(b"the old one")
        Path(paths[k]).chmod(0o604)
    Path(paths[3]).symlink_to(tmp_path / "elsewhere")
    Path(paths[4]).symlink_to(tmp_path / "nowhere")
    data = some(50)
    mask = os.umask(0o027)
    try:
        assert write_all("test", paths, data) == {}
    finally:
        os.umask(mask)
    for k, (path, made) in enumerate(zip(paths, data, strict=True)):
        assert Path(path).read_bytes() == made
        assert Path(path).lstat().st_mode & 0o777777 == (0o100640 if k % 7 else 0o100604)
    assert (tmp_path / "elsewhere").read_bytes() == b"not given"
    assert len(names_in(tmp_path)) == 51


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_and_a_device_are_written_into(tmp_path: Path) -> None:
    """Where a file took their place, their reader would wait for ever, and a device be gone."""
    pipe, device = tmp_path / "pipe.webp", tmp_path / "null.webp"
    os.mkfifo(pipe)
    device.symlink_to(os.devnull)
    [data] = some(1)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_bytes)
        assert write_all("test", [str(pipe), str(device)], [data, data]) == {}
        assert read.result(20) == data
    assert pipe.is_fifo()
    assert Path(os.devnull).is_char_device()
    assert device.is_symlink()
    assert names_in(tmp_path) == {"pipe.webp", "null.webp"}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system has no /proc")
def test_what_names_an_open_file_is_written_into(tmp_path: Path) -> None:
    """/dev/stdout is such a link; where the output goes into a file it leads to no device."""
    link, target = tmp_path / "stdout", tmp_path / "target"
    [data] = some(1)
    with target.open("wb") as opened:
        link.symlink_to(f"/proc/self/fd/{opened.fileno()}")
        assert write_all("test", [str(link)], [data]) == {}
    assert link.is_symlink()
    assert target.read_bytes() == data


def test_a_file_that_is_read_only_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.webp"
    path.write_bytes(b"the old one")
    path.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write any file
    [failure] = write_all("test", [str(path)], some(1)).values()
    assert "Permission denied" in str(failure)
    assert path.read_bytes() == b"the old one"
    assert names_in(tmp_path) == {"a.webp"}


def test_a_file_that_cannot_be_written_fails_alone(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{k}.webp") for k in range(12)]
    Path(paths[0]).mkdir()
    paths[5] = str(tmp_path / "none" / "5.webp")
    paths[6] = str(tmp_path / ("x" * 256))
    Path(paths[11]).mkdir()
    data = some(12)
    failures = write_all("test", paths, data)
    assert failures.keys() == {0, 5, 6, 11}
    assert "Make the folder first" in str(failures[5])
    assert all(f"test: cannot write {paths[k]!r}" in str(failures[k]) for k in failures)
    good = set(range(12)) - failures.keys()
    assert all(Path(paths[k]).read_bytes() == data[k] for k in good)
    assert names_in(tmp_path) == {Path(paths[k]).name for k in good}


def test_a_file_cut_short_is_absent(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{k}.webp") for k in range(9)]
    Path(paths[7]).write_bytes(b"the old one")
    data = [rng.bytes(size) for size in (10, 4096, 4097, 20, 9000, 4096, 30, 9000, 40)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # what a full disk does to a long file
    try:
        failures = write_all("test", paths, data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failures.keys() == {2, 4, 7}
    assert all("File too large" in str(error) for error in failures.values())
    assert Path(paths[7]).read_bytes() == b"the old one"
    good = set(range(9)) - failures.keys()
    assert all(Path(paths[k]).read_bytes() == data[k] for k in good)
    assert names_in(tmp_path) == {Path(paths[k]).name for k in good | {7}}


def test_more_files_than_may_be_open_at_once(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files() + 20, hard))
    try:
        paths = [str(tmp_path / str(k)) for k in range(100)]
        assert write_all("test", paths, some(100, 50)) == {}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(names_in(tmp_path)) == 100


def test_any_bytes_of_a_name_can_be_written_again(tmp_path: Path) -> None:
    names = ["\u20ac" * 85, "x" * 255, "a" + "\u20ac" * 84, "\udcff" * 255]
    paths = [str(tmp_path / name) for name in names]
    for _ in range(2):
        data = some(4)
        assert write_all("test", paths, data) == {}
        assert [Path(path).read_bytes() for path in paths] == data
    assert names_in(tmp_path) == set(names)


def test_any_error_of_the_system_stays_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any, **more: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    paths = [str(tmp_path / f"{k}.webp") for k in range(3)]
    Path(paths[1]).write_bytes(b"the old one")
    data = some(3)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        patch.setattr(os, "link", refuse)
        patch.setattr(Path, "unlink", refuse)
        failures = write_all("test", paths, data)
    assert 1 in failures
    assert all(f"cannot write {paths[k]!r}: Operation not permitted" in str(failures[k]) for k in failures)
    assert Path(paths[1]).read_bytes() == b"the old one"


def refuse_the_shorter_way() -> list[int]:
    """The C library's functions, but for a `linkat` as of a Linux that links no file by its handle alone."""
    word = ctypes.c_int64
    real = ctypes.CDLL(None).linkat

    def linkat(folder: int, old: int, new_folder: int, new: int, flags: int) -> int:
        if flags == file_kernels._ITSELF:
            return -1
        return int(real(folder, ctypes.c_void_p(old), new_folder, ctypes.c_void_p(new), flags))

    kept.append(ctypes.CFUNCTYPE(ctypes.c_int, *[word] * 5)(linkat))
    calls = list(files._calls())
    calls[2] = ctypes.cast(kept[-1], ctypes.c_void_p).value or 0
    return calls


kept: list[Any] = []


@pytest.mark.parametrize("ways", [True], ids=["nameless"], indirect=True)
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("n_open", [0, 120])
def test_new_files_need_no_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool, n_open: int
) -> None:
    try:
        os.close(os.open(tmp_path, os.O_WRONLY | files._NAMELESS))
    except OSError:
        pytest.skip("this system, or the file system of the test, has no files without a name (O_TMPFILE)")
    monkeypatch.delattr(files, "write_whole")
    if old:
        calls = refuse_the_shorter_way()
        monkeypatch.setattr(files, "_calls", lambda: calls)
    data = some(100)
    held = [os.open(tmp_path, os.O_RDONLY) for _ in range(n_open)]  # of the next the number has three digits
    try:
        assert write_all("test", [str(tmp_path / str(k)) for k in range(100)], data) == {}
    finally:
        for handle in held:
            os.close(handle)
    assert [(tmp_path / str(k)).read_bytes() for k in range(100)] == data
