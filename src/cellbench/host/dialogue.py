"""One command after another over a link: where bytes become answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cellbench.base.clock import Clock, Deadline
from cellbench.base.trace import TraceSink
from cellbench.host.errors import AtTimeout, UnexpectedPrompt, UnexpectedReset
from cellbench.host.link import READ_LIMIT, SLICE_S, Link
from cellbench.host.portgroup import PortGroup
from cellbench.io.pipe import PortLost
from cellbench.wire.at.events import (
    Connected,
    DataHeard,
    Final,
    Finished,
    PromptHeard,
    SessionEvent,
    Stray,
    UrcHeard,
)
from cellbench.wire.at.grammar import Grammar, Plan
from cellbench.wire.at.session import Session, State


@dataclass(frozen=True, slots=True)
class Sending:
    """A payload that takes its time: ``told`` hears how many of its bytes are written, at least every 4096.
    What it raises ends the command in the middle of the payload."""

    data: bytes
    told: Callable[[int], None]


Ask = Callable[[str], bytes | Sending]

CONNECTED = Final("CONNECT", 1, True)
_SLICE = 4096
_ESCAPE = b"\x1b"  # cancels the input at ">" (3GPP TS 27.005 3.5.1)


class Dialogue:
    """The conversation of one port. ``hear`` is told each URC, ``stray`` what belongs to nothing, both in the
    reading thread; ``lost`` that the port vanished."""

    def __init__(self, name: str, grammar: Grammar, sink: TraceSink, clock: Clock,
                 monotonic: Callable[[], float], *, hear: Callable[[UrcHeard], None],
                 stray: Callable[[Stray], None], lost: Callable[[PortLost], None],
                 after_prompt_s: float, group: PortGroup | None) -> None:
        self.name = name
        self.session = Session(grammar)
        self.link = Link(name, sink, self.feed, lost, monotonic)
        self.data = bytearray()  # what came in data mode and was not yet read
        self.began = 0.0  # when the last byte of the command or its payload was sent
        self.ended = 0.0  # when its end was read
        self._hear = hear
        self._stray = stray
        self._clock = clock
        self._monotonic = monotonic
        self._after_prompt_s = after_prompt_s
        self._group = group
        # What has come for the command under way; ``_news`` is true when any of them is set.
        self._news = False
        self._finished: Finished | None = None
        self._connected: Connected | None = None
        self._prompt: PromptHeard | None = None
        self._rebooted = False

    @property
    def in_command(self) -> bool:
        """True while a command is under way."""
        return self.session.state not in (State.IDLE, State.ONLINE, State.DATA)

    @property
    def in_data_mode(self) -> bool:
        """True between CONNECT and the return to commands."""
        return self.session.state is State.DATA

    def feed(self, data: bytes) -> None:
        """Bytes that were read; called by one thread at a time."""
        self._dispatch(self.session.receive(data))

    def interrupt(self) -> None:
        """The module rebooted: the command under way gets no answer any more."""
        self._rebooted = self._news = True

    def exchange(self, plan: Plan, timeout_s: float, payload: bytes | None,
                 ask: Ask | None) -> tuple[Finished, int]:
        """Send one command and wait for its end; the end and the number of the first trace record. CONNECT is
        an end too (data mode follows). Raises AtTimeout, UnexpectedReset, UnexpectedPrompt, PortLost,
        PortStuck."""
        link = self.link
        tap = link.tap
        if tap is None or link.failure is not None:
            tap = link.current()
        if not link.token.acquire(False):
            return self._exchange_beside(plan, timeout_s, payload, ask)
        # The ordinary way, kept short: nobody else reads, so this thread reads its own answer.
        held_s = 1.0
        try:
            first = tap.sequence
            if self._news:
                self._forget()
            session, monotonic = self.session, self._monotonic
            wire = session.begin(plan, any_prompt=payload is not None or ask is not None)
            tap.write(wire, Deadline(monotonic() + timeout_s, self._clock))
            self.began = now = monotonic()
            # From here on the module works on the command; what is done now costs the round trip nothing.
            link.hush()
            until = now + timeout_s
            if self._group is not None:
                self._group.enter(self.name, until)
            while not self._news:
                left = until - monotonic()
                if left <= 0 or link.tap is not tap:
                    break
                data = tap.read(READ_LIMIT, left if left < SLICE_S else SLICE_S)
                if not data:
                    break
                events = session.receive(data)
                if len(events) == 1 and type(finished := events[0]) is Finished:
                    self.ended = now = monotonic()
                    held_s = now - self.began
                    if self._group is not None:
                        self._group.leave(self.name, now)
                    return finished, first
                self._dispatch(events)
        except BaseException as error:
            self._break_off(error)
            raise
        finally:
            link.give(held_s, self.ended)
        return self._wait_on(plan, timeout_s, until, payload, ask), first

    def _exchange_beside(self, plan: Plan, timeout_s: float, payload: bytes | None,
                         ask: Ask | None) -> tuple[Finished, int]:
        """The same while another call waits for URCs and reads: it feeds this dialogue too."""
        link = self.link
        tap = link.current()
        try:
            with link.mutex:
                first = tap.sequence
                self._forget()
                wire = self.session.begin(plan, any_prompt=payload is not None or ask is not None)
            tap.write(wire, Deadline(self._monotonic() + timeout_s, self._clock))
            self.began = self._monotonic()
            if self._group is not None:
                self._group.enter(self.name, self.began + timeout_s)
        except BaseException as error:
            self._break_off(error)
            raise
        return self._wait_on(plan, timeout_s, self.began + timeout_s, payload, ask), first

    def _wait_on(self, plan: Plan, timeout_s: float, until: float, payload: bytes | None,
                 ask: Ask | None) -> Finished:
        """Everything that is not the quick answer to a command: prompts, slow commands, what goes wrong."""
        group = self._group
        try:
            while True:
                if self._finished is not None:
                    self.ended = self._monotonic()
                    return self._finished
                if self._connected is not None:
                    self.ended = self._monotonic()
                    return Finished((*self._connected.info, self._connected.text), CONNECTED)
                if self._rebooted:
                    raise UnexpectedReset(f"{plan.shown}: the module restarted instead of answering")
                if self._prompt is not None:
                    self._answer_prompt(plan, payload, ask)
                    until = self.began + timeout_s
                elif not self.link.wait(self._has_news, until):
                    later = group.deadline(self.name, timeout_s) if group is not None else 0.0
                    if later <= self._monotonic():
                        raise AtTimeout(plan.shown, timeout_s, self.session.heard)
                    until = later
        except BaseException as error:
            self._break_off(error)
            raise
        finally:
            if group is not None:
                group.leave(self.name, self._monotonic())

    def _answer_prompt(self, plan: Plan, payload: bytes | None, ask: Ask | None) -> None:
        prompt, self._prompt = self._prompt, None
        self._news = False
        assert prompt is not None
        data: bytes | Sending | None = payload
        if data is None and ask is not None:
            data = ask(prompt.mark)
        tap = self.link.current()
        if data is None:
            if prompt.mark == ">":
                tap.write(_ESCAPE, Deadline.after(1.0, self._clock))
            raise UnexpectedPrompt(f"{plan.shown}: the module asks for data ({prompt.mark}), there is none")
        # Characters that come too early after the prompt get lost (LENA-R8 guide 9.2.3, LARA-R6 guide 5.3.1).
        if self.link.wait(self._has_news, self._monotonic() + self._after_prompt_s):
            return  # the module took its prompt back
        told = data.told if isinstance(data, Sending) else None
        with self.link.mutex:
            wire = self.session.payload(data.data if isinstance(data, Sending) else data,
                                        echoed=prompt.mark == ">")
        deadline = Deadline.after(max(5.0, len(wire) / 800), self._clock)
        if told is None:
            tap.write(wire, deadline)
        else:
            for begin in range(0, len(wire), _SLICE):
                if self._news:
                    return  # the module has ended it
                tap.write(wire[begin:begin + _SLICE], deadline)
                told(min(begin + _SLICE, len(wire)))
        self.began = self._monotonic()

    def leave_data(self, plan: Plan, wire: bytes, timeout_s: float,
                   also: Callable[[], None] | None = None, again_s: float | None = None) -> Finished:
        """Send the escape from data mode, or do what else leaves it, and wait for the module's answer in
        command mode. ``again_s``: send it once more when nothing came for so long. Raises AtTimeout."""
        with self.link.mutex:
            self._forget()
            self.session.leave_data(plan)
        try:
            if wire:
                self.link.current().write(wire, Deadline.after(timeout_s, self._clock))
            if also is not None:
                also()
            self.began = self._monotonic()
            again = again_s is not None and again_s < timeout_s
            if again and not self.link.wait(self._has_news, self.began + (again_s or 0.0)):
                self.link.current().write(wire, Deadline.after(timeout_s, self._clock))
        except BaseException as error:
            self._break_off(error)
            raise
        return self._wait_on(plan, timeout_s, self.began + timeout_s, None, None)

    def settle_string(self, patience_s: float) -> None:
        """Give an unfinished string some time to end, then give it up."""
        session = self.session
        self.link.wait(lambda: not session.receiver.holds_string, self._monotonic() + patience_s)
        if session.receiver.holds_string:
            with self.link.mutex:
                self._dispatch(session.abandon_string())

    def reset(self) -> None:
        """The stream begins anew."""
        self.session.reset()
        self._forget()
        self.data.clear()

    def _has_news(self) -> bool:
        return self._news

    def _forget(self) -> None:
        if self._news:
            self._finished = self._connected = self._prompt = None
            self._news = self._rebooted = False

    def _break_off(self, error: BaseException) -> None:
        """The command under way ends without an answer."""
        if self._group is not None:
            self._group.leave(self.name, self._monotonic())
        with self.link.mutex:
            if isinstance(error, PortLost):
                self.link.vanished(error)
            elif isinstance(error, UnexpectedReset):
                self.session.reset()
            elif self.in_command:
                self.session.give_up()

    def _dispatch(self, events: list[SessionEvent]) -> None:
        for event in events:
            if type(event) is Finished:
                self._finished = event
                self._news = True
            elif isinstance(event, UrcHeard):
                self._hear(event)
            elif isinstance(event, Stray):
                self._stray(event)
            elif isinstance(event, DataHeard):
                self.data += event.data
            elif isinstance(event, PromptHeard):
                self._prompt = event
                self._news = True
            elif isinstance(event, Connected):
                self._connected = event
                self._news = True

