"""The CoAP client of LARA-R6 against the world's servers: the rows of the guide, limits, refusals, errors."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.services.coap import LARGE, PAGE
from cellbench.virtual.device.certificates import Item
from cellbench.virtual.device.certificates_at import certificate_store
from cellbench.virtual.device.clients.coap import CoapClient

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
R8, R6 = Series.LENA_R8, Series.LARA_R6
CERTS = Path(str(resources.files("cellbench.virtual.world"))) / "certs"
HOST = "192.168.105.31"
SERVERS = {"coap": "coap://coap.me:5683", "coap-tcp": f"coap+tcp://{HOST}:5683",
           "coap-dtls": f"coaps://{HOST}:5684", "coap-tls": f"coaps+tcp://{HOST}:5684"}
ALL = pytest.mark.parametrize("name", list(SERVERS))
NOT_ALLOWED = "+CME ERROR: operation not allowed"
MESSAGE_0 = ("4d657373616765206e756d6265722030206669727374206d657373616765206f662073657269652073756264"
             "69766964656420696e746f203634206279746573")
MESSAGE_1 = MESSAGE_0.replace("2030206669", "2031206669")


async def set_up(at: At, uri: str) -> None:
    """LARA-R6 guide 8.2.1, a security profile that trusts the server, and a URI."""
    for line in ("4,1", "2,0,1", "2,1,1", "2,2,1", "2,3,1", "2,4,1", "2,5,0", "8,0"):
        await at.ok(f"AT+UCOAP={line}")
    certificate_store(at.module).put(Item.CA, "ThawteCA", (CERTS / "thawte_standin.pem").read_bytes())
    for line in ("0", "0,0,1", '0,3,"ThawteCA"'):
        await at.ok(f"AT+USECPRF={line}")
    await at.ok(f'AT+UCOAP=1,"{uri}"')


async def reported(at: At, name: str = "coap") -> dict[str, str]:
    """What a server of the world saw last."""
    return dict(at.rack.internet.park.report(name))


async def state(at: At, name: str, word: str) -> None:
    await at.act("server", name=name, state=word)


async def body(at: At, command: int) -> bytes:
    """What an answer's blocks make together, once its result is there."""
    data = b""
    more = "1"
    while more == "1":
        kind, zero, text, more, *_ = (await at.next_urc("+UCOAPCD")).split(",")
        assert (kind, zero) == ("2", "0")
        data += bytes.fromhex(text.strip('"'))
    await at.urc(f"+UCOAPCR: {command},1")
    return data


def test_rows_of_the_guide(play: Play) -> None:
    """LARA-R6 guide 8.2.1 to 8.4.2."""
    async def scenario(at: At) -> None:
        await at.ok("AT+CMEE=2")
        await at.ok("AT+UCOAP=4,0")
        assert await at.refused("AT+UCOAPC=1") == NOT_ALLOWED
        assert await at.ok("AT+UCOAPER") == "+UCOAPER: 15,17"
        await set_up(at, "coap://coap.me:5683/hello")
        await at.ok("AT+UCOAP=2,5,1")
        await at.ok("AT+UCOAPC=1")
        await at.urc('+UCOAPCD: 2,0,"776F726C64",0')
        await at.urc("+UCOAPCR: 1,1")
        assert (await reported(at))["type"] == "NON"
        await at.ok('AT+UCOAP=1,"coap://coap.me:5683/sink"')
        await at.ok("AT+UCOAP=2,5,0")
        await at.ok('AT+UCOAPC=3,"736f6d655f74657874",0')
        await at.urc('+UCOAPCD: 2,0,"505554204F4B",0')
        await at.urc("+UCOAPCR: 3,1")
        seen = await reported(at)
        assert (seen["type"], seen["uri_host"], seen["content_format"]) == ("CON", "coap.me", "0")
        assert bytes.fromhex(seen["payload"]) == b"some_text"
        await at.ok('AT+UCOAPC=4,"736f6d655f74657874",0')
        await at.urc('+UCOAPCD: 2,0,"504F5354204F4B",0')
        await at.urc("+UCOAPCR: 4,1")
        await at.ok('AT+UCOAP=1,"coap://coap.me:5683/hello"')
        await at.ok('AT+UCOAPC=3,"736f6d655f74657874",0')
        text = b"Error 4.05: Method not supported here".hex().upper()
        await at.urc(f'+UCOAPCD: 4,0,"{text}",0')
        await at.urc("+UCOAPCR: 3,1")
        assert await at.ok("AT+UCOAPER") == "+UCOAPER: 0,0"

    play(R6, scenario)


def test_block_transfer(play: Play) -> None:
    """LARA-R6 guide 8.3.3: two blocks of one body."""
    async def scenario(at: At) -> None:
        await set_up(at, "coap://coap.me:5683/large-update")
        first, last = bytes.fromhex(MESSAGE_0), bytes.fromhex(MESSAGE_1)
        await at.ok(f'AT+UCOAPC=3,"{first.hex()}",0,0,1')
        await at.urc('+UCOAPCD: 2,0,"",0')
        await at.urc("+UCOAPCR: 3,1")
        await at.ok(f'AT+UCOAPC=3,"{last.hex()}",0,1,0')
        await at.urc('+UCOAPCD: 2,0,"",0,1,64')
        await at.urc("+UCOAPCR: 3,1")
        assert (await reported(at))["payload_bytes"] == "128"
        await at.ok("AT+UCOAPC=1")
        assert await body(at, 1) == first + last
        blocks = [secrets.token_bytes(512), secrets.token_bytes(512), secrets.token_bytes(30)]
        for number, data in enumerate(blocks):
            await at.ok(f'AT+UCOAPC=4,"{data.hex()}",0,{number},{int(number < 2)}')
            await at.urc('+UCOAPCD: 2,0,"",0' + (f",{number},512" if number else ""))
            await at.urc("+UCOAPCR: 4,1")
        await at.ok("AT+UCOAPC=1")
        assert await body(at, 1) == b"".join(blocks)
        assert await at.refused(f'AT+UCOAPC=3,"{"00" * 65}",0,0,1'), "a block that others follow is full"

    play(R6, scenario)


@ALL
def test_every_transport(play: Play, name: str) -> None:
    """LARA-R6 guide 8.3.4, 8.5: the start page, a body of many blocks, and what was put comes back."""
    async def scenario(at: At) -> None:
        await set_up(at, SERVERS[name] + "/")
        await at.ok("AT+UCOAPC=1")
        await at.urc(f'+UCOAPCD: 2,0,"{PAGE.encode().hex().upper()}",0')
        await at.urc("+UCOAPCR: 1,1")
        seen = await reported(at, name)
        if name in ("coap-dtls", "coap-tls"):
            assert seen["tls_version"] in ("DTLS_1_2", "TLS_1_3")
        await at.ok(f'AT+UCOAP=1,"{SERVERS[name]}/large"')
        await at.ok("AT+UCOAPC=1")
        assert await body(at, 1) == LARGE
        nonce = secrets.token_bytes(512)
        await at.ok(f'AT+UCOAP=1,"{SERVERS[name]}/files/{secrets.token_hex(4)}"')
        await at.ok(f'AT+UCOAPC=4,"{nonce.hex()}",0')
        await at.urc('+UCOAPCD: 2,0,"",0')
        await at.urc("+UCOAPCR: 4,1")
        await at.ok("AT+UCOAPC=1")
        assert await body(at, 1) == nonce
        await at.ok("AT+UCOAPC=2")
        await at.urc('+UCOAPCD: 2,0,"",0')
        await at.urc("+UCOAPCR: 2,1")
        await at.ok("AT+UCOAPC=1")
        await at.urc('+UCOAPCD: 4,0,"4E6F7420666F756E64",0')
        await at.urc("+UCOAPCR: 1,1")

    play(R6, scenario)


def test_profiles(play: Play) -> None:
    """LARA-R6 guide 8.2.2; stored ones survive power in NVM."""
    async def scenario(at: At) -> None:
        empty = [f"+UCOAP: INVALID PROFILE NUMBER {number}" for number in range(4)]
        at.module.settings.forget("+UCOAP")
        assert (await at.ok("AT+UCOAP=7")).splitlines() == empty
        await set_up(at, "coap://coap.me:5683/hello")
        await at.ok("AT+UCOAP=6,0")
        stored = ['+UCOAP: "URI_STR","coap://coap.me:5683/hello"', '+UCOAP: "OPT_MASK",31',
                  '+UCOAP: "PROFILE_NUM",0', '+UCOAP: "STATUS_FLAG",1', '+UCOAP: "USECMNG PROFILE",0']
        assert (await at.ok("AT+UCOAP=7")).splitlines() == [*stored, *empty[1:]]
        assert (await at.ok("AT+UCOAP?")).splitlines() == [*stored, '+UCOAP: "RAI FLAG",0']
        await at.ok('AT+UCOAP=1,"coap://elsewhere/"')
        await at.ok("AT+UCOAP=4,0")
        assert "elsewhere" not in await at.ok("AT+UCOAP=7")
        await at.ok('AT+UCOAP=5,"0"')
        assert (await at.ok("AT+UCOAP?")).splitlines()[:5] == stored
        await at.refused("AT+UCOAP=5,3")
        assert '"/hello"' not in (await at.ok("AT+UCOAP?"))
        assert "coap.me" in at.module.settings._path.read_text(encoding="utf-8")

    play(R6, scenario)


@pytest.mark.parametrize("line", [
    "=1", "=0,\"1.2.3.4\",5683", "=3,1", "=2,6,1", "=2,0,2", "=4,2", "=5,4", "=6,4", "=7,0", "=8,5", "=20,0",
    '=1,"http://coap.me/"', '=1,"coap://"', '=1,"coap://coap.me:99999/"', '=1,"coap://[::1/"',
    f'=1,"coap://coap.me/{"p" * 256}"', f'=1,"coap://{"h" * 256}/"', f'=1,"coap://coap.me/?{"q" * 256}"',
    f'=1,"coap://coap.me/{"p" * 786}"', "C=0", "C=5", "C=1,\"00\"", "C=3", 'C=3,"0",0', 'C=3,"zz",0',
    f'C=3,"{"00" * 513}",0', 'C=3,"00",6', 'C=3,"00",0,1', 'C=3,"00",0,0,2'])
def test_refusals(play: Play, line: str) -> None:
    async def scenario(at: At) -> None:
        await at.refused(f"AT+UCOAP{line}")

    play(R6, scenario)


def test_longest_of_all(play: Play) -> None:
    """The longest scheme and port, with host, path and query of 255 characters each, make 785."""
    async def scenario(at: At) -> None:
        uri = f"coaps+tcp://{'h' * 255}:65535/{'p' * 255}?{'q' * 255}"
        assert len(uri) == 785
        await at.ok(f'AT+UCOAP=1,"{uri}"')
        assert uri in await at.ok("AT+UCOAP?")
        for longer in ("h", "p", "q"):
            await at.refused(f'AT+UCOAP=1,"{uri.replace(longer * 255, longer * 256)}"')
        await at.refused(f'AT+UCOAP=1,"{uri.replace("65535", "065535")}"')
        assert uri in await at.ok("AT+UCOAP?")

    play(R6, scenario)


def test_header_options(play: Play) -> None:
    async def scenario(at: At) -> None:
        await set_up(at, "coap://coap.me:5683/query?a=1&b=%20x")
        await at.ok("AT+UCOAPC=1")
        assert await body(at, 1) == b"a=1&b= x"
        await at.ok("AT+UCOAP=2,3,0")
        await at.ok("AT+UCOAPC=1")
        assert await body(at, 1) == b""
        for option in (0, 1, 2):
            await at.ok(f"AT+UCOAP=2,{option},0")
        await at.ok("AT+UCOAPC=1")
        assert await body(at, 1) == PAGE.encode()
        seen = await reported(at)
        assert (seen["path"], seen["uri_host"], seen["uri_port"]) == ("/", "", "")

    play(R6, scenario)


def test_one_at_a_time(play: Play) -> None:
    async def scenario(at: At) -> None:
        await set_up(at, "coap://coap.me:5683/broken/stalls")
        with impatient(at):
            await at.ok("AT+UCOAPC=1")
            await at.refused("AT+UCOAPC=1")
            await at.refused("AT+UCOAP=4,1")
            await at.urc("+UCOAPCR: 1,0")
            await at.refused("AT+UCOAPC=1;+UCOAPC=1")
            await at.urc("+UCOAPCR: 1,0")
        await good(at)

    play(R6, scenario)


@contextlib.contextmanager
def impatient(at: At) -> Iterator[None]:
    """A client that waits a quarter of the time for what will not come."""
    client = at.module.subsystem(CoapClient)
    facts = client._facts
    client._facts = replace(facts, coap_answer_s=facts.coap_answer_s / 4,
                            coap_acknowledge_s=facts.coap_acknowledge_s / 4)
    try:
        yield
    finally:
        client._facts = facts


async def good(at: At) -> None:
    """A request that passes: nothing was left over."""
    await set_up(at, "coap://coap.me:5683/hello")
    await at.ok("AT+UCOAPC=1")
    assert await body(at, 1) == b"world"
    assert await at.ok("AT+UCOAPER") == "+UCOAPER: 0,0"
    assert at.lines == []


@pytest.mark.parametrize(("name", "path", "code"), [
    ("coap", "stalls", 10), ("coap", "rubbish", 10), ("coap", "halfway", 10),
    ("coap-dtls", "stalls", 10), ("coap-dtls", "dies", 8),
    ("coap-tcp", "stalls", 10), ("coap-tcp", "rubbish", 8), ("coap-tcp", "dies", 8),
    ("coap-tls", "rubbish", 8), ("coap-tls", "dies", 8), ("coap-tls", "halfway", 10)])
def test_servers_that_misbehave(play: Play, name: str, path: str, code: int) -> None:
    async def scenario(at: At) -> None:
        await set_up(at, f"{SERVERS[name]}/broken/{path}")
        with impatient(at):
            await at.ok("AT+UCOAPC=1")
            if path == "halfway":
                assert (await at.next_urc("+UCOAPCD")).endswith(",1,0,64")
            await at.urc("+UCOAPCR: 1,0")
        assert await at.ok("AT+UCOAPER") == f"+UCOAPER: 15,{code}"
        await good(at)

    play(R6, scenario)


def test_a_datagram_without_answer_is_sent_again(play: Play) -> None:
    """RFC 7252 4.2: four times more for CON, never for NON."""
    async def scenario(at: At) -> None:
        await set_up(at, "coap://coap.me:5683/hello")
        for option, times in (("0", 5), ("1", 1)):
            await at.ok(f"AT+UCOAP=2,5,{option}")
            await state(at, "coap", "mute")
            before = int((await reported(at))["messages"])
            with impatient(at):
                await at.ok("AT+UCOAPC=1")
                await at.urc("+UCOAPCR: 1,0")
            assert await at.ok("AT+UCOAPER") == "+UCOAPER: 15,10"
            assert int((await reported(at))["messages"]) == before + times
            await state(at, "coap", "up")
        await good(at)

    play(R6, scenario)


@pytest.mark.parametrize(("name", "answers"), [("coap-tcp", True), ("coap-tls", False)])
def test_no_server(play: Play, name: str, answers: bool) -> None:
    """Over TCP OK comes first, over TLS the handshake."""
    async def scenario(at: At) -> None:
        await set_up(at, SERVERS[name] + "/")
        await state(at, name, "down")
        try:
            if answers:
                await at.ok("AT+UCOAPC=1")
                await at.urc("+UCOAPCR: 1,0")
            else:
                await at.refused("AT+UCOAPC=1")
            assert await at.ok("AT+UCOAPER") == "+UCOAPER: 15,8"
        finally:
            await state(at, name, "up")
        await at.ok('AT+UCOAP=1,"coap://no-such-host.invalid/"')
        await at.ok("AT+UCOAPC=1")
        await at.urc("+UCOAPCR: 1,0")
        assert await at.ok("AT+UCOAPER") == "+UCOAPER: 15,8"
        await good(at)

    play(R6, scenario)


@pytest.mark.parametrize("name", ["coap-tcp", "coap-dtls", "coap-tls"])
def test_a_server_that_goes_down_meanwhile(play: Play, name: str) -> None:
    async def scenario(at: At) -> None:
        await set_up(at, f"{SERVERS[name]}/broken/stalls")
        await at.ok("AT+UCOAPC=1")
        async with asyncio.timeout(40):
            while (await reported(at, name)).get("path") != "/broken/stalls":
                await asyncio.sleep(0.005)
        await state(at, name, "down")
        await at.urc("+UCOAPCR: 1,0")
        assert await at.ok("AT+UCOAPER") == "+UCOAPER: 15,8"
        await state(at, name, "up")
        await at.ok(f'AT+UCOAP=1,"{SERVERS[name]}/hello"')
        await at.ok("AT+UCOAPC=1")
        assert await body(at, 1) == b"world"

    play(R6, scenario)


def test_a_body_that_the_server_forgets(play: Play) -> None:
    """RFC 7959 2.9.2: 4.08 for a block whose predecessors are unknown; then a whole body passes."""
    async def scenario(at: At) -> None:
        await set_up(at, "coap://coap.me:5683/large-update")
        await at.ok(f'AT+UCOAPC=3,"{"00" * 64}",0,0,1')
        await at.urc('+UCOAPCD: 2,0,"",0')
        await at.urc("+UCOAPCR: 3,1")
        await state(at, "coap", "reset")
        await at.ok('AT+UCOAPC=3,"01",0,1,0')
        assert (await at.next_urc("+UCOAPCD")).startswith("4,0,")
        await at.urc("+UCOAPCR: 3,1")
        await at.ok('AT+UCOAPC=3,"01",0,0,0')
        assert (await at.next_urc("+UCOAPCD")).startswith("2,0,")
        await at.urc("+UCOAPCR: 3,1")

    play(R6, scenario)


@pytest.mark.parametrize("name", ["coap-dtls", "coap-tls"])
def test_a_server_that_is_not_trusted(play: Play, name: str) -> None:
    async def scenario(at: At) -> None:
        await set_up(at, SERVERS[name] + "/")
        certificate_store(at.module).put(Item.CA, "other", (CERTS / "ca_cert.crt").read_bytes())
        await at.ok('AT+USECPRF=0,3,"other"')
        await at.refused("AT+UCOAPC=1")
        assert await at.ok("AT+UCOAPER") == "+UCOAPER: 15,8"
        await at.ok('AT+USECPRF=0,3,"ThawteCA"')
        await at.ok("AT+UCOAPC=1")
        assert await body(at, 1) == PAGE.encode()

    play(R6, scenario)


@pytest.mark.parametrize("name", ["coap-dtls", "coap-tls"])
def test_the_second_handshake_is_abbreviated(play: Play, name: str) -> None:
    """LARA-R6 guide 3.4: session data of one request serves the next one."""
    async def scenario(at: At) -> None:
        await set_up(at, SERVERS[name] + "/hello")
        resumed = []
        for line in ("13,0,1", f"13,1,{1 if name == 'coap-dtls' else 3}"):
            await at.ok(f"AT+USECPRF=0,{line}")
        for _ in range(2):
            await at.ok("AT+UCOAPC=1")
            assert await body(at, 1) == b"world"
            await at.urc("+UUSECPRF: 0,13,0,2")
            resumed.append((await reported(at, name))["tls_resumed"])
        assert resumed == ["no", "yes"]
        await at.ok("AT+USECPRF=0")

    play(R6, scenario)


SEEDS = ('AT+UCOAP=1,"coap://coap.me:5683/hello"', "AT+UCOAP=2,5,1", "AT+UCOAP=4,1", "AT+UCOAP=6,1",
         "AT+UCOAP=5,1", "AT+UCOAP=7", "AT+UCOAP=8,0", "AT+UCOAP=20,1,0", "AT+UCOAP?", "AT+UCOAPC=1",
         "AT+UCOAPC=2", 'AT+UCOAPC=3,"736f6d65",0', 'AT+UCOAPC=4,"00112233445566778899aabbccddeeff",0,0,1',
         "AT+UCOAPER", 'AT+UCOAP=1,"coap+tcp://192.168.105.31:5683/"')
ALPHABET = '0123456789,,,""=?;-+AT. \x80\xff'
MUTATIONS = 400


def test_mutated_lines(play: Play) -> None:
    """Always a final result code, and a request passes afterwards."""
    async def scenario(at: At) -> None:
        chance = random.Random(8)
        bugs: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: bugs.append(context))
        await set_up(at, "coap://coap.me:5683/hello")
        with impatient(at):
            for _ in range(MUTATIONS):
                line = list(chance.choice(SEEDS))
                for _ in range(chance.randint(0, 3)):
                    place = chance.randint(3, len(line))
                    if chance.random() < 0.5 and place < len(line):
                        del line[place]
                    else:
                        line.insert(place, chance.choice(ALPHABET))
                await at.send("".join(line))
            async with asyncio.timeout(40):
                while at.module.subsystem(CoapClient).busy:
                    await asyncio.sleep(0.01)
        asyncio.get_running_loop().set_exception_handler(None)
        assert bugs == []
        at.lines.clear()
        await at.ok("AT+UCOAP=20,1")
        await good(at)

    play(R6, scenario)


def test_the_context_goes(play: Play) -> None:
    async def scenario(at: At) -> None:
        await set_up(at, "coap://coap.me:5683/broken/stalls")
        await at.ok("AT+UCOAP=20,2")
        await at.refused("AT+UCOAPC=1")
        assert await at.ok("AT+UCOAPER") == "+UCOAPER: 15,3"
        await at.ok('AT+CGDCONT=2,"IP","internet.wind.biz"')
        await at.ok("AT+CGACT=1,2")
        await at.ok("AT+UCOAPC=1")
        await asyncio.sleep(0.05)
        await at.ok("AT+CGACT=0,2")
        await at.urc("+UCOAPCR: 1,0")
        assert await at.ok("AT+UCOAPER") == "+UCOAPER: 15,8"
        await at.ok("AT+UCOAP=20,1")
        await good(at)

    play(R6, scenario)


@pytest.mark.parametrize("line", ["AT+UCOAP?", "AT+UCOAP=4,1", "AT+UCOAPC=1", "AT+UCOAPER"])
def test_lena_has_none(play: Play, line: str) -> None:
    async def scenario(at: At) -> None:
        await at.ok("AT+CMEE=1")
        assert await at.refused(line) == await at.refused("AT+UNKNOWN")

    play(R8, scenario)
