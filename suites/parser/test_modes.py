"""The modes of an AT interface and what brings it from one to the next: LENA-R8 guide 4.3, Figure 5."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from cellbench.api import AtError, Channel, Dut, FarSide, Network, NotPossible, Recorder, Service, procedure

BOTH = ("LENA-R8", "LARA-R6")
ECHO = ("network", "service:echo")
Services = Mapping[str, Service]
ANSWER_S = 10.0
QUIET_S = 2.2  # more than the 2 s of silence that make an escape
CLOSED_S = 1.0


@contextmanager
def direct_link(dut: Dut, channel: Channel, echo: Service) -> Iterator[str]:
    """A TCP connection to the echo server; the command that makes it a direct link."""
    over = Dut(dut.slot, channel)
    with over.sockets.tcp() as connection:
        connection.connect(echo.address, int(echo.port or 7))
        yield f"AT+USODL={connection.number}"


@contextmanager
def second_context(dut: Dut, network: Network) -> Iterator[int]:
    """A context that may be dialled and lost without harm to the others."""
    cid = dut.profile.bearers.user_cids.value[1]
    dut.ensure(f'AT+CGDCONT={cid},"IP","{network.apn}"')
    try:
        yield cid
    finally:
        dut.send("ATH", check=False)
        dut.send(f"AT+CGACT=0,{cid}", check=False)
        dut.send(f"AT+CGDCONT={cid}", check=False)


def usb_port(dut: Dut) -> Channel:
    """The first AT port on USB; NotPossible without one."""
    role = next((role for role in dut.slot.roles() if role.startswith("at")), None)
    if role is None:
        raise NotPossible(f"slot {dut.slot.name} has no AT port on USB", remedy="connect USB")
    channel = dut.port(role)
    channel.sync(ANSWER_S)
    return channel


def no_call(channel: Channel) -> None:
    """ATO finds nothing to go back to, and commands are answered."""
    with pytest.raises(AtError):
        channel.send("ATO")
    assert not channel.call_held
    assert channel.send("AT").ok


@pytest.mark.demo
@procedure("R8:4.3", title="Command mode and the prompts > and @", depends_on=ECHO, series=BOTH)
def test_prompts(online: Dut, services: Services) -> None:
    """At a prompt the interface takes data, not commands; after the last byte command mode is back."""
    echo, command = services["echo"], b"AT+CGMM\rAT\r"
    online.files.delete("modes", missing_ok=True)
    try:
        assert online.send(f'AT+UDWNFILE="modes",{len(command)}', payload=command).ok
        assert online.send("AT").ok
        assert online.files.get("modes") == command
    finally:
        online.files.delete("modes", missing_ok=True)
    number = online.send("AT+USOCR=17").value("+USOCR")[0]
    try:
        line = f'AT+USOST={number},"{echo.host}",{echo.port},{len(command)}'
        assert online.send(line, payload=command).value("+USOST") == (number, len(command))
        assert online.send("AT").ok
    finally:
        online.send(f"AT+USOCL={number}", check=False)


@procedure("R8:4.3", "R8:9.3.2.2.4", "R6:9.1.4", title="Direct link: all is data up to the escape, which is "
           "three characters alone", depends_on=ECHO)
def test_direct_link(online: Dut, services: Services, record: Recorder) -> None:
    """Commands, early plus signs and one too many come back from the echo server; +++ brings command mode,
    and no call is held."""
    with direct_link(online, online.at, services["echo"]) as line, online.at.open_data(line) as data:
        for sent, pause_s in ((b"AT+CGMM\r\nATH\r+++", 0.0), (b"++++", QUIET_S)):
            online.at.wait_until(lambda: False, pause_s)
            data.write(sent)
            assert data.read_exactly(len(sent), ANSWER_S) == sent
        finished = data.escape()
        assert finished.final.text == "OK"
        record.note(f"+++ is answered with {' / '.join((*finished.info, finished.final.text))}")
        no_call(online.at)


@procedure("R8:4.3", "R8:5.8.2", "R6:4.2",
           title="Data mode, online command mode, data mode, loss of the carrier",
           depends_on=("network",), needs=("far-side:network",))
def test_online_command_mode(online: Dut, network: Network, far_side: FarSide, record: Recorder) -> None:
    """+++ leads to a mode like command mode, in which URCs come; ATO leads back; when the context goes,
    NO CARRIER leads to command mode."""
    channel = online.at
    with second_context(online, network) as cid:
        with channel.open_data(f"ATD*99***{cid}#") as data:
            record.note(data.text)
            assert b"\x7e" in data.read_exactly(1, ANSWER_S), "no frame of PPP"
            assert data.escape(both_ways=True).final.text == "OK"
        assert channel.call_held
        assert channel.send("AT+CGMM").text.startswith(online.profile.model_prefix)
        assert not channel.send("AT+NOSUCH", check=False).ok
        far_side.act("network", tz="+04", dst="0")  # only a change is told
        channel.send("AT+CTZR=1")
        with channel.expect("+CTZV") as change:
            far_side.act("network", tz="+12", dst="0")
            change.wait(ANSWER_S)
        channel.send("AT+CTZR=0")
        with channel.open_data("ATO") as data:
            assert data.escape(both_ways=True).final.text == "OK"
        with channel.expect("NO CARRIER") as lost:
            far_side.act("network", deact=str(cid))
            lost.wait(ANSWER_S)
        no_call(channel)


@procedure("R8:4.3", "R8:5.8.2", "R6:4.2", depends_on=("network",),
           title="USB: a call outlives its port or ends with it, and ATH ends it")
def test_call_on_usb(online: Dut, network: Network, record: Recorder) -> None:
    """Closing the port is DTR off for many hosts; afterwards the port answers commands. With +CVHU=0 ATH ends
    what is left of the call."""
    channel = usb_port(online)
    channel.send("AT+CVHU=0")
    with second_context(online, network) as cid:
        data = channel.open_data(f"ATD*99***{cid}#")
        assert b"\x7e" in data.read_exactly(1, ANSWER_S), "no frame of PPP"
        channel.stop()
        time.sleep(CLOSED_S)
        channel.reopen()
        if channel.silent(1.0):
            record.note("this host's closing is no DTR off: still data mode")
            channel.wait_until(lambda: False, QUIET_S)
            channel.write_raw(b"+++")
        channel.sync(ANSWER_S)
        try:
            data = channel.open_data("ATO")
        except AtError:
            record.note("the call ended with the port")
        else:
            record.note("the call outlived the port")
            assert data.escape(both_ways=True).final.text == "OK"
        assert channel.send("ATH").ok
        no_call(channel)


@procedure("R8:4.3", "R6:4.2", title="DTR off in a direct link and in online command mode, as &D says",
           depends_on=ECHO, needs=("uart", "drive-dtr"))
def test_dtr(online: Dut, services: Services, network: Network, record: Recorder) -> None:
    """&D0: nothing; &D1 and &D2: command mode; &D2 in online command mode: the call ends with NO CARRIER."""
    uart = online.port("uart")
    uart.sync(ANSWER_S)
    before = online.profile.factory.get("&D", 1)

    def off() -> None:
        uart.set_line("dtr", False)

    try:
        for mode in (1, 2, 0):
            uart.send(f"AT&D{mode}")
            with direct_link(online, uart, services["echo"]) as line, uart.open_data(line) as data:
                if mode:
                    finished = data.escape_by(off)
                    record.note(f"&D{mode}: {' / '.join((*finished.info, finished.final.text))}")
                    uart.set_line("dtr", True)
                else:
                    off()
                    uart.set_line("dtr", True)
                    data.write(b"still data")
                    assert data.read_exactly(10, ANSWER_S) == b"still data"
                    data.escape()
                assert uart.send("AT").ok, "no command mode"
        with second_context(online, network) as cid:
            uart.send("AT&D1")
            with uart.open_data(f"ATD*99***{cid}#") as data:
                assert data.escape_by(off).final.text == "OK"
            uart.set_line("dtr", True)
            assert uart.call_held
            uart.send("AT&D2")
            with uart.expect("NO CARRIER") as over:
                off()
                over.wait(ANSWER_S)
            uart.set_line("dtr", True)
            no_call(uart)
    finally:
        uart.set_line("dtr", True)
        uart.send(f"AT&D{before}", check=False)
