"""Options and states: LARA-R6 guide 5.4, 5.8, and the same commands on LENA-R8."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cellbench.api import Dut, FarSide, Recorder, Service, procedure

from .common import ECHO, ESTABLISHED, TCP, UDP, URC_S, connected, control, socket

CLOSE_WAIT = 7


@pytest.mark.demo
@procedure("R6:5.4", "R8:9.2", title="Keep alive: option and idle time", depends_on=("network",))
def test_keep_alive(online: Dut) -> None:
    """+USOSO of the socket level and of the TCP level, read back by +USOGO."""
    with socket(online, TCP) as number:
        online.send(f"AT+USOSO={number},65535,8,1")
        online.send(f"AT+USOSO={number},6,2,30000")
        assert online.send(f"AT+USOGO={number},6,2").value("+USOGO")[0] == 30000
        online.send(f"AT+USOSO={number},65535,8,0")


@procedure("R6:5.4", "R8:9.2", title="Unknown levels and options are refused", depends_on=("network",))
def test_option_refusals(online: Dut) -> None:
    """A level or option that does not exist, a socket that does not exist."""
    with socket(online, TCP) as number:
        for line in (f"AT+USOSO={number},17,1,1", f"AT+USOSO={number},65535,3,1", "AT+USOSO=6,65535,8,1"):
            assert not online.send(line, check=False).ok, f"{line} was taken"


@procedure(
    "R6:5.8", "R8:9.2", title="Type, state, unacknowledged bytes and last error of a socket", depends_on=ECHO
)
def test_socket_state(online: Dut, services: Mapping[str, Service], record: Recorder) -> None:
    """+USOCTL 0, 10, 11, 1."""
    with connected(online, services["echo"]) as number:
        assert control(online, number, 0) == TCP
        assert control(online, number, 10) == ESTABLISHED
        assert control(online, number, 11) == 0
        assert control(online, number, 1) == 0
    with socket(online, UDP) as number:
        assert control(online, number, 0) == UDP


@procedure(
    "R6:5.8",
    title="A connection that the far side ends while data wait is in CLOSE_WAIT",
    depends_on=ECHO,
    needs=("far-side:remote-send", "far-side:remote-close"),
)
def test_close_wait(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """+USOCTL: <socket>,10,7 while a connection termination is performed."""
    with connected(online, services["echo"]) as number:
        with online.at.expect("+UUSORD") as arrived:
            far_side.act("remote-send", socket=str(number), hex="6172")
            arrived.wait(URC_S)
        far_side.act("remote-close", socket=str(number))
        assert control(online, number, 10) == CLOSE_WAIT


@procedure(
    "R6:5.8",
    "R8:9.2",
    title="The error after a reset by the far side is 104",
    depends_on=ECHO,
    needs=("far-side:remote-reset",),
)
def test_last_error_after_reset(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """+USOER: 104 (reset by peer)."""
    with connected(online, services["echo"]) as number, online.at.expect("+UUSOCL") as closed:
        far_side.act("remote-reset", socket=str(number))
        assert closed.wait(URC_S).fields == (number,)
        assert online.send("AT+USOER").value("+USOER") == (104,)
