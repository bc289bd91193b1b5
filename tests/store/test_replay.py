"""A crash of the machine at every point of an append: what was not synced is lost, torn or reordered at will.

A recording of all file operations is replayed up to each point onto a model of a disk. Of what no sync has
covered, each write may be there whole, in part (by sectors of 512 bytes) or not at all, in any order, and so
may each new name. Whatever comes of it must open with the rows of the last commit, bit for bit.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streams import Given, assert_rows, cut, make_ticks

from kf_widget.errors import KfError
from kf_widget.history.ticks import Ticks
from kf_widget.store.files import Files, as_bytes
from kf_widget.store.ingest import ingest
from kf_widget.store.layout import SEGMENT
from kf_widget.store.manifest import Source
from kf_widget.store.store import open_ticks
from kf_widget.store.writer import Writer, create

SECTOR = 512
TICKS = make_ticks(SEGMENT + 9000, 7)
ENDED = Source("given", complete=True)

Operation = tuple[Any, ...]


class Recorder(Files):
    """Files that note each operation as it is done."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.done: list[Operation] = []

    def make_folder(self, name: str) -> None:
        if not (self.root / name).exists():
            self.done.append(("make", name))
        super().make_folder(name)

    def write(self, name: str, offset: int, data: Any) -> None:
        self.done.append(("write", name, offset, bytes(as_bytes(data))))
        super().write(name, offset, data)

    def truncate(self, name: str, length: int) -> None:
        self.done.append(("truncate", name, length))
        super().truncate(name, length)

    def rename(self, name: str, to: str) -> None:
        self.done.append(("rename", name, to))
        super().rename(name, to)

    def sync_file(self, name: str) -> None:
        super().sync_file(name)
        self.done.append(("sync", name))

    def sync_folder(self, name: str) -> None:
        super().sync_folder(name)
        self.done.append(("sync folder", name))


class Disk:
    """A model of a disk: durable contents and names, and what is not durable yet."""

    def __init__(self, root: Path) -> None:
        self.folders = {str(p.relative_to(root)) + "/" for p in root.rglob("*") if p.is_dir()} | {""}
        self.new_folders: set[str] = set()
        self.contents: list[bytearray] = []
        self.waiting: list[list[Operation]] = []
        self.names: dict[str, int] = {}
        for path in root.rglob("*"):
            if path.is_file():
                self.names[str(path.relative_to(root))] = self._inode(path.read_bytes())
        self.durable = dict(self.names)
        self.entries: list[tuple[str, int | None]] = []  # names given or taken since their folder was synced

    def _inode(self, content: bytes) -> int:
        self.contents.append(bytearray(content))
        self.waiting.append([])
        return len(self.contents) - 1

    def _of(self, name: str) -> int:
        if name not in self.names:
            self.names[name] = self._inode(b"")
            self.entries.append((name, self.names[name]))
        return self.names[name]

    def do(self, operation: Operation) -> None:
        kind, name, *rest = operation
        if kind == "make":
            self.new_folders.add(f"{name}/")
        elif kind in ("write", "truncate"):
            self.waiting[self._of(name)].append((kind, *rest))
        elif kind == "rename":
            inode = self.names.pop(name)
            self.names[rest[0]] = inode
            self.entries += [(rest[0], inode), (name, None)]
        elif kind == "sync":
            inode = self._of(name)
            for waiting in self.waiting[inode]:
                apply(self.contents[inode], waiting)
            self.waiting[inode].clear()
        else:
            kept = []
            for entry in self.entries:
                if folder_of(entry[0]) == name:
                    place(self.durable, *entry)
                else:
                    kept.append(entry)
            self.entries = kept
            made = {folder for folder in self.new_folders if folder_of(folder[:-1]) == name}
            self.folders |= made
            self.new_folders -= made

    def crash(self, rng: np.random.Generator, to: Path) -> None:
        """Write what a crash may leave."""
        folders = self.folders | {folder for folder in self.new_folders if rng.random() < 0.5}
        names = dict(self.durable)
        for name, inode in self.entries:
            if rng.random() < 0.5:
                place(names, name, inode)
        for folder in sorted(folders, key=len):
            (to / folder).mkdir(parents=True, exist_ok=True)
        for name, inode in names.items():
            if folder_of(name) not in folders:
                continue
            content = bytearray(self.contents[inode])
            waiting = list(self.waiting[inode])
            rng.shuffle(waiting)  # type: ignore[arg-type]
            for operation in waiting:
                chance = rng.random()
                if chance < 0.4:
                    apply(content, operation)
                elif chance < 0.8 and operation[0] == "write":
                    tear(content, operation, rng)
            (to / name).write_bytes(content)


def folder_of(name: str) -> str:
    return name[: name.rfind("/") + 1]


def place(names: dict[str, int], name: str, inode: int | None) -> None:
    if inode is None:
        names.pop(name, None)
    else:
        names[name] = inode


def apply(content: bytearray, operation: Operation) -> None:
    if operation[0] == "truncate":
        del content[operation[1] :]
        content.extend(bytes(operation[1] - len(content)))
    else:
        offset, data = operation[1:]
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


def tear(content: bytearray, operation: Operation, rng: np.random.Generator) -> None:
    """Apply some of a write's sectors."""
    offset, data = operation[1:]
    start = offset
    while start < offset + len(data):
        stop = min((start // SECTOR + 1) * SECTOR * int(rng.integers(1, 64)), offset + len(data))
        stop = max(stop, start + 1)
        if rng.random() < 0.5:
            apply(content, ("write", start, data[start - offset : stop - offset]))
        start = stop


def replays(root: Path, before: Disk, done: list[Operation], draws: int, tmp: Path) -> Any:
    """Every point of a recording with what may be left then: number of operations done, folder."""
    rng = np.random.default_rng(3)
    for count in range(len(done) + 1):
        for draw in range(draws):
            to = tmp / f"{count}.{draw}"
            before.crash(rng, to)
            yield count, to
        if count < len(done):
            before.do(done[count])


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (1000, 1001),  # nothing is completed
        (4000, 9000),  # blocks and superblocks
        (SEGMENT - 1000, SEGMENT + 3000),  # a segment, three levels, new folders
        (SEGMENT + 3000, SEGMENT + 9000),  # bars
    ],
)
def test_a_crash_of_the_machine_during_an_append(tmp_path: Path, start: int, stop: int) -> None:
    root = tmp_path / "store"
    ingest(Given(cut_ticks(start), [1, start // 2]), root, progress=False).close()
    disk, files = Disk(root), Recorder(root)
    writer = Writer(root, "append", files)
    writer.push(cut(TICKS, start, (start + stop) // 2))
    writer.push(cut(TICKS, (start + stop) // 2, stop))
    writer.commit()
    writer.close()
    assert files.done[-2:] == [("rename", "manifest.json.new", "manifest.json"), ("sync folder", "")]
    both = set()
    for count, left in replays(root, disk, files.done, 4, tmp_path):
        with open_ticks(left) as store:
            rows = len(store)
            assert rows in ((start, stop) if count < len(files.done) else (stop,))
            both.add(rows)
            assert_rows(store.snapshot(), TICKS, rows)
            store.verify()
        if count % 3 == 0:  # and the next writer goes on as if nothing had been
            again = Writer(left, "append")
            again.push(cut(TICKS, rows, stop))
            again.commit()
            again.close()
            with open_ticks(left) as store:
                assert_rows(store.snapshot(), TICKS, stop)
                store.verify()
        shutil.rmtree(left)
    assert both == {start, stop}


def test_a_crash_of_the_machine_while_a_store_is_made(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    disk, files = Disk(root), Recorder(root)
    create(root, Given(TICKS).schema, Source("given", complete=False), files)
    files.close()
    for count, left in replays(root, disk, files.done, 6, tmp_path):
        if count == len(files.done) or (left / "manifest.json").exists():
            assert len(open_ticks(left)) == 0
        else:
            with pytest.raises(KfError, match="without manifest"):
                open_ticks(left)
        with ingest(Given(cut_ticks(100)), left, progress=False) as store:
            assert_rows(store.snapshot(), TICKS, 100)
        shutil.rmtree(left)


def test_the_model_loses_what_was_not_synced(tmp_path: Path) -> None:
    """The test above can fail: without the syncs of the columns it does."""

    class Careless(Recorder):
        def sync_file(self, name: str) -> None:
            if name == "manifest.json.new":
                super().sync_file(name)

    root = tmp_path / "store"
    ingest(Given(cut_ticks(1000)), root, progress=False).close()
    disk, files = Disk(root), Careless(root)
    writer = Writer(root, "append", files)
    writer.push(cut(TICKS, 1000, 9000))
    writer.commit()
    writer.close()
    lost = 0
    for _, left in replays(root, disk, files.done, 2, tmp_path):
        try:
            with open_ticks(left) as store:
                assert_rows(store.snapshot(), TICKS, len(store))
                store.verify()
        except (AssertionError, KfError):
            lost += 1
    assert lost > 0


def cut_ticks(stop: int) -> Ticks:
    return Ticks.from_columns(*cut(TICKS, 0, stop), tz=TICKS.tz)
