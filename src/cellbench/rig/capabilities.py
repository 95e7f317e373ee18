"""What a slot can, derived from the rig file; what it lacks is NOT_POSSIBLE with the reason."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from cellbench.base.errors import NotPossible
from cellbench.instruments.kinds import Ability, find_kind
from cellbench.rig.schema import DeclaredCapability, RigFile, Slot, Wire


class Capability(enum.Enum):
    """Something that a procedure may need of its slot."""

    CUT_POWER = "cut-power"
    CUT_USB = "cut-usb"
    SET_VOLTAGE = "set-voltage"
    MEASURE_VOLTAGE = "measure-voltage"
    MEASURE_CURRENT = "measure-current"
    LOG_CURRENT = "log-current"
    SEE_TRIP = "see-trip"
    DRIVE_PWR_ON = "drive-pwr-on"
    DRIVE_RESET_N = "drive-reset-n"
    DRIVE_USB_BOOT = "drive-usb-boot"
    DRIVE_VUSB_DET = "drive-vusb-det"
    DRIVE_DTR = "drive-dtr"
    DRIVE_RTS = "drive-rts"
    READ_V_INT = "read-v-int"
    READ_RI = "read-ri"
    READ_CTS = "read-cts"
    READ_DSR = "read-dsr"
    READ_DCD = "read-dcd"
    UART = "uart"
    AUX_UART = "aux-uart"
    USB = "usb"
    USB_DTR = "usb-dtr"
    FAR_SIDE = "far-side"
    FLASH = "flash"
    CUT_RF = "cut-rf"
    SWAP_SIM = "swap-sim"
    SECOND_ANTENNA = "second-antenna"
    GNSS_ANTENNA = "gnss-antenna"
    GOLDEN_UNIT = "golden-unit"
    EXPENDABLE = "expendable"


_NEEDS = {
    Capability.CUT_POWER: "a supply output under power",
    Capability.CUT_USB: "a hub port under usb_power",
    Capability.SET_VOLTAGE: "a supply whose voltage can be set under power",
    Capability.MEASURE_VOLTAGE: "a supply that measures voltage under power",
    Capability.MEASURE_CURRENT: "a supply that measures current under power",
    Capability.LOG_CURRENT: "a supply with a fast current log under power",
    Capability.SEE_TRIP: "a supply with protection under power",
    Capability.DRIVE_DTR: "a UART with dtr among its wired lines",
    Capability.DRIVE_RTS: "a UART with rts among its wired lines",
    Capability.UART: "ports.uart",
    Capability.AUX_UART: "ports.aux_uart",
    Capability.USB: "ports.usb",
    Capability.FAR_SIDE: "a far_side other than none",
    Capability.FLASH: "a flashing tool under flasher, of a `flasher.` kind (docs/flashing.md)",
}
_ABILITIES = {
    Capability.SET_VOLTAGE: Ability.SET_VOLTAGE, Capability.MEASURE_VOLTAGE: Ability.MEASURE_VOLTAGE,
    Capability.MEASURE_CURRENT: Ability.MEASURE_CURRENT, Capability.SEE_TRIP: Ability.TELL_TRIP,
    Capability.LOG_CURRENT: Ability.LOG_CURRENT,
}
_DRIVEN = {"pwr_on": Capability.DRIVE_PWR_ON, "reset_n": Capability.DRIVE_RESET_N,
           "usb_boot": Capability.DRIVE_USB_BOOT, "vusb_det": Capability.DRIVE_VUSB_DET}
_READ = {"v_int": Capability.READ_V_INT, "ri": Capability.READ_RI, "cts": Capability.READ_CTS,
         "dcd": Capability.READ_DCD}
_WIRED = {Wire.DTR: Capability.DRIVE_DTR, Wire.RTS: Capability.DRIVE_RTS, Wire.CTS: Capability.READ_CTS,
          Wire.DSR: Capability.READ_DSR, Wire.DCD: Capability.READ_DCD, Wire.RI: Capability.READ_RI}


def capabilities(model: RigFile, slot: str) -> frozenset[Capability]:
    """What a slot can."""
    settings = model.slots[slot]
    found = {Capability(declared.value) for declared in settings.capabilities}
    found |= {_DRIVEN[name] for name in settings.lines.driven()}
    found |= {_READ[name] for name in settings.lines.read()}
    found |= _of_ports(settings)
    if settings.usb_power is not None:
        found.add(Capability.CUT_USB)
    if settings.flasher is not None:
        found.add(Capability.FLASH)
    if settings.power is not None:
        found.add(Capability.CUT_POWER)
        kind = find_kind(model.instruments[settings.power.supply].kind)
        found |= {capability for capability, ability in _ABILITIES.items() if ability in kind.abilities}
    if model.far_sides_of(slot):
        found.add(Capability.FAR_SIDE)
    return frozenset(found)


def require(model: RigFile, slot: str, needed: Iterable[Capability]) -> None:
    """NotPossible when the slot lacks any of the needed; it says what would give it."""
    lacking = [one for one in needed if one not in capabilities(model, slot)]
    if lacking:
        raise NotPossible(f"slot {slot} of rig {model.rig} cannot {', '.join(one.value for one in lacking)}",
                          remedy=f"it takes {'; '.join(remedy_for(one) for one in lacking)}")


def remedy_for(capability: Capability) -> str:
    """What the rig file must name for a slot to have a capability."""
    if capability in _NEEDS:
        return _NEEDS[capability]
    for names in (_DRIVEN, _READ):
        for line, given in names.items():
            if given is capability:
                return f"lines.{line}"
    if capability.value in {declared.value for declared in DeclaredCapability}:
        return f"{capability.value} under capabilities"
    return f"a UART with {capability.value.removeprefix('read-')} among its wired lines"


def _of_ports(slot: Slot) -> set[Capability]:
    found: set[Capability] = set()
    if slot.ports.uart is not None:
        found.add(Capability.UART)
        found |= {_WIRED[wire] for wire in slot.ports.uart.wired}
    if slot.ports.aux_uart is not None:
        found.add(Capability.AUX_UART)
    if slot.ports.usb is not None:
        found.add(Capability.USB)
    return found
