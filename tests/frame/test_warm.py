"""Cold start: what a first frame compiles, and the helper that compiles the other half of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import kf_widget.frame.warm as warm

FIRST = """
import numpy as np
from kf_widget.chart.compose import Style
from kf_widget.chart.subject import Subject
from kf_widget.chart.theme import theme_named
from kf_widget.chart.view import Viewport
from kf_widget.frame.first import compile_first
from kf_widget.frame.render import Renderer
from kf_widget.history.ticks import Ticks
from kf_widget.jit import cache_root

def compiled():
    made = cache_root().rglob("*.nbc")
    return {f"{path.parent.name.split('-')[0]}.{path.stem.split('-')[0]}" for path in made}

compile_first()
helped = compiled()
ticks = Ticks.from_columns(np.arange(100_000) * 10**9, 100 + np.arange(100_000) % 97 * 0.25)
subject = Subject.of(ticks)
viewport = Viewport(subject.axis.start, subject.axis.stop, None, 300, 200)
frame = Renderer().render(subject, viewport, Style(), theme_named("light"))
assert frame.webp[:4] == b"RIFF" and not frame.compiled
print(*sorted(helped))
print(*sorted(compiled() - helped))
"""


def test_a_first_frame_compiles_no_line_and_no_encoder(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", FIRST],
        env=os.environ | {"KF_WIDGET_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    helped, alone = (set(line.split()) for line in run.stdout.splitlines())
    names = " ".join(helped | alone)
    assert "draw.draw" in names
    for late in ("polyline", "area", "vp8l", "running_kernels", "scan_kernels", "plotting"):
        assert late not in names
    # The helper's half: the chart finds these in the cache, so their argument types are the same.
    for shared in ("draw", "candle_boxes", "keep_apart", "aggregate_ranges", "find_rows", "floor_times"):
        assert any(name.endswith(f".{shared}") for name in helped)


class _Process:
    def __init__(self, *args, **kwargs):
        self.args = args

    def poll(self):
        return None


def test_one_helper_at_a_time(monkeypatch):
    begun = []
    monkeypatch.setattr(warm, "vp8l_ready", lambda effort: False)
    monkeypatch.setattr(warm, "_process", None)
    monkeypatch.setattr(warm.subprocess, "Popen", lambda *a, **k: begun.append(a) or _Process())
    warm.warm_beside()
    warm.warm_beside()
    assert len(begun) == 1


def test_a_chart_does_without_a_helper(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no more processes")

    monkeypatch.setattr(warm, "vp8l_ready", lambda effort: False)
    monkeypatch.setattr(warm, "_process", None)
    monkeypatch.setattr(warm.subprocess, "Popen", refuse)
    warm.warm_beside()
    assert warm._process is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell that a parent is gone")
def test_a_helper_ends_with_its_parent(tmp_path):
    """The parent dies at once, so its helper sees another parent and leaves long before it is done."""
    package = str(Path(warm.__file__).parents[2])
    start = (
        "import os, subprocess, sys; from kf_widget.frame.warm import _HELPER; "
        f"command = [sys.executable, '-c', _HELPER, {package!r}, str(os.getpid())]; "
        "child = subprocess.Popen(command, stdout=subprocess.DEVNULL); "
        "print(child.pid, flush=True); os._exit(0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", start],
        env=os.environ | {"KF_WIDGET_CACHE": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    helper = int(run.stdout)
    for _ in range(600):
        state = Path(f"/proc/{helper}/stat")
        if not Path("/proc/self").exists():
            pytest.skip("no /proc to look into")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the helper outlived its parent by a minute")
