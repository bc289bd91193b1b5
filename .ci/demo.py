"""Open JupyterLab on a copy of a notebook: the last step of ``make demo``.

    python .ci/demo.py notebooks/quickstart.ipynb [--data ticks.parquet]

The kernels are compiled first, once per version. The copy lies in a new scratch folder, so that the
original stays as it is. The notebook finds the data in the environment variable ``KF_WIDGET_DATA``,
an absolute path (or pattern); without it, it makes its own. Works as root and on machines without a
screen, where the address is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["lab_arguments", "main"]

_NO_QUESTIONS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}


def main(argv: Sequence[str] | None = None) -> None:
    """Copy, then become JupyterLab; ends with exit code 1 where the data cannot be found."""
    parser = argparse.ArgumentParser(prog="make demo", description="Open JupyterLab on a copy of a notebook.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--data", default="", help="your own file or pattern: Parquet, Feather or CSV")
    parser.add_argument("--port", type=int, default=8888, help="first port tried; the next free one is taken")
    chosen = parser.parse_args(argv)
    if chosen.data:
        data = Path(chosen.data).expanduser().absolute()
        if not data.exists() and not any(data.parent.glob(data.name)):
            sys.exit(f"kf_widget: DATA={chosen.data}: there is no file {data}")
        os.environ["KF_WIDGET_DATA"] = str(data)
    subprocess.run([sys.executable, "-m", "kf_widget", "warm"], check=True)
    folder = Path(tempfile.mkdtemp(prefix="kf_widget-demo-"))
    shutil.copy(chosen.notebook, folder)
    settings = folder / ".settings"
    settings.mkdir()
    (settings / "overrides.json").write_text(json.dumps(_NO_QUESTIONS))
    arguments = lab_arguments(chosen.notebook.name, folder, chosen.port, has_screen(os.environ, sys.platform))
    print(f"\nJupyterLab opens on {folder / chosen.notebook.name}", flush=True)
    print("There: Run > Run All Cells. Here: Ctrl-C ends it.\n", flush=True)
    os.chdir(folder)
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *arguments])


def lab_arguments(notebook: str, folder: Path, port: int, screen: bool) -> list[str]:
    """JupyterLab's command line: a free port from `port` on, no questions, root allowed where one is root."""
    arguments = [
        "--log-level=WARN",
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.app_settings_dir={folder / '.settings'}",
        f"--port={port}",
        f"--LabApp.default_url=/lab/tree/{notebook}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    if not screen:
        arguments.append("--no-browser")
    return arguments


def has_screen(environ: Mapping[str, str], platform: str) -> bool:
    """Whether a browser opened here would be seen by the person who asked."""
    if environ.get("SSH_CONNECTION"):
        return False
    return not platform.startswith("linux") or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    main()
