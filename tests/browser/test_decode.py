"""Chromium shows the very pixels that our WebP encoder was given."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, Page

from kf_widget.frame.webp import EFFORTS, encode_webp

SHAPES = (
    (1, 1),
    (1, 2),
    (2, 1),
    (1, 7),
    (9, 1),
    (3, 5),
    (5, 3),
    (17, 16),
    (64, 65),
    (127, 129),
    (33, 700),
    (2100, 3),
)
SIZES = (1, 2, 3, 4, 5, 15, 16, 17, 200, 255, 256)
DECODE = """async files => {
    const decoded = [];
    for (const file of files) {
        const bytes = Uint8Array.from(atob(file), c => c.charCodeAt(0));
        const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/webp' }));
        const canvas = document.createElement('canvas');
        canvas.width = bitmap.width;
        canvas.height = bitmap.height;
        const context = canvas.getContext('2d', { alpha: false });
        context.drawImage(bitmap, 0, 0);
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        let text = '';
        for (let at = 0; at < data.length; at += 32768)
            text += String.fromCharCode(...data.subarray(at, at + 32768));
        decoded.push([bitmap.width, bitmap.height, btoa(text)]);
    }
    return decoded;
}"""

Indices = npt.NDArray[np.uint8]
Colours = npt.NDArray[np.uint32]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def images(seed: int) -> Iterator[tuple[Indices, Colours]]:
    """Noise, runs, tiles and columns in awkward shapes, with each number of colours."""
    random = np.random.default_rng(seed)
    kinds = 4
    for number, shape in enumerate(SHAPES):
        for step, size in enumerate(SIZES):
            match (number + step) % kinds:
                case 0:
                    indices = random.integers(0, size, shape)
                case 1:
                    indices = np.cumsum(random.random(shape[0] * shape[1]) < 0.05).reshape(shape) % size
                case 2:
                    tile = random.integers(0, size, (4, 6))
                    indices = np.tile(tile, (shape[0] // 4 + 1, shape[1] // 6 + 1))[: shape[0], : shape[1]]
                case _:
                    indices = np.broadcast_to(random.integers(0, size, shape[1]), shape)
            colours = random.integers(0, 1 << 24, size, dtype=np.uint32) | np.uint32(0xFF000000)
            yield np.ascontiguousarray(indices, dtype=np.uint8), colours


@pytest.mark.parametrize("effort", EFFORTS)
def test_every_frame_decodes_to_the_same_pixels(page: Page, effort: str) -> None:
    made = list(images(7))
    files = [base64.b64encode(encode_webp(*image, effort)).decode() for image in made]
    decoded = page.evaluate(DECODE, files)
    assert len(decoded) == len(SHAPES) * len(SIZES)
    for (indices, colours), (width, height, text) in zip(made, decoded, strict=True):
        assert (height, width) == indices.shape
        rgba = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4).astype(np.uint32)
        argb = rgba[..., 3] << 24 | rgba[..., 0] << 16 | rgba[..., 1] << 8 | rgba[..., 2]
        wrong = np.argwhere(argb != colours[indices])
        assert wrong.size == 0, f"{indices.shape}, {colours.size} colours, first at {wrong[0]}"
