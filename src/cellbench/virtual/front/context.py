"""What a command handler sees: the call with its checked arguments, the port it came from, the module.

A handler is a coroutine. Returning means OK; raising :class:`Refusal` means another final result code.
Text is one character per byte (Latin-1) everywhere between the port and the handlers, so that binary
data passes unharmed.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cellbench.catalogue.model import Form

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.front.port import AtPort

Arg = int | str | None
_LONGEST_NUMBER = 10


class RefusalKind(enum.Enum):
    """Which final result code a refusal becomes."""

    PLAIN = "ERROR"
    CME = "+CME ERROR"
    CMS = "+CMS ERROR"
    FINAL = "final"  # NO CARRIER, BUSY ...


class Refusal(Exception):
    """A command that ends with something else than OK.

    A +CME ERROR is shown as +CMEE says: ERROR, its number or its text. A +CMS ERROR always shows.
    """

    def __init__(self, kind: RefusalKind, number: int = 0, text: str = "") -> None:
        super().__init__(kind, number, text)
        self.kind = kind
        self.number = number
        self.text = text

    @classmethod
    def cme(cls, number: int) -> Refusal:
        """+CME ERROR with a number of 27.007 or of the maker's list."""
        return cls(RefusalKind.CME, number)

    @classmethod
    def cms(cls, number: int) -> Refusal:
        """+CMS ERROR with a number of 27.005 or of the maker's list."""
        return cls(RefusalKind.CMS, number)

    @classmethod
    def plain(cls) -> Refusal:
        """ERROR, whatever +CMEE says."""
        return cls(RefusalKind.PLAIN)

    @classmethod
    def final(cls, text: str) -> Refusal:
        """Another final result code of V.250, such as ``NO CARRIER``."""
        return cls(RefusalKind.FINAL, text=text)


@dataclass(frozen=True, slots=True)
class Call:
    """One command of a line.

    ``args`` follow the catalogue's parameters: an int for INTEGER, a str without quotes for the other
    kinds, None for a parameter left out between commas; parameters left out at the end are not there.
    ``raw`` is what stood behind ``=`` (or the rest of a basic command such as D), untouched.
    """

    name: str
    form: Form
    args: tuple[Arg, ...] = ()
    raw: str = ""


class DataEnd(enum.Enum):
    """Why a port left data mode."""

    ESCAPED = "escaped"  # +++ with its guard times
    DTR_OFF = "dtr off"  # DTR went off with &D1 (online command mode) or &D2 (hang up)
    FINISHED = "finished"  # the sink called DataLink.finish


class DataLink:
    """The module's end of a port in data mode."""

    def send(self, data: bytes) -> None:
        """Bytes to the DTE; those sent after the port left data mode are dropped."""
        raise NotImplementedError

    def finish(self) -> None:
        """The far side is done: data mode ends with DataEnd.FINISHED."""
        raise NotImplementedError


class DataSink(Protocol):
    """What takes the bytes of a port in data mode."""

    def opened(self, link: DataLink) -> None:
        """Data mode begins; ``link`` stays valid until it ends."""
        ...

    def received(self, data: bytes) -> None:
        """Bytes from the DTE, as they come; the escape sequence is taken out."""
        ...


class CommandContext:
    """One command being executed on one port."""

    __slots__ = ("_port", "call", "module")

    def __init__(self, module: Module, port: AtPort, call: Call) -> None:
        self.module = module
        self._port = port
        self.call = call

    @property
    def port(self) -> AtPort:
        """The port the command came from."""
        return self._port

    def arg(self, index: int, default: Arg = None) -> Arg:
        """Argument ``index`` from 0; ``default`` when left out."""
        args = self.call.args
        if index < len(args) and args[index] is not None:
            return args[index]
        return default

    def integer(self, index: int, default: int | None = None) -> int:
        """An integer argument; +CME ERROR 50 when it is missing and has no default."""
        value = self.arg(index, default)
        if not isinstance(value, int):
            raise Refusal.cme(50)
        return value

    def text(self, index: int, default: str | None = None) -> str:
        """A string argument; +CME ERROR 50 when it is missing and has no default."""
        value = self.arg(index, default)
        if not isinstance(value, str):
            raise Refusal.cme(50)
        return value

    def number(self, index: int, low: int, high: int, default: int | None = None) -> int:
        """A number among the values of an operation, with quotes or without; the parameter error when it is
        none or out of range. Only ASCII digits are digits."""
        value = self.text(index, None if default is None else str(default))
        digits = value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER
        if not digits or not low <= int(value) <= high:
            raise Refusal.cme(self.module.config.behaviour.error_parameter)
        return int(value)

    def given(self, index: int) -> bool:
        """True when argument ``index`` is there and not empty."""
        return self.arg(index) is not None

    def info(self, text: str) -> None:
        """One line of the information text response; may hold CR LF inside (payload as read)."""
        self._port.write_info(text)

    def afterwards(self, action: Callable[[], None]) -> None:
        """Do ``action`` once the final result code of the whole line has left (rate switch, reboot)."""
        self._port.afterwards(action)

    async def payload(self, prompt: str, size: int | None, *, timeout_s: float, settle_s: float = 0.0,
                      echo: bool = False) -> bytes | None:
        """Print ``prompt`` (">" or "@") and take what the DTE sends.

        With ``size`` exactly that many bytes, whatever they are; with None a text that Ctrl-Z ends
        (taken off) and ESC cancels. ``settle_s``: bytes that come sooner after the prompt are lost.
        None when nothing more came for ``timeout_s`` seconds, or on ESC. Never scaled by the pace.
        """
        return await self._port.take_payload(prompt, size, timeout_s, settle_s, echo)

    async def data_mode(self, connect_text: str, sink: DataSink) -> DataEnd:
        """Print ``connect_text`` (CONNECT ...), pass bytes to ``sink`` until data mode ends.

        On return the port executes commands again; what is printed next (DISCONNECT, NO CARRIER) is
        the handler's word.
        """
        return await self._port.run_data_mode(connect_text, sink)


Handler = Callable[[CommandContext], Awaitable[None]]
Handlers = Mapping[tuple[str, Form], Handler]
