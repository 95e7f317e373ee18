"""JUnit XML from the journal: one suite per slot, one case per procedure on it.

FAIL is a failure, ERROR and ABORTED are errors whose type names the owner, NOT_APPLICABLE and
NOT_POSSIBLE are skipped with their reason. A repeated procedure is one case, with its last verdict; the
attempts before it stand in its output.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as xml

from cellbench.record.attempt import Attempt
from cellbench.record.capture import capture_words
from cellbench.record.diagnosis import diagnosis_lines
from cellbench.record.firmware import change_words, unit_firmware
from cellbench.record.rollup import final_attempts, verdict_of
from cellbench.record.run import RunRecord
from cellbench.record.series import series_words
from cellbench.record.transcript import utc_text
from cellbench.record.verdict import Outcome
from cellbench.report.words import limit_words, value_words, verdict_words

# What XML 1.0 cannot hold (2.2, Char).
_REFUSED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SKIPPED = (Outcome.NOT_APPLICABLE, Outcome.NOT_POSSIBLE)
_ERRORS = (Outcome.ERROR, Outcome.ABORTED)


def render(journal: RunRecord, out: Path) -> Path:
    """Write one file for the whole run."""
    final = final_attempts(journal.attempts)
    root = xml.Element("testsuites", _totals(final), name="cellbench")
    for slot in dict.fromkeys(attempt.slot for attempt in final):
        _suite(root, journal, slot, [attempt for attempt in final if attempt.slot == slot])
    xml.indent(root)
    out.parent.mkdir(parents=True, exist_ok=True)
    xml.ElementTree(root).write(out, encoding="utf-8", xml_declaration=True)
    return out


def _suite(root: xml.Element, run: RunRecord, slot: str, attempts: list[Attempt]) -> None:
    began = min(attempt.utc_ns for attempt in attempts)
    suite = xml.SubElement(root, "testsuite", _totals(attempts), name=slot or "no slot",
                           timestamp=utc_text(began, "seconds"),
                           hostname=run.header.process.host if run.header.process else "")
    facts = {"run": run.id, "rig": run.header.rig, "evidence": run.header.evidence,
             "timing": run.header.timing, "series": run.slot(slot).series, "journal sha256": run.head}
    for index, unit in enumerate(run.units):
        if unit.slot == slot:
            facts |= {"serial": unit.serial, "imei": unit.imei, "firmware": unit_firmware(run, index)}
    _properties(suite, facts)
    earlier: dict[str, list[Attempt]] = {}
    for attempt in run.attempts:
        if attempt.slot == slot:
            earlier.setdefault(attempt.procedure, []).append(attempt)
    for attempt in attempts:
        _case(suite, attempt, run, earlier[attempt.procedure])


def _case(suite: xml.Element, attempt: Attempt, run: RunRecord, tried: list[Attempt]) -> None:
    path, _, name = attempt.procedure.rpartition("::")
    verdict = verdict_of(attempt)
    case = xml.SubElement(
        suite, "testcase", name=_clean(f"{name}[{attempt.slot}]" if attempt.slot else name),
        classname=_clean(re.sub(r"\.py(::|$)", r"\1", path).replace("/", ".").replace("::", ".")),
        time=f"{attempt.duration_s or 0:.3f}")
    facts = {f"section {number}": section for number, section in enumerate(attempt.sections, 1)}
    facts |= {"firmware before": attempt.firmware_before, "firmware after": attempt.firmware_after}
    _properties(case, {"title": run.title(attempt.procedure), "attempt": attempt.id} | facts)
    owner = verdict.owner.value if verdict.owner else ""
    message = _clean(verdict.reason)
    details = "\n".join(_clean(line) for line in (verdict.reason, *verdict.evidence))
    if verdict.outcome is Outcome.FAIL:
        xml.SubElement(case, "failure", message=message, type=owner or "unit").text = details
    elif verdict.outcome in _ERRORS:
        kind = "aborted" if verdict.outcome is Outcome.ABORTED else owner
        xml.SubElement(case, "error", message=message, type=kind).text = details
    elif verdict.outcome in _SKIPPED:
        xml.SubElement(case, "skipped", message=message, type=verdict.outcome.value.lower())
    output = _output(attempt, tried)
    if output:
        xml.SubElement(case, "system-out").text = _clean(output)


def _output(attempt: Attempt, tried: list[Attempt]) -> str:
    lines = [f"attempt {one.number}: {verdict_words(verdict_of(one))} {verdict_of(one).reason}".rstrip()
             for one in tried if one is not attempt]
    lines += [f"{one.name} = {value_words(one.value, one.unit)} "
              f"({limit_words(one.limit, one.unit) or 'no limit'}) {one.judgement.value}"
              for one in attempt.measurements]
    lines += map(change_words, attempt.firmware)
    lines += attempt.notes
    lines += [series_words(series) for series in attempt.series]
    lines += [f"transcript: {trace.file}" for trace in attempt.traces]
    lines += [capture_words(capture) for capture in attempt.captures]
    lines += [line for one in attempt.diagnoses for line in diagnosis_lines(one)]
    return "\n".join(lines)


def _properties(parent: xml.Element, facts: dict[str, str]) -> None:
    properties = xml.SubElement(parent, "properties")
    for name, value in facts.items():
        if value:
            xml.SubElement(properties, "property", name=name, value=_clean(value))


def _totals(attempts: Iterable[Attempt]) -> dict[str, str]:
    attempts = tuple(attempts)
    outcomes = [verdict_of(attempt).outcome for attempt in attempts]
    return {
        "tests": str(len(outcomes)), "failures": str(outcomes.count(Outcome.FAIL)),
        "errors": str(sum(outcome in _ERRORS for outcome in outcomes)),
        "skipped": str(sum(outcome in _SKIPPED for outcome in outcomes)),
        "time": f"{sum(attempt.duration_s or 0 for attempt in attempts):.3f}"}


def _clean(text: str) -> str:
    return _REFUSED.sub("\N{REPLACEMENT CHARACTER}", text)
