"""Secure sockets against true TLS and DTLS servers: checks, data, resumption (LARA-R6 guide 3.4, 5.11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.io.tls.engine import TlsServer
from cellbench.io.tls.settings import ServerSettings, Version
from cellbench.services.authority import Authority
from cellbench.services.places import TcpPlace
from cellbench.services.tls import DtlsPlace, HandshakeFacts, over_tls
from cellbench.virtual.device.certificates import Item
from cellbench.virtual.device.certificates_at import certificate_store

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
R6 = Series.LARA_R6


class Peer:
    """A server that answers in capitals, and what it saw."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.facts: list[HandshakeFacts] = []
        self.refusals: list[str] = []


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data.upper())
        await writer.drain()


@asynccontextmanager
async def tls(settings: ServerSettings) -> AsyncIterator[Peer]:
    peer = Peer(0)
    place = TcpPlace(over_tls(TlsServer(settings), shout, peer.facts.append, peer.refusals.append))
    await place.open()
    peer.port = place.endpoint.port
    try:
        yield peer
    finally:
        await place.close()


@asynccontextmanager
async def dtls(settings: ServerSettings) -> AsyncIterator[Peer]:
    peer = Peer(0)
    place = DtlsPlace(TlsServer(settings), lambda data, address: place.send(data.upper(), address),
                      seen=peer.facts.append, refused=peer.refusals.append)
    await place.open()
    peer.port = place.endpoint.port
    try:
        yield peer
    finally:
        await place.close()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


async def prepared(at: At, authority: Authority, *lines: str) -> None:
    """The authority as the only root, profile 2 reset and set."""
    certificate_store(at.module).put(Item.CA, "root", authority.pem)
    await at.ok("AT+USECPRF=2")
    for line in lines:
        await at.ok(f"AT+USECPRF=2,{line}")


async def connect(at: At, peer: Peer, *, udp: bool = False) -> list[str]:
    await at.ok(f"AT+USOCR={17 if udp else 6}")
    await at.ok("AT+USOSEC=0,1,2")
    return list(await at.send(f'AT+USOCO=0,"127.0.0.1",{peer.port}'))


@both
def test_data_over_tls(play: Play, series: Series, authority: Authority) -> None:
    async def scenario(at: At) -> None:
        await prepared(at, authority, "0,1", '10,"server.example"')
        async with tls(ServerSettings(authority.issue("server.example"))) as peer:
            assert await connect(at, peer) == ["OK"]
            assert await at.ok("AT+USOSEC=0") == "+USOSEC: 0,1,2"
            await at.ok("AT+USOWR=0,5", payload=b"hello")
            await at.urc("+UUSORD: 0,5")
            assert await at.ok("AT+USORD=0,5") == '+USORD: 0,5,"HELLO"'
            assert [fact.name for fact in peer.facts] == ["server.example"]
            await at.ok("AT+USOCL=0")

    play(series, scenario)


@both
@pytest.mark.parametrize(("lines", "good"), [
    (("0,0",), True), (("0,1",), False), (("0,2", '4,"stranger.example"'), False)])
def test_an_unknown_issuer(play: Play, series: Series, authority: Authority, lines: tuple[str, ...],
                           good: bool) -> None:
    async def scenario(at: At) -> None:
        await prepared(at, authority, *lines)
        async with tls(ServerSettings(Authority("stranger").issue("stranger.example"))) as peer:
            answer = await connect(at, peer)
            if good:
                assert answer == ["OK"]
            else:
                assert answer == ["ERROR"]
                await at.urc("+UUSOCL: 0")
                assert not peer.facts

    play(series, scenario)


@both
@pytest.mark.parametrize(("host", "level", "good"), [
    ("server.example", 2, True), ("other.example", 2, False), ("other.example", 1, True)])
def test_the_expected_host(play: Play, series: Series, authority: Authority, host: str, level: int,
                           good: bool) -> None:
    async def scenario(at: At) -> None:
        await prepared(at, authority, f"0,{level}", '3,"root"', f'4,"{host}"')
        async with tls(ServerSettings(authority.issue("server.example"))) as peer:
            assert await connect(at, peer) == (["OK"] if good else ["ERROR"])

    play(series, scenario)


@both
def test_suites_and_versions_that_do_not_meet(play: Play, series: Series, authority: Authority) -> None:
    async def scenario(at: At) -> None:
        for lines in (('2,99,"C0","2B"', "0,0"), ("2,5", "0,0"), ("1,3", "0,0")):
            await prepared(at, authority, *lines)
            maximum = Version.TLS_1_1 if lines[0] == "1,3" else Version.TLS_1_2
            settings = ServerSettings(authority.issue("server.example"), suites=(0xC02C, 0xC00A),
                                      maximum=maximum)
            async with tls(settings) as peer:
                assert await connect(at, peer) == ["ERROR"]
                await at.urc("+UUSOCL: 0")

    play(series, scenario)


@both
def test_four_at_once(play: Play, series: Series, authority: Authority) -> None:
    async def scenario(at: At) -> None:
        await prepared(at, authority, "0,0")
        async with tls(ServerSettings(authority.issue("server.example"))) as peer:
            for number in range(5):
                assert await at.ok("AT+USOCR=6") == f"+USOCR: {number}"
                await at.ok(f"AT+USOSEC={number},1,2")
                answer = await at.send(f'AT+USOCO={number},"127.0.0.1",{peer.port}')
                assert answer == (["OK"] if number < 4 else ["ERROR"])
            await at.urc("+UUSOCL: 4")
            await at.ok("AT+USOCL=1")
            assert await at.ok("AT+USOCR=6") == "+USOCR: 1"
            await at.ok("AT+USOSEC=1,1,2")
            await at.ok(f'AT+USOCO=1,"127.0.0.1",{peer.port}')

    play(series, scenario)


@both
def test_when_it_can_be_set(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+CMEE=1")
        assert await at.refused("AT+USOSEC=0,1,2") == "+CME ERROR: 3"
        await at.connected()
        assert await at.refused("AT+USOSEC=0,1,2") == "+CME ERROR: 3"
        await at.ok("AT+USOCR=17")
        if series is R6:
            await at.ok("AT+USOSEC=1,1,2")
        else:
            assert await at.refused("AT+USOSEC=1,1,2") == "+CME ERROR: 3"
        assert await at.refused("AT+USOSEC=0,1,5") == "+CME ERROR: 50"

    play(series, scenario)


def test_datagrams_over_dtls(play: Play, authority: Authority) -> None:
    async def scenario(at: At) -> None:
        await prepared(at, authority, "0,1")
        async with dtls(ServerSettings(authority.issue("server.example"), datagram=True)) as peer:
            assert await connect(at, peer, udp=True) == ["OK"]
            await at.ok("AT+USOWR=0,5", payload=b"hello")
            await at.urc("+UUSORD: 0,5")
            assert await at.ok("AT+USORD=0,5") == '+USORD: 0,5,"HELLO"'
            assert [fact.version for fact in peer.facts] == ["DTLS_1_2"]

    play(R6, scenario)


RESUMPTIONS = [(kind, udp, version) for kind, version in (
    (0, Version.TLS_1_2), (10, Version.TLS_1_2), (1, Version.TLS_1_2), (11, Version.TLS_1_2),
    (3, Version.TLS_1_3), (13, Version.TLS_1_3)) for udp in ((False, True) if version is Version.TLS_1_2 else
                                                             (False,))]


@pytest.mark.parametrize(("kind", "udp", "version"), RESUMPTIONS)
def test_the_second_handshake_is_abbreviated(play: Play, authority: Authority, kind: int, udp: bool,
                                             version: Version) -> None:
    """LARA-R6 guide 3.4.4.1 to 3.4.4.6, both phases, with a socket in place of the HTTP client."""
    maximum = Version.DTLS_1_2 if udp else version

    async def phase(at: At, peer: Peer, *data: str) -> list[str]:
        await prepared(at, authority, "0,1", "13,0,1", f"13,1,{kind}")
        if kind in (3, 13) and data:
            await give(at, f"AT+USECPRF=2,13,{kind + 2},{len(data[0])}", data[0])
        elif data:
            parts = ",".join(one if one.isdigit() else f'"{one}"' for one in data)
            await at.ok(f"AT+USECPRF=2,13,{kind + 2},{parts}")
        assert await connect(at, peer, udp=udp) == ["OK"]
        if kind in (0, 10):
            await at.urc(f"+UUSECPRF: 2,13,1,{kind}")
            texts = (await at.next_urc("+UUSECPRF")).split(",")[3:]
        else:
            await at.urc("+UUSECPRF: 2,13,0,2")
            texts = (await at.ok(f"AT+USECPRF=2,13,{kind + 2}")).split(",")[3:]
        await at.ok("AT+USOCL=0")
        return texts

    async def give(at: At, line: str, data: str) -> None:
        at.module.uart.receive(line.encode() + b"\r", 115_200)
        await at._until(lambda: at._partial.endswith(b">"))
        assert await at.finish(data.encode()) == ["OK"]

    async def scenario(at: At) -> None:
        settings = ServerSettings(authority.issue("server.example"), datagram=udp, maximum=maximum)
        async with (dtls if udp else tls)(settings) as peer:
            first = await phase(at, peer)
            again = await phase(at, peer, *first)
            assert [fact.resumed for fact in peer.facts] == [False, True]
            # with TLS 1.3 the count holds the tickets of both, which are longer than what is saved
            most = 0.75 if version is Version.TLS_1_3 else 0.5
            assert peer.facts[1].sent < most * peer.facts[0].sent
            if kind == 0:
                assert again == first  # equal data: the session was resumed
            altered = ("B" if first[0][9] == "A" else "A").join((first[0][:9], first[0][10:]))
            await phase(at, peer, altered, *first[1:])
            assert not peer.facts[2].resumed

    play(R6, scenario)
