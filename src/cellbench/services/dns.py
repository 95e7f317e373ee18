"""A resolver of the virtual network: answers A, AAAA, PTR and ANY from a zone, NXDOMAIN for the rest."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence

import dnslib

from cellbench.base.protocols import Endpoint

from .places import UdpPlace
from .server import PLAIN_STATES, SLOW_S, State

TTL_S = 60
_RDATA = {4: dnslib.A, 6: dnslib.AAAA}
_QTYPE = {4: dnslib.QTYPE.A, 6: dnslib.QTYPE.AAAA}


class Zone:
    """Names with their addresses, both ways."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._forward = {name.lower().rstrip("."): tuple(addresses) for name, addresses in names.items()}
        self._reverse: dict[str, str] = {}
        for name, addresses in self._forward.items():
            for address in addresses:
                # of several names of one host the first one of the file is its own
                self._reverse.setdefault(ipaddress.ip_address(address).reverse_pointer, name)

    def records(self, name: str, qtype: int) -> tuple[dnslib.RR, ...] | None:
        """The records of one type (ANY: all types) of a name; None when the name does not exist."""
        key = name.lower().rstrip(".")
        if key in self._reverse:
            pointer = dnslib.RR(name, dnslib.QTYPE.PTR, rdata=dnslib.PTR(self._reverse[key]), ttl=TTL_S)
            return (pointer,) if qtype in (dnslib.QTYPE.PTR, dnslib.QTYPE.ANY) else ()
        addresses = self._forward.get(key)
        if addresses is None:
            return None
        found = []
        for address in addresses:
            version = ipaddress.ip_address(address).version
            if qtype in (_QTYPE[version], dnslib.QTYPE.ANY):
                found.append(dnslib.RR(name, _QTYPE[version], rdata=_RDATA[version](address), ttl=TTL_S))
        return tuple(found)


class DnsServer:
    """One resolver on a UDP port. ``definition["names"]``: name → list of addresses.

    ``mute`` takes queries and never answers; ``slow`` answers ``slow_s`` seconds late.
    """

    def __init__(self, definition: Mapping[str, object]) -> None:
        names = definition.get("names")
        if not isinstance(names, Mapping):
            raise ValueError("a resolver needs names: a mapping from name to addresses")
        self._zone = Zone(names)
        self._slow_s = float(str(definition.get("slow_s", SLOW_S)))
        self._state = State.UP
        self._udp = UdpPlace(self._datagram)
        self._queries = 0
        self._last: dict[str, str] = {}

    @property
    def states(self) -> frozenset[State]:
        """up, down, mute, slow."""
        return PLAIN_STATES

    async def start(self) -> None:
        """Listen on a free UDP port."""
        await self._udp.open()

    async def stop(self) -> None:
        """Close the port."""
        await self._udp.close()

    async def set_state(self, state: State) -> None:
        """Take a state."""
        self._state = state
        if state is State.DOWN:
            await self._udp.close()
        else:
            await self._udp.open()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The UDP place."""
        return (self._udp.endpoint,)

    def report(self) -> Mapping[str, str]:
        """How many queries came, and the last one."""
        return {"queries": str(self._queries), **self._last}

    def _datagram(self, data: bytes, peer: tuple[str, int]) -> None:
        try:
            query = dnslib.DNSRecord.parse(data)
        except dnslib.DNSError:
            return  # a datagram that is no query gets no answer
        if query.header.qr or not query.questions:
            return
        self._queries += 1
        question = query.questions[0]
        self._last = {"name": str(question.qname).rstrip("."), "type": str(dnslib.QTYPE[question.qtype]),
                      "peer": f"{peer[0]}:{peer[1]}"}
        if self._state is State.MUTE:
            return
        answer = self._answer(query).pack()
        if self._state is State.SLOW:
            asyncio.get_running_loop().call_later(self._slow_s, self._udp.send, answer, peer)
        else:
            self._udp.send(answer, peer)

    def _answer(self, query: dnslib.DNSRecord) -> dnslib.DNSRecord:
        reply = query.reply(aa=0, ra=1)
        if query.header.opcode != dnslib.OPCODE.QUERY:
            reply.header.rcode = dnslib.RCODE.NOTIMP
            return reply
        question = query.questions[0]
        records = self._zone.records(str(question.qname), question.qtype)
        if records is None:
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
        else:
            reply.add_answer(*records)
        return reply
