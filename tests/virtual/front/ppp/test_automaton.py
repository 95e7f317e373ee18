"""The option negotiation automaton against the table of RFC 1661 4.1, cell by cell, as printed there."""

from __future__ import annotations

import pytest

from cellbench.virtual.front.ppp.automaton import TABLE, TIMED, Action, Automaton, Event, IllegalEvent, State

LOW = """
      |    0         1         2         3         4         5
 Up   |    2     irc,scr/6     -         -         -         -
 Down |    -         -         0       tls/1       0         1
 Open |  tls/1       1     irc,scr/6     3r        5r        5r
 Close|    0       tlf/0       2         2         4         4
  TO+ |    -         -         -         -       str/4     str/5
  TO- |    -         -         -         -       tlf/2     tlf/3
 RCR+ |    -         -       sta/2 irc,scr,sca/8   4         5
 RCR- |    -         -       sta/2 irc,scr,scn/6   4         5
 RCA  |    -         -       sta/2     sta/3       4         5
 RCN  |    -         -       sta/2     sta/3       4         5
 RTR  |    -         -       sta/2     sta/3     sta/4     sta/5
 RTA  |    -         -         2         3       tlf/2     tlf/3
 RUC  |    -         -       scj/2     scj/3     scj/4     scj/5
 RXJ+ |    -         -         2         3         4         5
 RXJ- |    -         -       tlf/2     tlf/3     tlf/2     tlf/3
 RXR  |    -         -         2         3         4         5
"""
HIGH = """
      |    6         7         8           9
 Up   |    -         -         -           -
 Down |    1         1         1         tld/1
 Open |    6         7         8           9r
 Close|irc,str/4 irc,str/4 irc,str/4 tld,irc,str/4
  TO+ |  scr/6     scr/6     scr/8         -
  TO- | tlf/3p    tlf/3p    tlf/3p         -
 RCR+ |  sca/8   sca,tlu/9   sca/8   tld,scr,sca/8
 RCR- |  scn/6     scn/7     scn/6   tld,scr,scn/6
 RCA  |  irc/7     scr/6x  irc,tlu/9   tld,scr/6x
 RCN  |irc,scr/6   scr/6x  irc,scr/8   tld,scr/6x
 RTR  |  sta/6     sta/6     sta/6   tld,zrc,sta/5
 RTA  |    6         6         8       tld,scr/6
 RUC  |  scj/6     scj/7     scj/8       scj/9
 RXJ+ |    6         6         8           9
 RXJ- |  tlf/3     tlf/3     tlf/3   tld,irc,str/5
 RXR  |    6         7         8         ser/9
"""


def printed() -> list[tuple[State, Event, str]]:
    found = []
    for half in (LOW, HIGH):
        lines = half.strip("\n").splitlines()
        states = [State(int(number)) for number in lines[0].partition("|")[2].split()]
        for line in lines[1:]:
            name, _, cells = line.partition("|")
            found += [(state, Event(name.strip()), cell)
                      for state, cell in zip(states, cells.split(), strict=True)]
    return found


CELLS = printed()


@pytest.mark.parametrize("event", list(Event), ids=lambda one: one.value)
def test_every_cell_of_a_row(event: Event) -> None:
    row = [(state, cell) for state, one, cell in CELLS if one is event]
    assert [state for state, _ in row] == list(State)
    for state, cell in row:
        automaton = Automaton()
        automaton.state = state
        if cell == "-":
            with pytest.raises(IllegalEvent, match=state.name):
                automaton.happen(event)
            assert automaton.state is state
            continue
        actions, _, new = cell.rstrip("rpx").rpartition("/")
        expected = tuple(Action(one) for one in actions.split(",") if one)
        assert (automaton.happen(event), automaton.state) == (expected, State(int(new))), cell


def test_the_table_has_no_cell_more() -> None:
    assert len(CELLS) == len(State) * len(Event)
    assert len(TABLE) == sum(cell != "-" for _, _, cell in CELLS)


def test_the_timer_runs_where_it_can_end() -> None:
    """RFC 1661 4.6: TO events are there exactly in the states where the timer runs."""
    assert {state for state, event in TABLE if event is Event.TO_PLUS} == TIMED
    assert {state for state, event in TABLE if event is Event.TO_MINUS} == TIMED
