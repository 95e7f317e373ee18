"""From an exception to a verdict with an owner (docs/architecture.md, "Verdicts and blame").

FAIL comes only from a failed check, or an error of the unit, in the call phase, and only when what the
step depends on held at that moment. Everything else is ERROR of whoever owns it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from cellbench.base.errors import (
    Aborted,
    CellbenchError,
    NotApplicable,
    NotPossible,
    Owner,
    UnitError,
)
from cellbench.record.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Canary:
    """One thing looked at to settle blame: whose it is, whether it was well, and what was seen."""

    owner: Owner
    well: bool
    seen: str


CanaryWatch = Callable[[Sequence[str]], Sequence[Canary]]

_ORDER = (
    Outcome.PASS,
    Outcome.NOT_APPLICABLE,
    Outcome.NOT_POSSIBLE,
    Outcome.FAIL,
    Outcome.ERROR,
    Outcome.ABORTED,
)


def decide(error: BaseException | None, phase: str, depends_on: Sequence[str], watch: CanaryWatch) -> Verdict:
    """The verdict of one phase (setup, call, teardown) of one attempt.

    ``watch`` looks at the rig and at each dependency; it is asked only when blame is open.
    """
    if error is None:
        return Verdict(Outcome.PASS)
    reason = _sentence(error)
    if isinstance(error, NotApplicable):
        return Verdict(Outcome.NOT_APPLICABLE, None, reason)
    if isinstance(error, NotPossible):
        return Verdict(Outcome.NOT_POSSIBLE, error.owner, reason)
    if isinstance(error, pytest.skip.Exception):
        return Verdict(Outcome.NOT_APPLICABLE, None, str(error.msg))
    if isinstance(error, (Aborted, KeyboardInterrupt)):
        return Verdict(Outcome.ABORTED, Owner.OPERATOR, reason or "interrupted")
    if phase == "call" and isinstance(error, (AssertionError, pytest.fail.Exception, UnitError)):
        return _blame(reason, watch(depends_on))
    if isinstance(error, UnitError):  # never a FAIL here; but a dead supply is not the unit's
        blamed = _blame(reason, watch(()))
        return replace(blamed, outcome=Outcome.ERROR)
    if isinstance(error, CellbenchError):
        return Verdict(Outcome.ERROR, error.owner, reason)
    return Verdict(Outcome.ERROR, Owner.FRAMEWORK, f"{type(error).__name__}: {reason}")


def worst(first: Verdict | None, second: Verdict) -> Verdict:
    """The graver of two verdicts of one attempt; the first one wins a tie."""
    if first is None or _ORDER.index(second.outcome) > _ORDER.index(first.outcome):
        return second
    return first


def _blame(reason: str, canaries: Sequence[Canary]) -> Verdict:
    evidence = tuple(f"{canary.owner.value}: {canary.seen}" for canary in canaries)
    for canary in canaries:
        if not canary.well:
            return Verdict(
                Outcome.ERROR, canary.owner, f"{canary.seen} (the check that failed: {reason})", evidence
            )
    return Verdict(Outcome.FAIL, Owner.UNIT, reason, evidence)


def _sentence(error: BaseException) -> str:
    text = str(error).strip()
    return text.split("\n", 1)[0] if text else type(error).__name__


EXIT_FAIL = 1
EXIT_ABORTED = 2
EXIT_RIG = 10
EXIT_FAR_SIDE = 11
EXIT_FRAMEWORK = 12

_EXIT_OF_OWNER = {
    Owner.UNIT: EXIT_FAIL,
    Owner.RIG: EXIT_RIG,
    Owner.NETWORK: EXIT_FAR_SIDE,
    Owner.SERVICE: EXIT_FAR_SIDE,
    Owner.OPERATOR: EXIT_FRAMEWORK,
    Owner.FRAMEWORK: EXIT_FRAMEWORK,
}

_EXIT_ORDER = (EXIT_FAIL, EXIT_FRAMEWORK, EXIT_RIG, EXIT_FAR_SIDE)


def exit_status(verdicts: Sequence[Verdict]) -> int:
    """0 pass, 2 aborted, 1 any FAIL, else 12 framework or operator, 10 rig, 11 network or service."""
    if any(verdict.outcome is Outcome.ABORTED for verdict in verdicts):
        return EXIT_ABORTED
    codes = set()
    for verdict in verdicts:
        if verdict.outcome is Outcome.FAIL:
            codes.add(EXIT_FAIL)
        elif verdict.outcome is Outcome.ERROR:
            codes.add(_EXIT_OF_OWNER[verdict.owner or Owner.FRAMEWORK])
    for code in _EXIT_ORDER:
        if code in codes:
            return code
    return 0
