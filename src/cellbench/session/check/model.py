"""What a check finds, and where it looks."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.base.clock import SYSTEM_CLOCK, Clock
from cellbench.base.errors import CellbenchError
from cellbench.guardian.glance import Glance
from cellbench.io.usb import find_device
from cellbench.rig.load import LoadedRig
from cellbench.session.check.kernel import Sync, kernel_sync

_RULES = ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")


KeyPath = tuple[str | int, ...]


class Severity(enum.Enum):
    """ERROR: a run would fail or measure rubbish. WARNING: it may, or its record would be worth less."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong; ``where`` is a place in the rig file, or what of the host."""

    severity: Severity
    where: str
    sentence: str
    remedy: str

    def __str__(self) -> str:
        told = self.sentence if self.sentence.startswith(self.where) else f"{self.where}: {self.sentence}"
        return f"{self.severity.value.upper()} {told}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Look:
    """One thing that was looked at: what it is, what it told in a few words, what is wrong with it."""

    what: str
    told: str
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """Where the host tells of itself.

    ``sysfs`` is the tree that the kernel and udev know; ``synchronised`` asks whether something keeps the
    clock right.
    """

    proc: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    udev_rules: tuple[Path, ...] = tuple(map(Path, _RULES))
    serial_locks: tuple[Path, ...] = (Path("/run/lock"), Path("/var/lock"))
    clock: Clock = SYSTEM_CLOCK
    synchronised: Callable[[], Sync] = kernel_sync
    results: Path = Path("reports/out")


@dataclass(slots=True)
class Scene:
    """A rig with what is known of it so far.

    ``identities``: what the instruments that answered say they are. ``glances``: what the bench reads of
    each slot. ``busy``: slots that a run holds, with its holder.
    """

    rig: LoadedRig
    host: Host
    identities: dict[str, str] = field(default_factory=dict)
    glances: dict[str, Glance] = field(default_factory=dict)
    busy: dict[str, str] = field(default_factory=dict)

    def error(self, place: KeyPath, sentence: str, remedy: str) -> Trouble:
        """An error at a place of the rig file."""
        return Trouble(Severity.ERROR, self.rig.where(*place), sentence, remedy)

    def warning(self, place: KeyPath, sentence: str, remedy: str) -> Trouble:
        """A warning at a place of the rig file."""
        return Trouble(Severity.WARNING, self.rig.where(*place), sentence, remedy)

    def raised(self, place: KeyPath, error: CellbenchError) -> Trouble:
        """What an attempt raised, as an error at a place of the rig file."""
        return self.error(place, error.message, error.remedy or "see docs/checking-a-rig.md")

    def is_on(self, slot: str) -> bool | None:
        """Whether a slot's module is on, as far as the bench can read; None when nothing tells.

        A supply that is off counts most, then V_INT; where neither tells, a device at its USB location.
        """
        glance = self.glances.get(slot)
        if glance is not None and glance.output is not None and not glance.output.enabled:
            return False
        if glance is not None and "v_int" in glance.asserted:
            return glance.asserted["v_int"]
        usb = self.rig.model.slots[slot].ports.usb
        there = usb is not None and find_device(self.sysfs, self.dev, usb.location) is not None
        return True if there else None

    @property
    def sysfs(self) -> Path:
        """The USB tree of the rig."""
        return Path(self.rig.model.usb.sysfs)

    @property
    def dev(self) -> Path:
        """The device nodes of the rig."""
        return Path(self.rig.model.usb.dev)

    @property
    def is_kernels_tree(self) -> bool:
        """True when the rig's USB tree is the one that udev knows."""
        return self.sysfs.resolve() == self.host.sysfs.resolve()


def host_error(what: str, sentence: str, remedy: str) -> Trouble:
    """An error of the host itself."""
    return Trouble(Severity.ERROR, what, sentence, remedy)


def host_warning(what: str, sentence: str, remedy: str) -> Trouble:
    """A warning of the host itself."""
    return Trouble(Severity.WARNING, what, sentence, remedy)
