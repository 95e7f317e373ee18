"""The channel over other pipes, under noise, and with its port's thread in every state."""

from __future__ import annotations

import os
import queue
import random
import threading
import time

import pytest

from cellbench.base.clock import Deadline
from cellbench.host.channel import Channel
from cellbench.host.errors import AtError, AtTimeout
from cellbench.host.transcript import Transcript
from cellbench.io.pipe import PortLost
from cellbench.io.serial_port import SerialPort
from cellbench.io.tcp import TcpPort

OK = b"\r\nOK\r\n"


class QueuePipe:
    """A pipe without file descriptor, as a channel of a multiplexer is one."""

    name = "mux 1"

    def __init__(self) -> None:
        self.incoming: queue.Queue[bytes] = queue.Queue()
        self.answers = {b"AT\r": b"AT\r" + OK}

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        self.incoming.put(b"")

    def read(self, limit: int, timeout_s: float) -> bytes:
        try:
            return self.incoming.get(timeout=timeout_s) if timeout_s > 0 else self.incoming.get_nowait()
        except queue.Empty:
            return b""

    def write(self, data: bytes, deadline: Deadline) -> None:
        self.incoming.put(self.answers.get(data, b""))


def test_a_pipe_without_descriptor(r8):
    pipe = QueuePipe()
    channel = Channel(pipe, r8, trace=Transcript(), name="mux1", gap_s=0)
    channel.start()
    for _ in range(20):
        assert channel.send("AT", timeout_s=20.0).ok
    with channel.expect("RING") as ringing:
        pipe.incoming.put(b"\r\nRING\r\n")
        ringing.wait(2.0)
    seen = threading.Event()
    channel.urcs.listen(lambda urc: seen.set())
    pipe.incoming.put(b"\r\nRING\r\n")
    assert seen.wait(20.0)
    channel.stop()


def test_a_raw_tcp_connection(r8):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        channel = Channel(TcpPort(*listener.getsockname()), r8, trace=Transcript(), name="tcp", gap_s=0)
        channel.start()
        far, _ = listener.accept()
        serving = threading.Thread(target=lambda: [far.sendall(data + OK) for data in iter(
            lambda: far.recv(100), b"")])
        serving.start()
        for _ in range(20):
            assert channel.send("AT", timeout_s=20.0).ok
        channel.stop()
        serving.join(2.0)
        far.close()


def test_urcs_right_after_quick_answers_are_seen(channel, peer):
    """The port's thread dozes after quick answers; it must not oversleep what comes then."""
    peer.on("AT+CSQ", b"\r\n+CSQ: 1,1\r\n" + OK)
    for number in range(20):
        for _ in range(3):
            channel.send("AT+CSQ")
        with channel.expect("+UUSORD") as arrived:
            peer.say(b"\r\n+UUSORD: 0,%d\r\n" % number)
            assert arrived.wait(20.0).fields == (0, number)
        seen = threading.Event()
        forget = channel.urcs.listen(lambda urc, seen=seen: seen.set())
        channel.send("AT+CSQ")
        peer.say(b"\r\nRING\r\n")
        assert seen.wait(20.0)
        forget()


def test_an_idle_port_costs_no_processor_time(channel):
    channel.send("AT")
    time.sleep(0.1)  # the thread's doze after the answer
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1


def test_a_port_can_be_lent(channel, peer):
    with channel.paused():
        descriptor = os.open(peer.path, os.O_RDWR | os.O_NOCTTY)
        os.write(descriptor, b"AT\r")
        heard = b""
        while not heard.endswith(OK):
            heard += os.read(descriptor, 100)
        os.close(descriptor)
    assert channel.send("AT").ok


def test_a_megabyte_of_noise_and_then_in_step(channel, peer):
    peer.echo = True
    peer.on("AT+CSQ", b"\r\n+CSQ: 25,0\r\n" + OK)
    source = random.Random(11)
    for _ in range(250):
        peer.say(source.randbytes(4096))
    deadline = Deadline.after(40.0)
    while not deadline.expired:
        try:
            if channel.send("AT+CSQ", timeout_s=1.0).info[-1:] == ("+CSQ: 25,0",):
                break
        except (AtTimeout, AtError):
            continue
    assert channel.send("AT+CSQ", timeout_s=20.0).info == ("+CSQ: 25,0",)


def test_noise_while_a_command_waits(channel, peer):
    source = random.Random(12)

    def noisy(peer, line):
        peer.say(source.randbytes(300).replace(b"\r", b"").replace(b"\n", b"") + b"\r\n+CSQ: 25,0\r\n" + OK)

    peer.on("AT+CSQ", noisy)
    for _ in range(20):
        assert channel.send("AT+CSQ", timeout_s=20.0).value("+CSQ") == (25, 0)


def test_moving_while_commands_go_out(peer, other_peer, r8):
    channel = Channel(SerialPort(peer.path), r8, trace=Transcript(), name="at0", gap_s=0)
    channel.start()
    stop = threading.Event()
    wrong: list[BaseException] = []

    def ask() -> None:
        while not stop.is_set():
            try:
                channel.send("AT", timeout_s=1.0)
            except PortLost:
                continue
            except Exception as error:
                wrong.append(error)
                return

    asker = threading.Thread(target=ask)
    asker.start()
    for number in range(6):
        time.sleep(0.02)
        channel.move(SerialPort((other_peer if number % 2 == 0 else peer).path))
    stop.set()
    asker.join(3.0)
    assert wrong == []
    assert channel.send("AT", timeout_s=20.0).ok
    channel.stop()


@pytest.mark.parametrize("payload", [b"x", b"\x00\x1a\x1b\r\nOK\r\n"])
def test_payloads_of_any_bytes(channel, peer, payload):
    def ask(peer, line):
        peer.want_payload(len(payload), lambda peer, data: peer.say(b"\r\n+USOWR: 0,%d\r\n" % len(data) + OK))
        peer.say(b"\r\n@")

    peer.on(f"AT+USOWR=0,{len(payload)}", ask)
    answer = channel.send(f"AT+USOWR=0,{len(payload)}", payload=payload)
    assert answer.value("+USOWR") == (0, len(payload))


def test_a_prompt_that_the_module_takes_back(channel, peer):
    peer.on("AT+USOWR=0,5", b"\r\n@\r\n+CME ERROR: 3\r\n")
    assert channel.send("AT+USOWR=0,5", payload=b"12345", check=False).final.number == 3
    assert [line for _, line in peer.received] == [b"AT+USOWR=0,5"]
