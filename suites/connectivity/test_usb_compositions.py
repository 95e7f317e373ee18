"""How LENA-R8 shows itself on USB: guide 5.2.1 to 5.2.3, Tables 2 to 7."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cellbench.api import Dut, Recorder, procedure

from .usb import at_ports_answer, settings_kept, stored

USB = ("usb",)
VENDOR = 0x1782
PORTS = ("at", "reserved", "reserved", "cp-trace", "ap-trace", "reserved", "at", "at")
SILENT = ("reserved", "reserved1", "reserved2", "cp-trace", "ap-trace")
ASK_S = 0.25
BACK_S = 30.0


@dataclass(frozen=True, slots=True)
class Shape:
    """One configuration as the guide prints it: product id, network function, its driver on Linux."""

    product: int
    network: str
    driver: str


SHAPES: Mapping[int, Shape] = MappingProxyType({
    2: Shape(0x4D10, "none", ""),
    3: Shape(0x4D11, "rndis", "rndis_host"),
    5: Shape(0x4D13, "ecm", "cdc_ether"),
})


def _activate(dut: Dut, record: Recorder, mode: int) -> None:
    """The rows of Tables 3, 5 and 7; nothing changes before the reboot."""
    before = dut.slot.ports.view(BACK_S).device
    if stored(dut, "usbmode") == mode:
        return
    with record.step(f'AT+SYSNV=1, "usbmode", {mode}'):
        assert dut.ensure(f'AT+SYSNV=1, "usbmode", {mode}')
        now = dut.slot.ports.view(BACK_S).device
        assert (now.devnum, now.id) == (before.devnum, before.id), "effective after the reboot only"
        assert dut.port("at0").send("AT").ok
    with record.step("AT+CFUN=16"):
        dut.reboot()
        assert dut.slot.ports.view(BACK_S).device.devnum != before.devnum, "there was no new enumeration"


def _as_printed(dut: Dut, record: Recorder, mode: int) -> None:
    """VID, PID, the eight ports in their order, the network adapter; AT where the table says so and nowhere
    else."""
    shape = SHAPES[mode]
    view = dut.slot.ports.view(BACK_S)
    assert (view.device.vid, view.device.pid) == (VENDOR, shape.product)
    assert tuple(port.role for port in view.ports()) == PORTS
    assert len(view.nodes) == len(PORTS)
    drivers = [one.driver for one in view.device.functions if one.nets]
    assert drivers == ([shape.driver] if shape.network != "none" else [])
    record.note(f"{view.device.words}: {len(view.nodes)} ports, network {', '.join(view.nets) or 'none'}")
    with record.step("ports 0, 6 and 7 are AT interfaces"):
        at_ports_answer(dut, PORTS.count("at"))
    with record.step("ports 1, 2 and 5 are reserved, 3 and 4 traces: none answers AT"):
        assert [role for role in SILENT if dut.slot.ports.answers(role, ASK_S)] == []


@procedure("R8:5.2.2", "R8:5.2.2.1", title="RNDIS and serial ports: Table 4 after the activation of Table 5",
           needs=USB)
def test_rndis(dut: Dut, record: Recorder) -> None:
    """1782:4D11, a network adapter and the eight ports."""
    with settings_kept(dut, "usbmode"):
        _activate(dut, record, 3)
        _as_printed(dut, record, 3)


@procedure("R8:5.2.3", "R8:5.2.3.1", title="ECM and serial ports: Table 6 after the activation of Table 7",
           needs=USB)
def test_ecm(dut: Dut, record: Recorder) -> None:
    """1782:4D13, a network adapter and the eight ports; all open ports follow for reading and writing."""
    with settings_kept(dut, "usbmode"):
        kept = {role: dut.port(role) for role in ("at0", "at1", "at2")}
        _activate(dut, record, 5)
        for role in kept:
            assert dut.port(role).send("AT").ok, f"{role} has not followed"
        _as_printed(dut, record, 5)


@procedure("R8:5.2.1", "R8:5.2.1.1", title="Serial ports only: Table 2 after the activation of Table 3",
           needs=USB)
def test_serial_ports_only(dut: Dut, record: Recorder) -> None:
    """1782:4D10, eight ports and no network adapter; it is come to from the ECM configuration."""
    with settings_kept(dut, "usbmode"):
        if stored(dut, "usbmode") == 2:
            dut.ensure('AT+SYSNV=1,"usbmode",5')
            dut.reboot()
        _activate(dut, record, 2)
        _as_printed(dut, record, 2)


@procedure("R8:5.2.1", title="The commands that choose the configuration are taken on USB as well", needs=USB)
def test_chosen_over_usb(dut: Dut) -> None:
    """What one port stores the other ones read."""
    over_usb = Dut(dut.slot, dut.port("at2"))
    over_usb.at.sync(10.0)
    before = stored(dut, "usbmode")
    other = 3 if before != 3 else 5
    try:
        assert over_usb.ensure(f'AT+SYSNV=1,"usbmode",{other}')
        assert stored(dut, "usbmode") == other
    finally:
        dut.ensure(f'AT+SYSNV=1,"usbmode",{before}')
