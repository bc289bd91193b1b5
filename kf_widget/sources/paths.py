"""Paths, patterns and folders to the files they mean."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from kf_widget.errors import KfError
from kf_widget.history.files import MissingFileError, none_there
from kf_widget.history.formats import SUFFIXES

__all__ = ["DBN_SUFFIXES", "Found", "Stat", "are_paths", "find"]

DBN_SUFFIXES = (".dbn", ".dbn.zst")


class Found(NamedTuple):
    """A file, and what the folders of its path say of it: symbol=ES/date=2024-01-02."""

    file: Path
    keys: dict[str, str]


class Stat:
    """A file as it was when it was found: its path, length and time of change."""

    def __init__(self, where: str, file: Path) -> None:
        self.file = file
        self._where = where
        self._then = self._now()

    def _now(self) -> tuple[int, int]:
        try:
            seen = self.file.stat()
        except OSError as error:
            raise MissingFileError(f"{self._where}: the file is gone: {error.strerror}.") from error
        return seen.st_size, seen.st_mtime_ns

    def check(self) -> None:
        """Raise KfError where it is gone or has changed since."""
        if self._now() != self._then:
            raise KfError(
                f"{self._where}: the file has changed while it was read. Begin again when it is finished."
            )

    def stamp(self) -> tuple[Any, ...]:
        """What tells one version of it from another."""
        return (str(self.file.absolute()), *self._then)


def are_paths(obj: Any) -> bool:
    """Whether it is a path, or a list of paths."""
    if isinstance(obj, str | os.PathLike):
        return True
    return isinstance(obj, list | tuple | set) and all(isinstance(item, str | os.PathLike) for item in obj)


def find(what: str, paths: Any) -> list[Found]:
    """The files that paths, patterns and folders mean, each once, in the order of their names.

    Raises
    ------
    MissingFileError : there is none.
    """
    asked = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not asked:
        raise ValueError(f"{what}: source must name at least one file, got an empty list.")
    found: dict[Path, None] = {}
    for item in asked:
        path = Path(item).expanduser()
        text = str(path)
        matches = [path]
        if not path.exists():
            fitting = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 (any folder, and `**`)
            matches = [Path(match) for match in fitting]
        files: list[Path] = []
        for match in matches:
            files += _within(match) if match.is_dir() else [match]
        if not files:
            if any(match.is_dir() for match in matches):
                raise MissingFileError(
                    f"{what}: the folder {text!r} holds no file that ends in "
                    f"{' '.join((*SUFFIXES, *DBN_SUFFIXES))}."
                )
            raise MissingFileError(f"{what}: {none_there(text, path)}")
        found.update(dict.fromkeys(files))
    return [Found(file, _keys(file)) for file in found]


def _within(folder: Path) -> list[Path]:
    """Data files of a folder and those below it, but not of those hidden or beginning with an underscore."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.name.lower().endswith((*SUFFIXES, *DBN_SUFFIXES))
        and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def _keys(file: Path) -> dict[str, str]:
    pairs = (re.fullmatch(r"([A-Za-z_]\w*)=(.*)", part) for part in file.parts[:-1])
    return {pair[1]: unquote(pair[2]) for pair in pairs if pair}
