"""The manifest: what of a store's files is committed; doubted when read, like any file from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import xxhash

from kf_widget.errors import KfError
from kf_widget.history.zones import Zone
from kf_widget.sources.batch import Schema
from kf_widget.store.layout import MANIFEST, STEPS, tick_columns

__all__ = ["Manifest", "Source", "manifest_bytes", "parse_manifest", "read_manifest"]

_FORMAT: Final = "kf_widget ticks"
_VERSION: Final = 1
_MOST_ROWS: Final = 1 << 48
_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Source:
    """What a store is ingested from.

    fingerprint : of the source; "" where it cannot be told again; complete : whether all of it is in
    dropped : bad rows left out so far, by reason
    """

    fingerprint: str = ""
    complete: bool = True
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What is committed.

    id : of the store, made with it; rows : of the ticks; schema : their columns and zone
    bars : bars of each level that is kept; tail : checksum of each column's rows beyond complete segments
    """

    id: str
    rows: int
    schema: Schema
    bars: Mapping[str, int]
    tail: Mapping[str, str]
    source: Source

    def encode(self) -> bytes:
        """The file's bytes."""
        size, side, tz = self.schema
        source = {
            "fingerprint": self.source.fingerprint,
            "complete": self.source.complete,
            "dropped": dict(self.source.dropped),
        }
        body: dict[str, Any] = {"format": _FORMAT, "version": _VERSION, "id": self.id, "rows": self.rows}
        body |= {"size": size, "side": side, "tz": tz, "bars": dict(self.bars), "tail": dict(self.tail)}
        body |= {"source": source}
        return json.dumps(body | {"checksum": _checksum(body)}, indent=1).encode()

    def with_source(self, source: Source) -> Manifest:
        """The same rows, told otherwise where they come from."""
        return replace(self, source=source)


def _checksum(body: dict[str, Any]) -> str:
    return xxhash.xxh3_64_hexdigest(json.dumps(body, sort_keys=True).encode())


def read_manifest(root: Path, what: str) -> Manifest | None:
    """What is committed in a folder; None where there is no manifest.

    Raises
    ------
    KfError : it is no manifest, damaged, or of a newer version.
    """
    text = manifest_bytes(root, what)
    return None if text is None else parse_manifest(text, root, what)


def manifest_bytes(root: Path, what: str) -> bytes | None:
    """The manifest of a folder, unread; None where there is none."""
    path = root / MANIFEST
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KfError(f"{what}: {path} could not be read: {error.strerror}.") from error


def parse_manifest(text: bytes, root: Path, what: str) -> Manifest:
    """What `manifest_bytes` says; raises as `read_manifest` does."""
    path = root / MANIFEST
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict) or body.get("format") != _FORMAT:
        raise KfError(
            f"{what}: {path} must be the manifest of a tick store; this one is damaged, or another's."
        )
    version = body.get("version")
    if isinstance(version, int) and version > _VERSION:
        raise KfError(
            f"{what}: {path} is of version {version} and this kf_widget reads up to {_VERSION}."
            " Update it: pip install -U kf_widget."
        )
    checksum = body.pop("checksum", None)
    if version != _VERSION or checksum != _checksum(body):
        raise KfError(
            f"{what}: {path} is damaged: its checksum does not fit. Restore it from a copy of the store."
        )
    try:
        return _parsed(body)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise KfError(
            f"{what}: {path} holds something impossible ({error}). Restore it from a copy."
        ) from error


def _parsed(body: dict[str, Any]) -> Manifest:
    rows = _count(body["rows"], _MOST_ROWS)
    if body["size"] not in (None, "float32", "float64") or not isinstance(body["side"], bool):
        raise ValueError("size or side")
    schema = Schema(body["size"], body["side"], Zone.of(_text(body["tz"])).name)
    bars = {name: _count(count, rows) for name, count in body["bars"].items()}
    if not set(bars) <= set(STEPS):
        raise ValueError("bars")
    tail = {column.name: _text(body["tail"][column.name]) for column in tick_columns(schema)}
    told = body["source"]
    dropped = {_text(reason): _count(count, _MOST_ROWS) for reason, count in told["dropped"].items()}
    if not isinstance(told["complete"], bool):
        raise ValueError("source")
    source = Source(_text(told["fingerprint"]), told["complete"], dropped)
    return Manifest(_text(body["id"]), rows, schema, bars, tail, source)


def _count(value: Any, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"a count of {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} for a text")
    return value
