"""Transcripts of instruments, played over a real TCP connection or a real PTY against the real driver.

One file ``transcripts/<kind>.yaml`` for each kind:

    source: manual, edition, section             # where the commands and the answers stand
    evidence: manual | driver | recalled         # the manual's own text; foreign drivers; memory alone
    link: tcp                                    # or pty
    settings: {resource: "TCPIP::{host}::{port}::SOCKET"}     # as in a rig file, without kind
    ends: {host: "\\n", instrument: "\\n"}       # what `>` and `<` rows end with; this is the default
    opening: |                                   # rows that begin each connection
      > *IDN?
      < ACME,LAB-1,0,1.0
    check: |                                     # rows that a row `=` stands for
      > SYST:ERR?
      < 0,"No error"
    dialogues:
      - name: sets and reads back                # settings: {} here replaces single settings
        calls:                                   # on the opened driver, or on its `channel`
          - {channel: 2, call: set_voltage_v, with: [3.8]}
          - {channel: 2, call: measure_voltage_v, gives: 3.799}
          - {channel: 2, call: tripped, gives: null}
          - {channel: 9, call: enable, with: [true], raises: RigError, match: no channel 9}
        wire: |
          > VOLT 3.8
          =
          > MEAS:VOLT?
          < 3.799

``{host}``, ``{port}`` and ``{device}`` in settings are filled in. Rows:

    > text       what the host must send next          >x A0 01   the same as bytes, without an end
    < text       what the instrument then says         <x A0 01
    >. <.        text without an end
    | instrument closes                                the next row belongs to a new connection, which
    | host closes                                      begins with the opening rows
    # …          remark

A dialogue fails on a wrong command, on rows that were never reached, on anything sent beyond the last
row, and on an answer that the driver left unread (``unread: true`` where that is the point).
``opens: {raises: RigError, match: …}`` is for a driver that must refuse to open; ``opening: ""`` in a
dialogue leaves the common opening out.
"""

from __future__ import annotations

import array
import fcntl
import os
import re
import select
import socket
import termios
import threading
import time
import tty
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellbench.base import errors
from cellbench.instruments.kinds import find_kind

FOLDER = Path(__file__).parent / "transcripts"
_WAIT_S = 10.0  # for the other side on a loaded machine
_ROW = re.compile(r"^(?P<side>[<>])(?P<form>[x.]?)(?: (?P<text>.*))?$")


@dataclass(frozen=True)
class Row:
    """One step of the far end: bytes that it must get, or says, or the end of a connection."""

    verb: str  # "get", "say", "close", "closed"
    data: bytes = b""


@dataclass(frozen=True)
class Dialogue:
    """One dialogue of one file."""

    kind: str
    name: str
    link: str
    settings: Mapping[str, Any]
    connections: tuple[tuple[Row, ...], ...]
    calls: tuple[Mapping[str, Any], ...]
    opens: Mapping[str, Any]
    unread: bool = False


def dialogues(kind: str) -> tuple[Dialogue, ...]:
    """The dialogues of one kind's file."""
    data = load(kind)
    ends = {"host": "\n", "instrument": "\n", **data.get("ends", {})}
    return tuple(Dialogue(
        kind, one["name"], data.get("link", "tcp"), {**data.get("settings", {}), **one.get("settings", {})},
        _connections(*(_checked(text, data.get("check", "")) for text in (
            one.get("opening", data.get("opening", "")), one.get("wire", ""))), ends),
        tuple(one.get("calls", ())), one.get("opens", {}), one.get("unread", False),
    ) for one in data["dialogues"])


def load(kind: str) -> dict[str, Any]:
    """One file as it stands."""
    data = yaml.safe_load((FOLDER / f"{kind}.yaml").read_text(encoding="utf-8"))
    unknown = set(data) - {"source", "evidence", "link", "settings", "ends", "opening", "check",
                           "dialogues"}
    assert not unknown, f"{kind}.yaml: {unknown}"
    assert data.get("source"), f"{kind}.yaml says no source"
    assert data.get("evidence") in {"manual", "driver", "recalled"}, f"{kind}.yaml: evidence"
    for one in data["dialogues"]:
        unknown = set(one) - {"name", "settings", "opening", "wire", "calls", "opens", "unread", "from"}
        assert not unknown, f"{kind}.yaml, {one['name']}: {unknown}"
    return dict(data)


def kinds_with_transcript() -> tuple[str, ...]:
    """The kinds that have a file."""
    return tuple(sorted(file.name.removesuffix(".yaml") for file in FOLDER.glob("*.yaml")))


def all_dialogues(*classes: str) -> list[Any]:
    """Parameters for a test over all dialogues of the kinds of these classes ("supply", "line", ...)."""
    return [pytest.param(one, id=f"{one.kind}: {one.name}") for kind in kinds_with_transcript()
            if not classes or kind.partition(".")[0] in classes for one in dialogues(kind)]


def play(dialogue: Dialogue) -> None:
    """Play one dialogue against the kind's driver; AssertionError tells what was not as written."""
    with (_Tcp if dialogue.link == "tcp" else _Pty)(dialogue) as far:
        wrong = _drive(dialogue, far)
    assert not far.problems, "; ".join([*far.problems, *([wrong] if wrong else [])])
    assert not wrong, wrong


def _drive(dialogue: Dialogue, far: _FarEnd) -> str:
    """Open, call and close; what was not as written, or ""."""
    settings = {key: _filled(value, far.place) for key, value in dialogue.settings.items()}
    opened: list[Any] = []
    wrong = _expect("open", dialogue.opens,
                    lambda: opened.append(find_kind(dialogue.kind).open("the-one", settings)))
    if not opened:
        return wrong
    try:
        for call in dialogue.calls:
            unknown = set(call) - {"channel", "call", "with", "gives", "raises", "match"}
            wrong = wrong or f"{unknown} in {call}" * bool(unknown) or _expect(
                str(call), call, lambda call=call: _call(opened[0], call))
            if wrong:
                break
    finally:
        opened[0].close()
    return wrong


def _call(instrument: Any, call: Mapping[str, Any]) -> Any:
    target = instrument.output(call["channel"]) if "channel" in call else instrument
    return getattr(target, call["call"])(*call.get("with", ()))


def _expect(what: str, wanted: Mapping[str, Any], act: Any) -> str:
    raises = getattr(errors, wanted["raises"]) if "raises" in wanted else ()
    try:
        got = act()
    except raises as error:
        found = re.search(wanted.get("match", ""), str(error))
        return "" if found else f"{what}: {error} does not match {wanted['match']!r}"
    except errors.CellbenchError as error:
        return f"{what}: {type(error).__name__}: {error}"
    if "raises" in wanted:
        return f"{what}: no {wanted['raises']}"
    if "gives" in wanted and not _same(got, wanted["gives"]):
        return f"{what}: gave {got!r}"
    return ""


def _same(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return len(got) == len(wanted) and all(map(_same, got, wanted))
    if isinstance(wanted, float):
        return bool(got == pytest.approx(wanted))
    if isinstance(wanted, str) and not isinstance(got, str):
        return repr(got) == wanted  # a record, as it prints itself
    return bool(got == wanted and isinstance(got, bool) is isinstance(wanted, bool))


def _filled(value: Any, place: Mapping[str, Any]) -> Any:
    if not isinstance(value, str):
        return value
    if value in {f"{{{name}}}" for name in place}:
        return place[value[1:-1]]  # a port stays a number
    for name, what in place.items():
        value = value.replace(f"{{{name}}}", str(what))
    return value


def _connections(opening: str, wire: str, ends: Mapping[str, str]) -> tuple[tuple[Row, ...], ...]:
    found: list[tuple[Row, ...]] = []
    said = _rows(wire, ends)
    while said:
        ends_at = (number for number, row in enumerate(said) if row.verb in {"close", "closed"})
        end = next(ends_at, len(said) - 1)
        found.append((*_rows(opening, ends), *said[:end + 1]))
        said = said[end + 1:]
    return tuple(found) or (_rows(opening, ends),)


def _checked(text: str, check: str) -> str:
    return "".join(check if line.strip() == "=" else line for line in text.splitlines(keepends=True))


def _rows(text: str, ends: Mapping[str, str]) -> tuple[Row, ...]:
    return tuple(_row(line, ends) for line in text.splitlines()
                 if line.strip() and not line.startswith("#"))


def _row(line: str, ends: Mapping[str, str]) -> Row:
    if line in {"| instrument closes", "| host closes"}:
        return Row("close" if "instrument" in line else "closed")
    match = _ROW.match(line)
    assert match, f"not a row: {line!r}"
    host, text = match["side"] == ">", match["text"] or ""
    if match["form"] == "x":
        data = bytes.fromhex(text)
    else:
        end = "" if match["form"] == "." else ends["host" if host else "instrument"]
        data = (text + end).encode("latin-1")
    return Row("get" if host else "say", data)


@dataclass
class _FarEnd:
    """The instrument's side, in a thread of its own."""

    dialogue: Dialogue
    problems: list[str] = field(default_factory=list)
    place: dict[str, Any] = field(default_factory=dict)
    _left: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> _FarEnd:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._thread is not None
        self._left.set()
        self._wake()
        self._thread.join(_WAIT_S + 5)
        if self._thread.is_alive():
            self.problems.append("the far end hangs")
        self._clean()

    def _run(self) -> None:
        raise NotImplementedError

    def _wake(self) -> None:
        """Called when the host has done everything."""

    def _clean(self) -> None:
        """Called at the end."""

    def _get(self, want: int) -> bytes | None:
        """Up to ``want`` bytes, b"" at the end of the connection, None when nothing came in time."""
        raise NotImplementedError

    def _say(self, data: bytes) -> None:
        raise NotImplementedError

    def _play(self, rows: tuple[Row, ...]) -> bool:
        """One connection; False when it was not as written."""
        for number, row in enumerate(rows):
            if row.verb == "close":
                return True
            if row.verb == "closed":
                return self._ended()
            if row.verb == "say":
                self._say(row.data)
            elif not self._take(row.data, rows[number:]):
                return False
        return self._ended()

    def _take(self, wanted: bytes, rest: tuple[Row, ...]) -> bool:
        got = b""
        while len(got) < len(wanted):
            chunk = self._get(len(wanted) - len(got))
            if not chunk:
                self.problems.append(f"never sent: {[row.data for row in rest if row.verb == 'get']}"
                                     + (f" (only {got!r})" if got else ""))
                return False
            got += chunk
            if not wanted.startswith(got):
                got += self._get(200) or b""
                self.problems.append(f"sent {got!r}, the transcript has {wanted!r}")
                return False
        return True

    def _ended(self) -> bool:
        """The host must be silent until it goes, and leave nothing unread."""
        extra = self._get(200)
        if extra:
            self.problems.append(f"sent beyond the transcript: {extra!r}")
        return not extra


class _Tcp(_FarEnd):
    _server: socket.socket
    _link: socket.socket

    def __enter__(self) -> _FarEnd:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.place = {"host": "127.0.0.1", "port": self._server.getsockname()[1]}
        return super().__enter__()

    def _run(self) -> None:
        for number, rows in enumerate(self.dialogue.connections):
            self._server.settimeout(_WAIT_S)
            self._link, _ = self._server.accept()
            with self._link:
                if self._left.is_set():
                    if rows:
                        self.problems.append(f"connection {number} never came: {rows}")
                    return
                self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._link.settimeout(_WAIT_S)
                if not self._play(rows):
                    return
        last, _ = self._server.accept()
        last.close()
        if not self._left.is_set():
            self.problems.append("one connection too many")

    def _get(self, want: int) -> bytes | None:
        try:
            return self._link.recv(want)
        except TimeoutError:
            return None
        except ConnectionResetError:  # closing with bytes unread resets a connection (RFC 1122, 4.2.2.13)
            if not self.dialogue.unread:
                self.problems.append("the host left an answer unread")
            return b""

    def _say(self, data: bytes) -> None:
        try:
            # a host that has gone in order resets only afterwards, behind the end that was read already
            gone = self._link in select.select([self._link], [], [], 0)[0] and not self._link.recv(
                1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            self._link.sendall(data)
            refused = self._link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if (gone or refused) and not self.dialogue.unread:
                self.problems.append(f"the host was gone before {data!r}")
        except OSError as error:
            self.problems.append(f"the host was gone before {data!r}: {error}")

    def _wake(self) -> None:
        try:  # accept() does not notice that its socket was closed: a last connection wakes it
            socket.create_connection(("127.0.0.1", self.place["port"]), timeout=5).close()
        except OSError:
            return  # the far end has ended

    def _clean(self) -> None:
        self._server.close()


class _Pty(_FarEnd):
    _master: int
    _slave: int

    def __enter__(self) -> _FarEnd:
        assert len(self.dialogue.connections) == 1, "a serial line has one connection"
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.place = {"device": os.ttyname(self._slave)}
        return super().__enter__()

    def _run(self) -> None:
        rows = self.dialogue.connections[0]
        if not self._play(rows):
            # no answer would ever come: fail the host's reads at once
            return
        if not self.dialogue.unread and self._unread():
            self.problems.append(f"the host left {self._unread()} bytes unread")

    def _get(self, want: int) -> bytes | None:
        deadline = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline:
            left = self._left.is_set()  # looked at before the line: what was sent has arrived by then
            if select.select([self._master], [], [], 0.02)[0]:
                return os.read(self._master, want)
            if left:
                return b""
        return None

    def _say(self, data: bytes) -> None:
        os.write(self._master, data)

    def _unread(self) -> int:
        """Bytes in the host's queue; a driver flushes it at its opening alone."""
        waiting = array.array("i", [0])
        fcntl.ioctl(self._slave, termios.FIONREAD, waiting)
        return waiting[0]

    def _clean(self) -> None:
        os.close(self._slave)
        os.close(self._master)
