"""What a run came to, in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cellbench.record.attempt import Attempt
from cellbench.record.firmware import unit_firmware
from cellbench.record.measurement import Judgement
from cellbench.record.rollup import counts, final_attempts, overall, verdict_of
from cellbench.record.run import RunRecord
from cellbench.record.verdict import Outcome
from cellbench.report.coverage import coverage_words, matrices
from cellbench.report.words import clipped, duration_words, outcome_words, plural, verdict_words

_TROUBLE = (Outcome.FAIL, Outcome.ERROR, Outcome.ABORTED)
MOST_LINES = 20


def summary_lines(run: RunRecord, paths: Sequence[Path] = (), width: int = 100) -> list[str]:
    """Verdicts by slot, what needs attention, coverage, and where the documents are."""
    final = final_attempts(run.attempts)
    seconds = run.ended.duration_s if run.ended else None
    verdict = overall(run.attempts)
    lines = [f"{verdict_words(verdict)}: run {run.id} on {run.header.rig} ({run.header.evidence}), "
             f"{plural(len(final), 'result')}" + (f" in {duration_words(seconds)}" if seconds else "")]
    names = dict.fromkeys([*(slot.slot for slot in run.slots), *(attempt.slot for attempt in final)])
    longest = max((len(name or "no slot") for name in names), default=0)
    for name in names:
        own = [attempt for attempt in final if attempt.slot == name]
        if own:
            lines.append(f"  {name or 'no slot':<{longest}}  {_counted(own)}{_unit(run, name)}")
    lines += _attention(run, final, width)
    lines += [f"  {matrix.guide}: {coverage_words(matrix)}" for matrix in matrices(run) if matrix.covered]
    if paths:
        lines.append("documents:")
        lines += [f"  {_shown(path)}" for path in paths]
    return lines


def _counted(attempts: Iterable[Attempt]) -> str:
    attempts = tuple(attempts)
    found = counts(attempts)
    words = [f"{found[outcome]} {outcome_words(outcome)}" for outcome in Outcome if found[outcome]]
    marginal = sum(one.judgement is Judgement.MARGINAL
                   for attempt in attempts for one in attempt.measurements)
    return ", ".join(words) + (f" ({plural(marginal, 'value')} marginal)" if marginal else "")


def _unit(run: RunRecord, slot: str) -> str:
    index = next((index for index in reversed(range(len(run.units))) if run.units[index].slot == slot), None)
    if index is None:
        return ""
    unit = run.units[index]
    facts = (unit.model or unit.series, unit_firmware(run, index), unit.serial or unit.imei)
    return "  [" + " ".join(fact for fact in facts if fact) + "]"


def _attention(run: RunRecord, final: Sequence[Attempt], width: int) -> list[str]:
    trouble = sorted((attempt for attempt in final if verdict_of(attempt).outcome in _TROUBLE),
                     key=lambda attempt: _TROUBLE.index(verdict_of(attempt).outcome))
    lines = []
    for attempt in trouble[:MOST_LINES]:
        verdict = verdict_of(attempt)
        where = f"{attempt.procedure.rpartition('::')[2]}[{attempt.slot}]"
        lines.append(clipped(f"{verdict_words(verdict)}: {where}: {verdict.reason}", width - 2))
    lines = [f"  {line}" for line in lines]
    more = len(trouble) - MOST_LINES
    return [*lines, f"  and {more} more"] if more > 0 else lines


def _shown(path: Path) -> str:
    """A path as short as it can be typed from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
