"""The production record: one JSON document per unit, of schema ``cellbench/production-record/1``.

The schema is reports/schema/production-record-1.json; docs/reports.md explains it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cellbench.record.attempt import Attempt, MeasurementRecord, Step
from cellbench.record.capture import capture_words
from cellbench.record.codec import encode
from cellbench.record.diagnosis import diagnosis_lines
from cellbench.record.firmware import change_words, last_version
from cellbench.record.rollup import verdict_of
from cellbench.record.run import RunRecord
from cellbench.record.series import series_words
from cellbench.record.transcript import utc_text
from cellbench.record.verdict import Verdict
from cellbench.report.certificate import file_name, unit_name, unit_verdict

SCHEMA = "cellbench/production-record/1"

Json = dict[str, Any]


def render(journal: RunRecord, out: Path) -> Path:
    """Write ``out/UNIT.json`` for each unit; returns the folder."""
    out.mkdir(parents=True, exist_ok=True)
    for index in range(len(journal.units)):
        text = json.dumps(unit_record(journal, index), indent=2, ensure_ascii=False, allow_nan=False)
        (out / file_name(journal, index, ".json")).write_text(text + "\n", encoding="utf-8")
    return out


def unit_record(run: RunRecord, index: int) -> Json:
    """The record of one unit as JSON data."""
    header, unit = run.header, run.units[index]
    slot = run.slot(unit.slot)
    return {
        "schema": SCHEMA,
        "name": unit_name(run, index),
        "unit": {"serial": unit.serial, "imei": unit.imei, "iccid": unit.iccid,
                 "series": unit.series or slot.series, "model": unit.model,
                 "firmware": last_version(run, index),
                 "ordering_code": unit.identity or slot.ordering_code},
        "verdict": _verdict(unit_verdict(run, index)),
        "run": {"id": run.id, "started": utc_text(header.started_utc_ns), "ended": utc_text(run.last_utc_ns),
                "complete": run.ended is not None, "slot": unit.slot, "rig": header.rig,
                "station": header.settings.get("station") or (header.process.host if header.process else ""),
                "operator": header.operator,
                "purpose": header.purpose, "evidence": header.evidence, "timing": header.timing},
        "environment": {"rig_file": header.rig_file, "rig_sha256": header.rig_sha256,
                        "versions": dict(header.versions), "settings": dict(header.settings),
                        "instruments": [encode(instrument) for instrument in header.instruments]},
        "attempts": [_attempt(run, attempt) for attempt in run.attempts_of(index)],
        "journal": {"file": "journal.jsonl", "sha256": run.head},
    }


def _verdict(verdict: Verdict) -> Json:
    return {"outcome": verdict.outcome.value, "owner": verdict.owner.value if verdict.owner else None,
            "reason": verdict.reason, "evidence": list(verdict.evidence)}


def _attempt(run: RunRecord, attempt: Attempt) -> Json:
    return {
        "attempt": attempt.id, "procedure": attempt.procedure, "title": run.title(attempt.procedure),
        "number": attempt.number, "sections": list(attempt.sections), "started": utc_text(attempt.utc_ns),
        "duration_s": attempt.duration_s, "verdict": _verdict(verdict_of(attempt)),
        "steps": [_step(step) for step in attempt.steps],
        "measurements": [_measurement(measured) for measured in attempt.measurements],
        "notes": [*attempt.notes, *map(change_words, attempt.firmware), *map(series_words, attempt.series),
                  *(capture_words(one) for one in attempt.captures),
                  *(line for one in attempt.diagnoses for line in diagnosis_lines(one))],
        "transcripts": [trace.file for trace in attempt.traces],
    }


def _step(step: Step) -> Json:
    return {"name": step.name, "started": utc_text(step.utc_ns), "duration_s": step.duration_s,
            "depends_on": list(step.depends_on), "problem": step.problem}


def _measurement(measured: MeasurementRecord) -> Json:
    return {"name": measured.name, "value": encode(measured.value), "unit": measured.unit,
            "limit": encode(measured.limit), "judgement": measured.judgement.value,
            "measured": utc_text(measured.utc_ns)}
