"""TCP links over real sockets: data, standing still, the far side's doings, ends."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest

from cellbench.virtual.net.failure import NetFailure, SocketError
from cellbench.virtual.net.internet import Internet
from cellbench.virtual.net.route import Flow, Peer, Source
from cellbench.virtual.net.tcp import TcpLink

Play = Callable[[Callable[[Internet], Awaitable[None]]], None]

ECHO = Peer("195.34.89.241", 7)
SOURCE = Source(1, "10.15.164.174")


class User:
    """Takes data up to a limit and remembers what it was told."""

    def __init__(self, limit: int = 12288) -> None:
        self.limit = limit
        self.data = bytearray()
        self.events: list[str] = []
        self._changed = asyncio.Event()

    def window(self) -> int:
        return self.limit - len(self.data)

    def received(self, data: bytes) -> None:
        assert len(data) <= self.window()
        self.data += data
        self._changed.set()

    def ended(self) -> None:
        self.events.append("ended")
        self._changed.set()

    def failed(self, number: SocketError) -> None:
        self.events.append(number.name)
        self._changed.set()

    async def until(self, amount: int = 0, event: str | None = None) -> None:
        while len(self.data) < amount or (event is not None and event not in self.events):
            self._changed.clear()
            await self._changed.wait()


async def connect(internet: Internet, user: User, **options: int) -> TcpLink:
    link = await internet.node("m").connect_tcp(SOURCE, ECHO, **options)
    link.start(user)
    return link


def test_echo_and_flow(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        user = User()
        link = await connect(internet, user)
        link.send(b"Hello")
        await user.until(5)
        assert bytes(user.data) == b"Hello"
        assert (link.local.host, link.remote) == (SOURCE.address, ECHO)
        assert internet.node("m").flows["echo"] == Flow(1, link.local.port, 7)
        await link.close(2.0)
        assert not link.open

    play(scenario)


def test_the_local_port_is_what_the_server_sees(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        user = User()
        link = await connect(internet, user, local_port=12000)
        link.send(b"x")
        await user.until(1)
        assert internet.park.report("echo")["peer"] == f"{internet.node('m').loopback}:12000"
        with pytest.raises(NetFailure) as failure:
            await internet.node("m").connect_tcp(SOURCE, Peer("195.34.89.241", 7), local_port=12000)
        assert failure.value.number in (SocketError.IN_USE, SocketError.CANNOT_ASSIGN)
        link.abort()

    play(scenario)


@pytest.mark.parametrize(("peer", "number"), [
    (Peer("195.34.89.241", 9), SocketError.REFUSED), (Peer("198.51.100.7", 7), SocketError.UNREACHABLE)])
def test_failing_connections(play: Play, peer: Peer, number: SocketError) -> None:
    async def scenario(internet: Internet) -> None:
        with pytest.raises(NetFailure) as failure:
            await internet.node("m").connect_tcp(SOURCE, peer)
        assert failure.value.number is number

    play(scenario)


def test_a_server_that_is_down_refuses(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        await internet.park.set_state("echo", "down")
        with pytest.raises(NetFailure) as failure:
            await connect(internet, User())
        assert failure.value.number is SocketError.REFUSED

    play(scenario)


def test_a_black_hole_never_answers(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(internet.node("m").connect_tcp(SOURCE, Peer("203.0.113.1", 7)), 0.1)

    play(scenario)


def test_a_blocked_link_stands_still_and_loses_nothing(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        user, node = User(), internet.node("m")
        link = await connect(internet, user)
        node.set_blocked(True)
        link.send(b"a" * 8000)
        link.inject(b"b" * 10)
        await asyncio.sleep(0.05)
        assert (link.unacknowledged, len(user.data), link.open) == (8000, 0, True)
        node.set_blocked(False)
        await user.until(8010)
        assert sorted(set(user.data)) == [ord("a"), ord("b")]
        assert link.unacknowledged == 0
        await link.close(2.0)

    play(scenario)


def test_no_more_is_taken_than_there_is_room(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        user = User(limit=100)
        link = await connect(internet, user)
        data = bytes(range(250)) * 10
        link.send(data)
        got = bytearray()
        while len(got) < len(data):
            await user.until(min(100, len(data) - len(got)))
            assert len(user.data) <= 100
            got += user.data
            user.data.clear()
            link.resume()
        assert bytes(got) == data
        link.inject(b"z" * 150)
        assert len(user.data) == 100
        user.data.clear()
        link.resume()
        assert len(user.data) == 50
        link.abort()

    play(scenario)


def test_injected_data_end_and_reset(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        user = User()
        link = await connect(internet, user)
        link.inject(b"ar")
        assert bytes(user.data) == b"ar"
        link.inject_end()
        assert user.events == ["ended"]
        assert link.open, "the module's own side is still to be closed"
        await link.close(2.0)
        other = User()
        second = await connect(internet, other)
        second.inject_reset()
        assert other.events == ["RESET"]
        assert not second.open

    play(scenario)


def test_the_real_server_closing_and_resetting(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await accepted.put(writer)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        first, second = User(), User()
        for user in (first, second):
            link = await internet.node("m").connect_tcp(SOURCE, Peer("127.0.0.1", port))
            link.start(user)
        one, two = await accepted.get(), await accepted.get()
        one.write(b"bye")
        one.close()
        await first.until(3, "ended")
        two.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        two.close()
        await second.until(0, "RESET")
        server.close()

    play(scenario)


def test_closing_sends_what_is_queued_first(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node = internet.node("m")
        link = await connect(internet, User())
        node.set_blocked(True)
        link.send(b"q" * 500)
        closing = asyncio.ensure_future(link.close(5.0))
        await asyncio.sleep(0)
        assert not closing.done()
        node.set_blocked(False)
        await closing
        while internet.park.report("echo")["tcp_bytes"] != "500":
            await asyncio.sleep(0.001)

    play(scenario)


def test_a_peer_that_does_not_finish_is_reset_after_the_linger_time(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        ended: asyncio.Queue[bool] = asyncio.Queue()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.read() == b""
            try:
                while True:
                    writer.write(b"still here")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            except ConnectionError:
                await ended.put(True)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        link = await internet.node("m").connect_tcp(SOURCE, Peer("127.0.0.1", port))
        link.start(User())
        await link.close(0.1)
        assert not link.open
        assert await ended.get()
        server.close()

    play(scenario)


def test_a_link_that_is_cut_while_it_closes_is_closed_at_once(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        left = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            await left.wait()  # it never ends its side by itself
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        link = await internet.node("m").connect_tcp(SOURCE, Peer("127.0.0.1", port))
        link.start(User())
        closing = asyncio.ensure_future(link.close(3600.0))
        await asyncio.sleep(0)
        link.abort()
        async with asyncio.timeout(10):
            await closing
        left.set()
        server.close()

    play(scenario)


def test_a_visitor_connects_to_a_listening_port(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node, user = internet.node("m"), User()
        links: list[TcpLink] = []

        def accepted(link: TcpLink) -> None:
            links.append(link)
            link.start(user)

        acceptor = node.listen_tcp(SOURCE, 1099, accepted)
        port = await node.visit(1099, b"0123456789ABCDEFGH")
        assert bytes(user.data) == b"0123456789ABCDEFGH"
        assert links[0].remote == Peer(internet.world.remote_host, port)
        assert links[0].local == Peer(SOURCE.address, 1099)
        acceptor.close()
        with pytest.raises(NetFailure) as failure:
            await node.visit(1099, b"")
        assert failure.value.number is SocketError.REFUSED

    play(scenario)


def test_a_visitor_waits_while_the_link_is_blocked(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node, user = internet.node("m"), User()
        node.listen_tcp(SOURCE, 1099, lambda link: link.start(user))
        node.set_blocked(True)
        await node.visit(1099, b"patient")
        assert user.data == b""
        node.set_blocked(False)
        await user.until(7)

    play(scenario)


def test_a_visitor_is_told_when_the_module_takes_no_connection(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node = internet.node("m")
        node.listen_tcp(SOURCE, 1099, lambda link: link.abort())
        with pytest.raises(NetFailure) as failure:
            await node.visit(1099, b"anyone?")
        assert failure.value.number is SocketError.RESET

    play(scenario)


def test_a_foreign_program_can_connect_to_a_listening_module(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node, user = internet.node("m"), User()
        node.listen_tcp(SOURCE, 1099, lambda link: link.start(user))
        host, _, port = str(node.describe()["listening"]["1099"]).partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"hello module")
        await user.until(12)
        writer.close()
        await user.until(12, "ended")

    play(scenario)
