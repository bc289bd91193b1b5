"""Build hook: bundles the front end into the package, and packs the CUDA kernels beside it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_MIN = 20
BUNDLE = Path("kf_widget/static/widget.js")
SOURCES = ("src/**/*", "*.mjs", "package.json", "package-lock.json", "tsconfig.json")


class FrontEndHook(BuildHookInterface):  # type: ignore[type-arg]
    """Makes ``kf_widget/static/widget.js`` where it is absent or older than ``js/``."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before each wheel, editable install and sdist."""
        root = Path(self.root)
        if is_stale(root):
            self.app.display_info("kf_widget: building the front end")
            build_front_end(root)
        if self.target_name == "wheel" and any((root / "kernels").glob("*.cu")):
            build_data["force_include"][str(root / "kernels")] = "kf_widget/kernels"


def is_stale(root: Path) -> bool:
    """Whether the bundle is absent, or a source is newer than it."""
    bundle = root / BUNDLE
    if not bundle.exists():
        return True
    made = bundle.stat().st_mtime
    return any(path.stat().st_mtime > made for pattern in SOURCES for path in (root / "js").glob(pattern))


def build_front_end(root: Path) -> None:
    """Install the front end's packages and bundle it.

    Raises
    ------
    RuntimeError : Node 20+ or npm is missing, or a step fails; says which.
    """
    require_node()
    js = root / "js"
    lock, installed = js / "package-lock.json", js / "node_modules" / ".package-lock.json"
    commands = [["npm", "run", "build"]]
    if not installed.exists() or not lock.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        commands.insert(0, ["npm", "ci" if lock.exists() else "install"])
    for command in commands:
        done = subprocess.run([shutil.which("npm") or "npm", *command[1:]], cwd=js, check=False)
        if done.returncode:
            raise RuntimeError(f"kf_widget: `{' '.join(command)}` failed in {js}, its output is above")
    bundle = root / BUNDLE
    if not bundle.exists():
        raise RuntimeError(f"kf_widget: `npm run build` made no {bundle}")
    bundle.touch()


def require_node() -> None:
    """Raise a RuntimeError that says what is missing unless Node 20 or newer and npm are there."""
    needs = f"kf_widget: the front end is built with Node {NODE_MIN} or newer and npm"
    node = shutil.which("node")
    if node is None:
        raise RuntimeError(f"{needs}; there is no node on PATH. See `sh .ci/preflight.sh`")
    text = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    found = re.match(r"v(\d+)\.", text)
    if found is None or int(found[1]) < NODE_MIN:
        raise RuntimeError(f"{needs}; {node} is {text}. See `sh .ci/preflight.sh`")
    if shutil.which("npm") is None:
        raise RuntimeError(f"{needs}; there is no npm on PATH. See `sh .ci/preflight.sh`")
