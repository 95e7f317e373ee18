"""The automaton against the table of RFC 1661 4.1, cell by cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.wire.ppp.automaton import TIMED, TRANSITIONS, Event, State

TABLE = Path(__file__).resolve().parents[2] / "vectors" / "ppp" / "rfc1661-4.1.txt"


def cells() -> dict[tuple[str, int], str]:
    """Event and state to the cell as printed."""
    found: dict[tuple[str, int], str] = {}
    first = 0
    for line in TABLE.read_text().splitlines():
        event, bar, rest = line.partition("|")
        if not bar:
            continue
        words = rest.split()
        if not event.strip() and words and words[0].isdigit():
            first = int(words[0])
        elif event.strip() and event.strip() != "Events":
            found.update({(event.strip(), first + index): cell for index, cell in enumerate(words)})
    return found


PRINTED = cells()


def test_the_table_is_whole() -> None:
    assert len(PRINTED) == 16 * 10
    assert {event for event, _ in PRINTED} == {event.value for event in Event}


@pytest.mark.parametrize(("event", "state"), PRINTED, ids=str)
def test_cell(event: str, state: int) -> None:
    cell = PRINTED[event, state]
    step = TRANSITIONS[Event(event)].get(State(state))
    if cell == "-":
        assert step is None
        return
    assert step is not None
    actions, _, following = cell.rstrip("rpx").rpartition("/")
    assert ",".join(action.value for action in step.actions) == actions
    assert step.following == int(following)


def test_the_timer_runs_where_the_table_has_timeouts() -> None:
    assert {state for state in State if PRINTED["TO+", state] != "-"} == TIMED
