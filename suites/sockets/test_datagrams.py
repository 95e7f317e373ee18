"""UDP: LARA-R6 guide 5.6, 5.10; the notes on UDP in both guides."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cellbench.api import Dut, Recorder, Service, procedure

from .common import DATAGRAM, ECHO, UDP, URC_S, nonce, socket


@procedure("R6:5.6", "R8:9.2", title="+USOST: data at the prompt, to an address and port", depends_on=ECHO)
def test_send_to_at_the_prompt(online: Dut, services: Mapping[str, Service]) -> None:
    """Two bytes, @, +USOST: <socket>,2."""
    echo = services["echo"]
    with socket(online, UDP) as number:
        answer = online.send(f'AT+USOST={number},"{echo.host}",{echo.port},2', payload=b"12")
        assert answer.value("+USOST") == (number, 2)


@procedure("R6:5.6", title="A UDP socket bound to local port 12000", depends_on=ECHO)
def test_local_port(online: Dut, services: Mapping[str, Service]) -> None:
    """AT+USOCR=17,12000; the answer may repeat the port."""
    answer = online.send("AT+USOCR=17,12000").value("+USOCR")
    number = int(answer[0])
    try:
        assert answer[1:] in ((), (12000,))
        echo, text = services["echo"], nonce()
        with online.at.expect(DATAGRAM) as arrived:
            online.send(f'AT+USOST={number},"{echo.host}",{echo.port},{len(text)},"{text}"')
            arrived.wait(URC_S)
        assert online.send(f"AT+USORF={number},{len(text)}").value("+USORF")[-1] == text
    finally:
        online.send(f"AT+USOCL={number}", check=False)


@pytest.mark.demo
@procedure(
    "R6:5.10",
    "R8:9.2",
    title="Testing a socket against the echo server",
    depends_on=("network", "service:dns", "service:echo"),
)
def test_echo_server(online: Dut, services: Mapping[str, Service], record: Recorder) -> None:
    """Resolve, send five characters, read five echoed characters."""
    echo = services["echo"]
    with socket(online, UDP) as number:
        address = online.resolve(echo.dns_name)
        assert address == echo.host
        with online.at.expect(DATAGRAM) as arrived:
            answer = online.send(f'AT+USOST={number},"{address}",{echo.port},5,"Hello"')
            assert answer.value("+USOST") == (number, 5)
            assert arrived.wait(URC_S).fields == (number, 5)
        assert online.send(f"AT+USORF={number},5").value("+USORF") == (
            number,
            echo.host,
            echo.port,
            5,
            "Hello",
        )


@procedure(
    "R6:5", "R8:9.2", title="A connected UDP socket writes and reads by +USOWR and +USORD", depends_on=ECHO
)
def test_connected_udp(online: Dut, services: Mapping[str, Service]) -> None:
    """+USOCO goes with +USOWR and +USORD."""
    echo, text = services["echo"], nonce()
    with socket(online, UDP) as number:
        online.send(f'AT+USOCO={number},"{echo.host}",{echo.port}')
        with online.at.expect(DATAGRAM) as arrived:
            answer = online.send(f'AT+USOWR={number},{len(text)},"{text}"')
            # LENA-R8 answers with the prefix of +USOST on a UDP socket (module facts 16, quirk 5)
            fields = answer.fields("+USOWR") or answer.fields("+USOST")
            assert fields[0] == (number, len(text))
            arrived.wait(URC_S)
        assert online.send(f"AT+USORD={number},{len(text)}").value("+USORD")[-1] == text


@procedure(
    "R6:5.6", "R8:9.2", title="+USOST to an impossible address or port is refused", depends_on=("network",)
)
def test_send_to_refusals(online: Dut) -> None:
    """The port must be 1 to 65535, the length 1 to 1024."""
    with socket(online, UDP) as number:
        for line in (
            f'AT+USOST={number},"195.34.89.241",70000,2,"12"',
            f'AT+USOST={number},"195.34.89.241",7,1025',
            'AT+USOST=6,"195.34.89.241",7,2,"12"',
        ):
            assert not online.send(line, check=False).ok, f"{line} was taken"
