"""Routes: guide addresses to loopback endpoints, and everything that leads nowhere."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from cellbench.virtual.net.internet import Internet
from cellbench.virtual.net.route import Reach
from cellbench.virtual.world.world import load_world

Play = Callable[[Callable[[Internet], Awaitable[None]]], None]


@pytest.mark.parametrize(("address", "port", "transport", "reach", "service"), [
    ("195.34.89.241", 7, "tcp", Reach.OPEN, "echo"),
    ("195.34.89.241", 7, "udp", Reach.OPEN, "echo"),
    ("2001:db8:0:2::241", 7, "tcp", Reach.OPEN, "echo"),
    ("195.34.89.241", 8, "tcp", Reach.REFUSED, ""),
    ("216.58.206.68", 80, "tcp", Reach.REFUSED, ""),
    ("8.8.8.8", 53, "udp", Reach.OPEN, "dns-public"),
    ("8.8.8.8", 53, "tcp", Reach.REFUSED, ""),
    ("198.51.100.7", 7, "tcp", Reach.UNREACHABLE, ""),
    ("203.0.113.1", 7, "tcp", Reach.SILENT, ""),
    ("127.0.0.1", 40000, "tcp", Reach.OPEN, "loopback"),
])
def test_routes(play: Play, address: str, port: int, transport: str, reach: Reach, service: str) -> None:
    async def scenario(internet: Internet) -> None:
        route = internet.route(address, port, transport)
        assert (route.reach, route.service) == (reach, service)
        if reach is Reach.OPEN:
            assert route.endpoint is not None
            assert route.endpoint.host.startswith("127.")

    play(scenario)


@pytest.mark.parametrize(("address", "port", "apn", "reach"), [
    ("10.7.0.55", 2442, "tsudp", Reach.OPEN),
    ("10.7.0.55", 2442, "TSUDP", Reach.OPEN),
    ("10.7.0.55", 2442, "tsiot", Reach.UNREACHABLE),
    ("10.7.0.55", 2442, "", Reach.UNREACHABLE),
    ("195.34.89.241", 7, "tsudp", Reach.UNREACHABLE),
    ("127.0.0.1", 40000, "tsudp", Reach.UNREACHABLE),
    ("195.34.89.241", 7, "tsiot", Reach.OPEN),
])
def test_an_apn_with_a_server_of_its_own(play: Play, address: str, port: int, apn: str, reach: Reach) -> None:
    """MQTT Anywhere (LENA-R8 guide 9.3.4.4, LARA-R6 guide 7.11)."""
    async def scenario(internet: Internet) -> None:
        assert internet.route(address, port, "udp", apn).reach is reach
        assert (internet.icmp_endpoint("8.8.8.8", apn) is None) is (apn.lower() == "tsudp")

    play(scenario)


def test_without_servers_every_host_refuses() -> None:
    internet = Internet(load_world())
    assert internet.route("195.34.89.241", 7, "tcp").reach is Reach.REFUSED
    assert internet.icmp_endpoint("216.58.206.68") is None


def test_description_is_json_with_names_and_endpoints(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node = internet.node("lena-r8-1")
        described = json.loads(json.dumps(internet.describe()))
        assert described["names"]["echo.u-blox.com"] == ["195.34.89.241", "2001:db8:0:2::241"]
        echo = described["servers"]["echo"]
        assert "195.34.89.241:7" in echo["at"]
        assert {place["transport"] for place in echo["endpoints"]} == {"tcp", "udp"}
        assert [place["transport"] for place in described["servers"]["lwm2m"]["endpoints"]] == ["udp"]
        assert described["modules"]["lena-r8-1"]["loopback"] == node.loopback

    play(scenario)


def test_each_module_has_a_loopback_address_of_its_own(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        addresses = {internet.node(f"m{number}").loopback for number in range(8)}
        assert len(addresses) == 8
        assert internet.node("m1") is internet.node("m1")

    play(scenario)
