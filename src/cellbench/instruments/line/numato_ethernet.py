"""Numato Lab Ethernet and PoE relay modules: a telnet dialogue with a prompt.

Commands by the maker's command set for the module family (docs.numato.com, "8 Channel Ethernet Relay
Module" and siblings): `ver`, `relay on|off|read N`, `gpio read N`. Relays and GPIOs count 0 to 9, then
A to V; boards of 64 relays count 00 to 63. A relay reads `on` or `off`; a GPIO reads 1 or 0 (newer
firmware: on, off). The module sends telnet options after its password prompt and refuses the login
when they are not answered (seen in public client code).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping

from cellbench.base.clock import Deadline
from cellbench.base.errors import RigError
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.line.telnet import TelnetFilter
from cellbench.instruments.settings import RelayBoardSettings, checked

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
_USER = re.compile(rb"user ?name: ?$", re.I)
_PASSWORD = re.compile(rb"password: ?$", re.I)
_PROMPT = re.compile(rb">\s*$")
_DENIED = re.compile(rb"denied|incorrect|invalid (user|pass)", re.I)
_OPTIONS_S = 0.3  # how long the module may take from its password prompt to its telnet options
_WORDS = {"on": True, "1": True, "off": False, "0": False}
_MAX_TEXT = 4096  # an answer is a few words; more is not this module
_REMEDY = "check that it is switched on, its cable, its address, and that nobody else is logged in"


class NumatoEthernetBoard:
    """One module; for one thread at a time. The connection is opened anew after each failure."""

    __slots__ = ("_filter", "_host", "_identity", "_inputs", "_password", "_port", "_relays", "_socket",
                 "_timeout_s", "_user", "name")

    def __init__(self, name: str, *, host: str, port: int = 23, user: str | None = None,
                 password: str | None = None, relays: int = 32, inputs: int = 32,
                 timeout_s: float = 2.0) -> None:
        """Connects, logs in and reads the firmware version; RigError when that fails."""
        self.name = name
        self._host, self._port = host, port
        self._user, self._password = user, password
        self._relays, self._inputs = relays, inputs
        self._timeout_s = timeout_s
        self._identity = ""
        self._socket: socket.socket | None = None
        self._filter = TelnetFilter()
        self._open()

    def identity(self) -> str:
        """The maker's name and the firmware version."""
        return self._identity

    def drive(self, pin: int, closed: bool) -> None:
        """Switch one relay and read it back."""
        number = self._number(pin, self._relays, "relay")
        said = self._command(f"relay {'on' if closed else 'off'} {number}")
        if self.is_closed(pin) is not closed:
            raise RigError(f"instrument {self.name}: relay {pin} stays {'open' if closed else 'closed'}"
                           + (f" (it said {said!r})" if said else ""),
                           remedy="check the module's relay supply and its number of relays")

    def is_closed(self, pin: int) -> bool:
        """True while the relay is on."""
        return self._ask(f"relay read {self._number(pin, self._relays, 'relay')}")

    def read(self, input: int) -> bool:
        """The level at one GPIO: True is high."""
        return self._ask(f"gpio read {self._number(input, self._inputs, 'input')}")

    def close(self) -> None:
        """Give the connection back; relays stay as they are."""
        held, self._socket = self._socket, None
        if held is not None:
            held.close()

    def _number(self, pin: int, count: int, what: str) -> str:
        if not 0 <= pin < count:
            raise RigError(f"instrument {self.name} has no {what} {pin}; it has "
                           + (f"0 to {count - 1}" if count else "none"),
                           remedy="correct the slot's lines in the rig file")
        return _DIGITS[pin] if count <= len(_DIGITS) else f"{pin:02d}"

    def _ask(self, command: str) -> bool:
        answer = self._command(command)
        if answer.lower() not in _WORDS:
            self.close()  # perhaps the answer of an earlier command: start a new dialogue
            raise RigError(f"{self._where} answered {answer!r} to {command!r}, not on or off",
                           remedy="check the kind and the number of relays and inputs in the rig file")
        return _WORDS[answer.lower()]

    def _command(self, command: str) -> str:
        """Send one line and take the text up to the next prompt, without the echo."""
        self._open()
        try:
            deadline = Deadline.after(self._timeout_s)
            self._send(command.encode("ascii") + b"\r\n")
            text = self._until((_PROMPT,), deadline)
        except OSError as error:
            raise self._lost(f"failed at {command!r}", error) from error
        words = [line.strip() for line in re.split(r"[\r\n]+", text.rstrip().removesuffix(">"))]
        return " ".join(word for word in words if word and word != command)

    def _open(self) -> None:
        if self._socket is not None:
            return
        self._filter = TelnetFilter()
        try:
            self._socket = socket.create_connection((self._host, self._port), timeout=self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._log_in()
        except OSError as error:
            raise self._lost("cannot be reached", error) from error
        version = self._command("ver")
        self._identity = f"Numato Ethernet relay module, firmware {version or 'unknown'}"

    def _log_in(self) -> None:
        deadline = Deadline.after(self._timeout_s)
        said = self._until((_USER, _PASSWORD, _PROMPT), deadline).encode("latin-1")
        if _USER.search(said):
            self._send(self._credential(self._user, "user") + b"\r\n")
            said = self._until((_PASSWORD, _PROMPT), deadline).encode("latin-1")
        if _PASSWORD.search(said):
            password = self._credential(self._password, "password")
            self._take_options()
            self._send(password + b"\r\n")
            said = self._until((_PROMPT, _USER, _DENIED), deadline).encode("latin-1")
        if not _PROMPT.search(said) or _DENIED.search(said):
            self.close()
            raise RigError(f"{self._where} refuses the login of {self._user or 'nobody'}",
                           remedy="correct user and password of the instrument in the rig file")

    def _credential(self, value: str | None, what: str) -> bytes:
        if value is None:
            self.close()
            raise RigError(f"{self._where} asks for a {what}, the rig file gives none",
                           remedy=f"add {what} to the instrument in the rig file")
        return value.encode("utf-8")

    def _take_options(self) -> None:
        """Wait for the telnet options that follow the password prompt, and answer them."""
        deadline = Deadline.after(_OPTIONS_S)
        while not self._filter.negotiated and not deadline.expired:
            try:
                self._receive(deadline)
            except TimeoutError:
                return  # this module has none

    def _until(self, ends: tuple[re.Pattern[bytes], ...], deadline: Deadline) -> str:
        text = bytearray()
        while not any(end.search(text) for end in ends):
            text += self._receive(deadline)
            if len(text) > _MAX_TEXT:
                raise OSError(f"{len(text)} characters without a prompt")
        return text.decode("latin-1")

    def _receive(self, deadline: Deadline) -> bytes:
        if self._socket is None:
            raise ConnectionError("not connected")
        if deadline.expired:
            raise TimeoutError("no answer in time")
        self._socket.settimeout(deadline.remaining or 0.001)
        data = self._socket.recv(1024)
        if not data:
            raise ConnectionError("the module closed the connection")
        text, answer = self._filter.receive(data)
        if answer:
            self._send(answer)
        return text

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            raise ConnectionError("not connected")
        self._socket.settimeout(self._timeout_s)
        self._socket.sendall(data)

    @property
    def _where(self) -> str:
        return f"instrument {self.name} ({self._host}:{self._port})"

    def _lost(self, what: str, error: OSError) -> RigError:
        self.close()
        cause = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return RigError(f"{self._where} {what}: {cause}", remedy=_REMEDY)


def _opener(name: str, settings: Mapping[str, object]) -> NumatoEthernetBoard:
    plain = {key: value for key, value in settings.items() if key not in {"kind", "password"}}
    stated = checked(RelayBoardSettings, "line.numato-ethernet", name, plain)
    password = settings.get("password")
    if password is not None and not isinstance(password, str):
        raise RigError(f"instrument {name}: the password was not resolved to a text")
    return NumatoEthernetBoard(name, host=stated.host, port=stated.port, user=stated.user,
                               password=password, relays=stated.relays, inputs=stated.inputs,
                               timeout_s=stated.timeout_s)


def _equipment(settings: Mapping[str, object]) -> str:
    return f"tcp:{str(settings['host']).lower()}:{settings.get('port', 23)}"


def _pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    fields = RelayBoardSettings.model_fields
    counts = [settings.get(key, fields[key].default) for key in ("relays", "inputs")]
    return tuple(count if isinstance(count, int) else None for count in counts)  # type: ignore[return-value]


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind="line.numato-ethernet", serves=InstrumentClass.LINE, settings=RelayBoardSettings, open=_opener,
    equipment=_equipment, pins=_pins,
    models=("Numato Lab 8, 16, 32 and 64 Channel Ethernet Relay Module", "Numato Lab PoE relay modules"),
    source="Numato Lab, 8 Channel Ethernet Relay Module, user guide (docs.numato.com)",
    abilities=frozenset({Ability.DRIVE, Ability.READ_BACK, Ability.INPUTS}),
    doubts="the telnet options after the password prompt are from public client code, not from the guide"),)
