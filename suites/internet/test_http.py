"""HTTP and HTTPS: LENA-R8 guide 9.3.1.1 to 9.3.1.3; LARA-R6 guide 10.1 to 10.4."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cellbench.api import (
    CertificateKind,
    ClientError,
    ClientNetworkError,
    Dut,
    FarSide,
    HttpServer,
    Network,
    Recorder,
    SecurityProfile,
    ServerCheck,
    procedure,
)

from .web import SECURE, SHORT_S, WEB, Services, no_error, nonce, request, server_of, setup, stored

BASIC = ("R8:9.3.1.1", "R6:10.1")
POST = ("R8:9.3.1.2", "R6:10.2")
HTTPS = ("R8:9.3.1.3", "R6:10.4")
USER, PASSWORD = "test_user", "P455w0rd"
BASIC_PAGE = f"/basic-auth/{USER}/{PASSWORD}"


@procedure(*BASIC, title="HEAD, GET, POST of data and basic authentication, as printed", depends_on=WEB)
def test_as_printed(online: Dut, services: Services, record: Recorder) -> None:
    """The table of the section, row by row; the posted form carries a nonce."""
    service, mark = services["http"], nonce()
    setup(online, service)
    with record.step("the name resolves"):
        if service.name:
            assert online.resolve(str(service.name))
    with record.step("HEAD"):
        assert request(online, 0, "/", "head.ffs") == 1
        head, body = stored(online, "head.ffs")
        assert head.split(" ")[1] == "200"
        assert body == "", "HEAD gives the header alone"
    with record.step("GET"):
        assert request(online, 1, "/", "get.ffs") == 1
        head, body = stored(online, "get.ffs")
        assert head.split(" ")[1] == "200"
        assert body
    with record.step("POST data"):
        assert request(online, 5, "/post", "post.ffs", f',"name_post={mark}&age_post=30",0') == 1
        assert json.loads(stored(online, "post.ffs")[1])["form"] == {"name_post": mark, "age_post": "30"}
    with record.step("GET with basic authentication"):
        for line in (f'2,"{USER}"', f'3,"{PASSWORD}"', "4,1"):
            online.send(f"AT+UHTTP=0,{line}")
        assert request(online, 1, BASIC_PAGE, "get_auth.ffs") == 1
        assert json.loads(stored(online, "get_auth.ffs")[1])["authenticated"] is True
    no_error(online, record)


@procedure(*BASIC, title="Each method: HEAD, GET, DELETE, PUT, POST file, POST data", depends_on=WEB)
def test_methods(online: Dut, services: Services, record: Recorder) -> None:
    """PUT and POST of any bytes are answered with what was sent."""
    http, mark = online.http().use(server_of(services["http"])), nonce()
    with record.step("HEAD"):
        assert http.head("/").body == b""
    with record.step("GET with a query"):
        assert json.loads(http.get(f"/get?mark={mark}").text)["args"] == {"mark": mark}
    with record.step("DELETE"):
        assert json.loads(http.delete(f"/delete?mark={mark}").text)["args"] == {"mark": mark}
    with record.step("PUT a file"):
        echo = json.loads(http.put("/put", mark.encode(), "text/plain").text)
        assert (echo["data"], echo["headers"]["Content-Type"]) == (mark, "text/plain")
    with record.step("POST a file"):
        text = f'"{mark}"\r\n' * 20
        assert json.loads(http.post("/post", text.encode(), "text/plain").text)["data"] == text
    with record.step("POST data"):
        assert json.loads(http.post("/post", mark.encode(), "text/plain").text)["data"] == mark
    no_error(online, record)


@procedure(*POST, title="Each content type reaches the server", depends_on=WEB)
@pytest.mark.parametrize("content_type", [
    "application/x-www-form-urlencoded", "text/plain", "application/octet-stream", "application/json",
    "application/xml", "application/vnd.cellbench"])
def test_content_types(online: Dut, services: Services, content_type: str) -> None:
    """0 to 2, 4, 5, and one's own by 6."""
    http, mark = online.http().use(server_of(services["http"])), nonce()
    echo = json.loads(http.post("/post", f"mark={mark}".encode(), content_type).text)
    assert echo["headers"]["Content-Type"] == content_type
    assert mark in (echo["data"] or echo["form"].get("mark", ""))


@procedure(*BASIC, title="A wrong password is not let in; the right one is afterwards", depends_on=WEB)
def test_wrong_password(online: Dut, services: Services, record: Recorder) -> None:
    """401 where the series stores such answers, else a failure with its class and code."""
    http, service = online.http(), services["http"]
    http.use(server_of(service, user=USER, password=nonce()))
    try:
        status = http.get(BASIC_PAGE).status
    except ClientError as error:
        record.note(str(error))
        status = 401 if error.kind == 3 else 0
    assert status == 401, "a wrong password was let in, or failed for another reason"
    http.use(server_of(service, user=USER, password=PASSWORD))
    assert json.loads(http.get(BASIC_PAGE).text)["user"] == USER


@procedure(*BASIC, title="A port that refuses, or a name that nobody has, is a failure", depends_on=WEB)
@pytest.mark.parametrize("what", ["port", "name"])
def test_wrong_server(online: Dut, services: Services, record: Recorder, what: str) -> None:
    """+UUHTTPCR with 0, no answer file, class 3 in +UHTTPER; the next request passes."""
    http, service = online.http(), services["http"]
    wrong = {"port": HttpServer(str(service.name or service.host), 81, timeout_s=SHORT_S),
             "name": HttpServer("no-such-host.invalid", 80, timeout_s=SHORT_S)}[what]
    with pytest.raises(ClientError) as failed:
        http.use(wrong).get("/")
    record.note(str(failed.value))
    assert failed.value.kind == 3
    assert not online.files.has(http.answer_file), "a failed request left an answer"
    assert http.use(server_of(service)).get("/").status == 200
    no_error(online, record)


@procedure(*BASIC, title="A server that is down is a failure; when it is back the request passes",
           depends_on=("network", "service:dns"), needs=("far-side:server",))
def test_server_down(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """The host's own tool cannot tell a dead server from a dead module; the error's class and code are
    given."""
    http = online.http().use(server_of(services["http"]))
    far_side.act("server", name="http", state="down")
    try:
        with pytest.raises(ClientError) as failed:
            http.get("/")
        record.note(str(failed.value))
        assert failed.value.kind == 3
    finally:
        far_side.act("server", name="http", state="up")
    assert http.get("/").status == 200


@procedure("R6:10", "R8:9.3.1.1", title="Without a packet data connection the request is refused",
           depends_on=("network",))
def test_without_context(online: Dut, services: Services, record: Recorder) -> None:
    """Class 10, code 22; with the context back the request passes."""
    http = online.http().use(server_of(services["http"]))
    online.send("AT+CFUN=4")
    try:
        with pytest.raises(ClientNetworkError) as refused:
            http.get("/")
        record.note(str(refused.value))
    finally:
        online.spend_attach("+CFUN=4 and back")
        online.send("AT+CFUN=1")
        online.register()
        online.activate()
    assert http.get("/").status == 200


@procedure(*BASIC, title="Parameters out of range are refused", depends_on=())
@pytest.mark.parametrize("line", [
    "AT+UHTTP=4", "AT+UHTTP=0,5,0", "AT+UHTTP=0,5,65536", "AT+UHTTP=0,4,2", "AT+UHTTP=0,6,1,5",
    'AT+UHTTPC=4,1,"/","x"', 'AT+UHTTPC=0,9,"/","x"', "AT+UHTTPC=0,1"])
def test_refusals(dut: Dut, line: str) -> None:
    """Profiles 0 to 3, ports 1 to 65535, authentication 0 and 1, security profiles 0 to 4."""
    assert not dut.send(line, check=False).ok, f"{line} was taken"
    dut.send("AT+UHTTP=0")


@procedure("R6:10.1", title="The client is mapped to another context", depends_on=WEB,
           needs=("far-side:report",))
def test_other_context(online: Dut, services: Services, network: Network, far_side: FarSide) -> None:
    """AT+UHTTP=0,20,2,1: context 2, IPv6 preferred; the far side sees the flow on it."""
    service = services["http"]
    online.ensure(f'AT+CGDCONT=2,"IPV4V6","{network.apn}"')
    online.send("AT+CGACT=1,2")
    try:
        setup(online, service, "AT+UHTTP=0,20,2,1")
        assert request(online, 1, "/", "get.ffs") == 1
        assert stored(online, "get.ffs")[0].split(" ")[1] == "200"
        assert far_side.report("flow", service="http")["cid"] == "2"
    finally:
        online.send("AT+UHTTP=0")
        online.send("AT+CGACT=0,2", check=False)


@procedure(*POST, title="POST of a file, as printed", depends_on=WEB)
def test_post_file(online: Dut, services: Services, record: Recorder) -> None:
    """The table of the section with a nonce in place of "hello world"."""
    text = f"hello {nonce()}"
    online.files.delete("postdata.txt", missing_ok=True)
    with record.step("write the file and check it"):
        online.send(f'AT+UDWNFILE="postdata.txt",{len(text)}', payload=text.encode())
        answer = online.send('AT+URDFILE="postdata.txt"').value("+URDFILE")
        assert answer == ("postdata.txt", len(text), text)
    with record.step("POST it as text/plain"):
        setup(online, services["http"])
        assert request(online, 4, "/post", "result.txt", ',"postdata.txt",1') == 1
    with record.step("the server's reply"):
        head, body = stored(online, "result.txt")
        echo = json.loads(body)
        assert head.split(" ")[1] == "200"
        assert echo["data"] == text
        assert echo["headers"]["Content-Type"] == "text/plain"
        assert echo["headers"]["Content-Length"] == str(len(text))
    online.files.delete("postdata.txt")


@procedure(*POST, title="POST of a file that is not there is refused", depends_on=WEB)
def test_post_of_nothing(online: Dut, services: Services) -> None:
    """An error at once, and no answer file."""
    setup(online, services["http"])
    name = f"none-{nonce()}"
    answer = online.send(f'AT+UHTTPC=0,4,"/post","{name}.out","{name}",1', check=False)
    assert not answer.ok, "a file that is not there was posted"
    assert not online.files.has(f"{name}.out")


@procedure("R6:10.3", title="The last error of each profile is its own", depends_on=WEB)
def test_errors_by_profile(online: Dut, services: Services, record: Recorder) -> None:
    """A good request on profile 1 and a failed one on profile 0 (the guide's print names +UFTPER)."""
    service = services["http"]
    bad, good = online.http(0), online.http(1)
    good.use(server_of(service)).get("/")
    bad.use(HttpServer(str(service.name or service.host), 81, timeout_s=SHORT_S))
    with pytest.raises(ClientError) as failed:
        bad.get("/")
    record.note(str(failed.value))
    assert bad.last_error() == (failed.value.kind, failed.value.code) != (0, 0)
    no_error(online, record, profile=1)
    bad.use(server_of(service)).get("/")
    no_error(online, record, profile=0)


@procedure("R8:9.3.1.3", title="Switching HTTPS on leaves the port as it is", depends_on=())
def test_port_stays(dut: Dut) -> None:
    """The port is not set automatically."""
    dut.send("AT+UHTTP=0")
    dut.send("AT+UHTTP=0,6,1")
    assert dut.send("AT+UHTTP=0,5").value("+UHTTP")[-1] == 80
    dut.send("AT+UHTTP=0,5,443")
    assert dut.send("AT+UHTTP=0,5").value("+UHTTP")[-1] == 443
    dut.send("AT+UHTTP=0")


@procedure("R6:10.4", title="HTTPS moves the port to 443 and back, a port set by hand stays", depends_on=())
def test_port_moves(dut: Dut) -> None:
    """443 with 6,1, 80 with 6,0; 9000 set by hand is not modified."""
    dut.send("AT+UHTTP=0")
    for security, port in (("1", 443), ("0", 80)):
        dut.send(f"AT+UHTTP=0,6,{security}")
        assert dut.send("AT+UHTTP=0,5").value("+UHTTP")[-1] == port
    dut.send("AT+UHTTP=0,5,9000")
    for security in ("1", "0"):
        dut.send(f"AT+UHTTP=0,6,{security}")
        assert dut.send("AT+UHTTP=0,5").value("+UHTTP")[-1] == 9000
    dut.send("AT+UHTTP=0")


@procedure(*HTTPS, title="HTTPS: the other commands behave as without", depends_on=SECURE)
def test_https(online: Dut, services: Services, root_of: Callable[[str], bytes], record: Recorder) -> None:
    """GET and HEAD by a security profile that checks the chain."""
    service, profile = services["https"], SecurityProfile(check=ServerCheck.CHAIN, root="web root")
    online.certificates.put(CertificateKind.ROOT, "web root", root_of("https"))
    try:
        online.security.apply(1, profile)
        http = online.http().use(server_of(service, security=1))
        with record.step("GET and HEAD"):
            assert http.get("/").status == 200
            assert http.head("/").body == b""
        no_error(online, record)
    finally:
        online.certificates.remove(CertificateKind.ROOT, "web root")
        online.security.reset(1)
