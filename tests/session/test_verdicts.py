"""Blame: which exception in which phase becomes which verdict (docs/architecture.md)."""

from __future__ import annotations

import pytest

from cellbench.base.errors import (
    Aborted,
    CellbenchError,
    FrameworkError,
    NetworkError,
    NotApplicable,
    NotPossible,
    OperatorError,
    Owner,
    RigError,
    ServiceError,
    UnitError,
)
from cellbench.record.verdict import Outcome, Verdict
from cellbench.session.verdicts import Canary, decide, exit_status, worst

WELL = [Canary(Owner.RIG, True, "supply 3.8 V"), Canary(Owner.NETWORK, True, "registered")]


def _well(depends: object) -> list[Canary]:
    return WELL


@pytest.mark.parametrize(
    "error", [AssertionError("3 is not 4"), UnitError("no answer"), pytest.fail.Exception("bad")]
)
def test_a_failed_check_in_the_call_phase_is_the_units(error: BaseException) -> None:
    verdict = decide(error, "call", (), _well)
    assert (verdict.outcome, verdict.owner) == (Outcome.FAIL, Owner.UNIT)
    assert verdict.evidence == ("rig: supply 3.8 V", "network: registered")


@pytest.mark.parametrize("owner", [Owner.RIG, Owner.NETWORK, Owner.SERVICE])
def test_a_canary_that_is_not_well_takes_the_blame(owner: Owner) -> None:
    verdict = decide(
        AssertionError("no echo"), "call", ("x",), lambda names: [*WELL, Canary(owner, False, "dead")]
    )
    assert (verdict.outcome, verdict.owner) == (Outcome.ERROR, owner)
    assert "no echo" in verdict.reason


@pytest.mark.parametrize("phase", ["setup", "teardown"])
@pytest.mark.parametrize("error", [AssertionError("x"), ValueError("x"), KeyError("x")])
def test_anything_in_a_fixture_is_the_frameworks(error: BaseException, phase: str) -> None:
    verdict = decide(error, phase, (), _well)
    assert (verdict.outcome, verdict.owner) == (Outcome.ERROR, Owner.FRAMEWORK)


@pytest.mark.parametrize("phase", ["setup", "teardown"])
def test_a_module_that_does_not_start_is_never_a_fail_and_a_dead_supply_is_the_rigs(phase: str) -> None:
    error = UnitError("V_INT is not high")
    verdict = decide(error, phase, (), _well)
    assert (verdict.outcome, verdict.owner) == (Outcome.ERROR, Owner.UNIT)
    verdict = decide(error, phase, (), lambda names: [Canary(Owner.RIG, False, "the output has tripped")])
    assert (verdict.outcome, verdict.owner) == (Outcome.ERROR, Owner.RIG)
    assert "tripped" in verdict.reason
    assert "V_INT" in verdict.reason


@pytest.mark.parametrize("phase", ["setup", "call", "teardown"])
@pytest.mark.parametrize("kind", [RigError, NetworkError, ServiceError, OperatorError, FrameworkError])
def test_an_error_with_an_owner_is_an_error_of_that_owner(kind: type[CellbenchError], phase: str) -> None:
    verdict = decide(kind("x"), phase, (), _well)
    assert (verdict.outcome, verdict.owner) == (Outcome.ERROR, kind.owner)


def test_any_other_exception_in_the_body_is_the_frameworks() -> None:
    verdict = decide(ZeroDivisionError("division by zero"), "call", (), _well)
    assert (verdict.outcome, verdict.owner) == (Outcome.ERROR, Owner.FRAMEWORK)


def test_gaps_are_no_failures() -> None:
    assert decide(NotPossible("no supply"), "setup", (), _well).outcome is Outcome.NOT_POSSIBLE
    assert decide(NotApplicable("no voice"), "call", (), _well).outcome is Outcome.NOT_APPLICABLE
    assert decide(Aborted("stop"), "call", (), _well).outcome is Outcome.ABORTED


def test_canaries_are_not_asked_without_need() -> None:
    def never(depends: object) -> list[Canary]:
        raise AssertionError("asked")

    assert decide(None, "call", ("network",), never).outcome is Outcome.PASS
    assert decide(RigError("x"), "call", ("network",), never).outcome is Outcome.ERROR


def test_the_graver_verdict_stays() -> None:
    fail = Verdict(Outcome.FAIL, Owner.UNIT, "first")
    assert worst(fail, Verdict(Outcome.PASS)) is fail
    assert worst(fail, Verdict(Outcome.FAIL, Owner.UNIT, "second")) is fail
    assert worst(fail, Verdict(Outcome.ERROR, Owner.RIG)).owner is Owner.RIG


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([], 0),
        ([(Outcome.PASS, None), (Outcome.NOT_POSSIBLE, Owner.RIG)], 0),
        ([(Outcome.FAIL, Owner.UNIT), (Outcome.ERROR, Owner.RIG)], 1),
        ([(Outcome.ERROR, Owner.RIG), (Outcome.ERROR, Owner.FRAMEWORK)], 12),
        ([(Outcome.ERROR, Owner.RIG), (Outcome.ERROR, Owner.NETWORK)], 10),
        ([(Outcome.ERROR, Owner.SERVICE)], 11),
        ([(Outcome.ERROR, Owner.OPERATOR)], 12),
        ([(Outcome.ABORTED, Owner.OPERATOR), (Outcome.FAIL, Owner.UNIT)], 2),
    ],
)
def test_exit_codes(verdicts: list[tuple[Outcome, Owner | None]], code: int) -> None:
    assert exit_status([Verdict(outcome, owner) for outcome, owner in verdicts]) == code
