"""The auxiliary UART of LARA-R6 (+USIO=1), and the lines that the main one loses to it."""

from __future__ import annotations

import pytest

from cellbench.virtual.device.faces import Input, Output


class Aux:
    """The host's end of the auxiliary UART."""

    def __init__(self, driven, rate=115_200):
        self.driven = driven
        self.rate = rate
        self.heard = bytearray()
        self.rates = []
        self.cts = []
        aux = driven.module.aux
        aux.transmit = self._take
        aux.on_cts = lambda: self.cts.append(aux.cts)

    def _take(self, data, rate):
        self.heard += data
        self.rates.append(rate)

    def at(self, line):
        """A command line; the lines of its answer."""
        self.heard.clear()
        self.driven.module.aux.receive(line.encode() + b"\r", self.rate)
        self.driven.until(lambda: bytes(self.heard).rstrip().endswith((b"OK", b"ERROR")), 20)
        return [text for text in bytes(self.heard).decode().replace("\r", "\n").split("\n") if text]


def rebooted(driven, line):
    """After a setting and the reboot that puts it in force."""
    assert driven.at(line)[-1] == "OK"
    boots = driven.module.power.boots
    driven.send(b"AT+CFUN=16\r")
    driven.until(lambda: driven.module.power.boots > boots and driven.module.power.running, 200)
    driven.uart.clear()


@pytest.fixture
def aux(lara):
    """A module with +USIO=1, echo off on both UARTs."""
    one = Aux(lara)
    rebooted(lara, "AT+USIO=1")
    lara.at("ATE0")
    one.at("ATE0")
    return one


def test_it_comes_with_usio_1_and_goes_with_0(lara):
    one = Aux(lara)
    assert not lara.module.aux.cts
    rebooted(lara, "AT+USIO=1")
    assert one.cts == [True]
    assert one.at("AT+USIO?")[1] == "+USIO: 1,1"
    assert lara.compositions[-1].name == "USIO 1"
    lara.at("ATE0")
    rebooted(lara, "AT+USIO=0")
    assert one.cts == [True, False]
    one.heard.clear()
    lara.module.aux.receive(b"AT\r", 115_200)
    lara.run(5)
    assert one.heard == b""


def test_series_without_one_never_has_it(lena):
    one = Aux(lena)
    assert one.cts == []
    assert lena.at("AT+USIO=1")[-1] != "OK"


def test_its_rate_is_changed_after_the_answer_and_not_kept(aux, lara):
    assert aux.at("AT+IPR=921600") == ["OK"]
    assert aux.rates[-1] == 115_200
    lara.run(0.3)
    aux.rate = 921_600
    assert aux.at("AT+IPR?") == ["+IPR: 921600", "OK"]
    assert lara.at("AT+IPR?") == ["+IPR: 115200", "OK"]
    rebooted(lara, "AT")
    aux.rate = 115_200
    assert aux.at("AT+IPR?")[1:] == ["+IPR: 115200", "OK"]


def test_uuartconf_counts_from_the_next_boot(aux, lara):
    assert aux.at("AT+UUARTCONF=1,460800,0") == ["OK"]
    assert aux.at("AT+IPR?") == ["+IPR: 115200", "OK"]
    rebooted(lara, "AT")
    aux.rate = 460_800
    assert aux.at("AT+IPR?")[1:] == ["+IPR: 460800", "OK"]
    assert lara.at("AT+UUARTCONF?")[-2] == "+UUARTCONF: 1,460800,0"


def test_urcs_come_on_both(aux, lara):
    for ask in (lara.at, aux.at):
        assert ask("AT+CEREG=1")[-1] == "OK"
    aux.heard.clear()
    lara.uart.clear()
    lara.module.urc("+CEREG: 5")
    lara.run(0.1)
    assert b"+CEREG: 5" in aux.heard
    assert b"+CEREG: 5" in lara.uart


def test_rts_off_holds_its_output_and_nothing_is_lost(aux, lara):
    lara.module.aux.set_rts(False)
    aux.heard.clear()
    lara.module.aux.receive(b"AT+CGMM\r", 115_200)
    lara.run(5)
    assert aux.heard == b""
    assert lara.at("AT") == ["OK"]
    lara.module.aux.set_rts(True)
    assert b"LARA-R6" in aux.heard
    assert aux.heard.endswith(b"OK\r\n")


def test_without_flow_control_rts_means_nothing(aux, lara):
    assert aux.at("AT&K0") == ["OK"]
    lara.module.aux.set_rts(False)
    assert aux.at("AT") == ["OK"]
    assert lara.module.serial.rts_gates, "the main UART's is its own"


def test_a_wrong_rate_is_heard_as_rubbish(aux, lara):
    aux.heard.clear()
    lara.module.aux.receive(b"AT\r", 9600)
    lara.run(3)
    assert b"OK" not in aux.heard


def test_the_main_uart_has_five_wires_beside_it(aux, lara):
    module = lara.module
    assert module.output(Output.CTS)
    assert not module.output(Output.DSR)
    assert not module.output(Output.DCD)
    assert lara.at("AT&C0") == ["OK"]
    assert not module.output(Output.DCD)
    lara.at("AT+URING=1")
    module.urc("+CEREG: 5")
    assert not module.output(Output.RI)
    module.set_input(Input.DTR, False)
    assert module.uart.port.dtr
