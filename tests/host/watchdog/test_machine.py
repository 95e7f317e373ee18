"""The ladder as a machine: which rung comes next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.errors import FrameworkError
from cellbench.catalogue.model import Series
from cellbench.catalogue.watchdog import Deed, Level, Symptom, ladder_for
from cellbench.host.watchdog.machine import OVER, TRANSITIONS, Climb, Event, State

LADDER = ladder_for(Series.LENA_R8)
SOCKETS = frozenset({Level.DIAL_UP})
CALLS = frozenset({Level.SOCKET})


def climb_all(climb: Climb, *symptoms: Symptom) -> list[Level]:
    """Levels that are climbed while these symptoms are found one after the other."""
    levels = []
    for symptom in symptoms:
        climb.ill(symptom)
        if climb.state in OVER:
            break
        assert climb.rung is not None
        levels.append(climb.rung.level)
        climb.allowed()
        climb.done()
    return levels


@pytest.mark.parametrize(("symptom", "level"), [
    (Symptom.NO_DATA, Level.SOCKET), (Symptom.NO_ADDRESS, Level.CONTEXT), (Symptom.NO_BEARER, Level.ATTACH),
    (Symptom.NOT_REGISTERED, Level.REGISTRATION), (Symptom.NO_CELL, Level.RADIO),
    (Symptom.NO_ANSWER, Level.AT)])
def test_each_symptom_is_entered_at_its_own_level(symptom: Symptom, level: Level) -> None:
    assert climb_all(Climb(LADDER, SOCKETS), symptom) == [level]


def test_a_data_call_is_dialled_anew() -> None:
    assert climb_all(Climb(LADDER, CALLS), Symptom.NO_DATA) == [Level.DIAL_UP]


def test_what_does_not_help_is_followed_by_the_next_level_and_a_shared_deed_is_done_once() -> None:
    climb = Climb(LADDER, SOCKETS)
    found = climb_all(climb, *[Symptom.NO_DATA] * 9)
    assert found == [Level.SOCKET, Level.CONTEXT, Level.ATTACH, Level.FIRMWARE, Level.AT]
    assert climb.state is State.EXHAUSTED


def test_out_of_service_goes_on_with_the_firmware() -> None:
    assert climb_all(Climb(LADDER, SOCKETS), *[Symptom.NO_CELL] * 3) == [
        Level.RADIO, Level.FIRMWARE, Level.AT]


def test_a_context_of_the_network_is_not_activated_anew() -> None:
    without = SOCKETS | {Level.CONTEXT}
    assert climb_all(Climb(LADDER, without), Symptom.NO_ADDRESS) == [Level.ATTACH]
    assert climb_all(Climb(LADDER, without), Symptom.NO_DATA, Symptom.NO_DATA) == [
        Level.SOCKET, Level.ATTACH]


def test_progress_is_followed_by_the_milder_rung() -> None:
    assert climb_all(Climb(LADDER, SOCKETS), Symptom.NO_CELL, Symptom.NO_ADDRESS, Symptom.NO_DATA) == [
        Level.RADIO, Level.CONTEXT, Level.SOCKET]


def test_a_deeper_symptom_skips_what_lies_between() -> None:
    assert climb_all(Climb(LADDER, SOCKETS), Symptom.NO_DATA, Symptom.NO_ANSWER) == [Level.SOCKET, Level.AT]


def test_well_and_forbidden_end_it() -> None:
    climb = Climb(LADDER, SOCKETS)
    climb.well()
    assert climb.state is State.RECOVERED
    climb = Climb(LADDER, SOCKETS)
    climb.ill(Symptom.NO_CELL)
    climb.forbidden()
    assert climb.state is State.STOPPED
    with pytest.raises(FrameworkError, match="cannot be now"):
        climb.allowed()


@given(st.lists(st.sampled_from(Symptom), min_size=20, max_size=20), st.sampled_from((SOCKETS, CALLS)),
       st.booleans())
def test_whatever_is_found_each_deed_is_done_once_and_the_end_comes(
        symptoms: list[Symptom], without: frozenset[Level], initial: bool) -> None:
    climb = Climb(LADDER, without | {Level.CONTEXT} if initial else without)
    levels = climb_all(climb, *symptoms)
    deeds = [rung.deed for level in levels for rung in LADDER if rung.level is level]
    assert len(deeds) == len(set(deeds))
    assert not set(levels) & without
    assert climb.state is State.EXHAUSTED
    assert Deed.SWITCH_OFF in deeds, "nothing is left only when all was tried from there on"


def test_every_state_is_reached_and_the_ends_are_ends() -> None:
    assert set(TRANSITIONS.values()) | {State.LOOKING} == set(State)
    assert not OVER & {before for before, _ in TRANSITIONS}
    assert {event for _, event in TRANSITIONS} == set(Event)
