"""What the ladder is told, what it works with, and what it says in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from cellbench.base.errors import CellbenchError, NetworkError, OperatorError, UnitError
from cellbench.catalogue.watchdog import RESETS, RESTORES_S, Deed, Level, Symptom
from cellbench.host.channel import Channel

_LEAST_S = 10.0
_LEAST_NOTICE_S = 2.0
_LEAST_LISTEN_S = 1.5


@dataclass(frozen=True, slots=True)
class Waits:
    """How patient the ladder is, in seconds.

    ``notice_s``: for data, before it is called missing; ``grace_s``: how long a registration may be away by
    itself; ``data_s``, ``address_s``, ``registration_s``: for success after a countermeasure; ``answer_s``
    for AT; ``listen_s``: for words of an update before power is touched; ``restore_s``: more for a module
    that is silent after a start; ``back_off_s``: before each further registration after three that failed,
    the last one for all that follow.
    """

    notice_s: float = 30.0
    grace_s: float = 60.0
    data_s: float = 30.0
    address_s: float = 60.0
    registration_s: float = 180.0
    answer_s: float = 6.0
    listen_s: float = 12.0
    restore_s: float = RESTORES_S.value
    back_off_s: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0)

    def scaled(self, factor: float) -> Waits:
        """For modules whose own durations are shorter. What this host needs itself stays: success is waited
        for 10 s at least."""
        if factor >= 1.0:
            return self
        return replace(
            self, notice_s=max(_LEAST_NOTICE_S, self.notice_s * factor), grace_s=self.grace_s * factor,
            data_s=max(_LEAST_S, self.data_s * factor), address_s=max(_LEAST_S, self.address_s * factor),
            registration_s=max(_LEAST_S, self.registration_s * factor),
            listen_s=max(_LEAST_LISTEN_S, self.listen_s * factor), restore_s=self.restore_s * factor,
            back_off_s=tuple(one * factor for one in self.back_off_s))


class Flow(Protocol):
    """What the application sends its data by. ``level`` is Level.SOCKET or Level.DIAL_UP."""

    @property
    def level(self) -> Level:
        """The rung that opens it anew."""
        ...

    def works(self, timeout_s: float) -> bool:
        """Whether data goes out and comes back within ``timeout_s`` seconds; False for whatever keeps it."""
        ...

    def open(self) -> None:
        """Close what is open and open it anew. Raises CellbenchError when that cannot be."""
        ...

    def drop(self, *, silent: bool = False) -> None:
        """Let go of it, before what lies under it is taken away; raises nothing. ``silent``: the module does
        not answer, so nothing is said to it."""
        ...


class Hands(Protocol):
    """What can be done to the module. The three deeds that make it register anew take their token of the
    attach budget themselves, before anything is done: OperatorError when none is left."""

    @property
    def at(self) -> Channel:
        """The channel for questions and commands now; never in data mode."""
        ...

    def reattach(self, lines: tuple[str, ...]) -> None:
        """Radio off and on by these commands."""
        ...

    def reboot(self, line: str) -> None:
        """Restart by this command; returns when AT answers again. Raises what keeps it from that."""
        ...

    def switch_off(self) -> None:
        """Hardware off and on; returns when AT answers again. Raises NotPossible where nothing can."""
        ...

    def update_signs(self, listen_s: float) -> str:
        """What speaks for a firmware update under way, after having listened; "" for nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One rung that was climbed. ``began_s`` from the beginning of the recovery; ``took_s`` from the
    countermeasure's first command to the end of its test, which for ``healed`` is the time to recovery of
    this level. ``waited_s`` of back-off went before it."""

    level: Level
    deed: Deed
    symptom: Symptom
    healed: bool
    began_s: float
    took_s: float
    waited_s: float = 0.0
    note: str = ""

    def __str__(self) -> str:
        end = f"{'recovered' if self.healed else 'no help'} after {self.took_s:.1f} s"
        note = f" ({self.note})" if self.note else ""
        return f"{self.level.value}: {self.symptom.value}: {self.deed.value}: {end}{note}"


@dataclass(frozen=True, slots=True)
class Recovery:
    """How it went. ``symptom`` is the first one found, None when nothing was wrong; ``error`` whose failure
    it is that data does not flow, None when it does."""

    symptom: Symptom | None
    steps: tuple[Step, ...]
    took_s: float
    error: CellbenchError | None = None

    @property
    def healed_by(self) -> Level | None:
        """The level whose countermeasure helped; None when none was needed, or none did."""
        return next((step.level for step in self.steps if step.healed), None)

    @property
    def resets(self) -> int:
        """How often the network was met anew."""
        return sum(step.deed in RESETS for step in self.steps)

    def check(self) -> Recovery:
        """Itself; raises ``error``."""
        if self.error is not None:
            raise self.error
        return self


Report = Callable[[Step], None]


class PermanentRefusal(NetworkError):
    """The network refuses for a cause that no reset cures; ``cause`` is its number."""

    def __init__(self, message: str, cause: int, *, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.cause = cause


class UpdateUnderWay(OperatorError):
    """The module may be in update mode: its power must not be touched."""


class NotRecovered(UnitError):
    """No countermeasure helped, and neither network nor service were seen to fail."""
