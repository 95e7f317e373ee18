"""What the control room can do to the USB side: cable, hub, drivers, udev, descriptors, foreign devices."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.catalogue.modules.model import UsbComposition

from ..control.verbs import Answer, ControlRefusal, Verb, only, want, want_int
from .usb_host import Gadget, UsbHost

if TYPE_CHECKING:
    from ..rack import Rack, VirtualSlot

Values = Mapping[str, str]
_POSITIONS = (1, 127)


def _slot(slot: VirtualSlot | None) -> VirtualSlot:
    if slot is None:
        raise ControlRefusal("this verb needs --slot")
    return slot


def _host(rack: Rack) -> UsbHost:
    if rack.usb_host is None:
        raise ControlRefusal("the rack is not up")
    return rack.usb_host


async def _usb(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, *_ACTIONS)
    chosen = _slot(slot)
    if not values:
        raise ControlRefusal(f"one of {', '.join(_ACTIONS)} is missing")
    for key in values:
        _ACTIONS[key](chosen, values)
    if "state" not in values and set(values) & _SHOW_ANEW:
        chosen.usb.again()
    return None


def _state(slot: VirtualSlot, values: Values) -> None:
    slot.usb.plug(want(values, "state", "unplug", "plug") == "plug")


def _driver(slot: VirtualSlot, values: Values) -> None:
    slot.usb.set_driver(want(values, "driver", "none", "bound") == "bound")


def _udev(slot: VirtualSlot, values: Values) -> None:
    faults = slot.usb.faults
    faults.nodes = values["udev"] != "never"
    faults.node_s = _seconds(values, "udev") if faults.nodes else 0.0


def _delay(slot: VirtualSlot, values: Values) -> None:
    slot.usb.faults.delay_s = _seconds(values, "delay")


def _mode(slot: VirtualSlot, values: Values) -> None:
    text = want(values, "mode")
    try:
        mode = None if text == "normal" else int(text, 8)
    except ValueError:
        raise ControlRefusal(f"mode={text} is no octal number of permission bits") from None
    if mode is not None and not 0 <= mode <= 0o777:
        raise ControlRefusal(f"mode={text} is out of range 0 to 777")
    slot.usb.faults.mode = mode


def _place(slot: VirtualSlot, values: Values) -> None:
    home = values["place"] == "home"
    slot.usb.faults.position = None if home else want_int(values, "place", *_POSITIONS)


def _order(slot: VirtualSlot, values: Values) -> None:
    text = want(values, "order")
    if text == "normal":
        slot.usb.faults.order = ()
        return
    try:
        order = tuple(int(part) for part in text.split(","))
    except ValueError:
        order = ()
    shown = slot.usb.composition
    count = len(shown.interfaces) if shown is not None else len(order)
    if not order or sorted(order) != list(range(count)):
        raise ControlRefusal(f"order={text} does not name each of the serial functions 0 to {count - 1} once")
    slot.usb.faults.order = order


def _shows(slot: VirtualSlot, values: Values) -> None:
    text = want(values, "shows")
    if text == "settings":
        slot.module.serial.forced = None
        return
    known = {_selector(one): one for one in slot.profile.usb if one.selected_by != "usb_boot"}
    if text not in known:
        raise ControlRefusal(f"shows={text} is not possible; it takes settings, {', '.join(known)}")
    slot.module.serial.forced = known[text]


def _selector(one: UsbComposition) -> str:
    """``usbmode=5``, with the product grade where compositions differ by it: ``01B/usio=2``."""
    return f"{one.ordering.strip('-')}/{one.selected_by}" if one.ordering else one.selected_by


def _seconds(values: Values, key: str) -> float:
    try:
        number = float(want(values, key))
    except ValueError:
        raise ControlRefusal(f"{key}={values[key]} is not a number of seconds") from None
    if not 0 <= number <= 600:
        raise ControlRefusal(f"{key}={values[key]} is out of range 0 to 600")
    return number


_ACTIONS = MappingProxyType({"state": _state, "driver": _driver, "udev": _udev, "delay": _delay,
                             "mode": _mode, "place": _place, "order": _order, "shows": _shows})
_SHOW_ANEW = frozenset({"udev", "mode", "place", "order"})


async def _hub(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del slot
    only(values, "state")
    _host(rack).set_hub(want(values, "state", "on", "off") == "on")
    return None


async def _gadget(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del slot
    only(values, "place", "id", "state")
    host = _host(rack)
    position = want_int(values, "place", *_POSITIONS)
    if values.get("state", "plug") == "unplug":
        if not host.has_gadget(position):
            raise ControlRefusal(f"no device was plugged into port {position}")
        host.set_gadget(Gadget(position, 0, 0), False)
        return None
    want({"state": values.get("state", "plug")}, "state", "plug", "unplug")
    vid, colon, pid = want(values, "id").partition(":")
    try:
        gadget = Gadget(position, int(vid, 16), int(pid, 16))
    except ValueError:
        colon = ""
    if not colon or not 0 <= gadget.vid <= 0xFFFF or not 0 <= gadget.pid <= 0xFFFF:
        raise ControlRefusal(f"id={values['id']} is not of the form 0525:a4a7")
    if host.tree.has_device(gadget.location):
        raise ControlRefusal(f"port {position} is taken")
    host.set_gadget(gadget, True)
    return None


async def _report_nodes(rack: Rack, slot: VirtualSlot | None, values: Values) -> Answer:
    del rack
    only(values, "what")
    return _slot(slot).usb.nodes()


VERBS: Mapping[str, Verb] = MappingProxyType({
    "usb": Verb("state=unplug|plug, driver=none|bound, udev=SECONDS|never, delay=SECONDS, mode=OCTAL|normal, "
                "place=PORT|home, order=0,1,...|normal, shows=SELECTOR|settings: the module's USB cable; "
                "drivers; how late device nodes come; how late the device; permissions; the hub's port; the "
                "order of descriptors; the composition from the next boot on", True, _usb),
    "usb-hub": Verb("state=on|off: the hub that all modules hang on loses its cable", False, _hub),
    "usb-gadget": Verb("place=PORT id=VID:PID [state=plug|unplug]: another device in a port of the hub",
                       False, _gadget),
})

REPORTS: Mapping[str, Verb] = MappingProxyType({
    "usb-nodes": Verb("where the module is on USB, and the device node of each port by its true role", True,
                      _report_nodes),
})
