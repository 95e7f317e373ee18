"""Table 21 of the LENA-R8 guide as rungs, and causes that no reset cures."""

from __future__ import annotations

import pytest

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Evidence, Series
from cellbench.catalogue.watchdog import (
    ACTIVATION_REFUSALS,
    BUSY_NETWORK,
    REFUSALS,
    RESETS,
    Deed,
    Level,
    Symptom,
    ladder_for,
)


@pytest.mark.parametrize("series", list(Series))
def test_every_level_of_the_table_is_there_and_leads_down(series: Series) -> None:
    rungs = ladder_for(series)
    places = {rung.level: place for place, rung in enumerate(rungs)}
    assert set(places) == set(Level)
    for rung in rungs:
        assert rung.then is None or places[rung.then] > places[rung.level]
        assert rung.source.evidence in (Evidence.GUIDE, Evidence.MANUAL)
    assert [rung.level for rung in rungs if rung.then is None] == [Level.AT]
    assert {rung.deed for rung in rungs} == set(Deed)


@pytest.mark.parametrize("series", list(Series))
def test_levels_that_share_a_countermeasure_differ_in_their_symptoms(series: Series) -> None:
    signs = [sign for rung in ladder_for(series) for sign in rung.signs
             if rung.level not in (Level.SOCKET, Level.DIAL_UP)]
    assert len(signs) == len(set(signs))
    assert set(signs) == set(Symptom) - {Symptom.NO_DATA}


@pytest.mark.parametrize("series", list(Series))
def test_the_commands_are_those_of_the_catalogue(series: Series) -> None:
    """+CFUN=4 is stored and +COPS is slow: neither is used (Table 21)."""
    lines = [line for rung in ladder_for(series) for line in rung.lines if line.startswith("AT+")]
    assert all(line[2:].partition("=")[0] in ALL for line in lines)
    assert not any("CFUN=4" in line or "COPS" in line for line in lines)


def test_causes_are_either_permanent_or_pass() -> None:
    assert not set(REFUSALS) & set(BUSY_NETWORK)
    assert {15, 19} <= set(REFUSALS), "the two that LENA-R8 guide 10.1.3 names"
    assert all(cause.remedy for cause in (*REFUSALS.values(), *ACTIVATION_REFUSALS.values()))
    assert Deed.REACTIVATE not in RESETS
