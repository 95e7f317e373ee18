"""The migration table as data: complete, and in step with profiles, commands and errata."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

import suites.migration.test_table_54 as suite
from cellbench.base.errors import OperatorError
from cellbench.catalogue import differences
from cellbench.catalogue.commands import lookup
from cellbench.catalogue.errata import ERRATA
from cellbench.catalogue.migration import MIGRATION, Change, migration_row
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for

TO_BE_FOUND = {Change.GONE, Change.OTHER_COMMAND, Change.OTHER_SYNTAX, Change.OTHER_VALUES}
PRINTED_ROWS = 23  # of LENA-R8 guide 13.1, Table 54, on two pages


def test_every_row_is_there_with_both_sides() -> None:
    assert len(MIGRATION) == PRINTED_ROWS
    for row in MIGRATION:
        assert migration_row(row.id) is row
        assert row.lara_r6.printed or row.lena_r8.printed
        assert row.change
        assert row.changes
        for series in Series:
            side = row.side(series)
            assert bool(side.asks or side.provoked or side.unseen) is bool(side.printed), row.id


def test_an_unknown_row_names_those_there_are() -> None:
    with pytest.raises(OperatorError, match="fast-dormancy"):
        migration_row("slow-dormancy")


def test_errata_of_rows_are_of_this_guide() -> None:
    known = {one.id for one in ERRATA if one.guide == "R8"}
    assert {name for row in MIGRATION for name in row.errata} <= known
    of_the_table = {one.id for one in ERRATA if "T54" in one.where}
    assert of_the_table <= {name for row in MIGRATION for name in row.errata}


@pytest.mark.parametrize("series", list(Series), ids=lambda one: one.value)
def test_what_is_answered_or_refused_agrees_with_the_catalogue(series: Series) -> None:
    unsupported = profile_for(series).unsupported
    for row in MIGRATION:
        for ask in row.side(series).asks:
            name = re.findall(r"\+[A-Z0-9]+", ask.line)[0]
            command = lookup(name)
            has = command is not None and series in command.series and name not in unsupported
            if ask.refused and not re.search(r"=\d", ask.line):  # one value of a command may be refused
                assert not has, f"{row.id}: {ask.line}"
            elif ask.decides and not ask.refused:
                assert has, f"{row.id}: {ask.line}"


def test_patterns_find_the_lines_that_rows_replace() -> None:
    for row in MIGRATION:
        if row.search:
            assert any(re.search(row.search, line) for line in row.before), row.id
        else:
            assert not TO_BE_FOUND & set(row.changes), row.id


def test_each_row_has_one_procedure_on_each_series() -> None:
    found = Counter(_procedures())
    assert set(found) == {(row.id, series.value) for row in MIGRATION for series in Series}
    assert set(found.values()) == {1}


def _procedures() -> Iterator[tuple[str, str]]:
    for name, function in vars(suite).items():
        if not name.startswith("test_"):
            continue
        marks = {mark.name: mark for mark in function.pytestmark}
        assert marks["procedure"].args == ("R8:13.1",)
        series = marks["procedure"].kwargs["series"] or ("LENA-R8",)
        for row in marks["parametrize"].kwargs["ids"]:
            yield from ((row, one) for one in series)


def test_differences_beyond_the_table() -> None:
    old, new = Series.LARA_R6, Series.LENA_R8
    facts = {one.name: (one.old, one.new) for one in differences.facts(old, new)}
    assert facts["context of the initial default bearer"] == ("1", "0")
    assert {one.name: one.old for one in differences.defaults(old, new)}["+IPR"] == "115200"
    parameters = {one.name: (one.old, one.new) for one in differences.parameters(old, new)}
    assert parameters["+UPSV"] == ("mode 0,1,3", "mode 0,2,3,4")
    assert parameters["+UAUTHREQ"][0].endswith("password, user")
    commands = {one.name: (one.old, one.new) for one in differences.commands(old, new)}
    assert commands["+UMNOPROF"][1] == commands["+SETBAND"][0] == differences.NOWHERE
    assert any(one.name == "+UUSTATUS" for one in differences.urcs(old, new))
