"""Several AT ports of one module: turns, long commands, data mode, collisions, URCs (LENA-R8 guide 4.2.2,
13.1; LARA-R6 application note)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.front.context import DataEnd
from cellbench.virtual.front.state import Move


class Usb:
    """One AT port on USB of a driven module."""

    def __init__(self, driven: Any, index: int = 0) -> None:
        self.driven = driven
        self.out = bytearray()
        self.face = [one for one in driven.module.usb_faces if one.role == "at"][index]
        self.face.transmit = self.out.extend
        self.face.set_open(True)
        self.send(b"ATE0\r")
        driven.run(0.1)
        self.lines()

    def send(self, data: bytes) -> None:
        self.face.receive(data)

    def lines(self) -> list[str]:
        text = bytes(self.out).decode("latin-1").replace("\r", "\n")
        self.out.clear()
        return [line for line in text.split("\n") if line]


@pytest.fixture(params=[True, False], ids=["in turn", "beside"])
def pair(driven: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    """A module that serves its ports in turn, or at the same time; errors as numbers."""
    one = driven(Series.LENA_R8, ports_serialised=request.param)
    one.ready()
    one.at("AT+CMEE=1")
    return one, Usb(one), request.param


def test_in_order_of_arrival(driven: Callable[..., Any]) -> None:
    """Three ports: the second to ask is the second to be served, and each gets its own answer."""
    one = driven(Series.LARA_R6)
    one.ready()
    first, second = Usb(one, 0), Usb(one, 1)
    one.send(b"AT+COPS=?\r")
    one.run(1)
    second.send(b"AT+CFUN=4\r")
    one.run(1)
    first.send(b"AT+CFUN?\r")
    one.run(20)
    assert (one.lines(), first.lines(), second.lines()) == ([], [], [])
    one.until(lambda: b"OK" in one.uart, 60)
    assert second.lines() == []
    one.until(lambda: b"OK" in second.out, 60)
    one.run(0.1)
    assert first.lines() == ["+CFUN: 4,0", "OK"]


def test_a_long_command_and_another_port(pair: Any) -> None:
    one, other, serialised = pair
    one.send(b"AT+COPS=?\r")
    one.run(1)
    other.send(b"AT+GMI\r")
    one.run(1)
    assert other.lines() == ([] if serialised else ["u-blox", "OK"])
    one.run(100)
    assert one.lines()[-1] == "OK"
    assert other.lines() == (["u-blox", "OK"] if serialised else [])


def test_an_aborted_command_gives_its_turn_away(pair: Any) -> None:
    one, other, _ = pair
    one.send(b"AT+COPS=?\r")
    one.run(1)
    other.send(b"AT+GMI\r")
    one.send(b"A")
    one.run(0.1)
    assert other.lines() == ["u-blox", "OK"]


def test_a_port_in_data_mode_blocks_nobody(pair: Any) -> None:
    """The only exception of 4.2.2."""
    one, other, _ = pair
    port = one.module.uart.port

    class Sink:
        def opened(self, link: Any) -> None: ...
        def received(self, data: bytes) -> None: ...

    port.mode.move(Move.LINE)

    async def work() -> None:
        async with one.module.turn.of(port):
            assert await port.run_data_mode("CONNECT", Sink()) is DataEnd.FINISHED
        port.finish_line()

    one.loop.create_task(work())
    one.run(0.1)
    other.send(b"AT+GMI\r")
    one.run(0.1)
    assert other.lines() == ["u-blox", "OK"]
    other.send(b"AT+COPS=?\r")
    one.run(1)
    port.end_data(DataEnd.FINISHED)
    one.run(100)
    assert other.lines()[-1] == "OK"
    assert port.state.value == "command", "it waited for its turn to print its result"


def test_a_prompt_holds_the_turn(driven: Callable[..., Any]) -> None:
    one = driven(Series.LARA_R6)
    one.ready()
    other = Usb(one)
    one.send(b'AT+UDWNFILE="x",3\r')
    one.run(0.2)
    other.send(b"AT+GMI\r")
    one.run(0.2)
    assert other.lines() == []
    one.send(b"abc")
    one.run(0.5)
    assert one.lines()[-1] == "OK"
    assert other.lines() == ["u-blox", "OK"]


SCAN, OFF = "AT+COPS=?", "AT+CFUN=4"


@pytest.mark.parametrize("line", ["AT+COPS=2", "AT+COPS=0", "AT+CGATT=0", SCAN, OFF])
@pytest.mark.parametrize("yields", [False, True])
def test_collisions_with_a_scan(driven: Callable[..., Any], line: str, yields: bool) -> None:
    """4.2.2: a network scan on one port, a deregistration on another. Either is refused, both end."""
    one = driven(Series.LENA_R8, scan_yields=yields)
    one.ready()
    one.at("AT+CMEE=1")
    other = Usb(one)
    other.send(b"AT+CMEE=1\r")
    one.run(0.1)
    other.lines()
    one.send(f"{SCAN}\r".encode())
    one.run(1)
    other.send(f"{line}\r".encode())
    one.run(100)
    scanned, moved = one.lines()[-1], other.lines()[-1]
    refused = line == SCAN or (not yields and line != OFF)
    assert moved == ("+CME ERROR: 3" if refused else "OK")
    assert scanned == ("OK" if refused else "+CME ERROR: 30")
    one.at("AT+CFUN=1")
    assert one.at("AT+COPS=0") == ["OK"]
    one.until(lambda: one.module.radio.registered, 120)
    assert one.at(SCAN)[-1] == "OK"


def test_in_turn_there_are_no_collisions(driven: Callable[..., Any]) -> None:
    one = driven(Series.LARA_R6)
    one.ready()
    other = Usb(one)
    one.send(b"AT+COPS=?\r")
    one.run(1)
    other.send(b"AT+COPS=2\r")
    one.run(100)
    assert one.lines()[-1] == "OK"
    assert other.lines() == ["OK"]


def test_urcs_of_a_long_command_come_behind_it(module: Any) -> None:
    """Deferred on the port that is busy, at once on the other, in order on both (application note)."""
    other = Usb(module)
    module.send(b"AT+COPS=?\r")
    module.run(1)
    for number in range(3):
        module.module.urc(f"+TEST: {number}")
    assert other.lines() == ["+TEST: 0", "+TEST: 1", "+TEST: 2"]
    assert module.lines() == []
    module.run(100)
    lines = module.lines()
    assert lines[-4:] == ["OK", "+TEST: 0", "+TEST: 1", "+TEST: 2"]


def test_uurcconf_on_every_port(lara: Any) -> None:
    """0 all, 1 only here, 2 not here; read shows each port; LENA-R8 does not have it (guide 13.1)."""
    other = Usb(lara)

    def told(text: str) -> tuple[bool, bool]:
        lara.module.urc(text)
        return text in lara.lines(), text in other.lines()

    assert told("+TEST: 0") == (True, True)
    assert lara.at("AT+UURCCONF=2") == ["OK"]
    assert told("+TEST: 1") == (False, True)
    other.send(b"AT+UURCCONF=1\r")
    lara.run(0.1)
    other.lines()
    assert told("+TEST: 2") == (False, True)
    assert lara.at("AT+UURCCONF?")[0].startswith("+UURCCONF: 2,0")
    assert lara.at("AT+UURCCONF=0") == ["OK"]
    assert told("+TEST: 3") == (True, True)
    lara.at("AT+UURCCONF=1")
    lara.at("AT+CFUN=16")
    lara.until(lambda: not lara.module.ports, 30)
    lara.until(lambda: bool(lara.module.ports), 60)
    assert all(port.urcs_wanted for port in lara.module.ports), "volatile"


def test_uurcconf_is_not_of_lena(lena: Any) -> None:
    assert lena.at("AT+UURCCONF=0") == ["ERROR"]
