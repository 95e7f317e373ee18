"""What the properties of a security profile do to a connection: LENA-R8 guide 9.1.2; LARA-R6 guide 3.2."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cellbench.api import (
    CertificateKind,
    Dut,
    FarSide,
    Pin,
    PinLevel,
    Psk,
    Recorder,
    SecurityProfile,
    ServerCheck,
    TlsVersion,
    procedure,
)

from .credentials import ENCRYPTED_KEY, ENCRYPTED_KEY_PASSWORD, THAWTE
from .secure import (
    ANYBODY,
    FAR,
    NUMBER,
    THE_MODULE_REFUSES,
    Roots,
    certificate_of,
    connects,
    fails,
    forget,
    of_service,
    refused_for,
    trusted,
)
from .web import SECURE, Services

PROFILE = ("R8:9.1.2", "R6:3.2")
SUITES = ("R8:9.1.2.1", "R6:3.2.1")
PSK = Psk("cellbench", "cellbench-psk")  # no secret: what a server of the far side takes (docs/far-side.md)
PSK_SUITE = 16  # TLS_PSK_WITH_AES_128_GCM_SHA256


@procedure(*PROFILE, title="Without a named root each imported one is tried", depends_on=SECURE, needs=FAR)
def test_each_root(online: Dut, services: Services, far_side: FarSide, record: Recorder,
                   root_of: Roots) -> None:
    """As the table says of level 1: the specific one, or each of the imported."""
    anyone = SecurityProfile(check=ServerCheck.CHAIN)
    online.certificates.put(CertificateKind.ROOT, "another", THAWTE)
    try:
        forget(far_side, "https")
        with record.step("only another is there"):
            fails(online, services["https"], record, anyone)
            refused_for(far_side, "https", THE_MODULE_REFUSES)
        with trusted(online, root_of("https")), record.step("the server's is there, too"):
            connects(online, services["https"], anyone)
    finally:
        online.certificates.remove(CertificateKind.ROOT, "another")


@procedure(*PROFILE, title="The version is the lowest that is taken, not the only one", depends_on=SECURE,
           needs=FAR)
def test_minimum_version(online: Dut, services: Services, far_side: FarSide) -> None:
    """TLS 1.1 at least, with a server that has newer ones."""
    forget(far_side, "https")
    connects(online, services["https"], replace(ANYBODY, version=TlsVersion.TLS_1_1))
    told = far_side.report("server", name="https")["tls_version"]
    assert told in ("TLS_1_2", "TLS_1_3"), f"{told} was negotiated"
    online.security.reset(NUMBER)


@procedure(*SUITES, title="The legacy number that the table prints", depends_on=SECURE, needs=FAR)
def test_legacy_suite(online: Dut, services: Services, far_side: FarSide) -> None:
    """Number 3 is TLS_RSA_WITH_AES_256_CBC_SHA, the guides' example of a suite's parts."""
    forget(far_side, "https")
    connects(online, services["https"], replace(ANYBODY, version=TlsVersion.TLS_1_2, suites=3))
    told = far_side.report("server", name="https")["tls_suite"]
    assert told in ("AES256-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA"), f"{told} was negotiated"
    online.security.reset(NUMBER)


@procedure(*PROFILE, title="A pre-shared key in place of certificates", depends_on=of_service("https-psk"),
           needs=FAR)
def test_psk(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """The right key connects with a suite of that kind; another key, another identity, none: it fails."""
    service = services["https-psk"]
    right = replace(ANYBODY, version=TlsVersion.TLS_1_2, suites=PSK_SUITE, psk=PSK)
    wrong = {"another key": Psk(PSK.identity, "some other key"), "another identity": Psk("nobody", PSK.key),
             "no key": None}
    for what, psk in wrong.items():
        forget(far_side, "https-psk")
        with record.step(what):
            fails(online, service, record, replace(right, psk=psk))
    with record.step("the right one"):
        connects(online, service, right)
        assert "PSK" in far_side.report("server", name="https-psk")["tls_suite"]
    online.security.reset(NUMBER)


@procedure(*PROFILE, title="A pinned server certificate", depends_on=SECURE, needs=FAR)
@pytest.mark.parametrize("level", list(PinLevel), ids=lambda level: level.name.lower())
def test_pin(online: Dut, services: Services, far_side: FarSide, record: Recorder, level: PinLevel) -> None:
    """The server's own connects; another certificate fails though nothing else is checked."""
    service = services["https"]
    kept = {"right": certificate_of(service), "wrong": THAWTE}
    for name, data in kept.items():
        online.certificates.put(CertificateKind.SERVER, name, data)
    try:
        forget(far_side, "https")
        with record.step("another certificate"):
            fails(online, service, record, replace(ANYBODY, pin=Pin("wrong", level)))
            refused_for(far_side, "https", THE_MODULE_REFUSES)
        with record.step("the server's own"):
            connects(online, service, replace(ANYBODY, pin=Pin("right", level)))
    finally:
        online.security.reset(NUMBER)
        for name in kept:
            online.certificates.remove(CertificateKind.SERVER, name)


@procedure("R6:3.2", title="A private key that is password protected", depends_on=())
def test_protected_key(dut: Dut) -> None:
    """Taken with its password, refused with another."""
    line = f'AT+USECMNG=0,2,"protected",{len(ENCRYPTED_KEY)}'
    assert not dut.send(f'{line},"not the password"', payload=ENCRYPTED_KEY, check=False).ok
    assert "protected" not in {one.name for one in dut.certificates.list()}
    dut.certificates.put(CertificateKind.KEY, "protected", ENCRYPTED_KEY, password=ENCRYPTED_KEY_PASSWORD)
    assert "protected" in {one.name for one in dut.certificates.list()}
    dut.certificates.remove(CertificateKind.KEY, "protected")


@procedure("R6:3.2", title="The pre-shared key that was generated in production", depends_on=())
def test_key_of_production(dut: Dut) -> None:
    """It is switched on and off in a profile."""
    for value in (1, 0):
        dut.send(f"AT+USECPRF={NUMBER},11,{value}")
        assert dut.security.read(NUMBER, 11) == (value,)
    dut.security.reset(NUMBER)
