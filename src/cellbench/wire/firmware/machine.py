"""The words of a module during an update, without I/O and without a clock.

    machine = UpdateMachine(greeting="+UUSTATUS: READY")
    machine.commanded()
    for event in machine.receive(octets, now): ...

Lines may be split anywhere. C and NAK are told as soon as they come, since the window that they open is
short; a greeting that begins with C is still known as one when its line is complete.
"""

from __future__ import annotations

import re

from .events import (
    Accepted,
    Call,
    Called,
    Checked,
    Event,
    GaveUp,
    Greeted,
    Noise,
    Ongoing,
    Refused,
    Result,
    Written,
)
from .transitions import OVER, TRANSITIONS, UpdateInput, UpdateState

_S, _I = UpdateState, UpdateInput

SUCCESS = 128
FULL = 100
LONGEST_LINE = 512
"""Bytes of a line after which it is given up: what is read at a wrong rate has no line ends."""

_CALLS = bytes(call.value for call in Call)
_CALLING = (_S.LISTENING, _S.COMMANDED, _S.ACCEPTED, _S.WAITING)
_WORD = re.compile(r"(\+UFWPREVAL|\+UFWUPD|\+UU?FWINSTALL) ?: ?(\d{1,4}|ONGOING)")
_TIMEOUT = re.compile(r"timeout|error ?\d+", re.IGNORECASE)  # "Timeout", "ERROR1"
_CME = re.compile(r"\+CM[ES] ERROR: ?(.*)")
_PLAIN = re.compile(rb"[\x20-\x7e]*")


class UpdateMachine:
    """Follows one update. ``state`` is where the module is as far as it told; ``percent`` the last progress
    of the stage under way, None before the first; ``code`` the final code; ``unreadable`` counts the bytes
    that no text and no call has, as they come at another rate."""

    def __init__(self, greeting: str | None = None, state: UpdateState = UpdateState.LISTENING) -> None:
        self.state = state
        self.greeting = greeting
        self.percent: int | None = None
        self.code: int | None = None
        self.calls = 0
        self.unreadable = 0
        self._line = bytearray()
        self._first: tuple[int, float] | None = None  # percent and time of the stage's first progress

    @property
    def over(self) -> bool:
        """True when nothing more is to come."""
        return self.state in OVER

    # -- what our user does --------------------------------------------------------------------------------

    def commanded(self) -> None:
        """The command was sent."""
        self.state = _S.COMMANDED

    def sending(self) -> None:
        """The package is about to be sent: C and NAK are the transfer's from now on."""
        self._line.clear()
        self._move(_I.SENDING)

    def sent(self) -> None:
        """The package has been sent."""
        self._move(_I.SENT)

    def aborted(self) -> None:
        """The transfer ended without the whole package: what follows is told as words again."""
        self._line.clear()
        self._move(_I.ABORTED)

    def cut(self) -> None:
        """The line was read at another rate, or by another port: what there is of it is no line."""
        self._line.clear()

    def started(self) -> None:
        """The module is in normal mode, as AT, or its coming back on USB, told."""
        self._move(_I.STARTED)

    # -- what happens --------------------------------------------------------------------------------------

    def receive(self, octets: bytes, now: float) -> list[Event]:
        """Bytes from the module and the instant (seconds) at which they came; what they mean."""
        events: list[Event] = []
        for octet in octets:
            if octet in b"\r\n":
                events += self._end_line(now)
                continue
            self._line.append(octet)
            if not (0x20 <= octet < 0x7F or octet in _CALLS):
                self.unreadable += 1
                if self.state in _CALLING:  # the next byte may be a call at the right rate
                    self._line.clear()
                continue
            if octet in _CALLS and self._only_calls() and self.state in _CALLING:
                events.append(self._called(Call(octet)))
            elif octet == 0x3E and len(self._line) == 1 and self.state is _S.COMMANDED:  # the prompt ">"
                self._line.clear()
                self._move(_I.OK)
                events.append(Accepted(">"))
            elif len(self._line) >= LONGEST_LINE:
                events += self._end_line(now)
        return events

    # -- inside --------------------------------------------------------------------------------------------

    def _only_calls(self) -> bool:
        return not self._line.strip(_CALLS)

    def _called(self, call: Call) -> Called:
        self.calls += 1
        self._move(_I.CALL)
        return Called(call)

    def _end_line(self, now: float) -> list[Event]:
        line = bytes(self._line)
        self._line.clear()
        return self._meaning(line, now) if line.strip() else []

    def _meaning(self, line: bytes, now: float) -> list[Event]:
        if self.greeting and self.greeting.encode("latin-1", "replace") == line.strip():
            self._move(_I.GREETING)
            return [Greeted(self.greeting)]
        spoken = line.lstrip(_CALLS) if b"\x15" in line or self.state is _S.WAITING else line
        spoken = spoken.strip()
        if not spoken:
            return []
        text = spoken.decode("latin-1")
        word = _WORD.fullmatch(text)
        if word is not None:
            return self._word(word[1], word[2], now)
        return [self._other(text, garbled=_PLAIN.fullmatch(spoken) is None)]

    def _word(self, name: str, value: str, now: float) -> list[Event]:
        if value == "ONGOING":
            self._stage(_I.ONGOING)
            return [Ongoing()]
        number = int(value)
        if name == "+UFWPREVAL" and number <= FULL:
            self._stage(_I.CHECK)
            return [Checked(number, self._progress(number, now))]
        if number <= FULL:
            self._stage(_I.FULL if number == FULL else _I.PROGRESS)
            return [Written(number, self._progress(number, now))]
        self.code = number
        self._move(_I.SUCCESS if number == SUCCESS else _I.CODE)
        return [Result(number, name)]

    def _other(self, text: str, *, garbled: bool) -> Event:
        cme = _CME.fullmatch(text)
        if cme is not None or text == "ERROR":
            asked = self.state in (_S.COMMANDED, _S.ACCEPTED)
            self._move(_I.ERROR)
            number = int(cme[1]) if cme is not None and cme[1].isdigit() else None
            return Refused(text, number) if asked else Noise(text, garbled)
        if text == "OK":
            asked = self.state is _S.COMMANDED
            self._move(_I.OK)
            return Accepted(text) if asked else Noise(text, garbled)
        if _TIMEOUT.fullmatch(text) is not None:
            self._move(_I.TIMEOUT)
            return GaveUp(text)
        return Noise(text, garbled)

    def _stage(self, what: UpdateInput) -> None:
        """Move; a new stage counts its progress anew."""
        before = self.state
        self._move(what)
        if self.state is not before and not (before is _S.WRITING and self.state is _S.SILENT):
            self.percent = self._first = None

    def _progress(self, percent: int, now: float) -> float | None:
        """Take one percentage; the predicted seconds to 100, None while nothing tells them."""
        if self._first is None or percent < self._first[0]:
            self._first = percent, now
        self.percent = percent
        began, at = self._first
        if percent <= began:
            return None
        return (FULL - percent) * (now - at) / (percent - began)

    def _move(self, what: UpdateInput) -> None:
        self.state = TRANSITIONS.get((self.state, what), self.state)
