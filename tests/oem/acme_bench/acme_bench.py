"""A customer's variant of LENA-R8, a one-line report, a family of supplies, and a box that rings modules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cellbench.api import NotPossible
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


class Scene(Protocol):
    """What a far side is given: the slot, and its settings as the rig file has them."""

    slot: str
    settings: Mapping[str, object]


class CallBox:
    """Rings the module of a slot; here it writes down that it did."""

    def __init__(self, scene: Scene) -> None:
        self._slot, self._diary = scene.slot, Path(str(scene.settings["diary"]))

    def can(self, verb: str) -> bool:
        """It rings."""
        return verb == "ring"

    def why_not(self, verb: str) -> str:
        """It does nothing else."""
        return "the call box rings and does nothing else"

    def act(self, verb: str, **values: str) -> None:
        """Ring ``times`` times."""
        if not self.can(verb):
            raise NotPossible(self.why_not(verb))
        self._diary.write_text(f"{self._slot} rings {values['times']} times")

    def report(self, what: str, **values: str) -> Mapping[str, str]:
        """It reports nothing."""
        raise NotPossible("the call box reports nothing")


def render(journal: RunRecord, out: Path) -> Path:
    """Outcome and count, a line each."""
    found = counts(final_attempts(journal.attempts))
    out.write_text("".join(f"{outcome.value} {count}\n" for outcome, count in found.items() if count))
    return out
