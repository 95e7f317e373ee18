"""The Telnet layer of RFC 2217, without I/O (RFC 854, 855, 856, 2217)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
BINARY, SUPPRESS_GO_AHEAD, COM_PORT = 0, 3, 44


class ComPort(enum.IntEnum):
    """Commands of the COM-PORT-OPTION as the client sends them; the server answers with 100 more (RFC 2217
    2)."""

    SIGNATURE = 0
    SET_BAUDRATE = 1
    SET_DATASIZE = 2
    SET_PARITY = 3
    SET_STOPSIZE = 4
    SET_CONTROL = 5
    NOTIFY_LINESTATE = 6
    NOTIFY_MODEMSTATE = 7
    FLOWCONTROL_SUSPEND = 8
    FLOWCONTROL_RESUME = 9
    SET_LINESTATE_MASK = 10
    SET_MODEMSTATE_MASK = 11
    PURGE_DATA = 12


SERVER = 100
CONTROL_NO_FLOW, CONTROL_HARDWARE_FLOW = 1, 3
CONTROL_BREAK = {True: 5, False: 6}
CONTROL_DTR = {True: 8, False: 9}
CONTROL_RTS = {True: 11, False: 12}
MODEM_BITS = {"cts": 0x10, "dsr": 0x20, "ri": 0x40, "dcd": 0x80}


@dataclass(frozen=True, slots=True)
class Negotiation:
    """WILL, WONT, DO or DONT of one option."""

    verb: int
    option: int


@dataclass(frozen=True, slots=True)
class Subnegotiation:
    """What stood between SB and SE: the option and its bytes, unescaped."""

    option: int
    data: bytes


TelnetEvent = Negotiation | Subnegotiation


def escape(data: bytes) -> bytes:
    """User data as it goes over the wire: IAC doubled."""
    return data.replace(b"\xff", b"\xff\xff") if 255 in data else data


def negotiation(verb: int, option: int) -> bytes:
    """WILL, WONT, DO or DONT on the wire."""
    return bytes((IAC, verb, option))


def com_port(command: int, value: bytes) -> bytes:
    """A COM-PORT-OPTION command on the wire."""
    return bytes((IAC, SB, COM_PORT, command)) + escape(value) + bytes((IAC, SE))


class _Mode(enum.Enum):
    DATA = enum.auto()
    COMMAND = enum.auto()  # IAC seen
    OPTION = enum.auto()  # IAC and a verb seen
    SUB = enum.auto()
    SUB_COMMAND = enum.auto()  # IAC inside a subnegotiation


_MAX_SUB = 1024  # a longer subnegotiation is noise


class TelnetDecoder:
    """Bytes from the server to user data and Telnet events, whatever way they are split."""

    __slots__ = ("_mode", "_sub", "_verb")

    def __init__(self) -> None:
        self._mode = _Mode.DATA
        self._verb = 0
        self._sub = bytearray()

    def receive(self, raw: bytes) -> tuple[bytes, list[TelnetEvent]]:
        """User data and events in these bytes."""
        if self._mode is _Mode.DATA and IAC not in raw:
            return raw, []
        data = bytearray()
        events: list[TelnetEvent] = []
        at = 0
        while at < len(raw):
            if self._mode is _Mode.DATA:
                mark = raw.find(b"\xff", at)
                end = len(raw) if mark < 0 else mark
                data += raw[at:end]
                at = end + 1
                if mark >= 0:
                    self._mode = _Mode.COMMAND
                continue
            self._byte(raw[at], data, events)
            at += 1
        return bytes(data), events

    def _byte(self, byte: int, data: bytearray, events: list[TelnetEvent]) -> None:
        mode = self._mode
        if mode is _Mode.COMMAND:
            if byte == IAC:
                data.append(IAC)
                self._mode = _Mode.DATA
            elif byte in (WILL, WONT, DO, DONT):
                self._verb = byte
                self._mode = _Mode.OPTION
            elif byte == SB:
                self._sub.clear()
                self._mode = _Mode.SUB
            else:  # NOP, GA and the like say nothing here
                self._mode = _Mode.DATA
        elif mode is _Mode.OPTION:
            events.append(Negotiation(self._verb, byte))
            self._mode = _Mode.DATA
        elif mode is _Mode.SUB:
            if byte == IAC:
                self._mode = _Mode.SUB_COMMAND
            elif len(self._sub) < _MAX_SUB:
                self._sub.append(byte)
        elif byte == IAC:
            self._sub.append(IAC)
            self._mode = _Mode.SUB
        else:  # SE, or a server that forgot it
            if self._sub:
                events.append(Subnegotiation(self._sub[0], bytes(self._sub[1:])))
            self._mode = _Mode.DATA
