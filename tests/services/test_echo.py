"""The echo server under plain sockets, in each of its states."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cellbench.services.echo import EchoServer
from cellbench.services.server import State

DEADLINE_S = 5.0


def with_server(scenario: Callable[[EchoServer], Awaitable[None]], **definition: object) -> None:
    async def run() -> None:
        server = EchoServer(definition)
        await server.start()
        try:
            await asyncio.wait_for(scenario(server), DEADLINE_S)
        finally:
            await server.stop()

    asyncio.run(run())


async def connect(server: EchoServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = server.endpoints()[0]
    return await asyncio.open_connection(place.host, place.port)


class Client(asyncio.DatagramProtocol):
    """A UDP client that keeps what comes."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes | Exception] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.got.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        self.got.put_nowait(exc)


async def udp_client(server: EchoServer) -> tuple[asyncio.DatagramTransport, Client]:
    place = server.endpoints()[1]
    loop = asyncio.get_running_loop()
    return await loop.create_datagram_endpoint(Client, remote_addr=(place.host, place.port))


def test_tcp_echoes_every_byte() -> None:
    async def scenario(server: EchoServer) -> None:
        reader, writer = await connect(server)
        data = bytes(range(256)) * 64
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        assert server.report()["tcp_bytes"] == str(len(data))

    with_server(scenario)


def test_udp_echoes_datagram_by_datagram_on_the_same_port() -> None:
    async def scenario(server: EchoServer) -> None:
        tcp, udp = server.endpoints()
        assert tcp.port == udp.port
        transport, client = await udp_client(server)
        transport.sendto(b"one")
        transport.sendto(b"two")
        assert [await client.got.get(), await client.got.get()] == [b"one", b"two"]
        transport.close()

    with_server(scenario)


def test_down_refuses_and_up_takes_the_same_port_again() -> None:
    async def scenario(server: EchoServer) -> None:
        before = server.endpoints()
        reader, writer = await connect(server)
        await server.set_state(State.DOWN)
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await connect(server)
        transport, client = await udp_client(server)
        transport.sendto(b"anyone?")
        assert isinstance(await client.got.get(), ConnectionRefusedError)
        transport.close()
        await server.set_state(State.UP)
        assert server.endpoints() == before
        reader, writer = await connect(server)
        writer.write(b"again")
        assert await reader.readexactly(5) == b"again"
        writer.close()

    with_server(scenario)


def test_mute_takes_connection_and_data_and_never_answers() -> None:
    async def scenario(server: EchoServer) -> None:
        await server.set_state(State.MUTE)
        reader, writer = await connect(server)
        writer.write(b"lost")
        transport, client = await udp_client(server)
        transport.sendto(b"lost too")
        while server.report()["tcp_bytes"] != "4" or server.report()["udp_bytes"] != "8":
            await asyncio.sleep(0.001)
        await server.set_state(State.UP)
        writer.write(b"kept")
        transport.sendto(b"kept too")
        assert await reader.readexactly(4) == b"kept"
        assert await client.got.get() == b"kept too"
        writer.close()
        transport.close()

    with_server(scenario)


def test_slow_answers_late() -> None:
    async def scenario(server: EchoServer) -> None:
        await server.set_state(State.SLOW)
        loop = asyncio.get_running_loop()
        reader, writer = await connect(server)
        started = loop.time()
        writer.write(b"late")
        assert await reader.readexactly(4) == b"late"
        assert loop.time() - started >= 0.19
        writer.close()

    with_server(scenario, slow_s=0.2)
