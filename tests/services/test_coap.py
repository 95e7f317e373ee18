"""The CoAP servers under libcoap's clients: UDP, DTLS, TCP, TLS, blocks both ways, states, faults."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cellbench.io.tls.settings import ServerSettings
from cellbench.services.authority import Authority, KeyKind, pem_certificate
from cellbench.services.coap import LARGE, PAGE, CoapServer
from cellbench.services.park import Park
from cellbench.services.server import State

DEADLINE_S = 40.0
SCHEMES = {"coap": "coap", "coap-dtls": "coaps", "coap-tcp": "coap+tcp", "coap-tls": "coaps+tcp"}
WORLD = {"errors": {"PUT /hello": "Error 4.05: Method not supported here"}}
CLIENTS = ("coap-client-openssl", "coap-client-gnutls")


def with_server(scenario: Callable[[CoapServer], Awaitable[None]], kind: str = "coap",
                **definition: object) -> None:
    async def run() -> None:
        server = CoapServer({"server": kind, **WORLD, **definition})
        await server.start()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await scenario(server)
        finally:
            await server.stop()

    asyncio.run(run())


async def ask(server: CoapServer, path: str, *options: str, program: str = CLIENTS[0],
              kind: str = "coap", stdin: bytes | None = None) -> tuple[bytes, bytes]:
    """What a client of libcoap prints: the payload, and what it has to say."""
    if shutil.which(program) is None:
        pytest.fail(f"the foreign peer {program} is not installed")
    port = server.endpoints()[0].port
    client = await asyncio.create_subprocess_exec(
        program, "-B", "6", *options, f"{SCHEMES[kind]}://127.0.0.1:{port}{path}",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    return await client.communicate(stdin or b"")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.mark.parametrize("kind", ["coap", "coap-tcp"])
def test_resources(kind: str, tmp_path: Path) -> None:
    async def scenario(server: CoapServer) -> None:
        assert (await ask(server, "/hello", kind=kind))[0].strip() == b"world"
        assert (await ask(server, "/", "-N", kind=kind))[0].decode().strip() == PAGE.strip()
        assert b"PUT OK" in (await ask(server, "/sink", "-m", "put", "-e", "x", kind=kind))[0]
        assert b"POST OK" in (await ask(server, "/sink", "-m", "post", "-e", "x", kind=kind))[0]
        out, said = await ask(server, "/hello", "-m", "put", "-e", "x", kind=kind)
        assert b"4.05 Error 4.05: Method not supported here" in out + said
        assert server.report()["code"] == "4.05 Method Not Allowed"
        target = tmp_path / "large"
        await ask(server, "/large", "-b", "64", "-o", str(target), kind=kind)
        assert target.read_bytes() == LARGE
        body = bytes(range(256)) * 12
        await ask(server, "/large-update", "-m", "put", "-f", "-", "-b", "128", kind=kind, stdin=body)
        assert server.report()["payload_bytes"] == str(len(body))
        await ask(server, "/large-update", "-o", str(target), kind=kind)
        assert target.read_bytes() == body
        assert b"4.04" in b"".join(await ask(server, "/nowhere", kind=kind))

    with_server(scenario, kind)


@pytest.mark.parametrize("program", CLIENTS)
@pytest.mark.parametrize("kind", ["coap-dtls", "coap-tls"])
def test_certificates_and_keys(authority: Authority, tmp_path: Path, kind: str, program: str) -> None:
    credentials = authority.issue("localhost", also=("127.0.0.1",), kind=KeyKind.EC_P256)
    root = tmp_path / "root.pem"
    root.write_bytes(authority.pem)
    settings = ServerSettings(credentials=credentials, psks={b"bench": b"secretPSK"})

    async def scenario(server: CoapServer) -> None:
        target = tmp_path / "answer"
        await ask(server, "/large", "-R", str(root), "-o", str(target), kind=kind, program=program)
        assert target.read_bytes() == LARGE
        assert server.report()["tls_suite"].find("ECDSA") > 0 or "1_3" in server.report()["tls_version"]
        out = await ask(server, "/hello", "-u", "bench", "-k", "secretPSK", kind=kind, program=program)
        assert out[0].strip() == b"world", out
        assert server.report()["tls_client_certificate"] == "no"
        if kind == "coap-tls":  # DTLS drops what it cannot read (RFC 6347 4.1.2.7)
            out = await ask(server, "/hello", "-u", "bench", "-k", "wrong", "-B", "1", kind=kind,
                            program=program)
            assert b"world" not in out[0]
            assert "tls_refused" in server.report()

    with_server(scenario, kind, tls=settings)


def test_an_unknown_issuer_is_the_clients_refusal(authority: Authority, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(pem_certificate(Authority("Another").der))

    async def scenario(server: CoapServer) -> None:
        out = await ask(server, "/hello", "-R", str(other), "-B", "1", kind="coap-tls")
        assert b"world" not in out[0]

    with_server(scenario, "coap-tls", tls=ServerSettings(credentials=authority.issue("127.0.0.1")))


def test_states(tmp_path: Path) -> None:
    async def scenario(server: CoapServer) -> None:
        await server.set_state(State.MUTE)
        before = int(server.report()["messages"])
        assert (await ask(server, "/hello", "-B", "1"))[0] == b""
        assert int(server.report()["messages"]) > before
        await server.set_state(State.SLOW)
        assert (await ask(server, "/hello"))[0].strip() == b"world"
        port = server.endpoints()[0].port
        await server.set_state(State.DOWN)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", port))
        await server.set_state(State.UP)
        assert server.endpoints()[0].port == port
        await ask(server, "/files/one", "-m", "put", "-e", "kept")
        assert (await ask(server, "/files/one"))[0].strip() == b"kept"
        await server.set_state(State.RESET)
        assert b"4.04" in b"".join(await ask(server, "/files/one"))

    with_server(scenario, slow_s=0.4)


@pytest.mark.parametrize("kind", ["coap", "coap-tcp"])
def test_what_is_no_coap_is_survived(kind: str) -> None:
    async def scenario(server: CoapServer) -> None:
        port = server.endpoints()[0].port
        if kind == "coap":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rubbish:
                rubbish.sendto(b"\xff\xff", ("127.0.0.1", port))
                rubbish.sendto(b"", ("127.0.0.1", port))
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            await reader.read()
            writer.close()
        assert (await ask(server, "/hello", kind=kind))[0].strip() == b"world"

    with_server(scenario, kind)


def test_a_park_makes_them() -> None:
    async def run() -> None:
        park = Park()
        credentials = Authority().issue("localhost")
        tls = ServerSettings(credentials=credentials)
        await park.start({kind: {"tls": tls} if kind.endswith("ls") else {} for kind in SCHEMES})
        try:
            transports = {name: place.transport for name, (place,) in park.endpoints().items()}
            assert transports == {"coap": "udp", "coap-dtls": "udp", "coap-tcp": "tcp", "coap-tls": "tcp"}
            with pytest.raises(ValueError, match="no-tls"):
                await park.set_state("coap", "no-tls")
        finally:
            await park.stop()

    asyncio.run(run())


def test_a_secure_server_needs_certificates() -> None:
    for kind in ("coap-dtls", "coap-tls"):
        with pytest.raises(ValueError, match="needs tls"):
            CoapServer({"server": kind})
