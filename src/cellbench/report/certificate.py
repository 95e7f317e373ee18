"""What a unit's certificate says, for HTML and PDF alike: one page, whatever was tested."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

import segno

from cellbench.record.attempt import Attempt, MeasurementRecord
from cellbench.record.firmware import unit_firmware
from cellbench.record.header import UnitEntry
from cellbench.record.measurement import Judgement
from cellbench.record.rollup import counts, final_attempts, overall, verdict_of
from cellbench.record.run import RunRecord
from cellbench.record.verdict import Outcome, Verdict
from cellbench.report.charts import limit_bar
from cellbench.report.words import (
    COLOURS,
    SIGNS,
    clipped,
    duration_words,
    judgement_words,
    limit_words,
    plural,
    spoken,
    time_words,
    value_words,
    verdict_words,
)

T = TypeVar("T")

_HEADLINES = {Outcome.NOT_POSSIBLE: "NO RESULT"}

# What fits on the page; what does not is counted there and stands whole in the production record.
MOST_MEASUREMENTS = 22
MOST_PROCEDURES = 18


@dataclass(frozen=True, slots=True)
class MeasurementRow:
    """A measurement as the certificate shows it; ``bar`` is an SVG or ""."""

    name: str
    value: str
    limit: str
    source: str
    judgement: str
    sign: str
    colour: str
    bar: str


@dataclass(frozen=True, slots=True)
class ProcedureRow:
    """A procedure's result as the certificate shows it."""

    title: str
    verdict: str
    sign: str
    colour: str
    reason: str


@dataclass(frozen=True, slots=True)
class CertificateView:
    """All texts of one certificate. ``omitted`` says what did not fit, "" when all did."""

    run: str
    name: str
    verdict: str
    sign: str
    colour: str
    summary: str
    reason: str
    owner: str
    simulated: bool
    unit: tuple[tuple[str, str], ...]
    test: tuple[tuple[str, str], ...]
    measurements: tuple[MeasurementRow, ...]
    procedures: tuple[tuple[ProcedureRow, ...], tuple[ProcedureRow, ...]]
    omitted: str
    head: tuple[str, ...]
    qr: str
    qr_text: str


def unit_name(run: RunRecord, index: int) -> str:
    """What a unit is called: its serial number, else its IMEI, else its slot."""
    unit = run.units[index]
    return unit.serial or unit.imei or unit.slot or f"unit-{index + 1}"


def file_name(run: RunRecord, index: int, suffix: str) -> str:
    """A file name of the unit that no file system refuses and no other unit of the run shares."""
    names = [re.sub(r"[^A-Za-z0-9._-]+", "_", unit_name(run, other)).strip("._") or f"unit-{other + 1}"
             for other in range(len(run.units))]
    name = names[index][:80]
    alone = [each.lower() for each in names].count(names[index].lower()) == 1
    return f"{name}{suffix}" if alone else f"{name}-{index + 1}{suffix}"


def certificate_view(run: RunRecord, index: int) -> CertificateView:
    """The certificate of one unit of a run (an index into ``run.units``)."""
    unit = run.units[index]
    attempts = final_attempts(run.attempts_of(index))
    verdict = unit_verdict(run, index)
    measurements = [(attempt, measured) for attempt in attempts for measured in attempt.measurements]
    shown = _chosen(measurements, MOST_MEASUREMENTS, lambda pair: _weight(pair[1].judgement))
    procedures = _chosen(attempts, MOST_PROCEDURES, lambda attempt: _gravity(verdict_of(attempt)))
    name = unit_name(run, index)
    text = f"cellbench:{run.id}?unit={quote(name)}&verdict={verdict.outcome.value}&sha256={run.head}"
    rows = [_procedure_row(run, attempt) for attempt in procedures]
    half = (len(rows) + 1) // 2
    word = verdict.outcome.value
    return CertificateView(
        run=run.id, name=name, verdict=_HEADLINES.get(verdict.outcome, word), sign=SIGNS[word],
        colour=COLOURS[word], summary=_summary(attempts), reason=clipped(verdict.reason, 240),
        owner=verdict.owner.value if verdict.owner else "", simulated=run.header.evidence == "simulated",
        unit=_unit_facts(run, unit, unit_firmware(run, index)), test=_test_facts(run, unit, attempts),
        measurements=tuple(_measurement_row(measured) for _, measured in shown),
        procedures=(tuple(rows[:half]), tuple(rows[half:])),
        omitted=_omitted(len(measurements) - len(shown), len(attempts) - len(procedures)),
        head=tuple(run.head[start:start + 16] for start in range(0, 64, 16)), qr=qr_svg(text), qr_text=text)


def unit_verdict(run: RunRecord, index: int) -> Verdict:
    """One verdict for a unit; a run without an end never passes one."""
    verdict = overall(run.attempts_of(index))
    if run.ended is None and verdict.outcome is Outcome.PASS:
        return Verdict(Outcome.ABORTED, None, "the run was cut before its end")
    return verdict


def qr_svg(text: str) -> str:
    """A QR code with its quiet zone as SVG; never Micro QR, which many scanners cannot read."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=4, xmldecl=False, svgns=True,
                                                   omitsize=True, light="#fff")
    return out.getvalue().decode()


def _chosen(items: Sequence[T], most: int, weight: Callable[[T], int]) -> list[T]:
    """At most that many, the gravest kept, in their own order."""
    kept = sorted(range(len(items)), key=lambda place: (weight(items[place]), place))[:most]
    return [items[place] for place in sorted(kept)]


def _weight(judgement: Judgement) -> int:
    return {Judgement.FAIL: 0, Judgement.MARGINAL: 1, Judgement.PASS: 2, Judgement.UNJUDGED: 3}[judgement]


def _gravity(verdict: Verdict) -> int:
    order = (Outcome.FAIL, Outcome.ERROR, Outcome.ABORTED, Outcome.NOT_POSSIBLE, Outcome.PASS,
             Outcome.NOT_APPLICABLE)
    return order.index(verdict.outcome)


def _measurement_row(measured: MeasurementRecord) -> MeasurementRow:
    limit, judgement = measured.limit, measured.judgement
    bar = limit_bar(measured.value, limit, judgement) if limit and isinstance(measured.value, float) else ""
    return MeasurementRow(
        clipped(spoken(measured.name), 40), clipped(value_words(measured.value, measured.unit), 26),
        clipped(limit_words(limit, measured.unit), 30), clipped(limit.source, 32) if limit else "",
        judgement_words(judgement), SIGNS[judgement.value], COLOURS[judgement.value], bar)


def _procedure_row(run: RunRecord, attempt: Attempt) -> ProcedureRow:
    verdict = verdict_of(attempt)
    words = {Outcome.PASS: "passed", Outcome.FAIL: "failed"}.get(verdict.outcome)
    return ProcedureRow(clipped(run.title(attempt.procedure), 42), words or verdict_words(verdict).lower(),
                        SIGNS[verdict.outcome.value], COLOURS[verdict.outcome.value], verdict.reason)


def _summary(attempts: Iterable[Attempt]) -> str:
    """One line of counts: ``8 of 9 procedures passed, 1 failed; 2 values marginal``."""
    attempts = tuple(attempts)
    found = counts(attempts)
    judged = [measured.judgement for attempt in attempts for measured in attempt.measurements]
    words = {Outcome.FAIL: "failed", Outcome.ERROR: "ended in error", Outcome.ABORTED: "aborted",
             Outcome.NOT_POSSIBLE: "not possible on this rig", Outcome.NOT_APPLICABLE: "not applicable"}
    others = [f"{found[outcome]} {text}" for outcome, text in words.items() if found[outcome]]
    text = ", ".join([f"{found[Outcome.PASS]} of {plural(len(attempts), 'procedure')} passed", *others])
    values = sum(judgement is not Judgement.UNJUDGED for judgement in judged)
    marginal = judged.count(Judgement.MARGINAL)
    return f"{text}; {plural(values, 'value')} held against limits, {marginal} marginal"


def _unit_facts(run: RunRecord, unit: UnitEntry, firmware: str) -> tuple[tuple[str, str], ...]:
    slot = run.slot(unit.slot)
    facts = (("Serial number", unit.serial), ("Model", unit.model or unit.series or slot.series),
             ("Ordering code", unit.identity or slot.ordering_code), ("IMEI", unit.imei),
             ("ICCID", unit.iccid), ("Firmware", firmware))
    return tuple((label, value or "not read") for label, value in facts)


def _test_facts(run: RunRecord, unit: UnitEntry,
                attempts: tuple[Attempt, ...]) -> tuple[tuple[str, str], ...]:
    header = run.header
    began = min((attempt.utc_ns for attempt in attempts), default=header.started_utc_ns)
    ended = max((attempt.utc_ns + round((attempt.duration_s or 0) * 1e9) for attempt in attempts),
                default=began)
    station = header.settings.get("station") or (header.process.host if header.process else "")
    facts = (("Tested", time_words(began)), ("Duration", duration_words((ended - began) / 1e9)),
             ("Rig and slot", f"{header.rig}, {unit.slot}"), ("Station", station),
             ("Operator", header.operator), ("Limits", run.slot(unit.slot).settings.get("limits", "")),
             ("Test software", f"cellbench {header.versions.get('cellbench', '')}".strip()))
    return tuple((label, value) for label, value in facts if value)


def _omitted(measurements: int, procedures: int) -> str:
    parts = [plural(count, noun) for count, noun in ((measurements, "measurement"),
                                                     (procedures, "procedure")) if count]
    return f"{' and '.join(parts)} more, with no graver result, in the production record" if parts else ""
