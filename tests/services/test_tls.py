"""Servers over TLS and DTLS, under Python's own TLS client and the openssl program."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cellbench.io.tls.engine import TlsServer
from cellbench.io.tls.settings import ServerSettings, Version
from cellbench.services.authority import Authority, KeyKind, credentials_from_pem, pem_certificate
from cellbench.services.places import TcpPlace
from cellbench.services.tls import DtlsPlace, HandshakeFacts, over_tls

DEADLINE_S = 20.0


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers in capitals until the client ends."""
    while data := await reader.read(4096):
        writer.write(data.upper())
        await writer.drain()


class Heard:
    """What a server told of its handshakes."""

    def __init__(self) -> None:
        self.facts: list[HandshakeFacts] = []
        self.refusals: list[str] = []


async def told(entries: list[HandshakeFacts] | list[str]) -> None:
    """Until a server has told something."""
    while not entries:
        await asyncio.sleep(0.005)


def with_place(settings: ServerSettings, scenario: Callable[[int, Heard], Awaitable[None]]) -> Heard:
    heard = Heard()

    async def run() -> None:
        place = TcpPlace(over_tls(TlsServer(settings), shout, heard.facts.append, heard.refusals.append))
        await place.open()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await scenario(place.endpoint.port, heard)
        finally:
            await place.close()

    asyncio.run(run())
    return heard


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def trusting(authority: Authority, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.pem.decode())
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_plain_client_talks(authority: Authority, version: ssl.TLSVersion) -> None:
    data = bytes(range(97, 123)) * 20_000

    async def scenario(port: int, heard: Heard) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(authority, version),
                                                       server_hostname="server.example")
        writer.write(data)
        assert await reader.readexactly(len(data)) == data.upper()
        writer.close()
        await writer.wait_closed()

    heard = with_place(ServerSettings(authority.issue("server.example")), scenario)
    assert [(fact.name, fact.resumed) for fact in heard.facts] == [("server.example", False)]
    assert heard.facts[0].as_report()["tls_version"] == version.name.replace("TLSv", "TLS_")


def test_addresses_stand_in_certificates(authority: Authority) -> None:
    async def scenario(port: int, heard: Heard) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(authority))
        await told(heard.facts)
        writer.close()

    heard = with_place(ServerSettings(authority.issue("server.example", also=("127.0.0.1",))), scenario)
    assert len(heard.facts) == 1


@pytest.mark.parametrize(("days", "kind"), [((-20, -10), KeyKind.EC_P256), ((10, 20), KeyKind.RSA_2048)])
def test_a_client_refuses_what_is_not_valid_now(authority: Authority, days: tuple[int, int],
                                                kind: KeyKind) -> None:
    async def scenario(port: int, heard: Heard) -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port, ssl=trusting(authority),
                                          server_hostname="server.example")
        await told(heard.refusals)

    heard = with_place(ServerSettings(authority.issue("server.example", days=days, kind=kind)), scenario)
    assert not heard.facts
    assert len(heard.refusals) == 1


def test_a_client_that_leaves_without_a_word(authority: Authority) -> None:
    """A probe connects and closes: the server says so, and others are served meanwhile."""
    async def scenario(port: int, heard: Heard) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await told(heard.refusals)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting(authority), server_hostname="localhost")
        writer.write(b"after")
        assert await reader.readexactly(5) == b"AFTER"
        writer.close()

    heard = with_place(ServerSettings(authority.issue("localhost")), scenario)
    assert heard.refusals == ["the client left without a word"]


def test_rubbish_is_refused_and_the_server_goes_on(authority: Authority) -> None:
    async def scenario(port: int, heard: Heard) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        await reader.read()
        writer.close()
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(authority),
                                                  server_hostname="server.example")
        await told(heard.facts)
        writer.close()

    heard = with_place(ServerSettings(authority.issue("server.example")), scenario)
    assert len(heard.refusals) == 1
    assert len(heard.facts) == 1


def test_an_own_authority_is_taken(authority: Authority) -> None:
    again = Authority.load(authority.pem, authority.key_pem)
    issued = again.issue("client")
    assert pem_certificate(issued.certificate).startswith(b"-----BEGIN CERTIFICATE-----\n")
    with pytest.raises(ValueError, match="not the one of the certificate"):
        Authority.load(authority.pem, Authority("another").key_pem)
    loaded = credentials_from_pem(pem_certificate(issued.certificate) + authority.pem, authority.key_pem)
    assert loaded.chain == (authority.der,)


class DtlsServer:
    """A DTLS echo."""

    def __init__(self, settings: ServerSettings) -> None:
        self.heard = Heard()
        self.place = DtlsPlace(TlsServer(settings), self._sink, seen=self.heard.facts.append,
                               refused=self.heard.refusals.append)

    def _sink(self, data: bytes, address: tuple[str, int]) -> None:
        self.place.send(data.upper(), address)


async def dtls_client(port: int, *options: str) -> str:
    """openssl s_client says hello, reads the answer and ends; what it printed."""
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{port}", *options,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"hello from openssl\n")
    text = ""
    while "HELLO FROM OPENSSL" not in text:
        data = await process.stdout.read(4096)
        assert data, text
        text += data.decode("latin-1")
    process.stdin.write(b"Q\n")
    await process.wait()
    return text


@pytest.mark.parametrize("tickets", [False, True])
def test_datagrams_of_peers_and_resumption(authority: Authority, tmp_path: Path, tickets: bool) -> None:
    server = DtlsServer(ServerSettings(authority.issue("server.example"), datagram=True, tickets=tickets))

    async def run() -> None:
        await server.place.open()
        port = server.place.endpoint.port
        try:
            async with asyncio.timeout(DEADLINE_S):
                session = str(tmp_path / "session")
                first, _ = await asyncio.gather(dtls_client(port, "-sess_out", session), dtls_client(port))
                again = await dtls_client(port, "-sess_in", session)
        finally:
            await server.place.close()
        assert re.search(r"^New, ", first, re.M)
        assert re.search(r"^Reused, ", again, re.M)

    asyncio.run(run())
    assert [fact.resumed for fact in server.heard.facts] == [False, False, True]
    full, _, short = (fact.sent for fact in server.heard.facts)
    assert short < full / 2
    assert {fact.version for fact in server.heard.facts} == {Version.DTLS_1_2.name}
