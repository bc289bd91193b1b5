"""A piece of a batch: some datasets to bytes, in memory or in files, in this process or another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kf_widget.plotting.batch import dataset_of, encode_windows, joined
from kf_widget.plotting.columns import fault
from kf_widget.plotting.files import write_all
from kf_widget.plotting.look import Look, look_of
from kf_widget.plotting.record import content_hash, made_from, made_from_each, manner
from kf_widget.plotting.save import chart_bytes
from kf_widget.plotting.windows import Windows

__all__ = ["Piece", "Result", "draw_piece", "run_piece", "write_piece"]

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
    ready : place, bytes, and what it was made from, of files to be written; "" where nobody asks
    failures : what went wrong
    made : (made from, hash of the bytes) of the files written
    """

    data: list[bytes | None]
    ready: list[tuple[int, bytes, str]] = field(default_factory=list)
    failures: dict[int, Exception] = field(default_factory=dict)
    made: dict[int, tuple[str, str]] = field(default_factory=dict)


def run_piece(piece: Piece) -> Result:
    """Draw, encode and write a piece; what is wrong with one dataset stays with it."""
    result = draw_piece(piece)
    write_piece(piece, result)
    return result


def draw_piece(piece: Piece) -> Result:
    """Draw and encode a piece; what takes long is written at once, and holds no memory."""
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
                ohlc, volume = dataset_of(_WHAT, dataset)
                source = ""
                if piece.paths is not None and piece.known is not None:
                    source = made_from(shown_of(ohlc, volume, look, _WHAT), how)
                    if _stands(piece.paths[place], source, piece.known):
                        continue
                data = chart_bytes(_WHAT, ohlc, volume, look, piece.format, piece.speed, piece.options)
            except Exception as error:
                result.failures[place] = error
            else:
                _keep(piece, place, data, source, result)
                write_piece(piece, result)
    return result


def _draw_part(piece: Piece, look: Look, part: Windows, places: list[int], result: Result) -> None:
    sources = [""] * len(places)
    if piece.paths is not None and piece.known is not None:
        sources = made_from_each(
            part.columns, part.starts, part.stops, manner(look, piece.format, piece.speed, piece.options)
        )
        wanted = [
            k for k, place in enumerate(places) if not _stands(piece.paths[place], sources[k], piece.known)
        ]
        if len(wanted) < len(places):
            part = Windows(part.columns, part.starts[wanted], part.stops[wanted])
            places = [places[k] for k in wanted]
            sources = [sources[k] for k in wanted]
    if not places:
        return
    if piece.format == "webp" and piece.speed == "fast":
        files, statuses = encode_windows(part, look)
        for k in np.flatnonzero(statuses < 0).tolist():
            result.failures[places[k]] = fault(statuses[k], part.columns, int(part.starts[k]), _WHAT)
        for k in np.flatnonzero(statuses >= 0).tolist():
            _keep(piece, places[k], files[k], sources[k], result)
        return
    for k, place in enumerate(places):
        dataset = part[k]
        try:
            data = chart_bytes(
                _WHAT, dataset["ohlc"], dataset["volume"], look, piece.format, piece.speed, piece.options
            )
        except Exception as error:
            result.failures[place] = error
        else:
            _keep(piece, place, data, sources[k], result)
            write_piece(piece, result)


def _keep(piece: Piece, place: int, data: bytes, source: str, result: Result) -> None:
    if piece.paths is None:
        result.data[place] = data
    else:
        result.ready.append((place, data, source))


def write_piece(piece: Piece, result: Result) -> None:
    """Write the files that are ready, each to its path."""
    if piece.paths is None or not result.ready:
        return
    paths = [piece.paths[place] for place, _, _ in result.ready]
    failures = write_all(_WHAT, paths, [data for _, data, _ in result.ready])
    for k, (place, data, source) in enumerate(result.ready):
        if k in failures:
            result.failures[place] = failures[k]
        elif source:
            result.made[place] = (source, content_hash(data))
    result.ready.clear()


def _stands(path: str, source: str, known: dict[str, tuple[str, str]]) -> bool:
    """Whether the file is there, made from the same, and as it was written."""
    entry = known.get(path)
    if entry is None or entry[0] != source:
        return False
    try:
        return content_hash(Path(path).read_bytes()) == entry[1]
    except OSError:
        return False
