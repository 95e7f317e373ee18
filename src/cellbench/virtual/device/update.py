"""Firmware update of a module: FOAT by Xmodem, installation of a stored package (LENA-R8 guide 11.1, 11.2;
facts sheets device 11 and siblings 2).

The update is begun by a record on disk (:mod:`update_state`) and carried out at the start that follows, in
place of the boot: a module whose power is cut finds the record again.
"""

from __future__ import annotations

import asyncio
import enum
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cellbench.base.errors import OperatorError
from cellbench.virtual.device import update_package
from cellbench.virtual.device.certificates_at import certificate_store
from cellbench.virtual.device.files_at import file_store
from cellbench.virtual.device.filestore import FOAT, USER, FileRefusal
from cellbench.virtual.device.update_link import UART, UpdateLink
from cellbench.virtual.device.update_package import Fault, Package, PackageFault
from cellbench.virtual.device.update_state import SUCCESS, Begin, FileDisk, State, Told, UpdateState
from cellbench.virtual.front.xmodem import Outcome, Phase, Windows, XmodemReceiver

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

PACKAGE_NAME = "updatePackage.bin"
_STEPS = (1, 2, 5)  # progress need not go by 1 (LENA-R8 guide 11.1.1)
_LEAST_BLOCK_S, _LEAST_WITHIN_S, _LEAST_QUIET_S = 1.0, 0.5, 0.1


class Stage(enum.Enum):
    """Where an update is, for whoever watches or cuts."""

    IDLE = "idle"
    DOWNLOADING = "downloading"  # +UFTPC=100, +UHTTPC=..,100; at: bytes
    ENTERING = "entering"  # the restart into update mode
    WAITING = "waiting"  # C and NAK go out
    RECEIVING = "receiving"  # at: blocks taken
    CHECKING = "checking"  # at: percent
    WRITING = "writing"  # at: percent
    SILENT = "silent"  # after 100, before the new firmware is there
    COMMITTED = "committed"  # the new firmware is there, 128 is not told yet
    FLASHING = "flashing"  # boot mode; at: percent


class Defect(enum.Enum):
    """Faults of the module's own update, to prove that tests find them."""

    BRICK = "brick-at-100"
    CERTIFICATES = "lose-certificates"
    ANY_START = "accept-wrong-start"
    NO_UPDATE = "report-128-without-update"


Watcher = Callable[[Stage, int], None]


class Place:
    """Where a client puts the package that it loads."""

    def __init__(self, module: Module, note: Callable[[int], None]) -> None:
        self._files = file_store(module)
        self.note = note
        self.room = self._files.free()

    def store(self, data: bytes) -> str:
        """Keep it; its MD5. FileRefusal when it has no room."""
        self._files.write(PACKAGE_NAME, data, FOAT)
        return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Updater:
    """The firmware of a module and what becomes of it; lives as long as the module, with or without power."""

    def __init__(self, module: Module) -> None:
        facts = module.config.behaviour
        self._module = module
        self.stage = Stage.IDLE
        self.at = 0
        self.downloading = ""
        """The command that loads a package now, "" for none: one way at a time."""
        self.watchers: list[Watcher] = []
        self.defect = _defect(facts.update_defect)
        disk = FileDisk(module.home / "update.json", self._drop_package)
        self.state = UpdateState(disk, module.config.firmware, keeps_package=facts.fota_keeps_package,
                                 cut_before_write_waits=facts.foat_cut_waits)

    @property
    def version(self) -> str:
        """The firmware that runs, as ATI9 shows it; "" when none could."""
        return self.state.record.firmware or ""

    @property
    def in_update(self) -> bool:
        """True while no AT command is taken for an update's sake."""
        return self.state.record.state not in (State.NORMAL, State.COMMITTED)

    @property
    def on_usb(self) -> bool:
        """True while the update under way is told on USB."""
        return self.state.record.told.port != UART

    def power_off(self) -> None:
        """The module goes off or restarts: nothing is under way."""
        self.stage, self.at = Stage.IDLE, 0
        self.downloading = ""

    # -- watching ----------------------------------------------------------------------------------

    def note(self, stage: Stage, at: int = 0) -> None:
        """The update is at a stage now."""
        self.stage, self.at = stage, at
        for watcher in tuple(self.watchers):
            watcher(stage, at)

    async def reach(self, stage: Stage, at: int = 0) -> None:
        """As ``note``; a watcher that cuts the power ends the script here, before its next write."""
        self.note(stage, at)
        await asyncio.sleep(0)

    # -- downloads ---------------------------------------------------------------------------------

    @contextmanager
    def download(self, command: str) -> Iterator[Place]:
        """A package comes by a client; an older one is deleted first (SARA-R5 firmware update note)."""
        self.downloading = command
        self.note(Stage.DOWNLOADING)
        try:
            self._drop_package()
            yield Place(self._module, lambda count: self.note(Stage.DOWNLOADING, count))
        finally:
            self.downloading = ""
            self.note(Stage.IDLE)

    # -- a start in update mode --------------------------------------------------------------------

    async def run(self, begin: Begin) -> None:
        """Update mode from the start to the restart that follows; never ends with nothing to start."""
        told = self.state.record.told
        link = UpdateLink(self._module, told)
        self.state.entered()
        await self.reach(Stage.ENTERING)
        if begin is Begin.NOTHING:
            await asyncio.get_running_loop().create_future()
        if begin is Begin.INSTALL:
            await self._install(link, told)
        while self.state.record.state in (State.AWAITING, State.LOST):
            await self._foat(link, told)
        self.note(Stage.COMMITTED if self.state.record.state is State.COMMITTED else Stage.IDLE)

    def tell(self) -> None:
        """The new firmware runs: what is still to be told, at the port of the command."""
        record = self.state.record
        if record.state is not State.COMMITTED:
            return
        prefix = self._result_prefix()
        uart = self._module.uart.port
        for port in self._module.ports:
            if (port is uart) == (record.told.port == UART):
                port.announce(f"{prefix}: {SUCCESS}")
                break
        self.state.told()
        self.note(Stage.IDLE)

    # -- FOAT --------------------------------------------------------------------------------------

    async def _foat(self, link: UpdateLink, told: Told) -> None:
        facts = self._module.config.behaviour
        link.say("+UFWUPD: ONGOING")
        receiver = XmodemReceiver(self._windows())
        try:
            data = await self._receive(link, receiver)
            package = await self._checked(link, told, data)
        except PackageFault as fault:
            link.say(f"+UFWUPD: {int(fault.fault)}")
            self._refused()
            return
        if package is None:
            link.say(facts.foat_timeout_text)
            self._refused()
            return
        await self._write(link, told, package, "+UFWUPD")

    def _refused(self) -> None:
        self.state.refused()

    def _windows(self) -> Windows:
        facts, own = self._module.config.behaviour, self._module.pace.own
        return Windows(call_crc_s=own(facts.foat_crc_s), call_sum_s=own(facts.foat_nak_s),
                       block_s=max(own(facts.foat_block_s), _LEAST_BLOCK_S),
                       within_block_s=max(own(1.0), _LEAST_WITHIN_S),
                       quiet_s=max(own(0.5), _LEAST_QUIET_S), retries=facts.foat_retries)

    async def _receive(self, link: UpdateLink, receiver: XmodemReceiver) -> bytes | None:
        """The file, None when it does not come whole; PackageFault when it has no room."""
        link.taker = None
        room = self._room()
        data = bytearray()
        link.send(receiver.start())
        await self.reach(Stage.WAITING)
        due = self._module.pace.now() + receiver.wait_s
        while receiver.outcome is None:
            reply = await self._next(link, receiver, due)
            for block in receiver.take():
                data += block.data
                await self.reach(Stage.RECEIVING, block.number)
            if len(data) > room or update_package.announced_size(data) > room:
                link.send(receiver.cancel())
                raise PackageFault(Fault.NO_ROOM)
            link.send(reply)
            if receiver.phase is not Phase.CALLING or reply or self._module.pace.now() >= due:
                due = self._module.pace.now() + receiver.wait_s
        if receiver.outcome is not Outcome.COMPLETE:
            return None
        link.taker = lambda more: link.send(receiver.receive(more))  # a sender whose ACK was lost
        return bytes(data)

    async def _next(self, link: UpdateLink, receiver: XmodemReceiver, due: float) -> bytes:
        try:
            async with asyncio.timeout_at(due):
                data = await link.received.get()
        except TimeoutError:
            return receiver.expired()
        return receiver.receive(data)

    def _room(self) -> int:
        store = file_store(self._module)
        there = store.size(PACKAGE_NAME, FOAT) if store.exists(PACKAGE_NAME, FOAT) else 0
        return store.free() + there

    # -- +UFWINSTALL -------------------------------------------------------------------------------

    async def _install(self, link: UpdateLink, told: Told) -> None:
        prefix = self._module.config.behaviour.fota_prefix
        begun = self.state.record.state is State.REWRITING
        try:
            package = await self._checked(link, told, self._stored())
        except PackageFault as fault:
            link.say(f"{prefix}: {int(fault.fault)}")
            if begun:
                self.state.failed()  # the package is gone, and so is the old firmware
            else:
                self.state.refused()
            return
        if package is not None:
            await self._write(link, told, package, prefix)

    def _stored(self) -> bytes:
        try:
            return file_store(self._module).read(PACKAGE_NAME, FOAT)
        except FileRefusal:
            raise PackageFault(Fault.NOT_FOUND) from None

    def _drop_package(self) -> None:
        store = file_store(self._module)
        if store.exists(PACKAGE_NAME, FOAT):
            store.delete(PACKAGE_NAME, FOAT)

    # -- both --------------------------------------------------------------------------------------

    async def _checked(self, link: UpdateLink, told: Told, data: bytes | None) -> Package | None:
        """The package behind its check; None without data, PackageFault when the check fails."""
        if data is None:
            return None
        facts = self._module.config.behaviour
        steps = tuple(_progress())
        for percent in steps:
            await self.reach(Stage.CHECKING, percent)
            if told.verbose and (percent < 100 or facts.preval_100_said):
                link.say(f"+UFWPREVAL: {percent}")
            await self._module.pace.take(facts.update_check_s / len(steps))
            if percent >= 50:
                found = self._read(data)
        return found

    def _read(self, data: bytes) -> Package:
        package = update_package.read(data)
        if self.defect is not Defect.ANY_START:
            package.check_start(self._module.profile.series, self.state.record.origin)
        return package

    async def _write(self, link: UpdateLink, told: Told, package: Package, prefix: str) -> None:
        facts, pace = self._module.config.behaviour, self._module.pace
        self.state.first_write(package.end)
        steps = tuple(_progress())
        for percent in steps:
            await self.reach(Stage.WRITING, percent)
            if percent:
                self.state.wrote(percent)
            if told.verbose:
                link.say(f"{prefix}: {percent}")
            await pace.take(facts.update_write_s / len(steps))
        await self._finish(link, package, "foat" if prefix == "+UFWUPD" else "fota")

    async def _finish(self, link: UpdateLink, package: Package, method: str) -> None:
        """The silent minutes, the commit, and 128 where it comes before the restart."""
        facts = self._module.config.behaviour
        if self.defect is Defect.BRICK:
            self.state.brick()
        await self.reach(Stage.SILENT)
        await self._module.pace.take(facts.update_silent_s)
        self._wipe(facts.update_wipes_foat if method == "foat" else facts.update_wipes_fota)
        if self.defect is Defect.CERTIFICATES:
            store = certificate_store(self._module)
            for entry in store.entries():
                store.remove(entry.item, entry.name)
        self.state.commit(self.state.record.origin if self.defect is Defect.NO_UPDATE else package.end)
        await self.reach(Stage.COMMITTED)
        later = facts.foat_result_after_boot if method == "foat" else facts.fota_result_after_boot
        if not later:
            link.say(f"{self._result_prefix()}: {SUCCESS}")
            self.state.told()

    def _result_prefix(self) -> str:
        facts = self._module.config.behaviour
        return facts.foat_result_prefix if self.state.record.method == "foat" else facts.fota_prefix

    def _wipe(self, what: str) -> None:
        """What the method does not keep (LENA-R8 guide Table 53); twice is as good as once."""
        module, words = self._module, what.split()
        if "files" in words:
            store = file_store(module)
            for name in store.names(USER):
                store.delete(name, USER)
        if "nvm" in words:
            module.settings.restore_factory(lambda name: name in ("identity", "sms"))
        if "sms" in words:
            module.settings.forget("sms")


def _defect(text: str) -> Defect | None:
    try:
        return Defect(text) if text else None
    except ValueError:
        known = ", ".join(one.value for one in Defect)
        raise OperatorError(f"update_defect={text} is not known", remedy=f"it is {known}") from None


def _progress() -> Iterator[int]:
    """0 to 100 in steps that differ."""
    percent, count = 0, 0
    while percent < 100:
        yield percent
        percent += _STEPS[count % len(_STEPS)]
        count += 1
    yield 100
