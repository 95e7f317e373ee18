"""The resolver asked by dnspython, a client that shares nothing with it."""

from __future__ import annotations

import asyncio
import time

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.reversename
import pytest

from cellbench.services.dns import DnsServer
from cellbench.services.server import State

NAMES = {"www.google.com": ["216.239.59.147", "216.58.206.68", "2001:db8::68"],
         "ftp.u-blox.com": ["195.34.89.241"], "echo.u-blox.com": ["195.34.89.241"]}


def ask(name: str, kind: str, *, state: State = State.UP, timeout: float = 2.0, slow_s: float = 4.0,
        ) -> dns.message.Message:
    """One question to a fresh resolver."""
    async def run() -> dns.message.Message:
        server = DnsServer({"names": NAMES, "slow_s": slow_s})
        await server.start()
        await server.set_state(state)
        place = server.endpoints()[0]
        try:
            query = dns.message.make_query(name, kind)
            return await dns.asyncquery.udp(query, place.host, port=place.port, timeout=timeout)
        finally:
            await server.stop()

    return asyncio.run(run())


def texts(answer: dns.message.Message) -> list[str]:
    return [str(item) for rrset in answer.answer for item in rrset]


def test_addresses_in_the_order_of_the_zone() -> None:
    answer = ask("www.google.com", "A")
    assert answer.rcode() == dns.rcode.NOERROR
    assert texts(answer) == ["216.239.59.147", "216.58.206.68"]


def test_names_are_the_same_in_any_case() -> None:
    assert texts(ask("WWW.Google.COM", "A")) == ["216.239.59.147", "216.58.206.68"]


def test_ipv6_addresses() -> None:
    assert texts(ask("www.google.com", "AAAA")) == ["2001:db8::68"]


def test_a_name_without_that_type_is_no_error() -> None:
    answer = ask("ftp.u-blox.com", "AAAA")
    assert answer.rcode() == dns.rcode.NOERROR
    assert texts(answer) == []


@pytest.mark.parametrize(("address", "name"), [("195.34.89.241", "ftp.u-blox.com."),
                                               ("2001:db8::68", "www.google.com.")])
def test_reverse(address: str, name: str) -> None:
    assert texts(ask(str(dns.reversename.from_address(address)), "PTR")) == [name]


def test_unknown_names_do_not_exist() -> None:
    assert ask("no-such-host.invalid", "A").rcode() == dns.rcode.NXDOMAIN
    assert ask("9.9.9.9.in-addr.arpa", "PTR").rcode() == dns.rcode.NXDOMAIN


def test_mute_and_down_do_not_answer() -> None:
    with pytest.raises(dns.exception.Timeout):
        ask("www.google.com", "A", state=State.MUTE, timeout=0.2)
    with pytest.raises((dns.exception.Timeout, ConnectionRefusedError)):
        ask("www.google.com", "A", state=State.DOWN, timeout=0.2)


def test_slow_answers_late() -> None:
    started = time.monotonic()
    assert texts(ask("ftp.u-blox.com", "A", state=State.SLOW, slow_s=0.2)) == ["195.34.89.241"]
    assert time.monotonic() - started >= 0.19


def test_rubbish_is_not_answered_and_does_no_harm() -> None:
    async def run() -> None:
        server = DnsServer({"names": NAMES})
        await server.start()
        place = server.endpoints()[0]
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol,
                                                           remote_addr=(place.host, place.port))
        for rubbish in (b"", b"\x00", b"\xff" * 12, b"\x00" * 600, bytes(range(64))):
            transport.sendto(rubbish)
        query = dns.message.make_query("echo.u-blox.com", "A")
        answer = await dns.asyncquery.udp(query, place.host, port=place.port, timeout=2.0)
        assert texts(answer) == ["195.34.89.241"]
        transport.close()
        await server.stop()

    asyncio.run(run())
