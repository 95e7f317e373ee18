"""What the security procedures share: a stored root, a pair of the client, connections that must fail."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cellbench.api import (
    CertificateKind,
    ClientError,
    Dut,
    FarSide,
    Recorder,
    SecurityProfile,
    ServerCheck,
    Service,
)

from .web import server_of

NUMBER = 2  # of the security profile, as in the guides' complete example
CHAIN = SecurityProfile(check=ServerCheck.CHAIN, root="web root")
ANYBODY = SecurityProfile(check=ServerCheck.NONE)
THE_MODULE_REFUSES = "the peer refused"  # as the server sees it: an alert came
Roots = Callable[[str], bytes]
FAR = ("far-side:report", "far-side:server")  # the server tells what it saw; nobody else uses it meanwhile
HTTP_CLASS, NOT_SECURE = 3, 73  # +UHTTPER: HTTP client, secure socket not connected
_TOLD_S = 10.0


def of_service(*roles: str) -> tuple[str, ...]:
    """What a procedure on these roles depends on."""
    return ("network", "service:dns", *(f"service:{role}" for role in roles))


MUTUAL, EC = of_service("https-client"), of_service("https-ec")


@contextmanager
def trusted(dut: Dut, root: bytes, name: str = "web root") -> Iterator[None]:
    """A root that is stored in the block, and profile NUMBER reset after it."""
    dut.certificates.put(CertificateKind.ROOT, name, root)
    try:
        yield
    finally:
        dut.certificates.remove(CertificateKind.ROOT, name, missing_ok=True)
        dut.security.reset(NUMBER)


@contextmanager
def stored_pair(dut: Dut, pair: tuple[bytes, bytes], name: str) -> Iterator[None]:
    """A client certificate and its key, stored in the block under one name."""
    kinds = CertificateKind.CLIENT, CertificateKind.KEY
    try:
        for kind, data in zip(kinds, pair, strict=True):
            dut.certificates.put(kind, name, data)
        yield
    finally:
        for kind in kinds:
            dut.certificates.remove(kind, name, missing_ok=True)


def certificate_of(service: Service) -> bytes:
    """The certificate that a server shows, PEM, as this host gets it."""
    place = service.probe or service
    return ssl.get_server_certificate((str(place.host), int(place.port or 443)), timeout=10).encode()


def fails(dut: Dut, service: Service, record: Recorder, profile: SecurityProfile) -> None:
    """The profile's connection to a server must fail as the handshake's failure: by +UHTTPER, no file."""
    dut.security.apply(NUMBER, profile)
    http = dut.http().use(server_of(service, security=NUMBER))
    with pytest.raises(ClientError) as failed:
        http.get("/")
    record.note(str(failed.value))
    assert failed.value.kind == HTTP_CLASS
    if failed.value.code != NOT_SECURE:  # only a driver's table tells this code: never the ground of a FAIL
        record.note(f"code {failed.value.code} in place of {NOT_SECURE}")
    assert not dut.files.has(http.answer_file)


def connects(dut: Dut, service: Service, profile: SecurityProfile) -> None:
    """The profile's connection to a server must come up and carry a request."""
    dut.security.apply(NUMBER, profile)
    assert dut.http().use(server_of(service, security=NUMBER)).get("/").status == 200


def refused_for(far_side: FarSide, role: str, reason: str) -> None:
    """The server's own words for the handshake that has just failed name the reason."""
    end = time.monotonic() + _TOLD_S
    while (told := far_side.report("server", name=role).get("tls_refused", "")) == "":
        assert time.monotonic() < end, f"{role} knows of no handshake that failed"
        time.sleep(0.05)
    assert reason in told, f"{role} saw: {told}"


def forget(far_side: FarSide, role: str) -> None:
    """The server knows of no handshake any more."""
    far_side.act("server", name=role, state="reset")
