"""What a module's multiplexer is told, and how its series behaves: from the profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.wire.cmux.machine import Settings

_T = TypeVar("_T")
_TICK_S = 0.01  # T1 and T2 are told in units of 10 ms (27.010 5.7.1, 5.7.4)


@dataclass(frozen=True, slots=True)
class MuxParameters:
    """The parameters of +CMUX that the host chooses (3GPP TS 27.007 5.7): ``n1`` bytes in a frame, ``t1`` and
    ``t2`` in units of 10 ms, ``n2`` repeats. The rate is left out: the UART keeps its own.

    ``waking_flags``: how many flags go before the first frame after a second of silence. A module that sleeps
    until data come loses the first octet (module facts 5.1), and flags say nothing (27.010 5.2.5, 5.4.7);
    but there are decoders that take a second flag for an address (the Linux kernel's), so it is 0 unless
    asked for."""

    n1: int = 1500
    t1: int = 150
    n2: int = 3
    t2: int = 200
    waking_flags: int = 0

    @property
    def command(self) -> str:
        """Basic option, UIH frames."""
        return f"AT+CMUX=0,0,,{self.n1},{self.t1},{self.n2},{self.t2}"

    def settings(self, profile: ModuleProfile) -> Settings:
        """The same for the machine, with the module's oddities."""
        return Settings(n1=self.n1, t1_s=self.t1 * _TICK_S, n2=self.n2, t2_s=self.t2 * _TICK_S,
                        disc_unanswered="mux_data_disc_unanswered" in profile.quirks)


@dataclass(frozen=True, slots=True)
class MuxFacts:
    """What a series wants: seconds, and how many channels carry AT and data."""

    channels: int
    settle_s: float  # after +CMUX's OK, and after the close down
    first_at_s: float  # from a channel's opening to the first command, unless the module shows itself before
    parameters: MuxParameters

    @classmethod
    def of(cls, profile: ModuleProfile) -> MuxFacts:
        """From the profile; LENA-R8's figures where it is silent."""
        n1, t1, n2, t2 = _fact(profile, "mux_parameters", (1500, 150, 3, 200))
        return cls(_fact(profile, "mux_channels", 3), _fact(profile, "mux_settle_s", 0.1),
                   _fact(profile, "mux_first_at_s", 0.75), MuxParameters(n1, t1, n2, t2))


def _fact(profile: ModuleProfile, name: str, default: _T) -> _T:
    known = profile.facts.get(name)
    return known.value if known is not None else default  # type: ignore[return-value]
