"""The ICMP responder under packets put together byte by byte from RFC 791 and RFC 792."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from cellbench.services.icmp import IcmpServer
from cellbench.services.server import State

HOSTS = {"216.58.206.68": {"ttl": 128, "hops": 13}}
MODULE = "10.15.164.174"


def internet_checksum(data: bytes) -> int:
    """RFC 1071, the byte order independent way."""
    total = sum(int.from_bytes(data[i:i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def echo_request(ttl: int, target: str = "216.58.206.68", payload: bytes = b"x" * 32) -> bytes:
    icmp = struct.pack("!BBHHH", 8, 0, 0, 0x1234, 1) + payload
    icmp = icmp[:2] + internet_checksum(icmp).to_bytes(2, "big") + icmp[4:]
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 7, 0, ttl, 1, 0,
                         socket.inet_aton(MODULE), socket.inet_aton(target))
    return header[:10] + internet_checksum(header).to_bytes(2, "big") + header[12:] + icmp


def exchange(packets: list[bytes], *, state: State = State.UP, wait_s: float = 0.1,
             **definition: object) -> list[bytes]:
    """What comes back on some packets, until as many came or nothing more comes."""
    async def run() -> list[bytes]:
        server = IcmpServer({"hosts": HOSTS, **definition})
        await server.start()
        await server.set_state(state)
        place = server.endpoints()[0]
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.connect((place.host, place.port))
        answers = []
        try:
            for packet in packets:
                await loop.sock_sendall(sock, packet)
            while len(answers) < len(packets):
                answers.append(await asyncio.wait_for(loop.sock_recv(sock, 2000), wait_s))
        except TimeoutError:
            pass
        finally:
            sock.close()
            await server.stop()
        return answers

    return asyncio.run(run())


def test_echo_reply_with_the_ttl_that_is_left() -> None:
    request = echo_request(32)
    reply, = exchange([request], wait_s=2.0)
    assert internet_checksum(reply[:20]) == 0
    assert internet_checksum(reply[20:]) == 0
    assert reply[8] == 115, "128 at the start, 13 routers on the way"
    assert (socket.inet_ntoa(reply[12:16]), socket.inet_ntoa(reply[16:20])) == ("216.58.206.68", MODULE)
    assert reply[20] == 0
    assert reply[24:] == request[24:], "identifier, sequence number and payload come back"


def test_ttl_that_runs_out_on_the_way() -> None:
    request = echo_request(13)
    answer, = exchange([request], wait_s=2.0)
    assert answer[20] == 11
    assert answer[28:] == request[:28], "the header and eight bytes are quoted"
    assert socket.inet_ntoa(answer[12:16]) != "216.58.206.68", "a router speaks"
    assert exchange([echo_request(14)], wait_s=2.0)[0][20] == 0


def test_loss() -> None:
    assert len(exchange([echo_request(64)] * 6, lose_every=3)) == 4


def test_mute_and_down() -> None:
    assert exchange([echo_request(64)], state=State.MUTE) == []
    answer, = exchange([echo_request(64)], state=State.DOWN, wait_s=2.0)
    assert answer[20:22] == b"\x03\x01"


def test_slow() -> None:
    assert exchange([echo_request(64)], state=State.SLOW, slow_s=0.5, wait_s=0.1) == []
    assert len(exchange([echo_request(64)], state=State.SLOW, slow_s=0.1, wait_s=2.0)) == 1


def test_another_host_is_silence_or_time_exceeded() -> None:
    assert exchange([echo_request(64, "203.0.113.7")]) == []
    stranger = echo_request(64, "203.0.113.7")
    answer, = exchange([stranger, stranger], unknown="time-exceeded", wait_s=0.2)
    assert answer[20] == 11, "the first packet brings nothing, the second time exceeded"


@pytest.mark.parametrize("place", [8, 12, 21, 30])
def test_a_damaged_packet_is_dropped(place: int) -> None:
    packet = bytearray(echo_request(64))
    packet[place] ^= 0x10
    assert exchange([bytes(packet)]) == []
