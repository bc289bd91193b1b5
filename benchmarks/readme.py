"""Put the tables of the last runs into the README.

python benchmarks/readme.py

Each table stands between ``<!-- benchmarks/results/NAME.md -->`` and ``<!-- end -->``; what the run
printed replaces what was there, and nothing is typed in.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PLACE = re.compile(r"<!-- (benchmarks/results/[\w.]+\.md) -->\n.*?<!-- end -->", re.DOTALL)


def filled(text: str) -> str:
    """The text with each table that has a result file."""

    def put(match: re.Match[str]) -> str:
        path = ROOT / match[1]
        table = path.read_text().strip() + "\n" if path.exists() else ""
        return f"<!-- {match[1]} -->\n{table}<!-- end -->"

    return _PLACE.sub(put, text)


def main() -> None:
    """Rewrite README.md in place."""
    readme = ROOT / "README.md"
    readme.write_text(filled(readme.read_text()))


if __name__ == "__main__":
    main()
