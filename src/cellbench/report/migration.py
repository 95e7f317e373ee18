"""The report for who moves a product from one module series to another: what is printed, what was seen on
each side, what to change in the host's code. As a page and as text."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellbench.record.attempt import Attempt
from cellbench.record.rollup import verdict_of
from cellbench.record.verdict import Outcome, Verdict
from cellbench.report.html import write_html
from cellbench.report.words import COLOURS, SIGNS, clipped, plural, value_words, verdict_words

_WIDTH, _SEEN_WIDTH = 110, 44
NOT_RUN = "NOT RUN"
_NOTHING_TO_DO = frozenset({"nothing", "new"})


@dataclass(frozen=True, slots=True)
class SideView:
    """One series in one row: what the table prints, how it is checked, the verdict, what was seen (command
    or quantity, value), and sentences beside it."""

    series: str
    printed: str
    check: str
    outcome: str
    verdict: str
    reason: str = ""
    slot: str = ""
    seen: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def colour(self) -> str:
        """The verdict's colour."""
        return COLOURS.get(self.outcome, COLOURS["UNJUDGED"])

    @property
    def sign(self) -> str:
        """The verdict's sign."""
        return SIGNS.get(self.outcome, SIGNS["UNJUDGED"])


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one command or quantity showed on each side; None where it was not asked."""

    what: str
    old: str | None
    new: str | None

    @property
    def differs(self) -> bool:
        """True when both sides were asked and told something else; two refusals are alike."""
        if self.old is None or self.new is None or self.old == self.new:
            return False
        return not ("ERROR" in self.old and "ERROR" in self.new)


@dataclass(frozen=True, slots=True)
class CodePlace:
    """A line of the host's code that a row concerns."""

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class RowView:
    """One row of the table. ``kinds`` is what it means for code, ``advice`` what to do; ``before`` and
    ``after`` are lines of code; ``places`` where the host's own code has it, None when none was searched."""

    id: str
    topic: str
    kinds: tuple[str, ...]
    advice: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    code_source: str
    errata: tuple[str, ...]
    old: SideView
    new: SideView
    places: tuple[CodePlace, ...] | None = None

    @property
    def compared(self) -> tuple[Comparison, ...]:
        """What was seen, both sides beside each other, in the order of asking."""
        old, new = dict(self.old.seen), dict(self.new.seen)
        return tuple(Comparison(name, old.get(name), new.get(name)) for name in {**old, **new})

    @property
    def diff(self) -> tuple[tuple[str, str], ...]:
        """The change of code as lines with their signs: "-" goes, "+" comes, " " stays."""
        lines = difflib.ndiff(self.before, self.after)
        return tuple((line[0], line[2:]) for line in lines if line[0] in "-+ ")

    @property
    def touched(self) -> bool:
        """True when there is something to do in code."""
        return not set(self.kinds) <= _NOTHING_TO_DO

    @property
    def contradicted(self) -> bool:
        """True when a module did not do what is printed."""
        return Outcome.FAIL.value in (self.old.outcome, self.new.outcome)


@dataclass(frozen=True, slots=True)
class ModuleView:
    """A module that was asked."""

    series: str
    model: str
    firmware: str
    slot: str
    run: str
    evidence: str


@dataclass(frozen=True, slots=True)
class FurtherView:
    """Differences of one kind that the table does not print: (name, old, new, evidence, where known from)."""

    title: str
    lead: str
    rows: tuple[tuple[str, str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class MigrationView:
    """Everything that the report shows; ``old`` and ``new`` name the series. ``pattern`` finds the affected
    lines of code, ``searched`` is the folder that was."""

    old: str
    new: str
    source: str
    modules: tuple[ModuleView, ...]
    rows: tuple[RowView, ...]
    further: tuple[FurtherView, ...]
    pattern: str
    searched: str = ""

    @property
    def title(self) -> str:
        """The headline."""
        return f"From {self.old} to {self.new}"

    @property
    def sides(self) -> tuple[SideView, ...]:
        """Every checked side."""
        return tuple(side for row in self.rows for side in (row.old, row.new))

    @property
    def simulated(self) -> bool:
        """True when a virtual module was among those asked."""
        return any(one.evidence == "simulated" for one in self.modules)

    @property
    def missing(self) -> tuple[str, ...]:
        """Series of which no module was asked."""
        asked = {one.series for one in self.modules}
        return tuple(series for series in (self.old, self.new) if series not in asked)

    @property
    def verdict(self) -> tuple[str, str]:
        """The verdict over all checks, and its colour."""
        outcomes = {side.outcome for side in self.sides}
        for outcome in ("FAIL", "ERROR", "ABORTED"):
            if outcome in outcomes:
                return outcome, COLOURS[outcome]
        return ("PASS", COLOURS["PASS"]) if "PASS" in outcomes else ("NOT SEEN", COLOURS["UNJUDGED"])

    @property
    def summary(self) -> str:
        """One sentence."""
        outcomes = [side.outcome for side in self.sides]
        told = ", ".join(f"{outcomes.count(name)} {words}" for name, words in (
            ("PASS", "as printed"), ("FAIL", "otherwise"), ("ERROR", "with an error"),
            ("ABORTED", "cut"), ("NOT_POSSIBLE", "cannot be seen"), ("NOT_APPLICABLE", "not for this module"),
            (NOT_RUN, "not run")) if name in outcomes)
        touched = sum(row.touched for row in self.rows)
        return (f"{plural(len(self.rows), 'row')} on two series: {told}. "
                f"{touched} ask for a change in the host's code")

    def of_kind(self, kind: str) -> tuple[RowView, ...]:
        """The rows of one kind."""
        return tuple(row for row in self.rows if kind in row.kinds)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of change there are, those of most rows first."""
        found = [kind for row in self.rows if row.touched for kind in row.kinds]
        return tuple(sorted(dict.fromkeys(found), key=lambda kind: -found.count(kind)))


def side_view(series: str, printed: str, check: str, attempts: Sequence[Attempt]) -> SideView:
    """What the attempts of one row on one series came to: of several slots, the gravest."""
    if not attempts:
        return SideView(series, printed, check, NOT_RUN, "not run")
    attempt = max(attempts, key=lambda one: _GRAVITY.index(verdict_of(one).outcome))
    found: Verdict = verdict_of(attempt)
    seen = tuple((one.name, value_words(one.value, one.unit)) for one in attempt.measurements)
    return SideView(series, printed, check, found.outcome.value, verdict_words(found).lower(), found.reason,
                    attempt.slot, tuple(dict(seen).items()), attempt.notes)


_GRAVITY = (Outcome.NOT_APPLICABLE, Outcome.NOT_POSSIBLE, Outcome.PASS, Outcome.ABORTED, Outcome.ERROR,
            Outcome.FAIL)


def write_migration(view: MigrationView, out: Path) -> Path:
    """Write the page ``out``; returns it."""
    return write_html("migration.html.j2", out, view=view)


def migration_text(view: MigrationView) -> str:
    """The report for a terminal: rows with what was seen (≠ where the sides differ), then what to change."""
    lines = [view.title, "=" * len(view.title), *textwrap.wrap(f"{view.summary}.", _WIDTH)]
    lines += [f"{one.series}: {one.model} {one.firmware}, slot {one.slot}, run {one.run}"
              + (" (simulated)" if one.evidence == "simulated" else "") for one in view.modules]
    lines += [f"{series}: no module was asked; its side is what is printed" for series in view.missing]
    for row in view.rows:
        lines += ["", *_row_lines(row)]
    lines += ["", "Beyond the table", "----------------"]
    lines += [f"{one.title}: {len(one.rows)} (in the page)" for one in view.further]
    if not view.searched:
        lines += ["", "Affected lines of your code: --code FOLDER, or",
                  f"  grep -rnE '{view.pattern}' FOLDER"]
    return "\n".join(lines)


def _row_lines(row: RowView) -> Iterator[str]:
    mark = "✗ " if row.contradicted else ""
    yield f"{mark}{row.topic}: {', '.join(row.kinds)}"
    for side in (row.old, row.new):
        printed = clipped(side.printed, 80) or "(empty)"
        yield f"  {side.sign} {side.series:<8} {printed}"
        if side.outcome not in (Outcome.PASS.value, NOT_RUN):
            yield from textwrap.wrap(f"{side.verdict}: {side.reason}", _WIDTH, initial_indent=" " * 13,
                                     subsequent_indent=" " * 13)
    for one in row.compared:
        sign = "≠" if one.differs else " "
        old, new = (clipped(text, _SEEN_WIDTH) if text is not None else "·" for text in (one.old, one.new))
        yield f"    {sign} {clipped(one.what, 24):<24} {old:<{_SEEN_WIDTH}} {new}"
    for side in (row.old, row.new):
        for note in side.notes:
            yield f"      {side.series}: {clipped(note, _WIDTH - 16)}"
    yield from textwrap.wrap(row.advice, _WIDTH, initial_indent="  → ", subsequent_indent="    ")
    if row.before != row.after:
        yield from (f"    {sign} {line}" for sign, line in row.diff)
    for place in row.places or ():
        yield f"    {place.file}:{place.line}: {clipped(place.text, 70)}"
