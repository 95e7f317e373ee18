"""The servers of ``cellbench services up``, each reached by a foreign client with what the map says of it."""

from __future__ import annotations

import json
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cellbench.io.tls.engine import client
from cellbench.io.tls.settings import ClientSettings
from cellbench.services.offer import LWM2M, OFFERS

WAIT_S = 30
HELLO_VERIFY_REQUEST = 3  # RFC 6347 4.3.2
PLAIN_HTTPS = ["https", "https-slow", "https-aes128", "https-tls13", "https-ec", "https-psk"]


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"the foreign peer {name} is not installed")
    return found


def run(*command: str, status: int = 0) -> str:
    """What a foreign client says; it must end with ``status``."""
    done = subprocess.run([program(command[0]), *command[1:]], capture_output=True, timeout=WAIT_S,
                          check=False, stdin=subprocess.DEVNULL)
    said = (done.stdout + done.stderr).decode("latin-1")
    assert done.returncode == status, said
    return said


def free_ports(names: list[str]) -> dict[str, int]:
    """A port for each, free for TCP and UDP, all held at once while they are sought."""
    found = {}
    with ExitStack() as held:
        for name in names:
            while True:
                tcp = held.enter_context(socket.socket())
                tcp.bind(("127.0.0.1", 0))
                found[name] = int(tcp.getsockname()[1])
                udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                try:
                    udp.bind(("127.0.0.1", found[name]))
                    break
                except OSError:
                    continue
    return found


class Host:
    """A running ``services up`` and what it said when it was ready."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        ports = "".join(f"{name}: {port}\n" for name, port in free_ports(list(OFFERS)).items())
        (folder / "ports.yaml").write_text(ports)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cellbench", "services", "up", "--dir", str(folder / "kept"), "--ports",
             str(folder / "ports.yaml"), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], WAIT_S)
        line = self.process.stdout.readline() if readable else ""
        assert line, self.process.communicate(timeout=5)[1]
        self.ready: dict[str, Any] = json.loads(line)
        self.ca = str(self.ready["ca"])

    def port(self, name: str) -> int:
        return int(self.ready["services"][name][0]["port"])

    def words(self, name: str) -> dict[str, str]:
        return dict(self.ready["words"][name])

    def url(self, name: str, scheme: str, path: str = "/") -> str:
        return f"{scheme}://127.0.0.1:{self.port(name)}{path}"

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=WAIT_S)
        return self.process.returncode


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """All servers of one host."""
    folder = tmp_path_factory.mktemp("up")
    found = Host(folder, "--rig-snippet", str(folder / "snippet.yaml"))
    yield found
    assert found.end() == 0


def curl(host: Host, name: str, *options: str, status: int = 0) -> str:
    secure = OFFERS[name].secured is not None
    options = (*(("--cacert", host.ca) if secure else ()), *options)
    return run("curl", "--noproxy", "*", "-sS", "--max-time", "15", *options,
               host.url(name, "https" if secure else "http"), status=status)


def test_all_of_it_makes_a_rig_file(host: Host, tmp_path: Path) -> None:
    """The snippet names every server; a rig file with it is valid."""
    snippet = (host.folder / "snippet.yaml").read_text()
    assert [name for name in OFFERS if f"  {name}: {{" not in snippet] == []
    rig = tmp_path / "rig.yaml"
    slot = "  a1: {series: LENA-R8, ports: {uart: {url: /dev/ttyS0}}}"
    rig.write_text(f"rig: r\nslots:\n{slot}\n{snippet}")
    done = subprocess.run([sys.executable, "-m", "cellbench", "rig", "validate", str(rig)],
                          capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["http", *PLAIN_HTTPS])
def test_curl(host: Host, name: str) -> None:
    assert "httpbin" in curl(host, name)


def test_curl_meets_what_each_server_is_for(host: Host) -> None:
    """A small key, TLS 1.1, an old certificate, a name that is another's: curl says each in its words."""
    assert "key too weak" in curl(host, "https-rsa1024", status=60)
    assert "expired" in curl(host, "https-expired", status=60)
    assert "does not match" in (said := curl(host, "https-sni", status=60)) or "target host name" in said
    curl(host, "https-tls11", status=35)
    curl(host, "https-aes128", "--tlsv1.3", status=35)
    curl(host, "https-tls13", "--tls-max", "1.2", status=35)
    port = host.port("https-sni")
    run("curl", "--noproxy", "*", "-sS", "--cacert", host.ca, "--resolve", f"sni.example:{port}:127.0.0.1",
        f"https://sni.example:{port}/")


def test_curl_shows_a_client_certificate(host: Host) -> None:
    """The pair that the map names is taken; without it the server refuses."""
    words = host.words("https-client")
    assert "httpbin" in curl(host, "https-client", "--cert", words["client_certificate"], "--key",
                             words["client_key"])
    assert "certificate required" in curl(host, "https-client", status=56)


def test_openssl_connects_by_the_pre_shared_key(host: Host) -> None:
    said = run("openssl", "s_client", "-connect", f"127.0.0.1:{host.port('https-psk')}", "-psk_identity",
               "cellbench", "-psk", b"cellbench-psk".hex(), "-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256")
    assert "Cipher is PSK-AES128-GCM-SHA256" in said


@pytest.mark.parametrize("name", ["ftp", "ftps"])
@pytest.mark.parametrize("passive", ["true", "false"])
def test_lftp(host: Host, name: str, passive: str, tmp_path: Path) -> None:
    """The user that the map names lists, stores and takes back."""
    words = host.words(name)
    password = Path(words["password"].removeprefix("{file: ").removesuffix("}")).read_text().strip()
    (tmp_path / "sent").write_bytes(bytes(range(256)) * 100)
    secure = f"set ssl:ca-file {host.ca}; set ftp:ssl-force true; set ftp:ssl-protect-data true; "
    said = run("lftp", "-c", f"set net:max-retries 1; set ftp:passive-mode {passive}; "
               f"{secure if name == 'ftps' else ''}"
               f"open -u {words['user']},{password} {host.url(name, 'ftp', '')}; "
               f"put {tmp_path}/sent; get sent -o {tmp_path}/back; ls; rm sent")
    assert re.search(r"1037 .*dat_000", said)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "sent").read_bytes()


def test_mosquitto_from_one_port_to_the_other(host: Host) -> None:
    """Published in the clear, received over TLS: both are one broker."""
    subscriber = subprocess.Popen(
        [program("stdbuf"), "-oL", program("mosquitto_sub"), "-d", "-h", "127.0.0.1",
         "-p", str(host.port("mqtts")), "--cafile", host.ca, "-t", "a/b", "-q", "1", "-C", "1"],
        stdout=subprocess.PIPE, text=True)
    try:
        assert subscriber.stdout is not None
        while "SUBACK" not in (line := subscriber.stdout.readline()):
            assert line
        run("mosquitto_pub", "-h", "127.0.0.1", "-p", str(host.port("mqtt")), "-t", "a/b", "-q", "1",
            "-m", "nonce 7")
        assert "nonce 7" in subscriber.communicate(timeout=WAIT_S)[0]
    finally:
        subscriber.kill()
        subscriber.communicate()


@pytest.mark.parametrize(("name", "scheme"), [
    ("coap", "coap"), ("coap-tcp", "coap+tcp"), ("coap-dtls", "coaps"), ("coap-tls", "coaps+tcp")])
def test_libcoap(host: Host, name: str, scheme: str) -> None:
    """A short answer and one of many blocks."""
    trust = ("-C", host.ca, "-R", host.ca) if OFFERS[name].secured is not None else ()
    for path, text in (("/hello", "world"), ("/large", "00039: sixty-four")):
        assert text in run("coap-client-openssl", "-B", "20", *trust, host.url(name, scheme, path))


def test_libcoap_registers(host: Host) -> None:
    """LwM2M's Register, with the key that is offered."""
    identity, key = LWM2M
    url = host.url("lwm2m", "coaps", "/rd?ep=urn:imei:1&lt=60")
    said = run("coap-client-openssl", "-v", "7", "-B", "20", "-u", identity, "-k", key, "-m", "post",
               "-t", "40", "-e", "</1/0>,</3/0>", url)
    assert "2.01" in said


def test_openssl_shakes_hands_with_the_gateways(host: Host) -> None:
    """No foreign program speaks MQTT-SN over DTLS: the handshakes, with the client's certificate where it is
    demanded."""
    words = host.words("mqtt-flex")
    pair = ("-cert", words["client_certificate"], "-key", words["client_key"])
    for name, more in (("mqttsn-dtls", ()), ("mqtt-flex", pair)):
        said = run("openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{host.port(name)}",
                   "-CAfile", host.ca, "-verify_return_error", *more)
        assert "Verification: OK" in said


def test_dtls_on_a_public_address(tmp_path: Path) -> None:
    """Nothing is amplified: the certificate comes after the client has shown where it is."""
    host = Host(tmp_path, "--public", "--name", "127.0.0.1", "--bind", "127.0.0.1", "--server", "coap-dtls")
    try:
        for path, text in (("/hello", "world"), ("/large", "00039: sixty-four")):
            assert text in run("coap-client-openssl", "-B", "20", "-C", host.ca, "-R", host.ca,
                               host.url("coap-dtls", "coaps", path))
        engine = client(ClientSettings(datagram=True))
        engine.start()
        (hello,) = engine.outgoing()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.settimeout(WAIT_S)
            stranger.sendto(hello, ("127.0.0.1", host.port("coap-dtls")))
            answer = stranger.recv(2000)
        assert answer[13] == HELLO_VERIFY_REQUEST
        assert len(answer) < len(hello)
    finally:
        assert host.end() == 0
