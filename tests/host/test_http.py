"""The HTTP client as Python calls, on a virtual module of each series, failures by owner included."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellbench.base.errors import NetworkError, ServiceError, UnitError
from cellbench.catalogue.clients import CLASSES, HTTP_CODES, meaning_of
from cellbench.catalogue.model import Series
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import ClientError, ClientNetworkError, ClientServiceError, tcp_probe
from cellbench.host.clients.http import HttpClient, HttpServer, parse_response
from cellbench.host.files import Files
from cellbench.host.security import Security, SecurityProfile, ServerCheck

from .rack import Module, Rack, wait_registered

ECHO = HttpServer("httpbin.org", timeout_s=30)


@pytest.fixture
def http(module: Module) -> HttpClient:
    return HttpClient(module.channel).use(ECHO)


def nonce() -> str:
    return secrets.token_hex(8)


def test_get_head_delete(http: HttpClient, module: Module) -> None:
    page = http.get("/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "It works." in page.text
    head = http.head("/")
    assert (head.status, head.body) == (200, b"")
    mark = nonce()
    gone = http.delete(f"/delete?mark={mark}")
    assert json.loads(gone.text)["args"] == {"mark": mark}
    assert http.last_error() == (0, 0)
    assert http.answer_file not in Files(module.channel).list()


def test_short_data_goes_in_the_command_and_any_bytes_by_a_file(http: HttpClient, module: Module) -> None:
    mark = nonce()
    short = json.loads(http.post("/post", f"mark={mark}".encode(), "application/x-www-form-urlencoded").text)
    assert short["form"] == {"mark": mark}
    quoted = json.loads(http.post("/post", f'{{"mark":"{mark}"}}'.encode(), "application/json").text)
    assert quoted["json"] == {"mark": mark}
    own = json.loads(http.post("/post", b"own", "text/vnd.own").text)
    assert own["headers"]["Content-Type"] == "text/vnd.own"
    data = secrets.token_bytes(40_000)
    assert http.put(f"/files/{mark}", data).status in (200, 201)
    progress: list[int] = []
    assert http.get(f"/files/{mark}", progress=lambda done, whole: progress.append(done)).body == data
    assert len(progress) == 2
    assert not [name for name in Files(module.channel).list() if name.startswith("cellbench_http")]


def test_basic_authentication(http: HttpClient, module: Module) -> None:
    secret = "P455w0rd"
    known = HttpServer("httpbin.org", user="test_user", password=secret, timeout_s=30)
    assert json.loads(http.use(known).get(f"/basic-auth/test_user/{secret}").text)["authenticated"] is True
    assert secret not in repr(known)
    wrong = HttpServer("httpbin.org", user="test_user", password="another-one", timeout_s=30)
    http.use(wrong)
    assert b"another-one" not in b"".join(record.data for record in module.transcript.records())
    if module.series is Series.LARA_R6:  # an answer other than 2xx is stored (facts sheet internet 1)
        assert http.get(f"/basic-auth/test_user/{secret}").status == 401
    else:
        with pytest.raises(ClientError) as caught:
            http.get(f"/basic-auth/test_user/{secret}")
        assert caught.value.kind == 3


def test_a_stale_answer_never_passes(http: HttpClient, module: Module) -> None:
    """The answer file of an earlier request is there, and this one fails."""
    files = Files(module.channel)
    files.put(http.answer_file, b"HTTP/1.1 200 OK\r\n\r\nstale")
    http.use(HttpServer("httpbin.org", port=81, timeout_s=30))
    with pytest.raises(ClientError):
        http.get("/")
    assert not files.has(http.answer_file)


@pytest.mark.parametrize(("server", "path", "code"), [
    (HttpServer("no-such-host.invalid", timeout_s=30), "/", 23),
    (HttpServer("httpbin.org", port=81, timeout_s=30), "/", 11),
    (ECHO, "/broken/cut", 44),
])
def test_the_units_errors_have_their_meaning(http: HttpClient, server: HttpServer, path: str, code: int
                                             ) -> None:
    with pytest.raises(ClientError, match=HTTP_CODES[code].text) as caught:
        http.use(server).get(path)
    assert (caught.value.kind, caught.value.code) == (3, code)
    assert http.use(ECHO).get("/").status == 200


def test_the_service_is_named_only_when_it_is_dead(http: HttpClient, module: Module, rack: Rack) -> None:
    place = yaml.safe_load((Path(rack.directory) / "rig.yaml").read_text())["services"]["http"]["probe"]
    http.use(ECHO, probe=tcp_probe(place["host"], place["port"]))
    with pytest.raises(ClientError) as alive:
        http.get("/broken/reset")
    assert isinstance(alive.value, UnitError)
    module.ctl("server", "name=http", "state=down")
    try:
        with pytest.raises(ClientServiceError) as dead:
            http.get("/")
        assert isinstance(dead.value, ServiceError)
        assert "does not answer the host" in str(dead.value)
    finally:
        module.ctl("server", "name=http", "state=up")
    assert http.get("/").status == 200


def test_without_a_context_it_is_the_network(http: HttpClient, module: Module) -> None:
    module.channel.send("AT+CFUN=4")
    try:
        with pytest.raises(ClientNetworkError) as caught:
            http.get("/")
        assert isinstance(caught.value, NetworkError)
        assert (caught.value.kind, caught.value.code) == (10, 22)
    finally:
        module.channel.send("AT+CFUN=1")
        assert wait_registered(module.channel)
        module.channel.send("AT+CGACT=1,1")
    assert http.get("/").status == 200


def test_tls_by_a_security_profile(http: HttpClient, module: Module) -> None:
    """443 by itself on both series, though only one of them moves the port."""
    Security(module.channel).apply(1, SecurityProfile(check=ServerCheck.NONE))
    page = http.use(HttpServer("www.ssl_tls_test_server.com", security=1, timeout_s=30)).get("/index.html")
    assert page.status == 200
    Security(module.channel).apply(1, SecurityProfile(check=ServerCheck.CHAIN, root="nobody"))
    with pytest.raises(ClientError) as caught:
        http.get("/index.html")
    assert (caught.value.kind, caught.value.code) == (3, 73)


def test_success_without_an_answer_is_the_units(channel: Channel, peer: Any) -> None:
    peer.on('AT+UDELFILE="cellbench_http_0"', b"\r\n+CME ERROR: 1612\r\n")
    peer.on('AT+UHTTPC=0,1,"/","cellbench_http_0"', b"\r\nOK\r\n\r\n+UUHTTPCR: 0,1,1\r\n")
    peer.on('AT+ULSTFILE=2,"cellbench_http_0"', b"\r\n+CME ERROR: 1612\r\n")
    with pytest.raises(UnitError, match="has stored no answer"):
        HttpClient(channel).get("/")


def test_answers_that_are_none() -> None:
    for raw in (b"", b"HTTP/1.1 200 OK\r\n", b"rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"):
        with pytest.raises(UnitError):
            parse_response(raw)
    found = parse_response(b"HTTP/1.0 404 Not Found\r\nA: b\r\nX-Y : z\r\n\r\nbody\r\n\r\nmore")
    assert (found.status, found.reason, found.headers, found.body) == (
        404, "Not Found", {"a": "b", "x-y": "z"}, b"body\r\n\r\nmore")


def test_every_known_class_and_code_has_a_meaning_with_its_source() -> None:
    for kind in CLASSES:
        assert meaning_of(kind, 999).source.where
    assert "in no document" in meaning_of(77, 1).text
    assert all(meaning.text and meaning.source.where for meaning in HTTP_CODES.values())
