"""The modes of an AT port, what moves between them, and the settings that are its own (LENA-R8 guide 4.3,
Figure 5)."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cellbench.virtual.front import results


class PortState(enum.Enum):
    """What the port makes of a character that comes in."""

    COMMAND = "command"
    EXECUTING = "executing"
    PROMPT = "prompt"
    DATA = "data"
    ONLINE = "online command"


class Move(enum.Enum):
    """What brings a port from one mode to another; the words are those of the documentation."""

    LINE = "a command line is complete"
    RESULT = "final result code, no call held"
    HELD = "final result code, a call is held"
    PROMPT = "prompt `>` or `@`"
    TAKEN = "payload complete, cancelled or given up"
    CONNECT = "CONNECT"
    LEFT = "escape sequence, DTR off with &D1 or &D2, or the far end is done"
    DTR_OFF = "DTR off with &D2"
    CARRIER_LOST = "the call is gone: NO CARRIER"


_S, _M = PortState, Move
TRANSITIONS: Mapping[PortState, Mapping[Move, PortState]] = MappingProxyType({
    _S.COMMAND: {_M.LINE: _S.EXECUTING},
    _S.EXECUTING: {_M.RESULT: _S.COMMAND, _M.HELD: _S.ONLINE, _M.PROMPT: _S.PROMPT, _M.CONNECT: _S.DATA},
    _S.PROMPT: {_M.TAKEN: _S.EXECUTING},
    _S.DATA: {_M.LEFT: _S.EXECUTING},
    _S.ONLINE: {_M.LINE: _S.EXECUTING, _M.DTR_OFF: _S.EXECUTING, _M.CARRIER_LOST: _S.COMMAND},
})
"""All there is; from DATA a port comes to ONLINE or COMMAND by way of the result codes that end it (OK,
DISCONNECT, NO CARRIER)."""


class IllegalMove(RuntimeError):
    """A mode was left in a way that Figure 5 does not have: a fault of this program."""


class Mode:
    """The mode of one port; it moves by TRANSITIONS only."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = PortState.COMMAND

    @property
    def state(self) -> PortState:
        """The mode now."""
        return self._state

    def move(self, move: Move) -> None:
        """Go on. Raises IllegalMove."""
        following = TRANSITIONS[self._state].get(move)
        if following is None:
            raise IllegalMove(f"{move.name} in {self._state.value} mode")
        self._state = following


@dataclass(slots=True)
class PortSettings:
    """Settings that belong to one port (V.250 chapter 6; S registers with their V.250 defaults)."""

    echo: bool = True
    style: results.Style = field(default_factory=results.Style)
    cmee: int = 0
    circuit_109: int = 1  # &C
    circuit_108: int = 1  # &D
    circuit_107: int = 1  # &S
    registers: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class OnlineCall:
    """A call held in online command mode: how ATO goes back to it and ATH ends it."""

    resume: Callable[[], Awaitable[None]]
    hang_up: Callable[[], Awaitable[None]]
