"""The HTTP client against the world's web servers: the rows of the guides, files, errors, TLS."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.services.http_pages import counted
from cellbench.virtual.device.certificates import Item
from cellbench.virtual.device.certificates_at import certificate_store
from cellbench.virtual.device.files_at import file_store

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
R8, R6 = Series.LENA_R8, Series.LARA_R6
CERTS = Path(str(resources.files("cellbench.virtual.world"))) / "certs"


def answer(at: At, name: str) -> tuple[bytes, bytes]:
    """Head and body of a stored answer."""
    head, _, body = file_store(at.module).read(name).partition(b"\r\n\r\n")
    return head, body


async def echo_server(at: At) -> None:
    """Profile 0 as the guides set it up."""
    await at.ok("AT+UHTTP=0")
    await at.ok('AT+UHTTP=0,1,"httpbin.org"')
    await at.ok("AT+UHTTP=0,5,80")


@both
def test_rows_of_the_guides(play: Play, series: Series) -> None:
    """LENA-R8 guide Tables 30 and 31, LARA-R6 guide 10.1 and 10.2."""
    async def scenario(at: At) -> None:
        await echo_server(at)
        assert await at.ok('AT+UDNSRN=0,"httpbin.org"') == '+UDNSRN: "54.72.52.58"'
        await at.ok('AT+UHTTPC=0,0,"/","head.ffs"')
        await at.urc("+UUHTTPCR: 0,0,1")
        head, body = answer(at, "head.ffs")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert body == b""
        await at.ok('AT+UHTTPC=0,1,"/","get.ffs"')
        await at.urc("+UUHTTPCR: 0,1,1")
        assert b"It works." in answer(at, "get.ffs")[1]
        await at.ok('AT+UHTTPC=0,5,"/post","post.ffs","name_post=MyName&age_post=30",0')
        await at.urc("+UUHTTPCR: 0,5,1")
        assert json.loads(answer(at, "post.ffs")[1])["form"] == {"name_post": "MyName", "age_post": "30"}
        for line in ('2,"test_user"', '3,"P455w0rd"', "4,1"):
            await at.ok(f"AT+UHTTP=0,{line}")
        await at.ok('AT+UHTTPC=0,1,"/basic-auth/test_user/P455w0rd","get_auth.ffs"')
        await at.urc("+UUHTTPCR: 0,1,1")
        assert json.loads(answer(at, "get_auth.ffs")[1]) == {"authenticated": True, "user": "test_user"}
        file_store(at.module).write("postdata.txt", b"hello world")
        await at.ok('AT+UHTTPC=0,4,"/post","result.txt","postdata.txt",1')
        await at.urc("+UUHTTPCR: 0,4,1")
        echo = json.loads(answer(at, "result.txt")[1])
        assert echo["data"] == "hello world"
        assert echo["headers"]["Content-Type"] == "text/plain"
        assert echo["headers"]["Content-Length"] == "11"
        assert await at.ok("AT+UHTTPER=0") == "+UHTTPER: 0,0,0"

    play(series, scenario)


@both
def test_methods_and_types(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await echo_server(at)
        data = bytes(range(256)) * 40
        file_store(at.module).write("data.bin", data)
        await at.ok('AT+UHTTPC=0,3,"/files/up.bin","","data.bin",2')
        await at.urc("+UUHTTPCR: 0,3,1")
        await at.ok('AT+UHTTPC=0,1,"/files/up.bin",""')
        await at.urc("+UUHTTPCR: 0,1,1")
        assert answer(at, "http_last_response_0")[1] == data
        await at.ok('AT+UHTTPC=0,2,"/files/up.bin","gone"')
        await at.urc("+UUHTTPCR: 0,2,1")
        file_store(at.module).write("form.txt", b"in a form")
        await at.ok('AT+UHTTPC=0,4,"/post","form.out","form.txt",3')
        await at.urc("+UUHTTPCR: 0,4,1")
        assert json.loads(answer(at, "form.out")[1])["files"] == {"file_post": "in a form"}
        await at.ok('AT+UHTTP=0,9,"1:X-Own:a value"')
        await at.ok('AT+UHTTPC=0,5,"/post","own.out","<x/>",6,"application/own"')
        await at.urc("+UUHTTPCR: 0,5,1")
        headers = json.loads(answer(at, "own.out")[1])["headers"]
        assert headers["Content-Type"] == "application/own"
        assert headers["X-Own"] == "a value"

    play(series, scenario)


@both
def test_other_answers_than_good_ones(play: Play, series: Series) -> None:
    """Facts sheet internet 1: LENA-R8 says 0 and keeps the older file, LARA-R6 says 1 and stores."""
    async def scenario(at: At) -> None:
        await echo_server(at)
        file_store(at.module).write("old", b"old content")
        await at.ok('AT+UHTTPC=0,1,"/status/404","old"')
        if series is R8:
            await at.urc("+UUHTTPCR: 0,1,0")
            assert file_store(at.module).read("old") == b"old content"
            assert (await at.ok("AT+UHTTPER=0")).startswith("+UHTTPER: 0,3,")
        else:
            await at.urc("+UUHTTPCR: 0,1,1")
            assert answer(at, "old")[0].startswith(b"HTTP/1.1 404 ")

    play(series, scenario)


@both
@pytest.mark.parametrize(("lines", "path", "error"), [
    (('1,"no-such-host.invalid"',), "/", "3,23"), (("5,81",), "/", "3,11"), ((), "/broken/cut", "3,44"),
    ((), "/broken/rubbish", "3,44"), ((), "/broken/reset", "3,44"), ((), "/broken/head", "3,44")])
def test_errors_have_class_and_code(play: Play, series: Series, lines: tuple[str, ...], path: str,
                                    error: str) -> None:
    async def scenario(at: At) -> None:
        await echo_server(at)
        for line in lines:
            await at.ok(f"AT+UHTTP=0,{line}")
        file_store(at.module).write("old", b"old content")
        await at.ok(f'AT+UHTTPC=0,1,"{path}","old"')
        await at.urc("+UUHTTPCR: 0,1,0")
        assert await at.ok("AT+UHTTPER=0") == f"+UHTTPER: 0,{error}"
        assert file_store(at.module).read("old") == b"old content"
        await echo_server(at)
        await at.ok('AT+UHTTPC=0,1,"/","good"')
        await at.urc("+UUHTTPCR: 0,1,1")

    play(series, scenario)


@both
def test_lines_that_are_refused(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+UHTTP=1")
        await at.ok("AT+CMEE=1")
        assert await at.refused('AT+UHTTPC=1,1,"/","x"') == "+CME ERROR: 3"
        assert await at.ok("AT+UHTTPER=1") == "+UHTTPER: 1,10,7"
        await at.ok('AT+UHTTP=1,1,"httpbin.org"')
        for line in ('AT+UHTTPC=1,1,"no slash","x"', 'AT+UHTTPC=1,6,"/","x"', 'AT+UHTTPC=4,1,"/","x"',
                     "AT+UHTTP=1,7,0", "AT+UHTTP=1,5,0", "AT+UHTTP=1,6,0,2", 'AT+UHTTP=1,9,"9:a:b"',
                     f'AT+UHTTPC=1,5,"/post","x","{"y" * 129}",1'):
            assert await at.refused(line) == "+CME ERROR: 50", line
        assert await at.refused('AT+UHTTPC=1,4,"/post","x","no file",1') == "+CME ERROR: 1612"
        await at.ok('AT+UHTTPC=1,1,"/delay/0.3","x"')
        assert await at.refused('AT+UHTTPC=1,1,"/","x"') == "+CME ERROR: 3"
        await at.urc("+UUHTTPCR: 1,1,1")
        assert await at.ok("AT+UHTTPER=1") == "+UHTTPER: 1,0,0"

    play(series, scenario)


@both
def test_settings_are_read_back(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await echo_server(at)
        await at.ok('AT+UHTTP=0,3,"secret"')
        for op, value in ((0, '""'), (1, '"httpbin.org"'), (3, '""'), (4, "0"), (5, "80"), (6, "0"),
                          (7, "180")):
            assert await at.ok(f"AT+UHTTP=0,{op}") == f"+UHTTP: 0,{op},{value}"
        await at.ok("AT+UHTTP=0")
        await at.ok("AT+UHTTP=0,6,1,2")
        assert await at.ok("AT+UHTTP=0,5") == f"+UHTTP: 0,5,{80 if series is R8 else 443}"
        await at.ok("AT+UHTTP=0,6,0")
        assert await at.ok("AT+UHTTP=0,5") == "+UHTTP: 0,5,80"

    play(series, scenario)


@both
def test_the_complete_example_over_tls(play: Play, series: Series) -> None:
    """LENA-R8 guide Table 24, LARA-R6 guide 3.3, with the world's stand-in for the root."""
    async def scenario(at: At) -> None:
        certificate_store(at.module).put(Item.CA, "ThawteCA", (CERTS / "thawte_standin.pem").read_bytes())
        for line in ("2", "2,0,1", '2,3,"ThawteCA"'):
            await at.ok(f"AT+USECPRF={line}")
        await at.ok("AT+UHTTP=0")
        await at.ok('AT+UHTTP=0,1,"www.ssl_tls_test_server.com"')
        await at.ok("AT+UHTTP=0,6,1,2")
        await at.ok("AT+UHTTP=0,5,443")
        await at.ok('AT+UHTTPC=0,1,"/","https.resp"')
        await at.urc("+UUHTTPCR: 0,1,1")
        assert b"It works." in answer(at, "https.resp")[1]
        await at.ok('AT+USECPRF=2,3,"another"')
        await at.ok('AT+UHTTPC=0,1,"/","https.resp"')
        await at.urc("+UUHTTPCR: 0,1,0")
        assert await at.ok("AT+UHTTPER=0") == "+UHTTPER: 0,3,73"

    play(series, scenario)


@both
@pytest.mark.parametrize(("address", "good"), [("125.24.51.135", True), ("125.24.51.134", False)])
def test_servers_with_one_suite_or_a_short_key(play: Play, series: Series, address: str, good: bool) -> None:
    async def scenario(at: At) -> None:
        for line in ("2", "2,0,0"):
            await at.ok(f"AT+USECPRF={line}")
        await at.ok("AT+UHTTP=0")
        await at.ok(f'AT+UHTTP=0,0,"{address}"')
        await at.ok("AT+UHTTP=0,6,1,2")
        await at.ok("AT+UHTTP=0,5,443")
        await at.ok('AT+UHTTPC=0,1,"/","https.resp"')
        await at.urc(f"+UUHTTPCR: 0,1,{int(good)}")

    play(series, scenario)


@both
def test_a_megabyte_both_ways(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await echo_server(at)
        await at.ok('AT+UHTTPC=0,1,"/bytes/500000","large"')
        await at.urc("+UUHTTPCR: 0,1,1")
        assert answer(at, "large")[1] == counted(500_000)
        await at.ok('AT+UHTTPC=0,3,"/files/large","put","large",2')
        await at.urc("+UUHTTPCR: 0,3,1")
        await at.ok('AT+UHTTPC=0,1,"/files/large","again"')
        await at.urc("+UUHTTPCR: 0,1,1")
        assert answer(at, "again")[1] == file_store(at.module).read("large")
        for name in ("large", "again"):
            file_store(at.module).delete(name)

    play(series, scenario)


@both
def test_a_full_file_system_keeps_nothing(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await echo_server(at)
        store = file_store(at.module)
        store.write("filler", b"x" * (store.free() - 1000))
        await at.ok('AT+UHTTPC=0,1,"/bytes/2000","large"')
        await at.urc("+UUHTTPCR: 0,1,0")
        assert await at.ok("AT+UHTTPER=0") == "+UHTTPER: 0,3,43"
        assert not store.exists("large")
        store.delete("filler")

    play(series, scenario)


@both
def test_a_context_that_goes_down_ends_the_request(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        await echo_server(at)
        cid = 2
        apn = "internet.wind" if series is R8 else "APN2"
        await at.ok(f'AT+CGDCONT={cid},"IP","{apn}"')
        await at.ok(f"AT+CGACT=1,{cid}")
        if series is R6:
            await at.ok(f"AT+UHTTP=0,20,{cid}")
        await at.ok('AT+UHTTPC=0,1,"/delay/5","x"')
        await at.ok(f"AT+CGACT=0,{cid if series is R6 else 1}")
        await at.urc("+UUHTTPCR: 0,1,0")
        assert await at.ok("AT+UHTTPER=0") == "+UHTTPER: 0,3,44"
        if series is R8:
            await at.ok(f"AT+CGACT=0,{cid}")
            await at.ok("AT+CMEE=1")
            assert await at.refused('AT+UHTTPC=0,1,"/","x"') == "+CME ERROR: 3"
            assert await at.ok("AT+UHTTPER=0") == "+UHTTPER: 0,10,22"
            await at.ok("AT+CGACT=1,1")

    play(series, scenario)
