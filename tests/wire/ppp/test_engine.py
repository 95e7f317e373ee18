"""The engine against a far end that is written out in octets here: agreement, loss, refusal, the ends."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.wire.ppp.auth import Credentials
from cellbench.wire.ppp.engine import PppEngine, PppSettings
from cellbench.wire.ppp.events import (
    Arrived,
    Authenticated,
    EchoAnswered,
    Ended,
    Ipv4Opened,
    Ipv6Opened,
    LinkOpened,
    NetworkClosed,
    PppEvent,
    Why,
)
from cellbench.wire.ppp.hdlc import Damaged, Deframer, Framer
from cellbench.wire.ppp.packets import (
    Code,
    Option,
    Packet,
    Protocol,
    encode_options,
    parse_options,
    parse_packet,
)

REQ, ACK, NAK, REJ, TERM, TERM_ACK, CODE_REJ, PROTO_REJ, ECHO, ECHO_REPLY = range(1, 11)
SECRET = Credentials("someone", "of-no-importance")
OURS, THEIRS = bytes((10, 0, 0, 2)), bytes((10, 0, 0, 1))
DNS = bytes((10, 80, 0, 53))


@dataclass
class FarEnd:
    """A module as the RFCs have it, as far as these tests need one. ``auth`` is the option's data."""

    auth: bytes = b""
    accepts: bool = True
    ipv6: bool = False
    mru: int = 1500
    silent: bool = False
    rejects: tuple[int, ...] = ()
    framer: Framer = field(default_factory=Framer)
    deframer: Deframer = field(default_factory=Deframer)
    wire: bytearray = field(default_factory=bytearray)
    seen: list[tuple[int, Packet]] = field(default_factory=list)
    ip: list[bytes] = field(default_factory=list)
    lcp: set[str] = field(default_factory=set)
    started: set[int] = field(default_factory=set)

    def send(self, protocol: int, packet: Packet) -> None:
        self.wire += self.framer.encode(protocol, packet.encode(), plain=True)

    def begin(self) -> None:
        options = [Option(1, self.mru.to_bytes(2, "big")), Option(5, b"\x01\x02\x03\x04")]
        if self.auth:
            options.append(Option(3, self.auth))
        self.send(Protocol.LCP, Packet(REQ, 1, encode_options(options)))

    def receive(self, data: bytes) -> None:
        for frame in self.deframer.receive(data):
            if self.silent or isinstance(frame, Damaged):
                continue
            if frame.protocol == Protocol.IP:
                self.ip.append(frame.information)
                continue
            packet = parse_packet(frame.information)
            assert packet is not None
            self.seen.append((frame.protocol, packet))
            self.answer(frame.protocol, packet)

    def answer(self, protocol: int, packet: Packet) -> None:
        if protocol in self.rejects:
            self.send(Protocol.LCP, Packet(PROTO_REJ, 9, protocol.to_bytes(2, "big") + packet.encode()))
            return
        match protocol:
            case Protocol.LCP:
                self.lcp_packet(packet)
            case Protocol.IPCP | Protocol.IPV6CP:
                self.network_packet(protocol, packet)
            case Protocol.PAP:
                text = b"\x05hello"
                self.send(Protocol.PAP, Packet(2 if self.accepts else 3, packet.identifier, text))
                self.authenticated()
            case Protocol.CHAP:
                hashed = bytes((packet.identifier,)) + b"of-no-importance" + b"challenge"
                wanted = hashlib.md5(hashed).digest()
                good = packet.data == bytes((16,)) + wanted + b"someone" and self.accepts
                self.send(Protocol.CHAP, Packet(3 if good else 4, packet.identifier, b"hello"))
                if good:
                    self.authenticated()

    def lcp_packet(self, packet: Packet) -> None:
        match packet.code:
            case Code.CONFIGURE_REQUEST:
                self.send(Protocol.LCP, Packet(ACK, packet.identifier, packet.data))
                self.lcp.add("ours")
            case Code.CONFIGURE_ACK:
                self.lcp.add("theirs")
            case Code.TERMINATE_REQUEST:
                self.send(Protocol.LCP, Packet(TERM_ACK, packet.identifier))
            case Code.CONFIGURE_REJECT:
                gone = {option.kind for option in parse_options(packet.data) or ()}
                if 3 in gone:
                    self.auth = b""
                self.begin()
            case Code.CONFIGURE_NAK:
                (option,) = parse_options(packet.data) or ()
                self.auth = option.data
                self.begin()
            case Code.ECHO_REQUEST:
                self.send(Protocol.LCP, Packet(ECHO_REPLY, packet.identifier, b"\x01\x02\x03\x04"))
        if self.lcp == {"ours", "theirs"} and packet.code in (Code.CONFIGURE_REQUEST, Code.CONFIGURE_ACK):
            self.deframer.set_accm(0)
            if self.auth.startswith(b"\xc2\x23"):
                self.send(Protocol.CHAP, Packet(1, 7, b"\x09challengemodule"))
            elif not self.auth:
                self.authenticated()

    def authenticated(self) -> None:
        if self.accepts and Protocol.IPCP not in self.rejects:
            self.send(Protocol.IPCP, Packet(REQ, 1, encode_options([Option(3, THEIRS)])))

    def network_packet(self, protocol: int, packet: Packet) -> None:
        if packet.code != Code.CONFIGURE_REQUEST:
            return
        if protocol == Protocol.IPV6CP:
            if protocol not in self.started:
                self.send(protocol, Packet(REQ, 2, encode_options([Option(1, bytes(7) + b"\x01")])))
            self.started.add(protocol)
            self.send(protocol, Packet(ACK, packet.identifier, packet.data))
            return
        wanted = {3: OURS, 129: DNS, 131: DNS}
        options = parse_options(packet.data) or ()
        otherwise = [Option(option.kind, wanted[option.kind]) for option in options
                     if option.data != wanted[option.kind]]
        self.send(protocol, Packet(NAK if otherwise else ACK, packet.identifier,
                                   encode_options(otherwise) if otherwise else packet.data))


class Line:
    """Engine and far end with a clock that only this line turns; ``loses`` drops a chunk of the wire."""

    def __init__(self, engine: PppEngine, far: FarEnd,
                 loses: Callable[[bytes], bool] = lambda data: False) -> None:
        self.engine, self.far, self.loses = engine, far, loses
        self.now = 1000.0
        self.events: list[PppEvent] = []

    def carry(self) -> None:
        """Until neither has anything to say."""
        for _ in range(200):
            out, back = self.engine.outgoing(), bytes(self.far.wire)
            self.far.wire.clear()
            if not out and not back:
                return
            if out and not self.loses(out):
                self.far.receive(out)
            if back and not self.loses(back):
                self.events += self.engine.receive(back, self.now)
        raise AssertionError("the two never come to rest")

    def run(self, seconds: float = 120.0) -> None:
        """Turn the clock from timer to timer until the link is up or over, or the time is over."""
        until = self.now + seconds
        self.carry()
        while not self.is_done and self.engine.deadline is not None and self.engine.deadline <= until:
            self.now = max(self.now, self.engine.deadline)
            self.events += self.engine.tick(self.now)
            self.carry()

    @property
    def is_done(self) -> bool:
        return any(isinstance(event, Ipv4Opened | Ended) for event in self.events)

    def of(self, kind: type) -> list:  # type: ignore[type-arg]
        return [event for event in self.events if isinstance(event, kind)]


def line(far: FarEnd, settings: PppSettings | None = None, **more: object) -> Line:
    made = Line(PppEngine(settings or PppSettings(SECRET), random.Random(5)), far, **more)  # type: ignore[arg-type]
    made.engine.start(made.now)
    far.begin()
    return made


@pytest.mark.parametrize("auth", [b"", b"\xc0\x23", b"\xc2\x23\x05"], ids=["none", "pap", "chap"])
def test_agreement(auth: bytes) -> None:
    one = line(FarEnd(auth, mru=1430))
    one.run()
    (opened,) = one.of(LinkOpened)
    assert opened.mru == 1430
    assert [event.message for event in one.of(Authenticated)] == (["hello"] if auth else [])
    (network,) = one.of(Ipv4Opened)
    assert network == Ipv4Opened(IPv4Address(OURS), IPv4Address(THEIRS), (IPv4Address(DNS),) * 2)
    assert one.engine.send(Protocol.IP, b"E" + bytes(40))
    assert not one.engine.send(Protocol.IP, b"E" * 1431), "longer than the far end takes"
    assert not one.engine.send(Protocol.IPV6, b"`" + bytes(40)), "not agreed on"
    one.carry()
    assert one.far.ip == [b"E" + bytes(40)]
    one.far.wire += Framer().encode(Protocol.IP, b"E for us")
    one.carry()
    assert one.of(Arrived) == [Arrived(Protocol.IP, b"E for us")]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([b"", b"\xc0\x23", b"\xc2\x23\x05"]))
def test_agreement_over_a_line_that_loses(seed: int, auth: bytes) -> None:
    """Every third chunk is lost for a while: the timers bring it about all the same, or it ends."""
    chance = random.Random(seed)
    left = [12]

    def loses(data: bytes) -> bool:
        left[0] -= 1
        return left[0] > 0 and chance.random() < 0.3

    one = line(FarEnd(auth), loses=loses)
    far_again = [one.now + 3.0]
    for _ in range(40):
        one.run(3.0)
        if one.is_done:
            break
        one.now = far_again[0] = far_again[0] + 3.0
        one.far.begin()  # the far end's own timer
    assert one.is_done


def test_credentials_refused() -> None:
    for auth in (b"\xc0\x23", b"\xc2\x23\x05"):
        one = line(FarEnd(auth, accepts=False))
        one.run()
        assert one.of(Ended) == [Ended(Why.REFUSED, "hello")]
        assert (Protocol.LCP, TERM) in [(protocol, packet.code) for protocol, packet in one.far.seen]


def test_a_host_without_credentials_rejects_the_option() -> None:
    one = line(FarEnd(b"\xc0\x23"), PppSettings())
    one.run()
    assert one.of(LinkOpened)[0].authentication is None
    assert one.of(Ipv4Opened)


def test_another_way_of_authentication_is_asked_for() -> None:
    """MS-CHAP is answered with the way that we have."""
    one = line(FarEnd(b"\xc2\x23\x81"))
    one.run()
    assert one.of(Authenticated)[0].way is Protocol.CHAP
    only = line(FarEnd(b"\xc2\x23\x05"), PppSettings(SECRET, (Protocol.PAP,)))
    only.run()
    assert only.of(Authenticated)[0].way is Protocol.PAP


def test_nobody_there() -> None:
    one = line(FarEnd(silent=True))
    one.far.wire.clear()
    one.run()
    assert one.of(Ended) == [Ended(Why.NO_ANSWER, "")]
    assert 29.0 <= one.now - 1000.0 <= 31.0, "ten requests, 3 s apart"


def test_a_line_that_echoes() -> None:
    engine = PppEngine(PppSettings(), random.Random(1))
    engine.start(0.0)
    now, events = 0.0, []
    for _ in range(2000):
        out = engine.outgoing()
        if out:
            events += engine.receive(out, now)
        elif engine.deadline is None:
            break
        else:
            now = max(now, engine.deadline)
            events += engine.tick(now)
    assert [event.why for event in events if isinstance(event, Ended)] == [Why.LOOPED]


def test_ipv6_refused_and_given() -> None:
    both = PppSettings(ipv6=True)
    one = line(FarEnd(rejects=(Protocol.IPV6CP,)), both)
    one.run()
    assert one.of(NetworkClosed) == [NetworkClosed(Protocol.IPV6CP)]
    assert one.of(Ipv4Opened)
    other = line(FarEnd(ipv6=True), both)
    other.run()
    (found,) = other.of(Ipv6Opened)
    assert found.peer == bytes(7) + b"\x01"
    assert found.identifier != found.peer


def test_no_network_at_all() -> None:
    one = line(FarEnd(rejects=(Protocol.IPCP,)))
    one.run()
    assert one.of(Ended) == [Ended(Why.NO_NETWORK, "")]


def test_unknown_protocols_and_codes_are_rejected() -> None:
    one = line(FarEnd())
    one.run()
    one.far.send(0x80FD, Packet(REQ, 3, b""))
    one.far.send(Protocol.LCP, Packet(99, 4, b"what"))
    one.carry()
    codes = [packet for protocol, packet in one.far.seen if protocol == Protocol.LCP]
    (protocol_reject,) = [packet for packet in codes if packet.code == PROTO_REJ]
    assert protocol_reject.data.startswith(b"\x80\xfd")
    (code_reject,) = [packet for packet in codes if packet.code == CODE_REJ]
    assert code_reject.data == Packet(99, 4, b"what").encode()


def test_echo_both_ways() -> None:
    one = line(FarEnd())
    one.run()
    one.far.send(Protocol.LCP, Packet(ECHO, 5, b"\x01\x02\x03\x04data"))
    one.engine.echo(one.now)
    one.carry()
    (reply,) = [packet for _, packet in one.far.seen if packet.code == ECHO_REPLY]
    assert reply.identifier == 5
    assert reply.data == one.engine.lcp_options.magic.to_bytes(4, "big") + b"data"
    assert one.of(EchoAnswered) == [EchoAnswered(0.0)]


def test_echo_unanswered_ends_the_link() -> None:
    one = line(FarEnd(), PppSettings(echo_s=10.0))
    one.run()
    one.far.silent = True
    began = one.now
    while not one.of(Ended):
        assert one.engine.deadline is not None
        one.now = one.engine.deadline
        one.events += one.engine.tick(one.now)
    assert one.of(Ended)[0].why is Why.NO_ECHO
    assert 40.0 <= one.now - began <= 60.0


def test_the_ends() -> None:
    ours = line(FarEnd())
    ours.run()
    ours.engine.terminate(ours.now)
    ours.carry()
    assert ours.of(Ended) == [Ended(Why.ASKED, "")]
    theirs = line(FarEnd())
    theirs.run()
    theirs.far.send(Protocol.LCP, Packet(TERM, 8, b"bye"))
    theirs.carry()
    assert (Protocol.LCP, TERM_ACK) in [(protocol, packet.code) for protocol, packet in theirs.far.seen]
    theirs.now += 3.0
    theirs.events += theirs.engine.tick(theirs.now)
    assert theirs.of(Ended) == [Ended(Why.PEER, "bye")]


def test_words_behind_the_last_frame_stay_visible() -> None:
    one = line(FarEnd())
    one.run()
    one.events += one.engine.receive(b"\r\nNO CARRIER\r\n", one.now)
    assert one.engine.open_octets == b"\r\nNO CARRIER\r\n"
    one.engine.resync()
    assert one.engine.open_octets == b""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Protocol)), st.binary(max_size=60)), max_size=12))
def test_nothing_that_comes_harms(frames: list[tuple[Protocol, bytes]]) -> None:
    """Any information field, before and after the link is up; afterwards it still can be ended."""
    one = line(FarEnd())
    one.run()
    for protocol, information in frames:
        one.events += one.engine.receive(Framer().encode(protocol, information), one.now)
        one.engine.outgoing()
    one.engine.terminate(one.now)
    for _ in range(60):
        if one.of(Ended) or one.engine.deadline is None:
            break
        one.now = one.engine.deadline
        one.events += one.engine.tick(one.now)
    assert one.of(Ended)


def test_the_password_shows_nowhere() -> None:
    assert "importance" not in repr(SECRET)
    assert "importance" not in repr(PppSettings(SECRET))
