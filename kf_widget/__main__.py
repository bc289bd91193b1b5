"""Command line: stores of ticks, and kernels compiled beforehand."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run a command of the package; returns the exit status."""
    parsed = vars(_parser().parse_args(arguments))
    run = parsed.pop("run")
    from kf_widget.errors import KfError

    try:
        run(**parsed)
    except (KfError, OSError, TypeError, ValueError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was committed is safe", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kf_widget", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    warm = command("warm", _warm, "compile all kernels now, so that no chart waits for it")
    warm.add_argument("--quiet", action="store_true", help="print nothing")

    ingest = command("ingest", _ingest, "make a store of the ticks of files; run again, it goes on")
    ingest.add_argument("source", nargs="+", metavar="SRC", help="files, folders or globs")
    ingest.add_argument("store", metavar="DST", help="the store's folder, new or empty")
    for role in ("time", "price", "size", "side"):
        ingest.add_argument(
            f"--{role}", metavar="COLUMN", help=f"the column of the {role}, if it is an unusual one"
        )
    ingest.add_argument("--tz", metavar="ZONE", help="what naive stamps mean, for example America/Chicago")
    ingest.add_argument("--symbol", help="the instrument to take from files of several")
    ingest.add_argument(
        "--on-bad", choices=("raise", "drop"), default="raise", help="what to do with bad rows"
    )
    ingest.add_argument("--sort", action="store_true", help="put files of any order into time order first")
    ingest.add_argument(
        "--backend", choices=("auto", "cpu", "gpu"), default="auto", help="what makes the index and the bars"
    )
    ingest.add_argument("--quiet", action="store_true", help="show no progress")

    info = command("info", _info, "what a store holds, as JSON")
    info.add_argument("store", metavar="STORE")

    verify = command("verify", _verify, "prove every byte of a store")
    verify.add_argument("store", metavar="STORE")
    verify.add_argument("--quiet", action="store_true", help="show no progress")

    export = command("export", _export, "write a store as one Parquet or CSV file")
    export.add_argument("store", metavar="STORE")
    export.add_argument("file", metavar="FILE", help="a new file that ends in .parquet or .csv")
    export.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def _warm(quiet: bool) -> None:
    from kf_widget.frame.warm import warm_all
    from kf_widget.history.warm import warm_scans
    from kf_widget.plotting.warm import warm_plotting

    report = None if quiet else lambda text: print(text, flush=True)
    warm_all(report)
    warm_scans(report)
    warm_plotting(report)


def _ingest(source: list[str], store: str, quiet: bool, **options: Any) -> None:
    from kf_widget.store.ingest import ingest

    with ingest(source[0] if len(source) == 1 else source, store, progress=not quiet, **options) as made:
        dropped = "".join(f", {count:,} left out: {why}" for why, count in made.info()["dropped"].items())
        print(f"{len(made):,} rows in {made.path}{dropped}")


def _info(store: str) -> None:
    from kf_widget.store.store import open_ticks

    print(json.dumps(open_ticks(store).info(), indent=2))


def _verify(store: str, quiet: bool) -> None:
    from kf_widget.store.store import open_ticks

    opened = open_ticks(store)
    opened.verify(progress=not quiet)
    print(f"{len(opened):,} rows, nothing wrong")


def _export(store: str, file: str, quiet: bool) -> None:
    from kf_widget.store.export import FORMATS, export
    from kf_widget.store.store import open_ticks

    path = Path(file)
    if path.suffix not in FORMATS:
        raise ValueError(f"export: file must end in {' or '.join(FORMATS)}, got {file!r}.")
    export(open_ticks(store).snapshot(), path, FORMATS[path.suffix], progress=not quiet)


if __name__ == "__main__":
    sys.exit(main())
