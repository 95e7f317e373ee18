"""Sockets as Python objects, on a virtual module of each series."""

from __future__ import annotations

import secrets

import pytest

from cellbench.base.errors import UnitError
from cellbench.host.clients.blame import ClientError
from cellbench.host.security import Security, SecurityProfile, ServerCheck
from cellbench.host.sockets import SocketClosed, Sockets

from .rack import Module

ECHO, PORT = "195.34.89.241", 7
ALL_BYTES = bytes(range(256))


@pytest.fixture
def sockets(module: Module) -> Sockets:
    return Sockets(module.channel)


@pytest.mark.parametrize("data", [b"plain text", b'with "quotes"\r\nOK\r\n', ALL_BYTES * 12])
def test_tcp_gives_back_any_bytes(sockets: Sockets, data: bytes) -> None:
    data = data + secrets.token_hex(4).encode()
    with sockets.tcp() as one:
        one.connect(ECHO, PORT)
        one.send(data)
        assert one.recv_exactly(len(data)) == data
        assert one.unread() == 0


def test_the_form_is_what_the_bytes_need(sockets: Sockets, module: Module) -> None:
    with sockets.tcp() as one:
        one.connect(ECHO, PORT)
        one.send(b"as-text")
        one.send(b"at\x00prompt")
        assert one.recv_exactly(16) == b"as-textat\x00prompt"
    seen = b"".join(record.data for record in module.transcript.records())
    assert b',7,"as-text"\r' in seen
    assert b",9\r" in seen


def test_hexadecimal(sockets: Sockets) -> None:
    with sockets.hexadecimal(), sockets.tcp() as one:
        one.connect(ECHO, PORT)
        one.send(ALL_BYTES * 3)
        assert one.recv_exactly(768) == ALL_BYTES * 3
    with sockets.tcp() as one:
        one.connect(ECHO, PORT)
        one.send(b"plain again")
        assert one.recv_exactly(11) == b"plain again"


def test_datagrams(sockets: Sockets) -> None:
    data = ALL_BYTES + secrets.token_bytes(8)
    with sockets.udp() as one:
        one.send_to(data, ECHO, PORT)
        assert one.recv_from() == (data, ECHO, PORT)
    with sockets.udp() as one:
        one.connect(ECHO, PORT)
        one.send(b"connected")
        assert one.recv(100) == b"connected"


def test_a_refused_connection_and_silence(sockets: Sockets) -> None:
    with sockets.tcp() as one, pytest.raises(ClientError) as refused:
        one.connect(ECHO, 9)
    assert refused.value.code != 0
    with sockets.tcp() as one:
        one.connect(ECHO, PORT)
        with pytest.raises(UnitError, match="no data within"):
            one.recv(10, timeout_s=0.3)


def test_the_peer_closes(sockets: Sockets, module: Module) -> None:
    with sockets.tcp() as one:
        one.connect(ECHO, PORT)
        module.ctl("remote-close", f"socket={one.number}")
        with pytest.raises(SocketClosed):
            one.recv(10, timeout_s=20.0)
        assert one.is_closed


def test_a_secure_socket(sockets: Sockets, module: Module) -> None:
    Security(module.channel).apply(3, SecurityProfile(check=ServerCheck.NONE))
    with sockets.tcp() as one:
        one.secure(3)
        one.connect("192.0.2.12", 443)
        one.send(b"GET / HTTP/1.0\r\nHost: www.ssl_tls_test_server.com\r\n\r\n")
        assert one.recv_exactly(15).startswith(b"HTTP/1.1 200 OK")
