"""Bad weather: full disks, damage, manifests from elsewhere. One clear error; nothing lost or overwritten."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streams import Given, assert_rows, cut, files_of, make_ticks, table

from kf_widget.errors import KfError
from kf_widget.history.ticks import Ticks
from kf_widget.store.ingest import ingest
from kf_widget.store.store import open_ticks

TICKS = make_ticks(300_000, 3)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("kept") / "store"
    ingest(Given(TICKS), root, progress=False).close()
    return root


@pytest.fixture
def root(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "store"))


class Failing:
    """A system call that fails once it has been called so many times."""

    def __init__(self, name: str, number: int, after: int) -> None:
        self.real, self.number, self.left = getattr(os, name), number, after

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise OSError(self.number, os.strerror(self.number))
        return self.real(*arguments, **options)


@pytest.mark.parametrize("call", ["pwrite", "fsync", "open", "ftruncate"])
@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "The disk is full"), (errno.EIO, "What was committed before is safe")],
)
def test_an_append_that_the_system_refuses(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, message: str
) -> None:
    before = files_of(root)
    rows = {"time": TICKS.time_ns[-1] + np.arange(5000), "price": np.ones(5000)}
    rows |= {"size": np.ones(5000), "side": np.zeros(5000, np.int8)}
    store = open_ticks(root)
    refused = 0
    for after in range(60):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, Failing(call, number, after))
            try:
                store.append(rows)
            except KfError as error:
                text = str(error)
            else:
                break
        refused += 1
        assert message in text or call == "open"
        assert str(root) in text
        if len(store) == len(TICKS) and len(open_ticks(root)) == len(TICKS):
            assert_rows(store.snapshot(), TICKS)
            store.verify()
            continue
        break  # refused once the new manifest was in place: the rows are there, only not for sure
    assert refused > (0 if call == "ftruncate" else 2)
    store.close()
    with open_ticks(root) as again:
        again.verify()
        if len(again) == len(TICKS):
            again.append(rows)
        assert_rows(Ticks.from_columns(*cut(again.snapshot(), 0, len(TICKS)), tz=TICKS.tz), TICKS)
        again.verify()
    assert files_of(root) != before


def test_a_failed_append_gives_its_space_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files_of(root)
    with open_ticks(root) as store, monkeypatch.context() as patch:
        patch.setattr(os, "fsync", Failing("fsync", errno.ENOSPC, 2))
        with pytest.raises(KfError, match=r"could not be synced: No space left on device\. The disk is full"):
            store.append(table(TICKS, len(TICKS) - 1, len(TICKS)) | {"time": [2 * 10**18]})
    assert files_of(root) == before


def test_a_disk_that_fills_during_ingest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import kf_widget.store.ingest as module

    monkeypatch.setattr(module, "_COMMIT_ROWS", 20_000)
    cuts = range(0, len(TICKS), 10_000)
    for after in (0, 5, 100, 170):
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", Failing("pwrite", errno.ENOSPC, after))
            with pytest.raises(KfError, match=r"No space left on device\. The disk is full: free some space"):
                ingest(Given(TICKS, cuts), tmp_path / "s", progress=False)
        if (tmp_path / "s").exists():
            with open_ticks(tmp_path / "s") as store:
                assert_rows(store.snapshot(), TICKS, len(store))
                assert len(files_of(store.path).get("price.f8", b"")) == 8 * len(store)
    with ingest(Given(TICKS, cuts), tmp_path / "s", progress=False) as store:
        assert_rows(store.snapshot(), TICKS)
        store.verify()


def test_a_folder_that_cannot_be_written(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & (os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    with open_ticks(root) as store:  # reading needs no leave to write
        store.verify()
        with pytest.raises(KfError, match="lock could not be written: Read-only file system"):
            store.append(table(TICKS, 0, 1))
    with pytest.raises(KfError, match="Read-only file system"):
        ingest(Given(TICKS), tmp_path / "new", progress=False)
    assert not (tmp_path / "new").exists()


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("dear diary")
    with pytest.raises(
        KfError, match=r"new or empty folder, got .* with 'diary.txt' in it. Nothing is overwritten"
    ):
        ingest(Given(TICKS), tmp_path, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]
    with pytest.raises(KfError, match="must be the folder of a tick store"):
        open_ticks(tmp_path)
    with pytest.raises(KfError, match=r"diary.txt"):
        ingest(Given(TICKS), tmp_path / "diary.txt", progress=False)
    with pytest.raises(KfError, match="must be the folder of a tick store"):
        open_ticks(tmp_path / "nothing")


def names_of_files() -> list[str]:
    columns = ["time_ns.i8", "price.f8", "size.f8", "side.i1", "index/high.1.f8", "index/low.2.f8"]
    columns += [
        "index/sum.3.f8",
        "index/first.1.i8",
        "minute/time_ns.i8",
        "minute/open.f8",
        "minute/volume.f8",
    ]
    return [*columns, "minute/first_row.i8", "minute/index/high.1.f8", "hour/count.i8"]


@pytest.mark.parametrize("name", names_of_files())
def test_a_file_cut_off(root: Path, name: str) -> None:
    with (root / name).open("r+b") as file:
        file.truncate(file.seek(0, 2) - 1)
    with pytest.raises(KfError, match=f"{name} must hold .* committed bytes, got .*: it was cut off"):
        open_ticks(root)


@pytest.mark.parametrize("name", names_of_files())
def test_a_file_that_is_gone(root: Path, name: str) -> None:
    (root / name).unlink()
    with pytest.raises(KfError, match=f"{name} could not be read: No such file"):
        open_ticks(root)


@pytest.mark.parametrize("name", names_of_files())
def test_a_file_that_is_a_link(root: Path, name: str) -> None:
    (root / name).rename(root.parent / "elsewhere")
    (root / name).symlink_to(root.parent / "elsewhere")
    with pytest.raises(KfError, match=f"{name} could not be read"):
        open_ticks(root)


@pytest.mark.parametrize("name", [*names_of_files(), "checksums.u8"])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999999])
def test_a_flipped_bit(root: Path, name: str, place: float) -> None:
    content = bytearray((root / name).read_bytes())
    content[int(place * len(content))] ^= 1 << 4
    (root / name).write_bytes(content)
    # A checksum that does not fit tells of the column; all else of itself.
    with (
        pytest.raises(KfError, match="i8|f8|i1" if name == "checksums.u8" else name),
        open_ticks(root) as store,
    ):
        store.verify()
    if (
        place == 0.999999 and "/" not in name and name != "checksums.u8"
    ):  # the tail: seen before anything is added
        with pytest.raises(KfError, match="is damaged after row 262,144: its checksum does not fit"):
            open_ticks(root).append(table(TICKS, 0, 1) | {"time": [2 * 10**18]})


def test_a_flipped_bit_of_the_manifest(root: Path) -> None:
    path = root / "manifest.json"
    good = path.read_bytes()
    for place in range(0, len(good), 7):
        bad = bytearray(good)
        bad[place] ^= 1 << (place % 7)
        path.write_bytes(bad)
        try:
            store = open_ticks(root)
        except KfError as error:
            assert "manifest.json" in str(error)  # noqa: PT017
        else:  # white space between the words
            assert json.loads(bad) == json.loads(good)
            store.close()


def write_manifest(root: Path, body: Any) -> None:
    if isinstance(body, dict):
        body.pop("checksum", None)
        body["checksum"] = xxhash.xxh3_64_hexdigest(json.dumps(body, sort_keys=True).encode())
    (root / "manifest.json").write_text(json.dumps(body))


def test_a_manifest_from_a_newer_version(root: Path) -> None:
    body = json.loads((root / "manifest.json").read_bytes())
    write_manifest(root, body | {"version": 2, "more": [1]})
    with pytest.raises(KfError, match=r"is of version 2 and this kf_widget reads up to 1\. Update it"):
        open_ticks(root)
    with pytest.raises(KfError, match="is of version 2"):
        ingest(Given(TICKS), root, progress=False)


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.just("../../etc"),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["minute", "../x", "time_ns"]), st.integers()),
    st.sampled_from([0, -1, 2**47, 2**63, 300_001, 10**30]),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_hostile_manifest(kept: Path, data: st.DataObject) -> None:
    root = kept.parent / "hostile"
    if not root.exists():
        shutil.copytree(kept, root)
    body = json.loads((kept / "manifest.json").read_bytes())
    key = data.draw(st.sampled_from([*body, "whole"]))
    if key == "whole":
        body = data.draw(HOSTILE)
    elif isinstance(body[key], dict) and data.draw(st.booleans()):
        body[key][data.draw(st.sampled_from([*body[key], "../x", "minute"]))] = data.draw(HOSTILE)
    else:
        body[key] = data.draw(HOSTILE)
    try:
        write_manifest(root, body)
    except ValueError:
        return
    try:
        store = open_ticks(root)
    except KfError:
        return
    snapshot = store.snapshot()  # whatever it says, only the store's own bytes can come of it
    assert snapshot.price.tobytes() == TICKS.price[: len(snapshot)].tobytes()
    if len(snapshot):
        snapshot.index.aggregate(np.array([0, len(snapshot)]))
        snapshot.index.rows([0, int(TICKS.time_ns[-1])])
