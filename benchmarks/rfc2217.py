"""The framework's own RFC 2217 client end against pyserial's, and against a bare socket.

All connect to one server process, which is pyserial's own server end (PortManager) over a serial port that
gives back what is written to it. Opening, a rate and a line are measured client by client in turns; a round
trip of 16 bytes in turns with a bare socket that speaks no Telnet at all, to the same server.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import serial

from cellbench.base.clock import Deadline
from cellbench.io.rfc2217 import Rfc2217Port

ROUNDS = 5
TURNS, TRIPS = 60, 50
PAYLOAD = b"AT+CSQ 0123456\r\n"
GOAL_SETTING = 0.1
GOAL_TRIP = 1.2

SERVER = r"""
import socket
import serial
from serial.rfc2217 import PortManager


class Uart(serial.SerialBase):
    cts = dsr = ri = cd = False

    def __init__(self):
        super().__init__()
        self.is_open = True

    def _reconfigure_port(self, force_update=False):
        pass

    def _update_dtr_state(self):
        pass

    _update_rts_state = reset_input_buffer = reset_output_buffer = _update_dtr_state


class Peer:
    def write(self, data):
        link.sendall(data)


with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    while True:
        link, _ = listener.accept()
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        manager = PortManager(Uart(), Peer())
        with link:
            try:
                while raw := link.recv(1024):
                    data = b"".join(manager.filter(raw))
                    if data:
                        link.sendall(b"".join(manager.escape(data)))
            except ConnectionError:
                pass
"""


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """The address of the server process."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield "127.0.0.1", int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def taken(action: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def own_settings(address: tuple[str, int]) -> dict[str, float]:
    """Opening, a rate and a line by the framework's client, in seconds."""
    port = Rfc2217Port(*address)
    found = {"opening": taken(port.open)}
    found["a rate"] = taken(lambda: port.set_rate(460800))
    found["a line"] = taken(lambda: port.set_output("dtr", False))
    port.close()
    return found


def peer_settings(address: tuple[str, int]) -> dict[str, float]:
    """The same by pyserial's."""
    ports: list[serial.SerialBase] = []
    url = f"rfc2217://{address[0]}:{address[1]}"
    found = {"opening": taken(lambda: ports.append(serial.serial_for_url(url, 115200, timeout=3)))}
    port = ports[0]
    found["a rate"] = taken(lambda: setattr(port, "baudrate", 460800))
    found["a line"] = taken(lambda: setattr(port, "dtr", False))
    port.close()
    return found


def bare_trips(address: tuple[str, int], count: int) -> float:
    """The median round trip over a bare socket, in seconds."""
    with socket.create_connection(address) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def trip() -> None:
            link.sendall(PAYLOAD)
            heard = 0
            while heard < len(PAYLOAD):
                heard += len(link.recv(4096))

        trip()
        return statistics.median(taken(trip) for _ in range(count))


def own_trips(address: tuple[str, int], count: int) -> float:
    """The median round trip over the framework's client, in seconds."""
    port = Rfc2217Port(*address)
    port.open()
    try:
        def trip() -> None:
            port.write(PAYLOAD, Deadline.after(1.0))
            heard = 0
            while heard < len(PAYLOAD):
                heard += len(port.read(4096, 1.0))

        trip()
        return statistics.median(taken(trip) for _ in range(count))
    finally:
        port.close()


def main() -> list[dict[str, object]]:
    """Settings against pyserial's client, round trips against the bare socket."""
    with server() as address:
        own = [own_settings(address) for _ in range(ROUNDS)]
        peer = [peer_settings(address) for _ in range(ROUNDS)]
        trips = [(own_trips(address, TRIPS), bare_trips(address, TRIPS)) for _ in range(TURNS)]
    rows: list[dict[str, object]] = []
    for what in own[0]:
        ours = statistics.median(found[what] for found in own)
        theirs = statistics.median(found[what] for found in peer)
        ratio = ours / theirs
        rows.append({"what": f"RFC 2217: {what} against pyserial's client", "goal": f"<= {GOAL_SETTING}",
                     "figure": round(ratio, 4), "met": ratio <= GOAL_SETTING,
                     "milliseconds": [round(ours * 1000, 2), round(theirs * 1000, 2)]})
    ratio = statistics.median(ours / bare for ours, bare in trips)
    rows.append({"what": "RFC 2217: a round trip against a bare socket to the same server",
                 "goal": f"<= {GOAL_TRIP}", "figure": round(ratio, 3), "met": ratio <= GOAL_TRIP,
                 "microseconds": [round(statistics.median(times) * 1e6, 1)
                                  for times in zip(*trips, strict=True)]})
    return rows


if __name__ == "__main__":
    for line in main():
        print(json.dumps(line))
