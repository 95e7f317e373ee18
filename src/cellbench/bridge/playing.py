"""One command after another on an AT channel, and what came back, with times: for captures and for the
virtual module alike."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cellbench.base.trace import Direction
from cellbench.bridge.model import Exchange, Heard
from cellbench.catalogue.overlay import filled
from cellbench.catalogue.urcs import URCS
from cellbench.host.channel import Channel
from cellbench.host.errors import AtTimeout
from cellbench.host.transcript import Transcript
from cellbench.host.urclog import UrcTimeout
from cellbench.wire.at.session import GREETING
from cellbench.wire.at.values import fields_of, prefix_of

_HOLES = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_LONG_ENOUGH = 4  # shorter values of the bench are not looked for in answers
_URCS = frozenset(urc.prefix for urc in URCS)
NOT_ASKED = "(not asked)"


@dataclass(slots=True)
class Player:
    """Asks a module. ``values`` of the bench by name; answers add theirs. ``register`` waits until the module
    is registered again, ``attaches`` is told of each attach to come."""

    channel: Channel
    trace: Transcript
    values: dict[str, str]
    register: Callable[[], object]
    attaches: Callable[[str], None]
    awaited: set[str] = field(default_factory=set)

    def can_ask(self, send: str) -> bool:
        """True when all that a command needs of earlier answers is known."""
        return all(name in self.values for name in _HOLES.findall(send))

    def ask(self, question: Exchange, *, expecting: bool = False) -> Exchange:
        """Send a command and note what comes back; ``question`` says what, and what to wait for. URCs are
        waited for after a success, with ``expecting`` after a refusal as well."""
        if not self.can_ask(question.send):
            return question.model_copy(update={"lines": (), "final": NOT_ASKED, "first_s": None,
                                               "final_s": 0.0, "urcs": ()})
        if question.registers:
            self.attaches(question.send)
        payload = question.payload.encode("latin-1") if question.payload is not None else None
        line, mark, before = filled(question.send, self.values), self.trace.mark(), self.channel.urcs.mark()
        expected = self.channel.expect(question.awaits) if question.awaits else None
        with expected if expected is not None else contextlib.nullcontext():
            lines, final, final_s, well = self._send(line, payload)
            urcs: tuple[str, ...] = ()
            if expected is not None and (well or expecting):
                with contextlib.suppress(UrcTimeout):
                    urcs = (expected.wait(question.await_s).text,)
        self.awaited |= set(question.awaits)
        heard = self._received(mark, line)
        said = self._with_unknown(lines, heard, final, before, question.awaits)
        answer = question.model_copy(update={
            "lines": tuple(self._named(one, question.send) for one in said),
            "final": final, "final_s": round(final_s, 3),
            "first_s": _first(heard, final_s) if said else None,
            "urcs": tuple(Heard(text=self._named(text, question.send), early=_is_early(heard, text, final))
                          for text in urcs)})
        self._bind(question, lines)
        if question.registers:
            self.register()
            self.channel.send("AT", check=False)  # so that the line before the next command is known
        return answer

    def _send(self, line: str, payload: bytes | None) -> tuple[tuple[str, ...], str, float, bool]:
        try:
            answer = self.channel.send(line, payload=payload, check=False)
        except AtTimeout as error:
            return error.heard, "", error.seconds, False
        return answer.info, answer.final.text, answer.elapsed_s, answer.final.success

    def _with_unknown(self, lines: tuple[str, ...], heard: list[tuple[float, bytes]], final: str, before: int,
                      awaits: tuple[str, ...]) -> tuple[str, ...]:
        """The lines with those before the final code that were taken for URCs by their prefix alone: +UU...,
        and no such URC is known."""
        more = [event.text for event in self.channel.urcs.since(before)
                if event.prefix not in _URCS and event.prefix not in awaits and event.prefix != GREETING
                and _is_early(heard, event.text, final)]
        if not more:
            return lines
        whole = b"".join(data for _, data in heard).decode("latin-1")
        return tuple(sorted((*lines, *more), key=whole.find))

    def _bind(self, question: Exchange, lines: tuple[str, ...]) -> None:
        for name, (prefix, place) in question.binds.items():
            values = next((fields_of(line) for line in lines if prefix_of(line) == prefix), ())
            if place < len(values) and values[place] is not None:
                self.values[name] = str(values[place])

    def _named(self, text: str, send: str) -> str:
        """A text with the bench's names and addresses as ``{name}``, those of the command first."""
        for name, value in sorted(self.values.items(), key=lambda one: f"{{{one[0]}}}" not in send):
            if len(value) >= _LONG_ENOUGH and not value.isdigit():
                text = text.replace(value, f"{{{name}}}")
        return text

    def _received(self, mark: int, line: str) -> list[tuple[float, bytes]]:
        """What came back without the echo: seconds from the command's last byte, and bytes."""
        name = self.channel.name
        records = [one for one in self.trace.records(mark) if one.port == name]
        sent = next((one.monotonic_ns for one in records if one.direction is Direction.TX), mark)
        echo, heard = line.encode("latin-1"), b""
        found: list[tuple[float, bytes]] = []
        for one in records:
            if one.direction is not Direction.RX:
                continue
            before = len(_without_echo(heard, echo))
            heard += one.data
            told = _without_echo(heard, echo)
            if len(told) > before:
                found.append(((one.monotonic_ns - sent) / 1e9, told[before:]))
        return found


def _without_echo(heard: bytes, echo: bytes) -> bytes:
    told = heard.lstrip(b"\r\n")
    if echo.startswith(told):
        return b""
    return told[len(echo):].lstrip(b"\r\n") if told.startswith(echo) else told


def _first(heard: list[tuple[float, bytes]], final_s: float) -> float | None:
    """Seconds to the first character, never more than to the final result code."""
    return round(min(max(heard[0][0], 0.0), final_s), 3) if heard else None


def _is_early(heard: list[tuple[float, bytes]], text: str, final: str) -> bool:
    whole = b"".join(data for _, data in heard)
    urc, code = whole.find(text.encode("latin-1")), whole.find(b"\r\n" + final.encode("latin-1") + b"\r\n")
    if whole.startswith(final.encode("latin-1") + b"\r\n"):
        code = 0
    return 0 <= urc < code


def question_of(known: Exchange) -> Exchange:
    """A captured exchange without its answer."""
    return known.model_copy(update={"lines": (), "final": "", "first_s": None, "final_s": 0.0, "urcs": ()})


def bench_values(services: Mapping[str, object]) -> dict[str, str]:
    """Names and addresses that commands may use, from a rig file's services."""
    values: dict[str, str] = {}
    for role, attributes in (("dns", ("name",)), ("icmp", ("name", "host")), ("echo", ("host", "name"))):
        service = services.get(role)
        found = next((str(value) for one in attributes if (value := getattr(service, one, None))), None)
        if found is not None:
            values[f"{role}_{attributes[0]}"] = found
    port = getattr(services.get("echo"), "port", None)
    if port is not None:
        values["echo_port"] = str(port)
    return values
