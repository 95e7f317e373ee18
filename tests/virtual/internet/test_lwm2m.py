"""The LwM2M client against the server of the virtual internet: on and off, register, update, leave, fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from cellbench.catalogue.model import Series

READY_S = 20.0
R6 = Series.LARA_R6


async def rebooted(at: Any) -> None:
    """AT+CFUN=16, and the next boot is registered."""
    boots = at.module.power.boots
    await at.ok("AT+CFUN=16")
    async with asyncio.timeout(READY_S):
        while at.module.power.boots == boots or not at.module.power.running:
            await asyncio.sleep(0.02)
        at.lines.clear()
        while at.lines[-1:] != ["OK"]:
            at.module.uart.receive(b"AT\r", 115200)
            await asyncio.sleep(0.1)
        at.lines[:] = [line for line in at.lines if line.startswith("+ULWM2M")]
        await at.ok("ATE0")
        while not at.module.radio.registered:
            await asyncio.sleep(0.02)


def told(at: Any) -> dict[str, str]:
    return dict(at.rack.internet.park.report("lwm2m"))


async def came(at: Any, **wanted: str) -> dict[str, str]:
    """What the server tells, once it tells this."""
    async with asyncio.timeout(READY_S):
        while not wanted.items() <= told(at).items():
            await asyncio.sleep(0.02)
    return told(at)


async def status(at: Any, wanted: str) -> str:
    """+ULWM2MREG? once its status is this."""
    async with asyncio.timeout(READY_S):
        while not (answer := await at.ok("AT+ULWM2MREG?")).startswith(f"+ULWM2MREG: 721,{wanted}"):
            await asyncio.sleep(0.02)
    return str(answer)


@pytest.fixture
def lwm2m(bench: Any) -> Iterator[Callable[[Callable[[Any], Awaitable[None]]], None]]:
    """Run a scenario on the LARA-R6, the client switched on; switched off again afterwards."""
    at = bench.modules[R6]

    async def before() -> None:
        await at.tidy()
        await at.rack.internet.park.set_state("lwm2m", "reset")
        await at.ok("AT+ULWM2MSTAT=1")
        await at.ok("AT+ULWM2M=0")
        assert told(at)["messages"] == "0"
        await rebooted(at)

    async def after() -> None:
        await at.rack.internet.park.set_state("lwm2m", "up")
        await at.ok("AT+ULWM2M=2")
        await at.ok("AT+UEMBPF=0")
        await rebooted(at)
        await at.ok("AT+CGACT=1,1")
        assert await at.ok("AT+ULWM2M?") == "+ULWM2M: 1"
        at.lines.clear()

    def run(scenario: Callable[[Any], Awaitable[None]]) -> None:
        async def within() -> None:
            async with asyncio.timeout(3 * READY_S):
                await scenario(at)

        bench.runner.run(within())

    bench.runner.run(before())
    yield run
    bench.runner.run(after())


def test_it_registers_checks_in_and_leaves(lwm2m: Any) -> None:
    async def scenario(at: Any) -> None:
        name = f"urn:imei:{at.module.config.imei}"
        await at.urc("+ULWM2MSTAT: 1,721,3")
        first = await came(at, clients=name)
        assert (first["lifetime_s"], first["binding"], first["objects"]) == ("86400", "U", "</1/0>,</3/0>")
        assert "PSK" in first["tls_suite"]
        assert 86000 < int((await status(at, "3")).rpartition(",")[2]) <= 86400
        await at.ok("AT+ULWM2MREG=721")
        await at.urc("+ULWM2MSTAT: 1,721,3")
        assert (await came(at, updates="1"))["registers"] == "1"
        assert await at.ok("AT+ULWM2M?") == "+ULWM2M: 0"
        await at.ok("AT+ULWM2MDEREG=721")
        await at.urc("+ULWM2MSTAT: 1,721,0")
        assert (await came(at, deregisters="1"))["clients"] == ""
        assert await at.ok("AT+ULWM2MREG?") == "+ULWM2MREG: 721,0"
        await at.ok("AT+ULWM2MREG=721")
        assert (await came(at, registers="2"))["clients"] == name

    lwm2m(scenario)


def test_an_unknown_location_means_to_register_anew(lwm2m: Any) -> None:
    async def scenario(at: Any) -> None:
        await came(at, registers="1")
        await status(at, "3")
        await at.rack.internet.park.set_state("lwm2m", "reset")
        await at.ok("AT+ULWM2MREG=721")
        assert (await came(at, registers="1"))["updates"] == "0"

    lwm2m(scenario)


def test_a_context_that_goes_and_comes(lwm2m: Any) -> None:
    async def scenario(at: Any) -> None:
        await came(at, registers="1")
        await status(at, "3")
        await at.ok("AT+CFUN=4")
        await status(at, "0")
        await at.ok("AT+CFUN=1")
        await came(at, registers="2")
        await status(at, "3")

    lwm2m(scenario)


def test_a_server_that_is_silent(lwm2m: Any) -> None:
    async def scenario(at: Any) -> None:
        await came(at, registers="1")
        await status(at, "3")
        await at.rack.internet.park.set_state("lwm2m", "down")
        at.lines.clear()
        await at.ok("AT+ULWM2MREG=721")
        await status(at, "4")
        await at.urc("+ULWM2MSTAT: 1,721,4")
        await at.rack.internet.park.set_state("lwm2m", "up")
        await at.ok("AT+ULWM2MREG=721")
        await came(at, registers="2")
        await status(at, "3")

    lwm2m(scenario)


def test_its_port_is_one_of_the_reserved_ones(lwm2m: Any) -> None:
    """LARA-R6 guide 4.3.1: in force from the next boot on, for the other clients too."""
    async def scenario(at: Any) -> None:
        await came(at, registers="1")
        await at.ok('AT+UEMBPF=1,"6000-6200"')
        await rebooted(at)
        assert await at.ok("AT+UEMBPF?") == '+UEMBPF: 1,"6000-6200"'
        await at.ok("AT+CGACT=1,1")
        seen = await came(at, registers="2")
        assert 6000 <= int(seen["local_port"]) <= 6200
        for line in ("AT+UCOAP=4,1", 'AT+UCOAP=1,"coap+tcp://192.168.105.31/"', "AT+UCOAPC=1"):
            await at.ok(line)
        assert await at.next_urc("+UCOAPCR") == "1,1"
        flow = await at.act("flow", what="flow", service="coap-tcp")
        assert 6000 <= int(flow["local_port"]) <= 6200

    lwm2m(scenario)


def test_objects_and_what_is_refused(lwm2m: Any, bench: Any) -> None:
    async def scenario(at: Any) -> None:
        assert await at.ok('AT+ULWM2MLIST="/"') == '+ULWM2MLIST: "/1/0","/3/0"'
        assert await at.ok('AT+ULWM2MLIST="/3"') == '+ULWM2MLIST: "/3/0"'
        lifetime = '{"bn":"/1/0/","e":[{"n":"1","v":86400}]}'
        assert await at.ok('AT+ULWM2MREAD="/1/0/1"') == f"+ULWM2MREAD: {lifetime}"
        assert f'"sv":"{at.module.config.imei}"' in await at.ok('AT+ULWM2MREAD="/3/0"')
        for line in ('AT+ULWM2MREAD="/9/0"', 'AT+ULWM2MREAD="/1/0/99"', 'AT+ULWM2MREAD="rubbish"',
                     'AT+ULWM2MLIST="/9"', "AT+ULWM2MREG=102", "AT+ULWM2MDEREG=102", "AT+ULWM2M=3"):
            await at.refused(line)

    lwm2m(scenario)


def test_switched_off_it_says_nothing(play: Any) -> None:
    async def scenario(at: Any) -> None:
        assert await at.ok("AT+ULWM2M?") == "+ULWM2M: 1"
        for line in ("AT+ULWM2MREG?", "AT+ULWM2MREG=721", "AT+ULWM2MDEREG=721", 'AT+ULWM2MLIST="/"'):
            await at.refused(line)

    play(R6, scenario)


def test_the_other_series_has_none(play: Any) -> None:
    async def scenario(at: Any) -> None:
        for line in ("AT+ULWM2M?", "AT+ULWM2M=0", "AT+ULWM2MREG?"):
            await at.refused(line)

    play(Series.LENA_R8, scenario)
