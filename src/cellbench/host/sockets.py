"""The module's sockets as objects with send and recv; the form of the data is chosen by what the bytes need.

Printable text goes in the command, anything else at the prompt; where the module is in hexadecimal mode
(+UDCONF=1), everything goes as digits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from cellbench.base.clock import Deadline
from cellbench.base.errors import UnitError
from cellbench.catalogue.clients import socket_meaning
from cellbench.host.answer import Answer
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import Probe, client_failure
from cellbench.host.errors import AtError
from cellbench.host.urclog import UrcEvent

TCP, UDP = 6, 17
PIECE = 1024  # bytes of one write or read (both guides)
_SHORT_TEXT = 256  # longer text goes at the prompt: LENA-R8's command line takes 1024 characters
_HEX_PIECE = 384
_POLL_S = 0.5  # a notice that came just before it was waited for is made up for by asking
_SOCKET_CLASS = 6
_PRINTABLE = frozenset(range(0x20, 0x7F)) - {ord('"')}
_NOTICES = ("+UUSORD", "+UUSORF")
_CLOSED = "+UUSOCL"


class Datagram(NamedTuple):
    """A datagram and where it came from."""

    data: bytes
    host: str
    port: int


class SocketClosed(UnitError):
    """The module closed the socket (+UUSOCL) while data was waited for."""


class Sockets:
    """The sockets of the module behind a channel."""

    __slots__ = ("_channel", "_hexadecimal")

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._hexadecimal = False

    @contextmanager
    def hexadecimal(self) -> Iterator[Sockets]:
        """Inside the block the module takes and gives socket data as digits (+UDCONF=1,1, for all
        sockets)."""
        self._channel.send("AT+UDCONF=1,1")
        self._hexadecimal = True
        try:
            yield self
        finally:
            self._hexadecimal = False
            self._channel.send("AT+UDCONF=1,0")

    def tcp(self, *, cid: int | None = None, probe: Probe | None = None) -> Socket:
        """A TCP socket, not connected; ``cid`` maps it to a context."""
        return self._create(TCP, 0, cid, probe)

    def udp(self, local_port: int = 0, *, cid: int | None = None, probe: Probe | None = None) -> Socket:
        """A UDP socket; ``local_port`` 0 lets the stack choose."""
        return self._create(UDP, local_port, cid, probe)

    def _create(self, protocol: int, local_port: int, cid: int | None, probe: Probe | None) -> Socket:
        line = f"AT+USOCR={protocol}"
        if cid is not None:
            line += f",{local_port},0,{cid}"
        elif local_port:
            line += f",{local_port}"
        number = self._channel.send(line).value("+USOCR")[0]
        if not isinstance(number, int):
            raise UnitError(f"{line}: {number!r} is no socket")
        return Socket(self._channel, number, self._hexadecimal, probe)


class Socket:
    """One socket; a context manager that closes it."""

    __slots__ = ("_channel", "_forget", "_hexadecimal", "_is_closed", "_probe", "number")

    def __init__(self, channel: Channel, number: int, hexadecimal: bool, probe: Probe | None) -> None:
        self.number = number
        self._channel = channel
        self._hexadecimal = hexadecimal
        self._probe = probe
        self._is_closed = False
        self._forget = channel.urcs.listen(self._hear)

    @property
    def is_closed(self) -> bool:
        """True after +UUSOCL or ``close``."""
        return self._is_closed

    def secure(self, profile: int) -> None:
        """TLS (TCP) or DTLS (UDP) by a security profile; before ``connect``."""
        self._channel.send(f"AT+USOSEC={self.number},1,{profile}")

    def connect(self, host: str, port: int) -> None:
        """Connect. Raises by owner what +USOER says of a refusal: ClientError with the code, or
        ClientServiceError when the probe sees the service dead."""
        try:
            self._channel.send(f'AT+USOCO={self.number},"{host}",{port}')
        except AtError:
            code = self.error()
            what = f"socket {self.number} to {host}:{port}"
            raise client_failure(what, _SOCKET_CLASS, code, self._probe, socket_meaning(code)) from None

    def send(self, data: bytes) -> None:
        """Write everything, in pieces of at most 1024 bytes. Raises UnitError when the module takes
        fewer."""
        size = _HEX_PIECE if self._hexadecimal else PIECE
        for offset in range(0, len(data), size):
            piece = data[offset:offset + size]
            self._write(f"AT+USOWR={self.number},{len(piece)}", piece)

    def send_to(self, data: bytes, host: str, port: int) -> None:
        """Send one datagram of at most 1024 bytes."""
        self._write(f'AT+USOST={self.number},"{host}",{port},{len(data)}', data)

    def recv(self, size: int, timeout_s: float = 30.0) -> bytes:
        """At most ``size`` bytes, as soon as there are some. Raises SocketClosed, UnitError when none come
        in time."""
        self._wait("+USORD", timeout_s)
        answer = self._channel.send(f"AT+USORD={self.number},{min(size, self._longest)}")
        return self._data(answer, "+USORD")

    def recv_exactly(self, size: int, timeout_s: float = 30.0) -> bytes:
        """Exactly ``size`` bytes. Raises as ``recv``."""
        deadline = Deadline.after(timeout_s)
        whole = bytearray()
        while len(whole) < size:
            whole += self.recv(size - len(whole), max(0.1, deadline.remaining))
        return bytes(whole)

    def recv_from(self, timeout_s: float = 30.0) -> Datagram:
        """The next datagram and its sender. Raises as ``recv``."""
        self._wait("+USORF", timeout_s)
        answer = self._channel.send(f"AT+USORF={self.number},{self._longest}")
        fields = answer.value("+USORF")
        return Datagram(self._data(answer, "+USORF"), str(fields[1]), int(fields[2] or 0))

    def unread(self, command: str = "+USORD") -> int:
        """Bytes that wait in the module."""
        return int(self._channel.send(f"AT{command}={self.number},0").value(command)[-1] or 0)

    def error(self) -> int:
        """The last error of the socket layer (+USOER), errno-like."""
        return int(self._channel.send("AT+USOER").value("+USOER")[0] or 0)

    def close(self) -> None:
        """Close; allowed on a socket that is closed."""
        self._forget()
        if not self._is_closed:
            self._is_closed = True
            self._channel.send(f"AT+USOCL={self.number}", check=False)

    def abandon(self) -> None:
        """Let go without a word to the module, which has lost it or does not answer."""
        self._forget()
        self._is_closed = True

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------------

    @property
    def _longest(self) -> int:
        return PIECE // 2 if self._hexadecimal else PIECE

    def _hear(self, event: UrcEvent) -> None:
        if event.begins(_CLOSED) and event.fields[:1] == (self.number,):
            self._is_closed = True

    def _write(self, line: str, piece: bytes) -> None:
        if self._hexadecimal:
            answer = self._channel.send(f'{line},"{piece.hex().upper()}"')
        elif len(piece) <= _SHORT_TEXT and _PRINTABLE.issuperset(piece):
            answer = self._channel.send(f'{line},"{piece.decode("ascii")}"')
        else:
            answer = self._channel.send(line, payload=piece)
        # LENA-R8 answers with the prefix of +USOST on a UDP socket (module facts 16, quirk 5)
        fields = answer.fields("+USOWR") or answer.fields("+USOST")
        if not fields or fields[0] != (self.number, len(piece)):
            raise UnitError(f"{answer.command}: {len(piece)} bytes given, the answer is {list(answer.info)}")

    def _wait(self, command: str, timeout_s: float) -> None:
        """Until there is data to read; the notice may have come already, so the module is asked."""
        until = time.monotonic() + timeout_s
        with self._channel.expect(_NOTICES, lambda event: event.fields[:1] == (self.number,)) as notice:
            while True:
                if self._is_closed:
                    raise SocketClosed(f"socket {self.number} was closed by the module or its peer")
                if self._has_data(command):
                    return
                left = until - time.monotonic()
                if left <= 0:
                    raise UnitError(f"socket {self.number}: no data within {timeout_s:g} s")
                self._channel.wait_until(lambda: bool(notice.heard) or self._is_closed, min(_POLL_S, left))

    def _has_data(self, command: str) -> bool:
        """False also when the refusal comes from a socket that was closed in between."""
        try:
            return self.unread(command) > 0
        except AtError:
            if self._channel.wait_until(lambda: self._is_closed, _POLL_S):
                return False
            raise

    def _data(self, answer: Answer, prefix: str) -> bytes:
        fields, text = answer.value(prefix), answer.payload(prefix)
        announced = fields[-2] if len(fields) > 2 else None
        data = bytes.fromhex(text.decode("ascii")) if self._hexadecimal else text
        if announced != len(data):
            raise UnitError(f"{answer.command}: {announced} bytes announced, {len(data)} given")
        return data
