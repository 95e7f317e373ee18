"""UDP sockets of a module over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cellbench.virtual.net.failure import NetFailure, SocketError
from cellbench.virtual.net.internet import Internet
from cellbench.virtual.net.route import Flow, Peer, Source

Play = Callable[[Callable[[Internet], Awaitable[None]]], None]

ECHO = Peer("195.34.89.241", 7)
SOURCE = Source(2, "10.21.139.211")


class Box:
    """Keeps datagrams."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[bytes, Peer]] = asyncio.Queue()

    def put(self, data: bytes, peer: Peer) -> None:
        self.got.put_nowait((data, peer))


def test_echo_from_the_guide_address_and_the_chosen_port(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node, box = internet.node("m"), Box()
        port = node.open_udp(SOURCE, box.put, local_port=12000)
        port.send(b"Hello", ECHO)
        assert await box.got.get() == (b"Hello", ECHO)
        assert node.flows["echo"] == Flow(2, 12000, 7)
        assert internet.park.report("echo")["peer"] == f"{node.loopback}:12000"
        with pytest.raises(NetFailure) as failure:
            node.open_udp(SOURCE, box.put, local_port=12000)
        assert failure.value.number is SocketError.IN_USE
        port.close()
        node.open_udp(SOURCE, box.put, local_port=12000)

    play(scenario)


def test_datagrams_to_nowhere_vanish(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        box = Box()
        port = internet.node("m").open_udp(SOURCE, box.put)
        for host in ("203.0.113.1", "198.51.100.7", "216.58.206.68"):
            port.send(b"anyone?", Peer(host, 7))
        port.send(b"here", ECHO)
        assert await box.got.get() == (b"here", ECHO)
        assert box.got.empty()

    play(scenario)


def test_a_blocked_link_holds_datagrams_back_both_ways(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node, box = internet.node("m"), Box()
        port = node.open_udp(SOURCE, box.put)
        node.set_blocked(True)
        port.inject(b"in", ECHO)
        port.send(b"out", ECHO)
        with pytest.raises(NetFailure) as failure:
            port.send(b"x" * 8190, ECHO)
        assert failure.value.number is SocketError.AGAIN
        assert box.got.empty()
        node.set_blocked(False)
        assert await box.got.get() == (b"in", ECHO)
        assert await box.got.get() == (b"out", ECHO)

    play(scenario)


def test_a_foreign_program_may_speak_first(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node, box = internet.node("m"), Box()
        port = node.open_udp(SOURCE, box.put)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(node.loopback, port.local.port))
        transport.sendto(b"hi")
        data, peer = await box.got.get()
        assert (data, peer.host) == (b"hi", internet.world.remote_host)
        transport.close()

    play(scenario)
