"""What the procedures of the migration table share: asking a row's commands, and saying what was seen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import pytest

from cellbench.api import MIGRATION, Dut, MigrationRow, NotApplicable, NotPossible, Recorder, migration_row

R6 = "LARA-R6"
SHOWN = 200
_F = TypeVar("_F", bound=Callable[..., None])


def for_row(name: str) -> Callable[[_F], _F]:
    """The one row of the table that a procedure provokes."""
    return pytest.mark.parametrize("row", [migration_row(name)], ids=[name])


def asked_rows(*provoked: str) -> pytest.MarkDecorator:
    """All rows but those that procedures of their own provoke."""
    rows = [row for row in MIGRATION if row.id not in provoked]
    return pytest.mark.parametrize("row", rows, ids=[row.id for row in rows])


def ask(dut: Dut, record: Recorder, row: MigrationRow) -> bool:
    """Send the row's commands for this series, note what came; False when none of those that are to be
    answered was.

    AssertionError names each that was taken where it is to be refused, or the other way round.
    """
    wrong, answered = [], []
    for one in row.side(dut.profile.series).asks:
        answer = dut.send(one.line, check=False)
        said = " ".join((*answer.info, "" if answer.ok and answer.info else answer.final.text)).strip()
        record.measure(one.line, said if len(said) <= SHOWN else said[:SHOWN - 1] + "…")
        if not one.refused:
            answered.append(answer.ok)
        if not one.decides:
            continue
        if answer.ok is one.refused:
            wrong.append(f"{one.line}: {said}, to be {one.expect.value}")
        elif one.holds and re.search(one.holds, " ".join(answer.info)) is None:
            wrong.append(f"{one.line}: {said}, without {one.holds}")
    assert not wrong, "; ".join(wrong)
    return not answered or any(answered)


def check_asked(dut: Dut, record: Recorder, row: MigrationRow) -> None:
    """A row that commands alone show. NotPossible where they show nothing, NotApplicable for an empty
    cell."""
    side = row.side(dut.profile.series)
    if not side.printed:
        raise NotApplicable("Table 54 leaves this cell empty")
    if side.unseen:
        raise NotPossible(side.unseen)
    if not ask(dut, record, row):
        raise NotPossible("this module answers none of the forms that show it, and no document prints them")
