"""What a machine lacks is said first, each thing with the one command that mends it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "id", "dirname", "sed", "sort", "tail", "grep")
GOOD_NODE = 'echo "v22.3.0"'
OLD_PYTHON = 'case "$*" in *version_info*) echo 9;; *--version*) echo "Python 3.9.2";; esac'
NO_VENV = 'case "$*" in *version_info*) echo 12;; *ensurepip*) exit 1;; esac'


class Machine:
    """A PATH with nothing on it but what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        for tool in TOOLS:
            (folder / tool).symlink_to(str(shutil.which(tool)))

    def has(self, name: str, does: str = "exit 0") -> None:
        stub = self.path / name
        stub.write_text(f"#!/bin/sh\n{does}\n")
        stub.chmod(0o755)

    def preflight(self, **variables: str) -> tuple[int, list[tuple[str, str]]]:
        """Exit code, and each complaint with the command under it."""
        done = subprocess.run(
            ["sh", str(ROOT / ".ci/preflight.sh")],
            env={"PATH": str(self.path), **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == ""
        lines = done.stderr.splitlines()
        complaints, commands = lines[::2], lines[1::2]
        assert all(line.startswith("kf_widget: ") for line in complaints)
        assert all(line.startswith("    ") for line in commands)
        return done.returncode, list(zip(complaints, [command.strip() for command in commands], strict=True))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_fit_machine_is_told_nothing(machine: Machine) -> None:
    machine.has("python3", f'exec "{sys.executable}" "$@"')
    machine.has("node", GOOD_NODE)
    machine.has("npm")
    assert machine.preflight() == (0, [])


@pytest.mark.parametrize(
    ("packager", "command"),
    [
        ("apt-get", "apt-get install -y python3 python3-venv"),
        ("dnf", "dnf install -y python3.12"),
        ("brew", "brew install python@3.12"),
        ("pacman", "pacman -S --needed python"),
    ],
)
def test_a_bare_machine_is_told_all_at_once(machine: Machine, packager: str, command: str) -> None:
    machine.has(packager)
    code, told = machine.preflight()
    assert code == 1
    assert [complaint.split(" or newer")[0] for complaint, _ in told] == [
        "kf_widget: Python 3.11",
        "kf_widget: Node 20",
    ]
    assert command in told[0][1]
    assert "node" in told[1][1]


def test_apt_is_asked_for_the_newest_python(machine: Machine) -> None:
    machine.has("apt-get")
    machine.has(
        "apt-cache", 'echo "python3.9-venv - x"; echo "python3.12-venv - x"; echo "python3.11-venv - x"'
    )
    _, told = machine.preflight()
    assert "install -y python3.12 python3.12-venv" in told[0][1]


def test_old_python_is_named(machine: Machine) -> None:
    machine.has("apt-get")
    machine.has("python3", OLD_PYTHON)
    machine.has("node", GOOD_NODE)
    machine.has("npm")
    code, told = machine.preflight()
    assert code == 1
    assert len(told) == 1
    assert "(Python 3.9.2)" in told[0][0]


def test_a_newer_python_beside_an_old_one_is_found(machine: Machine) -> None:
    machine.has("python3", OLD_PYTHON)
    machine.has("python3.13", 'case "$*" in *version_info*) echo 13;; esac')
    machine.has("node", GOOD_NODE)
    machine.has("npm")
    assert machine.preflight() == (0, [])


def test_python_without_venv(machine: Machine) -> None:
    machine.has("apt-get")
    machine.has("python3", NO_VENV)
    machine.has("node", GOOD_NODE)
    machine.has("npm")
    code, told = machine.preflight()
    assert code == 1
    assert told[0][1].endswith("apt-get install -y python3.12-venv")


@pytest.mark.parametrize("version", ["v18.20.4", "v9.0.0", "broken", ""])
def test_old_node_is_named(machine: Machine, version: str) -> None:
    machine.has("python3", f'exec "{sys.executable}" "$@"')
    machine.has("apt-get")
    machine.has("node", f'echo "{version}"')
    machine.has("npm")
    code, told = machine.preflight()
    assert code == 1
    assert f"(node is {version or 'broken'})" in told[0][0]
    assert told[0][1].endswith("npx --yes n 22")


def test_node_without_npm(machine: Machine) -> None:
    machine.has("python3", f'exec "{sys.executable}" "$@"')
    machine.has("dnf")
    machine.has("node", GOOD_NODE)
    code, told = machine.preflight()
    assert code == 1
    assert told[0][1].endswith("dnf install -y npm")


def test_apt_with_an_old_node_gets_a_newer_one(machine: Machine) -> None:
    machine.has("python3", f'exec "{sys.executable}" "$@"')
    machine.has("apt-get")
    machine.has("apt-cache", 'echo "  Candidate: 18.20.4+dfsg-1"')
    code, told = machine.preflight()
    assert code == 1
    assert "nodejs npm" in told[0][1]
    assert told[0][1].endswith("npx --yes n 22")


def test_a_missing_file_is_named_before_anything_is_installed(machine: Machine, tmp_path: Path) -> None:
    machine.has("python3", f'exec "{sys.executable}" "$@"')
    machine.has("node", GOOD_NODE)
    machine.has("npm")
    there = tmp_path / "my ticks.parquet"
    there.touch()
    assert machine.preflight(DATA=str(there)) == (0, [])
    assert machine.preflight(DATA=str(tmp_path / "*.parquet")) == (0, [])
    code, told = machine.preflight(DATA=str(tmp_path / "none.parquet"))
    assert code == 1
    assert "there is no file" in told[0][0]
