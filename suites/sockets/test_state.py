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


@procedure(
    "R6:5.4",
    "R8:9.2",
    title="Keep alive is read back, works on a connection, and is switched off",
    depends_on=ECHO,
)
def test_keep_alive_on_a_connection(online: Dut, services: Mapping[str, Service]) -> None:
    """The options are set on a connected socket; data pass as before; 0 disables it again."""
    hidden = online.profile.quirks.get("usogo_empty_options")
    shown = hidden is None or (65535, 8) not in hidden.value  # type: ignore[operator]
    with connected(online, services["echo"]) as number:
        for value in (1, 0):
            online.send(f"AT+USOSO={number},65535,8,{value}")
            if shown:
                assert online.send(f"AT+USOGO={number},65535,8").value("+USOGO")[-1] == value
            assert control(online, number, 10) == ESTABLISHED
        with online.at.expect("+UUSORD") as arrived:
            online.send(f'AT+USOWR={number},2,"12"')
            assert arrived.wait(URC_S).fields == (number, 2)


@procedure(
    "R6:5.8",
    "R8:9.2",
    title="State and unacknowledged bytes are asked of TCP sockets only",
    depends_on=("network",),
)
def test_tcp_only_properties(online: Dut) -> None:
    """+USOCTL 10 and 11 are valid only for a TCP socket; the type of a UDP socket is told all the same."""
    with socket(online, UDP) as number:
        for parameter in (10, 11):
            assert not online.send(f"AT+USOCTL={number},{parameter}", check=False).ok
        assert control(online, number, 0) == UDP


@procedure(
    "R6:5.9",
    "R8:9.2.5",
    title="After +UUSOCL the socket and its buffer are cleared, and its number is free",
    depends_on=ECHO,
    needs=("far-side:remote-reset",),
)
def test_cleared_after_close(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """Neither reading nor writing nor closing is possible; the next socket gets the number and works."""
    echo = services["echo"]
    with connected(online, echo) as number, online.at.expect("+UUSOCL") as closed:
        far_side.act("remote-reset", socket=str(number))
        assert closed.wait(URC_S).fields == (number,)
        for line in (f"AT+USORD={number},2", f'AT+USOWR={number},2,"12"', f"AT+USOCL={number}"):
            assert not online.send(line, check=False).ok, f"{line} was taken after +UUSOCL"
    with connected(online, echo) as again:
        assert again == number
        assert control(online, again, 10) == ESTABLISHED


@procedure("R6:5.9", "R8:9.2.5", title="A socket that is closed already is not closed again", depends_on=ECHO)
def test_close_twice(online: Dut, services: Mapping[str, Service]) -> None:
    """The second +USOCL is refused; another socket is not touched by it."""
    with connected(online, services["echo"]) as kept:
        with socket(online, TCP) as number:
            assert online.send(f"AT+USOCL={number}").ok
            assert not online.send(f"AT+USOCL={number}", check=False).ok
        assert control(online, kept, 10) == ESTABLISHED
