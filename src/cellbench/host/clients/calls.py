"""Voice calls, as Python calls (3GPP TS 27.007 6, 7; LENA-R8 guide 7.3.1). No audio: the bench listens to
none."""

from __future__ import annotations

import enum
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from cellbench.base.clock import Deadline
from cellbench.base.errors import OperatorError, UnitError
from cellbench.host.channel import Channel, Expectation

_NUMBER = re.compile(r"\+?[0-9]{3,20}")
EMERGENCY = frozenset({"112", "911", "000", "08", "110", "999", "118", "119"})
"""Numbers of 3GPP TS 22.101 10.1.1: a bench never calls them."""
_POLL_S = 0.1


class CallState(enum.IntEnum):
    """<stat> of +CLCC (27.007 7.18)."""

    ACTIVE = 0
    HELD = 1
    DIALLING = 2
    ALERTING = 3
    INCOMING = 4
    WAITING = 5


@dataclass(frozen=True, slots=True)
class VoiceCall:
    """One call as +CLCC lists it; ``party`` is "" where the network does not tell."""

    number: int
    outgoing: bool
    state: CallState
    party: str


class CallClient:
    """The voice calls of a module: ``dut.calls.dial("+39...")``, ``answer()``, ``hang_up()``."""

    __slots__ = ("_channel",)

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def dial(self, number: str) -> str:
        """Call; the final result code of the dial command, which may come before the other end rings.

        OperatorError for an emergency number and for what is none; NoCarrier (BUSY, NO ANSWER) when the call
        does not come about.
        """
        if not _NUMBER.fullmatch(number) or number in EMERGENCY:
            raise OperatorError(f"{number!r} is not called: it is an emergency number, or none at all",
                                remedy="give the number of a SIM of the rig (sim.number)")
        return self._channel.send(f"ATD{number};").final.text

    def answer(self) -> str:
        """Take the call that rings; the final result code (LENA-R8: CONNECT). NoCarrier when none rings."""
        return self._channel.send("ATA").final.text

    def hang_up(self) -> None:
        """End or decline every call: +CHUP, which both series have (LENA-R8 guide 13.1, Table 54)."""
        self._channel.send("AT+CHUP")

    def listed(self) -> tuple[VoiceCall, ...]:
        """The voice calls there are."""
        found = []
        for fields in self._channel.send("AT+CLCC").fields("+CLCC"):
            numbers = [one for one in fields[:4] if isinstance(one, int)]
            if len(numbers) < 4:
                raise UnitError(f"+CLCC: {fields}: identifier, direction, state and mode are due")
            if numbers[3] == 0:
                party = fields[5] if len(fields) > 5 else None
                found.append(VoiceCall(numbers[0], numbers[1] == 0, CallState(numbers[2]),
                                       "" if party is None else str(party)))
        return tuple(found)

    def await_state(self, state: CallState | None, timeout_s: float) -> bool:
        """Wait until a call is in a state, or until there is none (None); False when it is not in time."""
        return self.wait(lambda calls: any(call.state is state for call in calls) if state is not None
                         else not calls, timeout_s)

    def wait(self, wanted: Callable[[tuple[VoiceCall, ...]], bool], timeout_s: float) -> bool:
        """Ask +CLCC until what it lists is as wanted; False when it is not in time."""
        deadline = Deadline.after(timeout_s)
        while not wanted(self.listed()):
            if deadline.expired:
                return False
            time.sleep(_POLL_S)
        return True

    def rings(self) -> Expectation:
        """Wait for RING or +CRING; armed at once, a context manager."""
        return self._channel.expect(("RING", "+CRING"))

    @property
    def activity(self) -> int:
        """<pas> of +CPAS: 0 ready, 3 ringing, 4 call in progress (27.007 8.1)."""
        value = self._channel.send("AT+CPAS").value("+CPAS")[0]
        if not isinstance(value, int):
            raise UnitError(f"+CPAS: {value!r}: a number is due")
        return value
