"""The update of a module's firmware as a state machine on disk: what is there after a power cut anywhere.

One record says which firmware can start, what is going on, and what is still to be told. It is replaced
whole, so a cut leaves the record before or after a write, never a mixture; beside it only the stored package
is deleted, which is done again at the next start where a cut came between. Every write goes through
:class:`Disk`, in the order in which it is written here: no step leaves the module without a firmware and
without a way to get one, but for a defect that is switched on.
"""

from __future__ import annotations

import enum
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

SUCCESS = 128


class State(enum.Enum):
    """What the record says."""

    NORMAL = "normal"  # the firmware runs, nothing to do
    AWAITING = "awaiting"  # FOAT: update mode, the old firmware is there
    WRITING = "writing"  # FOAT: the old firmware is gone, no package is kept
    LOST = "lost"  # FOAT was cut in WRITING: update mode at every start until a package comes
    INSTALLING = "installing"  # FOTA: the stored package is checked; the old firmware is there
    REWRITING = "rewriting"  # FOTA: the old firmware is being changed from the stored package
    COMMITTED = "committed"  # the new firmware is there; 128 is still to be told
    FLASHING = "flashing"  # the boot mode writes; no firmware until a flashing is complete
    BRICKED = "bricked"  # only with the defect of that name


class Move(enum.Enum):
    """What happens to it."""

    FOAT = "+UFWUPD was taken"
    INSTALL = "+UFWINSTALL was taken"
    REFUSED = "the package is not installed: nobody sent one, or the check failed"
    FIRST_WRITE = "the first write of the new firmware"
    PROGRESS = "a further part is written"
    CUT = "a start finds the writing unfinished"
    COMMIT = "the new firmware is whole"
    TOLD = "the result was told"
    FLASH = "a flashing begins"
    FAIL = "a write failed"
    BRICK = "the defect"


TRANSITIONS: Mapping[tuple[State, Move], State] = MappingProxyType({
    (State.NORMAL, Move.FOAT): State.AWAITING,
    (State.NORMAL, Move.INSTALL): State.INSTALLING,
    (State.AWAITING, Move.REFUSED): State.NORMAL,
    (State.AWAITING, Move.FIRST_WRITE): State.WRITING,
    (State.WRITING, Move.PROGRESS): State.WRITING,
    (State.WRITING, Move.CUT): State.LOST,
    (State.WRITING, Move.FAIL): State.LOST,
    (State.WRITING, Move.COMMIT): State.COMMITTED,
    (State.WRITING, Move.BRICK): State.BRICKED,
    (State.LOST, Move.REFUSED): State.LOST,
    (State.LOST, Move.FIRST_WRITE): State.WRITING,
    (State.INSTALLING, Move.REFUSED): State.NORMAL,
    (State.INSTALLING, Move.FIRST_WRITE): State.REWRITING,
    (State.REWRITING, Move.PROGRESS): State.REWRITING,
    (State.REWRITING, Move.FIRST_WRITE): State.REWRITING,
    (State.REWRITING, Move.FAIL): State.LOST,
    (State.REWRITING, Move.COMMIT): State.COMMITTED,
    (State.REWRITING, Move.BRICK): State.BRICKED,
    (State.COMMITTED, Move.TOLD): State.NORMAL,
    (State.BRICKED, Move.COMMIT): State.COMMITTED,
    **{(state, Move.FLASH): State.FLASHING for state in State},
    (State.FLASHING, Move.COMMIT): State.NORMAL,
})
"""Every change there is; FLASH is possible in all states, for the boot mode needs no firmware."""


class Begin(enum.Enum):
    """What a start begins with."""

    FIRMWARE = "the firmware"
    FOAT = "update mode, waiting for Xmodem"
    INSTALL = "update mode, installing the stored package"
    DOWNLOAD = "the boot mode"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Told:
    """Where the course and the result of an update are told."""

    port: int = 1
    rate: int = 115_200
    verbose: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """What is on disk. ``firmware`` None: none that could start."""

    firmware: str | None
    state: State = State.NORMAL
    origin: str = ""
    """The release that the update began from: what the start of a delta is compared with."""
    target: str = ""
    percent: int = 0
    entered: bool = False
    """The start after the command has been: one more is that after a power cut."""
    method: str = ""
    told: Told = Told()
    result: int | None = None
    """Still to be told at the next start of the firmware."""


class Disk(Protocol):
    """Where the record is kept; every call is one write that a power cut may come before or after."""

    def load(self) -> Record | None:
        """The record, None when there is none yet."""
        ...

    def put(self, record: Record) -> None:
        """Replace the record."""
        ...

    def drop_package(self) -> None:
        """Delete the stored package, if there is one."""
        ...


class FileDisk:
    """The record in a file; ``drop`` deletes the stored package."""

    def __init__(self, path: Path, drop: Callable[[], None]) -> None:
        self._path = path
        self._drop = drop

    def drop_package(self) -> None:
        """See :class:`Disk`."""
        self._drop()

    def load(self) -> Record | None:
        """See :class:`Disk`; a file that cannot be read counts as none."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return Record(**{**found, "state": State(found["state"]), "told": Told(**found["told"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, record: Record) -> None:
        """See :class:`Disk`."""
        plain = {**asdict(record), "state": record.state.value}
        fresh = self._path.with_suffix(".new")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(plain, sort_keys=True), encoding="utf-8")
        os.replace(fresh, self._path)


class UpdateState:
    """The machine: each method is a step of an update, in the order in which they are called."""

    def __init__(self, disk: Disk, delivered: str, *, keeps_package: bool,
                 cut_before_write_waits: bool) -> None:
        self._disk = disk
        self._keeps_package = keeps_package
        self._cut_before_write_waits = cut_before_write_waits
        self.record = disk.load() or Record(delivered)

    # -- at a start --------------------------------------------------------------------------------

    def at_start(self) -> Begin:
        """What a start begins with; unfinished business of the last power-off is settled first."""
        record = self.record = self._disk.load() or self.record
        if record.state is State.WRITING:
            self._to(Move.CUT, firmware=None)
        elif record.state in (State.AWAITING, State.INSTALLING) and record.entered and not (
                record.state is State.AWAITING and self._cut_before_write_waits):
            self._to(Move.REFUSED)
        elif record.state is State.COMMITTED:
            self._clean()
        return _BEGINS.get(self.record.state, Begin.FIRMWARE)

    def entered(self) -> None:
        """Update mode is reached: a start that finds the state unchanged was a power cut."""
        if self.record.state in (State.AWAITING, State.INSTALLING):
            self._put(entered=True)

    # -- an update ---------------------------------------------------------------------------------

    def begin_foat(self, told: Told) -> None:
        """+UFWUPD is taken."""
        self._begin(Move.FOAT, "foat", told)

    def begin_install(self, told: Told) -> None:
        """+UFWINSTALL is taken."""
        self._begin(Move.INSTALL, "fota", told)

    def refused(self) -> None:
        """No package, or one that is not installed: the old firmware, where there is one."""
        self._to(Move.REFUSED)

    def failed(self) -> None:
        """The new firmware cannot be written any further."""
        self._to(Move.FAIL)

    def first_write(self, target: str) -> None:
        """From here on the old firmware is gone."""
        self._to(Move.FIRST_WRITE, firmware=None, target=target, percent=0)

    def wrote(self, percent: int) -> None:
        """So much of the new firmware is written."""
        self._to(Move.PROGRESS, percent=percent)

    def commit(self, version: str) -> None:
        """The new firmware is whole: the record first, then what is no longer needed."""
        self._to(Move.COMMIT, firmware=version, percent=0, result=SUCCESS)
        self._clean()

    def told(self) -> None:
        """The result was told."""
        if self.record.state is State.COMMITTED:
            self._to(Move.TOLD, target="", result=None)

    def brick(self) -> None:
        """The defect: nothing is there that could start, until the commit."""
        self._to(Move.BRICK)

    # -- flashing ----------------------------------------------------------------------------------

    def begin_flash(self, target: str) -> None:
        """The boot mode writes: no firmware is there."""
        self._begin(Move.FLASH, "flash", Told(), firmware=None, target=target)

    def flashed(self, version: str) -> None:
        """The image is whole."""
        self._to(Move.COMMIT, firmware=version, target="", percent=0)

    # -- parts -------------------------------------------------------------------------------------

    def _begin(self, move: Move, method: str, told: Told, **changes: object) -> None:
        origin = self.record.firmware or self.record.origin
        self._to(move, method=method, told=told, origin=origin, percent=0, entered=False, result=None,
                 **changes)

    def _to(self, move: Move, **changes: object) -> None:
        try:
            state = TRANSITIONS[self.record.state, move]
        except KeyError:
            raise RuntimeError(f"{move.value} in state {self.record.state.value}") from None
        self._put(state=state, **changes)

    def _put(self, **changes: object) -> None:
        fresh = replace(self.record, **changes)  # type: ignore[arg-type]
        self._disk.put(fresh)
        self.record = fresh

    def _clean(self) -> None:
        if self.record.method == "fota" and not self._keeps_package:
            self._disk.drop_package()


_BEGINS: Mapping[State, Begin] = MappingProxyType({
    State.AWAITING: Begin.FOAT, State.LOST: Begin.FOAT, State.INSTALLING: Begin.INSTALL,
    State.REWRITING: Begin.INSTALL, State.FLASHING: Begin.DOWNLOAD, State.BRICKED: Begin.NOTHING,
})
