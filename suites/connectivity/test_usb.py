"""AT commands over USB: LENA-R8 guide 5.4."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cellbench.api import Dut, DutState, NotPossible, Recorder, Slot, UnitError, procedure

BACK_S = 30.0


def _at_roles(dut: Dut) -> list[str]:
    roles = [role for role in dut.slot.roles() if role.startswith("at")]
    if not roles:
        raise NotPossible(f"slot {dut.slot.name} has no USB")
    return roles


@pytest.mark.demo
@procedure("R8:5.4", title="Every AT port on USB answers")
def test_every_at_port(dut: Dut, record: Recorder) -> None:
    """The ports of the composition that are marked as AT interfaces."""
    roles = _at_roles(dut)
    expected = sum(face.role == "at" for face in dut.profile.usb[0].interfaces)
    assert len(roles) == expected
    for role in roles:
        channel = dut.port(role)
        channel.sync(10.0)
        assert channel.send("AT+CGMM").text.startswith(dut.profile.model_prefix)


@procedure(
    "R8:5.4", title="Without VUSB_DET during the boot there is no USB", needs=("cut-power", "drive-vusb-det")
)
def test_no_usb_without_vusb_det(dut_at: Callable[[DutState], Dut], slot: Slot) -> None:
    """The interface is enabled only if VUSB_DET is high during the switch-on boot sequence."""
    _at_roles(dut_at(DutState.READY))
    dut_at(DutState.OFF)
    slot.power_on(vusb_det=False)
    assert not slot.usb_appears(2.0), "the module is on USB"
    slot.power_off(cause="procedure: VUSB_DET")
    _at_roles(dut_at(DutState.READY))


@procedure(
    "R8:5.2.4", "R8:5.4", "R8:11.3.1", "R8:11.3.1.1", "R8:11.3.1.1.1",
    title="With USB_BOOT high at the boot there is the update port of Table 8 and no AT interface",
    needs=("cut-power", "drive-usb-boot"),
)
def test_usb_boot(dut_at: Callable[[DutState], Dut], slot: Slot, record: Recorder) -> None:
    """0525:A4A7 at the slot's place, one port with a driver bound, no AT on it nor on the UART; with USB_BOOT
    low the configuration is back."""
    before = slot.ports.enumeration and slot.ports.view(BACK_S).device.id
    dut_at(DutState.OFF)
    slot.power_on(usb_boot=True, sync=False)
    if slot.model.ports.usb is not None:
        view = slot.ports.view(BACK_S)
        assert (view.device.vid, view.device.pid) == (0x0525, 0xA4A7)
        assert view.device.location == slot.model.ports.usb.location
        assert [port.role for port in view.ports()] == ["fw-update"]
        assert not slot.ports.answers("fw-update")
        record.note(view.device.words)
    if slot.model.ports.uart is not None:
        with pytest.raises(UnitError):
            slot.channel("uart").sync(2.0)
    slot.power_off(hard=True, cause="download mode has no orderly switch-off")
    assert dut_at(DutState.READY).send("AT").ok
    assert not before or slot.ports.view(BACK_S).device.id == before
