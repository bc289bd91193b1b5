"""A piece of a batch: some datasets to bytes, in memory or in files, in this process or another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kf_widget.errors import KfError
from kf_widget.plotting.batch import dataset_of, encode_windows, joined
from kf_widget.plotting.columns import fault
from kf_widget.plotting.files import write_whole
from kf_widget.plotting.look import Look, look_of
from kf_widget.plotting.record import content_hash, made_from, manner
from kf_widget.plotting.save import chart_bytes
from kf_widget.plotting.windows import Windows

__all__ = ["Piece", "Result", "run_piece"]

_WHAT = "render_charts_parallel"


@dataclass(slots=True)
class Piece:
    """What to draw; can be pickled.

    first : position of the first dataset in the batch
    datasets : the datasets
    paths : where each goes, or None for bytes
    render : arguments of `look_of`
    format, speed, options : as `chart_bytes` takes them
    known : (made from, hash of the bytes) of files that a record names, by path; None keeps no record
    """

    first: int
    datasets: Sequence[Any]
    paths: list[str] | None
    render: dict[str, Any]
    format: str
    speed: str
    options: dict[str, Any]
    known: dict[str, tuple[str, str]] | None


@dataclass(slots=True)
class Result:
    """What became of a piece, by place in it.

    data : bytes of the files, where no paths were given
    failures : what went wrong
    made : (made from, hash of the bytes) of the files written
    """

    data: list[bytes | None]
    failures: dict[int, Exception] = field(default_factory=dict)
    made: dict[int, tuple[str, str]] = field(default_factory=dict)


def run_piece(piece: Piece) -> Result:
    """Draw, encode and write a piece; what is wrong with one dataset stays with it."""
    look = look_of(**piece.render)
    result = Result([None] * len(piece.datasets))
    if look.bare and piece.format not in ("svg", "svgz"):
        groups = joined(_WHAT, piece.datasets, 0, len(piece.datasets), result.failures)
        for part, places in groups:
            _draw_part(piece, look, part, places, result)
    else:
        from kf_widget.plotting.drawn import shown_of

        how = manner(look, piece.format, piece.speed, piece.options)
        for place, dataset in enumerate(piece.datasets):
            try:
                ohlc, volume = dataset_of(f"{_WHAT}: dataset", dataset)
                source = ""
                if piece.paths is not None and piece.known is not None:
                    source = made_from(shown_of(ohlc, volume, look, _WHAT), how)
                    if _stands(piece.paths[place], source, piece.known):
                        continue
                data = chart_bytes(_WHAT, ohlc, volume, look, piece.format, piece.speed, piece.options)
                _deliver(piece, place, data, source, result)
            except Exception as error:
                result.failures[place] = error
    return result


def _draw_part(piece: Piece, look: Look, part: Windows, places: list[int], result: Result) -> None:
    sources = [""] * len(places)
    if piece.paths is not None and piece.known is not None:
        wanted = []
        how = manner(look, piece.format, piece.speed, piece.options)
        for k, place in enumerate(places):
            rows = slice(int(part.starts[k]), int(part.stops[k]))
            columns = [column[rows] for column in part.columns]
            sources[k] = made_from(columns, how)
            if not _stands(piece.paths[place], sources[k], piece.known):
                wanted.append(k)
        if len(wanted) < len(places):
            part = Windows(part.columns, part.starts[wanted], part.stops[wanted])
            places = [places[k] for k in wanted]
            sources = [sources[k] for k in wanted]
    if not places:
        return
    if piece.format == "webp" and piece.speed == "fast":
        files, statuses = encode_windows(part, look)
        for k, place in enumerate(places):
            if statuses[k] < 0:
                result.failures[place] = fault(statuses[k], part.columns, int(part.starts[k]), _WHAT)
            else:
                _try_to_deliver(piece, place, files[k], sources[k], result)
        return
    for k, place in enumerate(places):
        dataset = part[k]
        try:
            data = chart_bytes(
                _WHAT, dataset["ohlc"], dataset["volume"], look, piece.format, piece.speed, piece.options
            )
        except Exception as error:
            result.failures[place] = error
            continue
        _try_to_deliver(piece, place, data, sources[k], result)


def _try_to_deliver(piece: Piece, place: int, data: bytes, source: str, result: Result) -> None:
    try:
        _deliver(piece, place, data, source, result)
    except KfError as error:
        result.failures[place] = error


def _deliver(piece: Piece, place: int, data: bytes, source: str, result: Result) -> None:
    if piece.paths is None:
        result.data[place] = data
        return
    write_whole(_WHAT, piece.paths[place], data)
    if source:
        result.made[place] = (source, content_hash(data))


def _stands(path: str, source: str, known: dict[str, tuple[str, str]]) -> bool:
    """Whether the file is there, made from the same, and as it was written."""
    entry = known.get(path)
    if entry is None or entry[0] != source:
        return False
    try:
        return content_hash(Path(path).read_bytes()) == entry[1]
    except OSError:
        return False
