"""The CoAP client as Python calls, on a virtual LARA-R6: over UDP, DTLS, TCP and TLS, failures by owner."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator

import pytest
import yaml

from cellbench.base.errors import NotPossible, ServiceError, UnitError
from cellbench.catalogue.coap import COAP_CLASS, COAP_CODES, coap_meaning
from cellbench.host.clients.blame import ClientError, ClientNetworkError, ClientServiceError
from cellbench.host.clients.coap import (
    CoapClient,
    CoapMethod,
    CoapProfile,
    CoapServer,
    CoapTransport,
    _whole,
    coap_probe,
)
from cellbench.host.errors import AtError, CmeError
from cellbench.host.security import Security, SecurityProfile, ServerCheck

from .rack import Module, Rack, wait_registered

HOST = "coap.me"
SECURE_HOST = "192.168.105.31"
UDP = CoapServer(HOST)


@pytest.fixture(scope="module")
def module(rack: Rack) -> Iterator[Module]:
    """A LARA-R6: the other series has no such client."""
    with rack.module("r6") as module:
        yield module


@pytest.fixture
def coap(module: Module) -> CoapClient:
    return CoapClient(module.channel).use(UDP)


def nonce() -> str:
    return secrets.token_hex(8)


def test_get_and_what_the_server_refuses(coap: CoapClient) -> None:
    assert coap.get("/hello") == (2, b"world", 0)
    mark = nonce()
    assert coap.get(f"/query?mark={mark}").text == f"mark={mark}"
    refused = coap.put("/hello", "x")
    assert (refused.code, refused.text) == (4, "Error 4.05: Method not supported here")
    assert coap.get(f"/{mark}").code == 4
    assert coap.last_error() == (0, 0)


def test_any_bytes_go_and_come_back(coap: CoapClient) -> None:
    place, data = f"/files/{nonce()}", secrets.token_bytes(200)
    assert coap.put(place, data).code == 2
    assert coap.get(place).payload == data
    assert coap.post(place, nonce().encode()).code == 2
    assert coap.delete(place).code == 2
    assert coap.get(place).code == 4


@pytest.mark.parametrize(("size", "block"), [(513, 512), (1500, 512), (130, 64), (32, 16)])
def test_long_bodies_go_in_blocks(coap: CoapClient, size: int, block: int) -> None:
    place, data = f"/files/{nonce()}", secrets.token_bytes(size)
    told: list[tuple[int, int]] = []
    assert coap.put(place, data, block=block, progress=lambda *done: told.append(done)).code == 2
    assert [done for done, _ in told] == [*range(block, size, block), size]
    assert coap.get(place).payload == data


def test_a_declaration_that_cannot_be(coap: CoapClient, module: Module) -> None:
    with pytest.raises(NotPossible, match="power of two"):
        coap.put("/sink", b"x", block=100)
    with pytest.raises(NotPossible, match="text/plain"):
        coap.put("/sink", b"x", "text/never")
    with pytest.raises(NotPossible, match="%22"):
        coap.get('/"')
    with pytest.raises(NotPossible, match="use"):
        CoapClient(module.channel).get("/")
    with pytest.raises(NotPossible, match="0 to 3"):
        coap.load(4)


def test_messages_that_nobody_acknowledges(module: Module) -> None:
    coap = CoapClient(module.channel).use(CoapServer(HOST, 5683, confirmable=False))
    assert coap.get("/hello").text == "world"
    assert coap.current().options & 32


@pytest.mark.parametrize("transport", list(CoapTransport), ids=lambda one: one.name)
def test_secure_ways(module: Module, transport: CoapTransport) -> None:
    Security(module.channel).apply(3, SecurityProfile(check=ServerCheck.NONE))
    coap = CoapClient(module.channel).use(CoapServer(SECURE_HOST, transport=transport, security=3))
    assert "libcoap" in coap.get("/").text
    assert coap.current().security == 3
    if transport is CoapTransport.TCP:
        plain = CoapClient(module.channel).use(CoapServer(SECURE_HOST, transport=transport))
        assert "libcoap" in plain.get("/").text


def test_a_handshake_that_fails(module: Module) -> None:
    Security(module.channel).apply(3, SecurityProfile(check=ServerCheck.HOST, host="not.this.host"))
    coap = CoapClient(module.channel).use(
        CoapServer(SECURE_HOST, transport=CoapTransport.TCP, security=3))
    with pytest.raises(ClientError, match="CoAP") as failed:
        coap.get("/")
    assert failed.value.kind == COAP_CLASS


def test_profiles_are_stored_and_come_back(coap: CoapClient, module: Module) -> None:
    coap.get("/hello")
    coap.store(1)
    coap.use(CoapServer("192.0.2.9", confirmable=False))
    module.channel.send('AT+UCOAP=1,"coap://192.0.2.9/other"')
    coap.store(3)
    assert coap.load(1) == CoapProfile("coap://coap.me/hello", 31, 1, valid=True, security=3)
    stored = coap.stored()
    assert {1, 3} <= set(stored) <= {0, 1, 2, 3}
    assert stored[3].uri == "coap://192.0.2.9/other"
    assert coap.request(CoapMethod.GET).text == "world"  # of the profile loaded
    if 2 not in stored:
        with pytest.raises(CmeError):
            coap.load(2)


def test_whose_failure_it_is(coap: CoapClient, module: Module) -> None:
    module.channel.send("AT+UCOAP=4,0")
    with pytest.raises(ClientError, match="current profile invalid") as invalid:
        coap.get("/hello")
    assert (invalid.value.kind, invalid.value.code) == (15, 17)
    coap.use(UDP, probe=lambda: "the server is seen dead")
    module.ctl("server", "name=coap", "state=mute")
    try:
        with pytest.raises(ClientServiceError, match="seen dead") as mute:
            coap.get("/hello")
    finally:
        module.ctl("server", "name=coap", "state=up")
    assert isinstance(mute.value, ServiceError)
    module.channel.send("AT+CFUN=4")
    try:
        with pytest.raises(ClientNetworkError, match="no packet data connection"):
            coap.get("/hello")
    finally:
        module.channel.send("AT+CFUN=1")
        assert wait_registered(module.channel)
        module.channel.send("AT+CGACT=1,1")
    assert coap.get("/hello").text == "world"


@pytest.mark.parametrize("state", ["down", "mute"])
def test_a_server_seen_dead_by_the_host_is_the_service(coap: CoapClient, module: Module, state: str) -> None:
    """By the ping that the host sends itself; with the server back the next request passes."""
    place = yaml.safe_load((module.rack.directory / "rig.yaml").read_text())["services"]["coap"]["probe"]
    probe = coap_probe(place["host"], place["port"])
    assert probe() == ""
    coap.use(UDP, probe=probe)
    module.ctl("server", "name=coap", f"state={state}")
    try:
        with pytest.raises(ClientServiceError, match="does not answer the host") as failed:
            coap.get("/hello")
    finally:
        module.ctl("server", "name=coap", "state=up")
    assert failed.value.kind == COAP_CLASS
    assert coap.get("/hello").text == "world"


@pytest.mark.parametrize(("transport", "fault"), [
    (CoapTransport.UDP, "stalls"), (CoapTransport.UDP, "rubbish"), (CoapTransport.TCP, "dies"),
    (CoapTransport.TCP, "rubbish"), (CoapTransport.TCP, "halfway")])
def test_a_server_that_misbehaves(module: Module, transport: CoapTransport, fault: str) -> None:
    """The documented class, and the next request passes."""
    host = HOST if transport is CoapTransport.UDP else SECURE_HOST
    coap = CoapClient(module.channel).use(CoapServer(host, transport=transport))
    with pytest.raises(ClientError) as failed:
        coap.get(f"/broken/{fault}")
    assert failed.value.kind == COAP_CLASS
    assert coap.get("/hello").text == "world"


def test_meanings() -> None:
    assert coap_meaning(15, 17) is COAP_CODES[17]
    assert "code 99" in coap_meaning(15, 99).text


def test_the_probe_asks_by_a_ping() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        port = int(sock.getsockname()[1])

        def answer() -> None:
            data, peer = sock.recvfrom(64)
            assert data[:2] == b"\x40\x00"
            sock.sendto(b"\x70\x00" + data[2:4], peer)

        thread = threading.Thread(target=answer)
        thread.start()
        assert coap_probe("127.0.0.1", port)() == ""
        thread.join()
    assert "does not answer" in coap_probe("127.0.0.1", port)()


@pytest.mark.parametrize(("pieces", "said"), [
    ([], "no answer"),
    ([(2, 0, "41", 1)], "more blocks"),
    ([(2, 0, "41", 1), (2, 0, "42", 0, 2, 16)], "in the place of block 1"),
    ([(2, 0, "4", 0)], "not hexadecimal"),
    ([(2, 0)], "has the fields"),
])
def test_answers_that_are_not_whole(pieces: list[tuple[int | str, ...]], said: str) -> None:
    with pytest.raises(UnitError, match=said):
        _whole("CoAP GET", list(pieces))


def test_the_other_series_has_none(rack: Rack) -> None:
    with rack.module("r8") as other, pytest.raises(AtError):
        CoapClient(other.channel).use(UDP)
