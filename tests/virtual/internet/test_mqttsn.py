"""The MQTT-SN client against the world's gateways: the rows of the guides, refusals, losses, faults, DTLS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.services.mqttsn import PREDEFINED
from cellbench.virtual.device.certificates import Item
from cellbench.virtual.device.certificates_at import certificate_store
from cellbench.virtual.device.clients.mqttsn import MqttSnClient

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
Bench = Any
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
R8, R6 = Series.LENA_R8, Series.LARA_R6
CERTS = resources.files("cellbench.virtual.world") / "certs"
GATEWAY = '2,"192.168.105.30",10000'
FACTORY = ('+UMQTTSN: 0,"{imei}"\n+UMQTTSN: 1,"",1883\n+UMQTTSN: 2,"",1883\n+UMQTTSN: 4,0\n+UMQTTSN: 5,0\n'
           '+UMQTTSN: 6,""\n+UMQTTSN: 7,0,""\n+UMQTTSN: 8,0')


async def fresh(at: At, *lines: str, gateway: str = GATEWAY) -> None:
    """No session, factory values, the world's gateways and broker, up."""
    for name in ("mqttsn", "mqttsn-dtls", "mqtt-flex", "mqtt"):
        await at.rack.internet.park.set_state(name, "reset")
    client = at.module.subsystem(MqttSnClient)
    if client.connected and not client.busy:
        await at.ok("AT+UMQTTSNC=0")
    async with asyncio.timeout(40):
        while client.connected or client.busy:
            await asyncio.sleep(0.01)
    client.unread.clear()
    at.lines.clear()
    for line in ("NV=0", f"={gateway}", *(f"={line}" for line in lines)):
        await at.ok(f"AT+UMQTTSN{line}")


async def connected(at: At, *lines: str, gateway: str = GATEWAY) -> None:
    await fresh(at, *lines, gateway=gateway)
    await at.ok("AT+UMQTTSNC=1")
    await at.urc("+UUMQTTSNC: 1,1")


def seen(at: At, name: str = "mqttsn") -> Mapping[str, str]:
    """What the gateway saw."""
    return dict(at.rack.internet.park.report(name))


async def fails(at: At, line: str, urc: str, code: int) -> None:
    """A command that is taken and then fails."""
    await at.ok(f"AT+UMQTTSNC={line}")
    await at.urc(f"+UUMQTTSNC: {urc}")
    assert await at.ok("AT+UMQTTSNER") == f"+UMQTTSNER: 14,{code}"


async def reads(at: At, line: str) -> None:
    """One message waits and is read; the prefix is the series'."""
    await at.urc("+UUMQTTSNC: 9,1")
    prefix = "+UMQTTC" if at.series is R8 else "+UMQTTSNC"
    assert await at.ok("AT+UMQTTSNC=9,1") == f"{prefix}: 9,{line}"


@both
def test_rows_of_the_guides(play: Play, series: Series) -> None:
    """LENA-R8 guide Tables 41 to 44; LARA-R6 guide 7.1.1, 7.1.3, 7.2 to 7.7, 7.11."""
    async def scenario(at: At) -> None:
        await fresh(at)
        await at.ok("AT+UMQTTSNNV=0")
        security = "\n+UMQTTSN: 9,0" if series is R6 else ""
        factory = FACTORY.format(imei=at.module.config.imei) + security
        assert await at.ok("AT+UMQTTSN?") == factory
        await at.ok('AT+UMQTTSN=2,"192.168.105.30",10000')
        await at.ok("AT+UMQTTSNNV=2")
        stored = await at.ok("AT+UMQTTSN?")
        await at.ok("AT+UMQTTSNNV=0")
        assert await at.ok("AT+UMQTTSN?") == factory
        await at.ok("AT+UMQTTSNNV=1")
        assert await at.ok("AT+UMQTTSN?") == stored
        assert '+UMQTTSN: 2,"192.168.105.30",10000' in stored
        await at.ok("AT+UMQTTSNC=1")
        await at.urc("+UUMQTTSNC: 1,1")
        await at.ok('AT+UMQTTSNC=5,0,0,"room/temperature"')
        await at.urc("+UUMQTTSNC: 5,1,0,1")
        await at.ok('AT+UMQTTSNC=4,0,0,0,0,"1","20 degrees Celsius"')
        await at.urc("+UUMQTTSNC: 4,1")
        await reads(at, '0,0,19,1,"1",18,"20 degrees Celsius"')
        await at.ok('AT+UMQTTSNC=6,0,"1"')
        await at.urc("+UUMQTTSNC: 6,1")
        await at.ok('AT+UMQTTSNC=2,"kitchen/temperature"')
        await at.urc("+UUMQTTSNC: 2,1,2")
        await at.ok('AT+UMQTTSNC=4,1,0,0,0,"2","25 degrees Celsius"')
        await at.urc("+UUMQTTSNC: 4,1")
        assert seen(at)["last_topic"] == "kitchen/temperature"
        await at.ok('AT+UMQTTSNC=5,0,2,"aa"')
        await at.urc("+UUMQTTSNC: 5,1,2,0")
        await at.ok('AT+UMQTTSNC=4,1,0,0,2,"aa","test"')
        await at.urc("+UUMQTTSNC: 4,1")
        await reads(at, '0,2,6,2,"aa",4,"test"')
        await at.ok('AT+UMQTTSNC=6,2,"aa"')
        await at.urc("+UUMQTTSNC: 6,1")
        await at.ok("AT+UMQTTSNC=0")
        await at.urc("+UUMQTTSNC: 0,1")
        assert await at.ok("AT+UMQTTSNER") == "+UMQTTSNER: 0,0"
        for line in ('0,"identity:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"', "8,600", "10,1"):
            await at.ok(f"AT+UMQTTSN={line}")
        await at.ok("AT+UMQTTSNC=1")
        await at.urc("+UUMQTTSNC: 1,1")
        assert (seen(at)["duration_s"], seen(at)["clean"]) == ("600", "yes")
        assert seen(at)["client_id"].startswith("identity:")

    play(series, scenario)


def test_last_will_of_another_module(bench: Bench) -> None:
    """LARA-R6 guide 7.1.2 and 7.8, with both modules; the will goes out when its client is silent for longer
    than its duration."""
    first, second = bench.modules[R6], bench.modules[R8]

    async def scenario() -> None:
        for at in (first, second):
            await at.tidy()
        await fresh(first, "4,1", '6,"u-blox/publish"', '7,"Unrequested disconnect."', "8,1")
        await fresh(second)
        for at in (first, second):
            await at.ok("AT+UMQTTSNC=1")
            await at.urc("+UUMQTTSNC: 1,1")
        await second.ok('AT+UMQTTSNC=5,0,0,"u-blox/publish"')
        await second.urc("+UUMQTTSNC: 5,1,0,1")
        await first.ok("AT+CFUN=4")
        await first.urc("+UUMQTTSNC: 0,101")
        await reads(second, '0,0,24,1,"1",23,"Unrequested disconnect."')
        await first.ok("AT+CFUN=1")
        async with asyncio.timeout(8):
            while not first.module.radio.registered:
                await asyncio.sleep(0.02)
        await first.ok("AT+CGACT=1,1")

    bench.runner.run(scenario())


def test_other_places_of_the_gateway(play: Play) -> None:
    """Port 1883 is the factory's; the second address is the public service's."""
    async def scenario(at: At) -> None:
        for gateway in ('2,"192.168.105.30"', '1,"185.215.193.15",10000'):
            await connected(at, gateway=gateway)
            assert seen(at)["client_state"] == "active"
            await at.ok("AT+UMQTTSNC=0")
            await at.urc("+UUMQTTSNC: 0,1")
            assert seen(at)["client_state"] == "disconnected"

    play(R8, scenario)


@both
def test_qos_topics_and_payloads(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await connected(at)
        await at.ok('AT+UMQTTSNC=5,2,0,"a/#"')
        await at.urc("+UUMQTTSNC: 5,1,2,0")
        await at.ok('AT+UMQTTSNC=2,"a/b"')
        await at.urc("+UUMQTTSNC: 2,1,1")
        for qos, (hexadecimal, sent, text) in enumerate(((0, "", ""), (1, "7830", "x0"), (0, "x", "x"))):
            await at.ok(f'AT+UMQTTSNC=4,{qos},0,{hexadecimal},0,"1","{sent}"')
            await at.urc("+UUMQTTSNC: 4,1")
            await reads(at, f'{qos},0,{1 + len(text)},1,"1",{len(text)},"{text}"')
        await at.ok('AT+UMQTTSNC=5,1,1,"2"')
        await at.urc("+UUMQTTSNC: 5,1,1,2")
        await at.ok('AT+UMQTTSNC=4,1,0,0,1,"2","known"')
        await at.urc("+UUMQTTSNC: 4,1")
        await reads(at, '1,1,6,1,"2",5,"known"')
        assert seen(at)["last_topic"] == PREDEFINED[2]
        await at.ok('AT+UMQTTSNC=5,0,0,"room/+"')
        await at.urc("+UUMQTTSNC: 5,1,0,0")
        await at.ok('AT+UMQTTSNC=2,"room/1"')
        await at.urc("+UUMQTTSNC: 2,1,2")
        for number in (1, 2, 3):
            await at.ok(f'AT+UMQTTSNC=4,1,0,0,0,"2","{number}"')
            await at.urc("+UUMQTTSNC: 4,1")
            await at.urc(f"+UUMQTTSNC: 9,{number}")
        assert (await at.ok("AT+UMQTTSNC=9,1")).endswith('9,0,0,2,1,"2",1,"1"')
        await at.urc("+UUMQTTSNC: 9,2")
        assert len((await at.ok("AT+UMQTTSNC=9")).splitlines()) == 2
        await fails(at, '4,1,0,0,0,"77","nobody"', "4,0", 2)
        await fails(at, '4,2,0,0,1,"77","nobody"', "4,0", 2)
        await fails(at, '5,0,1,"77"', "5,0", 2)

    play(series, scenario)


@both
def test_without_connection_and_will_update(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await fresh(at)
        await at.ok('AT+UMQTTSNC=4,3,0,0,1,"1","early"')
        await at.urc("+UUMQTTSNC: 4,1")
        async with asyncio.timeout(40):
            while seen(at).get("last_topic") != PREDEFINED[1]:
                await asyncio.sleep(0.01)
        assert seen(at)["clients"] == "0"
        await connected(at, '6,"will/1"', '7,"gone"')
        for line, urc in (('7,1,1,"will/2"', "7,1"), ('8,"really gone"', "8,1"), ('7,0,0,""', "7,1")):
            await at.ok(f"AT+UMQTTSNC={line}")
            await at.urc(f"+UUMQTTSNC: {urc}")
        await fails(at, '8,"no will any more"', "8,0", 3)

    play(series, scenario)


@both
def test_refusals(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await fresh(at)
        await at.ok("AT+CMEE=1")
        for line in ('=0,""', "=4,3", "=5,2", '=6,"a/#"', '=7,"x",1', "=8,65536", "=10,2", "=20,12", "=3,1",
                     '=2,"192.168.105.30",0', "C=3", "C=11", 'C=4,4,0,0,1,"1","x"', 'C=4,0,0,1,1,"1","4"',
                     'C=4,0,0,0,2,"abc","x"', 'C=4,0,0,0,0,"a/b","x"', 'C=4,3,0,0,0,"1","x"',
                     'C=4,0,0,0,0,"0","x"', "NV=3"):
            assert await at.refused(f"AT+UMQTTSN{line}") == "+CME ERROR: 50", line
        for line in ("0", '2,"a"', '4,0,0,0,0,"1","x"', '5,0,0,"a"', '6,0,"1"', '7,0,0,"a"', '8,"a"', "10,1"):
            assert await at.refused(f"AT+UMQTTSNC={line}") == "+CME ERROR: 3", line
        if series is R8:
            for line in ("9", "9,0", "9,1,0"):
                assert await at.refused(f"AT+UMQTTSN={line}") == "+CME ERROR: 50"
            assert await at.refused("AT+UMQTTSNC=9,1") == "+CME ERROR: 3"
        else:
            assert await at.refused("AT+UMQTTSN=9,0,1") == "+CME ERROR: 50"
            assert await at.ok("AT+UMQTTSNC=9,1") == ""
        await at.ok("AT+UMQTTSNNV=0")
        assert await at.refused("AT+UMQTTSNC=1") == "+CME ERROR: 3"
        await connected(at)
        for line in ("C=1", '=0,"other"', "NV=0", "C=10,1"):
            assert await at.refused(f"AT+UMQTTSN{line}") == "+CME ERROR: 3"
        for line in ('C=2,"a/+"', 'C=5,0,0,"a#"', 'C=6,2,"abc"'):
            assert await at.refused(f"AT+UMQTTSN{line}") == "+CME ERROR: 50"

    play(series, scenario)


@both
def test_lost_datagrams_are_sent_again(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        for kind, line, urc in (("connect", "", ""), ("register", '2,"a/b"', "2,1,1"),
                                ("publish", '4,1,0,0,1,"1","x"', "4,1"),
                                ("pubrel", '4,2,0,0,1,"1","x"', "4,1"),
                                ("subscribe", '5,1,0,"a"', "5,1,1,1"), ("unsubscribe", '6,0,"a"', "6,1"),
                                ("willmsg", "", ""), ("disconnect", "0", "0,1")):
            will = ('6,"will"',) if kind == "willmsg" else ()
            await connected(at, f'0,"broken/loses/{kind}/{series.value}"', *will)
            if line:
                await at.ok(f"AT+UMQTTSNC={line}")
                await at.urc(f"+UUMQTTSNC: {urc}")
            if kind in ("publish", "subscribe"):
                assert seen(at)["heard_again"] == "1"

    play(series, scenario)


@pytest.mark.parametrize(("series", "fault", "code"), [
    (R8, "stalls", 21), (R8, "congestion", 1), (R6, "rubbish", 21), (R6, "dies", 8)])
def test_a_gateway_that_misbehaves(play: Play, series: Series, fault: str, code: int) -> None:
    """It dies, stalls, sends rubbish or is congested at a message; then the next session is good."""
    async def scenario(at: At) -> None:
        if fault != "dies":
            await fresh(at, f'0,"broken/{fault}/connect"')
            await fails(at, "1", "1,0", code)
        for kind, line in (("subscribe", '5,0,0,"a"'), ("publish", '4,1,0,0,1,"1","x"')):
            await connected(at, f'0,"broken/{fault}/{kind}"')
            await fails(at, line, f"{line[0]},0", code)
            if fault == "dies":
                await at.urc("+UUMQTTSNC: 0,101")
        if fault == "stalls":
            await connected(at, '0,"broken/stalls/disconnect"')
            await fails(at, "0", "0,0", 21)
        await connected(at)

    play(series, scenario)


def test_a_gateway_that_is_not_there(play: Play) -> None:
    """LARA-R6 guide 7.9."""
    async def scenario(at: At) -> None:
        await connected(at)
        await at.rack.internet.park.set_state("mqttsn", "mute")
        await fails(at, '5,1,0,"kitchen/temperature"', "5,0", 21)
        await at.rack.internet.park.set_state("mqttsn", "down")
        await fails(at, '2,"a"', "2,0", 21)
        await at.rack.internet.park.set_state("mqttsn", "up")
        await at.ok('AT+UMQTTSNC=2,"a"')
        await at.urc("+UUMQTTSNC: 2,0")
        await at.urc("+UUMQTTSNC: 0,101")
        await fresh(at, gateway='1,"no-such-host.invalid",10000')
        await fails(at, "1", "1,0", 8)
        await connected(at)

    play(R6, scenario)


def test_pings(play: Play) -> None:
    async def scenario(at: At) -> None:
        await connected(at, "8,1")
        await at.ok("AT+UMQTTSNC=10,1")
        async with asyncio.timeout(40):
            while "pingreq_after_s" not in seen(at):
                await asyncio.sleep(0.02)
        assert float(seen(at)["pingreq_after_s"]) > 0.7
        await at.rack.internet.park.set_state("mqttsn", "mute")
        await at.urc("+UUMQTTSNC: 10,0")
        assert await at.ok("AT+UMQTTSNER") == "+UMQTTSNER: 14,21"

    play(R8, scenario)


@both
def test_no_network_and_lost_context(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await connected(at)
        await at.ok("AT+CFUN=4")
        await at.urc("+UUMQTTSNC: 0,101")
        await fails(at, "1", "1,0", 22)
        await at.ok("AT+CFUN=1")
        async with asyncio.timeout(8):
            while not at.module.radio.registered:
                await asyncio.sleep(0.02)
        await at.ok("AT+CGACT=1,1")
        await connected(at)

    play(series, scenario)


def test_secure_session(play: Play) -> None:
    """LARA-R6 guide 7.10: DTLS with the security profile, which truly verifies."""
    async def scenario(at: At) -> None:
        certificate_store(at.module).put(Item.CA, "ca", (CERTS / "ca_cert.crt").read_bytes())
        for line in ("", ",0,1", ',3,"ca"'):
            await at.ok(f"AT+USECPRF=2{line}")
        await connected(at, "9,1,2", gateway='2,"192.168.105.30",10001')
        assert await at.ok("AT+UMQTTSN=9") == "+UMQTTSN: 9,1,2"
        assert seen(at, "mqttsn-dtls")["tls_version"] == "DTLS_1_2"
        await at.ok('AT+UMQTTSNC=5,1,0,"safe"')
        await at.urc("+UUMQTTSNC: 5,1,1,1")
        await at.ok('AT+UMQTTSNC=4,1,0,0,0,"1","over DTLS"')
        await at.urc("+UUMQTTSNC: 4,1")
        await reads(at, '1,0,10,1,"1",9,"over DTLS"')
        await at.ok("AT+UMQTTSNC=0")
        await at.urc("+UUMQTTSNC: 0,1")
        certificate_store(at.module).put(Item.CA, "other", (CERTS / "thawte_standin.pem").read_bytes())
        await at.ok('AT+USECPRF=2,3,"other"')
        await fails(at, "1", "1,0", 8)
        await at.ok('AT+USECPRF=2,3,"ca"')
        await at.ok("AT+UMQTTSNC=1")
        await at.urc("+UUMQTTSNC: 1,1")
        await at.rack.internet.park.set_state("mqttsn-dtls", "down")
        await at.urc("+UUMQTTSNC: 0,101")

    play(R6, scenario)


def test_flex_wants_a_client_certificate(play: Play) -> None:
    """LARA-R6 guide 7.12, and without the certificate."""
    async def scenario(at: At) -> None:
        store = certificate_store(at.module)
        store.put(Item.CLIENT_CERTIFICATE, "MQTTFlex_cert", (CERTS / "device.pem").read_bytes())
        store.put(Item.CLIENT_KEY, "MQTTFlex_key", (CERTS / "device.key").read_bytes())
        for line in ("", ",0,0", ",1,3", ',2,99,"C0","30"'):
            await at.ok(f"AT+USECPRF=0{line}")
        await fresh(at, '0,"device:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"', "9,1,0",
                    gateway='1,"mqtt-flex.thingstream.io",2443')
        await fails(at, "1", "1,0", 8)
        assert "certificate" in seen(at, "mqtt-flex")["tls_refused"].lower()
        await at.ok('AT+USECPRF=0,5,"MQTTFlex_cert"')
        await at.ok('AT+USECPRF=0,6,"MQTTFlex_key"')
        await at.ok("AT+UMQTTSNC=1")
        await at.urc("+UUMQTTSNC: 1,1")
        assert seen(at, "mqtt-flex")["tls_client_certificate"] == "yes"
        await at.ok("AT+UMQTTSNC=0")
        await at.urc("+UUMQTTSNC: 0,1")

    play(R6, scenario)
