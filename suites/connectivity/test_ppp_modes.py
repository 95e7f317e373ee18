"""Data mode, online command mode and the ends of a data call: LENA-R8 guide 4.3, 5.8.2; LARA-R6 guide 4.2."""

from __future__ import annotations

import time

import pytest

from cellbench.api import (
    AtError,
    DialCommand,
    Dut,
    EndKind,
    Escape,
    HangUp,
    Limit,
    Network,
    PppDial,
    PppLink,
    Recorder,
    procedure,
)

from .dialup import (
    TRAFFIC,
    Services,
    active,
    becomes_active,
    carrier,
    context,
    dtr_mode,
    main_cid,
    reached,
    traffic,
)

SECOND_APN = "APN2"
ESCAPE_S = 15.0
LINE_S = 5.0
LATEST_S = 1.5
TIMELY_TRIES = 5


@pytest.mark.demo
@procedure("R8:5.8.2", "R8:4.3", title="Table 13: +++, ATO, +++, ATH", depends_on=TRAFFIC)
def test_swap_example(online: Dut, services: Services, network: Network, record: Recorder) -> None:
    """AT+CGDATA="PPP",1; after 2 s of silence +++ is answered OK; ATO answers CONNECT and data go on; ATH
    ends the connection."""
    cid = main_cid(online)
    online.ensure(f'AT+CGDCONT={cid},"IP","{network.apn}"')
    assert online.send(f"AT+CGACT=1,{cid}").ok
    assert online.send("AT+CVHU=0").ok
    with online.ppp(dial=PppDial(cid, command=DialCommand.CGDATA)) as link:
        traffic(link, services)
        began = time.monotonic()
        assert link.pause().final.text == "OK"
        record.measure("+++ to OK, with its silence", time.monotonic() - began, "s",
                       Limit(low=online.profile.serial.escape_guard_s.value, high=ESCAPE_S,
                             source="LENA-R8 guide 5.8.2"))
        assert online.send("AT+CSQ").ok
        assert link.resume().startswith("CONNECT")
        traffic(link, services)
        assert link.hang_up(HangUp.ATH).text == "OK"
    with pytest.raises(AtError):
        online.send("ATO")


@procedure("R8:5.8.2", "R6:4.2", title="+++ without its silence is data", depends_on=TRAFFIC)
def test_escape_too_early(online: Dut, services: Services) -> None:
    """Right behind data, 1 s behind, and with data behind it: the module stays in data mode."""
    icmp = services["icmp"].dns_name
    with online.ppp() as link:
        for silence_s in (0.0, 1.0):
            assert plus_after(link, icmp, silence_s)
            assert reached(link, icmp), f"+++ after {silence_s:g} s of silence was taken for the escape"
        assert link.is_up
        assert link.pause().final.text == "OK", "after 2 s of silence it is"
        assert link.resume().startswith("CONNECT")
        assert reached(link, icmp)
        link.hang_up()


def plus_after(link: PppLink, host: str, silence_s: float) -> bool:
    """Send +++ so long behind data, and surely before the silence is long enough; a host that was kept from
    it tries again. False when it never was in time."""
    for _ in range(TIMELY_TRIES):
        assert reached(link, host)
        link.channel.wait_until(lambda: link.silent_s >= silence_s, ESCAPE_S)
        if link.silent_s < LATEST_S:
            link.write_octets(b"+++")
            return True
    return False


@procedure("R8:5.8.2", "R8:4.3", "R6:4.2", title="DTR from on to off does what &D says", depends_on=TRAFFIC,
           needs=("uart", "drive-dtr"))
def test_dtr(online: Dut, services: Services) -> None:
    """&D1 online command mode, &D0 nothing, &D2 hang up."""
    icmp = services["icmp"].dns_name
    with dtr_mode(online, 1), online.ppp(port="uart") as link:
        assert link.pause(Escape.DTR).final.text == "OK"
        assert online.send("AT&D2").ok
        assert link.resume().startswith("CONNECT")
        assert reached(link, icmp)
        end = link.hang_up(HangUp.DTR)
        assert end.kind is EndKind.HUNG_UP
        assert online.send("AT").ok, f"command mode after {end.text}"
    with dtr_mode(online, 0), online.ppp(port="uart") as link:
        for on in (False, True):
            link.channel.set_line("dtr", on)
        assert reached(link, icmp), "&D0: DTR ended data mode"


@procedure("R6:4.2", title="With +CVHU=0 ATH in online command mode ends the call and its context",
           depends_on=TRAFFIC)
def test_ath(online: Dut, services: Services) -> None:
    """The command deactivates the PPP and the associated PDP context (if possible)."""
    assert online.send("AT+CVHU=0").ok
    with context(online, 2, SECOND_APN) as cid:
        with online.ppp(cid) as link:
            traffic(link, services)
            assert link.pause().final.text == "OK"
            assert cid in active(online.at)
            assert link.hang_up(HangUp.ATH).text == "OK"
        becomes_active(online.at, cid, False)
        with pytest.raises(AtError):
            online.send("ATO")


@procedure("R6:4.2", "R8:5.8", title="An LCP Terminate-Request ends the call", depends_on=TRAFFIC)
def test_lcp_terminate(online: Dut, services: Services) -> None:
    """The module agrees and says NO CARRIER; DCD, where there is one, tells the carrier (&C1); the next dial
    is as the first."""
    with online.ppp() as link:
        assert carrier(online.at) is not False
        assert reached(link, services["icmp"].dns_name)
        end = link.hang_up(HangUp.LCP)
        assert (end.kind, end.text) == (EndKind.HUNG_UP, "NO CARRIER")
    if carrier(online.at) is not None:
        assert online.at.wait_line("dcd", False, LINE_S)
    with online.ppp() as link:
        traffic(link, services)
        assert link.hang_up().kind is EndKind.HUNG_UP


@procedure("R6:4.1", title="DTR must be on for a dial", depends_on=("network",), needs=("uart", "drive-dtr"))
def test_dial_without_dtr(online: Dut) -> None:
    """LENA-R8 guide 13.1, Table 54: the DTR line (virtual or physical) must be asserted to start a PPP
    connection."""
    uart = online.port("uart")
    with dtr_mode(online, 0):
        uart.set_line("dtr", False)
        try:
            with pytest.raises(AtError):
                uart.send("ATD*99***1#")
            assert uart.send("AT").ok
        finally:
            uart.set_line("dtr", True)
        with online.ppp(1, port=uart) as link:
            assert link.address
