"""A one-page HTML certificate for each unit of a run."""

from __future__ import annotations

from pathlib import Path

from cellbench.record.run import RunRecord
from cellbench.report.certificate import certificate_view, file_name
from cellbench.report.html import write_html


def render(journal: RunRecord, out: Path) -> Path:
    """Write ``out/UNIT.html`` for each unit; returns the folder."""
    out.mkdir(parents=True, exist_ok=True)
    for index in range(len(journal.units)):
        write_html("certificate.html.j2", out / file_name(journal, index, ".html"),
                   view=certificate_view(journal, index))
    return out
