"""Services that take connections and then die: the probes see it, and the module's unit is not blamed."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from cellbench.base.errors import Owner
from cellbench.host.clients.blame import ClientError, ClientServiceError, Probe, tcp_probe
from cellbench.host.clients.http import HttpClient, HttpServer
from cellbench.host.clients.mqtt import MqttClient
from cellbench.host.clients.mqtt_settings import MqttServer
from cellbench.host.clients.probes import client_hello, ftp_probe, http_probe, mqtt_probe, tls_probe

from .rack import Module, Rack

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
RUBBISH = bytes(range(128, 256)) * 2
PROBES = {"http": http_probe, "ftp": ftp_probe, "mqtt": mqtt_probe, "tls": tls_probe}
ENDS = ("reset", "close", "silent", "rubbish")


class Dying:
    """A server that says ``page`` up to ``after`` bytes and then ends as told; well until then."""

    def __init__(self, page: bytes) -> None:
        self.page = page
        self.end, self.after = "well", 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        self._kept.append(connection)
        try:
            connection.settimeout(10)  # the other end of the test may have closed it already
            connection.recv(65_536)
            connection.sendall(self.page if self.end == "well" else self.page[:self.after])
            if self.end == "rubbish":
                connection.sendall(RUBBISH)
            if self.end == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if self.end in ("silent", "rubbish"):
                connection.recv(1)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._kept:
            one.close()


@pytest.fixture
def dying() -> Iterator[Callable[[bytes], Dying]]:
    """Makes servers that die."""
    made: list[Dying] = []

    def make(page: bytes) -> Dying:
        made.append(Dying(page))
        return made[-1]

    yield make
    for one in made:
        one.close()


def place_of(rack: Rack, role: str) -> tuple[str, int]:
    """Where the host reaches a service of the rack."""
    probe = yaml.safe_load((Path(rack.directory) / "rig.yaml").read_text())["services"][role]["probe"]
    return probe["host"], probe["port"]


def test_services_that_are_well(rack: Rack) -> None:
    for role, probe in (("http", http_probe), ("ftp", ftp_probe), ("mqtt", mqtt_probe), ("https", tls_probe),
                        ("mqtts", tls_probe)):
        assert probe(*place_of(rack, role))() == "", role


@pytest.mark.parametrize("role", ["mqttsn-dtls", "mqtt-flex", "coap-dtls", "lwm2m"])
def test_a_datagram_hello_is_answered(rack: Rack, role: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(10)
        asker.connect(place_of(rack, role))
        asker.send(client_hello(datagram=True))
        answer = asker.recv(2048)
    assert answer[0] in (0x15, 0x16), "neither alert nor handshake"
    assert answer[1] == 0xFE, "no DTLS"


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", list(PROBES))
def test_what_a_probe_sees(kind: str, end: str, dying: Callable[[bytes], Dying]) -> None:
    server = dying(PAGE)
    server.end, server.after = end, 0
    limit = {} if kind == "ftp" else {"within_s": 0.5}
    seen = PROBES[kind]("127.0.0.1", server.port, **limit)()
    assert f"127.0.0.1:{server.port}" in seen
    assert tcp_probe("127.0.0.1", server.port)() == ""


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    for probe in PROBES.values():
        assert "does not answer the host" in probe("127.0.0.1", port)()


@pytest.mark.parametrize(("end", "after"), [("reset", 0), ("close", 30), ("silent", 60), ("rubbish", 0)])
def test_a_web_server_that_dies_is_the_owner(module: Module, dying: Callable[[bytes], Dying], end: str,
                                             after: int) -> None:
    server = dying(PAGE)
    http = HttpClient(module.channel).use(HttpServer("127.0.0.1", port=server.port, timeout_s=30),
                                          probe=http_probe("127.0.0.1", server.port, within_s=0.5))
    server.end, server.after = end, after
    with pytest.raises(ClientServiceError) as caught:
        http.get("/")
    assert caught.value.owner is Owner.SERVICE
    assert caught.value.kind == 3
    server.end = "well"
    assert http.get("/").body == b"hello"


def test_a_mute_broker_is_the_owner(module: Module, rack: Rack) -> None:
    host, port = place_of(rack, "mqtt")
    server = MqttServer("192.168.105.30")

    def fails(probe: Probe) -> ClientError | ClientServiceError:
        with pytest.raises((ClientError, ClientServiceError)) as caught:
            MqttClient(module.channel).use(server, probe=probe).connect()
        assert (caught.value.kind, caught.value.code) == (13, 33)
        return caught.value

    module.ctl("server", "name=mqtt", "state=mute")
    try:
        assert isinstance(fails(mqtt_probe(host, port, within_s=0.5)), ClientServiceError)
    finally:
        module.ctl("server", "name=mqtt", "state=up")
    with MqttClient(module.channel).use(server) as client:
        client.publish("t", "x", qos=1)
