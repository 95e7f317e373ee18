"""Conversations with the module's PPP end, every packet of the host written out (RFC 1661 and its kin)."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest

from cellbench.virtual.front.ppp.authentication import Account, Claim
from cellbench.virtual.front.ppp.lcp import Method
from cellbench.virtual.front.ppp.negotiation import Limits
from cellbench.virtual.front.ppp.packets import Protocol
from cellbench.virtual.front.ppp.peer import (
    Authenticated,
    Finished,
    NetworkDown,
    NetworkUp,
    PacketIn,
    Phase,
    PppPeer,
    Reason,
    Settings,
)

HOST, OWN, DNS = "10.20.30.40", "10.20.30.254", ("10.80.0.53", "10.80.0.54")
IID = bytes.fromhex("0a0b0c0d0e0f0102")
BOTH = Settings((HOST, OWN), IID, DNS)
HOST_LCP = "c021 01 07 0014 0206 000a0000 0506 11223344 0702 0802"  # map, magic, both compressions
HOST_ACK = "c021 02 07 0014 0206 000a0000 0506 11223344 0702 0802"


class Line:
    """A module's end, and the host's hands on it."""

    def __init__(self, hands: Any, settings: Settings) -> None:
        self.hands = hands
        self.peer = PppPeer(settings, random.Random(7))
        self.happened: list[object] = []
        self.now = 100.0
        self.heard: list[str] = []

    def start(self) -> str:
        """Start; the module's first Configure-Request."""
        self._after(self.peer.start(self.now))
        (first,) = self.take()
        assert first.startswith("c02101")
        return first

    def say(self, text: str) -> list[str]:
        """One frame of the host; what the module answers."""
        self._after(self.peer.receive(self.hands.frame(text), self.now))
        return self.take()

    def _after(self, happened: list[Any]) -> None:
        self.happened += happened
        self.heard += self.hands.read(self.peer.outgoing())

    def take(self) -> list[str]:
        heard, self.heard = self.heard, []
        return heard

    def wait(self, seconds: float) -> list[str]:
        """Time passes, deadline by deadline."""
        end = self.now + seconds
        while self.peer.deadline is not None and self.peer.deadline <= end:
            self.now = max(self.now, self.peer.deadline)
            self._after(self.peer.expire(self.now))
        self.now = end
        return self.take()

    def agree(self) -> list[str]:
        """LCP to Opened; what the module says then."""
        asked = self.start()
        assert self.say(HOST_LCP) == [HOST_ACK.replace(" ", "")]
        return self.say("c02102" + asked[6:])

    def network(self) -> None:
        """Everything up."""
        for asked in self.agree():
            self.say(asked[:4] + "02" + asked[6:])
        self.say(f"8021 01 21 0010 0306 {ip(HOST)} 8106 {ip(DNS[0])}")
        self.say("8057 01 31 000e 010a 0000000000000005")
        assert {one.protocol for one in self.happened if isinstance(one, NetworkUp)} <= {Protocol.IP,
                                                                                       Protocol.IPV6}


def ip(address: str) -> str:
    return bytes(int(part) for part in address.split(".")).hex()


def rest(first: str) -> dict[str, str]:
    """The options of a control packet: type → value."""
    options, found = first[12:], {}
    while options:
        size = int(options[2:4], 16) * 2
        found[options[:2]] = options[4:size]
        options = options[size:]
    return found


@pytest.fixture
def line(hand_peer: Any) -> Any:
    """Makes a line."""
    return lambda settings=BOTH: Line(hand_peer, settings)


def test_first_request_asks_for_no_escapes_and_both_compressions(line: Any) -> None:
    options = rest(line().start())
    assert set(options) == {"02", "05", "07", "08"}
    assert options["02"] == "00000000"
    assert int(options["05"], 16) > 0


def test_from_nothing_to_both_networks(line: Any) -> None:
    one = line()
    first = one.agree()
    assert [packet[:6] for packet in first] == ["802101", "805701"]
    assert rest(first[0]) == {"03": ip(OWN)}
    assert rest(first[1]) == {"01": IID.hex()}
    assert one.peer.phase is Phase.NETWORK
    one.say("802102" + first[0][6:])
    nak = one.say("8021 01 21 0016 0306 00000000 8106 00000000 8306 00000000")
    assert nak == [f"8021032100160306{ip(HOST)}8106{ip(DNS[0])}8306{ip(DNS[1])}"]
    ack = one.say(f"8021 01 22 0016 0306 {ip(HOST)} 8106 {ip(DNS[0])} 8306 {ip(DNS[1])}")
    assert ack == [f"8021022200160306{ip(HOST)}8106{ip(DNS[0])}8306{ip(DNS[1])}"]
    one.say("805702" + first[1][6:])
    assert one.say("8057 01 31 000e 010a 0000000000000005") == ["80570231000e010a0000000000000005"]
    assert one.happened == [NetworkUp(Protocol.IP), NetworkUp(Protocol.IPV6, bytes(7) + b"\x05")]


def test_packets_pass_while_their_protocol_is_up(line: Any) -> None:
    one = line()
    one.start()
    assert one.say("0021 4500") == []  # LCP alone before the link is up
    other = line()
    other.network()
    other.say("0021 4500")
    other.say("0057 6000")
    assert other.happened[2:] == [PacketIn(Protocol.IP, b"E\x00"), PacketIn(Protocol.IPV6, b"`\x00")]
    assert other.peer.send(Protocol.IP, b"E\x01")
    assert other.peer.outgoing()[:3] == b"\x7e\x21E"  # both fields compressed, as the host allowed


def test_frames_to_the_host_keep_to_its_map(line: Any) -> None:
    one = line()
    one.network()
    one.peer.outgoing()
    one.peer.send(Protocol.IP, b"\x11\x12\x13\x14")
    assert one.peer.outgoing().startswith(b"\x7e\x21\x7d\x31\x12\x7d\x33\x14")


def test_lcp_is_never_compressed(line: Any) -> None:
    one = line()
    one.network()
    one._after(one.peer.receive(one.hands.frame("c021 09 05 0008 11223344"), one.now))
    (reply,) = one.take()
    assert reply.startswith("c0210a050008")
    assert reply[12:] == one.peer._options.magic.to_bytes(4, "big").hex()
    one.peer.receive(one.hands.frame("c021 09 06 0008 11223344"), one.now)
    assert one.peer.outgoing().startswith(b"\x7e\xff\x7d\x23\xc0\x21\x7d\x2a")


def test_what_an_acknowledgement_settles_holds_for_the_next_frame_of_the_same_read(line: Any) -> None:
    one = line()
    asked = one.start()
    one.say(HOST_LCP)
    network = bytes.fromhex("8021 01 21 0010 0306".replace(" ", "") + ip(HOST) + "8106" + ip(DNS[0]))
    body = network + one.hands.check(network)  # no address and control, nothing escaped but flag and escape
    bare = b"\x7e" + body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + b"\x7e"
    one._after(one.peer.receive(one.hands.frame("c02102" + asked[6:]) + bare, one.now))
    assert any(said.startswith("80210221") for said in one.take()), "the request behind it was not read"
    assert one.peer.damaged == 0


def test_unknown_protocol_is_rejected_and_unknown_code_too(line: Any) -> None:
    one = line(Settings((HOST, OWN)))
    one.network()
    one.take()
    assert one.say("8057 01 01 000e 010a 0000000000000005")[0][12:] == "80570101000e010a0000000000000005"
    assert one.say("80fd 01 01 0004")[0].startswith("c02108")
    reject = one.say("c021 0c 09 0008 00000000")
    assert reject[0].startswith("c02107")
    assert reject[0][12:] == "0c09000800000000"


def test_options_that_the_module_does_not_have_are_rejected(line: Any) -> None:
    one = line()
    one.start()
    asked = "c021 01 03 0015 0305 c22305 0408 c025 00000064 1104 0640"
    assert one.say(asked) == ["c021040300150305c223050408c0250000006411040640"]


def test_values_that_cannot_be_are_naked(line: Any) -> None:
    one = line()
    one.start()
    (nak,) = one.say("c021 01 03 000e 0104 0010 0506 00000000")
    assert nak.startswith("c02103")
    assert rest(nak)["01"] == "0080"
    assert int(rest(nak)["05"], 16)


def test_naks_without_end_become_rejects(line: Any) -> None:
    one = line()
    one.agree()
    answers = [one.say(f"8021 01 {number:02x} 000a 0306 c0a80001")[-1][:6] for number in range(1, 8)]
    assert answers == ["802103"] * 5 + ["802104"] * 2


def test_host_that_asks_for_no_address_is_told_it_once(line: Any) -> None:
    one = line()
    one.agree()
    assert one.say("8021 01 01 0004") == [f"80210301000a0306{ip(HOST)}"]
    assert one.say("8021 01 02 0004") == ["802102020004"]


def test_identifiers_must_differ(line: Any) -> None:
    one = line()
    one.agree()
    for number, identifier in ((1, "00" * 8), (2, IID.hex())):
        (nak,) = one.say(f"8057 01 0{number} 000e 010a {identifier}")
        assert nak[:6] == "805703"
        assert rest(nak)["01"] not in ("00" * 8, IID.hex())


def test_answers_to_something_else_do_not_count(line: Any) -> None:
    one = line()
    asked = one.start()
    one.say(HOST_LCP)
    wrong = f"{(int(asked[6:8], 16) + 1) & 0xFF:02x}"
    assert one.say("c02102" + wrong + asked[8:]) == []
    assert one.say("c02102" + asked[6:-4] + "0902") == []
    assert one.peer.phase is Phase.ESTABLISH
    assert one.say("c02102" + asked[6:]) != []


def test_request_comes_ten_times_then_the_link_is_given_up(line: Any) -> None:
    one = line()
    first = one.start()
    assert one.wait(2.9) == []
    assert one.wait(0.2) == [first]
    assert one.wait(24) == [first] * 8
    assert one.wait(10) == []
    assert one.happened == [Finished(Reason.SILENCE)]
    assert one.peer.deadline is None


def test_host_terminates(line: Any) -> None:
    one = line()
    one.network()
    assert one.say("c021 05 44 000c 5573657220726571") == ["c02106440004"]
    assert [type(each) for each in one.happened[2:]] == [NetworkDown, NetworkDown]
    assert one.say("0021 4500") == []
    assert one.say("c021 05 45 0004") == ["c02106450004"]
    one.wait(2.9)  # at least one Restart time must pass (RFC 1661 5.5)
    assert Finished(Reason.HOST) not in one.happened
    one.wait(0.2)
    assert one.happened[-1] == Finished(Reason.HOST)
    assert one.peer.phase is Phase.DEAD


def test_module_terminates(line: Any) -> None:
    one = line()
    one.network()
    one._after(one.peer.close(one.now))
    (request,) = one.take()
    assert request[:6] == "c02105"
    one.say("c02106" + request[6:])
    assert one.happened[-1] == Finished(Reason.MODULE)
    other = line(Settings((HOST, OWN), limits=Limits(linger_s=0.1)))
    other.network()
    other._after(other.peer.close(other.now))
    assert len(other.take()) == 1
    assert len(other.wait(10)) == 1
    assert other.happened[-1] == Finished(Reason.MODULE)


def test_host_begins_anew_in_the_middle(line: Any) -> None:
    one = line()
    one.network()
    answers = one.say("c021 01 50 0004")
    assert [answer[:6] for answer in answers] == ["c02101", "c02102"]
    assert one.happened[2:] == [NetworkDown(Protocol.IP), NetworkDown(Protocol.IPV6)]
    again = one.say("c02102" + answers[0][6:])
    assert [packet[:6] for packet in again] == ["802101", "805701"]


def test_looped_line_is_seen(line: Any, hand_peer: Any) -> None:
    one = line()
    one.peer.start(0.0)
    echo = one.peer.outgoing()
    for _ in range(100):
        one.happened += one.peer.receive(echo, 0.0)
        echo = one.peer.outgoing()
        if not echo:
            break
    one.wait(10)
    assert one.happened == [Finished(Reason.LOOP)]


def asks(*methods: Method, required: bool = False, **account: str) -> Settings:
    return Settings((HOST, OWN), methods=methods, required=required, account=Account(**account))


def test_pap(line: Any) -> None:
    one = line(asks(Method.PAP, user="me", password="pw"))
    asked = one.start()
    assert rest(asked)["03"] == "c023"
    one.say(HOST_LCP)
    one.say("c02102" + asked[6:])
    assert one.peer.phase is Phase.AUTHENTICATE
    assert one.say("8021 01 01 0004") == []
    answers = one.say("c023 01 09 000a 02 6d65 02 7077")
    assert answers[0].startswith("c0230209")
    assert answers[1].startswith("802101")
    assert one.happened == [Authenticated(Method.PAP, Claim("me", "pw"))]
    assert one.say("c023 01 0a 000a 02 6d65 02 7077")[0].startswith("c023020a")  # its Ack was lost


@pytest.mark.parametrize("request_", ["c023 01 09 000a 02 6d65 02 7071", "c023 01 09 0006 00 00"])
def test_pap_wrong(line: Any, request_: str) -> None:
    one = line(asks(Method.PAP, user="me", password="pw"))
    asked = one.start()
    one.say(HOST_LCP)
    one.say("c02102" + asked[6:])
    answers = one.say(request_)
    assert answers[0].startswith("c0230309")
    assert answers[1].startswith("c02105")
    one.say("c02106" + answers[1][6:])
    assert one.happened == [Finished(Reason.AUTHENTICATION)]


def test_pap_that_never_comes(line: Any) -> None:
    one = line(asks(Method.PAP))
    asked = one.start()
    one.say(HOST_LCP)
    one.say("c02102" + asked[6:])
    one.wait(60)
    assert one.happened == [Finished(Reason.AUTHENTICATION)]


@pytest.mark.parametrize("secret", ["pw", "other"])
def test_chap(line: Any, secret: str) -> None:
    one = line(asks(Method.CHAP, user="me", password="pw"))
    asked = one.start()
    assert rest(asked)["03"] == "c22305"
    one.say(HOST_LCP)
    (challenge,) = one.say("c02102" + asked[6:])
    assert challenge.startswith("c22301")
    assert challenge[12:14] == "10"
    assert one.wait(3.1) == [challenge]
    value = hashlib.md5(bytes.fromhex(challenge[6:8]) + secret.encode()
                        + bytes.fromhex(challenge[14:46])).hexdigest()
    answers = one.say(f"c223 02 {challenge[6:8]} 0017 10 {value} 6d65")
    if secret == "pw":
        assert answers[0].startswith("c22303")
        assert answers[1].startswith("802101")
        assert one.happened == [Authenticated(Method.CHAP, Claim("me", None))]
    else:
        assert answers[0].startswith("c22304")
        assert answers[1].startswith("c02105")


def test_host_chooses_the_way_to_authenticate(line: Any) -> None:
    one = line(asks(Method.CHAP, Method.PAP))
    asked = one.start()
    (again,) = one.say(f"c02103{asked[6:8]} 0008 0304 c023")
    assert rest(again)["03"] == "c023"


@pytest.mark.parametrize("required", [False, True])
def test_host_refuses_to_authenticate(line: Any, required: bool) -> None:
    one = line(asks(Method.PAP, required=required))
    asked = one.start()
    answers = one.say(f"c02104{asked[6:8]} 0008 0304 c023")
    if required:
        assert answers[-1].startswith("c02105")
        one.say("c02106" + answers[-1][6:])
        assert one.happened == [Finished(Reason.AUTHENTICATION)]
    else:
        assert "03" not in rest(answers[0])


def test_host_rejects_every_option(line: Any) -> None:
    one = line()
    asked = one.start()
    (bare,) = one.say("c02104" + asked[6:])
    assert bare[8:] == "0004"
    one.say("c021 01 01 0004")
    first = one.say("c02102" + bare[6:])
    assert [packet[:6] for packet in first] == ["802101", "805701"]
    (reply,) = one.say("c021 09 01 0008 00000000")
    assert reply == "c0210a01000800000000"  # no Magic-Number: zero


def test_host_does_not_know_a_network_protocol(line: Any) -> None:
    one = line()
    first = one.agree()
    one.say(f"c021 08 01 {4 + 2 + len(first[1][4:]) // 2:04x} 8057 {first[1][4:]}")
    one.say("802102" + first[0][6:])
    one.say(f"8021 01 21 000a 0306 {ip(HOST)}")
    assert one.happened == [NetworkUp(Protocol.IP)]
    assert one.wait(60) == []
