"""Certificates, profiles, the complete example: LENA-R8 guide 9.1.1 to 9.1.3; LARA-R6 guide 3.1 to 3.3."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

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

from .credentials import (
    CERTIFICATE,
    ENCRYPTED_KEY,
    ENCRYPTED_KEY_PASSWORD,
    KEY,
    SMALL_CERTIFICATES,
    SMALL_KEYS,
    THAWTE,
    THAWTE_MD5,
)
from .secure import CHAIN, EC, FAR, MUTUAL, NUMBER, fails, trusted
from .web import SECURE, Services, place_of, request, server_of, stored

MANAGER = ("R8:9.1.1", "R6:3.1")
PROFILE = ("R8:9.1.2", "R6:3.2")
SUITES = ("R8:9.1.2.1", "R6:3.2.1")
EXAMPLE = ("R8:9.1.3", "R6:3.3")
ROOT, CLIENT, CLIENT_KEY = CertificateKind.ROOT, CertificateKind.CLIENT, CertificateKind.KEY
ITEMS = ((ROOT, "ca_cert", THAWTE), (CLIENT, "client_cert", CERTIFICATE), (CLIENT_KEY, "client_key", KEY))


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


@procedure(*MANAGER, title="A client's key below the sizes is refused, or of no use", depends_on=MUTUAL)
@pytest.mark.parametrize("size", SMALL_KEYS)
def test_small_client_key(online: Dut, services: Services, record: Recorder, size: str) -> None:
    """RSA of 1024 bits, ECDSA of 160 bits: the import refuses them, or the connection does."""
    pair = SMALL_CERTIFICATES[size], SMALL_KEYS[size]
    refused = False
    for kind, data in zip((CLIENT, CLIENT_KEY), pair, strict=True):
        line = f'AT+USECMNG=0,{kind.number},"small",{len(data)}'
        refused |= not online.send(line, payload=data, check=False).ok
    record.note("refused at the import" if refused else "taken by the import")
    try:
        fails(online, services["https-client"], record,
              SecurityProfile(check=ServerCheck.NONE, certificate="small", key="small"))
    finally:
        for kind in (CLIENT, CLIENT_KEY):
            online.certificates.remove(kind, "small", missing_ok=True)


@procedure(*MANAGER, title="A server with an ECDSA key of 256 bits connects", depends_on=EC)
def test_ec_server(online: Dut, services: Services, root_of: Callable[[str], bytes]) -> None:
    """ECDSA keys of at least 192 bits."""
    with trusted(online, root_of("https-ec")):
        online.security.apply(NUMBER, CHAIN)
        assert online.http().use(server_of(services["https-ec"], security=NUMBER)).get("/").status == 200


@procedure(*MANAGER, title="Mutual authentication with CA, client certificate and key, as printed",
           depends_on=MUTUAL)
def test_mutual_authentication(online: Dut, services: Services, root_of: Callable[[str], bytes],
                               client_of: Callable[[str], tuple[bytes, bytes]], record: Recorder) -> None:
    """From files, under the printed names, in profile 0 as the next section prints it."""
    items = zip((ROOT, CLIENT, CLIENT_KEY), ("ca_cert", "client_cert", "client_key"),
                (root_of("https-client"), *client_of("https-client")), strict=True)
    stored_items = []
    try:
        for kind, name, data in items:
            online.certificates.remove(kind, name, missing_ok=True)
            online.files.put(f"{name}.crt", data)
            with record.step(f"import {name}"):
                assert online.certificates.put_file(kind, name, f"{name}.crt", data) == md5_of(data)
            stored_items.append((kind, name))
            online.files.delete(f"{name}.crt")
        online.security.apply(0, SecurityProfile(check=ServerCheck.CHAIN, root="ca_cert",
                                                 certificate="client_cert", key="client_key"))
        assert online.http().use(server_of(services["https-client"], security=0)).get("/").status == 200
    finally:
        online.security.reset(0)
        for kind, name in stored_items:
            online.certificates.remove(kind, name, missing_ok=True)


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
           needs=FAR)
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
           needs=FAR)
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
            online.send(f"AT+UHTTP=0,{place_of(service)}")
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
