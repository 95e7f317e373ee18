"""Rules of the socket commands beyond the printed rows: refusals, forms, limits, oddities by series."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
R8, R6 = Series.LENA_R8, Series.LARA_R6


@both
@pytest.mark.parametrize("line", [
    "AT+USOCR=7", "AT+USOCR=6,70000", "AT+USOCR=6,0,2", "AT+USOCR=6,0,0,5", "AT+USOCO=9,\"195.34.89.241\",7",
    "AT+USOCO=3,\"195.34.89.241\",7", "AT+USOCL=7", "AT+USOCL=3", "AT+USOWR=3,2,\"12\"", "AT+USORD=3,1",
    "AT+USORF=3,1", "AT+USOCTL=3,0", "AT+USOSO=3,65535,8,1", "AT+USOGO=3,65535,8", "AT+USOLI=3,1099",
    "AT+USOST=3,\"195.34.89.241\",7,2,\"12\"", "AT+USODL=3"])
def test_refused_lines(play: Play, series: Series, line: str) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+CMEE=1")
        assert (await at.refused(line)).startswith("+CME ERROR: ")

    play(series, scenario)


@both
@pytest.mark.parametrize(("line", "state"), [
    ('AT+USOWR=0,2,"12"', "unconnected"), ("AT+USOWR=0,2", "unconnected"), ("AT+USORD=0,2", "unconnected"),
    ('AT+USOST=0,"195.34.89.241",7,2,"12"', "connected"), ("AT+USORF=0,2", "connected"),
    ("AT+USOWR=0,1025", "connected"), ("AT+USOWR=0,0", "connected"), ('AT+USOWR=0,3,"12"', "connected"),
    ("AT+USORD=0,1025", "connected"), ("AT+USOLI=0,1099", "connected"), ("AT+USOSO=0,17,1,1", "connected"),
    ("AT+USOSO=0,65535,3,1", "connected"), ("AT+USOSO=0,6,1,2", "connected"), ("AT+USOCTL=0,5", "connected")])
def test_refused_on_a_tcp_socket(play: Play, series: Series, line: str, state: str) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+USOCR=6")
        if state == "connected":
            await at.ok('AT+USOCO=0,"195.34.89.241",7')
        assert await at.refused(line) == "ERROR"
        assert await at.ok("AT+USOCTL=0,0") == "+USOCTL: 0,0,6"

    play(series, scenario)


@both
def test_seven_sockets(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        for number in range(7):
            assert await at.ok("AT+USOCR=17") == f"+USOCR: {number}"
        await at.refused("AT+USOCR=17")
        await at.ok("AT+USOCL=2")
        assert await at.ok("AT+USOCR=6") == "+USOCR: 2"

    play(series, scenario)


@both
def test_no_socket_left_for_a_visitor(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+USOCR=6")
        await at.ok("AT+USOLI=0,1099")
        for _ in range(6):
            await at.ok("AT+USOCR=17")
        assert "no socket left" in await at.act_refused("remote-connect", port="1099", bytes="3")
        assert "nothing listens on port 1100" in await at.act_refused("remote-connect", port="1100")

    play(series, scenario)


@both
def test_any_byte_passes_the_prompt_and_the_read(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        data = bytes(range(256))
        await at.connected()
        assert await at.ok("AT+USOWR=0,256", payload=data) == "+USOWR: 0,256"
        await at.urc("+UUSORD: 0,256")
        at.raw.clear()
        at.module.uart.receive(b"AT+USORD=0,256\r", 115200)
        async with asyncio.timeout(40):
            while b"\r\nOK\r\n" not in at.raw[-10:]:
                await asyncio.sleep(0.005)
        assert b'+USORD: 0,256,"' + data + b'"\r\n' in bytes(at.raw)

    play(series, scenario)


@both
def test_hexadecimal_mode(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+UDCONF=1,1")
        await at.connected()
        assert await at.ok('AT+USOWR=0,3,"00Ff1A"') == "+USOWR: 0,3"
        await at.urc("+UUSORD: 0,3")
        assert await at.ok("AT+USORD=0,3") == '+USORD: 0,3,"00FF1A"'
        for line in ('AT+USOWR=0,3,"00FF"', 'AT+USOWR=0,2,"00F"', 'AT+USOWR=0,1,"zz"', 'AT+USOWR=0,2,"00 F"'):
            await at.refused(line)
        assert await at.ok("AT+USOWR=0,2", payload=b"ab") == "+USOWR: 0,2", "the prompt is not affected"
        await at.urc("+UUSORD: 0,2")
        await at.ok("AT+USORD=0,2")
        await at.ok("AT+USOCR=17")
        await at.ok('AT+USOST=1,"195.34.89.241",7,2,"6162"')
        await at.urc("+UUSORD: 1,2")
        assert await at.ok("AT+USORF=1,2") == '+USORF: 1,"195.34.89.241",7,2,"6162"'

    play(series, scenario)


@both
def test_asynchronous_connect(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+USOCR=6")
        await at.ok('AT+USOCO=0,"195.34.89.241",7,1')
        await at.urc("+UUSOCO: 0,0")
        assert await at.ok('AT+USOWR=0,2,"12"') == "+USOWR: 0,2"
        await at.ok("AT+USOCL=0")
        await at.act("server", name="echo", state="down")
        await at.ok("AT+USOCR=6")
        await at.ok('AT+USOCO=0,"195.34.89.241",7,1')
        await at.urc("+UUSOCO: 0,111")
        await at.urc("+UUSOCL: 0")

    play(series, scenario)


@both
def test_while_an_asynchronous_connect_runs(play: Play, series: Series) -> None:
    """No other socket may connect, and a second +USOCO closes the socket (sibling's manual)."""
    async def scenario(at: At) -> None:
        await at.ok("AT+USOCR=6")
        await at.ok("AT+USOCR=6")
        await at.ok('AT+USOCO=0,"203.0.113.1",7,1')
        assert await at.ok("AT+USOCTL=0,10") == "+USOCTL: 0,10,2"
        await at.refused('AT+USOCO=1,"195.34.89.241",7')
        assert await at.ok("AT+USOCTL=1,10") == "+USOCTL: 1,10,0"
        await at.refused('AT+USOCO=0,"203.0.113.1",7')
        await at.urc("+UUSOCL: 0")
        await at.ok('AT+USOCO=1,"195.34.89.241",7')

    play(series, scenario)


@both
def test_nobody_answers(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+USOCR=6")
        assert await at.send('AT+USOCO=0,"203.0.113.1",7') == ["ERROR"]
        await at.urc("+UUSOCL: 0")
        assert await at.ok("AT+USOER") == "+USOER: 110"

    play(series, scenario)


@both
def test_unreachable_and_unknown(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        for host, number in (("240.0.0.1", 101), ("no-such-host.invalid", 120), ("2001:db8::1", 97)):
            await at.ok("AT+USOCR=6")
            assert await at.send(f'AT+USOCO=0,"{host}",7') == ["ERROR"]
            await at.urc("+UUSOCL: 0")
            assert await at.ok("AT+USOER") == f"+USOER: {number}"
        await at.ok("AT+USOCR=6")
        await at.ok('AT+USOCO=0,"echo.u-blox.com",7')

    play(series, scenario)


@both
def test_a_local_port_can_be_used_again_at_once(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        for _ in range(3):
            await at.ok("AT+USOCR=6,12001")
            await at.ok('AT+USOCO=0,"195.34.89.241",7')
            await at.refused("AT+USOCR=6,12001")
            assert await at.ok("AT+USOER") == "+USOER: 98"
            assert (await at.act("flow", what="flow", service="echo"))["local_port"] == "12001"
            await at.ok("AT+USOCL=0")

    play(series, scenario)


@both
def test_a_peer_that_closes_while_the_prompt_is_open(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.connected()
        at.module.uart.receive(b"AT+USOWR=0,3\r", 115200)
        async with asyncio.timeout(40):
            while not at.raw.endswith(b"@"):
                await asyncio.sleep(0.005)
        await at.act("remote-close", socket="0")
        assert await at.finish(b"123") == ["+USOWR: 0,0", "OK"]
        await at.urc("+UUSOCL: 0")

    play(series, scenario)


@both
def test_a_short_payload_gives_up_in_the_end_and_the_socket_lives(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.connected()
        assert (await at.send("AT+USOWR=0,3", payload=b"12"))[-1] == "ERROR"
        assert await at.ok("AT+USOCTL=0,2") == "+USOCTL: 0,2,0"
        assert await at.ok('AT+USOWR=0,2,"ok"') == "+USOWR: 0,2"

    play(series, scenario)


@both
def test_an_aborted_connect_closes_the_socket(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+USOCR=6")
        at.module.uart.receive(b'AT+USOCO=0,"203.0.113.1",7\r', 115200)
        await asyncio.sleep(0.05)
        at.module.uart.receive(b"x", 115200)
        await at.urc("+UUSOCL: 0")
        at.module.uart.receive(b"\r", 115200)
        await asyncio.sleep(0.05)
        at.lines.clear()
        await at.connected()

    play(series, scenario)


def test_ipv6(play: Play) -> None:
    """DNS and ping follow the last activated context, here one of IPv6; sockets name it."""
    async def scenario(at: At) -> None:
        at.module.network.pdp_type = "IPV4V6"
        await at.ok('AT+CGDCONT=3,"IPV6","internet.wind"')
        await at.ok("AT+CGACT=1,3")
        assert await at.ok('AT+UDNSRN=0,"echo.u-blox.com"') == '+UDNSRN: "2001:db8:0:2::241"'
        await at.ok('AT+UPING="www.google.com"')
        await at.urc("+UUPINGER: 9")
        await at.ok("AT+USOCR=17,0,1,3")
        await at.ok('AT+USOST=0,"2001:db8:0:2::241",7,2,"v6"')
        await at.urc("+UUSORD: 0,2")
        assert await at.ok("AT+USORF=0,2") == '+USORF: 0,"2001:db8:0:2::241",7,2,"v6"'
        await at.refused("AT+USOCR=6,0,0,3")
        await at.refused('AT+USOST=0,"195.34.89.241",7,2,"v4"')
        await at.ok("AT+USOCR=6,0,1,3")
        await at.ok('AT+USOCO=1,"echo.u-blox.com",7')
        assert await at.ok("AT+USOCTL=1,4") == '+USOCTL: 1,4,"2001:db8:0:2::241",7'
        await at.ok("AT+CGACT=0,3")
        await at.urc("+UUSOCL: 0")
        await at.urc("+UUSOCL: 1")

    play(R8, scenario)


@both
def test_connected_udp(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        prefix = "+USOST" if series is R8 else "+USOWR"
        await at.ok("AT+USOCR=17")
        for line in ('AT+USOWR=0,2,"12"', "AT+USORD=0,2"):
            await at.refused(line)
        await at.ok('AT+USOCO=0,"195.34.89.241",7')
        assert await at.ok('AT+USOWR=0,2,"12"') == f"{prefix}: 0,2"
        await at.urc("+UUSORD: 0,2")
        assert await at.ok("AT+USORD=0,2") == '+USORD: 0,2,"12"'
        for line in ('AT+USOST=0,"195.34.89.241",7,2,"12"', "AT+USORF=0,2"):
            await at.refused(line)

    play(series, scenario)


def test_asynchronous_close(play: Play) -> None:
    async def lena(at: At) -> None:
        await at.connected()
        await at.ok("AT+USOCL=0,1")
        await at.urc("+UUSOCL: 0")

    async def lara(at: At) -> None:
        await at.connected()
        await at.refused("AT+USOCL=0,1")
        await at.ok("AT+USOCL=0")

    play(R8, lena)
    play(R6, lara)


def test_options_by_series(play: Play) -> None:
    async def lena(at: At) -> None:
        await at.ok("AT+USOCR=6")
        assert await at.ok("AT+USOGO=0,65535,8") == "+USOGO:"
        await at.refused("AT+USOSO=0,65535,32,1")
        await at.refused("AT+USOSO=0,65535,128,0,0")
        await at.ok("AT+USOSO=0,65535,128,1,1000")
        assert await at.ok("AT+USOGO=0,65535,128") == "+USOGO: 1,1000"

    async def lara(at: At) -> None:
        await at.ok("AT+USOCR=6")
        await at.ok("AT+USOSO=0,65535,8,1")
        assert await at.ok("AT+USOGO=0,65535,8") == "+USOGO: 1"
        await at.refused("AT+USOGO=0,65535,4")
        await at.refused("AT+USOSO=0,65535,128,1,1000")
        await at.ok("AT+USOSO=0,6,2,5")
        assert await at.ok("AT+USOGO=0,6,2") == "+USOGO: 1000"
        assert await at.ok("AT+USOGO=0,0,2") == "+USOGO: 255"

    play(R8, lena)
    play(R6, lara)


@both
def test_a_receive_buffer_of_12_kilobytes_loses_nothing(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.connected()
        data = bytes(index % 251 for index in range(20000))
        await at.act("remote-send", socket="0", hex=data.hex())
        await at.urc("+UUSORD: 0,12288")
        assert await at.ok("AT+USORD=0,0") == "+USORD: 0,12288"
        got = 0
        while got < len(data):
            at.raw.clear()
            at.module.uart.receive(b"AT+USORD=0,1000\r", 115200)
            async with asyncio.timeout(40):
                while not at.raw.endswith(b'"\r\n\r\nOK\r\n'):
                    await asyncio.sleep(0.002)
            head = b'+USORD: 0,1000,"'
            start = at.raw.index(head) + len(head)
            assert at.raw[start:start + 1000] == data[got:got + 1000]
            got += 1000

    play(series, scenario)


@both
def test_sockets_stand_still_while_the_link_is_blocked(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.connected()
        node = at.rack.internet.node(at.name)
        node.set_blocked(True)
        await at.act("remote-send", socket="0", hex="6162")
        await at.act("remote-close", socket="0")
        await at.quiet(0.1)
        assert await at.ok("AT+USOCTL=0,10") == "+USOCTL: 0,10,4"
        node.set_blocked(False)
        await at.urc("+UUSORD: 0,2")
        assert await at.ok("AT+USOCTL=0,10") == "+USOCTL: 0,10,7"
        await at.ok("AT+USORD=0,2")
        await at.urc("+UUSOCL: 0")

    play(series, scenario)


@both
def test_own_close_while_data_is_unread_brings_no_urc(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.connected()
        await at.act("remote-send", socket="0", hex="616263")
        await at.urc("+UUSORD: 0,3")
        await at.ok("AT+USORD=0,1")
        await at.ok("AT+USOCL=0")
        await at.quiet(0.1)

    play(series, scenario)


@both
def test_verbs_refuse_with_a_sentence(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        assert "has no socket 0" in await at.act_refused("remote-send", socket="0", hex="00")
        await at.ok("AT+USOCR=6")
        assert "is not connected" in await at.act_refused("remote-close", socket="0")
        assert "hexadecimal" in await at.act_refused("remote-send", socket="0", hex="0g")
        await at.ok("AT+USOCR=17")
        assert "is UDP" in await at.act_refused("remote-reset", socket="1")
        assert "no server nobody; there are" in await at.act_refused("server", name="nobody", state="up")
        assert "no data flow of https-tls11" in await at.act_refused("flow", what="flow",
                                                                      service="https-tls11")

    play(series, scenario)


def test_direct_link(play: Play) -> None:
    async def scenario(at: At) -> None:
        await at.connected()
        await at.act("remote-send", socket="0", hex=b"early ".hex())
        await at.urc("+UUSORD: 0,6")
        assert await at.send("AT+USODL=0") == ["CONNECT"]
        at.raw.clear()
        at.module.uart.receive(b"there and back\r\n", 115200)
        async with asyncio.timeout(40):
            while not bytes(at.raw).endswith(b"there and back\r\n"):
                await asyncio.sleep(0.005)
        await asyncio.sleep(at.module.profile.serial.escape_guard_s.value + 0.1)
        start = len(at.lines)
        at.module.uart.receive(b"+++", 115200)
        await at._until(lambda: at.lines[start:] == ["DISCONNECT", "OK"])
        at.lines.clear()
        assert await at.ok("AT+USOCTL=0,10") == "+USOCTL: 0,10,4"

    play(R6, scenario)
