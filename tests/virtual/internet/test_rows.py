"""The rows of LENA-R8 guide 9.2 (Tables 25 to 29) and LARA-R6 guide chapter 5, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cellbench.catalogue.model import R6_ONLY, Series

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
r6 = pytest.mark.parametrize("series", list(R6_ONLY), ids=lambda series: series.value)


@both
def test_connect(play: Play, series: Series) -> None:
    """Table 25; 5.1."""
    async def rows(at: At) -> None:
        assert await at.ok("AT+USOCR=6") == "+USOCR: 0"
        assert await at.ok("AT+USOCR=17") == "+USOCR: 1"
        assert await at.ok("AT+USOCL=1") == ""
        assert await at.ok('AT+UDNSRN=0,"ftp.u-blox.com"') == '+UDNSRN: "195.34.89.241"'
        assert await at.ok('AT+USOCO=0,"195.34.89.241",7') == ""
        assert await at.send('AT+USOCO=0,"195.34.89.241",7') == ["ERROR"]
        await at.urc("+UUSOCL: 0")

    play(series, rows)


@both
def test_connect_to_a_server_that_is_down(play: Play, series: Series) -> None:
    """Table 25 last row; 5.1 last row: an error result code, the socket is closed, +UUSOCL says so."""
    async def rows(at: At) -> None:
        await at.act("server", name="echo", state="down")
        await at.ok("AT+USOCR=6")
        assert await at.send('AT+USOCO=0,"195.34.89.241",7') == ["ERROR"]
        await at.urc("+UUSOCL: 0")
        assert await at.ok("AT+USOER") == "+USOER: 111"
        await at.refused("AT+USOCTL=0,0")
        await at.act("server", name="echo", state="up")
        await at.connected()

    play(series, rows)


@both
def test_listen(play: Play, series: Series) -> None:
    """Table 26; 5.2."""
    async def rows(at: At) -> None:
        assert await at.ok("AT+USOCR=6") == "+USOCR: 0"
        assert await at.ok("AT+USOLI=0,1099") == ""
        assert await at.ok("AT+USOCTL=0,10") == "+USOCTL: 0,10,1"
        await at.act("remote-connect", port="1099", bytes="18")
        new, remote, port, listening, own, own_port = (await at.next_urc("+UUSOLI")).split(",")
        assert (new, remote, listening, own_port) == ("1", '"151.9.34.66"', "0", "1099")
        assert own == f'"{at.module.contexts.usable(1).ipv4}"'
        assert 0 < int(port) < 65536
        await at.urc("+UUSORD: 1,18")
        assert await at.ok("AT+USORD=1,18") == '+USORD: 1,18,"012345678901234567"'
        assert await at.ok('AT+USOWR=1,2,"12"') == "+USOWR: 1,2"
        await at.ok("AT+USOCL=1")
        await at.act("remote-connect", port="1099", bytes="3")
        assert (await at.next_urc("+UUSOLI")).startswith("1,")
        await at.urc("+UUSORD: 1,3")

    play(series, rows)


@both
def test_write_base_syntax(play: Play, series: Series) -> None:
    """Table 27; 5.3.2."""
    async def rows(at: At) -> None:
        await at.connected()
        assert await at.ok('AT+USOWR=0,2,"12"') == "+USOWR: 0,2"
        await at.urc("+UUSORD: 0,2")
        assert await at.ok("AT+USORD=0,2") == '+USORD: 0,2,"12"'

    play(series, rows)


@both
def test_write_binary(play: Play, series: Series) -> None:
    """5.3.1: exactly as many bytes as announced; what is more is cut off."""
    async def rows(at: At) -> None:
        await at.connected()
        assert await at.ok("AT+USOWR=0,2", payload=b"12") == "+USOWR: 0,2"
        await at.urc("+UUSORD: 0,2")
        assert await at.ok("AT+USORD=0,2") == '+USORD: 0,2,"12"'
        assert await at.ok("AT+USOWR=0,2", payload=b"ab-and-much-more") == "+USOWR: 0,2"
        await at.urc("+UUSORD: 0,2")
        assert await at.ok("AT+USORD=0,16") == '+USORD: 0,2,"ab"'

    play(series, rows)


@both
def test_queue_full(play: Play, series: Series) -> None:
    """5.3.3: 8 kB, then ERROR; the state stays 4; the network recovers and everything arrives."""
    async def rows(at: At) -> None:
        await at.connected()
        node = at.rack.internet.node(at.name)
        node.set_blocked(True)
        for _ in range(8):
            assert await at.ok("AT+USOWR=0,1024", payload=b"x" * 1024) == "+USOWR: 0,1024"
        assert await at.send('AT+USOWR=0,2,"12"') == ["ERROR"]
        assert await at.ok("AT+USOER") == "+USOER: 11"
        assert await at.ok("AT+USOCTL=0,10") == "+USOCTL: 0,10,4"
        assert await at.ok("AT+USOCTL=0,11") == "+USOCTL: 0,11,8192"
        node.set_blocked(False)
        await at.next_urc("+UUSORD")
        got = 0
        while got < 8192:
            answer = await at.ok("AT+USORD=0,1024")
            got += int(answer.split(",")[1])
        assert got == 8192
        assert await at.ok("AT+USOCTL=0,11") == "+USOCTL: 0,11,0"
        assert await at.ok("AT+USOCTL=0,2") == "+USOCTL: 0,2,8192"
        assert await at.ok("AT+USOCTL=0,3") == "+USOCTL: 0,3,8192"

    play(series, rows)


@both
def test_keep_alive(play: Play, series: Series) -> None:
    """5.4."""
    async def rows(at: At) -> None:
        await at.ok("AT+USOCR=6")
        assert await at.ok("AT+USOSO=0,65535,8,1") == ""
        assert await at.ok("AT+USOSO=0,6,2,30000") == ""
        assert await at.ok("AT+USOGO=0,6,2") == "+USOGO: 30000"
        await at.ok('AT+USOCO=0,"195.34.89.241",7')

    play(series, rows)


@both
def test_read_first_and_second_scenario(play: Play, series: Series) -> None:
    """Table 28; 5.5."""
    async def rows(at: At) -> None:
        await at.connected()
        await at.act("remote-send", socket="0", hex=b"ar".hex())
        await at.urc("+UUSORD: 0,2")
        assert await at.ok("AT+USORD=0,2") == '+USORD: 0,2,"ar"'
        await at.act("remote-send", socket="0", hex=b"hfgyrhgfty01234567890123456789".hex())
        await at.urc("+UUSORD: 0,30")
        assert await at.ok("AT+USORD=0,10") == '+USORD: 0,10,"hfgyrhgfty"'
        await at.urc("+UUSORD: 0,20")
        await at.ok("AT+USORD=0,20")
        await at.quiet(0.1)

    play(series, rows)


@both
@pytest.mark.parametrize("early", [True, False], ids=["more before the read", "more after it"])
def test_read_third_scenario(play: Play, series: Series, early: bool) -> None:
    """5.5: 30, then 25, then 34 bytes; the text is the guide's."""
    async def rows(at: At) -> None:
        async def read_ten(expected: str, more: bytes) -> None:
            if early:
                await at.act("remote-send", socket="0", hex=more.hex())
            assert await at.ok("AT+USORD=0,10") == f'+USORD: 0,10,"{expected}"'
            if not early:
                await at.act("remote-send", socket="0", hex=more.hex())

        last = "jghfbv74ksHDFUEçpjè0'@èpyujfnvhfyù"
        whole = f"hfgyrhgftyhfgbchs7[o{last}".encode("latin-1")
        assert len(whole) == 54
        await at.connected()
        await at.act("remote-send", socket="0", hex=whole[:30].hex())
        await at.urc("+UUSORD: 0,30")
        await read_ten("hfgyrhgfty", whole[30:35])
        await at.urc("+UUSORD: 0,25")
        await read_ten("hfgbchs7[o", whole[35:])
        await at.urc("+UUSORD: 0,34")
        assert await at.ok("AT+USORD=0,34") == f'+USORD: 0,34,"{last}"'
        assert await at.ok("AT+USORD=0,0") == "+USORD: 0,0"
        await at.quiet(0.1)

    play(series, rows)


@both
def test_read_fourth_scenario(play: Play, series: Series) -> None:
    """5.5: the peer closes while data is unread."""
    async def rows(at: At) -> None:
        await at.connected()
        await at.act("remote-send", socket="0", hex=b"hfgyrhgfty23dfgt5uhj89ikdftevl".hex())
        await at.urc("+UUSORD: 0,30")
        await at.act("remote-send", socket="0", hex=b"pazwe".hex())
        assert await at.ok("AT+USORD=0,10") == '+USORD: 0,10,"hfgyrhgfty"'
        await at.urc("+UUSORD: 0,25")
        await at.act("remote-close", socket="0")
        assert await at.ok("AT+USOCTL=0,10") == "+USOCTL: 0,10,7"
        assert await at.ok("AT+USOWR=0,3", payload=b"123") == "+USOWR: 0,0"
        assert await at.ok("AT+USORD=0,25") == '+USORD: 0,25,"23dfgt5uhj89ikdftevlpazwe"'
        await at.urc("+UUSOCL: 0")
        await at.refused("AT+USOCTL=0,0")

    play(series, rows)


@both
def test_datagrams(play: Play, series: Series) -> None:
    """5.6 and 5.10."""
    async def rows(at: At) -> None:
        assert await at.ok("AT+USOCR=17") == "+USOCR: 0"
        assert await at.ok('AT+USOST=0,"195.34.89.241",7,2', payload=b"12") == "+USOST: 0,2"
        await at.urc("+UUSORD: 0,2")
        assert await at.ok("AT+USORF=0,2") == '+USORF: 0,"195.34.89.241",7,2,"12"'
        assert await at.ok('AT+UDNSRN=0, "echo.u-blox.com"') == '+UDNSRN: "195.34.89.241"'
        assert await at.ok('AT+USOST=0,"195.34.89.241",7,5, "Hello"') == "+USOST: 0,5"
        await at.urc("+UUSORD: 0,5")
        assert await at.ok("AT+USORF=0,5") == '+USORF: 0,"195.34.89.241",7,5,"Hello"'

    play(series, rows)


@r6
def test_local_port_is_shown(play: Play, series: Series) -> None:
    """5.6 row 2, as printed; data written on the socket is sent from this port."""
    async def rows(at: At) -> None:
        assert await at.ok("AT+USOCR=17,12000") == "+USOCR: 0,12000"
        await at.ok('AT+USOST=0,"195.34.89.241",7,2,"12"')
        await at.urc("+UUSORD: 0,2")
        assert await at.act("flow", what="flow", service="echo") == {
            "cid": "1", "local_port": "12000", "remote_port": "7"}

    play(series, rows)


@both
def test_datagrams_in_parts(play: Play, series: Series) -> None:
    """5.7, the length of rows 4 and 6 being 10."""
    async def rows(at: At) -> None:
        await at.ok("AT+USOCR=17")
        await at.act("remote-send", socket="0", hex=b"12345678901234567890".hex())
        await at.urc("+UUSORD: 0,20")
        assert await at.ok("AT+USORF=0,10") == '+USORF: 0,"195.34.89.241",7,10,"1234567890"'
        await at.urc("+UUSORD: 0,10")
        await at.act("remote-send", socket="0", hex=b"abcdefghijklmnopqrst".hex())
        assert await at.ok("AT+USORF=0,10") == '+USORF: 0,"195.34.89.241",7,10,"1234567890"'
        await at.urc("+UUSORD: 0,20")
        assert await at.ok("AT+USORF=0,40") == '+USORF: 0,"195.34.89.241",7,20,"abcdefghijklmnopqrst"'
        await at.quiet(0.1)

    play(series, rows)


@both
def test_state(play: Play, series: Series) -> None:
    """5.8."""
    async def rows(at: At) -> None:
        await at.connected()
        assert await at.ok("AT+USOCTL=0,0") == "+USOCTL: 0,0,6"
        assert await at.ok("AT+USOCTL=0,10") == "+USOCTL: 0,10,4"
        assert await at.ok("AT+USOCTL=0,11") == "+USOCTL: 0,11,0"
        assert await at.ok("AT+USOCTL=0,1") == "+USOCTL: 0,1,0"
        assert await at.ok("AT+USOCTL=0,4") == '+USOCTL: 0,4,"195.34.89.241",7'
        await at.act("remote-reset", socket="0")
        await at.urc("+UUSOCL: 0")
        assert await at.ok("AT+USOER") == "+USOER: 104"
        await at.ok("AT+USOCR=17")
        assert await at.ok("AT+USOCTL=0,0") == "+USOCTL: 0,0,17"
        await at.refused("AT+USOCTL=0,10")
        await at.refused("AT+USOCTL=0,11")

    play(series, rows)


@both
def test_close(play: Play, series: Series) -> None:
    """Table 29; 5.9: by the remote server, and by the module, which brings no URC."""
    async def rows(at: At) -> None:
        await at.ok("AT+USOCR=17")
        await at.ok("AT+USOCR=6")
        await at.ok('AT+USOCO=1,"195.34.89.241",7')
        await at.act("remote-close", socket="1")
        await at.urc("+UUSOCL: 1")
        await at.refused('AT+USOWR=1,2,"12"')
        assert await at.ok("AT+USOCL=0") == ""
        await at.refused("AT+USOCL=0")
        await at.quiet(0.1)

    play(series, rows)


@both
def test_loss_of_the_context(play: Play, series: Series) -> None:
    """The sockets of a context that goes are closed, and say so; without it there are none."""
    async def rows(at: At) -> None:
        await at.connected()
        await at.ok("AT+USOCR=17")
        at.module.contexts.network_deactivates(1)
        await at.urc("+UUSOCL: 0")
        await at.urc("+UUSOCL: 1")
        assert await at.ok("AT+USOER") == "+USOER: 100"
        await at.refused("AT+USOCR=6")
        await at.refused('AT+UDNSRN=0,"www.google.com"')
        for _ in range(100):
            if (await at.send("AT+CGACT=1,1"))[-1] == "OK" and at.module.contexts.usable(1) is not None:
                break
            await asyncio.sleep(0.05)
        await at.connected()

    play(series, rows)
