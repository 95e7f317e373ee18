"""CoAP over DTLS and TLS: LARA-R6 guide 8.5.1 to 8.5.3, and what chapter 8 says of the handshake."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from cellbench.api import (
    CertificateKind,
    ClientError,
    CoapTransport,
    Dut,
    FarSide,
    Recorder,
    SecurityProfile,
    ServerCheck,
    TlsVersion,
    procedure,
)

from .coap import URC_S, Services, ask, error_of, kept_profiles, nonce, read, server_of, setup
from .credentials import CERTIFICATE
from .test_data_security import trusted

NUMBER = 2  # of the security profile
DTLS, TLS = "coap-dtls", "coap-tls"
SECTION = {DTLS: "R6:8.5.2", TLS: "R6:8.5.3"}
TRANSPORT = {DTLS: CoapTransport.UDP, TLS: CoapTransport.TCP}
CHAIN = SecurityProfile(check=ServerCheck.CHAIN, root="web root")
REFUSED = "+CME ERROR: operation not allowed"
HANDSHAKE_S = 120.0


def depends(role: str) -> tuple[str, ...]:
    """What a failure may come from."""
    return "network", f"service:{role}"


@procedure("R6:8.5.1", title="The security profile of the client is taken as printed and shown",
           depends_on=())
def test_security_profile(dut: Dut) -> None:
    """0 to 4, others are refused."""
    with kept_profiles(dut):
        setup(dut)
        for number in (4, 3, 2, 1, 0):
            dut.send(f"AT+UCOAP=8,{number}")
            assert read(dut)["USECMNG PROFILE"] == number
        for line in ("AT+UCOAP=8,5", "AT+UCOAP=8", 'AT+UCOAP=8,"one"'):
            assert not dut.send(line, check=False).ok, f"{line} was taken"
        assert read(dut)["USECMNG PROFILE"] == 0


def _get(dut: Dut, services: Services, far_side: FarSide, role: str, root: bytes) -> None:
    """The printed rows with the rig's own root, then a page with a nonce."""
    service, transport, mark = services[role], TRANSPORT[role], nonce()
    where = server_of(service, transport=transport, security=NUMBER)
    far_side.act("server", name=role, state="reset")
    with trusted(dut, root), kept_profiles(dut):
        dut.security.apply(NUMBER, CHAIN)
        setup(dut, f"AT+UCOAP=8,{NUMBER}", f'AT+UCOAP=1,"{where.uri("/")}"')
        with dut.at.expect("+UCOAPCR") as result:
            dut.send("AT+UCOAPC=1")
            told = far_side.report("server", name=role)
            assert "tls_version" in told, "OK came before the handshake was done"
            assert result.wait(URC_S).fields == (1, 1)
        data, _ = ask(dut, "AT+UCOAPC=1")
        assert b"This is a test server made with libcoap" in bytes.fromhex(str(data[0][2]))
        dut.send(f'AT+UCOAP=1,"{where.uri(f"/query?mark={mark}")}"')
        assert bytes.fromhex(str(ask(dut, "AT+UCOAPC=1")[0][0][2])) == f"mark={mark}".encode()
        assert far_side.report("server", name=role)["query"] == f"mark={mark}"


@procedure("R6:8.5.2", "R6:8", title="GET over DTLS as printed: OK once the handshake is done",
           depends_on=depends(DTLS), needs=("far-side:report", "far-side:server"))
def test_dtls(online: Dut, services: Services, far_side: FarSide, root_of: Callable[[str], bytes]) -> None:
    """The certificate's chain is checked; the server tells of the handshake and of the request."""
    _get(online, services, far_side, DTLS, root_of(DTLS))


@procedure("R6:8.5.3", "R6:8", title="GET over TLS as printed: OK once the handshake is done",
           depends_on=depends(TLS), needs=("far-side:report", "far-side:server"))
def test_tls(online: Dut, services: Services, far_side: FarSide, root_of: Callable[[str], bytes]) -> None:
    """As over DTLS; only the URI differs."""
    _get(online, services, far_side, TLS, root_of(TLS))


def _body(dut: Dut, services: Services, role: str) -> None:
    place, body = f"/files/{nonce()}", nonce().encode() * 90
    dut.security.apply(NUMBER, SecurityProfile(check=ServerCheck.NONE))
    coap = dut.coap().use(server_of(services[role], transport=TRANSPORT[role], security=NUMBER))
    assert coap.put(place, body).code == 2
    assert coap.get(place).payload == body
    assert coap.delete(place).code == 2
    dut.security.reset(NUMBER)


@procedure("R6:8.5.2", title="A body in blocks over DTLS", depends_on=depends(DTLS))
def test_body_dtls(online: Dut, services: Services) -> None:
    """Out and back."""
    _body(online, services, DTLS)


@procedure("R6:8.5.3", title="A body in blocks over TLS", depends_on=depends(TLS))
def test_body_tls(online: Dut, services: Services) -> None:
    """Out and back."""
    _body(online, services, TLS)


def _wrong(dut: Dut, services: Services, root: bytes, record: Recorder, role: str, what: str) -> None:
    """Refused for that reason alone: put right, the same request passes."""
    service = services[role]
    name = str(service.name or service.host)
    right = SecurityProfile(check=ServerCheck.CHAIN, root="web root", version=TlsVersion.TLS_1_2)
    wrong = {"authority": replace(right, root="other root"),
             "host": replace(right, check=ServerCheck.HOST, host="other.example"),
             "suite": replace(right, suites=("C023",)),
             "psk": SecurityProfile(check=ServerCheck.NONE, suites=("00AE",))}[what]
    where = server_of(service, transport=TRANSPORT[role], security=NUMBER)
    dut.certificates.put(CertificateKind.ROOT, "other root", CERTIFICATE)
    try:
        with trusted(dut, root), kept_profiles(dut):
            dut.security.apply(NUMBER, wrong)
            with record.step(f"wrong {what}"), pytest.raises(ClientError) as failed:
                dut.coap().use(where).get("/")
            record.note(str(failed.value))
            assert failed.value.kind == 15
            answer = dut.send("AT+UCOAPC=1", check=False, timeout_s=HANDSHAKE_S)
            assert answer.final.text == REFUSED, "no OK without a handshake"
            assert error_of(dut).startswith("15,")
            with record.step(f"put right, {name}"):
                dut.security.apply(NUMBER, right)
                assert "libcoap" in dut.coap().use(where).get("/").text
    finally:
        dut.certificates.remove(CertificateKind.ROOT, "other root")


@procedure("R6:8.5.2", title="A wrong authority, host or suite: no DTLS and no OK", depends_on=depends(DTLS))
@pytest.mark.parametrize("what", ["authority", "host", "suite", "psk"])
def test_wrong_dtls(online: Dut, services: Services, root_of: Callable[[str], bytes], record: Recorder,
                    what: str) -> None:
    """A root that did not sign, a name that is not the server's, a suite or a key that it has not."""
    _wrong(online, services, root_of(DTLS), record, DTLS, what)


@procedure("R6:8.5.3", title="A wrong authority, host or suite: no TLS and no OK", depends_on=depends(TLS))
@pytest.mark.parametrize("what", ["authority", "host", "suite", "psk"])
def test_wrong_tls(online: Dut, services: Services, root_of: Callable[[str], bytes], record: Recorder,
                   what: str) -> None:
    """As over DTLS."""
    _wrong(online, services, root_of(TLS), record, TLS, what)


@procedure("R6:8.5.2", "R6:8.5.3", title="The suite that is selected is the one negotiated",
           depends_on=("network", f"service:{DTLS}", f"service:{TLS}"), needs=("far-side:report",))
@pytest.mark.parametrize("role", [DTLS, TLS])
@pytest.mark.parametrize(("suite", "strength"), [("C02F", "128"), ("C030", "256")])
def test_selected_suite(online: Dut, services: Services, far_side: FarSide, role: str, suite: str,
                        strength: str) -> None:
    """The server tells."""
    online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.NONE, version=TlsVersion.TLS_1_2,
                                                  suites=(suite,)))
    where = server_of(services[role], transport=TRANSPORT[role], security=NUMBER)
    assert "libcoap" in online.coap().use(where).get("/").text
    told = far_side.report("server", name=role)["tls_suite"]
    assert strength in told, f"{suite} was selected and {told} negotiated"
    online.security.reset(NUMBER)


@procedure("R6:8.5.3", title="Each way has a URI of its own: neither server answers the other's",
           depends_on=("network", f"service:{DTLS}", f"service:{TLS}"))
@pytest.mark.parametrize(("role", "transport", "security"), [
    (TLS, CoapTransport.TCP, None), (DTLS, CoapTransport.UDP, None)], ids=["tcp-to-tls", "udp-to-dtls"])
def test_other_scheme(online: Dut, services: Services, role: str, transport: CoapTransport,
                      security: int | None) -> None:
    """A request in the clear to a secure server."""
    where = server_of(services[role], transport=transport, security=security)
    setup(online, f'AT+UCOAP=1,"{where.uri("/")}"')
    assert ask(online, "AT+UCOAPC=1")[1] == (1, 0)
    assert error_of(online).startswith("15,")


@procedure("R6:8", title="Over UDP OK comes at once, over DTLS never without a handshake", depends_on=())
def test_ok_and_handshake(online: Dut, services: Services, record: Recorder) -> None:
    """To an address that never answers."""
    host = services["blackhole"].host
    with kept_profiles(online):
        setup(online, f'AT+UCOAP=1,"coap://{host}/"')
        with online.at.expect("+UCOAPCR") as result:
            began = time.monotonic()
            online.send("AT+UCOAPC=1")
            took = time.monotonic() - began
            assert result.wait(URC_S).fields == (1, 0)
            whole = time.monotonic() - began
        record.note(f"OK after {took:.2f} s, the result after {whole:.1f} s")
        assert took < whole
        setup(online, f'AT+UCOAP=1,"coaps://{host}/"')
        with online.at.expect("+UCOAPCR") as result:
            answer = online.send("AT+UCOAPC=1", check=False, timeout_s=HANDSHAKE_S)
            assert answer.final.text == REFUSED
            assert not result.heard
        assert error_of(online).startswith("15,")
