"""How LARA-R6 uses its serial interfaces and shows itself on USB: +USIO, +UUSBCONF (application development
note UBX-22001850), VUSB_DET (data sheet UBX-21004391)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import pytest

from cellbench.api import Dut, DutState, Recorder, Slot, procedure

from .usb import at_ports_answer

LARA = ("LARA-R6",)
BACK_S = 30.0
ASK_S = 0.25


@dataclass(frozen=True, slots=True)
class Variant:
    """A row of the note's table of +USIO: AT ports, a port for GNSS, the UARTs with AT."""

    at_ports: int
    gnss: bool
    uart: bool = True
    aux_uart: bool = False

    @property
    def roles(self) -> list[str]:
        """The serial ports on USB, the diagnostic one first."""
        return ["diag", *("at",) * self.at_ports, *("gnss",) * self.gnss]


VARIANTS: Mapping[int, Variant] = MappingProxyType({
    0: Variant(2, gnss=False),
    1: Variant(1, gnss=False, aux_uart=True),
    2: Variant(1, gnss=True),
    3: Variant(2, gnss=True, uart=False),
    4: Variant(3, gnss=False, uart=False),
})


@contextmanager
def _usio_kept(dut: Dut) -> Iterator[None]:
    """The serial interfaces are used afterwards as before."""
    before = dut.send("AT+USIO?").value("+USIO")[-1]
    try:
        yield
    finally:
        if dut.ensure(f"AT+USIO={before}"):
            dut.reboot()


def _as_in_the_table(dut: Dut, record: Recorder, number: int) -> None:
    row, slot = VARIANTS[number], dut.slot
    view = slot.ports.view(BACK_S)
    record.note(f"{view.device.words}: {', '.join(port.role for port in view.ports())}")
    assert [port.role for port in view.ports()] == row.roles
    assert view.nets == ()
    at_ports_answer(dut, row.at_ports)
    if row.gnss:
        assert not slot.ports.answers("gnss", ASK_S), "the port for GNSS answers AT"
    wanted = [role for role, there in (("uart", row.uart), ("aux_uart", row.aux_uart))
              if there and getattr(slot.model.ports, role) is not None]
    assert [role for role in slot.roles() if not role.startswith("at")] == wanted
    for role in wanted:
        dut.port(role).sync(10.0)
        assert dut.port(role).send("AT+CGMM").text.startswith(dut.profile.model_prefix)
    if not row.uart and slot.model.ports.uart is not None:
        assert slot.channel("uart").silent(0.5), "the main UART answers"
        slot.ports.drop("uart")


@procedure(title="Each use of the serial interfaces: ports on USB, main and auxiliary UART", series=LARA,
           needs=("usb",))
def test_variants(dut: Dut, record: Recorder) -> None:
    """+USIO=<n> and a reboot, for each; AT where the table has it and nowhere else."""
    with _usio_kept(dut):
        for number in VARIANTS:
            with record.step(f"AT+USIO={number}"):
                devnum = dut.slot.ports.view(BACK_S).device.devnum
                if dut.ensure(f"AT+USIO={number}"):
                    assert dut.send("AT").ok
                    assert dut.slot.ports.view(BACK_S).device.devnum == devnum, "not before the reboot"
                    dut.reboot()
                assert int(dut.send("AT+USIO?").value("+USIO")[0] or 0) == number
                _as_in_the_table(dut, record, number)


@procedure(title="A use of the serial interfaces that does not exist is refused", series=LARA)
def test_refused(dut: Dut) -> None:
    """+USIO has 0 to 4."""
    before = dut.send("AT+USIO?").info
    assert not dut.send("AT+USIO=9", check=False).ok
    assert dut.send("AT+USIO?").info == before


@procedure(title="A network function on USB, where the product grade has one: +UUSBCONF", series=LARA,
           needs=("usb",))
@pytest.mark.parametrize("network", ["RMNET", "ECM"])
def test_network_function(dut: Dut, record: Recorder, network: str) -> None:
    """Product grade 01B shows an interface of that kind behind four serial ports; 00B refuses the setting."""
    model = dut.identify(sim=False).model
    shapes = [one for one in dut.profile.usb
              if one.selected_by == f"uusbconf={network}" and one.ordering in model]
    line = f'AT+UUSBCONF=4,"{network}"'
    if not shapes:
        before = dut.send("AT+UUSBCONF?").info
        assert not dut.send(line, check=False).ok, f"{model} takes it"
        assert dut.send("AT+UUSBCONF?").info == before
        record.note(f"{model} has no network function")
        return
    before = dut.send("AT+UUSBCONF?").value("+UUSBCONF")
    dut.ensure(line)
    dut.reboot()
    try:
        view = dut.slot.ports.view(BACK_S)
        record.note(f"{view.device.words}, {', '.join(view.nets)} by {shapes[0].network}")
        # the product ids are known by foreign drivers only, that of ECM by analogy: the kind decides
        assert view.composition.network == shapes[0].network
        assert dut.slot.ports.network_interface() in view.nets
        at_ports_answer(dut, sum(port.role == "at" for port in view.ports()))
    finally:
        dut.ensure(f'AT+UUSBCONF={before[0] or 0},"{before[1] or ""}"')
        dut.reboot()
    assert dut.slot.ports.view(BACK_S).nets == ()


@procedure(title="Without VUSB_DET at the boot there is no USB", series=LARA,
           needs=("cut-power", "drive-vusb-det", "usb"))
def test_no_usb_without_vusb_det(dut_at: Callable[[DutState], Dut], slot: Slot) -> None:
    """The UART answers; USB is back with the next boot."""
    dut_at(DutState.OFF)
    slot.power_on(vusb_det=False)
    assert not slot.usb_appears(1.0), "the module is on USB"
    slot.power_off(cause="procedure: VUSB_DET")
    assert dut_at(DutState.READY).port("at0").send("AT").ok
