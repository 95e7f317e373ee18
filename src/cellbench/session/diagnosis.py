"""The diagnostics collector: when a test fails, the module is asked how it is, before anything is torn down.

It asks the bounded set of polls of :mod:`cellbench.catalogue.diagnosis` and nothing else, over an AT port on
USB that nobody has open where the module shows one, else over a port that is open already. It asks nothing
while a port is in data mode, an update is under way or the module is off; and neither writes settings nor
uses the network.

It costs the test ``LIMIT_S`` seconds at most, for which it waits for a thread of its own: a thread that hangs
in a driver is left behind, may not ask anything more, and closes what it opened. Nothing that goes wrong here
is raised: it becomes a note of the record.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cellbench.base.clock import SYSTEM_CLOCK, Deadline
from cellbench.base.errors import CellbenchError, Owner
from cellbench.catalogue.diagnosis import Poll, polls_for
from cellbench.host.channel import Channel
from cellbench.host.errors import AtTimeout
from cellbench.record.diagnosis import DiagnosisRecord, PollAnswer
from cellbench.record.verdict import Outcome, Verdict
from cellbench.rig.slot import PowerState, Slot

LIMIT_S = 1.7
"""The most that collecting adds to a failing test, closing of its own port included, in seconds."""
_ASK_S = 1.2  # no poll begins later than this
_POLL_S = 0.5  # the longest wait for one answer
_KNOCK_S = (0.15, 0.25)  # a port that was just opened, or an autobauding one, may lose the first AT
_TURN_S = 0.1  # how long a command of another thread may keep a port
_SILENT_AFTER = 2  # unanswered polls in a row after which a port is given up
_BLAMED = (Owner.UNIT, Owner.NETWORK)


def wanted(verdict: Verdict) -> bool:
    """True for a verdict that the module's state may explain: FAIL, and ERROR of unit or network."""
    return verdict.outcome is Outcome.FAIL or (
        verdict.outcome is Outcome.ERROR and verdict.owner in _BLAMED)


def collect(attempt: str, slots: Sequence[Slot]) -> tuple[DiagnosisRecord, ...]:
    """Ask the modules of these slots, all at once; a record of each, ``LIMIT_S`` seconds later at most."""
    began = time.monotonic()
    until = Deadline.after(LIMIT_S)
    askers = [_Asker(slot, Deadline.after(_ASK_S)) for slot in slots]
    threads = [thread for one in askers if (thread := _started(one)) is not None]
    for thread in threads:
        thread.join(until.remaining)
    took = time.monotonic() - began
    return tuple(one.record(attempt, took) for one in askers)


def _started(asker: _Asker) -> threading.Thread | None:
    thread = threading.Thread(target=asker.run, name=f"diagnosis {asker.slot.name}", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # the host gives no thread any more: that is not the test's failure
        asker.notes.append(str(error))
        asker.done = True
        return None
    return thread


@dataclass(slots=True)
class _Asker:
    """Asks one module, in a thread of its own. ``over`` ends it between two steps."""

    slot: Slot
    deadline: Deadline
    port: str = ""
    polls: list[PollAnswer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    over: bool = False
    done: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """The thread."""
        try:
            self._ask()
        except CellbenchError as error:
            self._note(_sentence(error))
        except Exception as error:  # a fault in here is told; it must not hide the failure of the test
            self._note(f"{type(error).__name__}: {_sentence(error)}")
        finally:
            self.done = True

    def record(self, attempt: str, took_s: float) -> DiagnosisRecord:
        """What was found until now; nothing is asked and nothing taken from here on."""
        with self._lock:
            self.over = True
            notes = list(self.notes)
            if not self.done:
                notes.append(f"cut after {took_s:.1f} s: {self.port or 'the slot'} does not answer the bench")
            clean = self.slot.trace.secrets.redact_text
            polls = tuple(PollAnswer(one.line, tuple(map(clean, one.answer)), one.seconds, one.tells)
                          for one in self.polls)
            return DiagnosisRecord(attempt, self.slot.name, self.port, polls, tuple(map(clean, notes)),
                                   round(took_s, 3), SYSTEM_CLOCK.utc_ns())

    # -- inside ----------------------------------------------------------------------------------

    @property
    def _may_ask(self) -> bool:
        return not self.over and not self.deadline.expired

    def _note(self, text: str) -> None:
        with self._lock:
            if not self.over:
                self.notes.append(text)

    def _ask(self) -> None:
        hindered = _hindrance(self.slot)
        if hindered:
            self._note(hindered)
            return
        open_here = tuple(self.slot.channels)
        for role in self._ways(open_here):
            if not self._may_ask:
                return
            with contextlib.ExitStack() as held:
                channel = self._take(role, open_here, held)
                if channel is not None and self._knock(channel):
                    self.port = channel.name
                    self._poll(channel)
                    return

    def _ways(self, open_here: Sequence[str]) -> Iterator[str]:
        """Roles to ask over: AT ports on USB that nobody has open, then what is open, the main one last."""
        seen = self.slot.roles()
        yield from [role for role in seen if role.startswith("at") and role not in open_here][:1]
        yield from sorted(open_here, key=lambda role: role == (seen or open_here)[0])
        if not open_here and not any(role.startswith("at") for role in seen):
            self._note("no port is open")

    def _take(self, role: str, open_here: Sequence[str], held: contextlib.ExitStack) -> Channel | None:
        """The channel of a role, kept from other threads' commands; None with a note when there is none."""
        try:
            if role not in open_here:
                return held.enter_context(self._opened(role))
            channel = self.slot.channels[role]
        except (CellbenchError, KeyError) as error:
            self._note(f"{role}: {_sentence(error)}")
            return None
        why = self._unusable(channel)
        if why or not held.enter_context(channel.turn(min(_TURN_S, self.deadline.remaining))):
            self._note(f"{role}: {why or 'a command of the test is still under way'}")
            return None
        return channel

    def _unusable(self, channel: Channel) -> str:
        if channel.lost is not None:
            return f"the port is gone: {_sentence(channel.lost)}"
        if not channel.is_up:
            return "the port is not open"
        if channel.is_lent:
            return "it carries a multiplexer"
        if self.slot.ports.group.busy_beside(channel.name):
            return "another port of the module has a command under way"
        return ""

    @contextlib.contextmanager
    def _opened(self, role: str) -> Iterator[Channel]:
        """A channel of our own on a port that nobody has open; its records go on where the port's ended."""
        ports = self.slot.ports
        channel = Channel(ports.pipe(role), self.slot.profile, trace=ports.trace,
                          name=f"{self.slot.name}.{role}")
        channel.start(ports.next_record.get(role, 0))
        try:
            yield channel
        finally:
            channel.stop()
            ports.next_record[role] = max(ports.next_record.get(role, 0), channel.next_record)

    def _knock(self, channel: Channel) -> bool:
        for seconds in _KNOCK_S:
            if not self._may_ask:
                return False
            if not channel.silent(min(seconds, max(0.01, self.deadline.remaining))):
                return True
        self._note(f"{channel.name} does not answer AT")
        return False

    def _poll(self, channel: Channel) -> None:
        silent = 0
        polls = polls_for(self.slot.profile.series)
        for number, poll in enumerate(polls):
            if not self._may_ask or silent == _SILENT_AFTER:
                why = "no time was left" if silent < _SILENT_AFTER else "the module answers no more"
                self._note(f"{len(polls) - number} polls were not asked: {why}")
                return
            answer = self._one(channel, poll)
            silent = 0 if answer.answer else silent + 1
            with self._lock:
                if not self.over:
                    self.polls.append(answer)

    def _one(self, channel: Channel, poll: Poll) -> PollAnswer:
        began = time.monotonic()
        try:
            given = channel.send(poll.line, timeout_s=max(0.01, min(_POLL_S, self.deadline.remaining)),
                                 check=False)
            lines = (*given.info, given.final.text)
        except AtTimeout:
            lines = ()
        return PollAnswer(poll.line, lines, round(time.monotonic() - began, 3), poll.tells)


def _hindrance(slot: Slot) -> str:
    """Why the module must be left alone; "" when it may be asked."""
    if slot.updating:
        return "a firmware update is under way"
    if slot.state is PowerState.OFF:
        return "the module is off"
    busy = [channel.name for channel in tuple(slot.channels.values()) if channel.in_data_mode]
    if busy:
        return f"{', '.join(busy)} is in data mode"
    if not slot.is_powered():
        return "the module is off by V_INT" if "v_int" in slot.model.lines.read() else "the module is off"
    return ""


def _sentence(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
