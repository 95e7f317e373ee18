"""The access server's end of RFC 2217 (Telnet Com Port Control) without I/O.

Written from RFC 854 (commands), RFC 1143 (option negotiation) and RFC 2217. A client that never speaks
telnet gets a raw byte stream: the server says nothing before the client's first IAC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
BINARY, ECHO, SGA, COM_PORT = 0, 1, 3, 44
SERVER = 100
"""Answers carry the client's command number plus this (RFC 2217, 3)."""

# RFC 2217, 3: client to access server.
SIGNATURE, SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, SET_CONTROL = 0, 1, 2, 3, 4, 5
NOTIFY_LINESTATE, NOTIFY_MODEMSTATE, FLOW_SUSPEND, FLOW_RESUME = 6, 7, 8, 9
SET_LINESTATE_MASK, SET_MODEMSTATE_MASK, PURGE_DATA = 10, 11, 12

DCD, RI, DSR, CTS = 0x80, 0x40, 0x20, 0x10
DELTA_DCD, TRAILING_RI, DELTA_DSR, DELTA_CTS = 0x08, 0x04, 0x02, 0x01
LINE_BREAK = 0x10

MAX_SUBOPTION = 256
MAX_RATE = 4_000_000


@dataclass(frozen=True, slots=True)
class Received:
    """Data bytes from the client."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Suboption:
    """A com port command of the client, with its value."""

    command: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to send back (option negotiation)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Agreed:
    """The client takes part in com port control from now on."""


Event = Received | Suboption | Reply | Agreed


class TelnetFilter:
    """Parts a client's byte stream into data, com port commands and negotiation."""

    def __init__(self) -> None:
        self.telnet = False
        self.com_port = False
        self._first = True
        self._state = bytearray()  # an unfinished telnet command, from its IAC
        self._ours: set[int] = set()
        self._theirs: set[int] = set()

    def feed(self, data: bytes) -> Iterator[Event]:
        """Events of ``data``, in order; a command cut anywhere continues with the next call."""
        if self._first and data:
            self._first = False
            self.telnet = data[0] == IAC
        if not self.telnet:
            if data:
                yield Received(data)
            return
        position = 0
        while position < len(data):
            if not self._state:
                start = data.find(IAC, position)
                end = len(data) if start < 0 else start
                if end > position:
                    yield Received(data[position:end])
                position = end
                if start < 0:
                    return
            self._state.append(data[position])
            position += 1
            yield from self._command()

    def encode(self, data: bytes) -> bytes:
        """Data for the client: IAC doubled (RFC 854) unless the stream is raw."""
        return data.replace(b"\xff", b"\xff\xff") if self.telnet and 0xFF in data else data

    def suboption(self, command: int, value: bytes) -> bytes:
        """A com port command to the client."""
        body = bytes((command,)) + value
        return bytes((IAC, SB, COM_PORT)) + body.replace(b"\xff", b"\xff\xff") + bytes((IAC, SE))

    def _command(self) -> Iterator[Event]:
        """Look whether the telnet command collected so far is complete."""
        state = self._state
        if len(state) < 2:
            return
        kind = state[1]
        if kind == IAC:
            state.clear()
            yield Received(b"\xff")
        elif kind in (WILL, WONT, DO, DONT):
            if len(state) == 3:
                option = state[2]
                state.clear()
                yield from self._negotiate(kind, option)
        elif kind == SB:
            yield from self._subnegotiation()
        else:
            state.clear()  # NOP, AYT and the like have no meaning here

    def _subnegotiation(self) -> Iterator[Event]:
        state = self._state
        if len(state) > MAX_SUBOPTION:
            state.clear()
            return
        # Ends with IAC SE whose IAC is not itself the second half of a doubled one.
        if state[-1] != SE or state[-2] != IAC or len(state) < 5:
            return
        run = 0
        while state[-2 - run] == IAC and len(state) - 2 - run > 1:
            run += 1
        if run % 2 == 0:
            return
        body = bytes(state[2:-2]).replace(b"\xff\xff", b"\xff")
        state.clear()
        if len(body) >= 2 and body[0] == COM_PORT:
            yield Suboption(body[1], body[2:])

    def _negotiate(self, kind: int, option: int) -> Iterator[Event]:
        """Answer only changes (RFC 1143), so that no loop can arise."""
        if kind in (DO, DONT):
            enabled, possible, yes, no = self._ours, option in (BINARY, ECHO, SGA, COM_PORT), WILL, WONT
        else:
            enabled, possible, yes, no = self._theirs, option in (BINARY, SGA, COM_PORT), DO, DONT
        wanted = kind in (DO, WILL)
        if wanted and not possible:
            yield Reply(bytes((IAC, no, option)))
        elif wanted and option not in enabled:
            enabled.add(option)
            yield Reply(bytes((IAC, yes, option)))
            if option == COM_PORT and not self.com_port:
                self.com_port = True
                yield Agreed()
        elif not wanted and option in enabled:
            enabled.discard(option)
            yield Reply(bytes((IAC, no, option)))


def modem_state(before: int | None, now: int) -> int:
    """The value of a modem state notification: ``now`` with the bits of what changed since ``before``
    (RFC 2217, 3: RI counts at its trailing edge)."""
    changed = 0 if before is None else before ^ now
    value = now
    if changed & DCD:
        value |= DELTA_DCD
    if changed & RI and not now & RI:
        value |= TRAILING_RI
    if changed & DSR:
        value |= DELTA_DSR
    if changed & CTS:
        value |= DELTA_CTS
    return value
