"""A program that the kill tests kill: reads jobs from its input and runs each in a forked child.

It loads and compiles once, so that a child begins to write within milliseconds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from streams import Given, make_ticks, table

import kf_widget.store.ingest as ingesting
from kf_widget.store.store import open_ticks

ROWS = 400_000
TICKS = make_ticks(ROWS, 11)


def run_ingest(root: Path, seed: int) -> None:
    """Ingest everything, or what is left, with commits close together."""
    ingesting._COMMIT_ROWS = 20_000
    cuts = np.sort(np.random.default_rng(seed).integers(0, ROWS, 60)).tolist()
    ingesting.ingest(Given(TICKS, cuts), root, progress=False).close()


def run_append(root: Path, seed: int) -> None:
    """Append what is left, piece by piece; each that is durable is told."""
    rng = np.random.default_rng(seed)
    with open_ticks(root) as store:
        while (start := len(store)) < ROWS:
            store.append(table(TICKS, start, start + int(rng.choice([1, 70, 5000, 30_000]))))
            os.write(1, f"rows {len(store)}\n".encode())  # whole or not at all


def main() -> None:
    """Serve until the input ends."""
    warm = Path(sys.argv[1])
    run_ingest(warm, 0)
    print("ready", flush=True)
    for line in sys.stdin:
        job, root, seed = line.split("\t")
        child = os.fork()
        if not child:
            print("child", os.getpid(), flush=True)
            {"ingest": run_ingest, "append": run_append}[job](Path(root), int(seed))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("ended", status, flush=True)


if __name__ == "__main__":
    main()
