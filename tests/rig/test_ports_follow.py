"""The framework's ports follow a module through its compositions, also where the main port goes away; on a
virtual rack, through the ordinary bench."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cellbench.guardian.start import stop as stop_guardian
from cellbench.host.transcript import Transcript
from cellbench.rig.bench import Bench
from cellbench.rig.dut import Dut
from cellbench.rig.load import load_rig
from cellbench.rig.slot import PowerState, Slot
from cellbench.roots.farside import far_side


class Scene:
    """A rack with one module of each series and the bench on it."""

    def __init__(self, folder: Path) -> None:
        self.runtime = folder / "run"
        slots = [word for name in ("r8=LENA-R8", "r6=LARA-R6") for word in ("--slot", name)]
        self.program = subprocess.Popen(
            [sys.executable, "-m", "cellbench", "virtual", "up", *slots, "--dir", str(folder / "rack"),
             "--end-with", str(os.getpid())], stdout=subprocess.PIPE, text=True)
        assert self.program.stdout is not None
        json.loads(self.program.stdout.readline())
        rig = load_rig(folder / "rack" / "rig.yaml")
        self.events: list[str] = []
        traces = {name: Transcript() for name in ("r8", "r6")}
        self.bench = Bench(
            rig=rig, run="follow", controller_pid=os.getpid(), trace=traces.__getitem__,
            events=lambda name: lambda what, detail, values: self.events.append(detail),
            far_side_for=lambda name: far_side(rig, name))

    def dut(self, name: str) -> Dut:
        """The module of a slot, on, answering."""
        slot = self.bench.slot(name)
        if slot.state is not PowerState.ON:
            slot.power_on()
        return Dut(slot, slot.channel(slot.roles()[0]))

    def close(self) -> None:
        """End everything."""
        self.bench.close(hard=True, cause="end")
        stop_guardian(self.runtime)
        self.program.terminate()
        self.program.communicate(timeout=20)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One scene for all tests."""
    folder = tmp_path_factory.mktemp("follow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CELLBENCH_RUNTIME_DIR", str(folder / "run"))
        patch.setenv("CELLBENCH_LOCK_DIR", str(folder / "locks"))
        made = Scene(folder)
        yield made
        made.close()


def role_of(dut: Dut) -> str:
    return next(role for role, channel in dut.slot.channels.items() if channel is dut.at)


def test_the_main_port_moves_to_usb_and_back_when_the_uart_is_switched_off(scene):
    dut = scene.dut("r6")
    assert role_of(dut) == "uart"
    dut.ensure("AT+USIO=3")
    dut.reboot()
    assert role_of(dut) == "at0"
    assert dut.slot.roles() == ("at0", "at1")
    assert "uart is not there after the reboot: at0 is the main port" in scene.events
    assert dut.send("AT+USIO?").value("+USIO") == (3, 3)
    dut.ensure("AT+USIO=0")
    dut.reboot()
    assert role_of(dut) == "uart"
    assert dut.slot.roles() == ("uart", "at0", "at1")
    assert dut.send("AT+USIO?").value("+USIO") == (0, 0)


def test_a_module_that_wakes_up_without_its_uart_is_met_on_usb(scene):
    dut = scene.dut("r6")
    dut.ensure("AT+USIO=4")
    dut.slot.power_off(hard=True, cause="test")
    boot = dut.slot.power_on()
    assert boot.uart_s is None
    assert boot.usb_s is not None
    assert dut.slot.roles() == ("at0", "at1", "at2")
    again = Dut(dut.slot, dut.slot.channel("at0"))
    again.ensure("AT+USIO=0")
    again.reboot()
    assert dut.slot.channel("uart").send("AT").ok


def test_a_main_port_on_usb_that_goes_away_is_replaced(scene):
    slot: Slot = scene.dut("r6").slot
    dut = Dut(slot, slot.channel("at1"))
    dut.send("AT+USIO=1")
    dut.reboot()
    assert role_of(dut) == "uart"
    assert dut.slot.roles() == ("uart", "at0", "aux_uart")
    assert dut.port("aux_uart").send("AT+CGMM").text.startswith("LARA-R6")
    dut.send("AT+USIO=0")
    dut.reboot()
    assert role_of(dut) == "at1"
    assert "aux_uart" not in dut.slot.channels


@pytest.mark.parametrize("mode", [3, 5, 2])
def test_all_open_ports_follow_for_reading_and_writing(scene, mode):
    dut = scene.dut("r8")
    kept = {role: dut.port(role) for role in ("at0", "at1", "at2")}
    for channel in kept.values():
        channel.sync(10.0)
    dut.ensure(f'AT+SYSNV=1,"usbmode",{mode}')
    dut.reboot()
    assert dut.slot.ports.view(10.0).composition.selected_by == f"usbmode={mode}"
    for role in kept:
        assert dut.port(role).send("AT+CGMM").text.startswith("LENA-R8")


def test_shows_tells_nothing_of_the_enumeration_before(scene):
    ports = scene.dut("r6").slot.ports
    assert ports.shows("uart") is True
    assert ports.shows("aux_uart") is False
    assert ports.shows("at1") is True
    assert ports.shows("at7") is False
    assert ports.shows("uart", ports.enumeration) is None
