"""The outcome of an attempt and who owns it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.base.errors import Owner


class Outcome(enum.Enum):
    """How an attempt ended (docs/architecture.md, "Verdicts and blame")."""

    PASS = "PASS"
    FAIL = "FAIL"
    ERROR = "ERROR"
    ABORTED = "ABORTED"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_POSSIBLE = "NOT_POSSIBLE"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome with its owner (None for PASS and NOT_APPLICABLE), one sentence why, and evidence lines.

    ``evidence`` holds what was looked at to decide blame: canaries, registration, supply reading.
    """

    outcome: Outcome
    owner: Owner | None = None
    reason: str = ""
    evidence: tuple[str, ...] = ()
