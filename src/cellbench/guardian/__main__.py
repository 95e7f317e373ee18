"""`python -m cellbench.guardian`: start the guardian of a runtime directory, in a session of its own."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from cellbench.base.errors import CellbenchError
from cellbench.guardian import paths
from cellbench.guardian.server import IDLE_S, Guardian, only_one
from cellbench.guardian.start import ANOTHER_RUNS, READY

IDLE_VARIABLE = "CELLBENCH_GUARDIAN_IDLE_S"


def main(arguments: list[str] | None = None) -> int:
    """Returns once the guardian listens (0), or says why it does not (1; 3: another one runs)."""
    parser = argparse.ArgumentParser(prog="cellbench.guardian", description=__doc__)
    parser.add_argument(
        "--runtime-dir", type=Path, help=f"default: ${paths.RUNTIME_VARIABLE}, else the user's own"
    )
    parser.add_argument(
        "--idle",
        type=float,
        default=float(os.environ.get(IDLE_VARIABLE, IDLE_S)),
        metavar="SECONDS",
        help="leave after so long with nobody connected (default: %(default)s)",
    )
    parser.add_argument("--foreground", action="store_true", help="stay in this process and session")
    given = parser.parse_args(arguments)
    try:
        place, locks = paths.runtime_dir(given.runtime_dir), paths.lock_dir()
    except CellbenchError as error:
        print(error, file=sys.stderr)
        return 1
    if given.foreground:
        return _guard(place, locks, given.idle, lambda: print("ready", flush=True))
    return _detach(place, locks, given.idle)


def _detach(place: Path, locks: Path, idle_s: float) -> int:
    """Fork the guardian off; what it says before it is ready comes back through a pipe."""
    news, teller = os.pipe()
    if os.fork() != 0:
        os.close(teller)
        with os.fdopen(news, "rb") as pipe:
            said = pipe.read()
        if said == b"ready":
            return READY
        print(said.decode(errors="replace") or "the guardian ended before it was ready", file=sys.stderr)
        return ANOTHER_RUNS if said.startswith(b"another") else 1
    os.close(news)
    os.setsid()
    _redirect(place)

    def ready() -> None:
        os.write(teller, b"ready")
        os.close(teller)

    status = _guard(place, locks, idle_s, ready)
    if status == ANOTHER_RUNS:
        os.write(teller, b"another guardian runs")
    os._exit(status)  # a thread may hang in a driver; nothing is left to be tidied


def _guard(place: Path, locks: Path, idle_s: float, ready: Callable[[], None]) -> int:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    lock = only_one(place)
    if lock is None:
        return ANOTHER_RUNS
    sys.path[:] = [os.path.abspath(entry) for entry in sys.path]  # drivers are imported later
    os.chdir("/")
    os.umask(0o077)

    async def run() -> None:
        await Guardian(place, locks, idle_s=idle_s).run(ready)

    asyncio.run(run())
    return READY


def _redirect(place: Path) -> None:
    """Standard input from nowhere, output and errors to guardian.err: the starter's pipes must close."""
    nothing = os.open(os.devnull, os.O_RDWR)
    errors = os.open(place / "guardian.err", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(errors, 1)
    os.dup2(errors, 2)
    os.close(nothing)
    os.close(errors)


if __name__ == "__main__":
    sys.exit(main())
