"""The LwM2M client of the virtual module against libcoap's resource directory, over DTLS with a key.

A directory has the same registration (RFC 9176 5, from which LwM2M took it). Its removal is left out: the
directory of libcoap 4.3.1 dies of any (double free).
"""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.clients.lwm2m import Lwm2mClient, Status

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
PROGRAM, CLIENT = "coap-rd-openssl", "coap-client-openssl"
KEY = "key-of-the-directory"
START_S = 15.0
ENTRY = re.compile(r"<(/rd/[^>]+)>")


def free_port() -> int:
    """Its neighbour, where the directory speaks DTLS, is free too."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as first, socket.socket(type=socket.SOCK_DGRAM) as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


async def ask(port: int, path: str = "/.well-known/core") -> str:
    """What the directory answers in the clear, on what it holds or on one entry; "" when nothing comes."""
    client = await asyncio.create_subprocess_exec(
        CLIENT, "-B", "2", f"coap://127.0.0.1:{port}{path}", stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
    return (await client.communicate())[0].decode("utf-8", "replace")


@asynccontextmanager
async def directory() -> AsyncIterator[int]:
    """A running resource directory; its port in the clear."""
    for program in (PROGRAM, CLIENT):
        if shutil.which(program) is None:
            pytest.fail(f"the foreign peer {program} is not installed")
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "-A", "127.0.0.1", "-p", str(port), "-k", KEY, "-h", "",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(START_S):
            while not await ask(port):
                assert process.returncode is None, f"{PROGRAM} has ended"
        yield port
    finally:
        process.kill()
        await process.wait()


async def becomes(client: Lwm2mClient, status: Status) -> None:
    async with asyncio.timeout(START_S):
        while client.status is not status:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("key", [KEY, "another key"])
def test_registration(play: Play, key: str) -> None:
    async def scenario(at: At) -> None:
        module, kept = at.module, at.module.config
        async with directory() as port:
            facts = replace(kept.behaviour, lwm2m_server=f"coaps://127.0.0.1:{port + 1}", lwm2m_key=key)
            module.config = replace(kept, behaviour=facts)
            client = Lwm2mClient(module)
            try:
                if key != KEY:
                    await becomes(client, Status.FAILED)
                    assert ENTRY.findall(await ask(port)) == []
                    return
                await becomes(client, Status.REGISTERED)
                (entry,) = ENTRY.findall(await ask(port))
                assert (await ask(port, entry)).strip() == ",".join(f"<{path}>" for path in client.objects)
            finally:
                client.power_off()
                module.config = kept

    play(Series.LARA_R6, scenario)
