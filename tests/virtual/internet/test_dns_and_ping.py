"""+UDNSRN, +UDNSCFG, +CDNSCFG, +UPING (LARA-R6 guide 2.4; LENA-R8 guide 7.2.2, 9.2.1, 13.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
R8, R6 = Series.LENA_R8, Series.LARA_R6
GOOGLE = '"www.google.com","216.58.206.68"'


@both
def test_names_and_addresses(play: Play, series: Series) -> None:
    async def rows(at: At) -> None:
        assert await at.ok('AT+UDNSRN=0,"www.google.com"') == '+UDNSRN: "216.239.59.147"'
        assert await at.ok('AT+UDNSRN=1,"195.34.89.241"') == '+UDNSRN: "ftp.u-blox.com"'
        assert await at.ok('AT+UDNSRN=0,"10.1.2.3"') == '+UDNSRN: "10.1.2.3"'
        for line in ('AT+UDNSRN=0,"no-such-host.invalid"', 'AT+UDNSRN=1,"195.34.89"', 'AT+UDNSRN=2,"a"',
                     'AT+UDNSRN=0,""'):
            await at.refused(line)

    play(series, rows)


@both
def test_the_secondary_resolver(play: Play, series: Series) -> None:
    async def rows(at: At) -> None:
        await at.act("server", name="dns-primary", state="mute")
        assert await at.ok('AT+UDNSRN=0,"echo.u-blox.com"') == '+UDNSRN: "195.34.89.241"'
        assert (await at.act("flow", what="flow", service="dns-secondary"))["remote_port"] == "53"
        await at.act("server", name="dns", state="down")
        await at.refused('AT+UDNSRN=0,"echo.u-blox.com"')

    play(series, rows)


def test_overriding_resolvers(play: Play) -> None:
    """Once overridden, the names are still resolved when the network's resolvers are down."""
    async def lara(at: At) -> None:
        assert await at.ok('AT+UDNSCFG=1,1,0,"8.8.8.8"') == ""
        await at.act("server", name="dns", state="down")
        assert await at.ok('AT+UDNSRN=0,"echo.u-blox.com"') == '+UDNSRN: "195.34.89.241"'
        for values in ('1,1,0,"8.8.8"', '1,7,0,"8.8.8.8"', '99,1,0,"8.8.8.8"', '1,1,1,"8.8.8.8"'):
            await at.refused(f"AT+UDNSCFG={values}")
        await at.refused('AT+CDNSCFG="8.8.8.8"')
        assert await at.ok('AT+UDNSCFG=1,1,0,"0.0.0.0"') == "", "the unspecified address ends the override"
        await at.refused('AT+UDNSRN=0,"echo.u-blox.com"')

    async def lena(at: At) -> None:
        assert await at.ok('AT+CDNSCFG="8.8.8.8"') == ""
        await at.act("server", name="dns", state="down")
        assert await at.ok('AT+UDNSRN=0,"echo.u-blox.com"') == '+UDNSRN: "195.34.89.241"'
        await at.ok('AT+CGDCONT=2,"IP","internet.wind"')
        await at.ok("AT+CGACT=1,2")
        await at.refused('AT+UDNSRN=0,"echo.u-blox.com"')
        await at.act("server", name="dns", state="up")
        await at.ok('AT+UDNSRN=0,"echo.u-blox.com"')
        assert (await at.act("flow", what="flow", service="dns"))["cid"] == "2", "the last activated context"
        await at.ok("AT+USOCR=17")
        await at.ok('AT+USOST=0,"195.34.89.241",7,1,"x"')
        assert (await at.act("flow", what="flow", service="echo"))["cid"] == "1", "sockets stay on CID 1"
        await at.ok("AT+USOCR=17,0,0,2")
        await at.ok('AT+USOST=1,"195.34.89.241",7,1,"x"')
        assert (await at.act("flow", what="flow", service="echo"))["cid"] == "2"
        await at.ok("AT+CGACT=0,2")
        await at.urc("+UUSOCL: 1")
        await at.refused('AT+UDNSCFG=1,1,0,"8.8.8.8"')

    play(R6, lara)
    play(R8, lena)


@both
def test_four_pings(play: Play, series: Series) -> None:
    async def rows(at: At) -> None:
        assert await at.send('AT+UPING="www.google.com"') == ["OK"]
        for number in (1, 2, 3, 4):
            answer = await at.next_urc("+UUPING")
            head, _, rtt = answer.rpartition(",")
            assert head == f"{number},32,{GOOGLE},115"
            assert 0 < int(rtt) < 5000
        await at.quiet(0.1)

    play(series, rows)


@both
def test_ping_parameters_silence_and_ttl(play: Play, series: Series) -> None:
    async def rows(at: At) -> None:
        await at.ok('AT+UPING="195.34.89.241",1,64,2000,64')
        assert (await at.next_urc("+UUPING")).startswith('1,64,"195.34.89.241","195.34.89.241",53,')
        await at.ok('AT+UPING="www.google.com",2,32,2000,5')
        assert await at.next_urc("+UUPING") == f"1,32,{GOOGLE},0,-2"
        assert await at.next_urc("+UUPING") == f"2,32,{GOOGLE},0,-2"
        await at.act("server", name="icmp", state="mute")
        await at.ok('AT+UPING="www.google.com",1,32,100')
        assert await at.next_urc("+UUPING") == f"1,32,{GOOGLE},0,-1"

    play(series, rows)


@both
def test_ping_errors(play: Play, series: Series) -> None:
    async def rows(at: At) -> None:
        await at.ok('AT+UPING="no-such-host.invalid"')
        await at.urc("+UUPINGER: 8")
        await at.ok('AT+UPING="2001:db8::1"')
        await at.urc("+UUPINGER: 9")
        for values in ('"www.google.com",0', '"www.google.com",65', '"www.google.com",1,3',
                       '"www.google.com",1,1473', '"www.google.com",1,32,9', '"www.google.com",1,32,60001',
                       '"www.google.com",1,32,5000,0', '"www.google.com",1,32,5000,256', '""'):
            await at.refused(f"AT+UPING={values}")
        await at.act("server", name="icmp", state="mute")
        await at.ok('AT+UPING="www.google.com",1,32,300')
        await at.refused('AT+UPING="www.google.com"')
        await at.next_urc("+UUPING")

    play(series, rows)
