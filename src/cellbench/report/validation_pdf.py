"""The validation report as PDF: what the HTML page says, with the results as a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cellbench.record.rollup import final_attempts, verdict_of
from cellbench.record.run import RunRecord
from cellbench.record.verdict import Outcome
from cellbench.report.pdf import write_pdf
from cellbench.report.validation import ResultRow, ValidationView, result_row, validation_view
from cellbench.report.words import SIGNS

FONT = "Libertinus Serif"
MOST_RESULTS = 1500  # typst keeps a table in memory whole: some 100 kB a row


@dataclass(frozen=True, slots=True)
class PdfData:
    """What the template gets."""

    view: ValidationView
    signs: dict[str, str]
    results: tuple[ResultRow, ...]
    left_out: int


def render(journal: RunRecord, out: Path) -> Path:
    """Write the PDF. Beyond 1,500 results those that did not pass come first and the rest is counted."""
    attempts = list(final_attempts(journal.attempts))
    if len(attempts) > MOST_RESULTS:
        attempts.sort(key=lambda attempt: verdict_of(attempt).outcome is Outcome.PASS)
    place = {attempt.id: index for index, attempt in enumerate(journal.attempts)}
    rows = tuple(result_row(journal, attempt, place[attempt.id]) for attempt in attempts[:MOST_RESULTS])
    data = PdfData(validation_view(journal, FONT), dict(SIGNS), rows, max(0, len(attempts) - MOST_RESULTS))
    return write_pdf("validation.typ", data, out, utc_ns=journal.last_utc_ns)
