"""The MQTT client against the world's broker: the rows of the guides, refusals, wills, losses, faults."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.certificates import Item
from cellbench.virtual.device.certificates_at import certificate_store
from cellbench.virtual.device.clients.mqtt import MqttClient
from cellbench.virtual.device.files_at import file_store
from cellbench.virtual.device.network import Change

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
Bench = Any
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
R8, R6 = Series.LENA_R8, Series.LARA_R6
CERTS = resources.files("cellbench.virtual.world") / "certs"
BROKER = '"192.168.105.30",1883'
FACTORY = ('+UMQTT: 0,"{imei}"\n+UMQTT: 2,"",1883\n+UMQTT: 3,"",1883\n+UMQTT: 4,""\n+UMQTT: 6,0\n'
           '+UMQTT: 7,0\n+UMQTT: 8,""\n+UMQTT: 9,0,""\n+UMQTT: 10,0\n+UMQTT: 11,0')


async def fresh(at: At, *lines: str, server: str = BROKER) -> None:
    """No session, factory values, the world's broker, up."""
    for name in ("mqtt", "mqtts"):
        await at.rack.internet.park.set_state(name, "reset")
    client = at.module.subsystem(MqttClient)
    async with asyncio.timeout(40):
        while client.connected or client.busy:
            await asyncio.sleep(0.01)
    client.unread.clear()
    at.lines.clear()
    await at.ok("AT+UMQTTNV=0")
    await at.ok(f"AT+UMQTT=2,{server}")
    for line in lines:
        await at.ok(f"AT+UMQTT={line}")


async def logged_in(at: At, *lines: str, server: str = BROKER) -> None:
    await fresh(at, *lines, server=server)
    await at.ok("AT+UMQTTC=1")
    await at.urc("+UUMQTTC: 1,1")


async def subscribed(at: At, topic: str, qos: int = 0) -> None:
    await at.ok(f'AT+UMQTTC=4,{qos},"{topic}"')
    await at.urc(f'+UUMQTTC: 4,1,{qos},"{topic}"')


async def registered(at: At) -> None:
    """Registered again, with the user's context."""
    async with asyncio.timeout(8):
        while not at.module.radio.registered:
            await asyncio.sleep(0.02)
    await at.ok("AT+CGACT=1,1")


def broker(at: At, name: str = "mqtt") -> Mapping[str, str]:
    """What the broker saw."""
    return dict(at.rack.internet.park.report(name))


@both
def test_configuration_as_printed(play: Play, series: Series) -> None:
    """LENA-R8 guide Table 37, LARA-R6 guide 6.1."""
    async def scenario(at: At) -> None:
        await fresh(at)
        await at.ok("AT+UMQTTNV=0")
        factory = FACTORY.format(imei=at.module.config.imei)
        assert await at.ok("AT+UMQTT?") == factory
        await at.ok('AT+UMQTT=2,"185.215.193.15",1883')
        await at.ok("AT+UMQTTNV=2")
        await at.ok("AT+UMQTTNV=0")
        assert await at.ok("AT+UMQTT?") == factory
        await at.ok("AT+UMQTTNV=1")
        assert await at.ok("AT+UMQTT?") == factory.replace('2,""', '2,"185.215.193.15"')

    play(series, scenario)


@both
def test_rows_of_the_guides(play: Play, series: Series) -> None:
    """LENA-R8 guide Tables 38 and 39, LARA-R6 guide 6.2 to 6.5, as printed but for the errata."""
    async def scenario(at: At) -> None:
        await logged_in(at)
        await subscribed(at, "module/lights")
        await at.ok('AT+UMQTTC=2,0,0,0,"module/lights","light_1 is red"')
        await at.urc("+UUMQTTC: 2,1")
        await at.urc("+UUMQTTC: 6,1")
        assert await at.ok("AT+UMQTTC=6,1") == '+UMQTTC: 6,0,27,13,"module/lights",14,"light_1 is red"'
        await at.ok('AT+UMQTTC=5,"module/lights"')
        await at.urc("+UUMQTTC: 5,1")
        for topic, hexadecimal, printed in (("module/ascii", 0, '6,0,20,12,"module/ascii",8,"ABCD3031"'),
                                            ("module/hex", 1, '6,0,14,10,"module/hex",4,"\xab\xcd01"')):
            await subscribed(at, topic)
            await at.ok(f'AT+UMQTTC=2,0,0,{hexadecimal},"{topic}","ABCD3031"')
            await at.urc("+UUMQTTC: 2,1")
            await at.urc("+UUMQTTC: 6,1")
            assert await at.ok("AT+UMQTTC=6,1") == f"+UMQTTC: {printed}"
        await subscribed(at, "module/special")
        await at.ok('AT+UMQTTC=9,1,0,"module/special",21', payload=b'"this is an example"\r')
        await at.urc("+UUMQTTC: 2,1")
        await at.urc("+UUMQTTC: 6,1")
        printed = '+UMQTTC: 6,0,35,14,"module/special",21,""this is an example"\r"'
        assert await at.ok("AT+UMQTTC=6,1") == printed
        await at.ok("AT+UMQTTC=0")
        await at.urc("+UUMQTTC: 0,1")
        assert await at.ok("AT+UMQTTER") == "+UMQTTER: 0,0"
        assert broker(at)["client_id"] == at.module.config.imei
        assert broker(at)["last_topic"] == "module/special"

    play(series, scenario)


@both
def test_the_secure_rows(play: Play, series: Series) -> None:
    """LENA-R8 guide Table 40, LARA-R6 guide 6.9, over the profile of 9.1 and 3: both must hold."""
    async def scenario(at: At) -> None:
        certificate_store(at.module).put(Item.CA, "ca_cert", (CERTS / "ca_cert.crt").read_bytes())
        for line in ("2", "2,0,1", '2,3,"ca_cert"'):
            await at.ok(f"AT+USECPRF={line}")
        await logged_in(at, "11,1,2", server='"192.168.105.30",8883')
        await subscribed(at, "secure", 2)
        await at.ok('AT+UMQTTC=2,2,0,0,"secure","nonce 81"')
        await at.urc("+UUMQTTC: 2,1")
        await at.urc("+UUMQTTC: 6,1")
        assert await at.ok("AT+UMQTTC=6,1") == '+UMQTTC: 6,2,14,6,"secure",8,"nonce 81"'
        assert broker(at, "mqtts")["tls_version"].startswith("TLS_1_")
        await at.ok("AT+UMQTTC=0")
        await at.urc("+UUMQTTC: 0,1")
        await at.ok('AT+USECPRF=2,3,"another"')
        await at.ok("AT+UMQTTC=1")
        await at.urc("+UUMQTTC: 1,0")
        assert (await at.ok("AT+UMQTTER")).startswith("+UMQTTER: 13,")

    play(series, scenario)


@both
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_large_messages_with_anything_inside(play: Play, series: Series, qos: int) -> None:
    async def scenario(at: At) -> None:
        await logged_in(at)
        await subscribed(at, "big/#", 2)
        payload = (b'"quotes", \r and \x00\x1a\x1b\xff, OK' * 60)[:1024]
        await at.ok(f'AT+UMQTTC=9,{qos},0,"big/one",1024', payload=payload)
        await at.urc("+UUMQTTC: 2,1")
        await at.urc("+UUMQTTC: 6,1")
        await at.ok(f'AT+UMQTTC=2,{qos},0,1,"big/two","{payload[:480].hex()}"')
        await at.urc("+UUMQTTC: 2,1")
        await at.urc("+UUMQTTC: 6,2")
        text = "0123456789abcdef" * 60  # a command line takes 1024 characters
        await at.ok(f'AT+UMQTTC=2,{qos},0,0,"big/three","{text}"')
        await at.urc("+UUMQTTC: 2,1")
        await at.urc("+UUMQTTC: 6,3")
        shown = payload.decode("latin-1")
        assert await at.ok("AT+UMQTTC=6,1") == f'+UMQTTC: 6,{qos},1031,7,"big/one",1024,"{shown}"'
        await at.urc("+UUMQTTC: 6,2")
        answer = await at.ok("AT+UMQTTC=6,1,1")
        assert answer == f'+UMQTTC: 6,{qos},487,7,"big/two",480,"{payload[:480].hex().upper()}"'
        await at.urc("+UUMQTTC: 6,1")
        assert await at.ok("AT+UMQTTC=6") == f'+UMQTTC: 6,{qos},969,9,"big/three",960,"{text}"'
        await at.quiet(0.05)

    play(series, scenario)


@both
def test_files_and_retained_messages(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await logged_in(at)
        data = bytes(range(256)) * 20
        file_store(at.module).write("publish.bin", data)
        await at.ok('AT+UMQTTC=3,1,1,"kept/file","publish.bin"')
        await at.urc("+UUMQTTC: 3,1")
        await at.ok('AT+UMQTTC=4,1,"kept/+"')
        await at.urc('+UUMQTTC: 4,1,1,"kept/+"')
        await at.urc("+UUMQTTC: 6,1")
        assert at.module.subsystem(MqttClient).unread[0].payload == data
        await at.ok("AT+UMQTTC=6")
        await at.ok('AT+UMQTTC=2,0,1,0,"kept/file",""')
        await at.urc("+UUMQTTC: 2,1")
        await at.urc("+UUMQTTC: 6,1")
        assert await at.ok("AT+UMQTTC=6,1") == '+UMQTTC: 6,0,9,9,"kept/file",0,""'
        assert broker(at)["retained"] == "0"
        file_store(at.module).delete("publish.bin")

    play(series, scenario)


@both
def test_lines_that_are_refused(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await fresh(at)
        await at.ok("AT+CMEE=1")
        for line in ("0", '2,0,0,0,"t","m"', '4,0,"t"', '5,"t"', "8,1", '9,0,0,"t",1'):
            assert await at.refused(f"AT+UMQTTC={line}") == "+CME ERROR: 3", line
        await at.ok("AT+UMQTTNV=0")
        assert await at.refused("AT+UMQTTC=1") == "+CME ERROR: 3"  # no broker is set
        await logged_in(at)
        await at.ok("AT+CMEE=1")
        for line in ("AT+UMQTTC=1", "AT+UMQTT=6,1", "AT+UMQTTNV=0", "AT+UMQTTNV=2", "AT+UMQTTC=8,1"):
            assert await at.refused(line) == "+CME ERROR: 3", line
        wrong = ["7", "10", "1,1", '2,3,0,0,"t","m"', '2,0,2,0,"t","m"', '2,0,0,2,"t","m"', '2,0,0,0,"","m"',
                 '2,0,0,0,"a/#","m"', '2,0,0,1,"t","abc"', '2,0,0,1,"t","xy"', '2,0,0,0,"t"', '4,3,"t"',
                 '4,0,"a#"', '4,0,"#/a"', '4,0,""', f'4,0,"{"t" * 257}"', '5,"a+"', '9,0,0,"t",0',
                 '9,0,0,"t",1025', '9,0,0,"t",x', '4,0,"\xff"', "8,2"]
        for line in wrong:
            assert await at.refused(f"AT+UMQTTC={line}") == "+CME ERROR: 50", line
        for digits in (0, 1):
            long = f'AT+UMQTTC=2,0,0,{digits},"t","{"00" * 513}"'
            longer = len(long) > at.module.profile.serial.max_line.value
            assert await at.refused(long) == f"+CME ERROR: {1650 if longer else 50}"
        assert await at.refused('AT+UMQTTC=3,0,0,"t","no file"') == "+CME ERROR: 1612"
        await at.ok("AT+UMQTTC=0")
        await at.urc("+UUMQTTC: 0,1")
        for line in ("1,1", "5,1", '2,"x",0', '2,"x",70000', "6,3", "7,2", '8,"a/#"', '9,"xy",1', "10,65536",
                     "10,60,121", "11,2", "11,0,1", "11,1,5", "12,2", "20,0", "20,1,2",
                     f'9,"{"w" * 257}"', f'0,"{"c" * 257}"'):
            assert await at.refused(f"AT+UMQTT={line}") == "+CME ERROR: 50", line

    play(series, scenario)


@both
def test_settings_are_read_back(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await fresh(at, '0,"my id"', '3,"broker.example"', '4,"me","secret"', "6,2", "7,1", '8,"will/t"',
                    '9,"22414222",1', "10,60", "11,1,3", "12,0", "20,2,1")
        for op, value in ((0, '"my id"'), (2, BROKER), (3, '"broker.example",1883'), (4, '"me"'), (6, "2"),
                          (7, "1"), (8, '"will/t"'), (9, '4,""AB""'), (10, "60"), (11, "1,3"), (12, "0"),
                          (20, "1,0" if series is R8 else "2,1")):
            assert await at.ok(f"AT+UMQTT={op}") == f"+UMQTT: {op},{value}"
        await at.ok("AT+UMQTTNV=2")
        before = await at.ok("AT+UMQTT?")
        await at.ok("AT+UMQTTNV=0")
        await at.ok("AT+UMQTTNV=1")
        assert await at.ok("AT+UMQTT?") == before
        await at.ok("AT+UMQTT=10,60,5")
        assert await at.ok("AT+UMQTT=10") == "+UMQTT: 10,60,5"

    play(series, scenario)


@both
def test_names_and_users(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await logged_in(at, '3,"192.168.105.30"', '4,"somebody","secret"', server='"no-such-host.invalid"')
        await at.ok("AT+UMQTTC=0")
        await at.urc("+UUMQTTC: 0,1")
        await at.ok('AT+UMQTT=2,"no-such-host.invalid"')
        await at.ok("AT+UMQTTC=1")
        await at.urc("+UUMQTTC: 1,0")
        assert (await at.ok("AT+UMQTTER")).startswith("+UMQTTER: 13,")

    play(series, scenario)


@both
def test_nothing_waits(play: Play, series: Series) -> None:
    """Facts sheet 10.3: LENA-R8 refuses, LARA-R6 says OK alone."""
    async def scenario(at: At) -> None:
        await logged_in(at)
        if series is R8:
            assert await at.refused("AT+UMQTTC=6,1") == "ERROR"
        else:
            assert await at.ok("AT+UMQTTC=6,1") == ""

    play(series, scenario)


def test_the_prompt_gives_up(play: Play) -> None:
    async def scenario(at: At) -> None:
        await logged_in(at)
        answer = await at.send('AT+UMQTTC=9,0,0,"t",10', payload=b"short")
        assert answer[-1] == "ERROR"
        await at.ok('AT+UMQTTC=9,0,0,"t",5', payload=b"whole")
        await at.urc("+UUMQTTC: 2,1")

    play(R8, scenario)


def test_one_command_at_a_time(play: Play) -> None:
    async def scenario(at: At) -> None:
        await logged_in(at)
        await at.act("server", name="mqtt", state="mute")
        await at.ok('AT+UMQTTC=4,0,"t"')
        await at.ok("AT+CMEE=1")
        for line in ("0", '4,0,"t"', "6,1", '9,0,0,"t",1'):
            assert await at.refused(f"AT+UMQTTC={line}") == "+CME ERROR: 3"
        await at.urc("+UUMQTTC: 4,0")
        assert await at.ok("AT+UMQTTER") == "+UMQTTER: 13,33"
        await at.act("server", name="mqtt", state="up")
        await subscribed(at, "t")

    play(R6, scenario)


def test_pings_at_four_fifths_of_the_keep_alive(play: Play) -> None:
    """LARA-R6 guide 6.6; a broker that is silent is told by 8,0, the end of a session without pings by 0,100
    and the will."""
    async def scenario(at: At) -> None:
        await logged_in(at, "10,1", '8,"wills/silent"', '9,"gone"')
        await at.ok("AT+UMQTTC=8,1")
        await asyncio.sleep(1.65)  # longer than the broker waits
        assert 0.75 <= float((await at.act("mqtt", what="mqtt"))["pingreq_after_s"]) <= 1.4
        assert at.module.subsystem(MqttClient).connected
        before = int(broker(at)["wills"])
        await at.act("server", name="mqtt", state="mute")
        await at.urc("+UUMQTTC: 8,0")
        assert await at.ok("AT+UMQTTER") == "+UMQTTER: 13,33"
        await at.urc("+UUMQTTC: 0,100")
        assert int(broker(at)["wills"]) == before + 1

    play(R6, scenario)


def test_a_last_will_between_two_modules(bench: Bench, play: Play) -> None:
    """LARA-R6 guide 6.7: +CFUN=4 here, a power cut besides; none after log out."""
    async def scenario(second: At) -> None:
        first = bench.modules[R8]
        await first.tidy()
        await logged_in(second)
        await subscribed(second, "u-blox/publish")
        for cause in ("out", "cfun", "power"):
            await first.ok("AT+UMQTTNV=0")
            for line in (f"2,{BROKER}", "6,1", '8,"u-blox/publish"', '9,"Unrequested disconnect."'):
                await first.ok(f"AT+UMQTT={line}")
            await first.ok("AT+UMQTTC=1")
            await first.urc("+UUMQTTC: 1,1")
            if cause == "out":
                await first.ok("AT+UMQTTC=0")
                await first.urc("+UUMQTTC: 0,1")
                await second.quiet(0.1)
                continue
            if cause == "cfun":
                await first.ok("AT+CFUN=4")
                await first.urc("+UUMQTTC: 0,101")
                await first.ok("AT+CFUN=1")
                await registered(first)
            else:
                first.module.set_supply(0.0)
            await second.urc("+UUMQTTC: 6,1")
            answer = await second.ok("AT+UMQTTC=6,1")
            assert answer == '+UMQTTC: 6,0,37,14,"u-blox/publish",23,"Unrequested disconnect."'
        first.lines.clear()
        await first.power_on()

    play(R6, scenario)


@both
def test_no_context_and_no_network(play: Play, series: Series) -> None:
    """LARA-R6 guide 6.8."""
    async def scenario(at: At) -> None:
        await fresh(at)
        apn = "internet.wind" if series is R8 else "APN2"
        await at.ok(f'AT+CGDCONT=2,"IP","{apn}"')
        await at.ok("AT+CGACT=1,2")
        if series is R6:
            await at.ok("AT+UMQTT=20,2")
        await at.ok("AT+UMQTTC=1")
        await at.urc("+UUMQTTC: 1,1")
        await at.ok(f"AT+CGACT=0,{2 if series is R6 else 1}")
        await at.urc("+UUMQTTC: 0,101")
        if series is R8:
            await at.ok("AT+CGACT=0,2")
        await at.ok("AT+UMQTTC=1")
        await at.urc("+UUMQTTC: 1,0")
        assert await at.ok("AT+UMQTTER") == "+UMQTTER: 13,50"
        await at.ok("AT+COPS=2")
        await at.ok("AT+UMQTTC=1")
        await at.urc("+UUMQTTC: 1,0")
        assert await at.ok("AT+UMQTTER") == "+UMQTTER: 13,34"
        await at.ok("AT+COPS=0")
        await registered(at)
        await logged_in(at)

    play(series, scenario)


FAULTS = (("dies", "connect"), ("rubbish", "connect"), ("reset", "connect"), ("dies", "subscribe"),
          ("rubbish", "subscribe"), ("dies", "publish"), ("rubbish", "publish"), ("reset", "publish"),
          ("rubbish", "pubrel"), ("dies", "unsubscribe"), ("rubbish", "unsubscribe"))


@pytest.mark.parametrize(("series", "fault", "moment"), [
    *((series, *fault) for series in Series for fault in FAULTS),
    (R8, "stalls", "connect"), (R6, "stalls", "publish"), (R8, "stalls", "pubrel")])
def test_a_broker_that_fails_at_any_moment(play: Play, series: Series, fault: str, moment: str) -> None:
    """The command's result, the class and code, the session's end; then all is as before."""
    async def scenario(at: At) -> None:
        await fresh(at, f'4,"broken/{fault}/{moment}"')
        line = {"connect": "1", "subscribe": '4,1,"t"', "publish": '2,1,0,0,"t","m"',
                "pubrel": '2,2,0,0,"t","m"', "unsubscribe": '5,"t"'}[moment]
        if moment != "connect":
            await at.ok("AT+UMQTTC=1")
            await at.urc("+UUMQTTC: 1,1")
        await at.ok(f"AT+UMQTTC={line}")
        await at.urc(f"+UUMQTTC: {line[0]},0")
        error = await at.ok("AT+UMQTTER")
        if fault == "stalls":
            assert error == "+UMQTTER: 13,33"
        else:
            assert error.startswith("+UMQTTER: 13,")
            if moment != "connect":
                await at.urc(f"+UUMQTTC: 0,{102 if fault == 'rubbish' else 101}")
        await logged_in(at)
        await subscribed(at, "after")
        await at.ok('AT+UMQTTC=2,0,0,0,"after","nonce 4"')
        await at.urc("+UUMQTTC: 2,1")
        await at.urc("+UUMQTTC: 6,1")
        assert await at.ok("AT+UMQTTC=6,1") == '+UMQTTC: 6,0,12,5,"after",7,"nonce 4"'

    play(series, scenario)


@both
def test_a_broker_that_is_down(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await logged_in(at)
        await at.act("server", name="mqtt", state="down")
        await at.urc("+UUMQTTC: 0,101")
        await at.ok("AT+UMQTTC=1")
        await at.urc("+UUMQTTC: 1,0")
        assert (await at.ok("AT+UMQTTER")).startswith("+UMQTTER: 13,")
        await at.act("server", name="mqtt", state="up")
        await logged_in(at)
        flow = await at.act("flow", service="mqtt")
        assert flow["remote_port"] == "1883"

    play(series, scenario)


@both
def test_a_session_that_is_kept(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await logged_in(at, "12,0")
        await subscribed(at, "later", 1)
        await at.ok("AT+UMQTTC=0")
        await at.urc("+UUMQTTC: 0,1")
        await at.ok('AT+UMQTT=0,"another"')
        await at.ok("AT+UMQTTC=1")
        await at.urc("+UUMQTTC: 1,1")
        await at.ok('AT+UMQTTC=2,1,0,0,"later","meanwhile"')
        await at.urc("+UUMQTTC: 2,1")
        await at.ok("AT+UMQTTC=0")
        await at.urc("+UUMQTTC: 0,1")
        await at.ok(f'AT+UMQTT=0,"{at.module.config.imei}"')
        await at.ok("AT+UMQTTC=1")
        await at.urc("+UUMQTTC: 1,1")
        await at.urc("+UUMQTTC: 6,1")
        assert await at.ok("AT+UMQTTC=6,1") == '+UMQTTC: 6,1,14,5,"later",9,"meanwhile"'

    play(series, scenario)


@both
def test_more_messages_than_fit(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await logged_in(at)
        await subscribed(at, "many")
        most = at.module.config.behaviour.mqtt_unread
        for number in range(most + 2):
            await at.ok(f'AT+UMQTTC=2,0,0,0,"many","number {number:02d}"')
            await at.urc("+UUMQTTC: 2,1")
            await at.urc(f"+UUMQTTC: 6,{min(number + 1, most)}")
        assert (await at.ok("AT+UMQTTC=6,1")).endswith('"number 02"')
        await at.urc(f"+UUMQTTC: 6,{most - 1}")
        assert len((await at.ok("AT+UMQTTC=6")).split("\n")) == most - 1

    play(series, scenario)


SEEDS = ("AT+UMQTTC=1", "AT+UMQTTC=0", 'AT+UMQTTC=2,1,0,0,"a/b","message"', 'AT+UMQTTC=2,2,1,1,"a/b","ABCD"',
         'AT+UMQTTC=3,0,0,"a/b","file"', 'AT+UMQTTC=4,2,"a/#"', 'AT+UMQTTC=5,"a/#"', "AT+UMQTTC=6,1",
         "AT+UMQTTC=6,1,1", "AT+UMQTTC=8,1", 'AT+UMQTTC=9,2,0,"a/b",9', 'AT+UMQTT=0,"id"',
         'AT+UMQTT=2,"192.168.105.30",1883', 'AT+UMQTT=4,"user","password"', "AT+UMQTT=6,2",
         'AT+UMQTT=8,"a/will"', 'AT+UMQTT=9,"4142",1', "AT+UMQTT=10,60,5", "AT+UMQTT=11,0", "AT+UMQTT=12,1",
         "AT+UMQTT=20,1,0", "AT+UMQTT?", "AT+UMQTTNV=1", "AT+UMQTTNV=2", "AT+UMQTTER", "AT+UMQTTC=?")
ALPHABET = '0123456789,,,""=?;-+#/AT. \x80\xff'
LINES = 400


@both
def test_mutated_lines(play: Play, series: Series) -> None:
    """Always a final result code, never a bug, and the client goes on."""
    async def scenario(at: At) -> None:
        await fresh(at)
        bugs: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: bugs.append(context))
        finals: Counter[str] = Counter()
        chance = random.Random(11)
        for _ in range(LINES):
            line = list(chance.choice(SEEDS))
            for _ in range(chance.choice((0, 0, 1, 2))):
                place = chance.randint(7, len(line))
                line[place : place + chance.randint(0, 1)] = chance.choice(ALPHABET)
            finals[(await at.send("".join(line), payload=b"x" * 9))[-1]] += 1
        asyncio.get_running_loop().set_exception_handler(None)
        assert bugs == []
        assert finals["OK"] > LINES // 10, "some lines must have reached their handlers"
        client = at.module.subsystem(MqttClient)
        async with asyncio.timeout(40):
            while client.busy:
                await asyncio.sleep(0.01)
        await logged_in(at)
        await subscribed(at, "after")

    play(series, scenario)


def test_a_link_that_stands_still(play: Play) -> None:
    """Nothing is lost for good: the command is late, the session goes on."""
    async def scenario(at: At) -> None:
        await logged_in(at)
        await subscribed(at, "still", 1)
        at.rack.internet.node(at.name).set_blocked(True)
        await at.ok('AT+UMQTTC=2,1,0,0,"still","late"')
        await at.urc("+UUMQTTC: 2,0")
        assert await at.ok("AT+UMQTTER") == "+UMQTTER: 13,33"
        at.rack.internet.node(at.name).set_blocked(False)
        await at.urc("+UUMQTTC: 6,1")
        assert await at.ok("AT+UMQTTC=6,1") == '+UMQTTC: 6,1,9,5,"still",4,"late"'
        await at.ok('AT+UMQTTC=2,1,0,0,"still","next"')
        await at.urc("+UUMQTTC: 2,1")

    play(R8, scenario)


@both
def test_coverage_lost(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await logged_in(at)
        network = at.module.network
        network.found = False
        network.tell(Change.COVERAGE)
        await at.urc("+UUMQTTC: 0,101")
        await at.ok("AT+UMQTTC=1")
        await at.urc("+UUMQTTC: 1,0")
        assert await at.ok("AT+UMQTTER") == "+UMQTTER: 13,34"
        network.found = True
        network.tell(Change.COVERAGE)
        await registered(at)

    play(series, scenario)
