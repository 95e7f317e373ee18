"""The modules' own USB: hub paths, what stands there, drivers, who else reaches for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cellbench.catalogue.modules import profile_for
from cellbench.io.usb import find_device
from cellbench.session.check.holders import ignore_rule, running
from cellbench.session.check.model import Look, Scene, Trouble
from cellbench.session.check.ports import KeyPath, look_at_node
from cellbench.session.check.tree import (
    Place,
    hub_ports,
    hubs,
    module_series,
    parent_of,
    place,
    places,
    port_of,
    unbound,
)

_PLUG = "or `cellbench rig discover --plug` shows the path while you plug it"


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
    there = place(scene.sysfs, location)
    if there is None:
        yield _nothing_there(scene, what, where, slot, location)
    else:
        yield _something_there(scene, what, where, slot, there)


def look_at_strangers(scene: Scene) -> Iterator[Look]:
    """Modules on USB that no slot names."""
    named = {slot.ports.usb.location for slot in scene.rig.model.slots.values() if slot.ports.usb is not None}
    free = [name for name, slot in scene.rig.model.slots.items() if slot.ports.usb is None]
    for one in places(scene.sysfs):
        series = module_series(one.vid, one.pid, boot=False)
        if series is None or one.location in named:
            continue
        remedy = f"if it is the module of {' or '.join(free)}, write" if free else "if it is in a slot, write"
        yield Look(
            "usb",
            f"{one.describe()} is in no slot of this file",
            (
                scene.warning(
                    ("slots",),
                    f"a {series.value} at USB location {one.location} belongs to no slot",
                    f'{remedy} ports: {{usb: {{location: "{one.location}"}}}}; {_PLUG}',
                ),
            ),
        )


def look_at_modem_manager(scene: Scene) -> Iterator[Look]:
    """A ModemManager that would take the modules' ports as soon as they appear."""
    slots = {name: slot for name, slot in scene.rig.model.slots.items() if slot.ports.usb is not None}
    daemon = running("ModemManager", scene.host)
    if daemon is None or not slots or not scene.is_kernels_tree:
        return
    rules = "\n".join(text for folder in scene.host.udev_rules for text in _rules(folder))
    vendors = {
        (f"{one.vid:04x}", f"{one.pid:04x}")
        for slot in slots.values()
        for one in profile_for(slot.series, slot.variant).usb
    }
    unmarked = sorted({vid for vid, _ in vendors if not _is_marked(rules, vid)})
    if unmarked:
        first = next(pair for pair in sorted(vendors) if pair[0] == unmarked[0])
        remedy = ignore_rule(first).replace(f', ATTRS{{idProduct}}=="{first[1]}"', "")
        yield Look(
            "ModemManager",
            f"runs (pid {daemon.pid}, user {daemon.user})",
            (
                scene.error(
                    ("slots", next(iter(slots)), "ports", "usb"),
                    f"ModemManager runs (pid {daemon.pid}), no udev rule keeps it from the modules' ports (vendor "
                    f"{', '.join(unmarked)})",
                    f"{remedy}; the same for each vendor named",
                ),
            ),
        )


def _hub_path(scene: Scene, where: KeyPath, location: str) -> Trouble | None:
    hub, port = parent_of(location), port_of(location)
    known = hubs(scene.sysfs)
    if not known:
        return scene.error(
            ("usb", "sysfs"),
            f"there is no USB tree below {scene.sysfs}",
            "correct usb.sysfs (/sys unless the tree is elsewhere), or load a host controller",
        )
    ports = hub_ports(scene.sysfs, hub)
    if ports is None:
        return scene.error(
            where,
            f"there is no hub {hub}, so nothing can appear at {location}",
            f"hubs are {', '.join(known)}; look with `lsusb -t`, {_PLUG}",
        )
    if not 1 <= port <= ports:
        return scene.error(
            where,
            f"hub {hub} has {ports} ports, so there is no {location}",
            f"count the ports from 1, {_PLUG}",
        )
    return None


def _nothing_there(scene: Scene, what: str, where: KeyPath, slot: str, location: str) -> Look:
    if scene.is_on(slot) is not True or slot in scene.busy:
        return Look(what, f"nothing at {location}, as while the module is off")
    named = {one.ports.usb.location for one in scene.rig.model.slots.values() if one.ports.usb is not None}
    others = [
        one
        for one in places(scene.sysfs)
        if one.location not in named and module_series(one.vid, one.pid, boot=False) is not None
    ]
    remedy = (
        f'it may be the one at {others[0].location}: write location: "{others[0].location}"'
        if others
        else f"plug its USB cable, drive VUSB_DET where it is wired, {_PLUG}"
    )
    return Look(
        what,
        location,
        (scene.error(where, f"the module of slot {slot} is on, and nothing is at {location}", remedy),),
    )


def _something_there(scene: Scene, what: str, where: KeyPath, slot: str, there: Place) -> Look:
    series = module_series(there.vid, there.pid)
    wanted = scene.rig.model.slots[slot].series
    if series is None:
        return Look(
            what,
            there.describe(),
            (
                scene.error(
                    where,
                    f"at {there.location} is {there.describe()}, which is no {wanted.value}",
                    f"correct the location: `lsusb -t`, {_PLUG}",
                ),
            ),
        )
    if series.value != wanted.value:
        return Look(
            what,
            there.describe(),
            (
                scene.error(
                    where,
                    f"at {there.location} is a {series.value}, the slot says {wanted.value}",
                    "correct the location or the series; the cables of two slots may be exchanged",
                ),
            ),
        )
    troubles = []
    bare = unbound(scene.sysfs, there.location)
    device = find_device(scene.sysfs, scene.dev, there.location)
    if bare:
        pair = f"{there.vid} {there.pid}"
        troubles.append(
            scene.error(
                where,
                f"no driver has taken {len(bare)} serial interfaces of {there.describe()}: {', '.join(bare)}",
                f"now: `sudo modprobe option && echo {pair} | sudo tee "
                f'/sys/bus/usb-serial/drivers/option1/new_id`; for good write `ACTION=="add", '
                f'ATTRS{{idVendor}}=="{there.vid}", ATTRS{{idProduct}}=="{there.pid}", RUN+="/bin/sh -c '
                f"'modprobe option; echo {pair} > /sys/bus/usb-serial/drivers/option1/new_id'\"` into "
                "/etc/udev/rules.d/70-cellbench.rules",
            )
        )
    for node in device.ttys if device is not None else ():
        troubles += look_at_node(scene, where, node)
    count = len(device.ttys) if device is not None else 0
    return Look(what, f"{there.describe()} with {count} serial ports", tuple(troubles))


def _rules(folder: Path) -> Iterator[str]:
    try:
        files = sorted(folder.glob("*.rules"))
    except OSError:
        return
    for file in files:
        try:
            yield file.read_text(errors="replace")
        except OSError:
            continue


def _is_marked(rules: str, vid: str) -> bool:
    """True when a rule of this vendor's lines keeps ModemManager away."""
    return any(
        "ID_MM_DEVICE_IGNORE" in line and f'"{vid}"' in line.lower() and not line.startswith("#")
        for line in rules.splitlines()
    )
