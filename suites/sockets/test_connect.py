"""Creating, connecting and closing: LENA-R8 guide 9.2.1, 9.2.5; LARA-R6 guide 5.1, 5.9."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cellbench.api import Dut, FarSide, Limit, Recorder, Service, procedure

from .common import ECHO, ESTABLISHED, TCP, UDP, URC_S, connected, control, create, socket


@pytest.mark.demo
@procedure(
    "R8:9.2.1",
    "R6:5.1",
    title="A TCP and a UDP socket, as printed",
    depends_on=("network", "service:dns", "service:echo"),
)
def test_create_resolve_connect(online: Dut, services: Mapping[str, Service], record: Recorder) -> None:
    """The table of the section, row by row."""
    echo = services["echo"]
    with record.step("create a TCP socket"):
        first = create(online, TCP)
        assert first == 0, "the first socket is number 0"
    with record.step("create another socket without closing the first"):
        second = create(online, UDP)
        assert second == 1, "a new identifier is given"
    with record.step("close the second"):
        online.send(f"AT+USOCL={second}")
    with record.step("resolve the server's name", depends_on=("service:dns",)):
        found = online.resolve(echo.dns_name)
        record.measure("resolved address", found, limit=Limit(equals=echo.address, source="service map"))
    with record.step("connect"):
        answer = online.send(f'AT+USOCO={first},"{echo.host}",{echo.port}')
        record.measure(
            "time to connect", answer.elapsed_s, "s", Limit(high=130.0, source="+USOCO, response time")
        )
        assert control(online, first, 10) == ESTABLISHED
    with record.step("close"):
        online.send(f"AT+USOCL={first}")


@procedure(
    "R8:9.2.1",
    "R6:5.1",
    title="A connection that fails closes its socket",
    depends_on=("network",),
    needs=("far-side:server",),
)
def test_refused_connection_closes_the_socket(
    online: Dut, services: Mapping[str, Service], far_side: FarSide, record: Recorder
) -> None:
    """ERROR, then +UUSOCL: the socket used for the attempt is closed."""
    echo = services["echo"]
    far_side.act("server", name="echo", state="down")
    try:
        number = create(online, TCP)
        with online.at.expect("+UUSOCL") as closed:
            answer = online.send(f'AT+USOCO={number},"{echo.host}",{echo.port}', check=False)
            assert not answer.ok, "a refused connection is an error"
            urc = closed.wait(URC_S)
        assert urc.fields[0] == number
        with record.step("the last error is known"):
            assert online.send("AT+USOER").value("+USOER")[0] != 0
        with record.step("the socket is gone"):
            assert not online.send(f"AT+USOCTL={number},0", check=False).ok
    finally:
        far_side.act("server", name="echo", state="up")
    with (
        record.step("recovery: a new socket connects", depends_on=("service:echo",)),
        connected(online, echo) as number,
    ):
        assert control(online, number, 10) == ESTABLISHED


@procedure("R8:9.2.1", "R6:5.1", title="An address that nobody has is refused", depends_on=("network",))
def test_unreachable_address(online: Dut, record: Recorder) -> None:
    """An address outside any network gives ERROR and closes the socket (240.0.0.0/4, RFC 1112)."""
    number = create(online, TCP)
    with online.at.expect("+UUSOCL") as closed:
        assert not online.send(f'AT+USOCO={number},"240.0.0.1",7', check=False).ok
        assert closed.wait(URC_S).fields[0] == number


@procedure("R8:9.2.1", "R6:5.1", title="A socket may be mapped to a context", depends_on=ECHO)
def test_socket_on_a_named_context(online: Dut, services: Mapping[str, Service], record: Recorder) -> None:
    """AT+USOCR=<protocol>,<local_port>,<ip_type>,<cid>."""
    echo = services["echo"]
    with socket(online, TCP, 0, 0, online.cid) as number:
        online.send(f'AT+USOCO={number},"{echo.host}",{echo.port}')
        assert control(online, number, 10) == ESTABLISHED


@procedure("R8:9.2.1", "R6:5.1", title="More sockets than the module has are refused")
def test_as_many_sockets_as_declared(online: Dut, record: Recorder) -> None:
    """The declared number can be open at once; one more is refused; a closed one is free again."""
    count = online.profile.sockets.value
    numbers = [create(online, UDP) for _ in range(count)]
    try:
        record.measure(
            "sockets open at once",
            len(set(numbers)),
            "",
            Limit(low=count, high=count, source="module facts 8"),
        )
        assert not online.send("AT+USOCR=17", check=False).ok, "one more socket than declared was given"
        online.send(f"AT+USOCL={numbers[2]}")
        again = create(online, UDP)
        assert again == numbers[2], "the identifier that was freed is given again"
    finally:
        for number in numbers:
            online.send(f"AT+USOCL={number}", check=False)


@procedure("R8:9.2.1", "R6:5.1", title="Values outside their ranges are refused")
@pytest.mark.parametrize(
    "line", ["AT+USOCR=7", "AT+USOCR=6,70000", "AT+USOCR=6,0,2", 'AT+USOCO=9,"195.34.89.241",7', "AT+USOCL=7"]
)
def test_refusals(online: Dut, line: str) -> None:
    """Unknown protocol, port, address type, socket."""
    answer = online.send(line, check=False)
    assert not answer.ok, f"{line} was taken"


@pytest.mark.demo
@procedure("R8:9.2.5", "R6:5.9", title="Closing by the module gives no URC", depends_on=ECHO)
def test_close_by_module(online: Dut, services: Mapping[str, Service], record: Recorder) -> None:
    """No +UUSOCL is returned after the module's own +USOCL."""
    with connected(online, services["echo"]) as number:
        mark = online.at.urcs.mark()
        online.send(f"AT+USOCL={number}")
        online.send("AT")
        assert [urc.text for urc in online.at.urcs.since(mark) if urc.prefix == "+UUSOCL"] == []
        assert not online.send(f'AT+USOWR={number},2,"12"', check=False).ok, "the socket still takes data"


@procedure(
    "R6:5.9",
    "R8:9.2.5",
    title="Closing by the far side gives +UUSOCL",
    depends_on=ECHO,
    needs=("far-side:remote-close",),
)
def test_close_by_remote(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """The URC names the socket, which is cleared."""
    with connected(online, services["echo"]) as number:
        with online.at.expect("+UUSOCL") as closed:
            far_side.act("remote-close", socket=str(number))
            assert closed.wait(URC_S).fields == (number,)
        assert not online.send(f"AT+USOCTL={number},0", check=False).ok, "the socket is still there"


@procedure("R6:5", "R8:9.2", title="No context, no socket traffic", depends_on=())
def test_without_a_context(dut_at, services: Mapping[str, Service], record: Recorder) -> None:  # type: ignore[no-untyped-def]
    """The note of the section: a PS data connection must be active first."""
    from cellbench.api import DutState

    dut = dut_at(DutState.READY)
    echo = services["echo"]
    dut.send("AT+CFUN=0")
    try:
        answer = dut.send("AT+USOCR=6", check=False)
        if answer.ok:
            number = answer.value("+USOCR")[0]
            assert not dut.send(f'AT+USOCO={number},"{echo.host}",{echo.port}', check=False).ok
            dut.send(f"AT+USOCL={number}", check=False)
    finally:
        dut.send("AT+CFUN=1")
    dut.register()
