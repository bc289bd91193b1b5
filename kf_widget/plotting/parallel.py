"""Long batches of charts to files or bytes, over threads or any executor."""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from kf_widget.errors import KfWarning
from kf_widget.plotting.batch import listed
from kf_widget.plotting.encode import check_options
from kf_widget.plotting.files import format_for
from kf_widget.plotting.lanes import Backlog, checked_workers, over_lanes
from kf_widget.plotting.look import choose, look_of
from kf_widget.plotting.pieces import Piece, Result, draw_piece, run_piece, write_piece
from kf_widget.plotting.places import Places, list_paths, runs
from kf_widget.threads import thread_count

__all__ = ["ChartError", "render_charts_parallel"]

_WHAT = "render_charts_parallel"
_LONGEST_PIECE = 64
_LONG = 500
_NAMED = 5


class ChartError(Exception):
    """One chart of a batch that failed.

    position : of its dataset in the batch
    error : what was wrong
    """

    def __init__(self, position: int, error: Exception) -> None:
        super().__init__(position, error)
        self.position, self.error = position, error

    def __str__(self) -> str:
        return f"dataset {self.position}: {self.error}"


def render_charts_parallel(
    datasets: Iterable[Any],
    output_paths: Iterable[str | os.PathLike[str]] | None = None,
    num_workers: int | None = None,
    speed: str = "fast",
    executor: Executor | None = None,
    format: str = "webp",
    *,
    quality: int | None = None,
    resume: bool = True,
    on_error: str = "warn",
    progress: bool | None = None,
    **render: Any,
) -> list[Any]:
    """Many charts to files or bytes, over all cores.

    Parameters
    ----------
    datasets : ``{"ohlc": ..., "volume": ...}`` each, as `render_ohlcv_chart` takes them, or
        `rolling_windows` of a history.
    output_paths : a path for each, in folders that exist; None gives bytes. A file is written whole or
        not at all. A suffix that names a format decides it.
    num_workers : threads, all cores by default; with an executor, how many pieces it can work on at once.
    speed, quality : as for `save_chart`.
    executor : anything with `submit` as in `concurrent.futures`, also of processes, forked or spawned.
    format : "webp", "png", "jpeg", "svg" or "svgz", where no suffix says.
    resume : keep a file that was made from the same data with the same arguments by the same code, as the
        record `.kf-batch.jsonl` beside it says. False makes every file and keeps no record.
    on_error : "warn", "raise" or "return", see below.
    progress : show a progress bar; by default for batches that take longer than a second.
    **render : the other arguments of `render_ohlcv_chart`.

    Returns
    -------
    list
        The paths as they were given, or bytes, in the order of `datasets`. A failed dataset fails alone:
        in its place stands a `ChartError` with its position and what was wrong. By default a
        `KfWarning` says so too; "raise" raises the first one, after all others are done.

    Raises
    ------
    TypeError, ValueError : an argument is of another kind or value than above.
    KfError : a folder is not there.
    """
    charts = listed(_WHAT, datasets)
    look_of(**render)
    choose(_WHAT, "on_error", on_error, ("warn", "raise", "return"))
    usual = format_for(_WHAT, None, format)
    given = None if output_paths is None else list_paths(_WHAT, output_paths, len(charts))
    places = None if given is None else Places(_WHAT, given, usual, resume)
    options = {
        name: check_options(_WHAT, name, speed, quality, {})
        for name in ("webp", "png", "jpeg", "svg", "svgz")
    }
    workers = checked_workers(_WHAT, num_workers)
    if executor is not None:
        if not hasattr(executor, "submit"):
            raise TypeError(
                f"{_WHAT}: executor must have submit() as in concurrent.futures, "
                f"got {type(executor).__name__}."
            )
        if num_workers is None:
            workers = getattr(executor, "_max_workers", None) or thread_count()
    results: list[Any] = [None] * len(charts)

    def pieces() -> Iterator[Piece]:
        size = max(1, min(_LONGEST_PIECE, -(-len(charts) // (4 * workers))))
        for start, stop, name in runs(len(charts), size, usual if places is None else places.formats):
            yield Piece(
                start, charts[start:stop], None if places is None else places.paths[start:stop], render, name,
                speed, options[name], None if places is None else places.known(start, stop),
            )  # fmt: skip

    with _bar(len(charts), progress) as tell:

        def take(piece: Piece, result: Result) -> None:
            for place in range(len(piece.datasets)):
                position = piece.first + place
                if place in result.failures:
                    results[position] = ChartError(position, result.failures[place])
                else:
                    results[position] = result.data[place] if given is None else given[position]
            if places is not None:
                places.note(piece.first, result.made)
            tell(len(piece.datasets))

        if executor is None:
            todo = list(pieces())
            drawn = Backlog(min(workers, thread_count()))

            def finish(piece: Piece, result: Result) -> None:
                write_piece(piece, result)
                take(piece, result)

            def work(start: int, stop: int) -> None:
                for piece in todo[start:stop]:
                    drawn.add(functools.partial(finish, piece, draw_piece(piece)))

            over_lanes(work, len(todo), 1, workers)
        else:
            _over_executor(executor, pieces(), 2 * workers, take)
    _report([result for result in results if isinstance(result, ChartError)], len(charts), on_error)
    return results


def _over_executor(executor: Executor, pieces: Iterator[Piece], ahead: int, take: Any) -> None:
    """Keep the executor busy with a bounded number of pieces; results are taken in order."""
    waiting: deque[tuple[Piece, Future[Result]]] = deque()
    try:
        for piece in pieces:
            waiting.append((piece, executor.submit(run_piece, piece)))
            if len(waiting) > ahead:
                first, future = waiting.popleft()
                take(first, future.result())
        while waiting:
            first, future = waiting.popleft()
            take(first, future.result())
    finally:
        for _, future in waiting:
            future.cancel()


@contextlib.contextmanager
def _bar(n: int, progress: bool | None) -> Iterator[Any]:
    if progress is False or (progress is None and n < _LONG):
        yield lambda done: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=n, unit=" charts", delay=0.0 if progress else 1.0, mininterval=0.2) as bar:
        yield bar.update


def _report(failures: list[ChartError], n: int, on_error: str) -> None:
    if not failures or on_error == "return":
        return
    if on_error == "raise":
        raise failures[0] from failures[0].error
    shown = "; ".join(map(str, failures[:_NAMED]))
    more = f"; and {len(failures) - _NAMED:,} more" if len(failures) > _NAMED else ""
    warnings.warn(
        f"{_WHAT}: {len(failures):,} of {n:,} charts failed: {shown}{more}.", KfWarning, stacklevel=3
    )
