"""Certificates and security profiles as Python calls, on a virtual module of each series."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.host.certificates import (
    CertificateKind,
    CertificateMissing,
    Certificates,
    Stored,
    der_of,
    md5_of,
)
from cellbench.host.channel import Channel
from cellbench.host.clients.http import HttpClient, HttpServer
from cellbench.host.errors import CmeError
from cellbench.host.files import FileMissing, Files
from cellbench.host.security import (
    Pin,
    PinLevel,
    Psk,
    Security,
    SecurityProfile,
    ServerCheck,
    SessionData,
    SessionKind,
    SettingNotKept,
    TlsVersion,
)

from .rack import Module

CERTS = Path(str(resources.files("cellbench.virtual.world"))) / "certs"
ROOT, CLIENT, KEY = CertificateKind.ROOT, CertificateKind.CLIENT, CertificateKind.KEY
GENUINE = "8ccadc0b22cef5be72ac411a11a8d812"  # printed in LENA-R8 guide Table 24


def pem(name: str) -> bytes:
    return (CERTS / name).read_bytes()


@pytest.fixture
def certificates(module: Module) -> Iterator[Certificates]:
    store = Certificates(module.channel)
    for one in store.list():
        store.remove(one.kind, one.name)
    yield store
    for one in store.list():
        store.remove(one.kind, one.name)


def test_the_md5_that_the_guides_print() -> None:
    assert md5_of(pem("thawte_genuine.pem")) == GENUINE
    der = der_of(pem("thawte_genuine.pem"))
    assert md5_of(der) == hashlib.md5(der, usedforsecurity=False).hexdigest() == GENUINE


def test_import_list_md5_remove(certificates: Certificates) -> None:
    assert certificates.put(ROOT, "ThawteCA", pem("thawte_genuine.pem")) == GENUINE
    certificates.put(ROOT, "der", der_of(pem("ca_cert.crt")))
    certificates.put(CLIENT, "mine", pem("client_cert.crt"))
    certificates.put(KEY, "mine", pem("client_key.key"))
    found = {(one.kind, one.name): one for one in certificates.list()}
    assert found[ROOT, "ThawteCA"].common_name == "thawte Primary Root CA"
    assert found[CLIENT, "mine"].end.startswith("2032/06/22")
    assert found[KEY, "mine"] == Stored(KEY, "mine")
    assert certificates.md5(KEY, "mine") == md5_of(pem("client_key.key"))
    certificates.remove(ROOT, "ThawteCA")
    assert (ROOT, "ThawteCA") not in {(one.kind, one.name) for one in certificates.list()}


def test_import_from_a_file(certificates: Certificates, module: Module) -> None:
    files = Files(module.channel)
    files.put("root.pem", pem("ca_cert.crt"))
    assert certificates.put_file(ROOT, "root", "root.pem", pem("ca_cert.crt")) == md5_of(pem("ca_cert.crt"))
    files.delete("root.pem")
    with pytest.raises(FileMissing):
        certificates.put_file(ROOT, "root", "root.pem")


def test_errors_by_meaning(certificates: Certificates) -> None:
    with pytest.raises(CertificateMissing):
        certificates.md5(ROOT, "nobody")
    with pytest.raises(CertificateMissing):
        certificates.remove(ROOT, "nobody")
    certificates.remove(ROOT, "nobody", missing_ok=True)
    with pytest.raises(CmeError) as caught:
        certificates.put(ROOT, "rubbish", b"not a certificate")
    assert caught.value.number == 1913


def test_a_key_and_its_password_reach_no_log(certificates: Certificates, module: Module) -> None:
    certificates.put(KEY, "hidden", pem("client_key.key"))
    encrypted, password = pem("client_key_pkcs8enc.key"), "an-unused-password"
    with pytest.raises(CmeError):
        certificates.put(KEY, "other", encrypted, password=password)
    seen = b"".join(record.data for record in module.transcript.records())
    line = pem("client_key.key").splitlines()[5]
    assert line not in seen
    assert password.encode() not in seen


FULL = SecurityProfile(
    check=ServerCheck.HOST, version=TlsVersion.TLS_1_2, suites=("C030",), root="ca", host="server.example",
    certificate="mine", key="mine", key_password="pass-word", psk=Psk("me", "PskInText4"), sni="sni.example",
    pin=Pin("pinned", PinLevel.KEY))


def test_a_whole_profile_with_read_back(module: Module) -> None:
    security = Security(module.channel)
    security.apply(3, FULL)
    assert security.read(3, 0) == (2,)
    assert security.read(3, 10) == ("sni.example",)
    security.apply(3, SecurityProfile(suites=3))
    assert security.read(3, 2) == (3,)
    assert security.read(3, 10) == ("",)  # what is not named is as the reset leaves it
    assert "pass-word" not in repr(FULL)
    assert "PskInText4" not in repr(FULL)
    seen = b"".join(record.data for record in module.transcript.records())
    assert b"pass-word" not in seen
    assert b"PskInText4" not in seen


def test_what_a_series_lacks_is_its_refusal(module: Module) -> None:
    security, profile = Security(module.channel), SecurityProfile(version=TlsVersion.TLS_1_3)
    if module.series is Series.LARA_R6:
        security.apply(1, profile)
        assert security.read(1, 1) == (4,)
    else:
        with pytest.raises(CmeError):
            security.apply(1, profile)
    security.reset(1)


def test_a_setting_that_does_not_stay(channel: Channel, peer: Any) -> None:
    """A module that answers OK and keeps something else, at the far end of a PTY."""
    for line in ("AT+USECPRF=0", "AT+USECPRF=0,0,2"):
        peer.on(line, b"\r\nOK\r\n")
    peer.on("AT+USECPRF=0,0", b"\r\n+USECPRF: 0,0,0\r\n\r\nOK\r\n")
    with pytest.raises(SettingNotKept, match="operation 0"):
        Security(channel).apply(0, SecurityProfile(check=ServerCheck.HOST))


@pytest.mark.parametrize("module", ["r6"], indirect=True)
@pytest.mark.parametrize("kind", list(SessionKind))
def test_a_session_is_collected_and_given_back(module: Module, kind: SessionKind) -> None:
    """LARA-R6 guide 3.4.4, both phases; the server's report says whether it was resumed."""
    security, http = Security(module.channel), HttpClient(module.channel)
    prompted = kind.prompted
    wanted = TlsVersion.TLS_1_3 if prompted else TlsVersion.TLS_1_2
    suites = ("1302",) if prompted else ("C030",)
    server = HttpServer("www.ssl_tls_test_server.com", security=2, timeout_s=30)

    def phase(session: SessionKind | SessionData) -> SessionData:
        security.apply(2, SecurityProfile(check=ServerCheck.NONE, version=wanted, suites=suites,
                                          session=session))
        http.use(server)
        with security.watch(2) as watch:
            assert http.get("/index.html").status == 200
            return watch.session(kind)

    first = phase(kind)
    again = phase(first)
    if kind is SessionKind.ID:
        assert again == first
    assert repr(first).count(first.texts[-1]) == 0
    report = module.ctl("report", "what=server", "name=https")
    assert "tls_resumed=yes" in report, report
