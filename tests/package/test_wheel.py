"""What is shipped: sdist and wheel hold what they must, and the wheel works in a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.lab import Lab

ROOT = Path(__file__).parents[2]
CONFIG = "etc/jupyter/jupyter_server_config.d/kf_widget.json"
CELLS = (
    "import kf_widget\nticks = kf_widget.sample_ticks(200_000, seed=0)",
    "chart = kf_widget.Chart(ticks)\nchart",
    "print(kf_widget.__file__, chart.render(300, 200)[:4])",
)


def run(*command: str | Path, **env: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder)
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made from the sdist on a machine without Node."""
    folder = tmp_path_factory.mktemp("wheel")
    nothing = str(tmp_path_factory.mktemp("bin"))
    make = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir")
    run(*make, folder, sdist, PATH=nothing)
    (found,) = folder.iterdir()
    return found


def test_the_sdist_holds_the_bundle_and_its_sources(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"kf_widget/static/widget.js", "js/src/index.ts", "js/hatch_build.py", "LICENSE"} <= names
    assert not [name for name in names if "node_modules" in name]


def test_the_wheel_holds_what_runs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    kernels = {f"kf_widget/kernels/{path.name}" for path in (ROOT / "kernels").glob("*.cu")}
    assert {"kf_widget/__init__.py", "kf_widget/static/widget.js", *kernels} <= names
    assert [name for name in names if name.endswith(f".data/data/{CONFIG}")]
    assert {name.split("/")[0].split("-")[0] for name in names} == {"kf_widget"}
    assert "Requires-Python: >=3.11" in metadata
    assert "License-Expression: BSD-3-Clause" in metadata


@pytest.mark.slow
def test_the_wheel_charts_in_a_clean_environment(wheel: Path, browser: Browser, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[lab]")
    assert (tmp_path / "env" / CONFIG).exists()
    with Lab(python=str(python), browser=browser) as lab, lab.open(CELLS) as notebook:
        notebook.run_all()
        view = notebook.view()
        view.wheel(-100)
        view.wait_gesture(0)
        assert str(tmp_path / "env") in notebook.text(2)
        assert "b'RIFF'" in notebook.text(2)
        assert "kf_widget: kernel websockets send without delay" in lab.log
        assert not notebook.errors
