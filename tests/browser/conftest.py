"""One JupyterLab and one Chromium for all stories; each opens its own notebook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.lab import Lab


@pytest.fixture(scope="session")
def lab(browser: Browser) -> Iterator[Lab]:
    """JupyterLab as the wheel leaves it."""
    with Lab(browser=browser) as running:
        yield running
