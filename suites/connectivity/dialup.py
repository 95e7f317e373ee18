"""What the procedures of dial-up share: true traffic over a link, ports beside it, contexts of their own."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cellbench.api import (
    Channel,
    Dut,
    Limit,
    NotPossible,
    Ping,
    PppAuth,
    PppDial,
    PppLink,
    PppNoAnswer,
    Recorder,
    Service,
    UnitError,
)

Services = Mapping[str, Service]
TRAFFIC = ("network", "service:echo", "service:icmp", "service:dns")
BLOCK = 16_384
ANSWER_S = 15.0
TRIES = 3
DTR_MODE = "AT&D"


def traffic(link: PppLink, services: Services, record: Recorder | None = None) -> None:
    """A name, an echo request, a datagram and a TCP connection with random data both ways, byte for byte."""
    echo, icmp = services["echo"], services["icmp"]
    ping = reached(link, str(icmp.name))
    if echo.name:
        assert link.resolve(echo.name) == echo.host
    assert not silent(link, services, 0, ANSWER_S), "no datagram came back"
    echoed(link, services, BLOCK)
    assert link.damaged == 0, f"{link.damaged} frames came broken"
    if record is not None and ping.seconds is not None:
        record.measure("round trip of an echo request", ping.seconds * 1000, "ms",
                       Limit(low=0, high=5000, source="+UPING, default time-out"))


def reached(link: PppLink, host: str, *, size: int = 32, ipv6: bool = False) -> Ping:
    """The first echo request of a few that is answered: the network may lose one, above all the first."""
    pings = []
    for _ in range(TRIES):
        pings += link.ping(host, size=size, ipv6=ipv6)
        if pings[-1].answered:
            return pings[-1]
    raise UnitError(f"no echo reply from {host}: {pings}")


def echoed(link: PppLink, services: Services, size: int) -> None:
    """Random data through the echo server and back."""
    echo, data = services["echo"], secrets.token_bytes(size)
    with link.tcp(echo.address, int(echo.port or 7)) as connection:
        giving = threading.Thread(target=connection.send, args=(data,))
        giving.start()
        try:
            assert connection.recv_exactly(size, 120.0) == data
        finally:
            giving.join()


def beside(dut: Dut, *taken: Channel) -> Channel:
    """An AT port of the module that is none of those taken; NotPossible when there is none."""
    for role in dut.slot.roles():
        channel = dut.port(role)
        if channel is not dut.at and channel not in taken:
            channel.sync(10.0)
            channel.send("AT+CMEE=2")
            return channel
    raise NotPossible(f"slot {dut.slot.name} has {', '.join(dut.slot.roles())} only",
                      remedy="name another port under ports")


@contextmanager
def asking(dut: Dut, link: PppLink) -> Iterator[Channel]:
    """A port for commands while the call stands: another one, or the same in online command mode."""
    try:
        other = beside(dut, link.channel)
    except NotPossible:
        link.pause()
        yield dut.at
        link.resume()
    else:
        yield other


def carrier(channel: Channel) -> bool | None:
    """DCD; None on a port without lines."""
    try:
        return channel.lines()["dcd"]
    except NotPossible:
        return None


def main_cid(dut: Dut) -> int:
    """The context of the guides' examples."""
    return dut.cid


@contextmanager
def context(dut: Dut, cid: int, apn: str, kind: str = "IP") -> Iterator[int]:
    """A context that is defined for the block, not activated."""
    dut.ensure(f'AT+CGDCONT={cid},"{kind}","{apn}"')
    try:
        yield cid
    finally:
        dut.send(f"AT+CGACT=0,{cid}", check=False)
        dut.send(f"AT+CGDCONT={cid}", check=False)


def active(channel: Channel) -> set[int]:
    """The contexts that are active."""
    return {int(fields[0] or 0) for fields in channel.send("AT+CGACT?").fields("+CGACT") if fields[1] == 1}


def becomes_active(channel: Channel, cid: int, wanted: bool) -> None:
    """Ask until a context is active, or is not."""
    for _ in range(50):
        if (cid in active(channel)) is wanted:
            return
        channel.wait_until(lambda: False, 0.2)
    raise UnitError(f"context {cid} is {'not ' if wanted else 'still '}active")


@contextmanager
def dtr_mode(dut: Dut, mode: int) -> Iterator[None]:
    """AT&D for the block; NotPossible where DTR is not driven."""
    before = dut.profile.factory.get("&D", 1)
    dut.send(f"{DTR_MODE}{mode}")
    try:
        yield
    finally:
        dut.send(f"{DTR_MODE}{before}", check=False)


def silent(link: PppLink, services: Services, local_port: int, seconds: float) -> bool:
    """True when a few datagrams to the echo server from a port (0: a free one) are not answered."""
    echo, data = services["echo"], secrets.token_bytes(200)
    with link.udp(local_port) as port:
        for _ in range(TRIES):
            port.send_to(data, echo.address, int(echo.port or 7))
            try:
                got = port.recv_from(seconds / TRIES)
            except PppNoAnswer:
                continue
            assert got.data == data
            return False
    return True


def by(way: PppAuth, cid: int, user: str, password: str) -> PppDial:
    """A data call whose host gives user and password by one way alone."""
    return PppDial(cid, user, password, auth=(way,))
