"""TickStore: the handle of a history on disk that can grow."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from kf_widget.errors import KfError
from kf_widget.history.checks import check_sizes, checked_path, iso
from kf_widget.history.protocol import Floats, Int8s, Ints
from kf_widget.sources.batch import Batch
from kf_widget.store.layout import MANIFEST
from kf_widget.store.manifest import Manifest, manifest_bytes, parse_manifest
from kf_widget.store.mapped import StoredTicks, open_snapshot

if TYPE_CHECKING:
    from kf_widget.history.bars import Bars
    from kf_widget.history.index import RangeIndex
    from kf_widget.history.levels import Level
    from kf_widget.history.timeframe import Timeframe
    from kf_widget.store.writer import Writer

__all__ = ["TickStore", "open_ticks"]


def open_ticks(path: str | os.PathLike[str]) -> TickStore:
    """Open a store of ticks; a moment, however many there are.

    Raises
    ------
    KfError : it is no store, of a newer version, damaged, or cut off.
    """
    return TickStore(path)


class TickStore:
    """Ticks on disk, made by `ingest`; charts and exports take it as they take `Ticks`.

    Parameters
    ----------
    path : the store's folder.

    Attributes
    ----------
    path : the folder.
    time_ns, price, size, side, index, levels, tz, ... : of the newest snapshot.

    Notes
    -----
    Any number of processes may read while one appends: each sees a consistent beginning of the history, and
    more of it with `refresh`. The first `append` takes the writer's lock and keeps it until `close`.
    Methods may be called from several threads.
    """

    kind: Literal["ticks"] = "ticks"
    interval_ns: int = 0

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = checked_path("open_ticks", "path", path).absolute()
        self._lock = threading.RLock()
        self._writer: Writer | None = None
        self._closed = False
        self._read: tuple[bytes, Manifest] | None = None
        self._shown = self._committed()
        self._opened = open_snapshot(self.path, self._shown)
        self._given = 0

    def __len__(self) -> int:
        return self._shown.rows

    def __repr__(self) -> str:
        return f"<TickStore: {len(self):,} rows, {self._snapshot._span()}, shown in {self.tz}, {self.path}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (open_ticks, (str(self.path),))

    def __enter__(self) -> TickStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _committed(self) -> Manifest:
        text = manifest_bytes(self.path, "open_ticks")
        if text is None:
            raise KfError(
                f"open_ticks: path must be the folder of a tick store, got {self.path} without {MANIFEST}."
                " Make one with ingest(source, path)."
            )
        if self._read is None or self._read[0] != text:
            self._read = text, parse_manifest(text, self.path, "open_ticks")
        return self._read[1]

    def refresh(self) -> bool:
        """Look for rows committed since; True where the next snapshot has more than the last given out."""
        with self._lock:
            self._require_open("refresh")
            self._show(self._committed())
            return len(self) > self._given

    def snapshot(self) -> StoredTicks:
        """The rows known so far, as `Ticks` that never change; the same object until there are more."""
        with self._lock:
            self._require_open("snapshot")
            self._given = len(self)
            return self._snapshot

    def _show(self, manifest: Manifest) -> None:
        if manifest.id != self._shown.id or manifest.rows < self._shown.rows:
            raise KfError(f"refresh: {self.path} was replaced by another store. Open it anew.")
        self._shown = manifest

    @property
    def _snapshot(self) -> StoredTicks:
        """The newest rows; mapped once somebody asks, so that an append need not."""
        with self._lock:
            if len(self._opened) < self._shown.rows:
                self._opened = open_snapshot(self.path, self._shown, self._opened)
            return self._opened

    def append(
        self,
        rows: Any,
        *,
        time: str | None = None,
        price: str | None = None,
        size: str | None = None,
        side: str | None = None,
    ) -> None:
        """Add ticks at the end, durably: once this returns, no crash loses them. Costs what the rows cost.

        Parameters
        ----------
        rows : any table that `Ticks` takes, with the store's columns, in time order and not before the last
            tick. Naive stamps are local to the store's zone.
        time, price, size, side : names of the columns where they are not the usual ones.

        Raises
        ------
        ValueError, TypeError : a bad row, one before the store's last, or other columns; nothing was added.
        KfError : another writer, an ingest that is not finished, or a system that refuses. Nothing was added
            then, unless the very last step of the commit failed: `refresh` tells.
        """
        from kf_widget.history.intake import tick_columns

        with self._lock:
            self._require_open("append")
            names = {"time": time, "price": price, "size": size, "side": side}
            columns = tick_columns(rows, tz=self.tz, what="append", **names)
            batch = self._fitting(*columns[:4])
            if not len(batch.time_ns):
                return
            writer = self._writing()
            if writer.last_ns is not None and batch.time_ns[0] < writer.last_ns:
                raise ValueError(
                    f"append: rows must not begin before the store's last tick, {iso(writer.last_ns)}, got"
                    f" {iso(int(batch.time_ns[0]))} at row 0. A store only grows at its end: ingest older"
                    " rows into a new one."
                )
            try:
                writer.push(batch)
                self._show(writer.commit())
            except BaseException:
                self._give_up(writer)
                raise

    def _fitting(
        self, time_ns: Ints, price: Floats, size: npt.NDArray[Any] | None, side: Int8s | None
    ) -> Batch:
        """The rows in the store's own types."""
        schema = self._shown.schema
        for name, got, wanted in (("size", size, schema.size is not None), ("side", side, schema.side)):
            if (got is not None) != wanted:
                has, remedy = (
                    ("none", "Leave it out.") if got is not None else ("one", f"Name it: {name}='...'.")
                )
                raise ValueError(
                    f"append: rows must have the store's columns, got {'no' if got is None else 'a'}"
                    f" {name} and the store has {has}. {remedy}"
                )
        if size is not None and size.dtype != schema.size:
            with np.errstate(over="ignore"):
                size = size.astype(schema.size)
            check_sizes("append", "size", size)
        return Batch(time_ns, price, size, side)

    def _writing(self) -> Writer:
        """The writer, made on first use; one inherited through a fork is only dropped."""
        from kf_widget.store.writer import Writer

        if self._writer is not None and self._writer.pid != os.getpid():
            self._writer.close()
            self._writer = None
        if self._writer is None:
            writer = Writer(self.path, "append")
            if not writer.committed.source.complete:
                writer.close()
                raise KfError(
                    f"append: {self.path} must be finished first, got an interrupted ingest of"
                    f" {writer.committed.rows:,} rows. Run the same ingest again to go on."
                )
            self._writer = writer
        return self._writer

    def _give_up(self, writer: Writer) -> None:
        """After a failed append: give its space back, and let the next one begin from what is committed."""
        self._writer = None
        try:
            writer.undo()
        except KfError:
            pass  # the next writer cuts it off; the append's own error is the one to tell
        finally:
            writer.close()

    def verify(self, *, progress: bool = False) -> None:
        """Read everything, and prove it: checksums, order, index and bars. Bounded memory.

        Raises
        ------
        KfError : names the first thing that is wrong.
        """
        from kf_widget.store.verify import verify

        with self._lock:
            self._require_open("verify")
        verify(self.path, self._committed(), progress)

    def to_parquet(self, path: str | os.PathLike[str], *, progress: bool = False) -> None:
        """Write all ticks as one Parquet file, a million rows a group, in bounded memory.

        Raises
        ------
        KfError : the file is there already, or cannot be written.
        """
        from kf_widget.store.export import export

        export(self._snapshot, checked_path("to_parquet", "path", path), "parquet", progress)

    def info(self) -> dict[str, Any]:
        """Rows, span, columns, levels, source and bytes on disk."""
        snapshot, manifest = self._snapshot, self._shown
        sizes = {
            str(path.relative_to(self.path)): path.stat().st_size
            for path in sorted(self.path.rglob("*"))
            if path.is_file()
        }
        own = {name for name in sizes if "/" not in name and name.endswith((".i8", ".f8", ".f4", ".i1"))}
        return {
            "path": str(self.path),
            "rows": len(snapshot),
            "first": iso(int(snapshot.time_ns[0])) if len(snapshot) else None,
            "last": iso(int(snapshot.time_ns[-1])) if len(snapshot) else None,
            "size": manifest.schema.size,
            "side": manifest.schema.side,
            "tz": manifest.schema.tz,
            "bars": dict(manifest.bars),
            "complete": manifest.source.complete,
            "dropped": dict(manifest.source.dropped),
            "column_bytes": sum(size for name, size in sizes.items() if name in own),
            "other_bytes": sum(size for name, size in sizes.items() if name not in own),
        }

    def resample(self, timeframe: str | Timeframe, **options: Any) -> Bars:
        """Bars of all ticks; takes what `Ticks.resample` takes."""
        return self._snapshot.resample(timeframe, **options)

    def close(self) -> None:
        """Let go of the writer's lock. Snapshots stay valid; the store can be opened anew."""
        with self._lock:
            self._closed = True
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _require_open(self, what: str) -> None:
        if self._closed:
            raise KfError(f"{what}: {self.path} is closed. Open it anew with open_ticks.")

    @property
    def time_ns(self) -> Ints:
        """int64 (n,), UTC nanoseconds, non-decreasing."""
        return self._snapshot.time_ns

    @property
    def price(self) -> Floats:
        """float64 (n,), finite."""
        return self._snapshot.price

    @property
    def size(self) -> npt.NDArray[Any] | None:
        """float64 or float32 (n,), not negative, or None."""
        return self._snapshot.size

    @property
    def side(self) -> Int8s | None:
        """int8 (n,), +1, -1 or 0, or None."""
        return self._snapshot.side

    @property
    def index(self) -> RangeIndex:
        """Exact open, high, low, close and volume of any row range."""
        return self._snapshot.index

    @property
    def levels(self) -> Mapping[int, Level]:
        """Minute, hour and day bars, where the ticks are dense enough."""
        return self._snapshot.levels

    @property
    def tz(self) -> str:
        """IANA name of the time zone it is shown in."""
        return self._shown.schema.tz

    @property
    def price_step(self) -> float:
        """Smallest price increment seen in a sample."""
        return self._snapshot.price_step
