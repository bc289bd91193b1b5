"""Command line: ``python -m kf_widget warm`` compiles every kernel into the cache."""

from __future__ import annotations

import argparse
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run a command of the package; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m kf_widget", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    warm = commands.add_parser("warm", help="compile all kernels now, so that no chart waits for it")
    warm.add_argument("--quiet", action="store_true", help="print nothing")
    parsed = parser.parse_args(arguments)
    if parsed.command == "warm":
        from kf_widget.frame.warm import warm_all

        warm_all(report=None if parsed.quiet else lambda text: print(text, flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
