"""The encoder's parts beside slow and obvious references, and libwebp as the judge of the format."""

from __future__ import annotations

import heapq
import io
import multiprocessing
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kf_widget.frame import (
    vp8l_codes,
    vp8l_fast,
    vp8l_links,
    vp8l_matches,
    vp8l_pack,
    vp8l_stream,
    vp8l_tokens,
)
from kf_widget.frame.vp8l_codes import SCRATCH
from kf_widget.frame.vp8l_matches import FARTHEST, STEPS
from kf_widget.frame.vp8l_stream import HEAD, STREAM_WORK
from kf_widget.frame.vp8l_tokens import DISTANCES, GREENS
from kf_widget.frame.webp import encode_webp, warm
from kf_widget.jit import kernel, part


def opened(part):
    """A way in from Python: the encoder's parts have none of their own."""
    return numba.njit(lambda *arguments: part(*arguments))


code_lengths = opened(vp8l_codes.code_lengths)
canonical_codes = opened(vp8l_codes.canonical_codes)
alike = opened(vp8l_matches.alike)
next_edge = opened(vp8l_links.next_edge)
distance_code = opened(vp8l_matches.distance_code)
copy_distance = opened(vp8l_pack.copy_distance)
pack = opened(vp8l_pack.pack)
packed_width = opened(vp8l_pack.packed_width)
subtract_above = opened(vp8l_pack.subtract_above)
replay = opened(vp8l_pack.replay)
note_few = opened(vp8l_pack.note_few)
write_file = opened(vp8l_stream.write_file)
scan = opened(vp8l_fast.scan)
copied = opened(vp8l_tokens.copied)
copy_token = opened(vp8l_tokens.copy_token)
distance_said = opened(vp8l_tokens.distance_said)


def words(n):
    return np.zeros(n, np.int64)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=280), st.sampled_from([7, 9, 15]))
def test_code_lengths_are_those_of_huffman(counts, limit):
    counts = np.array(counts[: 1 << limit], np.int64)
    lengths = words(counts.size)
    used = code_lengths(counts, counts.size, limit, lengths, words(SCRATCH))
    assert used == np.count_nonzero(counts)
    np.testing.assert_array_equal(lengths > 0, counts > 0)
    if used < 2:
        return
    assert lengths.max() <= limit
    assert sum(2.0 ** -lengths[lengths > 0]) == 1.0
    heap = [int(count) for count in counts if count]
    heapq.heapify(heap)
    best = 0
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        best += both
        heapq.heappush(heap, both)
    if limit == 15:
        assert (lengths * counts).sum() == best
    assert (lengths * counts).sum() >= best


@pytest.mark.parametrize("limit", [7, 15])
def test_a_code_that_would_be_too_deep_is_cut(limit):
    counts = [1, 1]
    while len(counts) < 40:
        counts.append(counts[-1] + counts[-2])
    counts = np.array(counts, np.int64)
    lengths = words(counts.size)
    code_lengths(counts, counts.size, limit, lengths, words(SCRATCH))
    assert lengths.max() <= limit
    assert sum(2.0**-lengths) == 1.0


def test_canonical_codes_are_prefix_free_and_in_order():
    lengths = np.array([3, 0, 2, 3, 0, 4, 4, 1 + 1, 3], np.int64)
    lengths[-2:] = 3
    codes = words(lengths.size)
    canonical_codes(lengths, lengths.size, codes, words(17))
    written = [
        "".join(str(codes[s] >> 4 >> k & 1) for k in range(codes[s] & 15)) for s in np.flatnonzero(lengths)
    ]
    assert sorted(written, key=lambda code: (len(code), code)) == [
        code for _, code in sorted(zip(lengths[lengths > 0], written, strict=True), key=lambda pair: pair[0])
    ]
    for one in written:
        assert sum(other.startswith(one) for other in written) == 1


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6, 7, 63, 64, 65, 1000, 4095, 4096])
@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 119, 120, 121, 4000, FARTHEST + 120])
def test_tokens_say_what_was_put_in(length, code):
    token = copy_token(length, code)
    assert (copied(token), distance_said(token)) == (length, code)


def test_distance_codes_come_back():
    for width in (1, 2, 3, 7, 8, 9, 15, 16, 17, 40, 1200, 16383):
        for distance in [
            *range(1, 400),
            *(width * up + left for up in range(1, 9) for left in range(-9, 10)),
        ]:
            if 1 <= distance <= FARTHEST:
                assert copy_distance(distance_code(distance, width), width) == distance
    assert distance_code(1200, 1200) == 1
    assert distance_code(1, 1200) == 2


@pytest.mark.parametrize("width", [9, 16, 31])
def test_libwebp_reads_each_near_distance_code_as_we_mean_it(width):
    height = 12
    for code in range(1, len(STEPS) + 1):
        back = copy_distance(code, width)
        start = 8 * width + 8
        pixels = np.random.default_rng(code).integers(0, 40, width * height).astype(np.uint8)
        for at in range(start, pixels.size):
            pixels[at] = pixels[at - back]
        tokens = [*pixels[:start].tolist(), copy_token(pixels.size - start, code)]
        image = decoded_tokens(tokens, width, height)
        np.testing.assert_array_equal(image, pixels.reshape(height, width), err_msg=f"code {code}")


def decoded_tokens(tokens, width, height):
    """Write tokens over 40 shades of grey, decode with libwebp, and give the shades' numbers."""
    greens, distances = words(GREENS), words(DISTANCES)
    for token in tokens:
        greens[token & 511] += 1
        if token & 511 >= 256:
            distances[(token >> 19) & 63] += 1
    palette = words(256)
    palette[:40] = 0xFF000000 + 0x010101 * np.arange(40)
    out = np.zeros(4 * HEAD, np.uint8)
    listed = np.array(tokens, np.int64)
    size = write_file(
        out,
        width,
        height,
        palette,
        40,
        np.arange(256),
        False,
        listed,
        listed.size,
        greens,
        distances,
        words(STREAM_WORK),
    )
    return np.asarray(Image.open(io.BytesIO(out[:size].tobytes())).convert("L"))


def test_alike_counts_equal_pixels():
    random = np.random.default_rng(0)
    for _ in range(300):
        pixels = random.integers(0, 2, 400).astype(np.uint8) * (random.random(400) < 0.05)
        pixels = pixels.astype(np.uint8)
        other, at = sorted(random.choice(300, 2, replace=False))
        most = int(random.integers(1, 400 - at))
        differs = np.flatnonzero(pixels[at : at + most] != pixels[other : other + most])
        assert alike(pixels, at, other, most) == (differs[0] if differs.size else most)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(0, 900), st.sampled_from([1, 64, 100, 256]))
def test_the_next_edge_is_the_first_place_that_differs_from_a_neighbour(seed, width, at, most):
    rng = np.random.default_rng(seed)
    pixels = (rng.random(1000) < rng.choice([0.001, 0.01, 0.2])).astype(np.uint8)
    edge = int(next_edge(pixels, width, at, most))
    is_edge = [k > width and pixels[k] + pixels[k - 1] + pixels[k - width] not in (0, 3) for k in range(1000)]
    if edge > at:
        assert is_edge[edge]
        assert not any(is_edge[at:edge])
    elif at > width:
        assert is_edge[at] or not any(is_edge[at : min(at + most, 1000 - 63)])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (7, 65), (40, 33)])
def test_differences_of_rows(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    apart = pixels.copy().reshape(-1)
    subtract_above(apart, shape[1])
    wanted = pixels.copy()
    wanted[1:] -= pixels[:-1]
    wanted[0, 1:] -= pixels[0, :-1]
    np.testing.assert_array_equal(apart.reshape(shape), wanted)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(0, 60))
def test_a_second_scan_says_all_pixels_and_counts_its_tokens(seed, width, many):
    """Glyphs of 5 x 7 that repeat wherever they lie: tokens are taken back for copies from afar."""
    random = np.random.default_rng(seed)
    glyphs = random.integers(0, 3, (3, 7, 5), dtype=np.uint8)
    page = np.zeros((90, width + 5), np.uint8)
    for _ in range(many):
        y, x = random.integers(0, 83), random.integers(0, width)
        page[y : y + 7, x : x + 5] = random.choice(glyphs)
    pixels = page[:, :width].reshape(-1).copy()
    tokens, greens, distances = words(pixels.size + 1), words(GREENS), words(DISTANCES)
    count = scan(pixels, width, tokens, greens, distances, words(1 << 12), True)
    told = np.zeros_like(pixels)
    replay(tokens, count, width, np.arange(256), told)
    np.testing.assert_array_equal(told, pixels)
    assert sum(copied(token) for token in tokens[:count].tolist()) == pixels.size
    symbols = tokens[:count] & 511
    np.testing.assert_array_equal(greens, np.bincount(symbols, minlength=GREENS))
    codes = (tokens[:count][symbols >= 256] >> 19) & 63
    np.testing.assert_array_equal(distances, np.bincount(codes, minlength=DISTANCES))


def test_a_copy_from_afar_takes_back_what_comes_before_it():
    glyph = np.array([[1, 2, 1, 1, 2, 2, 1, 2], [2, 1, 2, 2, 1, 2, 1, 1]], np.uint8)
    page = np.zeros((14, 120), np.uint8)
    page[6:8, 4:12] = page[10:12, 64:72] = glyph
    tokens = words(page.size + 1)
    count = scan(page.reshape(-1), 120, tokens, words(GREENS), words(DISTANCES), words(1 << 12), True)
    starts = np.cumsum([0] + [copied(token) for token in tokens[:count].tolist()])
    first = 10 * 120 + 64
    assert not ((starts > first - 200) & (starts < first + 120 + 8)).any()


def test_replay_decodes():
    width, ranks = 70, np.arange(256)[::-1].copy()
    tokens = [5, 9, 7, copy_token(3, 2), copy_token(200, 121 + 1), copy_token(64, 1), 3, copy_token(300, 4)]
    tokens.append(copy_token(130, 120 + 64))
    wanted = []
    for token in tokens:
        if token & 511 < 256:
            wanted.append(255 - token)
            continue
        back = copy_distance(distance_said(token), width)
        for _ in range(copied(token)):
            wanted.append(wanted[-back])
    for spare in (0, 1, 63, 64):
        out = np.zeros(len(wanted) + spare + 8, np.uint8)
        replay(np.array(tokens, np.int64), len(tokens), width, ranks, out[: len(wanted) + spare])
        np.testing.assert_array_equal(out[: len(wanted)], wanted)
        assert not out[len(wanted) + spare :].any()


@pytest.mark.parametrize("size", [1, 100, 30_000])
@pytest.mark.parametrize("most", [1, 5, 15, 16, 17, 255])
def test_few_indices_are_noted_and_many_are_not(size, most):
    pixels = np.random.default_rng(size).integers(0, most, size, np.uint8)
    counts = np.full(256, 7)
    occur = np.unique(pixels)
    noted = note_few(pixels, most, counts)
    if occur[-1] >= 16:
        assert noted == vp8l_pack.MANY
        return
    assert noted == 0
    np.testing.assert_array_equal(np.flatnonzero(counts), occur)
    pixels[size // 2] = most
    assert note_few(pixels, most, counts) == (vp8l_pack.MANY if most >= 16 else vp8l_pack.BAD_INDEX)
    pixels[size // 2] = 200
    assert note_few(pixels, most, counts) == vp8l_pack.MANY


@pytest.mark.parametrize(("used", "many"), [(1, 8), (2, 8), (3, 4), (4, 4), (5, 2), (16, 2)])
@pytest.mark.parametrize("width", [1, 2, 3, 7, 8, 9, 64, 71])
@pytest.mark.parametrize("height", [5, 37])
def test_pack_puts_the_first_pixel_lowest(used, many, width, height):
    pixels = np.random.default_rng(0).integers(0, used, (height, width)).astype(np.uint8)
    across = packed_width(width, used)
    out = pixels.reshape(-1).copy()
    pack(out, width, used, out)
    out = out[: height * across]
    wanted = np.zeros((height, across), np.int64)
    for x in range(width):
        wanted[:, x // many] |= pixels[:, x].astype(np.int64) << (x % many * (8 // many))
    np.testing.assert_array_equal(out.reshape(height, across), wanted)


READY = """
from kf_widget.frame.webp import EFFORTS, vp8l_ready
print([vp8l_ready(effort) for effort in EFFORTS])
"""


def test_ready_tells_a_warm_cache_from_a_cold_one(tmp_path):
    def ask(**more):
        done = subprocess.run(
            [sys.executable, "-c", READY], env=os.environ | more, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert ask(KF_WIDGET_CACHE=str(tmp_path)) == "[False, False, False]"
    warm()
    assert ask() == "[True, True, True]"


def _encode_in_child(queue, indices, colours):
    queue.put(encode_webp(indices, colours, "best"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_worker_encodes_after_its_parent_did():
    indices = np.random.default_rng(0).integers(0, 30, (60, 70)).astype(np.uint8)
    colours = np.arange(30, dtype=np.uint32) | np.uint32(0xFF000000)
    wanted = encode_webp(indices, colours, "best")
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_encode_in_child, args=(queue, indices, colours))
    child.start()
    assert queue.get(timeout=60) == wanted
    child.join()


def test_a_number_in_the_text_of_a_kernel_compiles_nothing_anew():
    @part
    def shifted(value, by):
        return value << by

    @kernel
    def both(value):
        return shifted(value, 1) + shifted(value, by=2) + shifted(value, value)

    assert both(3) == (3 << 1) + (3 << 2) + (3 << 3)
    assert shifted.signatures == [(numba.int64, numba.int64)]
