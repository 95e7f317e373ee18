"""Dial-up on several contexts, IPv6, embedded clients beside PPP: LARA-R6 guide 4, 4.1.2, 4.1.3, 4.3 to
4.3.2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv6Address, ip_address

import pytest

from cellbench.api import (
    AtError,
    Channel,
    Dut,
    FarSide,
    NotPossible,
    PppAuth,
    PppDial,
    PppLink,
    Recorder,
    procedure,
)

from ..internet.lwm2m import DEPENDS as LWM2M
from ..internet.lwm2m import REGISTERED, running, told
from .dialup import (
    TRAFFIC,
    Services,
    active,
    asking,
    becomes_active,
    beside,
    by,
    context,
    echoed,
    reached,
    silent,
    traffic,
)

APNS = {2: "APN2", 3: "APN3"}
FIRST, LAST = 6000, 6200  # as printed
SILENCE_S = 3.0
WAIT_S = 120.0
MTU_FIELD = 11  # 3GPP TS 27.007 10.1.23: <IPv4_MTU>
SMALL_MRU = 1000
OVERHEAD = 28  # of an echo request: IPv4 and ICMP headers
PREFIX = 8  # octets of a /64 prefix


@procedure("R6:4.1.3", title="A second context is activated by the dial and deactivated at its end",
           depends_on=TRAFFIC)
def test_second_context(online: Dut, services: Services) -> None:
    """AT+CGDCONT=2,...,"APN2"; nobody activates it by hand."""
    with context(online, 2, APNS[2]) as cid:
        assert cid not in active(online.at)
        with online.ppp(cid) as link:
            traffic(link, services)
            with asking(online, link) as port:
                assert cid in active(port)
        becomes_active(online.at, cid, False)


@procedure("R6:4.1.3", title="Three links at once, each with its context and APN", depends_on=TRAFFIC)
def test_three_at_once(online: Dut, services: Services) -> None:
    """Each has its own address and carries its own data."""
    ports = [online.at, *_others(online, 2)]
    with ExitStack() as stack:
        cids = [1, *(stack.enter_context(context(online, cid, apn)) for cid, apn in APNS.items())]
        links = [stack.enter_context(online.ppp(cid, port=port))
                 for cid, port in zip(cids, ports, strict=True)]
        assert len({link.address for link in links}) == len(links)
        for link in links:
            traffic(link, services)
        for link in links:
            echoed(link, services, 4096)
    for cid in APNS:
        becomes_active(online.at, cid, False)


@procedure("R6:4.1.3", title="A different APN is required for each context", depends_on=TRAFFIC)
def test_unique_apn(online: Dut, services: Services) -> None:
    """A dial on a second context with the first one's APN is refused; the first link goes on."""
    other = beside(online)
    with context(online, 2, APNS[2]), context(online, 3, APNS[2]), online.ppp(2) as link:
        with pytest.raises(AtError):
            other.send("ATD*99***3#")
        assert other.send("AT").ok
        traffic(link, services)


@procedure("R6:4", title="The network's MTU is read; whole packets of it pass, and smaller ones on demand",
           depends_on=TRAFFIC)
def test_mtu(online: Dut, services: Services, record: Recorder) -> None:
    """AT+CGCONTRDP shows the IPv4 MTU; on a context other than 1 the host controls it through PPP."""
    fields = online.send("AT+CGCONTRDP=1").value("+CGCONTRDP")
    if len(fields) <= MTU_FIELD or not fields[MTU_FIELD]:
        raise NotPossible("the network gives no MTU")
    mtu = int(fields[MTU_FIELD] or 0)
    with online.ppp(1) as link:
        record.note(f"MTU {mtu}, the module takes packets of {link.mru} bytes")
        assert reached(link, services["icmp"].dns_name, size=min(mtu, link.mru) - OVERHEAD)
    with context(online, 2, APNS[2]) as cid, online.ppp(dial=PppDial(cid, mru=SMALL_MRU)) as link:
        echoed(link, services, 16_384)
        assert reached(link, services["icmp"].dns_name, size=SMALL_MRU - OVERHEAD)
        assert link.damaged == 0


@procedure("R6:4", title="On a context other than 1 the host gives user and password through PPP",
           depends_on=("network",), needs=("far-side:report",))
@pytest.mark.parametrize("way", list(PppAuth), ids=lambda way: way.value)
def test_credentials(online: Dut, far_side: FarSide, way: PppAuth) -> None:
    """The network sees what the host gave by PAP; by CHAP it sees the user."""
    user, password = "someone", "of-no-importance"
    with context(online, 2, APNS[2]) as cid, online.ppp(dial=by(way, cid, user, password)) as link:
        assert link.asked_for is way
        seen = far_side.report("pdp-auth", cid=str(cid))
        assert seen["user"] == user
        if way is PppAuth.PAP:
            assert seen["password"] == password


@procedure("R6:4.1.2", title="IPv6: an address by SLAAC, in the module's prefix with another identifier",
           depends_on=TRAFFIC)
def test_ipv6(online: Dut, services: Services, far_side: FarSide) -> None:
    """Router Solicitation, Router Advertisement, traffic from the address that was made of it. Where the far
    side can, it makes the network give IPv6; elsewhere the network has to."""
    echo = services["echo"]
    if not echo.name:
        raise NotPossible("the echo service has no name to look up", remedy="give services.echo a name")
    with dual_stack(far_side), context(online, 2, APNS[2], "IPV4V6") as cid, (
            online.ppp(cid, ipv6=True)) as link:
        ours = IPv6Address(link.await_ipv6())
        with asking(online, link) as port:
            modules = _ipv6_of(port, cid)
        assert modules.packed[:PREFIX] == ours.packed[:PREFIX]
        assert modules.packed[PREFIX:] != ours.packed[PREFIX:]
        far = link.resolve(echo.name, ipv6=True)
        assert reached(link, services["icmp"].dns_name, ipv6=True)
        with link.tcp(far, int(echo.port or 7)) as connection:
            connection.send(b"over IPv6")
            assert connection.recv_exactly(9) == b"over IPv6"
        traffic(link, services)


@procedure("R6:4.3.1", "R6:4.3", title="+UEMBPF: an embedded client gets its answers while PPP is up",
           depends_on=(*TRAFFIC, *LWM2M), needs=("far-side:report", "far-side:server"), timeout_s=600)
def test_port_filtering(online: Dut, services: Services, far_side: FarSide) -> None:
    """AT+UEMBPF=1,"6000-6200", reboot; LwM2M registers from a port of the range; the host's own datagrams
    from such a port get no answer."""
    with filtering(online, f'1,"{FIRST}-{LAST}"'), running(online, far_side, services):
        assert online.send("AT+UEMBPF?").value("+UEMBPF") == (1, f"{FIRST}-{LAST}")
        other = beside(online)
        with online.ppp(1) as link:
            traffic(link, services)
            server = int(other.send("AT+ULWM2MREG?").value("+ULWM2MREG")[0] or 0)
            other.send("AT+ULWM2MDEREG=" + str(server))
            with other.expect("+ULWM2MSTAT", lambda urc: urc.fields == (1, server, REGISTERED)) as done:
                other.send(f"AT+ULWM2MREG={server}")
                done.wait(WAIT_S)
            assert FIRST <= int(told(far_side)["local_port"]) <= LAST
            assert silent(link, services, FIRST + 50, SILENCE_S), "an answer for the range went to the host"
            assert not silent(link, services, LAST + 50, SILENCE_S)
            echoed(link, services, 4096)


@procedure("R6:4.3.2", "R6:4.3", title="Without +UEMBPF an embedded client's answers go to the host",
           depends_on=TRAFFIC, timeout_s=600)
def test_no_port_filtering(online: Dut, services: Services) -> None:
    """The client sends, and does not receive; the answer arrives on the host's side of PPP."""
    echo, text = services["echo"], "for whom?"
    with filtering(online, "0"):
        other = beside(online)
        number = int(other.send("AT+USOCR=17").value("+USOCR")[0] or 0)
        try:
            with online.ppp(1) as link:
                with other.expect(("+UUSORD", "+UUSORF")) as notice:
                    other.send(f'AT+USOST={number},"{echo.host}",{echo.port},{len(text)},"{text}"')
                    _arrives(link, text.encode())
                    assert not notice.heard, "the embedded client got an answer"
                traffic(link, services)
        finally:
            other.send(f"AT+USOCL={number}", check=False)


@contextmanager
def dual_stack(far_side: FarSide) -> Iterator[None]:
    """A network that grants IPV4V6, where the far side can make it do so."""
    try:
        far_side.act("network", pdp="ipv4v6")
    except NotPossible:
        yield
        return
    try:
        yield
    finally:
        far_side.act("network", pdp="ip")


@contextmanager
def filtering(dut: Dut, setting: str) -> Iterator[None]:
    """AT+UEMBPF as given, in force after a reboot; as it was afterwards."""
    fields = dut.send("AT+UEMBPF?").value("+UEMBPF")
    before = ",".join(f'"{field}"' if isinstance(field, str) else str(field) for field in fields)
    _set_filtering(dut, setting)
    try:
        yield
    finally:
        _set_filtering(dut, before)


def _set_filtering(dut: Dut, setting: str) -> None:
    if dut.ensure(f"AT+UEMBPF={setting}"):
        dut.reboot()
        dut.register()
        dut.activate()


def _arrives(link: PppLink, data: bytes) -> None:
    """A datagram with this data reaches the host, though nobody there sent anything."""
    link.await_unclaimed(lambda packet: data in packet.payload, 15.0)


def _others(dut: Dut, count: int) -> list[Channel]:
    found: list[Channel] = []
    while len(found) < count:
        found.append(beside(dut, *found))
    return found


def _ipv6_of(port: Channel, cid: int) -> IPv6Address:
    """The module's own address of a context: 16 numbers, or written as an address."""
    for field in port.send(f"AT+CGPADDR={cid}").value("+CGPADDR")[1:]:
        text = str(field or "")
        numbers = text.split(".")
        if len(numbers) == 16:
            return IPv6Address(bytes(map(int, numbers)))
        if ":" in text:
            return IPv6Address(ip_address(text))
    raise NotPossible(f"context {cid} shows no IPv6 address")
