"""One CSV line per unit, for spreadsheets and for a line's log.

UTF-8, comma, CR LF (RFC 4180). Numbers are in the unit that the column names, not scaled.
"""

from __future__ import annotations

import csv
from pathlib import Path

from cellbench.record.attempt import MeasurementRecord
from cellbench.record.firmware import last_version
from cellbench.record.measurement import Judgement
from cellbench.record.rollup import counts, final_attempts
from cellbench.record.run import RunRecord
from cellbench.record.transcript import utc_text
from cellbench.record.verdict import Outcome
from cellbench.report.certificate import unit_verdict

FIXED = ("run", "serial", "imei", "iccid", "model", "firmware", "slot", "rig", "evidence", "started",
         "ended", "verdict", "owner", "reason", "passed", "failed", "errors", "not_possible", "marginal",
         "journal_sha256")


def render(journal: RunRecord, out: Path) -> Path:
    """Write a header line and one line for each unit."""
    rows = [_row(journal, index) for index in range(len(journal.units))]
    names = [*FIXED, *dict.fromkeys(name for row in rows for name in row if name not in FIXED)]
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return out


def _row(run: RunRecord, index: int) -> dict[str, str]:
    unit, attempts = run.units[index], final_attempts(run.attempts_of(index))
    verdict, found = unit_verdict(run, index), counts(attempts)
    measured = [one for attempt in attempts for one in attempt.measurements]
    marginal = sum(one.judgement is Judgement.MARGINAL for one in measured)
    row = {
        "run": run.id, "serial": unit.serial, "imei": unit.imei, "iccid": unit.iccid, "model": unit.model,
        "firmware": last_version(run, index), "slot": unit.slot, "rig": run.header.rig,
        "evidence": run.header.evidence,
        "started": utc_text(run.header.started_utc_ns), "ended": utc_text(run.last_utc_ns),
        "verdict": verdict.outcome.value, "owner": verdict.owner.value if verdict.owner else "",
        "reason": verdict.reason, "passed": str(found[Outcome.PASS]), "failed": str(found[Outcome.FAIL]),
        "errors": str(found[Outcome.ERROR]), "not_possible": str(found[Outcome.NOT_POSSIBLE]),
        "marginal": str(marginal), "journal_sha256": run.head}
    row = {name: _safe(text) for name, text in row.items()}
    return row | {_column(one): _cell(one) for one in measured}


def _column(measured: MeasurementRecord) -> str:
    return _safe(f"{measured.name} [{measured.unit}]" if measured.unit else measured.name)


def _cell(measured: MeasurementRecord) -> str:
    return repr(measured.value) if isinstance(measured.value, float) else _safe(measured.value)


def _safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe before = + - @ at its beginning."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
