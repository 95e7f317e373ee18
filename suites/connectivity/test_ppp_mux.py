"""PPP on a channel of the multiplexer: LARA-R6 guide 4.2; LENA-R8 guide 4.2.2, 5.7."""

from __future__ import annotations

from cellbench.api import Dut, EndKind, HangUp, procedure

from .dialup import TRAFFIC, Services, echoed, main_cid, reached, traffic


@procedure("R8:5.7", "R8:4.2.2", "R6:4.2", title="PPP on one channel of the multiplexer, AT on another",
           depends_on=TRAFFIC, needs=("uart",))
def test_ppp_on_a_channel(online: Dut, services: Services) -> None:
    """Data pass byte for byte while commands are answered; an LCP Terminate-Request ends the call."""
    with online.mux() as mux:
        data, commands = mux.channel(1), mux.channel(2)
        with online.ppp(main_cid(online), port=data) as link:
            traffic(link, services)
            for _ in range(5):
                with link.tcp(services["echo"].address, int(services["echo"].port or 7)) as connection:
                    connection.send(bytes(range(256)) * 8)
                    assert commands.send("AT+CSQ").ok
                    assert connection.recv_exactly(2048) == bytes(range(256)) * 8
            assert link.hang_up(HangUp.LCP).kind is EndKind.HUNG_UP
        assert data.send("AT").ok
        assert mux.count.lost_frames == 0


@procedure("R6:4.2", title="With MUX the DTR line does nothing to PPP; an MSC frame with DTR off ends it",
           depends_on=TRAFFIC, needs=("uart", "drive-dtr"))
def test_dtr_and_msc(online: Dut, services: Services) -> None:
    """The line is toggled and data go on; the logical DTR is de-asserted and the call is over."""
    icmp = services["icmp"].dns_name
    with online.mux() as mux:
        data = mux.channel(1)
        before = online.profile.factory.get("&D", 1)
        assert data.send("AT&D2").ok
        try:
            with online.ppp(port=data) as link:
                assert reached(link, icmp)
                for on in (False, True):
                    mux.at.set_line("dtr", on)
                assert reached(link, icmp), "the DTR line ended PPP in spite of the multiplexer"
                echoed(link, services, 4096)
                end = link.hang_up(HangUp.DTR)
                assert end.kind is EndKind.HUNG_UP
            assert data.send("AT").ok, f"command mode after {end.text}"
        finally:
            data.send(f"AT&D{before}", check=False)
