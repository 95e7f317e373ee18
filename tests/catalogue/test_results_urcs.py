"""Result codes, error numbers and URCs: each once, each with a source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import ErrorCode, Series, Urc
from cellbench.catalogue.results import (
    CME,
    CMS,
    FINALS,
    INTERMEDIATES,
    cme_number,
    cme_text,
    cms_number,
    cms_text,
)
from cellbench.catalogue.urcs import URCS, urcs_for


def test_final_codes_are_unique_in_both_forms() -> None:
    codes = (*FINALS, *INTERMEDIATES)
    assert len({code.text for code in codes}) == len(codes)
    assert len({code.number for code in codes}) == len(codes)
    assert [code.text for code in FINALS if code.success] == ["OK"]
    assert all(code.source.where for code in codes)


@pytest.mark.parametrize(("number", "text"), [(0, "OK"), (3, "NO CARRIER"), (4, "ERROR"), (7, "BUSY")])
def test_numbers_of_v250(number: int, text: str) -> None:
    assert next(code.text for code in FINALS if code.number == number) == text


@pytest.mark.parametrize("table", [CME, CMS], ids=["CME", "CMS"])
@pytest.mark.parametrize("series", Series)
def test_error_numbers_are_unique_per_series(table: tuple[ErrorCode, ...], series: Series) -> None:
    numbers = [code.number for code in table if series in code.series]
    assert len(numbers) == len(set(numbers))
    assert all(code.text and code.source.where and code.number >= 0 for code in table)


@pytest.mark.parametrize(("number", "text"), [
    (3, "operation not allowed"), (4, "operation not supported"), (10, "SIM not inserted"), (14, "SIM busy"),
    (16, "incorrect password"), (50, "Incorrect parameters"), (100, "unknown"), (1612, "FILE NOT FOUND"),
])
def test_texts_of_error_numbers(number: int, text: str) -> None:
    assert cme_text(number, Series.LENA_R8) == text
    assert cme_number(text.upper(), Series.LENA_R8) == number


@given(st.integers(min_value=0, max_value=10000))
def test_text_and_number_go_together(number: int) -> None:
    for series in Series:
        text = cme_text(number, series)
        back = cme_number(text, series)
        assert back is None if text == str(number) else cme_text(back or 0, series) == text
        sms = cms_text(number, series)
        assert sms == str(number) or cms_text(cms_number(sms, series) or 0, series) == sms


@pytest.mark.parametrize("urc", URCS, ids=lambda one: one.prefix)
def test_urc_is_declared_whole(urc: Urc) -> None:
    assert urc.title
    assert urc.source.where
    assert urc.series
    assert len(set(urc.params)) == len(urc.params)


def test_urc_prefixes_are_unique() -> None:
    prefixes = [urc.prefix for urc in URCS]
    assert len(prefixes) == len(set(prefixes))


@pytest.mark.parametrize("series", Series)
def test_urcs_that_commands_name_exist(series: Series) -> None:
    known = {urc.prefix for urc in urcs_for(series)}
    missing = {(command.name, prefix) for command in ALL.values() if series in command.series
               for prefix in command.urcs if prefix not in known}
    assert missing == set()


def test_prefixes_shared_with_answers_are_marked() -> None:
    answers = {command.info for command in ALL.values() if command.info}
    assert {urc.prefix for urc in URCS if urc.prefix in answers and not urc.also_information} == set()
