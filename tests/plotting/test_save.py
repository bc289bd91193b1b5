"""Images saved: the right pixels, the sizes each speed promises, whole files or none."""

from __future__ import annotations

import io
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import kf_widget.plotting.files as files
import kf_widget.plotting.save as save
from kf_widget.errors import KfError
from kf_widget.plotting import render_and_save, render_ohlcv_chart, render_to_array, save_chart
from kf_widget.plotting.picture import origin_of
from tests.plotting.charts import bars, dataset, decoded

SPEEDS = ("fast", "balanced", "best")
SMALL = {"width": 300, "height": 200}


def chart(n: int = 50, **render: Any) -> Any:
    ohlc, volume = bars(n)
    return render_ohlcv_chart(ohlc, volume, **{**SMALL, **render})


def saved(image: Any, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    assert save_chart(image, file, format=format, **options) is file
    return file.getvalue()


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("format", ["webp", "png"])
@pytest.mark.parametrize("chart_type", ["candle", "area"])
def test_lossless_formats_give_the_pixels_back(
    format: str, speed: str, smooth: bool, chart_type: str
) -> None:
    image = chart(enable_antialiasing=smooth, chart_type=chart_type)
    data = saved(image, format, speed=speed)
    assert Image.open(io.BytesIO(data)).format == format.upper()
    np.testing.assert_array_equal(decoded(data), np.asarray(image.convert("RGBA")))


def draw_line(image: Any) -> Any:
    ImageDraw.Draw(image).line((0, 0, 299, 199), fill="#ABCDEF", width=3)
    return image


def put_pixel(image: Any) -> Any:
    image.putpixel((7, 9), (1, 2, 3) if image.mode == "RGB" else (1, 2, 3, 255))
    return image


def paste(image: Any) -> Any:
    image.paste(Image.new(image.mode, (20, 20), "#ABCDEF"), (11, 12))
    return image


def through_access(image: Any) -> Any:
    image.putpixel((0, 0), (9, 9, 9) if image.mode == "RGB" else (9, 9, 9, 255))
    image.load()[5, 6] = (1, 2, 3) if image.mode == "RGB" else (1, 2, 3, 255)
    return image


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("change", [draw_line, put_pixel, paste, through_access])
@pytest.mark.parametrize("format", ["webp", "png"])
def test_what_the_caller_drew_is_saved(format: str, change: Any, smooth: bool) -> None:
    untouched = chart(enable_antialiasing=smooth)
    saved(untouched, format)
    image = change(untouched)
    assert origin_of(image) is None
    before = np.asarray(chart().convert("RGBA"))
    drawn = np.asarray(image.convert("RGBA"))
    assert (before != drawn).any()
    np.testing.assert_array_equal(decoded(saved(image, format)), drawn)


@pytest.mark.parametrize("smooth", [True, False])
def test_memory_written_behind_pillows_back_is_noticed(smooth: bool) -> None:
    image = chart(enable_antialiasing=smooth)
    assert origin_of(image) is not None
    if smooth:
        image.kf_widget_origin.words[1234] ^= 0x40
    else:
        image.im.putpixel((3, 4), (1, 2, 3))
    assert origin_of(image) is None
    np.testing.assert_array_equal(decoded(saved(image, "webp")), np.asarray(image.convert("RGBA")))


@pytest.mark.parametrize(
    "derive",
    [
        lambda image: image.copy(),
        lambda image: image.resize((150, 100)),
        lambda image: image.crop((10, 10, 99, 77)),
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: image.convert("L"),
        lambda image: image.quantize(8),
        lambda image: pickle.loads(pickle.dumps(image)),
        lambda image: Image.effect_noise((60, 40), 90).convert("RGB"),
        lambda image: Image.new("1", (9, 9)),
    ],
)
@pytest.mark.parametrize("format", ["webp", "png"])
def test_any_other_image_is_saved_too(derive: Any, format: str) -> None:
    image = derive(chart())
    for speed in SPEEDS:
        data = saved(image, format, speed=speed)
        np.testing.assert_array_equal(decoded(data), np.asarray(image.convert("RGBA")))


def test_jpeg_shows_the_background_where_it_is_transparent() -> None:
    image = chart(theme="light", bg_color="#3366CC")
    image.paste((255, 255, 255, 0), (20, 20, 120, 120))
    pixels = decoded(saved(image, "jpeg", quality=95), "RGB").astype(int)
    assert np.abs(pixels[60:90, 60:90] - [0x33, 0x66, 0xCC]).max() <= 3
    foreign = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    assert (decoded(saved(foreign, "jpg"), "RGB") > 250).all()


def test_jpeg_quality_works() -> None:
    image = chart()
    sizes = [len(saved(image, "jpeg", quality=quality, speed="fast")) for quality in (10, 50, 90)]
    assert sizes == sorted(set(sizes))
    ohlc, volume = bars(50)
    files = [io.BytesIO() for _ in range(2)]
    for file, quality in zip(files, (10, 90), strict=True):
        render_and_save(ohlc, volume, file, format="jpg", quality=quality, **SMALL)
    assert len(files[0].getvalue()) < len(files[1].getvalue())


def pillow_webp(image: Any, quality: int, method: int) -> int:
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, quality=quality, method=method)
    return len(file.getvalue())


@pytest.mark.parametrize(("n", "width", "height"), [(50, 300, 200), (1000, 1920, 1080)])
@pytest.mark.parametrize("chart_type", ["candle", "line"])
def test_webp_speeds_keep_their_promise_of_bytes(n: int, width: int, height: int, chart_type: str) -> None:
    image = chart(n, width=width, height=height, chart_type=chart_type)
    sizes = [len(saved(image, "webp", speed=speed)) for speed in SPEEDS]
    assert sizes[0] <= 0.8 * pillow_webp(image, 0, 0)
    slack = 1.02 if chart_type == "line" else 1.0  # 1,500 bytes of antialiasing: a tie, give or take
    assert sizes[1] <= slack * pillow_webp(image, 75, 4)
    assert sizes[2] <= slack * pillow_webp(image, 100, 6)
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(("n", "width", "height"), [(50, 300, 200), (1000, 1920, 1080)])
def test_each_speed_is_smaller(n: int, width: int, height: int) -> None:
    image = chart(n, width=width, height=height)
    png, jpeg = ([len(saved(image, format, speed=speed)) for speed in SPEEDS] for format in ("png", "jpeg"))
    assert png[0] > png[1] > png[2]
    assert jpeg[0] > jpeg[1] >= jpeg[2]
    small = chart()
    plain, _, best = (saved(small, "jpeg", speed=speed) for speed in SPEEDS)
    np.testing.assert_array_equal(decoded(plain), decoded(best))


def test_png_compress_level_works() -> None:
    image = chart()
    sizes = [len(saved(image, "png", compress_level=level)) for level in (0, 1, 9)]
    assert sizes[0] > 5 * sizes[1]
    assert sizes[1] > sizes[2]


@pytest.mark.parametrize("name", ["a.webp", "b.WEBP", "c.png", "d.jpg", "e.jpeg"])
@pytest.mark.parametrize("kind", [str, Path])
def test_the_suffix_decides_and_the_path_comes_back(name: str, kind: Any, tmp_path: Path) -> None:
    ohlc, volume = bars(50)
    path = kind(tmp_path / name)
    assert render_and_save(ohlc, volume, path, **SMALL) is path
    wanted = {"w": "WEBP", "p": "PNG", "j": "JPEG"}[Path(name).suffix[1].lower()]
    with Image.open(path) as image:
        assert image.format == wanted
        assert image.size == (300, 200)
        if wanted != "JPEG":
            array = np.asarray(image.convert("RGBA"))
            np.testing.assert_array_equal(array, render_to_array(ohlc, volume, **SMALL))
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_format_beats_the_suffix(tmp_path: Path) -> None:
    path = save_chart(chart(), tmp_path / "chart.bin", format="PNG")
    with Image.open(path) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize("nameless", [True, False])
def test_a_file_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool) -> None:
    if not nameless:  # as on systems without such files
        monkeypatch.setattr(files, "_NAMELESS", 0)
    image, path = chart(), tmp_path / "chart.webp"
    path.write_bytes(b"the old one")

    def full(handle: int, data: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(KfError, match=r"cannot write .*No space left"):
            save_chart(image, path)
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(KfError, match="Make the folder first"):
        save_chart(image, tmp_path / "nowhere" / "chart.webp")
    assert list(tmp_path.iterdir()) == [path]
    save_chart(image, path)
    np.testing.assert_array_equal(decoded(path.read_bytes()), np.asarray(image))


@pytest.mark.parametrize("nameless", [True, False])
def test_a_file_takes_the_place_of_what_had_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool
) -> None:
    if not nameless:
        monkeypatch.setattr(files, "_NAMELESS", 0)
    image, elsewhere, link = chart(), tmp_path / "elsewhere", tmp_path / "link.webp"
    elsewhere.write_bytes(b"not given")
    link.symlink_to(elsewhere)
    mask = os.umask(0o027)
    try:
        save_chart(image, link)
    finally:
        os.umask(mask)
    assert elsewhere.read_bytes() == b"not given"
    assert not link.is_symlink()
    assert link.stat().st_mode & 0o777 == 0o640
    np.testing.assert_array_equal(decoded(link.read_bytes()), np.asarray(image))
    folder = tmp_path / "folder.webp"
    folder.mkdir()
    with pytest.raises(KfError, match="cannot write"):
        save_chart(image, folder)
    monkeypatch.chdir(tmp_path)
    assert save_chart(image, "bare.webp") == "bare.webp"
    assert {found.name for found in tmp_path.iterdir()} == {
        "elsewhere", "link.webp", "folder.webp", "bare.webp"
    }  # fmt: skip


def test_a_system_that_links_no_nameless_file_writes_named_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **more: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    save_chart(chart(), tmp_path / "a.webp")
    assert [found.name for found in tmp_path.iterdir()] == ["a.webp"]
    np.testing.assert_array_equal(decoded((tmp_path / "a.webp").read_bytes()), np.asarray(chart()))


@pytest.mark.parametrize(
    ("path", "given", "error", "words"),
    [
        ("a.bmp", {}, ValueError, r"\.webp, \.png, \.jpg, \.jpeg, \.svg, \.svgz"),
        ("a", {}, ValueError, "must end in one of"),
        ("a.webp", {"format": "gif"}, ValueError, "webp, png, jpeg, svg, svgz"),
        ("a.webp", {"format": 3}, TypeError, "webp, png"),
        ("a.webp", {"speed": "fastest"}, ValueError, "fast, balanced, best.*'fast'"),
        ("a.webp", {"quality": 0}, ValueError, "from 1 to 100"),
        ("a.jpg", {"quality": "high"}, TypeError, "from 1 to 100"),
        ("a.png", {"compress_level": 10}, ValueError, "from 0 to 9"),
        (
            "a.webp",
            {"compress_level": 3},
            TypeError,
            "options of webp must be among none, got 'compress_level'",
        ),
        ("a.jpg", {"effort": 3}, TypeError, "quality, subsampling, progressive, optimize, got 'effort'"),
        ("a.svg", {}, ValueError, "render_and_save"),
        (None, {}, ValueError, "format must be given"),
        (3, {"format": "png"}, TypeError, "a path or a binary file"),
        (io.StringIO(), {"format": "png"}, TypeError, "a path or a binary file, got StringIO"),
        ("a\0.png", {}, ValueError, "no NUL"),
    ],
)
def test_wrong_arguments_say_what_is_allowed(
    path: Any, given: dict[str, Any], error: type[Exception], words: str, tmp_path: Path
) -> None:
    target = tmp_path / path if isinstance(path, str) else (io.BytesIO() if path is None else path)
    with pytest.raises(error, match=words):
        save_chart(chart(), target, **given)
    assert not list(tmp_path.iterdir())


def test_only_images_are_saved() -> None:
    with pytest.raises(TypeError, match="img must be a Pillow image, got ndarray"):
        save_chart(np.zeros((3, 3)), io.BytesIO(), format="png")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one pixel"):
        save_chart(Image.new("RGB", (0, 5)), io.BytesIO(), format="png")
    for mode in ("I", "I;16", "F"):  # conversion would cut their values off
        with pytest.raises(ValueError, match=f"8 bits a channel, got mode '{mode}'"):
            save_chart(Image.new(mode, (4, 5)), io.BytesIO(), format="png")


def test_an_untouched_image_is_not_searched_for_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save, "index_pixels", lambda *given: pytest.fail("took the slow way"))
    for smooth in (True, False):
        saved(chart(enable_antialiasing=smooth), "webp")


class Narrow(io.RawIOBase):
    """Takes a hundred bytes at a time, and none after `most`."""

    def __init__(self, most: int) -> None:
        self.taken, self.most = b"", most

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int | None:
        part = bytes(data[: min(100, self.most - len(self.taken))])
        self.taken += part
        return len(part) or None


def test_a_file_without_a_buffer_gets_all_of_it_or_an_error(tmp_path: Path) -> None:
    image = render_ohlcv_chart(**dataset())
    whole = io.BytesIO()
    save_chart(image, whole, format="png")
    target = Narrow(1 << 20)
    save_chart(image, target, format="png")
    assert target.taken == whole.getvalue()
    with pytest.raises(KfError, match=r"took 250 of [\d,]+ bytes\. Open it with a buffer"):
        save_chart(image, Narrow(250), format="png")


def test_a_text_file_is_refused_however_it_is_wrapped(tmp_path: Path) -> None:
    image = render_ohlcv_chart(**dataset())
    with (
        tempfile.NamedTemporaryFile("w", dir=tmp_path) as target,
        pytest.raises(TypeError, match="output_path must be a path or a binary file, got _Temp"),
    ):
        save_chart(image, target, format="png")
    with tempfile.NamedTemporaryFile("wb", dir=tmp_path) as target:
        save_chart(image, target, format="png")
        target.flush()
        assert decoded(Path(target.name).read_bytes()).shape[:2] == (image.height, image.width)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"subsampling": "9:9"}, ValueError, "subsampling must be one of 4:4:4, 4:2:2, 4:2:0, got '9:9'"),
        ({"subsampling": 7}, TypeError, "subsampling must be one of 4:4:4"),
        ({"progressive": "x"}, TypeError, "progressive must be True or False, got 'x'"),
        ({"optimize": 1}, TypeError, "optimize must be True or False, got 1"),
    ],
)
def test_options_of_jpeg(options: dict[str, Any], error: type[Exception], says: str, tmp_path: Path) -> None:
    image = render_ohlcv_chart(**dataset())
    with pytest.raises(error, match=says):
        save_chart(image, tmp_path / "a.jpg", **options)
    for value in (0, 1, 2, "4:2:0"):
        save_chart(image, tmp_path / "a.jpg", subsampling=value, progressive=True)
