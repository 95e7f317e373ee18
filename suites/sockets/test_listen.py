"""Listening: LENA-R8 guide 9.2.2, LARA-R6 guide 5.2."""

from __future__ import annotations

import pytest

from cellbench.api import Dut, FarSide, Recorder, procedure

from .common import TCP, URC_S, create, read, socket

PORT = 1099
LENGTH = 18


@pytest.mark.demo
@procedure(
    "R8:9.2.2",
    "R6:5.2",
    title="A remote host connects to a listening socket",
    depends_on=("network",),
    needs=("far-side:remote-connect",),
)
def test_listening_socket(online: Dut, far_side: FarSide, record: Recorder) -> None:
    """+UUSOLI names the new socket, both ends and the listening socket; the data come on the new one."""
    with socket(online, TCP) as listener:
        online.send(f"AT+USOLI={listener},{PORT}")
        with (
            record.step("a remote host connects and sends 18 bytes"),
            online.at.expect("+UUSOLI") as accepted,
            online.at.expect("+UUSORD") as arrived,
        ):
            far_side.act("remote-connect", port=str(PORT), bytes=str(LENGTH))
            urc = accepted.wait(URC_S)
            new, _remote, remote_port, listening, own, own_port = urc.fields
            assert listening == listener
            assert new != listener
            assert own == online.address(online.cid)
            assert own_port == PORT
            assert 0 < int(remote_port) < 65536
            data = arrived.wait(URC_S)
            assert data.fields == (new, LENGTH), "the data come on the new socket"
        with record.step("the new socket reads and writes"):
            assert len(read(online, int(new), LENGTH)) == LENGTH
            assert online.send(f'AT+USOWR={new},2,"12"').ok
            online.send(f"AT+USOCL={new}")


@procedure(
    "R8:9.2.2",
    "R6:5.2",
    title="The first free identifier is given to the incoming connection",
    depends_on=("network",),
    needs=("far-side:remote-connect",),
)
def test_first_integer_available(online: Dut, far_side: FarSide) -> None:
    """With sockets 0 and 1 open the connection becomes 2; with 0 closed again it becomes 0."""
    with socket(online, TCP) as lowest, socket(online, TCP) as listener:
        online.send(f"AT+USOLI={listener},{PORT + 1}")
        with online.at.expect("+UUSOLI") as accepted:
            far_side.act("remote-connect", port=str(PORT + 1), bytes="1")
            third = accepted.wait(URC_S).fields[0]
            assert third == listener + 1
        online.send(f"AT+USOCL={lowest}")
        with online.at.expect("+UUSOLI") as accepted:
            far_side.act("remote-connect", port=str(PORT + 1), bytes="1")
            assert accepted.wait(URC_S).fields[0] == lowest
        online.send(f"AT+USOCL={third}")


@procedure("R8:9.2.2", "R6:5.2", title="Listening on a UDP or unknown socket, or port 0, is refused")
def test_listen_refusals(online: Dut) -> None:
    """Refusals leave the module ready."""
    assert not online.send("AT+USOLI=6,1099", check=False).ok, "a socket that does not exist listens"
    number = create(online, TCP)
    try:
        assert not online.send(f"AT+USOLI={number},70000", check=False).ok, "port 70000 was taken"
        assert online.send(f"AT+USOLI={number},{PORT + 2}").ok
    finally:
        online.send(f"AT+USOCL={number}", check=False)


@procedure(
    "R8:9.2.2",
    "R6:5.2",
    title="Data go through the new socket; the listening one takes none and goes on listening",
    depends_on=("network",),
    needs=("far-side:remote-connect",),
)
def test_listening_socket_takes_no_data(online: Dut, far_side: FarSide) -> None:
    """Writing on the listening socket is refused; two connections are served beside each other."""
    with socket(online, TCP) as listener:
        online.send(f"AT+USOLI={listener},{PORT + 3}")
        assert not online.send(f'AT+USOWR={listener},2,"12"', check=False).ok
        taken: list[int] = []
        for length in (3, 5):
            with online.at.expect("+UUSOLI") as accepted, online.at.expect("+UUSORD") as arrived:
                far_side.act("remote-connect", port=str(PORT + 3), bytes=str(length))
                taken.append(int(accepted.wait(URC_S).fields[0]))
                assert arrived.wait(URC_S).fields == (taken[-1], length)
        assert len({listener, *taken}) == 3
        for number, length in zip(taken, (3, 5), strict=True):
            assert len(read(online, number, length)) == length
            online.send(f"AT+USOCL={number}")
