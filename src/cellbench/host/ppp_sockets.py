"""Connections and datagrams over a dial-up connection, as objects with send and recv."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cellbench.base.errors import CellbenchError
from cellbench.host.ppp_model import PppNoAnswer, PppRefused, PppReset, PppUnreachable
from cellbench.host.ppp_pump import PppPump
from cellbench.wire.ip.checksum import Address
from cellbench.wire.ip.stack import UdpPort
from cellbench.wire.ip.tcp import Connection, Failure

CheckUp = Callable[[], None]
"""Raises what ended the link, when it has ended."""

_FINISH_S = 10.0


class PppDatagram(NamedTuple):
    """A datagram and where it came from."""

    data: bytes
    host: str
    port: int


class PppTcp:
    """A TCP connection through the module. As a context manager it closes at the end of the block."""

    __slots__ = ("_check", "_connection", "_pump", "_what", "host", "port")

    def __init__(self, pump: PppPump, connection: Connection, address: Address, port: int,
                 check: CheckUp) -> None:
        self.host, self.port = str(address), port
        self._pump = pump
        self._connection = connection
        self._check = check
        self._what = f"TCP over PPP to {address} port {port}"

    @property
    def local_port(self) -> int:
        """The port on this side."""
        return self._connection.local_port

    @property
    def state(self) -> str:
        """The state by its name in RFC 9293: ESTABLISHED, CLOSE-WAIT ..."""
        return self._connection.state.value

    @property
    def retransmitted(self) -> int:
        """Segments that had to be sent again."""
        return self._connection.retransmitted

    def await_open(self, timeout_s: float) -> None:
        """Wait for the handshake. Raises PppRefused, PppUnreachable, PppNoAnswer, PppLost."""
        one = self._connection
        self._pump.flush()
        self._pump.wait(lambda: one.is_established or one.is_over, self._until(timeout_s))
        if one.is_established:
            return
        self._check()
        failed = self._failed()
        with self._pump.news:
            one.abort()
        raise failed or PppNoAnswer(f"{self._what}: no connection within {timeout_s:g} s")

    def send(self, data: bytes, timeout_s: float = 60.0) -> None:
        """Give everything to the connection; what does not fit into its buffer waits for the far end. Raises
        PppReset, PppNoAnswer, PppLost."""
        until = self._until(timeout_s)
        at = 0
        while at < len(data):
            with self._pump.news:
                at += self._connection.write(data[at:], self._pump.now())
            self._pump.flush()
            if at < len(data):
                self._wait(self._can_write, until, f"{len(data) - at} of {len(data)} bytes are not taken")

    def _can_write(self) -> bool:
        return self._connection.room > 0

    def recv(self, limit: int, timeout_s: float = 30.0) -> bytes:
        """At most ``limit`` bytes as soon as any are there; b"" at the end of what the far end sends. Raises
        PppReset, PppNoAnswer, PppLost."""
        one = self._connection
        if not (one.readable or one.at_end):
            self._wait(lambda: bool(one.readable) or one.at_end, self._until(timeout_s), "no data")
        with self._pump.news:
            data = one.read(limit)
        self._pump.flush()
        return data

    def recv_exactly(self, size: int, timeout_s: float = 30.0) -> bytes:
        """Exactly ``size`` bytes. Raises as ``recv``; PppReset when the far end finishes before."""
        until = self._until(timeout_s)
        whole = bytearray()
        while len(whole) < size:
            piece = self.recv(size - len(whole), max(0.0, until - self._pump.now()))
            if not piece:
                raise PppReset(f"{self._what}: the far end finished after {len(whole)} of {size} bytes")
            whole += piece
        return bytes(whole)

    def recv_all(self, timeout_s: float = 60.0) -> bytes:
        """Everything up to the end. Raises as ``recv``."""
        until = self._until(timeout_s)
        whole = bytearray()
        while piece := self.recv(65_536, max(0.0, until - self._pump.now())):
            whole += piece
        return bytes(whole)

    def finish(self) -> None:
        """No more data from this side (FIN); the far end may go on."""
        with self._pump.news:
            self._connection.finish(self._pump.now())
        self._pump.flush()

    def close(self) -> None:
        """End in order, within 10 s; unread data resets the connection. Closing twice is allowed, and on a
        link that is over."""
        one = self._connection
        with self._pump.news:
            one.discard(self._pump.now())
        if self._pump.ended is None:
            try:
                self._pump.flush()
                self._pump.wait(lambda: one.is_over or not one.unsent, self._until(_FINISH_S))
            except CellbenchError:
                return  # the port is gone: the link's own error says so

    def __enter__(self) -> PppTcp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _until(self, timeout_s: float) -> float:
        return self._pump.now() + timeout_s

    def _wait(self, ready: Callable[[], bool], until: float, what: str) -> None:
        one = self._connection
        if self._pump.wait(lambda: ready() or one.is_over, until) and ready():
            return
        self._check()
        raise self._failed() or PppNoAnswer(f"{self._what}: {what} in time")

    def _failed(self) -> CellbenchError | None:
        one = self._connection
        match one.failure:
            case Failure.REFUSED:
                return PppRefused(f"{self._what}: the far end {one.failure.value}")
            case Failure.RESET:
                return PppReset(f"{self._what}: the far end {one.failure.value}")
            case Failure.UNREACHABLE:
                return PppUnreachable(f"{self._what}: {one.why}")
            case Failure.TIMED_OUT:
                return PppNoAnswer(f"{self._what}: the far end {one.failure.value}")
            case _ if one.is_over:
                return PppReset(f"{self._what}: it is closed")
        return None


class PppUdp:
    """A local UDP port. As a context manager it is closed at the end of the block."""

    __slots__ = ("_address_of", "_check", "_port", "_pump")

    def __init__(self, pump: PppPump, port: UdpPort, check: CheckUp, address_of: Callable[[str], Address]
                 ) -> None:
        self._pump = pump
        self._port = port
        self._check = check
        self._address_of = address_of

    @property
    def local_port(self) -> int:
        """The port on this side."""
        return self._port.port

    def send_to(self, data: bytes, host: str, port: int) -> None:
        """One datagram, to an address or a name. Raises PppUnreachable when it does not fit into a packet,
        or there is no address to send from; PppLost."""
        self._check()
        address = self._address_of(host)
        try:
            with self._pump.news:
                self._pump.stack.send_to(self._port, data, address, port)
        except ValueError as error:
            raise PppUnreachable(str(error)) from None
        self._pump.flush()

    def recv_from(self, timeout_s: float = 30.0) -> PppDatagram:
        """The next datagram. Raises PppNoAnswer, PppUnreachable with what a router or host said of one that
        was sent, PppLost."""
        port = self._port
        self._pump.wait(lambda: bool(port.inbox or port.refused), self._pump.now() + timeout_s)
        with self._pump.news:
            if port.inbox:
                got = port.inbox.popleft()
                return PppDatagram(got.data, str(got.address), got.port)
            said = port.refused.popleft() if port.refused else ""
        if said:
            raise PppUnreachable(f"UDP over PPP, port {port.port}: {said}")
        self._check()
        raise PppNoAnswer(f"UDP over PPP, port {port.port}: no datagram within {timeout_s:g} s")

    def close(self) -> None:
        """Close; allowed twice."""
        with self._pump.news:
            self._pump.stack.close_udp(self._port)

    def __enter__(self) -> PppUdp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
