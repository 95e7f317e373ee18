"""The LwM2M server under libcoap's client: register, update, de-register over DTLS with a key, refusals."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable

import pytest

from cellbench.io.tls.settings import ServerSettings
from cellbench.services.lwm2m import Lwm2mServer
from cellbench.services.server import State

DEADLINE_S = 40.0
CLIENT = "coap-client-openssl"
IDENTITY, KEY = "meter-1", "key-of-meter-1"
OBJECTS = "</1/0>,</3/0>"
WHO = "/rd?ep=urn:imei:350000000000006"


def with_server(scenario: Callable[[Lwm2mServer], Awaitable[None]], **definition: object) -> None:
    async def run() -> None:
        settings = ServerSettings(psks={IDENTITY.encode(): KEY.encode()})
        server = Lwm2mServer({"server": "lwm2m", "tls": settings, **definition})
        await server.start()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await scenario(server)
        finally:
            await server.stop()

    asyncio.run(run())


async def ask(server: Lwm2mServer, method: str, path: str, payload: str = "", *, key: str = KEY,
              wait_s: int = 6) -> str:
    """What libcoap's client says to one request, its trace of messages too."""
    if shutil.which(CLIENT) is None:
        pytest.fail(f"the foreign peer {CLIENT} is not installed")
    port = server.endpoints()[0].port
    body = ("-e", payload, "-t", "40") if payload else ()
    client = await asyncio.create_subprocess_exec(
        CLIENT, "-v", "7", "-B", str(wait_s), "-u", IDENTITY, "-k", key, "-m", method, *body,
        f"coaps://127.0.0.1:{port}{path}", stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    return (await client.communicate())[0].decode("utf-8", "replace")


def test_a_client_comes_and_goes() -> None:
    async def scenario(server: Lwm2mServer) -> None:
        assert "2.01" in await ask(server, "post", f"{WHO}&lt=3600&lwm2m=1.0&b=UQ", OBJECTS)
        told = server.report()
        assert told["clients"] == told["endpoint"] == "urn:imei:350000000000006"
        assert (told["lifetime_s"], told["binding"], told["version"]) == ("3600", "UQ", "1.0")
        assert (told["objects"], told["location"], told["code"]) == (OBJECTS, "/rd/1", "2.01 Created")
        assert "PSK" in told["tls_suite"]
        assert "2.04" in await ask(server, "post", "/rd/1?lt=60")
        assert server.report()["lifetime_s"] == "60"
        assert server.report()["objects"] == OBJECTS
        assert "2.01" in await ask(server, "post", WHO, "</3/0>")
        assert server.report()["clients"] == "urn:imei:350000000000006"
        assert (server.report()["location"], server.report()["lifetime_s"]) == ("/rd/2", "86400")
        assert "4.04" in await ask(server, "post", "/rd/1?lt=60")
        assert "2.02" in await ask(server, "delete", "/rd/2")
        assert server.report()["clients"] == ""
        assert "4.04" in await ask(server, "delete", "/rd/2")
        told = server.report()
        assert (told["registers"], told["updates"], told["deregisters"]) == ("2", "1", "1")
        assert told["rejected"] == "2"

    with_server(scenario)


@pytest.mark.parametrize(("path", "payload", "code"), [
    ("/rd?lt=60", OBJECTS, "4.00"), (f"{WHO}&lwm2m=9.9", OBJECTS, "4.12"),
    (f"{WHO}&lt=never", OBJECTS, "4.00"), (f"{WHO}&b=X", OBJECTS, "4.00"),
    (WHO, "rubbish", "4.00"), (WHO, "", "4.00"),
    ("/rd?ep=stranger", OBJECTS, "4.03"), ("/elsewhere?ep=a", OBJECTS, "4.04")])
def test_what_is_no_registration(path: str, payload: str, code: str) -> None:
    async def scenario(server: Lwm2mServer) -> None:
        assert code in await ask(server, "post", path, payload)
        assert server.report()["clients"] == ""
        assert server.report()["rejected_for"]

    with_server(scenario, refuses=["stranger"])


def test_a_lifetime_ends() -> None:
    async def scenario(server: Lwm2mServer) -> None:
        assert "2.01" in await ask(server, "post", f"{WHO}&lt=1", OBJECTS)
        while server.report()["clients"]:
            await asyncio.sleep(0.05)
        assert server.report()["expired"] == "1"
        assert "4.04" in await ask(server, "post", "/rd/1")

    with_server(scenario)


def test_states_and_a_wrong_key() -> None:
    async def scenario(server: Lwm2mServer) -> None:
        assert "2.01" not in await ask(server, "post", WHO, OBJECTS, key="wrong", wait_s=1)
        assert server.report()["clients"] == ""
        await server.set_state(State.MUTE)
        assert "2.01" not in await ask(server, "post", WHO, OBJECTS, wait_s=1)
        await server.set_state(State.UP)
        assert "2.01" in await ask(server, "post", WHO, OBJECTS)
        await server.set_state(State.DOWN)
        await server.set_state(State.UP)
        assert server.report()["clients"]
        await server.set_state(State.RESET)
        assert server.report()["clients"] == ""
        assert "2.01" in await ask(server, "post", WHO, OBJECTS)

    with_server(scenario, slow_s=0.2)
