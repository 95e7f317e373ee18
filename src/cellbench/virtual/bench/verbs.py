"""What the control room can do to the bench: supply, lines, UART, USB cable."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..control.verbs import Answer, ControlRefusal, Verb, only, want, want_int
from ..device.module import Input, Output
from . import usb_verbs
from .comport import MAX_RATE
from .faults import Cut
from .output import OutputFaults, Trip

if TYPE_CHECKING:
    from ..rack import Rack, VirtualSlot
    from .supply import Supply


def _slot(slot: VirtualSlot | None) -> VirtualSlot:
    if slot is None:
        raise ControlRefusal("this verb needs --slot")
    return slot


def _want_float(values: Mapping[str, str], key: str, low: float, high: float) -> float:
    text = want(values, key)
    try:
        number = float(text)
    except ValueError:
        raise ControlRefusal(f"{key}={text} is not a number") from None
    if not low <= number <= high:
        raise ControlRefusal(f"{key}={text} is out of range {low:g} to {high:g}")
    return number


async def _power(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "state", "baud")
    chosen = _slot(slot)
    state = want(values, "state", "on", "off", "cycle")
    if "baud" in values:
        chosen.uart.rate = want_int(values, "baud", 1, MAX_RATE)
    if state == "on":
        rack.power_on(chosen, "ctl")
    elif state == "off":
        rack.power_off(chosen, "ctl")
    else:
        rack.power_cycle(chosen, "ctl")
    return None


async def _line(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "name", "state", "port")
    chosen = _slot(slot)
    name = want(values, "name", "dtr", "rts", "usb_boot", "vusb_det", "pwr_on", "reset_n")
    on = want(values, "state", "on", "off") == "on"
    port = values.get("port", "uart")
    if name in ("dtr", "rts"):
        _serial_line(chosen, name, on, port)
        return None
    if "port" in values:
        raise ControlRefusal(f"port= goes with dtr and rts, not with {name}")
    pin = Input(name)
    if pin is Input.USB_BOOT and not chosen.profile.power.has_usb_boot:
        raise ControlRefusal(f"{chosen.profile.variant} has no USB_BOOT")
    chosen.lines.force(pin, on)
    return None


def _serial_line(slot: VirtualSlot, name: str, on: bool, port: str) -> None:
    """DTR or RTS of the UART (``uart``), RTS of the auxiliary one (``aux_uart``), or DTR of an AT port on USB
    (``at``, ``at0``, ``at1`` ...)."""
    if port == "uart":
        slot.uart.drive(name, on)
        return
    if port == "aux_uart":
        if slot.aux_uart is None or name != "rts":
            raise ControlRefusal(f"{slot.profile.variant} has no {name.upper()} on an auxiliary UART")
        slot.aux_uart.drive(name, on)
        return
    if not port.startswith("at") or not (port[2:] or "0").isdigit():
        raise ControlRefusal(f"port={port} is not possible; it takes uart, aux_uart, at, at0 ...")
    if name == "rts":
        raise ControlRefusal("a USB port of the module has no RTS; take port=uart")
    index = slot.usb.at_port(int(port[2:] or "0"))
    if index is None:
        raise ControlRefusal(f"{slot.name} shows no port {port} on USB now")
    slot.usb.force_dtr(index, on)


async def _uart(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "noise", "drop")
    if not values:
        raise ControlRefusal("noise= or drop= is missing")
    chosen = _slot(slot)
    noise = _want_float(values, "noise", 0.0, 1.0) if "noise" in values else chosen.uart.noise
    drop = _want_float(values, "drop", 0.0, 1.0) if "drop" in values else chosen.uart.drop
    for uart in chosen.uarts:
        uart.noise, uart.drop = noise, drop
    return None


async def _supply(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "state", "kind")
    chosen = _slot(slot)
    kind = _TRIPS[want(values, "kind", *_TRIPS)] if "kind" in values else Trip.FORCED
    if want(values, "state", "trip", "clear") == "clear":
        chosen.output.clear_trip()
        return None
    if not chosen.output.enabled:
        raise ControlRefusal(f"the output of {chosen.name} is off, it cannot trip")
    chosen.output.trip(kind)
    return None


_TRIPS: Mapping[str, Trip] = MappingProxyType({"ocp": Trip.OVER_CURRENT, "ovp": Trip.OVER_VOLTAGE})


async def _supply_fault(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "kind", "percent", "code", "identity", "ms", "trip")
    chosen = _slot(slot)
    kind = want(values, "kind", *_FAULT_KEYS)
    stray = set(values) - {"kind", *_FAULT_KEYS[kind]}
    if stray:
        raise ControlRefusal(f"{sorted(stray)[0]}= does not go with kind={kind}")
    supply, output = rack.supplies[chosen.supply - 1], chosen.output
    if kind == "none":
        for mended in supply.outputs:
            mended.faults = OutputFaults()
        supply.pretend(None)
        await supply.mend()
    elif kind == "identity":
        supply.pretend(values.get("identity", STRANGER))
    elif kind == "trip":
        output.faults.trip_kind = _TRIPS[want(values, "trip", *_TRIPS) if "trip" in values else "ocp"]
        output.faults.trip_after_s = want_int(values, "ms", 0, 600_000, 0) / 1000
        output.regulate()
    elif kind in ("setting", "meter"):
        part = (_want_float(values, "percent", -90.0, 900.0) if "percent" in values else 20.0) / 100
        if kind == "setting":
            output.faults.set_error = part
        else:
            output.faults.meter_error = part
    else:
        await _talk_fault(supply, kind, values)
    return None


async def _talk_fault(supply: Supply, kind: str, values: Mapping[str, str]) -> None:
    """Faults of the conversation, which all outputs of the supply share."""
    if kind in ("cut", "cut-answer"):
        await supply.cut(Cut.DEAD if kind == "cut" else Cut.ANSWER)
    elif kind == "error":
        supply.faults.error = want_int(values, "code", -499, -100, -222)
    elif kind == "stale":
        supply.faults.stale = True
    else:
        supply.faults.deaf = True


STRANGER = "CELLBENCH,VPS-9,X0000001,9.9"
"""An instrument that no rig file names."""
_FAULT_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "none": (), "identity": ("identity",), "trip": ("ms", "trip"), "setting": ("percent",),
    "meter": ("percent",), "cut": (), "cut-answer": (), "error": ("code",), "stale": (), "deaf": ()})


async def _brown_out(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "volts", "ms")
    chosen = _slot(slot)
    volts = _want_float(values, "volts", 0.0, 20.0)
    seconds = want_int(values, "ms", 1, 60_000) / 1000
    if not chosen.output.enabled:
        raise ControlRefusal(f"the output of {chosen.name} is off, its voltage cannot dip")
    await chosen.output.dip(volts, seconds)
    return None


async def _report_usb(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "what")
    return _slot(slot).usb.describe()


async def _report_lines(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "what")
    chosen = _slot(slot)
    facts = {pin.value: "on" if chosen.module.output(pin) else "off" for pin in Output}
    facts |= {pin.value: "on" if level else "off" for pin, level in chosen.lines.levels().items()}
    facts |= {pin.value: "on" if chosen.module.input(pin) else "off" for pin in (Input.DTR, Input.RTS)}
    return {**facts, "supply": "on" if chosen.output.enabled else "off", "uart_rate": str(chosen.uart.rate)}


VERBS: Mapping[str, Verb] = MappingProxyType({
    **usb_verbs.VERBS,
    "power": Verb("state=on|off|cycle [baud=B]: the supply of the module; on adds the PWR_ON pulse, baud "
                  "sets the UART adapter's rate; returns at once", True, _power),
    "line": Verb("name=dtr|rts|usb_boot|vusb_det|pwr_on|reset_n state=on|off "
                 "[port=uart|aux_uart|at|at0 ...]: an input of the module", True, _line),
    "uart": Verb("noise=P drop=P: from now on each byte on the UART is corrupted or lost with that "
                 "probability, 0 ends it", True, _uart),
    "supply": Verb("state=trip|clear [kind=ocp|ovp]: the output of the supply trips (as by over-current), or "
                   "forgets a trip", True, _supply),
    "supply-fault": Verb(
        "kind=identity [identity=T] | trip [trip=ocp|ovp] [ms=T] | setting|meter [percent=P] | cut | "
        "cut-answer | error [code=N] | stale | deaf | none: until none, the supply of the slot names itself "
        "wrongly, trips so long after switch-on, reads settings or measurements back wrongly, is cut off (or "
        "in the middle of each answer), has an error after each setting, answers with the answer before, "
        "or not at all", True, _supply_fault),
    "brown-out": Verb("volts=V ms=T: the supply voltage falls to V for T milliseconds", True, _brown_out),
})

REPORTS: Mapping[str, Verb] = MappingProxyType({
    **usb_verbs.REPORTS,
    "usb": Verb("what the module shows on USB", True, _report_usb),
    "lines": Verb("levels of the module's lines, the supply's output, the UART adapter's rate", True,
                  _report_lines),
})
