"""What a validation report says, for HTML and PDF alike: a pure view of one run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cellbench.base.errors import Owner
from cellbench.record.attempt import Attempt
from cellbench.record.diagnosis import diagnosis_lines
from cellbench.record.firmware import method_words, unit_firmware
from cellbench.record.measurement import Judgement
from cellbench.record.rollup import counts, final_attempts, overall, verdict_of
from cellbench.record.run import RunRecord
from cellbench.record.verdict import Outcome
from cellbench.report.charts import share_bar
from cellbench.report.courses import courses
from cellbench.report.coverage import Gap, Matrix, coverage_words, gaps, matrices
from cellbench.report.timing import Plot, histograms, time_plots
from cellbench.report.words import (
    COLOURS,
    SIGNS,
    duration_words,
    limit_words,
    listed,
    outcome_words,
    plural,
    spoken,
    time_words,
    value_words,
    verdict_words,
)

MOST_LISTED = 200  # rows of a table that stands in the document itself; the rest is counted
OUTCOMES = tuple(Outcome)
_TROUBLE = (Outcome.FAIL, Outcome.ERROR, Outcome.ABORTED)


@dataclass(frozen=True, slots=True)
class CountRow:
    """Outcomes of one slot (or of all): ``counts`` in the order of the outcomes, ``bar`` an SVG."""

    name: str
    detail: str
    counts: tuple[int, ...]
    total: int
    bar: str


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """What did not pass, by who has to act."""

    owner: str
    failed: int
    errors: int
    aborted: int
    example: str


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A result as a line of a table; ``index`` is its place among the run's attempts. ``diagnoses``: how the
    modules were found when it failed, each a sentence and the lines below it."""

    index: int
    title: str
    slot: str
    sections: str
    verdict: str
    sign: str
    colour: str
    duration: str
    reason: str
    evidence: tuple[str, ...]
    diagnoses: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class MarginalRow:
    """A value that passed near its limit."""

    index: int
    name: str
    title: str
    slot: str
    value: str
    limit: str


@dataclass(frozen=True, slots=True)
class FirmwareRow:
    """An update: ``index`` is the place of its result among the run's attempts."""

    index: int
    time: str
    slot: str
    title: str
    before: str
    after: str
    method: str


@dataclass(frozen=True, slots=True)
class ValidationView:
    """All texts of a validation report except the single results."""

    run: str
    title: str
    verdict: str
    sign: str
    colour: str
    summary: str
    simulated: bool
    cut: str
    facts: tuple[tuple[str, str], ...]
    slots: tuple[tuple[str, ...], ...]
    outcomes: tuple[tuple[str, str, str], ...]
    by_slot: tuple[CountRow, ...]
    by_owner: tuple[OwnerRow, ...]
    attention: tuple[ResultRow, ...]
    attention_more: int
    marginal: tuple[MarginalRow, ...]
    marginal_more: int
    updates: tuple[FirmwareRow, ...]
    updates_more: int
    matrices: tuple[Matrix, ...]
    coverage: tuple[str, ...]
    times: tuple[Plot, ...]
    histograms: tuple[Plot, ...]
    courses: tuple[Plot, ...]
    courses_more: int
    gaps: tuple[Gap, ...]
    errata: tuple[tuple[str, str, str, str], ...]
    environment: tuple[tuple[str, str], ...]
    cut_runs: tuple[str, ...]
    events: tuple[tuple[str, str, str, str], ...]
    head: tuple[str, ...]


def validation_view(run: RunRecord, font: str = "") -> ValidationView:
    """The report of one run; ``font`` is what charts name for their texts."""
    final = final_attempts(run.attempts)
    verdict = overall(run.attempts)
    guides = matrices(run)
    index = {attempt.id: place for place, attempt in enumerate(run.attempts)}
    attention = [attempt for attempt in final if verdict_of(attempt).outcome in _TROUBLE]
    attention.sort(key=lambda attempt: OUTCOMES.index(verdict_of(attempt).outcome))
    marginal = _marginal(run, final, index)
    updates = _updates(run)
    drawn, not_drawn = courses(run, font)
    header = run.header
    return ValidationView(
        run=run.id, title=_title(run), verdict=verdict.outcome.value.replace("_", " "),
        sign=SIGNS[verdict.outcome.value], colour=COLOURS[verdict.outcome.value],
        summary=_summary(run, final), simulated=header.evidence == "simulated", cut=_cut(run),
        facts=_facts(run), slots=_slots(run),
        outcomes=tuple((one.value, outcome_words(one), COLOURS[one.value]) for one in OUTCOMES),
        by_slot=_by_slot(run, final), by_owner=_by_owner(final),
        attention=tuple(result_row(run, attempt, index[attempt.id]) for attempt in attention[:MOST_LISTED]),
        attention_more=max(0, len(attention) - MOST_LISTED),
        marginal=tuple(marginal[:MOST_LISTED]), marginal_more=max(0, len(marginal) - MOST_LISTED),
        updates=tuple(updates[:MOST_LISTED]), updates_more=max(0, len(updates) - MOST_LISTED),
        matrices=guides, coverage=tuple(coverage_words(matrix) for matrix in guides),
        times=time_plots(run, font), histograms=histograms(run, font), courses=drawn, courses_more=not_drawn,
        gaps=gaps(run, guides),
        errata=tuple((", ".join(one.series), one.where, one.text, one.taken) for one in header.errata),
        environment=_environment(run), cut_runs=tuple(cut.text for cut in header.cut_runs),
        events=tuple((time_words(timed.utc_ns), timed.event.slot, timed.event.what, timed.event.detail)
                     for timed in run.events[-MOST_LISTED:]),
        head=tuple(run.head[start:start + 16] for start in range(0, 64, 16)))


def result_row(run: RunRecord, attempt: Attempt, index: int) -> ResultRow:
    """One attempt as a line of a table."""
    verdict = verdict_of(attempt)
    title = run.title(attempt.procedure)
    return ResultRow(
        index, f"{title} (attempt {attempt.number})" if attempt.number > 1 else title, attempt.slot,
        " ".join(attempt.sections), verdict_words(verdict), SIGNS[verdict.outcome.value],
        COLOURS[verdict.outcome.value], duration_words(attempt.duration_s), verdict.reason, verdict.evidence,
        tuple(map(diagnosis_lines, attempt.diagnoses)))


def _title(run: RunRecord) -> str:
    series = listed(dict.fromkeys(slot.series for slot in run.slots if slot.series))
    return f"{run.header.purpose.capitalize() or 'Test'} report" + (f", {series}" if series else "")


def _summary(run: RunRecord, final: tuple[Attempt, ...]) -> str:
    found = counts(final)
    words = {Outcome.PASS: "passed", Outcome.FAIL: "failed", Outcome.ERROR: "ended in error"}
    parts = [f"{found[outcome]:,} {words.get(outcome) or outcome_words(outcome)}"
             for outcome in OUTCOMES if found[outcome]]
    repeated = len(run.attempts) - len(final)
    text = f"{plural(len(final), 'result')} on {plural(len(run.slots), 'slot')}: {', '.join(parts) or 'none'}"
    return f"{text}; {plural(repeated, 'earlier attempt')} kept" if repeated else text


def _cut(run: RunRecord) -> str:
    if run.ended is None:
        return (f"This run was cut: its journal ends at {time_words(run.last_utc_ns)} without an end. "
                "What stands below is what was on disk by then.")
    return "" if run.ended.reason == "completed" else f"This run did not complete: {run.ended.reason}."


def _facts(run: RunRecord) -> tuple[tuple[str, str], ...]:
    header = run.header
    seconds = run.ended.duration_s if run.ended else (run.last_utc_ns - header.started_utc_ns) / 1e9
    facts = (("Run", run.id), ("Started", time_words(header.started_utc_ns)),
             ("Duration", duration_words(seconds)), ("Rig", header.rig),
             ("Evidence", {"simulated": "simulated rig", "measured": "measured on hardware"}.get(
                 header.evidence, header.evidence)),
             ("Timing", header.timing),
             ("Station", header.settings.get("station") or (header.process.host if header.process else "")),
             ("Operator", header.operator), ("Software", f"cellbench {header.versions.get('cellbench', '')}"))
    return tuple((label, value) for label, value in facts if value.strip())


def _slots(run: RunRecord) -> tuple[tuple[str, ...], ...]:
    """Slot, series, model, firmware, IMEI, ICCID, serial number; one line for each unit seen."""
    rows = []
    for slot in run.slots:
        units = [(index, unit) for index, unit in enumerate(run.units) if unit.slot == slot.slot]
        for index, unit in units:
            rows.append((slot.slot, unit.series or slot.series, unit.model or slot.variant,
                         unit_firmware(run, index), unit.imei, unit.iccid, unit.serial))
        if not units:
            rows.append((slot.slot, slot.series, slot.variant, "", "", "", "not identified"))
    return tuple(rows)


def _by_slot(run: RunRecord, final: tuple[Attempt, ...]) -> tuple[CountRow, ...]:
    names = dict.fromkeys([*(slot.slot for slot in run.slots), *(attempt.slot for attempt in final)])
    rows = [_count_row(name or "no slot", run.slot(name).series,
                       [attempt for attempt in final if attempt.slot == name]) for name in names]
    rows = [row for row in rows if row.total]
    return (*rows, _count_row("all", "", final)) if len(rows) > 1 else tuple(rows)


def _count_row(name: str, detail: str, attempts: Iterable[Attempt]) -> CountRow:
    found = counts(attempts)
    bar = share_bar([(outcome.value, found[outcome]) for outcome in OUTCOMES]) if any(found.values()) else ""
    return CountRow(name, detail, tuple(found[outcome] for outcome in OUTCOMES), sum(found.values()), bar)


def _by_owner(final: tuple[Attempt, ...]) -> tuple[OwnerRow, ...]:
    rows = []
    for owner in Owner:
        own = [verdict for attempt in final if (verdict := verdict_of(attempt)).owner is owner
               and verdict.outcome in _TROUBLE]
        if own:
            failed, errors, aborted = (sum(one.outcome is outcome for one in own) for outcome in _TROUBLE)
            rows.append(OwnerRow(owner.value, failed, errors, aborted, own[0].reason))
    return tuple(rows)


def _marginal(run: RunRecord, final: tuple[Attempt, ...], index: dict[str, int]) -> list[MarginalRow]:
    return [MarginalRow(index[attempt.id], spoken(one.name), run.title(attempt.procedure), attempt.slot,
                        value_words(one.value, one.unit), limit_words(one.limit, one.unit))
            for attempt in final for one in attempt.measurements if one.judgement is Judgement.MARGINAL]


def _updates(run: RunRecord) -> list[FirmwareRow]:
    """Every update of the run, earlier attempts' too: the unit has them behind it."""
    return [FirmwareRow(index, time_words(one.utc_ns), attempt.slot, run.title(attempt.procedure), one.before,
                        one.after or "none told", method_words(one.method))
            for index, attempt in enumerate(run.attempts) for one in attempt.firmware]


def _environment(run: RunRecord) -> tuple[tuple[str, str], ...]:
    header = run.header
    facts = [("Rig file", header.rig_file), ("Rig file sha256", header.rig_sha256),
             ("Command", " ".join(header.command)),
             *((f"Setting: {name}", value) for name, value in header.settings.items()),
             *((f"Instrument {one.name}", f"{one.identity or 'identity not asked'} ({one.kind})")
               for one in header.instruments),
             *((f"Version of {name}", value) for name, value in header.versions.items())]
    return tuple((name, value) for name, value in facts if value)
