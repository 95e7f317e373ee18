"""What many attempts come to: final attempts, one verdict for all, counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from cellbench.base.errors import Owner
from cellbench.record.attempt import Attempt
from cellbench.record.verdict import Outcome, Verdict

# Whose errors come first when several owners have some; the order of the exit codes.
_OWNERS = (Owner.FRAMEWORK, Owner.OPERATOR, Owner.RIG, Owner.NETWORK, Owner.SERVICE, Owner.UNIT)

CUT = Verdict(Outcome.ABORTED, Owner.OPERATOR, "the run was cut during this attempt")


def verdict_of(attempt: Attempt) -> Verdict:
    """An attempt's verdict; ABORTED for one that was cut."""
    return attempt.verdict or CUT


def final_attempts(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """The last attempt of each procedure on each slot and unit: what a repeated procedure counts as."""
    attempts = tuple(attempts)
    last = {(attempt.procedure, attempt.slot, attempt.unit): attempt for attempt in attempts}
    return tuple(attempt for attempt in attempts
                 if last[attempt.procedure, attempt.slot, attempt.unit] is attempt)


def counts(attempts: Iterable[Attempt]) -> Mapping[Outcome, int]:
    """How many attempts ended in each outcome (every outcome is a key)."""
    found = Counter(verdict_of(attempt).outcome for attempt in attempts)
    return {outcome: found[outcome] for outcome in Outcome}


def overall(attempts: Iterable[Attempt]) -> Verdict:
    """One verdict for all: of final attempts, any FAIL, else an ERROR (framework and operator before rig
    before network and service), else ABORTED, else PASS; NOT_POSSIBLE when nothing was judged.
    """
    final = final_attempts(attempts)
    by_outcome: dict[Outcome, list[Attempt]] = {}
    for attempt in final:
        by_outcome.setdefault(verdict_of(attempt).outcome, []).append(attempt)
    for outcome in (Outcome.FAIL, Outcome.ERROR, Outcome.ABORTED):
        if outcome in by_outcome:
            worst = min(by_outcome[outcome], key=lambda attempt: _rank(verdict_of(attempt)))
            return Verdict(outcome, verdict_of(worst).owner, verdict_of(worst).reason)
    if Outcome.PASS in by_outcome:
        return Verdict(Outcome.PASS)
    return Verdict(Outcome.NOT_POSSIBLE, None, "nothing was judged")


def _rank(verdict: Verdict) -> int:
    return _OWNERS.index(verdict.owner) if verdict.owner else len(_OWNERS)
