"""The park with the definitions of the reference world."""

from __future__ import annotations

import asyncio

import pytest

from cellbench.base.protocols import ServerPark
from cellbench.services.park import Park

DEFINITIONS: dict[str, object] = {
    "echo": {"server": "echo"},
    "dns-primary": {"server": "dns", "names": {"a.example": ["192.0.2.1"]}},
    "dns-secondary": {"server": "dns", "names": {"a.example": ["192.0.2.1"]}},
    "dns": {"server": "group", "members": ["dns-primary", "dns-secondary"]},
    "teapot": {"server": "teapot"},
}


def test_servers_get_free_ports_and_can_be_steered_by_name_and_by_group() -> None:
    async def run() -> None:
        park = Park()
        await park.start(DEFINITIONS)
        steered: ServerPark = park
        places = steered.endpoints()
        assert set(places) == {"echo", "dns-primary", "dns-secondary", "dns"}
        assert places["dns"] == places["dns-primary"] + places["dns-secondary"]
        ports = {place.port for name in ("echo", "dns") for place in places[name]}
        assert len(ports) == 3
        assert all(place.host == "127.0.0.1" for place in places["dns"])
        await steered.set_state("dns", "mute")
        assert steered.report("dns")["queries"] == "0"
        await steered.set_state("dns", "up")
        await park.stop()
        assert park.endpoints() == {}

    asyncio.run(run())


def test_refusals() -> None:
    async def run() -> None:
        park = Park()
        await park.start(DEFINITIONS)
        with pytest.raises(KeyError):
            await park.set_state("nobody", "up")
        with pytest.raises(ValueError, match="cannot be no-tls; it can be down, mute, slow, up"):
            await park.set_state("echo", "no-tls")
        with pytest.raises(ValueError, match="no server knows the state 'upside-down'"):
            await park.set_state("echo", "upside-down")
        with pytest.raises(ValueError, match="teapot is part of the world but not made here"):
            await park.set_state("teapot", "down")
        await park.stop()

    asyncio.run(run())


def test_two_parks_live_side_by_side() -> None:
    async def run() -> None:
        first, second = Park(), Park()
        await first.start(DEFINITIONS)
        await second.start(DEFINITIONS)
        assert {place.port for place in first.endpoints()["dns"]}.isdisjoint(
            place.port for place in second.endpoints()["dns"])
        await first.stop()
        await second.stop()

    asyncio.run(run())
