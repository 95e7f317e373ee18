"""Coverage of the guides: which section was tested on which series, with what result; and what was not.

A section counts as covered when a procedure that is traced to it was judged (PASS or FAIL) on a slot of the
series. Sections of kind ``reference`` have nothing to test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cellbench.record.attempt import Attempt
from cellbench.record.header import SectionEntry
from cellbench.record.rollup import final_attempts, verdict_of
from cellbench.record.run import RunRecord
from cellbench.record.verdict import Outcome
from cellbench.report.words import listed, plural

# The gravest outcome of a section's attempts is the cell's.
_GRAVITY = (Outcome.FAIL, Outcome.ERROR, Outcome.ABORTED, Outcome.NOT_POSSIBLE, Outcome.PASS,
            Outcome.NOT_APPLICABLE)
_JUDGED = (Outcome.PASS, Outcome.FAIL)
NOTHING_TO_TEST = "REFERENCE"
UNCOVERED = "UNCOVERED"
OTHER_SERIES = "OTHER"


@dataclass(frozen=True, slots=True)
class Cell:
    """A section on a series: ``state`` is an outcome's name, REFERENCE, UNCOVERED or OTHER."""

    series: str
    state: str
    passed: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class SectionRow:
    """A section with its cells, one for each series of the matrix; ``depth`` counts dots."""

    id: str
    number: str
    title: str
    kind: str
    depth: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """One guide: its sections × the series of this run, and the counts of what is to be tested."""

    guide: str
    series: tuple[str, ...]
    rows: tuple[SectionRow, ...]
    needed: int
    covered: int
    passed: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that this run did not test, and why; ``items`` are texts."""

    reason: str
    items: tuple[str, ...]


def matrices(run: RunRecord) -> tuple[Matrix, ...]:
    """One matrix for each guide in the journal's header, over the series of the run's slots."""
    series = tuple(dict.fromkeys(slot.series for slot in run.slots if slot.series))
    found = _by_section(run)
    guides = dict.fromkeys(section.guide for section in run.header.sections)
    made = (_matrix(guide, [one for one in run.header.sections if one.guide == guide], series, found)
            for guide in guides)
    return tuple(matrix for matrix in made if matrix.series)


def gaps(run: RunRecord, guides: tuple[Matrix, ...]) -> tuple[Gap, ...]:
    """What the run did not test: not possible by reason, never reached, sections without a procedure, what
    the guides leave to other documents."""
    return (*_not_possible(run), *_not_reached(run), *_uncovered(guides), *_elsewhere(run, guides))


def _by_section(run: RunRecord) -> Mapping[tuple[str, str], list[Outcome]]:
    """Outcomes of final attempts by section and series."""
    series = {slot.slot: slot.series for slot in run.slots}
    found: dict[tuple[str, str], list[Outcome]] = {}
    for attempt in final_attempts(run.attempts):
        for section in attempt.sections:
            key = section, series.get(attempt.slot, "")
            found.setdefault(key, []).append(verdict_of(attempt).outcome)
    return found


def _matrix(guide: str, sections: list[SectionEntry], series: tuple[str, ...],
            found: Mapping[tuple[str, str], list[Outcome]]) -> Matrix:
    columns = tuple(one for one in series if any(one in section.series for section in sections))
    rows = tuple(SectionRow(
        section.id, section.number, section.title, section.kind, section.number.count("."),
        tuple(_cell(section, one, found.get((section.id, one), [])) for one in columns))
        for section in sections)
    cells = [cell for row in rows for cell in row.cells if cell.state not in (NOTHING_TO_TEST, OTHER_SERIES)]
    judged = {outcome.value for outcome in _JUDGED}
    covered = sum(cell.state in judged or cell.passed > 0 for cell in cells)
    return Matrix(guide, columns, rows, len(cells), covered,
                  sum(cell.state == Outcome.PASS.value for cell in cells))


def _cell(section: SectionEntry, series: str, outcomes: list[Outcome]) -> Cell:
    if series not in section.series:
        return Cell(series, OTHER_SERIES)
    if not outcomes:
        return Cell(series, NOTHING_TO_TEST if section.kind == "reference" else UNCOVERED)
    counted = [outcome for outcome in outcomes if outcome is not Outcome.NOT_APPLICABLE] or outcomes
    state = min(counted, key=_GRAVITY.index)
    return Cell(series, state.value, outcomes.count(Outcome.PASS), len(counted))


def _not_possible(run: RunRecord) -> list[Gap]:
    by_reason: dict[str, list[Attempt]] = {}
    for attempt in final_attempts(run.attempts):
        verdict = verdict_of(attempt)
        if verdict.outcome is Outcome.NOT_POSSIBLE:
            by_reason.setdefault(verdict.reason, []).append(attempt)
    return [Gap(f"Not possible: {reason}", tuple(_named(run, attempt.procedure, attempt.slot)
                                                 for attempt in attempts))
            for reason, attempts in by_reason.items()]


def _not_reached(run: RunRecord) -> list[Gap]:
    tried = {(attempt.procedure, attempt.slot) for attempt in run.attempts}
    missing = [(entry.id, slot) for entry in run.header.procedures for slot in entry.slots or ("",)
               if (entry.id, slot) not in tried]
    if not missing:
        return []
    return [Gap("Not reached: the run ended before them",
                tuple(_named(run, procedure, slot) for procedure, slot in missing))]


def _uncovered(guides: tuple[Matrix, ...]) -> list[Gap]:
    found = []
    for matrix in guides:
        for column, series in enumerate(matrix.series):
            rows = [row for row in matrix.rows if row.cells[column].state == UNCOVERED]
            if rows:
                found.append(Gap(f"{plural(len(rows), 'section')} of the {matrix.guide} without a procedure "
                                 f"on {series} in this run",
                                 tuple(f"{row.number} {row.title}" for row in rows)))
    return found


def _elsewhere(run: RunRecord, guides: tuple[Matrix, ...]) -> list[Gap]:
    shown = {row.id for matrix in guides for row in matrix.rows
             if any(cell.state != OTHER_SERIES for cell in row.cells)}
    items = tuple(f"{section.number} {section.title}: {section.elsewhere}"
                  for section in run.header.sections if section.elsewhere and section.id in shown)
    return [Gap("The guides leave to other documents", items)] if items else []


def _named(run: RunRecord, procedure: str, slot: str) -> str:
    return f"{run.title(procedure)} on {slot}" if slot else run.title(procedure)


def coverage_words(matrix: Matrix) -> str:
    """One line: how much of a guide was covered."""
    return f"{matrix.covered} of {matrix.needed} testable sections covered on {listed(matrix.series)}"
