"""Many charts of one look in memory: images, arrays, WebP files."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.frame.vp8l_fast import FAST_WORK
from kf_widget.plotting.batch_kernels import encode_charts, paint_charts
from kf_widget.plotting.columns import NO_VOLUME, Columns, columns_of, fault, joined_at_hand
from kf_widget.plotting.easel import easel
from kf_widget.plotting.lanes import checked_workers, over_lanes
from kf_widget.plotting.look import BARE_TYPES, Look, look_of
from kf_widget.plotting.picture import picture_of
from kf_widget.plotting.render import draw
from kf_widget.plotting.windows import Windows
from kf_widget.raster.rgb import raster_rgb
from kf_widget.recycle import Recycler

__all__ = [
    "dataset_of",
    "encode_windows",
    "joined",
    "listed",
    "recycler",
    "render_batch",
    "render_ohlcv_charts",
]

_PIXELS_A_PIECE = 1 << 20
"""Work of a call without the GIL, in pixels: about a millisecond, so that threads seldom meet."""

_PAST_CACHES = 1 << 25
"""An array of so many bytes, written to before, is written past the caches, which it would only empty: a
tenth more charts a second as RGBA, a third more as RGB. New memory is still in them, as the system has just
cleared it: past them a seventh fewer charts get there."""

recycler = Recycler(1)


def render_ohlcv_charts(datasets: Iterable[Any], **common: Any) -> list[Any]:
    """Many charts as Pillow images, drawn over all cores.

    Parameters
    ----------
    datasets : ``{"ohlc": ..., "volume": ...}`` each, as `render_ohlcv_chart` takes them, or `Windows`.
    **common : the other arguments of `render_ohlcv_chart`, for all.

    Raises
    ------
    TypeError, ValueError : as there; a fault of the data names its position in `datasets`.
    """
    what = "render_ohlcv_charts"
    look = look_of(**common)
    charts = listed(what, datasets)
    images: list[Any] = [None] * len(charts)

    def work(start: int, stop: int) -> None:
        for position in range(start, stop):
            name = f"{what}: dataset {position}"
            indices, colours = draw(*dataset_of(name, charts[position]), look, name)
            images[position] = picture_of(indices, colours, look, look.words if look.bare else None)

    over_lanes(work, len(charts), 16, checked_workers(what, None))
    return images


def render_batch(
    windows: Any,
    width: int = 300,
    height: int = 200,
    *,
    out: npt.NDArray[np.uint8] | None = None,
    num_workers: int | None = None,
    **render: Any,
) -> npt.NDArray[np.uint8]:
    """Many charts as one array, for a model: drawn in compiled code, over all cores.

    Parameters
    ----------
    windows : `rolling_windows` of a history; or datasets as `render_ohlcv_charts` takes them; or an array
        (n, bars, 4 or 5) of open, high, low, close and perhaps volume.
    width, height : px.
    out : uint8 (n, height, width, channels), C-contiguous, overwritten and returned; made when not given,
        in the memory of the last one that was let go of, as the system takes as long to clear new memory as
        the charts take to draw. One such block stays, for the system to take back when it runs short.
    num_workers : threads; all cores by default.
    **render : the other arguments of `render_ohlcv_chart`.

    Returns
    -------
    uint8 (n, height, width, 4), or (n, height, width, 3) with ``enable_antialiasing=False``

    Raises
    ------
    TypeError, ValueError : as there; a fault of the data names its position in `windows`.
    """
    what = "render_batch"
    look = look_of(width=width, height=height, **render)
    workers = checked_workers(what, num_workers)
    if isinstance(windows, np.ndarray) and windows.ndim == 3:
        windows = _from_array(what, windows)
    charts = listed(what, windows)
    n = len(charts)
    shape = (n, look.height, look.width, look.channels)
    used = out is not None
    if out is None:
        out, used = recycler.room(shape, np.uint8)
    elif (
        not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != np.uint8 or not out.flags.carray
    ):
        got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(
            f"{what}: out must be a writable C-contiguous uint8 array of shape {shape}, got {got}."
        )
    target = out
    streamed = used and out.nbytes >= _PAST_CACHES and _may_stream(out)
    pixels = look.height * look.width

    def work(start: int, stop: int) -> None:
        if look.bare:
            for part, positions in joined(what, charts, start, stop):
                place = slice(start, stop) if len(positions) == stop - start else positions
                paint(part, place)
        else:
            for position in range(start, stop):
                name = f"{what}: dataset {position}"
                indices, colours = draw(*dataset_of(name, charts[position]), look, name)
                raster_rgb(indices, colours, channels=look.channels, out=target[position])

    table = look.words if look.channels == 4 else look.words & np.uint32(0xFFFFFF)

    def paint(part: Windows, place: Any) -> None:
        whole = isinstance(place, slice)
        drawn = target[place] if whole else np.empty((len(part), *shape[1:]), np.uint8)
        failures = np.zeros(len(part), np.int64)
        mine = easel()
        x, y, cover, solid = mine.fit(look, int((part.stops - part.starts).max()))
        paint_charts(
            *part.columns, part.starts, part.stops, 0, len(part), *_drawing(part, look),
            mine.picture(look), x, y, cover, solid, table, *_shaped(drawn, look),
            streamed and whole, failures,
        )  # fmt: skip
        if failures.any():
            bad = int(np.flatnonzero(failures)[0])
            position = place.start + bad if whole else place[bad]
            raise fault(failures[bad], part.columns, int(part.starts[bad]), f"{what}: dataset {position}")
        if not whole:
            target[place] = drawn

    over_lanes(work, n, max(1, min(256, _PIXELS_A_PIECE // pixels)), workers, apart=True)
    return out


def _may_stream(out: npt.NDArray[np.uint8]) -> bool:
    """Whether every chart begins where a vector may be streamed to."""
    return out.ctypes.data % 16 == 0 and out[0].nbytes % 16 == 0


def _shaped(out: npt.NDArray[np.uint8], look: Look) -> tuple[Any, Any]:
    """`out` as `paint_charts` takes it: as words and as bytes, empty what does not apply."""
    n, pixels = out.shape[0], look.height * look.width
    flat = out.reshape(n, pixels * look.channels)
    if look.channels == 4:
        return flat.view(np.uint32), flat[:, :0]
    return (flat.view(np.uint32) if pixels % 4 == 0 else np.empty((n, 0), np.uint32)), flat


def _drawing(part: Windows, look: Look) -> tuple[Any, ...]:
    kind = BARE_TYPES[look.chart_type]
    return kind, part.columns.has_volume, look.grid, look.antialiasing, look.wick_width_ratio


def _from_array(what: str, array: npt.NDArray[Any]) -> Windows:
    n, bars, fields = array.shape
    if fields not in (4, 5) or not bars:
        raise ValueError(f"{what}: windows must have shape (n, bars, 4 or 5), got {array.shape}.")
    names = ("open", "high", "low", "close", "volume")
    columns = {name: array[:, :, k].reshape(-1) for k, name in enumerate(names[:fields])}
    if not n:
        return Windows(Columns(*[NO_VOLUME] * 5), np.zeros(0, np.int64), np.zeros(0, np.int64))
    starts = np.arange(0, n * bars, bars, dtype=np.int64)
    return Windows(columns_of(columns, columns.get("volume"), what), starts, starts + bars)


def listed(what: str, datasets: Any) -> Sequence[Any]:
    """Datasets as a sequence, or an error that says what they must be."""
    if isinstance(datasets, Windows):
        return datasets
    if isinstance(datasets, str | bytes | dict) or not isinstance(datasets, Iterable):
        raise TypeError(
            f'{what}: datasets must be a list of {{"ohlc": ..., "volume": ...}} or rolling_windows, '
            f"got {type(datasets).__name__}."
        )
    return list(datasets)


def dataset_of(what: str, dataset: Any) -> tuple[Any, Any]:
    """The `ohlc` and `volume` of one dataset."""
    if isinstance(dataset, dict) and "ohlc" in dataset and dataset.keys() <= {"ohlc", "volume"}:
        return dataset["ohlc"], dataset.get("volume")
    got = ", ".join(map(str, dataset)) if isinstance(dataset, dict) else type(dataset).__name__
    raise (TypeError if not isinstance(dataset, dict) else ValueError)(
        f'{what}: a dataset must be a mapping with "ohlc" and perhaps "volume", got {got or "an empty one"}.'
    )


def joined(
    what: str, charts: Sequence[Any], start: int, stop: int, failures: dict[int, Exception] | None = None
) -> list[tuple[Windows, list[int]]]:
    """Datasets `start` to `stop` as windows over joined columns: those with volume, those without.

    Parameters
    ----------
    failures : where given, takes what is wrong with a dataset, by position; else it is raised and names it.

    Returns
    -------
    list of windows and the positions of their charts
    """
    if isinstance(charts, Windows):
        return [(charts[start:stop], list(range(start, stop)))] if stop > start else []
    if stop - start > 1 and (ready := joined_at_hand(charts[start:stop])) is not None:
        return [(_end_to_end(*ready), list(range(start, stop)))]
    groups: dict[bool, tuple[list[Columns], list[int]]] = {}
    for position in range(start, stop):
        name = f"{what}: dataset {position}" if failures is None else what
        try:
            columns = columns_of(*dataset_of(name, charts[position]), name)
        except (TypeError, ValueError) as error:
            if failures is None:
                raise
            failures[position] = error
            continue
        parts, positions = groups.setdefault(columns.has_volume, ([], []))
        parts.append(columns)
        positions.append(position)
    result = []
    for parts, positions in groups.values():
        whole = parts[0] if len(parts) == 1 else Columns(*map(np.concatenate, zip(*parts, strict=True)))
        result.append((_end_to_end(whole, [part.open.size for part in parts]), positions))
    return result


def _end_to_end(columns: Columns, sizes: list[int]) -> Windows:
    """Windows of so many bars, each beginning where the one before ends."""
    edges = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=edges[1:])
    return Windows(columns, edges[:-1].copy(), edges[1:].copy())


class _Press(threading.local):
    """Buffers of the encoder, one set to a thread; they grow to what its charts need."""

    def __init__(self) -> None:
        self.colours = np.zeros(256, np.uint32)
        self.pixels = np.empty(64, np.uint8)
        self.tokens = np.empty(1 << 14, np.int64)
        self.work = np.zeros(FAST_WORK, np.int64)
        self.out = np.empty(1 << 19, np.uint8)


_press = _Press()


def encode_windows(part: Windows, look: Look) -> tuple[list[bytes], npt.NDArray[np.int64]]:
    """Charts as WebP files, encoded fast.

    Parameters
    ----------
    part : the charts; look : one that is `bare`

    Returns
    -------
    files : list of bytes, empty where a chart failed
    failures : int64 (n,), what `draw_chart` returned for each
    """
    n = len(part)
    failures = np.zeros(n, np.int64)
    edges = np.zeros(n + 1, np.int64)
    mine, press = easel(), _press
    x, y, cover, solid = mine.fit(look, int((part.stops - part.starts).max()))
    press.colours[: look.colours.size] = look.colours
    room = 2 * look.height * (look.width + 1) + look.width + 64  # no less than `vp8l.encode` gives
    if press.pixels.size < room:
        press.pixels = np.empty(room, np.uint8)
    image = mine.picture(look)
    files: list[bytes] = []
    while len(files) < n:
        first = len(files)
        last = encode_charts(
            *part.columns, part.starts, part.stops, first, n, *_drawing(part, look),
            image, x, y, cover, solid, press.colours, look.colours.size, press.pixels,
            press.tokens, press.work, press.out, edges, failures,
        )  # fmt: skip
        if last == first:
            press.tokens = np.empty(min(4 * press.tokens.size, look.height * look.width + 2), np.int64)
            press.out = np.empty(4 * press.out.size, np.uint8)
            continue
        made = press.out[: edges[last]].tobytes()
        cuts = edges[first : last + 1].tolist()
        files += [made[a:b] for a, b in pairwise(cuts)]
    if press.out.nbytes + 8 * press.tokens.size + press.pixels.nbytes > 1 << 27:
        press.__init__()  # type: ignore[misc]
    return files, failures
