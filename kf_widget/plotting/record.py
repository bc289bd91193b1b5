"""What each file of a batch was made from, so that an interrupted batch goes on where it stopped."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.lib.stride_tricks import sliding_window_view

from kf_widget.errors import KfError, KfWarning
from kf_widget.jit import sources_of
from kf_widget.plotting.files import write_whole
from kf_widget.plotting.look import Look

__all__ = ["RECORD", "Record", "content_hash", "made_from", "made_from_each", "manner"]

RECORD = ".kf-batch.jsonl"
"""Name of the record, in each folder that a batch writes into."""

_LAID_OUT = 1 << 16
"""Bars of some charts that are copied to be hashed at once; of longer charts each column takes a call."""


@functools.cache
def _code_hash() -> bytes:
    digest = hashlib.blake2b(digest_size=8)
    for source in sources_of(Path(__file__).with_name("parallel.py")):
        digest.update(source.read_bytes())
    return digest.digest()


def content_hash(data: Any) -> str:
    """Hash of a file's bytes."""
    return xxhash.xxh3_128_hexdigest(data)


def manner(look: Look, format: str, speed: str, options: dict[str, Any]) -> Any:
    """Digest of what decides a file's bytes beside its data: look, format, speed, and this package's code."""
    digest = xxhash.xxh3_128(_code_hash())
    digest.update(f"{look.key()} {format} {speed} {sorted(options.items())}".encode())
    return digest


def made_from(columns: Any, manner: Any) -> str:
    """Hash of all that decides the bytes of a file: its data, and the digest of `manner`.

    columns : a list of contiguous buffers
    """
    digest = _sized(tuple(map(len, columns)), manner)
    for column in columns:
        digest.update(column)
    found: str = digest.hexdigest()
    return found


def _sized(sizes: tuple[int, ...], manner: Any) -> Any:
    digest = manner.copy()
    digest.update(b"%d:" * len(sizes) % sizes)
    return digest


def made_from_each(columns: Sequence[Any], starts: Any, stops: Any, manner: Any) -> list[str]:
    """What `made_from` says of each of some charts.

    columns : arrays of 8 bytes a bar that the charts share, some perhaps empty
    starts, stops : int64 (n,), the bars of each
    """
    spans = list(zip(starts.tolist(), stops.tolist(), strict=True))
    bars = {stop - start for start, stop in spans}
    if len(bars) != 1 or max(bars) * len(spans) > _LAID_OUT:
        plain = [column.view(np.uint8).data for column in columns]
        return [made_from([column[8 * a : 8 * b] for column in plain], manner) for a, b in spans]
    # Of one length: laid out chart by chart, each is taken at once, in a third of the time.
    n = bars.pop()
    there = [column for column in columns if column.size]
    rows = np.stack([sliding_window_view(column, n)[starts] for column in there], axis=1)
    data, size = rows.reshape(-1).view(np.uint8).data, 8 * n * len(there)
    head = _sized(tuple(8 * n if column.size else 0 for column in columns), manner)
    found = []
    for start in range(0, size * len(spans), size):
        digest = head.copy()
        digest.update(data[start : start + size])
        found.append(digest.hexdigest())
    return found


class Record:
    """The record of one folder: a line of JSON a file, added once the file is in its place.

    A line says which file, what it was made from, and the hash of its bytes. The last line for a file
    counts; a line cut off by a crash counts for nothing, and its chart is made again.
    """

    def __init__(self, folder: str) -> None:
        self.path = str(Path(folder) / RECORD)
        self.entries: dict[str, tuple[str, str]] = {}
        self._kept = True
        text = ""
        try:
            text = Path(self.path).read_text(errors="replace")
        except FileNotFoundError:
            pass
        except OSError as error:
            self._kept = False
            self._warn("read", error.strerror, 4)
        lines = 0
        for line in text.splitlines():
            lines += 1
            try:
                entry = json.loads(line)
                self.entries[str(entry["file"])] = (str(entry["from"]), str(entry["is"]))
            except (ValueError, TypeError, KeyError):
                continue
        if text and (not text.endswith("\n") or lines > 2 * len(self.entries)):
            try:
                write_whole("render_charts_parallel", self.path, self._lines(self.entries))
            except KfError as error:
                self._warn("write", str(error), 4)

    def add(self, made: dict[str, tuple[str, str]]) -> None:
        """Note files that are in their place: (what it was made from, hash of its bytes) by name."""
        if not made or not self._kept:
            return
        self.entries.update(made)
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                lines = self._lines(made)
                if os.write(handle, lines) < len(lines):
                    os.write(handle, b"\n")  # the next line must not continue one cut off
            finally:
                os.close(handle)
        except OSError as error:
            self._warn("write", error.strerror, 2)

    def _warn(self, do: str, why: str | None, level: int) -> None:
        warnings.warn(
            f"render_charts_parallel: cannot {do} {self.path!r}: {why}. A batch that goes on from here makes "
            "charts again that are there. resume=False does without.",
            KfWarning,
            stacklevel=level + 1,
        )

    @staticmethod
    def _lines(entries: dict[str, tuple[str, str]]) -> bytes:
        # Three texts take less than half of the time of one mapping.
        text = json.JSONEncoder().encode
        return "".join(
            f'{{"file": {text(name)}, "from": {text(source)}, "is": {text(content)}}}\n'
            for name, (source, content) in entries.items()
        ).encode()
