"""FTP over explicit TLS: LENA-R8 guide 9.3.2.3; LARA-R6 guide 9.2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from cellbench.api import (
    CertificateKind,
    ClientError,
    Dut,
    FarSide,
    FtpClient,
    FtpServer,
    Recorder,
    SecurityProfile,
    ServerCheck,
    TlsVersion,
    procedure,
)

from .credentials import THAWTE
from .ftp import FTPS, Logins, error_of, forget, login_to, no_error, operation, server_of, text
from .web import Services, nonce

SECURE = ("R8:9.3.2.3", "R6:9.2")
NUMBER = 2
Roots = Callable[[str], bytes]


def secure(services: Services, login_of: Logins, **more: object) -> FtpServer:
    """The declaration, by its address as the guides print it."""
    service = services["ftps"]
    return replace(server_of(service, "ftps", login_of, security=True), host=str(service.host),
                   **more)  # type: ignore[arg-type]


def commands(far_side: FarSide) -> list[str]:
    """What the server was told on the last control connection, in order."""
    log = far_side.report("ftp", service="ftps")
    return [log[key] for key in sorted((key for key in log if key.isdigit()), key=int)]


def exchange(ftp: FtpClient) -> None:
    """A file with a nonce there and back, and away."""
    name = f"cb-{nonce()}"
    ftp.put(name, text(2000))
    ftp.delete(name)


@contextmanager
def root(dut: Dut, name: str, data: bytes) -> Iterator[None]:
    """A root that the module trusts inside the block."""
    dut.certificates.put(CertificateKind.ROOT, name, data)
    try:
        yield
    finally:
        dut.certificates.remove(CertificateKind.ROOT, name, missing_ok=True)
        dut.security.reset(NUMBER)


@procedure(*SECURE, title="Log in and a file over TLS, as printed", depends_on=FTPS)
def test_as_printed(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """Address, user, password, TLS on control and data channel; then files both ways."""
    service, (user, password) = services["ftps"], login_to("ftps", login_of)
    online.send("AT+CMEE=2")
    forget(online)
    with record.step("configure"):
        for line in (f'0,"{service.host}"', f'2,"{user}"', f'3,"{password}"', "8,1", "12,1"):
            online.send(f"AT+UFTP={line}")
        if service.port not in (None, 21):
            online.send(f"AT+UFTP=7,{service.port}")
        online.send("AT+UFTP=6,1")
    with record.step("log in"):
        operation(online, 1)
        no_error(online, record)
    with record.step("a file there and back"):
        exchange(online.ftp())
    operation(online, 0)
    forget(online)


@procedure(*SECURE, title="TLS begins after the connection and before the log in, on the same port",
           depends_on=FTPS, needs=("far-side:report",))
def test_explicit(online: Dut, services: Services, login_of: Logins, far_side: FarSide) -> None:
    """The explicit mode by the server's own log; the data channel is protected too, or not, as set."""
    for protected in (True, False):
        ftp = online.ftp().use(secure(services, login_of, protect_data=protected))
        with ftp.session():
            ftp.names()
            told = commands(far_side)
            seen = far_side.report("ftp", service="ftps")
        verbs = [line.split()[0] for line in told]
        assert told[0] == "AUTH TLS"
        assert verbs.index("AUTH") < verbs.index("USER")
        assert ("PROT P" in told) is protected
        assert seen["tls_version"], "the control channel is not secure"
        assert ("data_tls_resumed" in seen) is protected
    forget(online)


@procedure(*SECURE, title="A server that takes no secure connection: class 8, code 63, as printed",
           depends_on=("network",), needs=("far-side:server",))
def test_not_accepted(online: Dut, services: Services, login_of: Logins, far_side: FarSide, record: Recorder
                      ) -> None:
    """+UUFTPCR: 1,0 and +UFTPER: 8,63; user name and password are not sent in the clear."""
    ftp = online.ftp().use(secure(services, login_of))
    far_side.act("server", name="ftps", state="no-tls")
    try:
        operation(online, 1, ends=0)
        assert error_of(online) == (8, 63)
        assert not [line for line in commands(far_side) if line.startswith(("USER", "PASS"))]
    finally:
        far_side.act("server", name="ftps", state="up")
    with ftp.session():
        no_error(online, record)
    forget(online)


@procedure(*SECURE, title="The security profile decides whom the module trusts", depends_on=FTPS)
def test_right_root(online: Dut, services: Services, login_of: Logins, root_of: Roots, record: Recorder
                    ) -> None:
    """With the server's authority the log in passes, with another one it fails with 8,63."""
    ftp = online.ftp()
    with record.step("another authority"), root(online, "ftp root", THAWTE):
        online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.CHAIN, root="ftp root"))
        with pytest.raises(ClientError) as failed:
            ftp.use(secure(services, login_of, security=NUMBER)).login()
        record.note(str(failed.value))
        assert (failed.value.kind, failed.value.code) == (8, 63)
    with record.step("the server's own"), root(online, "ftp root", root_of("ftps")):
        online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.CHAIN, root="ftp root"))
        with ftp.use(secure(services, login_of, security=NUMBER)).session():
            exchange(ftp)
    forget(online)


@procedure(*SECURE, title="A wrong host name or a version that the server lacks: no secure connection",
           depends_on=FTPS)
@pytest.mark.parametrize("what", ["host", "version"])
def test_wrong_profile(online: Dut, services: Services, login_of: Logins, root_of: Roots, record: Recorder,
                       what: str) -> None:
    """The right root, and another name expected; or a cipher suite that no server of today takes."""
    ftp = online.ftp()
    profiles = {"host": SecurityProfile(check=ServerCheck.HOST, root="ftp root", host="not.this.host"),
                "version": SecurityProfile(check=ServerCheck.NONE, version=TlsVersion.TLS_1_2,
                                           suites=("0005",))}
    with root(online, "ftp root", root_of("ftps")):
        try:
            online.security.apply(NUMBER, profiles[what])
        except ClientError as refused:
            record.note(str(refused))
        with pytest.raises(ClientError) as failed:
            ftp.use(secure(services, login_of, security=NUMBER)).login()
        record.note(str(failed.value))
        assert (failed.value.kind, failed.value.code) == (8, 63)
    forget(online)


@procedure(*SECURE, title="A server that demands the control channel's session on the data channel",
           depends_on=FTPS, needs=("far-side:report",))
def test_session_reuse(online: Dut, services: Services, login_of: Logins, far_side: FarSide, record: Recorder
                       ) -> None:
    """Resumption by operation 13 of +USECPRF where the series has it; the data channel's handshake is
    abbreviated. The server demands it of users with +reuse behind their name."""
    user, _ = login_to("ftps", login_of)
    online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.NONE, version=TlsVersion.TLS_1_2))
    taken = online.send(f"AT+USECPRF={NUMBER},13,0,1", check=False).ok
    record.note(f"operation 13 of +USECPRF: {'taken' if taken else 'refused'}")
    ftp = online.ftp().use(secure(services, login_of, security=NUMBER, user=f"{user}+reuse"))
    try:
        with ftp.session():
            exchange(ftp)
            assert far_side.report("ftp", service="ftps")["data_tls_resumed"] == "yes"
    finally:
        online.security.reset(NUMBER)
        forget(online)


@procedure("R6:9.2", title="Without operation 13 of +USECPRF such a server gives no data", depends_on=FTPS,
           needs=("far-side:report",))
def test_no_session_reuse(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """The log in passes, the first list fails; with the operation it passes."""
    user, _ = login_to("ftps", login_of)
    online.security.apply(NUMBER, SecurityProfile(check=ServerCheck.NONE, version=TlsVersion.TLS_1_2))
    ftp = online.ftp().use(secure(services, login_of, security=NUMBER, user=f"{user}+reuse"))
    with ftp.session():
        with pytest.raises(ClientError) as failed:
            ftp.names()
        record.note(str(failed.value))
    online.security.reset(NUMBER)
    forget(online)
