"""Anything at all on the line: the module's PPP end never fails, and still negotiates afterwards."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellbench.virtual.front.ppp.lcp import Method
from cellbench.virtual.front.ppp.peer import Phase, PppPeer, Settings

SETTINGS = Settings(("10.1.2.3", "10.1.2.254"), bytes(7) + b"\x09", ("10.80.0.53",),
                    methods=(Method.CHAP, Method.PAP))
PROTOCOLS = ["c021", "c023", "c223", "8021", "8057", "0021", "0057", "80fd", "0001", "c025"]
OPTIONS = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=6)), max_size=4)
PACKETS = st.one_of(
    st.tuples(st.sampled_from(PROTOCOLS), st.binary(max_size=24)),
    st.builds(lambda protocol, code, number, options: (protocol, _control(code, number, options)),
              st.sampled_from(PROTOCOLS[:5]), st.integers(0, 14), st.integers(0, 12), OPTIONS))


def _control(code: int, number: int, options: list[tuple[int, bytes]]) -> bytes:
    data = b"".join(bytes((kind, 2 + len(value))) + value for kind, value in options)
    return bytes((code, number)) + (4 + len(data)).to_bytes(2, "big") + data


def agree(peer: PppPeer, hands: Any, now: float, heard: list[str]) -> None:
    """The host begins anew: everything acknowledged, nothing asked."""
    peer.receive(hands.frame("c021 01 63 0004"), now)
    for _ in range(8):
        heard += hands.read(peer.outgoing())
        if not heard and peer.phase is not Phase.NETWORK and peer.deadline is not None:
            now = max(now, peer.deadline)
            peer.expire(now)
            heard += hands.read(peer.outgoing())
        for packet in heard:
            if packet.startswith("c02101"):
                if "0305c223" in packet:
                    peer.receive(hands.frame(f"c02104{packet[6:8]} 0009 0305 c22305"), now)
                elif "0304c023" in packet:
                    peer.receive(hands.frame(f"c02104{packet[6:8]} 0008 0304 c023"), now)
                else:
                    peer.receive(hands.frame("c02102" + packet[6:]), now)
        heard.clear()


@given(st.lists(st.tuples(PACKETS, st.sampled_from([0.0, 0.0, 1.0, 4.0])), max_size=25), st.integers(0, 99))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_packets(hand_peer: Any, packets: list[tuple[tuple[str, bytes], float]], seed: int) -> None:
    peer = PppPeer(SETTINGS, random.Random(seed))
    now = 0.0
    peer.start(now)
    for (protocol, data), pause in packets:
        peer.receive(hand_peer.frame(protocol + data.hex()), now)
        hand_peer.read(peer.outgoing())
        now += pause
        if peer.deadline is not None and now >= peer.deadline:
            peer.expire(now)
    heard = hand_peer.read(peer.outgoing())
    if peer.phase in (Phase.ESTABLISH, Phase.AUTHENTICATE, Phase.NETWORK):
        agree(peer, hand_peer, now, heard)
        assert peer.phase is Phase.NETWORK
    peer.close(now)
    for _ in range(20):
        if peer.deadline is None:
            break
        peer.expire(peer.deadline)
    assert peer.phase is Phase.DEAD
    assert peer.deadline is None


@given(st.binary(max_size=400), st.integers(0, 99))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(hand_peer: Any, noise: bytes, seed: int) -> None:
    peer = PppPeer(SETTINGS, random.Random(seed))
    peer.start(0.0)
    peer.outgoing()
    peer.receive(noise + b"\x7e", 0.0)
    hand_peer.read(peer.outgoing())
    peer.receive(hand_peer.frame("c021 01 07 000a 0506 11223344"), 0.0)
    assert "c0210207000a050611223344" in hand_peer.read(peer.outgoing())
