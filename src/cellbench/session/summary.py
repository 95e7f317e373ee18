"""The last lines of a run in the terminal: what was decided, where the documents are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cellbench.session.run import Run


def write_summary(terminal: Any, run: Run) -> None:
    """Write them; called once, where the whole run is seen."""
    if not (run.folder / "journal.jsonl").exists():
        return
    from cellbench.record.run import read_run
    from cellbench.report.summary import summary_lines

    record = read_run(run.folder)
    if not record.attempts:
        terminal.write_line(f"run {run.id} has run no procedure")
        return
    terminal.write_sep("-", f"run {run.id}")
    if run.interrupted:
        terminal.write_line(f"{run.interrupted}; what was done until then:", yellow=True)
    for line in summary_lines(record):
        terminal.write_line(line)
    for path in run.documents:
        terminal.write_line(f"  {_relative(path)}")


def _relative(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
