"""The TLS adapter against the openssl program, both ways: handshakes, refusals, resumption from text."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cellbench.io.tls.engine import Event, Failed, Opened, Received, State, TlsEngine, TlsServer, client
from cellbench.io.tls.sessions import Session, parse_session, session_from_id, session_from_ticket
from cellbench.io.tls.settings import ClientSettings, Credentials, ServerSettings, Version

DEADLINE_S = 20.0


class Wire:
    """An engine on a real socket."""

    def __init__(self, engine: TlsEngine, link: socket.socket, peer: tuple[str, int] | None = None) -> None:
        self.engine, self.link, self.peer = engine, link, peer
        self.events: list[Event] = []

    def flush(self) -> None:
        for data in self.engine.outgoing():
            if self.peer is None:
                self.link.sendall(data)
            else:
                self.link.sendto(data, self.peer)

    def until(self, done: Callable[[], bool]) -> bool:
        """Carry bytes until ``done`` or the end of the connection."""
        end = time.monotonic() + DEADLINE_S
        self.flush()
        while not done() and self.engine.state is not State.FAILED and time.monotonic() < end:
            self.link.settimeout(min(0.2, self.engine.timeout_s() or 0.2) + 0.001)
            try:
                data = self.link.recv(65_536)
            except TimeoutError:
                if self.engine.timeout_s() is not None:
                    self.events += self.engine.expired()
                self.flush()
                continue
            except ConnectionError:
                data = b""
            self.events += self.engine.receive(data) if data else self.engine.end_of_input()
            self.flush()
        return done()

    def open(self) -> bool:
        return self.until(lambda: any(isinstance(event, Opened) for event in self.events))

    def text(self) -> str:
        return b"".join(event.data for event in self.events if isinstance(event, Received)).decode()

    def close(self) -> None:
        self.engine.close()
        self.flush()
        self.link.close()


class OpensslServer:
    """openssl s_server, whose output is kept."""

    def __init__(self, folder: Path, credentials: Credentials, *options: str, datagram: bool = False) -> None:
        write_pem(folder, credentials)
        self.datagram = datagram
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-cert", str(folder / "cert.pem"),
             "-key", str(folder / "key.pem"), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.says("ACCEPT")

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := self.process.stdout.read1(4096):  # type: ignore[attr-defined]
            self.output += data.decode("latin-1")

    def says(self, text: str, since: int = 0) -> None:
        end = time.monotonic() + DEADLINE_S
        while text not in self.output[since:]:
            assert time.monotonic() < end, self.output
            time.sleep(0.005)

    def tell(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def meet(self, settings: ClientSettings) -> tuple[Wire, str]:
        """A connection on which the server has sent a line, and what the server printed for it."""
        since = len(self.output)
        kind = socket.SOCK_DGRAM if self.datagram else socket.SOCK_STREAM
        link = socket.socket(socket.AF_INET, kind)
        link.connect(("127.0.0.1", self.port))
        wire = Wire(client(settings), link)
        wire.events += wire.engine.start()
        if wire.open():
            self.says("CIPHER is", since)
            self.tell("line from the server\n")
            assert wire.until(lambda: "server\n" in wire.text())
        return wire, self.output[since:]

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def write_pem(folder: Path, credentials: Credentials) -> None:
    certificate = x509.load_der_x509_certificate(credentials.certificate)
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key = serialization.load_der_private_key(credentials.key, password=None)
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    """A self-signed certificate, made by openssl itself."""
    folder = tmp_path_factory.mktemp("made")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=server.example",
                    "-days", "30"], cwd=folder, check=True, capture_output=True, timeout=30)
    certificate = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), password=None)
    return Credentials(certificate.public_bytes(serialization.Encoding.DER), key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


@pytest.fixture
def serve(tmp_path: Path, credentials: Credentials) -> Iterator[Callable[..., OpensslServer]]:
    started: list[OpensslServer] = []

    def start(*options: str, datagram: bool = False) -> OpensslServer:
        started.append(OpensslServer(tmp_path, credentials, *options, datagram=datagram))
        return started[-1]

    yield start
    for server in started:
        server.end()


def flip(data: bytes, place: int = 0) -> bytes:
    return data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]


KINDS = {
    "tls12-id": (("-tls1_2", "-no_ticket"), False),
    "tls12-ticket": (("-tls1_2",), False),
    "tls13-ticket": (("-tls1_3",), False),
    "dtls12-id": (("-dtls1_2", "-no_ticket"), True),
    "dtls12-ticket": (("-dtls1_2",), True),
}


def rebuilt(kind: str, session: Session, *, altered: bool) -> Session:
    """The session as it comes back from a host that kept it as text; ``altered``: with one bit changed."""
    datagram = kind.startswith("dtls")
    if kind == "tls13-ticket":
        ticket = session.ticket
        der = session.compact().der
        return parse_session(der.replace(ticket, flip(ticket, 40)) if altered else der)
    if kind.endswith("ticket"):
        return session_from_ticket(flip(session.ticket, 40) if altered else session.ticket,
                                   session.master_secret, datagram=datagram, suite=session.suite,
                                   extended=session.extended_master_secret)
    session_id = flip(session.session_id) if altered else session.session_id
    # neither suite nor extended master secret are kept: the first guess is wrong on purpose
    return session_from_id(session_id, session.master_secret, datagram=datagram, suite=0xC0AC, extended=False)


@pytest.mark.parametrize("kind", KINDS)
def test_sessions_are_resumed_from_text(serve: Callable[..., OpensslServer], kind: str) -> None:
    options, datagram = KINDS[kind]
    server = serve(*options, datagram=datagram)
    settings = ClientSettings(datagram=datagram)
    wire, said = server.meet(settings)
    assert "Reused" not in said
    session = wire.engine.session()
    assert session is not None
    wire.close()
    for altered, expected in ((False, True), (True, False)):
        wire, said = server.meet(replace(settings, session=rebuilt(kind, session, altered=altered)))
        opened = [event for event in wire.events if isinstance(event, Opened)]
        assert len(opened) == 1, (wire.events, said)
        assert opened[0].resumed is expected
        assert ("Reused session-id" in said) is expected
        wire.close()


def test_suite_and_version_are_refused_by_the_server(serve: Callable[..., OpensslServer]) -> None:
    server = serve("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384")
    for settings in (ClientSettings(suites=(0xC02B,)), ClientSettings(minimum=Version.TLS_1_3)):
        wire, _ = server.meet(settings)
        assert any(isinstance(event, Failed) for event in wire.events)
        wire.link.close()
    wire, said = server.meet(ClientSettings(suites=(0xC02C,)))
    assert "CIPHER is ECDHE-ECDSA-AES256-GCM-SHA384" in said
    wire.close()


@pytest.mark.parametrize(("option", "tickets"), [("-tls1_2", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_the_openssl_client_resumes_with_our_server(credentials: Credentials, tmp_path: Path, option: str,
                                                    tickets: bool) -> None:
    server = TlsServer(ServerSettings(credentials, tickets=tickets))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE_S)
        served = threading.Thread(target=_echo, args=(server, listener, 2), daemon=True)
        served.start()
        reports = []
        for more in (("-sess_out", str(tmp_path / "session")), ("-sess_in", str(tmp_path / "session"))):
            done = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{listener.getsockname()[1]}", option,
                 "-ign_eof", *more],
                input=b"hello from openssl\n", capture_output=True, timeout=DEADLINE_S, check=False)
            reports.append(done.stdout.decode("latin-1"))
        served.join(DEADLINE_S)
    assert all("HELLO FROM OPENSSL" in report for report in reports), reports
    assert re.search(r"^New, ", reports[0], re.M)
    assert re.search(r"^Reused, ", reports[1], re.M)


def _echo(server: TlsServer, listener: socket.socket, times: int) -> None:
    for _ in range(times):
        link, _ = listener.accept()
        wire = Wire(server.accept(), link)
        if wire.until(lambda wire=wire: "\n" in wire.text()):
            wire.engine.send(wire.text().upper().encode())
            wire.flush()
        wire.close()
