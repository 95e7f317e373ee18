"""Subscribers of the operator's network, who they call and who calls them (3GPP TS 24.008 5, 10.5.4.11)."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import Protocol

from cellbench.virtual.net.telephone.centre import ServiceCentre
from cellbench.virtual.net.telephone.fields import INTERNATIONAL, UNKNOWN, Address

UNASSIGNED, NORMAL, USER_BUSY, NO_ANSWER, ABSENT, REJECTED = 1, 16, 17, 19, 20, 21
INCOMPATIBLE = 88
COUNTRY = "39"
_ALERT_S, _ANSWER_S = 0.5, 2.0
_TON = 0x70


def number_of(imsi: str) -> str:
    """The number that the operator gave to a subscription, in international digits: its home location
    register, in one rule."""
    return COUNTRY + "3" + imsi[-9:]


class Outside(enum.Enum):
    """What becomes of a call to a number that no module of the rack has."""

    ANSWERS = "answers"
    RINGS = "rings"
    BUSY = "busy"
    REJECTS = "rejects"
    UNASSIGNED = "unassigned"


_REFUSES = {Outside.BUSY: USER_BUSY, Outside.REJECTS: REJECTED, Outside.UNASSIGNED: UNASSIGNED}


class Terminal(Protocol):
    """A subscriber's telephone as the network sees it."""

    @property
    def number(self) -> str:
        """International digits; "" while there is no subscription in it."""
        ...

    @property
    def reachable(self) -> bool:
        """True while it is registered."""
        ...

    @property
    def outside(self) -> Outside:
        """What its calls to strangers meet."""
        ...

    @property
    def no_answer_s(self) -> float:
        """How long the network lets it ring or wait for an answer, true seconds."""
        ...

    def later(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Do ``action`` after a time of the network's own, at the terminal's pace."""
        ...

    def later_true(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Do ``action`` after true seconds."""
        ...

    def deliver(self, tpdu: bytes, centre: Address) -> int | None:
        """Take a message; None, or the cause why it is not taken (24.011 8.2.5.4)."""
        ...

    def ring(self, call: NetworkCall) -> int | None:
        """A call comes in; None, or the cause why it cannot (24.008 10.5.4.11)."""
        ...


class CallEnd(Protocol):
    """One party of a call."""

    def alerting(self) -> None:
        """It rings at the other end."""
        ...

    def answered(self) -> None:
        """The other end has answered."""
        ...

    def released(self, cause: int) -> None:
        """The call is over, by the other end or the network."""
        ...


class Stranger:
    """A party outside the rack."""

    def alerting(self) -> None:
        """Nobody listens."""

    def answered(self) -> None:
        """Nobody listens."""

    def released(self, cause: int) -> None:
        """Nobody listens."""


class NetworkCall:
    """A call between two parties. ``caller_number`` is what the called one is shown, None when the caller
    withholds it."""

    def __init__(self, caller: CallEnd, caller_number: Address | None) -> None:
        self.caller = caller
        self.caller_number = caller_number
        self.called: CallEnd | None = None
        self.over = False
        self._timers: list[asyncio.TimerHandle] = []

    def after(self, timer: asyncio.TimerHandle) -> None:
        """A timer that the end of the call stops."""
        self._timers.append(timer)

    def alert(self) -> None:
        """It rings at the called party."""
        if not self.over:
            self.caller.alerting()

    def answer(self) -> None:
        """The called party answers."""
        if not self.over:
            self._stop()
            self.caller.answered()

    def release(self, cause: int, by: CallEnd | None = None) -> None:
        """The call ends; whoever did not end it is told."""
        if self.over:
            return
        self.over = True
        self._stop()
        for end in (self.caller, self.called):
            if end is not None and end is not by:
                end.released(cause)

    def _stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


class TelephoneNetwork:
    """One operator's subscribers and its service centre."""

    def __init__(self) -> None:
        self._terminals: list[Terminal] = []
        self.centre = ServiceCentre(self)

    def join(self, terminal: Terminal) -> None:
        """A telephone that may hold a subscription."""
        self._terminals.append(terminal)

    def terminal(self, digits: str) -> Terminal | None:
        """Whose number this is, None of a stranger's."""
        return next((one for one in self._terminals if digits and one.number == digits), None)

    @staticmethod
    def international(address: Address) -> str:
        """The digits of an address with its country (00 is the international prefix of E.164)."""
        if address.kind & _TON == INTERNATIONAL & _TON:
            return address.digits
        if address.digits.startswith("00"):
            return address.digits[2:]
        return COUNTRY + address.digits

    # calls
    def dial(self, terminal: Terminal, caller: CallEnd, to: Address, *, withheld: bool = False
             ) -> NetworkCall:
        """A subscriber calls a number; the caller's end hears how it goes."""
        call = NetworkCall(caller, None if withheld else Address(terminal.number, INTERNATIONAL))
        other = self.terminal(self.international(to))
        if other is None:
            self._call_stranger(terminal, call)
            return call
        if other is terminal:
            cause: int | None = USER_BUSY
        else:
            cause = other.ring(call) if other.reachable else ABSENT
        if cause is None:
            call.after(terminal.later_true(terminal.no_answer_s, lambda: call.release(NO_ANSWER)))
            call.after(terminal.later(_ALERT_S, call.alert))
        else:
            refusal = cause
            call.after(terminal.later(_ALERT_S, lambda: call.release(refusal)))
        return call

    def _call_stranger(self, terminal: Terminal, call: NetworkCall) -> None:
        kind = terminal.outside
        if kind in _REFUSES:
            call.after(terminal.later(_ALERT_S, lambda: call.release(_REFUSES[kind])))
            return
        call.called = Stranger()
        call.after(terminal.later(_ALERT_S, call.alert))
        if kind is Outside.ANSWERS:
            call.after(terminal.later(_ANSWER_S, call.answer))
        else:
            call.after(terminal.later_true(terminal.no_answer_s, lambda: call.release(NO_ANSWER)))

    def call_in(self, terminal: Terminal, number: Address | None) -> int | None:
        """A stranger calls a subscriber; None when it rings, else why not."""
        if not terminal.reachable:
            return ABSENT
        return terminal.ring(NetworkCall(Stranger(), number))


def written(text: str) -> Address:
    """A number of a control verb or a dial string."""
    body = text.removeprefix("+")
    return Address(body, INTERNATIONAL if text.startswith("+") else UNKNOWN)
