"""CoAP requests: LARA-R6 guide 8.2.1, 8.2.3, 8.3.1 to 8.3.4, 8.4.1, 8.4.2; LENA-R8 guide 13.1 (it has none).

As printed and with what each option of the message does, seen at the server.
"""

from __future__ import annotations

import pytest

from cellbench.api import CoapTransport, Dut, FarSide, Network, Recorder, procedure

from .coap import (
    COAP,
    HEADERS,
    INVALID,
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

FAR = ("far-side:report",)
OTHER_CID = 2
TEXT = "some_text"
GIVEN_UP = 0


def sent(far_side: FarSide, name: str = "coap") -> dict[str, str]:
    """What the server says of the last request."""
    return dict(far_side.report("server", name=name))


@procedure("R6:8.2.1", title="The current configuration is taken as printed and shown", depends_on=())
def test_current_configuration(dut: Dut) -> None:
    """Valid, and the five header options; the mask changes with each of them."""
    setup(dut)
    shown = read(dut)
    assert shown["STATUS_FLAG"] == 1
    for option in range(HEADERS + 1):
        dut.send(f"AT+UCOAP=2,{option},{int(option > HEADERS - 1)}")
        assert read(dut)["OPT_MASK"] != shown["OPT_MASK"], f"option {option} does not show"
        dut.send(f"AT+UCOAP=2,{option},{int(option < HEADERS)}")
    dut.send("AT+UCOAP=4,0")
    assert read(dut)["STATUS_FLAG"] == 0
    setup(dut)
    assert read(dut) == shown


@procedure("R6:8.2.1", title="Values that are no setting are refused", depends_on=())
@pytest.mark.parametrize("line", [
    "AT+UCOAP=4,2", "AT+UCOAP=2,6,1", "AT+UCOAP=2,0,2", 'AT+UCOAP=1,"http://coap.me/hello"',
    'AT+UCOAP=1,"coap.me/hello"', 'AT+UCOAP=1,""', "AT+UCOAP=9,1"])
def test_refused_settings(dut: Dut, line: str) -> None:
    """The profile stays as it was."""
    setup(dut)
    before = read(dut)
    assert not dut.send(line, check=False).ok, f"{line} was taken"
    assert read(dut) == before


@procedure("R6:8.2.1", title="Each option puts its part of the URI into the message, or leaves it out",
           depends_on=COAP, needs=FAR)
@pytest.mark.parametrize(("option", "fact"), [(0, "uri_host"), (1, "uri_port"), (2, "path"), (3, "query"),
                                              (4, "content_format")])
def test_header_options(online: Dut, services: Services, far_side: FarSide, option: int, fact: str) -> None:
    """On by the printed configuration, off by itself; the server tells."""
    service, mark = services["coap"], nonce()
    wanted = {"uri_host": str(service.name or ""), "uri_port": str(service.port), "path": "/sink",
              "query": f"mark={mark}", "content_format": "0"}
    with kept_profiles(online):
        setup(online, f'AT+UCOAP=1,"{uri_of(service, f"/sink?mark={mark}")}"')
        ask(online, f'AT+UCOAPC=3,"{mark.encode().hex()}",0')
        told = sent(far_side)
        assert {name: told[name] for name in wanted} == wanted
        online.send(f"AT+UCOAP=2,{option},0")
        ask(online, f'AT+UCOAPC=3,"{nonce().encode().hex()}",0')
        told = sent(far_side)
        left = {name: value for name, value in wanted.items() if name != fact}
        assert {name: told[name] for name in left} == left
        assert told[fact] in ("", "/"), f"{fact} is {told[fact]} though its option is off"


@procedure("R6:8.2.3", title="The client uses the context that it is mapped to, with IPv6 preferred",
           depends_on=COAP, needs=("far-side:report",))
def test_context_mapping(online: Dut, services: Services, far_side: FarSide, network: Network) -> None:
    """AT+UCOAP=20,2,1 as printed; the far side sees the context. Back on the default one it is that again."""
    online.ensure(f'AT+CGDCONT={OTHER_CID},"IP","{network.apn}"')
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/hello")}"')
    try:
        online.send(f"AT+UCOAP=20,{OTHER_CID},1")
        assert not online.send("AT+UCOAPC=1", check=False).ok, "a request without its context was taken"
        online.activate(OTHER_CID)
        for cid in (OTHER_CID, online.cid):
            online.send(f"AT+UCOAP=20,{cid},{int(cid == OTHER_CID)}")
            data, result = ask(online, "AT+UCOAPC=1")
            assert (data[0][0], result) == (2, (1, 1))
            assert far_side.report("flow", service="coap")["cid"] == str(cid)
    finally:
        online.send(f"AT+UCOAP=20,{online.cid},0")
        online.send(f"AT+CGACT=0,{OTHER_CID}", check=False)
        online.send(f"AT+CGDCONT={OTHER_CID}", check=False)


@procedure("R6:8.3.1", title="GET as printed, not confirmable and confirmable", depends_on=COAP, needs=FAR)
@pytest.mark.parametrize(("flag", "kind"), [(1, "NON"), (0, "CON")])
def test_get(online: Dut, services: Services, far_side: FarSide, flag: int, kind: str) -> None:
    """The printed page, then one whose answer holds a nonce; the server tells how the message came."""
    mark = nonce()
    with kept_profiles(online):
        setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/hello")}"', f"AT+UCOAP=2,5,{flag}")
        assert ask(online, "AT+UCOAPC=1") == ([(2, 0, "776F726C64", 0)], (1, 1))
        assert sent(far_side)["type"] == kind
        online.send(f'AT+UCOAP=1,"{uri_of(services["coap"], f"/query?mark={mark}")}"')
        data, result = ask(online, "AT+UCOAPC=1")
        assert (bytes.fromhex(str(data[0][2])), result) == (f"mark={mark}".encode(), (1, 1))
        assert error_of(online) == "0,0"


@procedure("R6:8.3.2", title="PUT and POST as printed, the payload reaches the server", depends_on=COAP,
           needs=FAR)
@pytest.mark.parametrize(("command", "said"), [(3, "505554204F4B"), (4, "504F5354204F4B")])
def test_put_post(online: Dut, services: Services, far_side: FarSide, command: int, said: str) -> None:
    """The printed text, then a nonce with bytes of every kind, in digits of either case."""
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/sink")}"', "AT+UCOAP=2,5,0")
    data = nonce().encode() + bytes(range(0, 256, 5))
    for payload in (TEXT.encode().hex(), data.hex().upper(), data.hex()):
        assert ask(online, f'AT+UCOAPC={command},"{payload}",0') == ([(2, 0, said, 0)], (command, 1))
        told = sent(far_side)
        assert (told["payload"], told["type"], told["content_format"]) == (payload.lower(), "CON", "0")
        assert told["method"] == {3: "PUT", 4: "POST"}[command]


@procedure("R6:8.3.2", title="What is put is there, what is deleted is gone", depends_on=COAP)
def test_put_get_delete(online: Dut, services: Services) -> None:
    """A place of its own, named by a nonce."""
    place, mark = f"/files/{nonce()}", nonce()
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], place)}"')
    assert ask(online, "AT+UCOAPC=1")[0][0][0] == 4
    ask(online, f'AT+UCOAPC=3,"{mark.encode().hex()}",0')
    assert ask(online, "AT+UCOAPC=1") == ([(2, 0, mark.encode().hex().upper(), 0)], (1, 1))
    assert ask(online, "AT+UCOAPC=2")[1] == (2, 1)
    assert ask(online, "AT+UCOAPC=1")[0][0][0] == 4


@procedure("R6:8.3.2", title="A request that lacks its payload, or has none to give, is refused",
           depends_on=())
@pytest.mark.parametrize("line", ["AT+UCOAPC=3", 'AT+UCOAPC=3,"123",0', 'AT+UCOAPC=3,"12GH",0',
                                  'AT+UCOAPC=5,"12",0', "AT+UCOAPC=0", 'AT+UCOAPC=3,"12",0,0,2'])
def test_refused_requests(online: Dut, services: Services, line: str) -> None:
    """No payload, half a byte, no digits, no such request."""
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/sink")}"')
    with online.at.expect("+UCOAPCR") as told:
        assert not online.send(line, check=False).ok, f"{line} was taken"
        assert online.send("AT").ok
        assert not told.heard


@procedure("R6:8.3.3", title="Two blocks of 64 bytes as printed are one body at the server", depends_on=COAP)
def test_block_transfer(online: Dut, services: Services) -> None:
    """The text of the print with a nonce in it; the answer to the second block names it and its size."""
    blocks = [f"Message number {number} first message of serie {nonce()[:8]} into 64 bytes".encode()
              for number in range(2)]
    blocks = [block.ljust(64, b".")[:64] for block in blocks]
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/large-update")}"')
    assert ask(online, f'AT+UCOAPC=3,"{blocks[0].hex()}",0,0,1') == ([(2, 0, "", 0)], (3, 1))
    assert ask(online, f'AT+UCOAPC=3,"{blocks[1].hex()}",0,1,0') == ([(2, 0, "", 0, 1, 64)], (3, 1))
    data, result = ask(online, "AT+UCOAPC=1")
    assert b"".join(bytes.fromhex(str(piece[2])) for piece in data) == b"".join(blocks)
    assert result == (1, 1)


@procedure("R6:8.3.3", title="A block whose predecessor is missing is refused by the server", depends_on=COAP,
           needs=("far-side:server",))
def test_missing_block(online: Dut, services: Services, far_side: FarSide) -> None:
    """Answer 4.08 (RFC 7959 2.9.2): class 4 in +UCOAPCD."""
    far_side.act("server", name="coap", state="reset")
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/large-update")}"')
    data, result = ask(online, f'AT+UCOAPC=3,"{nonce().encode().hex() * 4}",0,1,0')
    assert (data[-1][0], result) == (4, (3, 1))


@procedure("R6:8.3.3", title="A body of many blocks goes out and comes back whole", depends_on=COAP)
@pytest.mark.parametrize("block", [64, 512])
def test_large_body(online: Dut, services: Services, record: Recorder, block: int) -> None:
    """3000 bytes by the client as a Python object; every second line is a nonce."""
    body = b"".join(f"{place:04d} {nonce()}\n".encode() for place in range(137))[:3000]
    service = services["coap"]
    coap = online.coap().use(server_of(service))
    told: list[int] = []
    assert coap.put("/large-update", body, block=block, progress=lambda done, _: told.append(done)).code == 2
    assert told[-1] == len(body)
    assert coap.get("/large-update").payload == body
    record.note(f"{len(told)} blocks of {block} bytes to {service.name or service.host}")


@procedure("R6:8.3.4", title="GET over TCP as printed; a nonce comes back", depends_on=(
    "network", "service:coap-tcp"), needs=FAR)
def test_tcp(online: Dut, services: Services, far_side: FarSide) -> None:
    """The URI alone says that it is TCP; what is put over TCP is read over TCP."""
    service, mark = services["coap-tcp"], nonce()
    tcp = CoapTransport.TCP
    setup(online, f'AT+UCOAP=1,"{uri_of(service, "/", tcp)}"')
    data, result = ask(online, "AT+UCOAPC=1")
    assert result == (1, 1)
    assert b"This is a test server made with libcoap" in bytes.fromhex(str(data[0][2]))
    online.send(f'AT+UCOAP=1,"{uri_of(service, f"/query?mark={mark}", tcp)}"')
    assert bytes.fromhex(str(ask(online, "AT+UCOAPC=1")[0][0][2])) == f"mark={mark}".encode()
    told = sent(far_side, "coap-tcp")
    assert (told["query"], told["type"]) == (f"mark={mark}", ""), "over TCP there is neither CON nor NON"


@procedure("R6:8.3.4", title="A server without TCP gives no answer over TCP", depends_on=COAP)
def test_no_tcp(online: Dut, services: Services) -> None:
    """The server of the UDP procedures: the result is 0, the error a class 15."""
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/hello", CoapTransport.TCP)}"')
    assert ask(online, "AT+UCOAPC=1") == ([], (1, GIVEN_UP))
    assert error_of(online).startswith("15,")


@procedure("R6:8.4.1", title="A profile that is not valid: refused, and the error says so", depends_on=())
def test_configuration_error(online: Dut, services: Services) -> None:
    """As printed; made valid again, the same request is taken."""
    with kept_profiles(online):
        setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/hello")}"', "AT+UCOAP=4,0")
        answer = online.send("AT+UCOAPC=1", check=False)
        assert answer.final.text == "+CME ERROR: operation not allowed"
        assert error_of(online) == INVALID
        online.send("AT+UCOAP=4,1")
        assert ask(online, "AT+UCOAPC=1")[1] == (1, 1)
        assert error_of(online) != INVALID


@procedure("R6:8.4.2", title="The server's refusal comes with its class and text as printed", depends_on=COAP)
def test_error_on_server_reply(online: Dut, services: Services) -> None:
    """PUT on a page that cannot be written, GET of one that is not there: class 4, result 1."""
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/hello")}"')
    text = b"Error 4.05: Method not supported here".hex().upper()
    assert ask(online, f'AT+UCOAPC=3,"{TEXT.encode().hex()}",0') == ([(4, 0, text, 0)], (3, 1))
    online.send(f'AT+UCOAP=1,"{uri_of(services["coap"], "/" + nonce())}"')
    data, result = ask(online, "AT+UCOAPC=1")
    assert (data[0][0], result) == (4, (1, 1))


@procedure("R6:8.4", "R6:8.4.2", title="A server that is not there, or is silent: result 0, an error, and "
           "the next request passes", depends_on=("network",), needs=("far-side:server",))
@pytest.mark.parametrize("state", ["down", "mute"])
def test_no_server(online: Dut, services: Services, far_side: FarSide, state: str) -> None:
    """No +UCOAPCD; class 15 in +UCOAPER."""
    setup(online, f'AT+UCOAP=1,"{uri_of(services["coap"], "/hello")}"')
    far_side.act("server", name="coap", state=state)
    try:
        assert ask(online, "AT+UCOAPC=1") == ([], (1, GIVEN_UP))
        assert error_of(online).startswith("15,")
        assert error_of(online) != INVALID
    finally:
        far_side.act("server", name="coap", state="up")
    assert ask(online, "AT+UCOAPC=1")[1] == (1, 1)


@procedure("R8:13.1", title="This series has neither CoAP nor LwM2M: each command is refused", depends_on=())
@pytest.mark.parametrize("line", ["AT+UCOAP?", "AT+UCOAP=4,1", "AT+UCOAPC=1", "AT+UCOAPER", "AT+ULWM2M?",
                                  "AT+ULWM2M=0", "AT+ULWM2MREG?"])
def test_not_on_this_series(dut: Dut, line: str) -> None:
    """The migration table has no device management by LwM2M; no chapter of the guide has CoAP."""
    assert not dut.send(line, check=False).ok, f"{line} was taken"
