"""What is wrong with a rig file's flashing tools beyond single values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellbench.catalogue.modules import profile_for
from cellbench.instruments.flasher.model import Entry
from cellbench.instruments.flasher.settings import (
    CommandFlasherSettings,
    FlasherUse,
    SshFlasherSettings,
    ToolSettings,
)
from cellbench.instruments.kinds import InstrumentClass, find_kind
from cellbench.rig.schema import Slot
from cellbench.rig.strict import nearest
from cellbench.rig.yamlpos import KeyPath

if TYPE_CHECKING:
    from cellbench.rig.check import _Scene


def check_flashers(scene: _Scene) -> None:
    """Tools that slots name: they exist, are told what their commands need, and fit the series."""
    for name, slot in scene.model.slots.items():
        if slot.flasher is None:
            continue
        place: KeyPath = ("slots", name, "flasher")
        _entry(scene, place, slot, slot.flasher)
        if slot.flasher.on not in scene.model.instruments:
            declared = scene.named("instruments")
            if slot.flasher.on not in declared:
                scene.say((*place, "on"), f"there is no instrument {slot.flasher.on}",
                          nearest(slot.flasher.on, declared) or "declare it under instruments")
            continue
        settings = scene.model.instruments[slot.flasher.on]
        kind = find_kind(settings.kind)
        if kind.serves is not InstrumentClass.FLASHER:
            scene.say((*place, "on"), f"{slot.flasher.on} is a {kind.serves.value}, not a flasher",
                      "name an instrument of a flasher. kind")
        elif isinstance(settings, ToolSettings):
            _told(scene, place, slot, settings)


def _entry(scene: _Scene, place: KeyPath, slot: Slot, use: FlasherUse) -> None:
    if profile_for(slot.series).power.has_usb_boot:
        return
    if use.entry is None:
        scene.say(place, f"{slot.series.value} has no USB_BOOT pin, and no public source tells how else its "
                  "tool begins",
                  "write entry: running or entry: power-on, as the tool's manual says")
    elif use.entry is Entry.USB_BOOT:
        scene.say((*place, "entry"), f"{slot.series.value} has no USB_BOOT pin",
                  "write entry: running or entry: power-on")


def _told(scene: _Scene, place: KeyPath, slot: Slot, settings: ToolSettings) -> None:
    """What the tool's command line is told must be known here."""
    assert slot.flasher is not None
    use, used = slot.flasher, settings.used()
    if "rate" in used and use.rate_bit_s is None:
        scene.say(place, f"the command of {use.on} has {{rate}}", "write rate_bit_s")
    if "location" in used and slot.ports.usb is None:
        scene.say(place, f"the command of {use.on} has {{location}}, and the slot has no USB",
                  "name the location under ports.usb, or take {location} out of the command")
    if "port" in used and use.port is None:
        by_boot = use.entry in (None, Entry.USB_BOOT) and profile_for(slot.series).power.has_usb_boot
        if isinstance(settings, SshFlasherSettings):
            scene.say(place, f"the command of {use.on} has {{port}}, and {settings.host} has its own ports",
                      "write port, as that host calls it")
        elif not by_boot:
            scene.say(place, f"the command of {use.on} has {{port}}, which only entry: usb-boot finds",
                      "write port")
    if isinstance(settings, CommandFlasherSettings) and slot.ports.usb is None and scene.model.launch is None:
        scene.say(place, f"{use.on} runs on this host, and the slot has no USB here",
                  "name the module's location under ports.usb, or take a flasher.ssh or flasher.manual")
