"""Errors say what happened, where, and what to do next; every one has an owner."""

from __future__ import annotations

import inspect

from cellbench.base import errors


def test_every_error_has_an_owner_and_a_remedy() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.CellbenchError)
    ]
    assert len(kinds) >= 10
    for kind in kinds:
        assert isinstance(kind.owner, errors.Owner)
    assert str(errors.RigError("the cable is off", remedy="plug it in")) == "the cable is off; plug it in"


def test_a_finding_reads_as_editors_like_it() -> None:
    finding = errors.Finding(
        "rigs/line1.yaml", 14, "slots.a1.power.voltage_v", "5.5 V is above 4.5 V", "lower it"
    )
    assert str(finding) == "rigs/line1.yaml:14: slots.a1.power.voltage_v: 5.5 V is above 4.5 V; lower it"
    both = errors.FileErrors((finding, finding))
    assert str(both).count("rigs/line1.yaml:14") == 2
    assert both.owner is errors.Owner.OPERATOR
