"""Reading: LENA-R8 guide 9.2.4, LARA-R6 guide 5.5 with its four scenarios, 5.7."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cellbench.api import Dut, FarSide, Limit, Recorder, Service, procedure

from .common import DATAGRAM, ECHO, UDP, URC_S, connected, nonce, read, socket, unread


def _send(far_side: FarSide, number: int, text: str) -> None:
    far_side.act("remote-send", socket=str(number), hex=text.encode().hex())


@pytest.mark.demo
@procedure(
    "R8:9.2.4",
    "R6:5.5",
    title="First scenario: two bytes arrive and are read",
    depends_on=ECHO,
    needs=("far-side:remote-send",),
)
def test_first_scenario(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """+UUSORD with the length, +USORD with the data between quotation marks."""
    with connected(online, services["echo"]) as number, online.at.expect("+UUSORD") as arrived:
        _send(far_side, number, "ar")
        assert arrived.wait(URC_S).fields == (number, 2)
        answer = online.send(f"AT+USORD={number},2")
        assert answer.info == (f'+USORD: {number},2,"ar"',)


@procedure(
    "R6:5.5",
    "R8:9.2.4",
    title="Second scenario: a partial read is followed by +UUSORD with the rest",
    depends_on=ECHO,
    needs=("far-side:remote-send",),
)
def test_second_scenario(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """30 bytes, 10 read, the URC tells of 20."""
    text = nonce(30)
    with connected(online, services["echo"]) as number:
        with online.at.expect("+UUSORD") as arrived:
            _send(far_side, number, text)
            assert arrived.wait(URC_S).fields == (number, 30)
        with online.at.expect("+UUSORD") as rest:
            assert read(online, number, 10) == text[:10]
            assert rest.wait(URC_S).fields == (number, 20)
        assert read(online, number, 20) == text[10:]


@procedure(
    "R6:5.5",
    "R8:9.2.4",
    title="Third scenario: more data arrive between two reads",
    depends_on=ECHO,
    needs=("far-side:remote-send",),
)
def test_third_scenario(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """30, minus 10 plus 5 = 25, minus 10 plus 19 = 34; all read; +USORD with length 0 says 0."""
    first, second, third = nonce(30), nonce(5), nonce(19)
    whole = first + second + third
    with connected(online, services["echo"]) as number:
        with online.at.expect("+UUSORD") as arrived:
            _send(far_side, number, first)
            assert arrived.wait(URC_S).fields == (number, 30)
        position = 0
        for more, expected in ((second, 25), (third, 34)):
            _send(far_side, number, more)
            with online.at.expect("+UUSORD") as rest:
                assert read(online, number, 10) == whole[position : position + 10]
                assert rest.wait(URC_S).fields == (number, expected)
            position += 10
        assert read(online, number, 34) == whole[20:]
        assert unread(online, number) == 0


@procedure(
    "R6:5.5",
    title="Fourth scenario: the far side closes while data wait",
    depends_on=ECHO,
    needs=("far-side:remote-send", "far-side:remote-close"),
)
def test_fourth_scenario(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """+USOWR: 0,0 says that the connection is closed; what is left can be read; then +UUSOCL."""
    first, second = nonce(30), nonce(5)
    with connected(online, services["echo"]) as number:
        with online.at.expect("+UUSORD") as arrived:
            _send(far_side, number, first)
            assert arrived.wait(URC_S).fields == (number, 30)
        _send(far_side, number, second)
        with online.at.expect("+UUSORD") as rest:
            assert read(online, number, 10) == first[:10]
            assert rest.wait(URC_S).fields == (number, 25)
        far_side.act("remote-close", socket=str(number))
        assert online.send(f"AT+USOWR={number},3", payload=b"123").value("+USOWR") == (number, 0)
        with online.at.expect("+UUSOCL") as closed:
            assert read(online, number, 25) == first[10:] + second
            assert closed.wait(URC_S).fields == (number,)


@procedure(
    "R8:9.2.4",
    "R6:5.5",
    title="Hexadecimal mode: +UDCONF=1,1",
    depends_on=ECHO,
    needs=("far-side:remote-send",),
)
def test_hexadecimal_mode(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """Data are read as hexadecimal digits, twice as long."""
    online.ensure("AT+UDCONF=1,1")
    try:
        with connected(online, services["echo"]) as number, online.at.expect("+UUSORD") as arrived:
            _send(far_side, number, "ar")
            assert arrived.wait(URC_S).fields == (number, 2)
            assert online.send(f"AT+USORD={number},2").value("+USORD") == (number, 2, "6172")
    finally:
        online.ensure("AT+UDCONF=1,0")


@procedure(
    "R8:9.2.4", "R6:5.5", title="Reading more than allowed, or from no socket, is refused", depends_on=ECHO
)
def test_read_refusals(online: Dut, services: Mapping[str, Service]) -> None:
    """0 to 1024 bytes at once (module facts 8)."""
    assert not online.send("AT+USORD=6,10", check=False).ok
    with connected(online, services["echo"]) as number:
        assert not online.send(f"AT+USORD={number},1025", check=False).ok
        assert unread(online, number) == 0


@pytest.mark.demo
@procedure(
    "R6:5.7",
    "R8:9.2.4",
    title="+USORF tells from whom a datagram came; the rest of it can be read",
    depends_on=ECHO,
    needs=("far-side:remote-send",),
)
def test_datagram_in_two_reads(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """20 bytes, 10 read, +UUSORD or +UUSORF with 10, 10 read."""
    echo, text = services["echo"], nonce(20)
    with socket(online, UDP) as number:
        with online.at.expect(DATAGRAM) as arrived:
            online.send(f'AT+USOST={number},"{echo.host}",{echo.port},{len(text)},"{text}"')
            assert arrived.wait(URC_S).fields == (number, 20)
        with online.at.expect(DATAGRAM) as rest:
            fields = online.send(f"AT+USORF={number},10").value("+USORF")
            assert fields == (number, echo.host, echo.port, 10, text[:10])
            assert rest.wait(URC_S).fields == (number, 10)
        fields = online.send(f"AT+USORF={number},10").value("+USORF")
        assert fields == (number, echo.host, echo.port, 10, text[10:])


@procedure(
    "R6:5.7",
    title="A second datagram is announced after the first one is read",
    depends_on=ECHO,
    needs=("far-side:remote-send",),
)
def test_second_datagram_waits(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """A reading operation returns one datagram at most; the next is announced after it."""
    echo, first, second = services["echo"], nonce(20), nonce(20)
    with socket(online, UDP) as number:
        with online.at.expect(DATAGRAM) as arrived:
            online.send(f'AT+USOST={number},"{echo.host}",{echo.port},{len(first)},"{first}"')
            arrived.wait(URC_S)
        _send(far_side, number, second)
        with online.at.expect(DATAGRAM) as rest:
            assert online.send(f"AT+USORF={number},40").value("+USORF")[-1] == first
            assert rest.wait(URC_S).fields == (number, 20)
        assert online.send(f"AT+USORF={number},20").value("+USORF")[-1] == second


@procedure(
    "R6:5.3.3",
    "R6:5.5",
    title="The reading queue keeps 12 kB, and more than that comes when it is read",
    depends_on=ECHO,
    needs=("far-side:remote-send",),
)
def test_reading_queue(
    online: Dut, services: Mapping[str, Service], far_side: FarSide, record: Recorder
) -> None:
    """One and a half queues are sent; no byte is lost, in order."""
    queue = int(str(online.profile.facts["socket_read_queue"].value))
    whole = "".join(nonce(32) for _ in range(queue * 3 // 64))
    with connected(online, services["echo"]) as number:
        with online.at.expect("+UUSORD") as arrived:
            for start in range(0, len(whole), 2048):
                _send(far_side, number, whole[start : start + 2048])
            arrived.wait(URC_S)
        back = ""
        most = 0
        while len(back) < len(whole):
            waiting = unread(online, number)
            most = max(most, waiting)
            if not waiting:
                with online.at.expect("+UUSORD") as more:
                    if not unread(online, number):
                        more.wait(URC_S)
            back += read(online, number, 1024)
        assert back == whole
        record.measure(
            "most unread bytes", most, "B", Limit(high=queue, source="LARA-R6 guide 5.3.3: 12 kB in reading")
        )


@procedure(
    "R6:5.7",
    "R8:9.2.4",
    title="Length 0 tells how much waits; a read of too much or from no socket is refused",
    depends_on=ECHO,
)
def test_nothing_to_read(online: Dut, services: Mapping[str, Service]) -> None:
    """More than 1024 bytes cannot be asked; after the refusals the datagram is read whole."""
    echo, text = services["echo"], nonce()
    with socket(online, UDP) as number:
        assert not online.send(f"AT+USORF={number},1025", check=False).ok
        assert not online.send("AT+USORF=6,2", check=False).ok
        with online.at.expect(DATAGRAM) as arrived:
            online.send(f'AT+USOST={number},"{echo.host}",{echo.port},{len(text)},"{text}"')
            arrived.wait(URC_S)
        assert online.send(f"AT+USORF={number},0").value("+USORF")[-1] == len(text)
        assert online.send(f"AT+USORF={number},{len(text)}").value("+USORF")[-1] == text
        assert online.send(f"AT+USORF={number},0").value("+USORF")[-1] == 0
