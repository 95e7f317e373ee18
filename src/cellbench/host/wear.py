"""Writes to a module's non-volatile memory, and those of them that change nothing.

Flash wears: the value in force is read first and written only when it differs (LENA-R8 guide 6.1). The watch
sees every command line of all ports of a module, learns from what is read and written, and keeps account of
the writes that were needless (the value was known to be there) and blind (nobody had read it).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cellbench.base.errors import FrameworkError
from cellbench.catalogue.model import Command, Form, Storage
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.wire.at.encode import Call
from cellbench.wire.at.grammar import Plan
from cellbench.wire.at.values import Fields, fields_of, prefix_of

_Values = tuple[str, ...]
_Key = tuple[str, _Values]  # the command, and what of its parameters says which setting is meant


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a command writes and reads its settings: ``key`` parameters name the setting; with ``op`` the first
    one says whether the line reads ("0") or writes ("1"), else a line with keys alone reads when
    ``query`` says so. ``ahead``: values of an answer before the stored one (what is in force until the
    reboot)."""

    key: int = 0
    op: bool = False
    query: bool = False
    per_port: bool = False
    ahead: int = 0


_PLAIN = _Shape()
_SHAPES: Mapping[str, _Shape] = MappingProxyType({
    "+CGDCONT": _Shape(key=1), "+UGPIOC": _Shape(key=1), "+UUARTCONF": _Shape(key=1),
    "+UDCONF": _Shape(key=1, query=True), "+SYSNV": _Shape(key=1, op=True), "+IPR": _Shape(per_port=True),
    "+USIO": _Shape(ahead=1),
})

# An order to the module (+CFUN, +COPS, +UFACTORY), or answered in another form than it is set in.
_NOT_JUDGED = frozenset({"+CFUN", "+COPS", "+UFACTORY", "+CEDRXS", "+CPMS"})


@dataclass(frozen=True, slots=True)
class Wear:
    """What a stretch of commands wrote: lines (secrets blanked) that changed something or may have, that
    wrote what was there, and that wrote what nobody had read."""

    writes: tuple[str, ...] = ()
    needless: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()


class NvmWatch:
    """What is known of one module's stored settings, and what its ports wrote. Safe for several threads."""

    def __init__(self, profile: ModuleProfile, commands: Mapping[str, Command]) -> None:
        self.names = frozenset(
            name for name, command in commands.items()
            if name not in _NOT_JUDGED and command.stored_on(profile.series) is Storage.NVM
            and (Form.READ in command.forms or _SHAPES.get(name, _PLAIN).key))
        self._known: dict[_Key, _Values | None] = {}  # None: known to be absent
        self._complete: set[tuple[str, _Values]] = set()  # commands whose every setting was read
        self._writes: list[str] = []
        self._needless: list[str] = []
        self._blind: list[str] = []
        self._lock = threading.Lock()

    def forget(self) -> None:
        """The module restarts or is another one: what it holds has to be read anew."""
        with self._lock:
            self._known.clear()
            self._complete.clear()

    def note(self, plan: Plan, info: Sequence[str], port: str) -> None:
        """Take in a line that was answered with OK."""
        with self._lock:
            for call in plan.calls:
                if call.name in self.names:
                    self._note(plan, call, info, port)

    def take(self) -> Wear:
        """What was written since the last call."""
        with self._lock:
            found = Wear(tuple(self._writes), tuple(self._needless), tuple(self._blind))
            for kept in (self._writes, self._needless, self._blind):
                kept.clear()
        return found

    def question(self, plan: Plan, port: str) -> str | None:
        """The line to read before ``plan`` is written; None when its value is known already. Raises
        FrameworkError for a line that is no single write of a stored setting."""
        call = self._only(plan)
        with self._lock:
            if self._knows(call.name, self._key_of(plan, call), port):
                return None
        shape = _SHAPES.get(call.name, _PLAIN)
        if shape.op:
            return f'AT{call.name}=0,"{_arguments(plan, call)[1]}"'
        if shape.query:
            return f"AT{call.name}={_arguments(plan, call)[0]}"
        return f"AT{call.name}?"

    def refused(self, plan: Plan, port: str) -> None:
        """The module answered the question with an error, as LENA-R8 does for a greeting that is off: it was
        read, and holds nothing there."""
        call = self._only(plan)
        with self._lock:
            key = self._placed(call.name, self._key_of(plan, call), port)
            self._known[call.name, key] = None

    def changes(self, plan: Plan, port: str) -> bool:
        """False when the module is known to hold what ``plan`` writes."""
        call = self._only(plan)
        with self._lock:
            return not self._holds(plan, call, port)

    def _only(self, plan: Plan) -> Call:
        if len(plan.calls) != 1 or plan.calls[0].name not in self.names or not _writes(plan, plan.calls[0]):
            raise FrameworkError(f"{plan.shown}: no single write of a stored setting that can be read back",
                                 remedy="send it with dut.send()")
        return plan.calls[0]

    def _note(self, plan: Plan, call: Call, info: Sequence[str], port: str) -> None:
        if _reads(plan, call):
            lines = [fields_of(line) for line in info if prefix_of(line) == call.name]
            self._learn(call, lines, port)
        elif _writes(plan, call):
            key = self._key_of(plan, call)
            known = self._knows(call.name, key, port)
            self._writes.append(plan.shown)
            if known and self._holds(plan, call, port):
                self._needless.append(plan.shown)
            elif not known:
                self._blind.append(plan.shown)
            values = _arguments(plan, call)[_behind(call.name):]
            self._known[call.name, self._placed(call.name, key, port)] = values or None

    def _learn(self, call: Call, lines: Iterable[Fields], port: str) -> None:
        shape = _SHAPES.get(call.name, _PLAIN)
        if call.form is Form.READ:
            for place in [place for place in self._known if place[0] == call.name]:
                if not shape.per_port or place[1] == (port,):
                    del self._known[place]
            self._complete.add((call.name, self._placed(call.name, (), port)))
        for fields in lines:
            values = tuple(_plain(field) for field in fields)
            key = self._placed(call.name, values[:shape.key], port)
            self._known[call.name, key] = values[shape.key + shape.ahead:]

    def _knows(self, name: str, key: _Values, port: str) -> bool:
        return ((name, self._placed(name, key, port)) in self._known
                or (name, self._placed(name, (), port)) in self._complete)

    def _holds(self, plan: Plan, call: Call, port: str) -> bool:
        key = self._key_of(plan, call)
        if not self._knows(call.name, key, port):
            return False
        held = self._known.get((call.name, self._placed(call.name, key, port)))
        wanted = _arguments(plan, call)[_behind(call.name):]
        return not wanted if held is None else bool(wanted) and held[:len(wanted)] == wanted

    @staticmethod
    def _placed(name: str, key: _Values, port: str) -> _Values:
        return (*key, port) if _SHAPES.get(name, _PLAIN).per_port else key

    @staticmethod
    def _key_of(plan: Plan, call: Call) -> _Values:
        shape = _SHAPES.get(call.name, _PLAIN)
        return _arguments(plan, call)[shape.op:shape.op + shape.key]


def _arguments(plan: Plan, call: Call) -> _Values:
    return tuple(_plain(plan.line[begin:end]) for begin, end in call.args)


def _behind(name: str) -> int:
    shape = _SHAPES.get(name, _PLAIN)
    return shape.op + shape.key


def _reads(plan: Plan, call: Call) -> bool:
    shape = _SHAPES.get(call.name, _PLAIN)
    if call.form is Form.READ:
        return True
    if call.form is not Form.SET:
        return False
    arguments = _arguments(plan, call)
    return (shape.op and arguments[:1] == ("0",)) or (shape.query and len(arguments) == shape.key)


def _writes(plan: Plan, call: Call) -> bool:
    if call.form is not Form.SET or _reads(plan, call):
        return False
    return not _SHAPES.get(call.name, _PLAIN).op or _arguments(plan, call)[:1] == ("1",)


def _plain(value: object) -> str:
    """A field as both a command line and an answer write it."""
    text = "" if value is None else str(value)
    return str(int(text)) if text.isdigit() else text.casefold()
