"""Echo requests of the module against the responder, each side having its own packet code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, strategies

from cellbench.virtual.net.icmp import Outcome, Request, echo, packet, read_answer, sum16
from cellbench.virtual.net.internet import Internet
from cellbench.virtual.net.route import Flow, Source

Play = Callable[[Callable[[Internet], Awaitable[None]]], None]

SOURCE = Source(1, "10.15.164.174")
GOOGLE = "216.58.206.68"


def test_reply_ttl_exceeded_and_silence(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node = internet.node("m")
        reply = await echo(node, SOURCE, Request(GOOGLE, 1, 1, 32, 32), 2.0)
        assert (reply.outcome, reply.ttl) == (Outcome.REPLY, 115)
        assert 0 < reply.rtt_s < 2
        assert node.flows["icmp"] == Flow(1, 0, 0)

        async def outcome(target: str, size: int, ttl: int, timeout_s: float) -> Outcome:
            return (await echo(node, SOURCE, Request(target, 1, 2, size, ttl), timeout_s)).outcome

        assert await outcome(GOOGLE, 1472, 32, 2.0) is Outcome.REPLY
        assert await outcome(GOOGLE, 32, 5, 2.0) is Outcome.TIME_EXCEEDED
        assert await outcome("203.0.113.1", 32, 32, 0.1) is Outcome.TIMEOUT
        assert await outcome("198.51.100.7", 32, 32, 0.1) is Outcome.TIMEOUT
        await internet.park.set_state("icmp", "down")
        assert await outcome(GOOGLE, 32, 32, 2.0) is Outcome.UNREACHABLE
        await internet.park.set_state("icmp", "up")
        node.set_blocked(True)
        assert await outcome(GOOGLE, 32, 32, 0.1) is Outcome.TIMEOUT

    play(scenario)


@given(strategies.binary(max_size=120))
def test_any_bytes_are_no_answer_or_belong_to_the_request(data: bytes) -> None:
    request = Request(GOOGLE, 7, 9, 32, 32)
    found = read_answer(data, request)
    assert found is None or (sum16(data[:20]) == 0 and found[1] == data[8])


@given(strategies.integers(4, 1472), strategies.integers(1, 255), strategies.integers(0, 65535))
def test_own_packets_are_sound_and_no_answers(size: int, ttl: int, sequence: int) -> None:
    request = Request(GOOGLE, 1, sequence, size, ttl)
    made = packet(SOURCE.address, request)
    assert len(made) == 28 + size
    assert sum16(made[:20]) == 0
    assert sum16(made[20:]) == 0
    assert made[8] == ttl
    assert read_answer(made, request) is None


@pytest.mark.parametrize("data", [b"\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x01" + b"\0" * 10])
def test_the_checksum_of_rfc_1071(data: bytes) -> None:
    """The numerical example of section 3."""
    assert sum16(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert sum16(data) != 0
