"""A relay board on Ethernet as Numato Lab makes them: telnet with a login, commands in words.

The dialogue follows the maker's documentation of the Ethernet relay modules and public clients of theirs:
``User Name: ``, ``Password: `` (the board then takes over echoing, so that the password stays hidden),
``Logged in successfully``, then a prompt ``>`` before each command. Relays and inputs are numbered 0 to 9,
then A to V. One client at a time; a second one waits (see tcp.py).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .tcp import Link, OneClientServer

RELAYS = 32
INPUTS = 32
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
MAX_LINE = 256
MAX_TRIES = 3

IAC, DONT, DO, WONT, WILL, SB, SE, ECHO = 255, 254, 253, 252, 251, 250, 240, 1


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a board is wired to: a closed relay asserts its line; an input is read when asked."""

    relays: Mapping[int, Callable[[bool], None]]
    inputs: Mapping[int, Callable[[], bool]]


class _Stage(enum.Enum):
    """Where the dialogue stands."""

    USER = "user"
    PASSWORD = "password"
    COMMANDS = "commands"


class RelayBoard:
    """The board: its relays keep their state across clients."""

    def __init__(self, wiring: Wiring, *, user: str = "admin", password: str = "admin",
                 name: str = "00000000") -> None:
        self._wiring = wiring
        self._user = user
        self._password = password
        self._name = name
        self.closed_relays = [False] * RELAYS
        self._server = OneClientServer(self)
        self._link: Link | None = None
        self._stage = _Stage.USER
        self._given_user = ""
        self._tries = 0
        self._line = bytearray()
        self._telnet = bytearray()
        self._words: Mapping[str, Callable[[list[str]], str | None]] = {
            "ver": lambda _: "00000001",
            "id": self._id,
            "relay": self._relay,
            "gpio": self._gpio,
            "reset": self._reset,
        }

    async def start(self) -> int:
        """Listen; returns the port."""
        return await self._server.start()

    async def stop(self) -> None:
        """Close all connections; relays fall back."""
        await self._server.stop()
        self.release_all()

    def release_all(self) -> None:
        """Open every relay."""
        for pin in range(RELAYS):
            if self.closed_relays[pin]:
                self.switch(pin, False)

    def switch(self, pin: int, closed: bool) -> None:
        """Switch one relay; the wire is told each time, also when nothing changes."""
        self.closed_relays[pin] = closed
        wire = self._wiring.relays.get(pin)
        if wire is not None:
            wire(closed)

    def opened(self, link: Link) -> None:
        """A client has the place: it must log in."""
        self._link = link
        self._stage = _Stage.USER
        self._tries = 0
        self._line.clear()
        self._telnet.clear()
        link.send(b"User Name: ")

    def closed(self) -> None:
        """The client left; relays stay as they are."""
        self._link = None

    def received(self, data: bytes) -> None:
        """Take telnet commands out, collect lines; CR, LF or both in any order end one."""
        for byte in data:
            if self._telnet or byte == IAC:
                self._telnet.append(byte)
                self._strip_telnet()
            elif byte in b"\r\n":
                if self._line:
                    line = self._line.decode("latin-1").strip()
                    self._line.clear()
                    self._take(line)
            elif byte and len(self._line) < MAX_LINE:
                self._line.append(byte)

    def _strip_telnet(self) -> None:
        """Drop a complete telnet command (RFC 854); options are answered by nobody here."""
        command = self._telnet
        if len(command) < 2:
            return
        if command[1] in (WILL, WONT, DO, DONT):
            if len(command) == 3:
                command.clear()
        elif command[1] == SB:
            if command.endswith(bytes((IAC, SE))) and len(command) > 3:
                command.clear()
        else:
            command.clear()

    def _send(self, data: bytes) -> None:
        if self._link is not None:
            self._link.send(data)

    def _take(self, line: str) -> None:
        if self._stage is _Stage.USER:
            self._given_user = line
            self._stage = _Stage.PASSWORD
            self._send(b"Password: " + bytes((IAC, WILL, ECHO)))
        elif self._stage is _Stage.PASSWORD:
            self._log_in(line)
        else:
            answer = self._command(line)
            self._send(b">" if answer is None else answer.encode("ascii") + b"\r\n>")

    def _log_in(self, password: str) -> None:
        self._send(bytes((IAC, WONT, ECHO)))
        if self._given_user == self._user and password == self._password:
            self._stage = _Stage.COMMANDS
            self._send(b"\r\nLogged in successfully\r\n>")
            return
        self._tries += 1
        self._send(b"\r\nAccess denied\r\n")
        if self._tries >= MAX_TRIES and self._link is not None:
            self._link.close()
            return
        self._stage = _Stage.USER
        self._send(b"User Name: ")

    def _command(self, line: str) -> str | None:
        """One command line; its answer, None when it has none, an error sentence when it is wrong."""
        words = line.split()
        handler = self._words.get(words[0].lower()) if words else None
        if handler is None:
            return "Invalid command"
        try:
            return handler(words[1:])
        except (ValueError, IndexError):
            return "Invalid parameter"

    def _id(self, words: list[str]) -> str | None:
        if words[0].lower() == "get":
            return self._name
        if words[0].lower() != "set" or len(words[1]) != 8:
            raise ValueError
        self._name = words[1]
        return None

    def _relay(self, words: list[str]) -> str | None:
        action = words[0].lower()
        if action in ("on", "off"):
            self.switch(_number(words[1]), action == "on")
            return None
        if action == "read":
            return "on" if self.closed_relays[_number(words[1])] else "off"
        if action == "readall":
            mask = sum(closed << pin for pin, closed in enumerate(self.closed_relays))
            return f"{mask:0{RELAYS // 4}x}"
        if action == "writeall":
            if len(words[1]) != RELAYS // 4:
                raise ValueError
            mask = int(words[1], 16)
            for pin in range(RELAYS):
                self.switch(pin, bool(mask >> pin & 1))
            return None
        raise ValueError

    def _gpio(self, words: list[str]) -> str | None:
        if words[0].lower() != "read":
            raise ValueError
        read = self._wiring.inputs.get(_number(words[1]))
        return "1" if read is not None and read() else "0"

    def _reset(self, _: list[str]) -> None:
        self.release_all()


def _number(text: str) -> int:
    """Relay or input 0 to 31 from one digit 0 to 9, A to V, in either case."""
    if len(text) != 1:
        raise ValueError
    return DIGITS.index(text.upper())
