"""Allure results: one per attempt, labels for series, slot and section, categories by owner, transcripts.

FAIL is failed, ERROR and ABORTED are broken, NOT_APPLICABLE and NOT_POSSIBLE are skipped. Attempts of one
procedure on one slot share a history id, so that Allure shows the earlier ones as retries.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from pathlib import Path

from allure_commons.model2 import (
    Attachment,
    Label,
    Parameter,
    Status,
    StatusDetails,
    TestResult,
    TestStepResult,
)
from allure_commons.types import AttachmentType, LabelType
from attr import asdict

from cellbench.base.errors import Owner
from cellbench.record.attempt import Attempt, MeasurementRecord, Step
from cellbench.record.diagnosis import diagnosis_lines
from cellbench.record.firmware import firmware_words, unit_firmware
from cellbench.record.rollup import verdict_of
from cellbench.record.run import RunRecord
from cellbench.record.verdict import Outcome, Verdict
from cellbench.report.words import limit_words, value_words, verdict_words

_STATUS = {
    Outcome.PASS: Status.PASSED,
    Outcome.FAIL: Status.FAILED,
    Outcome.ERROR: Status.BROKEN,
    Outcome.ABORTED: Status.BROKEN,
    Outcome.NOT_APPLICABLE: Status.SKIPPED,
    Outcome.NOT_POSSIBLE: Status.SKIPPED,
}
_NAMESPACE = uuid.UUID("6f6f2f1e-6c0b-5b7e-9d57-0c5d2f3a8d11")


def render(journal: RunRecord, out: Path) -> Path:
    """Write a folder of results; one that is there already is replaced."""
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    for attempt in journal.attempts:
        result = _result(journal, attempt, out)
        _write(
            out / f"{result.uuid}-result.json",
            asdict(result, filter=lambda _, value: value not in (None, [])),
        )
    _write(out / "categories.json", _categories())
    (out / "environment.properties").write_text(_environment(journal), encoding="utf-8")
    return out


def _result(run: RunRecord, attempt: Attempt, out: Path) -> TestResult:
    verdict = verdict_of(attempt)
    name = f"{attempt.procedure}[{attempt.slot}]" if attempt.slot else attempt.procedure
    start = attempt.utc_ns // 1_000_000
    identity = uuid.uuid5(_NAMESPACE, f"{run.id}/{attempt.id}")
    entry = run.procedures.get(attempt.procedure)
    document = entry.document if entry else ""
    return TestResult(
        uuid=str(identity),
        name=run.title(attempt.procedure),
        fullName=name,
        historyId=_digest(name),
        testCaseId=_digest(attempt.procedure),
        status=_STATUS[verdict.outcome],
        stage="finished",
        statusDetails=_details(verdict),
        description=document or None,
        labels=_labels(run, attempt),
        parameters=[
            Parameter(name="slot", value=attempt.slot),
            Parameter(name="attempt", value=str(attempt.number), excluded=True),
            *_firmware(attempt),
        ],
        steps=[_step(step, attempt) for step in attempt.steps]
        or [_value(measured) for measured in attempt.measurements],
        attachments=_attachments(run, attempt, identity, out),
        start=start,
        stop=start + round((attempt.duration_s or 0) * 1000),
    )


def _firmware(attempt: Attempt) -> list[Parameter]:
    """What it ran on; no part of its identity, so that runs on other firmware are compared."""
    words = firmware_words(attempt)
    return [Parameter(name="firmware", value=words, excluded=True)] if words else []


def _details(verdict: Verdict) -> StatusDetails | None:
    if verdict.outcome is Outcome.PASS:
        return None
    return StatusDetails(
        message=f"{verdict_words(verdict)}: {verdict.reason}", trace="\n".join(verdict.evidence) or None
    )


def _labels(run: RunRecord, attempt: Attempt) -> list[Label]:
    path, _, _ = attempt.procedure.rpartition("::")
    series = run.slot(attempt.slot).series
    verdict = verdict_of(attempt)
    pairs = [
        ("series", series),
        ("slot", attempt.slot),
        *(("section", section) for section in attempt.sections),
        *((LabelType.TAG, section) for section in attempt.sections),
        ("outcome", verdict.outcome.value),
        ("owner", verdict.owner.value if verdict.owner else ""),
        (LabelType.PARENT_SUITE, series or "no slot"),
        (LabelType.SUITE, path.rpartition("/")[0]),
        (LabelType.SUB_SUITE, path.rpartition("/")[2]),
        (LabelType.FRAMEWORK, "cellbench"),
        (LabelType.LANGUAGE, "python"),
        (LabelType.THREAD, attempt.slot),
        (LabelType.HOST, run.header.process.host if run.header.process else ""),
    ]
    return [Label(name=str(name), value=value) for name, value in pairs if value]


def _step(step: Step, attempt: Attempt) -> TestStepResult:
    start = step.utc_ns // 1_000_000
    status = Status.PASSED
    if step.problem or step.duration_s is None:
        status = _STATUS[verdict_of(attempt).outcome]
    return TestStepResult(
        name=step.name,
        status=status,
        start=start,
        stop=start + round((step.duration_s or 0) * 1000),
        statusDetails=StatusDetails(message=step.problem) if step.problem else None,
        parameters=[Parameter(name="depends on", value=", ".join(step.depends_on))]
        if step.depends_on
        else [],
        steps=[_value(measured) for measured in attempt.measurements if measured.step == step.index],
    )


def _value(measured: MeasurementRecord) -> TestStepResult:
    start = measured.utc_ns // 1_000_000
    limit = limit_words(measured.limit, measured.unit)
    parameters = [
        ("value", value_words(measured.value, measured.unit)),
        ("limit", limit),
        ("judgement", measured.judgement.value),
        ("source", measured.limit.source if measured.limit else ""),
    ]
    failed = measured.judgement.value == "FAIL"
    return TestStepResult(
        name=f"{measured.name}: {value_words(measured.value, measured.unit)}",
        start=start,
        stop=start,
        status=Status.FAILED if failed else Status.PASSED,
        parameters=[Parameter(name=name, value=value) for name, value in parameters if value],
    )


def _attachments(run: RunRecord, attempt: Attempt, identity: uuid.UUID, out: Path) -> list[Attachment]:
    found = []
    for number, trace in enumerate(attempt.traces, 1):
        source = f"{uuid.uuid5(identity, str(number))}-attachment.txt"
        try:
            shutil.copyfile(run.folder / trace.file, out / source)
        except OSError:
            continue  # a transcript that was taken away does not cost the result
        found.append(
            Attachment(name=f"transcript of {trace.port}", source=source, type=AttachmentType.TEXT.mime_type)
        )
    for number, one in enumerate(attempt.diagnoses, 1):
        source = f"{uuid.uuid5(identity, f'diagnosis {number}')}-attachment.txt"
        (out / source).write_text("\n".join(diagnosis_lines(one)) + "\n", encoding="utf-8")
        found.append(Attachment(name=f"state of the module in {one.slot}", source=source,
                                type=AttachmentType.TEXT.mime_type))
    return found


def _categories() -> list[dict[str, object]]:
    """Errors apart by who has to act; what failed is the unit's."""
    categories: list[dict[str, object]] = [
        {"name": "unit: a check failed", "matchedStatuses": [Status.FAILED]}
    ]
    categories += [
        {
            "name": f"{owner.value}: not the unit's fault",
            "matchedStatuses": [Status.BROKEN],
            "messageRegex": f"(?s)ERROR {owner.value}:.*",
        }
        for owner in Owner
        if owner is not Owner.UNIT
    ]
    return [
        *categories,
        {
            "name": "unit: an error of the unit",
            "matchedStatuses": [Status.BROKEN],
            "messageRegex": "(?s)ERROR unit:.*",
        },
        {"name": "aborted", "matchedStatuses": [Status.BROKEN], "messageRegex": "(?s)ABORTED.*"},
        {
            "name": "gaps: not possible on this rig",
            "matchedStatuses": [Status.SKIPPED],
            "messageRegex": "(?s)NOT POSSIBLE.*",
        },
        {
            "name": "not applicable to the series",
            "matchedStatuses": [Status.SKIPPED],
            "messageRegex": "(?s)NOT APPLICABLE.*",
        },
    ]


def _environment(run: RunRecord) -> str:
    header = run.header
    facts = {
        "run": run.id,
        "rig": header.rig,
        "rig file": header.rig_file,
        "rig sha256": header.rig_sha256,
        "evidence": header.evidence,
        "timing": header.timing,
        "operator": header.operator,
        **{f"version {name}": value for name, value in header.versions.items()},
        **header.settings,
        **{f"instrument {one.name}": one.identity or one.kind for one in header.instruments},
        **{f"firmware {unit.slot}": unit_firmware(run, index) for index, unit in enumerate(run.units)},
        "journal sha256": run.head,
    }
    return "".join(f"{_key(name)}={_escaped(value)}\n" for name, value in facts.items() if value)


def _key(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "." for letter in name)


def _escaped(value: str) -> str:
    return " ".join(value.split()).replace("\\", "\\\\")


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _write(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
