"""What an update leaves of a user's data: every row has a source, every setting can be asked for."""

from __future__ import annotations

import pytest

from cellbench.catalogue.commands import lookup
from cellbench.catalogue.model import Evidence, Form, Series, Storage
from cellbench.catalogue.modules import profile_for, variants_of
from cellbench.catalogue.preservation import (
    PRESERVATION,
    SETTINGS,
    UNREADABLE,
    Fate,
    Item,
    StoredSetting,
    Way,
    told_of,
)
from cellbench.host.facts import grammar_for

PROFILES = [profile_for(series, variant) for series in Series for variant in variants_of(series)]


@pytest.mark.parametrize("series", list(Series), ids=lambda one: one.value)
def test_every_row_and_column_is_told(series: Series) -> None:
    assert set(PRESERVATION[series]) == {(item, way) for item in Item for way in Way}
    assert all(one.source.where for one in PRESERVATION[series].values())


def test_the_guide_says_preserved_throughout_and_decides() -> None:
    """LENA-R8 guide Table 53: seven rows, three columns, one word."""
    told = [told_of(Series.LENA_R8, item, way) for item in Item for way in Way]
    assert len(told) == 21
    assert all(one.fate is Fate.KEPT and one.decides for one in told)


def test_a_relatives_manual_decides_nothing() -> None:
    told = PRESERVATION[Series.LARA_R6].values()
    assert {one.source.evidence for one in told} == {Evidence.SIBLING}
    assert not any(one.decides for one in told)


def test_a_way_that_no_table_knows_is_not_told() -> None:
    for series in Series:
        assert told_of(series, Item.FILES, None).fate is Fate.UNKNOWN
        assert not told_of(series, Item.FILES, None).decides


@pytest.mark.parametrize("one", SETTINGS, ids=lambda one: one.name)
def test_a_setting_is_stored_and_can_be_asked_without_changing_it(one: StoredSetting) -> None:
    having = [profile for profile in PROFILES if one.command not in profile.unsupported]
    assert having, f"no series has {one.command}"
    command = lookup(one.command)
    assert command is not None
    assert one.source or any(command.stored_on(profile.series) is Storage.NVM for profile in having)
    for profile in having:
        plan = grammar_for(profile).plan(one.question, frozenset())
        assert [call.name for call in plan.calls] == [one.command]
        assert not plan.secrets
        assert plan.calls[0].form is Form.READ or one.keys, "a set form that names nothing would write"


def test_names_are_once() -> None:
    names = [one.name for one in SETTINGS]
    assert len(set(names)) == len(names)


def test_no_security_operation_shows_a_key_or_writes() -> None:
    asked = [one.question.partition("=")[2].split(",") for one in SETTINGS if one.command == "+USECPRF"]
    assert asked
    assert all(len(one) == 2 and int(one[1]) not in (7, 8, 11, 13) for one in asked)


def test_what_is_stored_is_asked_or_told_as_unreadable() -> None:
    """A stored setting that comes into the catalogue later is not forgotten here."""
    asked = {one.command for one in SETTINGS} | set(UNREADABLE)
    left = {"+CFUN", "+UFACTORY"}  # orders to the module
    left |= {"+USOCFG"}  # no read form in the guides
    left |= {"+UMNOPROF"}  # a row of its own
    left |= {"+UUSBDET"}  # the answer's form is not told
    profile_names = {name for profile in PROFILES for name, command in grammar_for(profile).commands.items()
                     if name not in profile.unsupported and command.stored_on(profile.series) is Storage.NVM}
    assert profile_names - asked - left == set()
