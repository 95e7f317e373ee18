"""Modem control lines as a board, over pyserial's own RFC 2217 server whose adapter loops its lines back.

pyserial's ``loop://`` port answers CTS with what RTS is and DSR with what DTR is.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time

import pytest
import serial
import serial.rfc2217

from cellbench.base.errors import NotPossible, RigError
from cellbench.instruments.kinds import find_kind

TRANSCRIPT_OF = ("line.serial-lines",)
DTR, RTS = 0, 1
CTS, DSR, DCD, RI = range(4)


class Server:
    """One adapter behind an RFC 2217 server; takes one client after the other."""

    def __init__(self):
        self.adapter = serial.serial_for_url("loop://", timeout=0.05)
        self.adapter.dtr = self.adapter.rts = True  # as the system leaves them at opening
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self._listener.getsockname()[1]}"
        self.left = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with link:
                self._serve(link)
            self.left.set()

    def _serve(self, link):
        manager = serial.rfc2217.PortManager(self.adapter, type("Writer", (), {"write": link.sendall})())
        link.settimeout(0.02)
        while True:
            try:
                data = link.recv(1024)
            except TimeoutError:
                manager.check_modem_lines()
                continue
            except OSError:
                return
            if not data:
                return
            for _ in manager.filter(data):
                pass  # the board's adapter carries no data

    def close(self):
        with contextlib.suppress(OSError):  # closed by the test already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def server():
    one = Server()
    with contextlib.closing(one):
        yield one


def open_lines(url, **settings):
    return find_kind("line.serial-lines").open("lines", {"url": url, **settings})


def settles(read, wanted):
    """The server tells of its lines when they change: ask until it has."""
    deadline = time.monotonic() + 10
    while read() is not wanted and time.monotonic() < deadline:
        time.sleep(0.002)
    return read() is wanted


def test_opening_lets_go_of_both_lines(server):
    board = open_lines(server.url)
    assert settles(lambda: server.adapter.dtr, False)
    assert settles(lambda: server.adapter.rts, False)
    board.close()


def test_idle_lines_are_asserted_from_opening_on_and_again_at_the_end(server):
    board = open_lines(server.url, idle=["dtr"])
    board.drive(DTR, False)
    board.drive(RTS, True)
    assert settles(lambda: server.adapter.dtr, False)
    assert settles(lambda: server.adapter.rts, True)
    board.close()
    assert server.left.wait(10)
    assert (server.adapter.dtr, server.adapter.rts) == (True, False)


@pytest.mark.parametrize(("levels", "asserted"), [("ttl", False), ("rs232", True)])
def test_inputs_tell_the_level_at_the_pin(server, levels, asserted):
    board = open_lines(server.url, levels=levels)
    board.drive(RTS, True)
    assert settles(lambda: board.read(CTS), asserted)
    board.drive(RTS, False)
    assert settles(lambda: board.read(CTS), not asserted)
    board.drive(DTR, True)
    assert settles(lambda: board.read(DSR), asserted)
    board.close()


def test_what_is_driven_is_confirmed_by_nothing(server):
    board = open_lines(server.url)
    with pytest.raises(NotPossible, match="does not tell the state of DTR"):
        board.is_closed(DTR)
    with pytest.raises(RigError, match="no relay 2; it has 0 to 1"):
        board.drive(2, True)
    with pytest.raises(RigError, match="no input 4"):
        board.read(4)
    board.close()


def test_a_port_without_lines_is_a_rig_error():
    master, slave = os.openpty()
    try:
        with pytest.raises(RigError, match=r"instrument lines .*cannot drive DTR: .*no control lines"):
            open_lines(os.ttyname(slave))
    finally:
        os.close(master)
        os.close(slave)


def test_a_port_number_that_is_none_is_a_rig_error():
    with pytest.raises(RigError, match="instrument lines: port 'rfc2217://a:99999': not of the form"):
        open_lines("rfc2217://a:99999")


def test_a_server_that_goes_is_a_rig_error_and_the_next_call_opens_anew(server):
    board = open_lines(server.url)
    server.close()
    board._stream.pipe.close()  # the cable is pulled
    with pytest.raises(RigError, match="instrument lines"):
        board.drive(DTR, True)
    with pytest.raises(RigError, match="cannot be reached"):
        board.drive(DTR, True)
    board.close()
