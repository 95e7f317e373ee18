"""MQTT-SN over DTLS and MQTT Flex: LARA-R6 guide 7.10, 7.12, 7.12.1 to 7.12.3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cellbench.api import (
    CertificateKind,
    Dut,
    FarSide,
    Recorder,
    SecurityProfile,
    ServerCheck,
    Service,
    TlsVersion,
    md5_of,
    procedure,
)

from .credentials import CERTIFICATE, KEY, THAWTE
from .sn import GATEWAY, Fields, fails, fresh, gateway_of, no_error, session, setup, talk, told
from .web import Services, nonce

SECURE = ("network", "service:mqttsn-dtls")
FLEX = ("network", "service:dns", "service:mqtt-flex")
ROOT, CLIENT, CLIENT_KEY = CertificateKind.ROOT, CertificateKind.CLIENT, CertificateKind.KEY
NUMBER = 2  # of the security profile, as in 7.10
FLEX_NUMBER = 0
FLEX_CERTIFICATE, FLEX_KEY = "MQTTFlex_cert", "MQTTFlex_key"
FLEX_PROFILE = SecurityProfile(check=ServerCheck.NONE, version=TlsVersion.TLS_1_2, suites=("C030",),
                               certificate=FLEX_CERTIFICATE, key=FLEX_KEY)
Pair = Callable[[str], tuple[bytes, bytes]]


@contextmanager
def trusting(dut: Dut, root: bytes) -> Iterator[None]:
    """Profile NUMBER with a check of the chain up to a root."""
    dut.certificates.put(ROOT, "sn root", root)
    try:
        dut.security.apply(NUMBER, SecurityProfile(check=ServerCheck.CHAIN, root="sn root"))
        yield
    finally:
        dut.security.reset(NUMBER)
        dut.certificates.remove(ROOT, "sn root")


@procedure("R6:7.10", title="A secure session, as printed; the other commands behave as without",
           depends_on=SECURE)
def test_secure(online: Dut, services: Services, root_of: Callable[[str], bytes], record: Recorder) -> None:
    """AT+UMQTTSN=9,1,2 and the port of the gateway; the server's certificate is checked."""
    with trusting(online, root_of("mqttsn-dtls")), fresh(online) as client:
        with record.step("profile and port"):
            online.send(f"AT+UMQTTSN=9,1,{NUMBER}")
            setup(online, services["mqttsn-dtls"])
            assert client.settings()[9] == (1, NUMBER)
        with record.step("connect"):
            assert told(online, "1") == (1,)
        with record.step("subscribe, publish, read, unsubscribe"):
            talk(client)
        with record.step("disconnect"):
            assert told(online, "0") == (1,)
        no_error(online, record)


@procedure("R6:7.10", title="The session is encrypted by DTLS 1.2", depends_on=SECURE,
           needs=("far-side:report", "far-side:server"))
def test_secure_version(online: Dut, services: Services, far_side: FarSide, root_of: Callable[[str], bytes],
                        record: Recorder) -> None:
    """As the gateway saw it."""
    with trusting(online, root_of("mqttsn-dtls")), \
            session(online, services["mqttsn-dtls"], security=NUMBER):
        seen = far_side.report("server", name="mqttsn-dtls")
        record.note(f"{seen['tls_version']}, {seen['tls_suite']}")
        assert seen["tls_version"] == "DTLS_1_2"


@procedure("R6:7.10", title="A gateway of another authority is refused; the right one is not",
           depends_on=SECURE)
def test_wrong_authority(online: Dut, services: Services, root_of: Callable[[str], bytes], record: Recorder
                         ) -> None:
    """+UUMQTTSNC: 1,0."""
    gateway = gateway_of(services["mqttsn-dtls"], security=NUMBER)
    with fresh(online) as client:
        with trusting(online, THAWTE):
            fails(client.use(gateway), record)
        with trusting(online, root_of("mqttsn-dtls")), client.use(gateway).session():
            talk(client)


@procedure("R6:7.10", title="Security on one side alone: no session",
           depends_on=(*SECURE, *GATEWAY))
@pytest.mark.parametrize("secure", [True, False], ids=["secure-to-plain", "plain-to-secure"])
def test_mismatch(online: Dut, services: Services, record: Recorder, secure: bool) -> None:
    """The port decides; the next session, to the right one, starts."""
    role = "mqttsn" if secure else "mqttsn-dtls"
    with fresh(online) as client:
        online.security.reset(NUMBER)
        fails(client.use(gateway_of(services[role], security=NUMBER if secure else None)), record)
        with client.use(gateway_of(services["mqttsn"])).session():
            talk(client)


@procedure("R6:7.10", title="Security profiles that are none are refused", depends_on=())
def test_security_refusals(dut: Dut) -> None:
    """9,2 and profile 5."""
    with fresh(dut):
        for line in ("9,2", "9,1,5", '9,""'):
            assert not dut.send(f"AT+UMQTTSN={line}", check=False).ok, f"{line} was taken"


@contextmanager
def imported(dut: Dut, certificate: bytes, key: bytes) -> Iterator[None]:
    """Certificate and key under the section's names, by way of files, as printed."""
    dut.at.secrets.learn_text(key)
    items = ((CLIENT, FLEX_CERTIFICATE, "device.pem", certificate), (CLIENT_KEY, FLEX_KEY, "device.key", key))
    try:
        for kind, name, file, data in items:
            dut.certificates.remove(kind, name, missing_ok=True)
            dut.files.put(file, data)
            assert dut.certificates.put_file(kind, name, file, data) == md5_of(data)
            dut.files.delete(file)
        yield
    finally:
        for kind, name, file, _ in items:
            dut.certificates.remove(kind, name, missing_ok=True)
            dut.files.delete(file, missing_ok=True)


@contextmanager
def flex_profile(dut: Dut, profile: SecurityProfile = FLEX_PROFILE) -> Iterator[None]:
    """The section's DTLS profile, or another."""
    try:
        dut.security.apply(FLEX_NUMBER, profile)
        yield
    finally:
        dut.security.reset(FLEX_NUMBER)


def flex_client(dut: Dut, service: Service) -> None:
    """The rows of 7.12.3."""
    for line in (f'0,"device:{nonce()}"', f'1,"{service.name or service.host}",{service.port}',
                 f"9,1,{FLEX_NUMBER}"):
        dut.send(f"AT+UMQTTSN={line}")


@procedure("R6:7.12.1", "R6:7.12", title="Client certificate and key are imported from files, as printed",
           depends_on=())
def test_flex_import(dut: Dut, services: Services, client_of: Pair) -> None:
    """Each answer's MD5 is that of the DER, and both are listed."""
    with imported(dut, *client_of("mqtt-flex")):
        stored = {(one.kind, one.name) for one in dut.certificates.list()}
        assert {(CLIENT, FLEX_CERTIFICATE), (CLIENT_KEY, FLEX_KEY)} <= stored


@procedure("R6:7.12.2", title="The DTLS profile is configured as printed and reads back", depends_on=())
def test_flex_profile(dut: Dut, client_of: Pair) -> None:
    """The rows of the table on profile 0."""
    rows: tuple[tuple[str, Fields], ...] = (
        ("0,0", (0,)), ("1,3", (3,)), ('2,99,"C0","30"', (99, "C030")),
        (f'5,"{FLEX_CERTIFICATE}"', (FLEX_CERTIFICATE,)), (f'6,"{FLEX_KEY}"', (FLEX_KEY,)))
    with imported(dut, *client_of("mqtt-flex")):
        try:
            dut.send(f"AT+USECPRF={FLEX_NUMBER}")
            for row, shown in rows:
                dut.send(f"AT+USECPRF={FLEX_NUMBER},{row}")
                assert dut.security.read(FLEX_NUMBER, int(row[0])) == shown
        finally:
            dut.security.reset(FLEX_NUMBER)


@procedure("R6:7.12.3", "R6:7.12", title="MQTT Flex: the client is configured as printed, and a session",
           depends_on=FLEX)
def test_flex(online: Dut, services: Services, client_of: Pair, record: Recorder) -> None:
    """By the gateway's name, with client certificate and key."""
    with imported(online, *client_of("mqtt-flex")), flex_profile(online), fresh(online) as client:
        with record.step("configure the client"):
            flex_client(online, services["mqtt-flex"])
        with record.step("a session like a generic one"), client.session():
            talk(client)
        no_error(online, record)


@procedure("R6:7.12.2", "R6:7.12.1", title="Without a client certificate, or with an unknown one: no session",
           depends_on=FLEX)
@pytest.mark.parametrize("what", ["none", "unknown"])
def test_flex_without_certificate(online: Dut, services: Services, client_of: Pair, record: Recorder,
                                  what: str) -> None:
    """The service demands a client certificate of its own authority; with it the session starts."""
    bare = SecurityProfile(check=ServerCheck.NONE, version=TlsVersion.TLS_1_2, suites=("C030",))
    wrong = bare if what == "none" else FLEX_PROFILE
    with fresh(online) as client:
        flex_client(online, services["mqtt-flex"])
        with imported(online, CERTIFICATE, KEY), flex_profile(online, wrong):
            fails(client, record)
        with imported(online, *client_of("mqtt-flex")), flex_profile(online), client.session():
            talk(client)


@procedure("R6:7.12.2", title="With validation on, a root that did not sign the gateway ends the handshake",
           depends_on=FLEX)
def test_flex_wrong_authority(online: Dut, services: Services, client_of: Pair, record: Recorder) -> None:
    """AT+USECPRF=0,0,1 in place of 0,0,0, and another root."""
    checked = SecurityProfile(check=ServerCheck.CHAIN, version=TlsVersion.TLS_1_2, suites=("C030",),
                              root="flex root", certificate=FLEX_CERTIFICATE, key=FLEX_KEY)
    online.certificates.put(ROOT, "flex root", THAWTE)
    try:
        with imported(online, *client_of("mqtt-flex")), flex_profile(online, checked), \
                fresh(online) as client:
            flex_client(online, services["mqtt-flex"])
            fails(client, record)
    finally:
        online.certificates.remove(ROOT, "flex root")
