"""The declarations of commands: each with a source, sane times and ranges, every name once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.catalogue.commands import ALL, collect, lookup
from cellbench.catalogue.model import Command, Evidence, Form, Kind, Param, Series, Storage

COMMANDS = sorted(ALL.values(), key=lambda one: one.name)


def params_of(command: Command) -> list[tuple[Series, Param]]:
    return [(series, param) for series in command.series for param in command.params_for(series)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_command_is_declared_whole(command: Command) -> None:
    assert command.title
    assert command.forms
    assert command.series
    assert command.source.where
    assert command.response_source is not None
    assert command.response_source.where
    assert all(0 < command.response_time_s(form) <= 600 for form in Form)
    assert command.prompt in (None, ">", "@")
    if command.prompt is not None:
        assert command.alone_on_line
    check_parameters_are_sane(command)
    check_optional_parameters_come_last(command)
    check_names_are_once_and_data_is_last(command)


def check_parameters_are_sane(command: Command) -> None:
    for series, param in params_of(command):
        ranges = param.ranges_for(series)
        assert all(low <= high for low, high in ranges), param.name
        assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges)), f"{param.name}: overlap"
        if param.kind is not Kind.INTEGER:
            assert not ranges, f"{param.name}: ranges belong to integers"
        if param.choices:
            assert param.kind in (Kind.STRING, Kind.EITHER)
            assert len(set(param.choices)) == len(param.choices)
        assert param.max_length is None or param.max_length > 0


def check_optional_parameters_come_last(command: Command) -> None:
    for series in command.series:
        optional = [param.optional for param in command.params_for(series)]
        assert optional == sorted(optional), "a parameter that is needed follows one that may be left out"


def check_names_are_once_and_data_is_last(command: Command) -> None:
    for series in command.series:
        params = command.params_for(series)
        assert len({param.name for param in params}) == len(params)
        assert all(param.kind is not Kind.DATA for param in params[:-1])


def test_names_are_as_keyed() -> None:
    assert all(name == command.name for name, command in ALL.items())
    assert all(name == name.upper() for name in ALL)
    assert not any(name.startswith("AT+") for name in ALL)


def test_duplicates_are_refused() -> None:
    one = ALL["+CSQ"]
    with pytest.raises(ValueError, match=r"\+CSQ"):
        collect([one, one])


def test_lookup_takes_any_case() -> None:
    assert lookup("+cgdcont") is ALL["+CGDCONT"]
    assert lookup("&k") is ALL["&K"]
    assert lookup("+NOSUCH") is None


@given(st.text(max_size=12))
def test_lookup_never_raises(name: str) -> None:
    found = lookup(name)
    assert found is None or found.name == name.upper()


def test_secrets_are_marked() -> None:
    secret = {command.name for command in COMMANDS
              for _, param in params_of(command) if param.secret}
    assert {"+CPIN", "+CLCK", "+CPWD", "+UAUTHREQ", "+CFGDFTPDN"} <= secret
    assert all(param.secret for command in COMMANDS for _, param in params_of(command)
               if "pass" in param.name or param.name in ("pin", "newpin", "oldpwd", "newpwd", "user"))


def test_order_of_user_and_password_differs() -> None:
    names = {series: [param.name for param in ALL["+UAUTHREQ"].params_for(series)] for series in Series}
    assert names[Series.LENA_R8][2:] == ["user", "password"]
    assert names[Series.LARA_R6][2:] == ["password", "user"]


def test_series_of_commands() -> None:
    assert ALL["+SYSNV"].series == {Series.LENA_R8}
    assert ALL["+UMNOPROF"].series == {Series.LARA_R6}
    modes = ALL["+UPSV"].params[0]
    assert modes.ranges_for(Series.LENA_R8) == ((0, 0), (2, 2), (3, 3), (4, 4))
    assert modes.ranges_for(Series.LARA_R6) == ((0, 0), (1, 1), (3, 3))


def test_sms_reports_are_kept_by_one_series_only() -> None:
    assert ALL["+CNMI"].stored_on(Series.LENA_R8) is Storage.NVM
    assert ALL["+CNMI"].stored_on(Series.LARA_R6) is Storage.VOLATILE


def test_a_guess_says_how_it_came_about() -> None:
    for command in COMMANDS:
        if command.source.evidence is Evidence.GUESS:
            assert len(command.source.where) > 5
