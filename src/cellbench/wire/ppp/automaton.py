"""The option negotiation automaton of RFC 1661 4, as its table.

Every control protocol (LCP, IPCP, IPv6CP) has one. Names of states, events and actions are the RFC's. The
options it marks are taken so: no restart option (r), no passive option (p).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


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
    TIMEOUT = "TO+"
    TIMEOUT_LAST = "TO-"
    RCR_GOOD = "RCR+"
    RCR_BAD = "RCR-"
    RCA = "RCA"
    RCN = "RCN"
    RTR = "RTR"
    RTA = "RTA"
    RUC = "RUC"
    RXJ_GOOD = "RXJ+"
    RXJ_BAD = "RXJ-"
    RXR = "RXR"


class Action(enum.Enum):
    """RFC 1661 4.4."""

    THIS_LAYER_UP = "tlu"
    THIS_LAYER_DOWN = "tld"
    THIS_LAYER_STARTED = "tls"
    THIS_LAYER_FINISHED = "tlf"
    INIT_RESTART_COUNT = "irc"
    ZERO_RESTART_COUNT = "zrc"
    SEND_CONFIGURE_REQUEST = "scr"
    SEND_CONFIGURE_ACK = "sca"
    SEND_CONFIGURE_NAK = "scn"  # Nak or Reject
    SEND_TERMINATE_REQUEST = "str"
    SEND_TERMINATE_ACK = "sta"
    SEND_CODE_REJECT = "scj"
    SEND_ECHO_REPLY = "ser"


class Step(NamedTuple):
    """What an event does in a state."""

    actions: tuple[Action, ...]
    following: State


# Columns are the states 0 to 9; "-" is an event that cannot happen there.
_TABLE = """
Up    2    irc,scr/6  -          -              -      -      -          -          -          -
Down  -    -          0          tls/1          0      1      1          1          1          tld/1
Open  tls/1 1         irc,scr/6  3              5      5      6          7          8          9
Close 0    tlf/0      2          2              4      4      irc,str/4  irc,str/4  irc,str/4  tld,irc,str/4
TO+   -    -          -          -              str/4  str/5  scr/6      scr/6      scr/8      -
TO-   -    -          -          -              tlf/2  tlf/3  tlf/3      tlf/3      tlf/3      -
RCR+  -    -          sta/2      irc,scr,sca/8  4      5      sca/8      sca,tlu/9  sca/8      tld,scr,sca/8
RCR-  -    -          sta/2      irc,scr,scn/6  4      5      scn/6      scn/7      scn/6      tld,scr,scn/6
RCA   -    -          sta/2      sta/3          4      5      irc/7      scr/6      irc,tlu/9  tld,scr/6
RCN   -    -          sta/2      sta/3          4      5      irc,scr/6  scr/6      irc,scr/8  tld,scr/6
RTR   -    -          sta/2      sta/3          sta/4  sta/5  sta/6      sta/6      sta/6      tld,zrc,sta/5
RTA   -    -          2          3              tlf/2  tlf/3  6          6          8          tld,scr/6
RUC   -    -          scj/2      scj/3          scj/4  scj/5  scj/6      scj/7      scj/8      scj/9
RXJ+  -    -          2          3              4      5      6          6          8          9
RXJ-  -    -          tlf/2      tlf/3          tlf/2  tlf/3  tlf/3      tlf/3      tlf/3      tld,irc,str/5
RXR   -    -          2          3              4      5      6          7          8          ser/9
"""


def _read(cell: str) -> Step:
    actions, _, state = cell.rpartition("/")
    return Step(tuple(Action(name) for name in actions.split(",") if name), State(int(state)))


TRANSITIONS: Mapping[Event, Mapping[State, Step]] = MappingProxyType({
    Event(name): MappingProxyType({State(index): _read(cell) for index, cell in enumerate(cells)
                                   if cell != "-"})
    for name, *cells in (line.split() for line in _TABLE.strip().splitlines())
})

TIMED = frozenset({State.CLOSING, State.STOPPING, State.REQ_SENT, State.ACK_RCVD, State.ACK_SENT})
"""States in which the restart timer runs (RFC 1661 4.2)."""
