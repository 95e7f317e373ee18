"""The FTP client against the world's servers: the rows of the guides, direct link, errors, TLS."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.services.ftp_tree import content
from cellbench.virtual.device.clients.ftp import FtpClient
from cellbench.virtual.device.files_at import file_store
from cellbench.virtual.net.failure import SocketError

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
R8, R6 = Series.LENA_R8, Series.LARA_R6
RATE = 115200
LISTING = ("-rw-r--r--   1 ftp      ftp          1037 Aug  5 09:45 dat_000\r\n"
           "-rw-r--r--   1 ftp      ftp         21041 Aug  5 09:12 data.zip\r\n"
           "-rw-r--r--   1 ftp      ftp            12 Aug  5 09:42 xlog.zip\r\n")
GUARD_S = 0.25


@asynccontextmanager
async def fresh(at: At, server: str = "ftp") -> AsyncIterator[None]:
    """A client with factory settings and no session, the server's files as listed; no file left behind."""
    await at.rack.internet.park.set_state(server, "reset")
    client = at.module.subsystem(FtpClient)
    client.power_off()
    client.__init__(at.module)  # as after a boot
    store = file_store(at.module)
    before = set(store.names())
    try:
        yield
    finally:
        await at.rack.internet.park.set_state(server, "up")
        client.power_off()
        for name in set(store.names()) - before:
            store.delete(name)


async def set_up(at: At, *lines: str) -> None:
    """The guides' settings, then more."""
    for line in ('1,"ftp.u-blox.com"', '2,"anonymous"', '3,"password"', "6,1", *lines):
        await at.ok(f"AT+UFTP={line}")


async def done(at: At, op: int, more: str = "", result: int = 1) -> None:
    """An operation that ends with a result."""
    assert await at.ok(f"AT+UFTPC={op}{more}") == ""
    await at.urc(f"+UUFTPCR: {op},{result}")


async def log_in(at: At, *lines: str) -> None:
    await set_up(at, *lines)
    await done(at, 1)


async def listing(at: At, op: int) -> str:
    """The data of a list, by the length that it announces."""
    start = len(at.raw)
    await done(at, op)
    raw = bytes(at.raw[start:])
    head = f"+UUFTPCD: {op},".encode()
    begin = raw.index(head) + len(head)
    length, _, rest = raw[begin:].partition(b',"')
    assert rest[int(length) : int(length) + 3] == b'"\r\n'
    at.lines[:] = []
    return rest[: int(length)].decode()


async def error(at: At) -> str:
    answer: str = await at.ok("AT+UFTPER")
    return answer.removeprefix("+UFTPER: ")


async def connect(at: At, line: str) -> None:
    """A command that ends in CONNECT; what follows is in ``at.raw``, emptied here."""
    answer = await at.send(line)
    assert answer == ["CONNECT"]
    at.raw.clear()
    at._partial.clear()


async def escape(at: At, op: int, result: int) -> None:
    """+++ with its guard time, DISCONNECT, OK, the result."""
    await asyncio.sleep(GUARD_S)
    at._partial.clear()
    at.lines.clear()
    at.module.uart.receive(b"+++", RATE)
    await at._until(lambda: "OK" in at.lines)
    assert at.lines[:2] == ["DISCONNECT", "OK"]
    del at.lines[:2]
    await at.urc(f"+UUFTPCR: {op},{result}")


async def heard(at: At, size: int) -> bytes:
    """Bytes of data mode."""
    await at._until(lambda: len(at.raw) >= size)
    return bytes(at.raw)


@both
@pytest.mark.parametrize("passive", [1, 0])
def test_rows_of_the_guides(play: Play, series: Series, passive: int) -> None:
    """LENA-R8 guide Tables 32 and 33, LARA-R6 guide 9."""
    async def scenario(at: At) -> None:
        async with fresh(at):
            positions = content("positions", 176_673)
            file_store(at.module).write("gps_positions", positions)
            await set_up(at, f"6,{passive}")
            assert await at.ok('AT+UDNSRN=0,"ftp.u-blox.com"') == '+UDNSRN: "195.34.89.241"'
            await done(at, 1)
            assert await listing(at, 13) == LISTING
            await done(at, 10, ',"uploads"')
            assert len(await listing(at, 13)) == 258
            await done(at, 8, ',"uploads"')
            await done(at, 5, ',"gps_positions","gps_positions"')
            await done(at, 5, ',"gps_positions","gps_positions",250')
            assert len(await listing(at, 13)) == 70
            assert await listing(at, 14) == "gps_positions\r\n"
            await done(at, 4, ',"gps_positions","back"')
            assert file_store(at.module).read("back") == positions
            await done(at, 8, ',".."')
            await done(at, 4, ',"data.zip","data.zip"')
            await done(at, 4, ',"data.zip","data.zip",1')
            assert file_store(at.module).read("data.zip") == content("data.zip", 21_041)
            await done(at, 3, ',"xlog.zip","renamed"')
            await done(at, 2, ',"renamed"')
            await done(at, 2, ',"uploads/gps_positions"')
            await done(at, 11, ',"uploads"')
            await done(at, 0)
            assert await error(at) == "0,0"
            log = await at.act("ftp")
            assert ("PASV" in log.values()) is bool(passive)
            assert "REST 250" in log.values()

    play(series, scenario)


@both
def test_restart_goes_on_behind_what_is_there(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at):
            await log_in(at)
            whole = content("data.zip", 21_041)
            file_store(at.module).write("part", whole[:7000])
            await done(at, 4, ',"data.zip","part",1')
            assert file_store(at.module).read("part") == whole
            assert "REST 7000" in (await at.act("ftp")).values()
            file_store(at.module).write("part", b"other")
            await done(at, 4, ',"data.zip","part"')
            assert file_store(at.module).read("part") == whole

    play(series, scenario)


@both
def test_direct_link_out_of_the_server(play: Play, series: Series) -> None:
    """LENA-R8 guide Table 34, LARA-R6 guide 9.1.1."""
    async def scenario(at: At) -> None:
        async with fresh(at):
            await log_in(at)
            await connect(at, 'AT+UFTPC=6,"file_to_retrieve"')
            assert await heard(at, 1000) == b"0123456789" * 100
            await escape(at, 6, 1)
            await connect(at, 'AT+UFTPC=6,"file_to_retrieve",250')
            assert await heard(at, 750) == b"0123456789" * 75
            await escape(at, 6, 1)
            assert await error(at) == "0,0"

    play(series, scenario)


@both
def test_a_retrieval_can_be_aborted(play: Play, series: Series) -> None:
    """LENA-R8 guide 9.3.2.2.2, LARA-R6 guide 9.1.2: the result is 0, the session goes on."""
    async def scenario(at: At) -> None:
        async with fresh(at):
            await log_in(at)
            await at.act("server", name="ftp", state="slow")
            await connect(at, 'AT+UFTPC=6,"file_to_retrieve"')
            await heard(at, 64)
            await escape(at, 6, 0)
            assert (await error(at)).startswith("1,")
            await at.act("server", name="ftp", state="up")
            assert await listing(at, 13) == LISTING

    play(series, scenario)


@both
def test_direct_link_into_the_server(play: Play, series: Series) -> None:
    """LENA-R8 guide Table 35, LARA-R6 guide 9.1.3, 9.1.4."""
    async def scenario(at: At) -> None:
        async with fresh(at):
            await log_in(at)
            await connect(at, 'AT+UFTPC=7,"file_to_store"')
            data = content("stored", 3000) + b"a+++b++"
            at.module.uart.receive(data, RATE)
            await escape(at, 7, 1)
            await connect(at, 'AT+UFTPC=7,"file_to_store",250')
            at.module.uart.receive(b"x" * 100, RATE)
            await escape(at, 7, 1)
            await done(at, 4, ',"file_to_store","check"')
            stored = file_store(at.module).read("check")
            assert stored == data[:250] + b"x" * 100 + data[350:]

    play(series, scenario)


@both
def test_a_direct_link_that_cannot_be_had(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at):
            await log_in(at)
            assert await at.refused('AT+UFTPC=6,"not there"') == "ERROR"
            assert await error(at) == "0,550"
            assert await listing(at, 13) == LISTING

    play(series, scenario)


@both
def test_a_large_file_both_ways(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at):
            store = file_store(at.module)
            data = content("large", 500_000)
            store.write("large", data)
            await log_in(at)
            await done(at, 5, ',"large","large"')
            await done(at, 4, ',"large","again"')
            assert store.read("again") == data
            store.delete("again")
            if series is R8:
                await connect(at, 'AT+UFTPC=6,"large"')
                assert await heard(at, 500_000) == data
                await escape(at, 6, 1)
                return
            await connect(at, 'AT+UFTPC=7,"larger"')
            for begin in range(0, 500_000, 50_000):
                at.module.uart.receive(data[begin : begin + 50_000], RATE)
            await escape(at, 7, 1)
            await done(at, 4, ',"larger","again"')
            assert store.read("again") == data

    play(series, scenario)


@both
def test_a_full_file_system_keeps_nothing(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at):
            store = file_store(at.module)
            await log_in(at)
            store.write("filler", b"x" * (store.free() - 10_000))
            await done(at, 4, ',"data.zip","new"', result=0)
            assert await error(at) == "4,1637"
            assert not store.exists("new")
            store.write("old", b"old content")
            await done(at, 4, ',"data.zip","old"', result=0)
            assert store.read("old") == b"old content"
            store.delete("filler")
            await done(at, 4, ',"data.zip","new"')

    play(series, scenario)


@both
@pytest.mark.parametrize(("lines", "expected"), [
    (("2",), "1,1"), (('1,"no-such-host.invalid"',), "5,1"), (("7,22",), f"6,{int(SocketError.REFUSED)}"),
    (('0,"203.0.113.9"',), f"6,{int(SocketError.UNREACHABLE)}"), (('2,"nobody"',), "0,530"),
    (("8,1",), "8,63"), (("12,1",), "8,63"), (("1",), "1,2")])
def test_logins_that_fail(play: Play, series: Series, lines: tuple[str, ...], expected: str) -> None:
    """LARA-R6 guide 9.3 (1,1), LENA-R8 guide Table 36 and LARA-R6 guide 9.2 (8,63)."""
    async def scenario(at: At) -> None:
        async with fresh(at):
            await set_up(at, *lines)
            await done(at, 1, result=0)
            assert await error(at) == expected
            await log_in(at, "8", "12", "7")
            assert await error(at) == "0,0"

    play(series, scenario)


@both
def test_operations_that_fail(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at):
            await log_in(at)
            for line in ('2,"no"', '3,"no","yes"', '4,"no","local"', '8,"no"', '11,"no"', '13,"no"'):
                op, _, more = line.partition(",")
                await done(at, int(op), f",{more}", result=0)
                assert await error(at) == "0,550", line
            await done(at, 5, ',"no file","remote"', result=0)
            assert await error(at) == "4,1612"
            assert not file_store(at.module).exists("local")
            await done(at, 4, ',"dat_000","local"')
            assert await error(at) == "0,0"

    play(series, scenario)


@both
def test_lines_that_are_refused(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at):
            await at.ok("AT+CMEE=1")
            await set_up(at)
            for line in ("0", "13", '4,"a","b"', '6,"a"'):
                assert await at.refused(f"AT+UFTPC={line}") == "+CME ERROR: 3", line
                assert (await error(at)).startswith("8,")
            await done(at, 1)
            assert await at.refused("AT+UFTPC=1") == "+CME ERROR: 3"
            assert (await error(at)).startswith("8,")
            for line in ("9", "2", '3,"a"', '4,"a"', '8,""', '6,"a",x', '4,"a","b",2', f'2,"{"n" * 257}"'):
                assert await at.refused(f"AT+UFTPC={line}") == "+CME ERROR: 50", line
            assert await at.refused('AT+UFTPC=4,"a","b*c"') == "+CME ERROR: 1638"
            for line in ("6,2", "7,0", "8,0,1", "5,4000", "9,1", "12,2"):
                assert await at.refused(f"AT+UFTP={line}") == "+CME ERROR: 50", line
            await at.ok("AT+UFTPC=13")
            assert await at.refused("AT+UFTPC=14") == "+CME ERROR: 3"
            assert await at.refused("AT+UFTP=6,0") == "+CME ERROR: 3"
            await at.urc("+UUFTPCR: 13,1")

    play(series, scenario)


@both
def test_settings_are_shown_and_put_back(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at):
            factory = ['0,""', '1,""', '2,""', '3,""', '4,""', "5,0", "6,0", "7,21", "8,0", "12,0"]
            if series is R6:
                factory.append("20,1,0")
            assert await at.ok("AT+UFTP?") == "\n".join(f"+UFTP: {line}" for line in factory)
            await set_up(at, "5,60,10,20", "7,2121", "8,1,2", "12,1")
            shown = (await at.ok("AT+UFTP?")).splitlines()
            for line in ('1,"ftp.u-blox.com"', '2,"anonymous"', '3,""', "5,60,10,20", "6,1", "7,2121",
                         "8,1,2", "12,1"):
                assert f"+UFTP: {line}" in shown
            await at.ok("AT+UFTP=20,2,1")
            assert ("+UFTP: 20,2,1" in await at.ok("AT+UFTP?")) is (series is R6)
            for op in (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 20):
                await at.ok(f"AT+UFTP={op}")
            assert (await at.ok("AT+UFTP?")).splitlines() == [f"+UFTP: {one}" for one in factory]

    play(series, scenario)


@both
@pytest.mark.parametrize(("state", "expected"), [("mute", "1,3"), ("down", f"6,{int(SocketError.REFUSED)}")])
def test_states_of_the_server(play: Play, series: Series, state: str, expected: str) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at):
            await set_up(at, "5,30")
            await at.act("server", name="ftp", state=state)
            await done(at, 1, result=0)
            assert await error(at) == expected
            await at.act("server", name="ftp", state="up")
            await log_in(at, "5,0")

    play(series, scenario)


@both
def test_a_server_that_drops_the_session_says_nothing(play: Play, series: Series) -> None:
    """Facts sheet internet 9.2: no URC by itself, the next operation fails, then log in again."""
    async def scenario(at: At) -> None:
        async with fresh(at):
            await log_in(at)
            await at.act("server", name="ftp", state="down")
            await at.act("server", name="ftp", state="up")
            await at.quiet(0.1)
            await done(at, 13, result=0)
            assert (await error(at)).startswith("6,")
            await done(at, 1)
            await at.act("server", name="ftp", state="down")
            await at.act("server", name="ftp", state="up")
            await asyncio.sleep(0.05)
            await done(at, 1)

    play(series, scenario)


FAULTS = [("dies", "6,"), ("stalls", "1,3"), ("rubbish", "1,4")]


@both
@pytest.mark.parametrize(("fault", "expected"), FAULTS)
def test_faults_of_the_server_at_any_moment(play: Play, series: Series, fault: str, expected: str) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at):
            store = file_store(at.module)
            store.write("up", bytes(60_000))
            name = f'"broken-{fault}"'
            await set_up(at, "5,60", f"2,{name}")
            await done(at, 1, result=0)
            assert (await error(at)).startswith(expected)
            moments = [(4, f',{name},"down"'), (5, f',"up",{name}'), (10, f",{name}"), (13, f",{name}")]
            if fault == "stalls":  # each waits for its time-out
                moments = moments[:1] if series is R8 else moments[1:2]
            for op, more in moments:
                await log_in(at)
                await done(at, op, more, result=0)
                assert (await error(at)).startswith(expected), op
            await log_in(at)
            assert await listing(at, 13) == LISTING
            if series is R8 or fault != "stalls":
                assert store.size("down") > 0  # what came is kept for a restart

    play(series, scenario)


@both
def test_a_direct_link_ends_with_its_server(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at):
            await log_in(at)
            await connect(at, 'AT+UFTPC=6,"broken-dies"')
            await at._until(lambda: "OK" in at.lines)
            assert at.lines[-3:-1] == ["DISCONNECT", "OK"] or at.lines[-2:] == ["DISCONNECT", "OK"]
            await at.urc("+UUFTPCR: 6,0")
            assert (await error(at)).startswith("6,")
            at.lines.clear()
            await log_in(at)

    play(series, scenario)


@both
def test_loss_of_the_context(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at):
            cid, apn = 2, "internet.wind" if series is R8 else "APN2"
            await at.ok(f'AT+CGDCONT={cid},"IP","{apn}"')
            await at.ok(f"AT+CGACT=1,{cid}")
            used = cid if series is R6 else 1
            await log_in(at, *([f"20,{cid}"] if series is R6 else []))
            assert "service=echo" in await at.act_refused("ftp", service="echo")
            flow = await at.act("flow", service="ftp")
            assert flow["cid"] == str(used)
            await at.act("server", name="ftp", state="slow")
            await at.ok('AT+UFTPC=4,"data.zip","lost"')
            await at.ok(f"AT+CGACT=0,{used}")
            await at.urc("+UUFTPCR: 4,0")
            assert await error(at) == f"6,{int(SocketError.NETWORK_DOWN)}"
            if series is R8:
                await at.ok(f"AT+CGACT=0,{cid}")
            await at.ok("AT+CMEE=1")
            assert await at.refused("AT+UFTPC=1") == "+CME ERROR: 3"
            assert await error(at) == "8,12"
            await at.ok(f"AT+CGACT=1,{used}")
            await at.act("server", name="ftp", state="up")
            await done(at, 1)

    play(series, scenario)


@both
def test_a_direct_link_ends_with_its_context(play: Play, series: Series) -> None:
    """Facts sheet internet 18: DISCONNECT, result 0; then log in again."""
    async def scenario(at: At) -> None:
        async with fresh(at):
            await log_in(at)
            context = at.module.contexts.for_client()
            await at.act("server", name="ftp", state="slow")
            await connect(at, 'AT+UFTPC=6,"data.zip"')
            await heard(at, 32)
            at.lines.clear()
            assert at.module.contexts.network_deactivates(context.cid)
            await at._until(lambda: "OK" in at.lines)
            await at.urc("+UUFTPCR: 6,0")
            assert await error(at) == f"6,{int(SocketError.NETWORK_DOWN)}"
            await at.ok(f"AT+CGACT=1,{context.cid}")
            await at.act("server", name="ftp", state="up")
            await done(at, 1)

    play(series, scenario)


async def secure(at: At, *lines: str, user: str = "myname") -> None:
    """LENA-R8 guide Table 36, LARA-R6 guide 9.2."""
    for line in ('0,"123.213.132.231"', f'2,"{user}"', '3,"mypwd"', "6,1", "8,1", "12,1", *lines):
        await at.ok(f"AT+UFTP={line}")


@both
def test_the_secure_option(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at, "ftps"):
            store = file_store(at.module)
            data = content("secret", 200_000)
            store.write("secret", data)
            await secure(at)
            await done(at, 1)
            await done(at, 5, ',"secret","secret"')
            await done(at, 4, ',"secret","again"')
            assert store.read("again") == data
            await connect(at, 'AT+UFTPC=6,"secret"')
            assert await heard(at, len(data)) == data
            await escape(at, 6, 1)
            report = await at.act("ftp", service="ftps")
            assert report["tls_version"] == ("TLS_1_2" if series is R8 else "TLS_1_3")
            assert "PROT P" in report.values()
            await done(at, 0)
            await at.act("server", name="ftps", state="no-tls")
            await done(at, 1, result=0)
            assert await error(at) == "8,63"

    play(series, scenario)


@both
def test_a_server_that_wants_the_session_again(play: Play, series: Series) -> None:
    """LENA-R8 guide 9.3.2.2.4, LARA-R6 guide 9.2: operation 13 of +USECPRF."""
    async def scenario(at: At) -> None:
        async with fresh(at, "ftps"):
            await at.ok("AT+USECPRF=3")
            await at.ok("AT+USECPRF=3,0,0")
            await secure(at, "8,1,3", user="myname+reuse")
            await done(at, 1)
            if series is R6:
                await done(at, 13, result=0)
                assert await error(at) == "0,522"
                await done(at, 0)
                for kind, version in ((0, 3), (1, 3), (3, 0)):
                    for line in (f"1,{version}", "13,0,1", f"13,1,{kind}"):
                        await at.ok(f"AT+USECPRF=3,{line}")
                    await done(at, 1)
                    await done(at, 13)
                    assert (await at.act("ftp", service="ftps"))["data_tls_resumed"] == "yes"
                    await done(at, 0)
                await at.ok("AT+USECPRF=3")
            else:
                await done(at, 13)
                assert (await at.act("ftp", service="ftps"))["data_tls_resumed"] == "yes"

    play(series, scenario)


@both
def test_a_certificate_that_is_not_trusted(play: Play, series: Series) -> None:
    async def scenario(at: At) -> None:
        async with fresh(at, "ftps"):
            await at.ok("AT+USECPRF=3")
            await at.ok("AT+USECPRF=3,0,1")
            await at.ok('AT+USECPRF=3,3,"no such root"')
            await secure(at, "8,1,3")
            await done(at, 1, result=0)
            assert await error(at) == "8,63"
            await at.ok("AT+USECPRF=3")

    play(series, scenario)


def test_ipv6_and_the_context_of_operation_20(play: Play) -> None:
    """LARA-R6 guide 9: AT+UFTP=20,<cid>,1."""
    async def scenario(at: At) -> None:
        async with fresh(at):
            at.module.network.pdp_type = "IPV4V6"
            await at.ok('AT+CGDCONT=3,"IPV4V6","APN3"')
            await at.ok("AT+CGACT=1,3")
            for mode in (1, 0):
                await log_in(at, "20,3,1", f"6,{mode}")
                assert await listing(at, 13) == LISTING
                await done(at, 0)
                log = (await at.act("ftp")).values()
                assert any(line.startswith("EPSV" if mode else "EPRT |2|2001:") for line in log), list(log)
            await at.ok("AT+CGACT=0,3")
            at.module.network.pdp_type = "IP"

    play(R6, scenario)


@asynccontextmanager
async def scripted(answers: dict[str, str]) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that knows its answers by the command's word; its port and what it heard."""
    heard_lines: list[str] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answers["hello"].encode())
        while line := await reader.readline():
            heard_lines.append(line.decode().strip())
            writer.write(answers.get(heard_lines[-1].split()[0], "502 no\r\n").encode())
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard_lines
    finally:
        server.close()


LOGIN = {"hello": "120-not yet\r\n 1\r\n120 wait\r\n220-Hello\r\n there\r\n220 ready\r\n",
         "USER": "331 word\r\n", "PASS": "332 account\r\n", "ACCT": "230 in\r\n", "QUIT": "221 bye\r\n"}


@both
@pytest.mark.parametrize(("more", "op", "error_text"), [
    ({}, 0, "0,0"), ({"ACCT": "530 no\r\n"}, 1, "0,530"), ({"hello": "421 full\r\n"}, 1, "0,421"),
    ({"hello": "SSH-2.0-x\r\n"}, 1, "1,4"), ({"TYPE": "200 ok\r\n", "PASV": "227 nowhere\r\n"}, 13, "1,4"),
    ({"TYPE": "200 ok\r\n", "PASV": "227 (1,2,3,4,0,9)\r\n"}, 13, f"6,{int(SocketError.REFUSED)}"),
    ({"TYPE": "421 bye\r\n"}, 14, "0,421"), ({"TYPE": "226 old\r\n500 unasked\r\n"}, 14, "0,502")])
def test_other_answers_of_servers(play: Play, series: Series, more: dict[str, str], op: int,
                                  error_text: str) -> None:
    """Replies of several lines, an account, a full server, data ports that are none."""
    async def scenario(at: At) -> None:
        async with fresh(at), scripted(LOGIN | more) as (port, told):
            await set_up(at, '0,"127.0.0.1"', f"7,{port}", '4,"books"')
            if op != 1:
                await done(at, 1)
                assert told == ["USER anonymous", "PASS password", "ACCT books"]
            await done(at, op, result=int(error_text == "0,0"))
            assert await error(at) == error_text

    play(series, scenario)


@both
def test_mutated_lines(play: Play, series: Series) -> None:
    """Every line has a final result code, and the client works afterwards."""
    seeds = ('AT+UFTP=1,"ftp.u-blox.com"', "AT+UFTP=5,60,10,20", "AT+UFTP=8,1,2", "AT+UFTP?", "AT+UFTPER",
             'AT+UFTPC=4,"dat_000","x",1', 'AT+UFTPC=5,"x","y",250', "AT+UFTPC=13", "AT+UFTPC=1",
             "AT+UFTPC=0", 'AT+UFTPC=8,".."', 'AT+UFTPC=3,"a","b"')
    chance, finals = random.Random(5), Counter[str]()

    async def scenario(at: At) -> None:
        async with fresh(at):
            await at.ok("AT+UFTP=5,30")
            for number in range(400):
                text = list(chance.choice(seeds))
                for _ in range(chance.randint(0, 3)):
                    place = chance.randrange(2, len(text) + 1)
                    text[place:place + chance.randint(0, 1)] = chance.choice('0123456789,"?=;*%- .abUFTPC')
                answer = await at.send("".join(text))
                finals[answer[-1]] += 1
                if answer[-1] == "CONNECT":
                    await asyncio.sleep(GUARD_S)
                    await at.send("+++")
                if number % 50 == 0:
                    client = at.module.subsystem(FtpClient)
                    while client.busy:
                        await asyncio.sleep(0.01)
            assert finals["OK"] > 50
            assert finals["ERROR"] > 50
            client = at.module.subsystem(FtpClient)
            while client.busy:
                await asyncio.sleep(0.01)
            client.power_off()
            client.__init__(at.module)
            at.lines.clear()
            await log_in(at)
            assert await listing(at, 14) != ""

    play(series, scenario)
