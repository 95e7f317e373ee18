"""A one-page PDF certificate for each unit of a run."""

from __future__ import annotations

from pathlib import Path

from cellbench.record.run import RunRecord
from cellbench.report.certificate import certificate_view, file_name
from cellbench.report.pdf import write_pdf


def render(journal: RunRecord, out: Path) -> Path:
    """Write ``out/UNIT.pdf`` for each unit; returns the folder."""
    out.mkdir(parents=True, exist_ok=True)
    for index in range(len(journal.units)):
        place = out / file_name(journal, index, ".pdf")
        write_pdf("certificate.typ", certificate_view(journal, index), place, utc_ns=journal.last_utc_ns)
    return out
