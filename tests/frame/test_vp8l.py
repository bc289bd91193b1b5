"""Every encoded frame decodes to the identical image, and wrong arguments are refused."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kf_widget.frame.pillow import colours_to_rgba
from kf_widget.frame.vp8l_fast import FAST_WORK, encode_fast
from kf_widget.frame.vp8l_stream import HEAD, SHORT_TOKENS
from kf_widget.frame.webp import EFFORTS, encode_webp, encode_webp_pillow, vp8l_ready, warm


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    warm()


def decoded(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def assert_identical(indices, colours, efforts=EFFORTS):
    wanted = colours_to_rgba(colours)[indices]
    for effort in efforts:
        data = encode_webp(indices, colours, effort)
        assert len(data) % 2 == 0
        assert int.from_bytes(data[4:8], "little") == len(data) - 8
        np.testing.assert_array_equal(decoded(data), wanted, err_msg=effort)


def palette(n, seed=0, alpha=False):
    colours = np.random.default_rng(seed).integers(0, 1 << 32, n, dtype=np.uint32)
    return colours if alpha else colours | np.uint32(0xFF000000)


def blocks(height, width, n, seed=0):
    """Rectangles over one another: long runs, like a chart."""
    random = np.random.default_rng(seed)
    indices = np.zeros((height, width), np.uint8)
    for _ in range(40):
        y, x = random.integers(0, height), random.integers(0, width)
        h, w = random.integers(1, 2 + height // 2), random.integers(1, 2 + width // 8)
        indices[y : y + h, x : x + w] = random.integers(0, n)
    return indices


@pytest.mark.parametrize("n", range(1, 257))
def test_every_palette_size(n):
    random = np.random.default_rng(n)
    height, width = int(random.integers(1, 70)), int(random.integers(1, 90))
    colours = palette(n, n, alpha=n % 3 == 0)
    assert_identical(random.integers(0, n, (height, width), dtype=np.uint8), colours)
    assert_identical(blocks(height, width, n, n), colours)


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1),
        (1, 2),
        (2, 1),
        (1, 7),
        (7, 1),
        (1, 63),
        (1, 64),
        (1, 65),
        (129, 1),
        (3, 4097),
        (4097, 3),
        (64, 64),
    ],
)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 16, 17, 40, 256])
def test_awkward_shapes(shape, n):
    colours = palette(n)
    assert_identical(np.random.default_rng(0).integers(0, n, shape, dtype=np.uint8), colours)
    assert_identical(blocks(*shape, n), colours)
    assert_identical(np.full(shape, n - 1, np.uint8), colours)


@pytest.mark.parametrize("shape", [(1, 16383), (16383, 1), (3, 16383), (16383, 3)])
def test_longest_sides(shape):
    assert_identical(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8), palette(256))
    assert_identical(blocks(*shape, 9), palette(9))
    assert_identical(np.zeros(shape, np.uint8), palette(1))


def test_noise_fits_the_buffers():
    assert_identical(np.random.default_rng(0).integers(0, 256, (700, 900), dtype=np.uint8), palette(256))


def test_too_much_noise_for_a_thorough_search_is_encoded_fast(monkeypatch):
    monkeypatch.setattr("kf_widget.frame.vp8l._MOST_ROOM", 1 << 17)
    indices, colours = np.random.default_rng(0).integers(0, 256, (600, 700), dtype=np.uint8), palette(256)
    assert_identical(indices, colours)
    assert encode_webp(indices, colours, "best") == encode_webp(indices, colours)


def test_skewed_counts_make_codes_that_must_be_limited():
    counts = [1, 1, 2]
    while sum(counts) < 300_000:
        counts.append(counts[-1] + counts[-2])
    values = np.repeat(np.arange(len(counts)), counts)
    np.random.default_rng(0).shuffle(values)
    assert_identical(
        values[: values.size // 500 * 500].reshape(-1, 500).astype(np.uint8), palette(len(counts))
    )


def test_translucent_colours_keep_what_shows_through():
    colours = np.array([0x00000000, 0x00FFFFFF, 0x01020304, 0x80FF0000, 0xFE0000FF], np.uint32)
    assert_identical(np.random.default_rng(0).integers(0, 5, (33, 31), dtype=np.uint8), colours)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (31, 30), (40, 129)])
@pytest.mark.parametrize("n", [2, 7, 16, 17, 60, 256])
@pytest.mark.parametrize("different", [1, 2, 3, 14, 40])
def test_inks_of_one_colour(shape, n, different):
    colours = np.resize(palette(different), n)
    indices = np.random.default_rng(n).integers(0, n, shape, dtype=np.uint8)
    assert_identical(indices, colours)
    assert_identical(np.sort(indices, axis=1), colours)
    assert_identical(blocks(*shape, n), colours)
    merged = encode_webp(indices % different, colours, "best")
    assert len(merged) <= len(encode_webp(indices, colours, "best")) + 8


@pytest.mark.parametrize("n", [2, 12, 200])
def test_rows_that_differ_by_a_pattern(n):
    random = np.random.default_rng(n)
    rows = random.integers(0, n, 600)[None, :] + (random.random((300, 600)) < 0.02).cumsum(0)
    indices = (rows + np.arange(300)[:, None] % 2).astype(np.uint8) % n
    assert_identical(indices, palette(n))
    if n == 200:
        assert len(encode_webp(indices, palette(n), "best")) < 0.5 * len(encode_webp(indices, palette(n)))


def test_colours_that_no_pixel_uses():
    indices = np.array([[3, 200], [200, 3]], np.uint8)
    assert_identical(indices, palette(256))


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 200),
    n=st.integers(1, 256),
    seed=st.integers(0, 2**32 - 1),
    noise=st.floats(0, 1),
    alpha=st.booleans(),
)
def test_any_indexed_image(height, width, n, seed, noise, alpha):
    random = np.random.default_rng(seed)
    indices = blocks(height, width, n, seed)
    speckled = random.random(indices.shape) < noise * noise
    indices[speckled] = random.integers(0, n, int(speckled.sum()))
    if random.random() < 0.5:
        # Repeat a piece elsewhere, so that far copies are taken.
        rows, columns = max(height // 2, 1), max(width // 3, 1)
        indices[-rows:, -columns:] = indices[:rows, :columns]
    colours = palette(n, seed, alpha)
    assert_identical(indices, colours)
    assert len(encode_webp(indices, colours, "best")) <= len(encode_webp(indices, colours, "balanced"))


def test_same_arguments_give_the_same_bytes():
    indices, colours = blocks(200, 300, 30), palette(30)
    for effort in EFFORTS:
        first = encode_webp(indices, colours, effort)
        encode_webp(blocks(333, 77, 9), palette(9), effort)
        assert encode_webp(indices, colours, effort) == first


def test_arguments_are_left_alone_and_may_be_read_only():
    indices, colours = blocks(50, 60, 20), palette(20)
    kept = indices.copy(), colours.copy()
    indices.flags.writeable = False
    colours.flags.writeable = False
    assert_identical(indices, colours)
    np.testing.assert_array_equal(indices, kept[0])
    np.testing.assert_array_equal(colours, kept[1])


def test_two_threads_at_once():
    frames = [(blocks(150, 200 + k, 20 + k, k), palette(20 + k)) for k in range(4)]
    wanted = {effort: [encode_webp(*frame, effort) for frame in frames] for effort in EFFORTS}
    wrong = []

    def work(k):
        for _ in range(30):
            for effort in EFFORTS:
                same = encode_webp(*frames[k], effort) == wanted[effort][k]
                wrong.extend([] if same else [(k, effort)])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_ready_once_compiled():
    assert all(vp8l_ready(effort) for effort in EFFORTS)


GOOD = np.zeros((4, 5), np.uint8)


@pytest.mark.parametrize("encode", [encode_webp, encode_webp_pillow])
@pytest.mark.parametrize(
    ("indices", "colours", "error", "words"),
    [
        (GOOD.tolist(), palette(3), TypeError, "indices must be a uint8 array, got list"),
        (GOOD.astype(np.int64), palette(3), TypeError, "indices must be a uint8 array, got int64"),
        (GOOD[0], palette(3), ValueError, r"shape \(height, width\), got \(5,\)"),
        (GOOD[:0], palette(3), ValueError, "at least one pixel"),
        (GOOD.T, palette(3), ValueError, "C-contiguous.*ascontiguousarray"),
        (GOOD[:, ::2], palette(3), ValueError, "C-contiguous"),
        (np.zeros((1, 16384), np.uint8), palette(3), ValueError, "at most 16383"),
        (np.zeros((16384, 1), np.uint8), palette(3), ValueError, "at most 16383"),
        (GOOD, [0xFF000000], TypeError, "colours must be a uint32 array"),
        (GOOD, np.zeros(3), TypeError, "colours must be a uint32 array.*float64"),
        (GOOD, palette(257), ValueError, "1..256"),
        (GOOD, palette(3)[:0], ValueError, "1..256"),
        (GOOD, palette(4).reshape(2, 2), ValueError, r"1..256, got \(2, 2\)"),
    ],
)
def test_malformed_arguments(encode, indices, colours, error, words):
    with pytest.raises(error, match=words):
        encode(indices, colours)


@pytest.mark.parametrize("n", [1, 2, 4, 5, 16, 17, 255])
def test_an_index_without_colour_is_refused_wherever_it_is(n):
    for row, column in ((0, 0), (9, 30), (19, 69)):
        indices = blocks(20, 70, n)
        indices[row, column] = n
        wanted = f"below the number of colours, {n}, got {n} at row {row}, column {column}"
        for effort in EFFORTS:
            with pytest.raises(ValueError, match=wanted):
                encode_webp(indices, palette(n), effort)
        with pytest.raises(ValueError, match=wanted):
            encode_webp_pillow(indices, palette(n))


def test_unknown_effort():
    with pytest.raises(ValueError, match=r"effort must be one of fast.*Did you mean 'fast'"):
        encode_webp(GOOD, palette(1), "fats")


def test_pillow_decodes_to_the_same_image():
    for alpha in (False, True):
        indices, colours = blocks(90, 120, 40), palette(40, alpha=alpha)
        np.testing.assert_array_equal(
            decoded(encode_webp_pillow(indices, colours)), colours_to_rgba(colours)[indices]
        )


@pytest.mark.parametrize("effort", ["balanced", "best"])
def test_what_a_thread_encoded_before_does_not_change_a_file(effort):
    """Rows that count up are many tokens but as differences, pieces that repeat only as differences."""
    random, width = np.random.default_rng(0), 1000
    counting = random.integers(0, 256, width) + np.arange(13)[:, None]
    noise = random.integers(0, 16, width)
    starts = random.integers(0, width - 480, (16, 3))
    pieces = np.array([np.concatenate([noise[at : at + 480] for at in row])[:width] for row in starts])
    rows = (np.zeros((110, width)), counting % 256, noise[None], pieces)
    indices, colours = np.concatenate(rows).astype(np.uint8), palette(256)
    files = []

    def work():
        files.append(encode_webp(indices, colours, effort))
        encode_webp(random.integers(0, 256, (300, 300), dtype=np.uint8), colours, effort)
        files.append(encode_webp(indices, colours, effort))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert files[0] == files[1]


def test_the_room_for_a_file_does_not_change_it():
    """A picture of few tokens is written twice, the second time behind the first."""
    indices, colours = np.zeros((64, 64), np.uint8), palette(4)
    for at in range(0, 60, 5):
        indices[at : at + 4, at : at + 4] = 1 + at % 3
    expected = encode_webp(indices, colours, "fast")
    padded = np.zeros(256, np.uint32)
    padded[:4] = colours
    sizes = []
    rooms = [(HEAD - 1, 8192), (HEAD, 8192), *((2 * HEAD, places) for places in range(10, 100))]
    for room, places in rooms:
        out = np.empty(room, np.uint8)
        scratch = (np.empty(8192, np.uint8), np.empty(places, np.int64), np.zeros(FAST_WORK, np.int64))
        size = encode_fast(indices, padded, 4, *scratch, out)
        sizes.append(size)
        assert size == SHORT_TOKENS or (out[:size].tobytes() == expected if size > 0 else -size > room)
    assert sizes[1] < 0
    assert {size > 0 for size in sizes[2:]} == {False, True}
