"""What holds for every test: repeatable examples, GPU tests only where there is one, slow folders last."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent
LAST = ("browser", "package")

# No deadline: the first example of a run may compile a kernel.
hypothesis.settings.register_profile("kf_widget", deadline=None, derandomize=True)
hypothesis.settings.load_profile("kf_widget")


def has_gpu() -> bool:
    """Whether CuPy and a device that it can use are here."""
    if importlib.util.find_spec("cupy") is None:
        return False
    import cupy

    try:
        return bool(cupy.cuda.runtime.getDeviceCount() > 0)
    except cupy.cuda.runtime.CUDARuntimeError:
        return False


def folder(item: pytest.Item) -> str:
    """The folder of tests/ that a test is in; "" for others."""
    if not item.path.is_relative_to(HERE):
        return ""
    return item.path.relative_to(HERE).parts[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the browser and package tests by their folder and put them last."""
    for item in items:
        if folder(item) in LAST:
            item.add_marker(folder(item))
    items.sort(key=lambda item: LAST.index(folder(item)) + 1 if folder(item) in LAST else 0)
    if any(item.get_closest_marker("gpu") for item in items) and not has_gpu():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no GPU that CuPy can use"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for the whole run; without one the tests that need it fail and say what to do."""
    from tests.browser.lab import chromium

    with chromium() as running:
        yield running
