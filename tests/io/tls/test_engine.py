"""Client and server, with nothing but bytes between them: what is checked, refused and resumed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cellbench.io.tls import binding
from cellbench.io.tls.engine import (
    Closed,
    Failed,
    Failure,
    Opened,
    Received,
    State,
    TlsEngine,
    TlsServer,
    client,
)
from cellbench.io.tls.sessions import parse_session, session_from_id, session_from_ticket
from cellbench.io.tls.settings import (
    Check,
    ClientSettings,
    Credentials,
    Pin,
    PinLevel,
    Psk,
    ServerSettings,
    Version,
)


def carry(one: TlsEngine, other: TlsEngine, piece: int | None = None) -> tuple[list[object], list[object]]:
    """Carry bytes both ways until nothing moves; what each side told."""
    told: tuple[list[object], list[object]] = ([], [])
    moved = True
    while moved:
        moved = False
        for sender, taker, events in ((one, other, told[1]), (other, one, told[0])):
            for data in sender.outgoing():
                moved = True
                step = piece or len(data)
                for begin in range(0, len(data), step):
                    events += taker.receive(data[begin : begin + step])
    return told


def meet(settings: ClientSettings, server: TlsServer, piece: int | None = None
         ) -> tuple[TlsEngine, TlsEngine, list[object], list[object]]:
    """A client and its server after the handshake."""
    near, far = client(settings), server.accept()
    begun = list(near.start())
    seen, theirs = carry(near, far, piece)
    return near, far, begun + seen, theirs


def opened(events: list[object]) -> Opened:
    found = [event for event in events if isinstance(event, Opened)]
    assert len(found) == 1, events
    return found[0]


def failed(events: list[object]) -> Failed:
    found = [event for event in events if isinstance(event, Failed)]
    assert len(found) == 1, events
    return found[0]


@pytest.fixture(scope="module")
def server_credentials(authority) -> Credentials:
    return authority.sign("server.example")


def test_this_build_has_every_symbol() -> None:
    assert binding.missing_symbols() == ()


@pytest.mark.parametrize("piece", [None, 1, 7])
@pytest.mark.parametrize(("datagram", "version"), [(False, Version.TLS_1_0), (False, Version.TLS_1_1),
                                                   (False, Version.TLS_1_2), (False, Version.TLS_1_3),
                                                   (True, Version.DTLS_1_2)])
def test_data_passes_both_ways(server_credentials, datagram, version, piece) -> None:
    if datagram and piece:
        piece = None  # a datagram comes whole or not at all
    server = TlsServer(ServerSettings(server_credentials, datagram=datagram))
    settings = ClientSettings(datagram=datagram, minimum=version, maximum=version)
    near, far, seen, _ = meet(settings, server, piece)
    assert opened(seen).version is version
    near.send(b"question")
    _, theirs = carry(near, far, piece)
    assert b"".join(event.data for event in theirs if isinstance(event, Received)) == b"question"
    far.send(b"answer")
    mine, _ = carry(near, far, piece)
    assert b"".join(event.data for event in mine if isinstance(event, Received)) == b"answer"
    near.close()
    assert Closed() in carry(near, far, piece)[1]
    assert near.state is State.CLOSED


def test_long_data_arrives_whole(server_credentials) -> None:
    near, far, _, _ = meet(ClientSettings(), TlsServer(ServerSettings(server_credentials)))
    data = bytes(range(256)) * 1000
    near.send(data)
    _, theirs = carry(near, far)
    assert b"".join(event.data for event in theirs if isinstance(event, Received)) == data


class TestChecks:
    """Levels 0 to 3 of the check of the server."""

    @pytest.mark.parametrize(("check", "why"), [(Check.NONE, None), (Check.CHAIN, Failure.ISSUER),
                                                (Check.HOST, Failure.ISSUER), (Check.DATES, Failure.ISSUER)])
    def test_unknown_issuer(self, authority, stranger, check, why) -> None:
        server = TlsServer(ServerSettings(stranger.sign("server.example")))
        settings = ClientSettings(check=check, roots=(authority.der,), host="server.example")
        self._judge(settings, server, why)

    @pytest.mark.parametrize(("check", "why"), [(Check.CHAIN, None), (Check.HOST, Failure.HOST),
                                                (Check.DATES, Failure.HOST)])
    def test_wrong_host(self, authority, server_credentials, check, why) -> None:
        server = TlsServer(ServerSettings(server_credentials))
        self._judge(ClientSettings(check=check, roots=(authority.der,), host="other.example"), server, why)

    @pytest.mark.parametrize("days", [(-20, -10), (10, 20)])
    @pytest.mark.parametrize(("check", "why"), [(Check.HOST, None), (Check.DATES, Failure.DATES)])
    def test_dates(self, authority, check, why, days) -> None:
        server = TlsServer(ServerSettings(authority.sign("server.example", days=days)))
        self._judge(ClientSettings(check=check, roots=(authority.der,), host="server.example"), server, why)

    def test_the_clock_can_be_given(self, authority, server_credentials) -> None:
        settings = ClientSettings(check=Check.DATES, roots=(authority.der,), host="server.example",
                                  now=datetime.now(UTC) + timedelta(days=800))
        self._judge(settings, TlsServer(ServerSettings(server_credentials)), Failure.DATES)

    @pytest.mark.parametrize(("bits", "why"), [(1024, Failure.KEY_SIZE), (2048, None)])
    def test_short_keys(self, authority, bits, why) -> None:
        key = rsa.generate_private_key(65537, bits)
        server = TlsServer(ServerSettings(authority.sign("server.example", key=key)))
        self._judge(ClientSettings(least_rsa_bits=2048), server, why)

    @pytest.mark.parametrize("level", list(PinLevel))
    def test_pinning(self, authority, server_credentials, level) -> None:
        server = TlsServer(ServerSettings(server_credentials))
        good = Pin(server_credentials.certificate, level)
        self._judge(ClientSettings(pin=good), server, None)
        wrong = Pin(authority.sign("server.example").certificate, level)
        self._judge(ClientSettings(pin=wrong), server, Failure.PIN)
        self._judge(ClientSettings(pin=Pin(b"", level)), server, Failure.PIN)

    @staticmethod
    def _judge(settings: ClientSettings, server: TlsServer, why: Failure | None) -> None:
        near, _, seen, _ = meet(settings, server)
        if why is None:
            opened(seen)
        else:
            assert failed(seen).why is why
            assert near.state is State.FAILED


def test_suites_are_truly_offered(server_credentials) -> None:
    server = TlsServer(ServerSettings(server_credentials, suites=(0xC02B,)))
    _, _, seen, _ = meet(ClientSettings(suites=(0xC02B,)), server)
    assert opened(seen).suite == "ECDHE-ECDSA-AES128-GCM-SHA256"
    _, _, seen, theirs = meet(ClientSettings(suites=(0xC02C,)), server)
    assert failed(seen).why is Failure.SUITE
    assert failed(theirs).why is Failure.SUITE
    with pytest.raises(ValueError, match="000A"):
        client(ClientSettings(suites=(0x000A,)))


def test_versions_that_do_not_meet(server_credentials) -> None:
    server = TlsServer(ServerSettings(server_credentials, minimum=Version.TLS_1_3))
    _, _, seen, _ = meet(ClientSettings(maximum=Version.TLS_1_2), server)
    assert failed(seen).why is Failure.VERSION


def test_the_indicated_name_chooses_the_certificate(authority, server_credentials) -> None:
    other = authority.sign("other.example")
    server = TlsServer(ServerSettings(server_credentials, by_name={"other.example": other}))
    cases = (("", server_credentials), ("other.example", other), ("x.example", server_credentials))
    for sni, expected in cases:
        _, far, seen, _ = meet(ClientSettings(sni=sni), server)
        assert opened(seen).peer == expected.certificate
        assert far.indicated_name == sni


@pytest.mark.parametrize("version", [Version.TLS_1_2, Version.TLS_1_3])
def test_client_certificates(authority, stranger, server_credentials, version) -> None:
    server = TlsServer(ServerSettings(server_credentials, client_certificate=True,
                                      client_roots=(authority.der,)))
    base = ClientSettings(minimum=version, maximum=version)
    mine = authority.sign("client")
    _, _, seen, theirs = meet(replace(base, credentials=mine), server)
    assert opened(theirs).peer == mine.certificate
    for wrong in (None, stranger.sign("client")):
        _, _, seen, theirs = meet(replace(base, credentials=wrong), server)
        assert failed(seen).why is Failure.CLIENT_CERTIFICATE
        failed(theirs)


@pytest.mark.parametrize(("datagram", "suites"), [(False, (0x00AE,)), (False, (0x1301,)), (True, (0xC0A8,))])
def test_pre_shared_keys(datagram, suites) -> None:
    server = TlsServer(ServerSettings(datagram=datagram, psks={b"unit": b"k" * 16}))
    settings = ClientSettings(datagram=datagram, suites=suites, psk=Psk(b"unit", b"k" * 16))
    _, _, seen, _ = meet(settings, server)
    opened(seen)
    _, _, seen, _ = meet(replace(settings, psk=Psk(b"unit", b"x" * 16)), server)
    assert not any(isinstance(event, Opened) for event in seen)


class TestResumption:
    """Abbreviated handshakes, from what a host can hold as text."""

    @pytest.mark.parametrize("datagram", [False, True])
    @pytest.mark.parametrize("suites", [(), (0xC02C,)])
    def test_by_id(self, server_credentials, datagram, suites) -> None:
        server = TlsServer(ServerSettings(server_credentials, datagram=datagram, tickets=False,
                                          maximum=Version.DTLS_1_2 if datagram else Version.TLS_1_2))
        settings = ClientSettings(datagram=datagram, suites=suites)
        session = self._first(settings, server)
        again = session_from_id(session.session_id, session.master_secret, datagram=datagram, suite=0xC02B)
        assert self._second(replace(settings, session=again), server).resumed
        wrong = bytes((again.session_id[0] ^ 1,)) + again.session_id[1:]
        altered = session_from_id(wrong, session.master_secret, datagram=datagram, suite=0xC02B)
        assert not self._second(replace(settings, session=altered), server).resumed

    def test_an_altered_master_secret_fails(self, server_credentials) -> None:
        server = TlsServer(ServerSettings(server_credentials, tickets=False, maximum=Version.TLS_1_2))
        session = self._first(ClientSettings(), server)
        secret = bytes((session.master_secret[0] ^ 1,)) + session.master_secret[1:]
        altered = session_from_id(session.session_id, secret, datagram=False, suite=session.suite)
        _, _, seen, theirs = meet(ClientSettings(session=altered), server)
        assert not any(isinstance(event, Opened) for event in seen)
        assert failed(seen).why is Failure.KEYS
        assert failed(theirs).why is Failure.KEYS

    @pytest.mark.parametrize("datagram", [False, True])
    def test_by_ticket(self, server_credentials, datagram) -> None:
        server = TlsServer(ServerSettings(server_credentials, datagram=datagram,
                                          maximum=Version.DTLS_1_2 if datagram else Version.TLS_1_2))
        settings = ClientSettings(datagram=datagram)
        session = self._first(settings, server)
        assert len(session.ticket) > 100

        def rebuilt(ticket: bytes) -> ClientSettings:
            return replace(settings, session=session_from_ticket(
                ticket, session.master_secret, datagram=datagram, suite=session.suite,
                extended=session.extended_master_secret))

        assert self._second(rebuilt(session.ticket), server).resumed
        altered = session.ticket[:40] + bytes((session.ticket[40] ^ 1,)) + session.ticket[41:]
        assert not self._second(rebuilt(altered), server).resumed

    def test_by_tls_1_3_ticket(self, server_credentials) -> None:
        server = TlsServer(ServerSettings(server_credentials, minimum=Version.TLS_1_3))
        session = self._first(ClientSettings(), server)
        assert self._second(ClientSettings(session=parse_session(session.compact().der)), server).resumed

    def test_an_id_is_had_from_a_server_that_prefers_tickets(self, server_credentials) -> None:
        server = TlsServer(ServerSettings(server_credentials, maximum=Version.TLS_1_2))
        settings = ClientSettings(tickets=False)
        session = self._first(settings, server)
        assert session.ticket == b""
        again = session_from_id(session.session_id, session.master_secret, datagram=False, suite=0xC02B)
        assert self._second(replace(settings, session=again), server).resumed

    def test_a_server_without_resumption(self, server_credentials) -> None:
        server = TlsServer(ServerSettings(server_credentials, resumption=False, maximum=Version.TLS_1_2))
        session = self._first(ClientSettings(), server)
        assert session.ticket == b""

    @staticmethod
    def _first(settings: ClientSettings, server: TlsServer):
        near, far, seen, _ = meet(settings, server)
        assert not opened(seen).resumed
        far.send(b"data after which TLS 1.3 has its tickets")
        carry(near, far)
        session = near.session()
        near.close()
        carry(near, far)
        far.close()  # a server that ends without its own close_notify forgets the session
        assert session is not None
        return session

    @staticmethod
    def _second(settings: ClientSettings, server: TlsServer) -> Opened:
        _, _, seen, _ = meet(settings, server)
        return opened(seen)


def test_a_cut_connection_is_told(server_credentials) -> None:
    near, _, _, _ = meet(ClientSettings(), TlsServer(ServerSettings(server_credentials)))
    assert [event.why for event in near.end_of_input() if isinstance(event, Failed)] == [Failure.CUT]
    assert near.receive(b"more") == ()
    with pytest.raises(ValueError, match="failed sends nothing"):
        near.send(b"x")


def test_rubbish_in_place_of_a_hello() -> None:
    near = client(ClientSettings())
    near.start()
    assert failed(list(near.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n"))).why is Failure.PROTOCOL


def test_a_lost_flight_is_sent_again(server_credentials) -> None:
    near = client(ClientSettings(datagram=True))
    far = TlsServer(ServerSettings(server_credentials, datagram=True)).accept()
    near.start()
    assert near.outgoing()
    wait = near.timeout_s()
    assert wait is not None
    assert 0 < wait <= 1.1
    deadline = datetime.now(UTC) + timedelta(seconds=5)
    while not (again := near.outgoing()):  # the timer is OpenSSL's own and runs on the machine's clock
        assert datetime.now(UTC) < deadline
        assert near.expired() == ()
    for one in again:
        far.receive(one)
    seen, _ = carry(near, far)
    opened(seen)


def test_a_hello_of_dtls_is_one_piece() -> None:
    """RFC 6347 4.2.3 allows pieces; a server that keeps no state before the cookie (4.2.1) drops them."""
    near = client(ClientSettings(datagram=True, sni="a-long-name-that-a-server-may-be-asked-for.example.com"))
    near.start()
    (hello,) = near.outgoing()
    assert hello[14:17] == hello[22:25], "the fragment's length is the message's"
    assert len(hello) == 13 + int.from_bytes(hello[11:13], "big"), "one record"


def test_a_cookie_proves_the_clients_address(server_credentials) -> None:
    """RFC 6347 4.2.1: the first answer is short; a cookie of another address proves nothing."""
    server = TlsServer(ServerSettings(server_credentials, datagram=True, cookie_key=b"k" * 32))
    near, far = client(ClientSettings(datagram=True)), server.accept(b"10.0.0.1")
    near.start()
    (hello,) = near.outgoing()
    far.receive(hello)
    (request,) = far.outgoing()
    assert len(request) < len(hello)
    assert not far.proven
    near.receive(request)
    (again,) = near.outgoing()
    elsewhere = server.accept(b"10.0.0.2")
    elsewhere.receive(hello)
    elsewhere.outgoing()
    elsewhere.receive(again)
    assert not elsewhere.proven
    far.receive(again)
    assert far.proven
    seen, _ = carry(near, far)
    opened(seen)


def test_a_root_that_is_the_servers_own_is_flagged(authority, server_credentials) -> None:
    """LARA-R6 guide 3.5: the certificate of a server is none of an authority."""
    server = TlsServer(ServerSettings(server_credentials))
    own = ClientSettings(check=Check.CHAIN, roots=(server_credentials.certificate,))
    opened(meet(own, server)[2])
    assert failed(meet(replace(own, flagged_roots=True), server)[2]).why is Failure.ISSUER
    opened(meet(ClientSettings(check=Check.CHAIN, roots=(authority.der,), flagged_roots=True), server)[2])
