"""What the control room can do to the bench: supply, lines, UART, USB cable."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..control.verbs import Answer, ControlRefusal, Verb, only, want, want_int
from ..device.module import Input, Output
from . import usb_verbs
from .comport import MAX_RATE
from .output import Trip

if TYPE_CHECKING:
    from ..rack import Rack, VirtualSlot


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
    """DTR or RTS of the UART (``uart``), or DTR of an AT port on USB (``at``, ``at0``, ``at1`` ...)."""
    if port == "uart":
        slot.uart.drive(name, on)
        return
    if not port.startswith("at") or not (port[2:] or "0").isdigit():
        raise ControlRefusal(f"port={port} is not possible; it takes uart, at, at0, at1 ...")
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
    chosen.uart.noise, chosen.uart.drop = noise, drop
    return None


async def _supply(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "state")
    chosen = _slot(slot)
    if want(values, "state", "trip", "clear") == "clear":
        chosen.output.clear_trip()
        return None
    if not chosen.output.enabled:
        raise ControlRefusal(f"the output of {chosen.name} is off, it cannot trip")
    chosen.output.trip(Trip.FORCED)
    return None


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
    "line": Verb("name=dtr|rts|usb_boot|vusb_det|pwr_on|reset_n state=on|off [port=uart|at|at0|at1 ...]: an "
                 "input of the module", True, _line),
    "uart": Verb("noise=P drop=P: from now on each byte on the UART is corrupted or lost with that "
                 "probability, 0 ends it", True, _uart),
    "supply": Verb("state=trip|clear: the output of the supply trips as by over-current, or forgets a trip",
                   True, _supply),
    "brown-out": Verb("volts=V ms=T: the supply voltage falls to V for T milliseconds", True, _brown_out),
})

REPORTS: Mapping[str, Verb] = MappingProxyType({
    **usb_verbs.REPORTS,
    "usb": Verb("what the module shows on USB", True, _report_usb),
    "lines": Verb("levels of the module's lines, the supply's output, the UART adapter's rate", True,
                  _report_lines),
})
