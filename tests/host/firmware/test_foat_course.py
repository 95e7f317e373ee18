"""Updates over AT on a real tty whose other end plays a module: what happens when words are missing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from cellbench.host.channel import Channel
from cellbench.host.firmware import foat, install
from cellbench.host.firmware.course import Course, Ending, Patience
from cellbench.host.firmware.foat import Waits
from cellbench.host.firmware.line import UpdateLine
from cellbench.host.firmware.model import Stage, UpdateEvent
from cellbench.host.xmodem import Check, Mode, XmodemRefused
from cellbench.wire.firmware.machine import UpdateMachine
from cellbench.wire.firmware.transitions import UpdateState

from ..conftest import Peer

GREETING = "+UUSTATUS: READY"
LINE = "AT+UFWUPD=1,115200,,1"
RATE = 115_200
DATA = bytes(300)
WAITS = Waits(20.0, 60.0)
ACK, NAK, CAN, EOT = b"\x06", b"\x15", b"\x18", b"\x04"
PROGRESS = b"\r\n+UFWPREVAL: 40\r\n\r\n+UFWUPD: 3\r\n\r\n+UFWUPD: 100\r\n"
SUCCESS, READY = b"\r\n+UFWINSTALL: 128\r\n", b"\r\n+UUSTATUS: READY\r\n"


class Played:
    """A module in update mode: calls, takes three blocks, says ``words``."""

    def __init__(self, peer: Peer, words: bytes, *, calls: bytes = b"C", refuses: int = 0,
                 stopped_at: int = 0) -> None:
        self.peer = peer
        self.words = words
        self.calls = calls
        self.refuses = refuses
        self.stopped_at = stopped_at  # the sender gives up after that block, by eight CAN
        self.cancelled = threading.Event()
        self.blocks: list[bytes] = []
        peer.on(LINE, self._begin)

    def _begin(self, peer: Peer, line: bytes) -> None:
        peer.say(b"\r\n>\r\n+UFWUPD: ONGOING\r\n" + self.calls)
        length = 128 + (5 if self.calls[-1:] == b"C" else 4)
        peer.want_payload(length, self._block)

    def _block(self, peer: Peer, block: bytes) -> None:
        self.blocks.append(block)
        if len(self.blocks) == self.refuses:
            peer.say(CAN * 2 + self.words)
            return
        if len(self.blocks) == self.stopped_at:
            peer.want_payload(8, self._cancel)
            peer.say(ACK)
            return
        peer.want_payload(1 if len(self.blocks) == 3 else len(block),
                          self._end if len(self.blocks) == 3 else self._block)
        peer.say(ACK)

    def _cancel(self, peer: Peer, octets: bytes) -> None:
        if octets == CAN * 8:
            self.cancelled.set()

    def _end(self, peer: Peer, octet: bytes) -> None:
        assert octet == EOT
        peer.say(ACK + self.words)


@pytest.fixture
def course(channel: Channel) -> Iterator[Callable[..., Course]]:
    """``course(report)``: the channel's port, lent to an update; patient for a second in its silent
    minutes."""
    def reopen(seconds: float) -> None:
        raise AssertionError("the port did not vanish")

    line = UpdateLine(channel, RATE, reopen)
    with channel.declare_reboot(600.0), line:
        yield lambda report=None, silence_s=60.0: Course(
            line, UpdateMachine(GREETING), Patience(silence_s, 1.0, 10.0), report)


def update(course: Course, check: Check | None = None) -> Ending:
    ending = foat.start(course, LINE, RATE, WAITS, check)
    if ending is None:
        ending, _ = foat.offer(course, DATA, Mode.XMODEM)
    return ending


def stages(course: Course) -> list[Stage]:
    return [event.stage for event in course.events]


def test_128_before_the_boot(peer: Peer, course: Callable[..., Course]) -> None:
    played, one = Played(peer, PROGRESS + SUCCESS), course()
    assert update(one) is Ending.SUCCESS
    assert (one.booted, one.machine.code) == (False, 128)
    assert [block[1] for block in played.blocks] == [1, 2, 3]
    assert stages(one) == [Stage.COMMANDED, Stage.WAITING, Stage.WAITING, *[Stage.RECEIVING] * 3,
                           Stage.CHECKING, Stage.WRITING, Stage.WRITING, Stage.SILENT, Stage.REBOOTING]


def test_128_after_the_boot(peer: Peer, course: Callable[..., Course]) -> None:
    Played(peer, PROGRESS + READY + SUCCESS)
    one = course()
    assert update(one) is Ending.SUCCESS
    assert one.booted


def test_neither_128_nor_a_greeting_the_module_is_asked(peer: Peer, course: Callable[..., Course]) -> None:
    Played(peer, PROGRESS)
    one = course()
    assert update(one) is Ending.STARTED
    assert (one.booted, one.machine.code) == (True, None)


def test_no_word_at_all_after_the_package(peer: Peer, course: Callable[..., Course]) -> None:
    """As on firmware without URCs: AT until OK."""
    Played(peer, b"")
    assert update(course()) is Ending.STARTED


def test_a_module_that_stays_silent(peer: Peer, course: Callable[..., Course]) -> None:
    Played(peer, PROGRESS)
    peer.on("AT", b"")
    one = course(silence_s=2.5)
    assert update(one) is Ending.SILENT
    assert one.stage is Stage.SILENT


def test_a_code_at_the_check(peer: Peer, course: Callable[..., Course]) -> None:
    Played(peer, b"\r\n+UFWPREVAL: 40\r\n\r\n+UFWUPD: 168\r\n")
    one = course()
    assert update(one) is Ending.CODE
    assert one.machine.code == 168


def test_a_transfer_that_is_cancelled_says_why(peer: Peer, course: Callable[..., Course]) -> None:
    Played(peer, b"\r\n+UFWUPD: 230\r\n", refuses=2)
    one = course()
    assert update(one) is Ending.CODE
    assert one.machine.code == 230


def test_the_checksum_is_waited_for(peer: Peer, course: Callable[..., Course]) -> None:
    played, one = Played(peer, PROGRESS + SUCCESS, calls=b"CCC\x15"), course()
    assert update(one, Check.CHECKSUM) is Ending.SUCCESS
    assert {len(block) for block in played.blocks} == {132}


def test_nobody_sends(peer: Peer, course: Callable[..., Course]) -> None:
    peer.on(LINE, b"\r\n>\r\n+UFWUPD: ONGOING\r\nCCC" + NAK * 10 + b"\r\nTimeout\r\n")
    one = course()
    install.begin(one, LINE, RATE, 10.0)
    assert one.follow() is Ending.GAVE_UP
    assert one.refusal is not None
    assert one.refusal.text == "Timeout"
    assert len(one.calls) == 13


def test_a_refused_command(peer: Peer, course: Callable[..., Course]) -> None:
    peer.on(LINE, b"\r\nERROR\r\n")
    one = course()
    assert foat.start(one, LINE, RATE, WAITS) is Ending.REFUSED
    assert one.machine.state is UpdateState.REFUSED


def test_a_command_that_begins_nothing(peer: Peer, course: Callable[..., Course]) -> None:
    """Taken, and the module goes on answering AT."""
    peer.on(LINE, b"\r\nOK\r\n")
    assert foat.start(course(), LINE, RATE, Waits(0.5, 60.0)) is Ending.STARTED


def test_what_a_report_raises_ends_the_transfer_and_the_module_is_told(
        peer: Peer, course: Callable[..., Course]) -> None:
    class Stop(Exception):
        pass

    def report(event: UpdateEvent) -> None:
        if event.stage is Stage.RECEIVING and event.at == 2:
            raise Stop

    played = Played(peer, b"", stopped_at=2)
    with pytest.raises(Stop):
        update(course(report))
    assert len(played.blocks) == 2
    assert played.cancelled.wait(60.0)


def test_a_transfer_nobody_explains(peer: Peer, course: Callable[..., Course],
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """The receiver cancels and says nothing more: the transfer's own error."""
    monkeypatch.setattr(foat, "_AFTERMATH_S", 0.5)
    Played(peer, b"", refuses=1)
    with pytest.raises(Exception, match="cancelled") as caught:
        update(course())
    assert not isinstance(caught.value, XmodemRefused)


def test_an_installation_by_its_words(peer: Peer, course: Callable[..., Course]) -> None:
    line = "AT+UFWINSTALL=1,115200,,1"
    peer.on(line, b"\r\nOK\r\n\r\n+UFWPREVAL: 0\r\n\r\n+UUFWINSTALL: 1\r\n\r\n+UUFWINSTALL: 128\r\n")
    one = course()
    assert install.install(one, line, RATE, 10.0) is Ending.SUCCESS
    assert stages(one) == [Stage.COMMANDED, Stage.CHECKING, Stage.WRITING, Stage.REBOOTING]


def test_afterwards_the_channel_has_its_port_again(peer: Peer, channel: Channel) -> None:
    def reopen(seconds: float) -> None:
        raise AssertionError("the port did not vanish")

    with channel.declare_reboot(60.0):
        with UpdateLine(channel, RATE, reopen) as line:
            one = Course(line, UpdateMachine(GREETING), Patience(60.0, 1.0, 10.0))
            Played(peer, PROGRESS + SUCCESS)
            assert update(one) is Ending.SUCCESS
        channel.sync(20.0)
    assert channel.send("AT").ok
