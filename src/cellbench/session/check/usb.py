"""The modules' own USB: hub paths, what stands there, drivers, who else reaches for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cellbench.base.errors import CellbenchError
from cellbench.catalogue.modules import profile_for
from cellbench.io.usb import UsbDevice, find_device, hub_of, list_devices, missing_hub
from cellbench.rig.udev import PERMISSION_FILE, permission_rule
from cellbench.rig.usb_view import UsbScene
from cellbench.session.check.holders import running
from cellbench.session.check.model import KeyPath, Look, Scene, Trouble
from cellbench.session.check.ports import look_at_node
from cellbench.session.check.rights import RELOAD
from cellbench.session.check.tree import hub_ports, hubs, module_series, place_of, port_of

_PLUG = "`cellbench rig discover --plug` shows a path while you plug"
_IGNORED = ("ID_MM_DEVICE_IGNORE", "ID_MM_PORT_IGNORE")  # ModemManager's manual, "Modem filter"


def look_at_usb(scene: Scene, slot: str) -> Iterator[Look]:
    """The USB location of a slot, when it has one."""
    usb = scene.rig.model.slots[slot].ports.usb
    if usb is None:
        return
    where: KeyPath = ("slots", slot, "ports", "usb", "location")
    what, location = f"{slot}: usb", usb.location
    wrong = _hub_path(scene, where, location)
    if wrong is not None:
        yield Look(what, location, (wrong,))
        return
    there = find_device(scene.sysfs, scene.dev, location)
    if there is None:
        yield _nothing_there(scene, what, where, slot, location)
    else:
        yield Look(
            what,
            f"{place_of(there)} with {len(there.ttys)} serial ports",
            tuple(_troubles(scene, where, slot, there)),
        )


def look_at_strangers(scene: Scene) -> Iterator[Look]:
    """Modules on USB that no slot names."""
    free = [name for name, slot in scene.rig.model.slots.items() if slot.ports.usb is None]
    for one in _unclaimed(scene):
        remedy = f"if it is the module of {' or '.join(free)}, write" if free else "if it is in a slot, write"
        trouble = scene.warning(
            ("slots",),
            f"the module at USB location {one.location} belongs to no slot",
            f'{remedy} ports: {{usb: {{location: "{one.location}"}}}}; {_PLUG}',
        )
        yield Look("usb", f"{place_of(one)} is in no slot of this file", (trouble,))


def look_at_modem_manager(scene: Scene) -> Iterator[Look]:
    """A ModemManager that would take the modules' ports as soon as they appear."""
    slots = {name: slot for name, slot in scene.rig.model.slots.items() if slot.ports.usb is not None}
    daemon = running("ModemManager", scene.host)
    if daemon is None or not slots or not scene.is_kernels_tree:
        return
    rules = tuple(line for folder in scene.host.udev_rules for line in _rules(folder))
    vendors = {
        one.vid
        for slot in slots.values()
        for one in profile_for(slot.series, slot.variant).usb
        if not one.shared_id
    }
    unmarked = sorted(vid for vid in vendors if not _is_marked(rules, vid))
    if unmarked:
        lines = "` and `".join(permission_rule(vid) for vid in unmarked)
        trouble = scene.error(
            ("slots", next(iter(slots)), "ports", "usb"),
            f"ModemManager runs (pid {daemon.pid}), and no udev rule keeps it from the ports of the modules",
            f"write `{lines}` into {PERMISSION_FILE}, {RELOAD}",
        )
        yield Look("ModemManager", f"runs (pid {daemon.pid}, user {daemon.user})", (trouble,))


def _hub_path(scene: Scene, where: KeyPath, location: str) -> Trouble | None:
    known = hubs(scene.sysfs)
    if not known:
        return scene.error(
            ("usb", "sysfs"),
            f"there is no USB tree below {scene.sysfs}",
            "correct usb.sysfs (/sys unless the tree is elsewhere); in a container, pass /sys on",
        )
    missing = missing_hub(scene.sysfs, location)
    if missing is not None:
        return scene.error(
            where,
            f"there is no hub {missing}, so nothing can appear at {location}",
            f"hubs are {', '.join(known)}; look at the hub's cable and power, or correct the path: {_PLUG}",
        )
    hub, port = hub_of(location), port_of(location)
    ports = hub_ports(scene.sysfs, hub)
    if ports is None or not 1 <= port <= ports:
        count = f"is a hub with {ports} ports" if ports else "is no hub"
        return scene.error(where, f"{hub} {count}, so there is no {location}", f"correct the path: {_PLUG}")
    return None


def _nothing_there(scene: Scene, what: str, where: KeyPath, slot: str, location: str) -> Look:
    if scene.is_on(slot) is not True or slot in scene.busy:
        return Look(what, f"nothing at {location}, as while the module is off")
    others = [one.location for one in _unclaimed(scene)]
    remedy = (
        f'it may be the one at {others[0]}: write location: "{others[0]}"'
        if others
        else f"plug its USB cable, drive VUSB_DET where it is wired, or correct the path: {_PLUG}"
    )
    trouble = scene.error(where, f"the module of slot {slot} is on, and nothing is at {location}", remedy)
    return Look(what, location, (trouble,))


def _troubles(scene: Scene, where: KeyPath, slot: str, there: UsbDevice) -> Iterator[Trouble]:
    """What keeps the device that is there from being the slot's module with all its ports."""
    model = scene.rig.model.slots[slot]
    profile = profile_for(model.series, model.variant)
    elsewhere = frozenset(_named(scene) - {there.location})
    series = module_series(there)
    if series is not None and series is not model.series:
        yield scene.error(
            where,
            f"at {there.location} is a {series.value} ({there.words}), the slot says {model.series.value}",
            "correct the location or the series; the USB cables of two slots may be exchanged",
        )
        return
    yield from _should_be_off(scene, where, slot, there)
    try:
        UsbScene(slot, there.location, profile, scene.rig.model.usb, elsewhere).view(there)
    except CellbenchError as error:
        if "permission" not in error.message:  # each node tells of itself below
            yield scene.raised(where, error)
    for node in there.ttys:
        yield from look_at_node(scene, where, node)


def _should_be_off(scene: Scene, where: KeyPath, slot: str, there: UsbDevice) -> Iterator[Trouble]:
    """A device on USB while the bench reads that the slot's module is off."""
    glance = scene.glances.get(slot)
    if glance is None:
        return
    if glance.output is not None and not glance.output.enabled:
        yield scene.error(
            where,
            f"{place_of(there)} is on, and the supply of slot {slot} is off",
            f"location or power is another slot's, or something else feeds it: `cellbench rig interlock "
            f"{scene.rig.path}` tells",
        )
    elif glance.asserted.get("v_int") is False:
        yield scene.error(
            (*where[:2], "lines", "v_int"),
            f"{place_of(there)} is on, and V_INT of slot {slot} is read as low",
            "the input is another slot's, not connected, or its threshold is above 1.8 V",
        )


def _named(scene: Scene) -> set[str]:
    return {slot.ports.usb.location for slot in scene.rig.model.slots.values() if slot.ports.usb is not None}


def _unclaimed(scene: Scene) -> tuple[UsbDevice, ...]:
    """Modules at places that no slot names."""
    named = _named(scene)
    found = list_devices(scene.sysfs, scene.dev)
    return tuple(one for one in found if one.location not in named and module_series(one) is not None)


def _rules(folder: Path) -> Iterator[str]:
    try:
        files = sorted(folder.glob("*.rules"))
    except OSError:
        return
    for file in files:
        try:
            yield from file.read_text(errors="replace").splitlines()
        except OSError:
            continue


def _is_marked(rules: tuple[str, ...], vid: int) -> bool:
    """True when a rule for this vendor keeps ModemManager away."""
    return any(
        f'"{vid:04x}"' in line.lower()
        and not line.lstrip().startswith("#")
        and any(mark in line for mark in _IGNORED)
        for line in rules
    )
