"""The dialogue of one port as a state machine, without I/O and without a clock.

Commands go out through ``begin``; what the module sends goes in through ``receive`` and comes out as events.
The states and what moves between them are in ``states``; whatever is not there is a rule broken, by us
(LocalRuleBroken) where we called, by the module where its bytes did: that never stops the dialogue, it
becomes a Stray event.
"""

from __future__ import annotations

from cellbench.wire.at.errors import LocalRuleBroken
from cellbench.wire.at.events import (
    Connected,
    DataHeard,
    Final,
    Finished,
    PromptHeard,
    SessionEvent,
    Stray,
    StrayKind,
    Token,
    UrcHeard,
)
from cellbench.wire.at.grammar import CALL_CODES, Grammar, Plan, looks_unsolicited
from cellbench.wire.at.receiver import Receiver, TokenEvent
from cellbench.wire.at.states import HANGS_UP, HOLDS_CALL, TRANSITIONS, Signal, State
from cellbench.wire.at.values import prefix_of

__all__ = ["GREETING", "TRANSITIONS", "Session", "Signal", "State"]

GREETING = "greeting"
"""The prefix under which the start-up text is reported, whatever text it is."""

_NOT_ECHOED = b" \x1a\x1b"  # Ctrl-Z and ESC end a message text; whether they are repeated varies
_ANSWERS_SEEN = 256
_LONGEST_SEEN = 256  # bytes
_ATTENTION = "AT"  # no command answers so
_NOISE = 8  # bytes of line noise in front of an echo that do no harm
_new = tuple.__new__
_LINE, _FINAL = Token.LINE, Token.FINAL
_IDLE, _SENT, _ANSWERING, _ONLINE = State.IDLE, State.SENT, State.ANSWERING, State.ONLINE
_NO_CARRIER = "NO CARRIER"


class Session:
    """The dialogue of one port. ``echo`` says whether the module repeats commands: True, False or None (not
    known); it is set by whoever sees ATE answered."""

    __slots__ = ("_armed", "_echo", "_finals", "_grammar", "_greeting", "_info", "_overdue", "_payload_echo",
                 "_plan", "_rest", "_seen", "_sole_read", "_state", "echo", "receiver")

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._finals = grammar.finals
        self.receiver = Receiver(grammar.verbose, grammar.numeric)
        """Cuts the bytes into lines; to be looked at, not fed, from outside."""
        self._state = State.IDLE
        self._rest = _IDLE  # where the dialogue comes to rest: ONLINE while a call is held
        self._plan: Plan | None = None
        self._overdue: Plan | None = None  # a command that was given up and may still be answered
        self._info: list[str] = []
        self._armed = False  # prompts or CONNECT are being looked for
        self._payload_echo: set[bytes] = set()
        self._sole_read = ""
        self._echo = b""  # of the command under way
        self._seen: dict[tuple[bytes, bytes], list[SessionEvent]] = {}  # whole answers, by command
        self.echo: bool | None = None
        self._greeting: str | None = None

    @property
    def state(self) -> State:
        """Where the dialogue stands."""
        return self._state

    @property
    def call_held(self) -> bool:
        """True from the CONNECT of a call to its end, as far as the DTE was told (see HANGS_UP)."""
        return self._rest is _ONLINE

    @property
    def greeting(self) -> str | None:
        """The module's start-up text: always a URC, never information."""
        return self._greeting

    @greeting.setter
    def greeting(self, text: str | None) -> None:
        if text != self._greeting:
            self._greeting = text
            self._seen.clear()

    @property
    def overdue(self) -> Plan | None:
        """A command that was given up and may still be answered."""
        return self._overdue

    @property
    def heard(self) -> tuple[str, ...]:
        """The information lines of the command under way so far."""
        return tuple(self._info)

    def begin(self, plan: Plan, *, any_prompt: bool = False) -> bytes:
        """Begin a command; the bytes to send. With ``any_prompt`` both prompts are taken whatever the
        catalogue says. Raises LocalRuleBroken while another command is under way."""
        if self._state is not self._rest:
            raise LocalRuleBroken(f"{plan.shown}: sent in state {self._state.name}, while "
                                  f"{self._plan.shown if self._plan else 'data mode'} is not finished")
        self._state = _SENT
        self._plan = plan
        self._echo = plan.echo
        if self._info:
            self._info = []
        self._sole_read = plan.sole_read
        if plan.changes_form:
            self.set_numeric(True)
        prompts = "@>" if any_prompt else plan.prompts
        if prompts or plan.connects:
            self._armed = True
            self.receiver.arm_prompts(prompts)
            self.receiver.connects = plan.connects
        return plan.wire

    def abandon_string(self) -> list[SessionEvent]:
        """Stop waiting for the end of an unfinished string (its bytes are lost)."""
        return [Stray(StrayKind.GARBAGE, raw.decode("latin-1")) for _, raw in self.receiver.give_up_string()]

    def payload(self, data: bytes, *, echoed: bool) -> bytes:
        """Give the payload asked for; the bytes to send. ``echoed``: the module repeats it (">" prompt)."""
        self._go(Signal.PAYLOAD)
        self._payload_echo = {part.strip(_NOT_ECHOED) for part in data.splitlines()} if echoed else set()
        return data

    def give_up(self) -> None:
        """Stop waiting for the command under way; its answer may still come and is then a late Stray."""
        self._overdue = self._plan
        held = self._rest is _ONLINE and self._state not in (State.DATA, State.LEAVING)
        self._go(Signal.HELD if held else Signal.GIVE_UP)
        self._rest = self._state
        self._end_command()
        self.receiver.command_mode()

    def leave_data(self, plan: Plan) -> None:
        """Back from data mode to lines; the answer of ``plan`` (an escape, or DTR off) is awaited, and what
        comes before it is still data."""
        self._go(Signal.LEAVE_DATA)
        self._plan = plan
        self._info = []
        self.receiver.leave_data()

    def reset(self) -> None:
        """The stream begins anew: port opened, module booted."""
        self._go(Signal.RESET)
        self._rest = _IDLE
        self._end_command()
        self._overdue = None
        self.receiver.reset()

    def set_numeric(self, on: bool) -> None:
        """Numeric result codes (ATV0)."""
        self.receiver.set_numeric(on)
        self._seen.clear()

    def receive(self, data: bytes) -> list[SessionEvent]:
        """What these bytes mean."""
        if self._state is not _SENT:
            return self._receive(data)
        known = self._seen.get((self._echo, data))
        if known is None or not self._is_fresh():
            return self._receive_new(data)
        # The same answer in the same words as before, as those who poll a module get it all day long.
        self._state = self._rest
        self._plan = None
        return known

    def _receive_new(self, data: bytes) -> list[SessionEvent]:
        """Bytes after a command was sent; a whole answer that comes in one piece is remembered."""
        fresh = self._is_fresh() and self._plan is not None and not self._plan.names & HANGS_UP
        events = self._receive(data)
        if (fresh and len(events) == 1 and type(events[0]) is Finished and self.receiver.is_clean
                and len(data) <= _LONGEST_SEEN):
            if len(self._seen) >= _ANSWERS_SEEN:
                self._seen.clear()
            self._seen[self._echo, data] = events
        return events

    def _is_fresh(self) -> bool:
        """True when nothing but the command's own answer is expected and nothing came of it yet."""
        return (not self._info and self._overdue is None and not self._armed and self.receiver.is_clean)

    def _receive(self, data: bytes) -> list[SessionEvent]:
        events: list[SessionEvent] = []
        lines = self.receiver.plain_lines(data)
        if lines is None:
            return self._receive_odd(data, events)
        finals = self.receiver.finals
        for line in lines:
            if not line:
                continue
            raw = line.strip()
            if raw in finals:
                self._final(raw, events)
            elif self._state is self._rest:
                if raw:
                    self._stray_line(raw.decode("latin-1"), events)
            elif raw:
                self._line(raw, events)
        return events

    def _receive_odd(self, data: bytes, events: list[SessionEvent]) -> list[SessionEvent]:
        for token in self.receiver.tokens(data):
            kind, raw = token
            if kind is _LINE:
                if self._state is self._rest:
                    self._stray_line(raw.decode("latin-1"), events)
                else:
                    self._line(raw, events)
            elif kind is _FINAL:
                self._final(raw, events)
            else:
                self._other(token, events)
        return events

    def _other(self, token: TokenEvent, events: list[SessionEvent]) -> None:
        kind, raw = token
        text = raw.decode("latin-1")
        if kind is Token.DATA:
            events.append(DataHeard(raw))
        elif kind is Token.PROMPT and self._allowed(Signal.PROMPT):
            events.append(PromptHeard(text))
        elif kind is Token.CONNECT and self._allowed(Signal.CONNECT):
            events.append(Connected(text, tuple(self._info)))
            if self._plan is not None and self._plan.names & HOLDS_CALL:
                self._rest = _ONLINE
            self._end_command()
        else:
            events.append(Stray(StrayKind.GARBAGE, text))

    def _line(self, raw: bytes, events: list[SessionEvent]) -> None:
        """A line while a command is under way: its echo, its information text, or a URC."""
        plan = self._plan
        assert plan is not None
        if self._state is _SENT and (raw == plan.echo or _noisy_echo(raw, plan.echo)):
            self._state = _ANSWERING  # TRANSITIONS[SENT][ECHO], written out for every command comes by here
            if self._info or self._overdue is not None:
                self._begun(events)
            return
        text = raw.decode("latin-1")
        if text.partition(":")[0] in plan.prefixes and text != self._greeting:
            self._info.append(text)
            return
        if plan.voice and text.startswith("CONNECT"):
            self._speaking(text, events)
            return
        if self._payload_echo and raw.strip(_NOT_ECHOED) in self._payload_echo:
            return
        prefix = prefix_of(text)
        if text == self._greeting and "+CSGT" not in plan.names:
            events.append(UrcHeard(GREETING, text))
        elif prefix and prefix not in plan.prefixes and self._grammar.is_urc(prefix):
            events.append(UrcHeard(prefix, text))
        else:
            self._info.append(text)

    def _speaking(self, text: str, events: list[SessionEvent]) -> None:
        """CONNECT of a voice call: the port stays in command mode (LENA-R8 guide 7.3.1, Table 18)."""
        events.append(Finished(tuple(self._info), Final(text, 1, True)))
        self._state = self._rest
        self._overdue = None
        self._end_command()

    def _begun(self, events: list[SessionEvent]) -> None:
        """The echo came: whatever came before it belongs to something earlier."""
        for text in self._info:
            self._stray_line(text, events)
        self._info = []
        self._overdue = None

    def _stray_line(self, text: str, events: list[SessionEvent]) -> None:
        prefix = prefix_of(text)
        if text == self._greeting:
            events.append(UrcHeard(GREETING, text))
        elif prefix and self._grammar.is_urc(prefix):
            events.append(UrcHeard(prefix, text))
        elif self._overdue is not None and (prefix in self._overdue.prefixes or self._overdue.open_text):
            events.append(Stray(StrayKind.LATE, text))
        elif prefix and prefix[0] in "+^*":
            # A code that the catalogue does not know is still the module speaking unasked.
            events.append(UrcHeard(prefix, text))
        else:
            events.append(Stray(StrayKind.UNKNOWN, text))

    def _final(self, raw: bytes, events: list[SessionEvent]) -> None:
        final = self._finals.get(raw) or self._grammar.final(raw)
        plan = self._plan
        if plan is None or self._state is self._rest:
            self._unasked(final, events)
            return
        if not final.success and final.text in CALL_CODES and not plan.dials:
            self._call_code(final, events)
            return
        if self._state is _SENT and ((self._overdue is not None and self.echo) or self._late_attention(plan)):
            # The echo of our command has not come, so this ends the command that was given up.
            for text in self._info:
                self._stray_line(text, events)
            self._info = []
            self._unasked(final, events)
            return
        info = self._info
        if self._sole_read and len(info) > 1:
            info = self._without_copies(info, events)
        if self._rest is _ONLINE and _ends_call(plan, final):
            self._rest = _IDLE
        self._state = self._rest  # TRANSITIONS[...][FINAL or HELD] of every state that has a command
        # What Finished(...) does, without its call: every command comes by here.
        events.append(_new(Finished, (tuple(info), final)))
        self._plan = None
        self._overdue = None
        if self._armed:
            self._end_command()

    def _late_attention(self, plan: Plan) -> bool:
        """True when all that came is the echo of an AT that was sent, perhaps several times, before."""
        return self._info == [_ATTENTION] and plan.echo != _ATTENTION.encode()

    def _unasked(self, final: Final, events: list[SessionEvent]) -> None:
        if final.text in CALL_CODES:
            self._call_code(final, events)
        elif self._overdue is not None:
            self._overdue = None
            events.append(Stray(StrayKind.LATE, final.text))
        else:
            events.append(Stray(StrayKind.UNASKED, final.text))

    def _call_code(self, final: Final, events: list[SessionEvent]) -> None:
        """A result code of a call that no command of ours is about."""
        if final.text == _NO_CARRIER:
            if self._state is _ONLINE:
                self._go(Signal.CARRIER_LOST)
            self._rest = _IDLE
        events.append(UrcHeard(final.text, final.text))

    def _without_copies(self, info: list[str], events: list[SessionEvent]) -> list[str]:
        """A read command answers with one line; a registration URC of the same prefix may have come beside
        it. The answer has the mode in front; when no line has (LENA-R8's +CREG?), it is the last one."""
        same = [text for text in info if prefix_of(text) == self._sole_read]
        if len(same) < 2:
            return info
        answers = [text for text in same if not looks_unsolicited(text)] or same[-1:]
        kept: list[str] = []
        for text in info:
            if text in same and text not in answers:
                events.append(UrcHeard(self._sole_read, text))
            else:
                kept.append(text)
        return kept

    def _end_command(self) -> None:
        self._plan = None
        self._info = []
        self._payload_echo = set()
        self._sole_read = ""
        self._armed = False
        self.receiver.connects = False
        self.receiver.arm_prompts("")

    def _allowed(self, signal: Signal) -> bool:
        """Move by something the module did; False when its rule book does not have it."""
        following = TRANSITIONS[self._state].get(signal)
        if following is None:
            return False
        self._state = following
        return True

    def _go(self, signal: Signal) -> None:
        following = TRANSITIONS[self._state].get(signal)
        if following is None:
            raise LocalRuleBroken(f"{signal.name} is not allowed in state {self._state.name}")
        self._state = following


def _noisy_echo(raw: bytes, echo: bytes) -> bool:
    return len(echo) < len(raw) <= len(echo) + _NOISE and raw.endswith(echo) and raw[0] not in b"+^*"


def _ends_call(plan: Plan, final: Final) -> bool:
    """True when the call held is over with this answer: hung up, or nothing to resume, or the escape met the
    end of the call."""
    if final.success:
        return bool(plan.names & HANGS_UP)
    return final.text == _NO_CARRIER and not plan.names & HOLDS_CALL - {"O"}
