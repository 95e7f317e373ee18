"""An AT conversation over a pipe."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from cellbench.base.clock import SYSTEM_CLOCK, Clock, Deadline
from cellbench.base.errors import FrameworkError
from cellbench.base.trace import TraceSink
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.host.answer import Answer
from cellbench.host.datamode import DataMode
from cellbench.host.death import DeathKind, DeathSign, DeathWatch
from cellbench.host.dialogue import CONNECTED, Ask, Dialogue
from cellbench.host.errors import AtError, AtTimeout, CmeError, CmsError, NoCarrier
from cellbench.host.facts import grammar_for
from cellbench.host.link import Link
from cellbench.host.portgroup import PortGroup
from cellbench.host.secrets import Secrets
from cellbench.host.settings import WATCHED, PortSettings
from cellbench.host.transcript import Transcript
from cellbench.host.urclog import Expectation, UrcEvent, UrcLog, Where
from cellbench.host.wear import NvmWatch
from cellbench.io.frame import Frame
from cellbench.io.pipe import Pipe, PortLost, PortMissing
from cellbench.wire.at.errors import UnsendableLine
from cellbench.wire.at.events import Finished, Stray, UrcHeard
from cellbench.wire.at.grammar import CALL_CODES, Grammar, Plan
from cellbench.wire.at.session import GREETING

__all__ = ["Channel", "Expectation"]

_new = tuple.__new__
_PLANS_KEPT = 1024
_STRAYS_KEPT = 1000
_LONGEST_PAUSE_S = 1.0  # URCs without end may not keep a command back for longer
_STRING_WAIT_S = 0.1  # how long a half received string may still grow before a new command gives it up
_SYNC_TRY_S = 0.5  # how long sync() waits for one OK
_REOPEN_S = 0.05  # between two looks for a port that vanished


class Channel:
    """An AT conversation: commands, typed answers, URCs, death signs. Safe to use from several threads;
    one command at a time, one reader at a time.

    ``urcs`` is the ordered log of URCs, ``strays`` what belonged to nothing (late answers, noise), ``deaths``
    the death signs, ``settings`` what the module was told about this port, ``wear`` what was stored,
    ``secrets`` the redactor.
    """

    def __init__(self, pipe: Pipe, profile: ModuleProfile, *, trace: TraceSink, name: str,
                 clock: Clock = SYSTEM_CLOCK, gap_s: float | None = None, secrets: Secrets | None = None,
                 grammar: Grammar | None = None, group: PortGroup | None = None,
                 wear: NvmWatch | None = None) -> None:
        """``gap_s`` replaces the profile's pause between commands (seconds); ``secrets`` learns the secret
        parameters (default: the transcript's own); ``group`` joins the ports of one module, ``wear`` follows
        what they store."""
        self.name = name
        self.profile = profile
        self.urcs = UrcLog()
        self.strays: deque[Stray] = deque(maxlen=_STRAYS_KEPT)
        self.secrets = secrets or (trace.secrets if isinstance(trace, Transcript) else Secrets())
        self.settings = PortSettings(profile.greeting.value)
        self._clock = clock
        self._monotonic = time.monotonic if clock is SYSTEM_CLOCK else clock.monotonic
        self.deaths = DeathWatch(self._monotonic)
        self._pipe = pipe
        self._gap_s = profile.serial.between_commands_s.value if gap_s is None else gap_s
        self._grammar = grammar or grammar_for(profile)
        self.wear = wear or NvmWatch(profile, self._grammar.commands)
        self._watched = WATCHED | self.wear.names
        self._dialogue = Dialogue(
            name, self._grammar, trace, clock, self._monotonic, hear=self._hear, stray=self.strays.append,
            lost=self._vanished, after_prompt_s=profile.serial.after_prompt_s.value, group=group)
        self._dialogue.session.greeting = self.settings.greeting
        self._link = self._dialogue.link
        self._receiver = self._dialogue.session.receiver
        self._turn = threading.RLock()  # one command at a time
        self._plans: dict[str, Plan] = {}
        self._free_at = 0.0  # no command goes out before this instant
        self._resume_due = False
        self._lent = False

    # -- life ------------------------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """True while the port is open and has not vanished."""
        return self._link.is_up

    @property
    def lost(self) -> PortLost | None:
        """How the port vanished; None while it has not, and after it came back."""
        return self._link.failure

    @property
    def call_held(self) -> bool:
        """True from the CONNECT of a call to its end; outside data mode: online command mode, from which ATO
        goes back and ATH hangs up (LENA-R8 guide 4.3). As far as the module told."""
        return self._dialogue.session.call_held

    @property
    def port_name(self) -> str:
        """The port's own name: a device node, an address."""
        return self._pipe.name

    def start(self, first_record: int = 0) -> None:
        """Open the pipe and begin to read; trace records are counted from ``first_record``. Raises
        PortMissing."""
        self._link.count_from(first_record)
        self._dialogue.reset()
        self._link.start(self._pipe)

    @property
    def next_record(self) -> int:
        """The number of the next trace record of this port."""
        return self._link.sequence

    def stop(self) -> None:
        """Stop reading and close the pipe; calls that wait raise PortLost. Stopping twice is allowed."""
        self._link.stop()

    def move(self, pipe: Pipe) -> None:
        """Go on over another pipe, which is opened here (after re-enumeration, into a mux). Settings (echo,
        CMEE) are kept and told to the module at the next sync(). Raises PortMissing."""
        self._link.stop()
        self._pipe = pipe
        self._dialogue.reset()
        self._resume_due = True
        self._link.start(pipe)

    def reopen(self) -> None:
        """Open the port anew after it vanished, wherever it is now; the channel goes on as after ``move``.
        Raises PortMissing while it is not back."""
        self.move(self._pipe)

    def declare_reboot(self, timeout_s: float) -> AbstractContextManager[None]:
        """Inside the block, at most ``timeout_s`` seconds, a greeting or a vanished port is no death sign."""
        return self.deaths.declare(timeout_s)

    def on_death(self, listener: Callable[[DeathSign], None]) -> Callable[[], None]:
        """Call ``listener`` for each death sign, in the reading thread. Returns what ends it."""
        return self.deaths.listen(listener)

    # -- commands --------------------------------------------------------------------------------------------

    def send(self, line: str, *, payload: bytes | None = None, timeout_s: float | None = None,
             check: bool = True, ask: Ask | None = None) -> Answer:
        """Send one command line ("AT+CGDCONT?") and wait for its final result code.

        ``payload`` is given at the prompt; without one, ``ask`` is called with the prompt and gives it. The
        time-out (seconds) is the greatest declared response time of the line's commands. With ``check``, a
        refusal raises CmeError, CmsError, NoCarrier or AtError. CONNECT is a success; ``open_data`` gives
        access to what follows. Raises AtTimeout, UnexpectedReset, PortLost, FrameworkError (a line that
        cannot be sent).
        """
        plan = self._plans.get(line) or self.plan(line)
        if timeout_s is None:
            timeout_s = plan.timeout_s
        dialogue = self._dialogue
        with self._turn:
            if self._free_at or plan.secrets or payload is not None or self._receiver.holds_string:
                self._prepare(plan, payload)
            (info, final), first = dialogue.exchange(plan, timeout_s, payload, ask)
            ended = dialogue.ended
            if self._gap_s:
                self._free_at = ended + self._gap_s
            if plan.watched:
                self._note(plan, info, final.success, ended)
            # What Answer(...) does, without its call: every command comes by here.
            answer = _new(Answer, (plan.shown, info, final, ended - dialogue.began, self.name, first,
                                   self._link.sequence - 1))
        if check and not final.success:
            raise refusal(answer)
        return answer

    def ensure(self, line: str) -> bool:
        """Write a stored setting (AT+UPSV=4) unless it is what the module holds, which is read when it is not
        known (LENA-R8 guide 6.1). True when it was written. Raises as ``send``; FrameworkError for a line
        that is no single write of a setting that can be read back."""
        plan = self._plans.get(line) or self.plan(line)
        question = self.wear.question(plan, self.name)
        if question is not None and not self.send(question, check=False).final.success:
            self.wear.refused(plan, self.name)
        if not self.wear.changes(plan, self.name):
            return False
        self.send(line)
        return True

    def plan(self, line: str) -> Plan:
        """What is known of a command line: its commands, time-out, prompts, secrets. Raises
        UnsendableLine."""
        plan = self._grammar.plan(line, self._watched)
        longest = self.profile.serial.max_line.value
        if len(plan.wire) > longest:
            raise UnsendableLine(f"{plan.shown[:60]}...: {len(plan.wire)} characters, a line takes {longest}")
        if not plan.secrets and len(self._plans) < _PLANS_KEPT:
            self._plans[line] = plan
        return plan

    def sync(self, timeout_s: float) -> float:
        """Send AT until OK comes (in autobauding the first one is swallowed); the seconds it took. Afterwards
        the port has its settings again when it was moved or the module rebooted. A port that vanished, or
        vanishes on the way, is opened anew. Raises AtTimeout, PortLost or PortMissing when it stays away."""
        began = self._monotonic()
        until = began + timeout_s
        # In autobauding the first AT only shows the rate; a moment later the port is ready (LENA-R8 5.3).
        wait = self.profile.serial.after_autobaud_s.value if self.profile.serial.autobauding else _SYNC_TRY_S
        tries = 0
        while not self._in_step(min(wait, max(0.01, until - self._monotonic())), until):
            tries += 1
            wait = _SYNC_TRY_S
            if self._monotonic() >= until:
                raise AtTimeout("AT", timeout_s)
        took = self._monotonic() - began
        if tries:
            # A late OK to an earlier AT must not be taken for the next command's.
            self.wait_until(lambda: False, self.profile.serial.after_autobaud_s.value)
        if self._resume_due:
            self.resume()
        return took

    def resume_at_sync(self) -> None:
        """The module has restarted: the next sync() tells it its settings again."""
        self._resume_due = True

    def resume(self) -> None:
        """Tell the module again what this port had told it: echo and the form of codes and errors."""
        self._resume_due = False
        for line in self.settings.to_resume():
            self.send(line)

    def silent(self, timeout_s: float = 0.3) -> bool:
        """True when the module does not answer AT within ``timeout_s`` seconds, or the port is gone."""
        try:
            return not self._answers_ok(timeout_s)
        except PortLost:
            return True

    def _in_step(self, timeout_s: float, until: float) -> bool:
        """True when the port, opened anew where it must be, answers AT. Raises what keeps it away at
        ``until``."""
        try:
            if self.lost is not None:
                self.reopen()
            return self._answers_ok(timeout_s)
        except (PortLost, PortMissing) as error:
            if self.lost is None and not isinstance(error, PortMissing):
                raise  # it was closed, not lost
            if self._monotonic() + _REOPEN_S >= until:
                raise
            time.sleep(_REOPEN_S)
            return False

    def _answers_ok(self, timeout_s: float) -> bool:
        try:
            return self.send("AT", timeout_s=timeout_s, check=False).final.success
        except AtTimeout:
            return False

    # -- URCs ------------------------------------------------------------------------------------------------

    def expect(self, prefix: str | tuple[str, ...], where: Where | None = None) -> Expectation:
        """Wait for a URC ("+UUSORD"), or for any of several; armed at once; a context manager."""
        return Expectation(self, self.urcs, prefix, where)

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> bool:
        """Read until ``ready()`` or the time is over; whether it is ready. Raises PortLost."""
        return self._link.wait(ready, self._monotonic() + timeout_s)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside the block nobody reads the port and no command is sent here: somebody else may use it."""
        with self._turn, self._link.silence():
            yield

    @contextmanager
    def turn(self, timeout_s: float) -> Iterator[bool]:
        """Inside the block no other thread begins a command here; False when one was under way for
        ``timeout_s`` seconds, and then nothing is kept back."""
        mine = self._turn.acquire(timeout=timeout_s)
        try:
            yield mine
        finally:
            if mine:
                self._turn.release()

    @property
    def is_lent(self) -> bool:
        """True while a multiplexer has the port."""
        return self._lent

    @property
    def link(self) -> Link:
        """The reading side of the port, for who borrows it."""
        return self._link

    def lend(self, feed: Callable[[bytes], None], lost: Callable[[PortLost], None]) -> None:
        """Give the port to a protocol of its own (a multiplexer), which gets what is read; commands are
        refused until ``take_back``. The port stays open, its thread and its tap go on. Raises PortLost."""
        with self._turn:
            self._link.current()
            self._lent, self._free_at = True, math.inf

            def gone(error: PortLost) -> None:
                self._vanished(error)
                lost(error)

            self._link.divert(feed, gone)

    @property
    def trace(self) -> TraceSink:
        """Where this channel's bytes are recorded."""
        return self._link.sink

    def take_back(self) -> None:
        """The port carries AT commands again; what it was told may be lost, so the next sync() tells it
        anew."""
        with self._turn:
            self._link.divert(self._dialogue.feed, self._vanished)
            self._dialogue.reset()
            self._lent, self._free_at, self._resume_due = False, 0.0, True

    def told_of_reset(self, text: str) -> None:
        """The module's greeting came on the line below this channel: to be called by whoever read it
        there."""
        self._greeted(UrcEvent(self.urcs.mark(), self.name, GREETING, text, self._monotonic(),
                               self._clock.utc_ns(), self._link.sequence))

    # -- data mode -----------------------------------------------------------------------------------------

    def open_data(self, line: str, *, timeout_s: float | None = None) -> DataMode:
        """Send a command that ends in CONNECT (AT+USODL=0, ATD*99#, ATO) and give the bytes that follow.
        Raises as ``send``; FrameworkError when the module answers OK without CONNECT."""
        if "O" not in self.plan(line).names:  # what an earlier connection left unread is nobody's now
            with self._link.mutex:
                self._dialogue.data.clear()
        answer = self.send(line, timeout_s=timeout_s)
        if answer.final is not CONNECTED:
            raise FrameworkError(f"{answer.command}: answered {answer.final.text}, no data mode")
        guard_s = self.profile.serial.escape_guard_s.value
        return DataMode(self._dialogue, answer.info[-1], self._grammar.escape_plan(), guard_s, self._clock,
                        self._monotonic, self._back_from_data)

    @property
    def in_data_mode(self) -> bool:
        """True between CONNECT and the return to commands."""
        return self._dialogue.in_data_mode

    def _back_from_data(self, finished: Finished) -> None:
        self._free_at = self._monotonic() + self._gap_s if self._gap_s else 0.0

    # -- rate and lines --------------------------------------------------------------------------------------

    def set_rate(self, bit_s: int) -> None:
        """The host's own bit rate (send +IPR first). Raises NotPossible on a port without rate."""
        with self._turn:
            self._link.current().set_rate(bit_s)
            self._link.drain()

    def set_frame(self, frame: str) -> None:
        """The host's own character format ("8E1"; send +ICF first), until the port is opened anew. Raises
        NotPossible on a port without one, ValueError for a text that is none."""
        with self._turn:
            self._link.current().set_frame(Frame.of(frame))
            self._link.drain()

    def set_line(self, name: str, on: bool) -> None:
        """Drive "dtr" or "rts". Raises NotPossible on a port without lines."""
        self._link.current().set_output(name, on)
        self._link.drain()

    def lines(self) -> Mapping[str, bool]:
        """"cts", "dsr", "dcd", "ri". Raises NotPossible on a port without lines."""
        state = self._link.current().read_inputs()
        self._link.drain()
        return state

    def write_raw(self, data: bytes) -> None:
        """Write bytes as they are, outside any command: rubbish, half a command, a command that nobody waits
        for. Raises PortLost."""
        self._link.current().write(data, Deadline.after(5.0, self._clock))

    @property
    def gap_s(self) -> float:
        """The pause that is kept between an answer or a URC and the next command, in seconds."""
        return self._gap_s

    def wait_line(self, name: str, on: bool, timeout_s: float) -> bool:
        """True as soon as an input has a state; False when it has not in time. Raises NotPossible."""
        until = self._monotonic() + timeout_s
        while self.lines()[name] is not on:
            left = until - self._monotonic()
            if left <= 0:
                return False
            self.wait_until(lambda: False, min(0.002, left))
        return True

    # -- what happens on the way -----------------------------------------------------------------------------

    def _prepare(self, plan: Plan, payload: bytes | None) -> None:
        """What a command may have to wait for, and what must be known before its first byte is recorded."""
        if self._lent:
            raise FrameworkError(f"{self.name} carries a multiplexer: no AT command goes over it directly",
                                 remedy="use the multiplexer's channels, or close it first")
        for begin, end in plan.secrets:
            self.secrets.learn(plan.wire[begin:end])
        if payload is not None and plan.secret_payload:
            self.secrets.learn_text(payload)
        if self._receiver.holds_string:
            self._dialogue.settle_string(_STRING_WAIT_S)
        longest = self._monotonic() + _LONGEST_PAUSE_S
        while self._free_at > self._monotonic() and self._free_at:
            # A URC on the way begins the pause anew (LENA-R8 guide 4.2.1).
            if self._monotonic() > longest and self._free_at < longest:
                break
            self.wait_until(lambda: False, max(0.0, self._free_at - self._monotonic()))
        self._free_at = 0.0

    def _note(self, plan: Plan, info: Sequence[str], success: bool, ended: float) -> None:
        session, settings = self._dialogue.session, self.settings
        if success:
            settings.note(plan)
            self.wear.note(plan, info, self.name)
        session.echo = None if settings.echo is None else bool(settings.echo)
        session.greeting = settings.greeting
        session.set_numeric(settings.verbose == 0)
        if "+IPR" in plan.names and success:
            self._free_at = ended + self.profile.serial.after_ipr_s.value

    def _hear(self, heard: UrcHeard) -> None:
        now = self._monotonic()
        if self._gap_s:
            self._free_at = now + self._gap_s
        event = UrcEvent(self.urcs.mark(), self.name, heard.prefix, heard.text, now, self._clock.utc_ns(),
                         self._link.sequence - 1)
        if heard.prefix == GREETING:
            self._greeted(event)
        self.urcs.append(event)

    def _greeted(self, event: UrcEvent) -> None:
        self._resume_due = True
        sign = DeathSign(DeathKind.GREETING, self.name, event.text, event.monotonic_s)
        if self.deaths.see(sign) and self._dialogue.in_command:
            self._dialogue.interrupt()

    def _vanished(self, error: PortLost) -> None:
        self.deaths.see(DeathSign(DeathKind.PORT_LOST, self.name, error.message, self._monotonic()))


def refusal(answer: Answer) -> AtError:
    """The typed error of an answer whose final result code is no success."""
    final = answer.final
    kind = AtError
    if final.text.startswith("+CME"):
        kind = CmeError
    elif final.text.startswith("+CMS"):
        kind = CmsError
    elif final.text in CALL_CODES:
        kind = NoCarrier
    return kind(answer.command, final, answer.elapsed_s)
