"""The states of an AT port and the settings that are its own."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cellbench.virtual.front import results


class PortState(enum.Enum):
    """What the port makes of a character that comes in."""

    COMMAND = "command"
    EXECUTING = "executing"
    PROMPT = "prompt"
    DATA = "data"
    ONLINE = "online command"


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
