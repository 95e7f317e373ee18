"""What pytest's report says of a verdict: its outcome, the procedure's own lines, the evidence.

Frames of the framework say nothing to who reads a FAIL or a rig's fault; they are kept for errors of the
framework itself, and where --tb or --full-trace asks for them.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Any

import pytest

import cellbench
from cellbench.base.errors import CellbenchError, Owner
from cellbench.record.verdict import Outcome, Verdict

_WORDS = {
    Outcome.ERROR: ("error", "E", "ERROR"),
    Outcome.ABORTED: ("error", "A", "ABORTED"),
    Outcome.FAIL: ("failed", "F", "FAIL"),
    Outcome.NOT_APPLICABLE: ("not applicable", "n", "NOT APPLICABLE"),
    Outcome.NOT_POSSIBLE: ("not possible", "p", "NOT POSSIBLE"),
}
_PACKAGE = Path(cellbench.__file__).resolve().parent


def words_of(outcome: str, owner: str) -> tuple[str, str, str]:
    """pytest's category, letter and word for an outcome."""
    category, letter, word = _WORDS[Outcome(outcome)]
    return category, letter, f"{word} {owner}".rstrip() if word == "ERROR" else word


def mark(report: pytest.TestReport, verdict: Verdict) -> None:
    """Let the report carry the verdict to whoever counts it, over a worker's channel too."""
    report.cellbench_outcome = verdict.outcome.value  # type: ignore[attr-defined]
    report.cellbench_owner = verdict.owner.value if verdict.owner else ""  # type: ignore[attr-defined]
    report.cellbench_reason = verdict.reason  # type: ignore[attr-defined]


def say(report: pytest.TestReport, verdict: Verdict, item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """Put a verdict other than PASS into pytest's report of a phase."""
    mark(report, verdict)
    if verdict.outcome in (Outcome.NOT_APPLICABLE, Outcome.NOT_POSSIBLE):
        path, line, _ = item.location
        report.outcome = "skipped"
        report.longrepr = (path, (line or 0) + 1, verdict.reason)
        return
    report.outcome = "failed"
    _, _, word = words_of(verdict.outcome.value, verdict.owner.value if verdict.owner else "")
    sentence = f"{word}: {verdict.reason}"
    option = item.config.option
    if verdict.owner is not Owner.FRAMEWORK and option.tbstyle == "auto" and not option.fulltrace:
        own = _own_lines(item, call)
        report.longrepr = sentence if own is None else own
        if own is None and not verdict.evidence:
            return
    report.sections.append(("verdict", "\n".join([sentence, *(f"  {seen}" for seen in verdict.evidence)])))


def _own_lines(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """The frames of the procedure and what it imports beside itself; None when there are none."""
    if call.excinfo is None:
        return None
    error = call.excinfo.value
    if isinstance(error, CellbenchError) and error.owner is not Owner.UNIT:
        return None  # where it was met says nothing: the sentence says whose it is
    kept = call.excinfo.traceback.filter(lambda entry: _is_own(Path(entry.path)))
    if not kept:
        return None
    return call.excinfo.getrepr(style="short", funcargs=False, chain=False, tbfilter=lambda _: kept)


def _is_own(path: Path) -> bool:
    path = path.resolve()
    if path.is_relative_to(_PACKAGE):
        return path.is_relative_to(_PACKAGE / "suites")
    if path.parent.name == "fixtures" and path.parent.parent == _PACKAGE.parents[1]:
        return False
    return not any(path.is_relative_to(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))
