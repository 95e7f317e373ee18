"""Dial-up over a virtual rack of its own process: what a data call carries, and how it ends."""

from __future__ import annotations

import threading

import pytest

from cellbench.base.errors import FrameworkError, NotPossible
from cellbench.catalogue.model import Series
from cellbench.host.channel import Channel
from cellbench.host.errors import AtTimeout, NoCarrier, UnexpectedReset
from cellbench.host.ppp import PppLink
from cellbench.host.ppp_carrier import CarrierWatch
from cellbench.host.ppp_model import (
    DialCommand,
    EndKind,
    PppAuth,
    PppAuthRefused,
    PppDial,
    PppFailed,
    PppLost,
    PppNoAnswer,
    PppRefused,
    PppReset,
    PppUnreachable,
)
from cellbench.io.ports import open_pipe
from cellbench.io.serial_port import SerialPort
from cellbench.wire.ip.tcp import TcpSettings
from cellbench.wire.ppp.hdlc import Damaged, Deframer, Framer
from cellbench.wire.ppp.packets import Code, Option, Packet, Protocol, encode_options, parse_packet

ECHO = "195.34.89.241"


def test_traffic_and_online_command_mode(module) -> None:  # type: ignore[no-untyped-def]
    """Everything at once over one call; then the port takes commands, and a second call is as the first."""
    with PppLink(module.channel, PppDial(1)) as link:
        assert link.address != link.peer
        assert link.resolve("echo.u-blox.com") == ECHO
        assert [ping.answered for ping in link.ping("www.google.com", 2)] == [True, True]
        assert link.ping("www.google.com", ttl=1)[0].said == "time exceeded"
        assert link.fetch("http://httpbin.org/").status == 200
        with link.tcp("echo.u-blox.com", 7) as one, link.udp() as port:
            data = bytes(range(256)) * 400
            giving = threading.Thread(target=one.send, args=(data,))
            giving.start()
            assert one.recv_exactly(len(data)) == data
            giving.join()
            one.finish()
            assert one.recv_all() == b""
            port.send_to(b"x" * 1000, ECHO, 7)
            assert port.recv_from() == (b"x" * 1000, ECHO, 7)
            with pytest.raises(PppUnreachable):
                port.send_to(b"x" * 2000, ECHO, 7)
        assert link.pause().final.text == "OK"
        assert module.channel.send("AT").ok
        with pytest.raises(NotPossible):
            link.ping(ECHO)
        assert link.resume().startswith("CONNECT")
        assert link.ping("www.google.com")[0].answered
    assert link.end is not None
    assert (link.end.kind, link.end.text) == (EndKind.HUNG_UP, "NO CARRIER")
    assert module.channel.send("AT").ok
    with PppLink(module.channel, PppDial(1, command=DialCommand.CGDATA)) as link:
        assert link.ping(ECHO)[0].answered


def test_failures_by_owner(module) -> None:  # type: ignore[no-untyped-def]
    """Refused, unreachable, silent, reset, nameless: each its own error; the call goes on."""
    with PppLink(module.channel, PppDial(1)) as link:
        with pytest.raises(PppRefused):
            link.tcp(ECHO, 81)
        with pytest.raises(PppNoAnswer):
            link.tcp("203.0.113.1", 80, timeout_s=1.5)
        with pytest.raises(PppUnreachable):
            link.tcp("198.51.100.1", 80)
        with pytest.raises(PppUnreachable, match="no such address"):
            link.resolve("no-such-host.invalid")
        with pytest.raises(PppUnreachable):
            link.tcp("2001:db8::1", 80)
        assert not link.ping("203.0.113.1", timeout_s=0.5)[0].answered
        with link.udp(5555) as port:
            with pytest.raises(FrameworkError):
                link.udp(5555)
            with pytest.raises(PppNoAnswer):
                port.recv_from(0.2)
        with link.tcp(ECHO, 7, settings=TcpSettings(give_up_s=30.0)) as one:
            module.ctl("server", "name=echo", "state=down")
            with pytest.raises(PppReset):
                one.recv_exactly(1, 10.0)
            module.ctl("server", "name=echo", "state=up")
        assert link.ping(ECHO)[0].answered
        assert link.hang_up().kind is EndKind.HUNG_UP


@pytest.mark.parametrize("module", ["r6"], indirect=True)
def test_a_line_that_damages_bytes(module, transcript) -> None:  # type: ignore[no-untyped-def]
    """One byte in ten thousand, either way: frames are lost and counted, TCP makes up for them."""
    uart = Channel(open_pipe(module.rack.uarts[module.name]), module.channel.profile, trace=transcript,
                   name="uart")
    uart.start()
    try:
        uart.sync(20.0)
        with PppLink(uart, PppDial(1)) as link:
            with link.tcp(ECHO, 7) as one:
                module.ctl("uart", "noise=0.0001")
                data = bytes(range(256)) * 200
                giving = threading.Thread(target=one.send, args=(data,))
                giving.start()
                try:
                    assert one.recv_exactly(len(data), 120.0) == data
                finally:
                    giving.join()
                    module.ctl("uart", "noise=0")
            assert link.damaged + one.retransmitted > 0
            assert any(ping.answered for ping in link.ping(ECHO, 3))
        assert uart.send("AT").ok
    finally:
        uart.stop()


def test_wrong_context(module) -> None:  # type: ignore[no-untyped-def]
    link = PppLink(module.channel, PppDial(7))
    with pytest.raises((NoCarrier, Exception)) as refusal:
        link.open()
    assert "ATD*99***7#" in str(refusal.value)
    assert link.end is None
    assert module.channel.send("AT").ok


def test_detached_under_way(module) -> None:  # type: ignore[no-untyped-def]
    """The network ends the context: an error of the network's, with the end in it."""
    module.channel.send('AT+CGDCONT=2,"IP","APN2"' if module.series is Series.LARA_R6
                        else 'AT+CGDCONT=2,"IP","internet.wind"')
    with PppLink(module.channel, PppDial(2)) as link:
        with link.tcp(ECHO, 7) as one:
            module.ctl("network", "deact=2")
            assert link.await_end(30.0).kind in (EndKind.TERMINATED, EndKind.CARRIER_LOST)
            with pytest.raises(PppLost) as lost:
                one.recv(1, 10.0)
        assert lost.value.end == link.end
        with pytest.raises(PppLost):
            link.ping(ECHO)
    assert module.channel.send("AT").ok


def test_the_password_stays_out_of_the_transcript(module) -> None:  # type: ignore[no-untyped-def]
    """PAP sends it in clear on the wire."""
    module.channel.send('AT+CGDCONT=3,"IP","APN3"' if module.series is Series.LARA_R6
                        else 'AT+CGDCONT=3,"IP","internet.wind"')
    for password in ("of-no-importance~}", "q7Zw"):
        mark = module.transcript.mark()
        with PppLink(module.channel, PppDial(3, "someone", password, auth=(PppAuth.PAP,))) as link:
            assert link.address
            if module.series is Series.LARA_R6:  # it asks on every context but the first
                assert link.asked_for is PppAuth.PAP
        text = module.transcript.export(mark)
        assert "someone" in text or link.asked_for is None
        assert password not in text
        assert "of-no" not in text


# -- the end of data mode in the bytes -----------------------------------------------------------------


@pytest.mark.parametrize("words", ["NO CARRIER", "DISCONNECT", "ERROR", "+CME ERROR: operation not allowed"])
def test_words_behind_a_whole_frame_end_it_at_once(words: str) -> None:
    watch = CarrierWatch("+UUSTATUS: READY")
    octets = b"\r\n" + words.encode() + b"\r\n\r\n+CGEV: ME PDN DEACT 1\r\n\r\n+CE"
    assert watch.find(octets, 5.0) == (words, b"\r\n+CGEV: ME PDN DEACT 1\r\n\r\n+CE")


def test_words_inside_a_frame_must_stand_alone_for_a_moment() -> None:
    watch = CarrierWatch(None)
    inside = b"\xff\x03\x00!E\x00data\r\nNO CARRIER\r\n"
    assert watch.find(inside, 10.0) is None
    assert watch.is_suspicious
    assert watch.find(inside + b"\x80more of the frame", 10.1) is None
    assert not watch.is_suspicious
    assert watch.find(inside, 20.0) is None
    assert watch.find(inside, 20.3) == ("NO CARRIER", b"")


def test_a_greeting_is_a_restart() -> None:
    watch = CarrierWatch("+UUSTATUS: READY")
    assert watch.find(b"\r\n+UUSTATUS: READY\r\n", 1.0) == ("+UUSTATUS: READY", b"\r\n+UUSTATUS: READY\r\n")


def test_numeric_result_codes() -> None:
    assert CarrierWatch(None, numeric=True).find(b"3\r", 1.0) == ("3", b"")
    assert CarrierWatch(None).find(b"3\r", 1.0) is None


# -- a far end that refuses, falls silent or restarts -------------------------------------------------------


class Refuser:
    """The module's side of a terminal in data mode: PAP is asked for and refused, or nothing is said."""

    def __init__(self, peer, *, silent: bool = False, say: bytes = b"") -> None:  # type: ignore[no-untyped-def]
        self.peer, self.silent, self.say = peer, silent, say
        self.framer, self.deframer = Framer(), Deframer()
        peer.on("ATD*99***1#", self.dialled)

    def dialled(self, peer, line: bytes) -> None:  # type: ignore[no-untyped-def]
        peer.say(b"\r\nCONNECT\r\n" + self.say)
        peer.want_payload(1, self.octet)
        self.send(Protocol.LCP, Packet(Code.CONFIGURE_REQUEST, 1, encode_options([Option(3, b"\xc0\x23")])))

    def send(self, protocol: int, packet: Packet) -> None:
        if not self.silent:
            self.peer.say(self.framer.encode(protocol, packet.encode(), plain=True))

    def octet(self, peer, data: bytes) -> None:  # type: ignore[no-untyped-def]
        peer.want_payload(1, self.octet)
        for frame in self.deframer.receive(data):
            if isinstance(frame, Damaged):
                continue
            packet = parse_packet(frame.information)
            assert packet is not None
            if frame.protocol == Protocol.LCP and packet.code == Code.CONFIGURE_REQUEST:
                self.send(Protocol.LCP, Packet(Code.CONFIGURE_ACK, packet.identifier, packet.data))
            elif frame.protocol == Protocol.PAP:
                self.send(Protocol.PAP, Packet(3, packet.identifier, b"\x06wrong!"))
            elif packet.code == Code.TERMINATE_REQUEST:
                self.send(Protocol.LCP, Packet(Code.TERMINATE_ACK, packet.identifier))
                peer.want_payload(0, lambda *_: None)
                peer._payload = None
                peer.say(b"\r\nNO CARRIER\r\n")


@pytest.fixture
def terminal(peer, r8, transcript):  # type: ignore[no-untyped-def]
    channel = Channel(SerialPort(peer.path), r8, trace=transcript, name="uart", gap_s=0)
    channel.start()
    yield channel
    channel.stop()


def test_credentials_refused(peer, terminal) -> None:  # type: ignore[no-untyped-def]
    Refuser(peer)
    with pytest.raises(PppAuthRefused, match="wrong!"):
        PppLink(terminal, PppDial(1, "someone", "of-no-importance")).open()
    assert terminal.send("AT").ok, "the port is back in command mode"


@pytest.mark.parametrize("module", ["r8"], indirect=True)
def test_an_escape_that_was_taken_for_data_is_repeated(module, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """The module was not silent long enough for the first one: it is for the second."""
    monkeypatch.setattr("cellbench.host.escape.MARGIN_S", -1.0)
    with PppLink(module.channel, PppDial(1)) as link:
        assert link.ping(ECHO)[0].answered
        assert link.pause().final.text == "OK"
        assert module.channel.send("AT").ok
        link.resume()
        assert link.ping(ECHO)[0].answered


@pytest.mark.parametrize("module", ["r8"], indirect=True)
def test_an_escape_without_an_answer(module, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """The module was not silent long enough for it: the call is ended all the same, the port comes back."""
    monkeypatch.setattr("cellbench.host.escape.MARGIN_S", -1.9)
    link = PppLink(module.channel, PppDial(1))

    def hasty() -> None:
        with link:
            assert link.ping(ECHO)[0].answered
            link.pause(timeout_s=1.0)

    with pytest.raises(AtTimeout):
        hasty()
    assert link.end is not None
    assert module.channel.send("AT").ok
    with PppLink(module.channel, PppDial(1)) as link:
        assert link.ping(ECHO)[0].answered


def test_a_module_that_restarts_instead(peer, terminal) -> None:  # type: ignore[no-untyped-def]
    """Its greeting where frames were due is a restart, and a death sign."""
    Refuser(peer, silent=True, say=b"\r\n+UUSTATUS: READY\r\n")
    with pytest.raises(UnexpectedReset):
        PppLink(terminal, PppDial(1)).open()


def test_a_module_that_says_nothing(peer, terminal) -> None:  # type: ignore[no-untyped-def]
    Refuser(peer, silent=True)
    link = PppLink(terminal, PppDial(1, timeout_s=0.5))
    link._abandon = link._pump.stop  # type: ignore[method-assign]  # the port itself is not looked at here
    with pytest.raises(PppFailed, match="nothing was agreed on"):
        link.open()
