"""The course of one update: what the module says becomes events, and its end an outcome."""

from __future__ import annotations

import contextlib
import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cellbench.base.clock import Deadline
from cellbench.catalogue.updates import UpdateFacts
from cellbench.host.firmware.line import UpdateLine
from cellbench.host.firmware.model import Stage, UpdateEvent
from cellbench.io.pipe import PortLost, PortStuck
from cellbench.wire.firmware import events as words
from cellbench.wire.firmware.machine import FULL, UpdateMachine
from cellbench.wire.firmware.transitions import UpdateState

Report = Callable[[UpdateEvent], None]

_S = UpdateState
_READ = 4096
_SLICE_S = 0.25
_QUESTION = b"AT\r"
_ASK_EVERY_S, _ASK_AFTER_S = 3.0, 1.0
_ANSWER_S = 0.5
_QUESTIONS = 2  # the first may only show the rate (LENA-R8 guide 5.3)
_WRITE_S = 2.0
_AFTER_START_S = 5.0  # how long 128 may follow the greeting (LENA-R8 guide Table 48)
_AFTER_RETURN_S = 1.0
_WRITTEN = frozenset({_S.RECEIVED, _S.CHECKING, _S.WRITING, _S.SILENT})


class Ending(enum.Enum):
    """How the module's words about an update ended."""

    SUCCESS = "128"
    CODE = "another code"
    STARTED = "normal mode without a result"
    GAVE_UP = "update mode ended without a package"
    REFUSED = "the command was refused"
    SILENT = "nothing more was said"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a course waits: ``silence_s`` for any word of an update that is under way, ``silent_s``
    for the result after 100 %, before AT is tried, ``reopen_s`` for a port that vanished."""

    silence_s: float
    silent_s: float
    reopen_s: float

    @classmethod
    def of(cls, facts: UpdateFacts, silence_s: float | None = None) -> Patience:
        """As the series' facts have it; a bench may be less patient."""
        longest = facts.longest_silence_s.value if silence_s is None else silence_s
        return cls(longest, min(facts.silent_s.value, longest), longest)


@dataclass(slots=True)
class Course:
    """Follows one update on one line. ``events`` is what happened, ``calls`` when update mode asked for a
    block, ``booted`` whether the module has restarted since the package was written, ``refusal`` the text of
    a refusal or time-out."""

    line: UpdateLine
    machine: UpdateMachine
    patience: Patience
    report: Report | None = None
    began: float = field(default_factory=time.monotonic)
    events: list[UpdateEvent] = field(default_factory=list)
    calls: list[tuple[float, words.Call]] = field(default_factory=list)
    booted: bool = False
    refusal: words.Refused | words.GaveUp | None = None
    _asked_at: float = 0.0
    _suspect: bool = False  # that the module runs in normal mode
    _missed: bool = False  # words may have come while the port was away, or at another rate

    @property
    def stage(self) -> Stage:
        """The last stage that was told."""
        return self.events[-1].stage if self.events else Stage.COMMANDED

    def tell(self, stage: Stage, at: int | None = None, left_s: float | None = None) -> None:
        """One event; what the report raises passes on."""
        event = UpdateEvent(stage, at, time.monotonic() - self.began, left_s)
        self.events.append(event)
        if self.report is not None:
            self.report(event)

    def hear(self, timeout_s: float) -> list[words.Event]:
        """Read once, take in what it means. Raises PortLost."""
        data = self.line.read(_READ, timeout_s)
        heard = self.machine.receive(data, time.monotonic()) if data else []
        for event in heard:
            self._take(event)
        return heard

    def hand(self, data: bytes) -> None:
        """Take in bytes that somebody else read."""
        for event in self.machine.receive(data, time.monotonic()):
            self._take(event)

    def set_rate(self, bit_s: int) -> None:
        """The host's rate from now on. Raises PortLost."""
        if bit_s != self.line.rate:
            self.line.set_rate(bit_s)
            self.machine.cut()

    def come_back(self) -> None:
        """The port vanished: the module restarts. All is written when it goes in its silent minutes. Raises
        what keeps the port away."""
        if self.machine.state is _S.SILENT:
            self._has_booted()
        self.line.reopen(self.patience.reopen_s)
        self.machine.cut()
        self._suspect = self._missed = True
        self._asked_at = time.monotonic() - _ASK_EVERY_S + _ASK_AFTER_S

    def ask(self) -> bool:
        """Ask AT at the home rate; True when the module answers, which is the end of its update mode. Raises
        PortLost."""
        rate = self.line.rate
        self.set_rate(self.line.home_rate)
        for _ in range(_QUESTIONS):
            self.line.write(_QUESTION, Deadline.after(_WRITE_S))
            until = time.monotonic() + _ANSWER_S
            while (left := until - time.monotonic()) > 0:
                heard = self.hear(left)
                if any(isinstance(one, words.Noise | words.Accepted) and one.text == "OK" for one in heard):
                    self._missed = True
                    self._has_booted()
                    self.machine.started()
                    return True
                if self.ended() is not None:
                    return False
        self.set_rate(rate)
        return False

    def follow(self) -> Ending:
        """Until the module has told its result, or runs in normal mode. What a report raises passes on, and
        what keeps a port away."""
        heard_at = time.monotonic()
        while (ending := self.ended()) is None:
            if not self.line.is_up:
                self.come_back()
                heard_at = time.monotonic()
            with contextlib.suppress(PortLost, PortStuck):
                unreadable = self.machine.unreadable
                if self.hear(_SLICE_S):
                    heard_at = time.monotonic()
                self._look_for_own_rate(unreadable)
                silence = time.monotonic() - heard_at
                if silence > self.patience.silence_s:
                    return Ending.SILENT
                self._ask_if_due(silence)
        return self._late_result() if ending is Ending.STARTED else ending

    def ended(self) -> Ending | None:
        """How it ended; None while it goes on."""
        return {_S.DONE: Ending.SUCCESS, _S.SUCCEEDED: Ending.SUCCESS, _S.FAILED: Ending.CODE,
                _S.GIVEN_UP: Ending.GAVE_UP, _S.REFUSED: Ending.REFUSED,
                _S.STARTED: Ending.STARTED}.get(self.machine.state)

    # -- inside --------------------------------------------------------------------------------------------

    def _take(self, event: words.Event) -> None:
        match event:
            case words.Ongoing():
                self.tell(Stage.WAITING, 0)
            case words.Called(call=call):
                self.calls.append((time.monotonic() - self.began, call))
                self.tell(Stage.WAITING, len(self.calls))
            case words.Checked(percent=percent, left_s=left_s):
                self.tell(Stage.CHECKING, percent, left_s)
            case words.Written(percent=percent, left_s=left_s):
                self.tell(Stage.WRITING, percent, left_s)
                if percent == FULL:
                    self.tell(Stage.SILENT, None, self.patience.silent_s)
            case words.Result(code=code):
                if code == 128 and not self.booted:
                    self.tell(Stage.REBOOTING)
            case words.Refused() | words.GaveUp():
                self.refusal = event
            case words.Greeted():
                self._has_booted()
            case _:
                pass

    def _has_booted(self) -> None:
        if not self.booted:
            self.booted = True
            if self.machine.state is not _S.SUCCEEDED:
                self.tell(Stage.REBOOTING)

    def _look_for_own_rate(self, unreadable: int) -> None:
        """Bytes that nobody can read, once the package is complete: the module speaks at its own rate
        again."""
        if (self.machine.unreadable != unreadable and self.machine.state in _WRITTEN
                and self.line.rate != self.line.home_rate):
            self.set_rate(self.line.home_rate)
            self._suspect = self._missed = True
            self._asked_at = 0.0

    def _ask_if_due(self, silence_s: float) -> None:
        """Ask AT when the module may be in normal mode without having said so: its greeting is off, or was
        lost with the USB port, or came at another rate (SARA-R5 firmware update note: send AT until OK)."""
        now = time.monotonic()
        if self.machine.state not in _WRITTEN or now - self._asked_at < _ASK_EVERY_S:
            return
        if not self._suspect and silence_s < self.patience.silent_s:
            return
        self.ask()
        self._asked_at = now

    def _late_result(self) -> Ending:
        """Normal mode came first: the result may follow; with a port that was away it may also be lost."""
        with contextlib.suppress(PortLost):
            self.set_rate(self.line.home_rate)
            until = time.monotonic() + (_AFTER_RETURN_S if self._missed else _AFTER_START_S)
            while (left := until - time.monotonic()) > 0 and self.ended() is Ending.STARTED:
                self.hear(min(left, _SLICE_S))
        return self.ended() or Ending.STARTED
