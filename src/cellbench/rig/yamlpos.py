"""Read a YAML file as plain data with the line of every key and value.

YAML 1.2's core schema, narrowed to what a technician's file needs: no tags, no aliases, one document,
text keys that occur once, at most 20 levels. (YAML 1.1 reads `on` and `no` as truth, 0123 as 83 and
12:30 as 750, and PyYAML keeps the last of two equal keys in silence.) The tree is built from parser
events without recursion, so that no file, however deep, can overflow the stack.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cellbench.base.errors import Finding

MAX_DEPTH = 20
MAX_BYTES = 300_000
MAX_OPEN_BRACKETS = 100  # the scanner's time grows with the square of the depth
KeyPath = tuple[str | int, ...]

_INTEGER = re.compile(r"^[-+]?(0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_CONSTANTS: Mapping[str, bool | None] = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "Null": None, "NULL": None, "~": None, "": None}
_MAX_DIGITS = 18
# YAML 1.1 counts these as line breaks, editors do not: line numbers would be wrong, texts would change
_STRAY_BREAK = re.compile(r"[\x85\u2028\u2029]|\r(?!\n)")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value stands: the line of its key (or of itself in a list) and of the value; from 1."""

    key: int
    value: int


@dataclass(frozen=True, slots=True)
class Document:
    """A file as data (mappings, lists, texts, numbers, truth, None) with marks by path.

    ``data`` lacks what ``findings`` refuse (None in its place in a list), by path in ``refused``; it is
    None when the file could not be read at all.
    """

    file: str
    data: Any
    marks: Mapping[KeyPath, Mark]
    findings: tuple[Finding, ...]
    refused: frozenset[KeyPath] = frozenset()

    def line(self, path: KeyPath, *, of_key: bool = False) -> int:
        """The line of a path, or of its nearest parent that exists."""
        for end in range(len(path), -1, -1):
            mark = self.marks.get(path[:end])
            if mark is not None:
                return mark.key if of_key and end == len(path) else mark.value
        return 1

    def finding(self, path: KeyPath, message: str, remedy: str = "", *, of_key: bool = False) -> Finding:
        """A mistake at a path."""
        return Finding(self.file, self.line(path, of_key=of_key), dotted(path), message, remedy)


def dotted(path: KeyPath) -> str:
    """A path as people write it: ``slots.a1.ports.uart.wired[0]``."""
    text = ""
    for item in path:
        text += f"[{item}]" if isinstance(item, int) else f".{item}" if text else item
    return text


def read_document(path: Path, shown_as: str | None = None) -> Document:
    """Read one file; every mistake is in the document's findings, none is raised."""
    file = shown_as or str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return _unreadable(file, 1, error.strerror or str(error), "give the path of a YAML file")
    if len(raw) > MAX_BYTES:
        return _unreadable(file, 1, f"the file is larger than {MAX_BYTES} bytes", "give a rig or limits file")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _unreadable(file, line, "the file is not UTF-8 text", "save it as UTF-8")
    return read_text(text, file)


def read_text(text: str, file: str) -> Document:
    """As read_document, from text."""
    stray = _STRAY_BREAK.search(text)
    if stray is not None:
        line = text.count("\n", 0, stray.start()) + 1
        return _unreadable(file, line, f"a line break that editors do not show (U+{ord(stray.group()):04X})",
                           "replace it by a line feed or a blank")
    deep = _line_of_deep_brackets(text)
    if deep:
        return _unreadable(file, deep, f"more than {MAX_DEPTH} levels", "close the brackets")
    builder = _Builder(file)
    try:
        # the parser in Python: the faster one in C is not everywhere, and takes tabs that this one refuses
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except _TooDeep:
        return Document(file, None, {}, tuple(builder.findings))
    except yaml.YAMLError as error:
        line, cause = _place(error, text)
        finding = Finding(file, line, "", f"not YAML: {cause}", "check indentation, quotes and brackets")
        return Document(file, None, {}, (*builder.findings, finding))
    return builder.document()


class _TooDeep(Exception):
    """Reading on would take time that grows with the square of the depth."""


@dataclass(slots=True)
class _Level:
    """An open mapping or list."""

    path: KeyPath
    container: dict[str, Any] | list[Any]
    key: str | None = None  # the key that waits for its value
    key_line: int = 0
    skip: bool = False  # the waiting value belongs to a refused key
    seen: dict[str, int] = field(default_factory=dict)


class _Builder:
    """Builds data and marks from parser events."""

    __slots__ = ("_documents", "_levels", "_skipping", "data", "file", "findings", "marks", "refused")

    def __init__(self, file: str) -> None:
        self.file = file
        self.data: Any = None
        self.marks: dict[KeyPath, Mark] = {}
        self.findings: list[Finding] = []
        self.refused: set[KeyPath] = set()
        self._levels: list[_Level] = []
        self._skipping = 0  # how many containers of a refused value are open
        self._documents = 0

    def take(self, event: Any) -> None:
        """Take one event."""
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents == 2:
                    self._refuse(event, (), "a second document begins here", "keep one document in a file")
            case _ if self._documents > 1:
                return
            case yaml.AliasEvent():
                self._value(event, None, "aliases are not used in these files", "write the value out")
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._start(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()
            case _:
                return

    def document(self) -> Document:
        """What was built."""
        if not self.findings and not isinstance(self.data, dict):
            what = "the file is empty" if self.data is None else "the file is not a mapping of keys"
            self.findings.append(Finding(self.file, 1, "", what, "begin with `key: value` lines"))
        data = self.data if isinstance(self.data, dict) else None
        return Document(self.file, data, self.marks, tuple(self.findings), frozenset(self.refused))

    def _scalar(self, event: Any) -> None:
        level = self._levels[-1] if self._levels else None
        if self._skipping:
            return
        if level is not None and isinstance(level.container, dict) and level.key is None:
            self._key(level, event)
            return
        problem, remedy, value = _resolve(event)
        self._value(event, value, problem, remedy)

    def _key(self, level: _Level, event: Any) -> None:
        key, line = str(event.value), event.start_mark.line + 1
        level.key, level.key_line, level.skip = key, line, False
        path = (*level.path, key)
        if event.tag is not None:
            self._refuse(event, path, "tags are not used in these files", "remove the tag")
            level.skip = True
        elif not _plain_text(key) or not key:
            self._refuse(event, level.path, f"the key {key!r} is not usable", "use plain characters")
            level.skip = True
        elif key in level.seen:
            self._refuse(event, path, f"the key is given twice, first in line {level.seen[key]}",
                         "keep one of them")
            level.skip = True
        else:
            level.seen[key] = line

    def _start(self, event: Any) -> None:
        if self._skipping:
            self._skipping += 1
            return
        level = self._levels[-1] if self._levels else None
        if level is not None and isinstance(level.container, dict) and level.key is None:
            self._refuse(event, level.path, "a key must be a text", "write `key: value`")
            level.key, level.key_line, level.skip = "", event.start_mark.line + 1, True
            self._skipping = 1  # the key itself; its value follows and is skipped too
            return
        problem = ""
        if event.tag is not None:
            problem = "tags are not used in these files"
        elif len(self._levels) >= MAX_DEPTH:
            self._value(event, None, f"more than {MAX_DEPTH} levels", "no rig needs that many")
            raise _TooDeep
        if problem or (level is not None and level.skip):
            self._value(event, None, problem, "remove it")
            self._skipping = 1
            return
        container: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._levels.append(_Level(self._value(event, container, "", ""), container))

    def _end(self) -> None:
        if not self._skipping:
            self._levels.pop()
            return
        self._skipping -= 1

    def _value(self, event: Any, value: Any, problem: str, remedy: str) -> KeyPath:
        """Put a value where it belongs; returns its path."""
        if self._skipping:
            return ()
        line = event.start_mark.line + 1
        if not self._levels:
            path: KeyPath = ()
            self.marks[path] = Mark(line, line)
            self.data = value
        else:
            level = self._levels[-1]
            if isinstance(level.container, dict):
                if level.key is None:  # an alias or a tagged value as a key
                    self._refuse(event, level.path, problem or "a key must be a text", remedy)
                    level.key, level.skip = "", True
                    return level.path
                path, key_line, skip = (*level.path, level.key), level.key_line, level.skip
                level.key = None
                if skip:
                    return path
                self.marks[path] = Mark(key_line, key_line if isinstance(value, dict | list) else line)
                if not problem:
                    level.container[str(path[-1])] = value
            else:
                path = (*level.path, len(level.container))
                self.marks[path] = Mark(line, line)
                level.container.append(value)
        if problem:
            self.refused.add(path)
            self._refuse(event, path, problem, remedy)
        return path

    def _refuse(self, event: Any, path: KeyPath, message: str, remedy: str) -> None:
        self.findings.append(Finding(self.file, event.start_mark.line + 1, dotted(path), message, remedy))


def _resolve(event: Any) -> tuple[str, str, Any]:
    """Problem, remedy and value of a scalar."""
    text = str(event.value)
    if event.tag is not None:
        return "tags are not used in these files", "remove the tag", None
    if not _plain_text(text):
        return "the text holds characters that no file can hold", "remove them", None
    if not event.implicit[0]:  # quoted or a block: text, whatever it looks like
        return "", "", text
    if text in _CONSTANTS:
        return "", "", _CONSTANTS[text]
    if _INTEGER.match(text):
        if len(text) > _MAX_DIGITS:
            return "the number is too large", "put it into quotes when it is not a number", None
        return "", "", int(text)
    if _FLOAT.match(text):
        number = float(text)
        if not math.isfinite(number):
            return "the number is too large", "put it into quotes when it is not a number", None
        return "", "", number
    return "", "", text


def _plain_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" or character == "\0" for character in text)


def _line_of_deep_brackets(text: str) -> int:
    """The line where more brackets are open than any file needs; 0 when there is none."""
    depth = 0
    for match in re.finditer(r"[\[{\]}]", text):
        depth = depth + 1 if match.group() in "[{" else max(0, depth - 1)
        if depth > MAX_OPEN_BRACKETS:
            return text.count("\n", 0, match.start()) + 1
    return 0


def _place(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Line and cause of a syntax error."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        cause = " ".join(part for part in (error.context, error.problem) if part)
        last = text.rstrip("\n").count("\n") + 1  # an unclosed bracket is noticed behind the last line
        return (min(mark.line + 1, last) if mark is not None else 1), cause or "syntax error"
    position = getattr(error, "position", None)
    line = text.count("\n", 0, position) + 1 if isinstance(position, int) else _first_control(text)
    reason = str(getattr(error, "reason", None) or error).replace("\n", " ")
    return line, f"a character that is not allowed ({reason})"


def _first_control(text: str) -> int:
    match = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    return text.count("\n", 0, match.start()) + 1 if match else 1


def _unreadable(file: str, line: int, message: str, remedy: str) -> Document:
    return Document(file, None, {}, (Finding(file, line, "", message, remedy),))


def iter_paths(data: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """All paths of a tree, parents first."""
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from iter_paths(value, (*path, key))
