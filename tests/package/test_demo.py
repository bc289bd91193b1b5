"""The recipe of `make demo`, headless, to its first frame: run as a person runs it, menus and all."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
FRAME_MS = 180_000


@contextlib.contextmanager
def make_demo(scratch: Path, *variables: str) -> Iterator[str]:
    """Run it until the block is left; gives the address that it prints."""
    leave_out = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DATA", "DISPLAY", "WAYLAND_DISPLAY")
    env = {name: value for name, value in os.environ.items() if name not in leave_out}
    env["TMPDIR"] = str(scratch)
    demo = subprocess.Popen(
        ["make", "demo", *variables],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert demo.stdout
    said = ""
    try:
        for line in demo.stdout:
            said += line
            if address := re.search(r"http://127\.0\.0\.1:\S+token=\w+", line):
                yield address[0]
                break
        else:
            pytest.fail(f"make demo ended without an address:\n{said}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(demo.pid, signal.SIGTERM)
        demo.communicate(timeout=30)


def first_frame(browser: Browser, address: str) -> str:
    """Open the address, be asked nothing, run all by the menu, wait for the chart; gives the page's text."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=FRAME_MS)
        assert page.locator(".jp-Dialog, .jp-toastContainer .Toastify__toast").count() == 0
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name=re.compile("^Run All Cells$")).click()
        view = page.locator(".kf-widget")
        view.wait_for(timeout=FRAME_MS)
        script = "e => Number(e.dataset.frame) > 0"
        page.wait_for_function(script, arg=view.element_handle(), timeout=FRAME_MS)
        page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=FRAME_MS)
        assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
        return page.locator(".jp-Notebook").inner_text()
    finally:
        context.close()


def test_the_quickstart_comes_to_its_first_frame(browser: Browser, tmp_path: Path) -> None:
    with make_demo(tmp_path) as address:
        assert "/lab/tree/quickstart.ipynb" in address
        assert "Five years of ticks" in first_frame(browser, address)


def test_ones_own_file_is_opened(browser: Browser, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stamps = np.datetime64("2024-03-04T09:30", "ns") + np.cumsum(rng.integers(1, 10**9, 5000))
    price = 100 + np.cumsum(rng.integers(-1, 2, 5000)) * 0.01
    path = tmp_path / "my ticks.parquet"
    pl.DataFrame({"timestamp": stamps, "price": price}).write_parquet(path)
    with make_demo(tmp_path, f"DATA={path}") as address:
        assert "2024-03-04" in first_frame(browser, address)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "demo", f"DATA={tmp_path / 'nothing.parquet'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"there is no file {tmp_path / 'nothing.parquet'}" in done.stderr
