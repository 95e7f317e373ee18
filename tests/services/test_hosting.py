"""``cellbench services up`` as a user starts it: the map, limits, TLS, the control port, every mistake."""

from __future__ import annotations

import contextlib
import json
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from cellbench.base.errors import NotPossible, OperatorError, ServiceError
from cellbench.rig.load import load_rig
from cellbench.roots.farside.services import ServicesDriver
from cellbench.services.authority import Authority
from cellbench.services.control_client import Refused, request
from cellbench.services.offer import Signer
from cellbench.services.signing import authority_for_host, kept_client
from cellbench.session.check.farside import look_at_far_sides
from cellbench.session.check.model import Host, Scene

WAIT_S = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Program:
    """One running ``services up``."""

    place: Path
    ready: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def start(self, *arguments: str) -> Program:
        ports = {"echo": free_port(), "echo-tls": free_port()}
        (self.place / "ports.yaml").write_text("".join(f"{name}: {port}\n" for name, port in ports.items()))
        command = [sys.executable, "-m", "cellbench", "services", "up", "--dir", str(self.place / "kept"),
                   "--ports", str(self.place / "ports.yaml"), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], WAIT_S)
        line = self.process.stdout.readline() if readable else ""
        assert line, self.process.communicate(timeout=5)[1]
        self.ready = json.loads(line)
        return self

    def port(self, name: str) -> int:
        return int(self.ready["services"][name][0]["port"])

    def end(self) -> tuple[int, str]:
        """As Ctrl-C does; its exit status and what it said to the person."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, said


@pytest.fixture(scope="module")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """With a control port that takes a token, a map and a snippet."""
    place = tmp_path_factory.mktemp("hosting")
    program = Program(place)
    program.start("--name", "127.0.0.1", "--server", "echo", "--server", "echo-tls",
                  "--control", f"127.0.0.1:{free_port()}", "--token-file", str(place / "token"),
                  "--map", str(place / "map.json"), "--rig-snippet", str(place / "snippet.yaml"))
    yield program
    status, said = program.end()
    assert status == 0
    assert "echo-tls  tcp  127.0.0.1:" in said


@pytest.fixture
def far(steered: Program) -> ServicesDriver:
    """The far side of a procedure that begins now."""
    control = steered.ready["control"]
    token = Path(control["token_file"]).read_text().strip()
    return ServicesDriver("a1", control["host"], control["port"], token)


def connect(program: Program, name: str = "echo") -> socket.socket:
    found = socket.create_connection(("127.0.0.1", program.port(name)), WAIT_S)
    found.settimeout(WAIT_S)
    return found


def test_map_and_snippet(steered: Program) -> None:
    """What is printed, written and served is one thing; the secrets are for their owner alone."""
    written = json.loads((steered.place / "map.json").read_text())
    assert {key: written[key] for key in ("services", "ca", "control")} == {
        key: steered.ready[key] for key in ("services", "ca", "control")}
    snippet = (steered.place / "snippet.yaml").read_text()
    assert f"echo: {{host: 127.0.0.1, port: {steered.port('echo')}}}" in snippet
    assert "far_side: {kind: services, host: 127.0.0.1, port: " in snippet
    for secret in (steered.place / "token", steered.place / "kept" / "ca-key.pem"):
        assert secret.stat().st_mode & 0o077 == 0
    rig = steered.place / "rig.yaml"
    slot = "a1: {series: LENA-R8, ports: {uart: {url: /dev/ttyS0}}}"
    rig.write_text(f"rig: r\nslots:\n  {slot}\n{snippet}")
    checked = subprocess.run([sys.executable, "-m", "cellbench", "rig", "validate", str(rig)],
                             capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert checked.returncode == 0, checked.stdout


def test_tls_echo_by_the_authority_made_here(steered: Program) -> None:
    """A client that trusts it gets its echo; one that does not is warned by its own library."""
    trusting = ssl.create_default_context(cafile=steered.ready["ca"])
    with trusting.wrap_socket(connect(steered, "echo-tls"), server_hostname="127.0.0.1") as client:
        client.sendall(b"over TLS")
        assert client.recv(100) == b"over TLS"
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(connect(steered, "echo-tls"), server_hostname="127.0.0.1")


def test_the_far_side_speaks_on_a_modules_connection(steered: Program, far: ServicesDriver) -> None:
    """Bytes, an orderly end and a reset reach the only client that came since the procedure began."""
    with connect(steered) as module:
        far.act("remote-send", socket="0", hex=b"from afar".hex())
        assert module.recv(100) == b"from afar"
        far.act("remote-close", socket="0")
        assert module.recv(100) == b""
    module = connect(steered)
    far = ServicesDriver("a1", far.host, far.port, far.token)
    with connect(steered) as module:
        far.act("remote-reset", socket="0")
        with pytest.raises(ConnectionResetError):
            module.recv(100)


def test_the_far_side_answers_a_datagram_later(steered: Program, far: ServicesDriver) -> None:
    """More than was sent, since it was told to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as module:
        module.settimeout(WAIT_S)
        module.sendto(b"x", ("127.0.0.1", steered.port("echo")))
        assert module.recv(100) == b"x"
        far.act("remote-send", socket="3", hex=(b"y" * 50).hex())
        assert module.recv(100) == b"y" * 50
        with pytest.raises(NotPossible, match="it sends datagrams: there is no connection to end"):
            far.act("remote-close", socket="3")


def test_the_far_side_never_guesses(steered: Program, far: ServicesDriver) -> None:
    """Nobody, or two: it says so."""
    with pytest.raises(NotPossible, match="no connection or datagram has come"):
        far.act("remote-send", socket="0", hex="00")
    with connect(steered), connect(steered), pytest.raises(NotPossible, match="2 peers came to the servers"):
        far.act("remote-send", socket="0", hex="00")
    for verb in ("remote-connect", "network", "call"):
        assert not far.can(verb)
        with pytest.raises(NotPossible, match=re.escape(far.why_not(verb))):
            far.act(verb)


def test_the_far_side_puts_servers_into_states(steered: Program, far: ServicesDriver) -> None:
    """Down refuses; up serves again; what a server saw can be asked for."""
    far.act("server", name="echo", state="down")
    try:
        with pytest.raises(ConnectionRefusedError):
            connect(steered)
    finally:
        far.act("server", name="echo", state="up")
    with connect(steered) as module:
        module.sendall(b"12345")
        assert module.recv(100) == b"12345"
    assert far.report("server", name="echo")["last_bytes"] == "5"
    with pytest.raises(NotPossible, match="no server dns here; there are echo, echo-tls"):
        far.act("server", name="dns", state="mute")


def test_the_control_port_takes_the_token_alone(steered: Program) -> None:
    """Without it, with another, with rubbish: refused or cut off, and the next request is served."""
    where = steered.ready["control"]["host"], steered.ready["control"]["port"]
    for token in (None, "another token of some length"):
        with pytest.raises(Refused, match="the token is not the one"):
            request(*where, "list", {}, token=token)
    with socket.create_connection(where, WAIT_S) as rubbish:
        rubbish.sendall(b"GET / HTTP/1.0\r\n\r\n")
        rubbish.settimeout(WAIT_S)
        said = b""
        try:
            while data := rubbish.recv(4096):
                said += data
        except ConnectionResetError:
            said += b""
        assert b'"ok": true' not in said
    token = Path(steered.ready["control"]["token_file"]).read_text().strip()
    assert set(request(*where, "list", {}, token=token)) == {"echo", "echo-tls"}


def test_nobody_at_the_control_port() -> None:
    """The servers' error, not the unit's."""
    with pytest.raises(ServiceError, match="does not answer"):
        ServicesDriver("a1", "127.0.0.1", free_port(), None).act("server", name="echo", state="down")


def test_public_limits(tmp_path: Path) -> None:
    """A flood of connections and datagrams from one client is cut short; the program stays well."""
    program = Program(tmp_path).start("--public", "--name", "127.0.0.1", "--bind", "127.0.0.1",
                                      "--server", "echo")
    opened: list[socket.socket] = []
    try:
        for _ in range(60):
            opened.append(connect(program))
        alive = 0
        for client in opened:
            try:
                client.sendall(b"?")
                alive += client.recv(10) == b"?"
            except ConnectionError:
                continue
        assert 1 <= alive <= 16
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
            for _ in range(2000):
                flood.sendto(b"z", ("127.0.0.1", program.port("echo")))
            flood.settimeout(1.0)
            back, end = 0, time.monotonic() + 3
            while time.monotonic() < end:
                try:
                    back += len(flood.recv(100))
                except TimeoutError:
                    break
            assert back <= 600
            # flood and connections may have used up what this client is given, which comes back
            end = time.monotonic() + 30
            flood.settimeout(0.25)
            while not back and time.monotonic() < end:
                flood.sendto(b"z", ("127.0.0.1", program.port("echo")))
                with contextlib.suppress(TimeoutError):
                    back += len(flood.recv(100))
        assert back
    finally:
        for client in opened:
            client.close()
        status, _ = program.end()
    assert status == 0
    assert (tmp_path / "kept" / "services.log").stat().st_size < 10_000


@pytest.mark.parametrize(("arguments", "status", "said"), [
    (["--public"], 2, "--bind 0.0.0.0 does not say what modules call this host; give --name"),
    (["--public", "--world", "--name", "x"], 2, "--world is for a virtual rack"),
    (["--bind", "here"], 2, "an IPv4 address of this host is expected"),
    (["--control", "0.0.0.0:0", "--server", "echo"], 12,
     "may not be open to everybody at 0.0.0.0; give --token-file"),
    (["--control", "soon"], 2, "say PORT or ADDRESS:PORT"),
    (["--server", "gopher"], 12, "there is no server gopher; there are echo, echo-tls, http, https,"),
    (["--ca", "nowhere.pem"], 12, "an authority takes its certificate and its key"),
    (["--ca", "nowhere.pem", "--ca-key", "nowhere.key"], 12, "nowhere.pem: No such file"),
    (["--ports", "PORTS"], 12, "lines `server: port` are expected"),
    (["--bind", "192.0.2.77"], 11, "server echo cannot listen at 192.0.2.77:7007"),
])
def test_every_mistake_is_a_sentence(tmp_path: Path, arguments: list[str], status: int, said: str) -> None:
    """No traceback, and what to do."""
    (tmp_path / "ports.yaml").write_text("echo: seven\n")
    words = [str(tmp_path / "ports.yaml") if word == "PORTS" else word for word in arguments]
    done = subprocess.run([sys.executable, "-m", "cellbench", "services", "up", "--dir",
                           str(tmp_path / "kept"), *words],
                          capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_authority_of_ones_own(tmp_path: Path) -> None:
    """An EC authority signs; nothing is made beside it; a key that is not its own is refused."""
    ours = Authority("Acme root")
    (tmp_path / "acme.pem").write_bytes(ours.pem)
    (tmp_path / "acme.key").write_bytes(ours.key_pem)
    own = tmp_path / "acme.pem", tmp_path / "acme.key"
    signer = Signer(tmp_path, ["lab.example", "192.0.2.5"], *own)
    assert signer.certificate == tmp_path / "acme.pem"
    issued = x509.load_der_x509_certificate(signer.usual.certificate)
    issued.verify_directly_issued_by(x509.load_pem_x509_certificate(ours.pem))
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["lab.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.5"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acme.key", "acme.pem"]
    other = Authority("other")
    first = kept_client(tmp_path, ours)
    pair = [path.read_bytes() for path in first]
    assert kept_client(tmp_path, ours) == first
    assert [path.read_bytes() for path in first] == pair, "kept from start to start"
    assert first[1].stat().st_mode & 0o077 == 0
    kept_client(tmp_path, other)
    x509.load_pem_x509_certificate(first[0].read_bytes()).verify_directly_issued_by(
        x509.load_pem_x509_certificate(other.pem))
    (tmp_path / "acme.key").write_bytes(other.key_pem)
    with pytest.raises(OperatorError, match="cannot be used as an authority: the key is not the one"):
        authority_for_host(tmp_path, *own)


def test_a_check_asks_the_control_port(steered: Program, tmp_path: Path) -> None:
    """With the token, without it, and where nobody is: each with its line and remedy."""
    control = steered.ready["control"]
    slot = "slots:\n  a1: {series: LENA-R8, ports: {uart: {url: /dev/ttyS0}}}\n"
    found = []
    for port, token in ((control["port"], f", token: {{file: {control['token_file']}}}"),
                        (control["port"], ""), (free_port(), "")):
        rig = tmp_path / "rig.yaml"
        rig.write_text(f"rig: r\n{slot}far_side: {{kind: services, host: 127.0.0.1, port: {port}{token}}}\n")
        (look,) = look_at_far_sides(Scene(load_rig(rig), Host()))
        found.append((look.told, *(str(trouble).partition("far_side")[2] or str(trouble)
                                   for trouble in look.troubles)))
    assert found[0] == ("has echo, echo-tls",)
    assert found[1][0] == "refuses"
    assert "copy the token file" in found[1][1]
    assert found[2][0] == "not reached"
    assert "start `cellbench services up --control` there" in found[2][1]
