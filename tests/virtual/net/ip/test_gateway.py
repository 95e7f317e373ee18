"""The gateway under any packets: it never fails, and what it says is well formed."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellbench.virtual.net.internet import Internet
from cellbench.virtual.net.ip import icmp, segments
from cellbench.virtual.net.ip.gateway import HELD_OCTETS, Addresses, Gateway
from cellbench.virtual.net.ip.packets import Packet, build, packed, parse, udp
from cellbench.virtual.net.ip.segments import Flag, Segment
from cellbench.virtual.net.route import Source
from cellbench.virtual.world.world import load_world

WORLD = load_world()
HOST4, HOST6 = packed("10.1.2.3"), packed("2001:db8:1:2::5")
TARGETS = st.sampled_from([packed(one) for one in (
    "195.34.89.241", "10.1.2.254", "203.0.113.1", "198.51.100.1", "255.255.255.255", "224.0.0.1", "0.0.0.0")])
TARGETS6 = st.sampled_from([packed(one) for one in (
    "2001:db8:0:2::241", "ff02::2", "ff02::1", "fe80::9", "::", "2001:db8:1:2::9", "2001:db8:77::1")])
PROTOCOLS = st.sampled_from([1, 6, 17, 58, 0, 43, 44, 60, 255])


def made(loop: Any, **more: Any) -> tuple[Gateway, list[bytes]]:
    told: list[bytes] = []
    node = Internet(WORLD).node("m")
    addresses = Addresses("10.1.2.3", "10.1.2.254", "10.9.9.9", "2001:db8:1:2::9")
    return Gateway(node, Source(1, "10.9.9.9", host=True), addresses, 1280, told.append, loop, **more), told


@given(st.lists(st.one_of(
    st.binary(max_size=60),
    st.builds(lambda target, protocol, payload, hops, offset, more: build(
        Packet(HOST4, target, protocol, payload, hops, 5, offset * 8, more)),
        TARGETS, PROTOCOLS, st.binary(max_size=50), st.integers(0, 255), st.integers(0, 9), st.booleans()),
    st.builds(lambda target, protocol, payload, hops: build(Packet(HOST6, target, protocol, payload, hops)),
              TARGETS6, PROTOCOLS, st.binary(max_size=50), st.sampled_from([1, 64, 255])),
    st.builds(lambda target, flags, data: build(segments.packet(HOST4, target, Segment(
        40000, 7, 1, 2, Flag(flags), 100, data))), TARGETS, st.integers(0, 31), st.binary(max_size=9)),
    st.builds(lambda target, data: build(udp((HOST4, 40000), (target, 7), data)), TARGETS,
              st.binary(max_size=30)),
    st.builds(lambda target, kind, rest, body: build(icmp.packet(HOST6, target, icmp.Message(
        kind, 0, rest, body), 255)), TARGETS6, st.sampled_from([128, 129, 133, 134, 135, 136]),
        st.binary(min_size=4, max_size=4), st.binary(max_size=40))), max_size=12))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_packets(jumping_loop: Any, packets: list[bytes]) -> None:
    async def within() -> None:
        gateway, told = made(jumping_loop)
        for data in packets:
            gateway.from_host(data)
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        gateway.close()
        for data in told:
            packet = parse(data)
            assert packet is not None
            assert packet.target in (HOST4, HOST6, icmp.ALL_NODES)
            assert len(data) <= 1280

    jumping_loop.run_until_complete(within())


def test_held_octets_have_a_limit(jumping_loop: Any) -> None:
    async def within() -> None:
        gateway, told = made(jumping_loop)
        gateway.set_blocked(True)
        asked = struct.pack("!HH", 1, 1) + bytes(1000)
        ping = build(icmp.packet(HOST4, packed("10.1.2.254"), icmp.Message(8, 0, asked[:4], asked[4:])))
        for _ in range(200):
            gateway.from_host(ping)
        assert told == []
        gateway.set_blocked(False)
        assert len(told) == HELD_OCTETS // len(ping)
        gateway.close()
        gateway.from_host(ping)
        assert len(told) == HELD_OCTETS // len(ping)

    jumping_loop.run_until_complete(within())


def test_answers_for_ports_of_clients_inside_do_not_reach_the_host(jumping_loop: Any) -> None:
    async def within() -> None:
        gateway, told = made(jumping_loop, kept=lambda port: port == 6000)
        for port in (6000, 6001):
            syn = segments.packet(HOST4, packed("195.34.89.241"), Segment(port, 9, 1, 2, Flag.ACK))
            gateway.from_host(build(syn))
        (reset,) = told
        packet = parse(reset)
        assert packet is not None
        found = segments.parse(packet)
        assert found is not None
        assert found.target_port == 6001
        gateway.close()

    jumping_loop.run_until_complete(within())
