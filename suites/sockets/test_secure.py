"""Secure sockets: LARA-R6 guide 5.11 and what 5.3.3 says of their queue; LENA-R8 by its makers' driver."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from cellbench.api import (
    CellbenchError,
    CertificateKind,
    ClientError,
    Dut,
    FarSide,
    Limit,
    Recorder,
    SecurityProfile,
    ServerCheck,
    Service,
    Socket,
    TlsVersion,
    UnitError,
    procedure,
)

from ..internet.credentials import CERTIFICATE
from .common import ECHO, ESTABLISHED, TCP, UDP, control, nonce, socket

Services = Mapping[str, Service]
NUMBER = 2  # of the security profile
CHAIN = SecurityProfile(check=ServerCheck.CHAIN, root="socket root")
ANYBODY = SecurityProfile(check=ServerCheck.NONE)
TLS, DTLS = "https", "coap-dtls"
SERVER = ("network", "service:dns", "service:https")
DATAGRAMS = ("network", "service:coap-dtls")
QUEUE_BYTES = 1024
RECV_S = 30.0
GET_HELLO = b"\x48\x01%b%b\xb5hello"  # RFC 7252 3: a confirmable GET, its number, a token of 8 bytes


def place(service: Service) -> tuple[str, int]:
    """Where a socket connects to."""
    return str(service.host or service.name), int(service.port or 0)


def exchange(one: Socket, service: Service) -> None:
    """A nonce to the server's echo page and back, over whatever the socket is."""
    mark = nonce()
    one.send(f"POST /post HTTP/1.0\r\nHost: {service.name}\r\nContent-Length: {len(mark)}\r\n\r\n{mark}"
             .encode())
    answer = b""
    while mark.encode() not in answer or not _complete(answer):
        answer += one.recv(1024, RECV_S)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["data"] == mark


def _complete(answer: bytes) -> bool:
    head, blank, body = answer.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
               if line.startswith(b"content-length:")]
    return bool(blank) and (not lengths or len(body) >= lengths[0])


def coap(one: Socket) -> None:
    """A request with a nonce as its token; the answer carries it."""
    token = nonce(8).encode()
    one.send(GET_HELLO % (secrets.token_bytes(2), token))
    answer = one.recv(256, RECV_S)
    assert token in answer
    assert answer.endswith(b"world")


@procedure("R6:5.11", title="TLS on a TCP socket, by a profile that checks the server", depends_on=SERVER,
           needs=("far-side:report", "far-side:server"))
def test_tls(online: Dut, services: Services, far_side: FarSide, root_of: Callable[[str], bytes]) -> None:
    """Data in both directions; the server tells of the handshake."""
    service = services[TLS]
    online.certificates.put(CertificateKind.ROOT, "socket root", root_of(TLS))
    try:
        online.security.apply(NUMBER, CHAIN)
        far_side.act("server", name=TLS, state="reset")
        with online.sockets.tcp() as one:
            one.secure(NUMBER)
            one.connect(*place(service))
            assert control(online, one.number, 10) == ESTABLISHED
            exchange(one, service)
        assert far_side.report("server", name=TLS)["tls_version"]
    finally:
        online.certificates.remove(CertificateKind.ROOT, "socket root")
        online.security.reset(NUMBER)


@procedure("R6:5.11", title="DTLS on a UDP socket", depends_on=DATAGRAMS, needs=("far-side:report",))
def test_dtls(online: Dut, services: Services, far_side: FarSide, root_of: Callable[[str], bytes]) -> None:
    """Several datagrams each way; the server tells of the handshake."""
    online.certificates.put(CertificateKind.ROOT, "socket root", root_of(DTLS))
    try:
        online.security.apply(NUMBER, CHAIN)
        with online.sockets.udp() as one:
            one.secure(NUMBER)
            one.connect(*place(services[DTLS]))
            for _ in range(3):
                coap(one)
        assert "1.2" in far_side.report("server", name=DTLS)["tls_version"].replace("_", ".")
    finally:
        online.certificates.remove(CertificateKind.ROOT, "socket root")
        online.security.reset(NUMBER)


@procedure("R6:5.11", title="Before +USOCR there is nothing to secure, on a connected socket it is too late",
           depends_on=ECHO)
def test_when(online: Dut, services: Services) -> None:
    """Refused both times, for switching on and off; the connection stays in the clear."""
    for line in ("AT+USOSEC=0,1,2", "AT+USOSEC=0,0", "AT+USOSEC=7,1", "AT+USOSEC=6,1"):
        assert not online.send(line, check=False).ok, f"{line} was taken without a socket"
    echo, mark = services["echo"], nonce().encode()
    with online.sockets.tcp() as one:
        one.connect(*place(echo))
        assert not online.send(f"AT+USOSEC={one.number},1,{NUMBER}", check=False).ok
        one.send(mark)
        assert one.recv_exactly(len(mark)) == mark


@procedure("R6:5.11", title="Switched off again, a socket is a plain one", depends_on=ECHO)
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_switched_off(online: Dut, services: Services, protocol: int) -> None:
    """A nonce to the plain echo server and back."""
    echo, mark = services["echo"], nonce().encode()
    with (online.sockets.tcp() if protocol == TCP else online.sockets.udp()) as one:
        one.secure(NUMBER)
        online.send(f"AT+USOSEC={one.number},0")
        one.connect(*place(echo))
        one.send(mark)
        assert one.recv_exactly(len(mark)) == mark


@procedure("R6:5.11", title="Values that are none are refused", depends_on=())
def test_values(dut: Dut) -> None:
    """State and profile out of range, no number."""
    with socket(dut, TCP) as number:
        for line in (f"AT+USOSEC={number},2", f"AT+USOSEC={number},1,5", f'AT+USOSEC={number},"on"',
                     "AT+USOSEC="):
            assert not dut.send(line, check=False).ok, f"{line} was taken"


def _fails(dut: Dut, one: Socket, where: tuple[str, int], record: Recorder) -> None:
    one.secure(NUMBER)
    with pytest.raises(ClientError) as failed:
        one.connect(*where)
    record.note(str(failed.value))


@procedure("R6:5.11", title="A plain server gives no secure connection", depends_on=ECHO)
def test_plain_server(online: Dut, services: Services, record: Recorder) -> None:
    """The echo server sends the first message back: no TLS; the next plain socket is none the worse."""
    echo, mark = services["echo"], nonce().encode()
    online.security.apply(NUMBER, ANYBODY)
    with online.sockets.tcp() as one:
        _fails(online, one, place(echo), record)
    with online.sockets.tcp() as one:
        one.connect(*place(echo))
        one.send(mark)
        assert one.recv_exactly(len(mark)) == mark
    online.security.reset(NUMBER)


@procedure("R6:5.11", title="What the profile demands holds: wrong, there is no connection; right, there is",
           depends_on=(*SERVER, "service:coap-dtls"))
@pytest.mark.parametrize("what", ["authority", "host", "suite"])
@pytest.mark.parametrize("role", [TLS, DTLS])
def test_wrong(online: Dut, services: Services, root_of: Callable[[str], bytes], record: Recorder, role: str,
               what: str) -> None:
    """A root that did not sign, a name that is not the server's, a suite that it has not."""
    service = services[role]
    right = replace(CHAIN, version=TlsVersion.TLS_1_2)
    wrong = {"authority": replace(right, root="nobody"),
             "host": replace(right, check=ServerCheck.HOST, host="other.example"),
             "suite": replace(right, suites=("C023",))}[what]
    roots = {"socket root": root_of(role), "nobody": CERTIFICATE}
    for name, root in roots.items():
        online.certificates.put(CertificateKind.ROOT, name, root)
    try:
        for profile in (wrong, right):
            online.security.apply(NUMBER, profile)
            with (online.sockets.tcp() if role == TLS else online.sockets.udp()) as one:
                if profile is wrong:
                    _fails(online, one, place(service), record)
                    continue
                one.secure(NUMBER)
                one.connect(*place(service))
                if role == TLS:
                    exchange(one, service)
                else:
                    coap(one)
    finally:
        for name in roots:
            online.certificates.remove(CertificateKind.ROOT, name)
        online.security.reset(NUMBER)


@procedure("R6:5.11", title="While a handshake runs, other socket commands are not carried out",
           depends_on=("network",), needs=("far-side:server", "far-side:report"))
def test_handshake_holds_the_others(online: Dut, services: Services, far_side: FarSide, record: Recorder
                                    ) -> None:
    """A server that takes the connection and is silent; a second port asks meanwhile: refused, or answered
    once the first command has its own final result code."""
    others = [role for role in online.slot.roles() if online.port(role) is not online.at]
    assert others, "a second AT port is needed"
    other, echo, ended = online.port(others[0]), services["echo"], []
    online.security.apply(NUMBER, ANYBODY)
    far_side.act("server", name="echo", state="mute")
    try:
        with online.sockets.tcp() as one, online.sockets.tcp() as beside:
            one.secure(NUMBER)

            def handshake() -> None:
                with pytest.raises(UnitError):
                    one.connect(*place(echo))
                ended.append(time.monotonic())

            thread = threading.Thread(target=handshake)
            before = _flow(far_side)
            thread.start()
            while _flow(far_side) == before:
                assert thread.is_alive(), "the handshake ended before the server was reached"
            began = time.monotonic()
            answer = other.send(f"AT+USOCTL={beside.number},10", check=False)
            answered = time.monotonic()
            thread.join()
            record.note(f"the other port: {answer.final.text}")
            early = ended[0] - answered
            assert not answer.ok or early < (ended[0] - began) / 4, \
                f"answered {early:.2f} s before the handshake's end"
    finally:
        far_side.act("server", name="echo", state="up")
        online.security.reset(NUMBER)


def _flow(far_side: FarSide) -> Mapping[str, str]:
    """The last flow to the echo server; empty when there was none."""
    try:
        return far_side.report("flow", service="echo")
    except CellbenchError:
        return {}


@procedure("R6:5.11", "R6:5.3.3", title="The queue of a secure socket is limited to 1 kB", depends_on=SERVER,
           needs=("far-side:link",))
def test_queue(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """With the link standing still: writes are taken up to 1024 bytes, then ERROR; still connected."""
    service = services[TLS]
    online.security.apply(NUMBER, ANYBODY)
    with online.sockets.tcp() as one:
        one.secure(NUMBER)
        one.connect(*place(service))
        far_side.act("link", state="blocked")
        try:
            taken = 0
            while taken <= 4 * QUEUE_BYTES:
                if not online.send(f'AT+USOWR={one.number},128,"{"q" * 128}"', check=False).ok:
                    break
                taken += 128
            record.measure("taken", taken, limit=Limit(high=QUEUE_BYTES, source="LARA-R6 guide 5.3.3"),
                           unit="bytes")
            assert control(online, one.number, 10) == ESTABLISHED
        finally:
            far_side.act("link", state="ok")
    online.security.reset(NUMBER)


@procedure(title="LENA-R8: TLS on a TCP socket, no DTLS on a UDP one", series=("LENA-R8",), depends_on=SERVER)
def test_lena(online: Dut, services: Services) -> None:
    """Its guide does not print +USOSEC; the makers' driver uses it for TLS."""
    service = services[TLS]
    online.security.apply(NUMBER, ANYBODY)
    with online.sockets.tcp() as one:
        one.secure(NUMBER)
        one.connect(*place(service))
        exchange(one, service)
    with online.sockets.udp() as other:
        assert not online.send(f"AT+USOSEC={other.number},1,{NUMBER}", check=False).ok
    online.security.reset(NUMBER)

