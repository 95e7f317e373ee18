"""AT on the channels of the module's multiplexer, judged by a host written by hand from octets."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.module import Input, Output
from cellbench.virtual.device.mux import Multiplexer
from cellbench.virtual.front.context import DataEnd
from cellbench.virtual.front.state import Move

DTR_OFF, DTR_ON, RTS_OFF = 0x09, 0x0D, 0x05


def msc(dte: Any, dlci: int, octet: int) -> None:
    """The DTE's signals of a channel."""
    dte.say(0, bytes([0xE3, 0x05, dlci << 2 | 3, octet]))


def test_forms_of_the_command(module: Any, series: Series) -> None:
    ranges = {Series.LENA_R8: "(0,1),(0),(1-6),(1-2048),(1-255),(0-100),(2-255),(1-255),(1-7)",
              Series.LARA_R6: "(0),(0),(0-8),(1-1509),(1-255),(0-100),(2-255),(0-255),(0-7)"}
    usual = {Series.LENA_R8: "0,0,5,31,10,3,30,10,2", Series.LARA_R6: "0,0,,31,253,5,254,0,0"}
    assert module.at("AT+CMUX=?") == [f"+CMUX: {ranges[series]}", "OK"]
    assert module.at("AT+CMUX?") == [f"+CMUX: {usual[series]}", "OK"]
    assert module.at("AT+CMEE=1") == ["OK"]
    assert module.at("AT+CMUX=1") == [f"+CME ERROR: {4 if series is Series.LENA_R8 else 50}"]
    for wrong in ("AT+CMUX=2", "AT+CMUX=0,1", "AT+CMUX=0,0,9", "AT+CMUX=0,0,,0", "AT+CMUX=0,0,,2049",
                  "AT+CMUX=0,0,,31,256", "AT+CMUX=0,0,,31,10,3,1", "AT+CMUX=0,0,,31,10,3,30,10,8"):
        assert module.at(wrong) == ["+CME ERROR: 50"], wrong


def test_commands_on_all_channels_each_with_its_settings(dte: Any, series: Series) -> None:
    at = (1, 2, 3) if series is Series.LENA_R8 else (1, 2)
    dte.start("AT+CMUX=0,0,,64,10,3,30", *at)
    for dlci in at:
        assert dte.at(dlci, "ATE0")[-1] == "OK"
    assert dte.at(1, "AT+CGMI") == ["u-blox", "OK"]
    assert dte.at(2, "AT+CMEE=1") == ["OK"]
    assert dte.at(2, "AT+CREG=9") == ["+CME ERROR: 50"]
    assert dte.at(1, "AT+CREG=9") == ["ERROR"]
    assert dte.at(1, "AT+CMUX?")[0].startswith("+CMUX: 0,0,")
    assert dte.at(2, "AT+CMUX=0") == ["+CME ERROR: 3"]
    # a command that takes its time holds only its own channel (or, where ports are serialised, the others)
    dte.say(1, b"AT+COPS=?\r")
    assert dte.at(2, "AT+CGMI", 400) == ["u-blox", "OK"]
    dte.driven.until(lambda: dte.take(0) or b"\r\nOK\r\n" in dte.heard.get(1, b""), 400)


def test_a_channel_that_the_series_lacks(dte: Any, series: Series) -> None:
    dte.start("AT+CMUX=0,0,,64")
    dte.send(bytes.fromhex("f9 13 3f 01 96 f9"))
    assert dte.answers == [(4, 0x1F)]
    dte.answers.clear()
    dte.open(3)
    dte.say(3, b"AT\r", 1)
    heard = dte.heard.get(3, b"")
    assert heard == (b"AT\r\r\nOK\r\n" if series is Series.LENA_R8 else b"")  # LARA-R6: NMEA of a GNSS


def test_urcs_come_on_every_channel_and_a_busy_one_keeps_them(dte: Any) -> None:
    dte.start("AT+CMUX=0,0,,127", 1, 2)
    dte.at(2, "ATE0")
    dte.say(1, b"AT")  # half a line keeps URCs
    dte.heard.clear()
    dte.driven.module.urc("+UUTEST: 1")
    dte.take()
    assert dte.heard == {2: b"\r\n+UUTEST: 1\r\n"}
    dte.say(1, b"\r")
    assert dte.heard[1].endswith(b"\r\nOK\r\n\r\n+UUTEST: 1\r\n")


def test_flow_control_of_the_host(dte: Any) -> None:
    dte.start("AT+CMUX=0,0,,127", 1, 2)
    dte.at(1, "ATE0")
    dte.at(2, "ATE0")
    msc(dte, 1, 0x0F)  # FC
    dte.heard.clear()
    dte.say(1, b"AT+CGMI\r")
    assert dte.at(2, "AT+CGMI") == ["u-blox", "OK"]
    assert 1 not in dte.heard
    assert not dte.driven.module.sleep.asleep(dte.driven.loop.time())
    msc(dte, 1, 0x0D)
    assert dte.heard[1] == b"\r\nu-blox\r\n\r\nOK\r\n"
    dte.say(0, b"\x63\x01")  # FCoff
    dte.say(2, b"AT\r")
    assert 2 not in dte.heard
    dte.say(0, b"\xa3\x01")  # FCon
    assert dte.heard[2] == b"\r\nOK\r\n"


def test_rts_keeps_output_and_the_module_awake(dte: Any) -> None:
    """Of the channel by MSC, and of the UART (LARA-R6 application note: also in MUX)."""
    dte.start("AT+CMUX=0,0,,127", 1)
    dte.at(1, "ATE0")
    dte.heard.clear()
    msc(dte, 1, RTS_OFF)
    dte.say(1, b"AT\r")
    assert dte.heard == {}
    msc(dte, 1, DTR_ON)
    assert dte.heard.pop(1) == b"\r\nOK\r\n"
    module = dte.driven.module
    module.set_input(Input.RTS, False)
    module.settings.store("+UPSV", 3)
    module.set_input(Input.DTR, False)
    dte.say(1, b"AT\r", 60)
    assert dte.heard == {}
    assert not module.sleep.asleep(dte.driven.loop.time())
    module.set_input(Input.RTS, True)
    dte.take()
    assert dte.heard == {1: b"\r\nOK\r\n"}
    dte.driven.until(lambda: module.sleep.asleep(dte.driven.loop.time()), 60)


class Sink:
    """What takes the data of a port in data mode."""

    def __init__(self) -> None:
        self.link: Any = None
        self.got = b""

    def opened(self, link: Any) -> None:
        self.link = link

    def received(self, data: bytes) -> None:
        self.got += data


def in_data_mode(dte: Any, dlci: int) -> tuple[Sink, Any]:
    """Bring a channel into data mode; the sink, and the task that tells why it ends."""
    port = next(port for port in dte.driven.module.ports if port.name == f"mux{dlci}")
    port.mode.move(Move.LINE)
    sink = Sink()
    task = dte.driven.loop.create_task(port.run_data_mode("CONNECT", sink))
    dte.take()
    assert dte.heard.pop(dlci) == b"\r\nCONNECT\r\n"
    return sink, task


def test_data_on_one_channel_and_commands_on_another(dte: Any) -> None:
    dte.start("AT+CMUX=0,0,,100", 1, 2)
    dte.at(2, "ATE0")
    dte.control.clear()
    sink, task = in_data_mode(dte, 1)
    assert dte.control == [b"\xe3\x05\x07\x8d"]  # DCD
    dte.say(0, b"\xe1\x05\x07\x8d")
    data = bytes(range(256)) * 4
    for place in range(0, len(data), 100):
        dte.say(1, data[place:place + 100], 0)
        if place % 300 == 0:
            assert dte.at(2, "AT+CGMI") == ["u-blox", "OK"]
    assert sink.got == data
    sink.link.send(data)
    dte.driven.module.urc("+UUTEST: 1")
    dte.take()
    assert dte.heard.pop(1) == data
    assert dte.heard.pop(2) == b"\r\n+UUTEST: 1\r\n"
    dte.control.clear()
    dte.driven.run(2.1)
    dte.say(1, b"+++", 1)
    assert task.result() is DataEnd.ESCAPED
    assert set(dte.control) == {b"\xe3\x05\x07\x0d"}  # repeated: it was not answered


def test_dtr_of_the_channel_ends_its_data_mode_that_of_the_uart_does_not(dte: Any) -> None:
    """LARA-R6 guide 4.3: under the multiplexer only an MSC frame takes DTR away."""
    dte.start("AT+CMUX=0,0,,100", 1)
    dte.at(1, "AT&D1")
    _, task = in_data_mode(dte, 1)
    dte.driven.module.set_input(Input.DTR, False)
    dte.take(1)
    assert not task.done()
    msc(dte, 1, DTR_OFF)
    assert task.result() is DataEnd.DTR_OFF


def test_a_channel_that_ends_ends_its_data_mode(dte: Any, series: Series) -> None:
    dte.start("AT+CMUX=0,0,,100", 1, 2)
    sink, _ = in_data_mode(dte, 1)
    port = next(port for port in dte.driven.module.ports if port.name == "mux1")
    dte.send(bytes.fromhex("f9 07 53 01 3f f9"))
    assert dte.answers == ([(1, 0x73)] if series is Series.LARA_R6 else [])
    assert port not in dte.driven.module.ports
    sink.link.send(b"too late")
    dte.take()
    assert 1 not in dte.heard
    assert dte.at(2, "ATE0")[-1] == "OK"


def test_ri_by_msc(dte: Any) -> None:
    dte.start("AT+CMUX=0,0,,127", 1, 2)
    dte.driven.module.set_output(Output.RI, True)
    dte.take()
    assert [one for one in dte.control if one[0] == 0xE3] == [b"\xe3\x05\x07\x4d", b"\xe3\x05\x0b\x4d"]
    dte.control.clear()
    dte.driven.module.set_output(Output.RI, False)
    dte.take()
    assert dte.control == [b"\xe3\x05\x07\x0d", b"\xe3\x05\x0b\x0d"]


@pytest.mark.parametrize("way", ["cld", "disc"])
def test_the_end_is_plain_at_with_the_uarts_own_settings(dte: Any, way: str) -> None:
    dte.driven.at("AT+CMEE=2")
    dte.start("AT+CMUX=0,0,,127", 1)
    dte.at(1, "ATE0")
    if way == "cld":
        dte.say(0, b"\xc3\x01")
        assert dte.control == [b"\xc1\x01"]
    else:
        dte.send(bytes.fromhex("f9 03 53 01 fd f9"))
        assert dte.answers == [(0, 0x73)]
    dte.driven.send(b"AT\r")  # too soon: the UART takes nothing for 0.1 or 0.2 s
    dte.driven.run(0.25)
    assert dte.driven.lines() == []
    assert dte.driven.at("AT+CMEE?") == ["+CMEE: 2", "OK"]
    assert dte.driven.module.ports[0].name == "uart"
    dte.driven.at("AT+CMUX=0,0,,127")
    dte.driven.run(0.25)
    dte.answers.clear()
    dte.send(bytes.fromhex("f9 03 3f 01 1c f9"))
    assert dte.answers == [(0, 0x73)]


def test_without_sabm_plain_at_comes_back(module: Any) -> None:
    assert module.at("AT+CMUX=0") == ["OK"]
    module.send(b"AT\r")
    module.run(4)
    assert module.lines() == []
    module.run(1.5)
    assert module.at("AT") == ["OK"]
    assert module.module.subsystem(Multiplexer).causes == ["no SABM on DLCI 0"]


def test_a_reboot_leaves_the_mode(dte: Any, series: Series) -> None:
    """LENA-R8 guide 5.7: it starts in normal mode, the greeting comes on the bare UART."""
    if series is Series.LARA_R6:
        dte.driven.at('AT+CSGT=1,"ready"')
    dte.start("AT+CMUX=0,0,,127", 1)
    dte.at(1, "ATE0")
    dte.say(1, b"AT+CFUN=16\r")
    assert dte.heard[1].endswith(b"\r\nOK\r\n")
    module = dte.driven
    boots = module.module.power.boots
    module.until(lambda: module.module.power.boots > boots and module.module.power.running, 120)
    module.run(0.1)
    assert bytes(module.uart) in (b"\r\n+UUSTATUS: READY\r\n", b"\r\nready\r\n")
    module.uart.clear()
    module.send(bytes.fromhex("f9 03 3f 01 1c f9"))  # frames are not decoded
    module.run(0.2)
    assert b"\xf9\x03\x73" not in bytes(module.uart)
    module.send(b"\r")
    module.wake()
    assert module.at("AT") == ["OK"]


def test_a_power_cut_in_the_mode_leaves_nothing(dte: Any) -> None:
    dte.start("AT+CMUX=0,0,,127", 1, 2)
    dte.driven.module.set_supply(0.0)
    assert dte.driven.module.ports == ()
    assert dte.driven.module.uart.carrier is None


def test_bytes_lost_and_changed_cost_frames_not_the_link(dte: Any) -> None:
    """FCS covers no information; a begun frame that does not end is given up after a second."""
    dte.start("AT+CMUX=0,0,,127", 1)
    dte.at(1, "ATE0")
    frame = bytes.fromhex("f9 07 ef 07 41 54 0d d3 f9")
    for place in range(len(frame)):
        dte.heard.clear()
        changed = frame[:place] + bytes([frame[place] ^ 0x10]) + frame[place + 1:]
        for spoilt in (frame[:place] + frame[place + 1:], frame if 4 <= place <= 6 else changed):
            dte.send(spoilt)
            dte.take(1.5)
        dte.heard.clear()
        dte.send(frame)
        dte.take(1.5)
        assert b"\r\nOK\r\n" in dte.heard[1], place


def test_only_the_main_uart_has_the_mode(driven: Callable[..., Any], series: Series) -> None:
    one = driven(series)
    one.ready()
    port = next(port for port in one.module.ports if port.on_usb)
    said = bytearray()
    port._transmit = said.extend
    port.receive(b"AT+CMUX=0\r")
    one.run(0.1)
    assert bytes(said).endswith(b"\r\nERROR\r\n")


def test_port_speed_switches_where_it_is_said_to(dte_of: Callable[..., Any], series: Series) -> None:
    dte = dte_of(series, mux_speed_switches=True)
    assert dte.driven.at("AT+CMUX=0,0,6,127") == ["OK"]
    dte.driven.run(0.25)
    dte.driven.host_rate = 230400
    dte.send(bytes.fromhex("f9 03 3f 01 1c f9"))
    assert dte.answers == [(0, 0x73)]
    assert dte.driven.rates[-1] == 230400


def test_a_hung_module_is_silent_in_the_mode_too(dte: Any) -> None:
    dte.start("AT+CMUX=0,0,,127", 1)
    dte.driven.module.hang(True)
    dte.say(1, b"AT\r")
    dte.send(bytes.fromhex("f9 0b 3f 01 59 f9"))
    assert dte.heard == {}
    assert dte.answers == []


def test_first_byte_lost_in_sleep_by_data(dte_of: Callable[..., Any], series: Series) -> None:
    """The first character only wakes: a frame is lost with its flag, unless flags go before it."""
    dte = dte_of(series)
    mode = dte.driven.module.config.behaviour.upsv_data_mode
    for usb in dte.driven.module.usb_faces:
        assert not usb.opened
    dte.start("AT+CMUX=0,0,,127", 1)
    dte.at(1, "ATE0")
    assert dte.at(1, f"AT+UPSV={mode},40") == ["OK"]
    module = dte.driven.module
    dte.driven.until(lambda: module.sleep.asleep(dte.driven.loop.time()), 60)
    dte.heard.clear()
    dte.say(1, b"AT\r", 0.05)
    assert dte.heard == {}
    dte.driven.until(lambda: module.sleep.asleep(dte.driven.loop.time()), 60)
    dte.send(b"\xf9\xf9" + bytes.fromhex("f9 07 ef 07 41 54 0d d3 f9"))
    assert dte.heard == {1: b"\r\nOK\r\n"}


def test_a_switch_off_on_a_channel(dte: Any) -> None:
    """The answer comes on the channel, then silence."""
    dte.start("AT+CMUX=0,0,,127", 1)
    dte.at(1, "ATE0")
    dte.say(1, b"AT+CPWROFF\r")
    dte.driven.until(lambda: dte.take(0) or b"\r\nOK\r\n" in dte.heard.get(1, b""), 60)
    dte.driven.until(lambda: not dte.driven.module.power.on, 60)
    assert dte.driven.module.ports == ()


def test_one_octet_in_a_hundred_spoilt(dte: Any, series: Series, hand: Any) -> None:
    """Frames are lost and counted, the link lives; what was whole arrives, in order."""
    at = (1, 2, 3) if series is Series.LENA_R8 else (1, 2)
    dte.start("AT+CMUX=0,0,,127", *at)
    for dlci in at:
        dte.at(dlci, "ATE0")
    sinks = {dlci: in_data_mode(dte, dlci)[0] for dlci in at}
    dice, whole = random.Random(5), {dlci: [] for dlci in at}  # type: dict[int, list[bytes]]
    for number in range(300):
        for dlci in at:
            info = b"%06d" % number + dice.randbytes(50)
            octets = bytearray(hand.frame(dlci, hand.UIH, info))
            hit = [place for place in range(len(octets)) if dice.random() < 0.01]
            for place in hit:
                octets[place] ^= 1 << dice.randrange(8)
            if not hit:
                whole[dlci].append(info)
            dte.driven.send(bytes(octets))
    dte.take(2)
    for dlci in at:
        arrived = [one for one in whole[dlci] if one in sinks[dlci].got]
        assert len(arrived) >= 0.97 * len(whole[dlci])
        places = [sinks[dlci].got.find(one) for one in arrived]
        assert places == sorted(places)
    report = dte.driven.module.subsystem(Multiplexer).report()
    assert int(report["damaged"]) > 20  # most of the damage lies in information, which FCS does not cover
    assert report["channels"] == ",".join(map(str, at))
    for dlci in at:
        before = len(sinks[dlci].got)
        dte.say(dlci, b"after all")
        assert sinks[dlci].got[before:] == b"after all"
