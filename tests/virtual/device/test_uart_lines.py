"""Control lines of the main UART: DSR, DCD and RI by &S, &C and +URING; &K and +IFC; +IPR by port."""

from __future__ import annotations

import pytest

from cellbench.virtual.device.faces import Input, Output
from cellbench.virtual.front.state import PortState
from cellbench.virtual.net.internet import Internet
from cellbench.virtual.world.world import load_world


def data_mode(module):
    """The UART's port in data mode: a dial-up."""
    module.module.internet = Internet(load_world())
    module.module.set_input(Input.DTR, True)
    module.at('AT+CGDCONT=1,"IP","internet.wind.biz"')
    module.send(b"ATD*99***1#\r")
    module.until(lambda: module.module.uart.port.state is PortState.DATA, 60)


def test_dsr_by_and_s(module):
    """&S0 always on; &S1, the value at delivery, in data mode."""
    assert not module.module.output(Output.DSR)
    assert module.at("AT&S0") == ["OK"]
    assert module.module.output(Output.DSR)
    assert module.at("AT&S1") == ["OK"]
    assert not module.module.output(Output.DSR)
    data_mode(module)
    assert module.module.output(Output.DSR)


def test_dsr_always_on_where_that_is_chosen(driven, series):
    one = driven(series, dsr_follows_data=False)
    one.ready()
    assert one.module.output(Output.DSR)


def test_dcd_by_and_c_and_after_z_and_f(module):
    assert not module.module.output(Output.DCD)
    for line, level in (("AT&C0", True), ("AT&F", False), ("AT&C0", True), ("ATZ", False)):
        assert module.at(line)[-1] == "OK"
        assert module.module.output(Output.DCD) is level
    data_mode(module)
    assert module.module.output(Output.DCD)


@pytest.mark.parametrize(("mode", "rings"), [(0, False), (1, True), (2, False), (3, True)])
def test_ri_for_urcs_by_uring(module, mode, rings):
    assert module.at(f"AT+URING={mode}") == ["OK"]
    module.levels.clear()
    module.module.urc("+CTZV: 4")
    module.run(0.5)
    module.module.urc("+CTZV: 8")
    module.run(0.7)
    assert module.module.output(Output.RI) is rings, "the second one begins the time anew"
    module.run(0.5)
    assert not module.module.output(Output.RI)
    assert sum(pin is Output.RI for _, pin, _ in module.levels) == (2 if rings else 0)


def test_ri_ends_with_the_supply(module):
    module.at("AT+URING=1")
    module.module.urc("+CTZV: 4")
    module.module.set_supply(0.0)
    assert not module.module.output(Output.RI)
    module.levels.clear()
    module.run(2)
    assert module.levels == []


def test_rts_holds_output_with_k3_only(module):
    module.module.set_input(Input.RTS, False)
    module.uart.clear()
    module.send(b"AT\r")
    module.run(5)
    assert bytes(module.uart) == b""
    module.module.set_input(Input.RTS, True)
    assert bytes(module.uart) == b"\r\nOK\r\n"
    assert module.at("AT+IFC=0,0") == ["OK"]
    module.module.set_input(Input.RTS, False)
    assert module.at("AT") == ["OK"]


def test_ipr_on_usb_changes_nothing(module):
    before = module.at("AT+IPR?")
    face = next(face for face in module.module.usb_faces if face.role == "at")
    heard = bytearray()
    face.transmit = heard.extend
    face.set_open(True)
    face.receive(b"AT+IPR=460800\r")
    module.until(lambda: heard.endswith(b"OK\r\n"), 5)
    assert module.at("AT+IPR?") == before


@pytest.mark.parametrize(("setting", "frame"), [
    ("1", (8, 1)), ("2,0", (8, 2)), ("2,1", (8, 3)), ("3", (8, 1))])
def test_the_character_format_follows_icf(module, setting, frame):
    assert module.at(f"AT+ICF={setting}") == ["OK"]
    assert module.module.uart.frame == frame


def test_a_format_that_does_not_exist_changes_nothing(module):
    before = module.at("AT+ICF?")
    assert module.at("AT+ICF=4,1")[-1] != "OK"
    assert module.at("AT+ICF?") == before
    assert module.module.uart.frame == (8, 1)
