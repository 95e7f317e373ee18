"""Xmodem over real terminals: our sender and our receiver, ends of all kinds, the ways by an AT channel."""

from __future__ import annotations

import os
import random
import select
import tty
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from cellbench.base.clock import Deadline
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.channel import Channel
from cellbench.host.transcript import Transcript
from cellbench.host.xmodem import (
    CHECKSUM_ONLY,
    U_BLOX,
    Check,
    DataModePipe,
    Mode,
    Progress,
    Received,
    ReceiverSettings,
    SenderSettings,
    XmodemCancelled,
    XmodemError,
    XmodemNotStarted,
    XmodemRefused,
    XmodemSilent,
    XmodemTimeout,
    raw_port,
    receive,
    send,
)
from cellbench.io.pipe import PortLost
from cellbench.io.serial_port import SerialPort

DATA = random.Random(7).randbytes(10_000)
LONG_S = 20.0
QUICK = ReceiverSettings(ending_s=0.05)


class Far:
    """The far side's end of a pseudo-terminal, as a pipe."""

    def __init__(self) -> None:
        self.end, self._held = os.openpty()
        for descriptor in (self.end, self._held):
            tty.setraw(descriptor)
        self.path = os.ttyname(self._held)

    def read(self, limit: int, timeout_s: float) -> bytes:
        ready, _, _ = select.select([self.end], [], [], timeout_s)
        return os.read(self.end, limit) if ready else b""

    def write(self, data: bytes, deadline: Deadline) -> None:
        while data:
            data = data[os.write(self.end, data):]

    def say(self, data: bytes) -> None:
        os.write(self.end, data)

    def until(self, text: bytes) -> bytes:
        """What comes, up to and with ``text``."""
        heard, deadline = b"", Deadline.after(LONG_S)
        while not heard.endswith(text):
            assert not deadline.expired, heard
            heard += self.read(1, deadline.remaining)
        return heard

    def exactly(self, count: int) -> None:
        """So many bytes."""
        deadline = Deadline.after(LONG_S)
        while count:
            assert not deadline.expired
            count -= len(self.read(count, deadline.remaining))

    def hang_up(self) -> None:
        """The node vanishes under whoever has it open."""
        if self.end >= 0:
            os.close(self.end)
            os.close(self._held)
            self.end = -1


@pytest.fixture
def far() -> Iterator[Far]:
    far = Far()
    yield far
    far.hang_up()


@pytest.fixture
def port(far: Far) -> Iterator[SerialPort]:
    port = SerialPort(far.path)
    port.open()
    yield port
    port.close()


@pytest.fixture
def beside() -> Iterator[Callable[..., Future[object]]]:
    """Runs a function of the far side beside the test."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit


def in_time(seconds: float = LONG_S) -> Deadline:
    return Deadline.after(seconds)


@pytest.mark.parametrize(("mode", "windows", "check"), [
    (Mode.XMODEM, CHECKSUM_ONLY, Check.CHECKSUM), (Mode.XMODEM, U_BLOX, Check.CRC),
    (Mode.XMODEM_1K, U_BLOX, Check.CRC)])
def test_both_ends(far: Far, port: SerialPort, beside: Callable[..., Future[Received]], mode: Mode,
                   windows: tuple[tuple[Check, float], ...], check: Check) -> None:
    seen: list[Progress] = []
    settings = ReceiverSettings(windows=windows, ending_s=0.05)
    receiving = beside(receive, far, deadline=in_time(), settings=settings)
    sent = send(port, DATA, mode, deadline=in_time(), progress=seen.append)
    got = receiving.result(LONG_S)
    assert got.data == DATA.ljust(len(got.data), b"\x1a")
    assert (sent.size, sent.check, got.check, sent.confirmed, sent.rest) == (10_000, check, check, True, b"")
    assert [one.done for one in seen] == sorted({one.done for one in seen})
    assert (seen[-1].done, seen[-1].total, seen[-1].left_s) == (10_000, 10_000, 0.0)
    assert all(one.left_s is not None and one.left_s > 0 for one in seen[:-1])
    assert Progress(0, 10_000, 0, 0.0).left_s is None
    assert Progress(2_500, 10_000, 0, 1.0).left_s == 3.0


def test_what_comes_behind_the_end_is_kept(far: Far, port: SerialPort,
                                           beside: Callable[..., Future[None]]) -> None:
    def module() -> None:
        far.say(b"\r\n+UFWUPD: ONGOING\r\nC")
        far.exactly(133)
        far.say(b"\x06")
        far.until(b"\x04")
        far.say(b"\x06\r\n+UFWPREVAL: 0\r\n")

    done = beside(module)
    sent = send(port, b"x", Mode.XMODEM_1K, deadline=in_time())
    done.result(LONG_S)
    assert (sent.confirmed, sent.rest) == (True, b"\r\n+UFWPREVAL: 0\r\n")


@pytest.mark.parametrize(("replies", "error"), [
    ([b"C", b"\x18\x18"], XmodemCancelled), ([b"\x15"] * 11, XmodemRefused),
    ([b"C"], XmodemSilent), ([], XmodemNotStarted)])
def test_failures_of_a_sender(far: Far, port: SerialPort, beside: Callable[..., Future[None]],
                              replies: list[bytes], error: type[XmodemError]) -> None:
    def module() -> None:
        for place, reply in enumerate(replies):
            if place:
                far.exactly(133 if replies[0] == b"C" else 132)
            far.say(reply)

    done = beside(module)
    quick = SenderSettings(start_s=10.0 if replies else 0.1, reply_s=0.05 if error is XmodemSilent else 10.0)
    with pytest.raises(error) as raised:
        send(port, bytes(100), Mode.XMODEM, deadline=in_time(), settings=quick)
    done.result(LONG_S)
    assert (raised.value.done, raised.value.total) == (0, 100)
    assert "0 of 100 bytes" in str(raised.value)


def test_failures_of_a_receiver(far: Far, port: SerialPort) -> None:
    windows = ((Check.CRC, 0.05),) * 2
    with pytest.raises(XmodemNotStarted, match="after 0 bytes"):
        receive(port, deadline=in_time(), settings=ReceiverSettings(windows=windows))
    assert far.until(b"\x18" * 8) == b"CC" + b"\x18" * 8


@pytest.mark.parametrize("acknowledged", [0, 2])
def test_the_deadline_cancels(far: Far, port: SerialPort, beside: Callable[..., Future[None]],
                              acknowledged: int) -> None:
    def module() -> bytes:
        far.say(b"C")
        for number in range(acknowledged):
            far.until(bytes((1, number + 1, 254 - number)))
            far.say(b"\x06")
        return far.until(b"\x18" * 8)

    done = beside(module)
    with pytest.raises(XmodemTimeout) as raised:
        send(port, bytes(1000), Mode.XMODEM, deadline=in_time(1.0))
    done.result(LONG_S)
    assert raised.value.done == 128 * acknowledged


def test_what_the_progress_raises_cancels(far: Far, port: SerialPort,
                                          beside: Callable[..., Future[bytes]]) -> None:
    class Enough(Exception):
        pass

    def enough(progress: Progress) -> None:
        if progress.done >= 2048:
            raise Enough

    receiving = beside(receive, far, deadline=in_time(), settings=QUICK)
    with pytest.raises(Enough):
        send(port, DATA, Mode.XMODEM_1K, deadline=in_time(), progress=enough)
    with pytest.raises(XmodemCancelled, match="after 2048 bytes"):
        receiving.result(LONG_S)


@pytest.mark.parametrize("at_end", [False, True])
def test_the_port_vanishes(far: Far, port: SerialPort, beside: Callable[..., Future[None]],
                           at_end: bool) -> None:
    """With all blocks acknowledged it is the end: a module may restart then."""
    def module() -> None:
        far.say(b"C")
        far.exactly(133)
        if at_end:
            far.say(b"\x06")
            far.until(b"\x04")
        far.hang_up()

    done = beside(module)
    if at_end:
        assert send(port, b"x", Mode.XMODEM, deadline=in_time()).confirmed is False
    else:
        with pytest.raises(PortLost):
            send(port, b"x", Mode.XMODEM, deadline=in_time())
    done.result(LONG_S)


def test_a_receiver_lingers_for_a_repeated_end(far: Far, port: SerialPort,
                                               beside: Callable[..., Future[Received]]) -> None:
    deadline, heard = in_time(), b""
    receiving = beside(receive, port, deadline=deadline, settings=QUICK, linger_s=LONG_S)
    far.until(b"C")
    for _ in range(2):
        far.say(b"\x04")
        heard += far.until(b"\x06")
    assert heard == b"\x06\x06"
    assert not receiving.done()
    far.hang_up()
    assert receiving.result(LONG_S).data == b""


@pytest.fixture
def channel(far: Far) -> Iterator[Channel]:
    channel = Channel(SerialPort(far.path), profile_for(Series.LENA_R8), trace=Transcript(), name="at")
    channel.start()
    yield channel
    channel.stop()


def test_by_the_port_of_a_channel(far: Far, channel: Channel,
                                  beside: Callable[..., Future[Received]]) -> None:
    """The channel is silent meanwhile, its trace has every byte, and what came behind is its own again."""
    mark = channel.urcs.mark()
    with raw_port(channel) as port:
        receiving = beside(receive, far, deadline=in_time(), settings=QUICK)
        sent = send(port, DATA, Mode.XMODEM_1K, deadline=in_time())
        got = receiving.result(LONG_S)
        channel.link.hand_on(sent.rest + b"\r\n+CEREG: 5\r\n")
    assert got.data[:len(DATA)] == DATA
    assert channel.urcs.since(mark)[0].text == "+CEREG: 5"
    assert isinstance(channel.trace, Transcript)
    written = b"".join(record.data for record in channel.trace.records() if record.direction.value == ">")
    assert written.startswith(b"\x02\x01\xfe" + DATA[:1024])


def test_in_data_mode(far: Far, channel: Channel, beside: Callable[..., Future[Received]]) -> None:
    def module() -> Received:
        far.until(b"\r")
        far.say(b"\r\nCONNECT\r\n")
        got = receive(far, deadline=in_time(), settings=QUICK)
        far.say(b"\r\nNO CARRIER\r\n")
        return got

    receiving = beside(module)
    with channel.open_data("ATO") as data:
        sent = send(DataModePipe(data), DATA, Mode.XMODEM, deadline=in_time())
        rest = sent.rest
        while not rest.endswith(b"NO CARRIER\r\n"):
            rest += data.read(100, LONG_S)
        data.close()
    assert receiving.result(LONG_S).data[:len(DATA)] == DATA
