"""Sockets and contexts: LENA-R8 guide 7.2.2, 9.2, 9.2.1; LARA-R6 guide 5, 5.1, 5.6, 5.7."""

from __future__ import annotations

from collections.abc import Mapping

from cellbench.api import Dut, FarSide, Network, Recorder, Service, procedure

from .common import DATAGRAM, ECHO, TCP, UDP, URC_S, connected, control, nonce, read, socket

OTHER_CID = 2
UNUSED_CID = 7


@procedure(
    "R8:9.2.1",
    "R6:5.1",
    title="A socket uses context 1 by default and another one when it is mapped to it",
    depends_on=ECHO,
    needs=("far-side:report",),
)
def test_mapping_is_obeyed(
    online: Dut, services: Mapping[str, Service], far_side: FarSide, network: Network
) -> None:
    """The far side sees from which context the data come."""
    echo, default = services["echo"], int(str(online.profile.facts["socket_default_cid"].value))
    online.ensure(f'AT+CGDCONT={OTHER_CID},"IP","{network.apn}"')
    try:
        online.activate(OTHER_CID)
        with connected(online, echo):
            assert far_side.report("flow", service="echo")["cid"] == str(default)
        with socket(online, TCP, 0, 0, OTHER_CID) as number:
            online.send(f'AT+USOCO={number},"{echo.host}",{echo.port}')
            assert far_side.report("flow", service="echo")["cid"] == str(OTHER_CID)
    finally:
        online.send(f"AT+CGACT=0,{OTHER_CID}", check=False)
        online.send(f"AT+CGDCONT={OTHER_CID}", check=False)


@procedure(
    "R8:9.2.1",
    "R6:5.1",
    title="A socket on a context that is not active reaches nobody; on the active one it does",
    depends_on=ECHO,
)
def test_mapping_to_an_inactive_context(online: Dut, services: Mapping[str, Service]) -> None:
    """A data connection must be active first: refused at creation, or at the connection."""
    echo = services["echo"]
    answer = online.send(f"AT+USOCR=6,0,0,{UNUSED_CID}", check=False)
    if answer.ok:
        number = answer.value("+USOCR")[0]
        assert not online.send(f'AT+USOCO={number},"{echo.host}",{echo.port}', check=False).ok
        online.send(f"AT+USOCL={number}", check=False)
    with connected(online, echo) as number:
        assert control(online, number, 0) == TCP


@procedure(
    "R6:5.6",
    title="Data of a bound socket leave from its local port",
    depends_on=ECHO,
    needs=("far-side:report",),
)
def test_bound_port_is_used(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """AT+USOCR=17,12000: data written on the socket are sent from this port."""
    echo, text = services["echo"], nonce()
    with socket(online, UDP, 12000) as number:
        with online.at.expect(DATAGRAM) as arrived:
            online.send(f'AT+USOST={number},"{echo.host}",{echo.port},{len(text)},"{text}"')
            arrived.wait(URC_S)
        assert far_side.report("flow", service="echo")["local_port"] == "12000"


@procedure("R6:5", "R8:9.2", title="+USOST and +USORF do not go with +USOCO", depends_on=ECHO)
def test_connected_udp_refuses_sendto(online: Dut, services: Mapping[str, Service]) -> None:
    """+USOCO is compatible with +USOWR and +USORD only; these still work after the refusals."""
    echo, text = services["echo"], nonce()
    with socket(online, UDP) as number:
        online.send(f'AT+USOCO={number},"{echo.host}",{echo.port}')
        for line in (f'AT+USOST={number},"{echo.host}",{echo.port},2,"12"', f"AT+USORF={number},2"):
            assert not online.send(line, check=False).ok, f"{line} was taken after +USOCO"
        with online.at.expect(DATAGRAM) as arrived:
            assert online.send(f'AT+USOWR={number},{len(text)},"{text}"').ok
            arrived.wait(URC_S)
        assert read(online, number, len(text)) == text


@procedure("R6:5.7", "R8:9.2", title="+USOST and +USORF are refused on a TCP socket", depends_on=ECHO)
def test_sendto_on_tcp(online: Dut, services: Mapping[str, Service]) -> None:
    """They are for datagrams; the connection stays as it is."""
    echo, text = services["echo"], nonce()
    with connected(online, echo) as number:
        for line in (f'AT+USOST={number},"{echo.host}",{echo.port},2,"12"', f"AT+USORF={number},2"):
            assert not online.send(line, check=False).ok, f"{line} was taken on a TCP socket"
        with online.at.expect("+UUSORD") as arrived:
            online.send(f'AT+USOWR={number},{len(text)},"{text}"')
            arrived.wait(URC_S)
        assert read(online, number, len(text)) == text


@procedure(
    "R8:9.2.4",
    "R6:5.5",
    title="Two connections beside each other keep their data apart",
    depends_on=ECHO,
    needs=("far-side:remote-send",),
)
def test_two_connections(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """The URC names the socket on which the data came; each read gives that socket's data."""
    echo, texts = services["echo"], (nonce(8), nonce(14))
    with connected(online, echo) as first, connected(online, echo) as second:
        for number, text in ((second, texts[1]), (first, texts[0])):
            with online.at.expect("+UUSORD") as arrived:
                far_side.act("remote-send", socket=str(number), hex=text.encode().hex())
                assert arrived.wait(URC_S).fields == (number, len(text))
        assert read(online, first, 8) == texts[0]
        assert read(online, second, 14) == texts[1]


@procedure("R6:5", title="A system socket option is kept over the reboot that it takes", depends_on=())
def test_system_options(dut: Dut, record: Recorder) -> None:
    """TCP S-ACK by +USOCFG on the variants that the guide names; the others refuse the command."""
    if "+USOCFG" in dut.profile.unsupported:
        assert not dut.send("AT+USOCFG=0", check=False).ok
        return
    record.note("the guide names +USOCFG without its form; option and value are as on sibling series")
    before = int(dut.send("AT+USOCFG=0").value("+USOCFG")[-1])
    try:
        dut.send(f"AT+USOCFG=0,{1 - before}")
        dut.reboot()
        assert dut.send("AT+USOCFG=0").value("+USOCFG")[-1] == 1 - before
    finally:
        dut.send(f"AT+USOCFG=0,{before}")
        dut.reboot()
    assert dut.send("AT+USOCFG=0").value("+USOCFG")[-1] == before
