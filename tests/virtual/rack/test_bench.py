"""A slot operated through its instruments by the drivers that operate real ones."""

import time
from pathlib import Path

import pytest

from cellbench.base.clock import Deadline
from cellbench.instruments.open import open_lines, open_supply
from cellbench.io.usb import find_device, wait_device, wait_gone
from cellbench.rig.load import load_rig


@pytest.fixture
def bench(launch):
    rack = launch("--slot", "dut=LARA-R6").wait_ready()
    model = load_rig(Path(rack.ready["rig_file"])).model
    slot = model.slots["dut"]
    psu = model.instruments[slot.power.supply]
    supply = open_supply(psu.kind, psu.model_dump(exclude={"kind"}))
    relays = model.instruments[slot.lines.pwr_on.on]
    board = open_lines(relays.kind, {**relays.model_dump(exclude={"kind"}), "password": "admin"})
    return rack, model, slot, supply.output(slot.power.channel), board


def usb(model, ttys, seconds=5.0):
    sysfs, dev = Path(model.usb.sysfs), Path(model.usb.dev)
    return wait_device(sysfs, dev, "1-1.1", Deadline.after(seconds), ttys=ttys)


def power_up(slot, output, board, vusb=True):
    output.set_voltage_v(slot.power.voltage_v)
    output.set_current_limit_a(slot.power.current_limit_a)
    output.enable(True)
    board.drive(slot.lines.vusb_det.pin, vusb)
    board.drive(slot.lines.pwr_on.pin, True)
    time.sleep(0.3)
    board.drive(slot.lines.pwr_on.pin, False)


def until(condition, seconds=5.0):
    deadline = Deadline.after(seconds)
    while not condition() and not deadline.expired:
        time.sleep(0.01)
    return condition()


def test_a_slot_by_its_instruments(bench):
    rack, model, slot, output, board = bench
    v_int = slot.lines.v_int.input
    output.set_voltage_v(3.8)
    output.enable(True)
    assert output.measure_voltage_v() == pytest.approx(3.8, abs=0.01)
    assert board.read(v_int) is False  # VCC alone starts nothing
    output.enable(False)

    power_up(slot, output, board)
    assert until(lambda: board.read(v_int))
    first = usb(model, 3)
    assert len(first.ttys) == 3
    assert output.measure_current_a() > 0.0005

    board.drive(slot.lines.reset_n.pin, True)
    time.sleep(0.1)
    board.drive(slot.lines.reset_n.pin, False)
    assert until(lambda: (seen := usb(model, 0, 0.0)) is None or set(seen.ttys).isdisjoint(first.ttys))
    again = usb(model, 3)
    assert set(again.ttys).isdisjoint(first.ttys)

    output.enable(False)
    assert until(lambda: not board.read(v_int))
    assert wait_gone(Path(model.usb.sysfs), Path(model.usb.dev), "1-1.1", Deadline.after(3))

    power_up(slot, output, board, vusb=False)
    assert until(lambda: board.read(v_int))
    assert rack.ctl("report", "what=usb").stdout == "serial_ports=0\nnet=none\n"
    assert find_device(Path(model.usb.sysfs), Path(model.usb.dev), "1-1.1") is None
