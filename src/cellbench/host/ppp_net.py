"""A network over a dial-up connection: addresses, names, ICMP, UDP, TCP and HTTP of the host's own end."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from ipaddress import ip_address

from cellbench.base.errors import FrameworkError
from cellbench.host.clients.http import Response, parse_response
from cellbench.host.ppp_model import Ping, PppEnd, PppNoAnswer, PppUnreachable
from cellbench.host.ppp_names import ask_name, url_parts
from cellbench.host.ppp_pump import PppPump
from cellbench.host.ppp_sockets import CheckUp, PppTcp, PppUdp
from cellbench.wire.ip.checksum import Address
from cellbench.wire.ip.packets import IpPacket
from cellbench.wire.ip.slaac import Autoconfiguration
from cellbench.wire.ip.tcp import TcpSettings
from cellbench.wire.ppp.events import EchoAnswered


class PppNet:
    """What travels over one data call. ``check`` raises what keeps it from travelling."""

    def __init__(self, pump: PppPump, check: CheckUp) -> None:
        self._pump = pump
        self._check = check

    # -- what it is --------------------------------------------------------------------------------

    @property
    def end(self) -> PppEnd | None:
        """How the call ended."""
        return self._pump.ended

    @property
    def address(self) -> str:
        """The IPv4 address given to the host, "" when it has none."""
        return str(self._pump.stack.ipv4 or "")

    @property
    def peer(self) -> str:
        """The module's IPv4 address on the link, "" when it names none."""
        return str(self._pump.peer or "")

    @property
    def dns(self) -> tuple[str, ...]:
        """The DNS servers that the module named (IPCP, RFC 1877; router advertisements, RFC 8106)."""
        slaac = self._pump.stack.slaac
        return tuple(str(one) for one in (*self._pump.dns, *(slaac.dns if slaac is not None else ())))

    @property
    def mru(self) -> int:
        """The longest packet that the module takes."""
        return self._pump.stack.mtu

    @property
    def unclaimed(self) -> tuple[IpPacket, ...]:
        """The last packets that nobody here waited for."""
        with self._pump.news:
            return tuple(self._pump.stack.unclaimed)

    @property
    def damaged(self) -> int:
        """Frames and packets that came broken."""
        return self._pump.engine.damaged + self._pump.stack.broken

    @property
    def slaac(self) -> Autoconfiguration | None:
        """The addresses of IPv6; None where IPv6CP did not come about."""
        return self._pump.stack.slaac

    def await_ipv6(self, timeout_s: float = 30.0) -> str:
        """The global IPv6 address, once a router has named a prefix. Raises PppNoAnswer, PppUnreachable when
        there is no IPv6 on the link."""
        slaac = self.slaac
        if slaac is None:
            raise PppUnreachable("IPv6CP was not agreed on")
        found = self._pump.wait(lambda: slaac.address is not None or slaac.has_failed, self._until(timeout_s))
        self._check()
        if not found or slaac.address is None:
            raise PppNoAnswer("no router advertisement with a prefix came")
        return str(slaac.address)

    # -- use ---------------------------------------------------------------------------------------------

    def await_unclaimed(self, fits: Callable[[IpPacket], bool], timeout_s: float) -> IpPacket:
        """A packet that nobody here waited for. Raises PppNoAnswer, PppLost."""
        pump = self._pump
        if not pump.wait(lambda: any(map(fits, pump.stack.unclaimed)), self._until(timeout_s)):
            self._check()
            raise PppNoAnswer(f"no such packet within {timeout_s:g} s")
        with pump.news:
            return next(filter(fits, pump.stack.unclaimed))

    def echo(self, timeout_s: float = 10.0) -> float:
        """An LCP Echo-Request to the module itself; seconds to its answer. Raises PppNoAnswer, PppLost."""
        pump = self._pump
        with pump.news:
            mark = len(pump.events)
            pump.engine.echo(pump.now())
        pump.flush()

        def answers() -> list[EchoAnswered]:
            return [event for event in pump.events[mark:] if isinstance(event, EchoAnswered)]

        if not pump.wait(lambda: bool(answers()), self._until(timeout_s)):
            self._check()
            raise PppNoAnswer(f"no LCP Echo-Reply within {timeout_s:g} s")
        return answers()[0].seconds

    def resolve(self, name: str, *, ipv6: bool = False, timeout_s: float = 20.0, server: str = "") -> str:
        """The address of a name by the DNS servers that the module named, or by ``server``. Raises
        PppUnreachable for a name that does not exist, PppNoAnswer, PppLost."""
        servers = (server,) if server else self.dns
        if not servers:
            raise PppUnreachable("the module named no DNS server")
        return str(ask_name(self.udp, servers, name, ipv6, timeout_s))

    def ping(self, host: str, count: int = 1, *, size: int = 32, timeout_s: float = 10.0, ttl: int = 64,
             ipv6: bool = False) -> tuple[Ping, ...]:
        """Echo requests, one after the other; each with what came back. ``size``: bytes of data. Raises
        PppUnreachable, PppLost."""
        address = self._address_of(host, ipv6)
        identifier = secrets.randbelow(0x10000)
        return tuple(self._ping(address, identifier, number, size, timeout_s, ttl)
                     for number in range(1, count + 1))

    def tcp(self, host: str, port: int, *, timeout_s: float = 60.0, local_port: int = 0, ipv6: bool = False,
            settings: TcpSettings | None = None) -> PppTcp:
        """A connected TCP connection. Raises PppRefused, PppUnreachable, PppNoAnswer, PppLost."""
        address = self._address_of(host, ipv6)
        pump = self._pump
        try:
            with pump.news:
                connection = pump.stack.connect(address, port, pump.now(), local_port=local_port,
                                                settings=settings)
        except ValueError as error:
            raise PppUnreachable(str(error)) from None
        made = PppTcp(pump, connection, address, port, self._check)
        made.await_open(timeout_s)
        return made

    def udp(self, local_port: int = 0) -> PppUdp:
        """A local UDP port, a free one for 0. Raises FrameworkError when it is open already."""
        self._check()
        try:
            with self._pump.news:
                port = self._pump.stack.udp(local_port)
        except ValueError as error:
            raise FrameworkError(str(error)) from None
        return PppUdp(self._pump, port, self._check, self._address_of)

    def fetch(self, url: str, *, timeout_s: float = 60.0, ipv6: bool = False) -> Response:
        """GET an http: address. Raises UnitError for what is no HTTP, and as ``tcp``."""
        host, port, path = url_parts(url)
        until = self._until(timeout_s)
        with self.tcp(host, port, timeout_s=timeout_s, ipv6=ipv6) as connection:
            connection.send(f"GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return parse_response(connection.recv_all(max(0.0, until - self._pump.now())))

    # -- inside ------------------------------------------------------------------------------------------

    def _until(self, timeout_s: float) -> float:
        return self._pump.now() + timeout_s

    def _address_of(self, host: str, ipv6: bool = False) -> Address:
        self._check()
        try:
            return ip_address(host)
        except ValueError:
            return ip_address(self.resolve(host, ipv6=ipv6))

    def _ping(self, address: Address, identifier: int, number: int, size: int, timeout_s: float,
              ttl: int) -> Ping:
        pump = self._pump
        data = secrets.token_bytes(size)
        try:
            with pump.news:
                echo = pump.stack.ping(address, identifier, number, data, ttl, pump.now())
        except ValueError as error:
            raise PppUnreachable(str(error)) from None
        pump.flush()
        pump.wait(lambda: echo.answer is not None, self._until(timeout_s))
        with pump.news:
            pump.stack.forget(echo)
        answer = echo.answer
        if answer is None:
            self._check()
            return Ping(number, size, str(address), 0, None, "")
        said = answer.kind.value if answer.data == data or answer.kind.value != "echo reply" else "other data"
        return Ping(number, size, str(answer.address), answer.ttl, answer.at - echo.sent, said)
