"""Where the files of a batch go: their paths checked, their formats, and the records beside them."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kf_widget.errors import KfError
from kf_widget.plotting.files import FORMATS, NAME, format_for, is_name
from kf_widget.plotting.record import RECORD, Record

__all__ = ["Places", "list_paths", "runs"]


def list_paths(what: str, output_paths: Iterable[Any], n: int) -> list[Any]:
    """The paths as they were given, one for each of `n` datasets.

    Raises
    ------
    TypeError, ValueError : they are no list of paths, or not `n`.
    """
    if isinstance(output_paths, str | bytes | os.PathLike) or not isinstance(output_paths, Iterable):
        raise TypeError(
            f"{what}: output_paths must be a list of paths, one for each dataset, "
            f"got {type(output_paths).__name__}."
        )
    given = list(output_paths)
    for position, path in enumerate(given):
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"{what}: output_paths must be paths, got {type(path).__name__} at {position}.")
    if len(given) != n:
        raise ValueError(f"{what}: output_paths must be {n:,}, one for each dataset, got {len(given):,}.")
    return given


class Places:
    """Checked paths of a batch and the records of their folders.

    All of this is done before the first chart, on one thread, so a path costs one to three microseconds.

    Attributes
    ----------
    paths : the paths as text
    formats : the format of each, `usual` where its suffix names none

    Raises
    ------
    ValueError : a path is no name that a file can have or ends like an image of another format, two name one
        file, or one is a batch's own record.
    KfError : a folder is not there.
    """

    def __init__(self, what: str, given: list[Any], usual: str, resume: bool) -> None:
        self.paths = [path if isinstance(path, str) else os.fsdecode(path) for path in given]
        if not is_name("".join(self.paths)):
            position = next(k for k, path in enumerate(self.paths) if not is_name(path))
            raise ValueError(
                f"{what}: each of output_paths must be {NAME}, "
                f"got {self.paths[position]!r} at {position}. Choose another name."
            )
        self._parts = [_split(path) for path in self.paths]
        self._check(what)
        self.formats = self._formats_or(what, usual)
        folders = {folder for folder, _ in self._parts}
        self._records = {folder: Record(folder) for folder in folders} if resume else {}
        self._fresh = not any(record.entries for record in self._records.values())

    def _check(self, what: str) -> None:
        homes: dict[str, str] = {}
        seen: dict[str, int] = {}
        for position, (folder, name) in enumerate(self._parts):
            home = homes.get(folder)
            if home is None:
                # A link is a place of its own.
                home = homes[folder] = os.path.join(os.path.abspath(folder), "")  # noqa: PTH100, PTH118
            whole = home + name
            # What may stand for a folder, or loses its end on Windows.
            if name[:1] in "." or name[-1:] in ". ":
                whole = os.path.abspath(self.paths[position])  # noqa: PTH100
                folder, name = os.path.split(whole)
                homes[folder] = os.path.join(folder, "")  # noqa: PTH118
            if whole in seen:
                raise ValueError(
                    f"{what}: output_paths must differ, "
                    f"got {self.paths[position]!r} at {seen[whole]} and {position}."
                )
            seen[whole] = position
            if name == RECORD:
                raise ValueError(f"{what}: output_paths must not be {RECORD}, the batch's own record.")
        for home in homes.values():
            if not Path(home).is_dir():
                folder = os.path.dirname(home)  # noqa: PTH120
                raise KfError(f"{what}: cannot write into {folder!r}: it is no folder. Make it first.")

    def _formats_or(self, what: str, usual: str) -> list[str]:
        seen: dict[str, str] = {}
        formats = []
        for position, (path, (_, name)) in enumerate(zip(self.paths, self._parts, strict=True)):
            suffix = _suffix(name)
            if suffix not in seen:
                try:
                    seen[suffix] = format_for(what, path, None)
                except ValueError as error:
                    if (mimetypes.guess_type(f"a{suffix}")[0] or "").startswith("image/"):
                        raise ValueError(
                            f"{what}: none of output_paths may name a format that is not written, "
                            f"got {path!r} at {position}. Take one of {', '.join(FORMATS)}."
                        ) from error
                    seen[suffix] = usual
            formats.append(seen[suffix])
        return formats

    def known(self, start: int, stop: int) -> dict[str, tuple[str, str]] | None:
        """What the records say of files `start` to `stop`, by path; None where no record is kept."""
        if self._fresh:
            return {} if self._records else None
        found = {}
        for path, (folder, name) in zip(self.paths[start:stop], self._parts[start:stop], strict=True):
            entry = self._records[folder].entries.get(name)
            if entry is not None:
                found[path] = entry
        return found

    def note(self, first: int, made: dict[int, tuple[str, str]]) -> None:
        """Record files that are in their place: what `Result.made` says, by place after `first`."""
        by_folder: dict[str, dict[str, tuple[str, str]]] = {}
        for place, entry in made.items():
            folder, name = self._parts[first + place]
            by_folder.setdefault(folder, {})[name] = entry
        for folder, entries in by_folder.items():
            self._records[folder].add(entries)


def _split(path: str) -> tuple[str, str]:
    """The folder of a path, slashes and all, and the name in it; a third of the time of `os.path.split`."""
    if os.altsep or os.sep != "/":
        return os.path.split(path)
    name = path.rpartition("/")[2]
    return path[: len(path) - len(name)], name


def _suffix(name: str) -> str:
    """The suffix of a name, as `os.path.splitext` in half of its time."""
    if name[:1] == ".":
        return os.path.splitext(name)[1]  # noqa: PTH122
    dot = name.rfind(".")
    return name[dot:] if dot > 0 else ""


def runs(n: int, size: int, formats: str | list[str]) -> Iterator[tuple[int, int, str]]:
    """Pieces ``start, stop, format`` of ``[0, n)``: of one format, of at most `size`."""
    start = 0
    while start < n:
        stop = min(n, start + size)
        if isinstance(formats, str):
            yield start, stop, formats
        else:
            name = formats[start]
            stop = next((k for k in range(start + 1, stop) if formats[k] != name), stop)
            yield start, stop, name
        start = stop
