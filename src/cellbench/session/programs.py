"""The programs that are pytest runs with a purpose: demo, production, validation; and the list of runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cellbench.base.errors import OperatorError

_SUITES = Path("suites")
_VIRTUAL = Path("rigs/virtual.yaml")


def demo(results: Path | None) -> int:
    """A tour of procedures, then the production sequence, on the virtual rack."""
    print("A tour of both guides on the virtual rack: one LENA-R8, one LARA-R6.\n", flush=True)
    common = ["--rig", str(_VIRTUAL), "--timing", "fast", *_results(results)]
    tour = _pytest([str(_suites()), "-m", "demo", "-n", "auto", *common])
    print("\nThe production sequence on both slots.\n", flush=True)
    line = _pytest(
        [
            str(_suites() / "production"),
            "-n",
            "auto",
            "--run-kind",
            "production",
            "--serial",
            "DEMO-0001",
            *common,
        ]
    )
    status = tour or line
    print(
        "\nOpen the validation.html of the first run and the certificates of the second."
        if status == 0
        else f"\nThe demo ended with status {status}; the lines above say whose it is.",
        flush=True,
    )
    return status


def production(
    rig: Path, slot: str | None, serial: str | None, results: Path | None, timing: str | None
) -> int:
    """One unit through the production sequence; the serial number from the line, the scanner or a pipe."""
    from cellbench.rig.load import load_rig

    names = tuple(load_rig(rig).model.slots)
    if slot is None and len(names) > 1:
        raise OperatorError(
            f"{rig} has the slots {', '.join(names)}", remedy="say which with SLOT= or --slot"
        )
    number = serial.strip() if serial else _ask_serial()
    arguments = [
        str(_suites() / "production"),
        "--rig",
        str(rig),
        "--slot",
        slot or names[0],
        "--run-kind",
        "production",
        "--serial",
        number,
        *_results(results),
    ]
    return _pytest(arguments + (["--timing", timing] if timing else []))


def validation(rig: Path, slots: Sequence[str], results: Path | None, timing: str | None) -> int:
    """All procedures on every slot."""
    arguments = [
        str(_suites()),
        "--rig",
        str(rig),
        "-n",
        "auto",
        "--run-kind",
        "validation",
        *_results(results),
    ]
    for name in slots:
        arguments += ["--slot", name]
    return _pytest(arguments + (["--timing", timing] if timing else []))


def list_runs(results: Path) -> int:
    """A line for each run; for a cut one, when, at which step and what its slots were left in."""
    from cellbench.record.runs import RunState, cut_runs
    from cellbench.record.runs import list_runs as all_runs
    from cellbench.record.transcript import utc_text

    found = all_runs(results)
    cut = {run.run: run for run in cut_runs(results)}
    for run in found:
        end = f"exit {run.exit_status}, {run.reason}" if run.state is RunState.ENDED else run.state.value
        print(f"{run.run}  {utc_text(run.started_utc_ns, 'seconds')}  {run.rig}  {run.purpose or '-'}  {end}")
        if run.run in cut:
            print(f"    {cut[run.run].text}")
    if not found:
        print(f"no runs in {results}")
    return 0


def load_journals(files: Sequence[Path], url: str) -> int:
    """Index journals in the store; one that is there already changes nothing."""
    from cellbench.record.run import read_run
    from cellbench.store.store import Store

    with Store.open(url) as store:
        for file in files:
            folder = file if file.is_dir() else file.parent
            print(f"{folder}: {'loaded' if store.load(read_run(folder)) else 'nothing new'}")
    return 0


def _ask_serial() -> str:
    if sys.stdin is not None and not sys.stdin.isatty():
        line = sys.stdin.readline().strip()
        if line:
            return line
        raise OperatorError(
            "a production run needs a serial number, and nothing came on standard input",
            remedy="say SERIAL=... or --serial, or pipe it",
        )
    if sys.stdin is None:
        raise OperatorError("a production run needs a serial number", remedy="say SERIAL=... or --serial")
    while True:
        answer = input("Serial number (scan or type, empty to give up): ").strip()
        if answer:
            return answer
        raise OperatorError("no serial number was given")


def _suites() -> Path:
    if _SUITES.is_dir():
        return _SUITES
    import cellbench.suites as installed  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return Path(installed.__path__[0])


def _results(results: Path | None) -> list[str]:
    return ["--results", str(results)] if results else []


def _pytest(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # the terminal sent it to the run as well, which ends in order
            continue
