"""CoAP, limits and good practices: LARA-R6 guide 8, 8.1, 8.2, 8.2.2; each number is a check."""

from __future__ import annotations

import pytest

from cellbench.api import Dut, FarSide, Limit, Recorder, procedure

from .coap import (
    COAP,
    INVALID,
    LONGEST_PART,
    LONGEST_PAYLOAD,
    LONGEST_URI,
    PROFILES,
    URC_S,
    Services,
    ask,
    error_of,
    kept_profiles,
    nonce,
    read,
    server_of,
    setup,
    uri_of,
)

SOURCE = "LARA-R6 guide 8"
BUSY = "+CME ERROR: operation not allowed"


def parts(host: int = LONGEST_PART, path: int = LONGEST_PART, query: int = LONGEST_PART) -> str:
    """The longest URI there is, or one whose parts are of other lengths."""
    return f"coaps+tcp://{'h' * host}:65535/{'p' * path}?{'q' * query}"


@procedure("R6:8", title="A URI of 785 characters is taken and kept, its parts are 255 each", depends_on=())
def test_longest_uri(dut: Dut, record: Recorder) -> None:
    """No URI is longer: the longest scheme, port and parts make 785."""
    with kept_profiles(dut):
        setup(dut)
        uri = parts()
        dut.send(f'AT+UCOAP=1,"{uri}"')
        record.measure("URI", len(str(read(dut)["URI_STR"])),
                       limit=Limit(low=LONGEST_URI, high=LONGEST_URI, source=SOURCE), unit="characters")
        assert read(dut)["URI_STR"] == uri


@procedure("R6:8", title="Host, path and query of more than 255 characters are refused", depends_on=())
@pytest.mark.parametrize("part", ["host", "path", "query"])
def test_parts_too_long(dut: Dut, part: str) -> None:
    """256 is refused, the URI stays; 255 of the same part is taken."""
    with kept_profiles(dut):
        setup(dut, 'AT+UCOAP=1,"coap://192.0.2.1/short"')
        short = {"host": 9, "path": 1, "query": 1}
        assert not dut.send(f'AT+UCOAP=1,"{parts(**{**short, part: LONGEST_PART + 1})}"', check=False).ok
        assert read(dut)["URI_STR"] == "coap://192.0.2.1/short"
        dut.send(f'AT+UCOAP=1,"{parts(**{**short, part: LONGEST_PART})}"')


@procedure("R6:8", title="The longest path and query reach the server whole", depends_on=COAP,
           needs=("far-side:report",))
def test_long_uri_on_the_way(online: Dut, services: Services, far_side: FarSide) -> None:
    """255 characters each, a nonce at their ends."""
    path = nonce().rjust(LONGEST_PART, "p")
    query = nonce().rjust(LONGEST_PART, "q")
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], f"/{path}?{query}")}"')
    ask(online, "AT+UCOAPC=1")
    told = far_side.report("server", name="coap")
    assert (told["path"], told["query"]) == (f"/{path}", query)


@procedure("R6:8", title="A payload of 512 bytes goes in one message, one of 513 is refused",
           depends_on=COAP, needs=("far-side:report",))
@pytest.mark.parametrize("command", [3, 4])
def test_longest_payload(online: Dut, services: Services, far_side: FarSide, record: Recorder, command: int
                         ) -> None:
    """The server tells how much came, and the beginning with the nonce."""
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/sink")}"')
    data = nonce().encode().ljust(LONGEST_PAYLOAD, b".")
    assert ask(online, f'AT+UCOAPC={command},"{data.hex()}",0')[1] == (command, 1)
    told = far_side.report("server", name="coap")
    record.measure("payload", int(told["payload_bytes"]),
                   limit=Limit(low=LONGEST_PAYLOAD, high=LONGEST_PAYLOAD, source=SOURCE), unit="bytes")
    assert data.hex().startswith(told["payload"])
    assert not online.send(f'AT+UCOAPC={command},"{data.hex()}2E",0', check=False).ok
    assert far_side.report("server", name="coap")["messages"] == told["messages"]


@procedure("R6:8", title="What is longer than 512 bytes goes by block transfer", depends_on=COAP)
def test_longer_payload(online: Dut, services: Services) -> None:
    """513 bytes as two blocks, and back."""
    place, data = f"/files/{nonce()}", nonce().encode().ljust(LONGEST_PAYLOAD + 1, b".")
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], place)}"')
    assert ask(online, f'AT+UCOAPC=3,"{data[:512].hex()}",0,0,1')[1] == (3, 1)
    assert ask(online, f'AT+UCOAPC=3,"{data[512:].hex()}",0,1,0')[1] == (3, 1)
    found = ask(online, "AT+UCOAPC=1")[0]
    assert b"".join(bytes.fromhex(str(piece[2])) for piece in found) == data


@procedure("R6:8", title="One transmission at a time: a second is refused until the first has its result",
           depends_on=("network",), needs=("far-side:server",))
def test_one_at_a_time(online: Dut, services: Services, far_side: FarSide) -> None:
    """While the server is silent; every request of the list, and afterwards one is taken again."""
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/hello")}"')
    far_side.act("server", name="coap", state="mute")
    try:
        with online.at.expect("+UCOAPCR") as result:
            online.send("AT+UCOAPC=1")
            for line in ("AT+UCOAPC=1", "AT+UCOAPC=2", 'AT+UCOAPC=3,"31",0', 'AT+UCOAPC=4,"31",0'):
                assert online.send(line, check=False).final.text == BUSY, f"{line} was taken"
            assert result.wait(URC_S).fields == (1, 0)
            assert not result.heard, "a request that was refused has a result"
    finally:
        far_side.act("server", name="coap", state="up")
    assert ask(online, "AT+UCOAPC=1")[1] == (1, 1)


@procedure("R6:8", "R6:8.2.2", title="Four profiles are stored, a fifth is refused", depends_on=())
def test_four_profiles(dut: Dut) -> None:
    """Each with a URI of its own; each comes back as it was stored."""
    with kept_profiles(dut):
        setup(dut)
        uris = [f"coap://192.0.2.1/{nonce()}" for _ in range(PROFILES)]
        for number, uri in enumerate(uris):
            dut.send(f'AT+UCOAP=1,"{uri}"')
            dut.send(f"AT+UCOAP=6,{number}")
        for op in (5, 6):
            assert not dut.send(f"AT+UCOAP={op},{PROFILES}", check=False).ok, f"{op},{PROFILES} was taken"
        assert [one.uri for _, one in sorted(dut.coap().stored().items())] == uris
        for number, uri in reversed(list(enumerate(uris))):
            dut.send(f"AT+UCOAP=5,{number}")
            assert (read(dut)["URI_STR"], read(dut)["PROFILE_NUM"]) == (uri, number)


@procedure("R6:8.2.2", title="Storing, listing and restoring profile 0 as printed", depends_on=())
def test_profile_management(dut: Dut) -> None:
    """The list has five lines of each stored profile, or says that its number is invalid; a profile that was
    never stored cannot be restored."""
    uri = f"coap://192.0.2.1/{nonce()}"
    with kept_profiles(dut):
        setup(dut, f'AT+UCOAP=1,"{uri}"', "AT+UCOAP=6,0")
        lines = list(dut.send("AT+UCOAP=7").info)
        assert lines[0] == f'+UCOAP: "URI_STR","{uri}"'
        names = [line.partition(" ")[2].partition(",")[0] for line in lines]
        assert names[1:5] == ['"OPT_MASK"', '"PROFILE_NUM"', '"STATUS_FLAG"', '"USECMNG PROFILE"']
        empty = [number for number in range(PROFILES) if f"INVALID PROFILE NUMBER {number}" in names]
        assert set(empty) | set(dut.coap().stored()) == set(range(PROFILES))
        shown = read(dut)
        dut.send('AT+UCOAP=1,"coap://192.0.2.2/other"')
        dut.send("AT+UCOAP=2,3,0")
        dut.send("AT+UCOAP=5,0")
        assert read(dut) == {**shown, "PROFILE_NUM": 0}
        assert list(shown)[-1] == "RAI FLAG"
        for number in empty:
            assert not dut.send(f"AT+UCOAP=5,{number}", check=False).ok


@procedure("R6:8.1", "R6:8.2.2", "R6:8.2", title="A stored profile saves the configuration over a restart",
           depends_on=COAP)
def test_restart(online: Dut, services: Services, record: Recorder) -> None:
    """The flow of the good practices: configure, store, restart, restore, compare, send, parse."""
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/hello")}"', "AT+UCOAP=6,0")
    before = read(online)
    online.reboot()
    with record.step("without a profile there is no request"):
        online.register()
        online.activate()
        assert online.send("AT+UCOAPC=1", check=False).final.text == BUSY
        assert error_of(online) == INVALID
    with record.step("restored it is as it was"):
        online.send("AT+UCOAP=5,0")
        assert read(online) == before
    with record.step("a request: the result ends the reply"):
        assert ask(online, "AT+UCOAPC=1") == ([(2, 0, "776F726C64", 0)], (1, 1))


@procedure("R6:8.1", "R6:8.2", title="Without a data connection no request is sent", depends_on=COAP)
def test_data_connection_is_mandatory(online: Dut, services: Services) -> None:
    """Refused, or without success; with the connection back the same request passes."""
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/hello")}"')
    online.spend_attach("CoAP without a data connection")
    online.send("AT+CFUN=4")
    try:
        with online.at.expect("+UCOAPCR") as result:
            if online.send("AT+UCOAPC=1", check=False).ok:
                assert result.wait(URC_S).fields == (1, 0)
        assert error_of(online) not in ("0,0", INVALID)
    finally:
        online.send("AT+CFUN=1")
        online.register()
        online.activate()
    assert ask(online, "AT+UCOAPC=1")[1] == (1, 1)


@procedure("R6:8.1", title="The reply to a request in one line: code, payload, error handling",
           depends_on=COAP)
def test_the_whole_flow(online: Dut, services: Services) -> None:
    """A profile from one declaration, stored and restored, a request of each kind, the server's refusal."""
    coap = online.coap().use(server_of(services["coap"]))
    place, mark = f"/files/{nonce()}", nonce()
    assert coap.put(place, mark).code == 2
    assert coap.get(place).text == mark
    coap.store(0)
    assert coap.load(0) == coap.current()
    coap.use(server_of(services["coap"]))
    assert coap.delete(place).code == 2
    assert coap.get(place).code == 4
    assert coap.last_error() == (0, 0)
