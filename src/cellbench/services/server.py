"""What every server of the far side is: started, stopped, steered by states, asked for what it saw."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Protocol

from cellbench.base.protocols import Endpoint

SLOW_S = 4.0
"""How much later a slow server answers, in seconds."""


class State(enum.Enum):
    """What a server can be told to be; ``up`` ends all others."""

    UP = "up"
    DOWN = "down"  # refuses: nothing listens
    MUTE = "mute"  # takes and never answers
    SLOW = "slow"  # answers late
    NO_TLS = "no-tls"  # refuses to go over to TLS
    RESET = "reset"  # back to its first content, sessions forgotten; then up as before


PLAIN_STATES = frozenset({State.UP, State.DOWN, State.MUTE, State.SLOW})


class Server(Protocol):
    """One server. A new one is one file with a class of this shape and a row in ``park.MAKERS``."""

    @property
    def states(self) -> frozenset[State]:
        """The states that this server can take."""
        ...

    async def start(self) -> None:
        """Listen on free loopback ports."""
        ...

    async def stop(self) -> None:
        """Close everything; never raises."""
        ...

    async def set_state(self, state: State) -> None:
        """Take a state of ``states``; returns when it is in force."""
        ...

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where it listens, or listened before it went down."""
        ...

    def report(self) -> Mapping[str, str]:
        """What it saw last, as text by key."""
        ...
