"""Certificates and security profiles: LENA-R8 guide 9.1.1 to 9.1.4; LARA-R6 guide 3.1 to 3.3, 3.5."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from cellbench.api import (
    CertificateKind,
    CertificateMissing,
    ClientError,
    Dut,
    FarSide,
    Pin,
    PinLevel,
    Psk,
    Recorder,
    SecurityProfile,
    ServerCheck,
    TlsVersion,
    md5_of,
    procedure,
)

from .credentials import CERTIFICATE, ENCRYPTED_KEY, ENCRYPTED_KEY_PASSWORD, KEY, THAWTE, THAWTE_MD5
from .web import SECURE, Services, request, server_of, stored

MANAGER = ("R8:9.1.1", "R6:3.1")
PROFILE = ("R8:9.1.2", "R6:3.2")
SUITES = ("R8:9.1.2.1", "R6:3.2.1")
EXAMPLE = ("R8:9.1.3", "R6:3.3")
TROUBLE = ("R8:9.1.4", "R6:3.5")
ROOT, CLIENT, CLIENT_KEY = CertificateKind.ROOT, CertificateKind.CLIENT, CertificateKind.KEY
ITEMS = ((ROOT, "ca_cert", THAWTE), (CLIENT, "client_cert", CERTIFICATE), (CLIENT_KEY, "client_key", KEY))
CHAIN = SecurityProfile(check=ServerCheck.CHAIN, root="web root")
NUMBER = 2  # of the security profile, as in the guides' complete example


@contextmanager
def trusted(dut: Dut, root: bytes, name: str = "web root") -> Iterator[None]:
    """A root that is stored in the block, and profile NUMBER reset after it."""
    dut.certificates.put(ROOT, name, root)
    try:
        yield
    finally:
        dut.certificates.remove(ROOT, name, missing_ok=True)
        dut.security.reset(NUMBER)


@procedure(*MANAGER, title="CA, client certificate and key are imported from files and listed, as printed",
           depends_on=())
def test_import_from_files(dut: Dut, record: Recorder) -> None:
    """Each answer's MD5 is that of the DER; the list has type, name, common name and end."""
    for kind, name, data in ITEMS:
        dut.certificates.remove(kind, name, missing_ok=True)
        dut.files.put(f"{name}.crt", data)
        with record.step(f"import {name}"):
            assert dut.certificates.put_file(kind, name, f"{name}.crt", data) == md5_of(data)
        dut.files.delete(f"{name}.crt")
    with record.step("list"):
        found = {(one.kind, one.name): one for one in dut.certificates.list()}
        assert found[ROOT, "ca_cert"].common_name == "thawte Primary Root CA"
        assert found[ROOT, "ca_cert"].end.startswith("2036/07/1")
        assert found[CLIENT, "client_cert"].common_name == "cellbench client"
        assert (CLIENT_KEY, "client_key") in found
    with record.step("MD5 and removal"):
        for kind, name, data in ITEMS:
            assert dut.certificates.md5(kind, name) == md5_of(data)
            dut.certificates.remove(kind, name)
        left = {(one.kind, one.name) for one in dut.certificates.list()}
        assert not left & {(kind, name) for kind, name, _ in ITEMS}


@procedure(*MANAGER, title="What was never stored, or was removed, has no MD5", depends_on=())
def test_missing(dut: Dut) -> None:
    """MD5 and removal of a name that is not there are refused, and so is an import from no file."""
    with pytest.raises(CertificateMissing):
        dut.certificates.md5(ROOT, "nobody")
    with pytest.raises(CertificateMissing):
        dut.certificates.remove(ROOT, "nobody")
    dut.files.delete("nobody.crt", missing_ok=True)
    assert not dut.send('AT+USECMNG=1,0,"nobody","nobody.crt"', check=False).ok


@procedure(*MANAGER, title="What is no certificate is refused and not stored", depends_on=())
def test_rubbish(dut: Dut) -> None:
    """Bytes that are neither PEM nor DER; a certificate in place of a key."""
    for kind, data in ((0, b"not a certificate"), (2, CERTIFICATE)):
        line = f'AT+USECMNG=0,{kind},"rubbish",{len(data)}'
        assert not dut.send(line, payload=data, check=False).ok, f"type {kind} was taken"
    assert not [one for one in dut.certificates.list() if one.name == "rubbish"]


@procedure("R8:9.1.1", title="The import of a PKCS8 encrypted key is not supported", depends_on=())
def test_encrypted_key(dut: Dut) -> None:
    """The last sentence of the section."""
    line = f'AT+USECMNG=0,2,"encrypted",{len(ENCRYPTED_KEY)},"{ENCRYPTED_KEY_PASSWORD}"'
    assert not dut.send(line, payload=ENCRYPTED_KEY, check=False).ok, "an encrypted key was taken"
    assert not [one for one in dut.certificates.list() if one.name == "encrypted"]


@procedure(*MANAGER, title="A server whose key is too small is refused", depends_on=SECURE)
def test_small_server_key(online: Dut, services: Services, root_of: Callable[[str], bytes],
                          record: Recorder) -> None:
    """RSA keys of at least 2048 bits: one of 1024 does not connect, the usual server does."""
    small = services["https-rsa1024"]
    with trusted(online, root_of("https")):
        online.security.apply(NUMBER, CHAIN)
        with pytest.raises(ClientError) as failed:
            online.http().use(server_of(small, security=NUMBER)).get("/")
        record.note(str(failed.value))
        assert online.http().use(server_of(services["https"], security=NUMBER)).get("/").status == 200


@procedure(*PROFILE, title="The profile is configured as printed and reads back", depends_on=())
def test_profile_as_printed(dut: Dut) -> None:
    """The rows of the table on profile 0; the reset takes all of it back."""
    security = dut.security
    security.apply(0, SecurityProfile(check=ServerCheck.CHAIN, suites=3, root="ca_cert",
                                      certificate="client_cert", key="client_key", sni="sni.example"))
    assert security.read(0, 3) == ("ca_cert",)
    security.reset(0)
    assert [security.read(0, op) for op in (3, 5, 6, 10)] == [("",)] * 4


@procedure(*PROFILE, title="Each property that the section lists is kept", depends_on=())
@pytest.mark.parametrize("profile", [
    SecurityProfile(check=ServerCheck.NONE), SecurityProfile(check=ServerCheck.HOST, host="server.example"),
    SecurityProfile(check=ServerCheck.DATES), SecurityProfile(version=TlsVersion.TLS_1_0),
    SecurityProfile(version=TlsVersion.TLS_1_2), SecurityProfile(suites=("C030",)),
    SecurityProfile(key_password="pass-word"), SecurityProfile(psk=Psk("identity", "key of the psk")),
    SecurityProfile(pin=Pin("pinned", PinLevel.CERTIFICATE)),
], ids=["check-none", "host", "dates", "tls1.0", "tls1.2", "iana-suite", "password", "psk", "pin"])
def test_properties(dut: Dut, profile: SecurityProfile) -> None:
    """Set and read back, except what no read form shows."""
    dut.security.apply(4, profile)
    dut.security.reset(4)


@procedure(*PROFILE, title="Values out of range are refused", depends_on=())
@pytest.mark.parametrize("line", [
    "AT+USECPRF=5", "AT+USECPRF=0,0,4", "AT+USECPRF=0,1,5", 'AT+USECPRF=0,12,"a",3',
    'AT+USECPRF=0,2,99,"C0"'])
def test_profile_refusals(dut: Dut, line: str) -> None:
    """Profiles 0 to 4, checks 0 to 3, versions up to 4, pins 0 to 2, two bytes of a suite."""
    assert not dut.send(line, check=False).ok, f"{line} was taken"
    dut.security.reset(0)


@procedure(*SUITES, title="The suite that is selected is the one negotiated", depends_on=SECURE,
           needs=("far-side:report",))
@pytest.mark.parametrize("suite", ["C02F", "C030"])
def test_selected_suite(online: Dut, services: Services, far_side: FarSide, suite: str) -> None:
    """By IANA number; the server tells the suite."""
    online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.NONE, version=TlsVersion.TLS_1_2,
                                                  suites=(suite,)))
    assert online.http().use(server_of(services["https"], security=NUMBER)).get("/").status == 200
    strength = {"C02F": "128", "C030": "256"}[suite]
    told = far_side.report("server", name="https")["tls_suite"]
    assert strength in told, f"{suite} was selected and {told} negotiated"
    online.security.reset(NUMBER)


@procedure("R6:3.2.1.1", title="TLS 1.3 with the suites of its own", depends_on=SECURE,
           needs=("far-side:report",))
@pytest.mark.parametrize("suite", ["1301", "1302"])
def test_tls13_suites(online: Dut, services: Services, far_side: FarSide, suite: str) -> None:
    """The server tells the version and the suite."""
    online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.NONE, version=TlsVersion.TLS_1_3,
                                                  suites=(suite,)))
    assert online.http().use(server_of(services["https"], security=NUMBER)).get("/").status == 200
    told = far_side.report("server", name="https")
    assert told["tls_version"].replace("_", "").endswith("13")
    assert {"1301": "128", "1302": "256"}[suite] in told["tls_suite"], told["tls_suite"]
    online.security.reset(NUMBER)


@procedure(*EXAMPLE, title="The complete example: byte stream, list, profile 2, HTTPS", depends_on=SECURE)
def test_complete_example(online: Dut, services: Services, root_of: Callable[[str], bytes], record: Recorder
                          ) -> None:
    """Steps 1 to 5 with the rig's own root under the printed name."""
    root = root_of("https")
    online.certificates.remove(ROOT, "ThawteCA", missing_ok=True)
    with trusted(online, root, "ThawteCA"):
        with record.step("list"):
            assert "ThawteCA" in {one.name for one in online.certificates.list() if one.kind is ROOT}
            assert online.certificates.md5(ROOT, "ThawteCA") == md5_of(root)
        with record.step("profile 2"):
            online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.CHAIN, root="ThawteCA"))
        with record.step("HTTPS"):
            service = services["https"]
            online.send("AT+UHTTP=0")
            online.send(f'AT+UHTTP=0,1,"{service.name}"')
            online.send(f"AT+UHTTP=0,6,1,{NUMBER}")
            online.send(f"AT+UHTTP=0,5,{service.port}")
            assert request(online, 1, "/", "https.resp") == 1
            assert stored(online, "https.resp")[0].split(" ")[1] == "200"


@procedure(*EXAMPLE, title="Four secure connections at a time, no fifth", depends_on=SECURE)
def test_four_at_once(online: Dut, services: Services, record: Recorder) -> None:
    """By sockets, which stay connected: the fifth connects when one of the four is closed."""
    service = services["https"]
    place = str(service.host or service.name), int(service.port or 443)
    online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.NONE))
    with ExitStack() as opened:
        four = [opened.enter_context(online.sockets.tcp()) for _ in range(4)]
        for one in four:
            one.secure(NUMBER)
            one.connect(*place)
        with record.step("a fifth is refused"), online.sockets.tcp() as fifth:
            fifth.secure(NUMBER)
            with pytest.raises(ClientError) as refused:
                fifth.connect(*place)
            record.note(str(refused.value))
        with record.step("in place of one of the four it connects"):
            four[0].close()
            later = opened.enter_context(online.sockets.tcp())
            later.secure(NUMBER)
            later.connect(*place)
    online.security.reset(NUMBER)


@procedure(*EXAMPLE, title="The MD5 that the guides print", depends_on=())
def test_printed_md5(dut: Dut) -> None:
    """The public root of the example, as bytes in PEM: its MD5 is that of its DER."""
    assert dut.certificates.put(ROOT, "ThawteCA", THAWTE) == THAWTE_MD5
    dut.certificates.remove(ROOT, "ThawteCA")


def _fails(dut: Dut, services: Services, record: Recorder, role: str, profile: SecurityProfile) -> None:
    dut.security.apply(NUMBER, profile)
    http = dut.http().use(server_of(services[role], security=NUMBER))
    with pytest.raises(ClientError) as failed:
        http.get("/")
    record.note(str(failed.value))
    assert failed.value.kind == 3
    assert not dut.files.has(http.answer_file)


@procedure(*TROUBLE, title="What the list says to check: each one wrong fails, put right it connects",
           depends_on=SECURE)
@pytest.mark.parametrize("what", ["authority", "host"])
def test_wrong_certificate_settings(online: Dut, services: Services, record: Recorder,
                                    root_of: Callable[[str], bytes], what: str) -> None:
    """A root that did not sign the server, an expected host name that is not the server's."""
    service = services["https"]
    name = str(service.name)
    right = SecurityProfile(check=ServerCheck.HOST, root="web root", host=name, sni=name)
    wrong = {"authority": replace(right, root="other root"),
             "host": replace(right, host="other.example")}[what]
    online.certificates.put(ROOT, "other root", CERTIFICATE)
    try:
        with trusted(online, root_of("https")):
            with record.step(f"wrong {what}"):
                _fails(online, services, record, "https", wrong)
            with record.step("put right"):
                online.security.apply(NUMBER, right)
                assert online.http().use(server_of(service, security=NUMBER)).get("/").status == 200
    finally:
        online.certificates.remove(ROOT, "other root")


@procedure(*TROUBLE, title="A version or a suite that the server lacks fails, one that it has connects",
           depends_on=("network", "service:dns", "service:https-aes128"))
def test_wrong_suite(online: Dut, services: Services, record: Recorder) -> None:
    """The server takes TLS 1.2 with TLS_RSA_WITH_AES_128_CBC_SHA only."""
    service = services["https-aes128"]
    with record.step("another suite"):
        _fails(online, services, record, "https-aes128",
               SecurityProfile(check=ServerCheck.NONE, suites=("C030",)))
    with record.step("its suite"):
        online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.NONE, suites=("002F",)))
        assert online.http().use(server_of(service, security=NUMBER)).get("/").status == 200
    online.security.reset(NUMBER)


@procedure("R6:3.5", title="A server without TLS 1.3 fails when it is demanded",
           depends_on=("network", "service:dns", "service:https-aes128"))
def test_wrong_version(online: Dut, services: Services, record: Recorder) -> None:
    """Operation 1 set to TLS 1.3 against a server that has TLS 1.2."""
    _fails(online, services, record, "https-aes128",
           SecurityProfile(check=ServerCheck.NONE, version=TlsVersion.TLS_1_3))
    online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.NONE, version=TlsVersion.TLS_1_2))
    secure = server_of(services["https-aes128"], security=NUMBER)
    assert online.http().use(secure).get("/").status == 200
    online.security.reset(NUMBER)
