"""What to check when a secure connection fails: LENA-R8 guide 9.1.4; LARA-R6 guide 3.5.

Each item of the list wrong by itself: the connection fails, for that reason; put right, it comes up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cellbench.api import (
    CertificateKind,
    Dut,
    FarSide,
    Recorder,
    SecurityProfile,
    ServerCheck,
    TlsVersion,
    procedure,
)

from .credentials import CERTIFICATE, KEY
from .secure import (
    ANYBODY,
    CHAIN,
    FAR,
    MUTUAL,
    THE_MODULE_REFUSES,
    Roots,
    certificate_of,
    connects,
    fails,
    forget,
    of_service,
    refused_for,
    stored_pair,
    trusted,
)
from .web import SECURE, Services

TROUBLE = ("R8:9.1.4", "R6:3.5")
SNI = "sni.example"  # whose certificate the server has for who indicates that name, and for nobody else


def set_clock(dut: Dut) -> None:
    """Dates are held against the module's clock."""
    dut.send(f'AT+CCLK="{datetime.now(UTC):%y/%m/%d,%H:%M:%S}+00"')


@procedure(*TROUBLE, title="A root that did not sign the server, a host that it is not", depends_on=SECURE,
           needs=FAR)
@pytest.mark.parametrize("what", ["authority", "host"])
def test_wrong_certificate_settings(online: Dut, services: Services, far_side: FarSide, record: Recorder,
                                    root_of: Roots, what: str) -> None:
    """Operations 3 and 4; the module ends the handshake."""
    service = services["https"]
    name = str(service.name or service.host)
    right = SecurityProfile(check=ServerCheck.HOST, root="web root", host=name, sni=name)
    wrong = {"authority": replace(right, root="other root"),
             "host": replace(right, host="other.example")}[what]
    online.certificates.put(CertificateKind.ROOT, "other root", CERTIFICATE)
    try:
        with trusted(online, root_of("https")):
            forget(far_side, "https")
            with record.step(f"wrong {what}"):
                fails(online, service, record, wrong)
                refused_for(far_side, "https", THE_MODULE_REFUSES)
            with record.step("put right"):
                connects(online, service, right)
            with record.step("the level that does not look at it"):
                connects(online, service, replace(wrong, check={
                    "authority": ServerCheck.NONE, "host": ServerCheck.CHAIN}[what]))
    finally:
        online.certificates.remove(CertificateKind.ROOT, "other root")


@procedure(*TROUBLE, title="No root is installed at all", depends_on=SECURE, needs=FAR)
def test_no_root(online: Dut, services: Services, far_side: FarSide, record: Recorder,
                 root_of: Roots) -> None:
    """A profile that names a root which was never stored."""
    online.certificates.remove(CertificateKind.ROOT, "web root", missing_ok=True)
    forget(far_side, "https")
    fails(online, services["https"], record, CHAIN)
    refused_for(far_side, "https", THE_MODULE_REFUSES)
    with trusted(online, root_of("https")):
        connects(online, services["https"], CHAIN)


@procedure("R6:3.5", title="A certificate that is not flagged as CA is no root", depends_on=SECURE, needs=FAR)
def test_ca_flag(online: Dut, services: Services, far_side: FarSide, record: Recorder,
                 root_of: Roots) -> None:
    """The one that the server itself shows: the import refuses it, or the connection fails."""
    own = certificate_of(services["https"])
    line = f'AT+USECMNG=0,0,"no authority",{len(own)}'
    taken = online.send(line, payload=own, check=False).ok
    record.note("taken by the import" if taken else "refused at the import")
    try:
        forget(far_side, "https")
        fails(online, services["https"], record, replace(CHAIN, root="no authority"))
        refused_for(far_side, "https", THE_MODULE_REFUSES)
    finally:
        online.certificates.remove(CertificateKind.ROOT, "no authority", missing_ok=True)
    with trusted(online, root_of("https")):
        connects(online, services["https"], CHAIN)


@procedure(*TROUBLE, title="A certificate that has ended fails at level 3, and at no other",
           depends_on=of_service("https", "https-expired"), needs=FAR)
def test_expired(online: Dut, services: Services, far_side: FarSide, record: Recorder,
                 root_of: Roots) -> None:
    """The dates are looked at by the highest level alone; a server with a valid one connects at it."""
    set_clock(online)
    expired, valid = services["https-expired"], services["https"]
    with trusted(online, root_of("https-expired")):
        forget(far_side, "https-expired")
        with record.step("level 3"):
            fails(online, expired, record, replace(CHAIN, check=ServerCheck.DATES))
            refused_for(far_side, "https-expired", THE_MODULE_REFUSES)
        with record.step("level 1"):
            connects(online, expired, CHAIN)
    with trusted(online, root_of("https")), record.step("level 3, a valid certificate"):
        connects(online, valid, replace(CHAIN, check=ServerCheck.DATES))


@procedure(*TROUBLE, title="A server that chooses its certificate by the name indicated",
           depends_on=of_service("https-sni"), needs=FAR)
@pytest.mark.parametrize("indicated", ["", "other.example"], ids=["none", "another"])
def test_wrong_sni(online: Dut, services: Services, far_side: FarSide, record: Recorder, root_of: Roots,
                   indicated: str) -> None:
    """Operations 10 and 4 must fit the server: without the name it shows the certificate of another host."""
    service = services["https-sni"]
    right = SecurityProfile(check=ServerCheck.HOST, root="web root", host=SNI, sni=SNI)
    with trusted(online, root_of("https-sni")):
        forget(far_side, "https-sni")
        with record.step("wrong name"):
            fails(online, service, record, replace(right, sni=indicated or None))
            refused_for(far_side, "https-sni", THE_MODULE_REFUSES)
        with record.step("put right"):
            connects(online, service, right)
            assert far_side.report("server", name="https-sni")["tls_sni"] == SNI


@procedure(*TROUBLE, title="A suite that the server lacks fails, one that it has connects",
           depends_on=of_service("https-aes128"), needs=FAR)
def test_wrong_suite(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """The server takes TLS 1.2 with TLS_RSA_WITH_AES_128_CBC_SHA only."""
    service = services["https-aes128"]
    forget(far_side, "https-aes128")
    with record.step("another suite"):
        fails(online, service, record, replace(ANYBODY, suites=("C030",)))
        refused_for(far_side, "https-aes128", "no cipher suite in common")
    with record.step("its suite"):
        connects(online, service, replace(ANYBODY, suites=("002F",)))
    with record.step("the same by the legacy number"):
        connects(online, service, replace(ANYBODY, suites=1))
    online.security.reset(2)


@procedure(*TROUBLE, title="A server without the version that is demanded at least fails",
           depends_on=of_service("https-tls11"), needs=FAR)
def test_version_too_old(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """Operation 1 set to TLS 1.2 against a server that ends with TLS 1.1."""
    forget(far_side, "https-tls11")
    fails(online, services["https-tls11"], record, replace(ANYBODY, version=TlsVersion.TLS_1_2))
    refused_for(far_side, "https-tls11", "version")  # its own refusal, or the module's alert on its hello
    connects(online, services["https-tls11"], replace(ANYBODY, version=TlsVersion.TLS_1_1))
    online.security.reset(2)


@procedure("R6:3.5", title="A server without TLS 1.3 fails when it is demanded",
           depends_on=of_service("https-aes128"), needs=FAR)
def test_version_1_3_demanded(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """Operation 1 set to TLS 1.3 against a server that has TLS 1.2."""
    forget(far_side, "https-aes128")
    fails(online, services["https-aes128"], record, replace(ANYBODY, version=TlsVersion.TLS_1_3))
    refused_for(far_side, "https-aes128", "no protocol version in common")
    connects(online, services["https-aes128"], replace(ANYBODY, version=TlsVersion.TLS_1_2))
    online.security.reset(2)


@procedure("R8:9.1.4", title="A server that has TLS 1.3 alone fails", depends_on=of_service("https-tls13"),
           needs=FAR)
def test_server_of_1_3(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """The guide ends with TLS 1.2; the profile demands that."""
    forget(far_side, "https-tls13")
    fails(online, services["https-tls13"], record, replace(ANYBODY, version=TlsVersion.TLS_1_2))
    refused_for(far_side, "https-tls13", "no protocol version in common")
    online.security.reset(2)


@procedure("R6:3.5", "R6:3.2.1.1", title="A server that has TLS 1.3 alone fails with a suite of TLS 1.2",
           depends_on=of_service("https-tls13"), needs=FAR)
@pytest.mark.parametrize("suite", ["C030", "002F"], ids=["AEAD", "CBC"])
def test_suite_of_1_2(online: Dut, services: Services, far_side: FarSide, record: Recorder,
                      suite: str) -> None:
    """TLS 1.3 has suites of its own; with one of them it connects."""
    forget(far_side, "https-tls13")
    fails(online, services["https-tls13"], record, replace(ANYBODY, suites=(suite,)))
    refused_for(far_side, "https-tls13", "in common")
    connects(online, services["https-tls13"], replace(ANYBODY, suites=("1301",)))
    online.security.reset(2)


@procedure(*TROUBLE, title="A server that demands a client certificate: none, half of one, one of another",
           depends_on=MUTUAL, needs=FAR)
@pytest.mark.parametrize("what", ["none", "without its key", "of another authority"])
def test_client_certificate(online: Dut, services: Services, far_side: FarSide, record: Recorder,
                            root_of: Roots, client_of: Callable[[str], tuple[bytes, bytes]],
                            what: str) -> None:
    """Operations 5 and 6; with the right pair it connects, and the server has seen it."""
    service = services["https-client"]
    right = replace(CHAIN, certificate="mine", key="mine")
    wrong = {"none": CHAIN, "without its key": replace(CHAIN, certificate="mine"),
             "of another authority": replace(CHAIN, certificate="theirs", key="theirs")}[what]
    with (trusted(online, root_of("https-client")),
          stored_pair(online, client_of("https-client"), "mine"),
          stored_pair(online, (CERTIFICATE, KEY), "theirs")):
        forget(far_side, "https-client")
        with record.step(what):
            fails(online, service, record, wrong)
            refused_for(far_side, "https-client", "the client's certificate is missing, or not one")
        with record.step("put right"):
            connects(online, service, right)
            assert far_side.report("server", name="https-client")["tls_client_certificate"] == "yes"
