"""The option negotiation automaton of RFC 1661 4, as its table stands there.

States and events have the names of the RFC. A cell is written as printed: actions, a slash, the number of
the next state; a dash is a transition that cannot be. The footnotes: r, the restart option is not taken;
p, the passive option is not taken; x, a crossed connection.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType


class State(enum.IntEnum):
    """RFC 1661 4.2."""

    INITIAL = 0
    STARTING = 1
    CLOSED = 2
    STOPPED = 3
    CLOSING = 4
    STOPPING = 5
    REQ_SENT = 6
    ACK_RCVD = 7
    ACK_SENT = 8
    OPENED = 9


class Event(enum.Enum):
    """RFC 1661 4.3."""

    UP = "Up"
    DOWN = "Down"
    OPEN = "Open"
    CLOSE = "Close"
    TO_PLUS = "TO+"
    TO_MINUS = "TO-"
    RCR_PLUS = "RCR+"
    RCR_MINUS = "RCR-"
    RCA = "RCA"
    RCN = "RCN"
    RTR = "RTR"
    RTA = "RTA"
    RUC = "RUC"
    RXJ_PLUS = "RXJ+"
    RXJ_MINUS = "RXJ-"
    RXR = "RXR"


class Action(enum.Enum):
    """RFC 1661 4.4."""

    TLU = "tlu"  # This-Layer-Up
    TLD = "tld"  # This-Layer-Down
    TLS = "tls"  # This-Layer-Started
    TLF = "tlf"  # This-Layer-Finished
    IRC = "irc"  # Initialize-Restart-Count
    ZRC = "zrc"  # Zero-Restart-Count
    SCR = "scr"  # Send-Configure-Request
    SCA = "sca"  # Send-Configure-Ack
    SCN = "scn"  # Send-Configure-Nak/Rej
    STR = "str"  # Send-Terminate-Request
    STA = "sta"  # Send-Terminate-Ack
    SCJ = "scj"  # Send-Code-Reject
    SER = "ser"  # Send-Echo-Reply


class IllegalEvent(Exception):
    """An event that cannot be in this state: whoever drives the automaton has broken its rules."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"{event.value} in {state.name}")
        self.state = state
        self.event = event


_ROWS: Mapping[Event, tuple[str, ...]] = MappingProxyType({
    Event.UP: ("2", "irc,scr/6", "-", "-", "-", "-", "-", "-", "-", "-"),
    Event.DOWN: ("-", "-", "0", "tls/1", "0", "1", "1", "1", "1", "tld/1"),
    Event.OPEN: ("tls/1", "1", "irc,scr/6", "3", "5", "5", "6", "7", "8", "9"),
    Event.CLOSE: ("0", "tlf/0", "2", "2", "4", "4", "irc,str/4", "irc,str/4", "irc,str/4", "tld,irc,str/4"),
    Event.TO_PLUS: ("-", "-", "-", "-", "str/4", "str/5", "scr/6", "scr/6", "scr/8", "-"),
    Event.TO_MINUS: ("-", "-", "-", "-", "tlf/2", "tlf/3", "tlf/3", "tlf/3", "tlf/3", "-"),
    Event.RCR_PLUS: ("-", "-", "sta/2", "irc,scr,sca/8", "4", "5", "sca/8", "sca,tlu/9", "sca/8",
                     "tld,scr,sca/8"),
    Event.RCR_MINUS: ("-", "-", "sta/2", "irc,scr,scn/6", "4", "5", "scn/6", "scn/7", "scn/6",
                      "tld,scr,scn/6"),
    Event.RCA: ("-", "-", "sta/2", "sta/3", "4", "5", "irc/7", "scr/6", "irc,tlu/9", "tld,scr/6"),
    Event.RCN: ("-", "-", "sta/2", "sta/3", "4", "5", "irc,scr/6", "scr/6", "irc,scr/8", "tld,scr/6"),
    Event.RTR: ("-", "-", "sta/2", "sta/3", "sta/4", "sta/5", "sta/6", "sta/6", "sta/6", "tld,zrc,sta/5"),
    Event.RTA: ("-", "-", "2", "3", "tlf/2", "tlf/3", "6", "6", "8", "tld,scr/6"),
    Event.RUC: ("-", "-", "scj/2", "scj/3", "scj/4", "scj/5", "scj/6", "scj/7", "scj/8", "scj/9"),
    Event.RXJ_PLUS: ("-", "-", "2", "3", "4", "5", "6", "6", "8", "9"),
    Event.RXJ_MINUS: ("-", "-", "tlf/2", "tlf/3", "tlf/2", "tlf/3", "tlf/3", "tlf/3", "tlf/3",
                      "tld,irc,str/5"),
    Event.RXR: ("-", "-", "2", "3", "4", "5", "6", "7", "8", "ser/9"),
})

Cell = tuple[tuple[Action, ...], State]


def _cell(text: str) -> Cell | None:
    if text == "-":
        return None
    actions, _, state = text.rpartition("/")
    return tuple(Action(one) for one in actions.split(",") if one), State(int(state))


TABLE: Mapping[tuple[State, Event], Cell] = MappingProxyType({
    (State(number), event): cell
    for event, row in _ROWS.items() for number, text in enumerate(row)
    if (cell := _cell(text)) is not None})

TIMED = frozenset({State.CLOSING, State.STOPPING, State.REQ_SENT, State.ACK_RCVD, State.ACK_SENT})
"""States in which the Restart timer runs (RFC 1661 4.6)."""


class Automaton:
    """One automaton; it says what to do and does nothing itself."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = State.INITIAL

    def happen(self, event: Event) -> tuple[Action, ...]:
        """Take an event; the actions to do, in order. Raises IllegalEvent for a dash of the table."""
        cell = TABLE.get((self.state, event))
        if cell is None:
            raise IllegalEvent(self.state, event)
        actions, self.state = cell
        return actions
