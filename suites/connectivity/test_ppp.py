"""Dial-up: LENA-R8 guide 4.2.2, 4.3, 5.8, 5.8.1, 5.8.2; LARA-R6 guide 4, 4.1, 4.1.1."""

from __future__ import annotations

import time
from ipaddress import ip_address

import pytest

from cellbench.api import (
    AtError,
    DialCommand,
    Dut,
    FarSide,
    Limit,
    Network,
    PppDial,
    PppLost,
    PppNoAnswer,
    Recorder,
    procedure,
)

from .dialup import (
    TRAFFIC,
    Services,
    active,
    asking,
    becomes_active,
    beside,
    echoed,
    main_cid,
    reached,
    traffic,
)

OVERHEAD = 28  # of an echo request: IPv4 and ICMP headers
UNDEFINED_CID = 7
LOSS_S = 90.0
STILL_S = 1.5


@pytest.mark.demo
@procedure("R8:5.8.1", title="Table 12: define, activate, dial, data", depends_on=TRAFFIC)
def test_activation_example(online: Dut, services: Services, network: Network, record: Recorder) -> None:
    """AT+CGDCONT, AT+CGACT=1,1, ATD*99***1# answers CONNECT; data travel until the call is ended."""
    cid = main_cid(online)
    online.ensure(f'AT+CGDCONT={cid},"IP","{network.apn}"')
    assert online.send(f"AT+CGACT=1,{cid}").ok
    began = time.monotonic()
    with online.ppp(cid) as link:
        record.measure("dial to network", time.monotonic() - began, "s", Limit(high=60.0, source="PppDial"))
        assert link.connect_text.startswith("CONNECT")
        traffic(link, services, record)
        assert link.hang_up().text == "NO CARRIER"
    assert online.send("AT").ok, "the port is back in command mode"


@pytest.mark.demo
@procedure("R6:4.1", "R6:4", title="ATD*99***1#: CONNECT, then the negotiation, then data",
           depends_on=TRAFFIC)
def test_basic_setup(online: Dut, services: Services, record: Recorder) -> None:
    """The host gets an address, DNS servers and a path for ICMP, UDP and TCP."""
    began = time.monotonic()
    with online.ppp(1) as link:
        record.measure("dial to network", time.monotonic() - began, "s", Limit(high=60.0, source="PppDial"))
        assert link.connect_text.startswith("CONNECT")
        assert len(link.dns) == 2
        traffic(link, services, record)
        assert link.hang_up().text == "NO CARRIER"
    assert online.send("AT").ok, "the port is back in command mode"


@procedure("R8:5.8", title="The host's address is private, and not the network's", depends_on=("network",))
def test_private_address(online: Dut) -> None:
    """A local PPP: the module answers the negotiation itself."""
    given = online.address(main_cid(online))
    with online.ppp() as link:
        assert ip_address(link.address).is_private
        assert link.address != given
        assert link.dns, "the module names DNS servers"


@procedure("R6:4.1.1", title="The host has the address that the network gave the module",
           depends_on=("network",))
def test_networks_address(online: Dut) -> None:
    """The module is a transparent data pipe."""
    given = online.address(1)
    with online.ppp(1) as link:
        assert link.address == given
        assert link.peer != given


@procedure("R8:5.8", "R6:4", title="An active context is no condition: the dial activates it",
           depends_on=TRAFFIC)
def test_dial_activates(online: Dut, services: Services) -> None:
    """If a PDN connection is not active on the cid, it will be activated."""
    cid = next(cid for cid in online.profile.bearers.user_cids.value if cid != 1)
    network_cid = main_cid(online)
    apn = next(str(fields[2]) for fields in online.send("AT+CGDCONT?").fields("+CGDCONT")
               if fields[0] == network_cid)
    online.ensure(f'AT+CGDCONT={cid},"IP","{apn}"')
    try:
        assert cid not in active(online.at)
        with online.ppp(cid) as link:
            traffic(link, services)
            with asking(online, link) as port:
                assert cid in active(port)
    finally:
        online.send(f"AT+CGACT=0,{cid}", check=False)
        online.send(f"AT+CGDCONT={cid}", check=False)


@procedure("R8:5.8", title="+CGDATA begins PPP as D* does", depends_on=TRAFFIC)
def test_cgdata(online: Dut, services: Services) -> None:
    """AT+CGDATA="PPP",1: CONNECT, data; hung up, the port takes commands and dials again."""
    dial = PppDial(main_cid(online), command=DialCommand.CGDATA)
    for _ in range(2):
        with online.ppp(dial=dial) as link:
            traffic(link, services)
        assert online.send("AT").ok


@procedure("R8:5.8", "R6:4", title="Much data and whole packets pass byte for byte",
           depends_on=(*TRAFFIC, "service:http"))
def test_much_data(online: Dut, services: Services, record: Recorder) -> None:
    """64 kB each way, a page, echo requests up to the longest packet that the module takes."""
    http = services["http"]
    with online.ppp() as link:
        began = time.monotonic()
        echoed(link, services, 65_536)
        took = time.monotonic() - began
        record.measure("64 kB through the echo server and back", took, "s",
                       Limit(high=300.0, source="1.7 kbit/s"))
        page = link.fetch(f"http://{http.name or http.host}:{http.port}/")
        assert page.status == 200
        assert len(page.body) == int(page.headers.get("content-length", len(page.body)))
        record.note(f"packets of at most {link.mru} bytes")
        for size in (0, 1, 500, link.mru - OVERHEAD):
            assert reached(link, services["icmp"].dns_name, size=size)
        assert link.echo() < 10.0, "the module itself answers LCP echo requests"
        assert link.damaged == 0


@procedure("R8:4.2.2", "R8:4.3", title="PPP on one port, AT commands on another", depends_on=TRAFFIC)
def test_at_beside_ppp(online: Dut, services: Services) -> None:
    """The exception to serialised ports: commands are answered while data travel."""
    other = beside(online)
    with online.ppp() as link:
        for _ in range(5):
            with link.tcp(services["echo"].address, int(services["echo"].port or 7)) as connection:
                connection.send(bytes(range(256)) * 16)
                assert other.send("AT+CSQ").ok
                assert other.send("AT+CGMM").text.startswith(online.profile.model_prefix)
                assert connection.recv_exactly(4096) == bytes(range(256)) * 16
        assert main_cid(online) in active(other)
    assert other.send("AT").ok


@procedure("R8:5.8", title="One PPP at a time: a second dial is refused, the first goes on",
           depends_on=TRAFFIC)
def test_one_at_a_time(online: Dut, services: Services) -> None:
    """PPP can be activated on only one port per time (Tables 4, 6, 8)."""
    other = beside(online)
    with online.ppp() as link:
        with pytest.raises(AtError):
            other.send(f"ATD*99***{main_cid(online)}#")
        assert other.send("AT").ok
        traffic(link, services)
    with online.ppp(port=other) as link:
        traffic(link, services)


@procedure("R8:5.8.1", "R6:4.1", title="A context that is not defined cannot be dialled",
           depends_on=("network",))
def test_wrong_context(online: Dut, services: Services) -> None:
    """NO CARRIER or an error; the port answers, and the right context is dialled."""
    for line in (f"ATD*99***{UNDEFINED_CID}#", "ATD*99***99#"):
        with pytest.raises(AtError):
            online.send(line)
        assert online.send("AT").ok
    with online.ppp() as link:
        assert link.address


@procedure("R8:5.8.1", "R6:4.1", title="Without attach no dial; the loss of it ends the call",
           depends_on=TRAFFIC)
def test_detach(online: Dut, services: Services, network: Network) -> None:
    """The module must be attached to the network; a detach is carrier loss, seen as such."""
    other = beside(online)
    online.spend_attach("detach under PPP")
    with online.ppp() as link:
        traffic(link, services)
        other.send("AT+CFUN=4")
        try:
            end = link.await_end(LOSS_S)
            with pytest.raises(PppLost):
                link.ping(str(services["icmp"].host or "192.0.2.1"))
            assert online.send("AT").ok, f"command mode after {end.text}"
            with pytest.raises(AtError):
                online.send(f"ATD*99***{main_cid(online)}#")
        finally:
            other.send("AT+CFUN=1")
    online.register()
    online.activate(apn=network.apn)
    with online.ppp() as link:
        traffic(link, services)


@procedure("R8:5.8", "R6:4.2", title="The network's deactivation of the context ends the call",
           depends_on=TRAFFIC, needs=("far-side:network",))
def test_network_deactivates(online: Dut, services: Services, far_side: FarSide, network: Network) -> None:
    """NO CARRIER; a new dial makes the context active again."""
    cid = online.profile.bearers.user_cids.value[1]
    online.ensure(f'AT+CGDCONT={cid},"IP","{network.apn}"')
    try:
        with online.ppp(cid) as link:
            assert reached(link, services["icmp"].dns_name)
            far_side.act("network", deact=str(cid))
            link.await_end(LOSS_S)
        becomes_active(online.at, cid, False)
        with online.ppp(cid) as link:
            assert reached(link, services["icmp"].dns_name)
    finally:
        online.send(f"AT+CGACT=0,{cid}", check=False)
        online.send(f"AT+CGDCONT={cid}", check=False)


@procedure("R8:5.8", "R6:4", title="Data that the network does not take for a while arrive all the same",
           depends_on=TRAFFIC, needs=("far-side:link",))
def test_network_stands_still(online: Dut, services: Services, far_side: FarSide) -> None:
    """Packets may be lost when the host is faster than the network: TCP sends them again."""
    echo, data = services["echo"], bytes(range(256)) * 64
    with online.ppp() as link, link.tcp(echo.address, int(echo.port or 7)) as connection:
        far_side.act("link", state="blocked")
        try:
            connection.send(data)
            with pytest.raises(PppNoAnswer):
                connection.recv(1, STILL_S)
        finally:
            far_side.act("link", state="ok")
        assert connection.recv_exactly(len(data), 60.0) == data
        assert reached(link, services["icmp"].dns_name)
