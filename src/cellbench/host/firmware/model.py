"""Packages, the course of an update, and what can go wrong with it.

Percent, bytes and blocks are those that the module or the transfer tells; seconds are counted from the
command that begins the update.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.base.errors import OperatorError, UnitError
from cellbench.catalogue.model import Series
from cellbench.host.xmodem import Check, Sent

__all__ = ["Method", "Package", "PackageKind", "Recovery", "RecoveryPath", "Stage", "Told", "Unserved",
           "Update", "UpdateError", "UpdateEvent", "UpdateNotApplied", "UpdateRefused", "UpdateSilent"]


class Method(enum.Enum):
    """The ways of an update (LENA-R8 guide chapter 11, Table 47)."""

    FOAT = "foat"  # +UFWUPD, Xmodem
    FTP = "fota-ftp"  # +UFTPC=100, then +UFWINSTALL
    HTTP = "fota-http"  # +UHTTPC=<profile>,100, then +UFWINSTALL
    SERIAL = "fota-serial"  # +UDWNFILE with the tag FOAT, then +UFWINSTALL
    FLASH = "flash"  # boot mode, the maker's tool


class PackageKind(enum.Enum):
    """What a package holds."""

    FULL = "full"
    DELTA = "delta"


class Stage(enum.Enum):
    """Where an update is."""

    COMMANDED = "commanded"
    WAITING = "waiting"  # C and NAK come: the module waits for the first block
    RECEIVING = "receiving"  # blocks
    DOWNLOADING = "downloading"  # bytes
    CHECKING = "checking"  # percent
    WRITING = "writing"  # percent
    SILENT = "silent"  # after 100 %
    REBOOTING = "rebooting"
    DONE = "done"


class Told(enum.Enum):
    """How the success of an update was learnt; the guide's tables differ in the order (errata)."""

    BEFORE_BOOT = "before the boot"
    AFTER_BOOT = "after the boot"
    ASKED = "asked"  # neither 128 nor a greeting was heard: the module was asked for its version


class RecoveryPath(enum.Enum):
    """How a module came back after an interrupted update."""

    OLD_FIRMWARE = "old firmware"
    NEW_FIRMWARE = "new firmware"
    INSTALL_AGAIN = "installation began again"  # of the stored package
    XMODEM_AGAIN = "Xmodem again"  # update mode waited for a package anew
    BOOT_MODE = "boot mode"  # flashed anew
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Package:
    """A firmware image or delta on this host. ``start``: the version that it begins from, in the words of
    ATI9; None fits any. ``end``: the version that it leads to. ``size`` in bytes; sums in hexadecimal."""

    path: Path
    series: Series
    kind: PackageKind
    start: str | None
    end: str
    size: int
    md5: str
    sha256: str

    def data(self) -> bytes:
        """The package's bytes, checked against size and SHA-256. OperatorError when they are others."""
        remedy = "fetch the file anew, or correct the firmware catalogue"
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise OperatorError(f"firmware package {self.path}: {error.strerror}", remedy=remedy) from error
        if len(data) != self.size:
            raise OperatorError(f"firmware package {self.path}: {len(data)} bytes, {self.size} are expected",
                                remedy=remedy)
        found = hashlib.sha256(data).hexdigest()
        if found != self.sha256.lower():
            raise OperatorError(f"firmware package {self.path}: SHA-256 is {found[:16]}..., "
                                f"{self.sha256[:16]}... is expected", remedy=remedy)
        return data


@dataclass(frozen=True, slots=True)
class UpdateEvent:
    """One sign of progress. ``at``: block, byte or percent of the stage, None where it has none.
    ``left_s``: predicted seconds to the end of the stage, None while nothing tells them."""

    stage: Stage
    at: int | None
    elapsed_s: float
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """An update that succeeded: versions before and after (ATI9), the module's code (128; None where it was
    not heard), seconds from the command to AT, the transfer where there was one."""

    method: Method
    before: str
    after: str
    code: int | None
    seconds: float
    events: tuple[UpdateEvent, ...] = field(repr=False)
    told: Told
    sent: Sent | None = None


@dataclass(frozen=True, slots=True)
class Unserved:
    """Update mode to which nobody sent: when it asked for a block (seconds from the command) and with which
    check, the text that ended it ("" where none was heard), seconds to the end, versions before and after."""

    calls: tuple[tuple[float, Check], ...]
    text: str
    seconds: float
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a module came back after an interruption; ``version`` by ATI9, "" when it did not."""

    path: RecoveryPath
    version: str
    seconds: float


class UpdateError(UnitError):
    """An update that did not end with the package's firmware."""


class UpdateRefused(UpdateError):
    """The module refused the package or gave up; ``code`` is its own (None for a text), ``meaning`` what the
    catalogue knows of it."""

    def __init__(self, message: str, code: int | None, meaning: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
        self.meaning = meaning


class UpdateSilent(UpdateError):
    """The module said nothing more; ``stage`` is the last that was seen."""

    def __init__(self, message: str, stage: Stage, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.stage = stage


class UpdateNotApplied(UpdateError):
    """The module's result and its version contradict each other, or the version is not the package's."""

    def __init__(self, message: str, before: str, after: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.before = before
        self.after = after
