"""From a rig file to what the guardian looks after: instruments with their secrets resolved, and each
slot's output, lines and ports, capped by the facts of its module's profile."""

from __future__ import annotations

import os
from collections.abc import Collection

from cellbench.base.errors import RigError
from cellbench.catalogue.modules import profile_for
from cellbench.guardian.keys import canonical
from cellbench.guardian.plan import (
    USB_POWER,
    DrivenLinePlan,
    EquipmentPlan,
    InstrumentPlan,
    OutputPlan,
    ReadLinePlan,
    SlotPlan,
)
from cellbench.instruments.kinds import InstrumentClass, find_kind
from cellbench.instruments.settings import RelaySupplySettings, Secret
from cellbench.instruments.supply.relay import BOARD_KEY
from cellbench.rig.load import LoadedRig
from cellbench.rig.schema import AttenuatorFarSide, Level, Power, Slot, UartPort
from cellbench.rig.secrets import reference, resolve_secret


def equipment_plan(rig: LoadedRig, only: Collection[str] | None = None) -> EquipmentPlan:
    """What the guardian opens of a rig's instruments, or of those named: all but flashers. RigError when a
    secret is not there."""
    names = [name for name, settings in rig.model.instruments.items()
             if find_kind(settings.kind).serves is not InstrumentClass.FLASHER
             and (only is None or name in only)]
    return EquipmentPlan(rig.model.rig, {name: _instrument(rig, name) for name in names})


def slot_plan(rig: LoadedRig, name: str) -> SlotPlan:
    """What one slot uses; RigError lists the slots when there is none of that name."""
    slot = rig.model.slots.get(name)
    if slot is None:
        raise RigError(f"{rig.path} has no slot {name}", remedy=f"its slots are {', '.join(rig.model.slots)}")
    return SlotPlan(
        name=name,
        output=_output(rig, slot),
        driven=_driven(slot),
        read={line: ReadLinePlan(settings.on, settings.input,
                                 high_when_asserted=settings.active is Level.HIGH)
              for line, settings in slot.lines.read().items()},
        ports=_ports(rig, slot),
        shared=_attenuators(rig, name))


def usb_rests_on(slot: Slot) -> bool:
    """True when the slot's USB port keeps its power while nobody asks for anything."""
    if slot.usb_power is None or slot.usb_power.idle is None:
        return slot.power is None
    return slot.usb_power.idle == "on"


def _driven(slot: Slot) -> dict[str, DrivenLinePlan]:
    """The slot's lines; its USB port is one more, asserted while it is not as it rests."""
    driven = {line: DrivenLinePlan(settings.on, settings.pin, closed_when_asserted=not settings.inverted)
              for line, settings in slot.lines.driven().items()}
    if slot.usb_power is not None:
        driven[USB_POWER] = DrivenLinePlan(slot.usb_power.hub, slot.usb_power.port,
                                           closed_when_asserted=not usb_rests_on(slot))
    return driven


def _attenuators(rig: LoadedRig, slot: str) -> tuple[str, ...]:
    """The attenuators of a slot's far sides."""
    found = (far.on for far in rig.model.far_sides_of(slot) if isinstance(far, AttenuatorFarSide))
    return tuple(dict.fromkeys(found))


def _instrument(rig: LoadedRig, name: str) -> InstrumentPlan:
    settings = rig.model.instruments[name]
    plain: dict[str, object] = settings.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
    secrets: dict[str, dict[str, str]] = {}
    for key in type(settings).model_fields:
        value = getattr(settings, key)
        if isinstance(value, Secret):
            plain[key] = resolve_secret(value, rig.path, rig.where("instruments", name, key))
            secrets[key] = reference(value, rig.path)
    if isinstance(settings, RelaySupplySettings):  # its lock is told apart by the board, not by its name here
        board = rig.model.instruments[settings.board]
        plain[BOARD_KEY] = find_kind(board.kind).equipment(board.model_dump(mode="json"))
    return InstrumentPlan(settings.kind, plain, secrets)


def _feeds(rig: LoadedRig, power: Power) -> tuple[str, int, bool | None]:
    """Instrument, channel, and for a contact whether it feeds while it is closed; a contact's instrument is
    its board, its channel the pin."""
    settings = rig.model.instruments[power.supply]
    if not isinstance(settings, RelaySupplySettings):
        return power.supply, power.channel, None
    return settings.board, settings.pins[power.channel - 1], not settings.inverted


def _output(rig: LoadedRig, slot: Slot) -> OutputPlan | None:
    if slot.power is None:
        return None
    facts = profile_for(slot.series, slot.variant).power
    supply, channel, closed_when_on = _feeds(rig, slot.power)
    return OutputPlan(
        supply=supply, channel=channel, closed_when_on=closed_when_on, voltage_v=slot.power.voltage_v,
        current_limit_a=slot.power.current_limit_a, max_voltage_v=facts.vcc_extended_v.value[1],
        max_current_a=facts.current_limit_max_a.value, over_voltage_v=slot.power.over_voltage_v,
        over_current_a=slot.power.over_current_a)


def _ports(rig: LoadedRig, slot: Slot) -> tuple[str, ...]:
    """Ports as they are locked on the host: real paths, URLs, USB locations below their sysfs root."""
    found: list[str] = []
    for uart in (slot.ports.uart, slot.ports.aux_uart):
        if uart is not None:
            found.append(_uart_key(rig, uart))
    if slot.ports.usb is not None:
        found.append(_usb_key(rig, slot.ports.usb.location))
    return tuple(found)


def _uart_key(rig: LoadedRig, uart: UartPort) -> str:
    if uart.url is not None:
        return canonical(uart.url)
    if uart.location is None:
        raise ValueError("a UART port has neither url nor location")
    # an adapter may have several ports, each for another slot
    return f"{_usb_key(rig, uart.location)}:{uart.interface or 0}"


def _usb_key(rig: LoadedRig, location: str) -> str:
    return f"usb:{os.path.realpath(rig.model.usb.sysfs)}:{location}"
