"""Ping: LARA-R6 guide 2.4.1; PING on the last activated context, LENA-R8 guide 7.2.2."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cellbench.api import Dut, FarSide, Limit, Network, Recorder, Service, procedure

ICMP = ("network", "service:icmp")
DEFAULTS = 4
URC_S = 30.0
NO_ANSWER = -1
TTL_TOO_LOW = -2


@pytest.mark.demo
@procedure("R6:2.4.1", "R8:7.2.2", title="Four answers by default", depends_on=ICMP)
def test_ping(online: Dut, services: Mapping[str, Service], record: Recorder) -> None:
    """+UUPING: number, size, name, address, TTL, round-trip time."""
    name = services["icmp"].name
    with online.at.expect("+UUPING") as answered:
        online.send(f'AT+UPING="{name}"')
        for number in range(1, DEFAULTS + 1):
            index, size, host, address, ttl, rtt = answered.wait(URC_S).fields
            assert (index, size, host) == (number, 32, name)
            assert len(str(address).split(".")) == 4
            record.measure(
                f"TTL of answer {number}", int(ttl), "", Limit(low=1, high=255, source="RFC 791 3.1")
            )
            record.measure(
                f"round trip {number}",
                int(rtt),
                "ms",
                Limit(low=0, high=5000, source="+UPING, default time-out"),
            )


@procedure("R6:2.4.1", "R8:7.2.2", title="Number, size, time-out and TTL can be chosen", depends_on=ICMP)
def test_ping_parameters(online: Dut, services: Mapping[str, Service]) -> None:
    """AT+UPING=<host>,<n>,<size>,<timeout>,<ttl>."""
    with online.at.expect("+UUPING") as answered:
        online.send(f'AT+UPING="{services["icmp"].name}",2,64,3000,64')
        for number in (1, 2):
            assert answered.wait(URC_S).fields[:2] == (number, 64)


@procedure(
    "R6:2.4.1",
    title="No answer: the round-trip time is -1",
    depends_on=("network",),
    needs=("far-side:server",),
)
def test_no_answer(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """The time-out has elapsed."""
    far_side.act("server", name="icmp", state="mute")
    try:
        with online.at.expect("+UUPING") as answered:
            online.send(f'AT+UPING="{services["icmp"].name}",1,32,1000,32')
            assert answered.wait(URC_S).fields[-1] == NO_ANSWER
        # a peer that does not answer echo requests may be reached in another way
        assert online.resolve(services["echo"].dns_name) == services["echo"].host
    finally:
        far_side.act("server", name="icmp", state="up")
    with online.at.expect("+UUPING") as answered:
        online.send(f'AT+UPING="{services["icmp"].name}",1')
        assert int(answered.wait(URC_S).fields[-1]) >= 0


@procedure("R6:2.4.1", title="A TTL that is too low: the round-trip time is -2", depends_on=ICMP)
def test_ttl_too_low(online: Dut, services: Mapping[str, Service]) -> None:
    """The first +UUPING reports -2 when the TTL used is too low."""
    with online.at.expect("+UUPING") as answered:
        online.send(f'AT+UPING="{services["icmp"].name}",1,32,5000,1')
        assert answered.wait(URC_S).fields[-1] == TTL_TOO_LOW


@procedure(
    "R6:2.4.1",
    "R8:7.2.2",
    title="An error of a ping comes as +UUPINGER",
    depends_on=("network", "service:dns"),
)
def test_unknown_host(online: Dut) -> None:
    """A name that does not exist."""
    with online.at.expect("+UUPINGER") as failed:
        answer = online.send('AT+UPING="no-such-host.invalid"', check=False)
        if answer.ok:
            assert int(failed.wait(URC_S).fields[0]) > 0


@procedure("R6:2.4.1", "R8:7.2.2", title="Impossible parameters are refused", depends_on=("network",))
@pytest.mark.parametrize(
    "values",
    [
        '"www.google.com",0',
        '"www.google.com",1,3',
        '"www.google.com",1,32,1',
        '"www.google.com",1,32,5000,256',
        '"www.google.com",65',
        '"www.google.com",1,1473',
        '""',
    ],
)
def test_refusals(online: Dut, values: str) -> None:
    """Number, size, time-out and TTL have ranges."""
    assert not online.send(f"AT+UPING={values}", check=False).ok


@procedure(
    "R6:2.4.1",
    title="Ping is not supported in an IPv6 context",
    depends_on=("network",),
    needs=("far-side:network",),
)
def test_not_in_ipv6(
    registered: Dut, far_side: FarSide, services: Mapping[str, Service], network: Network
) -> None:
    """The command is not supported in a context of IPv6 type: refused, or +UUPINGER."""
    registered.spend_attach("IPv6 context")
    registered.send("AT+CFUN=0")
    registered.ensure(f'AT+CGDCONT=1,"IPV6","{network.apn}"')
    try:
        registered.send("AT+CFUN=1")
        registered.register()
        with registered.at.expect("+UUPINGER") as failed:
            answer = registered.send(f'AT+UPING="{services["icmp"].name}",1', check=False)
            if answer.ok:
                failed.wait(URC_S)
    finally:
        registered.spend_attach("back to IPv4")
        registered.send("AT+CFUN=0")
        registered.ensure(f'AT+CGDCONT=1,"IP","{network.apn}"')
        registered.send("AT+CFUN=1")
    registered.register()


@procedure("R6:2.4.1", "R8:7.2.2", title="After a refused ping a good one is answered", depends_on=ICMP)
def test_ping_after_refusal(online: Dut, services: Mapping[str, Service]) -> None:
    """Exactly as many answers come as were asked for."""
    assert not online.send('AT+UPING="www.google.com",0', check=False).ok
    with online.at.expect("+UUPING") as answered:
        online.send(f'AT+UPING="{services["icmp"].name}",1')
        assert answered.wait(URC_S).fields[0] == 1
    mark = online.at.urcs.mark()
    online.resolve(services["icmp"].dns_name)
    assert [urc.text for urc in online.at.urcs.since(mark) if urc.prefix == "+UUPING"] == []


@procedure(
    "R6:2.4.1",
    title="No answer first, then a router's refusal: -1, then -2",
    depends_on=("network",),
    needs=("far-side:server",),
)
def test_no_answer_then_time_exceeded(
    online: Dut, services: Mapping[str, Service], far_side: FarSide
) -> None:
    """The first +UUPING reports -1 and a subsequent one -2."""
    far_side.act("server", name="icmp", state="mute")
    try:
        with online.at.expect("+UUPING") as answered:
            online.send(f'AT+UPING="{services["icmp"].name}",6,32,400,1')
            assert answered.wait(URC_S).fields[-1] == NO_ANSWER
            far_side.act("server", name="icmp", state="up")
            last = [answered.wait(URC_S).fields[-1] for _ in range(5)]
            assert last[-1] == TTL_TOO_LOW
    finally:
        far_side.act("server", name="icmp", state="up")
