"""What the session must know of a series' language, digested from the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cellbench.catalogue.model import Command, ErrorCode, FinalCode, Form, Kind, Series, Urc
from cellbench.wire.at.encode import Call, parse_line
from cellbench.wire.at.errors import UnsendableLine
from cellbench.wire.at.events import Final
from cellbench.wire.at.values import prefix_of

CALL_CODES = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "RING"})
"""Result codes of calls (V.250 5.7.1): final only for a command that makes or resumes one; RING never is."""

_DIALS = frozenset({"D", "A", "O", "+CGDATA", "+USODL"})
_CONNECTS = frozenset({"D", "O", "+CGDATA", "+USODL"})
_DIRECT_LINK = re.compile(r"[67]")  # operations of +UFTPC that end in CONNECT (LENA-R8 guide 9.3.2.2)
_DEFAULT_TIME_S = 10.0  # for a command that the catalogue does not know: what public drivers wait


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is known of a command line before it is sent.

    ``prefixes`` are those of the information text it may answer with; ``open_text`` says that text without a
    prefix (or of an unknown command) may come; ``sole_read`` names the prefix of the only read command when
    its answer could be mistaken for a URC. ``secrets`` are (begin, end) places in the line, ``shown`` is the
    line with them blanked.
    """

    line: str
    shown: str
    names: frozenset[str]
    wire: bytes
    echo: bytes
    calls: tuple[Call, ...]
    prefixes: frozenset[str]
    open_text: bool
    sole_read: str
    dials: bool
    connects: bool
    prompts: str
    changes_form: bool  # ATV: its own answer may come in either form
    watched: bool  # holds one of the names that the planner was asked to watch for
    timeout_s: float
    abortable: bool
    secrets: tuple[tuple[int, int], ...] = ()
    secret_payload: bool = False
    voice: bool = False  # makes or takes a voice call: CONNECT is its end, and no data mode follows


class Grammar:
    """The language of one series: commands, URCs, result codes, error numbers."""

    __slots__ = ("_cme", "_cme_numbers", "_cms", "_cms_numbers", "commands", "finals", "numeric", "series",
                 "urcs", "verbose")

    def __init__(self, series: Series, commands: Mapping[str, Command], urcs: Iterable[Urc],
                 finals: Iterable[FinalCode], cme: Iterable[ErrorCode], cms: Iterable[ErrorCode]) -> None:
        self.series = series
        self.commands = commands
        self.urcs: dict[str, Urc] = {urc.prefix: urc for urc in urcs if series in urc.series}
        known = [code for code in finals if not code.text.startswith("CONNECT")]
        self.finals: dict[bytes, Final] = {}
        for code in known:
            final = Final(code.text, code.number, code.success)
            self.finals[code.text.encode("latin-1")] = final
        self.verbose = tuple(code.text.encode("latin-1") for code in known if code.text != "RING")
        self.numeric = tuple(str(code.number).encode() for code in known if code.number >= 0)
        for code in known:
            if code.number >= 0:
                self.finals.setdefault(str(code.number).encode(), Final(code.text, code.number, code.success))
        self._cme, self._cme_numbers = _tables(series, cme)
        self._cms, self._cms_numbers = _tables(series, cms)

    def final(self, raw: bytes) -> Final:
        """The typed form of a final result code's line."""
        found = self.finals.get(raw)
        if found is not None:
            return found
        text = raw.decode("latin-1")
        head, _, detail = text.partition(":")
        detail = detail.strip()
        texts, numbers = (self._cms, self._cms_numbers) if "CMS" in head else (self._cme, self._cme_numbers)
        if detail.isdigit():
            number: int | None = int(detail)
            return Final(text, number, False, texts.get(int(detail), detail))
        return Final(text, numbers.get(detail.lower()), False, detail)

    def is_urc(self, prefix: str) -> bool:
        """True for the prefix of a known URC, or of what the maker's naming marks as one (+UU...)."""
        return prefix in self.urcs or prefix.startswith("+UU")

    def plan(self, line: str, watch: frozenset[str] = frozenset()) -> Plan:
        """Take a command line apart; ``watch`` are the names for ``watched``. Raises UnsendableLine."""
        calls = parse_line(line)
        known = [(call, self.commands[call.name]) for call in calls if call.name in self.commands]
        unknown = [call for call in calls if call.name not in self.commands]
        names = {call.name for call in calls}
        told = (self._information(call, command) for call, command in known)
        prefixes = {prefix for prefix in told if prefix} | {call.name for call in unknown}
        prompts = {command.prompt for call, command in known if call.form in command.prompt_forms}
        times = [command.response_time_s(call.form) for call, command in known]
        secrets, secret_payload = _secrets(line, known, self.series)
        linked = any(_opens_direct_link(line, call) for call in calls)
        voice = "A" in names or ("D" in names and line.rstrip().endswith(";"))
        return Plan(
            line=line, shown=_blanked(line, secrets), names=frozenset(names), wire=_wire(line),
            echo=line.encode("latin-1"), calls=calls, prefixes=frozenset(prefixes),
            open_text=bool(unknown) or any(command.info == "" for _, command in known),
            sole_read=self._sole_read(known, calls),
            dials=bool(names & _DIALS) or bool(unknown) or linked,
            connects=(bool(names & _CONNECTS) and not voice) or linked, voice=voice,
            prompts="".join(sorted(prompt for prompt in prompts if prompt)), changes_form="V" in names,
            watched=not watch.isdisjoint(names),
            timeout_s=max(times + [_DEFAULT_TIME_S] * len(unknown), default=1.0),
            abortable=bool(known) and known[-1][1].abortable, secrets=secrets, secret_payload=secret_payload)

    def escape_plan(self) -> Plan:
        """The escape from data mode (V.250 6.2.11): not a line, but answered like one."""
        return Plan(line="+++", shown="+++", names=frozenset(), wire=b"+++", echo=b"+++", calls=(),
                    prefixes=frozenset(), open_text=True, sole_read="", dials=True, connects=False,
                    prompts="", changes_form=False, watched=False, timeout_s=_DEFAULT_TIME_S, abortable=False)

    def _information(self, call: Call, command: Command) -> str | None:
        """The prefix of a call's information text; None where a line with it would be a URC."""
        if command.info is None:
            # A test form answers with the command's own name although the command says nothing else.
            return command.name if call.form is not Form.SET and command.name[0] in "+^*" else None
        if call.form is Form.SET and Form.READ in command.forms and command.info in self.urcs:
            return None
        return command.info or command.name

    def _sole_read(self, known: list[tuple[Call, Command]], calls: tuple[Call, ...]) -> str:
        if len(calls) != 1 or len(known) != 1:
            return ""
        call, command = known[0]
        return command.info if call.form is Form.READ and command.info in self.urcs and command.info else ""


def _opens_direct_link(line: str, call: Call) -> bool:
    return call.name == "+UFTPC" and bool(call.args) and bool(
        _DIRECT_LINK.fullmatch(line[slice(*call.args[0])].strip()))


def _blanked(line: str, secrets: tuple[tuple[int, int], ...]) -> str:
    for begin, end in secrets:
        line = line[:begin] + "*" * (end - begin) + line[end:]
    return line


def _wire(line: str) -> bytes:
    try:
        return line.encode("latin-1") + b"\r"
    except UnicodeEncodeError as error:
        raise UnsendableLine(f"{line!r}: only characters of one byte can be sent") from error


def _tables(series: Series, codes: Iterable[ErrorCode]) -> tuple[dict[int, str], dict[str, int]]:
    texts: dict[int, str] = {}
    numbers: dict[str, int] = {}
    for code in codes:
        if series in code.series:
            texts.setdefault(code.number, code.text)
            numbers.setdefault(code.text.lower(), code.number)
    return texts, numbers


def _secrets(line: str, known: list[tuple[Call, Command]],
             series: Series) -> tuple[tuple[tuple[int, int], ...], bool]:
    places: list[tuple[int, int]] = []
    payload = False
    for call, command in known:
        params = command.params_for(series)
        values = {param.name: line[begin:end].strip()
                  for (begin, end), param in zip(call.args, params, strict=False)}
        if call.form in (Form.SET, Form.EXECUTE):
            places += [part for place, param in zip(call.args, params, strict=False)
                       if param.secret and place[1] > place[0] and _holds(param.secret_when, values)
                       for part in _part(line, place, param.secret_part)]
        left_out = params[len(call.args):]
        payload = payload or any(param.secret and param.kind is Kind.DATA for param in left_out)
        payload = payload or bool(command.payload_secret_when and _holds(command.payload_secret_when, values))
    return tuple(places), payload


def _part(line: str, place: tuple[int, int], pattern: str) -> Iterator[tuple[int, int]]:
    """What of a parameter is secret: all of it, or what a pattern's group matches."""
    if not pattern:
        yield place
    elif found := re.search(pattern, line[slice(*place)]):
        yield place[0] + found.start(1), place[0] + found.end(1)


def _holds(condition: Mapping[str, frozenset[int]], values: Mapping[str, str]) -> bool:
    return all(values.get(name, "").isdigit() and int(values[name]) in wanted
               for name, wanted in condition.items())


def looks_unsolicited(line: str) -> bool:
    """True for the short form of a registration line (3GPP TS 27.007 7.2), ``+CREG: 5`` or
    ``+CREG: 5,"1A2B",...``; an answer to the read form has the mode in front: ``+CREG: 2,5``."""
    body = line[len(prefix_of(line)) + 1:]
    parts = [part.strip() for part in body.split(",")]
    return len(parts) < 2 or parts[1].startswith('"')
