"""A customer's variant of LENA-R8 with its own firmware text, a one-line report, and a family of supplies."""

from __future__ import annotations

from pathlib import Path

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules.model import VariantOverride
from cellbench.instruments.supply.scpi import Dialect, supply_kind
from cellbench.record.rollup import counts, final_attempts
from cellbench.record.run import RunRecord
from cellbench.report import ReportFormat

TRACKER = VariantOverride(
    "LENA-R8001M10-ACME",
    ("LENA-R8001M10-ACME-00",),
    {"factory": {"firmware": "02.00,A01.22-ACME"}},
    series=Series.LENA_R8,
)

TALLY = ReportFormat("acme-tally", "tally", "tally.txt", "acme_bench", frozenset({"validation"}))

LAB = supply_kind(Dialect(
    kind="supply.acme-lab",
    models="ACME LAB-1 to LAB-4",
    source="ACME LAB series programming guide, edition 2, chapters 3 and 4",
))


def render(journal: RunRecord, out: Path) -> Path:
    """Outcome and count, a line each."""
    found = counts(final_attempts(journal.attempts))
    out.write_text("".join(f"{outcome.value} {count}\n" for outcome, count in found.items() if count))
    return out
