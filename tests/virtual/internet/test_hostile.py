"""Lines and servers that once broke a client: each is refused or ends in order, and the client goes on."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.secure import SecureConnections

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
R6 = Series.LARA_R6


@both
@pytest.mark.parametrize("line", [
    "AT+UHTTP=0,4,²", "AT+UHTTP=0,5,\"³\"", "AT+UFTP=6,²", "AT+UFTP=5,1,¹", "AT+UMQTT=6,²", "AT+UMQTTSN=4,²",
    "AT+USECPRF=0,0,²", "AT+USECPRF=0,2,²", 'AT+USECMNG=0,0,"a",²', "AT+UHTTP=0,5," + "9" * 500])
def test_digits_of_other_scripts_are_none(play: Play, series: Series, line: str) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+CMEE=1")
        assert await at.refused(line) in ("+CME ERROR: 50", "+CME ERROR: 1911")

    play(series, scenario)


@both
def test_what_no_http_head_may_hold_is_refused_at_once(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+CMEE=1")
        await at.ok("AT+UHTTP=0")
        await at.ok('AT+UHTTP=0,1,"httpbin.org"')
        for line in ('AT+UHTTP=0,9,"0:X Own:a"', 'AT+UHTTP=0,9,"0:X-Own:\xe4"',
                     'AT+UHTTP=0,9,"0:Content-Length:9"', 'AT+UHTTP=0,9,"0:Upgrade:other"',
                     'AT+UHTTPC=0,1,"/\x7f","a"', 'AT+UHTTPC=0,1,"/\xe4","a"',
                     'AT+UHTTPC=0,5,"/post","a","x",6,"\xb2/x"', 'AT+UHTTPC=0,5,"/post","a","x",6,""'):
            assert await at.refused(line) == "+CME ERROR: 50"
        await at.ok('AT+UHTTP=0,9,"0:Host:other.example"')
        await at.ok('AT+UHTTP=0,9,"1:host:own.example"')
        await at.ok('AT+UHTTPC=0,1,"/get","a"')
        await at.urc("+UUHTTPCR: 0,1,1")
        assert "own.example" in await at.ok('AT+URDFILE="a"')
        await at.ok("AT+UHTTP=0")

    play(series, scenario)


@both
def test_a_second_request_of_one_line_is_refused(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+CMEE=1")
        for second in ('+UHTTPC=0,1,"/get","b"', "+UHTTP=0"):
            await at.ok("AT+UHTTP=0")
            await at.ok('AT+UHTTP=0,1,"httpbin.org"')
            assert await at.refused(f'AT+UHTTPC=0,1,"/get","a";{second}') == "+CME ERROR: 3"
            await at.urc("+UUHTTPCR: 0,1,1")

    play(series, scenario)


@both
def test_an_address_with_a_zone_is_no_name(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+UHTTP=0")
        await at.ok('AT+UHTTP=0,0,"::1%\xe4"')
        await at.ok('AT+UHTTPC=0,1,"/","a"')
        await at.urc("+UUHTTPCR: 0,1,0")
        assert await at.ok("AT+UHTTPER=0") == "+UHTTPER: 0,3,23"

    play(series, scenario)


@both
def test_no_client_id_with_a_kept_session(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+UMQTTNV=0")
        for line in ('2,"192.168.105.30",1883', '0,""', "12,0"):
            await at.ok(f"AT+UMQTT={line}")
        await at.ok("AT+UMQTTC=1")
        await at.urc("+UUMQTTC: 1,0")
        assert await at.ok("AT+UMQTTER") == "+UMQTTER: 13,2"
        await at.ok("AT+UMQTTNV=0")

    play(series, scenario)


@both
def test_an_ftp_session_keeps_the_protection_of_its_log_in(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        for op in (*range(9), 12):
            await at.ok(f"AT+UFTP={op}")
        for line in ('0,"123.213.132.231"', '2,"myname"', '3,"mypwd"', "6,1", "8,1", "12,1"):
            await at.ok(f"AT+UFTP={line}")
        await at.ok("AT+UFTPC=1")
        await at.urc("+UUFTPCR: 1,1")
        await at.ok("AT+UFTP=12,0")
        await at.ok("AT+UFTPC=14")
        await at.urc("+UUFTPCR: 14,1")
        await at.ok("AT+UFTPC=0")
        await at.urc("+UUFTPCR: 0,1")
        await at.ok("AT+UFTP=8")

    play(series, scenario)


@both
def test_a_server_that_resets_the_handshake(play: Play, series: Series) -> None:
    """As one that closes in it: the secure socket is not connected; its place of four is free again."""
    async def scenario(at: At) -> None:
        def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

        server = await asyncio.start_server(reset, "127.0.0.1", 0)
        try:
            for line in ("", ',0,"127.0.0.1"', ",6,1", f",5,{server.sockets[0].getsockname()[1]}"):
                await at.ok(f"AT+UHTTP=0{line}")
            for _ in range(5):
                await at.ok('AT+UHTTPC=0,1,"/","a"')
                await at.urc("+UUHTTPCR: 0,1,0")
                assert await at.ok("AT+UHTTPER=0") == "+UHTTPER: 0,3,73"
            assert not at.module.subsystem(SecureConnections)._open
        finally:
            server.close()

    play(series, scenario)
