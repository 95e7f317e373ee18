"""(D)TLS session resumption: LARA-R6 guide 3.4, 3.4.1 to 3.4.3, 3.4.4.1 to 3.4.4.6, both phases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cellbench.api import (
    Dut,
    FarSide,
    Recorder,
    SecurityProfile,
    ServerCheck,
    SessionData,
    SessionKind,
    TlsVersion,
    procedure,
)

from .secure import FAR, fails, of_service
from .web import SECURE, Services, server_of

NUMBER = 2


def profile_for(session: SessionKind | SessionData) -> SecurityProfile:
    """A profile that collects or reuses a session, with a suite of the version that its kind is for."""
    kind = session if isinstance(session, SessionKind) else session.kind
    version = TlsVersion.TLS_1_3 if kind.prompted else TlsVersion.TLS_1_2
    suites = ("1302",) if kind.prompted else ("C030",)
    return SecurityProfile(check=ServerCheck.NONE, version=version, suites=suites, session=session)


def phase(dut: Dut, services: Services, session: SessionKind | SessionData, role: str = "https"
          ) -> SessionData:
    """One secure GET on a profile set anew; the session data that the module gives of it."""
    kind = session if isinstance(session, SessionKind) else session.kind
    dut.security.apply(NUMBER, profile_for(session))
    http = dut.http().use(server_of(services[role], security=NUMBER))
    with dut.security.watch(NUMBER) as watch:
        assert http.get("/index.html").status == 200
        return watch.session(kind)


def datagrams(dut: Dut, services: Services, session: SessionKind | SessionData) -> SessionData:
    """The same by a secure UDP socket: one DTLS handshake."""
    kind = session if isinstance(session, SessionKind) else session.kind
    service = services["coap-dtls"]
    dut.security.apply(NUMBER, profile_for(session))
    with dut.security.watch(NUMBER) as watch, dut.sockets.udp() as one:
        one.secure(NUMBER)
        one.connect(str(service.host or service.name), int(service.port or 5684))
        return watch.session(kind)


def resumed(far_side: FarSide, role: str = "https") -> bool:
    """What the server says of the last handshake."""
    return far_side.report("server", name=role)["tls_resumed"] == "yes"


def both_phases(dut: Dut, services: Services, far_side: FarSide, record: Recorder, kind: SessionKind) -> None:
    """Acquire, then reuse; the second handshake is abbreviated, the first is not."""
    far_side.act("server", name="https", state="reset")
    with record.step("phase 1: acquiring the session data"):
        first = phase(dut, services, kind)
        assert not resumed(far_side), "the first handshake is a full one"
    with record.step("phase 2: reusing the previous session"):
        again = phase(dut, services, first)
        assert resumed(far_side), "the handshake was not abbreviated"
    if kind is SessionKind.ID:
        assert again == first, "data other than what was set means that the server did not resume"
    dut.security.reset(NUMBER)


@procedure("R6:3.4.4.1", "R6:3.4.1", title="Session ID, not encrypted", depends_on=SECURE, needs=FAR)
def test_session_id(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """Data told by URC at each handshake."""
    both_phases(online, services, far_side, record, SessionKind.ID)


@procedure("R6:3.4.4.2", "R6:3.4.1", title="Session ID, local encryption", depends_on=SECURE, needs=FAR)
def test_session_id_encrypted(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """The same, sealed by the module."""
    both_phases(online, services, far_side, record, SessionKind.ID_ENCRYPTED)


@procedure("R6:3.4.4.3", "R6:3.4.2", title="Session ticket, not encrypted", depends_on=SECURE, needs=FAR)
def test_ticket(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """Status by URC, data read."""
    both_phases(online, services, far_side, record, SessionKind.TICKET)


@procedure("R6:3.4.4.4", "R6:3.4.2", title="Session ticket, local encryption", depends_on=SECURE,
           needs=FAR)
def test_ticket_encrypted(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """The same, sealed by the module."""
    both_phases(online, services, far_side, record, SessionKind.TICKET_ENCRYPTED)


@procedure("R6:3.4.4.5", "R6:3.4.3", title="PSK-based session ticket, not encrypted", depends_on=SECURE,
           needs=FAR)
def test_psk_ticket(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """TLS 1.3; the data is given at a prompt."""
    both_phases(online, services, far_side, record, SessionKind.PSK_TICKET)


@procedure("R6:3.4.4.6", "R6:3.4.3", title="PSK-based session ticket, local encryption", depends_on=SECURE,
           needs=FAR)
def test_psk_ticket_encrypted(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """The same, sealed by the module."""
    both_phases(online, services, far_side, record, SessionKind.PSK_TICKET_ENCRYPTED)


@procedure("R6:3.4", "R6:3.4.1", title="An unknown session gives a full handshake and new data",
           depends_on=SECURE, needs=FAR)
def test_unknown_session(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """The id with one character changed; the new data is then taken."""
    first = phase(online, services, SessionKind.ID)
    identity = first.texts[0]
    other = ("B" if identity[0] != "B" else "C") + identity[1:]
    fresh = phase(online, services, replace(first, texts=(other, *first.texts[1:])))
    assert not resumed(far_side), "an id that nobody gave was resumed"
    assert fresh.texts[0] not in (identity, other)
    phase(online, services, fresh)
    assert resumed(far_side)
    online.security.reset(NUMBER)


@procedure("R6:3.4", title="Resumption is not kept over a reboot; the host's data still resumes",
           depends_on=SECURE, needs=FAR)
def test_volatile(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """After the reboot the status is "disabled"; with the stored data set again the session is resumed."""
    first = phase(online, services, SessionKind.TICKET)
    online.reboot()
    online.register()
    online.activate()
    with record.step("nothing is kept"):
        assert online.send(f"AT+USECPRF={NUMBER},13,0").value("+USECPRF")[-1] == 0
    with record.step("the host's data resumes"):
        phase(online, services, first)
        assert resumed(far_side)
    online.security.reset(NUMBER)


@procedure("R6:3.4", "R6:3.4.1", "R6:3.4.2", title="Sessions of DTLS", depends_on=of_service("coap-dtls"),
           needs=FAR)
@pytest.mark.parametrize("kind", [SessionKind.ID, SessionKind.ID_ENCRYPTED, SessionKind.TICKET,
                                  SessionKind.TICKET_ENCRYPTED], ids=lambda kind: kind.name.lower())
def test_datagrams(online: Dut, services: Services, far_side: FarSide, record: Recorder, kind: SessionKind
                   ) -> None:
    """Both phases with a secure UDP socket."""
    far_side.act("server", name="coap-dtls", state="reset")
    with record.step("phase 1"):
        first = datagrams(online, services, kind)
        assert not resumed(far_side, "coap-dtls"), "the first handshake is a full one"
    with record.step("phase 2"):
        datagrams(online, services, first)
        assert resumed(far_side, "coap-dtls"), "the handshake was not abbreviated"
    online.security.reset(NUMBER)


@procedure("R6:3.4", "R6:3.4.1", title="A session id is its server's alone",
           depends_on=of_service("https", "https-psk"), needs=FAR)
def test_another_server(online: Dut, services: Services, far_side: FarSide) -> None:
    """Another port gives a full handshake and new data; the first server still resumes."""
    first = phase(online, services, SessionKind.ID)
    far_side.act("server", name="https-psk", state="reset")
    other = phase(online, services, first, "https-psk")
    assert not resumed(far_side, "https-psk"), "a session of another server was resumed"
    assert other.texts[0] != first.texts[0]
    phase(online, services, first)
    assert resumed(far_side)
    online.security.reset(NUMBER)


@procedure("R6:3.4", "R6:3.4.1", title="With another master secret the handshake fails", depends_on=SECURE,
           needs=FAR)
def test_another_master_secret(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """The server takes the id; the keys do not meet. With the right secret of a new session it resumes."""
    first = phase(online, services, SessionKind.ID)
    secret = first.texts[1]
    other = secret[:10] + ("A" if secret[10] != "A" else "B") + secret[11:]
    fails(online, services["https"], record, profile_for(replace(first, texts=(first.texts[0], other))))
    fresh = phase(online, services, SessionKind.ID)
    phase(online, services, fresh)
    assert resumed(far_side)
    online.security.reset(NUMBER)


@procedure("R6:3.4.2", "R6:3.4.3", title="Without a ticket the status stays \"enabled\"",
           depends_on=of_service("https-aes128"))
@pytest.mark.parametrize("kind", [SessionKind.TICKET, SessionKind.PSK_TICKET],
                         ids=lambda kind: kind.name.lower())
def test_no_ticket(online: Dut, services: Services, kind: SessionKind) -> None:
    """The server has TLS 1.2 without tickets: told at every connection, twice here."""
    profile = replace(profile_for(kind), version=None, suites=("002F",))
    for _ in range(2):
        online.security.apply(NUMBER, profile)
        http = online.http().use(server_of(services["https-aes128"], security=NUMBER))
        with online.security.watch(NUMBER) as watch:
            assert http.get("/").status == 200
            assert watch.status() == 1
    online.security.reset(NUMBER)
