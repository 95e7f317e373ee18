"""Flashing the module of a slot (LENA-R8 guide 11.3): boot mode, the rig's tool, normal mode, the version.

Makers' tools take whatever module they find in boot mode ("as soon as ResearchDownloadUsb recognizes the USB
device for flashing, it autonomously starts the update"), so only one module of a host is in it at a time, and
another slot's ends the flashing before the tool is begun.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from cellbench.base.clock import SYSTEM_CLOCK, Deadline
from cellbench.base.errors import CellbenchError, NotPossible, RigError
from cellbench.base.trace import Direction, TraceRecord
from cellbench.host.errors import AtTimeout
from cellbench.host.firmware.flashing import FlashCourse, Report, flash_error, must_be_image
from cellbench.host.firmware.model import (
    Method,
    Package,
    Stage,
    Told,
    Update,
    UpdateNotApplied,
    UpdateSilent,
)
from cellbench.instruments.flasher.model import (
    Began,
    Ending,
    Entry,
    Flasher,
    FlashEvent,
    FlashJob,
    Progress,
    Said,
)
from cellbench.io.usb import UsbDevice, list_devices
from cellbench.rig.destructive import own_unit
from cellbench.rig.dut import Dut
from cellbench.rig.flasher import FlasherAccess
from cellbench.rig.host_turn import HostTurn
from cellbench.rig.slot import PowerState, Slot
from cellbench.rig.usb_loss import explain_loss

__all__ = ["boot_port", "flash", "in_boot_mode", "other_in_boot_mode"]

_TRACE = "flasher"  # the port's name in the transcript
_TURN_S = 1800.0
_OTHERS_GO_S = 10.0  # a module that was just switched off leaves the bus a moment later
_POLL_S = 0.05
_ANSWER_S = 5.0
_LOOK_S = 1.0


def flash(dut: Dut, package: Package, report: Report | None = None) -> Update:
    """Write a full image to a DUT's module and see that it runs; its main channel is opened anew.

    A module that answers must prove to be the slot's own first (own_unit); one in boot mode since an earlier
    flashing that was cut is taken by its USB location (``before`` is "" then). Whatever ends it early, the
    tool is ended with all that it started, USB_BOOT is released, and the slot is off.

    Raises NotPossible with what the slot lacks; OperatorError for a wrong file; NotOurUnit; RigError when
    tool, cable or another slot's module is in the way; FlashFailed when the module does not take the image,
    UpdateSilent when it does not answer afterwards, UpdateNotApplied when it tells another version.
    """
    slot = dut.slot
    access = _needed(slot)
    must_be_image(package, slot.profile.series, slot.name)
    turn = HostTurn(access.key, f"the flasher {access.name}", _TURN_S)
    turn.enter(f"slot {slot.name}")
    try:
        tool = access.open()  # what is not there is found before the module is touched
        try:
            return _Flashing(dut, package, access, tool, FlashCourse(report)).run()
        finally:
            tool.close()
    finally:
        turn.leave()


def in_boot_mode(slot: Slot) -> bool:
    """True while the slot's module shows the port of its boot mode (LENA-R8 guide Table 8)."""
    if slot.model.ports.usb is None:
        return False
    device = slot.ports.scene().device()
    return device is not None and _is_boot_port(slot, device)


def boot_port(slot: Slot) -> tuple[UsbDevice, str]:
    """The slot's module in boot mode and the node of its port, waited for as long as a boot may take.

    RigError when it came up otherwise; what keeps it off USB as SlotPorts.view.
    """
    view = slot.ports.view(slot.timing.boot_max_s)
    if not _is_boot_port(slot, view.device):
        raise RigError(f"slot {slot.name}: the module started as {view.device.words}, not in boot mode",
                       remedy="USB_BOOT must be high while it starts: look at that line and its wiring")
    return view.device, str(view.nodes[0])


def other_in_boot_mode(slot: Slot, tool_is_told_the_place: bool) -> RigError | None:
    """Why the tool must not be begun: another slot's module is in boot mode, or, for a tool that takes what
    it finds, one of no slot. None when neither is."""
    scene = slot.ports.scene()
    for device in list_devices(scene.sysfs, scene.dev):
        if device.location == scene.location or not _is_boot_port(slot, device):
            continue
        other = slot.usb_elsewhere.get(device.location)
        if other is not None:
            return RigError(
                f"slot {slot.name}: the module of slot {other} is in boot mode too, at {device.location}: "
                "the tool could take it for this one",
                remedy=f"start the module of slot {other} with USB_BOOT low, or flash it first")
        if not tool_is_told_the_place:
            return RigError(
                f"slot {slot.name}: {device.words} at {device.location} belongs to no slot, and a tool that "
                "is not told a place could take it",
                remedy="unplug it, or give the tool's command {port} or {location}")
    return None


def _is_boot_port(slot: Slot, device: UsbDevice) -> bool:
    return any((one.vid, one.pid) == (device.vid, device.pid) for one in slot.profile.usb
               if one.selected_by == "usb_boot")


def _needed(slot: Slot) -> FlasherAccess:
    """The slot's tool; NotPossible names everything that flashing lacks here."""
    lacks = []
    if slot.flasher is None:
        lacks.append("a flashing tool under flasher (docs/flashing.md)")
    has_pin = slot.profile.power.has_usb_boot
    entry = slot.flasher.entry if slot.flasher is not None else Entry.USB_BOOT
    if entry is Entry.USB_BOOT and has_pin and "usb_boot" not in slot.model.lines.driven():
        lacks.append("USB_BOOT under lines.usb_boot")
    elif entry is Entry.USB_BOOT and not has_pin and slot.flasher is not None:
        lacks.append(f"an entry other than usb-boot: {slot.profile.variant} has no USB_BOOT pin")
    if entry is not Entry.RUNNING and (slot.model.power is None or slot.lease is None):
        lacks.append("a supply output under power")
    if slot.flasher is None or lacks:
        raise NotPossible(f"slot {slot.name} cannot be flashed", remedy=f"it takes {'; '.join(lacks)}")
    return slot.flasher


@dataclass(slots=True)
class _Flashing:
    """One flashing under way."""

    dut: Dut
    package: Package
    access: FlasherAccess
    tool: Flasher
    course: FlashCourse
    _start_at_tool: bool = False

    @property
    def slot(self) -> Slot:
        return self.dut.slot

    def run(self) -> Update:
        if self.tool.is_here and self.slot.model.ports.usb is None:
            raise NotPossible(f"{self.access.name} runs on this host, slot {self.slot.name} has no USB here",
                              remedy="name the module's location under ports.usb")
        before = self._installed()
        if before:  # in boot mode nothing tells who it is: its USB location must do
            own_unit(self.slot, self.dut)
        self.course.tell(Stage.COMMANDED)
        ways = {Entry.USB_BOOT: self._by_usb_boot, Entry.RUNNING: self._while_running,
                Entry.POWER_ON: self._tool_first}
        try:
            ending = ways[self.access.entry](orderly=bool(before))
            if not ending.passed:
                raise self._failure(ending)
        except BaseException:
            self._leave_boot_mode("flashing ended early")
            raise
        self.course.tell(Stage.REBOOTING)
        after = self._restarted()
        if after != self.package.end:
            raise UpdateNotApplied(
                f"slot {self.slot.name}: {self.access.name} has written {self.package.path.name}, and the "
                f"module tells {after}, not {self.package.end}", before, after,
                remedy="see that the tool was given this image, and that the catalogue tells its version")
        self.course.tell(Stage.DONE)
        course = self.course
        return Update(Method.FLASH, before, after, None, course.elapsed_s, tuple(course.events), Told.ASKED)

    # -- ways --------------------------------------------------------------------------------------------

    def _by_usb_boot(self, *, orderly: bool) -> Ending:
        slot = self.slot
        slot.power_off(hard=not orderly, cause="flashing: boot mode begins with a start")
        if slot.model.ports.usb is not None:
            slot.boot_turn.enter(f"slot {slot.name}")
            self._nobody_else()
        slot.power_on(usb_boot=True, sync=False)
        port, location = self.access.port, ""
        if slot.model.ports.usb is None:
            slot.events("flash", "the module's USB is on another host: its boot mode, and that of others "
                        f"there, were not looked at ({self.tool.identity()})", {})
        else:
            device, node = boot_port(slot)
            slot.events("flash", f"boot mode: {device.words} at {device.location}, {node}", {})
            port, location = port or node, device.location
            self._nobody_else()
        return self.tool.flash(self._job(port, location), self._heard)

    def _while_running(self, *, orderly: bool) -> Ending:
        self.slot.close_channels()
        return self.tool.flash(self._job(self.access.port, self._location()), self._heard)

    def _tool_first(self, *, orderly: bool) -> Ending:
        self.slot.power_off(hard=not orderly, cause="flashing: the tool waits for the module's start")
        self._start_at_tool = True
        return self.tool.flash(self._job(self.access.port, self._location(), tool_first=True), self._heard)

    def _job(self, port: str, location: str, *, tool_first: bool = False) -> FlashJob:
        package = self.package
        return FlashJob(self.slot.name, package.path.absolute(), package.sha256, package.end, port, location,
                        self.access.rate_bit_s, tool_first)

    def _location(self) -> str:
        return self.slot.model.ports.usb.location if self.slot.model.ports.usb is not None else ""

    # -- boot mode -----------------------------------------------------------------------------------------

    def _nobody_else(self) -> None:
        """RigError when another module that the tool could take is in boot mode."""
        deadline = Deadline.after(_OTHERS_GO_S)
        while (found := other_in_boot_mode(self.slot, self.tool.is_told_the_place)) is not None:
            if deadline.expired:
                raise found
            time.sleep(_POLL_S)

    def _leave_boot_mode(self, cause: str) -> None:
        """USB_BOOT released, the supply off: boot mode has no orderly switch-off."""
        slot = self.slot
        with contextlib.suppress(CellbenchError):
            if "usb_boot" in slot.model.lines.driven():
                slot.drive("usb_boot", False)
        with contextlib.suppress(CellbenchError):
            if slot.model.power is not None:
                slot.power_off(hard=True, cause=cause)

    # -- the tool ------------------------------------------------------------------------------------------

    def _heard(self, event: FlashEvent) -> None:
        match event:
            case Began(command=command):
                self._note(Direction.TX, command.encode())
                if self._start_at_tool:
                    self.slot.power_on(sync=False)
            case Said(data=data):
                self._note(Direction.RX, data)
            case Progress(percent=percent):
                self.course.wrote(percent)

    def _note(self, direction: Direction, data: bytes) -> None:
        """A record in the slot's transcript, where it becomes a file of the attempt."""
        slot, clock = self.slot, SYSTEM_CLOCK
        number = slot.ports.next_record.get(_TRACE, 0)
        slot.ports.next_record[_TRACE] = number + 1
        slot.trace.record(TraceRecord(number, round(clock.monotonic() * 1e9), clock.utc_ns(),
                                      f"{slot.name}.{_TRACE}", direction, data))

    def _failure(self, ending: Ending) -> CellbenchError:
        """Whose failure it is: the bench's when the module is off the bus, else as the tool says."""
        slot = self.slot
        seen = self.access.entry is Entry.USB_BOOT and slot.model.ports.usb is not None
        if seen and not slot.usb_appears(0.0):
            loss = explain_loss(slot, _LOOK_S)
            slot.events("usb-lost", loss.seen, {"cause": loss.cause.value})
            error = loss.error()
            error.message += f" while {self.access.name} wrote; the tool: {ending.words}"
            return error
        return flash_error(ending, self.access.name, slot.name, self.package.path.name)

    # -- the module ----------------------------------------------------------------------------------------

    def _installed(self) -> str:
        """The release that runs, "" when the module cannot say."""
        slot = self.slot
        if slot.state is not PowerState.ON or in_boot_mode(slot):
            return ""
        try:
            self._reopen(_ANSWER_S)
            return self.dut.identify(sim=False).firmware
        except (CellbenchError, IndexError):
            return ""

    def _restarted(self) -> str:
        """Normal mode, and the release that runs. UpdateSilent when the module does not answer."""
        slot, wait = self.slot, self.slot.timing.boot_max_s
        try:
            if self.access.entry is Entry.USB_BOOT:
                self._leave_boot_mode("flashing: normal mode begins with a start")
                slot.power_on()
            self._reopen(wait)
            if self.access.entry is not Entry.USB_BOOT and slot.model.power is not None:
                slot.power_off(cause="flashing: the new firmware starts from off")
                slot.power_on()
                self._reopen(wait)
            found = self.dut.identify(sim=False).firmware
        except AtTimeout as error:
            raise UpdateSilent(f"slot {slot.name}: the image is written, and the module does not answer: "
                               f"{error.message}", Stage.REBOOTING,
                               remedy="flash it anew; see that USB_BOOT is low while it starts") from error
        self.dut.settle()
        return found

    def _reopen(self, seconds: float) -> None:
        """The main channel, wherever it is now."""
        slot = self.slot
        role = self.dut.home or next((name for name, one in slot.channels.items() if one is self.dut.at), "")
        roles = slot.roles()
        channel = slot.channel(role if role in roles else roles[0])
        channel.sync(seconds)
        self.dut.at, self.dut.home = channel, ""
