"""Updates as procedures use them: packages that fit the slot's module, and an updater that records."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from cellbench.base.errors import NotPossible
from cellbench.host.firmware.model import (
    Method,
    Package,
    PackageKind,
    Recovery,
    Stage,
    Unserved,
    Update,
    UpdateError,
    UpdateEvent,
    UpdateNotApplied,
)
from cellbench.host.xmodem import Check, Mode
from cellbench.rig.capabilities import Capability, capabilities
from cellbench.rig.dut import Dut, DutState
from cellbench.rig.firmware import FirmwareCatalogue
from cellbench.rig.firmware_route import Module, pick, route
from cellbench.rig.updating import Begun, Report, Updater
from cellbench.session.equipment import Equipment
from cellbench.session.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Packages:
    """Firmware packages for the module of one slot, out of the catalogue that the rig file names.

    ``start`` is the installed release; unset: the module is asked, in state READY. NotPossible where the
    rig has no catalogue, or nothing in it that fits, with the reasons.
    """

    equipment: Equipment
    slot: str

    def __call__(self, kind: PackageKind = PackageKind.DELTA, *, start: str | None = None,
                 end: str | None = None) -> Package:
        """A package of a kind that fits now; without ``end`` it leads to another release than the installed
        one, the last in the catalogue."""
        return pick(self.catalogue, self._module(start), kind, end)

    def route(self, end: str, *, start: str | None = None) -> tuple[Package, ...]:
        """The packages that lead to a release, one after the other; none when it is installed."""
        return route(self.catalogue, self._module(start), end)

    def all(self, kind: PackageKind | None = None) -> tuple[Package, ...]:
        """Every package for the slot's series and variant, whatever is installed."""
        profile = self.equipment.bench.slot(self.slot).profile
        return tuple(one for one in self.catalogue.packages(profile.series, profile.variant)
                     if kind in (None, one.kind))

    @property
    def catalogue(self) -> FirmwareCatalogue:
        """The rig's catalogue; NotPossible when it has none."""
        rig = self.equipment.rig
        if rig.firmware is None:
            raise NotPossible(f"rig {rig.model.rig} has no firmware catalogue",
                              remedy="name one under firmware in the rig file (docs/firmware.md)")
        return rig.firmware

    def _module(self, start: str | None) -> Module:
        profile = self.equipment.bench.slot(self.slot).profile
        installed = start or self._ask()
        return Module(profile.series, profile.variant, installed, self._no_flashing())

    def _ask(self) -> str:
        dut = self.equipment.dut_at(self.slot, DutState.READY)
        assert dut is not None  # it is for OFF alone
        return dut.identify(sim=False).firmware

    def _no_flashing(self) -> str:
        if Capability.FLASH in capabilities(self.equipment.rig.model, self.slot):
            return ""
        return f"slot {self.slot} names no flashing tool"


class RecordingUpdater(Updater):
    """An updater whose updates stand in the attempt's record, with the versions before and after, be they
    refused or not. Each stage of an update is a step of the procedure: its time is in the report, its name
    in the progress of the run."""

    def __init__(self, dut: Dut, record: Recorder, *, report: Report | None = None) -> None:
        super().__init__(dut, report=self._follow)
        self._record = record
        self._inside = False
        self._after: str | None = None
        self._told = report
        self._stage: Stage | None = None
        self._steps = contextlib.ExitStack()

    def foat(self, package: Package, *, port: str | None = None, rate: int = 115200,
             mode: Mode = Mode.XMODEM_1K, check: Check | None = None) -> Update:
        """As Updater.foat."""
        with self._outermost(Method.FOAT) as outermost:
            return self._noted(super().foat(package, port=port, rate=rate, mode=mode, check=check),
                               outermost)

    def install(self, package: Package, *, method: Method, port: str | None = None,
                rate: int = 115200) -> Update:
        """As Updater.install."""
        with self._outermost(method) as outermost:
            return self._noted(super().install(package, method=method, port=port, rate=rate), outermost)

    def unserved(self, *, port: str | None = None, rate: int = 115200) -> Unserved:
        """As Updater.unserved."""
        with self._outermost(Method.FOAT) as outermost:
            found = super().unserved(port=port, rate=rate)
        if outermost:
            self._record.firmware(found.before, found.after, Method.FOAT.value)
        return found

    def flash(self, package: Package) -> Update:
        """As Updater.flash."""
        with self._outermost(Method.FLASH) as outermost:
            return self._noted(super().flash(package), outermost)

    def recover(self, package: Package | None) -> Recovery:
        """As Updater.recover; the version before is the one that the package began from."""
        with self._outermost(None) as outermost:
            found = super().recover(package)
        if outermost:
            before = package.start if package is not None and package.start is not None else found.version
            self._record.firmware(before, found.version, "recovery")
            self._record.note(f"recovered: {found.path.value}, {found.version or 'no version told'}, "
                              f"{found.seconds:.1f} s")
        return found

    def _settled(self, begun: Begun, *, stuck: bool = False) -> str:
        self._after = super()._settled(begun, stuck=stuck)
        return self._after

    def _noted(self, update: Update, outermost: bool) -> Update:
        if outermost:
            self._record.firmware(update.before, update.after, update.method.value)
        return update

    def _follow(self, event: UpdateEvent) -> None:
        if event.stage is not self._stage:
            self._stage = event.stage
            self._steps.close()
            if event.stage is not Stage.DONE:
                self._steps.enter_context(self._record.step(f"update: {event.stage.value}"))
        if self._told is not None:
            self._told(event)

    @contextlib.contextmanager
    def _outermost(self, method: Method | None) -> Iterator[bool]:
        """True for what the procedure asked for: what an update or a recovery is made of is not recorded."""
        outermost, self._inside = not self._inside, True
        if outermost:
            self._after = self._stage = None
        try:
            with self._steps if outermost else contextlib.nullcontext():
                yield outermost
        except UpdateError as error:
            if outermost:
                before, after = self.before, self._after or ""
                if isinstance(error, UpdateNotApplied):
                    before, after = error.before, error.after
                self._record.firmware(before, after, method.value if method else "recovery")
            raise
        finally:
            if outermost:
                self._inside = False
