"""The CoAP client of the virtual module against libcoap's server: UDP, TCP, DTLS, TLS; certificates, keys."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.certificates import Item
from cellbench.virtual.device.certificates_at import certificate_store
from cellbench.virtual.device.clients.coap import CoapClient

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
R6 = Series.LARA_R6
CERTS = Path(str(resources.files("cellbench.virtual.world"))) / "certs"
PROGRAM = "coap-server-openssl"
KEY = b"secretPSK"
START_S = 15.0
PAGE = re.compile(rb"This is a test server made with libcoap \(see https://libcoap.net\)\n"
                  rb"Copyright \(C\) 2010--20\d\d Olaf Bergmann <bergmann@tzi.org> and others\n\n")


def two_free_ports() -> int:
    """The first of two neighbours: libcoap's server speaks TLS one above."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


async def started(*options: str) -> tuple[asyncio.subprocess.Process, int]:
    """A server that listens, and its port in the clear. Somebody else may take the ports before it does:
    then it ends at once, and another pair is tried."""
    async with asyncio.timeout(START_S):
        while True:
            port = two_free_ports()
            process = await asyncio.create_subprocess_exec(
                PROGRAM, "-A", "127.0.0.1", "-p", str(port), "-d", "10", "-k", KEY.decode(), "-n",
                "-c", str(CERTS / "server_thawte.crt"), "-j", str(CERTS / "server_thawte.key"), *options,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port + 1)
                except ConnectionError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                return process, port


@asynccontextmanager
async def libcoap(*options: str) -> AsyncIterator[int]:
    """A running server that takes certificates and keys; its port in the clear."""
    if shutil.which(PROGRAM) is None:
        pytest.fail(f"the foreign peer {PROGRAM} is not installed")
    process, port = await started(*options)
    try:
        yield port
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def set_up(at: At, *, key: bool) -> None:
    certificate_store(at.module).put(Item.CA, "ThawteCA", (CERTS / "thawte_standin.pem").read_bytes())
    lines = ("0,0,0", f'0,8,"{KEY.hex()}",1', '0,9,"bench"') if key else ("0,0,1", '0,3,"ThawteCA"')
    for line in ("0", *lines):
        await at.ok(f"AT+USECPRF={line}")
    for line in ("4,1", "2,0,1", "2,1,1", "2,2,1", "2,3,1", "2,4,1", "2,5,0", "8,0"):
        await at.ok(f"AT+UCOAP={line}")


async def ask(at: At, uri: str, request: str) -> tuple[int, bytes]:
    """The class of the answer and what its blocks make together."""
    await at.ok(f'AT+UCOAP=1,"{uri}"')
    await at.ok(f"AT+UCOAPC={request}")
    data, more = b"", "1"
    while more == "1":
        kind, _, text, more, *_ = (await at.next_urc("+UCOAPCD")).split(",")
        data += bytes.fromhex(text.strip('"'))
    await at.urc(f"+UCOAPCR: {request[0]},1")
    return int(kind), data


@pytest.mark.parametrize(("scheme", "above", "key"), [
    ("coap", 0, False), ("coap+tcp", 0, False), ("coaps", 1, False), ("coaps", 1, True),
    ("coaps+tcp", 1, False), ("coaps+tcp", 1, True)])
def test_libcoaps_server(play: Play, scheme: str, above: int, key: bool) -> None:
    async def scenario(at: At) -> None:
        async with libcoap() as port:
            await set_up(at, key=key)
            base = f"{scheme}://127.0.0.1:{port + above}"
            kind, page = await ask(at, base, "1")
            assert (kind, PAGE.fullmatch(page) is not None) == (2, True)
            kind, links = await ask(at, f"{base}/.well-known/core", "1")
            assert (kind, b"</time>" in links) == (2, True)
            nonce = secrets.token_bytes(500)
            assert await ask(at, f"{base}/new", f'3,"{nonce.hex()}",0') == (2, b"")
            assert await ask(at, f"{base}/new", "1") == (2, nonce)
            assert (await ask(at, f"{base}/new", "2"))[0] == 2
            assert (await ask(at, f"{base}/new", "1"))[0] == 4
            assert await at.ok("AT+UCOAPER") == "+UCOAPER: 0,0"

    play(R6, scenario)


@pytest.mark.parametrize("scheme", ["coap", "coap+tcp"])
def test_blocks_both_ways(play: Play, scheme: str) -> None:
    """A body that the host cuts goes up, comes back as a whole."""
    async def scenario(at: At) -> None:
        async with libcoap("-L", "1") as port:
            await set_up(at, key=False)
            uri = f"{scheme}://127.0.0.1:{port}/example_data"
            body = [secrets.token_bytes(512) for _ in range(5)]
            for number, data in enumerate(body):
                more = int(number < len(body) - 1)
                assert (await ask(at, uri, f'3,"{data.hex()}",0,{number},{more}'))[0] == 2
            assert await ask(at, uri, "1") == (2, b"".join(body))

    play(R6, scenario)


def test_an_answer_that_comes_by_itself(play: Play) -> None:
    """RFC 7252 5.2.2: acknowledged at once, answered a second later; NON as well."""
    async def scenario(at: At) -> None:
        async with libcoap() as port:
            await set_up(at, key=False)
            uri = f"coap://127.0.0.1:{port}/async?1"
            assert await ask(at, uri, "1") == (2, b"done")
            await at.ok("AT+UCOAP=2,5,1")
            kind, clock = await ask(at, f"coap://127.0.0.1:{port}/time", "1")
            assert (kind, len(clock) > 8) == (2, True)

    play(R6, scenario)


@pytest.mark.parametrize("scheme", ["coaps", "coaps+tcp"])
def test_a_wrong_key_is_refused(play: Play, scheme: str) -> None:
    async def scenario(at: At) -> None:
        async with libcoap() as port:
            await set_up(at, key=True)
            await at.ok('AT+USECPRF=0,8,"00112233",1')
            await at.ok(f'AT+UCOAP=1,"{scheme}://127.0.0.1:{port + 1}/"')
            client = at.module.subsystem(CoapClient)
            facts = client._facts
            client._facts = replace(facts, coap_answer_s=facts.coap_answer_s / 4)  # DTLS drops what is wrong
            await at.refused("AT+UCOAPC=1")
            client._facts = facts
            assert (await at.ok("AT+UCOAPER")).startswith("+UCOAPER: 15,")
            assert at.lines == []

    play(R6, scenario)
