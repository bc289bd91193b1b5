"""What does our own WebP encoder win over libwebp's? One thread, the same pixels in the same run.

    python benchmarks/encode.py [--sizes 300x200 1200x600 1920x1080 3840x2160] [--bars 50 300 4000]
        [--repeats 15] [--quick]

Candle charts with volume, drawn by our own raster: bare, with axes and text, and with three line
studies as well. libwebp goes through Pillow's `save`, lossless, from an RGB image made beforehand:
`fast` is measured beside quality 0 method 0, `balanced` beside quality 75 method 4, `best` beside
quality 100 method 6 (once; `--quick` leaves it out). Our calls alternate with the peer's; times are
medians. Every file is decoded and compared. Writes benchmarks/results/encode.json, .md and, for the
README, encode_1200.md.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import RESULTS, facts, markdown_table, save  # noqa: E402
from kf_widget.chart import inks  # noqa: E402
from kf_widget.chart.compose import Style, compose  # noqa: E402
from kf_widget.chart.scene import Polyline  # noqa: E402
from kf_widget.chart.subject import Subject  # noqa: E402
from kf_widget.chart.theme import theme_named  # noqa: E402
from kf_widget.chart.view import Viewport  # noqa: E402
from kf_widget.frame.pillow import colours_to_rgba  # noqa: E402
from kf_widget.frame.webp import encode_webp, warm  # noqa: E402
from kf_widget.history.sample import sample_ticks  # noqa: E402
from kf_widget.raster import measure, rasterize  # noqa: E402

KINDS = ("bare", "text", "studies")
PEERS = {"fast": (0, 0), "balanced": (75, 4), "best": (100, 6)}
"""Quality and method of libwebp beside each effort."""
STUDIES = ((inks.STUDY_1, 10), (inks.STUDY_2, 30), (inks.STUDY_3, 60))
"""Inks and lengths of moving averages."""
SLOW_PIXELS = 1_000_000

Frame = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]


def main() -> None:
    """Run what the command line asks for; prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["300x200", "1200x600", "1920x1080", "3840x2160"])
    parser.add_argument("--bars", nargs="+", type=int, default=[50, 300, 4000])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="leave out libwebp quality 100 method 6")
    chosen = parser.parse_args()
    compiling = time.perf_counter()
    warm()
    results: dict[str, Any] = {
        "machine": facts("kf_widget", "numpy", "numba", "pillow"),
        "warm_s": round(time.perf_counter() - compiling, 2),
        "frames": [],
    }
    subject = Subject.of(sample_ticks(2_000_000, years=5, seed=0))
    for size in chosen.sizes:
        width, height = map(int, size.split("x"))
        for bars in chosen.bars:
            for kind in KINDS:
                frame = draw(subject, width, height, bars, kind)
                row = {"width": width, "height": height, "bars": bars, "kind": kind}
                row |= measured(frame, chosen.repeats, slow=not chosen.quick)
                print(json.dumps(row), flush=True)
                results["frames"].append(row)
    text = table(results["frames"])
    save("encode", results)
    (RESULTS / "encode.md").write_text(text)
    (RESULTS / "encode_1200.md").write_text(table([row for row in results["frames"] if row["width"] == 1200]))
    print(text)


def draw(subject: Subject, width: int, height: int, bars: int, kind: str) -> Frame:
    """A chart of five-minute candles in the middle of the history: indices and colours."""
    ratio = 2.0 if width > 2000 else 1.0
    span = bars * 300 * 10**9
    start = (subject.axis.start + subject.axis.stop - span) // 2
    viewport = Viewport(start, start + span, None, round(width / ratio), round(height / ratio), ratio)
    picture = compose(subject, viewport, Style("5m", axes=kind != "bare"), measure)
    if kind == "studies":
        x, y, across, down = picture.layout.plot
        columns = picture.columns
        middle = (columns.x0 + columns.x1) / 2
        for ink, length in STUDIES:
            close = columns.ohlc[:, 3]
            length = min(length, close.size)
            mean = np.convolve(np.r_[np.full(length - 1, close[0]), close], np.ones(length) / length, "valid")
            rows = y + picture.prices.to_fraction(mean) * down
            line = Polyline(middle, rows, 1.5 * ratio, ink)
            picture.scene.add(line, (x, y, x + across, y + down))
    indices = np.empty((picture.scene.height, picture.scene.width), np.uint8)
    if indices.shape != (height, width):
        raise SystemExit(f"the frame is {indices.shape[1]}x{indices.shape[0]}, not {width}x{height}")
    palette = rasterize(picture.scene, indices)
    return indices, palette.colours(theme_named("modern").colours())


def measured(frame: Frame, repeats: int, slow: bool) -> dict[str, Any]:
    """Milliseconds and bytes of each effort and of its peer on one frame."""
    indices, colours = frame
    rgba = colours_to_rgba(colours)[indices]
    image = Image.fromarray(np.ascontiguousarray(rgba[..., :3]))
    row: dict[str, Any] = {"colours": int(np.unique(indices).size)}
    for effort, (quality, method) in PEERS.items():
        if effort == "best" and not slow:
            continue
        times = 1 if effort == "best" else (repeats if indices.size < SLOW_PIXELS else max(repeats // 3, 3))

        def ours(effort: str = effort) -> bytes:
            return encode_webp(indices, colours, effort)

        def theirs(quality: int = quality, method: int = method) -> bytes:
            file = io.BytesIO()
            image.save(file, "WEBP", lossless=True, quality=quality, method=method)
            return file.getvalue()

        mine, peers = ours(), b""
        decoded = np.asarray(Image.open(io.BytesIO(mine)).convert("RGBA"))
        if not np.array_equal(decoded, rgba):
            raise SystemExit(f"{effort} does not decode to the frame")
        our_ms: list[float] = []
        peer_ms: list[float] = []
        for _ in range(times):
            seconds, peers = timed(theirs)
            peer_ms.append(1e3 * seconds)
            our_ms.extend(1e3 * timed(ours)[0] for _ in range(3 if times > 1 else 15))
        row[effort] = {
            "ms": round(float(np.median(our_ms)), 4),
            "bytes": len(mine),
            "libwebp_ms": round(float(np.median(peer_ms)), 3),
            "libwebp_bytes": len(peers),
        }
    return row


def timed(work: Callable[[], bytes]) -> tuple[float, bytes]:
    """Seconds that a call takes, and what it gives."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def table(rows: list[dict[str, Any]]) -> str:
    """One line a frame: time and bytes of each effort, and the ratios to its peer."""
    head = ["frame", "colours"]
    for effort, (quality, method) in PEERS.items():
        head += [f"`{effort}` ms", "bytes", f"times libwebp q{quality} m{method}", "of its bytes"]
    lines = []
    for row in rows:
        line = [f"{row['width']}x{row['height']}, {row['bars']} bars, {row['kind']}", str(row["colours"])]
        for effort in PEERS:
            if effort not in row:
                line += ["", "", "", ""]
                continue
            cell = row[effort]
            line += [
                f"{cell['ms']:.3f}",
                f"{cell['bytes']:,}",
                f"{cell['libwebp_ms'] / cell['ms']:.1f}",
                f"{cell['bytes'] / cell['libwebp_bytes']:.3f}",
            ]
        lines.append(line)
    return markdown_table(head, lines)


if __name__ == "__main__":
    main()
