"""The module's stub resolver: questions over UDP to the primary, then to the secondary resolver.

The secondary is asked when the primary does not answer in time; an answer of the primary that comes late is
still good (LARA-R6 guide 2.4.2: the resolver first uses the primary DNS; if no answer, the second).
"""

from __future__ import annotations

import asyncio
import enum
import ipaddress
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

import dnslib

from .node import Node
from .route import Flow, Peer, Source

PORT = 53
SERVICE = "dns"
"""Under this name, and under that of the resolver asked, a question is noted as a flow."""

_NAME_MAX = 253
_NAME = re.compile(r"(?:[A-Za-z0-9_\-]{1,63}\.)*[A-Za-z0-9_\-]{1,63}\.?")  # RFC 1035 2.3.4, with underscores


class Trouble(enum.Enum):
    """Why a question has no good answer."""

    NO_SUCH_NAME = "no such name"
    NO_ANSWER = "no answer"


class LookupTrouble(Exception):
    """A question without a good answer."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds before the next resolver is asked too, how often each one is asked, seconds in all."""

    next_s: float = 5.0
    rounds: int = 2
    total_s: float = 20.0


async def lookup(node: Node, source: Source, servers: Sequence[str], name: str, *, ipv6: bool = False,
                 patience: Patience) -> tuple[str, ...]:
    """The addresses of a name, in the order of the answer; LookupTrouble when there are none."""
    if len(name) > _NAME_MAX or not _NAME.fullmatch(name):
        raise LookupTrouble(Trouble.NO_SUCH_NAME)  # nothing that could be asked
    qtype = dnslib.QTYPE.AAAA if ipv6 else dnslib.QTYPE.A
    return await _Question(node, source, name, qtype).ask(servers, patience)


async def reverse(node: Node, source: Source, servers: Sequence[str], address: str, *,
                  patience: Patience) -> str:
    """The name of an address; LookupTrouble when there is none."""
    pointer = ipaddress.ip_address(address).reverse_pointer
    names = await _Question(node, source, pointer, dnslib.QTYPE.PTR).ask(servers, patience)
    return names[0].rstrip(".")


class _Exchange(asyncio.DatagramProtocol):
    """One question to one resolver."""

    def __init__(self, question: _Question) -> None:
        self._question = question

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._question.answered(data)

    def error_received(self, exc: Exception) -> None:
        self._question.refused()


class _Question:
    """One question, asked of several resolvers until one gives a final answer."""

    def __init__(self, node: Node, source: Source, name: str, qtype: int) -> None:
        self._node = node
        self._source = source
        self._qtype = qtype
        self._id = random.randint(0, 0xFFFF)
        self._query = dnslib.DNSRecord(dnslib.DNSHeader(id=self._id, rd=1), q=dnslib.DNSQuestion(name, qtype))
        self._result: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
        self._next = asyncio.Event()
        self._open = 0  # resolvers that may still answer
        self._local_port = 0
        self._transports: list[asyncio.DatagramTransport] = []

    async def ask(self, servers: Sequence[str], patience: Patience) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(patience.total_s):
                for server in tuple(servers) * patience.rounds:
                    self._next.clear()
                    await self._send(server)
                    await self._wait(patience.next_s)
                    if self._result.done():
                        break
                if not self._open and not self._result.done():
                    raise LookupTrouble(Trouble.NO_ANSWER)
                return await self._result
        except TimeoutError:
            raise LookupTrouble(Trouble.NO_ANSWER) from None
        finally:
            self._result.cancel()
            for transport in self._transports:
                transport.abort()

    def answered(self, data: bytes) -> None:
        """A datagram came from a resolver."""
        if self._node.deaf(self._source, self._local_port):
            return  # it went to the host behind the module
        try:
            reply = dnslib.DNSRecord.parse(data)
        except dnslib.DNSError:
            return
        if reply.header.id != self._id or not reply.header.qr or self._result.done():
            return
        found = tuple(str(record.rdata) for record in reply.rr if record.rtype == self._qtype)
        if found:
            self._result.set_result(found)
        elif reply.header.rcode in (dnslib.RCODE.NXDOMAIN, dnslib.RCODE.NOERROR):
            self._result.set_exception(LookupTrouble(Trouble.NO_SUCH_NAME))
        else:
            self._open -= 1  # a resolver in trouble: the next one may know
        self._next.set()

    def refused(self) -> None:
        """A resolver's host said that nobody listens."""
        self._open -= 1
        self._next.set()

    async def _send(self, server: str) -> None:
        await self._node.passing()
        route = self._node.route(Peer(server, PORT), "udp", self._source)
        if route.endpoint is None:
            self._next.set()
            return
        sock, local_port = self._node.udp_socket(self._source)
        sock.connect((route.endpoint.host, route.endpoint.port))
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Exchange(self), sock=sock)
        self._transports.append(transport)
        self._open += 1
        self._local_port = local_port
        for service in (SERVICE, route.service):
            self._node.note(service, Flow(self._source.cid, local_port, PORT))
        transport.sendto(self._query.pack())

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._next.wait()
        except TimeoutError:
            pass  # the next resolver is asked too, this one may still answer
